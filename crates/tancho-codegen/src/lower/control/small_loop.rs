//! Loops over few numbers as one procedure.
//!
//! A value of few elements is a variable for each of them, so that what moves elements is no code at all. Larger arrays stay
//! in memory: the body may read parts of them at computed places (the rows of a scan), and replace a part of one that is its
//! state (the rows that a scan gives). Such a state begins as a copy of its operand, in whose place it is made where
//! nothing else needs that, and is written where it lies. All that a trip writes is written at its end, when everything was
//! read.

use std::collections::HashMap;

use tancho_ir::ops::reduce::order;
use tancho_ir::ops::{BinaryOp, ElementwiseOp, IndexOp, ReduceKind, ReduceOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, NodeId, NodeKind, Op, TensorType, Value};
use tancho_tensor::DType;

use crate::compiled::CompileError;
use crate::draft::Affine;
use crate::lower::index::clamp_start;
use crate::lower::shape::operand_map;
use crate::procedure::region::{apply, assign_all, decode, encode, inline_node, is_scalar_node};
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch, TypedBuffer};

/// The most elements of a value that is held in variables. Code over scalars does one at a time, where kernels do many.
const MOST_ELEMENTS: usize = 4;
/// The most elements of all values of a trip: bounds the code.
const MOST_COMPUTED: usize = 512;

/// A loop that is compiled so.
pub(super) struct SmallLoop<'g> {
    condition: &'g Graph,
    body: &'g Graph,
    /// Whether each operand stays in memory.
    in_memory: Vec<bool>,
}

/// What a value of the loop is.
#[derive(Clone)]
enum Held {
    Elements(Vec<Variable>),
    /// The array of the operand of this number.
    Memory(usize),
}

/// An array in memory.
struct Array {
    place: Place,
    of: TensorType,
}

/// A part of an array that a trip replaces.
struct Replaced {
    array: usize,
    positions: Vec<Variable>,
    values: Vec<Variable>,
}

impl<'g> SmallLoop<'g> {
    /// The loop, where all that it computes with is small, and the rest is read and replaced in parts.
    pub(super) fn new(condition: &'g Graph, body: &'g Graph) -> Option<Self> {
        let parameters: Vec<Value> = body.parameters().collect();
        let in_memory: Vec<bool> = parameters.iter().map(|&parameter| is_indexed(body, parameter)).collect();
        let small = SmallLoop { condition, body, in_memory };
        let fits =
            parameters.iter().zip(condition.parameters()).enumerate().all(|(number, (&value, asked))| {
                match small.in_memory[number] {
                    true => small.stays_in_memory(number, value) && !condition.is_used(asked.node),
                    false => elements(body.type_of(value)).is_some(),
                }
            });
        let nodes = || body.node_ids().map(|id| (body, id)).chain(condition.node_ids().map(|id| (condition, id)));
        let computed: usize = nodes().flat_map(|(graph, id)| graph.node(id).types()).filter_map(elements).sum();
        let known = |(graph, id): (&Graph, NodeId)| graph.node(id).op().is_none_or(|op| small.computes(graph, id, op));
        (fits && computed <= MOST_COMPUTED && nodes().all(known)).then_some(small)
    }

    /// Whether an array is only read in parts, and either given back as it is, where it is a state, or with one part
    /// replaced that nobody reads in the same trip.
    fn stays_in_memory(&self, number: usize, array: Value) -> bool {
        let body = self.body;
        let given = body.results().get(number);
        let updates = body.users(array).into_iter().filter(|&(user, _)| is_update(body, user));
        let mut updated = updates.map(|(user, _)| Value { node: user, result: 0 });
        let kept = match (updated.next(), given) {
            (None, None) => body.results().iter().all(|&result| result != array),
            (None, Some(&given)) => {
                given == array && body.results().iter().filter(|&&result| result == array).count() == 1
            }
            (Some(first), Some(&given)) => {
                first == given && body.use_count(first) == 1 && !body.results().contains(&array)
            }
            (Some(_), None) => false,
        };
        kept && updated.next().is_none()
            && body.users(array).iter().all(|&(user, position)| position == 0 && is_dynamic(body, user))
    }

    /// Whether code over few elements computes an op.
    fn computes(&self, graph: &Graph, id: NodeId, op: &Op) -> bool {
        if is_scalar_node(graph, id) {
            return true;
        }
        let node = graph.node(id);
        let is_small = |&value: &Value| elements(graph.type_of(value)).is_some();
        if let Op::Index(IndexOp::DynamicSlice { .. } | IndexOp::DynamicUpdateSlice) = op {
            let array = node.operands()[0];
            let is_array =
                matches!(graph.node(array.node).kind(), NodeKind::Parameter(number) if self.in_memory[*number]);
            let part = match op {
                Op::Index(IndexOp::DynamicSlice { .. }) => Value { node: id, result: 0 },
                _ => node.operands()[1],
            };
            return std::ptr::eq(graph, self.body) && is_array && is_small(&part);
        }
        node.operands().iter().all(is_small)
            && node.types().iter().all(|of| elements(of).is_some())
            && match op {
                Op::Elementwise(_) => true,
                Op::Shape(op) => match op {
                    ShapeOp::Constant(_)
                    | ShapeOp::BroadcastInDim { .. }
                    | ShapeOp::Reshape { .. }
                    | ShapeOp::Transpose { .. }
                    | ShapeOp::Slice { .. }
                    | ShapeOp::Reverse { .. } => true,
                    ShapeOp::Iota { .. }
                    | ShapeOp::DimensionSize { .. }
                    | ShapeOp::Concatenate { .. }
                    | ShapeOp::Pad { .. }
                    | ShapeOp::BitcastConvert { .. } => false,
                },
                Op::Reduce(op) => {
                    let of = graph.type_of(node.operands()[0]);
                    fold_op(op.kind).is_some() && !of.dtype.is_half() && order::groups(&op.axes).len() == 1
                }
                Op::Dot(_)
                | Op::Conv(_)
                | Op::Fold(_)
                | Op::Index(_)
                | Op::Random(_)
                | Op::Linalg(_)
                | Op::Control(_)
                | Op::Effect(_) => false,
            }
    }

    /// The procedure.
    pub(super) fn lower(&self, operands: &[TypedBuffer], results: &[BufferId]) -> Result<Launch, CompileError> {
        let mut builder = ProcedureBuilder::new("while");
        let mut arrays: HashMap<usize, Array> = HashMap::new();
        let mut initial = Vec::new();
        let mut held: Vec<Held> = Vec::new();
        let mut state: Vec<Variable> = Vec::new();
        for (number, operand) in operands.iter().enumerate() {
            let (of, result) = (operand.of.clone(), results.get(number));
            if self.in_memory[number] {
                let place = match result {
                    Some(&result) => {
                        initial.push((result, operand.buffer));
                        builder.writes(result, of.dtype)
                    }
                    None => builder.reads(operand.buffer, of.dtype),
                };
                arrays.insert(number, Array { place, of });
                held.push(Held::Memory(number));
                continue;
            }
            let place = builder.reads(operand.buffer, of.dtype);
            let mut values = Vec::new();
            for element in 0..elements(&of).expect("what is held in variables is small") {
                let index = builder.integer(element as i64);
                let bits = builder.load(place, index);
                values.push(decode(&mut builder, bits, of.dtype));
            }
            if result.is_some() {
                values = values.into_iter().map(|value| builder.variable(value)).collect();
                state.extend(&values);
            }
            held.push(Held::Elements(values));
        }
        let (mut decided, mut stepped) = (Ok(()), Ok(()));
        builder.while_loop(
            |builder| match inline(builder, self.condition, &held, &arrays, &mut Vec::new()) {
                Ok(results) => results[0].elements()[0],
                Err(error) => {
                    decided = Err(error);
                    builder.bool(false)
                }
            },
            |builder| {
                let mut replaced = Vec::new();
                match inline(builder, self.body, &held, &arrays, &mut replaced) {
                    Ok(results) => {
                        replaced.iter().for_each(|part| store(builder, &arrays[&part.array], part));
                        let next: Vec<Variable> = results.iter().flat_map(Held::elements).copied().collect();
                        assign_all(builder, &state, &next);
                    }
                    Err(error) => stepped = Err(error),
                }
            },
        );
        decided.and(stepped)?;
        for ((&buffer, operand), value) in results.iter().zip(operands).zip(&held) {
            let Held::Elements(values) = value else { continue };
            let place = builder.writes(buffer, operand.of.dtype);
            for (element, &value) in values.iter().enumerate() {
                let index = builder.integer(element as i64);
                let bits = encode(&mut builder, value, operand.of.dtype);
                builder.store(place, index, bits);
            }
        }
        Ok(Launch::Procedure(builder.finish(Dim::ONE, Dim::ONE, initial)))
    }
}

impl Held {
    /// The elements; none of an array.
    fn elements(&self) -> &[Variable] {
        match self {
            Held::Elements(values) => values,
            Held::Memory(_) => &[],
        }
    }
}

/// The number of elements, where a value is small and has some.
fn elements(of: &TensorType) -> Option<usize> {
    of.known_shape()?.elements().filter(|elements| (1..=MOST_ELEMENTS).contains(elements))
}

/// Whether parts of a value are read or replaced.
fn is_indexed(graph: &Graph, value: Value) -> bool {
    graph.users(value).iter().any(|&(user, position)| position == 0 && is_dynamic(graph, user))
}

fn is_dynamic(graph: &Graph, id: NodeId) -> bool {
    is_update(graph, id) || matches!(graph.node(id).op(), Some(Op::Index(IndexOp::DynamicSlice { .. })))
}

fn is_update(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op(), Some(Op::Index(IndexOp::DynamicUpdateSlice)))
}

/// The op that a reduction folds with.
fn fold_op(kind: ReduceKind) -> Option<BinaryOp> {
    match kind {
        ReduceKind::Sum => Some(BinaryOp::Add),
        ReduceKind::Product => Some(BinaryOp::Multiply),
        ReduceKind::Max => Some(BinaryOp::Maximum),
        ReduceKind::Min => Some(BinaryOp::Minimum),
        ReduceKind::And => Some(BinaryOp::And),
        ReduceKind::Or => Some(BinaryOp::Or),
        ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => None,
    }
}

/// Writes the code of a graph, and gives its results; parts of arrays that it replaces are only noted.
fn inline(
    builder: &mut ProcedureBuilder,
    graph: &Graph,
    arguments: &[Held],
    arrays: &HashMap<usize, Array>,
    replaced: &mut Vec<Replaced>,
) -> Result<Vec<Held>, CompileError> {
    let mut values: HashMap<Value, Held> = HashMap::new();
    for id in graph.topological_order() {
        let node = graph.node(id);
        let op = match node.kind() {
            NodeKind::Parameter(position) => {
                values.insert(Value { node: id, result: 0 }, arguments[*position].clone());
                continue;
            }
            NodeKind::Op(op) => op,
        };
        let operands: Vec<&Held> = node.operands().iter().map(|operand| &values[operand]).collect();
        let types: Vec<&TensorType> = node.operands().iter().map(|&operand| graph.type_of(operand)).collect();
        let results: Vec<Held> = match (op, operands.first()) {
            (Op::Index(_), Some(&&Held::Memory(number))) => {
                let array = &arrays[&number];
                let is_update = is_update(graph, id);
                let (part, starts) =
                    if is_update { (types[1], &operands[2..]) } else { (&node.types()[0], &operands[1..]) };
                let positions = positions_of(builder, &array.of, part, starts);
                if is_update {
                    replaced.push(Replaced { array: number, positions, values: operands[1].elements().to_vec() });
                    vec![Held::Memory(number)]
                } else {
                    let load = |position| {
                        let bits = builder.load(array.place, position);
                        decode(builder, bits, array.of.dtype)
                    };
                    vec![Held::Elements(positions.into_iter().map(load).collect())]
                }
            }
            _ if is_scalar_node(graph, id) => {
                let operands: Vec<Variable> = operands.iter().map(|operand| operand.elements()[0]).collect();
                let results = inline_node(builder, graph, id, op, &operands)?;
                results.into_iter().map(|result| Held::Elements(vec![result])).collect()
            }
            _ => {
                let operands: Vec<&[Variable]> = operands.iter().map(|operand| operand.elements()).collect();
                let result = match op {
                    Op::Elementwise(op) => elementwise(builder, op, &operands, &types, &node.types()[0]),
                    Op::Shape(op) => moved(builder, op, &operands, &types, &node.types()[0]),
                    Op::Reduce(op) => reduced(builder, op, operands[0], types[0]),
                    _ => None,
                };
                let unsupported = || CompileError::Unsupported { op: op.name(), span: node.span().clone() };
                vec![Held::Elements(result.ok_or_else(unsupported)?)]
            }
        };
        for (result, held) in results.into_iter().enumerate() {
            values.insert(Value { node: id, result: result as u32 }, held);
        }
    }
    Ok(graph.results().iter().map(|result| values[result].clone()).collect())
}

/// The positions in an array of the elements of a part of it, whose start is clamped.
fn positions_of(
    builder: &mut ProcedureBuilder,
    whole: &TensorType,
    part: &TensorType,
    starts: &[&Held],
) -> Vec<Variable> {
    let starts: Vec<Variable> = starts
        .iter()
        .zip(whole.dims.iter().zip(&part.dims))
        .map(|(start, (whole, part))| clamp_start(builder, start.elements()[0], whole, part))
        .collect();
    let indices = indices_of(&part.dims);
    let position = |index: Vec<i64>| {
        let mut places = starts.clone();
        for (place, &index) in places.iter_mut().zip(&index).filter(|(_, index)| **index != 0) {
            let index = builder.integer(index);
            *place = builder.add(*place, index);
        }
        builder.position(&places, &whole.dims)
    };
    indices.into_iter().map(position).collect()
}

fn store(builder: &mut ProcedureBuilder, array: &Array, part: &Replaced) {
    for (&position, &value) in part.positions.iter().zip(&part.values) {
        let bits = encode(builder, value, array.of.dtype);
        builder.store(array.place, position, bits);
    }
}

/// The indices of an array of known sizes, in row-major order.
fn indices_of(dims: &Dims) -> Vec<Vec<i64>> {
    let mut indices = vec![Vec::new()];
    for size in dims.iter().map(|size| size.as_known().unwrap_or(0)) {
        indices = indices.iter().flat_map(|index| (0..size).map(|place| [&index[..], &[place]].concat())).collect();
    }
    indices
}

/// The row-major position of an index in an array of known sizes.
fn position_of(index: &[i64], dims: &Dims) -> usize {
    index.iter().zip(dims).fold(0, |position, (&index, size)| position * size.as_known().unwrap_or(0) + index) as usize
}

fn elementwise(
    builder: &mut ProcedureBuilder,
    op: &ElementwiseOp,
    operands: &[&[Variable]],
    types: &[&TensorType],
    of: &TensorType,
) -> Option<Vec<Variable>> {
    let dtypes: Vec<DType> = types.iter().map(|of| of.dtype).collect();
    let element = |number: usize| {
        // A scalar may stand for all elements.
        let operands: Vec<Variable> =
            operands.iter().zip(types).map(|(operand, of)| operand[if of.rank() == 0 { 0 } else { number }]).collect();
        apply(builder, op, &operands, &dtypes)
    };
    Some((0..elements(of)?).map(element).collect())
}

/// What a movement of elements, or a constant, gives.
fn moved(
    builder: &mut ProcedureBuilder,
    op: &ShapeOp,
    operands: &[&[Variable]],
    types: &[&TensorType],
    of: &TensorType,
) -> Option<Vec<Variable>> {
    if let ShapeOp::Constant(array) = op {
        let size = of.dtype.size();
        let stored = if of.dtype.is_half() { DType::U16 } else { of.dtype };
        let constant = |bytes: &[u8]| {
            let mut bits = [0; 8];
            bits[..size].copy_from_slice(bytes);
            let constant = builder.constant(u64::from_le_bytes(bits), stored);
            decode(builder, constant, of.dtype)
        };
        return Some(array.buffer().bytes()[..array.len() * size].chunks_exact(size).map(constant).collect());
    }
    if let ShapeOp::Reshape { .. } = op {
        return Some(operands[0].to_vec());
    }
    let element = |index: Vec<i64>| {
        let map = index.iter().map(|&place| Affine::constant(Dim::known(place))).collect();
        let from = operand_map(op, &types[0].dims, &map)?;
        let from: Vec<i64> = from.iter().map(|place| place.offset.as_known()).collect::<Option<_>>()?;
        operands[0].get(position_of(&from, &types[0].dims)).copied()
    };
    indices_of(&of.dims).into_iter().map(element).collect()
}

/// A reduction over neighbouring axes in the documented order, of which few elements need the first block alone.
fn reduced(
    builder: &mut ProcedureBuilder,
    op: &ReduceOp,
    operand: &[Variable],
    of: &TensorType,
) -> Option<Vec<Variable>> {
    let fold = ElementwiseOp::Binary(fold_op(op.kind)?);
    let axes = order::groups(&op.axes).pop()?;
    let is_row = axes.end == of.rank();
    let is_kept = |axis: &usize| !axes.contains(axis);
    let kept: Dims = (0..of.rank()).filter(is_kept).map(|axis| of.dims[axis].clone()).collect();
    let folded: Dims = axes.clone().map(|axis| of.dims[axis].clone()).collect();
    let mut results = Vec::new();
    for outside in indices_of(&kept) {
        let inside = indices_of(&folded).into_iter().map(|inside| {
            let index = [&outside[..axes.start], &inside, &outside[axes.start..]].concat();
            operand[position_of(&index, &of.dims)]
        });
        let mut values: Vec<Variable> = inside.collect();
        if values.is_empty() {
            return None;
        }
        // The identities of the other folds change nothing.
        if op.kind == ReduceKind::Sum && of.dtype.is_float() {
            let zero = builder.constant(0, of.dtype);
            let begun = if is_row { values.len() } else { 1 };
            for value in &mut values[..begun] {
                *value = apply(builder, &fold, &[zero, *value], &[of.dtype; 2]);
            }
        }
        results.push(fold_values(builder, &fold, &values, of.dtype, is_row));
    }
    Some(results)
}

/// Folds up to four values from left to right, or four as two pairs.
fn fold_values(
    builder: &mut ProcedureBuilder,
    fold: &ElementwiseOp,
    values: &[Variable],
    dtype: DType,
    in_pairs: bool,
) -> Variable {
    let mut combine = |x: Variable, y: Variable| apply(builder, fold, &[x, y], &[dtype; 2]);
    match values {
        &[a, b, c, d] if in_pairs => {
            let (left, right) = (combine(a, b), combine(c, d));
            combine(left, right)
        }
        _ => values[1..].iter().fold(values[0], |folded, &value| combine(folded, value)),
    }
}
