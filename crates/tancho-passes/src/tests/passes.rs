//! The passes that are no tables of rewrites, and what holds of every pass.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, ControlOp, ElementwiseOp, ShapeOp};
use tancho_ir::{Dim, Graph, Op, Relation, Span, TensorType, Value, verify};
use tancho_tensor::{Array, DType};

use super::random::random_program;
use super::rewrites::CASES;
use super::{check_same_meaning, context, parsed, program, text};
use crate::fold_constants::{MATERIALIZED_LIMIT, SLACK};
use crate::{Changed, Context, Options, PIPELINE, find_pass, fold_constants, merge_common, optimize};

fn every_program() -> impl Iterator<Item = Graph> {
    let cases = CASES.iter().map(|&(_, _, parameters, operations)| parsed(&program(parameters, operations)));
    // A longer sweep sits behind an environment variable.
    let seeds = std::env::var("TANCHO_SWEEP").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    cases.chain((0..seeds).map(|seed| random_program(seed, 30)))
}

#[test]
fn every_pass_keeps_the_meaning_and_has_no_more_to_do_the_second_time() {
    for before in every_program() {
        for pass in PIPELINE {
            let mut after = before.clone();
            let changed = (pass.run)(&mut after, &context());
            verify(&after).unwrap_or_else(|errors| panic!("{}: {errors}", pass.name));
            assert_eq!(after == before, !changed.anything(), "{}:\n{}\n{}", pass.name, text(&before), text(&after));
            check_same_meaning(&before, &after);
            let once = text(&after);
            let again = (pass.run)(&mut after, &context());
            assert_eq!(again, Changed::NOTHING, "{} twice:\n{}\n{once}\n{}", pass.name, text(&before), text(&after));
        }
    }
}

#[test]
fn the_pipeline_keeps_the_meaning_and_comes_to_an_end() {
    for before in every_program() {
        let mut after = before.clone();
        let report = optimize(&mut after, &context(), &Options { verify: true, ..Options::default() });
        assert!(!report.reached_round_limit, "{report}\n{}\n{}", text(&before), text(&after));
        check_same_meaning(&before, &after);
    }
}

#[test]
fn the_pipeline_leaves_nothing_for_a_second_run() {
    for mut graph in every_program() {
        optimize(&mut graph, &context(), &Options::default());
        let report = optimize(&mut graph, &context(), &Options::default());
        assert_eq!(report.changes(), 0, "{report}\n{}", text(&graph));
    }
}

#[track_caller]
fn check(pass: &str, input: &str, expected: &str) {
    let before = parsed(input);
    let mut after = before.clone();
    (find_pass(pass).expect("a pass").run)(&mut after, &context());
    assert_eq!(text(&after).trim(), parsed(expected).to_string().trim());
    check_same_meaning(&before, &after);
}

#[test]
fn calls_are_inlined_with_their_symbols_and_scopes() {
    let inner = parsed(
        r#"func @inner(%x: f32[?k, 2]) -> f32[2*?k] {
          %0 = reshape %x : f32[2*?k]       loc("layer.rs":3:5 in "dense")
          return %0
        }"#,
    );
    let mut outer = Graph::new("outer");
    let y = outer.add_parameter(None, TensorType::new(DType::F32, [Dim::symbol("m"), Dim::known(2)]), Span::NONE);
    let call = outer.add(Op::Control(ControlOp::call(Arc::new(inner))), &[y], Span::at("outer.rs", 7, 1)).unwrap();
    outer.set_results(vec![Value { node: call, result: 0 }, y]);
    let mut main = Graph::new("main");
    let z = main.add_parameter(Some("z"), TensorType::new(DType::F32, [Dim::known(6), Dim::known(2)]), Span::NONE);
    let call = main.add(Op::Control(ControlOp::call(Arc::new(outer))), &[z], Span::at("main.rs", 1, 1)).unwrap();
    main.set_results(vec![Value { node: call, result: 1 }, Value { node: call, result: 0 }]);

    let before = main.clone();
    assert_eq!(crate::inline_calls::run(&mut main, &context()), Changed(2));
    verify(&main).unwrap();
    check_same_meaning(&before, &main);
    assert_eq!(main.results()[0], z);
    let reshape = main.results()[1];
    assert_eq!(*main.type_of(reshape), TensorType::new(DType::F32, [12usize]));
    assert_eq!(
        main.node(reshape.node).span().to_string(),
        "layer.rs:3:5, in dense, in inner at outer.rs:7:1, in outer at main.rs:1:1"
    );
    assert_eq!(main.node_count(), 2);
}

#[test]
fn what_a_callee_requires_is_required_of_the_call() {
    let callee = parsed(
        r#"func @callee(%x: f32[?a], %y: f32[?b]) -> f32[?a] {
          require ?a = ?b
          %0 = add %x, %y : f32[?a]
          return %0
        }"#,
    );
    let mut main = Graph::new("main");
    let of = |name: &str| TensorType::new(DType::F32, [Dim::symbol(name)]);
    let x = main.add_parameter(None, of("n"), Span::NONE);
    let y = main.add_parameter(None, of("m"), Span::NONE);
    let call = main.add_value(Op::Control(ControlOp::call(Arc::new(callee))), &[x, y], Span::NONE).unwrap();
    main.set_results(vec![call]);
    let before = main.clone();
    crate::inline_calls::run(&mut main, &context());
    verify(&main).unwrap();
    check_same_meaning(&before, &main);
    let relations: Vec<_> = main.constraints().iter().map(|constraint| constraint.relation.clone()).collect();
    assert_eq!(relations, [Relation::Equal(Dim::symbol("n"), Dim::symbol("m"))]);
}

/// A chain of calls becomes a chain of effects: there are no more edges than effects.
#[test]
fn the_order_of_effects_stays_a_chain() {
    const CALLS: usize = 50;
    let mut text = String::from(
        r#"func @twice(%x: f32[]) -> () {
          %a:0 = print %x, format="{}" : ()
          %b:0 = print %x, format="{}" : () after(%a)
          return
        }
        func @main(%x: f32[]) -> () {
          %c0:0 = call @twice(%x) : ()
        "#,
    );
    for call in 1..CALLS {
        text += &format!("%c{call}:0 = call @twice(%x) : () after(%c{})\n", call - 1);
    }
    let mut graph = parsed(&(text + "return }"));
    crate::inline_calls::run(&mut graph, &context());
    verify(&graph).unwrap();
    let effects: Vec<_> = graph.node_ids().filter(|&id| graph.node(id).op().is_some()).collect();
    assert_eq!(effects.len(), 2 * CALLS);
    let edges: usize = effects.iter().map(|&effect| graph.ordered_before(effect).len()).sum();
    assert_eq!(edges, 2 * CALLS - 1);
}

#[test]
fn equal_nodes_merge_into_the_earlier_one() {
    check(
        "merge_common",
        r#"func @main(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4]) {
          %a = add %x, %y : f32[4]
          %b = add %y, %x : f32[4]
          %c = subtract %a, %b : f32[4]
          %d = subtract %b, %a : f32[4]
          %e = subtract %y, %x : f32[4]
          %f = subtract %x, %y : f32[4]
          %g = multiply %e, %f : f32[4]
          %h = multiply %c, %d : f32[4]
          return %g, %h
        }"#,
        r#"func @main(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4]) {
          %a = add %x, %y : f32[4]
          %c = subtract %a, %a : f32[4]
          %e = subtract %y, %x : f32[4]
          %f = subtract %x, %y : f32[4]
          %g = multiply %e, %f : f32[4]
          %h = multiply %c, %c : f32[4]
          return %g, %h
        }"#,
    );
}

#[test]
fn constants_merge_by_bits() {
    let mut graph = Graph::new("main");
    let large = |last: f32| {
        let mut elements = vec![0.5f32; 1000];
        elements[700] = last;
        Array::new([1000], &elements).unwrap()
    };
    let arrays = [
        Array::scalar(0.0f32),
        Array::scalar(-0.0f32),
        Array::scalar(0.0f32),
        Array::scalar(f32::NAN),
        Array::scalar(f32::NAN),
        large(1.0),
        large(1.0),
        large(2.0),
    ];
    let values: Vec<Value> = arrays.into_iter().map(|array| graph.add_constant(array, Span::NONE)).collect();
    graph.set_results(values);
    assert_eq!(merge_common::run(&mut graph, &context()), Changed(3));
    let results = graph.results();
    assert!(results[0] == results[2] && results[0] != results[1]);
    assert_eq!(results[3], results[4]);
    assert!(results[5] == results[6] && results[6] != results[7]);
}

#[test]
fn known_values_fold() {
    check(
        "fold_constants",
        r#"func @main(%x: f32[3]) -> (f32[3], i32[], f32[]) {
          %c = constant dense<[1.0, 2.0, 3.0]> : f32[3]
          %s = constant 0.5 : f32[]
          %b = broadcast_in_dim %s, dims=[] : f32[3]
          %d = multiply %c, %b : f32[3]
          %i = iota axis=0 : f32[3]
          %e = add %d, %i : f32[3]
          %f = add %e, %x : f32[3]
          %n = dimension_size 70000 : i32[]
          %o = reduce_sum %b, axes=[0] : f32[]
          return %f, %n, %o
        }"#,
        r#"func @main(%x: f32[3]) -> (f32[3], i32[], f32[]) {
          %e = constant dense<[0.5, 2.0, 3.5]> : f32[3]
          %f = add %e, %x : f32[3]
          %n = constant 70000 : i32[]
          %o = constant 1.5 : f32[]
          return %f, %n, %o
        }"#,
    );
}

#[test]
fn what_is_better_computed_stays() {
    let stays = |operations: &str| {
        let mut graph = parsed(&program("%x: f32[?n]", operations));
        assert_eq!(fold_constants::run(&mut graph, &context()), Changed::NOTHING, "{}", text(&graph));
    };
    stays("%r = iota axis=0 : i32[4]");
    stays("%c = constant 1.0 : f32[] | %r = broadcast_in_dim %c, dims=[] : f32[4]");
    stays("%c = constant 1.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[4] | %r = add %b, %b : f32[4]");
    stays("%r = dimension_size ?n : i32[]");
    stays(
        "%c = constant 1.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[?n] | %r = reduce_sum %b, axes=[0] : f32[]",
    );
    let many = SLACK / 4 + 1;
    stays(&format!("%i = iota axis=0 : f32[{many}] | %r = negate %i : f32[{many}]"));
    let too_many = MATERIALIZED_LIMIT / 4 + 1;
    stays(&format!("%i = iota axis=0 : f32[{too_many}] | %r = reduce_sum %i, axes=[0] : f32[]"));
}

#[test]
fn nothing_that_needs_arithmetic_folds_without_evaluation() {
    let mut graph = parsed(&program("", "%c = constant 1.0 : f32[] | %r = add %c, %c : f32[]"));
    assert_eq!(fold_constants::run(&mut graph, &Context::without_evaluation()), Changed::NOTHING);
    let mut graph = parsed(&program("", "%c = constant dense<[1.0, 2.0]> : f32[2] | %r = reshape %c : f32[2, 1]"));
    assert_eq!(fold_constants::run(&mut graph, &Context::without_evaluation()), Changed(1));
}

#[test]
fn sizes_keep_the_low_bits_of_their_dtype() {
    let mut graph = parsed(&program("", "%r = dimension_size 300 : u8[]"));
    fold_constants::run(&mut graph, &context());
    assert_eq!(graph.constant(graph.results()[0]).unwrap().elements::<u8>(), Ok(&[44u8][..]));
}

#[test]
fn dead_operations_go_and_parameters_stay() {
    check(
        "remove_dead",
        r#"func @main(%x: f32[4], %unused: f32[]) -> f32[4] {
          %a = abs %x : f32[4]
          %b = negate %a : f32[4]
          %c = exponential %b : f32[4]
          return %a
        }"#,
        r#"func @main(%x: f32[4], %unused: f32[]) -> f32[4] {
          %a = abs %x : f32[4]
          return %a
        }"#,
    );
}

#[test]
fn a_replacement_has_the_span_and_the_name_of_what_it_replaces() {
    let mut graph = Graph::new("main");
    let x = graph.add_parameter(Some("x"), TensorType::scalar(DType::F32), Span::NONE);
    let eight = graph.add_constant(Array::scalar(8.0f32), Span::NONE);
    let divide = Op::Elementwise(ElementwiseOp::Binary(BinaryOp::Divide));
    let quotient = graph.add_value(divide, &[x, eight], Span::at("model.rs", 4, 2)).unwrap();
    graph.set_node_name(quotient.node, Some("scaled"));
    graph.set_results(vec![quotient]);
    crate::simplify::run(&mut graph, &context());
    let node = graph.node(graph.results()[0].node);
    assert_eq!(node.op().map(Op::name), Some("multiply"));
    assert_eq!(node.span(), &Span::at("model.rs", 4, 2));
    assert_eq!(node.name(), Some("scaled"));
    let reciprocal = graph.node(node.operands()[1].node);
    assert!(matches!(reciprocal.op(), Some(Op::Shape(ShapeOp::Constant(_)))));
    assert_eq!(reciprocal.span(), &Span::at("model.rs", 4, 2));
}
