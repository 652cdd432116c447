//! Hand-checked values for every op, with the cases at the edges.

#![forbid(unsafe_code)]

mod elementwise;
mod elementary;
mod half;
mod precision;
mod shape;
mod reduce;
mod dot;
mod conv;
mod fold;
mod index;
mod random;
mod linalg;
mod control;
mod graphs;

use tancho_interp::{InterpretError, interpret};
use tancho_ir::{Graph, Op, Span, TensorType};
use tancho_tensor::{Array, Element};

fn array<T: Element, const RANK: usize>(shape: [usize; RANK], elements: &[T]) -> Array {
    Array::new(shape, elements).unwrap()
}

fn vector<T: Element>(elements: &[T]) -> Array {
    array([elements.len()], elements)
}

/// Evaluates one op on parameters of the operands' types.
#[track_caller]
fn run(op: Op, operands: &[Array]) -> Result<Vec<Array>, InterpretError> {
    let mut graph = Graph::new("test");
    let values: Vec<_> =
        operands.iter().map(|operand| graph.add_parameter(None, TensorType::of(operand), Span::NONE)).collect();
    let value = graph.add_value(op, &values, Span::caller()).unwrap_or_else(|error| panic!("{error}"));
    graph.set_results(vec![value]);
    interpret(&graph, operands)
}

#[track_caller]
fn evaluate(op: Op, operands: &[Array]) -> Array {
    run(op, operands).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

#[track_caller]
fn check(op: Op, operands: &[Array], expected: Array) {
    let name = op.name();
    let found = evaluate(op, operands);
    assert!(
        found.same_bits(&expected),
        "{name} gives {}{} {found:?}\n{found}\nnot {}{} {expected:?}\n{expected}",
        found.dtype(),
        found.shape(),
        expected.dtype(),
        expected.shape(),
    );
}

/// Evaluates a graph that stands in the text form.
#[track_caller]
fn check_text(text: &str, arguments: &[Array], expected: &[Array]) {
    let graph = tancho_ir::parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    let found = interpret(&graph, arguments).unwrap_or_else(|error| panic!("{error}"));
    check_arrays(&found, expected);
}

#[track_caller]
fn check_arrays(found: &[Array], expected: &[Array]) {
    assert_eq!(found.len(), expected.len());
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            found.same_bits(expected),
            "result {position} is {}{}\n{found}\nnot {}{}\n{expected}",
            found.dtype(),
            found.shape(),
            expected.dtype(),
            expected.shape(),
        );
    }
}
