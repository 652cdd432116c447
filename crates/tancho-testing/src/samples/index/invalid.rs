//! Operands that these ops do not take.

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Op};
use tancho_tensor::DType;

use super::super::fold::{binary, compare};
use super::super::{Invalid, dims, integer_dims, typed};
use super::{row_updates, rows, sort};

pub(in crate::samples) fn add_invalid(samples: &mut Vec<Invalid>, op: &IndexOp) {
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
