//! Size expressions: what is known of the elements of small integer tensors.
//!
//! A program with dynamic sizes computes them as values: it takes the size of an argument, multiplies, concatenates, and
//! gives the result to a dynamic op. Beside the values the importer computes the same with expressions over the symbols,
//! and so the dynamic op becomes one with sizes in its attributes.
//!
//! This file says which ops are followed; `element` has what is known of one element, and its arithmetic.

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, Dims, Value};

use super::super::syntax::Dense;
use super::super::types::{ElementType, Type};
use super::builder::{Binding, Importer};
use super::element::{Element, Facts, add, and, not, or, select, subtract};
use super::error::Imports;
use super::site::Site;

/// Larger tensors hold no sizes.
pub(super) const ELEMENT_LIMIT: usize = 64;

/// Longer expressions are not followed.
const LENGTH_LIMIT: usize = 400;

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
        if shape.elements().is_none_or(|count| count > ELEMENT_LIMIT) {
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
    let truth = dense.ty.element == ElementType::I1;
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
    let truth = matches!(site.op.result_types.first(), Some(Type::Tensor(of)) if of.element == ElementType::I1);
    // The arithmetic of truth values is another one.
    if truth && matches!(name, "add" | "subtract" | "multiply" | "maximum" | "minimum" | "clamp") {
        return None;
    }
    match (name, operands) {
        ("convert", [x]) => {
            let element = |element: &Element| match element {
                Element::Truth(_) if truth => Some(element.clone()),
                _ if truth => facts.compare(Comparison::Ne, element, &Element::known(0)),
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
