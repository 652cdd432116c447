//! Rewrites: named rows, one algebraic fact each, and the walk that applies them until none fits.
//!
//! A row looks at one node and says what may stand in its place, as a small tree over values that are there already. The
//! walk does the rest:
//! 1. Every node is visited once in topological order, so that a row sees operands that are in their final form.
//! 2. Where a row fits, the tree is added to the graph with the span of the node, and the node's users use its root. The
//!    node is removed, and what only it used, so that rows can count users.
//! 3. The new nodes are visited, and those for which a row may fit now that did not before: the users of the replacement, and
//!    a node that has become the only user of a value.
//!
//! So the walk takes time in the number of nodes and of rewrites. It ends if no row undoes what another does: each row
//! takes an op away, puts a cheaper one in its place, or moves one nearer to the results.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, Graph, NodeId, Op, TensorType, Value, infer};

use crate::{Changed, Context};

/// One algebraic fact.
pub struct Rewrite {
    pub name: &'static str,
    /// Why the bits of the result stay what they were.
    pub keeps: &'static str,
    /// What may stand in a node's place; `None` where the fact does not apply. It requires nothing of sizes that does not
    /// follow from what the node and its operands require.
    pub apply: fn(&Graph, NodeId) -> Option<Replacement>,
}

/// What stands in the place of a node.
// A replacement lives for a moment, and a rewrite is easier to read without a box around its op.
#[allow(clippy::large_enum_variant)]
pub enum Replacement {
    /// A value that is there already.
    Value(Value),
    /// A new op.
    Op(Op, Vec<Replacement>),
}

impl From<Value> for Replacement {
    fn from(value: Value) -> Self {
        Replacement::Value(value)
    }
}

impl Replacement {
    /// A new op on values that are there already.
    pub fn op(op: Op, operands: &[Value]) -> Self {
        Replacement::Op(op, operands.iter().copied().map(Replacement::Value).collect())
    }

    pub fn broadcast(dims: &Dims, axes: Vec<usize>, operand: impl Into<Replacement>) -> Self {
        Replacement::Op(Op::Shape(ShapeOp::BroadcastInDim { dims: dims.clone(), axes }), vec![operand.into()])
    }

    pub fn reshape(dims: impl IntoIterator<Item = Dim>, operand: impl Into<Replacement>) -> Self {
        let dims = dims.into_iter().collect();
        Replacement::Op(Op::Shape(ShapeOp::Reshape { dims }), vec![operand.into()])
    }

    pub fn transpose(permutation: Vec<usize>, operand: impl Into<Replacement>) -> Self {
        Replacement::Op(Op::Shape(ShapeOp::Transpose { permutation }), vec![operand.into()])
    }

    /// The type that the value will have; `None` where an op does not take its operands.
    fn infer_type(&self, graph: &Graph) -> Option<TensorType> {
        match self {
            Replacement::Value(value) => Some(graph.type_of(*value).clone()),
            Replacement::Op(op, operands) => {
                let types: Vec<_> = operands.iter().map(|operand| operand.infer_type(graph)).collect::<Option<_>>()?;
                infer(op, &types, &mut Vec::new()).ok()?.into_iter().next()
            }
        }
    }
}

/// Applies rows until none fits; see the file's own documentation.
pub fn apply_rewrites(graph: &mut Graph, context: &Context, rows: &[Rewrite]) -> Changed {
    let mut waiting = Waiting::new(graph);
    let mut changed = Changed::NOTHING;
    while let Some(id) = waiting.pop() {
        if !graph.contains(id) || graph.node(id).op().is_none() || !graph.is_used(id) {
            continue;
        }
        let Some(replacement) = rows.iter().find_map(|row| fitting(graph, id, (row.apply)(graph, id)?)) else {
            continue;
        };
        if !context.permit() {
            break;
        }
        let old = Value { node: id, result: 0 };
        for (user, _) in graph.users(old) {
            waiting.push(user);
        }
        let bound = graph.id_bound();
        let new = build(graph, replacement, id);
        graph.replace_all_uses(old, new);
        waiting.push_new(graph, bound);
        for value in remove_unused(graph, vec![id]) {
            if let Some(user) = graph.only_user(value) {
                waiting.push(user);
            }
        }
        changed.0 += 1;
    }
    changed
}

/// A replacement must have the very type of the node: sizes that are equal only by a constraint would not be those that the
/// users' types were inferred from.
fn fitting(graph: &Graph, id: NodeId, replacement: Replacement) -> Option<Replacement> {
    (replacement.infer_type(graph).as_ref() == graph.node(id).types().first()).then_some(replacement)
}

/// Adds a replacement to the graph. What its ops require of sizes follows from what the graph requires already, so that no
/// constraint is recorded.
fn build(graph: &mut Graph, replacement: Replacement, id: NodeId) -> Value {
    match replacement {
        Replacement::Value(value) => value,
        Replacement::Op(op, operands) => {
            let operands: Vec<Value> = operands.into_iter().map(|operand| build(graph, operand, id)).collect();
            let types: Vec<TensorType> = operands.iter().map(|&operand| graph.type_of(operand).clone()).collect();
            let types = infer(&op, &types, &mut Vec::new()).expect("the types were inferred before");
            let span = graph.node(id).span().clone();
            Value { node: graph.add_unchecked(op, &operands, types, span), result: 0 }
        }
    }
}

/// Removes operations that nobody uses, and those that only they used; gives the values that have lost a user.
pub fn remove_unused(graph: &mut Graph, mut candidates: Vec<NodeId>) -> Vec<Value> {
    // The latest first: a user goes before its operands, and petgraph finds the edges of late nodes fastest.
    candidates.sort_unstable();
    let mut less_used = Vec::new();
    while let Some(id) = candidates.pop() {
        if !graph.contains(id) || graph.node(id).op().is_none_or(Op::has_side_effect) || graph.is_used(id) {
            continue;
        }
        let operands = graph.node(id).operands().to_vec();
        graph.remove(id);
        candidates.extend(operands.iter().map(|operand| operand.node));
        less_used.extend(operands);
    }
    less_used.retain(|value| graph.contains(value.node));
    less_used
}

/// The nodes that wait for a visit, the next one last.
struct Waiting {
    stack: Vec<NodeId>,
    /// By node id.
    is_waiting: Vec<bool>,
}

impl Waiting {
    fn new(graph: &Graph) -> Self {
        let mut stack = graph.topological_order();
        stack.reverse();
        Waiting { stack, is_waiting: vec![true; graph.id_bound()] }
    }

    fn pop(&mut self) -> Option<NodeId> {
        let id = self.stack.pop()?;
        self.is_waiting[id.index()] = false;
        Some(id)
    }

    fn push(&mut self, id: NodeId) {
        if !std::mem::replace(&mut self.is_waiting[id.index()], true) {
            self.stack.push(id);
        }
    }

    /// Adds the nodes from an id on, such that the first one is visited first: operands are built before their users.
    fn push_new(&mut self, graph: &Graph, bound: usize) {
        self.is_waiting.resize(graph.id_bound(), true);
        let new = graph.node_ids().rev().take_while(|id| id.index() >= bound);
        self.stack.extend(new);
    }
}
