//! Samples of calls.

use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, Op, parse};

use super::{Invalid, Sample, typed};

pub(super) fn prototypes() -> Vec<ControlOp> {
    vec![ControlOp::Call(callee("func @f(%x: f32[]) -> f32[] { return %x }"))]
}

/// A function and the types of operands for it.
const CALLS: &[(&str, &[&str])] = &[
    // One op.
    ("func @f(%x: f32[3]) -> f32[3] { %0 = abs %x : f32[3] return %0 }", &["f32[3]"]),
    // Several results, one of them a parameter, one of them twice.
    (
        "func @f(%x: f32[2, 3], %y: f32[2, 3]) -> (f32[2, 3], f32[2, 3], f32[2, 3], f32[2]) {
           %0 = add %x, %y : f32[2, 3]
           %1 = reduce_sum %0, axes=[1] : f32[2]
           return %0, %x, %0, %1
         }",
        &["f32[2, 3]", "f32[2, 3]"],
    ),
    // No parameters.
    ("func @f() -> i32[3] { %0 = iota axis=0 : i32[3] return %0 }", &[]),
    // No results.
    ("func @f(%x: f32[3]) -> () { %0 = abs %x : f32[3] return }", &["f32[3]"]),
    // A call within a call.
    (
        "func @g(%x: i64[5]) -> i64[5] { %0 = multiply %x, %x : i64[5] return %0 }
         func @f(%x: i64[5]) -> i64[5] {
           %0 = call @g(%x) : i64[5]
           %1 = call @g(%0) : i64[5]
           return %1
         }",
        &["i64[5]"],
    ),
    // Sizes that the call binds.
    (
        "func @f(%x: f32[?n, ?m], %y: f32[?m]) -> (f32[?m, ?n], i64[]) {
           %0 = broadcast_in_dim %y, dims=[1] : f32[?n, ?m]
           %1 = subtract %x, %0 : f32[?n, ?m]
           %2 = transpose %1, permutation=[1, 0] : f32[?m, ?n]
           %3 = dimension_size ?n*?m : i64[]
           return %2, %3
         }",
        &["f32[3, 5]", "f32[5]"],
    ),
    // An empty tensor and a constraint.
    ("func @f(%x: u8[?n], %y: u8[?m]) -> u8[?n] { %0 = add %x, %y : u8[?n] return %0 }", &["u8[0]", "u8[0]"]),
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &ControlOp) {
    match op {
        ControlOp::Call(_) => {
            for (text, operands) in CALLS {
                samples.push(call(text, operands));
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &ControlOp) {
    let identity = "func @f(%x: f32[?n, ?m], %y: f32[?m]) -> f32[?m] {
                      require ?m >= 2
                      return %y
                    }";
    match op {
        ControlOp::Call(_) => {
            samples.push(call(identity, &["f32[?a + 1, ?b]", "f32[?c]"]));
            samples.push(call(identity, &["f32[3, ?m]", "f32[?m]"]));
        }
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &ControlOp) {
    let square = "func @f(%x: f32[?n, ?n], %y: f32[3]) -> f32[3] {
                    require ?n >= 2
                    return %y
                  }";
    let mut add = |operands: &[&str], constraint, message| {
        let Sample { op, operands } = call(square, operands);
        samples.push(Invalid { op, operands, constraint, message });
    };
    match op {
        ControlOp::Call(_) => {
            add(&["f32[2, 2]"], "c1", "call: @f takes 2 operands, but 1 are given");
            add(&["f64[2, 2]", "f32[3]"], "c1", "call: @f takes f32[?n, ?n], but f64[2, 2] is given");
            add(&["f32[2]", "f32[3]"], "c1", "call: @f takes f32[?n, ?n], but f32[2] is given");
            add(&["f32[2, 3]", "f32[3]"], "c2", "call: shapes differ: f32[2, 2] and f32[2, 3]");
            add(&["f32[2, 2]", "f32[4]"], "c2", "call: shapes differ: f32[3] and f32[4]");
            add(&["f32[1, 1]", "f32[3]"], "c2", "call: @f requires 1 >= 2");
        }
    }
}

fn callee(text: &str) -> Arc<Graph> {
    Arc::new(parse(text, "sample").unwrap_or_else(|error| panic!("{error}")))
}

fn call(text: &str, operands: &[&str]) -> Sample {
    Sample::new(Op::Control(ControlOp::Call(callee(text))), operands.iter().map(|text| typed(text)))
}
