//! The runner.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tancho_ir::ops::{BinaryOp, ElementwiseOp, ShapeOp, UnaryOp};
use tancho_ir::{Graph, Op, Span, TensorType};
use tancho_tensor::{Array, DType};

use super::random::random_program;
use super::{check_same_meaning, context, parsed, program};
use crate::{Changed, Context, Moment, Options, PIPELINE, Pass, find_pass, optimize, run_passes};

#[test]
fn names_of_passes_are_distinct_and_found() {
    for pass in PIPELINE {
        assert_eq!(find_pass(pass.name).unwrap().reason, pass.reason, "{} is listed twice", pass.name);
    }
    assert!(find_pass("no_such_pass").is_none());
}

#[test]
fn the_observer_sees_each_pass_before_and_after() {
    let seen = RefCell::new(Vec::new());
    let observe = |name: &'static str, moment, _: &Graph| seen.borrow_mut().push((name, moment));
    let mut graph = parsed(&program("%x: f32[2]", "%r = abs %x : f32[2]"));
    let report = optimize(&mut graph, &context(), &Options { observe: Some(&observe), ..Options::default() });
    let expected: Vec<_> =
        PIPELINE.iter().flat_map(|pass| [(pass.name, Moment::Before), (pass.name, Moment::After)]).collect();
    assert_eq!(*seen.borrow(), expected);
    assert_eq!((report.rounds, report.runs.len(), report.changes()), (1, PIPELINE.len(), 0));
    assert!(!report.reached_round_limit);
}

/// Every prefix of the changes is a program of the same meaning, or a search for the change that breaks one would be lost.
#[test]
fn the_change_limit_stops_between_any_two_changes() {
    for seed in 0..20 {
        let before = random_program(seed, 25);
        let all = optimize(&mut before.clone(), &context(), &Options::default()).changes();
        for limit in 0..=all + 1 {
            let mut after = before.clone();
            let options = Options { change_limit: Some(limit), verify: true, ..Options::default() };
            let report = optimize(&mut after, &context(), &options);
            assert_eq!(report.changes(), limit.min(all));
            check_same_meaning(&before, &after);
        }
    }
}

#[test]
fn rounds_are_bounded() {
    // A pass that never comes to an end.
    fn rename(graph: &mut Graph, _: &Context) -> Changed {
        let name = format!("{}x", graph.name());
        graph.set_name(name);
        Changed(1)
    }
    let mut graph = Graph::new("");
    let passes =
        [Pass { name: "rename", reason: "", run: rename }, Pass { name: "rename_too", reason: "", run: rename }];
    let report = run_passes(&passes, &mut graph, &context(), &Options { round_limit: 3, ..Options::default() });
    assert!(report.reached_round_limit);
    assert_eq!((report.rounds, report.changes(), graph.name()), (3, 6, "xxxxxx"));
    assert!(report.to_string().contains("stopped after 3 rounds"));
}

/// A chain of ops in which each pass has something to do at every step.
fn long_program(size: usize) -> Graph {
    let mut graph = Graph::new("main");
    let of = TensorType::new(DType::F32, [4usize, 4]);
    let x = graph.add_parameter(Some("x"), of.clone(), Span::NONE);
    let mut value = x;
    let binary = |op| Op::Elementwise(ElementwiseOp::Binary(op));
    while graph.node_count() < size {
        let one = graph.add_constant(Array::new([4, 4], &[1.0f32; 16]).unwrap(), Span::NONE);
        let two = graph.add_constant(Array::scalar(2.0f32), Span::NONE);
        let wide = Op::Shape(ShapeOp::BroadcastInDim { dims: of.dims.clone(), axes: vec![] });
        let two = graph.add_value(wide, &[two], Span::NONE).unwrap();
        let transpose = || Op::Shape(ShapeOp::Transpose { permutation: vec![1, 0] });
        let product = graph.add_value(binary(BinaryOp::Multiply), &[value, one], Span::NONE).unwrap();
        let quotient = graph.add_value(binary(BinaryOp::Divide), &[product, two], Span::NONE).unwrap();
        let turned = graph.add_value(transpose(), &[quotient], Span::NONE).unwrap();
        let tanh =
            graph.add_value(Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Tanh)), &[turned], Span::NONE).unwrap();
        let back = graph.add_value(transpose(), &[tanh], Span::NONE).unwrap();
        value = graph.add_value(binary(BinaryOp::Add), &[back, x], Span::NONE).unwrap();
    }
    graph.set_results(vec![value]);
    graph
}

/// A chain in which every op uses the same few values, and most are rewritten.
fn shared_program(size: usize) -> Graph {
    let mut graph = Graph::new("main");
    let of = TensorType::new(DType::F32, [4usize, 4]);
    let x = graph.add_parameter(Some("x"), of, Span::NONE);
    let one = graph.add_constant(Array::new([4, 4], &[1.0f32; 16]).unwrap(), Span::NONE);
    let two = graph.add_constant(Array::new([4, 4], &[2.0f32; 16]).unwrap(), Span::NONE);
    let turned = Op::Shape(ShapeOp::Transpose { permutation: vec![1, 0] });
    let turned = graph.add_value(turned, &[x], Span::NONE).unwrap();
    let mut value = turned;
    let binary = |op| Op::Elementwise(ElementwiseOp::Binary(op));
    while graph.node_count() < size {
        value = graph.add_value(binary(BinaryOp::Multiply), &[value, one], Span::NONE).unwrap();
        value = graph.add_value(binary(BinaryOp::Divide), &[value, two], Span::NONE).unwrap();
        value = graph.add_value(binary(BinaryOp::Subtract), &[turned, value], Span::NONE).unwrap();
    }
    graph.set_results(vec![value]);
    graph
}

#[test]
fn time_is_linear_in_the_graph() {
    for make in [long_program, shared_program] {
        let mut graph = make(10_000);
        let start = Instant::now();
        let report = optimize(&mut graph, &context(), &Options::default());
        let duration = start.elapsed();
        if std::env::var_os("TANCHO_TIMES").is_some() {
            println!("{duration:?} for {} changes\n{report}", report.changes());
        }
        // An optimised build needs about a fiftieth of this: it is quadratic behaviour that must fail.
        assert!(duration < Duration::from_secs(4), "{duration:?}\n{report}");
    }
}
