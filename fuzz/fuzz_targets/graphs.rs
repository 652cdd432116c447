//! A random graph gives, compiled, what the interpreter gives: each op for itself, and optimised and fused. Elementary
//! functions are only near to it; with these, what is fused gives the bits of what is not.
//!
//! The bytes are the decisions of the generator, so that a change of one byte mostly changes one part of the graph.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tancho_interp::interpret;
use tancho_ir::{Dim, Graph, Symbol};
use tancho_runtime::{Argument, CompileOptions, Executable};
use tancho_tensor::Array;
use tancho_testing::random::{RandomOptions, random_graph_from_bytes, symbol_size};
use tancho_testing::values::{Flavour, arrays};

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(256 << 20), |bytes: &[u8]| {
    let [first, decisions @ ..] = bytes else { return };
    let elementary = first & 1 == 1;
    let steps = 1 + usize::from(first >> 2 & 15);
    let symbols = first & 64 == 64;
    let options = RandomOptions { steps, elementary, symbols, max_elements: 2000, ..RandomOptions::default() };
    let graph = random_graph_from_bytes(decisions, options);
    let size = |symbol: &Symbol| symbol_size(symbol).map(Dim::known);
    let parameters: Vec<_> = graph.parameter_types().map(|of| of.substitute(&size)).collect();
    let flavour = if first & 2 == 2 { Flavour::Wild } else { Flavour::Tame };
    let arguments = arrays(&parameters, flavour, u64::from(*first));

    let each = run(&graph, false, &arguments);
    let expected = match elementary {
        true => each,
        false => {
            let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{error}\n{graph}"));
            assert_same_bits(&graph, &each, &expected, "each op for itself");
            expected
        }
    };
    assert_same_bits(&graph, &run(&graph, true, &arguments), &expected, "optimised and fused");
});

fn run(graph: &Graph, fuse: bool, arguments: &[Array]) -> Vec<Array> {
    let options = CompileOptions { fuse, optimize: fuse };
    let executable = Executable::compile(graph.clone(), &options).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
    executable.call(&mut lent).unwrap_or_else(|error| panic!("{error}\n{graph}")).into_iter().collect()
}

fn assert_same_bits(graph: &Graph, found: &[Array], expected: &[Array], what: &str) {
    assert_eq!(found.len(), expected.len(), "{graph}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.same_bits(expected), "{what}\n{graph}\n{expected}\n{found}");
    }
}
