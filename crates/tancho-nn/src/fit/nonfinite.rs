//! Finding the operation that made the first value that is not finite.
//!
//! The step is traced once more, with what the variables held before it as arguments, and its graph gives every value that
//! an operation takes. The way back from the loss goes from each value that is not finite to an operand that is not finite
//! either, until there is none: the operation there is the one.

use std::collections::HashMap;

use tancho_core::{Program, Result, Tensor, Variable, flatten, function};

use super::step::{Arguments, Inner};
use crate::layer::Layer;
use crate::module::NamedVariable;

/// What every variable of a training held.
pub(super) struct Snapshot(Vec<(NamedVariable, Tensor)>);

impl Snapshot {
    pub(super) fn take<M: Layer>(inner: &Inner<M>) -> Self {
        Snapshot(
            inner
                .all_variables()
                .into_iter()
                .map(|named| {
                    let value = named.variable.read();
                    (named, value)
                })
                .collect(),
        )
    }

    /// Gives the variables their values back.
    pub(super) fn restore(&self) -> Result<()> {
        self.0.iter().try_for_each(|(named, value)| named.variable.assign(value))
    }
}

/// Whether all elements of all variables are finite.
pub(super) fn are_finite(variables: &[Variable]) -> Result<bool> {
    for variable in variables {
        if variable.dtype().is_float() && Kind::of(&variable.read())? != Kind::Finite {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Finite,
    Infinite,
    Nan,
}

impl Kind {
    fn of(tensor: &Tensor) -> Result<Self> {
        let kind = |value: f64| match value {
            value if value.is_nan() => Kind::Nan,
            value if value.is_infinite() => Kind::Infinite,
            _ => Kind::Finite,
        };
        Ok(tensor.array()?.to_f64_vec().into_iter().map(kind).max().unwrap_or(Kind::Finite))
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Finite => "finite",
            Kind::Infinite => "infinite",
            Kind::Nan => "NaN",
        }
    }
}

/// What made the first value that is not finite in a step from a snapshot, in words.
pub(super) fn explain<M: Layer>(inner: &Inner<M>, before: &Snapshot, arguments: &Arguments) -> Result<String> {
    let names: Vec<&NamedVariable> = before.0.iter().map(|(named, _)| named).collect();
    let values: Vec<Tensor> = before.0.iter().map(|(_, value)| value.clone()).collect();
    let step = function(|arguments: Arguments, values: Vec<Tensor>| {
        for (named, value) in names.iter().zip(&values) {
            named.variable.assign(value)?;
        }
        let (x, y, weights) = &arguments;
        inner.train(x, y, weights.as_ref())
    });
    let given = (arguments.clone(), values);
    let concrete = step.concrete((&given.0, &given.1))?;
    let mut inputs = flatten(&given);
    // Each variable has a parameter of its own behind the arguments too, in the order of the assignments; nothing reads it.
    inputs.extend(given.1.iter().cloned());
    let mut graph = concrete.graph().clone();
    if graph.parameter_count() != inputs.len() {
        return Ok("a variable takes part that belongs to no layer, so that the operation cannot be found".into());
    }
    let results = graph.results().to_vec();
    let mut looked_at: Vec<_> = Vec::new();
    for id in graph.topological_order() {
        looked_at.extend_from_slice(graph.node(id).operands());
    }
    looked_at.extend_from_slice(&results);
    looked_at.sort_unstable();
    looked_at.dedup();
    looked_at.retain(|value| graph.type_of(*value).dtype.is_float());
    graph.set_results(looked_at.clone());
    let found = Program::from_graph(graph.clone())?.call(&inputs)?;
    let mut kinds = HashMap::new();
    for (value, tensor) in looked_at.iter().zip(&found) {
        kinds.insert(*value, Kind::of(tensor)?);
    }
    let kind_of = |value| kinds.get(value).copied().unwrap_or(Kind::Finite);
    let Some(mut at) = results.iter().find(|value| kind_of(value) != Kind::Finite).copied() else {
        return Ok("all values are finite when the step is computed operation by operation".into());
    };
    loop {
        let node = graph.node(at.node);
        // NaN comes from NaN, where there is any.
        match node.operands().iter().max_by_key(|value| kind_of(value)) {
            Some(worst) if kind_of(worst) != Kind::Finite => at = *worst,
            _ => break,
        }
    }
    let (node, kind) = (graph.node(at.node), kind_of(&at).name());
    let Some(op) = node.op() else {
        let place = graph.parameters().position(|parameter| parameter == at).unwrap_or_default();
        return Ok(format!("{kind} is already in {}", name_of_input(place, arguments, &names)));
    };
    let of = graph.type_of(at);
    let line = node.span().location.as_ref().map_or(String::new(), |location| format!(" at {location}"));
    Ok(format!("{kind} comes from {} {of}{line}", op.name()))
}

fn name_of_input(place: usize, arguments: &Arguments, names: &[&NamedVariable]) -> String {
    let weights = usize::from(arguments.2.is_some());
    match place {
        0 => "the samples x".into(),
        1 => "the samples y".into(),
        2 if weights == 1 => "the weights of the samples".into(),
        _ => names.get(place - 2 - weights).map_or("a variable".into(), |named| format!("the variable {}", named.name)),
    }
}
