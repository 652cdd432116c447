//! Programs with several ops, large enough for several tiles, and a few with results that are written down.

use tancho_tensor::{Array, DType, Shape};
use tancho_testing::values::{Flavour, array, arrays};

use crate::harness::{check, check_expected, parse};

/// A program on seeded arguments, of which those that are integers index.
#[track_caller]
fn check_text(text: &str, sizes: &[&[usize]], bound: usize) {
    let graph = parse(text);
    let arguments = graph.parameter_types().zip(sizes).enumerate().map(|(position, (of, shape))| {
        let shape = Shape::new(shape);
        if of.dtype != DType::I32 {
            return array(of.dtype, &shape, Flavour::Tame, position as u64);
        }
        let mut generator = tancho_testing::values::Generator::new(position as u64);
        let count: usize = shape.iter().product();
        let indices: Vec<i32> = (0..count).map(|_| generator.below(bound + 2) as i32 - 1).collect();
        Array::new(shape, &indices).expect("memory")
    });
    check(&graph, &arguments.collect::<Vec<_>>());
}

#[test]
fn gathers_of_many_rows_and_their_gradient() {
    let gather = "func @f(%x: f32[?v, ?d], %i: i32[?b, 1]) -> f32[?b, ?d] {
        %0 = gather %x, %i, offset_dims=[1], collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1, slice_sizes=[1, ?d] : f32[?b, ?d]
        return %0 }";
    check_text(gather, &[&[50, 256], &[3000, 1]], 50);
    check_text(gather, &[&[50, 1], &[3000, 1]], 50);
    check_text(gather, &[&[50, 1000], &[0, 1]], 50);
    let take = "func @f(%x: f16[?n, ?m], %i: i32[?b]) -> f16[?n, ?b] {
        %0 = gather %x, %i, offset_dims=[0], collapsed_slice_dims=[1], start_index_map=[1], index_vector_dim=1, slice_sizes=[?n, 1] : f16[?n, ?b]
        return %0 }";
    check_text(take, &[&[300, 40], &[500]], 40);
    let scatter = "func @add(%x: f32[], %y: f32[]) -> f32[] { %0 = add %x, %y : f32[] return %0 }
      func @f(%x: f32[?v, ?d], %i: i32[?b, 1], %u: f32[?b, ?d]) -> f32[?v, ?d] {
        %0 = scatter %x, %i, %u, update_window_dims=[1], inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : f32[?v, ?d]
        return %0 }";
    check_text(scatter, &[&[50, 256], &[1000, 1], &[1000, 256]], 50);
    check_text(scatter, &[&[50, 65], &[1000, 1], &[1000, 65]], 50);
    check_text(scatter, &[&[50, 1], &[1000, 1], &[1000, 1]], 50);
}

#[test]
fn sorts_of_many_rows() {
    let sort = "func @less(%x: i32[], %y: i32[], %a: f32[], %b: f32[]) -> bool[] { %0 = compare %x, %y, lt : bool[] return %0 }
      func @f(%x: i32[?n, ?m], %v: f32[?n, ?m]) -> (i32[?n, ?m], f32[?n, ?m]) {
        %0:2 = sort %x, %v, axis=AXIS, comparator=@less : (i32[?n, ?m], f32[?n, ?m])
        return %0#0, %0#1 }";
    for axis in ["0", "1"] {
        let text = sort.replace("AXIS", axis);
        for shape in [[200, 130], [130, 200], [1, 3000], [3000, 1], [0, 5]] {
            check_text(&text, &[&shape, &shape], 20);
        }
    }
}

#[test]
fn a_scatter_between_other_ops_works_in_place() {
    check_text(
        "func @add(%x: f32[], %y: f32[]) -> f32[] { %0 = add %x, %y : f32[] return %0 }
         func @f(%x: f32[10], %i: i32[5, 1], %u: f32[5]) -> f32[10] {
           %0 = multiply %x, %x : f32[10]
           %1 = scatter %0, %i, %u, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : f32[10]
           %2 = scatter %1, %i, %u, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : f32[10]
           %3 = add %2, %x : f32[10]
           return %3 }",
        &[&[10], &[5, 1], &[5]],
        10,
    );
}

#[test]
fn the_operand_of_a_scatter_may_be_its_update() {
    check_text(
        "func @add(%x: f32[], %y: f32[]) -> f32[] { %0 = add %x, %y : f32[] return %0 }
         func @f(%x: f32[6], %i: i32[6, 1]) -> (f32[6], f32[6]) {
           %0 = negate %x : f32[6]
           %1 = scatter %0, %i, %0, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : f32[6]
           %2 = scatter %x, %i, %x, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : f32[6]
           return %1, %2 }",
        &[&[6], &[6, 1]],
        6,
    );
}

/// A body with a loop and a branch.
#[test]
fn the_body_of_a_scatter_may_have_control_flow() {
    let text = "func @less(%k: i64[], %x: i64[]) -> bool[] { %0 = constant 3 : i64[] %1 = compare %k, %0, lt : bool[] return %1 }
      func @step(%k: i64[], %x: i64[]) -> (i64[], i64[]) {
        %0 = constant 1 : i64[] %1 = add %k, %0 : i64[] %2 = add %x, %x : i64[] return %1, %2 }
      func @first(%x: i64[], %y: i64[]) -> i64[] { %0 = subtract %x, %y : i64[] return %0 }
      func @second(%x: i64[], %y: i64[]) -> i64[] { return %y }
      func @body(%x: i64[], %y: i64[]) -> i64[] {
        %0 = constant 0 : i64[]
        %1:2 = while %0, %x, condition=@less, body=@step : (i64[], i64[])
        %2 = compare %x, %y, lt : bool[]
        %3 = case %2, %1#1, %y, branches=[@first, @second] : i64[]
        return %3 }
      func @f(%x: i64[5], %i: i32[9, 1], %u: i64[9]) -> i64[5] {
        %0 = scatter %x, %i, %u, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@body : i64[5]
        return %0 }";
    check_text(text, &[&[5], &[9, 1], &[9]], 5);
}

#[test]
fn results_that_are_written_down() {
    let graph = parse(
        "func @f(%x: f32[2, 5]) -> (f32[2, 3], i32[2, 3]) {
           %0:2 = top_k %x, k=3 : (f32[2, 3], i32[2, 3])
           return %0#0, %0#1 }",
    );
    let nan = f32::NAN;
    let x = Array::new([2, 5], &[1.0f32, nan, 3.0, 3.0, -1.0, -0.0, 0.0, -0.0, -2.0, f32::NEG_INFINITY]).expect("fits");
    let values = Array::new([2, 3], &[nan, 3.0f32, 3.0, 0.0, -0.0, -0.0]).expect("fits");
    let indices = Array::new([2, 3], &[1i32, 2, 3, 1, 0, 2]).expect("fits");
    check_expected(&graph, &[x], &[values, indices]);

    let graph = parse(
        "func @add(%x: i32[], %y: i32[]) -> i32[] { %0 = add %x, %y : i32[] return %0 }
         func @f(%x: i32[4], %i: i32[5, 1], %u: i32[5]) -> i32[4] {
           %0 = scatter %x, %i, %u, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@add : i32[4]
           return %0 }",
    );
    let arguments = [
        Array::new([4], &[1i32, 2, 3, 4]).expect("fits"),
        Array::new([5, 1], &[0i32, 3, 0, 4, -1]).expect("fits"),
        Array::new([5], &[10i32, 20, 30, 40, 50]).expect("fits"),
    ];
    check_expected(&graph, &arguments, &[Array::new([4], &[41i32, 2, 3, 24]).expect("fits")]);
}

/// Loops over scalars are procedures too, those over arrays are not.
#[test]
fn loops_and_branches() {
    let text = "func @less(%k: i64[], %x: TYPE) -> bool[] { %0 = constant 5 : i64[] %1 = compare %k, %0, lt : bool[] return %1 }
      func @step(%k: i64[], %x: TYPE) -> (i64[], TYPE) {
        %0 = constant 1 : i64[] %1 = add %k, %0 : i64[] %2 = add %x, %x : TYPE return %1, %2 }
      func @double(%x: TYPE) -> TYPE { %0 = add %x, %x : TYPE return %0 }
      func @negate(%x: TYPE) -> TYPE { %0 = negate %x : TYPE return %0 }
      func @f(%k: i64[], %x: TYPE, %c: bool[]) -> (i64[], TYPE, TYPE) {
        %1:2 = while %k, %x, condition=@less, body=@step : (i64[], TYPE)
        %2 = case %c, %1#1, branches=[@double, @negate] : TYPE
        return %1#0, %1#1, %2 }";
    for of in ["f32[]", "f16[]", "bf16[]", "f32[7]", "i16[3, 0]", "f16[300, 300]"] {
        let graph = parse(&text.replace("TYPE", of));
        let parameters: Vec<_> = graph.parameter_types().cloned().collect();
        for seed in 0..4 {
            let mut arguments = arrays(&parameters, Flavour::Tame, seed);
            arguments[0] = Array::scalar(seed as i64 * 2);
            check(&graph, &arguments);
        }
    }
}
