//! The rule of products.

use super::harness::{check, function, program, uniform};

#[track_caller]
fn check_product(left: &[usize], right: &[usize], attributes: &str, result: &str) {
    let list = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let graph = function(
        &format!("%x: f64[{}], %y: f64[{}]", list(left), list(right)),
        &format!("f64[{result}]"),
        &format!("%0 = dot_general %x, %y{attributes} : f64[{result}]\nreturn %0"),
    );
    check(&graph, &[uniform(left.to_vec(), -1.0, 1.0, 1), uniform(right.to_vec(), -1.0, 1.0, 2)]);
}

#[test]
fn products() {
    check_product(&[], &[], "", "");
    check_product(&[3], &[3], ", contract=[0]x[0]", "");
    check_product(&[3], &[2], "", "3, 2");
    check_product(&[2, 3], &[3, 4], ", contract=[1]x[0]", "2, 4");
    check_product(&[3, 2], &[4, 3], ", contract=[0]x[1]", "2, 4");
    check_product(&[2, 3], &[3], ", contract=[1]x[0]", "2");
    check_product(&[2, 3, 4], &[2, 4, 2], ", batch=[0]x[0], contract=[2]x[1]", "2, 3, 2");
    check_product(&[3, 2, 4], &[4, 2, 2], ", batch=[1]x[2], contract=[2]x[0]", "2, 3, 2");
    check_product(&[2, 3, 2], &[3, 2, 2], ", batch=[0, 2]x[1, 2], contract=[1]x[0]", "2, 2");
    check_product(&[2, 3, 2], &[2, 3, 4], ", contract=[1, 0]x[1, 0]", "2, 4");
    check_product(&[2, 3, 2], &[3, 2, 4], ", contract=[1, 0]x[0, 1]", "2, 4");
    check_product(&[4, 2, 3], &[3, 2, 2], ", contract=[2, 1]x[0, 2]", "4, 2");
}

#[test]
fn sizes_that_are_symbols() {
    let text = "func @f(%x: f64[?b, ?n], %w: f64[?n, 2]) -> f64[?b, 2] {
  %0 = dot_general %x, %w, contract=[1]x[0] : f64[?b, 2]
  return %0
}
";
    for (b, n) in [(2, 3), (1, 1)] {
        check(&program(text), &[uniform([b, n], -1.0, 1.0, 1), uniform([n, 2], -1.0, 1.0, 2)]);
    }
}
