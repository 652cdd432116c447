//! Graphs through the whole compiler: text in, values out.

use std::sync::Arc;

use tancho_ir::parse;
use tancho_runtime::{Argument, CompileOptions, Executable, Stage};
use tancho_tensor::Array;

fn compile(text: &str, fuse: bool) -> Arc<Executable> {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    Executable::compile(graph, &CompileOptions { fuse, optimize: fuse }).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check(text: &str, arguments: &[Array], expected: &[&[f32]]) {
    for fuse in [true, false] {
        let executable = compile(text, fuse);
        let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
        let results = executable.call(&mut lent).unwrap_or_else(|error| panic!("{error}"));
        for (result, expected) in results.iter().zip(expected) {
            assert_eq!(result.elements::<f32>().unwrap(), *expected, "{}", executable.dump(Stage::Kernels));
        }
    }
}

fn f32s(shape: &[usize], elements: &[f32]) -> Array {
    Array::new(shape, elements).unwrap()
}

#[test]
fn elementwise() {
    let x = f32s(&[3], &[1., 2., 3.]);
    check("func @f(%x: f32[3]) -> f32[3] { %0 = add %x, %x : f32[3] return %0 }", &[x], &[&[2., 4., 6.]]);
}

#[test]
fn rows_columns_and_everything() {
    let x = f32s(&[2, 3], &[1., 2., 3., 4., 5., 6.]);
    let text = "func @f(%x: f32[2, 3]) -> (f32[2], f32[3], f32[]) {
        %0 = reduce_sum %x, axes=[1] : f32[2]
        %1 = reduce_sum %x, axes=[0] : f32[3]
        %2 = reduce_sum %x, axes=[0, 1] : f32[]
        return %0, %1, %2 }";
    check(text, &[x], &[&[6., 15.], &[5., 7., 9.], &[21.]]);
}

#[test]
fn softmax_is_one_kernel() {
    let text = "func @softmax(%x: f32[?n, 3]) -> f32[?n, 3] {
        %0 = reduce_max %x, axes=[1] : f32[?n]
        %1 = broadcast_in_dim %0, dims=[0] : f32[?n, 3]
        %2 = subtract %x, %1 : f32[?n, 3]
        %3 = exponential %2 : f32[?n, 3]
        %4 = reduce_sum %3, axes=[1] : f32[?n]
        %5 = broadcast_in_dim %4, dims=[0] : f32[?n, 3]
        %6 = divide %3, %5 : f32[?n, 3]
        return %6 }";
    let executable = compile(text, true);
    println!("{}", executable.dump(Stage::Kernels));
    assert_eq!(executable.dump(Stage::Kernels).matches("kernel ").count(), 1);
    let x = f32s(&[2, 3], &[1., 2., 3., 4., 5., 6.]);
    let results = executable.call(&mut [Argument::Lend(&x)]).unwrap();
    let expected = [0.09003057, 0.24472848, 0.66524094, 0.09003057, 0.24472848, 0.66524094f32];
    for (found, expected) in results[0].elements::<f32>().unwrap().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn a_product_takes_bias_and_activation_as_its_epilogue() {
    let text = "func @dense(%x: f32[?n, 2], %w: f32[2, 3], %b: f32[3]) -> f32[?n, 3] {
        %0 = dot_general %x, %w, contract=[1]x[0] : f32[?n, 3]
        %1 = broadcast_in_dim %b, dims=[1] : f32[?n, 3]
        %2 = add %0, %1 : f32[?n, 3]
        %3 = constant 0.0 : f32[]
        %4 = broadcast_in_dim %3, dims=[] : f32[?n, 3]
        %5 = maximum %2, %4 : f32[?n, 3]
        return %5 }";
    let executable = compile(text, true);
    println!("{}", executable.dump(Stage::Kernels));
    assert_eq!(executable.dump(Stage::Kernels).matches("epilogue").count(), 1);
    let x = f32s(&[2, 2], &[1., 2., 3., 4.]);
    let w = f32s(&[2, 3], &[1., 0., -1., 0., 1., -1.]);
    let b = f32s(&[3], &[0.5, 0.5, 0.5]);
    check(text, &[x, w, b], &[&[1.5, 2.5, 0., 3.5, 4.5, 0.]]);
}

#[test]
fn concatenation_and_padding() {
    let x = f32s(&[2, 2], &[1., 2., 3., 4.]);
    let text = "func @f(%x: f32[2, 2]) -> (f32[2, 4], f32[3, 5]) {
        %0 = negate %x : f32[2, 2]
        %1 = concatenate %x, %0, axis=1 : f32[2, 4]
        %2 = constant 9.0 : f32[]
        %3 = pad %x, %2, low=[0, -1], high=[1, 2], interior=[0, 2] : f32[3, 5]
        return %1, %3 }";
    check(
        text,
        &[x],
        &[&[1., 2., -1., -2., 3., 4., -3., -4.], &[9., 9., 2., 9., 9., 9., 9., 4., 9., 9., 9., 9., 9., 9., 9.]],
    );
}

#[test]
fn an_argument_that_is_given_becomes_the_result() {
    let text = "func @f(%x: f32[?n], %y: f32[?n]) -> f32[?n] { %0 = multiply %x, %y : f32[?n] return %0 }";
    let executable = compile(text, true);
    let (x, y) = (f32s(&[3], &[1., 2., 3.]), f32s(&[3], &[4., 5., 6.]));
    let memory = x.buffer().as_ptr();
    let results = executable.call(&mut [Argument::Give(x), Argument::Lend(&y)]).unwrap();
    assert_eq!((results[0].buffer().as_ptr(), results[0].elements::<f32>().unwrap()), (memory, &[4., 10., 18.][..]));
    // One that somebody else holds stays as it is.
    let x = f32s(&[3], &[1., 2., 3.]);
    let results = executable.call(&mut [Argument::Give(x.clone()), Argument::Lend(&y)]).unwrap();
    assert_eq!(results[0].elements::<f32>().unwrap(), [4., 10., 18.]);
    assert_eq!(x.elements::<f32>().unwrap(), [1., 2., 3.]);
    // One that is read elsewhere than it is written is not overwritten before.
    let text = "func @f(%x: f32[4]) -> f32[4] { %0 = reverse %x, axes=[0] : f32[4] return %0 }";
    let results = compile(text, true).call(&mut [Argument::Give(f32s(&[4], &[1., 2., 3., 4.]))]).unwrap();
    assert_eq!(results[0].elements::<f32>().unwrap(), [4., 3., 2., 1.]);
}

#[test]
fn a_batch_of_products_with_transposed_operands_and_an_epilogue() {
    // Scores of two heads: q · kᵀ · 0.5 + bias, for each head.
    let text = "func @scores(%q: f32[?s, 2, 3], %k: f32[?s, 2, 3], %bias: f32[2]) -> f32[2, ?s, ?s] {
        %0 = transpose %q, permutation=[1, 0, 2] : f32[2, ?s, 3]
        %1 = transpose %k, permutation=[1, 2, 0] : f32[2, 3, ?s]
        %2 = dot_general %0, %1, batch=[0]x[0], contract=[2]x[1] : f32[2, ?s, ?s]
        %3 = constant 0.5 : f32[]
        %4 = broadcast_in_dim %3, dims=[] : f32[2, ?s, ?s]
        %5 = multiply %2, %4 : f32[2, ?s, ?s]
        %6 = broadcast_in_dim %bias, dims=[0] : f32[2, ?s, ?s]
        %7 = add %5, %6 : f32[2, ?s, ?s]
        return %7 }";
    let executable = compile(text, true);
    let kernels = executable.dump(Stage::Kernels);
    assert_eq!((kernels.matches("launch ").count(), kernels.matches("epilogue").count()), (0, 1), "{kernels}");
    let q = f32s(&[2, 2, 3], &[1., 0., 0., 0., 1., 0., 2., 0., 0., 0., 2., 0.]);
    let k = f32s(&[2, 2, 3], &[2., 4., 6., 8., 10., 12., 14., 16., 18., 20., 22., 24.]);
    let bias = f32s(&[2], &[100., 200.]);
    check(text, &[q, k, bias], &[&[101., 107., 102., 114., 205., 211., 210., 222.]]);
    // Nothing is computed of nothing.
    let none = f32s(&[0, 2, 3], &[]);
    let bias = f32s(&[2], &[1., 2.]);
    check(text, &[none.clone(), none, bias], &[&[]]);
}

#[test]
fn a_product_over_nothing_is_zero_and_still_has_its_epilogue() {
    let text = "func @f(%x: f32[2, ?k], %w: f32[?k, 2]) -> f32[2, 2] {
        %0 = dot_general %x, %w, contract=[1]x[0] : f32[2, 2]
        %1 = constant 1.0 : f32[]
        %2 = broadcast_in_dim %1, dims=[] : f32[2, 2]
        %3 = add %0, %2 : f32[2, 2]
        return %3 }";
    check(text, &[f32s(&[2, 0], &[]), f32s(&[0, 2], &[])], &[&[1., 1., 1., 1.]]);
}

#[test]
fn what_does_not_fit_is_one_clear_error() {
    let text = "func @f(%x: f32[?n], %y: f32[?m]) -> f32[?n] {
        %0 = add %x, %y : f32[?n]    loc(\"model.rs\":7:9)
        return %0 }";
    let executable = compile(text, true);
    let (two, three) = (f32s(&[2], &[1., 2.]), f32s(&[3], &[1., 2., 3.]));
    let error = |arguments: &mut [Argument<'_>]| executable.call(arguments).unwrap_err().to_string();
    assert_eq!(
        error(&mut [Argument::Lend(&two), Argument::Lend(&three)]),
        "@f requires ?n = ?m, but 2 and 3 are given (model.rs:7:9)"
    );
    let integers = Array::new([2], &[1i32, 2]).unwrap();
    assert_eq!(
        error(&mut [Argument::Lend(&integers), Argument::Lend(&two)]),
        "argument 0 is i32[2], but @f takes f32[?n]"
    );
    assert_eq!(error(&mut [Argument::Lend(&two)]), "@f takes 2 arguments, but 1 are given");
}

#[test]
fn one_executable_serves_many_threads() {
    let text = "func @f(%x: f32[?n, 64], %w: f32[64, 64]) -> f32[?n, 64] {
        %0 = dot_general %x, %w, contract=[1]x[0] : f32[?n, 64]
        %1 = tanh %0 : f32[?n, 64]
        return %1 }";
    let executable = compile(text, true);
    let values = |count: usize| (0..count).map(|i| (i % 13) as f32 * 0.01 - 0.06).collect::<Vec<_>>();
    let w = f32s(&[64, 64], &values(64 * 64));
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            let (executable, w) = (&executable, &w);
            scope.spawn(move || {
                for round in 0..30 {
                    let rows = 1 + (thread * 31 + round * 7) % 200;
                    let x = f32s(&[rows, 64], &values(rows * 64));
                    let alone = executable.call(&mut [Argument::Lend(&x), Argument::Lend(w)]).unwrap();
                    let again = executable.call(&mut [Argument::Lend(&x), Argument::Lend(w)]).unwrap();
                    assert!(alone[0].same_bits(&again[0]));
                }
            });
        }
    });
}

/// Forty functions that each call the one before twice: a small text that would be 2⁴⁰ operations.
#[test]
fn calls_that_double_are_an_error() {
    let mut text = String::from("func @f0(%x: f32[]) -> f32[] {\n  return %x\n}\n");
    for number in 1..40 {
        let before = number - 1;
        text += &format!(
            "func @f{number}(%x: f32[]) -> f32[] {{\n  %0 = call @f{before}(%x) : f32[]\n  %1 = call @f{before}(%0) : f32[]\n  \
             return %1\n}}\n"
        );
    }
    let graph = tancho_ir::parse(&text, "double.ir").expect("a graph");
    let error = Executable::compile(graph, &CompileOptions::default()).err().expect("too large").to_string();
    assert!(error.starts_with("@f39 has ") && error.ends_with("more than 1048576"), "{error}");
}
