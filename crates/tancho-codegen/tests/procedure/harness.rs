//! Runs graphs through plans, in every way that must give the same bits: fused or not, on one thread or several, with
//! arguments that are lent or given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tancho_codegen::{Argument, Compiled, OneThread, Workers};
use tancho_interp::interpret;
use tancho_ir::{Graph, bind};
use tancho_tensor::Array;

/// Threads that take tiles as they come.
pub struct Threads(pub usize);

impl Workers for Threads {
    fn count(&self) -> usize {
        self.0
    }

    fn run(&self, tiles: usize, task: &(dyn Fn(usize, usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let next = &next;
        std::thread::scope(|scope| {
            for worker in 0..self.0 {
                scope.spawn(move || {
                    loop {
                        let tile = next.fetch_add(1, Ordering::Relaxed);
                        if tile >= tiles {
                            return;
                        }
                        // The last tiles first.
                        task(tiles - 1 - tile, worker);
                    }
                });
            }
        });
    }
}

pub fn compile(graph: &Graph, fuse: bool) -> Arc<Compiled> {
    Arc::new(Compiled::new(graph, fuse).unwrap_or_else(|error| panic!("{error}\n{graph}")))
}

pub fn run(
    compiled: &Arc<Compiled>,
    graph: &Graph,
    arguments: &mut [Argument<'_>],
    workers: &impl Workers,
) -> Vec<Array> {
    let types: Vec<_> = arguments.iter().map(|argument| argument.array().expect("is not taken")).collect();
    let types: Vec<_> = types.iter().map(|array| (array.dtype(), array.shape())).collect();
    let bindings = bind(graph, &types).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    let plan = compiled.plan(&bindings).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    plan.call(arguments, workers).unwrap_or_else(|error| panic!("{error}\n{graph}")).into_vec()
}

#[track_caller]
fn assert_same(found: &[Array], expected: &[Array], graph: &Graph, how: &str) {
    assert_eq!(found.len(), expected.len(), "{how}: the number of results\n{graph}");
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.same_bits(expected), "{how}: result {position}\n{graph}\n{found}\nexpected\n{expected}");
    }
}

/// Compares every way to run a graph with what is expected.
#[track_caller]
pub fn check_expected(graph: &Graph, arguments: &[Array], expected: &[Array]) {
    for fuse in [false, true] {
        let compiled = compile(graph, fuse);
        let lend = || arguments.iter().map(Argument::Lend).collect::<Vec<_>>();
        assert_same(&run(&compiled, graph, &mut lend(), &OneThread), expected, graph, "one thread");
        assert_same(&run(&compiled, graph, &mut lend(), &Threads(3)), expected, graph, "three threads");
        let give = |array: &Array| {
            let copy = tancho_tensor::Buffer::copy_of(array.buffer().bytes()).expect("memory");
            Argument::Give(Array::from_buffer(array.dtype(), array.shape().clone(), copy).expect("the same array"))
        };
        let mut given: Vec<_> = arguments.iter().map(give).collect();
        assert_same(&run(&compiled, graph, &mut given, &OneThread), expected, graph, "arguments given");
    }
}

/// Compares every way to run a graph with the interpreter.
#[track_caller]
pub fn check(graph: &Graph, arguments: &[Array]) {
    let expected = interpret(graph, arguments).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    check_expected(graph, arguments, &expected);
}

#[track_caller]
pub fn parse(text: &str) -> Graph {
    tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}"))
}
