//! The rule of loops.

use tancho_autodiff::{DiffError, vjp};
use tancho_ir::Graph;
use tancho_tensor::Array;

use super::harness::{array, check, check_first, program, uniform};

/// The power iteration: a matrix that does not change, and a vector that does.
pub const POWER: &str = "func @less(%i: i32[], %v: f64[?k], %n: i32[], %a: f64[?k, ?k]) -> bool[] {
  %0 = compare %i, %n, lt : bool[]
  return %0
}

func @step(%i: i32[], %v: f64[?m], %n: i32[], %a: f64[?m, ?m]) -> (i32[], f64[?m]) {
  %one = constant 1 : i32[]
  %0 = add %i, %one : i32[]
  %1 = dot_general %a, %v, contract=[1]x[0] : f64[?m]
  %2 = multiply %1, %1 : f64[?m]
  %3 = reduce_sum %2, axes=[0] : f64[]
  %4 = rsqrt %3 : f64[]
  %5 = broadcast_in_dim %4, dims=[] : f64[?m]
  %6 = multiply %1, %5 : f64[?m]
  return %0, %6
}

func @f(%a: f64[?n, ?n], %v: f64[?n], %turns: i32[]) -> f64[?n] {
  %i = constant 0 : i32[]
  %r0:2 = while %i, %v, %turns, %aBOUND, condition=@less, body=@step : (i32[], f64[?n])
  %2 = sine %r0#1 : f64[?n]
  return %2
}
";

#[test]
fn power_iteration() {
    for bound in ["7", "?n + 4"] {
        let graph = program(&POWER.replace("BOUND", &format!(", bound={bound}")));
        for (n, turns) in [(1, 2), (3, 0), (3, 1), (3, 5), (3, 7)] {
            let arguments = [uniform([n, n], 0.1, 1.0, 1), uniform([n], 0.1, 1.0, 2), Array::scalar(turns)];
            check(&graph, &arguments);
        }
    }
}

/// A recurrent network: inputs that are sliced by turn, outputs that are written by turn, weights, a state that is passed on
/// as it is, and one on which nothing depends.
pub const RECURRENT: &str = "func @less(%i: i32[], %h: f64[?b, ?d], %o: f64[?t, ?b, ?d], %s: f64[], %d: f64[], %n: i32[], %x: f64[?t, ?b, ?d], %w: f64[?d, ?d], %c: f64[?d]) -> bool[] {
  %0 = compare %i, %n, lt : bool[]
  return %0
}

func @step(%i: i32[], %h: f64[?b, ?d], %o: f64[?t, ?b, ?d], %s: f64[], %d: f64[], %n: i32[], %x: f64[?t, ?b, ?d], %w: f64[?d, ?d], %c: f64[?d]) -> (i32[], f64[?b, ?d], f64[?t, ?b, ?d], f64[], f64[]) {
  %one = constant 1 : i32[]
  %zero = constant 0 : i32[]
  %0 = add %i, %one : i32[]
  %1 = dynamic_slice %x, %i, %zero, %zero, sizes=[1, ?b, ?d] : f64[1, ?b, ?d]
  %2 = reshape %1 : f64[?b, ?d]
  %3 = dot_general %h, %w, contract=[1]x[0] : f64[?b, ?d]
  %4 = add %3, %2 : f64[?b, ?d]
  %5 = broadcast_in_dim %c, dims=[1] : f64[?b, ?d]
  %6 = add %4, %5 : f64[?b, ?d]
  %7 = tanh %6 : f64[?b, ?d]
  %8 = broadcast_in_dim %s, dims=[] : f64[?b, ?d]
  %9 = multiply %7, %8 : f64[?b, ?d]
  %10 = reshape %9 : f64[1, ?b, ?d]
  %11 = dynamic_update_slice %o, %10, %i, %zero, %zero : f64[?t, ?b, ?d]
  %12 = add %d, %s : f64[]
  return %0, %9, %11, %s, %12
}

func @f(%x: f64[?t, ?b, ?d], %w: f64[?d, ?d], %c: f64[?d], %h: f64[?b, ?d], %s: f64[]) -> (f64[?t, ?b, ?d], f64[?b, ?d]) {
  %i = constant 0 : i32[]
  %n = dimension_size ?t : i32[]
  %z = constant 0.0 : f64[]
  %o = broadcast_in_dim %z, dims=[] : f64[?t, ?b, ?d]
  %r0:5 = while %i, %h, %o, %s, %z, %n, %x, %w, %c, bound=?t, condition=@less, body=@step : (i32[], f64[?b, ?d], f64[?t, ?b, ?d], f64[], f64[])
  %5 = multiply %x, %x : f64[?t, ?b, ?d]
  %6 = add %r0#2, %5 : f64[?t, ?b, ?d]
  %7 = dot_general %r0#1, %w, contract=[1]x[0] : f64[?b, ?d]
  return %6, %7
}
";

pub fn recurrent_arguments(t: usize, b: usize, d: usize) -> Vec<Array> {
    vec![
        uniform([t, b, d], -1.0, 1.0, 1),
        uniform([d, d], -1.0, 1.0, 2),
        uniform([d], -1.0, 1.0, 3),
        uniform([b, d], -1.0, 1.0, 4),
        array([], &[0.9]),
    ]
}

#[test]
fn recurrent_network() {
    let graph = program(RECURRENT);
    for (t, b, d) in [(1, 1, 1), (3, 2, 2)] {
        check(&graph, &recurrent_arguments(t, b, d));
    }
    check_first(&graph, &recurrent_arguments(5, 1, 3));
}

#[test]
fn what_a_loop_keeps() {
    // The counter, the state, and the product: the rest is made of these, or does not change.
    let graph = super::harness::vjp_of(&program(RECURRENT), &[0, 1, 2, 3, 4]);
    let loops: Vec<usize> = graph
        .node_ids()
        .filter(|&id| graph.node(id).op().is_some_and(|op| op.name() == "while"))
        .map(|id| graph.node(id).types().len())
        .collect();
    assert_eq!(loops.len(), 2, "{graph}");
    assert_eq!(loops[0], 5 + 1 + 3, "{graph}");
}

#[test]
fn derivative_of_the_derivative_of_the_derivative() {
    let graph = program(&POWER.replace("BOUND", ", bound=3"));
    let arguments = [uniform([2, 2], 0.1, 1.0, 1), uniform([2], 0.1, 1.0, 2), Array::scalar(2_i32)];
    let derivative = super::harness::vjp_of(&graph, &[0]);
    check(&derivative, &[&arguments[..], &[uniform([2], -1.0, 1.0, 3)]].concat());
}

#[test]
fn loop_without_a_bound() {
    let graph = program(&POWER.replace("BOUND", ""));
    let error = vjp(&graph, &[0]).err();
    assert!(
        matches!(&error, Some(DiffError::NotDifferentiable { op: "while", reason, .. }) if reason.contains("bound")),
        "{error:?}"
    );
    // Forward mode needs none: its values are those of the loop with a bound.
    let bounded = program(&POWER.replace("BOUND", ", bound=9"));
    let arguments = [uniform([3, 3], 0.1, 1.0, 1), uniform([3], 0.1, 1.0, 2), Array::scalar(4_i32)];
    let tangents = [uniform([3, 3], -1.0, 1.0, 5), uniform([3], -1.0, 1.0, 6)];
    let arguments = [&arguments[..], &tangents].concat();
    let values = |graph: &Graph| super::harness::run(&super::harness::jvp_of(graph, &[0, 1]), &arguments);
    assert!(values(&graph)[1].same_bits(&values(&bounded)[1]));
}

#[test]
fn effects_of_a_loop_happen_once() {
    let text = "func @less(%i: i32[], %x: f64[]) -> bool[] {
  %n = constant 3 : i32[]
  %0 = compare %i, %n, lt : bool[]
  return %0
}

func @step(%i: i32[], %x: f64[]) -> (i32[], f64[]) {
  %one = constant 1 : i32[]
  %0 = add %i, %one : i32[]
  %1 = sine %x : f64[]
  %e:0 = print %1, format=\"{}\" : ()
  %2 = multiply %1, %x : f64[]
  return %0, %2
}

func @f(%x: f64[]) -> f64[] {
  %i = constant 0 : i32[]
  %r0:2 = while %i, %x, bound=5, condition=@less, body=@step : (i32[], f64[])
  return %r0#1
}
";
    let graph = program(text);
    for derivative in [super::harness::vjp_of(&graph, &[0]), super::harness::jvp_of(&graph, &[0])] {
        let lines = std::cell::RefCell::new(0);
        let host = tancho_interp::Host { custom_calls: &|_, _| None, print: &|_| *lines.borrow_mut() += 1 };
        tancho_interp::interpret_hosted(&derivative, &[array([], &[0.5]), array([], &[1.0])], &host).unwrap();
        assert_eq!(*lines.borrow(), 3);
    }
    check(&graph, &[array([], &[0.5])]);
}

#[test]
fn loops_in_loops_and_branches() {
    let text = "func @less(%i: i32[], %x: f64[2], %w: f64[2]) -> bool[] {
  %n = constant 2 : i32[]
  %0 = compare %i, %n, lt : bool[]
  return %0
}

func @inner(%i: i32[], %x: f64[2], %w: f64[2]) -> (i32[], f64[2]) {
  %one = constant 1 : i32[]
  %0 = add %i, %one : i32[]
  %1 = multiply %x, %w : f64[2]
  %2 = sine %1 : f64[2]
  %3 = add %2, %w : f64[2]
  return %0, %3
}

func @odd(%x: f64[2], %w: f64[2]) -> f64[2] {
  %i = constant 0 : i32[]
  %r0:2 = while %i, %x, %w, bound=2, condition=@less, body=@inner : (i32[], f64[2])
  return %r0#1
}

func @even(%x: f64[2], %w: f64[2]) -> f64[2] {
  %0 = multiply %x, %x : f64[2]
  return %0
}

func @outer(%i: i32[], %x: f64[2], %w: f64[2]) -> (i32[], f64[2]) {
  %one = constant 1 : i32[]
  %0 = add %i, %one : i32[]
  %r1:2 = call @inner(%i, %x, %w) : (i32[], f64[2])
  %3 = case %i, %r1#1, %w, branches=[@even, @odd] : f64[2]
  return %0, %3
}

func @f(%x: f64[2], %w: f64[2]) -> f64[2] {
  %i = constant 0 : i32[]
  %r0:2 = while %i, %x, %w, bound=2, condition=@less, body=@outer : (i32[], f64[2])
  %2 = multiply %r0#1, %w : f64[2]
  return %2
}
";
    check(&program(text), &[uniform([2], -1.0, 1.0, 1), uniform([2], -1.0, 1.0, 2)]);
}
