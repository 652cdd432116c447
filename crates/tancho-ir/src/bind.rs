//! Binding: the sizes of a call's arguments give the symbols their values.

use std::collections::BTreeSet;

use tancho_tensor::{DType, Shape};

use crate::{Constraint, Dim, Graph, Symbol, TensorType};

/// The values of a graph's symbols in one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bindings(Vec<(Symbol, i64)>);

impl Bindings {
    pub fn value_of(&self, symbol: &Symbol) -> Option<i64> {
        self.0.iter().find(|(name, _)| name == symbol).map(|(_, value)| *value)
    }

    /// Gives a symbol its value.
    pub fn insert(&mut self, symbol: Symbol, value: i64) {
        match self.0.iter_mut().find(|(name, _)| *name == symbol) {
            Some(known) => known.1 = value,
            None => self.0.push((symbol, value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Symbol, i64)> {
        self.0.iter().map(|(symbol, value)| (symbol, *value))
    }

    /// The value of a size; `None` where a symbol is missing or the value leaves the range of `i64`.
    pub fn evaluate(&self, dim: &Dim) -> Option<i64> {
        match dim.as_known() {
            Some(value) => Some(value),
            None => dim.evaluate(&|symbol| self.value_of(symbol)),
        }
    }

    /// The shape of a type; `None` where a size cannot be computed or is negative.
    pub fn shape_of(&self, of: &TensorType) -> Option<Shape> {
        of.dims.iter().map(|dim| usize::try_from(self.evaluate(dim)?).ok()).collect()
    }
}

/// Arguments that do not fit a graph's parameters.
///
/// Large, since it names both sides; a call that fails is not in a hurry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("@{graph} takes {expected} arguments, but {found} are given")]
    Count { graph: String, expected: usize, found: usize },
    #[error("argument {position} is {dtype}{shape}, but @{graph} takes {expected}")]
    Argument { graph: String, position: usize, expected: TensorType, dtype: DType, shape: Shape },
    #[error("argument {position} is {dtype}{shape}, but @{graph} takes {expected} with {symbol} = {value}")]
    Conflict {
        graph: String,
        position: usize,
        expected: TensorType,
        dtype: DType,
        shape: Shape,
        symbol: Symbol,
        value: i64,
    },
    #[error("@{graph} requires {}, but {left} and {right} are given ({})", .constraint.relation, .constraint.span)]
    Constraint { graph: String, constraint: Box<Constraint>, left: i64, right: i64 },
    #[error("@{graph} has sizes in {symbol}, which no parameter gives")]
    Unbound { graph: String, symbol: Symbol },
    #[error("a size of {of} in @{graph} cannot be computed or is negative")]
    Size { graph: String, of: TensorType },
}

/// Solves the sizes of a graph's parameters for its symbols and checks the graph's constraints.
///
/// # Errors
/// An argument does not fit its parameter, or a constraint does not hold; the error names the line that required it.
#[allow(clippy::result_large_err)]
pub fn bind(graph: &Graph, arguments: &[(DType, &Shape)]) -> Result<Bindings, BindError> {
    let name = || graph.name().to_owned();
    let parameters: Vec<&TensorType> = graph.parameter_types().collect();
    if parameters.len() != arguments.len() {
        return Err(BindError::Count { graph: name(), expected: parameters.len(), found: arguments.len() });
    }
    let mut bindings = Bindings::default();
    for (position, (&expected, &(dtype, shape))) in parameters.iter().zip(arguments).enumerate() {
        if expected.dtype != dtype || expected.rank() != shape.rank() {
            return Err(mismatch(graph, position, expected, dtype, shape));
        }
        for (dim, &size) in expected.dims.iter().zip(shape.iter()) {
            let size = size as i64;
            match dim.as_symbol() {
                Some(symbol) => match bindings.value_of(symbol) {
                    None => bindings.0.push((symbol.clone(), size)),
                    Some(value) if value == size => {}
                    Some(value) => {
                        return Err(BindError::Conflict {
                            graph: name(),
                            position,
                            expected: expected.clone(),
                            dtype,
                            shape: shape.clone(),
                            symbol: symbol.clone(),
                            value,
                        });
                    }
                },
                None if dim.as_known().is_some_and(|known| known != size) => {
                    return Err(mismatch(graph, position, expected, dtype, shape));
                }
                None => {}
            }
        }
    }
    // Sizes that are expressions are checked once the symbols are known.
    for (position, (&expected, &(dtype, shape))) in parameters.iter().zip(arguments).enumerate() {
        for (dim, &size) in expected.dims.iter().zip(shape.iter()) {
            let mut symbols = BTreeSet::new();
            dim.collect_symbols(&mut symbols);
            if let Some(symbol) = symbols.into_iter().find(|symbol| bindings.value_of(symbol).is_none()) {
                return Err(BindError::Unbound { graph: name(), symbol });
            }
            if bindings.evaluate(dim) != Some(size as i64) {
                return Err(mismatch(graph, position, expected, dtype, shape));
            }
        }
    }
    check_constraints(graph, &bindings)?;
    Ok(bindings)
}

#[allow(clippy::result_large_err)]
fn check_constraints(graph: &Graph, bindings: &Bindings) -> Result<(), BindError> {
    for constraint in graph.constraints() {
        let value_of = |symbol: &Symbol| bindings.value_of(symbol);
        if constraint.relation.holds(&value_of) == Some(true) {
            continue;
        }
        let (left, right) = constraint.relation.sides();
        return Err(BindError::Constraint {
            graph: graph.name().to_owned(),
            left: bindings.evaluate(left).unwrap_or(i64::MAX),
            right: bindings.evaluate(right).unwrap_or(i64::MAX),
            constraint: Box::new(constraint.clone()),
        });
    }
    Ok(())
}

fn mismatch(graph: &Graph, position: usize, expected: &TensorType, dtype: DType, shape: &Shape) -> BindError {
    let graph = graph.name().to_owned();
    BindError::Argument { graph, position, expected: expected.clone(), dtype, shape: shape.clone() }
}
