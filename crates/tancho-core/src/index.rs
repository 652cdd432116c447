//! Indices for [`Tensor::slice`](crate::Tensor::slice): what NumPy writes between square brackets.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use smallvec::SmallVec;
use tancho_ir as ir;
use tancho_ir::Dims;
use tancho_tensor::DType;

use crate::apply::Attributes;
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::ops::{ScatterKind, scatter_build};
use crate::shape::Dim;

/// A new axis of size 1.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// As many whole axes as the other entries leave.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// What one entry does.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A part of the next axis; bounds that are negative count from its end, and those beyond it are cut to it.
    Range {
        start: Option<Dim>,
        stop: Option<Dim>,
        step: i64,
    },
    /// One element of the next axis, which leaves the shape.
    At(Dim),
    NewAxis,
    Ellipsis,
}

/// An index: an integer, a range, `..`, [`NewAxis`], [`Ellipsis`], [`step`], or a tuple of those, one for each axis.
pub trait Index {
    fn entries(self) -> SmallVec<[Entry; 4]>;
}

/// Every `step`-th element of a range; a negative step goes backwards, as `[start:stop:step]` does in NumPy.
pub fn step(range: impl Into<Entry>, step: i64) -> Entry {
    match range.into() {
        Entry::Range { start, stop, step: inner } => Entry::Range { start, stop, step: inner.saturating_mul(step) },
        entry @ (Entry::At(_) | Entry::NewAxis | Entry::Ellipsis) => entry,
    }
}

/// The range from `start` to `stop`, for literals that Rust's own ranges should not have: `between(1, -1)`.
pub fn between(start: impl Into<Dim>, stop: impl Into<Dim>) -> Entry {
    Entry::Range { start: Some(start.into()), stop: Some(stop.into()), step: 1 }
}

impl<E: Into<Entry>> Index for E {
    fn entries(self) -> SmallVec<[Entry; 4]> {
        SmallVec::from_iter([self.into()])
    }
}

impl From<RangeFull> for Entry {
    fn from(_: RangeFull) -> Self {
        Entry::Range { start: None, stop: None, step: 1 }
    }
}

impl From<NewAxis> for Entry {
    fn from(_: NewAxis) -> Self {
        Entry::NewAxis
    }
}

impl From<Ellipsis> for Entry {
    fn from(_: Ellipsis) -> Self {
        Entry::Ellipsis
    }
}

macro_rules! bounds {
    ($($Bound:ty)*) => {$(
        impl From<$Bound> for Entry {
            fn from(at: $Bound) -> Self {
                Entry::At(at.into())
            }
        }

        impl From<Range<$Bound>> for Entry {
            fn from(range: Range<$Bound>) -> Self {
                Entry::Range { start: Some(range.start.into()), stop: Some(range.end.into()), step: 1 }
            }
        }

        impl From<RangeFrom<$Bound>> for Entry {
            fn from(range: RangeFrom<$Bound>) -> Self {
                Entry::Range { start: Some(range.start.into()), stop: None, step: 1 }
            }
        }

        impl From<RangeTo<$Bound>> for Entry {
            fn from(range: RangeTo<$Bound>) -> Self {
                Entry::Range { start: None, stop: Some(range.end.into()), step: 1 }
            }
        }

        impl From<RangeInclusive<$Bound>> for Entry {
            fn from(range: RangeInclusive<$Bound>) -> Self {
                let (start, end) = range.into_inner();
                Entry::Range { start: Some(start.into()), stop: after(end.into()), step: 1 }
            }
        }

        impl From<RangeToInclusive<$Bound>> for Entry {
            fn from(range: RangeToInclusive<$Bound>) -> Self {
                Entry::Range { start: None, stop: after(range.end.into()), step: 1 }
            }
        }
    )*};
}
bounds!(i32 i64 usize Dim);

/// The bound behind an inclusive one; behind −1 is the end.
fn after(end: Dim) -> Option<Dim> {
    let next = end + 1;
    if next == Dim::from(0) { None } else { Some(next) }
}

macro_rules! tuples {
    ($($(($E:ident $e:ident))*;)*) => {$(
        impl<$($E: Into<Entry>),*> Index for ($($E,)*) {
            fn entries(self) -> SmallVec<[Entry; 4]> {
                let ($($e,)*) = self;
                SmallVec::from_iter([$($e.into()),*])
            }
        }
    )*};
}
tuples! {
    (A a);
    (A a) (B b);
    (A a) (B b) (C c);
    (A a) (B b) (C c) (D d);
    (A a) (B b) (C c) (D d) (E e);
    (A a) (B b) (C c) (D d) (E e) (F f);
}

pub(crate) fn attributes(entries: &[Entry]) -> Attributes {
    let bound = |attributes: Attributes, bound: &Option<Dim>| match bound {
        None => attributes.flag(false),
        Some(bound) => attributes.flag(true).size(bound),
    };
    entries.iter().fold(Attributes::none(), |attributes, entry| match entry {
        Entry::Range { start, stop, step } => bound(bound(attributes.integer(0), start), stop).integer(*step),
        Entry::At(at) => attributes.integer(1).size(at),
        Entry::NewAxis => attributes.integer(2),
        Entry::Ellipsis => attributes.integer(3),
    })
}

/// Puts a value, which is broadcast, in the place of the part that an index selects.
pub(crate) fn build_update(
    builder: &mut Builder<'_>,
    x: ir::Value,
    value: ir::Value,
    entries: &[Entry],
) -> Result<ir::Value, Fault> {
    // Each element's own place, selected in the same way, says where the parts of the value go.
    let dims = builder.dims(x);
    let flat: ir::Dims = std::iter::once(ir::Dim::product(dims.iter())).collect();
    let places = builder.iota(DType::I64, flat.clone(), 0)?;
    let places = builder.reshape(places, dims.clone())?;
    let places = build(builder, places, entries)?;
    let part = builder.dims(places);
    let value = builder.broadcast_to(value, &part)?;
    let indices: ir::Dims = part.iter().cloned().chain([ir::Dim::ONE]).collect();
    let indices = builder.reshape(places, indices)?;
    let x = builder.reshape(x, flat)?;
    let updated = scatter_build(builder, [x, indices, value], ScatterKind::Update)?;
    builder.reshape(updated, dims)
}

/// Builds the index: axes that go backwards are reversed, one slice is cut, and a reshape drops and adds axes.
pub(crate) fn build(builder: &mut Builder<'_>, x: ir::Value, entries: &[Entry]) -> Result<ir::Value, Fault> {
    let dims = builder.dims(x);
    let taken = entries.iter().filter(|entry| matches!(entry, Entry::Range { .. } | Entry::At(_))).count();
    let n_ellipses = entries.iter().filter(|entry| matches!(entry, Entry::Ellipsis)).count();
    require(n_ellipses <= 1, || "only one Ellipsis can stand in an index".into())?;
    require(taken <= dims.len(), || format!("{taken} entries for {} of rank {}", builder.type_of(x), dims.len()))?;

    let whole = Entry::Range { start: None, stop: None, step: 1 };
    let mut cut = Cut::default();
    let mut axes = dims.iter();
    for entry in entries {
        match entry {
            Entry::Ellipsis => {
                for dim in axes.by_ref().take(dims.len() - taken) {
                    cut.push(dim, &whole)?;
                }
            }
            Entry::NewAxis => cut.shape.push(Shaped::New),
            Entry::Range { .. } | Entry::At(_) => {
                if let Some(dim) = axes.next() {
                    cut.push(dim, entry)?;
                }
            }
        }
    }
    for dim in axes {
        cut.push(dim, &whole)?;
    }

    let reversed = builder.reverse(x, cut.reversed)?;
    let is_whole = cut.strides.iter().all(|&stride| stride == 1)
        && cut.start.iter().all(|start| *start == ir::Dim::ZERO)
        && cut.limit == dims;
    let sliced = if is_whole { reversed } else { builder.slice(reversed, cut.start, cut.limit, cut.strides)? };
    let sizes = builder.dims(sliced);
    let mut sizes = sizes.iter();
    let mut result = Dims::new();
    for shaped in &cut.shape {
        match shaped {
            Shaped::New => result.push(ir::Dim::ONE),
            Shaped::Kept => result.extend(sizes.next().cloned()),
            Shaped::Dropped => {
                sizes.next();
            }
        }
    }
    builder.reshape(sliced, result)
}

/// One slice over all axes, and what becomes of them.
#[derive(Default)]
struct Cut {
    reversed: Vec<usize>,
    start: Dims,
    limit: Dims,
    strides: Vec<i64>,
    shape: Vec<Shaped>,
}

enum Shaped {
    Kept,
    Dropped,
    New,
}

impl Cut {
    fn push(&mut self, size: &ir::Dim, entry: &Entry) -> Result<(), Fault> {
        let axis = self.start.len();
        match entry {
            Entry::At(at) => {
                let given = at.get()?;
                let at = if is_negative(&given) { size.clone() + given.clone() } else { given.clone() };
                if let (Some(at), Some(size)) = (at.as_known(), size.as_known()) {
                    require(0 <= at && at < size, || {
                        format!("index {given} is out of range for size {size} of axis {axis}")
                    })?;
                }
                self.limit.push(at.clone() + ir::Dim::ONE);
                self.start.push(at);
                self.strides.push(1);
                self.shape.push(Shaped::Dropped);
            }
            Entry::Range { start, stop, step } => {
                require(*step != 0, || format!("the step of axis {axis} is 0"))?;
                let bound = |bound: &Option<Dim>| bound.as_ref().map(Dim::get).transpose();
                let (start, stop) = (bound(start)?, bound(stop)?);
                let (start, stop) = if *step > 0 {
                    let start = start.map_or(ir::Dim::ZERO, |start| cut_to(from_start(start, size), size));
                    (start, stop.map_or(size.clone(), |stop| cut_stop(stop, size)))
                } else {
                    // Backwards from `start`, inclusive, to `stop`, exclusive: forwards on the reversed axis.
                    self.reversed.push(axis);
                    let mirrored = |bound: ir::Dim| cut_to(size.clone() - ir::Dim::ONE - from_start(bound, size), size);
                    (start.map_or(ir::Dim::ZERO, mirrored), stop.map_or(size.clone(), mirrored))
                };
                let is_empty = (stop.clone() - start.clone()).as_known().is_some_and(|length| length < 0);
                self.limit.push(if is_empty { start.clone() } else { stop });
                self.start.push(start);
                self.strides.push(step.saturating_abs());
                self.shape.push(Shaped::Kept);
            }
            Entry::NewAxis | Entry::Ellipsis => {}
        }
        Ok(())
    }
}

fn is_negative(bound: &ir::Dim) -> bool {
    bound.as_known().is_some_and(|known| known < 0)
}

/// A bound counted from the start of the axis.
fn from_start(bound: ir::Dim, size: &ir::Dim) -> ir::Dim {
    if is_negative(&bound) { size.clone() + bound } else { bound }
}

/// A bound cut to an axis of known size. Where the size varies, the bound has to be within it, which the slice records:
/// `?n - 1` is worth more as a type than an expression that also says what a short axis gives.
fn cut_to(bound: ir::Dim, size: &ir::Dim) -> ir::Dim {
    match (bound.as_known(), size.as_known()) {
        (Some(bound), Some(size)) => ir::Dim::known(bound.clamp(0, size)),
        _ => bound,
    }
}

/// As [`cut_to`], but a number that is not negative is cut to an axis that varies too: `..100` takes 100 at most.
fn cut_stop(stop: ir::Dim, size: &ir::Dim) -> ir::Dim {
    let is_number = stop.as_known().is_some_and(|stop| stop >= 0);
    if is_number && size.as_known().is_none() { stop.minimum(size) } else { cut_to(from_start(stop, size), size) }
}
