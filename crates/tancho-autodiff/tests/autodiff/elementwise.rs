//! The rules of elementwise ops.

use super::harness::{array, check, check_first, check_gradient, function, uniform};

/// A function of one operand, on a range in which it is smooth.
#[track_caller]
fn check_unary(name: &str, low: f64, high: f64) {
    for shape in ["2, 3", ""] {
        let of = format!("f64[{shape}]");
        let graph = function(&format!("%x: {of}"), &of, &format!("%0 = {name} %x : {of}\nreturn %0"));
        let sizes: Vec<usize> = shape.split(", ").filter_map(|size| size.parse().ok()).collect();
        check(&graph, &[uniform(sizes, low, high, 3)]);
    }
}

#[track_caller]
fn check_binary(name: &str, left: (f64, f64), right: (f64, f64)) {
    let graph =
        function("%x: f64[3, 2], %y: f64[3, 2]", "f64[3, 2]", &format!("%0 = {name} %x, %y : f64[3, 2]\nreturn %0"));
    check(&graph, &[uniform([3, 2], left.0, left.1, 5), uniform([3, 2], right.0, right.1, 6)]);
}

#[test]
fn unary() {
    check_unary("abs", 0.1, 2.0);
    check_unary("abs", -2.0, -0.1);
    check_unary("acos", -0.9, 0.9);
    check_unary("acosh", 1.2, 4.0);
    check_unary("asin", -0.9, 0.9);
    check_unary("asinh", -3.0, 3.0);
    check_unary("atan", -3.0, 3.0);
    check_unary("atanh", -0.9, 0.9);
    check_unary("cbrt", 0.5, 3.0);
    check_unary("cbrt", -3.0, -0.5);
    check_unary("cosh", -2.0, 2.0);
    check_unary("cosine", -4.0, 4.0);
    check_unary("erf", -2.0, 2.0);
    check_unary("erfc", -2.0, 2.0);
    check_unary("erf_inv", -0.8, 0.8);
    check_unary("exponential", -2.0, 2.0);
    check_unary("exponential_minus_one", -2.0, 2.0);
    check_unary("log", 0.3, 3.0);
    check_unary("log_plus_one", -0.5, 3.0);
    check_unary("logistic", -3.0, 3.0);
    check_unary("negate", -3.0, 3.0);
    check_unary("rsqrt", 0.5, 3.0);
    check_unary("sine", -4.0, 4.0);
    check_unary("sinh", -2.0, 2.0);
    check_unary("sqrt", 0.5, 3.0);
    check_unary("tan", -1.0, 1.0);
    check_unary("tanh", -2.0, 2.0);
}

#[test]
fn special() {
    check_unary("bessel_i1e", 0.2, 3.0);
    check_unary("bessel_i1e", -30.0, -5.0);
    check_unary("lgamma", 0.7, 6.0);
    check_unary("lgamma", -2.8, -2.2);
    check_unary("digamma", 0.7, 6.0);
    check_unary("digamma", -2.7, -2.3);
    check_unary("digamma", 20.0, 40.0);
}

#[test]
fn slopes_of_special_functions_are_accurate() {
    // The trigamma function and the derivative of the Bessel function, from tables.
    let digamma = function("%x: f64[4]", "f64[4]", "%0 = digamma %x : f64[4]\nreturn %0");
    let found = super::harness::gradient(&digamma, &[0], &[array([4], &[1.0, 0.5, 10.0, -0.5])]);
    let expected = [1.6449340668482264, 4.934802200544679, 0.10516633568168575, 8.934802200544679];
    for (found, expected) in found[0].to_f64_vec().into_iter().zip(expected) {
        // The sum has about twenty terms.
        assert!((found - expected).abs() <= 1e-14 * expected, "{found} {expected}");
    }
    let bessel = function("%x: f64[3]", "f64[3]", "%0 = bessel_i1e %x : f64[3]\nreturn %0");
    let found = super::harness::gradient(&bessel, &[0], &[array([3], &[0.0, 1.0, 20.0])]);
    let expected = [0.5, 0.04993877689422354, -0.002101221407627077];
    for (found, expected) in found[0].to_f64_vec().into_iter().zip(expected) {
        // Differences of values near one half have lost two digits.
        assert!((found - expected).abs() <= 1e-14, "{found} {expected}");
    }
}

#[test]
fn binary() {
    check_binary("add", (-2.0, 2.0), (-2.0, 2.0));
    check_binary("subtract", (-2.0, 2.0), (-2.0, 2.0));
    check_binary("multiply", (-2.0, 2.0), (-2.0, 2.0));
    check_binary("divide", (-2.0, 2.0), (0.5, 2.0));
    check_binary("atan2", (0.5, 2.0), (-2.0, -0.5));
    check_binary("maximum", (-2.0, 2.0), (-2.0, 2.0));
    check_binary("minimum", (-2.0, 2.0), (-2.0, 2.0));
    check_binary("power", (0.5, 2.0), (-2.0, 2.0));
    check_binary("remainder", (5.2, 5.8), (1.1, 1.2));
    check_binary("remainder", (-5.8, -5.2), (1.1, 1.2));
}

#[test]
fn selections() {
    let graph = function("%p: bool[3], %x: f64[3], %y: f64[3]", "f64[3]", "%0 = select %p, %x, %y : f64[3]\nreturn %0");
    let predicate = tancho_tensor::Array::new([3], &[true, false, true]).unwrap();
    check(&graph, &[predicate, uniform([3], -1.0, 1.0, 1), uniform([3], -1.0, 1.0, 2)]);

    let graph = function(
        "%p: bool[], %x: f64[3], %y: f64[3]",
        "f64[3]",
        "%s = multiply %x, %y : f64[3]\n%0 = select %p, %s, %y : f64[3]\nreturn %0",
    );
    for predicate in [true, false] {
        let predicate = tancho_tensor::Array::scalar(predicate);
        check(&graph, &[predicate, uniform([3], -1.0, 1.0, 1), uniform([3], -1.0, 1.0, 2)]);
    }

    let places = uniform([8], -2.0, 2.0, 9);
    let scalars = function("%l: f64[], %x: f64[8], %h: f64[]", "f64[8]", "%0 = clamp %l, %x, %h : f64[8]\nreturn %0");
    check(&scalars, &[array([], &[-0.7]), places.clone(), array([], &[0.9])]);
    let arrays = function("%l: f64[8], %x: f64[8], %h: f64[8]", "f64[8]", "%0 = clamp %l, %x, %h : f64[8]\nreturn %0");
    check(&arrays, &[uniform([8], -1.0, -0.5, 1), places, uniform([8], 0.3, 0.9, 2)]);
}

#[test]
fn conversions() {
    let graph = function("%x: f64[4]", "f64[4]", "%0 = convert %x : f64[4]\n%1 = multiply %0, %0 : f64[4]\nreturn %1");
    check(&graph, &[uniform([4], -1.0, 1.0, 1)]);
    // Through f32, in whose numbers these are.
    let graph = function(
        "%x: f64[3]",
        "f64[3]",
        "%0 = convert %x : f32[3]\n%1 = multiply %0, %0 : f32[3]\n%2 = convert %1 : f64[3]\nreturn %2",
    );
    check_gradient(&graph, &[array([3], &[0.5, -1.0, 2.0])], 0, &[1.0, -2.0, 4.0]);
    // Nothing flows through integers.
    let graph = function(
        "%x: f64[3]",
        "f64[3]",
        "%0 = convert %x : i32[3]\n%1 = convert %0 : f64[3]\n%2 = add %1, %x : f64[3]\nreturn %2",
    );
    check_gradient(&graph, &[array([3], &[0.5, -1.0, 2.0])], 0, &[1.0, 1.0, 1.0]);
    let graph = function(
        "%x: f64[3]",
        "f64[3]",
        "%0 = reduce_precision %x, exponent_bits=5, mantissa_bits=10 : f64[3]\n%1 = multiply %0, %0 : f64[3]\nreturn %1",
    );
    check_gradient(&graph, &[array([3], &[0.5, -1.0, 2.0])], 0, &[1.0, -2.0, 4.0]);
}

#[test]
fn steps_have_the_slope_zero() {
    for name in ["ceil", "floor", "round_nearest_afz", "round_nearest_even", "sign"] {
        let graph = function("%x: f64[3]", "f64[3]", &format!("%0 = {name} %x : f64[3]\nreturn %0"));
        check_gradient(&graph, &[array([3], &[0.3, -1.2, 2.0])], 0, &[0.0, 0.0, 0.0]);
    }
}

/// A function of a vector at places where it has no derivative.
#[track_caller]
fn check_slopes(body: &str, places: &[f64], expected: &[f64]) {
    let of = format!("f64[{}]", places.len());
    let body = body.replace("$", &of);
    let graph = function(&format!("%x: {of}"), &of, &format!("{body}\nreturn %y"));
    check_gradient(&graph, &[array([places.len()], places)], 0, expected);
}

#[test]
fn slopes_where_there_is_no_derivative() {
    let infinity = f64::INFINITY;
    check_slopes("%y = abs %x : $", &[-1.0, -0.0, 0.0, 1.0], &[-1.0, 0.0, 0.0, 1.0]);
    check_slopes("%y = sqrt %x : $", &[0.0, 4.0], &[infinity, 0.25]);
    check_slopes("%y = cbrt %x : $", &[0.0, 8.0], &[infinity, 1.0 / 12.0]);
    check_slopes("%y = log %x : $", &[0.0], &[infinity]);
    let zero = "%z = constant 0.0 : f64[]\n%0 = broadcast_in_dim %z, dims=[] : $\n";
    check_slopes(&format!("{zero}%y = maximum %0, %x : $"), &[-1.0, -0.0, 0.0, 1.0], &[0.0, 0.0, 0.0, 1.0]);
    check_slopes(&format!("{zero}%y = maximum %x, %0 : $"), &[-1.0, -0.0, 0.0, 1.0], &[0.0, 1.0, 1.0, 1.0]);
    check_slopes(&format!("{zero}%y = minimum %x, %0 : $"), &[-1.0, -0.0, 0.0, 1.0], &[1.0, 1.0, 1.0, 0.0]);
    // Of equal operands, both of which are x, the left one takes all.
    check_slopes("%y = maximum %x, %x : $", &[2.0], &[1.0]);
    let bounds = "%l = constant -1.0 : f64[]\n%h = constant 1.0 : f64[]\n";
    check_slopes(
        &format!("{bounds}%y = clamp %l, %x, %h : $"),
        &[-2.0, -1.0, 0.0, 1.0, 2.0],
        &[0.0, 1.0, 1.0, 1.0, 0.0],
    );
    let exponent = |value: &str| format!("%e = constant {value} : f64[]\n%b = broadcast_in_dim %e, dims=[] : $\n");
    let power = "%y = power %x, %b : $";
    check_slopes(&format!("{}{power}", exponent("2.0")), &[-3.0, 0.0, 3.0], &[-6.0, 0.0, 6.0]);
    check_slopes(&format!("{}{power}", exponent("0.0")), &[-3.0, 0.0, 3.0], &[0.0, 0.0, 0.0]);
    check_slopes(&format!("{}{power}", exponent("1.0")), &[-3.0, 0.0, 3.0], &[1.0, 1.0, 1.0]);
    check_slopes(&format!("{}{power}", exponent("3.0")), &[-3.0, 0.0, 3.0], &[27.0, 0.0, 27.0]);
    // By the exponent: no logarithm of what is not positive.
    let base = |value: &str| format!("%e = constant {value} : f64[]\n%b = broadcast_in_dim %e, dims=[] : $\n");
    check_slopes(&format!("{}%y = power %b, %x : $", base("0.0")), &[2.0, 0.0], &[0.0, 0.0]);
    check_slopes(&format!("{}%y = power %b, %x : $", base("-2.0")), &[2.0, 3.0], &[0.0, 0.0]);
}

/// As `tancho-core` composes them.
#[test]
fn slopes_of_activations() {
    let zero = "%z = constant 0.0 : f64[]\n%0 = broadcast_in_dim %z, dims=[] : $\n";
    let softplus = "%m = negate %x : $\n%n = minimum %x, %m : $\n%e = exponential %n : $\n%c = log_plus_one %e : $\n\
                    %p = maximum %0, %x : $\n%y = add %p, %c : $";
    check_slopes(&format!("{zero}{softplus}"), &[-1e3, -0.0, 0.0, 1e3], &[0.0, 0.5, 0.5, 1.0]);
    let elu = "%n = minimum %x, %0 : $\n%e = exponential_minus_one %n : $\n%p = compare %x, %0, gt : bool[4]\n\
               %y = select %p, %x, %e : $";
    check_slopes(&format!("{zero}{elu}"), &[-1e3, -0.0, 0.0, 1e3], &[0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn sums_of_shares_and_chains() {
    // x is used three times, and one use is of a constant alone.
    let graph = function(
        "%x: f64[5], %y: f64[5]",
        "(f64[5], f64[5])",
        "%0 = multiply %x, %x : f64[5]\n%1 = sine %0 : f64[5]\n%2 = add %1, %x : f64[5]\n\
         %3 = multiply %2, %y : f64[5]\n%4 = tanh %y : f64[5]\nreturn %3, %4",
    );
    check(&graph, &[uniform([5], -1.0, 1.0, 1), uniform([5], -1.0, 1.0, 2)]);
    check_first(&graph, &[uniform([5], -1.0, 1.0, 3), uniform([5], -1.0, 1.0, 4)]);
}
