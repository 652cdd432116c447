//! Tests of the passes: the helpers stand here.
//!
//! Programs are written as text. Whatever a pass does, the interpreter must find the same bits before and after, on seeded
//! inputs that are full of special values.

mod rewrites;
mod random;
mod passes;
mod pipeline;

use tancho_interp::interpret;
use tancho_ir::{Graph, PrintOptions, Symbol, parse, print};
use tancho_tensor::{Array, Buffer, DType, Shape};

use crate::Context;

#[track_caller]
pub fn parsed(text: &str) -> Graph {
    parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A program from its parameters and its operations, which stand between bars; the last one is the result.
pub fn program(parameters: &str, operations: &str) -> String {
    let lines: Vec<&str> = operations.split('|').map(str::trim).collect();
    let (of, name) = lines.last().and_then(|line| Some((line.rsplit(':').next()?, line.split(' ').next()?))).unwrap();
    format!("func @main({parameters}) ->{of} {{\n  {}\n  return {name}\n}}\n", lines.join("\n  "))
}

/// A context that evaluates with the interpreter.
pub fn context() -> Context<'static> {
    Context::new(&|graph| interpret(graph, &[]).ok())
}

pub fn text(graph: &Graph) -> String {
    print(graph, &PrintOptions::default())
}

/// Checks that two graphs give the same bits for seeded inputs, with every symbol 1, 2 and 3 (or what `fitting` allows).
#[track_caller]
pub fn check_same_meaning(before: &Graph, after: &Graph) {
    for seed in 0..3 {
        let inputs = inputs(before, seed);
        let (expected, found) = match (interpret(before, &inputs), interpret(after, &inputs)) {
            (Ok(expected), Ok(found)) => (expected, found),
            (expected, found) => panic!("{:?}\n{:?}\n{}", expected.err(), found.err(), text(after)),
        };
        let same = expected.len() == found.len() && expected.iter().zip(&found).all(|(x, y)| x.same_bits(y));
        assert!(same, "{inputs:?}\ngave {expected:?}\n now {found:?}\n{}\n{}", text(before), text(after));
    }
}

/// Seeded arguments; all symbols have one value, so that constraints between them hold.
fn inputs(graph: &Graph, seed: u64) -> Vec<Array> {
    let size = |_: &Symbol| Some(3 - seed as i64);
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1));
    graph
        .parameter_types()
        .map(|of| random_array(of.dtype, of.evaluate(&size).expect("sizes that fit"), &mut random))
        .collect()
}

/// A xorshift generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }
}

/// An array in which about half of the elements are special values of the dtype.
fn random_array(dtype: DType, shape: Shape, random: &mut Random) -> Array {
    let specials: &[f64] = &[0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 3e-41, 0.5];
    let mut bytes = Vec::new();
    for _ in 0..shape.elements().expect("a small shape") {
        let bits = random.next();
        let special = random.below(2) == 0;
        let float = match special {
            true => specials[random.below(specials.len())],
            false => (bits as i64 as f64) / (1u64 << 60) as f64,
        };
        let integer = match (special, random.below(4)) {
            (true, 0) => 0,
            (true, 1) => u64::MAX,
            (true, 2) => 1 << (dtype.bits() - 1),
            (true, _) => u64::MAX >> 1 >> (64 - dtype.bits()),
            (false, _) => bits,
        };
        let element = match dtype {
            DType::F32 => u64::from((float as f32).to_bits()),
            DType::F64 => float.to_bits(),
            DType::Bool => bits >> 40 & 1,
            _ => integer,
        };
        bytes.extend_from_slice(&element.to_le_bytes()[..dtype.size()]);
    }
    Array::from_buffer(dtype, shape, Buffer::copy_of(&bytes).expect("little memory")).expect("valid elements")
}
