//! Samples of computed places. Indices are of all integer dtypes; seeded ones mostly lie outside of the operand.

mod invalid;

use std::sync::Arc;

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Graph, Op, TensorType};
use tancho_tensor::DType;

use super::control::graph;
use super::fold::{binary, compare};
use super::{Sample, dims, of, typed};

pub(super) use invalid::add_invalid;

/// One of every op: each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<IndexOp> {
    std::iter::successors(Some(IndexOp::Gather(rows())), |op| {
        Some(match op {
            IndexOp::Gather(_) => IndexOp::Scatter(row_updates(binary("add", DType::F32))),
            IndexOp::Scatter(_) => IndexOp::DynamicSlice { sizes: dims(&[2]) },
            IndexOp::DynamicSlice { .. } => IndexOp::DynamicUpdateSlice,
            IndexOp::DynamicUpdateSlice => sort(0, compare("lt", DType::F32)),
            IndexOp::Sort { .. } => IndexOp::TopK { k: Dim::ONE },
            IndexOp::TopK { .. } => return None,
        })
    })
    .collect()
}

/// The rows of a matrix `[7, 5]` that a vector names.
fn rows() -> GatherOp {
    GatherOp {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: dims(&[1, 5]),
        ..GatherOp::default()
    }
}

/// Updates of rows of a matrix at places that a vector names.
fn row_updates(body: Arc<Graph>) -> ScatterOp {
    ScatterOp {
        update_window_dims: vec![1],
        inserted_window_dims: vec![0],
        input_batching_dims: vec![],
        scatter_indices_batching_dims: vec![],
        scatter_dims_to_operand_dims: vec![0],
        index_vector_dim: 1,
        indices_are_sorted: false,
        unique_indices: false,
        body,
    }
}

fn sort(axis: usize, comparator: Arc<Graph>) -> IndexOp {
    IndexOp::Sort { axis, stable: true, comparator }
}

/// A comparator for any dtype and ops `lt` or `gt`: NaN comes last, so that the order is one of all elements.
fn comparator(direction: &str, dtype: DType) -> Arc<Graph> {
    if !dtype.is_float() {
        return compare(direction, dtype);
    }
    graph(&format!(
        "func @{direction}(%x: {dtype}[], %y: {dtype}[]) -> bool[] {{
           %0 = compare %x, %y, {direction} : bool[]
           %1 = compare %x, %x, eq : bool[]
           %2 = compare %y, %y, ne : bool[]
           %3 = and %1, %2 : bool[]
           %4 = or %0, %3 : bool[]
           return %4
         }}"
    ))
}

/// Gathers with the sizes of operand and indices.
fn gathers() -> Vec<(GatherOp, &'static [usize], &'static [usize])> {
    let base = GatherOp::default;
    vec![
        // Elements of a vector.
        (
            GatherOp {
                collapsed_slice_dims: vec![0],
                start_index_map: vec![0],
                index_vector_dim: 1,
                slice_sizes: dims(&[1]),
                ..base()
            },
            &[7],
            &[67],
        ),
        // One slice; the index vector is a scalar.
        (
            GatherOp {
                offset_dims: vec![0],
                start_index_map: vec![0],
                index_vector_dim: 0,
                slice_sizes: dims(&[3]),
                ..base()
            },
            &[7],
            &[],
        ),
        // Rows, columns, and rows by a matrix of indices.
        (rows(), &[7, 5], &[4]),
        (rows(), &[7, 5], &[0]),
        (
            GatherOp {
                offset_dims: vec![0],
                collapsed_slice_dims: vec![1],
                start_index_map: vec![1],
                index_vector_dim: 1,
                slice_sizes: dims(&[7, 1]),
                ..base()
            },
            &[7, 5],
            &[4],
        ),
        (GatherOp { offset_dims: vec![2], index_vector_dim: 2, ..rows() }, &[7, 5], &[2, 3]),
        // Windows at pairs of places, the vectors along the last axis and along the first one.
        (
            GatherOp {
                offset_dims: vec![1, 2],
                start_index_map: vec![0, 1],
                index_vector_dim: 1,
                slice_sizes: dims(&[2, 3]),
                ..base()
            },
            &[5, 6],
            &[4, 2],
        ),
        (
            GatherOp {
                offset_dims: vec![0, 2],
                start_index_map: vec![1, 0],
                index_vector_dim: 0,
                slice_sizes: dims(&[2, 3]),
                indices_are_sorted: true,
                ..base()
            },
            &[5, 6],
            &[2, 4],
        ),
        // No index at all: the slice begins at 0.
        (GatherOp { offset_dims: vec![1], index_vector_dim: 1, slice_sizes: dims(&[2]), ..base() }, &[3], &[4, 0]),
        // Empty slices.
        (GatherOp { offset_dims: vec![1], slice_sizes: dims(&[1, 0]), ..rows() }, &[7, 5], &[4]),
        // Batches.
        (
            GatherOp {
                offset_dims: vec![2],
                collapsed_slice_dims: vec![1],
                operand_batching_dims: vec![0],
                start_indices_batching_dims: vec![0],
                start_index_map: vec![1],
                index_vector_dim: 2,
                slice_sizes: dims(&[1, 1, 4]),
                ..base()
            },
            &[3, 5, 6],
            &[3, 2],
        ),
        (
            GatherOp {
                offset_dims: vec![1],
                operand_batching_dims: vec![0, 2],
                start_indices_batching_dims: vec![2, 0],
                start_index_map: vec![1],
                index_vector_dim: 1,
                slice_sizes: dims(&[1, 2, 1]),
                ..base()
            },
            &[3, 5, 4],
            &[4, 1, 3],
        ),
    ]
}

/// A scatter with the sizes of operand, indices and updates.
type Scatter = (ScatterOp, &'static [usize], &'static [usize], &'static [usize]);

fn scatters(body: &Arc<Graph>) -> Vec<Scatter> {
    let base = || ScatterOp {
        update_window_dims: vec![],
        inserted_window_dims: vec![],
        input_batching_dims: vec![],
        scatter_indices_batching_dims: vec![],
        scatter_dims_to_operand_dims: vec![],
        index_vector_dim: 1,
        indices_are_sorted: false,
        unique_indices: false,
        body: body.clone(),
    };
    vec![
        // Elements of a vector, many of them at the same place.
        (
            ScatterOp { inserted_window_dims: vec![0], scatter_dims_to_operand_dims: vec![0], ..base() },
            &[7],
            &[67],
            &[67],
        ),
        // One window, which may lie across the end.
        (
            ScatterOp {
                update_window_dims: vec![0],
                scatter_dims_to_operand_dims: vec![0],
                index_vector_dim: 0,
                ..base()
            },
            &[7],
            &[],
            &[3],
        ),
        // Rows and columns.
        (row_updates(body.clone()), &[7, 5], &[4], &[4, 5]),
        (row_updates(body.clone()), &[7, 5], &[4], &[4, 3]),
        (row_updates(body.clone()), &[7, 5], &[0], &[0, 5]),
        (
            ScatterOp {
                update_window_dims: vec![0],
                inserted_window_dims: vec![1],
                scatter_dims_to_operand_dims: vec![1],
                ..base()
            },
            &[7, 5],
            &[4],
            &[7, 4],
        ),
        // Windows at pairs of places.
        (
            ScatterOp { update_window_dims: vec![1, 2], scatter_dims_to_operand_dims: vec![1, 0], ..base() },
            &[5, 6],
            &[4, 2],
            &[4, 2, 3],
        ),
        // No index at all: the updates begin at 0.
        (ScatterOp { update_window_dims: vec![1], ..base() }, &[3], &[4, 0], &[4, 2]),
        // Batches.
        (
            ScatterOp {
                update_window_dims: vec![2],
                inserted_window_dims: vec![1],
                input_batching_dims: vec![0],
                scatter_indices_batching_dims: vec![0],
                scatter_dims_to_operand_dims: vec![1],
                index_vector_dim: 2,
                ..base()
            },
            &[3, 5, 6],
            &[3, 2],
            &[3, 2, 4],
        ),
    ]
}

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &IndexOp) {
    let mut add = |op: IndexOp, operands: Vec<TensorType>| samples.push(Sample::new(Op::Index(op), operands));
    let integers = || DType::ALL.into_iter().filter(|dtype| dtype.is_integer());
    let scalars = |dtype, count| vec![TensorType::scalar(dtype); count];
    match op {
        IndexOp::Gather(_) => {
            for (op, operand, indices) in gathers() {
                for dtype in DType::ALL {
                    add(IndexOp::Gather(op.clone()), vec![of(dtype, operand), of(DType::I32, indices)]);
                }
                for index in integers() {
                    add(IndexOp::Gather(op.clone()), vec![of(DType::F32, operand), of(index, indices)]);
                }
            }
        }
        IndexOp::Scatter(_) => {
            let last = graph("func @last(%old: f32[], %new: f32[]) -> f32[] { return %new }");
            let both = graph(
                "func @both(%x: f32[], %i: i32[], %y: f32[], %j: i32[]) -> (f32[], i32[]) {
                   %0 = convert %i : f32[]
                   %1 = subtract %y, %0 : f32[]
                   %2 = add %i, %j : i32[]
                   return %1, %2
                 }",
            );
            let mut one = |body: Arc<Graph>, dtype, index| {
                for (op, operand, indices, updates) in scatters(&body) {
                    let operands = vec![of(dtype, operand), of(index, indices), of(dtype, updates)];
                    add(IndexOp::Scatter(op), operands);
                }
            };
            DType::ALL.into_iter().for_each(|dtype| one(binary("add", dtype), dtype, DType::I32));
            integers().for_each(|index| one(last.clone(), DType::F32, index));
            one(binary("maximum", DType::F32), DType::F32, DType::I64);
            for (op, operand, indices, updates) in scatters(&both) {
                let pair = |sizes| [of(DType::F32, sizes), of(DType::I32, sizes)];
                let operands = [&pair(operand)[..], &[of(DType::I32, indices)], &pair(updates)].concat();
                add(IndexOp::Scatter(op), operands);
            }
        }
        IndexOp::DynamicSlice { .. } => {
            for (operand, sizes) in SLICES {
                let slice = || IndexOp::DynamicSlice { sizes: dims(sizes) };
                for dtype in DType::ALL {
                    add(slice(), [vec![of(dtype, operand)], scalars(DType::I32, sizes.len())].concat());
                }
                for start in integers() {
                    add(slice(), [vec![of(DType::F32, operand)], scalars(start, sizes.len())].concat());
                }
            }
        }
        IndexOp::DynamicUpdateSlice => {
            for (operand, sizes) in SLICES {
                for dtype in DType::ALL {
                    let operands = vec![of(dtype, operand), of(dtype, sizes)];
                    add(IndexOp::DynamicUpdateSlice, [operands, scalars(DType::I32, sizes.len())].concat());
                }
                for start in integers() {
                    let operands = vec![of(DType::F32, operand), of(DType::F32, sizes)];
                    add(IndexOp::DynamicUpdateSlice, [operands, scalars(start, sizes.len())].concat());
                }
            }
        }
        IndexOp::Sort { .. } => {
            // The keys are doubled, so that many are equal, and the second operand shows that the sort is stable.
            let by_sign = graph(
                "func @by_sign(%x: i8[], %y: i8[], %i: f32[], %j: f32[]) -> bool[] {
                   %0 = sign %x : i8[]
                   %1 = sign %y : i8[]
                   %2 = compare %0, %1, lt : bool[]
                   return %2
                 }",
            );
            for sizes in [&[0][..], &[1], &[2], &[7], &[1031], &[3, 5], &[5, 3], &[3, 0], &[2, 33, 3]] {
                for axis in 0..sizes.len() {
                    for dtype in DType::ALL {
                        add(sort(axis, comparator("lt", dtype)), vec![of(dtype, sizes)]);
                    }
                    add(sort(axis, comparator("gt", DType::F32)), vec![of(DType::F32, sizes)]);
                    add(sort(axis, by_sign.clone()), vec![of(DType::I8, sizes), of(DType::F32, sizes)]);
                }
            }
        }
        IndexOp::TopK { .. } => {
            for (sizes, k) in [(&[0][..], 0), (&[1], 1), (&[7], 0), (&[7], 3), (&[7], 7), (&[1031], 10)] {
                for dtype in DType::ALL {
                    add(IndexOp::TopK { k: Dim::known(k) }, vec![of(dtype, sizes)]);
                    let matrix = [&[3], sizes].concat();
                    add(IndexOp::TopK { k: Dim::known(k) }, vec![of(dtype, &matrix)]);
                }
            }
        }
    }
}

/// Sizes of an operand and of a slice.
const SLICES: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[7], &[3]),
    (&[7], &[7]),
    (&[7], &[0]),
    (&[0], &[0]),
    (&[1031], &[67]),
    (&[3, 5], &[2, 2]),
    (&[3, 5], &[1, 5]),
    (&[2, 1, 2, 3, 1, 2], &[1, 1, 2, 2, 1, 1]),
];

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &IndexOp) {
    let mut add = |op: IndexOp, operands: &[&str]| {
        samples.push(Sample::new(Op::Index(op), operands.iter().map(|text| typed(text))));
    };
    let sizes = |text: &str| typed(&format!("f32[{text}]")).dims;
    let sum = || binary("add", DType::F32);
    match op {
        IndexOp::Gather(_) => {
            add(IndexOp::Gather(GatherOp { slice_sizes: sizes("1, ?m"), ..rows() }), &["f32[?n, ?m]", "i32[?k]"]);
            add(IndexOp::Gather(rows()), &["f32[?n, ?m]", "i64[2*?k + 1]"]);
        }
        IndexOp::Scatter(_) => {
            add(IndexOp::Scatter(row_updates(sum())), &["f32[?n, ?m]", "i32[?k]", "f32[?l, ?m]"]);
        }
        IndexOp::DynamicSlice { .. } => {
            add(IndexOp::DynamicSlice { sizes: sizes("3, ?m") }, &["f32[?n, ?m]", "i32[]", "i32[]"]);
        }
        IndexOp::DynamicUpdateSlice => {
            add(IndexOp::DynamicUpdateSlice, &["f32[?n, ?m]", "f32[?k, 1]", "i64[]", "i64[]"]);
        }
        IndexOp::Sort { .. } => {
            let by_first = graph(
                "func @by_first(%x: f32[], %y: f32[], %i: i32[], %j: i32[]) -> bool[] {
                   %0 = compare %x, %y, lt : bool[]
                   return %0
                 }",
            );
            add(sort(1, by_first), &["f32[?n, ?m]", "i32[?n, ?k]"]);
        }
        IndexOp::TopK { .. } => {
            add(IndexOp::TopK { k: Dim::known(5) }, &["f32[?n, ?m]"]);
            add(IndexOp::TopK { k: sizes("floordiv(?n, 2)").remove(0) }, &["f32[?n]"]);
        }
    }
}
