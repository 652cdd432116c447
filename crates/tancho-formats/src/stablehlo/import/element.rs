//! One element of a tensor of sizes, as an expression over the symbols.
//!
//! The quotients and remainders of StableHLO are those of truncation, and a program that wants them rounded down corrects
//! them: `q − 1`, or `r + d`, where a rest is left and the signs differ. An [`Element`] remembers the steps of this, so that the
//! outcome is `floordiv` or `mod` again.

use tancho_ir::ops::Comparison;
use tancho_ir::{Constraint, Dim, Relation};

/// One element, as an expression. Divisors are positive.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Element {
    Size(Dim),
    /// −1, 0 or 1.
    Sign(Dim),
    /// The truncated quotient.
    Quotient(Dim, Dim),
    /// The truncated quotient minus 1.
    LoweredQuotient(Dim, Dim),
    /// What a truncated quotient leaves, with the sign of the dividend.
    Remainder(Dim, Dim),
    /// The remainder plus the divisor.
    RaisedRemainder(Dim, Dim),
    Truth(bool),
    Comparison(Comparison, Dim, Dim),
    /// The dividend is zero or less.
    NotPositive(Dim),
    /// The quotient leaves a rest.
    Inexact(Dim, Dim),
    /// The remainder is negative.
    NegativeRemainder(Dim, Dim),
    /// The quotient leaves a rest and the dividend is negative: rounding down and truncation differ.
    RoundsDown(Dim, Dim),
}

impl Element {
    pub(super) fn known(value: i64) -> Element {
        Element::Size(Dim::known(value))
    }

    /// The element as a number.
    pub(super) fn to_dim(&self) -> Option<Dim> {
        match self {
            Element::Size(dim) => Some(dim.clone()),
            Element::Sign(dim) => Some(at_least(dim, -1).minimum(&Dim::ONE)),
            Element::Quotient(dim, divisor) => quotient(dim, divisor),
            Element::LoweredQuotient(dim, divisor) => Some(quotient(dim, divisor)? - Dim::ONE),
            Element::Remainder(dim, divisor) => remainder(dim, divisor),
            Element::RaisedRemainder(dim, divisor) => Some(remainder(dim, divisor)? + divisor.clone()),
            Element::Truth(value) => Some(Dim::known((*value).into())),
            Element::Comparison(..)
            | Element::NotPositive(_)
            | Element::Inexact(..)
            | Element::NegativeRemainder(..)
            | Element::RoundsDown(..) => None,
        }
    }

    /// The relation that an assertion of this element requires.
    pub(super) fn to_relation(&self) -> Option<Relation> {
        match self {
            Element::Comparison(Comparison::Eq, x, y) => Some(Relation::Equal(x.clone(), y.clone())),
            Element::Comparison(Comparison::Ge, x, y) => Some(Relation::AtLeast(x.clone(), y.clone())),
            Element::Comparison(Comparison::Le, x, y) => Some(Relation::AtLeast(y.clone(), x.clone())),
            Element::Comparison(Comparison::Gt, x, y) => Some(Relation::AtLeast(x.clone(), y.clone() + Dim::ONE)),
            Element::Comparison(Comparison::Lt, x, y) => Some(Relation::AtLeast(y.clone(), x.clone() + Dim::ONE)),
            Element::Truth(value) => Some(Relation::Equal(Dim::known((*value).into()), Dim::ONE)),
            _ => None,
        }
    }
}

/// `max(dim, value)`, where that says more than `dim`.
fn at_least(dim: &Dim, value: i64) -> Dim {
    if (dim.clone() - Dim::known(value)).is_never_negative() { dim.clone() } else { dim.maximum(&Dim::known(value)) }
}

fn quotient(dim: &Dim, divisor: &Dim) -> Option<Dim> {
    if dim.is_never_negative() {
        return dim.floor_div(divisor);
    }
    let positive = dim.maximum(&Dim::ZERO).floor_div(divisor)?;
    Some(positive - (-dim.clone()).maximum(&Dim::ZERO).floor_div(divisor)?)
}

fn remainder(dim: &Dim, divisor: &Dim) -> Option<Dim> {
    if dim.is_never_negative() {
        return dim.modulo(divisor);
    }
    Some(dim.clone() - quotient(dim, divisor)? * divisor.clone())
}

/// What the program has asserted of its sizes up to here.
pub(super) struct Facts<'a>(pub &'a [Constraint]);

impl Facts<'_> {
    /// Whether `x ≥ y` is known.
    fn at_least(&self, x: &Dim, y: &Dim) -> bool {
        /// Programs assert a few things of each argument.
        const LIMIT: usize = 64;
        let difference = x.clone() - y.clone();
        let follows = |constraint: &Constraint| match &constraint.relation {
            Relation::AtLeast(left, right) => (difference.clone() - (left.clone() - right.clone())).is_never_negative(),
            Relation::Equal(..) => false,
        };
        difference.is_never_negative() || self.0.iter().take(LIMIT).any(follows)
    }

    fn more(&self, x: &Dim, y: &Dim) -> bool {
        self.at_least(x, &(y.clone() + Dim::ONE))
    }

    pub(super) fn sign(&self, x: &Element) -> Option<Element> {
        let dim = x.to_dim()?;
        if self.more(&dim, &Dim::ZERO) {
            return Some(Element::known(1));
        }
        Some(dim.as_known().map_or(Element::Sign(dim), |value| Element::known(value.signum())))
    }

    pub(super) fn divide(&self, x: &Element, y: &Element, rest: bool) -> Option<Element> {
        let (x, y) = (x.to_dim()?, y.to_dim()?);
        if let (Some(x), Some(y)) = (x.as_known(), y.as_known().filter(|y| *y > 0)) {
            return Some(Element::known(if rest { x % y } else { x / y }));
        }
        if !self.more(&y, &Dim::ZERO) {
            return None;
        }
        Some(if rest { Element::Remainder(x, y) } else { Element::Quotient(x, y) })
    }

    pub(super) fn compare(&self, comparison: Comparison, x: &Element, y: &Element) -> Option<Element> {
        use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
        match (comparison, x, y) {
            (Ne, Element::Sign(dim), one) if *one == Element::known(1) => {
                return Some(Element::NotPositive(dim.clone()));
            }
            (Ne, Element::Remainder(dim, divisor), zero) if *zero == Element::known(0) => {
                return Some(Element::Inexact(dim.clone(), divisor.clone()));
            }
            (Lt, Element::Remainder(dim, divisor), zero) if *zero == Element::known(0) => {
                return Some(match dim.is_never_negative() {
                    true => Element::Truth(false),
                    false => Element::NegativeRemainder(dim.clone(), divisor.clone()),
                });
            }
            // Of two truth values.
            (Ne, x, Element::Truth(false)) | (Ne, Element::Truth(false), x) => return Some(x.clone()),
            (Eq, x, Element::Truth(true)) | (Eq, Element::Truth(true), x) => return Some(x.clone()),
            (Eq, x, Element::Truth(false)) | (Eq, Element::Truth(false), x) => return not(x),
            (Ne, x, Element::Truth(true)) | (Ne, Element::Truth(true), x) => return not(x),
            _ => {}
        }
        let (x, y) = (x.to_dim()?, y.to_dim()?);
        let (less, more) = (self.more(&y, &x), self.more(&x, &y));
        let (at_most, at_least) = (self.at_least(&y, &x), self.at_least(&x, &y));
        let (holds, fails) = match comparison {
            Eq => (at_most && at_least, less || more),
            Ne => (less || more, at_most && at_least),
            Ge => (at_least, less),
            Gt => (more, at_most),
            Le => (at_most, more),
            Lt => (less, at_least),
        };
        Some(match (holds, fails) {
            (true, _) => Element::Truth(true),
            (false, true) => Element::Truth(false),
            (false, false) => Element::Comparison(comparison, x, y),
        })
    }
}

pub(super) fn add(x: &Element, y: &Element) -> Option<Element> {
    match (x, y) {
        (Element::Remainder(dim, divisor), Element::Size(other))
        | (Element::Size(other), Element::Remainder(dim, divisor))
            if other == divisor =>
        {
            Some(Element::RaisedRemainder(dim.clone(), divisor.clone()))
        }
        _ => Some(Element::Size(x.to_dim()? + y.to_dim()?)),
    }
}

pub(super) fn subtract(x: &Element, y: &Element) -> Option<Element> {
    match x {
        Element::Quotient(dim, divisor) if *y == Element::known(1) => {
            Some(Element::LoweredQuotient(dim.clone(), divisor.clone()))
        }
        _ => Some(Element::Size(x.to_dim()? - y.to_dim()?)),
    }
}

pub(super) fn and(x: &Element, y: &Element) -> Option<Element> {
    Some(match (x, y) {
        (Element::Truth(false), _) | (_, Element::Truth(false)) => Element::Truth(false),
        // Where the signs are known to differ.
        (Element::Truth(true), Element::Inexact(x, divisor)) | (Element::Inexact(x, divisor), Element::Truth(true))
            if (-x.clone()).is_never_negative() =>
        {
            Element::RoundsDown(x.clone(), divisor.clone())
        }
        (Element::Truth(true), other) | (other, Element::Truth(true)) => other.clone(),
        (Element::NotPositive(x), Element::Inexact(y, divisor))
        | (Element::Inexact(y, divisor), Element::NotPositive(x))
            if x == y =>
        {
            Element::RoundsDown(y.clone(), divisor.clone())
        }
        (Element::NegativeRemainder(x, m), Element::Inexact(y, n))
        | (Element::Inexact(y, n), Element::NegativeRemainder(x, m))
            if x == y && m == n =>
        {
            Element::RoundsDown(x.clone(), m.clone())
        }
        (x, y) if x == y => x.clone(),
        _ => return None,
    })
}

pub(super) fn or(x: &Element, y: &Element) -> Option<Element> {
    Some(match (x, y) {
        (Element::Truth(true), _) | (_, Element::Truth(true)) => Element::Truth(true),
        (Element::Truth(false), other) | (other, Element::Truth(false)) => other.clone(),
        (x, y) if x == y => x.clone(),
        _ => return None,
    })
}

pub(super) fn not(x: &Element) -> Option<Element> {
    let inverse = |comparison| match comparison {
        Comparison::Eq => Comparison::Ne,
        Comparison::Ne => Comparison::Eq,
        Comparison::Ge => Comparison::Lt,
        Comparison::Gt => Comparison::Le,
        Comparison::Le => Comparison::Gt,
        Comparison::Lt => Comparison::Ge,
    };
    match x {
        Element::Truth(value) => Some(Element::Truth(!value)),
        Element::Comparison(comparison, x, y) => Some(Element::Comparison(inverse(*comparison), x.clone(), y.clone())),
        _ => None,
    }
}

pub(super) fn select(when: &Element, then: &Element, other: &Element) -> Option<Element> {
    match (when, then, other) {
        (Element::Truth(true), then, _) => Some(then.clone()),
        (Element::Truth(false), _, other) => Some(other.clone()),
        (_, then, other) if then == other => Some(then.clone()),
        (Element::RoundsDown(a, l), Element::LoweredQuotient(b, m), Element::Quotient(c, n))
            if (a, l) == (b, m) && (b, m) == (c, n) =>
        {
            Some(Element::Size(a.floor_div(l)?))
        }
        (Element::RoundsDown(a, l), Element::RaisedRemainder(b, m), Element::Remainder(c, n))
            if (a, l) == (b, m) && (b, m) == (c, n) =>
        {
            Some(Element::Size(a.modulo(l)?))
        }
        // The smaller or the larger one of two.
        (Element::Comparison(comparison, x, y), then, other) => {
            let (then, other) = (then.to_dim()?, other.to_dim()?);
            let (same, turned) = ((&then, &other) == (x, y), (&then, &other) == (y, x));
            match comparison {
                Comparison::Lt | Comparison::Le if same => Some(Element::Size(x.minimum(y))),
                Comparison::Lt | Comparison::Le if turned => Some(Element::Size(x.maximum(y))),
                Comparison::Gt | Comparison::Ge if same => Some(Element::Size(x.maximum(y))),
                Comparison::Gt | Comparison::Ge if turned => Some(Element::Size(x.minimum(y))),
                _ => None,
            }
        }
        _ => None,
    }
}
