//! Every op with operands that it takes, and with operands that it does not.
//!
//! Tests over all ops ask here: [`samples`] has each op with every dtype that it accepts and with odd shapes (scalars, no
//! elements, ones, primes, rank 0 to 6, sizes beyond a vector, a block and a tile); [`symbolic_samples`] has sizes that are
//! not known, for what looks at types alone; [`invalid_samples`] has the constraint that does not hold and the text of the
//! error.
//!
//! There is a file for each family, and in each an exhaustive `match`, so that an op without samples does not compile.

mod elementwise;
mod shape;
mod reduce;
mod dot;
mod conv;
mod fold;
mod index;
mod random;
mod linalg;
mod control;
mod effect;

use std::fmt;

use tancho_ir::ops::CustomCall;
use tancho_ir::{Dim, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, Buffer, DType, Shape};

/// An op with the types of operands that it takes.
#[derive(Clone, Debug)]
pub struct Sample {
    pub op: Op,
    pub operands: Vec<TensorType>,
}

impl Sample {
    fn new(op: impl Into<Op>, operands: impl IntoIterator<Item = TensorType>) -> Self {
        Sample { op: op.into(), operands: operands.into_iter().collect() }
    }

    /// A graph that does nothing but the op: its parameters are the operands, its results those of the op.
    ///
    /// # Panics
    /// The op does not take the operands, so that it is no sample.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new("sample");
        let parameter = |graph: &mut Graph, (position, of): (usize, &TensorType)| {
            graph.add_parameter(Some(&format!("x{position}")), of.clone(), Span::NONE)
        };
        let operands: Vec<Value> = self.operands.iter().enumerate().map(|entry| parameter(&mut graph, entry)).collect();
        let node = graph.add(self.op.clone(), &operands, Span::NONE).unwrap_or_else(|error| panic!("{self}: {error}"));
        let results = 0..graph.node(node).types().len() as u32;
        graph.set_results(results.map(|result| Value { node, result }).collect());
        graph
    }

    /// The elements of all operands, for tests that leave the large samples to a longer run.
    pub fn elements(&self) -> usize {
        self.operands.iter().filter_map(TensorType::known_shape).filter_map(|shape| shape.elements()).sum()
    }
}

/// As in the text form, with types for the operands: `reduce_sum f32[3, 5], axes=[1]`.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_op(f, &self.op, &self.operands)
    }
}

/// An op with types of operands that it does not take.
#[derive(Clone, Debug)]
pub struct Invalid {
    pub op: Op,
    pub operands: Vec<TensorType>,
    /// The label of the constraint that does not hold.
    pub constraint: &'static str,
    /// The text of the error.
    pub message: &'static str,
}

impl Invalid {
    fn new(
        op: impl Into<Op>,
        operands: impl IntoIterator<Item = TensorType>,
        constraint: &'static str,
        message: &'static str,
    ) -> Self {
        Invalid { op: op.into(), operands: operands.into_iter().collect(), constraint, message }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_op(f, &self.op, &self.operands)
    }
}

fn write_op(f: &mut fmt::Formatter<'_>, op: &Op, operands: &[TensorType]) -> fmt::Result {
    f.write_str(op.name())?;
    for (position, of) in operands.iter().enumerate() {
        write!(f, "{} {of}", if position > 0 { "," } else { "" })?;
    }
    let mut attributes = String::new();
    tancho_ir::write_attributes(&mut attributes, op)?;
    let separator = if operands.is_empty() { " " } else { ", " };
    if attributes.is_empty() { Ok(()) } else { write!(f, "{separator}{attributes}") }
}

/// Every op with every dtype that it accepts, sizes known.
pub fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for op in prototypes() {
        match &op {
            Op::Elementwise(op) => elementwise::add_samples(&mut samples, op),
            Op::Shape(op) => shape::add_samples(&mut samples, op),
            Op::Reduce(op) => reduce::add_samples(&mut samples, op),
            Op::Dot(op) => dot::add_samples(&mut samples, op),
            Op::Conv(op) => conv::add_samples(&mut samples, op),
            Op::Fold(op) => fold::add_samples(&mut samples, op),
            Op::Index(op) => index::add_samples(&mut samples, op),
            Op::Random(op) => random::add_samples(&mut samples, op),
            Op::Linalg(op) => linalg::add_samples(&mut samples, op),
            Op::Control(op) => control::add_samples(&mut samples, op),
            Op::Effect(op) => effect::add_samples(&mut samples, op),
        }
    }
    samples
}

/// Every op with sizes that are not known.
pub fn symbolic_samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for op in prototypes() {
        match &op {
            Op::Elementwise(op) => elementwise::add_symbolic(&mut samples, op),
            Op::Shape(op) => shape::add_symbolic(&mut samples, op),
            Op::Reduce(op) => reduce::add_symbolic(&mut samples, op),
            Op::Dot(op) => dot::add_symbolic(&mut samples, op),
            Op::Conv(op) => conv::add_symbolic(&mut samples, op),
            Op::Fold(op) => fold::add_symbolic(&mut samples, op),
            Op::Index(op) => index::add_symbolic(&mut samples, op),
            Op::Random(op) => random::add_symbolic(&mut samples, op),
            Op::Linalg(op) => linalg::add_symbolic(&mut samples, op),
            Op::Control(op) => control::add_symbolic(&mut samples, op),
            Op::Effect(op) => effect::add_symbolic(&mut samples, op),
        }
    }
    samples
}

/// Every op with operands that it does not take.
pub fn invalid_samples() -> Vec<Invalid> {
    let mut samples = Vec::new();
    for op in prototypes() {
        match &op {
            Op::Elementwise(op) => elementwise::add_invalid(&mut samples, op),
            Op::Shape(op) => shape::add_invalid(&mut samples, op),
            Op::Reduce(op) => reduce::add_invalid(&mut samples, op),
            Op::Dot(op) => dot::add_invalid(&mut samples, op),
            Op::Conv(op) => conv::add_invalid(&mut samples, op),
            Op::Fold(op) => fold::add_invalid(&mut samples, op),
            Op::Index(op) => index::add_invalid(&mut samples, op),
            Op::Random(op) => random::add_invalid(&mut samples, op),
            Op::Linalg(op) => linalg::add_invalid(&mut samples, op),
            Op::Control(op) => control::add_invalid(&mut samples, op),
            Op::Effect(op) => effect::add_invalid(&mut samples, op),
        }
    }
    samples
}

/// One of every op, with any attributes.
pub fn prototypes() -> Vec<Op> {
    let mut prototypes: Vec<Op> = Vec::new();
    prototypes.extend(elementwise::prototypes().into_iter().map(Op::Elementwise));
    prototypes.extend(shape::prototypes().into_iter().map(Op::Shape));
    prototypes.extend(reduce::prototypes().into_iter().map(Op::Reduce));
    prototypes.extend(dot::prototypes().into_iter().map(Op::Dot));
    prototypes.extend(conv::prototypes().into_iter().map(Op::Conv));
    prototypes.extend(fold::prototypes().into_iter().map(Op::Fold));
    prototypes.extend(index::prototypes().into_iter().map(Op::Index));
    prototypes.extend(random::prototypes().into_iter().map(Op::Random));
    prototypes.extend(linalg::prototypes().into_iter().map(Op::Linalg));
    prototypes.extend(control::prototypes().into_iter().map(Op::Control));
    prototypes.extend(effect::prototypes().into_iter().map(Op::Effect));
    prototypes
}

/// The functions of the host that samples of `custom_call` name: `sample.reverse_bytes` gives each operand with its bytes in
/// the opposite order, and so its elements as well.
pub fn host_functions(call: &CustomCall, operands: &[Array]) -> Option<Result<Vec<Array>, String>> {
    let reverse = |operand: &Array| {
        let bytes: Vec<u8> = operand.buffer().bytes().iter().rev().copied().collect();
        let buffer = Buffer::copy_of(&bytes).map_err(|error| error.to_string())?;
        Array::from_buffer(operand.dtype(), operand.shape().clone(), buffer).map_err(|error| error.to_string())
    };
    (&*call.target == "sample.reverse_bytes").then(|| operands.iter().map(reverse).collect())
}

/// The shapes that every elementwise op meets.
const SHAPES: [&[usize]; 17] = [
    &[],
    &[0],
    &[1],
    &[7],
    &[64],
    &[1031],
    &[1, 1],
    &[3, 5],
    &[0, 3],
    &[3, 0],
    &[17, 1],
    &[2, 3, 5],
    &[1, 7, 1],
    &[4, 0, 2],
    &[2, 3, 1, 5],
    &[2, 1, 3, 2, 2],
    &[2, 1, 2, 3, 1, 2],
];

/// Some of them, for ops that have many attributes.
const FEW_SHAPES: [&[usize]; 5] = [&[], &[0], &[67], &[3, 5], &[2, 1, 2, 3, 1, 2]];

fn of(dtype: DType, sizes: &[usize]) -> TensorType {
    TensorType::new(dtype, sizes.iter().copied())
}

/// A type from its text, for types with symbols.
fn typed(text: &str) -> TensorType {
    let graph = format!("func @f(%x: {text}) -> {text} {{ return %x }}");
    let graph = tancho_ir::parse(&graph, "sample").unwrap_or_else(|error| panic!("{error}"));
    let of = graph.parameter_types().next().expect("the parameter").clone();
    debug_assert!(of.known_shape().is_none_or(|shape: Shape| shape.elements().is_some()));
    of
}

fn dims(sizes: &[usize]) -> tancho_ir::Dims {
    sizes.iter().map(|&size| Dim::from(size)).collect()
}

fn integer_dims(sizes: &[i64]) -> tancho_ir::Dims {
    sizes.iter().map(|&size| Dim::from(size)).collect()
}
