//! `reduce_window`: rows are results. (Small windows are kernels, see `unroll_windows`.)
//!
//! Behind the last axis along which the window moves lies a *run* of results that see the same places of it. Where it is
//! long (the features of an image), the results of a run are folded at once for each place of the window; where it is one
//! element, a result's accumulators are variables, and the loop goes along the last axis of the window.
//!
//! A place of the window without an element counts as the initial scalar. It is left out where that is known to change no
//! accumulator, which a fold that begins with that scalar reaches: a maximum with the least value, a sum with `+0`, …

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, WindowAxis};
use tancho_ir::{Dim, Graph, NodeId, Op, Value};
use tancho_tensor::DType;

use super::common::{Code, Fold, LONGEST_RUN, Runs, repeat_along, strides};
use crate::fuse::Lowering;
use crate::lower::element_bits;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// An axis of an operand, and the window along it.
pub(super) struct Axis {
    pub window: WindowAxis,
    pub size: Dim,
    /// The distance of neighbours in the operand.
    pub stride: Dim,
}

pub(super) fn axes_of(window: &[WindowAxis], dims: &[Dim]) -> Vec<Axis> {
    let axes = window.iter().zip(dims).zip(strides(dims));
    axes.map(|((window, size), stride)| Axis { window: window.clone(), size: size.clone(), stride }).collect()
}

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    window: &[WindowAxis],
    body: &Graph,
    results: &[BufferId],
) -> Launch {
    let graph = lowering.graph;
    let node = graph.node(id);
    let (operands, places) = (node.operands(), &node.types()[0].dims);
    let dims = &graph.type_of(operands[0]).dims;
    let mut builder = ProcedureBuilder::new("reduce_window");
    let fold = Fold::new(lowering, &mut builder, id, body, results);
    let mut axes = axes_of(window, dims);
    let moving = axes.iter().rposition(|axis| !axis.window.is_trivial()).map_or(0, |axis| axis + 1);
    axes.truncate(moving);
    let run = Dim::product(&dims[moving..]);
    let is_neutral = initial_is_neutral(graph, body, operands);
    let outside = |builder: &mut ProcedureBuilder, count: Variable, code: &dyn Fn(&mut ProcedureBuilder)| {
        if !is_neutral {
            builder.repeat(count, |builder, _| code(builder));
        }
    };
    let steps = Dim::product(window.iter().map(|axis| &axis.size));
    let work = (steps + Dim::ONE) * fold.work();
    let is_single = run == Dim::ONE && moving > 0;
    let (outer, inner) =
        if is_single { (&places[..moving - 1], &places[moving - 1]) } else { (&places[..moving], &run) };
    let runs = Runs::new(inner, LONGEST_RUN);
    let rows = runs.rows(Dim::product(outer));
    if is_single {
        let (outer_places, last) = (outer, inner);
        runs.for_each(&mut builder, |builder, outer, first, count| {
            let mut index = builder.split_position(outer, outer_places);
            let size = builder.size(last);
            let row = builder.multiply(outer, size);
            let end = builder.add(first, count);
            builder.for_each(first, end, |builder, place| {
                index.push(place);
                let accumulators = fold.accumulators(builder);
                let covered = Covered {
                    is_neutral,
                    outside: &|builder: &mut ProcedureBuilder, count| {
                        outside(builder, count, &|builder| {
                            fold.step_in_place(builder, &accumulators, &fold.initial);
                        });
                    },
                };
                let zero = builder.integer(0);
                covered.for_each_place(builder, &axes, &index, zero, |builder, position| {
                    let elements = fold.load_inputs(builder, position);
                    fold.step_in_place(builder, &accumulators, &elements);
                });
                let result = builder.add(row, place);
                fold.store_results(builder, result, &accumulators);
            });
        });
    } else {
        let outer_places = outer;
        runs.for_each(&mut builder, |builder, outer, first, count| {
            let index = builder.split_position(outer, outer_places);
            let size = builder.size(&run);
            let result = builder.multiply_add(outer, size, first);
            fold.fill_results(builder, result, count);
            let covered = Covered {
                is_neutral,
                outside: &|builder: &mut ProcedureBuilder, times| {
                    outside(builder, times, &|builder| {
                        fold.step_results(builder, result, count, |_, fold, _| fold.initial.clone());
                    });
                },
            };
            covered.for_each_place(builder, &axes, &index, first, |builder, position| {
                fold.step_results(builder, result, count, |builder, fold, distance| {
                    let from = builder.add(distance, position);
                    fold.load_inputs(builder, from)
                });
            });
        });
    }
    Launch::Procedure(builder.finish(rows, runs.work(work), Vec::new()))
}

/// What a window covers.
pub(super) struct Covered<'c> {
    /// Whether places without elements may be left out.
    pub is_neutral: bool,
    /// Code for a number of places without elements, one after another.
    pub outside: &'c dyn Fn(&mut ProcedureBuilder, Variable),
}

impl Covered<'_> {
    /// Runs code for each place of a window, which is at some place of each axis, in row-major order; elements have the
    /// positions that they have in the operand, and `start` more.
    pub fn for_each_place(
        &self,
        builder: &mut ProcedureBuilder,
        axes: &[Axis],
        index: &[Variable],
        start: Variable,
        code: impl FnOnce(&mut ProcedureBuilder, Variable),
    ) {
        self.nest(builder, axes, index, start, Box::new(code));
    }

    fn nest(&self, builder: &mut ProcedureBuilder, axes: &[Axis], index: &[Variable], start: Variable, code: Code<'_>) {
        let Some((axis, rest)) = axes.split_first() else { return code(builder, start) };
        let (place, index) = (index[0], &index[1..]);
        let Axis { window, size, stride } = axis;
        let stride = builder.size(stride);
        if window.is_trivial() {
            let start = builder.multiply_add(place, stride, start);
            return self.nest(builder, rest, index, start, code);
        }
        let count = builder.size(&window.size);
        // The window's first place along the axis.
        let (move_by, low) = (builder.integer(window.stride), builder.size(&window.low));
        let first = builder.multiply(place, move_by);
        let first = builder.subtract(first, low);
        let dilation = builder.integer(window.dilation);
        if window.base_dilation > 1 {
            return repeat_along(builder, count, first, dilation, |builder, at| {
                let (is_inside, element) = undilated(builder, at, window.base_dilation, size);
                let from = builder.multiply_add(element, stride, start);
                self.inside_or_not(builder, rest, index, is_inside, from, code);
            });
        }
        let from = builder.multiply_add(first, stride, start);
        let step = builder.multiply(dilation, stride);
        let is_padded = !(-window.low.clone()).is_never_negative() || !(-window.high.clone()).is_never_negative();
        if !is_padded {
            repeat_along(builder, count, from, step, |builder, from| self.nest(builder, rest, index, from, code));
        } else if self.is_neutral && window.dilation == 1 {
            // The places that have elements are neighbours.
            let (zero, size) = (builder.integer(0), builder.size(size));
            let before = builder.subtract(zero, first);
            let before = builder.maximum(before, zero);
            let end = builder.subtract(size, first);
            let end = builder.minimum(count, end);
            let count = builder.subtract(end, before);
            let from = builder.multiply_add(before, stride, from);
            repeat_along(builder, count, from, step, |builder, from| self.nest(builder, rest, index, from, code));
        } else {
            let at = builder.variable(first);
            repeat_along(builder, count, from, step, |builder, from| {
                let (zero, size) = (builder.integer(0), builder.size(size));
                let is_behind = builder.compare(Comparison::Ge, at, zero);
                let is_before = builder.compare(Comparison::Lt, at, size);
                let is_inside = builder.and(is_behind, is_before);
                self.inside_or_not(builder, rest, index, is_inside, from, code);
                let next = builder.add(at, dilation);
                builder.assign(at, next);
            });
        }
    }

    fn inside_or_not(
        &self,
        builder: &mut ProcedureBuilder,
        axes: &[Axis],
        index: &[Variable],
        is_inside: Variable,
        start: Variable,
        code: Code<'_>,
    ) {
        builder.if_else(
            is_inside,
            |builder| self.nest(builder, axes, index, start, code),
            |builder| {
                let places = Dim::product(axes.iter().map(|axis| &axis.window.size));
                let places = builder.size(&places);
                (self.outside)(builder, places);
            },
        );
    }
}

/// Whether a dilated axis has an element at a place, and which.
fn undilated(builder: &mut ProcedureBuilder, at: Variable, dilation: i64, size: &Dim) -> (Variable, Variable) {
    let (zero, size) = (builder.integer(0), builder.size(size));
    let dilation = builder.integer(dilation);
    let clamped = builder.maximum(at, zero);
    let (element, rest) = builder.divide(clamped, dilation);
    let is_behind = builder.compare(Comparison::Ge, at, zero);
    let is_element = builder.compare(Comparison::Eq, rest, zero);
    let is_before = builder.compare(Comparison::Lt, element, size);
    let is_inside = builder.and(is_behind, is_element);
    (builder.and(is_inside, is_before), element)
}

/// Whether folding the initial scalar changes no accumulator of a fold that began with it.
///
/// A sum that began with `+0` is never `−0`, so that another `+0` leaves it.
fn initial_is_neutral(graph: &Graph, body: &Graph, operands: &[Value]) -> bool {
    let (&[_, initial], &[result]) = (operands, body.results()) else { return false };
    let Some(Op::Elementwise(ElementwiseOp::Binary(op))) = body.op_of(result) else { return false };
    let Some(bits) = graph.constant(initial).and_then(element_bits) else { return false };
    let operands = body.node(result.node).operands();
    let parameters: Vec<Value> = body.parameters().collect();
    if operands[0] == operands[1] || !operands.iter().all(|operand| parameters.contains(operand)) {
        return false;
    }
    neutral_bits(*op, graph.type_of(initial).dtype) == Some(bits)
}

/// The bits of the value that an operation leaves everything as it is with.
fn neutral_bits(op: BinaryOp, dtype: DType) -> Option<u64> {
    let ones = u64::MAX >> (64 - dtype.bits().min(64));
    let sign = 1 << (dtype.bits() - 1);
    // The bits of +∞, and of 1.
    let (infinity, one) = match dtype {
        DType::F16 => (0x7c00, 0x3c00),
        DType::BF16 => (0x7f80, 0x3f80),
        DType::F32 => (0x7f80_0000, 0x3f80_0000),
        DType::F64 => (0x7ff0 << 48, 0x3ff0 << 48),
        _ => (0, 1),
    };
    let (least, greatest) = match dtype {
        DType::Bool => (0, 1),
        _ if dtype.is_float() => (infinity | sign, infinity),
        _ if dtype.is_signed() => (sign, sign - 1),
        _ => (0, ones),
    };
    match op {
        BinaryOp::Add => Some(0),
        BinaryOp::Multiply => Some(one),
        BinaryOp::Maximum => Some(least),
        BinaryOp::Minimum => Some(greatest),
        BinaryOp::Or | BinaryOp::Xor => Some(0),
        BinaryOp::And if dtype == DType::Bool => Some(1),
        BinaryOp::And => Some(ones),
        _ => None,
    }
}
