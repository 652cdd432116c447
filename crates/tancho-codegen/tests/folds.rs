//! Folds, random bits and linear algebra: every sample and programs of symbolic sizes against the interpreter.

#[path = "procedure/harness.rs"]
mod harness;

use std::panic::{AssertUnwindSafe, catch_unwind};

use harness::{check, check_expected, compile, parse};
use tancho_codegen::program::Launch;
use tancho_ir::ops::{FoldOp, LinalgOp};
use tancho_ir::{Graph, Op};
use tancho_tensor::{Array, DType, Shape};
use tancho_testing::samples::samples;
use tancho_testing::values::{Flavour, array, arrays};

/// Compares the samples of some ops with the interpreter, and reports all that differ.
#[track_caller]
fn check_samples(is_meant: impl Fn(&Op) -> bool) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (number, sample) in samples().iter().enumerate().filter(|(_, sample)| is_meant(&sample.op)) {
        count += 1;
        let flavours = [Flavour::Tame, Flavour::Wild];
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let arguments = arrays(&sample.operands, flavours[number % 2], number as u64);
            check(&sample.graph(), &arguments);
        }));
        if let Err(panic) = checked {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            failures.push(format!("{sample}: {}", text.unwrap_or("a panic")));
        }
    }
    assert!(count > 0, "there are samples");
    assert!(failures.is_empty(), "{} of {count} samples fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn samples_of_reduce() {
    check_samples(|op| matches!(op, Op::Fold(FoldOp::Reduce { .. })));
}

#[test]
fn samples_of_reduce_window() {
    check_samples(|op| matches!(op, Op::Fold(FoldOp::ReduceWindow { .. })));
}

#[test]
fn samples_of_select_and_scatter() {
    check_samples(|op| matches!(op, Op::Fold(FoldOp::SelectAndScatter { .. })));
}

#[test]
fn samples_of_scan() {
    check_samples(|op| matches!(op, Op::Fold(FoldOp::Scan { .. })));
}

#[test]
fn samples_of_random_bits() {
    check_samples(|op| matches!(op, Op::Random(_)));
}

#[test]
fn samples_of_cholesky() {
    check_samples(|op| matches!(op, Op::Linalg(LinalgOp::Cholesky { .. })));
}

#[test]
fn samples_of_triangular_solve() {
    check_samples(|op| matches!(op, Op::Linalg(LinalgOp::TriangularSolve { .. })));
}

/// A program on seeded arguments of some shapes.
#[track_caller]
fn check_text(text: &str, sizes: &[&[usize]]) {
    let graph = parse(text);
    let arguments: Vec<Array> = graph
        .parameter_types()
        .zip(sizes)
        .enumerate()
        .map(|(position, (of, shape))| array(of.dtype, &Shape::new(shape), Flavour::Tame, position as u64))
        .collect();
    check(&graph, &arguments);
}

/// Not one op: the order of the elements matters.
const HORNER: &str = "func @horner(%sum: f32[], %x: f32[]) -> f32[] {
  %0 = constant 0.75 : f32[]
  %1 = multiply %sum, %0 : f32[]
  %2 = subtract %x, %1 : f32[]
  return %2 }";

const ADD: &str = "func @add(%x: f32[], %y: f32[]) -> f32[] { %0 = add %x, %y : f32[] return %0 }";
const GE: &str = "func @ge(%x: f32[], %y: f32[]) -> bool[] { %0 = compare %x, %y, ge : bool[] return %0 }";

#[test]
fn reductions_of_symbolic_sizes() {
    for (axes, result) in
        [("0", "?m, ?k"), ("1", "?n, ?k"), ("2", "?n, ?m"), ("0, 2", "?m"), ("1, 2", "?n"), ("0, 1, 2", "")]
    {
        let text = format!(
            "{HORNER} func @f(%x: f32[?n, ?m, ?k], %init: f32[]) -> f32[{result}] {{
               %0 = reduce %x, %init, axes=[{axes}], body=@horner : f32[{result}]
               return %0 }}"
        );
        for sizes in [[2, 3, 5], [1, 1, 1], [7, 1, 700], [40, 3000, 2], [300, 20, 9], [0, 2, 3], [2, 0, 3], [2, 3, 0]] {
            check_text(&text, &[&sizes, &[]]);
        }
    }
}

#[test]
fn reductions_of_several_operands() {
    let text = "func @argmax(%x: bf16[], %i: u8[], %y: bf16[], %j: u8[]) -> (bf16[], u8[]) {
          %0 = compare %x, %y, ge : bool[]
          %1 = select %0, %x, %y : bf16[]
          %2 = select %0, %i, %j : u8[]
          return %1, %2 }
        func @f(%x: bf16[?n, ?m], %i: u8[?n, ?m], %a: bf16[], %b: u8[]) -> (bf16[OUT], u8[OUT]) {
          %0:2 = reduce %x, %i, %a, %b, axes=[AXIS], body=@argmax : (bf16[OUT], u8[OUT])
          return %0#0, %0#1 }";
    for (axis, result) in [("0", "?m"), ("1", "?n")] {
        let text = text.replace("AXIS", axis).replace("OUT", result);
        for sizes in [[5, 7], [1000, 3], [3, 1000], [200, 600]] {
            check_text(&text, &[&sizes, &sizes, &[], &[]]);
        }
    }
}

#[test]
fn scans_of_symbolic_sizes() {
    for axis in 0..3 {
        for reverse in ["", "reverse=true, "] {
            let text = format!(
                "{HORNER} func @f(%x: f32[?n, ?m, ?k], %init: f32[]) -> f32[?n, ?m, ?k] {{
                   %0 = scan %x, %init, axis={axis}, {reverse}body=@horner : f32[?n, ?m, ?k]
                   return %0 }}"
            );
            for sizes in
                [[2, 3, 5], [1, 1, 1], [7, 1, 700], [40, 3000, 2], [300, 20, 9], [0, 2, 3], [2, 0, 3], [2, 3, 0]]
            {
                check_text(&text, &[&sizes, &[]]);
            }
        }
    }
}

#[test]
fn running_sums() {
    let text = format!(
        "{ADD} func @f(%x: f32[?n]) -> f32[?n] {{
           %0 = constant 1.0 : f32[]
           %1 = scan %x, %0, axis=0, reverse=true, body=@add : f32[?n]
           return %1 }}"
    );
    let vector = |elements: &[f32]| Array::new([elements.len()], elements).expect("memory");
    check_expected(&parse(&text), &[vector(&[1.0, 2.0, 4.0, 8.0])], &[vector(&[16.0, 15.0, 13.0, 9.0])]);
}

#[test]
fn pooling_of_symbolic_sizes() {
    let attributes = "size=[1, 3, 2, 1], strides=[1, 2, 1, 1], low=[0, ?p, 0, 0], high=[0, 1, 1, 0]";
    let result = "f32[max(0, ?n), max(0, floordiv(?h + ?p - 2, 2) + 1), max(0, ?w), max(0, ?c)]";
    let bodies = [
        ("maximum", "-inf"),
        ("maximum", "0.0"),
        ("add", "0.0"),
        ("add", "-0.0"),
        ("multiply", "1.0"),
        ("minimum", "inf"),
    ];
    for (body, init) in bodies {
        let text = format!(
            "func @body(%x: f32[], %y: f32[]) -> f32[] {{ %0 = {body} %x, %y : f32[] return %0 }}
             func @f(%x: f32[?n, ?h, ?w, ?c], %p: i8[?p]) -> {result} {{
               %0 = constant {init} : f32[]
               %1 = reduce_window %x, %0, {attributes}, body=@body : {result}
               return %1 }}"
        );
        for (sizes, padding) in
            [([2, 7, 6, 3], 1), ([3, 8, 9, 300], 0), ([1, 4, 4, 1], 2), ([2, 60, 50, 1], 1), ([0, 4, 4, 1], 2)]
        {
            check_text(&text, &[&sizes, &[padding]]);
        }
    }
}

#[test]
fn gradients_of_pooling() {
    for (sizes, places) in
        [([3, 9, 8, 5], [3, 4, 4, 5]), ([1, 9, 8, 300], [1, 4, 4, 300]), ([700, 9, 8, 1], [700, 4, 4, 1])]
    {
        let [x, y] = [sizes, places].map(|sizes| sizes.map(|size| size.to_string()).join(", "));
        let text = format!(
            "{GE} {ADD} func @f(%x: f32[{x}], %s: f32[{y}], %init: f32[]) -> f32[{x}] {{
               %0 = select_and_scatter %x, %s, %init, size=[1, 3, 2, 1], strides=[1, 2, 2, 1], select=@ge, scatter=@add : f32[{x}]
               return %0 }}"
        );
        check_text(&text, &[&sizes, &places, &[]]);
    }
}

#[test]
fn random_bits_of_symbolic_sizes() {
    for algorithm in ["threefry", "philox"] {
        for dtype in ["u32", "u8", "f64", "bf16"] {
            let text = format!(
                "func @f(%state: u64[2], %x: i8[?n, ?m, ?k]) -> (u64[2], {dtype}[?n, ?m, ?k]) {{
                   %0:2 = rng_bit_generator %state, algorithm={algorithm} : (u64[2], {dtype}[?n, ?m, ?k])
                   return %0#0, %0#1 }}"
            );
            for sizes in [[3, 5, 2], [1, 1, 1], [5, 5, 3], [3, 7, 7], [2, 3, 0], [3, 7, 401], [4, 301, 37]] {
                check_text(&text, &[&[2], &sizes]);
            }
        }
    }
}

// What XLA gives for the key 5 and the counter 2⁶⁴ − 1: the next state, and words.
const THREEFRY_NEXT: [u64; 2] = [5, 2];
const THREEFRY_WORDS: [u32; 5] = [3818595097, 1327100559, 1396233059, 315918555, 2544891230];
const PHILOX_NEXT: [u64; 2] = [5, 1];
const PHILOX_WORDS: [u32; 5] = [1314562490, 4035658752, 2543735481, 4162936588, 64677483];

#[test]
fn random_bits_are_those_of_xla() {
    let state = Array::new([2], &[5u64, u64::MAX]).expect("memory");
    for (algorithm, next, words) in [("threefry", THREEFRY_NEXT, THREEFRY_WORDS), ("philox", PHILOX_NEXT, PHILOX_WORDS)]
    {
        let text = format!(
            "func @f(%state: u64[2]) -> (u64[2], u32[5]) {{
               %0:2 = rng_bit_generator %state, algorithm={algorithm} : (u64[2], u32[5])
               return %0#0, %0#1 }}"
        );
        let expected = [Array::new([2], &next).expect("memory"), Array::new([5], &words).expect("memory")];
        check_expected(&parse(&text), std::slice::from_ref(&state), &expected);
    }
}

/// A symmetric positive definite matrix for each of a batch, with elements that fall off from the diagonal.
fn positive_definite(batch: usize, n: usize) -> Array {
    let element = |at: usize| {
        let (matrix, row, column) = (at / (n * n), at / n % n, at % n);
        if row == column { 2.0 + n as f32 / 4.0 } else { 1.0 / (1.0 + matrix as f32 + row.abs_diff(column) as f32) }
    };
    Array::new([batch, n, n], &(0..batch * n * n).map(element).collect::<Vec<f32>>()).expect("memory")
}

#[test]
fn factors_and_systems_of_symbolic_sizes() {
    for (batch, n, m) in [(1, 1, 1), (3, 4, 2), (2, 7, 4), (1, 66, 700), (90, 13, 3), (0, 3, 3), (2, 0, 3), (2, 3, 0)] {
        let matrices = positive_definite(batch, n);
        for flags in ["", ", lower=true"] {
            let text = format!(
                "func @f(%a: f32[?b, ?n, ?n]) -> f32[?b, ?n, ?n] {{
                   %0 = cholesky %a{flags} : f32[?b, ?n, ?n]
                   return %0 }}"
            );
            check(&parse(&text), std::slice::from_ref(&matrices));
            for transpose in ["", ", transpose=true"] {
                for (side, shape) in [("", [batch, m, n]), ("left_side=true, ", [batch, n, m])] {
                    let of = if side.is_empty() { "f32[?b, ?m, ?n]" } else { "f32[?b, ?n, ?m]" };
                    let text = format!(
                        "func @f(%a: f32[?b, ?n, ?n], %y: {of}) -> {of} {{
                           %0 = triangular_solve %a, %y, {side}unit_diagonal=true{transpose} : {of}
                           return %0 }}"
                    );
                    let text = text.replace(
                        "unit_diagonal=true",
                        if flags.is_empty() { "unit_diagonal=true" } else { "lower=true" },
                    );
                    let right = array(DType::F32, &Shape::new(&shape), Flavour::Tame, 3);
                    check(&parse(&text), &[matrices.clone(), right]);
                }
            }
        }
    }
}

/// From the first bad pivot on, everything is NaN.
#[test]
fn a_matrix_that_is_not_positive_definite() {
    let text = "func @f(%a: f32[3, 3]) -> f32[3, 3] { %0 = cholesky %a, lower=true : f32[3, 3] return %0 }";
    let a = Array::new([3, 3], &[4.0f32, 0.0, 0.0, 2.0, 1.0, 0.0, 6.0, 3.0, 20.0]).expect("memory");
    let factor = Array::new([3, 3], &[2.0f32, 0.0, 0.0, 1.0, f32::NAN, 0.0, 3.0, f32::NAN, f32::NAN]).expect("memory");
    check_expected(&parse(text), &[a], &[factor]);
}

/// The launches of a graph, and how many of them are procedures, without fusion and with it.
fn launches_and_procedures(graph: &Graph) -> [(usize, usize); 2] {
    [false, true].map(|fuse| {
        let compiled = compile(graph, fuse);
        let launches = &compiled.program().launches;
        let procedures = launches.iter().filter(|launch| matches!(launch, Launch::Procedure(_))).count();
        (launches.len(), procedures)
    })
}

const MAXIMUM: &str = "func @max(%x: f32[], %y: f32[]) -> f32[] { %0 = maximum %x, %y : f32[] return %0 }";

/// A small window is part of kernels, with what comes after it; padding is laid into memory before.
#[test]
fn small_windows_are_kernels() {
    for (padding, result, launches) in
        [("", "?n, 4, 3, ?c", 1), (", low=[0, 1, 0, 0], high=[0, 0, 1, 0]", "?n, 4, 4, ?c", 3)]
    {
        let graph = parse(&format!(
            "{MAXIMUM} func @f(%x: f32[?n, 8, 7, ?c]) -> f32[{result}] {{
               %0 = constant -inf : f32[]
               %1 = reduce_window %x, %0, size=[1, 2, 2, 1], strides=[1, 2, 2, 1]{padding}, body=@max : f32[{result}]
               %2 = negate %1 : f32[{result}]
               return %2 }}"
        ));
        let [apart, fused] = launches_and_procedures(&graph);
        assert_eq!(apart.1, 1, "without fusion the window is a procedure");
        assert_eq!(fused, (launches, 0), "launches and procedures\n{graph}");
        let x = array(DType::F32, &Shape::new(&[3, 8, 7, 5]), Flavour::Wild, 7);
        check(&graph, &[x]);
    }
}

/// Runs a window over `f32[?n, 9, ?c]`, which is a procedure without fusion and none with it, on arguments of a few sizes.
#[track_caller]
fn check_window(body: &str, dtype: &str, attributes: &str, result: &str) {
    let text = format!(
        "func @body(%x: {dtype}[], %y: {dtype}[]) -> {dtype}[] {{ {body} }}
         func @f(%x: {dtype}[?n, 9, ?c], %init: {dtype}[]) -> {dtype}[{result}] {{
           %0 = reduce_window %x, %init, {attributes}, body=@body : {dtype}[{result}]
           return %0 }}"
    );
    let graph = parse(&text);
    let [apart, fused] = launches_and_procedures(&graph);
    assert_eq!((apart.1, fused.1), (1, 0), "procedures without fusion and with it\n{graph}");
    for (number, sizes) in [[3, 9, 5], [1, 9, 1], [2, 9, 300], [40, 9, 2], [0, 9, 4], [2, 9, 0]].iter().enumerate() {
        let flavour = [Flavour::Tame, Flavour::Wild][number % 2];
        let of: Vec<DType> = graph.parameter_types().map(|of| of.dtype).collect();
        let x = array(of[0], &Shape::new(sizes), flavour, number as u64);
        let init = array(of[1], &Shape::new(&[]), flavour, 100 + number as u64);
        check(&graph, &[x, init]);
    }
}

#[test]
fn small_windows_of_odd_settings() {
    let horner = "%0 = constant 0.75 : f32[]
        %1 = multiply %x, %0 : f32[]
        %2 = subtract %y, %1 : f32[]
        return %2";
    // Holes between the places, strides beyond the window, and padding that takes away.
    check_window(horner, "f32", "size=[1, 3, 1], dilation=[1, 3, 1]", "?n, 3, ?c");
    check_window(horner, "f32", "size=[1, 2, 1], strides=[1, 4, 1]", "?n, 2, ?c");
    check_window(horner, "f32", "size=[1, 2, 1], low=[0, -2, 0], high=[0, -3, 0]", "?n, 3, ?c");
    check_window(horner, "f32", "size=[1, 3, 1], strides=[1, 2, 1], low=[0, 2, 0], high=[0, -1, 0]", "?n, 4, ?c");
    check_window(horner, "f32", "size=[1, 3, 1], strides=[1, 2, 1], low=[0, -1, 0], high=[0, 2, 0]", "?n, 4, ?c");
    // Along axes of unknown size, where there may be no place for the window.
    let places = "max(0, ?n - 1), 4, max(0, floordiv(?c - 3, 2) + 1)";
    check_window(horner, "f32", "size=[2, 2, 3], strides=[1, 2, 2]", places);
    check_window(horner, "f32", "size=[1, 1, 3], low=[0, 0, 2]", "?n, 9, max(0, ?c)");
    check_window(horner, "f32", "size=[1, 1, 1], strides=[1, 2, 1]", "?n, 5, ?c");
    // Bodies that use their parameters several times, or not at all.
    let farther = "%0 = abs %x : f32[] %1 = abs %y : f32[] %2 = compare %0, %1, ge : bool[]
        %3 = select %2, %x, %y : f32[] return %3";
    check_window(farther, "f32", "size=[1, 2, 2], low=[0, 1, 1]", "?n, 9, max(0, ?c)");
    check_window("return %x", "f32", "size=[1, 2, 1]", "?n, 8, ?c");
    check_window("return %y", "f32", "size=[1, 2, 1], high=[0, 1, 0]", "?n, 9, ?c");
    check_window("%0 = constant 2.0 : f32[] return %0", "f32", "size=[1, 2, 1]", "?n, 8, ?c");
    // Each op on halves rounds.
    for dtype in ["bf16", "f16"] {
        let body = horner.replace("f32", dtype);
        check_window(&body, dtype, "size=[1, 3, 1], strides=[1, 2, 1], low=[0, 1, 0]", "?n, 4, ?c");
    }
    for (op, dtype) in [("maximum", "f64"), ("minimum", "i8"), ("add", "u32"), ("or", "bool"), ("multiply", "i64")] {
        let body = format!("%0 = {op} %x, %y : {dtype}[] return %0");
        check_window(&body, dtype, "size=[1, 3, 1], strides=[1, 2, 1], low=[0, 1, 0], high=[0, 1, 0]", "?n, 5, ?c");
    }
}

/// What slices would make slower, or cannot express, stays a procedure.
#[test]
fn other_windows_are_procedures() {
    for (operand, attributes, result) in [
        ("12, 12", "size=[7, 7]", "6, 6"),
        ("12, 12", "size=[1, 3], base_dilation=[1, 2]", "12, 21"),
        ("12, 12", "size=[1, 3], low=[0, 3]", "12, 13"),
        ("12, 12", "size=[3, 3], strides=[2, 2]", "5, 5"),
        ("12, 12", "size=[13, 1]", "0, 12"),
    ] {
        let graph = parse(&format!(
            "{MAXIMUM} func @f(%x: f32[{operand}], %init: f32[]) -> f32[{result}] {{
               %0 = reduce_window %x, %init, {attributes}, body=@max : f32[{result}]
               return %0 }}"
        ));
        assert_eq!(launches_and_procedures(&graph), [(1, 1); 2], "launches and procedures\n{graph}");
    }
}

/// Windows over windows and over values that are computed, which are computed once.
#[test]
fn small_windows_of_computed_values() {
    let pool = "size=[1, 2, 2], strides=[1, 1, 1], high=[0, 1, 1], body=@max";
    let text = format!(
        "{MAXIMUM} func @f(%x: f32[?n, 8, 6], %y: f32[6, 8, ?n]) -> (f32[?n, 7, 5], f32[?n, 8], f32[8, 6]) {{
           %0 = constant -inf : f32[]
           %1 = multiply %x, %x : f32[?n, 8, 6]
           %2 = reduce_window %1, %0, size=[1, 2, 2], body=@max : f32[?n, 7, 5]
           %3 = transpose %y, permutation=[2, 1, 0] : f32[?n, 8, 6]
           %4 = reduce_window %3, %0, {pool} : f32[?n, 8, 6]
           %5 = reduce_window %4, %0, {pool} : f32[?n, 8, 6]
           %6 = reduce_window %5, %0, size=[1, 3, 1], low=[0, 1, 0], high=[0, 1, 0], body=@max : f32[?n, 8, 6]
           %7 = add %6, %1 : f32[?n, 8, 6]
           %8 = reduce_sum %7, axes=[2] : f32[?n, 8]
           %9 = reduce_max %5, axes=[0] : f32[8, 6]
           return %2, %8, %9 }}"
    );
    for n in [1, 4, 33] {
        check_text(&text, &[&[n, 8, 6], &[6, 8, n]]);
    }
}
