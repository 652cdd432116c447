//! The movement of data: reshaping, slicing, joining, padding, repeating.

use tancho_ir::{Dim as IrDim, Dims, Relation, Value};

use crate::apply::{Attributes, apply, apply_all};
use crate::axes::{Axes, resolve_axis};
use crate::builder::{Build, Builder, require};
use crate::error::Fault;
use crate::index::{self, Index};
use crate::operand::{AsTensor, Operand, resolve};
use crate::shape::{Dim, Sizes};
use crate::tensor::Tensor;

impl Tensor {
    /// The same elements in row-major order with other sizes. One size may be −1: it takes what the others leave.
    #[track_caller]
    pub fn reshape(&self, sizes: impl Into<Sizes>) -> Tensor {
        let sizes = sizes.into();
        self.unary("reshape", Attributes::none().sizes(sizes.as_slice()), &|builder, values| {
            let dims = solve_reshape(builder, values[0], sizes.get()?)?;
            builder.reshape(values[0], dims)
        })
    }

    /// Repeats the elements along new leading axes and axes of size 1.
    #[track_caller]
    pub fn broadcast_to(&self, sizes: impl Into<Sizes>) -> Tensor {
        let sizes = sizes.into();
        self.unary("broadcast_to", Attributes::none().sizes(sizes.as_slice()), &|builder, values| {
            builder.broadcast_to(values[0], &sizes.get()?)
        })
    }

    /// Permutes the axes: axis `i` of the result is axis `axes[i]` of this tensor. `..` reverses them.
    #[track_caller]
    pub fn transpose(&self, axes: impl Into<Permutation>) -> Tensor {
        let Permutation(axes) = axes.into();
        let attributes = match &axes {
            None => Attributes::none().flag(true),
            Some(axes) => Attributes::none().flag(false).integers(axes.iter().copied()),
        };
        self.unary("transpose", attributes, &|builder, values| {
            let rank = builder.rank(values[0]);
            let permutation = match &axes {
                None => (0..rank).rev().collect(),
                Some(axes) => axes.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Result<_, _>>()?,
            };
            builder.transpose(values[0], permutation)
        })
    }

    /// Swaps the last two axes; a tensor of rank 0 or 1 stays as it is.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        self.unary("t", Attributes::none(), &|builder, values| {
            let mut permutation: Vec<usize> = (0..builder.rank(values[0])).collect();
            if let [.., row, column] = permutation.as_mut_slice() {
                std::mem::swap(row, column);
            }
            builder.transpose(values[0], permutation)
        })
    }

    /// Swaps two axes.
    #[track_caller]
    pub fn swap_axes(&self, first: i64, second: i64) -> Tensor {
        let attributes = Attributes::none().integer(first).integer(second);
        self.unary("swap_axes", attributes, &|builder, values| {
            let rank = builder.rank(values[0]);
            let mut permutation: Vec<usize> = (0..rank).collect();
            permutation.swap(resolve_axis(first, rank)?, resolve_axis(second, rank)?);
            builder.transpose(values[0], permutation)
        })
    }

    /// Adds an axis of size 1 before an axis of the result.
    #[track_caller]
    pub fn expand_dims(&self, axis: i64) -> Tensor {
        self.unary("expand_dims", Attributes::none().integer(axis), &|builder, values| {
            expand_dims(builder, values[0], axis)
        })
    }

    /// Drops axes of size 1; `..` drops all of them.
    ///
    /// # Errors
    /// An axis that is named has another size.
    #[track_caller]
    pub fn squeeze(&self, axes: impl Into<Axes>) -> Tensor {
        let axes = axes.into();
        self.unary("squeeze", axes.attributes(), &|builder, values| {
            let dims = builder.dims(values[0]);
            let mut dropped = axes.resolve(dims.len())?;
            if axes.is_all() {
                dropped.retain(|axis| dims[*axis] == IrDim::ONE);
            }
            for &axis in &dropped {
                require(dims[axis].as_known().is_none_or(|size| size == 1), || {
                    format!("axis {axis} of {} has size {}, not 1", builder.type_of(values[0]), dims[axis])
                })?;
            }
            let kept = dims.iter().enumerate().filter(|(axis, _)| !dropped.contains(axis));
            let kept = kept.map(|(_, dim)| dim.clone()).collect();
            builder.reshape(values[0], kept)
        })
    }

    /// All elements along one axis, in row-major order.
    #[track_caller]
    pub fn flatten(&self) -> Tensor {
        self.unary("flatten", Attributes::none(), &|builder, values| {
            let elements = builder.type_of(values[0]).elements();
            builder.reshape(values[0], Dims::from_iter([elements]))
        })
    }

    /// A part of the tensor, with one entry for each axis, as NumPy writes it between brackets.
    ///
    /// An integer takes one element and drops the axis; `a..b`, `a..`, `..b`, `a..=b` and `..` take a part; [`step`] takes
    /// every n-th element, or goes backwards; [`NewAxis`] adds an axis; [`Ellipsis`] stands for the axes that are left.
    /// Negative numbers count from the end, and ranges are cut to the axis; where its size varies, only a stop that is a
    /// positive number is cut, and the other bounds have to lie within the axis when the function is called.
    ///
    /// For literals such as 1 and −1, which Clippy takes for an empty range, there is [`between`].
    ///
    /// [`between`]: crate::between
    /// [`step`]: crate::step
    /// [`NewAxis`]: crate::NewAxis
    /// [`Ellipsis`]: crate::Ellipsis
    #[track_caller]
    pub fn slice(&self, index: impl Index) -> Tensor {
        let entries = index.entries();
        self.unary("slice", index::attributes(&entries), &|builder, values| index::build(builder, values[0], &entries))
    }

    /// Equal parts along an axis.
    ///
    /// # Errors
    /// The size of the axis is no multiple of the number of parts, or that number is not between 1 and 65,536; for the
    /// latter there is one part, which carries the error.
    #[track_caller]
    pub fn split(&self, n_parts: usize, axis: i64) -> Vec<Tensor> {
        if !(1..=1 << 16).contains(&n_parts) {
            return vec![Tensor::fault("split", format!("cannot split into {n_parts} parts"))];
        }
        let count = n_parts as i64;
        let mut parts = Vec::new();
        for part in 0..count {
            let attributes = Attributes::none().integer(count).integer(part).integer(axis);
            let build: Build = &|builder, values| split(builder, values[0], count, part, axis);
            parts.push(self.unary("split", attributes, build));
        }
        parts
    }

    /// Puts a value before and after the elements of each axis, `(before, after)` many.
    #[track_caller]
    pub fn pad<L: Into<Dim> + Clone, H: Into<Dim> + Clone>(&self, padding: &[(L, H)], value: impl AsTensor) -> Tensor {
        let (low, high): (Vec<Dim>, Vec<Dim>) =
            padding.iter().cloned().map(|(low, high)| (low.into(), high.into())).unzip();
        let (low, high) = (Sizes::from(low), Sizes::from(high));
        let attributes = Attributes::none().sizes(low.as_slice()).sizes(high.as_slice());
        apply("pad", attributes, [Operand::Lend(self), value.into_operand()], &|builder, values| {
            let rank = builder.rank(values[0]);
            require(low.as_slice().len() == rank, || {
                let operand = builder.type_of(values[0]);
                format!("{} paddings are given for {operand} of rank {rank}", low.as_slice().len())
            })?;
            builder.pad(values[0], values[1], low.get()?, high.get()?)
        })
    }

    /// Reverses the order of the elements along axes.
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Tensor {
        let axes = axes.into();
        self.unary("flip", axes.attributes(), &|builder, values| {
            let axes = axes.resolve(builder.rank(values[0]))?;
            builder.reverse(values[0], axes.to_vec())
        })
    }

    /// The tensor repeated as a whole, `counts[i]` times along axis `i`.
    #[track_caller]
    pub fn tile(&self, counts: impl Into<Sizes>) -> Tensor {
        let counts = counts.into();
        self.unary("tile", Attributes::none().sizes(counts.as_slice()), &|builder, values| {
            let (dims, counts) = (builder.dims(values[0]), counts.get()?);
            require(counts.len() == dims.len(), || {
                format!("{} counts are given for {}", counts.len(), builder.type_of(values[0]))
            })?;
            let repeats = (0..dims.len()).map(|axis| (axis, counts[axis].clone(), Copies::Outside));
            repeat(builder, values[0], &repeats.collect::<Vec<_>>())
        })
    }

    /// Each element repeated `count` times along an axis.
    #[track_caller]
    pub fn repeat(&self, count: impl Into<Dim>, axis: i64) -> Tensor {
        let count = count.into();
        self.unary("repeat", Attributes::none().size(&count).integer(axis), &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            repeat(builder, values[0], &[(axis, count.get()?, Copies::Inside)])
        })
    }
}

/// The order of axes: a list of them, or `..` to reverse them all.
pub struct Permutation(Option<Vec<i64>>);

impl From<std::ops::RangeFull> for Permutation {
    fn from(_: std::ops::RangeFull) -> Self {
        Permutation(None)
    }
}

macro_rules! permutations {
    ($($Integer:ident)*) => {$(
        impl<const N: usize> From<[$Integer; N]> for Permutation {
            fn from(axes: [$Integer; N]) -> Self {
                Permutation::from(&axes[..])
            }
        }

        impl From<&[$Integer]> for Permutation {
            fn from(axes: &[$Integer]) -> Self {
                Permutation(Some(axes.iter().map(|&axis| i64::try_from(axis).unwrap_or(i64::MAX)).collect()))
            }
        }
    )*};
}
permutations!(i32 i64 usize);

/// The tensors one after another along an axis.
///
/// # Errors
/// There is none, or they differ in another size.
#[track_caller]
pub fn concat<T: AsTensor>(parts: impl IntoIterator<Item = T>, axis: i64) -> Tensor {
    join("concat", parts.into_iter().map(AsTensor::into_operand).collect(), axis, &|builder, values| {
        require(!values.is_empty(), || "takes at least one tensor".into())?;
        let axis = resolve_axis(axis, builder.rank(values[0]))?;
        builder.concatenate(values, axis)
    })
}

/// The tensors, all of one shape, along a new axis.
///
/// # Errors
/// There is none, or their shapes differ.
#[track_caller]
pub fn stack<T: AsTensor>(parts: impl IntoIterator<Item = T>, axis: i64) -> Tensor {
    join("stack", parts.into_iter().map(AsTensor::into_operand).collect(), axis, &|builder, values| {
        require(!values.is_empty(), || "takes at least one tensor".into())?;
        let first = builder.type_of(values[0]).clone();
        let parts = values
            .iter()
            .map(|&value| {
                let of = builder.type_of(value);
                require(of.rank() == first.rank(), || format!("shapes differ: {first} and {of}"))?;
                expand_dims(builder, value, axis)
            })
            .collect::<Result<Vec<Value>, Fault>>()?;
        let axis = resolve_axis(axis, first.rank() + 1)?;
        builder.concatenate(&parts, axis)
    })
}

#[track_caller]
fn join(op: &'static str, mut parts: Vec<Operand<'_>>, axis: i64, build: Build) -> Tensor {
    resolve(op, &mut parts);
    apply_all(op, Attributes::none().integer(axis), &mut parts, build)
}

fn expand_dims(builder: &mut Builder<'_>, x: Value, axis: i64) -> Result<Value, Fault> {
    let mut dims = builder.dims(x);
    let axis = resolve_axis(axis, dims.len() + 1)?;
    dims.insert(axis, IrDim::ONE);
    builder.reshape(x, dims)
}

/// Puts what is left of the elements in the place of a −1.
fn solve_reshape(builder: &Builder<'_>, x: Value, mut dims: Dims) -> Result<Dims, Fault> {
    let is_open = |dim: &IrDim| dim.as_known() == Some(-1);
    let Some(open) = dims.iter().position(is_open) else { return Ok(dims) };
    dims[open] = IrDim::ONE;
    require(!dims.iter().any(is_open), || "only one size can be -1".into())?;
    let of = builder.type_of(x);
    let (elements, others) = (of.elements(), Dim::from(IrDim::product(&dims)));
    let left = (Dim::from(elements.clone()) / &others).get();
    let rest = (Dim::from(elements) % &others).get();
    match (left, rest.map(|rest| rest.as_known())) {
        // Where sizes vary, the reshape itself records that the numbers of elements agree.
        (Ok(left), Ok(None | Some(0))) => dims[open] = left,
        _ => return Err(Fault(format!("the elements of {of} cannot be divided among sizes with product {others}"))),
    }
    Ok(dims)
}

fn split(builder: &mut Builder<'_>, x: Value, count: i64, part: i64, axis: i64) -> Result<Value, Fault> {
    let dims = builder.dims(x);
    let axis = resolve_axis(axis, dims.len())?;
    let size = Dim::from(dims[axis].clone());
    let (length, rest) = ((&size / count).get()?, (&size % count).get()?);
    let even = Relation::Equal(rest, IrDim::ZERO);
    require(even.always_holds() != Some(false), || {
        format!("axis {axis} of {} cannot be split into {count} equal parts", builder.type_of(x))
    })?;
    builder.add_constraint(even);
    let mut start = Dims::from_elem(IrDim::ZERO, dims.len());
    let mut limit = dims;
    start[axis] = length.clone() * IrDim::known(part);
    limit[axis] = length * IrDim::known(part + 1);
    let strides = vec![1; limit.len()];
    builder.slice(x, start, limit, strides)
}

/// Where the copies of an axis go: around it, or each element beside itself.
#[derive(Clone, Copy, PartialEq)]
enum Copies {
    Outside,
    Inside,
}

/// Repeats along axes: a new axis beside each is broadcast and then merged with it.
fn repeat(builder: &mut Builder<'_>, x: Value, repeats: &[(usize, IrDim, Copies)]) -> Result<Value, Fault> {
    let dims = builder.dims(x);
    let (mut spread, mut merged, mut axes) = (Dims::new(), Dims::new(), Vec::new());
    for (axis, dim) in dims.iter().enumerate() {
        let Some((_, count, copies)) = repeats.iter().find(|(repeated, ..)| *repeated == axis) else {
            axes.push(spread.len());
            spread.push(dim.clone());
            merged.push(dim.clone());
            continue;
        };
        let own_place = spread.len() + usize::from(*copies == Copies::Outside);
        axes.push(own_place);
        match copies {
            Copies::Outside => spread.extend([count.clone(), dim.clone()]),
            Copies::Inside => spread.extend([dim.clone(), count.clone()]),
        }
        merged.push(dim.clone() * count.clone());
    }
    let copies = builder.broadcast_in_dim(x, &spread, axes)?;
    builder.reshape(copies, merged)
}
