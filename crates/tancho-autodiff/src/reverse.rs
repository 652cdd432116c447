//! Reverse mode: the cotangents of values, by the rules of the ops.
//!
//! 1. *Active* nodes are those that depend on a source through floats and ops that have derivatives. No other node is looked
//!    at.
//! 2. Nodes are visited against the topological order. When a node is visited, all of its users have added their shares, so
//!    that the cotangents of its results are known, and its rule gives the shares of its operands.
//! 3. Shares of a value are added in the order in which they come. A rule may take what is there and give the sum itself:
//!    so the cotangent of what is sliced again and again is added to in place.
//!
//! A value without a cotangent has the cotangent zero, and nothing is computed for it.

mod elementwise;
mod special;
mod shape;
mod reduce;
mod dot;
mod conv;
mod fold;
mod index;
mod linalg;
pub(crate) mod control;

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;
use tancho_ir::{Graph, NodeId, Op, OpError, TensorType, Value};

use crate::build::{Build, derived_span};
use crate::error::DiffError;

/// Adds to a graph the cotangents of `sources`, given cotangents of some values as `seeds`: pairs of a value and its
/// cotangent, of one type. `None` where the seeds do not depend on a source.
///
/// Nothing flows through nodes that `include` refuses. A source may also be a value between the others; a seed of a source
/// is what its cotangent begins with.
///
/// # Errors
/// An op on the way has no derivative.
pub fn gradients(
    graph: &mut Graph,
    seeds: &[(Value, Value)],
    sources: &[Value],
    include: &dyn Fn(NodeId) -> bool,
) -> Result<Vec<Option<Value>>, DiffError> {
    let order = graph.topological_order();
    let wanted_values: HashSet<Value> = sources.iter().copied().collect();
    let active = find_active(graph, &order, &wanted_values, include);
    let mut cotangents = Cotangents::default();
    for &(value, cotangent) in seeds {
        let span = derived_span(graph.node(value.node).span(), SCOPE);
        cotangents
            .add(&mut Build::new(graph, span), value, cotangent)
            .map_err(|error| rule_error(graph, value.node, error))?;
    }
    for &id in order.iter().rev() {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        if !active[id.index()] {
            continue;
        }
        let n_results = node.types().len() as u32;
        let results: SmallVec<[Option<Value>; 4]> =
            (0..n_results).map(|result| cotangents.get(Value { node: id, result })).collect();
        if results.iter().all(Option::is_none) {
            continue;
        }
        let operands: SmallVec<[Value; 4]> = SmallVec::from_slice(node.operands());
        let wanted: SmallVec<[bool; 4]> =
            operands.iter().map(|operand| is_active(graph, &active, &wanted_values, *operand)).collect();
        let op = op.clone();
        let span = derived_span(node.span(), SCOPE);
        let mut pullback = Pullback {
            build: Build::new(graph, span),
            node: id,
            operands,
            cotangents: results,
            wanted,
            shares: &mut cotangents,
        };
        apply_rule(&mut pullback, &op)?;
    }
    Ok(sources.iter().map(|&source| cotangents.get(source)).collect())
}

/// The scope of what rules add.
const SCOPE: &str = "gradient";

/// Why an op's results have no derivative by any operand, where this is so.
pub fn zero_reason(op: &Op) -> Option<&'static str> {
    match op {
        Op::Elementwise(op) => elementwise::zero_reason(op),
        Op::Shape(op) => shape::zero_reason(op),
        Op::Reduce(op) => reduce::zero_reason(op),
        Op::Dot(_) | Op::Conv(_) | Op::Fold(_) | Op::Linalg(_) => None,
        Op::Index(_) => None,
        Op::Random(_) => Some("random bits are integers"),
        Op::Control(op) => control::zero_reason(op),
        Op::Effect(_) => Some("an effect has no results"),
    }
}

fn apply_rule(pullback: &mut Pullback<'_>, op: &Op) -> Result<(), DiffError> {
    match op {
        Op::Elementwise(op) => elementwise::pull_back(pullback, op),
        Op::Shape(op) => shape::pull_back(pullback, op),
        Op::Reduce(op) => reduce::pull_back(pullback, op),
        Op::Dot(op) => dot::pull_back(pullback, op),
        Op::Conv(op) => conv::pull_back(pullback, op),
        Op::Fold(op) => fold::pull_back(pullback, op),
        Op::Index(op) => index::pull_back(pullback, op),
        Op::Random(_) | Op::Effect(_) => Ok(()),
        Op::Linalg(op) => linalg::pull_back(pullback, op),
        Op::Control(op) => control::pull_back(pullback, op),
    }
    .map_err(|fault| match fault {
        Fault::Rule(source) => rule_error(pullback.build.graph, pullback.node, source),
        Fault::Reason(reason) => {
            let span = pullback.build.graph.node(pullback.node).span().clone();
            DiffError::NotDifferentiable { op: op.name(), reason, span }
        }
        Fault::Nested(error) => error,
    })
}

fn rule_error(graph: &Graph, node: NodeId, source: OpError) -> DiffError {
    let node = graph.node(node);
    DiffError::Rule { of: node.op().map_or("parameter", Op::name), source, span: node.span().clone() }
}

/// Why a rule gave up.
pub(crate) enum Fault {
    /// An op that it made does not fit: a bug of the rule, or sizes that the op itself should have refused.
    Rule(OpError),
    /// There is no derivative.
    Reason(String),
    /// A graph that the op holds has none.
    Nested(DiffError),
}

impl From<OpError> for Fault {
    fn from(error: OpError) -> Self {
        Fault::Rule(error)
    }
}

impl From<DiffError> for Fault {
    fn from(error: DiffError) -> Self {
        Fault::Nested(error)
    }
}

/// A node under differentiation: what its rule sees.
pub(crate) struct Pullback<'a> {
    pub(crate) build: Build<'a>,
    pub(crate) node: NodeId,
    pub(crate) operands: SmallVec<[Value; 4]>,
    /// Of each result; `None` is zero. At least one is there.
    pub(crate) cotangents: SmallVec<[Option<Value>; 4]>,
    /// Which operands depend on a source.
    pub(crate) wanted: SmallVec<[bool; 4]>,
    shares: &'a mut Cotangents,
}

impl Pullback<'_> {
    /// A result of the node.
    pub(crate) fn result(&self, result: usize) -> Value {
        Value { node: self.node, result: result as u32 }
    }

    /// The cotangent of the only result.
    pub(crate) fn cotangent(&self) -> Value {
        self.cotangents[0].expect("a rule is called where there is a cotangent")
    }

    /// The cotangent of a result, zeros where it has none.
    pub(crate) fn cotangent_or_zeros(&mut self, result: usize) -> Result<Value, OpError> {
        match self.cotangents[result] {
            Some(cotangent) => Ok(cotangent),
            None => {
                let like = self.result(result);
                self.build.zeros_like(like)
            }
        }
    }

    pub(crate) fn type_of_operand(&self, position: usize) -> &TensorType {
        self.build.type_of(self.operands[position])
    }

    /// Adds a share to the cotangent of an operand, of the operand's type. Nothing happens where it is not wanted, but
    /// a rule should look at `wanted` before it computes.
    ///
    /// Sizes may be other expressions than those of the operand, if the op required that they are equal.
    pub(crate) fn add_share(&mut self, position: usize, share: Value) -> Result<(), OpError> {
        if !self.wanted[position] {
            return Ok(());
        }
        let dims = self.type_of_operand(position).dims.clone();
        let share = self.build.reshape(share, dims)?;
        self.shares.add(&mut self.build, self.operands[position], share)
    }

    /// What an operand's cotangent is so far.
    pub(crate) fn share_so_far(&self, position: usize) -> Option<Value> {
        self.shares.get(self.operands[position])
    }

    /// Puts another value in the place of an operand's cotangent, which has taken the sum so far into account.
    pub(crate) fn set_share(&mut self, position: usize, total: Value) {
        self.shares.values.insert(self.operands[position], total);
    }
}

#[derive(Default)]
struct Cotangents {
    values: HashMap<Value, Value>,
}

impl Cotangents {
    fn get(&self, value: Value) -> Option<Value> {
        self.values.get(&value).copied()
    }

    fn add(&mut self, build: &mut Build<'_>, value: Value, share: Value) -> Result<(), OpError> {
        let total = match self.get(value) {
            Some(so_far) => build.plus(so_far, share)?,
            None => share,
        };
        self.values.insert(value, total);
        Ok(())
    }
}

/// By node: whether any result depends on a source through floats and ops that have derivatives.
fn find_active(
    graph: &Graph,
    order: &[NodeId],
    sources: &HashSet<Value>,
    include: &dyn Fn(NodeId) -> bool,
) -> Vec<bool> {
    let mut active = vec![false; graph.id_bound()];
    for &id in order {
        let node = graph.node(id);
        if node.op().is_some_and(|op| zero_reason(op).is_none()) && include(id) {
            active[id.index()] = node.operands().iter().any(|&operand| is_active(graph, &active, sources, operand));
        }
    }
    active
}

fn is_active(graph: &Graph, active: &[bool], sources: &HashSet<Value>, value: Value) -> bool {
    let depends = active.get(value.node.index()).is_some_and(|&active| active) || sources.contains(&value);
    depends && graph.type_of(value).dtype.is_float()
}
