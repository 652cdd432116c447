//! What follows from a graph's constraints: whether two sizes are the same, and whether a relation holds.
//!
//! An equality of a symbol with a symbol or a number is a rewriting of the one by the other; what it says about any two
//! expressions is found by rewriting both. Other equalities are kept as the difference of their sides, which is zero. So
//! what is found follows, but not all that follows is found: `?a = ?b + 1` and `?c = ?b + 1` do not give `?a = ?c`.

use std::collections::HashMap;

use crate::{Constraint, Dim, Relation, Symbol, TensorType};

/// Knowledge about sizes, gathered from constraints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Equalities {
    /// How many of the graph's constraints are taken in.
    seen: usize,
    /// A symbol's other name; no symbol of a right side stands on the left.
    names: HashMap<Symbol, Dim>,
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
        let simple = |dim: &Dim| dim.as_symbol().is_some() || dim.as_known().is_some();
        let (symbol, name) = match (left.as_symbol(), right.as_symbol()) {
            _ if left == right => return,
            (Some(symbol), _) if simple(&right) => (symbol.clone(), right),
            (_, Some(symbol)) if simple(&left) => (symbol.clone(), left),
            _ => {
                self.zeros.push(left - right);
                return;
            }
        };
        let rename = |dim: &Dim| dim.substitute(&|other| (*other == symbol).then(|| name.clone()));
        self.names.values_mut().for_each(|dim| *dim = rename(dim));
        self.names.insert(symbol, name);
    }

    fn resolve(&self, dim: &Dim) -> Dim {
        if self.names.is_empty() { dim.clone() } else { dim.substitute(&|symbol| self.names.get(symbol).cloned()) }
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
