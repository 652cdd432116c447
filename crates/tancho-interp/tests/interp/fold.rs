//! Folds with a body, in the order of the elements.

use tancho_tensor::Array;

use super::{array, check_text, vector};

/// `10·sum + x`, so that the digits of a result are the elements in the order in which they were folded.
const DIGITS: &str = "func @digits(%sum: i64[], %x: i64[]) -> i64[] {
    %0 = constant 10 : i64[]
    %1 = multiply %sum, %0 : i64[]
    %2 = add %1, %x : i64[]
    return %2
}
";

#[test]
fn reductions_fold_in_row_major_order() {
    let x = array([2, 3], &[1i64, 2, 3, 4, 5, 6]);
    let reduce = |axes: &str, kept: &str, expected: Array| {
        let text = format!(
            "{DIGITS} func @f(%x: i64[2, 3], %init: i64[]) -> i64[{kept}] {{
               %0 = reduce %x, %init, axes=[{axes}], body=@digits : i64[{kept}]
               return %0
             }}"
        );
        check_text(&text, &[x.clone(), Array::scalar(9i64)], &[expected]);
    };
    reduce("1", "2", vector(&[9123i64, 9456]));
    reduce("0", "3", vector(&[914i64, 925, 936]));
    reduce("1, 0", "", Array::scalar(9123456i64));
    reduce("", "2, 3", array([2, 3], &[91i64, 92, 93, 94, 95, 96]));
}

#[test]
fn reductions_take_several_operands() {
    let text = "
        func @argmax(%x: f32[], %i: i32[], %y: f32[], %j: i32[]) -> (f32[], i32[]) {
          %0 = compare %y, %x, gt : bool[]
          %1 = select %0, %y, %x : f32[]
          %2 = select %0, %j, %i : i32[]
          return %1, %2
        }
        func @f(%x: f32[2, ?n]) -> (f32[2], i32[2]) {
          %0 = iota axis=1 : i32[2, ?n]
          %1 = constant -inf : f32[]
          %2 = constant -1 : i32[]
          %3:2 = reduce %x, %0, %1, %2, axes=[1], body=@argmax : (f32[2], i32[2])
          return %3#0, %3#1
        }";
    let x = array([2, 3], &[1.0f32, 5.0, 5.0, 7.0, 0.0, -1.0]);
    check_text(text, &[x], &[vector(&[5.0f32, 7.0]), vector(&[1i32, 0])]);
    let nothing = array::<f32, 2>([2, 0], &[]);
    check_text(text, &[nothing], &[vector(&[f32::NEG_INFINITY; 2]), vector(&[-1i32; 2])]);
}

/// Windows over `1 … 5`, with 9 as the initial scalar.
#[track_caller]
fn check_window(window: &str, expected: &[i64]) {
    let text = format!(
        "{DIGITS} func @f(%x: i64[5], %init: i64[]) -> i64[{0}] {{
           %0 = reduce_window %x, %init, {window}, body=@digits : i64[{0}]
           return %0
         }}",
        expected.len()
    );
    check_text(&text, &[vector(&[1i64, 2, 3, 4, 5]), Array::scalar(9i64)], &[vector(expected)]);
}

#[test]
fn windows_fold_their_places() {
    check_window("size=[2]", &[912, 923, 934, 945]);
    check_window("size=[2], strides=[3]", &[912, 945]);
    // Padding and holes count as the initial scalar.
    check_window("size=[2], low=[1], high=[2]", &[991, 912, 923, 934, 945, 959, 999]);
    check_window("size=[3], base_dilation=[2]", &[9192, 9929, 9293, 9939, 9394, 9949, 9495]);
    check_window("size=[2], dilation=[3]", &[914, 925]);
    check_window("size=[2], low=[-1], high=[-2]", &[923]);
    check_window("size=[6]", &[]);
}

#[test]
fn windows_cover_several_axes() {
    let text = "
        func @max(%x: f32[], %y: f32[]) -> f32[] { %0 = maximum %x, %y : f32[] return %0 }
        func @f(%x: f32[3, 4], %init: f32[]) -> f32[2, 2] {
          %0 = reduce_window %x, %init, size=[2, 2], strides=[1, 2], body=@max : f32[2, 2]
          return %0
        }";
    let x = array([3, 4], &[3.0f32, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0]);
    check_text(text, &[x, Array::scalar(f32::NEG_INFINITY)], &[array([2, 2], &[9.0f32, 6.0, 9.0, 8.0])]);
}

#[test]
fn sources_go_where_the_selected_element_is() {
    let scatter = |attributes: &str, places: &str| {
        format!(
            "func @ge(%x: i32[], %y: i32[]) -> bool[] {{ %0 = compare %x, %y, ge : bool[] return %0 }}
             func @add(%x: i32[], %y: i32[]) -> i32[] {{ %0 = add %x, %y : i32[] return %0 }}
             func @f(%x: i32[3, 4], %s: i32[{places}], %init: i32[]) -> i32[3, 4] {{
               %0 = select_and_scatter %x, %s, %init, {attributes}, select=@ge, scatter=@add : i32[3, 4]
               return %0
             }}"
        )
    };
    let x = array([3, 4], &[3i32, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]);
    let source = array([2, 2], &[1i32, 2, 10, 20]);
    let expected = array([3, 4], &[0i32, 0, 0, 0, 0, 11, 0, 2, 0, 0, 0, 20]);
    let text = scatter("size=[2, 2], strides=[1, 2]", "2, 2");
    check_text(&text, &[x.clone(), source, Array::scalar(0i32)], &[expected]);
    // The first of equal elements, the initial scalar where nothing goes, and a window that lies in padding alone.
    let same = array([3, 4], &[7i32; 12]);
    let expected = array([3, 4], &[102i32, 100, 103, 100, 104, 100, 105, 100, 100, 100, 100, 100]);
    let source = array([2, 3], &[2i32, 3, 50, 4, 5, 60]);
    let text = scatter("size=[1, 2], strides=[1, 2], low=[0, 0], high=[-1, 2]", "2, 3");
    check_text(&text, &[same, source, Array::scalar(100i32)], &[expected]);
}

#[test]
fn scans_keep_every_sum() {
    let scan = |attributes: &str, x: Array, expected: Array| {
        let text = format!(
            "{DIGITS} func @f(%x: i64[?n, ?m], %init: i64[]) -> i64[?n, ?m] {{
               %0 = scan %x, %init, {attributes}, body=@digits : i64[?n, ?m]
               return %0
             }}"
        );
        check_text(&text, &[x, Array::scalar(9i64)], &[expected]);
    };
    let x = || array([2, 3], &[1i64, 2, 3, 4, 5, 6]);
    scan("axis=1", x(), array([2, 3], &[91i64, 912, 9123, 94, 945, 9456]));
    scan("axis=0", x(), array([2, 3], &[91i64, 92, 93, 914, 925, 936]));
    scan("axis=1, reverse=true", x(), array([2, 3], &[9321i64, 932, 93, 9654, 965, 96]));
    scan("axis=0", array::<i64, 2>([0, 3], &[]), array::<i64, 2>([0, 3], &[]));
}

#[test]
fn bodies_of_other_ops_are_graphs() {
    // The same body, once as elementwise ops and once with a call and others within.
    let sums = |body: &str| {
        format!(
            "func @double(%x: f32[]) -> f32[] {{ %0 = add %x, %x : f32[] return %0 }}
             func @body(%sum: f32[], %x: f32[]) -> f32[] {{ {body} %2 = subtract %1, %sum : f32[] return %2 }}
             func @f(%x: f32[3], %init: f32[]) -> f32[3] {{
               %0 = scan %x, %init, axis=0, body=@body : f32[3]
               return %0
             }}"
        )
    };
    let expected = vector(&[1.5f32, 2.5, 3.5]);
    let arguments = [vector(&[1.0f32, 2.0, 3.0]), Array::scalar(0.5f32)];
    check_text(&sums("%1 = add %x, %x : f32[]"), &arguments, std::slice::from_ref(&expected));
    let nested = "%0 = call @double(%x) : f32[] %3 = reshape %0 : f32[]
                  %1 = reduce_sum %3, axes=[] : f32[]";
    check_text(&sums(nested), &arguments, &[expected]);
}
