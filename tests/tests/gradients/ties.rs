//! Where an op has no derivative, or several could be taken for it: which one it is.

use tancho_interp::interpret;
use tancho_ir::parse;
use tancho_tensor::Array;
use tancho_testing::gradcheck::{float_parameters, verified_vjp};

/// Checks the cotangents of a function's float operands at a point. Operands, cotangents of the results and expected
/// cotangents are given as their elements; the last graph of the text is the function, of `f64` and `i32`.
#[track_caller]
fn check(text: &str, operands: &[&[f64]], cotangents: &[&[f64]], expected: &[&[f64]]) {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let gradient = verified_vjp(&graph).unwrap_or_else(|error| panic!("{error}"));
    let all = operands.iter().chain(cotangents);
    let arguments: Vec<Array> = gradient
        .parameter_types()
        .zip(all)
        .map(|(of, elements)| {
            let shape = of.known_shape().expect("sizes are known");
            if of.dtype.is_float() {
                return Array::new(shape, elements).expect("as many elements as the type says");
            }
            let whole: Vec<i32> = elements.iter().map(|&x| x as i32).collect();
            Array::new(shape, &whole).expect("as many elements as the type says")
        })
        .collect();
    let found = interpret(&gradient, &arguments).unwrap_or_else(|error| panic!("{error}\n{gradient}"));
    let found: Vec<Vec<f64>> = found[graph.results().len()..].iter().map(Array::to_f64_vec).collect();
    assert_eq!(found, expected, "{:?} of\n{gradient}", float_parameters(&graph));
}

/// A function of one body, whose name is that of an op.
fn with_body(op: &str, function: &str) -> String {
    format!("func @{op}(%a: f64[], %b: f64[]) -> f64[] {{ %0 = {op} %a, %b : f64[] return %0 }} {function}")
}

#[test]
fn equal_elements_share_the_cotangent_of_a_maximum() {
    let function = "func @f(%x: f64[4], %i: f64[]) -> f64[] {
        %0 = reduce %x, %i, axes=[0], body=@maximum : f64[]
        return %0 }";
    let text = with_body("maximum", function);
    check(&text, &[&[1.0, 3.0, 3.0, 2.0], &[0.0]], &[&[6.0]], &[&[0.0, 3.0, 3.0, 0.0], &[0.0]]);
    // The initial value is one of them, and gets all where it is the largest.
    check(&text, &[&[1.0, 3.0, 3.0, 2.0], &[3.0]], &[&[6.0]], &[&[0.0, 2.0, 2.0, 0.0], &[2.0]]);
    check(&text, &[&[1.0, 3.0, 3.0, 2.0], &[5.0]], &[&[6.0]], &[&[0.0; 4], &[6.0]]);
}

#[test]
fn the_first_of_equal_elements_of_a_window_gets_the_cotangent() {
    let function = "func @f(%x: f64[6]) -> f64[3] {
        %0 = constant -inf : f64[]
        %1 = reduce_window %x, %0, size=[2], strides=[2], body=@maximum : f64[3]
        return %1 }";
    check(
        &with_body("maximum", function),
        &[&[2.0, 2.0, 0.0, 1.0, -1.0, -1.0]],
        &[&[10.0, 20.0, 30.0]],
        &[&[10.0, 0.0, 0.0, 20.0, 30.0, 0.0]],
    );
}

#[test]
fn products_with_zeros_have_gradients() {
    let function = "func @f(%x: f64[3], %i: f64[]) -> f64[] {
        %0 = reduce %x, %i, axes=[0], body=@multiply : f64[]
        return %0 }";
    let text = with_body("multiply", function);
    check(&text, &[&[2.0, 0.0, 3.0], &[5.0]], &[&[1.0]], &[&[0.0, 30.0, 0.0], &[0.0]]);
    check(&text, &[&[0.0, 0.0, 3.0], &[5.0]], &[&[1.0]], &[&[0.0, 0.0, 0.0], &[0.0]]);
    let scan = "func @f(%x: f64[3], %i: f64[]) -> f64[3] {
        %0 = scan %x, %i, axis=0, body=@multiply : f64[3]
        return %0 }";
    check(
        &with_body("multiply", scan),
        &[&[2.0, 0.0, 3.0], &[5.0]],
        &[&[1.0, 1.0, 1.0]],
        &[&[5.0, 10.0 + 30.0, 0.0], &[2.0]],
    );
}

#[test]
fn dropped_updates_have_no_cotangent() {
    let function = "func @f(%x: f64[3], %i: i32[4], %u: f64[4]) -> f64[3] {
        %0 = scatter %x, %i, %u, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1,
          body=@BODY : f64[3]
        return %0 }";
    let text = |op: &str| with_body(op, &function.replace("BODY", op));
    let (x, places, updates, cotangent): (&[f64], &[f64], &[f64], &[f64]) =
        (&[1.0, 2.0, 3.0], &[0.0, -1.0, 0.0, 3.0], &[2.0, 4.0, 0.0, 8.0], &[10.0, 20.0, 30.0]);
    check(&text("add"), &[x, places, updates], &[cotangent], &[&[10.0, 20.0, 30.0], &[10.0, 0.0, 10.0, 0.0]]);
    check(&text("multiply"), &[x, places, updates], &[cotangent], &[&[0.0, 20.0, 30.0], &[0.0, 0.0, 20.0, 0.0]]);
    let tied: &[f64] = &[1.0, 4.0, 1.0, 8.0];
    check(
        &text("maximum"),
        &[&[1.0, 2.0, 3.0], places, tied],
        &[&[9.0, 20.0, 30.0]],
        &[&[3.0, 20.0, 30.0], &[3.0, 0.0, 3.0, 0.0]],
    );
    // The last one that is written is the one that counts.
    let last = "func @last(%a: f64[], %b: f64[]) -> f64[] { return %b } ";
    let text = format!("{last}{}", function.replace("BODY", "last"));
    check(&text, &[x, places, updates], &[cotangent], &[&[0.0, 20.0, 30.0], &[0.0, 0.0, 10.0, 0.0]]);
}

#[test]
fn gathers_add_where_they_read_clamped() {
    let text = "func @f(%x: f64[3], %i: i32[4]) -> f64[4] {
        %0 = gather %x, %i, collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1, slice_sizes=[1] : f64[4]
        return %0 }";
    let cotangent: &[f64] = &[1.0, 10.0, 100.0, 1000.0];
    check(text, &[&[1.0, 2.0, 3.0], &[0.0, 9.0, -5.0, 2.0]], &[cotangent], &[&[101.0, 0.0, 1010.0]]);
}

#[test]
fn slices_that_are_taken_twice_are_added() {
    let text = "func @f(%x: f64[5], %i: i32[], %j: i32[]) -> (f64[3], f64[3]) {
        %0 = dynamic_slice %x, %i, sizes=[3] : f64[3]
        %1 = dynamic_slice %x, %j, sizes=[3] : f64[3]
        return %0, %1 }";
    check(
        text,
        &[&[0.0; 5], &[1.0], &[9.0]],
        &[&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]],
        &[&[0.0, 1.0, 12.0, 23.0, 30.0]],
    );
}

#[test]
fn sorting_takes_cotangents_back_in_a_stable_order() {
    let text = "func @less(%x: f64[], %y: f64[], %i: f64[], %j: f64[]) -> bool[] {
          %0 = compare %x, %y, lt : bool[]
          return %0 }
        func @f(%x: f64[4], %y: f64[4]) -> (f64[4], f64[4]) {
          %0:2 = sort %x, %y, axis=0, stable=true, comparator=@less : (f64[4], f64[4])
          return %0#0, %0#1 }";
    check(
        text,
        &[&[2.0, 1.0, 2.0, 0.0], &[0.0; 4]],
        &[&[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0, 30.0, 40.0]],
        &[&[3.0, 2.0, 4.0, 1.0], &[30.0, 20.0, 40.0, 10.0]],
    );
}
