//! The rules of reductions.

use super::harness::{array, check, check_gradient, function, program, uniform};

#[track_caller]
fn check_reduction(name: &str, axes: &str, result: &str) {
    let graph = function(
        "%x: f64[2, 3, 4]",
        result,
        &format!("%0 = {name} %x, axes={axes} : {result}\n%1 = multiply %0, %0 : {result}\nreturn %1"),
    );
    check(&graph, &[uniform([2, 3, 4], 0.5, 1.5, 2)]);
}

#[test]
fn reductions() {
    for name in ["reduce_sum", "reduce_max", "reduce_min", "reduce_product"] {
        check_reduction(name, "[2]", "f64[2, 3]");
        check_reduction(name, "[0]", "f64[3, 4]");
        check_reduction(name, "[2, 0]", "f64[3]");
        check_reduction(name, "[0, 1, 2]", "f64[]");
        check_reduction(name, "[]", "f64[2, 3, 4]");
    }
}

#[test]
fn sizes_that_are_symbols() {
    for name in ["reduce_sum", "reduce_max", "reduce_product"] {
        let text = format!(
            "func @f(%x: f64[?a, ?b, 2]) -> f64[?b] {{\n  %0 = {name} %x, axes=[0, 2] : f64[?b]\n  return %0\n}}\n"
        );
        for (a, b) in [(1, 2), (3, 1)] {
            check(&program(&text), &[uniform([a, b, 2], 0.5, 1.5, 3)]);
        }
    }
}

#[test]
fn equal_elements_share_equally() {
    let graph = function("%x: f64[5]", "f64[]", "%0 = reduce_max %x, axes=[0] : f64[]\nreturn %0");
    check_gradient(&graph, &[array([5], &[1.0, 3.0, 3.0, 2.0, 0.0])], 0, &[0.0, 0.5, 0.5, 0.0, 0.0]);
    check_gradient(&graph, &[array([5], &[0.0, -0.0, -1.0, -0.0, 0.0])], 0, &[0.25, 0.25, 0.0, 0.25, 0.25]);
    let graph = function("%x: f64[4]", "f64[]", "%0 = reduce_min %x, axes=[0] : f64[]\nreturn %0");
    check_gradient(&graph, &[array([4], &[1.0, 1.0, 3.0, 1.0])], 0, &[1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]);
}

#[test]
fn products_with_zeros() {
    let graph = function("%x: f64[4]", "f64[]", "%0 = reduce_product %x, axes=[0] : f64[]\nreturn %0");
    check_gradient(&graph, &[array([4], &[2.0, 0.0, 3.0, 5.0])], 0, &[0.0, 30.0, 0.0, 0.0]);
    check_gradient(&graph, &[array([4], &[2.0, 0.0, 0.0, 5.0])], 0, &[0.0, 0.0, 0.0, 0.0]);
    check(&graph, &[array([4], &[2.0, 0.0, 3.0, 5.0])]);
    check(&graph, &[array([4], &[2.0, 0.0, 0.0, 5.0])]);
    check(&graph, &[array([4], &[0.0, 0.0, 0.0, 5.0])]);
}
