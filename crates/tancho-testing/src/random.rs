//! Random graphs: programs that nobody would write, for tests of whole compilers.
//!
//! A graph grows op by op from a few parameters of odd shapes. Each op takes values that are there, and is added if it takes
//! them; so every graph is valid. Patterns that fuse in interesting ways (a reduction and its broadcast back, a product with
//! a bias) are put in as a whole now and then.
//!
//! The graphs that ops hold are grown in the same way: bodies of folds over scalars alone (`scalars`), functions, branches
//! and loops over some of the values that are there (`control`). Every loop ends after a few turns, and the work of an op
//! is bounded by `MAX_WORK`.
//!
//! There are no effects: what a graph does is what it computes.
//!
//! What a graph computes is determined to the last bit, but for the elementary functions, which [`RandomOptions`] leaves out
//! or lets in. So a NaN's bits, which are not determined, never become those of a number or a place; and a comparator is
//! always a strict weak order.
//!
//! Reading order: this file (how graphs grow), `operands` (what ops take), then the ops: `dense` (elementwise, shape,
//! reductions, products), `scalars` (bodies), `folds`, `places` (gather, scatter, sort), `linear` (convolution, linear
//! algebra, random bits), `control`.

mod operands;
mod dense;
mod scalars;
mod folds;
mod places;
mod linear;
mod control;

use tancho_ir::ops::{ElementwiseOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, Op, Span, Symbol, TensorType, Value};
use tancho_tensor::{DType, Shape};

use crate::values::Generator;

/// What random graphs consist of.
#[derive(Clone, Copy, Debug)]
pub struct RandomOptions {
    /// The number of steps by which a graph grows.
    pub steps: usize,
    /// Whether there are ops that are not computed exactly: elementary functions.
    pub elementary: bool,
    /// The most elements of a value.
    pub max_elements: usize,
    /// How deep calls, loops and branches hold one another.
    pub nesting: usize,
    /// Whether sizes may be symbols; see [`symbol_size`].
    pub symbols: bool,
}

impl Default for RandomOptions {
    fn default() -> Self {
        RandomOptions { steps: 14, elementary: false, max_elements: 6000, nesting: 2, symbols: false }
    }
}

const SIZES: [i64; 12] = [0, 1, 1, 2, 3, 3, 5, 7, 16, 17, 33, 100];

/// The sizes that symbols stand for: of two of them, a small matrix is made.
const SYMBOL_SIZES: [i64; 8] = [0, 1, 2, 3, 7, 16, 17, 33];

/// The most steps of a window or a product that one op takes, so that the interpreter stays quick.
const MAX_WORK: usize = 100_000;

/// The most axes of a value: each op may add one, and beyond this nothing new is to be seen.
const MAX_RANK: usize = 6;

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

const FLOATS: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

/// The size that a symbol of a random graph stands for, which its name ends with: 7 for `?a7`.
///
/// With these sizes the graph is valid; with others it may be, too.
pub fn symbol_size(symbol: &Symbol) -> Option<i64> {
    symbol.name().rsplit(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// A graph that a seed determines.
pub fn random_graph(seed: u64, options: RandomOptions) -> Graph {
    graph_from(Generator::new(seed), options)
}

/// A graph that some bytes determine, such that a change of one byte mostly changes little of the graph.
pub fn random_graph_from_bytes(bytes: &[u8], options: RandomOptions) -> Graph {
    graph_from(Generator::from_bytes(bytes), options)
}

fn graph_from(random: Generator, options: RandomOptions) -> Graph {
    let mut grower = Grower::new("random", random, options);
    if options.symbols {
        for name in ["a", "b"] {
            let size = *grower.random.choose(&SYMBOL_SIZES);
            grower.add_symbol(name, size);
        }
    }
    for _ in 0..1 + grower.random.below(3) {
        grower.add_random_parameter();
    }
    for _ in 0..options.steps {
        grower.grow();
    }
    grower.finish()
}

/// A graph that grows, with the values that further ops may take.
struct Grower {
    graph: Graph,
    values: Vec<Value>,
    random: Generator,
    options: RandomOptions,
    /// The most axes of a value: none in the graphs over scalars.
    max_rank: usize,
    /// Sizes that are symbols of the graph, each of them bound by a parameter.
    symbols: Vec<Dim>,
}

impl Grower {
    fn new(name: &str, random: Generator, options: RandomOptions) -> Self {
        Grower { graph: Graph::new(name), values: Vec::new(), random, options, max_rank: MAX_RANK, symbols: Vec::new() }
    }

    /// A graph that this one shall hold, with parameters of some types.
    fn new_held(&mut self, name: &str, parameters: &[TensorType]) -> Self {
        let options = RandomOptions { nesting: self.options.nesting.saturating_sub(1), ..self.options };
        let mut held = Grower::new(name, Generator::new(self.random.next_u64()), options);
        held.max_rank = self.max_rank;
        // The symbols are the graph's own: each size that is not known gets one.
        let mut own: Vec<(Dim, Dim)> = Vec::new();
        for of in parameters {
            let mut of = of.clone();
            for dim in of.dims.iter_mut().filter(|dim| dim.as_known().is_none()) {
                let found = own.iter().find(|(of, _)| of == dim).map(|(_, symbol)| symbol.clone());
                *dim = found.unwrap_or_else(|| {
                    let size = dim.evaluate(&symbol_size).expect("symbols have sizes");
                    let symbol = held.add_symbol(&format!("h{}x", own.len()), size);
                    own.push((dim.clone(), symbol.clone()));
                    symbol
                });
            }
            held.add_parameter(of);
        }
        if parameters.is_empty() {
            let number = held.scalar(DType::F32);
            held.values.push(number);
        }
        held
    }

    fn add_symbol(&mut self, name: &str, size: i64) -> Dim {
        let symbol = Dim::symbol(format!("{name}{size}"));
        self.symbols.push(symbol.clone());
        symbol
    }

    /// A parameter; the first one has all symbols of the graph as sizes.
    fn add_random_parameter(&mut self) {
        let (dtype, mut dims) = (self.any_dtype(), self.any_dims(4));
        let symbols: Dims = match self.graph.parameter_count() {
            0 => self.symbols.iter().cloned().collect(),
            _ => Dims::new(),
        };
        for symbol in &symbols {
            let place = self.random.below(dims.len() + 1);
            dims.insert(place, symbol.clone());
        }
        let of = TensorType { dtype, dims };
        let of = if self.fits(&of) { of } else { TensorType { dtype, dims: symbols } };
        self.add_parameter(of);
    }

    fn add_parameter(&mut self, of: TensorType) {
        let value = self.graph.add_parameter(None, of, Span::NONE);
        self.values.push(value);
    }

    /// Any dtype, `f32` more often than others.
    fn any_dtype(&mut self) -> DType {
        if self.random.below(3) == 0 { *self.random.choose(&DType::ALL) } else { DType::F32 }
    }

    /// Sizes of a rank below a bound.
    fn any_dims(&mut self, ranks: usize) -> Dims {
        (0..self.random.below(ranks)).map(|_| self.any_size()).collect()
    }

    fn any_size(&mut self) -> Dim {
        if !self.symbols.is_empty() && self.one_in(2) {
            return self.random.choose(&self.symbols).clone();
        }
        Dim::known(*self.random.choose(&SIZES))
    }

    /// Whether something happens that does so one out of `count` times.
    fn one_in(&mut self, count: usize) -> bool {
        self.random.below(count) == 0
    }

    fn fits(&self, of: &TensorType) -> bool {
        let elements = of.evaluate(&symbol_size).and_then(|shape| shape.elements());
        of.rank() <= self.max_rank && elements.is_some_and(|elements| elements <= self.options.max_elements)
    }

    fn type_of(&self, value: Value) -> TensorType {
        self.graph.type_of(value).clone()
    }

    /// The sizes of a value.
    fn shape_of(&self, value: Value) -> Shape {
        self.graph.type_of(value).evaluate(&symbol_size).expect("symbols have sizes")
    }

    /// Adds an op if it takes its operands and no result is too large; gives the first result.
    fn add(&mut self, op: impl Into<Op>, operands: &[Value]) -> Option<Value> {
        self.add_all(op, operands)?.first().copied()
    }

    /// As [`Grower::add`], with all results.
    fn add_all(&mut self, op: impl Into<Op>, operands: &[Value]) -> Option<Vec<Value>> {
        let op = op.into();
        let types: Vec<TensorType> = operands.iter().map(|&value| self.type_of(value)).collect();
        let mut relations = Vec::new();
        let results = tancho_ir::infer(&op, &types, &mut relations).ok()?;
        let holds = relations.iter().all(|relation| relation.holds(&symbol_size) == Some(true));
        if !holds || !results.iter().all(|of| self.fits(of)) {
            return None;
        }
        let node = self.graph.add(op, operands, Span::NONE).ok()?;
        let values: Vec<Value> = (0..results.len() as u32).map(|result| Value { node, result }).collect();
        self.values.extend(&values);
        Some(values)
    }

    fn grow(&mut self) -> Option<Value> {
        if self.max_rank == 0 {
            return self.grow_scalar();
        }
        let x = self.any_value();
        match self.random.below(36) {
            0 | 1 => self.unary(x),
            2..=4 => self.binary(x),
            5 => self.compare_and_select(x),
            6 => {
                let dtype = *self.random.choose(&DType::ALL);
                self.add(ElementwiseOp::Convert(dtype), &[x])
            }
            7 => self.broadcast(x),
            8 => self.reshape(x),
            9 => {
                let permutation = self.permutation(self.type_of(x).rank());
                self.add(ShapeOp::Transpose { permutation }, &[x])
            }
            10 => self.slice_or_reverse(x),
            11 => self.concatenate_or_pad(x),
            12 => self.reduce(x),
            13 => self.dot(x),
            14 => self.normalize_rows(x),
            15 => self.make(),
            16 => self.reduce_precision(x),
            17 => self.bitcast(x),
            18 => self.fold(x),
            19 => self.fold_windows(x),
            20 => self.select_and_scatter(x),
            21 => self.scan(x),
            22 => self.gather(x),
            23 | 24 => self.scatter(x),
            25 => self.dynamic_slice(x),
            26 => self.dynamic_update_slice(x),
            27 | 28 => self.sort(x),
            29 => self.top_k(x),
            30 => self.convolution(x),
            31 => self.linear_algebra(x),
            32 => self.random_bits(),
            33 => self.while_loop(),
            34 => self.case(),
            _ => self.call_or_barrier(),
        }
    }

    /// The numbers below a bound in any order.
    fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut permutation: Vec<usize> = (0..count).collect();
        for place in (1..count).rev() {
            let other = self.random.below(place + 1);
            permutation.swap(place, other);
        }
        permutation
    }

    /// Some of the numbers below a bound, in order.
    fn subset(&mut self, count: usize) -> Vec<usize> {
        (0..count).filter(|_| self.random.below(2) == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::samples::prototypes;

    fn count_ops(graph: &Graph, counts: &mut BTreeMap<&'static str, usize>) {
        for op in graph.node_ids().filter_map(|id| graph.node(id).op()) {
            *counts.entry(op.name()).or_default() += 1;
            op.regions().iter().for_each(|(_, region)| count_ops(region, counts));
        }
    }

    #[test]
    fn random_graphs_have_every_op_but_effects_and_calls_of_the_host() {
        let mut counts = BTreeMap::new();
        for seed in 0..1000 {
            let options = RandomOptions { elementary: true, symbols: seed % 2 == 0, ..RandomOptions::default() };
            count_ops(&random_graph(seed, options), &mut counts);
        }
        for op in prototypes() {
            if op.name() != "custom_call" && !matches!(op, Op::Effect(_)) {
                assert!(counts.get(op.name()).copied().unwrap_or(0) >= 20, "{}: {counts:?}", op.name());
            }
        }
    }

    #[test]
    fn random_graphs_are_sound_and_read_back_as_they_print() {
        for seed in 0..300 {
            let options = RandomOptions { symbols: seed % 2 == 0, ..RandomOptions::default() };
            let graph = random_graph(seed, options);
            tancho_ir::verify(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{graph}"));
            let printed = graph.to_string();
            assert_eq!(random_graph(seed, options).to_string(), printed, "seed {seed}");
            let again = tancho_ir::parse(&printed, "random.ir").unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(again.to_string(), printed, "seed {seed}");
        }
    }
}
