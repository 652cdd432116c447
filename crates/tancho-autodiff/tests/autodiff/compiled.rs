//! Derivatives after the passes, compiled, against the interpreter.

use tancho_ir::Graph;
use tancho_runtime::{Argument, CompileOptions, Executable};
use tancho_tensor::Array;

use super::control::{NESTED, nested_arguments};
use super::harness::{array, function, jvp_of, program, run, uniform, vjp_of};
use super::loops::{POWER, RECURRENT, recurrent_arguments};

#[track_caller]
fn check_compiled(graph: &Graph, arguments: &[Array]) {
    let executable =
        Executable::compile(graph.clone(), &CompileOptions::default()).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
    let found = executable.call(&mut lent).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    for (place, (found, expected)) in found.iter().zip(&run(graph, arguments)).enumerate() {
        assert_eq!((found.dtype(), found.shape()), (expected.dtype(), expected.shape()));
        // Elementary functions differ in the last place, and there are some hundred operations behind them.
        let is_close = |x: f64, y: f64| x == y || (x - y).abs() <= 1e-11 * (1.0 + y.abs());
        let close = found.to_f64_vec().into_iter().zip(expected.to_f64_vec()).all(|(x, y)| is_close(x, y));
        assert!(close, "result {place}: {found} and {expected}\n{graph}\n{}", executable.optimized());
    }
}

/// Both modes, and reverse mode of reverse mode.
#[track_caller]
fn check(graph: &Graph, wrt: &[usize], arguments: &[Array]) {
    let results: Vec<Array> = run(graph, arguments).into_iter().filter(|result| result.dtype().is_float()).collect();
    let like = |arrays: &[Array], seed: u64| -> Vec<Array> {
        arrays.iter().map(|array| uniform(array.shape().clone(), -1.0, 1.0, seed)).collect()
    };
    let with_cotangents = [arguments, &like(&results, 20)].concat();
    let reverse = vjp_of(graph, wrt);
    check_compiled(&reverse, &with_cotangents);
    let wanted: Vec<Array> = wrt.iter().map(|&position| arguments[position].clone()).collect();
    check_compiled(&jvp_of(graph, wrt), &[arguments, &like(&wanted, 21)].concat());
    let again: Vec<Array> =
        run(&reverse, &with_cotangents).into_iter().filter(|result| result.dtype().is_float()).collect();
    check_compiled(&vjp_of(&reverse, wrt), &[&with_cotangents[..], &like(&again, 22)].concat());
}

#[test]
fn layers() {
    let graph = function(
        "%x: f64[?n, 5], %w: f64[5, 3], %b: f64[3]",
        "f64[?n]",
        "%0 = dot_general %x, %w, contract=[1]x[0] : f64[?n, 3]
%1 = broadcast_in_dim %b, dims=[1] : f64[?n, 3]
%2 = add %0, %1 : f64[?n, 3]
%3 = logistic %2 : f64[?n, 3]
%4 = reduce_max %3, axes=[1] : f64[?n]
%5 = reduce_product %3, axes=[1] : f64[?n]
%6 = add %4, %5 : f64[?n]
return %6",
    );
    for n in [1, 7] {
        check(
            &graph,
            &[0, 1, 2],
            &[uniform([n, 5], -1.0, 1.0, 1), uniform([5, 3], -1.0, 1.0, 2), uniform([3], -1.0, 1.0, 3)],
        );
    }
}

#[test]
fn special_functions() {
    for name in ["digamma", "bessel_i1e"] {
        let graph = function("%x: f64[20]", "f64[20]", &format!("%0 = {name} %x : f64[20]\nreturn %0"));
        check(&graph, &[0], &[uniform([20], -3.0, 9.0, 1)]);
    }
}

#[test]
fn calls() {
    for mode in ["", ", recompute"] {
        check(&program(&NESTED.replace("MODE", mode)), &[0, 1], &nested_arguments(3));
    }
}

#[test]
fn loops() {
    let graph = program(&POWER.replace("BOUND", ", bound=?n + 4"));
    for turns in [0, 5] {
        check(&graph, &[0, 1], &[uniform([3, 3], 0.1, 1.0, 1), uniform([3], 0.1, 1.0, 2), Array::scalar(turns)]);
    }
    check(&program(RECURRENT), &[0, 1, 2, 3, 4], &recurrent_arguments(4, 2, 3));
}

#[test]
fn branches() {
    let text = "func @f(%i: i32[], %x: f64[3], %y: f64[3]) -> (f64[3], f64[]) {
  %0:2 = case %i, %x, %y, branches=[@a, @b, @c] : (f64[3], f64[])
  return %0#0, %0#1
}
";
    let graph = program(&format!("{}{text}", super::control::BRANCHES));
    for index in [0, 1, 2] {
        check(&graph, &[1, 2], &[Array::scalar(index), uniform([3], 0.5, 1.0, 1), array([3], &[0.5, -0.25, 1.0])]);
    }
}
