//! A loop over the batch, for ops that have no form for a whole batch.
//!
//! ```text
//! i = 0, results = zeros
//! while i < size:
//!     results[i] = op(operands[i]…)
//! ```
//!
//! The graphs of a loop bind their own symbols. A symbol that the op needs, and that no operand has as a size by itself, comes
//! in as the size of an additional operand without elements.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::ops::{Comparison, ControlOp, IndexOp};
use tancho_ir::{Dim, Dims, Graph, Op, Symbol, TensorType, Value, attribute_dims};
use tancho_tensor::DType;

use super::{Item, Items, Rule, batched_type, with_batch};
use crate::build::{Build, Built};
use crate::reverse::Fault;

/// Runs an op for one element of the batch after the other.
pub(super) fn loop_over_batch(rule: &mut Rule<'_>, op: Op, operands: &[Item]) -> Result<Items, Fault> {
    let types: Vec<TensorType> = rule.types.iter().map(|of| batched_type(of, &rule.size)).collect();
    let mut state: SmallVec<[Value; 4]> = SmallVec::new();
    state.push(rule.build.scalar(DType::I64, 0.0));
    for of in &types {
        state.push(rule.build.full(of, 0.0)?);
    }
    if rule.size.as_known() == Some(0) {
        // A slice of one element would not even fit.
        return Ok(state[1..].iter().map(|&value| Item { value, is_batched: true }).collect());
    }
    let n_state = state.len();
    state.extend(operands.iter().map(|operand| operand.value));
    for symbol in unbound_symbols(rule, &op, operands) {
        let of = TensorType::new(DType::Bool, [Dim::from(symbol), Dim::ZERO]);
        state.push(rule.build.full(&of, 0.0)?);
    }
    let parameters: Vec<TensorType> = state.iter().map(|&value| rule.build.type_of(value).clone()).collect();
    let condition = make_condition(rule, &parameters)?;
    let body = make_body(rule, op, operands, &parameters, n_state)?;
    let bound = Some(rule.size.clone());
    let results = rule.add(ControlOp::While { condition: Arc::new(condition), body: Arc::new(body), bound }, &state)?;
    Ok(results[1..].iter().copied().collect())
}

fn unbound_symbols(rule: &Rule<'_>, op: &Op, operands: &[Item]) -> BTreeSet<Symbol> {
    let mut symbols = BTreeSet::new();
    let mut bound = BTreeSet::new();
    rule.size.collect_symbols(&mut symbols);
    attribute_dims(op).into_iter().for_each(|dim| dim.collect_symbols(&mut symbols));
    for dim in rule.types.iter().flat_map(|of| &of.dims) {
        dim.collect_symbols(&mut symbols);
        bound.extend(dim.as_symbol().cloned());
    }
    for operand in operands {
        for dim in &rule.build.type_of(operand.value).dims {
            dim.collect_symbols(&mut symbols);
            bound.extend(dim.as_symbol().cloned());
        }
    }
    symbols.difference(&bound).cloned().collect()
}

fn add_parameters(graph: &mut Graph, rule: &Rule<'_>, parameters: &[TensorType]) -> Vec<Value> {
    parameters.iter().map(|of| graph.add_parameter(None, of.clone(), rule.build.span().clone())).collect()
}

fn make_condition(rule: &Rule<'_>, parameters: &[TensorType]) -> Built<Graph> {
    let mut graph = Graph::new("more_elements");
    let parameters = add_parameters(&mut graph, rule, parameters);
    let mut build = Build::new(&mut graph, rule.build.span().clone());
    let size = build.size(&rule.size, DType::I64)?;
    let decision = build.compare(Comparison::Lt, parameters[0], size)?;
    graph.set_results(vec![decision]);
    Ok(graph)
}

fn make_body(
    rule: &Rule<'_>,
    op: Op,
    operands: &[Item],
    parameters: &[TensorType],
    n_state: usize,
) -> Result<Graph, Fault> {
    let mut graph = Graph::new("next_element");
    let parameters = add_parameters(&mut graph, rule, parameters);
    let mut build = Build::new(&mut graph, rule.build.span().clone());
    let index = parameters[0];
    let zero = build.scalar(DType::I64, 0.0);
    let starts = |rank: usize| std::iter::once(index).chain(std::iter::repeat_n(zero, rank)).collect::<Vec<_>>();
    let mut arguments: SmallVec<[Value; 4]> = SmallVec::new();
    for (operand, &parameter) in operands.iter().zip(&parameters[n_state..]) {
        arguments.push(if operand.is_batched {
            let dims: Dims = build.dims(parameter)[1..].iter().cloned().collect();
            let sizes = with_batch(&Dim::ONE, &dims);
            let sources: Vec<Value> = std::iter::once(parameter).chain(starts(dims.len())).collect();
            let element = build.add(IndexOp::DynamicSlice { sizes }, &sources)?;
            build.reshape(element, dims)?
        } else {
            parameter
        });
    }
    let results = build.add_all(op, &arguments)?;
    let one = build.scalar(DType::I64, 1.0);
    let mut next = vec![build.plus(index, one)?];
    for (&result, &so_far) in results.iter().zip(&parameters[1..n_state]) {
        let dims = build.dims(result);
        let element = build.reshape(result, with_batch(&Dim::ONE, &dims))?;
        let sources: Vec<Value> = [so_far, element].into_iter().chain(starts(dims.len())).collect();
        next.push(build.add(IndexOp::DynamicUpdateSlice, &sources)?);
    }
    graph.set_results(next);
    Ok(graph)
}
