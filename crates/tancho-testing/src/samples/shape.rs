//! Samples of constants and of ops that move data.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Op, TensorType};
use tancho_tensor::{Array, DType, Shape};

use super::{FEW_SHAPES, Invalid, SHAPES, Sample, dims, integer_dims, of, typed};
use crate::values::{Flavour, array};

/// One of every op: each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<ShapeOp> {
    let first = ShapeOp::Constant(Array::scalar(1.0f32));
    std::iter::successors(Some(first), |op| {
        Some(match op {
            ShapeOp::Constant(_) => ShapeOp::Iota { dtype: DType::I32, dims: dims(&[2]), axis: 0 },
            ShapeOp::Iota { .. } => ShapeOp::DimensionSize { dim: Dim::ONE, dtype: DType::I32 },
            ShapeOp::DimensionSize { .. } => ShapeOp::BroadcastInDim { dims: dims(&[2]), axes: vec![0] },
            ShapeOp::BroadcastInDim { .. } => ShapeOp::Reshape { dims: dims(&[2]) },
            ShapeOp::Reshape { .. } => ShapeOp::Transpose { permutation: vec![1, 0] },
            ShapeOp::Transpose { .. } => ShapeOp::Slice { start: dims(&[0]), limit: dims(&[1]), strides: vec![1] },
            ShapeOp::Slice { .. } => ShapeOp::Concatenate { axis: 0 },
            ShapeOp::Concatenate { .. } => ShapeOp::Pad { low: dims(&[1]), high: dims(&[1]), interior: vec![0] },
            ShapeOp::Pad { .. } => ShapeOp::BitcastConvert { dtype: DType::U32 },
            ShapeOp::BitcastConvert { .. } => ShapeOp::Reverse { axes: vec![0] },
            ShapeOp::Reverse { .. } => return None,
        })
    })
    .collect()
}

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &ShapeOp) {
    let mut add = |op: ShapeOp, operands: Vec<TensorType>| samples.push(Sample::new(Op::Shape(op), operands));
    for dtype in DType::ALL {
        match op {
            ShapeOp::Constant(_) => {
                for (seed, sizes) in SHAPES.iter().enumerate() {
                    add(ShapeOp::Constant(array(dtype, &Shape::new(sizes), Flavour::Wild, seed as u64)), vec![]);
                }
                // All elements the same, and more of them than are printed as a list.
                let ones = vec![1u8; 100 * dtype.size()];
                if dtype.is_integer() && dtype.size() == 1 {
                    let same: Vec<i8> = ones.iter().map(|&one| one as i8).collect();
                    add(ShapeOp::Constant(Array::new([4, 25], &same).expect("a small array")), vec![]);
                }
            }
            ShapeOp::Iota { .. } if dtype != DType::Bool => {
                for sizes in SHAPES {
                    for axis in 0..sizes.len() {
                        add(ShapeOp::Iota { dtype, dims: dims(sizes), axis }, vec![]);
                    }
                }
            }
            ShapeOp::DimensionSize { .. } if dtype.is_integer() => {
                for size in [0usize, 1, 127, 300, 70_000] {
                    add(ShapeOp::DimensionSize { dim: Dim::from(size), dtype }, vec![]);
                }
            }
            ShapeOp::Iota { .. } | ShapeOp::DimensionSize { .. } => {}
            ShapeOp::BroadcastInDim { .. } => {
                for (from, to, axes) in BROADCASTS {
                    let op = ShapeOp::BroadcastInDim { dims: dims(to), axes: axes.to_vec() };
                    add(op, vec![of(dtype, from)]);
                }
            }
            ShapeOp::Reshape { .. } => {
                for (from, to) in RESHAPES {
                    add(ShapeOp::Reshape { dims: dims(to) }, vec![of(dtype, from)]);
                }
            }
            ShapeOp::Transpose { .. } => {
                for (from, permutation) in TRANSPOSES {
                    add(ShapeOp::Transpose { permutation: permutation.to_vec() }, vec![of(dtype, from)]);
                }
            }
            ShapeOp::Slice { .. } => {
                for (from, start, limit, strides) in SLICES {
                    let op = ShapeOp::Slice { start: dims(start), limit: dims(limit), strides: strides.to_vec() };
                    add(op, vec![of(dtype, from)]);
                }
            }
            ShapeOp::Concatenate { .. } => {
                for (axis, operands) in CONCATENATIONS {
                    let operands = operands.iter().map(|sizes| of(dtype, sizes)).collect();
                    add(ShapeOp::Concatenate { axis: *axis }, operands);
                }
            }
            ShapeOp::Pad { .. } => {
                for (from, low, high, interior) in PADS {
                    let (low, high) = (integer_dims(low), integer_dims(high));
                    let op = ShapeOp::Pad { low, high, interior: interior.to_vec() };
                    add(op, vec![of(dtype, from), of(dtype, &[])]);
                }
            }
            ShapeOp::BitcastConvert { .. } if dtype == DType::Bool => {}
            ShapeOp::BitcastConvert { .. } => {
                for to in DType::ALL.into_iter().filter(|&to| to != DType::Bool) {
                    for sizes in FEW_SHAPES {
                        // Elements that become larger need a last axis of as many as make one.
                        let parts = to.size() / dtype.size();
                        let sizes = if parts > 1 { [sizes, &[parts]].concat() } else { sizes.to_vec() };
                        add(ShapeOp::BitcastConvert { dtype: to }, vec![of(dtype, &sizes)]);
                    }
                }
            }
            ShapeOp::Reverse { .. } => {
                for sizes in FEW_SHAPES {
                    let all: Vec<usize> = (0..sizes.len()).collect();
                    let (first, last) =
                        (all.get(..1).unwrap_or(&[]).to_vec(), all.last().copied().into_iter().collect());
                    for axes in [vec![], first, last, all] {
                        add(ShapeOp::Reverse { axes }, vec![of(dtype, sizes)]);
                    }
                }
            }
        }
    }
}

/// Sizes before and after, and where the axes go.
type Broadcast = (&'static [usize], &'static [usize], &'static [usize]);
const BROADCASTS: &[Broadcast] = &[
    (&[], &[], &[]),
    (&[], &[7], &[]),
    (&[], &[0], &[]),
    (&[], &[2, 3, 5], &[]),
    (&[1], &[5], &[0]),
    (&[5], &[5], &[0]),
    (&[1], &[0], &[0]),
    (&[3], &[2, 3], &[1]),
    (&[3], &[3, 2], &[0]),
    (&[67], &[5, 67], &[1]),
    (&[67], &[67, 5], &[0]),
    (&[3, 1], &[3, 5], &[0, 1]),
    (&[1, 5], &[3, 5], &[0, 1]),
    (&[3, 5], &[5, 3], &[1, 0]),
    (&[2, 3], &[2, 7, 3], &[0, 2]),
    (&[1, 3, 1], &[2, 3, 5], &[0, 1, 2]),
    (&[5, 2], &[2, 3, 1, 5], &[3, 0]),
    (&[2, 1, 3], &[2, 1, 2, 3, 4, 3], &[0, 2, 5]),
    (&[0, 3], &[2, 0, 3], &[1, 2]),
];

const RESHAPES: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[], &[1]),
    (&[1, 1], &[]),
    (&[6], &[2, 3]),
    (&[2, 3, 5], &[30]),
    (&[2, 3, 5], &[5, 3, 2]),
    (&[4, 1, 7], &[4, 7]),
    (&[4, 7], &[2, 2, 1, 7]),
    (&[0], &[3, 0, 2]),
    (&[0, 5], &[0]),
    (&[2, 1, 2, 3, 1, 2], &[4, 6]),
    (&[1031], &[1, 1031, 1]),
];

const TRANSPOSES: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[7], &[0]),
    (&[3, 5], &[0, 1]),
    (&[3, 5], &[1, 0]),
    (&[1, 5], &[1, 0]),
    (&[67, 33], &[1, 0]),
    (&[0, 4], &[1, 0]),
    (&[2, 3, 5], &[0, 2, 1]),
    (&[2, 3, 5], &[1, 0, 2]),
    (&[2, 3, 5], &[2, 0, 1]),
    (&[2, 3, 5], &[2, 1, 0]),
    (&[2, 3, 1, 5], &[3, 1, 0, 2]),
    (&[2, 1, 3, 2, 2], &[4, 3, 2, 1, 0]),
    (&[2, 1, 2, 3, 1, 2], &[1, 0, 3, 2, 5, 4]),
];

/// Sizes, starts, limits and strides.
type Slice = (&'static [usize], &'static [usize], &'static [usize], &'static [i64]);
const SLICES: &[Slice] = &[
    (&[], &[], &[], &[]),
    (&[7], &[0], &[7], &[1]),
    (&[7], &[2], &[5], &[1]),
    (&[7], &[3], &[3], &[1]),
    (&[7], &[7], &[7], &[2]),
    (&[7], &[1], &[7], &[3]),
    (&[7], &[0], &[7], &[100]),
    (&[1031], &[13], &[1000], &[7]),
    (&[0], &[0], &[0], &[1]),
    (&[3, 5], &[1, 0], &[3, 5], &[1, 2]),
    (&[3, 5], &[0, 4], &[3, 5], &[2, 1]),
    (&[3, 0], &[1, 0], &[2, 0], &[1, 1]),
    (&[2, 3, 5], &[1, 0, 2], &[2, 3, 4], &[1, 2, 1]),
    (&[2, 1, 2, 3, 1, 2], &[0, 0, 1, 0, 0, 1], &[2, 1, 2, 3, 1, 2], &[1, 1, 1, 2, 1, 1]),
];

const CONCATENATIONS: &[(usize, &[&[usize]])] = &[
    (0, &[&[3]]),
    (0, &[&[3], &[5]]),
    (0, &[&[0], &[5], &[1]]),
    (0, &[&[0], &[0]]),
    (0, &[&[2, 3], &[1, 3]]),
    (1, &[&[2, 3], &[2, 1]]),
    (1, &[&[2, 0], &[2, 7], &[2, 0]]),
    (1, &[&[0, 3], &[0, 4]]),
    (2, &[&[2, 3, 5], &[2, 3, 67]]),
    (0, &[&[1], &[1], &[1], &[1], &[1], &[1], &[1], &[1], &[1]]),
    (3, &[&[2, 1, 2, 3, 1, 2], &[2, 1, 2, 1, 1, 2]]),
];

/// Sizes, low, high and interior padding.
type Pad = (&'static [usize], &'static [i64], &'static [i64], &'static [i64]);
const PADS: &[Pad] = &[
    (&[], &[], &[], &[]),
    (&[5], &[0], &[0], &[0]),
    (&[5], &[2], &[3], &[0]),
    (&[5], &[0], &[0], &[2]),
    (&[5], &[1], &[1], &[3]),
    (&[5], &[-1], &[-2], &[0]),
    (&[5], &[-5], &[0], &[0]),
    (&[5], &[-3], &[2], &[1]),
    (&[5], &[-2], &[-3], &[2]),
    (&[0], &[2], &[1], &[5]),
    (&[0], &[0], &[0], &[0]),
    (&[1], &[0], &[0], &[7]),
    (&[3, 5], &[1, 0], &[0, 2], &[0, 1]),
    (&[3, 5], &[-1, 2], &[2, -1], &[1, 0]),
    (&[3, 0], &[1, 1], &[0, 0], &[0, 0]),
    (&[2, 3, 5], &[0, 1, 0], &[1, 0, 62], &[0, 0, 0]),
    (&[2, 1, 2, 3, 1, 2], &[0, 0, 1, 0, 0, -1], &[0, 1, 0, 0, 0, 2], &[0, 0, 0, 1, 0, 0]),
];

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &ShapeOp) {
    let mut add = |op: ShapeOp, operands: &[&str]| {
        samples.push(Sample::new(Op::Shape(op), operands.iter().map(|text| typed(text))));
    };
    let sizes = |text: &str| typed(&format!("f32[{text}]")).dims;
    match op {
        ShapeOp::Constant(_) => {}
        ShapeOp::Iota { .. } => {
            add(ShapeOp::Iota { dtype: DType::I64, dims: sizes("?n, ?n - 2"), axis: 1 }, &["f32[?n]"][..0]);
        }
        ShapeOp::DimensionSize { .. } => {
            add(ShapeOp::DimensionSize { dim: sizes("?n*?m").remove(0), dtype: DType::U32 }, &["f32[?n]"][..0]);
        }
        ShapeOp::BroadcastInDim { .. } => {
            add(ShapeOp::BroadcastInDim { dims: sizes("?n, ?m, 4"), axes: vec![1, 2] }, &["f32[?k, 1]"]);
            add(ShapeOp::BroadcastInDim { dims: sizes("?n"), axes: vec![] }, &["f32[]"]);
        }
        ShapeOp::Reshape { .. } => {
            add(ShapeOp::Reshape { dims: sizes("?n*?m") }, &["f32[?n, ?m]"]);
            add(ShapeOp::Reshape { dims: sizes("floordiv(?n, 2), 2") }, &["f32[?n]"]);
        }
        ShapeOp::Transpose { .. } => {
            add(ShapeOp::Transpose { permutation: vec![2, 0, 1] }, &["bool[?n, 3, ?m + 1]"]);
        }
        ShapeOp::Slice { .. } => {
            add(
                ShapeOp::Slice { start: sizes("1, ?k"), limit: sizes("?n - 1, ?m"), strides: vec![1, 3] },
                &["u8[?n, ?m]"],
            );
        }
        ShapeOp::Concatenate { .. } => {
            add(ShapeOp::Concatenate { axis: 1 }, &["f32[?n, 2]", "f32[?m, ?k]", "f32[3, 0]"]);
        }
        ShapeOp::Pad { .. } => {
            add(
                ShapeOp::Pad { low: sizes("?k, 0"), high: sizes("-1, ?n"), interior: vec![0, 2] },
                &["f32[?n, ?m]", "f32[]"],
            );
        }
        ShapeOp::BitcastConvert { .. } => {
            add(ShapeOp::BitcastConvert { dtype: DType::U8 }, &["f32[?n]"]);
            add(ShapeOp::BitcastConvert { dtype: DType::I32 }, &["f32[?n, 3]"]);
            add(ShapeOp::BitcastConvert { dtype: DType::F64 }, &["bf16[?n, ?m]"]);
        }
        ShapeOp::Reverse { .. } => add(ShapeOp::Reverse { axes: vec![0] }, &["f32[?n, ?m]"]),
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &ShapeOp) {
    let mut add = |op: ShapeOp, operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Shape(op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    match op {
        ShapeOp::Constant(array) => {
            let op = ShapeOp::Constant(array.clone());
            add(op, &["f32[]"], "i", "constant: takes 0 operands, but 1 are given");
        }
        ShapeOp::Iota { .. } => {
            let iota = |dtype, sizes: &[i64], axis| ShapeOp::Iota { dtype, dims: integer_dims(sizes), axis };
            add(iota(DType::I32, &[2, 3], 2), &[], "c1", "iota: axis 2 is out of range for rank 2");
            add(iota(DType::I32, &[], 0), &[], "c1", "iota: axis 0 is out of range for rank 0");
            add(iota(DType::Bool, &[2], 0), &[], "c1", "iota: does not make bool");
            add(iota(DType::F32, &[-2], 0), &[], "c1", "iota: size -2 is negative");
        }
        ShapeOp::DimensionSize { .. } => {
            let size = |size: i64, dtype| ShapeOp::DimensionSize { dim: Dim::from(size), dtype };
            add(size(3, DType::F32), &[], "c1", "dimension_size: does not make f32");
            add(size(-3, DType::I32), &[], "c1", "dimension_size: size -3 is negative");
        }
        ShapeOp::BroadcastInDim { .. } => {
            let to = |sizes: &[i64], axes: &[usize]| ShapeOp::BroadcastInDim {
                dims: integer_dims(sizes),
                axes: axes.to_vec(),
            };
            add(to(&[2, 3], &[1, 0]), &["f32[3]"], "c2", "broadcast_in_dim: axes [1, 0] do not fit f32[3]");
            add(to(&[2, 3], &[2]), &["f32[3]"], "c4", "broadcast_in_dim: axis 2 is out of range for rank 2");
            add(to(&[3, 3], &[1, 1]), &["f32[3, 3]"], "c4", "broadcast_in_dim: axis 1 is named twice");
            let message = "broadcast_in_dim: f32[3] does not broadcast to f32[3, 2] at axis 1";
            add(to(&[3, 2], &[1]), &["f32[3]"], "c5", message);
            let message = "broadcast_in_dim: f32[0] does not broadcast to f32[1] at axis 0";
            add(to(&[1], &[0]), &["f32[0]"], "c5", message);
            add(to(&[-1], &[]), &["f32[]"], "c5", "broadcast_in_dim: size -1 is negative");
        }
        ShapeOp::Reshape { .. } => {
            let to = |sizes: &[i64]| ShapeOp::Reshape { dims: integer_dims(sizes) };
            add(to(&[4]), &["f32[2, 3]"], "c2", "reshape: f32[2, 3] has 6 elements, f32[4] has 4");
            add(to(&[]), &["f32[0]"], "c2", "reshape: f32[0] has 0 elements, f32[] has 1");
            add(to(&[-2, -3]), &["f32[6]"], "c2", "reshape: size -2 is negative");
        }
        ShapeOp::Transpose { .. } => {
            let by = |permutation: &[usize]| ShapeOp::Transpose { permutation: permutation.to_vec() };
            let message = "transpose: permutation [0] does not fit f32[2, 3] of rank 2";
            add(by(&[0]), &["f32[2, 3]"], "c2", message);
            add(by(&[0, 2]), &["f32[2, 3]"], "c2", "transpose: axis 2 is out of range for rank 2");
            add(by(&[1, 1]), &["f32[2, 3]"], "c2", "transpose: axis 1 is named twice");
        }
        ShapeOp::Slice { .. } => {
            let slice = |start: &[i64], limit: &[i64], strides: &[i64]| ShapeOp::Slice {
                start: integer_dims(start),
                limit: integer_dims(limit),
                strides: strides.to_vec(),
            };
            let message = "slice: 1 starts, 2 limits and 1 strides for f32[7]";
            add(slice(&[0], &[1, 2], &[1]), &["f32[7]"], "c2", message);
            add(slice(&[-1], &[3], &[1]), &["f32[7]"], "c3", "slice: -1..3 is not within axis 0 of f32[7]");
            add(slice(&[3], &[2], &[1]), &["f32[7]"], "c3", "slice: 3..2 is not within axis 0 of f32[7]");
            add(slice(&[0], &[8], &[1]), &["f32[7]"], "c3", "slice: 0..8 is not within axis 0 of f32[7]");
            add(slice(&[0], &[7], &[0]), &["f32[7]"], "c4", "slice: stride 0 of axis 0 is not positive");
            add(slice(&[0], &[7], &[-1]), &["f32[7]"], "c4", "slice: stride -1 of axis 0 is not positive");
        }
        ShapeOp::Concatenate { .. } => {
            let along = |axis| ShapeOp::Concatenate { axis };
            let message = "concatenate: dtypes differ: f32[2] and i32[2]";
            add(along(0), &["f32[2]", "i32[2]"], "c1", message);
            let message = "concatenate: f32[2, 3] and f32[2, 4] differ beside axis 0";
            add(along(0), &["f32[2, 3]", "f32[2, 4]"], "c2", message);
            add(along(0), &["f32[2]", "f32[2, 4]"], "c2", "concatenate: f32[2] and f32[2, 4] differ beside axis 0");
            add(along(0), &[], "c3", "concatenate: takes at least one operand");
            add(along(1), &["f32[2]"], "c4", "concatenate: axis 1 is out of range for f32[2]");
        }
        ShapeOp::Pad { .. } => {
            let pad = |low: &[i64], high: &[i64], interior: &[i64]| ShapeOp::Pad {
                low: integer_dims(low),
                high: integer_dims(high),
                interior: interior.to_vec(),
            };
            add(pad(&[0], &[0], &[0]), &["f32[5]", "f64[]"], "c1", "pad: dtypes differ: f32[5] and f64[]");
            let message = "pad: the padding value f32[1] is not a scalar";
            add(pad(&[0], &[0], &[0]), &["f32[5]", "f32[1]"], "c1", message);
            let message = "pad: 2 low, 1 high and 1 interior paddings for f32[5]";
            add(pad(&[0, 0], &[0], &[0]), &["f32[5]", "f32[]"], "c2", message);
            add(pad(&[0], &[0], &[-1]), &["f32[5]", "f32[]"], "c3", "pad: interior padding -1 is negative");
            add(pad(&[-4], &[-2], &[0]), &["f32[5]", "f32[]"], "c4", "pad: axis 0 of f32[5] becomes -1");
        }
        ShapeOp::BitcastConvert { .. } => {
            let to = |dtype| ShapeOp::BitcastConvert { dtype };
            add(to(DType::Bool), &["u8[3]"], "c1", "bitcast_convert: does not take u8[3] to bool");
            add(to(DType::U8), &["bool[3]"], "c1", "bitcast_convert: does not take bool[3] to u8");
            add(to(DType::F32), &["u8[3]"], "c2", "bitcast_convert: does not take u8[3] to f32");
            add(to(DType::F32), &["u8[]"], "c2", "bitcast_convert: does not take u8[] to f32");
        }
        ShapeOp::Reverse { .. } => {
            let along = |axes: &[usize]| ShapeOp::Reverse { axes: axes.to_vec() };
            add(along(&[1]), &["f32[5]"], "c2", "reverse: axis 1 is out of range for rank 1");
            add(along(&[0, 0]), &["f32[5]"], "c2", "reverse: axis 0 is named twice");
        }
    }
}
