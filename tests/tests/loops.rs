//! Loops, compiled in each of their ways (one procedure, trips of launches), against the interpreter.

use tancho_tensor::{Array, DType};
use tancho_testing::values::{Flavour, arrays};

use crate::compiled::{compile, interpret, run};

/// A graph given as text, whose first parameter is the number of trips; the others are given as types.
#[track_caller]
fn check(text: &str, others: &[(DType, &[i64])]) {
    let graph = tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let types: Vec<_> =
        others.iter().map(|(dtype, sizes)| tancho_ir::TensorType::new(*dtype, sizes.iter().copied())).collect();
    for fuse in [true, false] {
        let executable = compile(&graph, fuse);
        for n_trips in [0i64, 1, 2, 3, 4, 7, 12] {
            let mut arguments = vec![Array::scalar(n_trips)];
            arguments.extend(arrays(&types, Flavour::Tame, n_trips as u64));
            let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{error}"));
            let found = run(&executable, &arguments);
            for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    found.same_bits(expected),
                    "{n_trips} trips, fuse={fuse}: result {position}\n{found}\nexpected\n{expected}"
                );
            }
        }
    }
}

/// The rows of `xs` go into the carry, what becomes of it into the rows of two results that begin as one value.
#[test]
fn scans_of_few_numbers() {
    for dtype in ["f32", "bf16", "f64", "i32"] {
        let of = DType::ALL.into_iter().find(|of| of.to_string() == dtype).expect("a dtype");
        let text = "func @condition(%i: i64[], %n: i64[], %c: T[3], %u: T[?n, 3], %v: T[?n], %xs: T[?n, 3]) -> bool[] {
                %0 = compare %i, %n, lt : bool[]
                return %0 }
             func @body(%i: i64[], %n: i64[], %c: T[3], %u: T[?n, 3], %v: T[?n], %xs: T[?n, 3])
                    -> (i64[], i64[], T[3], T[?n, 3], T[?n]) {
                %0 = constant 1 : i64[]
                %1 = add %i, %0 : i64[]
                %2 = constant 0 : i64[]
                %3 = dynamic_slice %xs, %i, %2, sizes=[1, 3] : T[1, 3]
                %4 = reshape %3 : T[3]
                %5 = add %c, %4 : T[3]
                %6 = reverse %c, axes=[0] : T[3]
                %7 = multiply %5, %6 : T[3]
                %8 = reduce_sum %7, axes=[0] : T[]
                %9 = reshape %7 : T[1, 3]
                %10 = dynamic_update_slice %u, %9, %i, %2 : T[?n, 3]
                %11 = reshape %8 : T[1]
                %12 = dynamic_update_slice %v, %11, %i : T[?n]
                return %1, %n, %5, %10, %12 }
             func @f(%n: i64[], %c: T[3], %xs: T[?n, 3]) -> (T[3], T[?n, 3], T[?n], T[?n, 3]) {
                %0 = constant 0 : i64[]
                %1 = constant 0 : T[]
                %2 = broadcast_in_dim %1, dims=[] : T[?n, 3]
                %3 = broadcast_in_dim %1, dims=[] : T[?n]
                %4:5 = while %0, %n, %c, %2, %3, %xs, condition=@condition, body=@body
                    : (i64[], i64[], T[3], T[?n, 3], T[?n])
                %5 = add %xs, %2 : T[?n, 3]
                return %4#2, %4#3, %4#4, %5 }";
        check(&text.replace('T', dtype), &[(of, &[3]), (of, &[5, 3])]);
    }
}

/// An array that is read and replaced in the same trip, and others that are given back as they are.
#[test]
fn loops_that_update_an_array_of_the_caller() {
    check(
        "func @condition(%i: i64[], %x: f32[9], %y: f32[9], %n: i64[]) -> bool[] {
            %0 = compare %i, %n, lt : bool[]
            return %0 }
         func @body(%i: i64[], %x: f32[9], %y: f32[9], %n: i64[]) -> (i64[], f32[9], f32[9]) {
            %0 = constant 1 : i64[]
            %1 = add %i, %0 : i64[]
            %2 = dynamic_slice %x, %i, sizes=[2] : f32[2]
            %3 = dynamic_slice %y, %1, sizes=[2] : f32[2]
            %4 = add %2, %3 : f32[2]
            %5 = dynamic_update_slice %x, %4, %1 : f32[9]
            return %1, %5, %y }
         func @f(%n: i64[], %x: f32[9]) -> (i64[], f32[9], f32[9], f32[9]) {
            %0 = constant 0 : i64[]
            %1:3 = while %0, %x, %x, %n, condition=@condition, body=@body : (i64[], f32[9], f32[9])
            return %1#0, %1#1, %1#2, %x }",
        &[(DType::F32, &[9])],
    );
}

/// The values of the state change places, so that a trip writes where the one before read.
#[test]
fn states_that_take_turns() {
    for size in ["2, 2", "5, 7"] {
        let text = "func @condition(%i: i64[], %a: f32[S], %b: f32[S], %n: i64[]) -> bool[] {
                %0 = compare %i, %n, lt : bool[]
                return %0 }
             func @body(%i: i64[], %a: f32[S], %b: f32[S], %n: i64[]) -> (i64[], f32[S], f32[S]) {
                %0 = constant 1 : i64[]
                %1 = add %i, %0 : i64[]
                %2 = reduce_max %a, axes=[0] : f32[C]
                %3 = broadcast_in_dim %2, dims=[1] : f32[S]
                %4 = reduce_sum %b, axes=[1] : f32[R]
                %5 = broadcast_in_dim %4, dims=[0] : f32[S]
                %6 = add %3, %5 : f32[S]
                %7 = multiply %6, %a : f32[S]
                %8 = subtract %7, %3 : f32[S]
                return %1, %b, %8 }
             func @f(%n: i64[], %a: f32[S], %b: f32[S]) -> (i64[], f32[S], f32[S]) {
                %0 = constant 0 : i64[]
                %1:3 = while %0, %a, %b, %n, condition=@condition, body=@body : (i64[], f32[S], f32[S])
                return %1#0, %1#1, %1#2 }";
        let sizes: Vec<i64> = size.split(", ").map(|size| size.parse().expect("a number")).collect();
        let text = text.replace('S', size).replace('R', &sizes[0].to_string()).replace('C', &sizes[1].to_string());
        check(&text, &[(DType::F32, &sizes), (DType::F32, &sizes)]);
    }
}
