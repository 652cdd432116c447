//! What the samples of the ops do not have: bodies of several operands, windows that are laid out, places that windows
//! leave, sizes that are not known.

use std::sync::Arc;

use tancho_interp::interpret;
use tancho_ir::ops::{FoldOp, IndexOp, ScatterOp, WindowAxis};
use tancho_ir::{Dim, Graph, Op, TensorType, parse, verify};
use tancho_tensor::{Array, DType};
use tancho_testing::gradcheck::{
    GradientError, check_forward, check_gradient, float_parameters, gradient_at, has_finite_differences, point,
    units_apart, widen,
};
use tancho_testing::samples::{Sample, symbolic_samples};

use crate::compiled::{compile, run};

fn body(text: &str) -> Arc<Graph> {
    Arc::new(parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// A body that is one op.
fn binary(op: &str) -> Arc<Graph> {
    body(&format!("func @{op}(%a: f64[], %b: f64[]) -> f64[] {{ %0 = {op} %a, %b : f64[] return %0 }}"))
}

/// Everything that is to be had of a gradient: its value, forward mode, its own gradient, and that it compiles.
#[track_caller]
fn check_at(graph: &Graph, arguments: &[Array], seed: u64) {
    let ok = |what: &str, result: Result<(), GradientError>| {
        result.unwrap_or_else(|error| panic!("{what}: {error}\n{graph}"));
    };
    ok("the gradient", check_gradient(graph, arguments, seed));
    ok("forward mode", check_forward(graph, arguments, seed));
    let gradient = gradient_at(graph, arguments, seed).unwrap_or_else(|error| panic!("{error}"));
    ok("the second gradient", check_gradient(&gradient.graph, &gradient.arguments, seed));
    let expected = interpret(&gradient.graph, &gradient.arguments).unwrap_or_else(|error| panic!("{error}"));
    let found = run(&compile(&gradient.graph, true), &gradient.arguments);
    for (found, expected) in found.iter().zip(&expected) {
        let units = units_apart(found, expected, expected.dtype());
        assert!(units < 32.0, "compiled {units} units apart:\n{found}\n{expected}\n{}", gradient.graph);
    }
}

#[track_caller]
fn check(op: impl Into<Op>, operands: &[TensorType]) {
    let sample = Sample { op: op.into(), operands: operands.to_vec() };
    let graph = sample.graph();
    for seed in 1..4 {
        check_at(&graph, &point(operands, seed), seed);
    }
}

fn floats(sizes: &[usize]) -> TensorType {
    TensorType::new(DType::F64, sizes.iter().copied())
}

fn scalar() -> TensorType {
    TensorType::scalar(DType::F64)
}

/// Bodies of one operand, of all kinds.
fn bodies() -> Vec<Arc<Graph>> {
    let texts = [
        // A logarithm of sums of exponentials, as it is accumulated.
        "func @logaddexp(%a: f64[], %b: f64[]) -> f64[] {
           %0 = maximum %a, %b : f64[]
           %1 = subtract %a, %b : f64[]
           %2 = abs %1 : f64[]
           %3 = negate %2 : f64[]
           %4 = exponential %3 : f64[]
           %5 = log_plus_one %4 : f64[]
           %6 = add %0, %5 : f64[]
           return %6 }",
        "func @wave(%a: f64[], %b: f64[]) -> f64[] {
           %0 = sine %a : f64[]
           %1 = multiply %0, %b : f64[]
           %2 = add %1, %b : f64[]
           return %2 }",
        "func @first(%a: f64[], %b: f64[]) -> f64[] { return %a }",
        "func @constant(%a: f64[], %b: f64[]) -> f64[] { %0 = constant 2.0 : f64[] return %0 }",
        // The branch of a body.
        "func @double(%a: f64[], %b: f64[]) -> f64[] { %0 = add %a, %b : f64[] %1 = add %0, %b : f64[] return %1 }
         func @less(%a: f64[], %b: f64[]) -> f64[] { %0 = multiply %a, %b : f64[] return %0 }
         func @branch(%a: f64[], %b: f64[]) -> f64[] {
           %0 = constant 0.0 : f64[]
           %1 = compare %b, %0, lt : bool[]
           %2 = case %1, %a, %b, branches=[@double, @less] : f64[]
           return %2 }",
    ];
    let ops = ["multiply", "maximum", "minimum", "add"].map(binary);
    texts.iter().map(|text| body(text)).chain(ops).collect()
}

/// Two floats and an integer that depend on each other.
fn three() -> Arc<Graph> {
    body(
        "func @three(%a: f64[], %b: f64[], %i: i32[], %x: f64[], %y: f64[], %j: i32[]) -> (f64[], f64[], i32[]) {
           %0 = multiply %a, %y : f64[]
           %1 = add %0, %x : f64[]
           %2 = sine %b : f64[]
           %3 = convert %i : f64[]
           %4 = multiply %x, %3 : f64[]
           %5 = subtract %2, %4 : f64[]
           %6 = constant 3 : i32[]
           %7 = add %i, %j : i32[]
           %8 = remainder %7, %6 : i32[]
           return %1, %5, %8 }",
    )
}

fn window(stride: i64, [low, high]: [i64; 2], [base_dilation, dilation]: [i64; 2], size: i64) -> WindowAxis {
    let [size, low, high] = [size, low, high].map(Dim::known);
    WindowAxis { size, stride, low, high, base_dilation, dilation }
}

#[test]
fn folds_with_any_body() {
    for body in bodies() {
        for axes in [vec![], vec![0], vec![1], vec![2, 0]] {
            check(FoldOp::Reduce { axes, body: body.clone() }, &[floats(&[2, 3, 4]), scalar()]);
        }
        for reverse in [false, true] {
            check(FoldOp::Scan { axis: 1, reverse, body: body.clone() }, &[floats(&[2, 5, 3]), scalar()]);
            check(FoldOp::Scan { axis: 0, reverse, body: body.clone() }, &[floats(&[0]), scalar()]);
        }
        check(FoldOp::Reduce { axes: vec![0], body: body.clone() }, &[floats(&[0, 2]), scalar()]);
    }
}

#[test]
fn folds_of_several_operands() {
    let of = |sizes: &[usize]| {
        let tensors = [floats(sizes), floats(sizes), TensorType::new(DType::I32, sizes.iter().copied())];
        [&tensors[..], &[scalar(), scalar(), TensorType::scalar(DType::I32)]].concat()
    };
    check(FoldOp::Reduce { axes: vec![1], body: three() }, &of(&[3, 5]));
    check(FoldOp::Scan { axis: 1, reverse: false, body: three() }, &of(&[3, 5]));
    check(FoldOp::Scan { axis: 0, reverse: true, body: three() }, &of(&[3, 5]));
    check(FoldOp::ReduceWindow { window: vec![window(2, [1, 1], [1, 1], 3)], body: three() }, &of(&[7]));
}

#[test]
fn windows_with_any_body() {
    let windows = [
        vec![window(1, [0, 0], [1, 1], 1), window(2, [1, 1], [1, 1], 3)],
        vec![window(2, [0, -1], [2, 1], 2), window(1, [3, 2], [1, 2], 2)],
        vec![window(1, [-1, 0], [1, 1], 2), window(3, [2, 4], [1, 1], 2)],
    ];
    for body in bodies() {
        for window in &windows {
            check(FoldOp::ReduceWindow { window: window.clone(), body: body.clone() }, &[floats(&[4, 5]), scalar()]);
        }
    }
}

#[test]
fn scatters_with_any_known_body() {
    let new = body("func @new(%a: f64[], %b: f64[]) -> f64[] { return %b }");
    let old = body("func @old(%a: f64[], %b: f64[]) -> f64[] { return %a }");
    let bodies = ["add", "multiply", "maximum", "minimum"].map(binary).into_iter().chain([new, old]);
    let op = |body: &Arc<Graph>| ScatterOp {
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
    let indices = |dtype: DType, sizes: &[usize]| TensorType::new(dtype, sizes.iter().copied());
    for body in bodies {
        // Elements, some of them at one place and some outside.
        let elements = ScatterOp { inserted_window_dims: vec![0], scatter_dims_to_operand_dims: vec![0], ..op(&body) };
        for dtype in [DType::I32, DType::I8, DType::U8, DType::U64] {
            check(IndexOp::Scatter(elements.clone()), &[floats(&[5]), indices(dtype, &[9]), floats(&[9])]);
        }
        // Windows that lie across the ends, and one axis along which they do not.
        let wide = ScatterOp { update_window_dims: vec![1, 2], scatter_dims_to_operand_dims: vec![1, 0], ..op(&body) };
        for dtype in [DType::I32, DType::I8, DType::U16] {
            let operands = [floats(&[6, 5]), indices(dtype, &[4, 2]), floats(&[4, 3, 2])];
            check(IndexOp::Scatter(wide.clone()), &operands);
        }
        let mixed = ScatterOp {
            update_window_dims: vec![1],
            inserted_window_dims: vec![1],
            scatter_dims_to_operand_dims: vec![0, 1],
            ..op(&body)
        };
        check(IndexOp::Scatter(mixed), &[floats(&[6, 5]), indices(DType::I32, &[7, 2]), floats(&[7, 2])]);
        let batched = ScatterOp {
            update_window_dims: vec![2],
            inserted_window_dims: vec![1],
            input_batching_dims: vec![0],
            scatter_indices_batching_dims: vec![1],
            scatter_dims_to_operand_dims: vec![1],
            index_vector_dim: 2,
            ..op(&body)
        };
        check(IndexOp::Scatter(batched), &[floats(&[2, 5, 3]), indices(DType::I64, &[4, 2]), floats(&[4, 2, 3])]);
    }
}

/// Sizes that are not known while the gradient is made, at sizes for which the sample's constraints hold.
#[test]
fn gradients_of_unknown_sizes_are_the_slopes_of_differences() {
    let mut checked = 0;
    for sample in symbolic_samples() {
        if !has_finite_differences(&sample.op) || verify(&sample.graph()).is_err() {
            continue;
        }
        let graph = widen(&sample.graph());
        if float_parameters(&graph).is_empty() {
            continue;
        }
        for size in [4, 3, 28, 6, 2, 1] {
            let size = Dim::known(size);
            let types: Vec<TensorType> =
                graph.parameter_types().map(|of| of.substitute(&|_| Some(size.clone()))).collect();
            let is_small = types.iter().all(|of| of.known_shape().and_then(|shape| shape.elements()) < Some(20_000));
            let arguments = tancho_testing::gradcheck::arguments_of(&sample.op, &types, checked);
            if !is_small || interpret(&graph, &arguments).is_err() {
                continue;
            }
            match check_gradient(&graph, &arguments, checked) {
                Ok(()) => checked += 1,
                Err(GradientError::None(_)) => {}
                Err(error) => panic!("{sample} with sizes {size}: {error}"),
            }
            break;
        }
    }
    assert!(checked > 60, "only {checked} samples fit any sizes");
}
