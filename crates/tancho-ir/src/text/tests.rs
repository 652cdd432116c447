//! The text form: what prints, what reads back, and what the errors say.

use std::sync::Arc;

use tancho_tensor::{Array, DType};

use super::{ParseOptions, PrintOptions, parse, parse_with, print};
use crate::ops::{BinaryOp, ControlOp, ElementwiseOp, ShapeOp, UnaryOp};
use crate::{Dim, Graph, Location, Op, Scope, Span, TensorType};

/// A text that is printed as it stands.
#[track_caller]
fn check_canonical(text: &str) -> Graph {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let printed = graph.to_string();
    assert_eq!(printed, text);
    let again = parse(&printed, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    assert!(again == graph);
    graph
}

/// A text, in which `$` marks the place of the error, and the error's message.
#[track_caller]
fn check_error(marked: &str, message: &str) {
    let text = marked.replacen('$', "", 1);
    let before = &marked[..marked.find('$').expect("a mark")];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    match parse(&text, "test.ir") {
        Ok(_) => panic!("the text is read without an error"),
        Err(error) => assert_eq!(error.to_string(), format!("test.ir:{line}:{column}: {message}")),
    }
}

#[test]
fn every_kind_of_line_reads_back() {
    let graph = check_canonical(
        r#"func @softplus(%x: f32[?n]) -> f32[?n] {
  %0 = exponential %x : f32[?n]
  %1 = log_plus_one %0 : f32[?n]
  return %1
}

func @mlp(%x: f32[?batch, 784], %w: f32[784, 10], %"b:0": f32[10]) -> (f32[?batch, 10], i32[?batch]) {
  require ?batch >= 1                                                   loc("digits.rs":29:5)
  %0 = dot_general %x, %w, contract=[1]x[0] : f32[?batch, 10]           loc("digits.rs":31:17 in "dense1" in "mlp" at "main.rs":9:5)
  %1 = broadcast_in_dim %"b:0", dims=[1] : f32[?batch, 10]
  %sum = add %0, %1 : f32[?batch, 10]
  %2 = reshape %sum : f32[10*?batch]
  %3 = call @softplus(%2) : f32[10*?batch] after(%sum)
  %4 = reshape %3 : f32[?batch, 10]
  %5 = argmax %4, axes=[1] : i32[?batch]                                loc(in "head")
  return %4 as "logits", %5
}
"#,
    );
    assert_eq!(graph.result_name(0), Some("logits"));
    assert_eq!(graph.constraints().len(), 1);
}

#[test]
fn attributes_read_back() {
    check_canonical(
        r#"func @f(%x: f32[4, ?n], %v: f32[], %i: i32[2, 3, 5], %j: i32[2, 5, 7]) -> () {
  %0 = compare %x, %x, lt : bool[4, ?n]
  %1 = select %0, %x, %x : f32[4, ?n]
  %2 = clamp %v, %x, %v : f32[4, ?n]
  %3 = convert %x : u8[4, ?n]
  %4 = iota axis=1 : f64[2, ?n + 1]
  %5 = dimension_size floordiv(?n + 1, 2) : i64[]
  %6 = transpose %x, permutation=[1, 0] : f32[?n, 4]
  %7 = concatenate %x, %x, axis=1 : f32[4, 2*?n]
  %8 = pad %x, %v, low=[1, 0], high=[-1, ?n], interior=[2, 0] : f32[10, 2*?n]
  %9 = reverse %x, axes=[] : f32[4, ?n]
  %10 = reduce_sum %x, axes=[1, 0] : f32[]
  %11 = dot_general %i, %j, batch=[0]x[0], contract=[2]x[1] : i32[2, 3, 7]
  %12 = dot_general %v, %v : f32[]
  %13 = slice %i, start=[0, 1, 0], limit=[2, 3, 5], strides=[1, 2, 3] : i32[2, 1, 2]
  return
}
"#,
    );
}

#[test]
fn constants_keep_their_bits() {
    check_canonical(
        r#"func @f() -> (f32[], f32[5], i8[2, 2], bool[2], f64[0, 3], u64[1], f64[2]) {
  %0 = constant 1.5 : f32[]
  %1 = constant dense<[0.1, -0.0, inf, -inf, 1e-45]> : f32[5]
  %2 = constant dense<[[-128, 127], [0, -1]]> : i8[2, 2]
  %3 = constant dense<[true, false]> : bool[2]
  %4 = constant dense<[]> : f64[0, 3]
  %5 = constant dense<[18446744073709551615]> : u64[1]
  %6 = constant dense<[nan, -nan]> : f64[2]
  %7 = constant 0x7fc00001 : f32[]
  %8 = constant dense<7> : i32[100]
  return %0, %1, %2, %3, %4, %5, %6
}
"#,
    );
    let mut graph = Graph::new("f");
    let elements: Vec<f32> = (0..100).map(|i| if i % 7 == 0 { -f32::NAN } else { i as f32 * 0.37 }).collect();
    let value = graph.add_constant(Array::new([10, 10], &elements).unwrap(), Span::NONE);
    graph.set_results(vec![value]);
    let again = parse(&graph.to_string(), "test.ir").unwrap();
    assert!(again.to_string().contains("dense<\"0x") && again == graph);
    let short = print(&graph, &PrintOptions { elide_above: Some(8), ..PrintOptions::default() });
    assert!(short.contains("constant dense<...> : f32[10, 10]"), "{short}");
    assert!(parse(&short, "test.ir").unwrap_err().message.starts_with("the value is left out here"));
}

#[test]
fn names_do_not_collide() {
    let mut graph = Graph::new("two words");
    let of = TensorType::new(DType::F32, [Dim::symbol("batch size"), Dim::symbol("0")]);
    let names = ["x", "x", "x.1", "0", "", "a\"b\n", "%"];
    for name in names {
        graph.add_parameter(Some(name), of.clone(), Span::NONE);
    }
    let last = graph.add_parameter(None, of.clone(), Span::NONE);
    graph.set_results(vec![last]);
    let text = graph.to_string();
    for name in ["%x:", "%x.1:", "%x.1.1:", "%\"0\":", "%\"\":", "%\"a\\\"b\\n\":", "%\"%\":", "%0:", "?\"batch size\""]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert_eq!(check_canonical(&text).name(), "two words");
}

#[test]
fn called_graphs_come_first_and_once() {
    let of = TensorType::new(DType::F32, [3usize]);
    let unary = |name: &str, op: UnaryOp| {
        let mut graph = Graph::new(name);
        let x = graph.add_parameter(Some("x"), of.clone(), Span::NONE);
        let y = graph.add_value(Op::Elementwise(ElementwiseOp::Unary(op)), &[x], Span::NONE).unwrap();
        graph.set_results(vec![y]);
        Arc::new(graph)
    };
    let callees = [unary("f", UnaryOp::Abs), unary("f", UnaryOp::Abs), unary("f", UnaryOp::Negate)];
    let mut graph = Graph::new("f");
    let mut value = graph.add_parameter(Some("x"), of.clone(), Span::NONE);
    for callee in [&callees[0], &callees[1], &callees[2], &callees[0]] {
        value = graph.add_value(Op::Control(ControlOp::call(callee.clone())), &[value], Span::NONE).unwrap();
    }
    graph.set_results(vec![value]);
    let text = graph.to_string();
    assert_eq!(text.matches("func ").count(), 3, "{text}");
    assert!(text.contains("%3 = call @f.1(%2)"), "{text}");
    check_canonical(&text);
}

#[test]
fn a_call_with_several_results() {
    check_canonical(
        "func @two(%x: f32[]) -> (f32[], f32[]) {\n  return %x, %x\n}\n\nfunc @f(%x: f32[]) -> f32[] {\n  \
         %0:2 = call @two(%x) : (f32[], f32[])\n  %1 = add %0#0, %0#1 : f32[]\n  return %1\n}\n",
    );
}

#[test]
fn parameters_with_spans_and_late_parameters() {
    let mut graph = Graph::new("f");
    let one = graph.add_constant(Array::scalar(1.0f32), Span::NONE);
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::at("a.rs", 3, 5));
    let scope = Scope { name: "layer".into(), location: None, parent: None };
    let span = Span {
        location: Some(Location { file: "b \"c\".rs".into(), line: 1, column: 2 }),
        scope: Some(Arc::new(scope)),
    };
    let sum = graph.add_value(Op::Elementwise(ElementwiseOp::Binary(BinaryOp::Add)), &[x, one], span).unwrap();
    graph.set_results(vec![sum]);
    let again = check_canonical(&graph.to_string());
    assert!(again == graph);
    let result = again.node(again.results()[0].node);
    assert_eq!(result.span().to_string(), "b \"c\".rs:1:2, in layer");
}

#[test]
fn what_ops_require_is_added_once() {
    let text = "func @f(%x: f32[?a], %y: f32[?b]) -> f32[?b] {\n  %0 = add %x, %y : f32[?b]\n  return %0\n}\n";
    let graph = parse(text, "test.ir").unwrap();
    assert!(graph.to_string().contains("  require ?a = ?b\n"));
    // The same the other way round follows from what is stated.
    check_canonical(
        "func @f(%x: f32[?a], %y: f32[?b]) -> f32[?b] {\n  require ?b = ?a\n  %0 = add %x, %y : f32[?b]\n  return %0\n}\n",
    );
}

#[test]
fn lines_become_spans_where_asked_for() {
    let text = "func @f(%x: f32[]) -> f32[] {\n  %0 = abs %x : f32[]\n  return %0\n}\n";
    let options = ParseOptions { locate_lines: true, ..ParseOptions::default() };
    let graph = parse_with(text, "m.ir", &options).unwrap();
    assert_eq!(graph.node(graph.results()[0].node).span().to_string(), "m.ir:2:3");
}

#[test]
fn errors_name_the_place() {
    let f = |body: &str| format!("func @f(%x: f32[3], %n: f32[?n]) -> f32[3] {{\n  {body}\n}}\n");
    check_error("$", "expected `func`, found the end of the text");
    check_error("$fun @f", "expected `func`, found `fun`");
    check_error(
        "func @f(%x: $f8[]) ",
        "unknown element type `f8`, not one of f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool",
    );
    check_error(&f("%0 = $sqroot %x : f32[3]"), "unknown op `sqroot`; did you mean sqrt?");
    check_error(&f("%0 = $exp %x : f32[3]"), "unknown op `exp`; did you mean exponential, exponential_minus_one?");
    check_error(&f("%0 = abs $%y : f32[3]"), "%y is not defined before this line");
    check_error(&f("%0 = abs %x : $f32[4]"), "the type is stated as f32[4], but abs gives f32[3]");
    check_error(&f("%0 = $popcnt %x : f32[3]"), "popcnt: does not take f32[3]");
    check_error(&f("%0 = $abs %x, %x : f32[3]"), "abs: takes 1 operands, but 2 are given");
    check_error(&f("$%x = abs %x : f32[3]"), "%x is defined twice");
    check_error(
        &f("%0 = compare %x, %x, $less : bool[3]"),
        "expected `eq`, `ne`, `ge`, `gt`, `le` or `lt`, found `less`",
    );
    check_error(&f("%0 = transpose %x $: f32[3]"), "expected `, permutation=`, found `:`");
    check_error(&f("%0 = constant dense<[1.0, $true]> : f32[2]"), "`true` is not of f32");
    check_error(&f("%0 = constant dense<[$300]> : i8[1]"), "`300` is not of i8");
    check_error(&f("%0 = constant $dense<[1, 2]> : i8[3]"), "a list of sizes [2] is no i8[3]");
    check_error(
        &f("%0 = constant $1.0 : f32[99999999999, 99999999999]"),
        "f32[99999999999, 99999999999] has more elements than memory can hold",
    );
    check_error(
        &f("%0 = constant $dense<1.0> : f32[999999999999]"),
        "f32[999999999999] is too large to be made of one element",
    );
    check_error(&f("%0 = constant $dense<\"0x00\"> : f32[1]"), "2 hexadecimal digits, but the type has 4 bytes");
    check_error(&f("%0 = call $@g(%x) : f32[3]"), "there is no function @g before this one");
    check_error(&f("%0 = add %x, %x $f32[3]"), "expected `:` and the type of the result, found `f32`");
    check_error(&f("return $\"x"), "the string has no end on its line");
    check_error(
        "func @f(%x: f32[3]) -> $f32[4] {\n  return %x\n}",
        "result 0 is stated as f32[4], but f32[3] is returned",
    );
    check_error("func @f(%x: f32[3]) -> f32[3] {\n  return $%x, %x\n}", "2 results, but the function states 1 types");
    check_error("func @f(%x: f32[$floordiv(?n, 0)", "a size is divided by zero");
}

#[test]
fn hostile_texts_end_in_errors() {
    let deep = format!("func @f(%x: f32[{}", "(".repeat(100_000));
    assert!(parse(&deep, "x").unwrap_err().message.contains("nest"));
    let deep = format!("func @f() -> () {{ %0 = constant dense<{}", "[".repeat(100_000));
    assert!(parse(&deep, "x").unwrap_err().message.contains("nest"));
    let wide: Vec<String> = (0..40).map(|i| format!("floordiv(2*?a{i} + 2, 2)")).collect();
    let wide = format!("func @f(%x: f32[{}", wide.join("*"));
    assert!(parse(&wide, "x").unwrap_err().message.contains("too long an expression"));
    let ranks: Vec<String> = (0..40).map(|i| format!("?a{i} + 1")).collect();
    let ranks = format!("func @f(%x: f32[{}]", ranks.join(", "));
    assert!(parse(&ranks, "x").unwrap_err().message.contains("too long an expression"));
    let mut calls = String::from("func @f0(%x: f32[]) -> f32[] { return %x }");
    for i in 1..200 {
        calls += &format!("func @f{i}(%x: f32[]) -> f32[] {{ %0 = call @f{}(%x) : f32[] return %0 }}", i - 1);
    }
    assert!(parse(&calls, "x").unwrap_err().message.contains("calls nest deeper"));
    let number =
        format!("func @f(%x: f32[-9223372036854775808*?n, floordiv(?n - 9223372036854775808, -1), {}", "9".repeat(50));
    assert!(parse(&number, "x").unwrap_err().message.contains("is not a size"));
    let power = format!(
        "func @g(%x: f32[?a], %y: f32[{}]) -> f32[?a] {{ return %x }}\n\
         func @f(%x: f32[?a + ?b + ?c + ?d], %y: f32[?e]) -> f32[?a] {{ %0 = call @g(%x, %y)",
        vec!["?a"; 200].join("*"),
    ) + " : f32[] return %0 }";
    assert!(parse(&power, "x").unwrap_err().message.contains("too long expressions"));
}

#[test]
fn large_graphs_print_and_read_fast_enough() {
    let mut graph = Graph::new("chain");
    let mut value = graph.add_parameter(Some("x"), TensorType::new(DType::F32, [Dim::symbol("n")]), Span::NONE);
    for _ in 0..10_000 {
        let add = Op::Elementwise(ElementwiseOp::Binary(BinaryOp::Add));
        let node = graph.add(add, &[value, value], Span::NONE).unwrap();
        graph.set_node_name(node, Some("x"));
        value = crate::Value { node, result: 0 };
    }
    graph.set_results(vec![value]);
    let started = std::time::Instant::now();
    let text = graph.to_string();
    let printed = started.elapsed();
    let again = parse(&text, "x").unwrap();
    let total = started.elapsed();
    assert!(again == graph);
    println!("printed in {printed:?}, read in {:?}", total - printed);
    assert!(total.as_secs() < 5, "no step is quadratic");
}

#[test]
fn constants_know_their_op() {
    let graph = check_canonical("func @f() -> i32[] {\n  %0 = constant 3 : i32[]\n  return %0\n}\n");
    let op = graph.op_of(graph.results()[0]).unwrap();
    assert_eq!(*op, Op::Shape(ShapeOp::Constant(Array::scalar(3i32))));
}

#[test]
fn the_order_of_effects_is_a_part_of_the_graph() {
    let graph = |after: &str| {
        let text = format!(
            "func @f() -> () {{ %a:0 = print format=\"a\" : () %b:0 = print format=\"b\" : () {after} return }}"
        );
        parse(&text, "test.ir").unwrap_or_else(|error| panic!("{error}"))
    };
    assert!(graph("after(%a)") == graph("after(%a)"));
    assert!(graph("after(%a)") != graph(""));
}
