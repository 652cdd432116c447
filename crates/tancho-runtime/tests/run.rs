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
