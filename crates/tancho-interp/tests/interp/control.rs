//! Loops, branches, functions of the host, and the errors within them.

use tancho_interp::{CustomCalls, InterpretError, interpret, interpret_with};
use tancho_ir::{Graph, ParseOptions, parse, parse_with};
use tancho_tensor::Array;

use super::{check_arrays, check_text, vector};

/// `(i, x) → (i + 1, x·y)` while `i < n`; `n` and `y` do not change.
const POWER: &str = "
    func @below(%i: i32[], %x: f64[2], %n: i32[], %y: f64[2]) -> bool[] {
      %0 = compare %i, %n, lt : bool[]
      return %0
    }
    func @step(%i: i32[], %x: f64[2], %n: i32[], %y: f64[2]) -> (i32[], f64[2]) {
      %0 = constant 1 : i32[]
      %1 = add %i, %0 : i32[]
      %2 = multiply %x, %y : f64[2]
      return %1, %2
    }
    func @f(%i: i32[], %x: f64[2], %n: i32[], %y: f64[2]) -> (i32[], f64[2]) {
      %0:2 = while %i, %x, %n, %y, condition=@below, body=@step : (i32[], f64[2])
      return %0#0, %0#1
    }";

#[test]
fn loops_end_with_their_last_state() {
    let check = |from: i32, to: i32, end: i32, expected: [f64; 2]| {
        let arguments = [Array::scalar(from), vector(&[1.0, 3.0]), Array::scalar(to), vector(&[2.0, -1.0])];
        check_text(POWER, &arguments, &[Array::scalar(end), vector(&expected)]);
    };
    check(0, 10, 10, [1024.0, 3.0]);
    check(7, 10, 10, [8.0, -3.0]);
    check(10, 10, 10, [1.0, 3.0]);
    check(0, 100_001, 100_001, [f64::INFINITY, -3.0]);
}

#[test]
fn an_index_chooses_a_branch() {
    let branches = "
        func @zero(%x: f32[?n]) -> f32[?n] { return %x }
        func @one(%x: f32[?n]) -> f32[?n] { %0 = negate %x : f32[?n] return %0 }
        func @two(%x: f32[?n]) -> f32[?n] { %0 = add %x, %x : f32[?n] return %0 }";
    let check = |index: Array, branch: &str, expected: f32| {
        let of = index.dtype();
        let names = if of == tancho_tensor::DType::Bool { "@zero, @one" } else { "@zero, @one, @two" };
        let text = format!(
            "{branches} func @f(%i: {of}[], %x: f32[1]) -> f32[1] {{
               %0 = case %i, %x, branches=[{names}] : f32[1]
               return %0
             }}"
        );
        assert!(names.contains(branch));
        check_text(&text, &[index, vector(&[3.0f32])], &[vector(&[expected])]);
    };
    check(Array::scalar(0i32), "@zero", 3.0);
    check(Array::scalar(1i32), "@one", -3.0);
    check(Array::scalar(2i32), "@two", 6.0);
    check(Array::scalar(3i32), "@two", 6.0);
    check(Array::scalar(-1i32), "@two", 6.0);
    check(Array::scalar(false), "@zero", 3.0);
    check(Array::scalar(true), "@one", -3.0);
}

#[test]
fn a_barrier_changes_nothing() {
    let text = "func @f(%x: f32[2], %y: i8[]) -> (f32[2], i8[]) {
                  %0:2 = optimization_barrier %x, %y : (f32[2], i8[])
                  return %0#0, %0#1
                }";
    let arguments = [vector(&[1.0f32, f32::NAN]), Array::scalar(3i8)];
    check_text(text, &arguments, &arguments);
}

fn located(text: &str) -> Graph {
    parse_with(text, "a.ir", &ParseOptions { locate_lines: true, ..ParseOptions::default() })
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn functions_of_the_host_are_given() {
    let text =
        "func @g(%x: f32[2]) -> f32[2] { %0 = custom_call %x, target=\"twice\", config=\"2\" : f32[2] return %0 }
                func @f(%x: f32[2]) -> f32[2] { %0 = call @g(%x) : f32[2] return %0 }";
    let graph = parse(text, "test").unwrap();
    let argument = vector(&[1.0f32, 2.0]);
    let times = |result: Result<Vec<Array>, String>| {
        let functions = move |call: &tancho_ir::ops::CustomCall, operands: &[Array]| {
            assert_eq!((&*call.config, operands.len()), ("2", 1));
            (&*call.target == "twice").then(|| result.clone())
        };
        interpret_with(&graph, &[vector(&[1.0f32, 2.0])], &functions as &CustomCalls<'_>)
    };
    let expected = vector(&[2.0f32, 4.0]);
    check_arrays(&times(Ok(vec![expected.clone()])).unwrap(), std::slice::from_ref(&expected));
    let message = |result: Result<Vec<Array>, InterpretError>| result.unwrap_err().to_string();
    let inner = |text: &str| format!("custom_call: @twice: {text}, in the call of @g");
    assert_eq!(message(interpret(&graph, &[argument])), inner("no such function is known"));
    assert_eq!(message(times(Err("broken".into()))), inner("broken"));
    assert_eq!(message(times(Ok(vec![]))), inner("gives 0 results, not 1"));
    assert_eq!(message(times(Ok(vec![Array::scalar(1i8)]))), inner("gives i8[] as result 0, not f32[2]"));
}

#[test]
fn errors_within_graphs_name_graph_and_place() {
    let missing = "func @missing(%x: u8[], %y: u8[]) -> u8[] {
  %0 = custom_call %x, target=\"nobody\" : u8[]
  return %0
}";
    let check = |op: &str| {
        let f = format!("func @f(%x: u8[3], %s: u8[], %i: i32[]) -> u8[] {{\n  %0 = {op} : u8[]\n  return %0\n}}");
        let graph = located(&format!("{missing}\n{f}"));
        let error = interpret(&graph, &[vector(&[1u8, 2, 3]), Array::scalar(0u8), Array::scalar(0i32)]).unwrap_err();
        let expected = "custom_call: @nobody: no such function is known (a.ir:2:3), in the call of @missing (a.ir:6:3)";
        assert_eq!(error.to_string(), expected);
    };
    check("reduce %x, %s, axes=[0], body=@missing");
    check("case %i, %s, %s, branches=[@missing]");
}
