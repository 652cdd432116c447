//! The variables of a traced function, bound at each call.

use std::panic::Location;
use std::sync::{Arc, MutexGuard};

use smallvec::SmallVec;
use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, Op};
use tancho_runtime::{Argument, Plan, Results};
use tancho_tensor::{Array, DType, Shape};

use crate::error::{Error, ErrorKind, Result};
use crate::tape;
use crate::tensor::{Tensor, nothing};
use crate::trace::Finished;
use crate::variable::{BoundVariable, Cell, Holding};

/// The variables that a graph uses, in the order of their parameters, which are behind the others.
pub(crate) struct State {
    variables: Box<[BoundVariable]>,
    /// The positions of the variables by their ids, in which they are locked.
    lock_order: Box<[usize]>,
    /// Whether a step of the graph may fail when others have run.
    fallible: bool,
}

impl State {
    /// The graph of a trace, with the last values of the variables that it assigns as results behind the others.
    pub(crate) fn bind(finished: Finished) -> (Graph, State) {
        let mut graph = finished.graph;
        let mut results = graph.results().to_vec();
        let mut variables = Vec::new();
        for used in &finished.variables {
            let result = used.is_assigned().then_some(results.len());
            if used.is_assigned() {
                results.push(used.current);
            }
            variables.push(BoundVariable::new(&used.cell, result));
        }
        graph.set_results(results);
        let mut lock_order: Vec<usize> = (0..variables.len()).collect();
        lock_order.sort_by_key(|&position| finished.variables[position].cell.id());
        let fallible = may_fail(&graph);
        (graph, State { variables: variables.into(), lock_order: lock_order.into(), fallible })
    }

    pub(crate) fn variables(&self) -> &[BoundVariable] {
        &self.variables
    }

    /// The dtypes and shapes of the variables.
    pub(crate) fn types(&self) -> impl Iterator<Item = (DType, &Shape)> {
        self.variables.iter().map(|variable| (variable.dtype, &variable.shape))
    }

    /// Runs a plan on arguments and on what the variables hold, and stores what they shall hold; gives the other results.
    ///
    /// Where a tape records, `recorded` gets the values of the variables.
    /// The variables that the graph assigns are locked until the end. What they hold may be overwritten, unless a step can
    /// fail after that.
    ///
    /// # Errors
    /// The run fails, or a variable was dropped. Every variable is then what it was.
    pub(crate) fn run(
        &self,
        name: &str,
        plan: &Plan,
        mut arguments: SmallVec<[Argument<'_>; 4]>,
        mut recorded: Option<&mut SmallVec<[Tensor; 2]>>,
        location: &'static Location<'static>,
    ) -> Result<Results> {
        let call_error = |source| Error::at(ErrorKind::Call { graph: name.into(), source }, location);
        if self.variables.is_empty() {
            return plan.run(&mut arguments).map_err(call_error);
        }
        let cells: SmallVec<[Arc<Cell>; 8]> =
            self.variables.iter().map(|variable| variable.upgrade(name, location)).collect::<Result<_>>()?;
        let mut held: SmallVec<[Option<MutexGuard<'_, Array>>; 8]> = cells.iter().map(|_| None).collect();
        for &position in &self.lock_order {
            held[position] = Some(cells[position].lock_from_outside(location)?);
        }
        let first = arguments.len();
        for ((variable, held), cell) in self.variables.iter().zip(&mut held).zip(&cells) {
            if let (Some(recorded), Some(array)) = (&mut recorded, &held) {
                recorded.push(tape::read_variable(cell, (**array).clone()));
            }
            let assigned = variable.result.is_some();
            let array = match held {
                Some(array) if assigned && !self.fallible => std::mem::replace(&mut **array, nothing()),
                Some(array) => (**array).clone(),
                None => nothing(),
            };
            arguments.push(Argument::Give(array));
            if !assigned {
                *held = None;
            }
        }
        // What may fail may run the user's code: printing, functions of the host.
        let assigned = cells.iter().zip(&self.variables).filter(|(_, variable)| variable.result.is_some());
        let holding = self.fallible.then(|| Holding::new(assigned.map(|(cell, _)| cell.id())));
        let outcome = plan.run(&mut arguments);
        drop(holding);
        let mut results = match outcome {
            Ok(results) => results,
            Err(source) => {
                for (argument, held) in arguments[first..].iter_mut().zip(&mut held) {
                    // A run that fails before its first step leaves its arguments where they were.
                    if let (Some(held), Argument::Give(array)) = (held, std::mem::replace(argument, Argument::Taken)) {
                        **held = array;
                    }
                }
                return Err(call_error(source));
            }
        };
        for (variable, held) in self.variables.iter().zip(&mut held).rev() {
            if let (Some(_), Some(held)) = (variable.result, held)
                && let Some(array) = results.pop()
            {
                **held = array;
            }
        }
        Ok(results)
    }
}

/// Whether a graph, or one that it holds, has a step that may fail.
fn may_fail(graph: &Graph) -> bool {
    graph.node_ids().filter_map(|id| graph.node(id).op()).any(|op| {
        let fails = match op {
            // A line that is printed needs memory of its own for the values in it.
            Op::Control(ControlOp::CustomCall(_)) | Op::Effect(_) => true,
            Op::Control(_)
            | Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Reduce(_)
            | Op::Dot(_)
            | Op::Conv(_)
            | Op::Fold(_)
            | Op::Index(_)
            | Op::Random(_)
            | Op::Linalg(_) => false,
        };
        fails || op.regions().iter().any(|(_, region)| may_fail(region))
    })
}
