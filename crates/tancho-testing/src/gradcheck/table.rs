//! Which ops are differentiable, and why the others are not.

use std::fmt;
use std::fmt::Write as _;

use tancho_autodiff::{DiffError, vjp, zero_reason};
use tancho_ir::Op;

use super::float_parameters;
use crate::samples::{Sample, prototypes, samples};

/// What the gradient of an op is for the operands of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differentiability {
    /// No operand is a float.
    NoFloats,
    Differentiable,
    /// The gradient is zero, for a reason.
    Zero(&'static str),
    /// There is none, for a reason.
    Error(String),
}

impl fmt::Display for Differentiability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Differentiability::NoFloats => f.write_str("none: it takes no floats"),
            Differentiability::Differentiable => f.write_str("differentiable"),
            Differentiability::Zero(reason) => write!(f, "zero: {reason}"),
            Differentiability::Error(reason) => write!(f, "error: {reason}"),
        }
    }
}

/// What the gradient of a sample's op is.
pub fn differentiability(sample: &Sample) -> Differentiability {
    if !sample.operands.iter().any(|of| of.dtype.is_float()) {
        return Differentiability::NoFloats;
    }
    if let Some(reason) = zero_reason(&sample.op) {
        return Differentiability::Zero(reason);
    }
    let graph = sample.graph();
    match vjp(&graph, &float_parameters(&graph)) {
        Ok(_) => Differentiability::Differentiable,
        Err(DiffError::NotDifferentiable { reason, .. }) => Differentiability::Error(reason),
        Err(error @ (DiffError::NotBatchable { .. } | DiffError::Rule { .. })) => {
            Differentiability::Error(error.to_string())
        }
    }
}

/// What the gradients of an op's samples are, each once; operands without floats count only where there are no others.
fn kinds(op: &Op, samples: &[Sample]) -> Vec<Differentiability> {
    let mut kinds: Vec<Differentiability> = Vec::new();
    // The gradient does not depend on sizes, and small samples are enough.
    for sample in samples.iter().filter(|sample| sample.op.name() == op.name() && sample.elements() < 300) {
        let kind = differentiability(sample);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.len() > 1 {
        kinds.retain(|kind| *kind != Differentiability::NoFloats);
    }
    kinds.sort_by_key(|kind| match kind {
        Differentiability::Differentiable => 0,
        Differentiability::NoFloats => 1,
        Differentiability::Zero(_) => 2,
        Differentiability::Error(_) => 3,
    });
    kinds
}

/// The line of an op in the list of ops.
pub fn gradient_line(op: &Op, samples: &[Sample]) -> String {
    let kinds: Vec<String> = kinds(op, samples).iter().map(ToString::to_string).collect();
    kinds.join("; ")
}

/// A line for each op, in the order of the families.
pub fn table() -> String {
    let samples = samples();
    let mut out = String::new();
    let mut names: Vec<&str> = Vec::new();
    for op in prototypes() {
        if !names.contains(&op.name()) {
            names.push(op.name());
            let _ = writeln!(out, "{}: {}", op.name(), gradient_line(&op, &samples));
        }
    }
    out
}
