//! What follows from a graph's constraints: whether two sizes are the same, and whether a relation holds.
//!
//! An equality of a symbol with a symbol or a number puts both into one class, of which one member stands for all (a
//! union-find, the smaller class below the larger, so that the way up is short). What it says about any two expressions is
//! found by putting the representatives in. Other equalities are kept as the difference of their sides, which is zero.
//!
//! A maximum or minimum loses the operands that another one is never beyond. (A type in which a call has replaced symbols
//! may have lost them already: `max(0, ?n)` is `?n` for the callee, whose symbols are sizes, and so is not
//! `max(0, ?a - 2)` for the caller.)
//!
//! So what is found follows, but not all that follows is found: `?a = ?b + 1` and `?c = ?b + 1` do not give `?a = ?c`.

use std::collections::HashMap;

use crate::dim::Atom;
use crate::{Constraint, Dim, Relation, Symbol, TensorType};

/// Knowledge about sizes, gathered from constraints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Equalities {
    /// How many of the graph's constraints are taken in.
    seen: usize,
    /// The next member on the way from a symbol to what stands for its class: a symbol or a number.
    above: HashMap<Symbol, Dim>,
    /// The sizes of the classes of more than one symbol, by the symbol that stands for them.
    members: HashMap<Symbol, usize>,
    /// Differences that are zero.
    zeros: Vec<Dim>,
    /// Differences that are zero or more.
    not_negative: Vec<Dim>,
}

impl Equalities {
    pub(crate) fn new(constraints: &[Constraint]) -> Self {
        let mut equalities = Equalities::default();
        equalities.update(constraints);
        equalities
    }

    /// Takes in the constraints behind those that it was given before.
    pub(crate) fn update(&mut self, constraints: &[Constraint]) {
        for constraint in &constraints[self.seen.min(constraints.len())..] {
            match &constraint.relation {
                Relation::Equal(left, right) => self.add_equal(left, right),
                Relation::AtLeast(left, right) => self.not_negative.push(left.clone() - right.clone()),
            }
        }
        self.seen = constraints.len();
    }

    fn add_equal(&mut self, left: &Dim, right: &Dim) {
        let (left, right) = (self.resolve(left), self.resolve(right));
        let members = |dim: &Dim| match (dim.as_symbol(), dim.as_known()) {
            (Some(symbol), _) => Some(self.members.get(symbol).copied().unwrap_or(1)),
            // A number always stands for its class.
            (None, Some(_)) => Some(usize::MAX),
            (None, None) => None,
        };
        let (smaller, larger, count) = match (members(&left), members(&right)) {
            _ if left == right => return,
            (Some(x), Some(y)) if x <= y => (left, right, x.saturating_add(y)),
            (Some(x), Some(y)) => (right, left, x.saturating_add(y)),
            (None, _) | (_, None) => {
                self.zeros.push(left - right);
                return;
            }
        };
        if let Some(symbol) = larger.as_symbol() {
            self.members.insert(symbol.clone(), count);
        }
        match smaller.as_symbol() {
            Some(symbol) => {
                self.above.insert(symbol.clone(), larger);
            }
            // Two numbers that differ: the constraint never holds.
            None => self.zeros.push(smaller - larger),
        }
    }

    /// The expression with each symbol replaced by what stands for its class.
    fn resolve(&self, dim: &Dim) -> Dim {
        if self.above.is_empty() {
            return dim.clone();
        }
        dim.substitute(&|symbol| {
            let mut found = self.above.get(symbol)?;
            while let Some(above) = found.as_symbol().and_then(|symbol| self.above.get(symbol)) {
                found = above;
            }
            Some(found.clone())
        })
    }

    /// Whether two sizes are found to be the same.
    pub(crate) fn same(&self, left: &Dim, right: &Dim) -> bool {
        if left == right {
            return true;
        }
        let mut difference = self.resolve(&(left.clone() - right.clone()));
        if difference != Dim::ZERO && !self.not_negative.is_empty() {
            difference = self.without_lesser(&difference);
        }
        let opposite = -difference.clone();
        difference == Dim::ZERO
            || self.zeros.iter().any(|zero| {
                let zero = self.resolve(zero);
                zero == difference || zero == opposite
            })
    }

    pub(crate) fn same_type(&self, left: &TensorType, right: &TensorType) -> bool {
        left.dtype == right.dtype
            && left.rank() == right.rank()
            && left.dims.iter().zip(&right.dims).all(|(x, y)| self.same(x, y))
    }

    /// The expression without the operands of maxima and minima that do not count, as far as this is found.
    fn without_lesser(&self, dim: &Dim) -> Dim {
        let (terms, constant) = dim.parts();
        terms.iter().fold(Dim::known(constant), |total, (product, coefficient)| {
            let factors = product.iter().map(|atom| self.atom_without_lesser(atom));
            total + factors.fold(Dim::known(*coefficient), |value, factor| value * factor)
        })
    }

    fn atom_without_lesser(&self, atom: &Atom) -> Dim {
        let whole = || Dim::atom(atom.clone());
        match atom {
            Atom::Symbol(_) => whole(),
            Atom::FloorDiv(x, y) => self.without_lesser(x).floor_div(&self.without_lesser(y)).unwrap_or_else(whole),
            Atom::Mod(x, y) => self.without_lesser(x).modulo(&self.without_lesser(y)).unwrap_or_else(whole),
            Atom::Min(dims) => self.extremum(dims, |least, dim| (dim.clone() - least.clone(), least.minimum(dim))),
            Atom::Max(dims) => self.extremum(dims, |most, dim| (most.clone() - dim.clone(), most.maximum(dim))),
        }
    }

    /// The last one of several sizes in some order; `compare` gives a difference that is not negative where the first of two
    /// sizes is the last, and the last of both in general.
    fn extremum(&self, dims: &[Dim], compare: impl Fn(&Dim, &Dim) -> (Dim, Dim)) -> Dim {
        let dims: Vec<Dim> = dims.iter().map(|dim| self.without_lesser(dim)).collect();
        let last = |x: &Dim, y: &Dim| {
            let ((difference, either), (opposite, _)) = (compare(x, y), compare(y, x));
            match (self.is_not_negative(&difference), self.is_not_negative(&opposite)) {
                (true, _) => x.clone(),
                (false, true) => y.clone(),
                (false, false) => either,
            }
        };
        let (first, others) = dims.split_first().expect("an extremum has operands");
        others.iter().fold(first.clone(), |found, dim| last(&found, dim))
    }

    /// Whether an expression is found to be zero or more, by the constraints on what it consists of.
    fn is_not_negative(&self, dim: &Dim) -> bool {
        let dim = self.resolve(dim);
        let (terms, constant) = dim.parts();
        let exceeds = |other: &Dim| (dim.clone() - self.resolve(other)).is_never_negative();
        let atom_is = |atom: &Atom| match atom {
            Atom::Symbol(_) => true,
            Atom::FloorDiv(x, y) => self.is_not_negative(x) && self.is_not_negative(y),
            Atom::Mod(_, y) => self.is_not_negative(y),
            Atom::Min(dims) => dims.iter().all(|dim| self.is_not_negative(dim)),
            Atom::Max(dims) => dims.iter().any(|dim| self.is_not_negative(dim)),
        };
        let by_terms = || terms.iter().all(|(product, coefficient)| *coefficient >= 0 && product.iter().all(atom_is));
        (constant >= 0 && by_terms()) || self.not_negative.iter().any(exceeds)
    }

    /// Whether a relation is found to follow.
    pub(crate) fn implies(&self, relation: &Relation) -> bool {
        match relation {
            Relation::Equal(left, right) => self.same(left, right),
            Relation::AtLeast(left, right) => {
                let difference = self.resolve(&(left.clone() - right.clone()));
                let exceeds = |other: &Dim| (difference.clone() - self.resolve(other)).is_never_negative();
                difference.is_never_negative() || self.not_negative.iter().any(exceeds)
            }
        }
    }
}
