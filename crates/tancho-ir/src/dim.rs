//! Sizes: integer expressions over symbols, in canonical form.
//!
//! A [`Dim`] is a sum of products with integer coefficients. The factors are *atoms*: symbols, and the quotients,
//! remainders, minima and maxima that do not simplify. Sums, products and the operands of `min` and `max` are sorted and
//! merged as they are made, so that equal polynomials are equal values: `(?n + 1) * 2 == 2*?n + 2`.
//!
//! Division rounds down, and the remainder has the sign of the divisor. A constant that leaves the range of `i64`
//! saturates, and an evaluation that leaves it is `None`: no size that large can be allocated in either case.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::Arc;

/// The name of a size that is known only when a call binds it; written `?name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// A symbol. The name is what stands after the `?` in the text form.
    pub fn new(name: impl AsRef<str>) -> Self {
        Symbol(name.as_ref().into())
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

/// As in the text form: `?n`, or `?"batch size"` where the name is more than a word.
impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if !self.0.is_empty() && self.0.chars().all(word) {
            return write!(f, "?{}", self.0);
        }
        f.write_str("?")?;
        crate::text::write_quoted(f, &self.0)
    }
}

/// An integer expression over symbols in canonical form; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim(Form);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Known(i64),
    /// Not empty of terms.
    Sum(Arc<Sum>),
}

/// `constant + Σ coefficient × product`, the products sorted and distinct, no coefficient zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Sum {
    terms: Vec<(Product, i64)>,
    constant: i64,
}

/// Sorted factors, a power as a repetition; not empty.
type Product = Vec<Atom>;

/// A factor that does not simplify further.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    Symbol(Symbol),
    /// The quotient rounded down.
    FloorDiv(Dim, Dim),
    /// The remainder of that.
    Mod(Dim, Dim),
    /// Sorted and distinct, at least two.
    Min(Vec<Dim>),
    /// As those of `Min`.
    Max(Vec<Dim>),
}

impl Dim {
    pub const ZERO: Dim = Dim(Form::Known(0));
    pub const ONE: Dim = Dim(Form::Known(1));

    pub const fn known(value: i64) -> Self {
        Dim(Form::Known(value))
    }

    pub fn symbol(name: impl AsRef<str>) -> Self {
        Dim::from(Symbol::new(name))
    }

    /// The value, where the expression has no symbols.
    pub fn as_known(&self) -> Option<i64> {
        match &self.0 {
            Form::Known(value) => Some(*value),
            Form::Sum(_) => None,
        }
    }

    /// The symbol, where the expression is nothing else.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        let Form::Sum(sum) = &self.0 else { return None };
        match sum.terms.as_slice() {
            [(product, 1)] if sum.constant == 0 => match product.as_slice() {
                [Atom::Symbol(symbol)] => Some(symbol),
                _ => None,
            },
            _ => None,
        }
    }

    /// The quotient rounded down; `None` where the divisor is known to be zero.
    pub fn floor_div(&self, divisor: &Dim) -> Option<Dim> {
        match (self.as_known(), divisor.as_known()) {
            (_, Some(0)) => None,
            (Some(x), Some(y)) => Some(Dim::known(floor_div(x, y).unwrap_or(i64::MAX))),
            (_, Some(1)) => Some(self.clone()),
            (_, Some(y)) if self.divisible_by(y) => Some(self.map_coefficients(|coefficient| coefficient / y)),
            _ if self == divisor => Some(Dim::ONE),
            _ => Some(
                self.divide_product(divisor)
                    .unwrap_or_else(|| Dim::atom(Atom::FloorDiv(self.clone(), divisor.clone()))),
            ),
        }
    }

    /// The remainder of [`Dim::floor_div`]; `None` where the divisor is known to be zero.
    pub fn modulo(&self, divisor: &Dim) -> Option<Dim> {
        match (self.as_known(), divisor.as_known()) {
            (_, Some(0)) => None,
            (Some(x), Some(y)) => Some(Dim::known(floor_mod(x, y)?)),
            (_, Some(y)) if self.divisible_by(y) => Some(Dim::ZERO),
            _ if self == divisor || self.divide_product(divisor).is_some() => Some(Dim::ZERO),
            _ => Some(Dim::atom(Atom::Mod(self.clone(), divisor.clone()))),
        }
    }

    pub fn minimum(&self, other: &Dim) -> Dim {
        self.extremum(other, true)
    }

    pub fn maximum(&self, other: &Dim) -> Dim {
        self.extremum(other, false)
    }

    /// The quotient rounded up; `None` where the divisor is known to be zero.
    pub fn ceil_div(&self, divisor: &Dim) -> Option<Dim> {
        Some(-(-self.clone()).floor_div(divisor)?)
    }

    /// The product of sizes; one for none.
    pub fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> Dim {
        dims.into_iter().fold(Dim::ONE, |product, dim| product * dim.clone())
    }

    /// Whether both are equal for all values of the symbols (`Some(true)`), for none (`Some(false)`), or it depends.
    pub fn always_equals(&self, other: &Dim) -> Option<bool> {
        (self.clone() - other.clone()).as_known().map(|difference| difference == 0)
    }

    /// Whether the value is found to be zero or more, since symbols are sizes; `false` where that is not seen.
    pub fn is_never_negative(&self) -> bool {
        let (terms, constant) = self.parts();
        constant >= 0
            && terms
                .iter()
                .all(|(product, coefficient)| *coefficient >= 0 && product.iter().all(Atom::is_never_negative))
    }

    /// The value under an assignment of the symbols; `None` where one is missing, a divisor is zero, or the value leaves
    /// the range of `i64`.
    pub fn evaluate(&self, value_of: &impl Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        let sum = match &self.0 {
            Form::Known(value) => return Some(*value),
            Form::Sum(sum) => sum,
        };
        sum.terms.iter().try_fold(sum.constant, |total, (product, coefficient)| {
            let value =
                product.iter().try_fold(*coefficient, |value, atom| value.checked_mul(atom.evaluate(value_of)?))?;
            total.checked_add(value)
        })
    }

    /// The expression with symbols replaced.
    pub fn substitute(&self, replacement: &impl Fn(&Symbol) -> Option<Dim>) -> Dim {
        let sum = match &self.0 {
            Form::Known(_) => return self.clone(),
            Form::Sum(sum) => sum,
        };
        sum.terms.iter().fold(Dim::known(sum.constant), |total, (product, coefficient)| {
            let factors = product.iter().map(|atom| atom.substitute(replacement));
            total + factors.fold(Dim::known(*coefficient), |value, factor| value * factor)
        })
    }

    /// Adds the symbols of the expression to a set.
    pub fn collect_symbols(&self, symbols: &mut BTreeSet<Symbol>) {
        let Form::Sum(sum) = &self.0 else { return };
        for atom in sum.terms.iter().flat_map(|(product, _)| product) {
            match atom {
                Atom::Symbol(symbol) => {
                    symbols.insert(symbol.clone());
                }
                Atom::FloorDiv(x, y) | Atom::Mod(x, y) => {
                    x.collect_symbols(symbols);
                    y.collect_symbols(symbols);
                }
                Atom::Min(dims) | Atom::Max(dims) => dims.iter().for_each(|dim| dim.collect_symbols(symbols)),
            }
        }
    }

    /// How long the expression is: its atoms, those within atoms included, and its constant.
    pub(crate) fn size(&self) -> usize {
        let (terms, constant) = self.parts();
        let atoms: usize = terms.iter().flat_map(|(product, _)| product).map(Atom::size).sum();
        (atoms + usize::from(constant != 0)).max(1)
    }

    /// A bound of the degree that the expression would have as a polynomial if every atom were one.
    pub(crate) fn degree(&self) -> usize {
        let (terms, _) = self.parts();
        terms.iter().map(|(product, _)| product.iter().map(Atom::degree).sum()).max().unwrap_or(0)
    }

    fn atom(atom: Atom) -> Dim {
        Dim::from_sum(vec![(vec![atom], 1)], 0)
    }

    fn from_sum(mut terms: Vec<(Product, i64)>, constant: i64) -> Dim {
        terms.sort();
        let mut merged: Vec<(Product, i64)> = Vec::with_capacity(terms.len());
        for (product, coefficient) in terms {
            match merged.last_mut() {
                Some((last, total)) if *last == product => *total = total.saturating_add(coefficient),
                _ => merged.push((product, coefficient)),
            }
        }
        merged.retain(|(_, coefficient)| *coefficient != 0);
        if merged.is_empty() { Dim::known(constant) } else { Dim(Form::Sum(Arc::new(Sum { terms: merged, constant }))) }
    }

    /// The sum: its terms, each a product of atoms with its coefficient, and its constant; for whoever computes sizes by other
    /// means than [`Dim::evaluate`].
    pub fn parts(&self) -> (&[(Vec<Atom>, i64)], i64) {
        match &self.0 {
            Form::Known(value) => (&[], *value),
            Form::Sum(sum) => (&sum.terms, sum.constant),
        }
    }

    fn divisible_by(&self, divisor: i64) -> bool {
        let (terms, constant) = self.parts();
        let divides = |value: i64| value.checked_rem(divisor) == Some(0);
        divides(constant) && terms.iter().all(|(_, coefficient)| divides(*coefficient))
    }

    fn map_coefficients(&self, map: impl Fn(i64) -> i64) -> Dim {
        let (terms, constant) = self.parts();
        Dim::from_sum(
            terms.iter().map(|(product, coefficient)| (product.clone(), map(*coefficient))).collect(),
            map(constant),
        )
    }

    /// The exact quotient by a single product of atoms that every term contains, such as `(?a*?b + ?b) / ?b`.
    fn divide_product(&self, divisor: &Dim) -> Option<Dim> {
        let (terms, constant) = self.parts();
        let [(factors, scale)] = divisor.parts().0 else { return None };
        if constant != 0 || divisor.parts().1 != 0 {
            return None;
        }
        let mut quotient = Vec::with_capacity(terms.len());
        for (product, coefficient) in terms {
            let mut rest = product.clone();
            for factor in factors {
                rest.remove(rest.iter().position(|atom| atom == factor)?);
            }
            if coefficient.checked_rem(*scale) != Some(0) {
                return None;
            }
            quotient.push((rest, coefficient / scale));
        }
        let constant =
            quotient.iter().filter(|(product, _)| product.is_empty()).fold(0i64, |sum, (_, x)| sum.saturating_add(*x));
        quotient.retain(|(product, _)| !product.is_empty());
        Some(Dim::from_sum(quotient, constant))
    }

    fn extremum(&self, other: &Dim, smallest: bool) -> Dim {
        // An operand that another one is never beyond does not count. What is left does not depend on the order in which
        // operands came together.
        let decides = |x: &Dim, y: &Dim| match x.known_difference(y) {
            Some(difference) => difference == 0 || (difference < 0) == smallest,
            // Symbols are sizes.
            None if smallest => (y.clone() - x.clone()).is_never_negative(),
            None => (x.clone() - y.clone()).is_never_negative(),
        };
        let mut operands = self.operands_of_extremum(smallest).to_vec();
        for dim in other.operands_of_extremum(smallest) {
            if operands.iter().any(|x| decides(x, dim)) {
                continue;
            }
            operands.retain(|x| !decides(dim, x));
            operands.push(dim.clone());
        }
        if let [one] = operands.as_slice() {
            return one.clone();
        }
        operands.sort();
        Dim::atom(if smallest { Atom::Min(operands) } else { Atom::Max(operands) })
    }

    /// The difference, where it is the same for all values of the symbols.
    fn known_difference(&self, other: &Dim) -> Option<i64> {
        let ((left, x), (right, y)) = (self.parts(), other.parts());
        (left == right).then(|| x.saturating_sub(y))
    }

    /// The operands, where the expression is a minimum (a maximum), else itself.
    fn operands_of_extremum(&self, smallest: bool) -> &[Dim] {
        if let ([(product, 1)], 0) = self.parts() {
            match (product.as_slice(), smallest) {
                ([Atom::Min(dims)], true) | ([Atom::Max(dims)], false) => return dims,
                _ => {}
            }
        }
        std::slice::from_ref(self)
    }
}

impl Atom {
    fn is_never_negative(&self) -> bool {
        match self {
            Atom::Symbol(_) => true,
            Atom::FloorDiv(x, y) => x.is_never_negative() && y.is_never_negative(),
            Atom::Mod(_, y) => y.is_never_negative(),
            Atom::Min(dims) => dims.iter().all(Dim::is_never_negative),
            Atom::Max(dims) => dims.iter().any(Dim::is_never_negative),
        }
    }

    fn size(&self) -> usize {
        match self {
            Atom::Symbol(_) => 1,
            Atom::FloorDiv(x, y) | Atom::Mod(x, y) => 1 + x.size() + y.size(),
            Atom::Min(dims) | Atom::Max(dims) => 1 + dims.iter().map(Dim::size).sum::<usize>(),
        }
    }

    fn degree(&self) -> usize {
        match self {
            Atom::Symbol(_) => 1,
            Atom::FloorDiv(x, y) | Atom::Mod(x, y) => 1 + x.degree() + y.degree(),
            Atom::Min(dims) | Atom::Max(dims) => 1 + dims.iter().map(Dim::degree).sum::<usize>(),
        }
    }

    fn evaluate(&self, value_of: &impl Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        match self {
            Atom::Symbol(symbol) => value_of(symbol),
            Atom::FloorDiv(x, y) => floor_div(x.evaluate(value_of)?, y.evaluate(value_of)?),
            Atom::Mod(x, y) => floor_mod(x.evaluate(value_of)?, y.evaluate(value_of)?),
            Atom::Min(dims) => {
                dims.iter().map(|dim| dim.evaluate(value_of)).try_fold(i64::MAX, |least, x| Some(least.min(x?)))
            }
            Atom::Max(dims) => {
                dims.iter().map(|dim| dim.evaluate(value_of)).try_fold(i64::MIN, |most, x| Some(most.max(x?)))
            }
        }
    }

    fn substitute(&self, replacement: &impl Fn(&Symbol) -> Option<Dim>) -> Dim {
        let inner = |dim: &Dim| dim.substitute(replacement);
        match self {
            Atom::Symbol(symbol) => replacement(symbol).unwrap_or_else(|| Dim::from(symbol.clone())),
            // A divisor that becomes zero keeps its form and fails when it is evaluated.
            Atom::FloorDiv(x, y) => {
                inner(x).floor_div(&inner(y)).unwrap_or_else(|| Dim::atom(Atom::FloorDiv(inner(x), Dim::ZERO)))
            }
            Atom::Mod(x, y) => inner(x).modulo(&inner(y)).unwrap_or_else(|| Dim::atom(Atom::Mod(inner(x), Dim::ZERO))),
            Atom::Min(dims) => dims[1..].iter().fold(inner(&dims[0]), |least, dim| least.minimum(&inner(dim))),
            Atom::Max(dims) => dims[1..].iter().fold(inner(&dims[0]), |most, dim| most.maximum(&inner(dim))),
        }
    }
}

fn floor_div(x: i64, y: i64) -> Option<i64> {
    let quotient = x.checked_div(y)?;
    Some(if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient })
}

fn floor_mod(x: i64, y: i64) -> Option<i64> {
    let remainder = x.checked_rem(y)?;
    Some(if remainder != 0 && (remainder < 0) != (y < 0) { remainder + y } else { remainder })
}

impl From<Symbol> for Dim {
    fn from(symbol: Symbol) -> Self {
        Dim::atom(Atom::Symbol(symbol))
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Self {
        Dim::known(i64::try_from(size).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Dim {
    fn from(size: i64) -> Self {
        Dim::known(size)
    }
}

impl Add for Dim {
    type Output = Dim;

    fn add(self, other: Dim) -> Dim {
        let ((left, x), (right, y)) = (self.parts(), other.parts());
        Dim::from_sum(left.iter().chain(right).cloned().collect(), x.saturating_add(y))
    }
}

impl Neg for Dim {
    type Output = Dim;

    fn neg(self) -> Dim {
        self.map_coefficients(i64::saturating_neg)
    }
}

impl Sub for Dim {
    type Output = Dim;

    fn sub(self, other: Dim) -> Dim {
        self + -other
    }
}

impl Mul for Dim {
    type Output = Dim;

    fn mul(self, other: Dim) -> Dim {
        let ((left, x), (right, y)) = (self.parts(), other.parts());
        let mut terms = Vec::with_capacity((left.len() + 1) * (right.len() + 1));
        for (product, coefficient) in left {
            terms.push((product.clone(), coefficient.saturating_mul(y)));
            for (other, factor) in right {
                let mut factors: Product = product.iter().chain(other).cloned().collect();
                factors.sort();
                terms.push((factors, coefficient.saturating_mul(*factor)));
            }
        }
        terms.extend(right.iter().map(|(product, coefficient)| (product.clone(), coefficient.saturating_mul(x))));
        Dim::from_sum(terms, x.saturating_mul(y))
    }
}

/// As in the text form: `3`, `?n`, `2*?n*?m + 1`, `floordiv(?n + 1, 2)`, `max(?n, 1)`.
impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (terms, constant) = self.parts();
        if terms.is_empty() {
            return write!(f, "{constant}");
        }
        for (place, (product, coefficient)) in terms.iter().enumerate() {
            match (place, *coefficient < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            if coefficient.unsigned_abs() != 1 {
                write!(f, "{}*", coefficient.unsigned_abs())?;
            }
            for (place, atom) in product.iter().enumerate() {
                if place > 0 {
                    f.write_str("*")?;
                }
                write!(f, "{atom}")?;
            }
        }
        match constant {
            0 => Ok(()),
            ..0 => write!(f, " - {}", constant.unsigned_abs()),
            _ => write!(f, " + {constant}"),
        }
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, dims: &[Dim]| {
            write!(f, "{name}({}", dims[0])?;
            dims[1..].iter().try_for_each(|dim| write!(f, ", {dim}"))?;
            f.write_str(")")
        };
        match self {
            Atom::Symbol(symbol) => write!(f, "{symbol}"),
            Atom::FloorDiv(x, y) => write!(f, "floordiv({x}, {y})"),
            Atom::Mod(x, y) => write!(f, "mod({x}, {y})"),
            Atom::Min(dims) => list(f, "min", dims),
            Atom::Max(dims) => list(f, "max", dims),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n() -> Dim {
        Dim::symbol("n")
    }

    fn m() -> Dim {
        Dim::symbol("m")
    }

    #[test]
    fn equal_polynomials_are_equal_values() {
        let left = (n() + 1i64.into()) * (m() + 2i64.into());
        let right = Dim::known(2) + m() + n() * m() + n() * 2i64.into();
        assert_eq!(left, right);
        assert_eq!(left.clone() - right, Dim::ZERO);
        assert_eq!(left.to_string(), "?m + ?m*?n + 2*?n + 2");
        assert_eq!(n().always_equals(&(n() + 1i64.into())), Some(false));
        assert_eq!(n().always_equals(&m()), None);
    }

    #[test]
    fn exact_quotients_simplify() {
        let two = Dim::known(2);
        assert_eq!((n() * 4i64.into()).floor_div(&two), Some(n() * 2i64.into()));
        assert_eq!((n() * m() * 6i64.into()).floor_div(&(m() * 3i64.into())), Some(n() * 2i64.into()));
        assert_eq!((n() * m()).modulo(&m()), Some(Dim::ZERO));
        assert_eq!(n().floor_div(&Dim::ZERO), None);
        assert_eq!((n() + 1i64.into()).floor_div(&two).unwrap().to_string(), "floordiv(?n + 1, 2)");
    }

    #[test]
    fn evaluation_follows_the_definition() {
        let dim = (n() - 7i64.into()).floor_div(&Dim::known(2)).unwrap() + n().maximum(&m()).minimum(&Dim::known(9));
        let value_of = |symbol: &Symbol| Some(if symbol.name() == "n" { 4 } else { 11 });
        assert_eq!(dim.evaluate(&value_of), Some(-2 + 9));
        assert_eq!(dim.substitute(&|symbol| value_of(symbol).map(Dim::known)), Dim::known(7));
        assert_eq!((n() * Dim::known(i64::MAX)).evaluate(&|_| Some(3)), None);
    }
}
