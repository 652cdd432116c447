//! Brings a graph into the form that fusion expects.
//!
//! 1. A reduction over several groups of axes becomes a sequence of reductions over one group each, the innermost first, as
//!    its order is defined (see [`order`]).
//! 2. The operands of a product have their free axes side by side and in order, and so their contracted ones; where they
//!    do not, the operand is transposed first.
//! 3. The kernel of a convolution has its spatial axes first, then the input features, then the output features, and is not
//!    reversed; its result has the batch first and the features last. Where they do not, they are transposed.
//! 4. What sums halves is computed in `f32`, and its result is rounded once: products, convolutions, linear algebra, and the
//!    reductions that rule 1 takes apart, so that their parts are not rounded. (Kernels do so with other reductions.)

use tancho_ir::ops::reduce::order;
use tancho_ir::ops::{ConvAxes, ConvOp, DotOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp};
use tancho_ir::{Graph, NodeId, Op, Value};
use tancho_tensor::DType;

/// Rewrites a graph so that it can be cut into kernels.
pub fn legalize(graph: &mut Graph) {
    for id in graph.topological_order() {
        let id = if sums_halves(graph, id) { widen(graph, id) } else { id };
        match graph.node(id).op() {
            Some(Op::Reduce(op)) => split_groups(graph, id, op.clone()),
            Some(Op::Dot(op)) => order_operands(graph, id, op.clone()),
            Some(Op::Conv(op)) => order_convolution(graph, id, op.clone()),
            Some(
                Op::Elementwise(_)
                | Op::Shape(_)
                | Op::Fold(_)
                | Op::Index(_)
                | Op::Random(_)
                | Op::Linalg(_)
                | Op::Control(_)
                | Op::Effect(_),
            )
            | None => {}
        }
    }
}

/// Whether an op on halves has to compute in `f32`.
fn sums_halves(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    if !node.operands().iter().any(|&operand| graph.type_of(operand).dtype.is_half()) {
        return false;
    }
    match node.op() {
        Some(Op::Dot(_) | Op::Conv(_) | Op::Linalg(_)) => true,
        Some(Op::Reduce(op)) => {
            matches!(op.kind, ReduceKind::Sum | ReduceKind::Product) && order::groups(&op.axes).len() > 1
        }
        Some(
            Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Fold(_)
            | Op::Index(_)
            | Op::Random(_)
            | Op::Control(_)
            | Op::Effect(_),
        )
        | None => false,
    }
}

/// Puts a node of halves with one result between conversions to `f32` and back; gives the node of the op itself.
fn widen(graph: &mut Graph, id: NodeId) -> NodeId {
    let node = graph.node(id);
    let (span, dtype) = (node.span().clone(), node.types()[0].dtype);
    let (op, operands) = (node.op().expect("parameters sum nothing").clone(), node.operands().to_vec());
    let convert = |dtype| Op::Elementwise(ElementwiseOp::Convert(dtype));
    let wide: Vec<Value> = operands
        .iter()
        .map(|&x| graph.add_value(convert(DType::F32), &[x], span.clone()).expect("any operand converts"))
        .collect();
    let computed = graph.add_value(op, &wide, span.clone()).expect("the op takes f32");
    let rounded = graph.add_value(convert(dtype), &[computed], span).expect("any result converts");
    graph.replace_all_uses(Value { node: id, result: 0 }, rounded);
    graph.remove(id);
    computed.node
}

fn split_groups(graph: &mut Graph, id: NodeId, op: ReduceOp) {
    let groups = order::groups(&op.axes);
    if groups.len() < 2 {
        return;
    }
    let span = graph.node(id).span().clone();
    let mut value = graph.node(id).operands()[0];
    // Axes before a group keep their numbers when the group goes, so that the innermost first needs no renumbering.
    for group in groups {
        let reduce = Op::Reduce(ReduceOp { kind: op.kind, axes: group.collect() });
        value = graph.add_value(reduce, &[value], span.clone()).expect("a part of a reduction that fits");
    }
    graph.replace_all_uses(Value { node: id, result: 0 }, value);
    graph.remove(id);
}

fn order_operands(graph: &mut Graph, id: NodeId, op: DotOp) {
    let [lhs, rhs] = *graph.node(id).operands() else { return };
    let lhs_free = DotOp::free_axes(&op.lhs_batch, &op.lhs_contract, graph.type_of(lhs).rank());
    let rhs_free = DotOp::free_axes(&op.rhs_batch, &op.rhs_contract, graph.type_of(rhs).rank());
    let batch = op.lhs_batch.len();
    let contract = op.lhs_contract.len();
    let mut ordered = op.clone();
    let mut operands = [lhs, rhs];
    if !(is_run(&lhs_free) && is_run(&op.lhs_contract)) {
        let permutation = [op.lhs_batch.clone(), lhs_free, op.lhs_contract].concat();
        ordered.lhs_batch = (0..batch).collect();
        ordered.lhs_contract = (permutation.len() - contract..permutation.len()).collect();
        operands[0] = transpose(graph, id, lhs, permutation);
    }
    if !(is_run(&rhs_free) && is_run(&op.rhs_contract)) {
        let permutation = [op.rhs_batch.clone(), op.rhs_contract, rhs_free].concat();
        ordered.rhs_batch = (0..batch).collect();
        ordered.rhs_contract = (batch..batch + contract).collect();
        operands[1] = transpose(graph, id, rhs, permutation);
    }
    if operands != [lhs, rhs] {
        graph.replace_op(id, Op::Dot(ordered), &operands);
    }
}

fn transpose(graph: &mut Graph, id: NodeId, value: Value, permutation: Vec<usize>) -> Value {
    let span = graph.node(id).span().clone();
    graph.add_value(Op::Shape(ShapeOp::Transpose { permutation }), &[value], span).expect("a permutation of the axes")
}

/// Reverses and transposes the kernel, and transposes the result, where their axes are not in the order that products have.
fn order_convolution(graph: &mut Graph, id: NodeId, op: ConvOp) {
    let span = graph.node(id).span().clone();
    let [lhs, mut rhs] = *graph.node(id).operands() else { return };
    let n_spatial = op.window.len();
    let reversed: Vec<usize> =
        (0..n_spatial).filter(|&axis| op.reversed[axis]).map(|axis| op.rhs.spatial[axis]).collect();
    if !reversed.is_empty() {
        let reverse = Op::Shape(ShapeOp::Reverse { axes: reversed });
        rhs = graph.add_value(reverse, &[rhs], span.clone()).expect("axes of the kernel");
    }
    let spatial = op.rhs.spatial.iter().copied();
    let permutation: Vec<usize> = spatial.chain([op.rhs.feature, op.rhs.batch]).collect();
    if !permutation.is_sorted() {
        rhs = transpose(graph, id, rhs, permutation);
    }
    let ordered = ConvOp {
        reversed: vec![false; n_spatial],
        rhs: ConvAxes { spatial: (0..n_spatial).collect(), feature: n_spatial, batch: n_spatial + 1 },
        output: ConvAxes { batch: 0, spatial: (1..=n_spatial).collect(), feature: n_spatial + 1 },
        ..op.clone()
    };
    if ordered == op {
        return;
    }
    let ConvAxes { batch, feature, spatial } = &op.output;
    let mut permutation = vec![0; n_spatial + 2];
    permutation[*batch] = 0;
    permutation[*feature] = n_spatial + 1;
    spatial.iter().enumerate().for_each(|(number, &axis)| permutation[axis] = number + 1);
    if permutation.is_sorted() {
        graph.replace_op(id, Op::Conv(ordered), &[lhs, rhs]);
        return;
    }
    let result = graph.add_value(Op::Conv(ordered), &[lhs, rhs], span).expect("the same convolution");
    let result = transpose(graph, id, result, permutation);
    graph.replace_all_uses(Value { node: id, result: 0 }, result);
    graph.remove(id);
}

/// Whether axes are consecutive numbers.
fn is_run(axes: &[usize]) -> bool {
    axes.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
