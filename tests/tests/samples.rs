//! What holds for every op: types, text, and errors.

use std::collections::BTreeSet;

use tancho_ir::{Op, TensorType, infer, op_names, parse, print, verify};
use tancho_testing::samples::{Sample, invalid_samples, prototypes, samples, symbolic_samples};

fn all_samples() -> impl Iterator<Item = Sample> {
    samples().into_iter().chain(symbolic_samples())
}

fn infer_types(op: &Op, operands: &[TensorType]) -> Result<Vec<TensorType>, tancho_ir::OpError> {
    infer(op, operands, &mut Vec::new()).map(|types| types.into_vec())
}

#[test]
fn valid_samples_are_taken() {
    for sample in all_samples() {
        if let Err(error) = infer_types(&sample.op, &sample.operands) {
            panic!("{sample}: {error}");
        }
    }
}

#[test]
fn invalid_samples_give_their_error() {
    for sample in invalid_samples() {
        match infer_types(&sample.op, &sample.operands) {
            Ok(types) => panic!("{sample} gives {types:?}"),
            Err(error) => {
                assert_eq!(error.to_string(), sample.message, "{sample}");
                assert_eq!(error.constraint, sample.constraint, "{sample}");
                assert_eq!(error.op, sample.op.name(), "{sample}");
            }
        }
    }
}

#[test]
fn every_op_has_valid_and_invalid_samples() {
    let names = |ops: &mut dyn Iterator<Item = Op>| ops.map(|op| op.name()).collect::<BTreeSet<_>>();
    let all: BTreeSet<&str> = op_names().into_iter().collect();
    assert_eq!(all, names(&mut prototypes().into_iter()));
    assert_eq!(all, names(&mut samples().into_iter().map(|sample| sample.op)));
    assert_eq!(all, names(&mut invalid_samples().into_iter().map(|sample| sample.op)));
}

#[test]
fn print_parse_print_is_the_identity() {
    for sample in all_samples() {
        let graph = sample.graph();
        let text = graph.to_string();
        let again = parse(&text, "sample").unwrap_or_else(|error| panic!("{sample}: {error}\n{text}"));
        assert_eq!(again.to_string(), text);
        assert!(again == graph, "{sample} reads back as another graph:\n{text}");
    }
}

#[test]
fn every_sample_prints_without_spans_and_values_too() {
    let options = tancho_ir::PrintOptions { spans: false, elide_above: Some(1) };
    assert!(all_samples().all(|sample| print(&sample.graph(), &options).starts_with("func @")));
    assert!(all_samples().all(|sample| tancho_ir::to_dot(&sample.graph()).ends_with("}\n")));
}

#[test]
fn every_sample_is_sound_where_its_symbols_are_bound() {
    for sample in all_samples() {
        let graph = sample.graph();
        let Err(errors) = verify(&graph) else { continue };
        // Some samples have a symbol that only an attribute has, or only within an expression.
        let unbound = |message: &str| message.starts_with("no parameter has ?");
        assert!(errors.errors().iter().all(|error| unbound(&error.message)), "{sample}:\n{errors}");
    }
}
