//! Whole graphs: symbols, calls, and what goes wrong.

use std::sync::Arc;

use tancho_interp::{Host, InterpretError, interpret, interpret_hosted};
use tancho_ir::ops::{BinaryOp, ControlOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp};
use tancho_ir::{BindError, Dim, Graph, Op, Relation, Span, TensorType, Value, parse};
use tancho_tensor::{Array, DType};

use super::{array, run, vector};

fn binary(op: BinaryOp) -> Op {
    Op::Elementwise(ElementwiseOp::Binary(op))
}

/// The sum and the number of the elements of `f32[?n]`.
fn sum_and_count() -> Graph {
    let mut graph = Graph::new("sum_and_count");
    let n = Dim::symbol("n");
    let x = graph.add_parameter(Some("x"), TensorType::new(DType::F32, [n.clone()]), Span::NONE);
    let sum = Op::Reduce(ReduceOp { kind: ReduceKind::Sum, axes: vec![0] });
    let sum = graph.add_value(sum, &[x], Span::NONE).unwrap();
    let count = Op::Shape(ShapeOp::DimensionSize { dim: n, dtype: DType::I32 });
    let count = graph.add_value(count, &[], Span::NONE).unwrap();
    graph.set_results(vec![sum, count]);
    graph
}

#[track_caller]
fn check(graph: &Graph, arguments: &[Array], expected: &[Array]) {
    let found = interpret(graph, arguments).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.same_bits(expected), "{found} is not {expected}");
    }
}

#[track_caller]
fn check_error(graph: &Graph, arguments: &[Array], expected: &str) -> InterpretError {
    let error = interpret(graph, arguments).unwrap_err();
    assert_eq!(error.to_string(), expected);
    error
}

#[test]
fn symbols_are_bound_by_the_arguments() {
    let graph = sum_and_count();
    check(&graph, &[vector(&[1.0f32, 2.0, 3.0])], &[Array::scalar(6.0f32), Array::scalar(3i32)]);
    check(&graph, &[vector::<f32>(&[])], &[Array::scalar(0.0f32), Array::scalar(0i32)]);
}

#[test]
fn calls_bind_the_symbols_of_the_callee() {
    let callee = Arc::new(sum_and_count());
    let mut graph = Graph::new("main");
    let (n, m) = (Dim::symbol("n"), Dim::symbol("m"));
    let x = graph.add_parameter(None, TensorType::new(DType::F32, [n]), Span::NONE);
    let y = graph.add_parameter(None, TensorType::new(DType::F32, [m]), Span::NONE);
    let both = graph.add_value(Op::Shape(ShapeOp::Concatenate { axis: 0 }), &[x, y], Span::NONE).unwrap();
    let mut results = Vec::new();
    for operand in [y, both] {
        let call = graph.add(Op::Control(ControlOp::call(callee.clone())), &[operand], Span::NONE).unwrap();
        results.extend([Value { node: call, result: 0 }, Value { node: call, result: 1 }]);
    }
    // A result may be a parameter, and may be given twice.
    results.extend([x, results[0]]);
    graph.set_results(results);
    let (x, y) = (vector(&[1.0f32]), vector(&[2.0f32, 3.0]));
    let scalars = [Array::scalar(5.0f32), Array::scalar(2i32), Array::scalar(6.0f32), Array::scalar(3i32)];
    let expected = [&scalars[..], &[x.clone(), scalars[0].clone()]].concat();
    check(&graph, &[x, y], &expected);
}

#[test]
fn sizes_may_be_expressions() {
    let mut graph = Graph::new("main");
    let n = Dim::symbol("n");
    let x = graph.add_parameter(None, TensorType::new(DType::I32, [n.clone(), Dim::known(2)]), Span::NONE);
    let flat = graph.add_value(
        Op::Shape(ShapeOp::Reshape { dims: [n.clone() * Dim::known(2)].into_iter().collect() }),
        &[x],
        Span::NONE,
    );
    let half = ShapeOp::Slice {
        start: [n.clone()].into_iter().collect(),
        limit: [n * Dim::known(2)].into_iter().collect(),
        strides: vec![1],
    };
    let half = graph.add_value(Op::Shape(half), &[flat.unwrap()], Span::NONE).unwrap();
    graph.set_results(vec![half]);
    check(&graph, &[array([3, 2], &[0i32, 1, 2, 3, 4, 5])], &[vector(&[3i32, 4, 5])]);
    check(&graph, &[array::<i32, 2>([0, 2], &[])], &[vector::<i32>(&[])]);
}

#[test]
fn arguments_that_do_not_fit_are_errors() {
    let graph = sum_and_count();
    let error = check_error(&graph, &[], "@sum_and_count takes 1 arguments, but 0 are given");
    let InterpretError::Bind(error) = error else { panic!("{error}") };
    assert!(matches!(*error, BindError::Count { .. }));
    check_error(&graph, &[vector(&[1i32])], "argument 0 is i32[1], but @sum_and_count takes f32[?n]");
}

#[test]
fn constraints_name_their_line() {
    let mut graph = Graph::new("add");
    let parameter = |graph: &mut Graph, name| {
        graph.add_parameter(None, TensorType::new(DType::F32, [Dim::symbol(name)]), Span::NONE)
    };
    let (x, y) = (parameter(&mut graph, "n"), parameter(&mut graph, "m"));
    let sum = graph.add_value(binary(BinaryOp::Add), &[x, y], Span::at("src/model.rs", 41, 17)).unwrap();
    graph.set_results(vec![sum]);
    let (two, three) = (vector(&[1.0f32, 2.0]), vector(&[1.0f32, 2.0, 3.0]));
    check(&graph, &[two.clone(), two.clone()], &[vector(&[2.0f32, 4.0])]);
    check_error(&graph, &[two, three], "@add requires ?n = ?m, but 2 and 3 are given (src/model.rs:41:17)");
}

#[test]
fn results_that_do_not_fit_memory_are_errors() {
    let iota = |sizes: &[i64]| {
        let dims = sizes.iter().map(|&size| Dim::known(size)).collect();
        run(Op::Shape(ShapeOp::Iota { dtype: DType::U8, dims, axis: 0 }), &[])
    };
    assert!(matches!(iota(&[1 << 40, 1 << 40]), Err(InterpretError::TooLarge { op: "iota", .. })));
    assert!(matches!(iota(&[i64::MAX]), Err(InterpretError::TooLarge { .. })));
    assert!(matches!(iota(&[1 << 59]), Err(InterpretError::Alloc { op: "iota", .. })));
    let pad = Op::Shape(ShapeOp::Pad {
        low: [Dim::known(i64::MAX - 8)].into_iter().collect(),
        high: [Dim::ZERO].into_iter().collect(),
        interior: vec![0],
    });
    let error = run(pad, &[vector(&[1u8]), Array::scalar(0u8)]).unwrap_err();
    assert!(matches!(&error, InterpretError::TooLarge { op: "pad", span } if !span.is_none()), "{error}");
}

#[test]
fn a_graph_that_nobody_verified_gives_errors() {
    let float = |size: usize| TensorType::new(DType::F32, [size]);
    let add = |declared: TensorType, sizes: [usize; 2]| {
        let mut graph = Graph::new("broken");
        let operands = sizes.map(|size| graph.add_parameter(None, float(size), Span::NONE));
        let types = [declared].into_iter().collect();
        let node = graph.add_unchecked(binary(BinaryOp::Add), &operands, types, Span::at("a.ir", 2, 3));
        graph.set_results(vec![Value { node, result: 0 }]);
        graph
    };
    let arguments = [vector(&[1.0f32, 2.0]), vector(&[3.0f32, 4.0])];
    check(&add(float(2), [2, 2]), &arguments, &[vector(&[4.0f32, 6.0])]);
    check_error(&add(float(3), [2, 2]), &arguments, "add: the result is f32[2], but the graph says f32[3] (a.ir:2:3)");
    let arguments = [vector(&[1.0f32, 2.0]), vector(&[3.0f32])];
    check_error(&add(float(2), [2, 1]), &arguments, "add: shapes differ: f32[2] and f32[1] (a.ir:2:3)");

    let mut graph = Graph::new("circle");
    let x = graph.add_parameter(None, float(1), Span::NONE);
    let sum = graph.add_value(binary(BinaryOp::Add), &[x, x], Span::NONE).unwrap();
    graph.set_operand(sum.node, 1, sum);
    graph.set_results(vec![sum]);
    check_error(&graph, &[vector(&[1.0f32])], "add: an operand depends on the result");
}

#[test]
fn errors_in_a_call_name_the_call() {
    let mut callee = Graph::new("grow");
    let n = Dim::symbol("n");
    let x = callee.add_parameter(None, TensorType::new(DType::U8, [n.clone()]), Span::NONE);
    let dims = [Dim::known(i64::MAX), n].into_iter().collect();
    let grown = Op::Shape(ShapeOp::BroadcastInDim { dims, axes: vec![1] });
    let grown = callee.add_value(grown, &[x], Span::at("lib.rs", 1, 1)).unwrap();
    callee.set_results(vec![grown]);
    let mut graph = Graph::new("main");
    let x = graph.add_parameter(None, TensorType::new(DType::U8, [1usize]), Span::NONE);
    let call = Op::Control(ControlOp::call(Arc::new(callee)));
    let call = graph.add_value(call, &[x], Span::at("main.rs", 2, 2)).unwrap();
    graph.set_results(vec![call]);
    let expected =
        "broadcast_in_dim: the result is larger than memory can hold (lib.rs:1:1), in the call of @grow (main.rs:2:2)";
    check_error(&graph, &[vector(&[1u8])], expected);
}

#[test]
fn relations_that_no_constraint_records_are_checked() {
    let mut graph = Graph::new("main");
    let dims = || [Dim::symbol("n")].into_iter().collect();
    let x = graph.add_parameter(None, TensorType::new(DType::U8, [Dim::symbol("n")]), Span::NONE);
    let y = graph.add_parameter(None, TensorType::new(DType::U8, [2usize]), Span::NONE);
    let op = Op::Shape(ShapeOp::BroadcastInDim { dims: dims(), axes: vec![0] });
    let types = [TensorType::new(DType::U8, [Dim::symbol("n")])].into_iter().collect();
    let node = graph.add_unchecked(op, &[y], types, Span::at("a.ir", 3, 4));
    graph.set_results(vec![Value { node, result: 0 }, x]);
    let error = interpret(&graph, &[vector(&[1u8, 2, 3]), vector(&[1u8, 2])]).unwrap_err();
    let InterpretError::Relation { relation, .. } = &error else { panic!("{error}") };
    assert_eq!(*relation, Relation::Equal(Dim::known(2), Dim::symbol("n")));
    assert_eq!(error.to_string(), "broadcast_in_dim: requires 2 = ?n (a.ir:3:4)");
}

#[test]
fn a_loop_that_runs_more_often_than_it_promises_is_an_error() {
    let text = r#"
        func @below(%i: i32[], %n: i32[], %x: f32[?a]) -> bool[] { %0 = compare %i, %n, lt : bool[] return %0 }
        func @next(%i: i32[], %n: i32[], %x: f32[?a]) -> i32[] {
          %0 = constant 1 : i32[]
          %1 = add %i, %0 : i32[]
          return %1
        }
        func @main(%n: i32[], %x: f32[?a]) -> i32[] {
          %0 = constant 0 : i32[]
          %1 = while %0, %n, %x, bound=?a + 1, condition=@below, body=@next : i32[] loc("a.rs":1:2)
          return %1
        }"#;
    let graph = parse(text, "test.ir").unwrap();
    let arguments = |turns: i32| [Array::scalar(turns), vector(&[0.0f32, 0.0])];
    check(&graph, &arguments(3), &[Array::scalar(3i32)]);
    check_error(&graph, &arguments(4), "while: runs more than 3 times (a.rs:1:2)");
}

#[test]
fn what_is_printed_goes_to_the_host_in_order() {
    let text = r#"
        func @main(%x: f32[2], %holds: bool[2]) -> () {
          %a:0 = print %x, format="{{x}} is {}" : ()
          %b:0 = assert %holds, %x, message="{} is wrong" : () after(%a) loc("a.rs":1:2)
          %c:0 = print format="end" : () after(%b)
          return
        }"#;
    let graph = parse(text, "test.ir").unwrap();
    let run = |holds: [bool; 2]| {
        let lines = std::cell::RefCell::new(Vec::new());
        let print = |line: &str| lines.borrow_mut().push(line.to_owned());
        let host = Host { custom_calls: &|_, _| None, print: &print };
        let error = interpret_hosted(&graph, &[vector(&[1.0f32, 2.5]), vector(&holds)], &host).err();
        (lines.into_inner(), error.map(|error| error.to_string()))
    };
    let x = vector(&[1.0f32, 2.5]);
    assert_eq!(run([true, true]), (vec![format!("{{x}} is {x}"), "end".to_owned()], None));
    let error = Some(format!("assertion failed: {x} is wrong (a.rs:1:2)"));
    assert_eq!(run([true, false]), (vec![format!("{{x}} is {x}")], error));
}
