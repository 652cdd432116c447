//! Ops with regions, and the names of values.

use crate::{check_same, parse_op, parse_text};

#[test]
fn reduce_that_applies_an_op() {
    check_same(
        "%a: tensor<3x4xf32>, %z: tensor<f32>",
        "%0 = stablehlo.reduce(%a init: %z) applies stablehlo.add across dimensions = [1] \
            : (tensor<3x4xf32>, tensor<f32>) -> tensor<3xf32>",
        "%0 = \"stablehlo.reduce\"(%a, %z) <{dimensions = array<i64: 1>}> ({
         ^bb0(%x: tensor<f32>, %y: tensor<f32>):
           %1 = \"stablehlo.add\"(%x, %y) : (tensor<f32>, tensor<f32>) -> tensor<f32>
           \"stablehlo.return\"(%1) : (tensor<f32>) -> ()
         }) : (tensor<3x4xf32>, tensor<f32>) -> tensor<3xf32>",
    );
}

#[test]
fn reduce_with_a_region() {
    check_same(
        "%a: tensor<4xf32>, %i: tensor<4xi32>, %z: tensor<f32>, %n: tensor<i32>",
        "%0:2 = stablehlo.reduce(%a init: %z), (%i init: %n) across dimensions = [0] {note}
             : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
         reducer(%p: tensor<f32>, %q: tensor<f32>) (%r: tensor<i32> loc(unknown), %s: tensor<i32>)  {
           stablehlo.return %q, %r : tensor<f32>, tensor<i32>
         } loc(\"x\")",
        "%0:2 = \"stablehlo.reduce\"(%a, %i, %z, %n) ({
         ^bb0(%p: tensor<f32>, %r: tensor<i32>, %q: tensor<f32>, %s: tensor<i32>):
           stablehlo.return %q, %r : tensor<f32>, tensor<i32>
         }) {dimensions = array<i64: 0>, note}
             : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)",
    );
}

#[test]
fn while_loops() {
    check_same(
        "%a: tensor<i32>, %b: tensor<4xf32>",
        "%0:2 = stablehlo.while(%x = %a, %y = %b) : tensor<i32>, tensor<4xf32> attributes {note = 1 : i32}
         cond {
           %1 = stablehlo.compare LT, %x, %a : (tensor<i32>, tensor<i32>) -> tensor<i1>
           stablehlo.return %1 : tensor<i1>
         } do {
           %1 = stablehlo.add %y, %b : tensor<4xf32>
           stablehlo.return %x, %1 : tensor<i32>, tensor<4xf32>
         }",
        "%0:2 = \"stablehlo.while\"(%a, %b) ({
         ^bb0(%x: tensor<i32>, %y: tensor<4xf32>):
           %1 = stablehlo.compare LT, %x, %a : (tensor<i32>, tensor<i32>) -> tensor<i1>
           stablehlo.return %1 : tensor<i1>
         }, {
         ^bb0(%x: tensor<i32>, %y: tensor<4xf32>):
           %1 = stablehlo.add %y, %b : tensor<4xf32>
           stablehlo.return %x, %1 : tensor<i32>, tensor<4xf32>
         }) {note = 1 : i32} : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>)",
    );
}

#[test]
fn scans() {
    check_same(
        "%a: tensor<4xf32>, %z: tensor<f32>",
        "%0:2 = chlo.scan(%a) inits(%z) dimension=0 attributes {is_reverse = true} {
         ^bb0(%x: tensor<f32>, %y: tensor<f32>):
           stablehlo.return %x, %y : tensor<f32>, tensor<f32>
         } : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)",
        "%0:2 = \"chlo.scan\"(%a, %z) <{dimension = 0 \
            : i64, is_reverse = true, operandSegmentSizes = array<i32: 1, 1>,
             resultSegmentSizes = array<i32: 1, 1>}> ({
         ^bb0(%x: tensor<f32>, %y: tensor<f32>):
           stablehlo.return %x, %y : tensor<f32>, tensor<f32>
         }) : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)",
    );
}

#[test]
fn generic_ops_with_regions() {
    let op = parse_op(
        "%p: tensor<i1>, %a: tensor<f32>",
        "%0 = \"stablehlo.if\"(%p) ({
           \"stablehlo.return\"(%a) : (tensor<f32>) -> ()
         }, {
         ^bb0:
           %1 = stablehlo.negate %a : tensor<f32>
           stablehlo.return %1 : tensor<f32>
         }) : (tensor<i1>) -> tensor<f32>",
    );
    assert_eq!((op.name.as_str(), op.regions.len()), ("stablehlo.if", 2));
    let lengths: Vec<_> = op.regions.iter().map(|region| region.operations.len()).collect();
    assert_eq!(lengths, [1, 2]);
    let op = parse_op(
        "%a: tensor<4x5xf32>, %i: tensor<2x1xi64>",
        "%0 = \"stablehlo.gather\"(%a, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], \
            collapsed_slice_dims = [0],
             start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, \
                 slice_sizes = array<i64: 1, 5>}>
             : (tensor<4x5xf32>, tensor<2x1xi64>) -> tensor<2x5xf32>",
    );
    let numbers = op.attribute("dimension_numbers").unwrap().as_structured().unwrap();
    assert_eq!(numbers.fields.integers("offset_dims"), Some(vec![1]));
    assert_eq!(numbers.fields.integer("index_vector_dim"), Some(1));
    assert_eq!(numbers.fields.get("operand_batching_dims"), None);
    assert_eq!(op.boolean("indices_are_sorted"), Some(false));
}

#[test]
fn names_end_with_their_region() {
    let module = parse_text(
        "func.func @f(%arg0: tensor<i1>) -> tensor<f32> {
           %0 = \"stablehlo.if\"(%arg0) ({
             %1 = stablehlo.constant dense<1.0> : tensor<f32>
             stablehlo.return %1 : tensor<f32>
           }, {
             %1:2 = \"test.op\"() : () -> (tensor<f32>, tensor<f32>)
             stablehlo.return %1#1 : tensor<f32>
           }) : (tensor<i1>) -> tensor<f32>
           %1 = stablehlo.negate %0 : tensor<f32>
           return %1 : tensor<f32>
         }
         func.func private @g(%arg0: tensor<2xf32>) { return }",
    );
    let names: Vec<_> = module.functions[0].values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["arg0", "1", "1#0", "1#1", "0", "1"]);
    let body = module.functions[0].body.as_ref().unwrap();
    assert_eq!(body.operations[0].regions[1].operations[1].operands[0].index(), 3);
    assert_eq!(body.operations[2].operands[0].index(), 5);
    assert_eq!(module.functions[1].values.len(), 1);
}
