//! The rules of calls, branches and barriers.

use tancho_ir::ops::{CallGradient, ControlOp};
use tancho_ir::{Graph, Op};
use tancho_tensor::Array;

use super::harness::{array, check, check_gradient, gradient, jvp_of, program, run, uniform, vjp_of};

/// Calls of calls, with sizes that the callee calls by other names, and a callee that is called twice.
pub const NESTED: &str = "func @inner(%a: f64[?k, 2], %n: i32[]) -> (f64[?k, 2], i32[]) {
  %0 = sine %a : f64[?k, 2]
  %s = reduce_sum %0, axes=[0, 1] : f64[]
  %b = broadcast_in_dim %s, dims=[] : f64[?k, 2]
  %1 = multiply %0, %b : f64[?k, 2]
  return %1, %n
}

func @middle(%x: f64[?m, 2], %w: f64[2, 2], %n: i32[]) -> (f64[?m, 2], f64[]) {
  %0 = dot_general %x, %w, contract=[1]x[0] : f64[?m, 2]
  %r1:2 = call @inner(%0, %n) : (f64[?m, 2], i32[])
  %3 = tanh %r1#0 : f64[?m, 2]
  %4 = reduce_sum %3, axes=[0, 1] : f64[]
  return %3, %4
}

func @f(%x: f64[?n, 2], %w: f64[2, 2], %n: i32[]) -> (f64[2*?n, 2], f64[]) {
  %r0:2 = call @middle(%x, %w, %n)MODE : (f64[?n, 2], f64[])
  %2 = concatenate %r0#0, %x, axis=0 : f64[2*?n, 2]
  %r3:2 = call @middle(%2, %w, %n)MODE : (f64[2*?n, 2], f64[])
  %5 = multiply %r0#1, %r3#1 : f64[]
  return %r3#0, %5
}
";

pub fn nested_arguments(n: usize) -> [Array; 3] {
    [uniform([n, 2], -1.0, 1.0, 1), uniform([2, 2], -1.0, 1.0, 2), Array::scalar(3_i32)]
}

#[test]
fn calls() {
    for n in [1, 3] {
        check(&program(&NESTED.replace("MODE", "")), &nested_arguments(n));
    }
}

#[test]
fn calls_that_compute_anew() {
    let (through, anew) = (program(&NESTED.replace("MODE", "")), program(&NESTED.replace("MODE", ", recompute")));
    for n in [1, 3] {
        check(&anew, &nested_arguments(n));
        let gradients = |graph: &Graph| gradient(graph, &[0, 1], &nested_arguments(n));
        let (x, y) = (gradients(&through), gradients(&anew));
        assert!(x.iter().zip(&y).all(|(x, y)| x.same_bits(y)), "the same values");
    }
    // The calls stay as they are, and the derivative takes no more of them than their operands.
    let derivative = vjp_of(&anew, &[0, 1]);
    let mut calls = 0;
    for id in derivative.node_ids() {
        if let Some(Op::Control(ControlOp::Call { callee, gradient })) = derivative.node(id).op() {
            assert_eq!(*gradient, CallGradient::Recompute);
            assert_eq!(callee.results().len(), 2);
            calls += 1;
        }
    }
    assert_eq!(calls, 4);
}

#[test]
fn gradients_of_the_users_own() {
    // The gradient that is given is three times the true one, so that one sees which is taken.
    let text = "func @square(%n: i32[], %x: f64[?n]) -> f64[?n] {
  %0 = multiply %x, %x : f64[?n]
  return %0
}

func @six(%n: i32[], %x: f64[?n], %ct: f64[?n]) -> f64[?n] {
  %0 = multiply %x, %ct : f64[?n]
  %1 = constant 6.0 : f64[]
  %2 = broadcast_in_dim %1, dims=[] : f64[?n]
  %3 = multiply %0, %2 : f64[?n]
  return %3
}

func @f(%n: i32[], %x: f64[?n]) -> f64[?n] {
  %0 = call @square(%n, %x), gradient=@six : f64[?n]
  %1 = sine %0 : f64[?n]
  return %1
}
";
    let graph = program(text);
    let x = [0.5, -1.0, 2.0];
    let arguments = [Array::scalar(1_i32), array([3], &x)];
    let slope = |x: f64| 6.0 * x * (x * x).cos();
    let close = |found: &Array, expected: &dyn Fn(f64) -> f64| {
        // A handful of roundings.
        found.to_f64_vec().iter().zip(&x).all(|(found, x)| (found - expected(*x)).abs() < 1e-14)
    };
    assert!(close(&gradient(&graph, &[1], &arguments)[0], &slope));
    let ones = array([3], &[1.0; 3]);
    let forward = run(&jvp_of(&graph, &[1]), &[arguments[0].clone(), arguments[1].clone(), ones]);
    assert!(close(&forward[1], &slope));
    // The second derivative is that of the gradient that is given.
    let second = gradient(&vjp_of(&graph, &[1]), &[1], &[&arguments[..], &[array([3], &[1.0; 3])]].concat());
    let curvature = |x: f64| 6.0 * (x * x).cos() - 6.0 * x * (x * x).sin() * 6.0 * x;
    let both = |x: f64| curvature(x) + slope(x);
    assert!(close(&second[0], &both), "{second:?}");
}

pub const BRANCHES: &str = "func @a(%x: f64[?n], %y: f64[?n]) -> (f64[?n], f64[]) {
  %0 = sine %x : f64[?n]
  %1 = multiply %0, %y : f64[?n]
  %2 = reduce_sum %1, axes=[0] : f64[]
  return %1, %2
}

func @b(%x: f64[?k], %y: f64[?k]) -> (f64[?k], f64[]) {
  %0 = constant 2.5 : f64[]
  %1 = exponential %y : f64[?k]
  return %1, %0
}

func @c(%x: f64[?k], %y: f64[?k]) -> (f64[?k], f64[]) {
  %0 = reduce_product %x, axes=[0] : f64[]
  return %x, %0
}

";

#[test]
fn branches() {
    let by_number = "func @f(%i: i32[], %x: f64[?n], %y: f64[?n]) -> (f64[?n], f64[]) {
  %0 = multiply %x, %x : f64[?n]
  %r1:2 = case %i, %0, %y, branches=[@a, @b, @c] : (f64[?n], f64[])
  return %r1#0, %r1#1
}
";
    let graph = program(&format!("{BRANCHES}{by_number}"));
    for index in [0, 1, 2, 7] {
        for n in [1, 3] {
            let arguments = [Array::scalar(index), uniform([n], 0.5, 1.0, 1), uniform([n], -1.0, 1.0, 2)];
            check(&graph, &arguments);
        }
    }
    let by_decision = "func @f(%x: f64[?n], %y: f64[?n]) -> f64[?n] {
  %0 = reduce_sum %x, axes=[0] : f64[]
  %1 = constant 0.0 : f64[]
  %2 = compare %0, %1, gt : bool[]
  %r3:2 = case %2, %x, %y, branches=[@a, @b] : (f64[?n], f64[])
  return %r3#0
}
";
    let graph = program(&format!("{BRANCHES}{by_decision}"));
    check(&graph, &[uniform([3], 0.5, 1.0, 1), uniform([3], -1.0, 1.0, 2)]);
    check(&graph, &[uniform([3], -1.0, -0.5, 1), uniform([3], -1.0, 1.0, 2)]);
}

#[test]
fn barriers_and_constants() {
    let text = "func @f(%x: f64[3], %y: f64[3], %n: i32[]) -> f64[3] {
  %0 = sine %x : f64[3]
  %r1:3 = optimization_barrier %0, %y, %n : (f64[3], f64[3], i32[])
  %4 = multiply %r1#0, %r1#1 : f64[3]
  return %4
}
";
    check(&program(text), &[uniform([3], -1.0, 1.0, 1), uniform([3], -1.0, 1.0, 2), Array::scalar(1_i32)]);
    let text = "func @f(%x: f64[2]) -> f64[2] {
  %0 = multiply %x, %x : f64[2]
  %1 = stop_gradient %0 : f64[2]
  %2 = multiply %1, %x : f64[2]
  return %2
}
";
    check_gradient(&program(text), &[array([2], &[2.0, 3.0])], 0, &[4.0, 9.0]);
    let forward = run(&jvp_of(&program(text), &[0]), &[array([2], &[2.0, 3.0]), array([2], &[1.0, 1.0])]);
    assert_eq!(forward[1].to_f64_vec(), [4.0, 9.0]);
}

#[test]
fn effects_happen_once() {
    let text = "func @inner(%x: f64[]) -> f64[] {
  %0 = sine %x : f64[]
  %e:0 = print %0, format=\"sine {}\" : ()
  %1 = multiply %0, %x : f64[]
  return %1
}

func @f(%x: f64[], %p: bool[]) -> f64[] {
  %0 = call @inner(%x) : f64[]
  %1 = call @inner(%0), recompute : f64[]
  %2 = case %p, %1, branches=[@inner, @inner] : f64[]
  return %2
}
";
    let graph = program(text);
    for derivative in [vjp_of(&graph, &[0]), jvp_of(&graph, &[0])] {
        let lines = std::cell::RefCell::new(0);
        let host = tancho_interp::Host { custom_calls: &|_, _| None, print: &|_| *lines.borrow_mut() += 1 };
        let arguments = [array([], &[0.5]), Array::scalar(true), array([], &[1.0])];
        tancho_interp::interpret_hosted(&derivative, &arguments, &host).unwrap();
        assert_eq!(*lines.borrow(), 3);
    }
    check(&graph, &[array([], &[0.5]), Array::scalar(true)]);
}
