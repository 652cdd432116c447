//! Gradient tapes within a trace: marks in its graph, and the gradients that are added to it.

use std::panic::Location;

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Op, Span, Value};
use tancho_tensor::Array;

use super::{STACK, Trace, fail, operand_values};
use crate::error::{Error, ErrorKind, Result};
use crate::tape::{self, Mark, Source};
use crate::tensor::{Repr, Tensor};
use crate::variable::Cell;

/// The same value, as a value of the active trace that nothing else is.
pub(crate) fn distinct(tensor: &Tensor, location: &'static Location<'static>) -> Tensor {
    STACK.with_borrow_mut(|stack| {
        let result = operand_values("identity", &[tensor], location, stack).and_then(|operands| {
            let trace = stack.last_mut().expect("a trace is active");
            let dims = trace.graph.type_of(operands[0]).dims.clone();
            let values = trace.add_node("identity", Op::Shape(ShapeOp::Reshape { dims }), &operands, location)?;
            Ok(trace.tensor(values[0], location))
        });
        result.unwrap_or_else(|error| fail(stack, error))
    })
}

/// What a tape of a trace watches.
pub(crate) enum Watched {
    Value(Value),
    Variable(u64),
}

/// The mark of a new tape in the active trace, where there is one.
pub(crate) fn mark(watches_variables: bool) -> Option<Mark> {
    STACK.with_borrow(|stack| {
        let trace = stack.last()?;
        let recorded = vec![(trace.graph.id_bound(), None)];
        Some(Mark { trace: trace.id, recorded, watched: Vec::new(), watches_variables, used: false })
    })
}

pub(crate) fn watch(mark: &mut Mark, source: Source<'_>) {
    if let Some(cell) = source.cell() {
        mark.watched.push(Watched::Variable(cell.id()));
        return;
    }
    STACK.with_borrow_mut(|stack| {
        if stack.last().is_none_or(|trace| trace.id != mark.trace) {
            return;
        }
        // A value of a trace around a region is captured here, if it can be: what cannot be used needs no watching.
        let node = own_value("watch", source, stack, Location::caller()).ok().flatten();
        let Some(trace) = stack.last_mut() else { return };
        match &source.tensor().0 {
            Repr::Node(_) => mark.watched.extend(node.map(Watched::Value)),
            Repr::Value(array) => mark.watched.push(Watched::Value(trace.watched_constant(array))),
            Repr::Recorded(recorded) => mark.watched.push(Watched::Value(trace.watched_constant(&recorded.array))),
            Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => {}
        }
    });
}

/// The value that stands in the active trace for a source which is a value of this trace or of one around it.
fn own_value(
    op: &str,
    source: Source<'_>,
    stack: &mut [Trace],
    location: &'static Location<'static>,
) -> Result<Option<Value>> {
    let tensor = source.tensor();
    match &tensor.0 {
        Repr::Node(_) => Ok(Some(operand_values(op, &[tensor], location, stack)?[0])),
        Repr::Value(_) | Repr::Recorded(_) | Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => Ok(None),
    }
}

pub(crate) fn set_recording(mark: &mut Mark, on: bool) {
    let bound = STACK.with_borrow(|stack| {
        stack.iter().find(|trace| trace.id == mark.trace).map_or(0, |trace| trace.graph.id_bound())
    });
    match mark.recorded.last_mut() {
        Some((_, end @ None)) if !on => *end = Some(bound),
        Some((_, Some(_))) | None if on => mark.recorded.push((bound, None)),
        Some(_) | None => {}
    }
}

/// Adds gradients of tensors by sources to the active trace, as the tape with a mark has recorded it.
pub(crate) fn gradients(
    mark: &Mark,
    targets: &[Tensor],
    weights: Option<&[Tensor]>,
    sources: &[Source<'_>],
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    STACK.with_borrow_mut(|stack| {
        check_mark("gradient", mark, stack, location)?;
        let targets = operand_values("gradient", &targets.iter().collect::<Vec<_>>(), location, stack)?;
        let weights = match weights {
            Some(weights) => Some(operand_values("gradient", &weights.iter().collect::<Vec<_>>(), location, stack)?),
            None => None,
        };
        let trace = stack.last_mut().expect("a trace is active");
        let mut seeds = Vec::new();
        for (place, &target) in targets.iter().enumerate() {
            let of = trace.graph.type_of(target).clone();
            let weight = match &weights {
                Some(weights) => weights[place],
                None if of.dtype.is_float() => tape::ones(&mut trace.graph, &of, location)?,
                None => continue,
            };
            if trace.graph.type_of(weight).dtype != of.dtype || trace.graph.type_of(weight).dims != of.dims {
                let message = format!("the weights {} are not of the target's type {of}", trace.graph.type_of(weight));
                return Err(Error::at(ErrorKind::Op { op: "gradient", message }, location));
            }
            seeds.push((target, weight));
        }
        let sources = source_values("gradient", mark, sources, stack, location)?;
        let trace = stack.last_mut().expect("a trace is active");
        let grads = tape::add_gradients(&mut trace.graph, &seeds, &sources, &|id| mark.includes(id), location)?;
        Ok(grads.into_iter().map(|grad| grad.map(|grad| trace.tensor(grad, location))).collect())
    })
}

/// As [`gradients`], for each element of one tensor.
pub(crate) fn jacobian(
    mark: &Mark,
    target: &Tensor,
    sources: &[Source<'_>],
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    STACK.with_borrow_mut(|stack| {
        check_mark("jacobian", mark, stack, location)?;
        let target = operand_values("jacobian", &[target], location, stack)?[0];
        let sources = source_values("jacobian", mark, sources, stack, location)?;
        let trace = stack.last_mut().expect("a trace is active");
        let grads = tape::add_jacobian(&mut trace.graph, target, &sources, &|id| mark.includes(id), location)?;
        Ok(grads.into_iter().map(|grad| grad.map(|grad| trace.tensor(grad, location))).collect())
    })
}

/// The values of the active trace that stand for sources, as far as a tape watches them.
fn source_values(
    op: &str,
    mark: &Mark,
    sources: &[Source<'_>],
    stack: &mut [Trace],
    location: &'static Location<'static>,
) -> Result<Vec<Vec<Value>>> {
    let own: Vec<Option<Value>> =
        sources.iter().map(|&source| own_value(op, source, stack, location)).collect::<Result<_>>()?;
    let trace = stack.last().expect("a trace is active");
    sources.iter().zip(own).map(|(source, own)| trace.values_of(mark, source, own)).collect()
}

fn check_mark(op: &'static str, mark: &Mark, stack: &[Trace], location: &'static Location<'static>) -> Result<()> {
    if stack.last().is_some_and(|trace| trace.id == mark.trace) {
        return Ok(());
    }
    let message = match stack.iter().find(|trace| trace.id == mark.trace) {
        Some(trace) => format!(
            "the tape is of the trace of @{}, and its gradient is taken in a branch, a loop or a function within it",
            trace.graph.name()
        ),
        None => "the tape is of a trace that has ended".into(),
    };
    Err(Error::at(ErrorKind::Op { op, message }, location))
}

impl Trace {
    /// The values that stand for a source, as far as a tape watches it; `own` is that of a source of a trace.
    pub(super) fn values_of(&self, mark: &Mark, source: &Source<'_>, own: Option<Value>) -> Result<Vec<Value>> {
        let watches = |value: &Value| {
            let watched = mark.watched.iter().any(|watched| matches!(watched, Watched::Value(other) if other == value));
            // A parameter that came when the tape did record stands for something older.
            watched || mark.includes(value.node) && self.graph.node(value.node).op().is_some()
        };
        let tensor = source.tensor();
        tensor.check()?;
        Ok(match &tensor.0 {
            Repr::Variable(cell) => self.variable_sources(mark, cell),
            Repr::Node(_) => own.filter(watches).into_iter().collect(),
            Repr::Value(array) => self.find_watched(array).filter(watches).into_iter().collect(),
            Repr::Recorded(recorded) => self.find_watched(&recorded.array).filter(watches).into_iter().collect(),
            Repr::Placeholder(_) | Repr::Error(_) => Vec::new(),
        })
    }

    /// What a variable has held since a tape began, where the tape watches it.
    pub(super) fn variable_sources(&self, mark: &Mark, cell: &Cell) -> Vec<Value> {
        let told = || mark.watched.iter().any(|watched| matches!(watched, Watched::Variable(id) if *id == cell.id()));
        if !(mark.watches_variables && cell.is_trainable() || told()) {
            return Vec::new();
        }
        let Some(used) = self.variables.iter().find(|used| used.cell.id() == cell.id()) else { return Vec::new() };
        let start = mark.recorded.first().map_or(0, |&(first, _)| first);
        let since = used.history.iter().rposition(|&(_, bound)| bound <= start).unwrap_or(0);
        used.history[since..].iter().map(|&(value, _)| value).collect()
    }

    /// The constant that stands for a watched array, and for it alone.
    pub(super) fn watched_constant(&mut self, array: &Array) -> Value {
        if let Some(value) = self.find_watched(array) {
            return value;
        }
        let value = self.graph.add_constant(array.clone(), Span::NONE);
        self.watched_constants.push((array.clone(), value));
        value
    }

    pub(super) fn find_watched(&self, array: &Array) -> Option<Value> {
        let same = |other: &Array| {
            other.buffer().as_ptr() == array.buffer().as_ptr()
                && other.dtype() == array.dtype()
                && other.shape() == array.shape()
        };
        self.watched_constants.iter().find(|(other, _)| same(other)).map(|(_, value)| *value)
    }

    /// The constant that stands for a tensor which an eager tape knows, and for it alone.
    pub(super) fn outside_constant(&mut self, tensor: &Tensor, array: &Array) -> Value {
        let known = self.outside.iter().find(|(other, _)| tape::is_same(other, tensor));
        if let Some((_, value)) = known {
            return *value;
        }
        let value = match self.find_watched(array) {
            Some(value) => value,
            None => self.graph.add_constant(array.clone(), Span::NONE),
        };
        self.outside.push((tensor.clone(), value));
        value
    }
}
