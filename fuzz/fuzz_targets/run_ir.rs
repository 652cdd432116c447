//! A small graph gives, compiled, what the interpreter gives: the same bits where every op is exact, else the same types;
//! and an error where the interpreter has one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tancho_codegen::math::error_bound;
use tancho_interp::interpret;
use tancho_ir::ops::{ControlOp, FoldOp, IndexOp, ShapeOp, WindowAxis};
use tancho_ir::{Graph, Op, Symbol, TensorType, parse, verify};
use tancho_runtime::{Argument, CompileOptions, Executable};
use tancho_testing::values::{Flavour, arrays};

/// The most elements of any value.
const MAX_ELEMENTS: usize = 1 << 12;
const MAX_NODES: usize = 64;

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(256 << 20), |text: &str| {
    let Ok(graph) = parse(text, "fuzz.ir") else { return };
    if graph.node_count() > MAX_NODES || verify(&graph).is_err() {
        return;
    }
    let seed = text.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let value_of = |symbol: &Symbol| Some((seed.rotate_right(symbol.name().len() as u32) % 5) as i64);
    let Some(types) = small_types(&graph, &value_of) else { return };
    if has_unbounded_work(&graph) {
        return;
    }

    let arguments = arrays(&types, Flavour::Wild, seed);
    let expected = interpret(&graph, &arguments);
    let is_exact = is_exact(&graph);
    for fuse in [true, false] {
        let options = CompileOptions { fuse, optimize: fuse };
        let executable = Executable::compile(graph.clone(), &options).unwrap_or_else(|error| panic!("{error}"));
        let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
        let found = executable.call(&mut lent);
        let (Ok(expected), Ok(found)) = (&expected, &found) else {
            assert_eq!(expected.is_ok(), found.is_ok(), "{expected:?} {found:?}\n{graph}");
            continue;
        };
        for (expected, found) in expected.iter().zip(found) {
            assert_eq!((expected.dtype(), expected.shape()), (found.dtype(), found.shape()), "{graph}");
            assert!(!is_exact || expected.same_bits(found), "{graph}\n{expected}\n{found}");
        }
    }
});

/// The types of the parameters under values of the symbols, if no value of the graph is large.
fn small_types(graph: &Graph, value_of: &impl Fn(&Symbol) -> Option<i64>) -> Option<Vec<TensorType>> {
    for of in graph.node_ids().flat_map(|id| graph.node(id).types()) {
        of.evaluate(value_of)?.elements().filter(|&count| count <= MAX_ELEMENTS)?;
    }
    let known = |of: &TensorType| Some(TensorType::new(of.dtype, of.evaluate(value_of)?.iter().copied()));
    graph.parameter_types().map(known).collect()
}

/// Whether the work may be without relation to the sizes of the values: loops, and windows beyond the operand; or there is
/// more to it than results.
fn has_unbounded_work(graph: &Graph) -> bool {
    let unbounded_window = |window: &[WindowAxis]| {
        let sizes = window.iter().map(|axis| axis.size.as_known().unwrap_or(i64::MAX));
        sizes.fold(1i64, i64::saturating_mul) > 64
    };
    graph.node_ids().filter_map(|id| graph.node(id).op()).any(|op| {
        let unbounded = match op {
            Op::Control(ControlOp::While { .. } | ControlOp::CustomCall(_)) => true,
            // Effects are left out: what is printed is no result, and a failed assertion is an error of its own kind.
            Op::Effect(_) => true,
            Op::Fold(FoldOp::ReduceWindow { window, .. } | FoldOp::SelectAndScatter { window, .. }) => {
                unbounded_window(window)
            }
            _ => false,
        };
        unbounded || op.regions().iter().any(|(_, region)| has_unbounded_work(region))
    })
}

/// Whether the results are determined to the last bit.
fn is_exact(graph: &Graph) -> bool {
    graph.node_ids().all(|id| {
        let node = graph.node(id);
        let Some(op) = node.op() else { return true };
        let determined = match op {
            // The bits of a NaN are not determined; a comparator may be no order; nor are unique indices always so.
            Op::Shape(ShapeOp::BitcastConvert { .. }) | Op::Index(IndexOp::Sort { .. } | IndexOp::Scatter(_)) => false,
            _ => node.types().iter().all(|of| error_bound(op.name(), of.dtype) <= 0.5),
        };
        determined && op.regions().iter().all(|(_, region)| is_exact(region))
    })
}
