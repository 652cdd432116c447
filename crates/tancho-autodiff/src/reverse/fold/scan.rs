//! `scan`, and with it every fold.
//!
//! Along the axis, with accumulators `s` and elements `x`, `s_i = f(s_{i−1}, x_i)` for `i = 1 … n`, and `s_0` is the initial
//! value. Let `c_i` be the cotangent of the result `s_i` (`c_0 = 0`), and `a_i` that of `s_i` with all that comes of it:
//!
//! `a_i = c_i + (∂f/∂s)ᵀ(s_i, x_{i+1})·a_{i+1}`, `x̄_i = (∂f/∂x)ᵀ(s_{i−1}, x_i)·a_i`, `s̄_0 = a_0`
//!
//! 1. The `s_{i−1}` are the initial value and the op's own results.
//! 2. The partial derivatives of `f` at all places at once: the body is lifted to arrays and differentiated by each of its
//!    parameters, once for each accumulator.
//! 3. The recurrence is linear in `a`: a scan from the other end, over the `c_i` and the partial derivatives, which has
//!    `n + 1` places, so that the last one gives `a_0` even where `n = 0`.
//!
//! A scan that begins at the end is one of the reversed elements. A sum has no partial derivatives but 1.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, ElementwiseOp, FoldOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::DType;

use super::super::{Fault, Pullback, gradients};
use super::lift::lift;
use super::{Body, body_of, classify, insert, pad_along, slice_along, through};
use crate::build::{Build, Built};

pub(super) fn pull_back(
    pullback: &mut Pullback<'_>,
    axis: usize,
    reverse: bool,
    body: &Arc<Graph>,
) -> Result<(), Fault> {
    if classify(body) == Some(Body::Sum) {
        return sum(pullback, axis, reverse);
    }
    if reverse {
        return through(pullback, |build, operands| {
            let (inputs, inits) = operands.split_at(operands.len() / 2);
            let mut reversed = Vec::with_capacity(operands.len());
            for &input in inputs {
                reversed.push(build.reverse(input, vec![axis])?);
            }
            let scan = FoldOp::Scan { axis, reverse: false, body: body.clone() };
            let results = build.add_all(scan, &[&reversed[..], inits].concat())?;
            Ok(results.into_iter().map(|result| build.reverse(result, vec![axis])).collect::<Result<Vec<_>, _>>()?)
        });
    }
    general(pullback, axis, body)
}

fn sum(pullback: &mut Pullback<'_>, axis: usize, reverse: bool) -> Result<(), Fault> {
    let cotangent = pullback.cotangent();
    if pullback.wanted[0] {
        let build = &mut pullback.build;
        let dtype = build.dtype(cotangent);
        let zero = build.scalar(dtype, 0.0);
        let back = FoldOp::Scan { axis, reverse: !reverse, body: body_of(Body::Sum, dtype) };
        let share = build.add(back, &[cotangent, zero])?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let share = pullback.build.sum_all(cotangent)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

fn general(pullback: &mut Pullback<'_>, axis: usize, body: &Arc<Graph>) -> Result<(), Fault> {
    let count = pullback.operands.len() / 2;
    let (inputs, inits) = (pullback.operands[..count].to_vec(), pullback.operands[count..].to_vec());
    let dims = pullback.build.dims(inputs[0]);
    let size = dims[axis].clone();
    let floats: Vec<usize> = (0..count).filter(|&l| pullback.build.dtype(inputs[l]).is_float()).collect();
    let mut previous = Vec::with_capacity(count);
    for (l, &initial) in inits.iter().enumerate() {
        let result = pullback.result(l);
        let states = with_initial(&mut pullback.build, result, initial, axis)?;
        previous.push(slice_along(&mut pullback.build, states, axis, Dim::ZERO, size.clone())?);
    }
    let partials = partials(&mut pullback.build, body, &floats, &previous, &inputs, &dims)?;
    let mut cotangents = Vec::with_capacity(floats.len());
    for &l in &floats {
        let cotangent = pullback.cotangent_or_zeros(l)?;
        cotangents.push(pad_along(&mut pullback.build, cotangent, axis, Dim::ONE, Dim::ZERO)?);
    }
    let build = &mut pullback.build;
    let totals = solve_recurrence(build, axis, &cotangents, &partials.by_state)?;
    for (place, &l) in floats.iter().enumerate() {
        if pullback.wanted[count + l] {
            let first = slice_along(&mut pullback.build, totals[place], axis, Dim::ZERO, Dim::ONE)?;
            let share = pullback.build.sum_all(first)?;
            pullback.add_share(count + l, share)?;
        }
    }
    let mut rest = Vec::with_capacity(totals.len());
    for &total in &totals {
        rest.push(slice_along(&mut pullback.build, total, axis, Dim::ONE, size.clone() + Dim::ONE)?);
    }
    for (place, &l) in floats.iter().enumerate() {
        if !pullback.wanted[l] {
            continue;
        }
        let build = &mut pullback.build;
        let mut share: Option<Value> = None;
        for (k, by_element) in partials.by_element.iter().enumerate() {
            let Some(partial) = by_element[place] else { continue };
            let total = build.convert(build.dtype(partial), rest[k])?;
            let term = build.times(total, partial)?;
            share = Some(match share {
                Some(share) => build.plus(share, term)?,
                None => term,
            });
        }
        if let Some(share) = share {
            pullback.add_share(l, share)?;
        }
    }
    Ok(())
}

/// The states of a fold from the initial one on.
pub(super) fn with_initial(build: &mut Build<'_>, states: Value, initial: Value, axis: usize) -> Built {
    let mut first = build.dims(states);
    first[axis] = Dim::ONE;
    let first = build.broadcast_in_dim(initial, &first, Vec::new())?;
    build.add(ShapeOp::Concatenate { axis }, &[first, states])
}

/// The partial derivatives of a body: of the result `k` by the parameter `l`, both counted among the floats; `None` where it
/// is 0 everywhere. Each has the dtype of the parameter.
struct Partials {
    by_state: Vec<Vec<Option<Value>>>,
    by_element: Vec<Vec<Option<Value>>>,
}

fn partials(
    build: &mut Build<'_>,
    body: &Arc<Graph>,
    floats: &[usize],
    states: &[Value],
    elements: &[Value],
    dims: &Dims,
) -> Result<Partials, Fault> {
    // In a graph of its own, where each parameter is a value of its own.
    let mut graph = Graph::new("partials");
    let arguments = [states, elements].concat();
    let parameters: Vec<Value> = arguments
        .iter()
        .map(|&argument| {
            let of = TensorType { dtype: build.dtype(argument), dims: dims.clone() };
            graph.add_parameter(None, of, Span::NONE)
        })
        .collect();
    let mut inner = Build::new(&mut graph, build.span().clone());
    let results = lift(&mut inner, body, &parameters, dims)?;
    let parameter_of = |place: &usize| parameters[*place];
    let sources: Vec<Value> =
        floats.iter().map(parameter_of).chain(floats.iter().map(|l| parameters[states.len() + l])).collect();
    let mut found = Vec::with_capacity(floats.len());
    for &k in floats {
        let ones = Build::new(&mut graph, build.span().clone()).full_like(results[k], 1.0)?;
        found.push(gradients(&mut graph, &[(results[k], ones)], &sources, &|_| true)?);
    }
    graph.set_results(found.iter().flatten().flatten().copied().collect());
    let mut values = insert(build, &graph, &arguments).into_iter();
    let mut by_state = Vec::with_capacity(floats.len());
    let mut by_element = Vec::with_capacity(floats.len());
    for row in found {
        let mut row: Vec<Option<Value>> = row.into_iter().map(|found| found.and_then(|_| values.next())).collect();
        by_element.push(row.split_off(floats.len()));
        by_state.push(row);
    }
    Ok(Partials { by_state, by_element })
}

/// `a_i = c_i + Σ_k p_{k,i+1}·a_{k,i+1}` from the last place on, behind which there is nothing. The partial derivatives have
/// one place less than the `c`: that of place `i + 1` is their element `i`.
fn solve_recurrence(
    build: &mut Build<'_>,
    axis: usize,
    cotangents: &[Value],
    partials: &[Vec<Option<Value>>],
) -> Result<Vec<Value>, Fault> {
    let mut operands = cotangents.to_vec();
    // Which of the operands is the partial derivative of `k` by `l`.
    let mut terms: Vec<(usize, usize, usize)> = Vec::new();
    for (k, row) in partials.iter().enumerate() {
        for (l, partial) in row.iter().enumerate() {
            let Some(partial) = *partial else { continue };
            terms.push((k, l, operands.len()));
            operands.push(pad_along(build, partial, axis, Dim::ZERO, Dim::ONE)?);
        }
    }
    if terms.is_empty() {
        return Ok(operands);
    }
    let dtypes: Vec<DType> = operands.iter().map(|&operand| build.dtype(operand)).collect();
    let body = linear_body(&dtypes, cotangents.len(), &terms)?;
    for &dtype in &dtypes {
        operands.push(build.scalar(dtype, 0.0));
    }
    let mut results = build.add_all(FoldOp::Scan { axis, reverse: true, body }, &operands)?.into_vec();
    results.truncate(cotangents.len());
    Ok(results)
}

/// The body of the recurrence: the first accumulators are the `a`, the others nothing.
fn linear_body(dtypes: &[DType], count: usize, terms: &[(usize, usize, usize)]) -> Result<Arc<Graph>, Fault> {
    let mut graph = Graph::new("linear");
    let mut parameters = Vec::with_capacity(2 * dtypes.len());
    for &dtype in dtypes.iter().chain(dtypes) {
        parameters.push(graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE));
    }
    let (states, elements) = parameters.split_at(dtypes.len());
    let mut results = elements.to_vec();
    let mut add = |op: ElementwiseOp, operands: &[Value]| graph.add_value(Op::Elementwise(op), operands, Span::NONE);
    for &(k, l, place) in terms {
        let total = match dtypes[k] == dtypes[l] {
            true => states[k],
            false => add(ElementwiseOp::Convert(dtypes[l]), &[states[k]])?,
        };
        let term = add(ElementwiseOp::Binary(BinaryOp::Multiply), &[elements[place], total])?;
        results[l] = add(ElementwiseOp::Binary(BinaryOp::Add), &[results[l], term])?;
    }
    debug_assert!(count <= results.len());
    graph.set_results(results);
    Ok(Arc::new(graph))
}
