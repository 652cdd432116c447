//! The oracle: evaluates a graph op by op, slowly and obviously.
//!
//! [`interpret`] is the written meaning of the op set as a program. It shares no code with the compiler; where the bits
//! of a result depend on an order (`reduce`, `dot_general`), it follows the order that the op's documentation fixes.
//! Tests compare compiled code with it. No executable uses it.
//!
//! Each op is first given to [`tancho_ir::infer`] with the sizes as they are in this call, so that what follows may
//! rely on the op's constraints, even in a graph that nobody verified. The families have the files that they have in
//! `tancho_ir::ops`; `scalar` holds the functions of single elements and `value` the arithmetic of indices.

#![forbid(unsafe_code)]

mod value;
mod scalar;
mod half;
mod special;
mod precision;
mod elementwise;
mod shape;
mod window;
mod region;
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
use tancho_ir::{BindError, Bindings, Graph, Node, NodeKind, Op, OpError, Relation, Span, TensorType, bind, infer};
use tancho_tensor::{AllocError, Array, DType, Shape};

use value::Failure;

/// Why a graph has no result for the arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterpretError {
    /// The arguments do not fit the parameters.
    #[error(transparent)]
    Bind(Box<BindError>),
    /// A result has more elements than memory can hold, or a size that cannot be computed.
    #[error("{op}: the result is larger than memory can hold{}", Place(.span))]
    TooLarge { op: &'static str, span: Span },
    #[error("{op}: {error}{}", Place(.span))]
    Alloc { op: &'static str, error: AllocError, span: Span },
    /// The op does not take operands of these types; a verified graph has no such op.
    #[error("{error}{}", Place(.span))]
    Op { error: OpError, span: Span },
    /// A relation between sizes that an op requires does not hold; a verified graph records it as a constraint.
    #[error("{op}: requires {relation}{}", Place(.span))]
    Relation { op: &'static str, relation: Relation, span: Span },
    /// The graph gives the result of an op another type than it has.
    #[error("{op}: the result is {found}, but the graph says {declared}{}", Place(.span))]
    Type { op: &'static str, declared: Box<TensorType>, found: Box<TensorType>, span: Span },
    /// An operand is never computed, since the graph has a cycle.
    #[error("{op}: an operand depends on the result{}", Place(.span))]
    Cycle { op: &'static str, span: Span },
    /// A function of the host is not known, or does not give what the op says.
    #[error("custom_call: @{target}: {message}{}", Place(.span))]
    CustomCall { target: String, message: String, span: Span },
    /// An assertion does not hold.
    #[error("assertion failed: {message}{}", Place(.span))]
    Assert { message: String, span: Span },
    /// A loop runs more often than it promises.
    #[error("while: runs more than {bound} times{}", Place(.span))]
    LoopBound { bound: i64, span: Span },
    /// A graph that is called has no result.
    #[error("{error}, in the call of @{graph}{}", Place(.span))]
    Call { graph: String, error: Box<InterpretError>, span: Span },
}

impl From<BindError> for InterpretError {
    fn from(error: BindError) -> Self {
        InterpretError::Bind(Box::new(error))
    }
}

struct Place<'a>(&'a Span);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// The functions of the host that `custom_call` may name: their results for operands, or why there are none; `None` for an
/// op whose target is not known.
pub type CustomCalls<'a> = dyn Fn(&CustomCall, &[Array]) -> Option<Result<Vec<Array>, String>> + 'a;

/// What a program sees of the world: the functions of the host, and where it prints.
pub struct Host<'a> {
    pub custom_calls: &'a CustomCalls<'a>,
    /// Is given each line that is printed, without its line break.
    pub print: &'a (dyn Fn(&str) + 'a),
}

/// Evaluates a graph for the given arguments; there are no functions of the host, and what is printed goes to the standard
/// output.
///
/// # Errors
/// The arguments do not fit the graph's parameters and constraints, a result does not fit in memory, or the graph is
/// one that the verifier would refuse.
pub fn interpret(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>, InterpretError> {
    interpret_with(graph, arguments, &|_, _| None)
}

/// As [`interpret`], with functions of the host.
///
/// # Errors
/// As [`interpret`], or a function is not known, fails, or gives results of other types than the op has.
pub fn interpret_with(
    graph: &Graph,
    arguments: &[Array],
    custom_calls: &CustomCalls<'_>,
) -> Result<Vec<Array>, InterpretError> {
    interpret_hosted(graph, arguments, &Host { custom_calls, print: &|line| println!("{line}") })
}

/// As [`interpret_with`], with a place for what is printed.
///
/// # Errors
/// As [`interpret_with`].
pub fn interpret_hosted(graph: &Graph, arguments: &[Array], host: &Host<'_>) -> Result<Vec<Array>, InterpretError> {
    let types: Vec<(DType, &Shape)> = arguments.iter().map(|array| (array.dtype(), array.shape())).collect();
    let bindings = bind(graph, &types)?;
    let mut values: Vec<Vec<Array>> = vec![Vec::new(); graph.id_bound()];
    for id in graph.topological_order() {
        let node = graph.node(id);
        values[id.index()] = match node.kind() {
            NodeKind::Parameter(position) => vec![arguments[*position].clone()],
            NodeKind::Op(op) => {
                let operands = node.operands().iter().map(|operand| {
                    let computed = values[operand.node.index()].get(operand.result as usize);
                    computed.cloned().ok_or_else(|| InterpretError::Cycle { op: op.name(), span: node.span().clone() })
                });
                evaluate(node, op, &operands.collect::<Result<Vec<_>, _>>()?, &bindings, host)?
            }
        };
    }
    let result = |value: &tancho_ir::Value| {
        let computed = values[value.node.index()].get(value.result as usize);
        let node = graph.node(value.node);
        let op = node.op().map_or("parameter", Op::name);
        computed.cloned().ok_or_else(|| InterpretError::Cycle { op, span: node.span().clone() })
    };
    graph.results().iter().map(result).collect()
}

/// Evaluates a graph that an op holds.
fn call(graph: &Graph, arguments: &[Array], host: &Host<'_>) -> Result<Vec<Array>, Failure> {
    interpret_hosted(graph, arguments, host)
        .map_err(|error| Failure::Call { graph: graph.name().to_owned(), error: Box::new(error) })
}

fn evaluate(
    node: &Node,
    op: &Op,
    operands: &[Array],
    bindings: &Bindings,
    host: &Host<'_>,
) -> Result<Vec<Array>, InterpretError> {
    let inferred = infer_shapes(node, op, operands, bindings)?;
    let one = |result: Result<Array, Failure>| result.map(|array| vec![array]);
    let results = match op {
        Op::Elementwise(op) => one(elementwise::evaluate(*op, operands)),
        Op::Shape(op) => one(shape::evaluate(op, operands, bindings)),
        Op::Reduce(op) => one(reduce::evaluate(op, &operands[0])),
        Op::Dot(op) => one(dot::evaluate(op, &operands[0], &operands[1])),
        Op::Conv(op) => one(conv::evaluate(op, &operands[0], &operands[1], &inferred[0].1, bindings)),
        Op::Fold(op) => fold::evaluate(op, operands, &inferred, bindings, host),
        Op::Index(op) => index::evaluate(op, operands, &inferred, bindings, host),
        Op::Random(op) => random::evaluate(op, &operands[0], &inferred),
        Op::Linalg(op) => one(linalg::evaluate(*op, operands)),
        Op::Control(op) => control::evaluate(op, operands, &inferred, bindings, host),
        Op::Effect(op) => effect::evaluate(op, operands, host),
    };
    let span = || node.span().clone();
    let results = results.map_err(|failure| match failure {
        Failure::TooLarge => InterpretError::TooLarge { op: op.name(), span: span() },
        Failure::Alloc(error) => InterpretError::Alloc { op: op.name(), error, span: span() },
        Failure::Assert { message } => InterpretError::Assert { message, span: span() },
        Failure::LoopBound { bound } => InterpretError::LoopBound { bound, span: span() },
        Failure::Call { graph, error } => InterpretError::Call { graph, error, span: span() },
        Failure::CustomCall { target, message } => InterpretError::CustomCall { target, message, span: span() },
    })?;
    debug_assert!(
        results.iter().map(|array| (array.dtype(), array.shape())).eq(inferred.iter().map(|(d, s)| (*d, s))),
        "{}: the results are not of the inferred types {inferred:?}",
        op.name(),
    );
    Ok(results)
}

/// Checks an op against its operands and the sizes of this call, and the graph's types against the op.
fn infer_shapes(
    node: &Node,
    op: &Op,
    operands: &[Array],
    bindings: &Bindings,
) -> Result<Vec<(DType, Shape)>, InterpretError> {
    let span = || node.span().clone();
    let operand_types: Vec<TensorType> = operands.iter().map(TensorType::of).collect();
    let mut relations = Vec::new();
    let types =
        infer(op, &operand_types, &mut relations).map_err(|error| InterpretError::Op { error, span: span() })?;
    for relation in relations {
        if relation.holds(&|symbol| bindings.value_of(symbol)) != Some(true) {
            return Err(InterpretError::Relation { op: op.name(), relation, span: span() });
        }
    }
    let shape_of = |of: &TensorType| -> Result<(DType, Shape), InterpretError> {
        let shape = bindings.shape_of(of).ok_or(InterpretError::TooLarge { op: op.name(), span: span() })?;
        Ok((of.dtype, shape))
    };
    let inferred = types.iter().map(shape_of).collect::<Result<Vec<_>, _>>()?;
    if node.types().len() != inferred.len() {
        let message = format!("has {} results, but the graph says {}", inferred.len(), node.types().len());
        return Err(InterpretError::Op { error: OpError::new(op.name(), "i", message), span: span() });
    }
    for (declared, (found, shape)) in node.types().iter().zip(types.iter().zip(&inferred)) {
        if shape_of(declared)? != *shape {
            let (declared, found) = (Box::new(declared.clone()), Box::new(found.clone()));
            return Err(InterpretError::Type { op: op.name(), declared, found, span: span() });
        }
    }
    Ok(inferred)
}
