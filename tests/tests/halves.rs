//! Programs of 16-bit floats, compiled against interpreted: every op rounds once, wherever it is computed.

use tancho_interp::interpret;
use tancho_runtime::{Stage, set_threads};
use tancho_testing::values::{Flavour, arrays};

use crate::compiled::{compile, run};

/// Checks a program whose text says `half` where a 16-bit float is meant, on any number of threads.
#[track_caller]
fn check(text: &str) {
    for dtype in ["f16", "bf16"] {
        let text = text.replace("half", dtype);
        let graph = tancho_ir::parse(&text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let parameters: Vec<_> = graph.parameter_types().cloned().collect();
        for (seed, flavour) in [(1, Flavour::Tame), (2, Flavour::Wild), (3, Flavour::Wild)] {
            let arguments = arrays(&parameters, flavour, seed);
            let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{error}"));
            for fuse in [true, false] {
                let executable = compile(&graph, fuse);
                for threads in [1, 4] {
                    set_threads(threads);
                    let found = run(&executable, &arguments);
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!(found.same_bits(expected), "{text}\nfused {fuse}: {found}\nexpected\n{expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn chains_round_after_each_op() {
    check(
        "func @chain(%x: half[37, 19], %y: half[19]) -> (half[37, 19], half[37, 19], bool[37, 19]) {
            %0 = broadcast_in_dim %y, dims=[1] : half[37, 19]
            %1 = multiply %x, %0 : half[37, 19]
            %2 = add %1, %x : half[37, 19]
            %3 = divide %2, %0 : half[37, 19]
            %4 = sqrt %3 : half[37, 19]
            %5 = subtract %4, %x : half[37, 19]
            %6 = maximum %5, %0 : half[37, 19]
            %7 = negate %6 : half[37, 19]
            %8 = compare %7, %x, lt : bool[37, 19]
            %9 = select %8, %7, %2 : half[37, 19]
            %10 = next_after %9, %x : half[37, 19]
            %11 = remainder %9, %0 : half[37, 19]
            return %10, %11, %8 }",
    );
}

#[test]
fn constants_and_indices() {
    check(
        "func @constants(%x: half[300, 7]) -> (half[300, 7], half[300, 7]) {
            %0 = iota axis=0 : half[300, 7]
            %1 = constant 0.1 : half[]
            %2 = broadcast_in_dim %1, dims=[] : half[300, 7]
            %3 = multiply %0, %2 : half[300, 7]
            %4 = add %3, %x : half[300, 7]
            %5 = constant dense<[1.5, -2.25, 65504.0, 1e-7, 3.0, inf, 0.0]> : half[7]
            %6 = broadcast_in_dim %5, dims=[1] : half[300, 7]
            %7 = divide %4, %6 : half[300, 7]
            return %4, %7 }",
    );
}

#[test]
fn data_moves_without_a_change() {
    check(
        "func @move(%x: half[5, 33], %p: half[]) -> half[70, 5] {
            %0 = transpose %x, permutation=[1, 0] : half[33, 5]
            %1 = reverse %0, axes=[0] : half[33, 5]
            %2 = concatenate %0, %1, axis=0 : half[66, 5]
            %3 = pad %2, %p, low=[1, 0], high=[3, 0], interior=[0, 0] : half[70, 5]
            return %3 }",
    );
}

#[test]
fn folds_round_their_result_once() {
    check(
        "func @folds(%x: half[33, 65, 17]) -> (half[33, 65], half[65, 17], half[65], half[33], i32[33, 17]) {
            %0 = reduce_sum %x, axes=[2] : half[33, 65]
            %1 = reduce_product %x, axes=[0] : half[65, 17]
            %2 = reduce_sum %x, axes=[0, 2] : half[65]
            %3 = reduce_max %x, axes=[1, 2] : half[33]
            %4 = argmax %x, axes=[1] : i32[33, 17]
            return %0, %1, %2, %3, %4 }",
    );
    // A softmax's stages: what is folded in the second was rounded in the first.
    check(
        "func @centred(%x: half[9, 4500]) -> half[9, 4500] {
            %0 = reduce_max %x, axes=[1] : half[9]
            %1 = broadcast_in_dim %0, dims=[0] : half[9, 4500]
            %2 = subtract %x, %1 : half[9, 4500]
            %3 = multiply %2, %2 : half[9, 4500]
            %4 = reduce_sum %3, axes=[1] : half[9]
            %5 = broadcast_in_dim %4, dims=[0] : half[9, 4500]
            %6 = divide %3, %5 : half[9, 4500]
            return %6 }",
    );
}

#[test]
fn split_folds_round_their_result_once() {
    let text = "func @all(%x: half[300007], %y: half[100003, 3]) -> (half[], half[3]) {
            %0 = reduce_sum %x, axes=[0] : half[]
            %1 = multiply %y, %y : half[100003, 3]
            %2 = reduce_sum %1, axes=[0] : half[3]
            return %0, %2 }";
    check(text);
    let graph = tancho_ir::parse(&text.replace("half", "f16"), "test.ir").unwrap();
    let executable = compile(&graph, true);
    let parameters: Vec<_> = graph.parameter_types().cloned().collect();
    run(&executable, &arrays(&parameters, Flavour::Tame, 1));
    assert!(executable.dump(Stage::Kernels).contains("blocks of a reduction"));
}

#[test]
fn products_round_their_result_once() {
    check(
        "func @product(%x: half[37, 300], %w: half[300, 41], %b: half[41]) -> half[37, 41] {
            %0 = dot_general %x, %w, contract=[1]x[0] : half[37, 41]
            %1 = broadcast_in_dim %b, dims=[1] : half[37, 41]
            %2 = add %0, %1 : half[37, 41]
            return %2 }",
    );
}

#[test]
fn conversions_round_once() {
    for from in ["f32", "f64", "i8", "i32", "i64", "u16", "u32", "u64", "bool", "f16", "bf16"] {
        check(&format!(
            "func @convert(%x: {from}[203]) -> (half[203], {from}[203]) {{
                %0 = convert %x : half[203]
                %1 = convert %0 : {from}[203]
                return %0, %1 }}"
        ));
    }
}
