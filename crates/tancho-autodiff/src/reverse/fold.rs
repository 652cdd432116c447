//! The fold family: folds with a body of the user's.
//!
//! A body that is a sum, a maximum or a minimum of one operand is known ([`classify`]) and has a rule of its own, with the
//! meaning that the op of that name has. Every other body is differentiated, and there is one rule for all of them, that of
//! `scan` (`fold/scan.rs`); the others are written as a scan and what is around it, which is then differentiated in their
//! place ([`through`]).
//!
//! `select_and_scatter` is linear in its source, and does not change with its operand until another element is selected.

mod body;
mod lift;
mod reduce;
mod scan;
mod select;
mod window;

use tancho_ir::ops::FoldOp;
use tancho_ir::{Dims, Graph, Span, Value};

pub(super) use body::{Body, body_of, classify, classify_component};

use super::{Fault, Pullback, gradients};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &FoldOp) -> Result<(), Fault> {
    match op {
        FoldOp::Reduce { axes, body } => reduce::pull_back(pullback, axes, body),
        FoldOp::ReduceWindow { window, body } => window::pull_back(pullback, window, body),
        FoldOp::SelectAndScatter { window, select, scatter } => select::pull_back(pullback, window, select, scatter),
        FoldOp::Scan { axis, reverse, body } => scan::pull_back(pullback, *axis, *reverse, body),
    }
}

/// Differentiates other ops in the place of the node: `make` writes the node's results for its operands in another way.
fn through(
    pullback: &mut Pullback<'_>,
    make: impl FnOnce(&mut Build<'_>, &[Value]) -> Result<Vec<Value>, Fault>,
) -> Result<(), Fault> {
    let mut graph = Graph::new("instead");
    let span = pullback.build.span().clone();
    let types = pullback.operands.iter().map(|&operand| pullback.build.type_of(operand).clone());
    let parameters: Vec<Value> = types.map(|of| graph.add_parameter(None, of, Span::NONE)).collect();
    let results = make(&mut Build::new(&mut graph, span), &parameters)?;
    let (mut arguments, mut seeds) = (pullback.operands.to_vec(), Vec::new());
    for (&result, cotangent) in results.iter().zip(pullback.cotangents.clone()) {
        let Some(cotangent) = cotangent else { continue };
        let of = graph.type_of(result).clone();
        arguments.push(pullback.build.reshape(cotangent, of.dims.clone())?);
        seeds.push((result, graph.add_parameter(None, of, Span::NONE)));
    }
    let wanted: Vec<usize> = (0..parameters.len()).filter(|&position| pullback.wanted[position]).collect();
    let sources: Vec<Value> = wanted.iter().map(|&position| parameters[position]).collect();
    let found = gradients(&mut graph, &seeds, &sources, &|_| true)?;
    graph.set_results(found.iter().flatten().copied().collect());
    let mut shares = insert(&mut pullback.build, &graph, &arguments).into_iter();
    for (position, found) in wanted.into_iter().zip(found) {
        if let Some(share) = found.and_then(|_| shares.next()) {
            let dims = pullback.build.dims(pullback.operands[position]);
            let share = pullback.build.reshape(share, dims)?;
            pullback.add_share(position, share)?;
        }
    }
    Ok(())
}

/// Copies a graph's ops, and what it requires of sizes; gives its results. The sizes of both are in the same symbols.
fn insert(build: &mut Build<'_>, graph: &Graph, arguments: &[Value]) -> Vec<Value> {
    let span = build.span().clone();
    let results = build.graph.inline(graph, arguments, Clone::clone, Clone::clone, |_| span.clone());
    for constraint in graph.constraints() {
        build.graph.add_constraint(constraint.relation.clone(), span.clone());
    }
    results
}

/// A part of a value along one axis.
fn slice_along(build: &mut Build<'_>, x: Value, axis: usize, start: tancho_ir::Dim, limit: tancho_ir::Dim) -> Built {
    let dims = build.dims(x);
    let mut starts: Dims = dims.iter().map(|_| tancho_ir::Dim::ZERO).collect();
    let mut limits = dims.clone();
    (starts[axis], limits[axis]) = (start, limit);
    build.slice(x, starts, limits, vec![1; dims.len()])
}

/// Zeros before and behind a value along one axis.
fn pad_along(build: &mut Build<'_>, x: Value, axis: usize, low: tancho_ir::Dim, high: tancho_ir::Dim) -> Built {
    let rank = build.rank(x);
    let mut lows: Dims = (0..rank).map(|_| tancho_ir::Dim::ZERO).collect();
    let mut highs = lows.clone();
    (lows[axis], highs[axis]) = (low, high);
    let zero = build.scalar(build.dtype(x), 0.0);
    build.pad(x, zero, lows, highs, vec![0; rank])
}
