//! Calls.

use std::sync::Arc;

use super::{Check, OpError, ResultTypes};
use crate::{Dim, Graph, TensorType};

/// The flow of control between graphs.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlOp {
    /// The results of another graph for the operands as its parameters.
    ///
    /// A graph is a value, so that no graph can call itself.
    /// (C1) There is one operand for each parameter, of its dtype and rank. (C2) The sizes agree under one assignment of
    /// the callee's symbols.
    Call(Arc<Graph>),
}

impl ControlOp {
    pub fn name(&self) -> &'static str {
        match self {
            ControlOp::Call(_) => "call",
        }
    }

    pub fn arity(&self) -> Option<usize> {
        None
    }
}

pub(super) fn infer(op: &ControlOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    let ControlOp::Call(callee) = op;
    // call_c1
    let parameters: Vec<&TensorType> = callee.parameter_types().collect();
    check.that(parameters.len() == operands.len(), "c1", || {
        format!("@{} takes {} operands, but {} are given", callee.name(), parameters.len(), operands.len())
    })?;
    for (parameter, operand) in parameters.iter().zip(operands) {
        check.that(parameter.dtype == operand.dtype && parameter.rank() == operand.rank(), "c1", || {
            format!("@{} takes {parameter}, but {operand} is given", callee.name())
        })?;
    }
    // call_c2
    let assignment = bind_symbols(&parameters, operands);
    let replace =
        |symbol: &crate::Symbol| assignment.iter().find(|(name, _)| name == symbol).map(|(_, dim)| dim.clone());
    for (parameter, operand) in parameters.iter().zip(operands) {
        let expected = parameter.substitute(&replace);
        check.same_dims(&expected, operand, "c2")?;
    }
    for constraint in callee.constraints() {
        let relation = match &constraint.relation {
            crate::Relation::Equal(x, y) => crate::Relation::Equal(x.substitute(&replace), y.substitute(&replace)),
            crate::Relation::AtLeast(x, y) => crate::Relation::AtLeast(x.substitute(&replace), y.substitute(&replace)),
        };
        check.relation(relation.clone(), "c2", || format!("@{} requires {relation}", callee.name()))?;
    }
    Ok(callee.result_types().map(|result| result.substitute(&replace)).collect())
}

/// The assignment of a callee's symbols under which its parameters have the operands' sizes, from the parameters' sizes
/// that are a symbol and nothing else.
pub fn bind_symbols(parameters: &[&TensorType], operands: &[TensorType]) -> Vec<(crate::Symbol, Dim)> {
    let mut assignment: Vec<(crate::Symbol, Dim)> = Vec::new();
    for (parameter, operand) in parameters.iter().zip(operands) {
        for (dim, value) in parameter.dims.iter().zip(&operand.dims) {
            if let Some(symbol) = dim.as_symbol()
                && !assignment.iter().any(|(name, _)| name == symbol)
            {
                assignment.push((symbol.clone(), value.clone()));
            }
        }
    }
    assignment
}
