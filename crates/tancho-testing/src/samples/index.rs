//! Samples of computed places. Indices are of all integer dtypes; seeded ones mostly lie outside of the operand.

use std::sync::Arc;

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Graph, Op, TensorType};
use tancho_tensor::DType;

use super::control::graph;
use super::fold::{binary, compare};
use super::{Invalid, Sample, dims, integer_dims, of, typed};

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

/// Scatters with the sizes of operand, indices and updates.
fn scatters(body: &Arc<Graph>) -> Vec<(ScatterOp, &'static [usize], &'static [usize], &'static [usize])> {
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

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &IndexOp) {
    let mut add = |op: IndexOp, operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Index(op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    match op {
        IndexOp::Gather(_) => {
            let mut gather = |op: GatherOp, indices, constraint, message| {
                add(IndexOp::Gather(op), &["f32[7, 5]", indices], constraint, message);
            };
            let message = "gather: 1 offset, collapsed and batching axes for f32[7, 5] of rank 2";
            gather(GatherOp { offset_dims: vec![], ..rows() }, "i32[4]", "c1", message);
            gather(rows(), "f32[4]", "c2", "gather: the indices are f32[4]");
            let message = "gather: index_vector_dim 2 is out of range for i32[4]";
            gather(GatherOp { index_vector_dim: 2, ..rows() }, "i32[4]", "c2", message);
            let message = "gather: index vectors have 2 elements, but start_index_map has 1";
            gather(rows(), "i32[4, 2]", "c3", message);
            let none = || GatherOp { collapsed_slice_dims: vec![], ..rows() };
            let message = "gather: offset_dims [2, 1] are not in order";
            gather(GatherOp { offset_dims: vec![2, 1], ..none() }, "i32[4]", "c4", message);
            let message = "gather: offset dim 1 is named twice";
            gather(GatherOp { offset_dims: vec![1, 1], ..none() }, "i32[4]", "c5", message);
            let op = GatherOp { collapsed_slice_dims: vec![2], ..rows() };
            gather(op, "i32[4]", "c6", "gather: collapsed or batching dim 2 is out of range for rank 2");
            let all = |axes: [usize; 2]| GatherOp {
                offset_dims: vec![],
                collapsed_slice_dims: axes.to_vec(),
                slice_sizes: dims(&[1, 1]),
                ..rows()
            };
            gather(all([1, 0]), "i32[4]", "c7", "gather: collapsed_slice_dims [1, 0] are not in order");
            let batching = |operand: [usize; 2], indices: &[usize]| GatherOp {
                offset_dims: vec![],
                collapsed_slice_dims: vec![],
                operand_batching_dims: operand.to_vec(),
                start_indices_batching_dims: indices.to_vec(),
                start_index_map: vec![],
                index_vector_dim: 2,
                slice_sizes: dims(&[1, 1]),
                ..rows()
            };
            let message = "gather: operand_batching_dims [1, 0] are not in order";
            gather(batching([1, 0], &[0, 1]), "i32[7, 5, 0]", "c10", message);
            let message = "gather: batching dim of the indices 1 is named twice";
            gather(batching([0, 1], &[1, 1]), "i32[7, 5, 0]", "c14", message);
            let message = "gather: index_vector_dim 2 is a batching dim";
            gather(batching([0, 1], &[1, 2]), "i32[7, 5, 0]", "c15", message);
            let message = "gather: batching dims differ in number: [0, 1] and [0]";
            gather(batching([0, 1], &[0]), "i32[7, 5, 0]", "c16", message);
            let message = "gather: batching sizes differ: f32[7, 5] has 5, i32[7, 6, 0] has 6";
            gather(batching([0, 1], &[0, 1]), "i32[7, 6, 0]", "c17", message);
            let message = "gather: start index 2 is out of range for rank 2";
            gather(GatherOp { start_index_map: vec![2], ..rows() }, "i32[4]", "c18", message);
            let message = "gather: 1 slice sizes for f32[7, 5]";
            gather(GatherOp { slice_sizes: dims(&[1]), ..rows() }, "i32[4]", "c20", message);
            let sized = |sizes: &[i64]| GatherOp { slice_sizes: integer_dims(sizes), ..rows() };
            gather(sized(&[1, 6]), "i32[4]", "c21", "gather: a slice of 6 does not fit axis 1 of f32[7, 5]");
            gather(sized(&[1, -1]), "i32[4]", "c21", "gather: a slice of -1 does not fit axis 1 of f32[7, 5]");
            gather(sized(&[2, 5]), "i32[4]", "c8", "gather: a slice of 2 cannot lose axis 0");
        }
        IndexOp::Scatter(_) => {
            let updates = || row_updates(binary("add", DType::F32));
            let operands = ["f32[7, 5]", "i32[4]", "f32[4, 5]"];
            let message = "scatter: takes tensors, indices and as many updates, but 2 operands are given";
            add(IndexOp::Scatter(updates()), &operands[..2], "i", message);
            let message = "scatter: the indices are f32[4]";
            add(IndexOp::Scatter(updates()), &["f32[7, 5]", "f32[4]", "f32[4, 5]"], "c4", message);
            let pairs = ["f32[7, 5]", "f32[7, 6]", "i32[4]", "f32[4, 5]", "f32[4, 5]"];
            let message = "scatter: shapes differ: f32[7, 5] and f32[7, 6]";
            add(IndexOp::Scatter(updates()), &pairs, "c1", message);
            let pairs = ["f32[7, 5]", "f32[7, 5]", "i32[4]", "f32[4, 5]", "f32[4, 6]"];
            let message = "scatter: shapes differ: f32[4, 5] and f32[4, 6]";
            add(IndexOp::Scatter(updates()), &pairs, "c3", message);
            let message = "scatter: dtypes differ: f32[7, 5] and f64[4, 5]";
            add(IndexOp::Scatter(updates()), &["f32[7, 5]", "i32[4]", "f64[4, 5]"], "c6", message);
            let mut scatter = |op: ScatterOp, operands: [&str; 3], constraint, message| {
                add(IndexOp::Scatter(op), &operands, constraint, message);
            };
            let message = "scatter: 1 window, inserted and batching axes for f32[7, 5] of rank 2";
            scatter(ScatterOp { inserted_window_dims: vec![], ..updates() }, operands, "c2", message);
            let message = "scatter: index_vector_dim 2 is out of range for i32[4]";
            scatter(ScatterOp { index_vector_dim: 2, ..updates() }, operands, "c22", message);
            let message = "scatter: index vectors have 2 elements, but scatter_dims_to_operand_dims has 1";
            scatter(updates(), ["f32[7, 5]", "i32[4, 2]", "f32[4, 5]"], "c19", message);
            let message = "scatter: updates f32[4] have not the rank of 1 index axes and the window";
            scatter(updates(), ["f32[7, 5]", "i32[4]", "f32[4]"], "c4", message);
            let none = |axes: [usize; 2]| ScatterOp {
                update_window_dims: axes.to_vec(),
                inserted_window_dims: vec![],
                ..updates()
            };
            let cube = ["f32[7, 5]", "i32[4]", "f32[4, 5, 3]"];
            scatter(none([2, 1]), cube, "c7", "scatter: update_window_dims [2, 1] are not in order");
            scatter(none([1, 1]), cube, "c8", "scatter: update window dim 1 is named twice");
            let op = ScatterOp { inserted_window_dims: vec![2], ..updates() };
            scatter(op, operands, "c9", "scatter: inserted or batching dim 2 is out of range for rank 2");
            let op = ScatterOp { update_window_dims: vec![], inserted_window_dims: vec![1, 0], ..updates() };
            let message = "scatter: inserted_window_dims [1, 0] are not in order";
            scatter(op, ["f32[7, 5]", "i32[4]", "f32[4]"], "c10", message);
            let message = "scatter: scatter dim 2 is out of range for rank 2";
            scatter(ScatterOp { scatter_dims_to_operand_dims: vec![2], ..updates() }, operands, "c20", message);
            let message = "scatter: updates f32[4, 6] do not fit axis 1 of f32[7, 5]";
            scatter(updates(), ["f32[7, 5]", "i32[4]", "f32[4, 6]"], "c4", message);
            let message = "scatter: updates f32[3, 5] do not fit indices i32[4]";
            scatter(updates(), ["f32[7, 5]", "i32[4]", "f32[3, 5]"], "c4", message);
            let message = "scatter: @add is (f32[], f32[]) -> (f32[]), not (i8[], i8[]) -> (i8[])";
            scatter(updates(), ["i8[7, 5]", "i32[4]", "i8[4, 5]"], "c23", message);
        }
        IndexOp::DynamicSlice { .. } => {
            let slice = |sizes: &[i64]| IndexOp::DynamicSlice { sizes: integer_dims(sizes) };
            add(slice(&[2]), &[], "i", "dynamic_slice: takes an operand");
            let message = "dynamic_slice: 2 starts for f32[7] of rank 1";
            add(slice(&[2]), &["f32[7]", "i32[]", "i32[]"], "c2", message);
            let message = "dynamic_slice: 2 sizes for f32[7]";
            add(slice(&[2, 2]), &["f32[7]", "i32[]"], "c2", message);
            let message = "dynamic_slice: the start f32[] is no integer scalar";
            add(slice(&[2]), &["f32[7]", "f32[]"], "c3", message);
            let message = "dynamic_slice: the start i32[1] is no integer scalar";
            add(slice(&[2]), &["f32[7]", "i32[1]"], "c3", message);
            let message = "dynamic_slice: starts differ: i32[] and i64[]";
            add(slice(&[2, 2]), &["f32[7, 7]", "i32[]", "i64[]"], "c3", message);
            let message = "dynamic_slice: 8 elements do not fit axis 0 of f32[7]";
            add(slice(&[8]), &["f32[7]", "i32[]"], "c4", message);
            let message = "dynamic_slice: -1 elements do not fit axis 0 of f32[7]";
            add(slice(&[-1]), &["f32[7]", "i32[]"], "c4", message);
        }
        IndexOp::DynamicUpdateSlice => {
            let mut update = |operands: &[&str], constraint, message| {
                add(IndexOp::DynamicUpdateSlice, operands, constraint, message);
            };
            update(&["f32[7]"], "i", "dynamic_update_slice: takes at least 2 operands, but 1 are given");
            let message = "dynamic_update_slice: dtypes differ: f32[7] and f64[2]";
            update(&["f32[7]", "f64[2]", "i32[]"], "c2", message);
            let message = "dynamic_update_slice: ranks differ: f32[7] and f32[2, 1]";
            update(&["f32[7]", "f32[2, 1]", "i32[]"], "c3", message);
            let message = "dynamic_update_slice: 0 starts for f32[7] of rank 1";
            update(&["f32[7]", "f32[2]"], "c4", message);
            let message = "dynamic_update_slice: the start bool[] is no integer scalar";
            update(&["f32[7]", "f32[2]", "bool[]"], "c5", message);
            let message = "dynamic_update_slice: f32[8] does not fit f32[7]";
            update(&["f32[7]", "f32[8]", "i32[]"], "c6", message);
        }
        IndexOp::Sort { .. } => {
            let less = || compare("lt", DType::F32);
            add(sort(0, less()), &[], "c1", "sort: takes at least one operand");
            add(sort(0, less()), &["f32[3]", "i32[4]"], "c2", "sort: shapes differ: f32[3] and i32[4]");
            add(sort(1, less()), &["f32[3]"], "c4", "sort: axis 1 is out of range for f32[3]");
            let message = "sort: @lt is (f32[], f32[]) -> (bool[]), not (i32[], i32[]) -> (bool[])";
            add(sort(0, less()), &["i32[3]"], "c5", message);
            let message = "sort: @add is (f32[], f32[]) -> (f32[]), not (f32[], f32[]) -> (bool[])";
            add(sort(0, binary("add", DType::F32)), &["f32[3]"], "c5", message);
        }
        IndexOp::TopK { .. } => {
            let top = |k| IndexOp::TopK { k: Dim::known(k) };
            add(top(1), &["f32[]"], "c1", "top_k: the 1 largest of the last axis of f32[]");
            add(top(4), &["f32[7, 3]"], "c1", "top_k: the 4 largest of the last axis of f32[7, 3]");
            add(top(-1), &["f32[7, 3]"], "c1", "top_k: the -1 largest of the last axis of f32[7, 3]");
        }
    }
}
