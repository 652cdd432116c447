//! Graphs over scalars that an op evaluates for each element, prepared once.
//!
//! An element is a *word*: its bits, in a `u64`. Bodies mostly consist of elementwise ops and constants alone; such a body
//! becomes a list of functions of words. Any other one is interpreted as a graph, anew for each element.

use tancho_ir::ops::{ElementwiseOp, ShapeOp, UnaryOp};
use tancho_ir::{Graph, NodeKind, Op, TensorType, infer};
use tancho_tensor::{Array, DType, with_element};

use crate::elementwise::{clamp_element, holds};
use crate::precision::reduce_precision;
use crate::scalar::{ConvertTo, Scalar};
use crate::value::{Failure, scalar, word};
use crate::{Host, call};

/// A graph whose parameters and results are scalars.
pub(crate) struct Region<'a> {
    graph: &'a Graph,
    host: &'a Host<'a>,
    /// What the graph does, where it consists of elementwise ops and constants.
    program: Option<Program>,
    results: Vec<u64>,
}

/// The words of a graph's values, by the index of their node, and the steps that compute them.
struct Program {
    words: Vec<u64>,
    parameters: Vec<usize>,
    steps: Vec<Step>,
    results: Vec<usize>,
}

struct Step {
    function: Function,
    operands: Vec<usize>,
    result: usize,
}

/// A function of up to three words.
type Function = Box<dyn Fn([u64; 3]) -> u64>;

impl<'a> Region<'a> {
    /// Prepares a graph that [`infer`] has found to fit.
    pub(crate) fn new(graph: &'a Graph, host: &'a Host<'a>) -> Self {
        Region { graph, host, program: prepare(graph), results: Vec::new() }
    }

    /// The results for some arguments.
    pub(crate) fn call(&mut self, arguments: &[u64]) -> Result<&[u64], Failure> {
        match &mut self.program {
            Some(program) => program.run(arguments, &mut self.results),
            None => {
                let types = self.graph.parameter_types().map(|of| of.dtype);
                let arguments: Vec<Array> = types.zip(arguments).map(|(dtype, &word)| scalar(dtype, word)).collect();
                let results = call(self.graph, &arguments, self.host)?;
                self.results = results.iter().map(|result| word(result, 0)).collect();
            }
        }
        Ok(&self.results)
    }

    /// The only result for some arguments, a `bool`.
    pub(crate) fn decide(&mut self, arguments: &[u64]) -> Result<bool, Failure> {
        Ok(self.call(arguments)?[0] != 0)
    }
}

impl Program {
    fn run(&mut self, arguments: &[u64], results: &mut Vec<u64>) {
        for (&parameter, &argument) in self.parameters.iter().zip(arguments) {
            self.words[parameter] = argument;
        }
        for step in &self.steps {
            let mut operands = [0; 3];
            for (operand, &from) in operands.iter_mut().zip(&step.operands) {
                *operand = self.words[from];
            }
            self.words[step.result] = (step.function)(operands);
        }
        results.clear();
        results.extend(self.results.iter().map(|&result| self.words[result]));
    }
}

/// `None` where the graph has other ops, or is one that the verifier would refuse.
fn prepare(graph: &Graph) -> Option<Program> {
    let order = graph.topological_order();
    if order.len() != graph.node_count() {
        return None;
    }
    let mut words = vec![0; graph.id_bound()];
    let mut steps = Vec::new();
    for id in order {
        let node = graph.node(id);
        let operands: Vec<&TensorType> = node.operands().iter().map(|&operand| graph.type_of(operand)).collect();
        match node.kind() {
            NodeKind::Parameter(_) => {}
            NodeKind::Op(Op::Shape(ShapeOp::Constant(array))) if array.shape().rank() == 0 => {
                words[id.index()] = word(array, 0);
            }
            NodeKind::Op(op @ Op::Elementwise(elementwise)) => {
                let types: Vec<TensorType> = operands.iter().map(|&of| of.clone()).collect();
                let inferred = infer(op, &types, &mut Vec::new()).ok()?;
                if inferred.as_slice() != node.types() || inferred[0].rank() > 0 {
                    return None;
                }
                let dtypes: Vec<DType> = operands.iter().map(|of| of.dtype).collect();
                steps.push(Step {
                    function: function(*elementwise, &dtypes),
                    operands: node.operands().iter().map(|operand| operand.node.index()).collect(),
                    result: id.index(),
                });
            }
            NodeKind::Op(_) => return None,
        }
    }
    let parameters = graph.parameters().map(|value| value.node.index()).collect();
    let results = graph.results().iter().map(|value| value.node.index()).collect();
    Some(Program { words, parameters, steps, results })
}

/// What an op does to scalars of some dtypes.
fn function(op: ElementwiseOp, dtypes: &[DType]) -> Function {
    let dtype = dtypes[0];
    match op {
        ElementwiseOp::Unary(UnaryOp::IsFinite) => with_element!(dtype, T => {
            Box::new(|[x, ..]: [u64; 3]| u64::from(T::from_word(x).is_finite())) as Function
        }),
        ElementwiseOp::Unary(op) => with_element!(dtype, T => {
            Box::new(move |[x, ..]: [u64; 3]| T::unary(op, T::from_word(x)).expect("the op takes the dtype").to_word()) as Function
        }),
        ElementwiseOp::Binary(op) => with_element!(dtype, T => {
            Box::new(move |[x, y, _]: [u64; 3]| {
                T::binary(op, T::from_word(x), T::from_word(y)).expect("the op takes the dtype").to_word()
            }) as Function
        }),
        ElementwiseOp::Compare(comparison) => with_element!(dtype, T => {
            Box::new(move |[x, y, _]: [u64; 3]| u64::from(holds(comparison, T::from_word(x), T::from_word(y)))) as Function
        }),
        ElementwiseOp::Select => {
            Box::new(|[predicate, on_true, on_false]: [u64; 3]| if predicate != 0 { on_true } else { on_false })
        }
        ElementwiseOp::Convert(to) => with_element!(dtype, From => with_element!(to, To => {
            Box::new(|[x, ..]: [u64; 3]| ConvertTo::<To>::convert(From::from_word(x)).to_word()) as Function
        })),
        ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits } => with_element!(dtype, T => {
            Box::new(move |[x, ..]: [u64; 3]| reduce_precision(T::from_word(x), exponent_bits, mantissa_bits).to_word()) as Function
        }),
        ElementwiseOp::Clamp => with_element!(dtype, T => {
            Box::new(|[low, x, high]: [u64; 3]| {
                clamp_element(T::from_word(low), T::from_word(x), T::from_word(high)).to_word()
            }) as Function
        }),
    }
}
