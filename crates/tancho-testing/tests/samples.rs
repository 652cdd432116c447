//! The samples are what they say: the interpreter evaluates each of them, and gives the types of the op.

#![forbid(unsafe_code)]

use tancho_interp::interpret_with;
use tancho_ir::TensorType;
use tancho_testing::samples::{host_functions, samples};
use tancho_testing::values::{Flavour, arrays};

#[test]
fn the_interpreter_evaluates_every_sample() {
    for sample in samples() {
        let graph = sample.graph();
        let declared: Vec<TensorType> = graph.result_types().cloned().collect();
        for (seed, flavour) in [Flavour::Wild, Flavour::Tame, Flavour::Whole].into_iter().enumerate() {
            let operands = arrays(&sample.operands, flavour, seed as u64);
            match interpret_with(&graph, &operands, &host_functions) {
                Ok(results) => assert_eq!(results.iter().map(TensorType::of).collect::<Vec<_>>(), declared, "{sample}"),
                Err(error) => panic!("{sample}: {error}"),
            }
        }
    }
}
