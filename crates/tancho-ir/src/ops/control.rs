//! Calls and the flow of control between graphs.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Check, OpError, ResultTypes};
use crate::{Dim, Graph, TensorType};
use tancho_tensor::DType;

/// The flow of control between graphs.
///
/// The graphs that such an op holds are isolated: what they use from around them is among the operands.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlOp {
    /// The results of another graph for the operands as its parameters.
    ///
    /// A graph is a value, so that no graph can call itself.
    /// (C1) There is one operand for each parameter, of its dtype and rank. (C2) The sizes agree under one assignment of
    /// the callee's symbols.
    ///
    /// # Gradient
    /// That of the callee; with `recompute`, what the callee computes is computed anew rather than kept; with
    /// `gradient=@g`, another graph computes it. (C3) That graph takes the operands, then a cotangent for each result of a
    /// float dtype, of its type. (C4) It gives a cotangent for each operand of a float dtype, of its type.
    Call { callee: Arc<Graph>, gradient: CallGradient },
    /// Repeats a graph while another says so.
    ///
    /// Operands: the state, then what does not change. Condition and body take all operands; the condition gives a `bool`
    /// scalar, the body the next state, whose types are those of the first operands. The results are the last state.
    /// (C1) The condition fits the operands and gives a `bool` scalar. (C2) The body fits and gives types of the state.
    ///
    /// `bound` is a promise that the body runs at most that often, so that there is a size for what the gradient must
    /// keep; a compiler may ignore it. (C3) It is not negative.
    While { condition: Arc<Graph>, body: Arc<Graph>, bound: Option<Dim> },
    /// The results of one of several graphs, chosen by the first operand, for the other operands.
    ///
    /// The first operand is an `i32` scalar, where an index out of range chooses the last branch, or a `bool` scalar, where
    /// false chooses the first of two branches and true the second.
    /// (C1) There is a branch (two for a `bool`). (C2) The branches fit the operands. (C3) They give the same types.
    Case { branches: Vec<Arc<Graph>> },
    /// The operands as they are; no pass moves an op across. At least one operand.
    OptimizationBarrier,
    /// The operands as they are; a gradient takes them as constants. (C1) At least one operand.
    StopGradient,
    /// A function of the host, by the name under which it is registered.
    ///
    /// (C1) No size of a result is negative.
    CustomCall(CustomCall),
}

/// How a call is differentiated.
#[derive(Clone, Debug, PartialEq)]
pub enum CallGradient {
    /// As if the callee stood in the place of the call.
    Through,
    /// As [`CallGradient::Through`], but what the callee computes is computed anew for the gradient rather than kept.
    Recompute,
    /// By a graph that takes the callee's parameters, then a cotangent for each result of a float dtype, and gives a
    /// cotangent for each parameter of a float dtype, all in order.
    Custom(Arc<Graph>),
}

/// A call of a function of the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomCall {
    pub target: Arc<str>,
    /// What the function is told beside its operands; it alone knows what this means.
    pub config: Arc<str>,
    pub results: Vec<TensorType>,
    /// Whether the call must happen even if nobody uses its results.
    pub has_side_effect: bool,
}

impl ControlOp {
    /// A call that is differentiated through the callee.
    pub fn call(callee: Arc<Graph>) -> Self {
        ControlOp::Call { callee, gradient: CallGradient::Through }
    }

    pub fn name(&self) -> &'static str {
        match self {
            ControlOp::Call { .. } => "call",
            ControlOp::While { .. } => "while",
            ControlOp::Case { .. } => "case",
            ControlOp::OptimizationBarrier => "optimization_barrier",
            ControlOp::StopGradient => "stop_gradient",
            ControlOp::CustomCall(_) => "custom_call",
        }
    }

    pub fn arity(&self) -> Option<usize> {
        None
    }

    /// The graphs that the op holds, under the names of their attributes.
    pub fn regions(&self) -> Vec<(&'static str, &Arc<Graph>)> {
        match self {
            ControlOp::Call { callee, gradient: CallGradient::Custom(gradient) } => {
                vec![("callee", callee), ("gradient", gradient)]
            }
            ControlOp::Call { callee, gradient: CallGradient::Through | CallGradient::Recompute } => {
                vec![("callee", callee)]
            }
            ControlOp::While { condition, body, bound: _ } => vec![("condition", condition), ("body", body)],
            ControlOp::Case { branches } => branches.iter().map(|branch| ("branch", branch)).collect(),
            ControlOp::OptimizationBarrier | ControlOp::StopGradient | ControlOp::CustomCall(_) => Vec::new(),
        }
    }
}

pub(super) fn infer(op: &ControlOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    match op {
        ControlOp::Call { callee, gradient } => {
            let results = apply(callee, operands, ["c1", "c2"], check)?;
            if let CallGradient::Custom(gradient) = gradient {
                let float = |of: &&TensorType| of.dtype.is_float();
                // call_c3
                let arguments: Vec<TensorType> = operands.iter().chain(results.iter().filter(float)).cloned().collect();
                let given = apply(gradient, &arguments, ["c3", "c3"], check)?;
                // call_c4
                let expected: Vec<TensorType> = operands.iter().filter(float).cloned().collect();
                same_types(gradient, &given, &expected, "c4", check)?;
            }
            Ok(results)
        }
        ControlOp::While { condition, body, bound } => {
            // while_c1
            let decision = apply(condition, operands, ["c1", "c1"], check)?;
            let decides = matches!(decision.as_slice(), [one] if *one == TensorType::scalar(DType::Bool));
            check.that(decides, "c1", || format!("@{} does not give a bool scalar", condition.name()))?;
            // while_c2
            let next = apply(body, operands, ["c2", "c2"], check)?;
            check.that(next.len() <= operands.len(), "c2", || {
                format!("@{} gives {} values for {} operands", body.name(), next.len(), operands.len())
            })?;
            let state = &operands[..next.len()];
            same_types(body, &next, state, "c2", check)?;
            // while_c3
            if let Some(bound) = bound {
                check.at_least(bound, &Dim::ZERO, "c3", || format!("the bound {bound} is negative"))?;
            }
            Ok(state.iter().cloned().collect())
        }
        ControlOp::Case { branches } => {
            // case_c1
            let (index, arguments) =
                operands.split_first().ok_or_else(|| check.error("c1", "takes an index and operands"))?;
            let indexed = index.rank() == 0 && matches!(index.dtype, DType::I32 | DType::Bool);
            check.that(indexed, "c1", || format!("the index {index} is no i32 or bool scalar"))?;
            let count = branches.len();
            let counted = if index.dtype == DType::Bool { count == 2 } else { count > 0 };
            check.that(counted, "c1", || format!("{count} branches for an index {index}"))?;
            // case_c2
            let results = apply(&branches[0], arguments, ["c2", "c2"], check)?;
            for branch in &branches[1..] {
                // case_c3
                let others = apply(branch, arguments, ["c2", "c2"], check)?;
                same_types(branch, &others, &results, "c3", check)?;
            }
            Ok(results)
        }
        ControlOp::OptimizationBarrier | ControlOp::StopGradient => {
            // optimization_barrier_c1, stop_gradient_c1
            check.that(!operands.is_empty(), "c1", || "takes at least one operand".into())?;
            Ok(operands.iter().cloned().collect())
        }
        ControlOp::CustomCall(call) => {
            // custom_call_c1
            for dim in call.results.iter().flat_map(|of| &of.dims) {
                check.at_least(dim, &Dim::ZERO, "c1", || format!("size {dim} is negative"))?;
            }
            Ok(call.results.iter().cloned().collect())
        }
    }
}

fn same_types(
    graph: &Graph,
    given: &[TensorType],
    expected: &[TensorType],
    constraint: &'static str,
    check: &mut Check<'_>,
) -> Result<(), OpError> {
    check.that(given.len() == expected.len(), constraint, || {
        format!("@{} gives {} values, not {}", graph.name(), given.len(), expected.len())
    })?;
    for (position, (given, expected)) in given.iter().zip(expected).enumerate() {
        check.that(given.dtype == expected.dtype && given.rank() == expected.rank(), constraint, || {
            format!("@{} gives {given} as result {position}, not {expected}", graph.name())
        })?;
        check.same_dims(given, expected, constraint)?;
    }
    Ok(())
}

/// Checks operands against a graph's parameters and gives the types of its results; `constraints` label the number, dtypes
/// and ranks, and the sizes.
fn apply(
    callee: &Graph,
    operands: &[TensorType],
    constraints: [&'static str; 2],
    check: &mut Check<'_>,
) -> Result<ResultTypes, OpError> {
    // call_c1
    let parameters: Vec<&TensorType> = callee.parameter_types().collect();
    check.that(parameters.len() == operands.len(), constraints[0], || {
        format!("@{} takes {} operands, but {} are given", callee.name(), parameters.len(), operands.len())
    })?;
    for (parameter, operand) in parameters.iter().zip(operands) {
        check.that(parameter.dtype == operand.dtype && parameter.rank() == operand.rank(), constraints[0], || {
            format!("@{} takes {parameter}, but {operand} is given", callee.name())
        })?;
    }
    // call_c2
    let assignment = bind_symbols(&parameters, operands);
    let replace =
        |symbol: &crate::Symbol| assignment.iter().find(|(name, _)| name == symbol).map(|(_, dim)| dim.clone());
    for (parameter, operand) in parameters.iter().zip(operands) {
        let expected = parameter.substitute(&replace);
        check.same_dims(&expected, operand, constraints[1])?;
    }
    for constraint in callee.constraints() {
        let relation = match &constraint.relation {
            crate::Relation::Equal(x, y) => crate::Relation::Equal(x.substitute(&replace), y.substitute(&replace)),
            crate::Relation::AtLeast(x, y) => crate::Relation::AtLeast(x.substitute(&replace), y.substitute(&replace)),
        };
        check.relation(relation.clone(), constraints[1], || format!("@{} requires {relation}", callee.name()))?;
    }
    Ok(callee.result_types().map(|result| result.substitute(&replace)).collect())
}

/// Checks that a graph takes and gives exactly these types, which are scalars, and that all its values are scalars.
pub(super) fn check_region(
    graph: &Graph,
    parameters: &[TensorType],
    results: &[TensorType],
    constraint: &'static str,
    check: &Check<'_>,
) -> Result<(), OpError> {
    let list =
        |types: &mut dyn Iterator<Item = &TensorType>| types.map(TensorType::to_string).collect::<Vec<_>>().join(", ");
    let fits = graph.parameter_types().eq(parameters) && graph.result_types().eq(results);
    check.that(fits, constraint, || {
        format!(
            "@{} is ({}) -> ({}), not ({}) -> ({})",
            graph.name(),
            list(&mut graph.parameter_types()),
            list(&mut graph.result_types()),
            list(&mut parameters.iter()),
            list(&mut results.iter()),
        )
    })?;
    match find_array(graph) {
        Some((op, of)) => {
            Err(check.error(constraint, format!("@{} is not over scalars alone: {op} gives {of}", graph.name())))
        }
        None => Ok(()),
    }
}

/// A value of a graph, or of a graph in it, that is no scalar, with the name of its op.
fn find_array(graph: &Graph) -> Option<(&'static str, TensorType)> {
    // A graph may be held in many places, and is looked at once.
    let mut seen: HashSet<*const Graph> = HashSet::new();
    let mut waiting = vec![graph];
    while let Some(graph) = waiting.pop() {
        for id in graph.node_ids() {
            let node = graph.node(id);
            let Some(op) = node.op() else { continue };
            if let Some(array) = node.types().iter().find(|of| of.rank() > 0) {
                return Some((op.name(), array.clone()));
            }
            let regions = op.run_regions().into_iter().map(|(_, region)| &**region);
            waiting.extend(regions.filter(|region| seen.insert(std::ptr::from_ref(*region))));
        }
    }
    None
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
