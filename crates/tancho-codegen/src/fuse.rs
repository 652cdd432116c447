//! Fusion: cuts a graph into kernels.
//!
//! The graph is walked backwards. A *root* is a value that has to lie in memory; its kernel takes in, going through the
//! operands, every value that only this kernel uses, and those that are cheaper to compute twice than to store and load.
//! What is left is loaded, and so becomes a root itself. All users of a value are lowered before the value is, so that one
//! walk in reverse topological order meets every root once.
//!
//! 1. A value is *exclusive* to a kernel if all its users are in the kernel and exclusive to it.
//! 2. Elementwise ops, reductions and matrix products are taken in when they are exclusive; the movement of data, constants
//!    and cheap ops of one operand always.
//! 3. A value that is broadcast to more elements, other than once per row, is computed before unless it is cheap.
//! 4. Where an op cannot follow (an index that is not affine, a second product, a reduction of other axes), its value is
//!    marked to be materialised and the kernel is built anew without it.
//!
//! `concatenate` and `pad` have a kernel for each operand, which writes its part of the result.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use tancho_ir::ops::{BinaryOp, ControlOp, ElementwiseOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Graph, NodeId, NodeKind, Op, Span, TensorType, Value};

use crate::compiled::CompileError;
use crate::draft::{Affine, Map, flatten};
use crate::lower::{KernelBuilder, Stop, has_own_launches, lower_launches, lower_product};
use crate::program::{BufferId, BufferInfo, Launch, Memory, ProductOutput, Program};

/// Most nodes that one kernel takes in: bounds the time to compile it and the registers that it wants.
const MAX_NODES: usize = 192;

/// Most instructions, about, of a value that is computed twice rather than stored and loaded.
const CHEAP: usize = 4;

/// Cuts a graph into launches of kernels. Without `fuse`, each op is a kernel of its own.
///
/// # Errors
/// The graph has an op without a compiled form: a call that was not inlined. Or a graph in it cannot be compiled.
pub fn fuse(graph: &Graph, fuse: bool) -> Result<Program, CompileError> {
    let mut lowering = Lowering::new(graph, fuse);
    let results: Vec<(BufferId, TensorType)> =
        graph.results().iter().map(|&value| (lowering.request(value), graph.type_of(value).clone())).collect();
    lowering.request_effects();
    let mut groups: Vec<Vec<SpannedLaunch>> = Vec::new();
    while let Some((_, value)) = lowering.pending.pop() {
        groups.push(lowering.lower_root(value)?);
    }
    let (launches, spans) = groups.into_iter().rev().flatten().unzip();
    let outputs = lowering.outputs;
    let parameters = graph.parameter_types().cloned().collect();
    Ok(Program {
        name: graph.name().to_owned(),
        parameters,
        buffers: lowering.buffers,
        launches,
        spans,
        results,
        outputs,
    })
}

/// A launch, and where the operations that it computes come from.
type SpannedLaunch = (Launch, Vec<Span>);

/// A graph that is being cut.
pub(crate) struct Lowering<'g> {
    pub graph: &'g Graph,
    pub fuse: bool,
    /// The place of each node in topological order, by index.
    order: Vec<usize>,
    buffers: Vec<BufferInfo>,
    buffer_of: HashMap<Value, BufferId>,
    /// Values that must lie in memory of their own.
    materialized: HashSet<Value>,
    /// Values whose memory goes to the caller.
    output_values: HashSet<Value>,
    outputs: usize,
    /// Roots that are still to be lowered, the last in topological order first.
    pending: BinaryHeap<(usize, Value)>,
    /// The nodes of several results whose launches are made.
    lowered: HashSet<NodeId>,
    /// The nodes that the product at hand takes in by the strides of its operands.
    pub viewed: Vec<NodeId>,
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph, fuse: bool) -> Self {
        let mut order = vec![0; graph.id_bound()];
        graph.topological_order().iter().enumerate().for_each(|(place, id)| order[id.index()] = place);
        let output_values: HashSet<Value> = graph.results().iter().map(|&value| dense_source(graph, value)).collect();
        Lowering {
            graph,
            fuse,
            order,
            buffers: Vec::new(),
            buffer_of: HashMap::new(),
            materialized: output_values.clone(),
            output_values,
            outputs: 0,
            pending: BinaryHeap::new(),
            lowered: HashSet::new(),
            viewed: Vec::new(),
        }
    }

    /// Makes what must happen a root, whether or not anybody uses its results.
    ///
    /// Roots are lowered in topological order, which keeps to the order of effects.
    fn request_effects(&mut self) {
        for id in self.graph.node_ids() {
            if self.graph.node(id).op().is_some_and(Op::has_side_effect) {
                // It may have no results; what has launches of its own is known by its first one all the same.
                self.pending.push((self.order[id.index()], Value { node: id, result: 0 }));
            }
        }
    }

    /// The buffer that holds a value; the value becomes a root if nothing has asked for it before.
    ///
    /// A reshaped value lies in the memory of its operand.
    pub fn request(&mut self, value: Value) -> BufferId {
        if let Some(&buffer) = self.buffer_of.get(&value) {
            return buffer;
        }
        let source = dense_source(self.graph, value);
        let buffer = match self.buffer_of.get(&source) {
            Some(&buffer) => buffer,
            None => self.add_buffer(source),
        };
        self.buffer_of.insert(value, buffer);
        buffer
    }

    fn add_buffer(&mut self, value: Value) -> BufferId {
        let buffer = BufferId(self.buffers.len() as u32);
        let memory = match self.graph.node(value.node).kind() {
            NodeKind::Parameter(position) => Memory::Argument(*position),
            NodeKind::Op(Op::Shape(ShapeOp::Constant(array))) => Memory::Constant(array.clone()),
            NodeKind::Op(_) => {
                self.pending.push((self.order[value.node.index()], value));
                self.materialized.insert(value);
                if self.output_values.contains(&value) {
                    self.outputs += 1;
                    Memory::Output(self.outputs - 1)
                } else {
                    Memory::Temporary
                }
            }
        };
        self.buffers.push(BufferInfo { of: self.graph.type_of(value).clone(), memory });
        self.buffer_of.insert(value, buffer);
        buffer
    }

    /// Whether a value lies, or will lie, in memory.
    pub fn is_materialized(&self, value: Value) -> bool {
        !self.fuse || self.materialized.contains(&value) || self.graph.node(value.node).op().is_none()
    }

    /// The launches that compute a root.
    fn lower_root(&mut self, value: Value) -> Result<Vec<SpannedLaunch>, CompileError> {
        let graph = self.graph;
        let node = graph.node(value.node);
        if let Some(op) = node.op()
            && has_own_launches(op)
        {
            // One launch makes all results, when the first is asked for.
            if !self.lowered.insert(value.node) {
                return Ok(Vec::new());
            }
            let results: Vec<BufferId> =
                (0..node.types().len() as u32).map(|result| self.request(Value { node: value.node, result })).collect();
            let launches = lower_launches(self, value.node, op, &results)?;
            let spans = self.spans_of_op(value.node);
            return Ok(launches.into_iter().map(|launch| (launch, spans.clone())).collect());
        }
        let buffer = self.buffer_of[&value];
        let dims = graph.type_of(value).dims.clone();
        match node.op() {
            Some(Op::Dot(_) | Op::Conv(_)) => {
                let product = lower_product(self, value, ProductOutput::Buffer(buffer));
                let spans = self.spans_of([value.node]);
                Ok(vec![(Launch::Product(Box::new(product)), spans)])
            }
            Some(Op::Shape(ShapeOp::Concatenate { axis })) => {
                let mut launches = Vec::new();
                let mut start = Dim::ZERO;
                for &operand in node.operands() {
                    let shift = start.clone();
                    let (launch, spans) = self.lower_kernel(operand, false, buffer, |map| {
                        let mut map = map.to_vec();
                        map[*axis] = map[*axis].scaled(&Dim::ONE, shift.clone());
                        flatten(&map, &dims)
                    })?;
                    launches.push((launch, distinct([node.span()].into_iter().chain(&spans))));
                    start = start + graph.type_of(operand).dims[*axis].clone();
                }
                Ok(launches)
            }
            Some(Op::Shape(ShapeOp::Pad { low, high, interior })) => self.lower_pad(value, buffer, low, high, interior),
            _ => Ok(vec![self.lower_kernel(value, true, buffer, |map| flatten(map, &dims))?]),
        }
    }

    /// Two launches: one fills the result with the padding value, one writes the operand's elements that stay.
    fn lower_pad(
        &mut self,
        value: Value,
        buffer: BufferId,
        low: &[Dim],
        high: &[Dim],
        interior: &[i64],
    ) -> Result<Vec<SpannedLaunch>, CompileError> {
        let graph = self.graph;
        let (operand, padding) = (graph.node(value.node).operands()[0], graph.node(value.node).operands()[1]);
        let dims = graph.type_of(value).dims.clone();
        let operand_dims = graph.type_of(operand).dims.clone();
        // Element `first + i` of the operand goes to `low + (first + i)·step`; the count of those that stay is bounded by
        // the operand's end and by the result's: a negative `high` cuts there.
        let mut first = Vec::new();
        let mut count = Vec::new();
        for axis in 0..dims.len() {
            let step = Dim::known(interior[axis] + 1);
            let cut = (-low[axis].clone()).maximum(&Dim::ZERO);
            let begin = cut.ceil_div(&step).expect("a positive step");
            let end = match high[axis].as_known() {
                Some(0..) => operand_dims[axis].clone(),
                _ => {
                    let places = (dims[axis].clone() - low[axis].clone()).ceil_div(&step).expect("a positive step");
                    operand_dims[axis].minimum(&places)
                }
            };
            count.push((end - begin.clone()).maximum(&Dim::ZERO));
            first.push(begin);
        }
        let fill = self.lower_domain(padding, false, buffer, &dims, |_| Map::new(), |map| flatten(map, &dims))?;
        let interior = self.lower_domain(
            operand,
            false,
            buffer,
            &count,
            |map| map.iter().zip(&first).map(|(index, first)| index.scaled(&Dim::ONE, first.clone())).collect(),
            |map| {
                let place = |axis: usize| {
                    let step = Dim::known(interior[axis] + 1);
                    map[axis].scaled(&step, low[axis].clone() + first[axis].clone() * step.clone())
                };
                flatten(&(0..dims.len()).map(place).collect::<Map>(), &dims)
            },
        )?;
        let span = graph.node(value.node).span();
        Ok([fill, interior].map(|(launch, spans)| (launch, distinct([span].into_iter().chain(&spans)))).into())
    }

    /// A kernel over the elements of a value that stores each at a place of a buffer.
    ///
    /// `is_root` says that the value is the one that the buffer holds, so that its op is computed, not loaded.
    fn lower_kernel(
        &mut self,
        value: Value,
        is_root: bool,
        buffer: BufferId,
        place: impl Fn(&[Affine]) -> Affine,
    ) -> Result<SpannedLaunch, CompileError> {
        let dims = self.graph.type_of(value).dims.clone();
        self.lower_domain(value, is_root, buffer, &dims, |map| map.to_vec(), place)
    }

    /// As [`Lowering::lower_kernel`], over a domain of other sizes, whose points `index` maps to the value's elements.
    fn lower_domain(
        &mut self,
        value: Value,
        is_root: bool,
        buffer: BufferId,
        domain: &[Dim],
        index: impl Fn(&[Affine]) -> Map,
        place: impl Fn(&[Affine]) -> Affine,
    ) -> Result<SpannedLaunch, CompileError> {
        loop {
            let inlined = self.taken_in(value, is_root);
            let mut builder = KernelBuilder::new(self.graph, inlined);
            let map = builder.add_domain(domain);
            let pulled = match is_root {
                true => builder.compute(value, &index(&map)),
                false => builder.pull(value, &index(&map)),
            };
            let tile = builder.tile;
            let of = self.buffers[buffer.index()].of.dtype;
            let pulled = pulled.map(|scalar| builder.stored(scalar, of));
            let mut draft = std::mem::take(&mut builder.draft);
            let computed = std::mem::take(&mut builder.computed);
            let stop = match pulled {
                Ok((scalar, dtype)) => {
                    draft.stores.push((dtype, buffer, place(&map), scalar));
                    let reduced = draft.reduced_values.clone();
                    match draft.finish(|value| self.request(value)) {
                        Ok(launch) => {
                            let launch = match tile {
                                Some(product) => {
                                    let output = ProductOutput::Epilogue(launch);
                                    Launch::Product(Box::new(lower_product(self, product, output)))
                                }
                                None => Launch::Loop(launch),
                            };
                            return Ok((launch, self.spans_of(computed)));
                        }
                        Err(_) => Stop::Materialize(self.value_to_materialize(value, tile, &reduced)),
                    }
                }
                Err(stop) => stop,
            };
            match stop {
                Stop::Materialize(value) => {
                    assert!(self.materialized.insert(value), "materialising a value again helps nothing");
                }
                Stop::Unsupported(node) => return Err(self.unsupported(node)),
            }
        }
    }

    /// Where nodes come from, and what their product has taken in besides.
    fn spans_of(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Vec<Span> {
        let viewed = std::mem::take(&mut self.viewed);
        distinct(nodes.into_iter().chain(viewed).map(|id| self.graph.node(id).span()))
    }

    /// Where an op comes from that has launches of its own, and what is in the graphs that it holds. Graphs that become
    /// programs have launches with spans of their own.
    fn spans_of_op(&self, id: NodeId) -> Vec<Span> {
        let node = self.graph.node(id);
        let mut spans = vec![node.span()];
        if let Some(Op::Fold(_) | Op::Index(_)) = node.op() {
            let regions = node.op().map(Op::regions).unwrap_or_default();
            for (_, region) in regions {
                spans.extend(region.node_ids().map(|id| region.node(id).span()));
            }
        }
        distinct(spans)
    }

    /// The error for a node that has no compiled form.
    pub fn unsupported(&self, id: NodeId) -> CompileError {
        let node = self.graph.node(id);
        CompileError::Unsupported { op: node.op().map_or("parameter", Op::name), span: node.span().clone() }
    }

    /// Memory that belongs to no value of the graph, for a launch to work in.
    pub fn add_workspace(&mut self, of: TensorType) -> BufferId {
        self.buffers.push(BufferInfo { of, memory: Memory::Temporary });
        BufferId(self.buffers.len() as u32 - 1)
    }

    /// What has to lie in memory so that the dimensions of a kernel merge.
    fn value_to_materialize(&self, root: Value, tile: Option<Value>, reduced: &[(Value, Value)]) -> Value {
        let operand = reduced.iter().map(|&(_, operand)| operand).find(|&operand| !self.is_materialized(operand));
        let reduction = reduced.iter().map(|&(reduction, _)| reduction).find(|&reduction| reduction != root);
        tile.or(operand).or(reduction).expect("a kernel without reductions and tiles always has a form")
    }

    /// The nodes that the kernel of a root takes in, and whether they are exclusive to it.
    fn taken_in(&self, root: Value, is_root: bool) -> HashMap<NodeId, bool> {
        let graph = self.graph;
        let mut taken: HashMap<NodeId, bool> = HashMap::new();
        // By place in the order, so that all users of a node are decided before the node is; the flag says whether each
        // user wants the node's value at most once for each of its elements.
        let mut candidates: BTreeMap<usize, (NodeId, bool)> = BTreeMap::new();
        if is_root {
            taken.insert(root.node, true);
            self.add_operands(root.node, true, &mut candidates);
        } else {
            candidates.insert(self.order[root.node.index()], (root.node, true));
        }
        while let Some((_, (id, once))) = candidates.pop_last() {
            let value = Value { node: id, result: 0 };
            let Some(op) = graph.node(id).op() else { continue };
            if taken.len() >= MAX_NODES {
                continue;
            }
            let exclusive = once && self.is_exclusive(value, root, is_root, &taken);
            let take = match op {
                Op::Shape(ShapeOp::Constant(array)) => array.len() == 1,
                Op::Shape(ShapeOp::Concatenate { .. } | ShapeOp::Pad { .. }) => false,
                _ if self.is_materialized(value) => false,
                Op::Shape(_) => true,
                Op::Elementwise(_) => exclusive || self.cost(value) <= CHEAP,
                Op::Reduce(_) | Op::Dot(_) => exclusive,
                // The groups of a convolution interleave in its result.
                Op::Conv(op) => exclusive && op.feature_groups == 1 && op.batch_groups == 1,
                // These have launches of their own.
                Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) | Op::Control(_) | Op::Effect(_) => false,
            };
            if take {
                taken.insert(id, exclusive);
                self.add_operands(id, exclusive, &mut candidates);
            }
        }
        taken
    }

    fn add_operands(&self, id: NodeId, exclusive: bool, candidates: &mut BTreeMap<usize, (NodeId, bool)>) {
        let node = self.graph.node(id);
        if matches!(node.op(), Some(Op::Dot(_) | Op::Conv(_))) {
            return;
        }
        let once = exclusive && !node.op().is_some_and(|op| self.repeats_operand(op, node.operands()));
        for operand in node.operands() {
            let entry = candidates.entry(self.order[operand.node.index()]).or_insert((operand.node, true));
            entry.1 &= once;
        }
    }

    /// Whether an op reads its operand's elements many times, other than once per row: a broadcast along outer axes.
    fn repeats_operand(&self, op: &Op, operands: &[Value]) -> bool {
        let Op::Shape(ShapeOp::BroadcastInDim { axes, dims }) = op else { return false };
        let sizes = &self.graph.type_of(operands[0]).dims;
        let kept: Vec<usize> =
            axes.iter().zip(sizes).filter(|(_, size)| **size != Dim::ONE).map(|(&axis, _)| axis).collect();
        let outer: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis] != Dim::ONE).take(kept.len()).collect();
        kept != outer
    }

    fn is_exclusive(&self, value: Value, root: Value, is_root: bool, taken: &HashMap<NodeId, bool>) -> bool {
        if value == root && !is_root {
            // The part of a concatenation or padding: its one user is the root that is being written.
            return self.graph.use_count(value) == 1;
        }
        !self.graph.results().contains(&value)
            && self.graph.users(value).iter().all(|(user, _)| taken.get(user) == Some(&true))
    }

    /// About how many instructions it takes to compute an element from what lies in memory; above [`CHEAP`] it is not
    /// counted further.
    fn cost(&self, value: Value) -> usize {
        let graph = self.graph;
        let mut cost = 0;
        let mut loads = 0;
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            let node = graph.node(value.node);
            match node.op() {
                Some(Op::Shape(ShapeOp::Constant(array))) if array.len() == 1 => continue,
                Some(Op::Shape(ShapeOp::Iota { .. } | ShapeOp::DimensionSize { .. })) => continue,
                Some(Op::Elementwise(op)) if !self.is_materialized(value) => cost += instruction_count(op),
                Some(Op::Shape(_)) if !self.is_materialized(value) => {}
                _ => {
                    loads += 1;
                    continue;
                }
            }
            if cost > CHEAP || loads > 1 {
                return CHEAP + 1;
            }
            pending.extend(node.operands());
        }
        if loads > 1 { CHEAP + 1 } else { cost }
    }
}

/// Each of the spans that say anything, once.
fn distinct<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<Span> {
    let mut seen = HashSet::new();
    spans.into_iter().filter(|span| !span.is_none() && seen.insert(*span)).cloned().collect()
}

/// The value whose dense memory a value lies in, going through what leaves the bytes as they are.
pub(crate) fn dense_source(graph: &Graph, mut value: Value) -> Value {
    loop {
        let operand = match graph.op_of(value) {
            Some(Op::Shape(ShapeOp::Reshape { .. } | ShapeOp::BitcastConvert { .. })) => 0,
            Some(Op::Control(ControlOp::OptimizationBarrier | ControlOp::StopGradient)) => value.result as usize,
            _ => return value,
        };
        value = graph.node(value.node).operands()[operand];
    }
}

/// About how many instructions an elementwise op takes; many for elementary functions and divisions.
fn instruction_count(op: &ElementwiseOp) -> usize {
    const MANY: usize = CHEAP + 1;
    match op {
        ElementwiseOp::Unary(
            UnaryOp::Abs
            | UnaryOp::Ceil
            | UnaryOp::Floor
            | UnaryOp::IsFinite
            | UnaryOp::Negate
            | UnaryOp::Not
            | UnaryOp::RoundNearestEven,
        ) => 1,
        ElementwiseOp::Unary(_) => MANY,
        ElementwiseOp::Binary(
            BinaryOp::Add
            | BinaryOp::And
            | BinaryOp::Maximum
            | BinaryOp::Minimum
            | BinaryOp::Multiply
            | BinaryOp::Or
            | BinaryOp::Subtract
            | BinaryOp::Xor,
        ) => 1,
        ElementwiseOp::Binary(_) => MANY,
        ElementwiseOp::Compare(_) | ElementwiseOp::Select | ElementwiseOp::Convert(_) => 1,
        ElementwiseOp::Clamp => 2,
        ElementwiseOp::ReducePrecision { .. } => MANY,
    }
}
