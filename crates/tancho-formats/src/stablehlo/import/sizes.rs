//! Size expressions: what is known of the elements of small integer tensors.
//!
//! A program with dynamic sizes computes them as values: it takes the size of an argument, multiplies, concatenates, and
//! gives the result to a dynamic op. Beside the values the importer computes the same with expressions over the symbols,
//! and so the dynamic op becomes one with sizes in its attributes.
//!
//! The quotients and remainders of StableHLO are those of truncation, and a program that wants them rounded down corrects
//! them: `q − 1` where the signs differ and a rest is left. An [`Element`] remembers the steps of this (see [`Element`]), so
//! that the outcome is `floordiv` or `mod` again.

use tancho_ir::ops::Comparison;
use tancho_ir::{Constraint, Dim, Dims, Relation, Value};

use super::super::syntax::Dense;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

/// Larger tensors hold no sizes.
pub(super) const ELEMENT_LIMIT: usize = 64;

/// Longer expressions are not followed.
const LENGTH_LIMIT: usize = 400;

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

/// The elements of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sizes {
    pub shape: Vec<usize>,
    pub elements: Vec<Element>,
}

impl Sizes {
    pub(super) fn scalar(element: Element) -> Self {
        Sizes { shape: Vec::new(), elements: vec![element] }
    }

    /// The elements as sizes, where all are numbers.
    pub(super) fn to_dims(&self) -> Option<Dims> {
        self.elements.iter().map(Element::to_dim).collect()
    }

    /// The elements, where none has a symbol.
    pub(super) fn to_known(&self) -> Option<Vec<i64>> {
        self.elements.iter().map(|element| element.to_dim()?.as_known()).collect()
    }

    /// Whether no element has a symbol.
    pub(super) fn is_known(&self) -> bool {
        let known = |element: &Element| match element {
            Element::Truth(_) => true,
            other => other.to_dim().is_some_and(|dim| dim.as_known().is_some()),
        };
        self.elements.iter().all(known)
    }
}

impl Element {
    fn known(value: i64) -> Element {
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
struct Facts<'a>(&'a [Constraint]);

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

    fn sign(&self, x: &Element) -> Option<Element> {
        let dim = x.to_dim()?;
        if self.more(&dim, &Dim::ZERO) {
            return Some(Element::known(1));
        }
        Some(dim.as_known().map_or(Element::Sign(dim), |value| Element::known(value.signum())))
    }

    fn divide(&self, x: &Element, y: &Element, rest: bool) -> Option<Element> {
        let (x, y) = (x.to_dim()?, y.to_dim()?);
        if let (Some(x), Some(y)) = (x.as_known(), y.as_known().filter(|y| *y > 0)) {
            return Some(Element::known(if rest { x % y } else { x / y }));
        }
        if !self.more(&y, &Dim::ZERO) {
            return None;
        }
        Some(if rest { Element::Remainder(x, y) } else { Element::Quotient(x, y) })
    }

    fn compare(&self, comparison: Comparison, x: &Element, y: &Element) -> Option<Element> {
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

fn add(x: &Element, y: &Element) -> Option<Element> {
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

fn subtract(x: &Element, y: &Element) -> Option<Element> {
    match x {
        Element::Quotient(dim, divisor) if *y == Element::known(1) => {
            Some(Element::LoweredQuotient(dim.clone(), divisor.clone()))
        }
        _ => Some(Element::Size(x.to_dim()? - y.to_dim()?)),
    }
}

fn and(x: &Element, y: &Element) -> Option<Element> {
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

fn or(x: &Element, y: &Element) -> Option<Element> {
    Some(match (x, y) {
        (Element::Truth(true), _) | (_, Element::Truth(true)) => Element::Truth(true),
        (Element::Truth(false), other) | (other, Element::Truth(false)) => other.clone(),
        (x, y) if x == y => x.clone(),
        _ => return None,
    })
}

fn not(x: &Element) -> Option<Element> {
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

fn select(when: &Element, then: &Element, other: &Element) -> Option<Element> {
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

impl<'m> Importer<'m> {
    /// Notes what is known of the results of an op.
    pub(super) fn follow_sizes(&mut self, site: &Site<'m>, results: &[Binding]) -> Imports<()> {
        let [binding] = results else { return Ok(()) };
        let Binding::Tensor(_) = binding else { return Ok(()) };
        let value = self.tensor(site, binding)?;
        if self.level().sizes.contains_key(&value) {
            return Ok(());
        }
        let of = self.type_of(value);
        if of.dtype.is_float() {
            return Ok(());
        }
        let Some(shape) = of.known_shape() else { return Ok(()) };
        if !shape.elements().is_some_and(|count| count <= ELEMENT_LIMIT) {
            return Ok(());
        }
        let shape: Vec<usize> = shape.iter().copied().collect();
        match self.elements_of(site, &shape)? {
            Some(elements) if elements.len() == shape.iter().product::<usize>() => {
                self.level_mut().sizes.insert(value, Sizes { shape, elements });
            }
            _ => self.follow_offset(site, value)?,
        }
        Ok(())
    }

    /// The elements of the one result of an op, which has this shape.
    fn elements_of(&self, site: &Site<'m>, shape: &[usize]) -> Imports<Option<Vec<Element>>> {
        let name = site.mnemonic();
        if name == "constant" {
            let dense = site.op.attribute("value").and_then(|value| value.as_dense());
            return Ok(dense.and_then(constant_elements));
        }
        let mut operands = Vec::new();
        for position in 0..site.op.operands.len() {
            let Some(sizes) = self.sizes_of(site, position)? else { return Ok(None) };
            operands.push(sizes);
        }
        let facts = Facts(self.level().graph.constraints());
        Ok(elements_for(site, name, shape, &operands, &facts)
            .and_then(|elements| elements.into_iter().map(bounded).collect()))
    }

    /// Notes that a value is another one plus sizes.
    fn follow_offset(&mut self, site: &Site<'m>, value: Value) -> Imports<()> {
        if site.mnemonic() != "add" || site.op.operands.len() != 2 {
            return Ok(());
        }
        let (left, right) = (self.sizes_of(site, 0)?, self.sizes_of(site, 1)?);
        let (base, sizes) = match (left, right) {
            (None, Some(sizes)) => (self.operand(site, 0)?, sizes),
            (Some(sizes), None) => (self.operand(site, 1)?, sizes),
            _ => return Ok(()),
        };
        self.level_mut().offsets.insert(value, (base, sizes));
        Ok(())
    }

    /// The elements of an operand as sizes of a dynamic op.
    pub(super) fn operand_dims(&self, site: &Site<'m>, position: usize) -> Imports<Dims> {
        let dims = self.sizes_of(site, position)?.and_then(|sizes| sizes.to_dims());
        dims.ok_or_else(|| {
            self.unsupported(site, format_args!("sizes (operand {position}) that depend on values of tensors"))
        })
    }

    /// As [`Importer::operand_dims`], where the op wants numbers.
    pub(super) fn operand_numbers(&self, site: &Site<'m>, position: usize) -> Imports<Vec<i64>> {
        let numbers = self.sizes_of(site, position)?.and_then(|sizes| sizes.to_known());
        numbers.ok_or_else(|| self.unsupported(site, format_args!("numbers (operand {position}) that are not known")))
    }
}

fn constant_elements(dense: &Dense) -> Option<Vec<Element>> {
    if dense.ty.element_count()? > ELEMENT_LIMIT {
        return None;
    }
    let truth = dense.ty.element == super::super::types::ElementType::I1;
    let element = |value: i64| if truth { Element::Truth(value != 0) } else { Element::known(value) };
    Some(dense.integers()?.into_iter().map(element).collect())
}

/// An element whose expressions are not too long.
fn bounded(element: Element) -> Option<Element> {
    let short = |dim: &Dim| dim.as_known().is_some() || dim.to_string().len() <= LENGTH_LIMIT;
    let fits = match &element {
        Element::Truth(_) => true,
        Element::Comparison(_, x, y) => short(x) && short(y),
        Element::Size(dim) | Element::Sign(dim) | Element::NotPositive(dim) => short(dim),
        Element::Quotient(dim, divisor)
        | Element::LoweredQuotient(dim, divisor)
        | Element::Remainder(dim, divisor)
        | Element::RaisedRemainder(dim, divisor)
        | Element::Inexact(dim, divisor)
        | Element::NegativeRemainder(dim, divisor)
        | Element::RoundsDown(dim, divisor) => short(dim) && short(divisor),
    };
    fits.then_some(element)
}

/// The elements that an op gives for those of its operands.
fn elements_for(
    site: &Site<'_>,
    name: &str,
    shape: &[usize],
    operands: &[Sizes],
    facts: &Facts<'_>,
) -> Option<Vec<Element>> {
    let size = |dim: Dim| Some(Element::Size(dim));
    match (name, operands) {
        ("convert", [x]) => {
            let whole = site.op.result_types.first()?.to_string().contains("i1>");
            let element = |element: &Element| match element {
                Element::Truth(_) if whole => Some(element.clone()),
                _ if whole => facts.compare(Comparison::Ne, element, &Element::known(0)),
                Element::Truth(value) => Some(Element::known((*value).into())),
                other => other.to_dim().map(|_| other.clone()),
            };
            x.elements.iter().map(element).collect()
        }
        ("reshape" | "optimization_barrier", [x]) => Some(x.elements.clone()),
        ("negate", [x]) => x.elements.iter().map(|x| size(-x.to_dim()?)).collect(),
        ("not", [x]) => x.elements.iter().map(not).collect(),
        ("sign", [x]) => x.elements.iter().map(|x| facts.sign(x)).collect(),
        ("broadcast_in_dim", [x]) => broadcast(site, shape, x),
        ("slice", [x]) => slice(site, x),
        ("concatenate", operands) => concatenate(site, operands),
        ("compare", [x, y]) => {
            let comparison = super::elementwise::comparison_of(site.op.enumeration("comparison_direction")?)?;
            zip(x, y, |x, y| facts.compare(comparison, x, y))
        }
        ("select", [when, x, y]) => {
            let chosen = |position: usize| {
                let when = when.elements.get(if when.shape.is_empty() { 0 } else { position })?;
                select(when, x.elements.get(position)?, y.elements.get(position)?)
            };
            (0..x.elements.len()).map(chosen).collect()
        }
        ("clamp", [low, x, high]) => {
            let at = |sizes: &Sizes, position: usize| {
                sizes.elements.get(if sizes.shape.is_empty() { 0 } else { position })?.to_dim()
            };
            let clamped = |position| size(at(x, position)?.maximum(&at(low, position)?).minimum(&at(high, position)?));
            (0..x.elements.len()).map(clamped).collect()
        }
        ("add", [x, y]) => zip(x, y, add),
        ("subtract", [x, y]) => zip(x, y, subtract),
        ("multiply", [x, y]) => zip(x, y, |x, y| size(x.to_dim()? * y.to_dim()?)),
        ("divide", [x, y]) => zip(x, y, |x, y| facts.divide(x, y, false)),
        ("remainder", [x, y]) => zip(x, y, |x, y| facts.divide(x, y, true)),
        ("maximum", [x, y]) => zip(x, y, |x, y| size(x.to_dim()?.maximum(&y.to_dim()?))),
        ("minimum", [x, y]) => zip(x, y, |x, y| size(x.to_dim()?.minimum(&y.to_dim()?))),
        ("and", [x, y]) => zip(x, y, and),
        ("or", [x, y]) => zip(x, y, or),
        _ => None,
    }
}

fn zip(x: &Sizes, y: &Sizes, combine: impl Fn(&Element, &Element) -> Option<Element>) -> Option<Vec<Element>> {
    if x.shape != y.shape {
        return None;
    }
    x.elements.iter().zip(&y.elements).map(|(x, y)| combine(x, y)).collect()
}

fn broadcast(site: &Site<'_>, shape: &[usize], x: &Sizes) -> Option<Vec<Element>> {
    let axes = site.op.integers("broadcast_dimensions")?;
    let of_place = |mut place: usize| {
        let mut index = vec![0; shape.len()];
        for (axis, size) in shape.iter().enumerate().rev() {
            index[axis] = place % size;
            place /= size;
        }
        let mut source = 0;
        for (axis, size) in axes.iter().zip(&x.shape) {
            let at = index.get(usize::try_from(*axis).ok()?)?;
            source = source * size + if *size == 1 { 0 } else { *at };
        }
        x.elements.get(source).cloned()
    };
    (0..shape.iter().product()).map(of_place).collect()
}

/// Of a tensor of rank 1.
fn slice(site: &Site<'_>, x: &Sizes) -> Option<Vec<Element>> {
    let ([start], [limit]) = (&site.op.integers("start_indices")?[..], &site.op.integers("limit_indices")?[..]) else {
        return None;
    };
    let stride = site.op.integers("strides").map_or(Some(1), |strides| strides.first().copied())?;
    let range = usize::try_from(*start).ok()?..usize::try_from(*limit).ok()?;
    let stride = usize::try_from(stride).ok().filter(|stride| *stride > 0)?;
    Some(x.elements.get(range)?.iter().step_by(stride).cloned().collect())
}

/// Along the first axis.
fn concatenate(site: &Site<'_>, operands: &[Sizes]) -> Option<Vec<Element>> {
    if site.op.integer("dimension") != Some(0) {
        return None;
    }
    Some(operands.iter().flat_map(|sizes| sizes.elements.iter().cloned()).collect())
}
