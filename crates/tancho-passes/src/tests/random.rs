//! Random programs: small ones, in which rewrites have much to find.

use tancho_ir::ops::{BinaryOp, Comparison, DotOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use super::Random;

const DTYPES: [DType; 4] = [DType::F32, DType::I32, DType::U8, DType::Bool];

/// A program of about `size` operations.
pub fn random_program(seed: u64, size: usize) -> Graph {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut graph = Graph::new("main");
    let n = Dim::symbol("n");
    let mut values: Vec<Value> = Vec::new();
    for dims in
        [vec![n.clone(), 2i64.into()], vec![2i64.into(), 3i64.into()], vec![n, 1i64.into(), 2i64.into()], vec![]]
    {
        let dtype = DTYPES[random.below(DTYPES.len())];
        values.push(graph.add_parameter(None, TensorType::new(dtype, dims), Span::NONE));
    }
    while graph.node_count() < size {
        // An op that does not take its operands is left out.
        let (op, operands) = random_op(&graph, &values, &mut random);
        let Ok(value) = graph.add_value(op, &operands, Span::NONE) else { continue };
        if graph.constraints().is_empty() {
            if is_small(graph.type_of(value)) {
                values.push(value);
            }
        } else {
            // One that requires something of ?n would make most inputs invalid.
            return random_program(seed.wrapping_add(1 << 32), size);
        }
    }
    let results = (0..3).map(|back| values[values.len() - 1 - back]).collect();
    graph.set_results(results);
    graph
}

/// Small enough for the interpreter, with `?n` as 3.
fn is_small(of: &TensorType) -> bool {
    of.rank() <= 5 && of.elements().evaluate(&|_| Some(3)).is_some_and(|elements| elements <= 200)
}

fn random_op(graph: &Graph, values: &[Value], random: &mut Random) -> (Op, Vec<Value>) {
    let pick = |random: &mut Random| {
        // The latest values more often, so that programs are deep.
        let back = random.below(values.len()).min(random.below(values.len()));
        values[values.len() - 1 - back]
    };
    let value = pick(random);
    let of = graph.type_of(value).clone();
    let alike = |random: &mut Random| {
        let alike: Vec<Value> = values.iter().copied().filter(|&other| *graph.type_of(other) == of).collect();
        alike[random.below(alike.len())]
    };
    let rank = of.rank();
    let axes = |random: &mut Random| (0..rank).filter(|_| random.below(2) == 0).collect::<Vec<_>>();
    match random.below(16) {
        0 => (constant(of.dtype, random), vec![]),
        1 | 2 => {
            let op = UnaryOp::ALL[random.below(UnaryOp::ALL.len())];
            (Op::Elementwise(ElementwiseOp::Unary(op)), vec![value])
        }
        3..=5 => {
            let op = BinaryOp::ALL[random.below(BinaryOp::ALL.len())];
            (Op::Elementwise(ElementwiseOp::Binary(op)), vec![value, alike(random)])
        }
        6 => {
            let direction = Comparison::ALL[random.below(Comparison::ALL.len())];
            (Op::Elementwise(ElementwiseOp::Compare(direction)), vec![value, alike(random)])
        }
        7 => {
            let predicates: Vec<Value> =
                values.iter().copied().filter(|&other| graph.type_of(other).dtype == DType::Bool).collect();
            let predicate = if predicates.is_empty() { value } else { predicates[random.below(predicates.len())] };
            (Op::Elementwise(ElementwiseOp::Select), vec![predicate, value, alike(random)])
        }
        8 => (Op::Elementwise(ElementwiseOp::Convert(DTYPES[random.below(4)])), vec![value]),
        9 | 10 => {
            let mut permutation: Vec<usize> = (0..rank).collect();
            (1..rank).for_each(|place| permutation.swap(place, random.below(place + 1)));
            (Op::Shape(ShapeOp::Transpose { permutation }), vec![value])
        }
        11 => {
            let mut dims: Dims = of.dims.iter().rev().cloned().collect();
            dims.insert(random.below(rank + 1), Dim::ONE);
            (Op::Shape(ShapeOp::Reshape { dims }), vec![value])
        }
        12 | 13 => {
            let mut dims = of.dims.clone();
            let new = random.below(rank + 1);
            dims.insert(new, Dim::known(1 + random.below(3) as i64));
            let axes = (0..=rank).filter(|&axis| axis != new).collect();
            (Op::Shape(ShapeOp::BroadcastInDim { dims, axes }), vec![value])
        }
        14 => {
            let kinds = [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Product];
            (Op::Reduce(ReduceOp { kind: kinds[random.below(3)], axes: axes(random) }), vec![value])
        }
        _ => {
            let other = alike(random);
            let axes = axes(random);
            let contract = axes.last().copied().into_iter().collect::<Vec<_>>();
            let op = DotOp { lhs_contract: contract.clone(), rhs_contract: contract, ..DotOp::default() };
            (Op::Dot(op), vec![value, other])
        }
    }
}

/// A scalar constant, most often one that rewrites know.
fn constant(dtype: DType, random: &mut Random) -> Op {
    let value = [0i8, 1, -1, 2, 16][random.below(5)];
    Op::Shape(ShapeOp::Constant(match dtype {
        DType::F32 if value == 0 => Array::scalar(-0.0f32),
        DType::F32 => Array::scalar(f32::from(value)),
        DType::I32 => Array::scalar(i32::from(value)),
        DType::U8 => Array::scalar(value as u8),
        _ => Array::scalar(value > 0),
    }))
}
