//! Broken graphs, and what the verifier prints about them.

use std::sync::Arc;

use tancho_tensor::DType;

use super::verify;
use crate::ops::{BinaryOp, ControlOp, ElementwiseOp, UnaryOp};
use crate::{Graph, Op, ParseOptions, Span, TensorType, Value, parse_with};

fn unchecked(text: &str) -> Graph {
    let options = ParseOptions { check_types: false, ..ParseOptions::default() };
    parse_with(text, "test.ir", &options).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check(graph: &Graph, expected: &str) {
    let found = verify(graph).expect_err("an error").to_string();
    assert_eq!(found, expected, "\n{found}");
}

fn abs() -> Op {
    Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Abs))
}

fn add() -> Op {
    Op::Elementwise(ElementwiseOp::Binary(BinaryOp::Add))
}

#[test]
fn all_errors_stand_below_their_lines() {
    check(
        &unchecked(
            "func @f(%x: f32[3], %y: f32[?n]) -> f32[3] {\n  require ?k >= 1\n  require 2 >= 3\n  \
             %0 = abs %x : f32[4] loc(\"a.rs\":1:2)\n  %1 = popcnt %x : f32[3]\n  %2 = iota axis=0 : f32[?m]\n  \
             %3 = abs %2 : f32[?m]\n  return %0\n}",
        ),
        r#"func @f(%x: f32[3], %y: f32[?n]) -> f32[4] {
  require ?k >= 1
; ^~~~~~~~~~~~~~~
; error: no parameter has ?k as a size
  require 2 >= 3
; ^~~~~~~~~~~~~~
; error: never holds
  %0 = abs %x : f32[4]                                                  loc("a.rs":1:2)
; ^~~~~~~~~~~~~~~~~~~~
; error: has the type f32[4], but abs gives f32[3]
  %1 = popcnt %x : f32[3]
; ^~~~~~~~~~~~~~~~~~~~~~~
; error: popcnt: does not take f32[3]
  %2 = iota axis=0 : f32[?m]
; ^~~~~~~~~~~~~~~~~~~~~~~~~~
; error: no parameter has ?m as a size
  %3 = abs %2 : f32[?m]
  return %0
}
; 5 errors
"#,
    );
}

#[test]
fn types_agree_up_to_the_constraints() {
    let text = "func @f(%x: f32[?a], %y: f32[?b, 2], %z: f32[?c]) -> f32[?c] {\n  require ?a = ?b\n  require ?c = ?b\n  \
                require 2*?b = ?a*?c\n  %0 = abs %x : f32[?c]\n  %1 = reshape %y : f32[?a*?b]\n  return %0\n}";
    assert!(verify(&unchecked(text)).is_ok());
}

#[test]
fn a_parameter_is_reported_in_the_header() {
    check(
        &unchecked("func @f(%x: f32[2*?n]) -> () {\n  return\n}"),
        "func @f(%x: f32[2*?n]) -> () {\n;^~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n; error: no parameter has ?n as a size\n  return\n}\n; 1 error\n",
    );
}

#[test]
fn a_cycle_is_reported_with_its_nodes() {
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::NONE);
    let first = graph.add_value(add(), &[x, x], Span::NONE).unwrap();
    let second = graph.add_value(abs(), &[first], Span::NONE).unwrap();
    let third = graph.add_value(abs(), &[second], Span::NONE).unwrap();
    graph.set_node_name(second.node, Some("second"));
    graph.set_results(vec![third]);
    graph.set_operand(first.node, 1, second);
    check(
        &graph,
        "func @f(%x: f32[]) -> f32[] {\n  %0 = add %x, %second : f32[]\n; ^~~~~~~~~~~~~~~~~~~~~~~~~~~~\n\
         ; error: comes before itself: add (node 1) -> %second -> add (node 1)\n  %second = abs %0 : f32[]\n  \
         %1 = abs %second : f32[]\n  return %1\n}\n; 1 error\n",
    );
}

#[test]
fn effects_can_be_a_cycle_too() {
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::NONE);
    let first = graph.add_value(abs(), &[x], Span::NONE).unwrap();
    let second = graph.add_value(abs(), &[first], Span::NONE).unwrap();
    graph.set_results(vec![second]);
    graph.add_order(first.node, second.node);
    assert!(verify(&graph).is_ok(), "an operand that is ordered before is no error");
    graph.add_order(second.node, first.node);
    assert!(verify(&graph).unwrap_err().to_string().contains("comes before itself"));
}

#[test]
fn values_that_do_not_exist() {
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::NONE);
    let missing = Value { node: x.node, result: 3 };
    graph.add_unchecked(abs(), &[missing], [TensorType::scalar(DType::F32)].into_iter().collect(), Span::NONE);
    graph.set_results(vec![missing]);
    check(
        &graph,
        "func @f(%x: f32[]) -> (?) {\n  %0 = abs %x#3 : f32[]\n; ^~~~~~~~~~~~~~~~~~~~~\n; error: operand 0 does not exist\n  \
         return %x#3\n; ^~~~~~~~~~~\n; error: result 0 does not exist\n}\n; 2 errors\n",
    );
}

#[test]
fn a_broken_mirror_is_found() {
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::NONE);
    let y = graph.add_value(abs(), &[x], Span::NONE).unwrap();
    graph.set_results(vec![y]);
    graph.break_mirror(y.node);
    let errors = verify(&graph).unwrap_err();
    assert_eq!(errors.errors()[0].message, "the edges of the graph do not mirror the operands");
    assert_eq!(errors.errors()[0].node, Some(y.node));
}

#[test]
fn graphs_that_are_called_are_checked_once() {
    let callee = Arc::new(unchecked("func @g(%x: f32[3]) -> f32[3] {\n  %0 = abs %x : f32[4]\n  return %x\n}"));
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::new(DType::F32, [3usize]), Span::NONE);
    let call = Op::Control(ControlOp::call(callee));
    let once = graph.add_value(call.clone(), &[x], Span::NONE).unwrap();
    let twice = graph.add_value(call, &[once], Span::NONE).unwrap();
    graph.set_results(vec![twice]);
    let errors = verify(&graph).unwrap_err();
    assert_eq!(errors.errors().len(), 1);
    assert_eq!(errors.errors()[0].to_string(), "@g: has the type f32[4], but abs gives f32[3]");
}
