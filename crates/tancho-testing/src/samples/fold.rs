//! Samples of folds with bodies of all kinds: one op, several, constants, several accumulators, a call within.

use std::sync::Arc;

use tancho_ir::ops::{FoldOp, WindowAxis};
use tancho_ir::{Dim, Graph, Op, TensorType};
use tancho_tensor::DType;

use super::control::graph;
use super::{Invalid, Sample, of, typed};

/// One of every op: each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<FoldOp> {
    let first = FoldOp::Reduce { axes: vec![0], body: binary("add", DType::F32) };
    std::iter::successors(Some(first), |op| {
        let window = || vec![of_size(2)];
        let add = || binary("add", DType::F32);
        Some(match op {
            FoldOp::Reduce { .. } => FoldOp::ReduceWindow { window: window(), body: add() },
            FoldOp::ReduceWindow { .. } => {
                FoldOp::SelectAndScatter { window: window(), select: compare("ge", DType::F32), scatter: add() }
            }
            FoldOp::SelectAndScatter { .. } => FoldOp::Scan { axis: 0, reverse: false, body: add() },
            FoldOp::Scan { .. } => return None,
        })
    })
    .collect()
}

fn of_size(size: i64) -> WindowAxis {
    WindowAxis::of_size(Dim::known(size))
}

/// A body that is one op.
pub(super) fn binary(op: &str, dtype: DType) -> Arc<Graph> {
    graph(&format!(
        "func @{op}(%x: {dtype}[], %y: {dtype}[]) -> {dtype}[] {{ %0 = {op} %x, %y : {dtype}[] return %0 }}"
    ))
}

/// A comparison as a body.
pub(super) fn compare(direction: &str, dtype: DType) -> Arc<Graph> {
    graph(&format!(
        "func @{direction}(%x: {dtype}[], %y: {dtype}[]) -> bool[] {{
           %0 = compare %x, %y, {direction} : bool[]
           return %0
         }}"
    ))
}

/// Bodies of two parameters that are not one op, for `f32`.
const BODIES: [&str; 4] = [
    // The order of the elements matters.
    "func @horner(%sum: f32[], %x: f32[]) -> f32[] {
       %0 = constant 0.75 : f32[]
       %1 = multiply %sum, %0 : f32[]
       %2 = subtract %x, %1 : f32[]
       return %2
     }",
    // The last element.
    "func @second(%sum: f32[], %x: f32[]) -> f32[] { return %x }",
    // Other dtypes on the way.
    "func @count(%sum: f32[], %x: f32[]) -> f32[] {
       %0 = constant 0.5 : f32[]
       %1 = compare %x, %0, gt : bool[]
       %2 = convert %1 : i32[]
       %3 = convert %2 : f32[]
       %4 = add %sum, %3 : f32[]
       return %4
     }",
    // A call, and ops that are not elementwise.
    "func @double(%x: f32[]) -> f32[] { %0 = add %x, %x : f32[] return %0 }
     func @nested(%sum: f32[], %x: f32[]) -> f32[] {
       %0 = call @double(%x) : f32[]
       %1 = reshape %0 : f32[]
       %2 = reduce_sum %1, axes=[] : f32[]
       %3 = subtract %2, %sum : f32[]
       return %3
     }",
];

/// The larger value and its index, of which the smaller one wins among equal values.
fn argmax() -> Arc<Graph> {
    graph(
        "func @argmax(%x: f32[], %i: i32[], %y: f32[], %j: i32[]) -> (f32[], i32[]) {
           %0 = compare %x, %y, gt : bool[]
           %1 = compare %x, %y, eq : bool[]
           %2 = compare %i, %j, lt : bool[]
           %3 = and %1, %2 : bool[]
           %4 = or %0, %3 : bool[]
           %5 = select %4, %x, %y : f32[]
           %6 = select %4, %i, %j : i32[]
           return %5, %6
         }",
    )
}

/// Sums of three operands that depend on each other.
fn mixed() -> Arc<Graph> {
    graph(
        "func @mixed(%a: f32[], %b: u8[], %c: f64[], %x: f32[], %y: u8[], %z: f64[]) -> (f32[], u8[], f64[]) {
           %0 = convert %b : f32[]
           %1 = add %x, %0 : f32[]
           %2 = xor %b, %y : u8[]
           %3 = convert %a : f64[]
           %4 = maximum %3, %z : f64[]
           %5 = subtract %4, %c : f64[]
           return %1, %2, %5
         }",
    )
}

/// Sizes and folded axes.
const REDUCTIONS: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[0], &[0]),
    (&[1], &[0]),
    (&[7], &[0]),
    (&[7], &[]),
    (&[1031], &[0]),
    (&[3, 5], &[1]),
    (&[3, 5], &[0]),
    (&[3, 5], &[1, 0]),
    (&[3, 0], &[1]),
    (&[3, 0], &[0]),
    (&[67, 33], &[1]),
    (&[67, 33], &[0]),
    (&[2, 3, 5], &[1]),
    (&[2, 3, 5], &[2, 0]),
    (&[2, 1, 2, 3, 1, 2], &[1, 2, 4, 5]),
];

/// A window for each axis: size, stride, low and high padding, dilation of the operand and of the window.
type Windows = &'static [(i64, i64, [i64; 2], [i64; 2])];
const WINDOWS: &[(&[usize], Windows)] = &[
    (&[], &[]),
    (&[7], &[(1, 1, [0, 0], [1, 1])]),
    (&[7], &[(3, 1, [0, 0], [1, 1])]),
    (&[7], &[(3, 2, [1, 1], [1, 1])]),
    (&[7], &[(7, 1, [6, 0], [1, 1])]),
    (&[7], &[(8, 1, [0, 0], [1, 1])]),
    (&[7], &[(2, 3, [-1, -2], [1, 1])]),
    (&[7], &[(3, 1, [0, 0], [1, 2])]),
    (&[7], &[(3, 1, [0, 0], [3, 1])]),
    (&[7], &[(2, 2, [2, -3], [2, 3])]),
    (&[0], &[(2, 1, [1, 2], [1, 1])]),
    (&[0], &[(2, 1, [0, 0], [1, 1])]),
    (&[1031], &[(5, 4, [2, 2], [1, 1])]),
    (&[6, 8], &[(2, 2, [0, 0], [1, 1]), (2, 2, [0, 0], [1, 1])]),
    (&[6, 8], &[(3, 1, [1, 1], [1, 1]), (1, 1, [0, 0], [1, 1])]),
    (&[5, 6], &[(3, 2, [1, 0], [2, 1]), (2, 1, [0, 1], [1, 2])]),
    (&[2, 9, 8, 3], &[(1, 1, [0, 0], [1, 1]), (3, 2, [1, 1], [1, 1]), (2, 2, [0, 0], [1, 1]), (1, 1, [0, 0], [1, 1])]),
];

fn windows(axes: Windows) -> Vec<WindowAxis> {
    let axis = |&(size, stride, [low, high], [base_dilation, dilation]): &(i64, i64, [i64; 2], [i64; 2])| WindowAxis {
        size: Dim::known(size),
        stride,
        low: Dim::known(low),
        high: Dim::known(high),
        base_dilation,
        dilation,
    };
    axes.iter().map(axis).collect()
}

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &FoldOp) {
    let mut add = |op: FoldOp, operands: &[TensorType]| samples.push(Sample::new(Op::Fold(op), operands.to_vec()));
    let scalar = TensorType::scalar;
    match op {
        FoldOp::Reduce { .. } => {
            for (sizes, axes) in REDUCTIONS {
                let reduce = |body| FoldOp::Reduce { axes: axes.to_vec(), body };
                for dtype in DType::ALL {
                    add(reduce(binary("add", dtype)), &[of(dtype, sizes), scalar(dtype)]);
                }
                for text in BODIES {
                    add(reduce(graph(text)), &[of(DType::F32, sizes), scalar(DType::F32)]);
                }
                let operands = |dtypes: &[DType]| -> Vec<TensorType> {
                    let tensors = dtypes.iter().map(|&dtype| of(dtype, sizes));
                    tensors.chain(dtypes.iter().map(|&dtype| scalar(dtype))).collect()
                };
                add(reduce(argmax()), &operands(&[DType::F32, DType::I32]));
                add(reduce(mixed()), &operands(&[DType::F32, DType::U8, DType::F64]));
            }
        }
        FoldOp::ReduceWindow { .. } => {
            for (sizes, axes) in WINDOWS {
                let fold = |body| FoldOp::ReduceWindow { window: windows(axes), body };
                for dtype in DType::ALL {
                    add(fold(binary("add", dtype)), &[of(dtype, sizes), scalar(dtype)]);
                    add(fold(binary("maximum", dtype)), &[of(dtype, sizes), scalar(dtype)]);
                }
                for text in BODIES {
                    add(fold(graph(text)), &[of(DType::F32, sizes), scalar(DType::F32)]);
                }
                let pair = [of(DType::F32, sizes), of(DType::I32, sizes), scalar(DType::F32), scalar(DType::I32)];
                add(fold(argmax()), &pair);
            }
        }
        FoldOp::SelectAndScatter { .. } => {
            for (sizes, axes) in WINDOWS {
                if axes.iter().any(|(_, _, _, dilations)| *dilations != [1, 1]) {
                    continue;
                }
                let window = windows(axes);
                let places = window.iter().zip(*sizes).map(|(axis, &size)| axis.positions(&Dim::from(size)));
                let source = |dtype| TensorType { dtype, dims: places.clone().collect() };
                for dtype in DType::ALL {
                    let op = FoldOp::SelectAndScatter {
                        window: window.clone(),
                        select: compare("ge", dtype),
                        scatter: binary("add", dtype),
                    };
                    add(op, &[of(dtype, sizes), source(dtype), scalar(dtype)]);
                }
                let op = FoldOp::SelectAndScatter {
                    window: window.clone(),
                    select: compare("lt", DType::F32),
                    scatter: graph(BODIES[0]),
                };
                add(op, &[of(DType::F32, sizes), source(DType::F32), scalar(DType::F32)]);
            }
        }
        FoldOp::Scan { .. } => {
            for sizes in [&[0][..], &[1], &[7], &[1031], &[3, 5], &[3, 0], &[67, 33], &[2, 3, 5]] {
                for axis in 0..sizes.len() {
                    for reverse in [false, true] {
                        let scan = |body| FoldOp::Scan { axis, reverse, body };
                        for dtype in DType::ALL {
                            add(scan(binary("add", dtype)), &[of(dtype, sizes), scalar(dtype)]);
                        }
                        for text in BODIES {
                            add(scan(graph(text)), &[of(DType::F32, sizes), scalar(DType::F32)]);
                        }
                        let dtypes = [DType::F32, DType::U8, DType::F64];
                        let tensors = dtypes.map(|dtype| of(dtype, sizes));
                        add(scan(mixed()), &[tensors, dtypes.map(scalar)].concat());
                    }
                }
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &FoldOp) {
    let mut add = |op: FoldOp, operands: &[&str]| {
        samples.push(Sample::new(Op::Fold(op), operands.iter().map(|text| typed(text))));
    };
    let sum = || binary("add", DType::F32);
    let one = || of_size(1);
    match op {
        FoldOp::Reduce { .. } => {
            add(FoldOp::Reduce { axes: vec![1], body: sum() }, &["f32[?n, ?m, 3]", "f32[]"]);
            let operands = ["f32[?n, 4]", "i32[?m, 4]", "f32[]", "i32[]"];
            add(FoldOp::Reduce { axes: vec![0], body: argmax() }, &operands);
        }
        FoldOp::ReduceWindow { .. } => {
            let strided = WindowAxis { stride: 2, high: Dim::ONE, ..of_size(3) };
            let wide = WindowAxis { base_dilation: 2, dilation: 3, ..WindowAxis::of_size(Dim::symbol("k")) };
            let window = vec![one(), strided, wide];
            add(FoldOp::ReduceWindow { window, body: sum() }, &["f32[?n, ?m, ?k]", "f32[]"]);
        }
        FoldOp::SelectAndScatter { .. } => {
            let window = vec![one(), WindowAxis { stride: 2, ..of_size(2) }];
            let op = FoldOp::SelectAndScatter { window, select: compare("ge", DType::F32), scatter: sum() };
            add(op, &["f32[?n, ?m]", "f32[?n, ?k]", "f32[]"]);
        }
        FoldOp::Scan { .. } => {
            add(FoldOp::Scan { axis: 1, reverse: true, body: sum() }, &["f32[?n, ?m + 1]", "f32[]"]);
        }
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &FoldOp) {
    let mut add = |op: FoldOp, operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Fold(op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    let sum = || binary("add", DType::F32);
    match op {
        FoldOp::Reduce { .. } => {
            let reduce = |axes: &[usize]| FoldOp::Reduce { axes: axes.to_vec(), body: sum() };
            let message = "reduce: takes as many tensors as initial scalars, but 3 operands are given";
            add(reduce(&[0]), &["f32[3]", "f32[3]", "f32[]"], "i", message);
            let message = "reduce: takes as many tensors as initial scalars, but 0 operands are given";
            add(reduce(&[0]), &[], "i", message);
            let operands = ["f32[3]", "i32[4]", "f32[]", "i32[]"];
            let op = FoldOp::Reduce { axes: vec![0], body: argmax() };
            add(op, &operands, "c1", "reduce: shapes differ: f32[3] and i32[4]");
            let message = "reduce: the initial value f32[1] is not a scalar of f32";
            add(reduce(&[0]), &["f32[3]", "f32[1]"], "c3", message);
            let message = "reduce: the initial value f64[] is not a scalar of f32";
            add(reduce(&[0]), &["f32[3]", "f64[]"], "c3", message);
            add(reduce(&[1]), &["f32[3]", "f32[]"], "c5", "reduce: axis 1 is out of range for rank 1");
            add(reduce(&[0, 0]), &["f32[3]", "f32[]"], "c5", "reduce: axis 0 is named twice");
            let message = "reduce: @add is (f32[], f32[]) -> (f32[]), not (i32[], i32[]) -> (i32[])";
            add(reduce(&[0]), &["i32[3]", "i32[]"], "c6", message);
            let array = graph(
                "func @array(%x: f32[], %y: f32[]) -> f32[] {
                   %0 = broadcast_in_dim %x, dims=[] : f32[3]
                   return %y
                 }",
            );
            let message = "reduce: @array is not over scalars alone: broadcast_in_dim gives f32[3]";
            let op = FoldOp::Reduce { axes: vec![0], body: array };
            add(op, &["f32[3]", "f32[]"], "c6", message);
        }
        FoldOp::ReduceWindow { .. } => {
            let fold = |window: &[WindowAxis]| FoldOp::ReduceWindow { window: window.to_vec(), body: sum() };
            let operands = ["f32[7]", "f32[]"];
            let message = "reduce_window: the window has 2 axes, but f32[7] has 1";
            add(fold(&[of_size(2), of_size(2)]), &operands, "c4", message);
            let message = "reduce_window: the window has size 0 along axis 0";
            add(fold(&[of_size(0)]), &operands, "c5", message);
            let window = WindowAxis { stride: 0, ..of_size(2) };
            add(fold(&[window]), &operands, "c7", "reduce_window: stride 0 of axis 0 is not positive");
            let window = WindowAxis { base_dilation: -1, ..of_size(2) };
            add(fold(&[window]), &operands, "c9", "reduce_window: base dilation -1 of axis 0 is not positive");
            let window = WindowAxis { dilation: 0, ..of_size(2) };
            add(fold(&[window]), &operands, "c11", "reduce_window: dilation 0 of axis 0 is not positive");
            let message = "reduce_window: @add is (f32[], f32[]) -> (f32[]), not (f64[], f64[]) -> (f64[])";
            add(fold(&[of_size(2)]), &["f64[7]", "f64[]"], "c13", message);
        }
        FoldOp::SelectAndScatter { .. } => {
            let fold = |window: WindowAxis, select, scatter| FoldOp::SelectAndScatter {
                window: vec![window],
                select,
                scatter,
            };
            let two = || of_size(2);
            let ge = || compare("ge", DType::F32);
            let message = "select_and_scatter: dtypes differ: f32[7] and f64[6]";
            add(fold(two(), ge(), sum()), &["f32[7]", "f64[6]", "f32[]"], "c1", message);
            let message = "select_and_scatter: shapes differ: f32[6] and f32[5]";
            add(fold(two(), ge(), sum()), &["f32[7]", "f32[5]", "f32[]"], "c2", message);
            let message = "select_and_scatter: the initial value i32[] is not a scalar of f32";
            add(fold(two(), ge(), sum()), &["f32[7]", "f32[6]", "i32[]"], "c3", message);
            let window = WindowAxis { dilation: 2, ..two() };
            let message = "select_and_scatter: the window is dilated";
            add(fold(window, ge(), sum()), &["f32[7]", "f32[5]", "f32[]"], "c4", message);
            let message = "select_and_scatter: @add is (f32[], f32[]) -> (f32[]), not (f32[], f32[]) -> (bool[])";
            add(fold(two(), sum(), sum()), &["f32[7]", "f32[6]", "f32[]"], "c9", message);
            let message = "select_and_scatter: @ge is (f32[], f32[]) -> (bool[]), not (f32[], f32[]) -> (f32[])";
            add(fold(two(), ge(), ge()), &["f32[7]", "f32[6]", "f32[]"], "c10", message);
        }
        FoldOp::Scan { .. } => {
            let scan = |axis| FoldOp::Scan { axis, reverse: false, body: sum() };
            let message = "scan: the initial value i32[] is not a scalar of f32";
            add(scan(0), &["f32[3]", "i32[]"], "c1", message);
            add(scan(1), &["f32[3]", "f32[]"], "c2", "scan: axis 1 is out of range for f32[3]");
            let message = "scan: @add is (f32[], f32[]) -> (f32[]), not (i8[], i8[]) -> (i8[])";
            add(scan(0), &["i8[3]", "i8[]"], "c3", message);
            add(scan(0), &["f32[3]"], "i", "scan: takes as many tensors as initial scalars, but 1 operands are given");
        }
    }
}
