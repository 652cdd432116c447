//! What follows from a graph's constraints: whether two sizes are the same, and whether a relation holds.
//!
//! An equality of a symbol with a symbol or a number puts both into one class, of which one member stands for all (a
//! union-find, the smaller class below the larger, so that the way up is short). What it says about any two expressions is
//! found by putting the representatives in. Other equalities are kept as the difference of their sides, which is zero. So
//! what is found follows, but not all that follows is found: `?a = ?b + 1` and `?c = ?b + 1` do not give `?a = ?c`.

use std::collections::HashMap;

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
        let difference = self.resolve(&(left.clone() - right.clone()));
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
