//! Samples of effects. Whether an assertion holds is a matter of values: those of the samples have no elements, so that they
//! hold for all.

use tancho_ir::Op;
use tancho_ir::ops::EffectOp;
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

/// One of every op: each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<EffectOp> {
    std::iter::successors(Some(print("")), |op| match op {
        EffectOp::Print { .. } => Some(assert("")),
        EffectOp::Assert { .. } => None,
    })
    .collect()
}

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &EffectOp) {
    match op {
        EffectOp::Print { .. } => {
            samples.push(Sample::new(print("a line \"with\" {{braces}}"), []));
            for dtype in DType::ALL {
                samples.push(Sample::new(print("value {}"), [of(dtype, &[2, 3])]));
            }
            samples.push(Sample::new(print("{}, {}{}"), ["f32[]", "i8[0, 3]", "bool[7]"].map(typed)));
        }
        EffectOp::Assert { .. } => {
            samples.push(Sample::new(assert("never fails"), [of(DType::Bool, &[0])]));
            samples.push(Sample::new(assert("{} {{}} {}"), ["bool[3, 0]", "f32[2]", "i64[]"].map(typed)));
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &EffectOp) {
    match op {
        EffectOp::Print { .. } => samples.push(Sample::new(print("{}"), [typed("f32[?n, 3]")])),
        EffectOp::Assert { .. } => samples.push(Sample::new(assert("{}"), ["bool[?n]", "f32[?m]"].map(typed))),
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &EffectOp) {
    let mut add = |op: EffectOp, operands: &[&str], constraint, message| {
        let operands = operands.iter().map(|text| typed(text));
        samples.push(Invalid::new(Op::Effect(op), operands, constraint, message));
    };
    match op {
        EffectOp::Print { .. } => {
            add(print("{}"), &[], "c1", "print: \"{}\" has 1 places for 0 values");
            add(print("x"), &["f32[]"], "c1", "print: \"x\" has 0 places for 1 values");
            add(print("{x}"), &["f32[]"], "c1", "print: \"{x}\" has a single brace that is not in `{}`");
        }
        EffectOp::Assert { .. } => {
            add(assert("x"), &[], "c1", "assert: takes a condition");
            add(assert("x"), &["f32[]"], "c1", "assert: the condition f32[] is no bool");
            add(assert("{}"), &["bool[]"], "c2", "assert: \"{}\" has 1 places for 0 values");
            add(assert("}"), &["bool[]"], "c2", "assert: \"}\" has a single brace that is not in `{}`");
        }
    }
}

fn print(format: &str) -> EffectOp {
    EffectOp::Print { format: format.into() }
}

fn assert(message: &str) -> EffectOp {
    EffectOp::Assert { message: message.into() }
}
