//! The rules of shape ops.

use super::harness::{array, check, check_gradient, function, program, uniform};

/// A function of an array `%x`; the result is squared, so that the second derivative is none of a linear function.
#[track_caller]
fn check_movement(of: &str, sizes: &[usize], op: &str, result: &str) {
    let graph = function(
        &format!("%x: {of}"),
        result,
        &format!("%0 = {op} : {result}\n%1 = multiply %0, %0 : {result}\nreturn %1"),
    );
    check(&graph, &[uniform(sizes.to_vec(), -1.0, 1.0, 4)]);
}

#[test]
fn broadcasts() {
    check_movement("f64[]", &[], "broadcast_in_dim %x, dims=[]", "f64[2, 3]");
    check_movement("f64[3]", &[3], "broadcast_in_dim %x, dims=[1]", "f64[2, 3]");
    check_movement("f64[3]", &[3], "broadcast_in_dim %x, dims=[0]", "f64[3, 2]");
    check_movement("f64[1, 3]", &[1, 3], "broadcast_in_dim %x, dims=[0, 1]", "f64[2, 3]");
    check_movement("f64[1, 3]", &[1, 3], "broadcast_in_dim %x, dims=[0, 2]", "f64[1, 2, 3]");
    check_movement("f64[2, 3]", &[2, 3], "broadcast_in_dim %x, dims=[2, 0]", "f64[3, 4, 2]");
    check_movement("f64[2, 1, 3]", &[2, 1, 3], "broadcast_in_dim %x, dims=[3, 1, 0]", "f64[3, 4, 2, 2]");
}

#[test]
fn movements() {
    check_movement("f64[2, 6]", &[2, 6], "reshape %x", "f64[3, 4]");
    check_movement("f64[2, 3, 4]", &[2, 3, 4], "transpose %x, permutation=[1, 2, 0]", "f64[3, 4, 2]");
    check_movement("f64[2, 3]", &[2, 3], "reverse %x, axes=[1]", "f64[2, 3]");
    check_movement("f64[4, 5]", &[4, 5], "slice %x, start=[1, 0], limit=[3, 5], strides=[1, 1]", "f64[2, 5]");
    check_movement("f64[4, 7]", &[4, 7], "slice %x, start=[1, 1], limit=[3, 6], strides=[1, 2]", "f64[2, 3]");
    check_movement("f64[4]", &[4], "slice %x, start=[2], limit=[2], strides=[3]", "f64[0]");
    check_movement("f64[2, 3]", &[2, 3], "concatenate %x, %x, axis=1", "f64[2, 6]");
}

#[test]
fn concatenations() {
    let graph = function(
        "%x: f64[2, 3], %y: f64[2, 1], %z: f64[2, 2]",
        "f64[2, 6]",
        "%0 = concatenate %x, %y, %z, axis=1 : f64[2, 6]\n%1 = multiply %0, %0 : f64[2, 6]\nreturn %1",
    );
    check(&graph, &[uniform([2, 3], -1.0, 1.0, 1), uniform([2, 1], -1.0, 1.0, 2), uniform([2, 2], -1.0, 1.0, 3)]);
}

/// Padding of `%x: f64[2, 3]` with a value.
#[track_caller]
fn check_pad(attributes: &str, result: &str) {
    let graph = function(
        "%x: f64[2, 3], %v: f64[]",
        result,
        &format!("%0 = pad %x, %v, {attributes} : {result}\n%1 = multiply %0, %0 : {result}\nreturn %1"),
    );
    check(&graph, &[uniform([2, 3], -1.0, 1.0, 1), array([], &[0.7])]);
}

#[test]
fn paddings() {
    check_pad("low=[1, 0], high=[0, 2], interior=[0, 0]", "f64[3, 5]");
    check_pad("low=[1, 2], high=[0, 1], interior=[0, 2]", "f64[3, 10]");
    check_pad("low=[-1, 0], high=[0, 0], interior=[0, 0]", "f64[1, 3]");
    check_pad("low=[1, -1], high=[-1, 2], interior=[1, 1]", "f64[3, 6]");
    check_pad("low=[-1, -1], high=[-1, -2], interior=[2, 2]", "f64[2, 4]");
    check_pad("low=[0, -3], high=[0, 0], interior=[0, 0]", "f64[2, 0]");
    check_pad("low=[0, -4], high=[0, 3], interior=[0, 0]", "f64[2, 2]");
}

#[test]
fn nothing_flows_through_bits() {
    let graph = function(
        "%x: f64[2]",
        "f64[2]",
        "%0 = bitcast_convert %x : i64[2]\n%1 = bitcast_convert %0 : f64[2]\n%2 = add %1, %x : f64[2]\nreturn %2",
    );
    check_gradient(&graph, &[array([2], &[0.5, -1.0])], 0, &[1.0, 1.0]);
}

#[test]
fn sizes_that_are_symbols() {
    let text = "func @f(%x: f64[?n, 1], %y: f64[?m], %z: f64[?n, ?m]) -> f64[2*?n + 1, ?m] {
  %0 = broadcast_in_dim %x, dims=[0, 1] : f64[?n, ?m]
  %1 = broadcast_in_dim %y, dims=[1] : f64[?n, ?m]
  %2 = multiply %0, %1 : f64[?n, ?m]
  %3 = multiply %2, %z : f64[?n, ?m]
  %4 = concatenate %3, %z, axis=0 : f64[2*?n, ?m]
  %5 = reshape %4 : f64[2*?m*?n]
  %6 = reshape %5 : f64[2*?n, ?m]
  %v = constant 0.5 : f64[]
  %7 = pad %6, %v, low=[1, 0], high=[0, 0], interior=[0, 0] : f64[2*?n + 1, ?m]
  %8 = sine %7 : f64[2*?n + 1, ?m]
  return %8
}
";
    for (n, m) in [(2, 3), (1, 1), (3, 1)] {
        let arguments = [uniform([n, 1], -1.0, 1.0, 1), uniform([m], -1.0, 1.0, 2), uniform([n, m], -1.0, 1.0, 3)];
        check(&program(text), &arguments);
    }
    let strided = "func @f(%x: f64[?n]) -> f64[-floordiv(-?n, 2)] {
  %0 = slice %x, start=[0], limit=[?n], strides=[2] : f64[-floordiv(-?n, 2)]
  %1 = multiply %0, %0 : f64[-floordiv(-?n, 2)]
  return %1
}
";
    for n in [0, 1, 4, 5] {
        check(&program(strided), &[uniform([n], -1.0, 1.0, 1)]);
    }
}
