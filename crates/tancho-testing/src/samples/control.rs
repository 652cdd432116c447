//! Samples of calls, loops and branches. Every loop ends soon for all values that its operands can have.

use std::sync::Arc;

use tancho_ir::ops::{CallGradient, ControlOp, CustomCall};
use tancho_ir::{Dim, Graph, Op, TensorType, parse};
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

/// One of every op: each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<ControlOp> {
    let identity = || graph("func @f(%x: f32[]) -> f32[] { return %x }");
    std::iter::successors(Some(ControlOp::call(identity())), |op| {
        Some(match op {
            ControlOp::Call { .. } => while_loop(LOOPS[0].0, LOOPS[0].1),
            ControlOp::While { .. } => ControlOp::Case { branches: vec![identity()] },
            ControlOp::Case { .. } => ControlOp::OptimizationBarrier,
            ControlOp::OptimizationBarrier => ControlOp::StopGradient,
            ControlOp::StopGradient => ControlOp::CustomCall(reverse_bytes(vec![])),
            ControlOp::CustomCall(_) => return None,
        })
    })
    .collect()
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

/// A function with an operand and a result that have no gradient, and a gradient of its own.
const PRODUCT: (&str, &str) = (
    "func @f(%x: f32[?n], %i: i32[], %y: f32[?n]) -> (f32[?n], i32[]) {
       %0 = multiply %x, %y : f32[?n]
       return %0, %i
     }",
    "func @g(%x: f32[?n], %i: i32[], %y: f32[?n], %d: f32[?n]) -> (f32[?n], f32[?n]) {
       %0 = multiply %y, %d : f32[?n]
       %1 = multiply %x, %d : f32[?n]
       return %0, %1
     }",
);

/// A condition, a body, and the types of their operands.
const LOOPS: &[(&str, &str, &[&str])] = &[
    // A counter, which ends at a constant wherever it begins.
    (
        "func @below(%i: u8[]) -> bool[] {
           %0 = constant 100 : u8[]
           %1 = compare %i, %0, lt : bool[]
           return %1
         }",
        "func @step(%i: u8[]) -> u8[] {
           %0 = constant 1 : u8[]
           %1 = add %i, %0 : u8[]
           return %1
         }",
        &["u8[]"],
    ),
    // No bit is left after 64 turns.
    (
        "func @some(%x: u64[], %y: f32[3, 5], %z: f32[3, 5]) -> bool[] {
           %0 = constant 0 : u64[]
           %1 = compare %x, %0, ne : bool[]
           return %1
         }",
        "func @halve(%x: u64[], %y: f32[3, 5], %z: f32[3, 5]) -> (u64[], f32[3, 5]) {
           %0 = constant 1 : u64[]
           %1 = shift_right_logical %x, %0 : u64[]
           %2 = multiply %y, %z : f32[3, 5]
           %3 = subtract %2, %z : f32[3, 5]
           return %1, %3
         }",
        &["u64[]", "f32[3, 5]", "f32[3, 5]"],
    ),
    // The state moves to another place, and stays in a third.
    (
        "func @below(%i: u8[], %x: f32[3], %y: f32[3], %z: i64[2]) -> bool[] {
           %0 = constant 7 : u8[]
           %1 = compare %i, %0, lt : bool[]
           return %1
         }",
        "func @swap(%i: u8[], %x: f32[3], %y: f32[3], %z: i64[2]) -> (u8[], f32[3], f32[3], i64[2]) {
           %0 = constant 1 : u8[]
           %1 = add %i, %0 : u8[]
           return %1, %y, %x, %z
         }",
        &["u8[]", "f32[3]", "f32[3]", "i64[2]"],
    ),
    // A number that grows beyond the bound in some squarings; NaN is not below it.
    (
        "func @below(%x: f64[]) -> bool[] {
           %0 = constant 1.0 : f64[]
           %1 = constant 1000.0 : f64[]
           %2 = compare %x, %0, gt : bool[]
           %3 = compare %x, %1, lt : bool[]
           %4 = and %2, %3 : bool[]
           return %4
         }",
        "func @square(%x: f64[]) -> f64[] { %0 = multiply %x, %x : f64[] return %0 }",
        &["f64[]"],
    ),
    // At most one turn, an empty tensor, a loop that never begins.
    (
        "func @go(%more: bool[], %x: f32[0, 3]) -> bool[] { return %more }",
        "func @stop(%more: bool[], %x: f32[0, 3]) -> (bool[], f32[0, 3]) {
           %0 = constant false : bool[]
           %1 = negate %x : f32[0, 3]
           return %0, %1
         }",
        &["bool[]", "f32[0, 3]"],
    ),
    (
        "func @never(%x: f32[3]) -> bool[] { %0 = constant false : bool[] return %0 }",
        "func @negate(%x: f32[3]) -> f32[3] { %0 = negate %x : f32[3] return %0 }",
        &["f32[3]"],
    ),
    // A loop within the body of a loop, and sizes that the loop binds.
    (
        "func @below(%i: u8[], %x: f32[?n]) -> bool[] {
           %0 = constant 5 : u8[]
           %1 = compare %i, %0, lt : bool[]
           return %1
         }",
        "func @few(%i: u8[], %x: f32[?n]) -> bool[] {
           %0 = constant 3 : u8[]
           %1 = compare %i, %0, lt : bool[]
           return %1
         }
         func @add(%i: u8[], %x: f32[?n]) -> (u8[], f32[?n]) {
           %0 = constant 1 : u8[]
           %1 = add %i, %0 : u8[]
           %2 = add %x, %x : f32[?n]
           return %1, %2
         }
         func @outer(%i: u8[], %x: f32[?n]) -> (u8[], f32[?n]) {
           %0 = constant 1 : u8[]
           %1 = add %i, %0 : u8[]
           %2 = constant 0 : u8[]
           %3:2 = while %2, %x, condition=@few, body=@add : (u8[], f32[?n])
           %4 = reverse %3#1, axes=[0] : f32[?n]
           return %1, %4
         }",
        &["u8[]", "f32[67]"],
    ),
];

/// Branches and the types of their operands.
const BRANCHES: &[(&[&str], &[&str])] = &[
    (&["func @one() -> f32[] { %0 = constant 1.0 : f32[] return %0 }"], &[]),
    (
        &[
            "func @add(%x: f32[3], %y: f32[3]) -> f32[3] { %0 = add %x, %y : f32[3] return %0 }",
            "func @left(%x: f32[3], %y: f32[3]) -> f32[3] { return %x }",
        ],
        &["f32[3]", "f32[3]"],
    ),
    (
        &[
            "func @same(%x: f32[?n], %y: i32[2]) -> (f32[?n], i32[2]) { return %x, %y }",
            "func @negate(%x: f32[?n], %y: i32[2]) -> (f32[?n], i32[2]) {
               %0 = negate %x : f32[?n]
               return %0, %y
             }",
            "func @both(%x: f32[?n], %y: i32[2]) -> (f32[?n], i32[2]) {
               %0 = constant dense<[1, 2]> : i32[2]
               %1 = subtract %y, %0 : i32[2]
               return %x, %1
             }",
        ],
        &["f32[67]", "i32[2]"],
    ),
    (
        &[
            "func @none(%x: f32[0]) -> f32[0] { return %x }",
            "func @some(%x: f32[0]) -> f32[0] { %0 = negate %x : f32[0] return %0 }",
        ],
        &["f32[0]"],
    ),
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &ControlOp) {
    let mut add = |op: ControlOp, operands: Vec<TensorType>| samples.push(Sample::new(Op::Control(op), operands));
    match op {
        ControlOp::Call { .. } => {
            for (text, operands) in CALLS {
                add(ControlOp::call(graph(text)), operands.iter().map(|text| typed(text)).collect());
            }
            add(with_gradient(CALLS[0].0, CallGradient::Recompute), vec![typed("f32[3]")]);
            let (product, gradient) = PRODUCT;
            add(with_gradient(product, custom(gradient)), ["f32[3]", "i32[]", "f32[3]"].map(typed).to_vec());
        }
        ControlOp::While { .. } => {
            for (condition, body, operands) in LOOPS {
                add(while_loop(condition, body), operands.iter().map(|text| typed(text)).collect());
            }
            add(bounded_loop(Dim::known(256)), vec![typed("u8[]")]);
        }
        ControlOp::Case { .. } => {
            for (branches, operands) in BRANCHES {
                for index in [DType::I32, DType::Bool] {
                    if index == DType::I32 || branches.len() == 2 {
                        let index = [TensorType::scalar(index)].into_iter();
                        add(case(branches), index.chain(operands.iter().map(|text| typed(text))).collect());
                    }
                }
            }
        }
        ControlOp::OptimizationBarrier | ControlOp::StopGradient => {
            for dtype in DType::ALL {
                add(op.clone(), vec![of(dtype, &[3, 5])]);
            }
            add(op.clone(), vec![of(DType::F32, &[]), of(DType::I8, &[0, 3]), of(DType::Bool, &[7])]);
        }
        ControlOp::CustomCall(_) => {
            for operands in [vec![], vec![of(DType::F32, &[3, 5])], vec![of(DType::I8, &[]), of(DType::F64, &[0, 3])]] {
                add(ControlOp::CustomCall(reverse_bytes(operands.clone())), operands);
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &ControlOp) {
    let identity = "func @f(%x: f32[?n, ?m], %y: f32[?m]) -> f32[?m] {
                      require ?m >= 2
                      return %y
                    }";
    let mut add = |op: ControlOp, operands: &[&str]| {
        samples.push(Sample::new(Op::Control(op), operands.iter().map(|text| typed(text))));
    };
    match op {
        ControlOp::Call { .. } => {
            add(ControlOp::call(graph(identity)), &["f32[?a + 1, ?b]", "f32[?c]"]);
            add(ControlOp::call(graph(identity)), &["f32[3, ?m]", "f32[?m]"]);
            let (product, gradient) = PRODUCT;
            add(with_gradient(product, custom(gradient)), &["f32[2*?m]", "i32[]", "f32[2*?m]"]);
        }
        ControlOp::While { .. } => {
            let (condition, body, _) = LOOPS[LOOPS.len() - 1];
            add(while_loop(condition, body), &["u8[]", "f32[?a]"]);
            let bound = Some(Dim::symbol("a") + Dim::known(5));
            let (condition, body) = (graph(condition), graph(body));
            add(ControlOp::While { condition, body, bound }, &["u8[]", "f32[?a]"]);
        }
        ControlOp::Case { .. } => add(case(BRANCHES[2].0), &["i32[]", "f32[?a]", "i32[2]"]),
        ControlOp::OptimizationBarrier | ControlOp::StopGradient => add(op.clone(), &["f32[?n]", "i32[2*?n]"]),
        ControlOp::CustomCall(_) => {
            let results = vec![typed("f32[?n, 2*?m + 1]")];
            add(ControlOp::CustomCall(reverse_bytes(results)), &["f32[?n, ?m]"]);
        }
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &ControlOp) {
    let square = "func @f(%x: f32[?n, ?n], %y: f32[3]) -> f32[3] {
                    require ?n >= 2
                    return %y
                  }";
    let mut add = |op: ControlOp, operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Control(op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    match op {
        ControlOp::Call { .. } => {
            let mut call = |operands: &[&str], constraint, message| {
                add(ControlOp::call(graph(square)), operands, constraint, message);
            };
            call(&["f32[2, 2]"], "c1", "call: @f takes 2 operands, but 1 are given");
            call(&["f64[2, 2]", "f32[3]"], "c1", "call: @f takes f32[?n, ?n], but f64[2, 2] is given");
            call(&["f32[2]", "f32[3]"], "c1", "call: @f takes f32[?n, ?n], but f32[2] is given");
            call(&["f32[2, 3]", "f32[3]"], "c2", "call: shapes differ: f32[2, 2] and f32[2, 3]");
            call(&["f32[2, 2]", "f32[4]"], "c2", "call: shapes differ: f32[3] and f32[4]");
            call(&["f32[1, 1]", "f32[3]"], "c2", "call: @f requires 1 >= 2");
            let mut call = |gradient: &str, constraint, message| {
                add(with_gradient(PRODUCT.0, custom(gradient)), &["f32[3]", "i32[]", "f32[3]"], constraint, message);
            };
            let without = "func @g(%x: f32[?n], %i: i32[], %y: f32[?n]) -> f32[?n] { return %y }";
            call(without, "c3", "call: @g takes 3 operands, but 4 are given");
            let other = "func @g(%x: f32[?n], %i: i32[], %y: f32[?n], %d: f64[?n]) -> f32[?n] { return %y }";
            call(other, "c3", "call: @g takes f64[?n], but f32[3] is given");
            let longer = "func @g(%x: f32[?n], %i: i32[], %y: f32[?n], %d: f32[4]) -> f32[?n] { return %y }";
            call(longer, "c3", "call: shapes differ: f32[4] and f32[3]");
            let one = "func @g(%x: f32[?n], %i: i32[], %y: f32[?n], %d: f32[?n]) -> f32[?n] { return %d }";
            call(one, "c4", "call: @g gives 1 values, not 2");
            let index = "func @g(%x: f32[?n], %i: i32[], %y: f32[?n], %d: f32[?n]) -> (f32[?n], i32[]) {
                           return %d, %i
                         }";
            call(index, "c4", "call: @g gives i32[] as result 1, not f32[3]");
        }
        ControlOp::While { .. } => {
            let always = "func @always(%x: f32[3]) -> bool[] { %0 = constant true : bool[] return %0 }";
            let same = "func @same(%x: f32[3]) -> f32[3] { return %x }";
            add(while_loop(same, same), &["f32[3]"], "c1", "while: @same does not give a bool scalar");
            add(while_loop(always, same), &["f32[4]"], "c1", "while: shapes differ: f32[3] and f32[4]");
            let other = "func @other(%x: f32[4]) -> f32[4] { return %x }";
            add(while_loop(always, other), &["f32[3]"], "c2", "while: shapes differ: f32[4] and f32[3]");
            let twice = "func @twice(%x: f32[3]) -> (f32[3], f32[3]) { return %x, %x }";
            add(while_loop(always, twice), &["f32[3]"], "c2", "while: @twice gives 2 values for 1 operands");
            let converted = "func @converted(%x: f32[3]) -> i32[3] { %0 = convert %x : i32[3] return %0 }";
            let message = "while: @converted gives i32[3] as result 0, not f32[3]";
            add(while_loop(always, converted), &["f32[3]"], "c2", message);
            let message = "while: shapes differ: f32[4] and f32[3]";
            let longer = "func @longer(%x: f32[3]) -> f32[4] { %0 = constant dense<1.0> : f32[4] return %0 }";
            add(while_loop(always, longer), &["f32[3]"], "c2", message);
            add(bounded_loop(Dim::known(-1)), &["u8[]"], "c3", "while: the bound -1 is negative");
        }
        ControlOp::Case { .. } => {
            let same = "func @same(%x: f32[3]) -> f32[3] { return %x }";
            add(case(&[same]), &[], "c1", "case: takes an index and operands");
            add(case(&[same]), &["i64[]", "f32[3]"], "c1", "case: the index i64[] is no i32 or bool scalar");
            add(case(&[same]), &["i32[1]", "f32[3]"], "c1", "case: the index i32[1] is no i32 or bool scalar");
            add(case(&[same]), &["bool[]", "f32[3]"], "c1", "case: 1 branches for an index bool[]");
            add(case(&[]), &["i32[]", "f32[3]"], "c1", "case: 0 branches for an index i32[]");
            add(case(&[same]), &["i32[]"], "c2", "case: @same takes 1 operands, but 0 are given");
            let none = "func @none(%x: f32[3]) -> () { return }";
            add(case(&[same, none]), &["i32[]", "f32[3]"], "c3", "case: @none gives 0 values, not 1");
            let first = "func @first(%x: f32[3]) -> f32[2] { %0 = constant dense<1.0> : f32[2] return %0 }";
            add(case(&[same, first]), &["i32[]", "f32[3]"], "c3", "case: shapes differ: f32[2] and f32[3]");
        }
        ControlOp::OptimizationBarrier => {
            let message = "optimization_barrier: takes at least one operand";
            add(ControlOp::OptimizationBarrier, &[], "c1", message);
        }
        ControlOp::StopGradient => {
            add(ControlOp::StopGradient, &[], "c1", "stop_gradient: takes at least one operand");
        }
        ControlOp::CustomCall(_) => {
            let results = vec![TensorType::new(DType::F32, [Dim::known(3), Dim::known(-1)])];
            let op = ControlOp::CustomCall(reverse_bytes(results));
            add(op, &["f32[3]"], "c1", "custom_call: size -1 is negative");
        }
    }
}

/// A graph from its text.
pub(super) fn graph(text: &str) -> Arc<Graph> {
    Arc::new(parse(text, "sample").unwrap_or_else(|error| panic!("{error}\n{text}")))
}

fn with_gradient(callee: &str, gradient: CallGradient) -> ControlOp {
    ControlOp::Call { callee: graph(callee), gradient }
}

fn custom(gradient: &str) -> CallGradient {
    CallGradient::Custom(graph(gradient))
}

/// The loop over a counter, which is a `u8`.
fn bounded_loop(bound: Dim) -> ControlOp {
    ControlOp::While { condition: graph(LOOPS[0].0), body: graph(LOOPS[0].1), bound: Some(bound) }
}

fn while_loop(condition: &str, body: &str) -> ControlOp {
    ControlOp::While { condition: graph(condition), body: graph(body), bound: None }
}

fn case(branches: &[&str]) -> ControlOp {
    ControlOp::Case { branches: branches.iter().map(|text| graph(text)).collect() }
}

/// The call of a function that [`host_functions`](super::host_functions) has.
fn reverse_bytes(results: Vec<TensorType>) -> CustomCall {
    CustomCall { target: "sample.reverse_bytes".into(), config: "none".into(), results, has_side_effect: false }
}
