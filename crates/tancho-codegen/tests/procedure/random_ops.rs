//! Random gathers, scatters, sorts: attributes in every combination that is valid, sizes from 0, all dtypes, indices within
//! and beyond the operand, known and unknown sizes.

use std::sync::Arc;

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType, Shape};
use tancho_testing::values::{Flavour, Generator, array};

use crate::harness::{check, parse};

const INDEX_DTYPES: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

fn index_array(dtype: DType, shape: &[usize], generator: &mut Generator) -> Array {
    let count: usize = shape.iter().product();
    let mut draw = || match generator.below(12) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => -1,
        _ => generator.below(8) as i64 - 2,
    };
    let values: Vec<i64> = (0..count).map(|_| draw()).collect();
    macro_rules! typed {
        ($t:ty) => {{
            // Beyond the dtype's range there are its ends.
            let clamp = |&value: &i64| i128::from(value).clamp(i128::from(<$t>::MIN), i128::from(<$t>::MAX)) as $t;
            Array::new(Shape::new(shape), &values.iter().map(clamp).collect::<Vec<$t>>()).expect("memory")
        }};
    }
    match dtype {
        DType::I8 => typed!(i8),
        DType::I16 => typed!(i16),
        DType::I32 => typed!(i32),
        DType::I64 => typed!(i64),
        DType::U8 => typed!(u8),
        DType::U16 => typed!(u16),
        DType::U32 => typed!(u32),
        _ => typed!(u64),
    }
}

/// The parameters of a graph for arrays; some of the sizes are symbols.
fn parameters(graph: &mut Graph, arrays: &[Array], symbolic: bool, generator: &mut Generator) -> Vec<Value> {
    let mut parameter = |position: usize, array: &Array| {
        let mut dims = Dims::new();
        for (axis, &size) in array.shape().iter().enumerate() {
            let is_symbol = symbolic && generator.below(2) == 0;
            dims.push(if is_symbol { Dim::symbol(format!("s{position}x{axis}")) } else { Dim::known(size as i64) });
        }
        graph.add_parameter(None, TensorType { dtype: array.dtype(), dims }, Span::default())
    };
    arrays.iter().enumerate().map(|(position, array)| parameter(position, array)).collect()
}

fn check_op(op: Op, arrays: &[Array], generator: &mut Generator) {
    for symbolic in [false, true] {
        let mut graph = Graph::new("main");
        let operands = parameters(&mut graph, arrays, symbolic, generator);
        // Not every combination of unknown sizes can be seen to fit.
        let Ok(node) = graph.add(op.clone(), &operands, Span::default()) else {
            assert!(symbolic, "{op:?} does not fit {graph}");
            continue;
        };
        let count = graph.node(node).types().len() as u32;
        graph.set_results((0..count).map(|result| Value { node, result }).collect());
        check(&graph, arrays);
    }
}

fn shuffle<T>(items: &mut [T], generator: &mut Generator) {
    for place in (1..items.len()).rev() {
        items.swap(place, generator.below(place + 1));
    }
}

/// Some of the numbers below a bound, in ascending order.
fn choose(count: usize, bound: usize, generator: &mut Generator) -> Vec<usize> {
    let mut all: Vec<usize> = (0..bound).collect();
    shuffle(&mut all, generator);
    all.truncate(count);
    all.sort_unstable();
    all
}

/// What gather and scatter have in common.
struct Places {
    operand: Vec<usize>,
    window: Vec<usize>,
    removed: Vec<usize>,
    batching: Vec<usize>,
    indices_batching: Vec<usize>,
    map: Vec<usize>,
    vector_axis: usize,
    indices: Vec<usize>,
    /// The sizes of the index vectors' axes.
    batch: Vec<usize>,
}

fn random_places(generator: &mut Generator) -> Places {
    let rank = 1 + generator.below(4);
    let operand: Vec<usize> =
        (0..rank).map(|_| if generator.below(20) == 0 { 0 } else { 1 + generator.below(5) }).collect();
    let (mut window, mut removed, mut batching) = (Vec::new(), Vec::new(), Vec::new());
    for axis in 0..rank {
        match generator.below(5) {
            0 | 1 => removed.push(axis),
            2 => batching.push(axis),
            _ => window.push(axis),
        }
    }
    let mut map: Vec<usize> = (0..rank).filter(|axis| !batching.contains(axis) && generator.below(3) > 0).collect();
    shuffle(&mut map, generator);
    // The axes of the index vectors: those of the operand's batching axes, and others, in any order.
    let mut axes: Vec<(usize, Option<usize>)> = batching.iter().map(|&axis| (operand[axis], Some(axis))).collect();
    for _ in 0..generator.below(3) {
        axes.push((if generator.below(20) == 0 { 0 } else { 1 + generator.below(4) }, None));
    }
    shuffle(&mut axes, generator);
    let batch: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
    let without_axis = map.len() == 1 && generator.below(2) == 0;
    let vector_axis = if without_axis { axes.len() } else { generator.below(axes.len() + 1) };
    let mut indices = batch.clone();
    if !without_axis {
        indices.insert(vector_axis, map.len());
    }
    let place_of = |axis: usize| {
        let place = axes.iter().position(|&(_, of)| of == Some(axis)).expect("is there");
        place + usize::from(!without_axis && place >= vector_axis)
    };
    let indices_batching = batching.iter().map(|&axis| place_of(axis)).collect();
    Places { operand, window, removed, batching, indices_batching, map, vector_axis, indices, batch }
}

fn flavour(generator: &mut Generator) -> Flavour {
    *generator.choose(&[Flavour::Wild, Flavour::Tame, Flavour::Whole])
}

#[test]
fn random_gathers() {
    for seed in 0..400 {
        let generator = &mut Generator::new(seed);
        let places = random_places(generator);
        let size = |axis: usize, generator: &mut Generator| {
            let whole = places.operand[axis];
            match places.window.contains(&axis) {
                true if generator.below(2) == 0 => whole,
                true => generator.below(whole + 1),
                false if generator.below(20) == 0 => 0,
                false => whole.min(1),
            }
        };
        let slice_sizes = (0..places.operand.len()).map(|axis| Dim::known(size(axis, generator) as i64)).collect();
        let op = GatherOp {
            offset_dims: choose(places.window.len(), places.window.len() + places.batch.len(), generator),
            collapsed_slice_dims: places.removed.clone(),
            operand_batching_dims: places.batching.clone(),
            start_indices_batching_dims: places.indices_batching.clone(),
            start_index_map: places.map.clone(),
            index_vector_dim: places.vector_axis,
            slice_sizes,
            indices_are_sorted: false,
        };
        let dtype = *generator.choose(&DType::ALL);
        let operand = array(dtype, &Shape::new(&places.operand), flavour(generator), seed);
        let indices = index_array(*generator.choose(&INDEX_DTYPES), &places.indices, generator);
        check_op(Op::Index(IndexOp::Gather(op)), &[operand, indices], generator);
    }
}

/// Bodies for `n` operands of some dtypes: sums, what depends on the order, and replacement.
fn scatter_body(dtypes: &[DType], generator: &mut Generator) -> Arc<Graph> {
    let count = dtypes.len();
    let parameters: Vec<String> =
        (0..2 * count).map(|place| format!("%p{place}: {}[]", dtypes[place % count])).collect();
    let types: Vec<String> = dtypes.iter().map(|dtype| format!("{dtype}[]")).collect();
    let mut lines = String::new();
    let kind = generator.below(3);
    let results: Vec<String> = (0..count)
        .map(|place| {
            let (old, new, of) = (format!("%p{place}"), format!("%p{}", count + place), &types[place]);
            match kind {
                0 => return new,
                1 => lines += &format!("%r{place} = add {old}, {new} : {of}\n"),
                _ if dtypes[place] == DType::Bool => {
                    lines += &format!("%n{place} = not {new} : {of}\n%r{place} = xor {old}, %n{place} : {of}\n");
                }
                _ => {
                    lines += &format!("%d{place} = add {old}, {old} : {of}\n");
                    lines += &format!("%r{place} = subtract %d{place}, {new} : {of}\n");
                }
            }
            format!("%r{place}")
        })
        .collect();
    let result_types = if count == 1 { types[0].clone() } else { format!("({})", types.join(", ")) };
    Arc::new(parse(&format!(
        "func @body({}) -> {result_types} {{\n{lines}return {}\n}}",
        parameters.join(", "),
        results.join(", ")
    )))
}

#[test]
fn random_scatters() {
    for seed in 0..600 {
        let generator = &mut Generator::new(seed);
        let places = random_places(generator);
        let rank = places.window.len() + places.batch.len();
        let window_dims = choose(places.window.len(), rank, generator);
        let (mut windows, mut batches) = (places.window.iter(), places.batch.iter());
        let mut size = |axis: usize| match window_dims.contains(&axis) {
            true => {
                let whole = places.operand[*windows.next().expect("is there")];
                if generator.below(2) == 0 { whole } else { generator.below(whole + 1) }
            }
            false => *batches.next().expect("is there"),
        };
        let update: Vec<usize> = (0..rank).map(&mut size).collect();
        let count = 1 + generator.below(4) / 3;
        let dtypes: Vec<DType> = (0..count).map(|_| *generator.choose(&DType::ALL)).collect();
        let op = ScatterOp {
            update_window_dims: window_dims.clone(),
            inserted_window_dims: places.removed.clone(),
            input_batching_dims: places.batching.clone(),
            scatter_indices_batching_dims: places.indices_batching.clone(),
            scatter_dims_to_operand_dims: places.map.clone(),
            index_vector_dim: places.vector_axis,
            indices_are_sorted: false,
            unique_indices: false,
            body: scatter_body(&dtypes, generator),
        };
        let flavour = flavour(generator);
        let mut arrays: Vec<Array> =
            dtypes.iter().map(|&dtype| array(dtype, &Shape::new(&places.operand), flavour, seed)).collect();
        arrays.push(index_array(*generator.choose(&INDEX_DTYPES), &places.indices, generator));
        arrays.extend(dtypes.iter().map(|&dtype| array(dtype, &Shape::new(&update), flavour, seed + 1)));
        check_op(Op::Index(IndexOp::Scatter(op)), &arrays, generator);
    }
}

/// Comparators of the first operand: less, greater, what is no order, and one of two operands.
fn comparator(dtypes: &[DType], kind: usize) -> Arc<Graph> {
    let mut parameters = Vec::new();
    for (place, dtype) in dtypes.iter().enumerate() {
        parameters.extend([format!("%x{place}: {dtype}[]"), format!("%y{place}: {dtype}[]")]);
    }
    let last = dtypes.len() - 1;
    let body = match kind {
        0 => "%r = compare %x0, %y0, lt : bool[]".to_owned(),
        1 => format!("%r = compare %x{last}, %y{last}, gt : bool[]"),
        2 => "%r = constant true : bool[]".to_owned(),
        3 => "%r = compare %x0, %y0, ne : bool[]".to_owned(),
        _ => format!(
            "%a = compare %x0, %y0, lt : bool[]\n%b = compare %x0, %y0, eq : bool[]\n\
             %c = compare %x{last}, %y{last}, lt : bool[]\n%d = and %b, %c : bool[]\n%r = or %a, %d : bool[]"
        ),
    };
    Arc::new(parse(&format!("func @less({}) -> bool[] {{\n{body}\nreturn %r\n}}", parameters.join(", "))))
}

/// Whether one array is a permutation of the other's elements along all of it.
fn same_elements(x: &Array, y: &Array) -> bool {
    let elements = |array: &Array| {
        let size = array.dtype().size();
        let mut elements: Vec<Vec<u8>> = array.buffer().bytes().chunks(size).map(<[u8]>::to_vec).collect();
        elements.sort_unstable();
        elements
    };
    elements(x) == elements(y)
}

#[test]
fn random_sorts() {
    let shapes: [&[usize]; 14] = [
        &[0],
        &[1],
        &[2],
        &[15],
        &[16],
        &[17],
        &[33],
        &[64],
        &[65],
        &[1000],
        &[3, 0],
        &[2, 50, 3],
        &[40, 5],
        &[7, 1, 100],
    ];
    for seed in 0..300 {
        let generator = &mut Generator::new(seed);
        let shape = *generator.choose(&shapes);
        let axis = generator.below(shape.len());
        let count = 1 + generator.below(3);
        let dtypes: Vec<DType> = (0..count).map(|_| *generator.choose(&DType::ALL)).collect();
        let kind = generator.below(5);
        let flavour = flavour(generator);
        let shape = Shape::new(shape);
        let arrays: Vec<Array> =
            dtypes.iter().zip(seed..).map(|(&dtype, seed)| array(dtype, &shape, flavour, seed)).collect();
        let op = IndexOp::Sort { axis, stable: true, comparator: comparator(&dtypes, kind) };
        let ordered =
            kind != 2 && kind != 3 && !(dtypes.iter().any(|dtype| dtype.is_float()) && flavour == Flavour::Wild);
        if ordered {
            check_op(Op::Index(op), &arrays, generator);
        } else {
            check_permutation(op, &arrays);
        }
    }
}

/// Of a comparator that is no order (NaN among floats suffices), the result is some permutation.
fn check_permutation(op: IndexOp, arrays: &[Array]) {
    let mut graph = Graph::new("main");
    let operands: Vec<Value> =
        arrays.iter().map(|array| graph.add_parameter(None, TensorType::of(array), Span::default())).collect();
    let node = graph.add(Op::Index(op), &operands, Span::default()).expect("fits");
    graph.set_results((0..arrays.len() as u32).map(|result| Value { node, result }).collect());
    let compiled = crate::harness::compile(&graph, true);
    let mut lent: Vec<_> = arrays.iter().map(tancho_codegen::Argument::Lend).collect();
    let found = crate::harness::run(&compiled, &graph, &mut lent, &tancho_codegen::OneThread);
    for (found, array) in found.iter().zip(arrays) {
        assert!(same_elements(found, array), "{graph}\n{found}\nis no permutation of\n{array}");
    }
}

#[test]
fn random_top_ks() {
    for seed in 0..200 {
        let generator = &mut Generator::new(seed);
        let shapes: [&[usize]; 7] = [&[0], &[1], &[9], &[3, 100], &[2, 0], &[0, 4], &[2, 2, 31]];
        let shape = *generator.choose(&shapes);
        let k = generator.below(shape[shape.len() - 1] + 1);
        let operand = array(*generator.choose(&DType::ALL), &Shape::new(shape), flavour(generator), seed);
        check_op(Op::Index(IndexOp::TopK { k: Dim::known(k as i64) }), &[operand], generator);
    }
}

#[test]
fn random_dynamic_slices() {
    for seed in 0..200 {
        let generator = &mut Generator::new(seed);
        let rank = generator.below(4);
        let whole: Vec<usize> = (0..rank).map(|_| generator.below(6)).collect();
        let part: Vec<usize> =
            whole.iter().map(|&size| if generator.below(2) == 0 { size } else { generator.below(size + 1) }).collect();
        let dtype = *generator.choose(&DType::ALL);
        let index_dtype = *generator.choose(&INDEX_DTYPES);
        let operand = array(dtype, &Shape::new(&whole), flavour(generator), seed);
        let update = array(dtype, &Shape::new(&part), flavour(generator), seed + 1);
        let starts: Vec<Array> = (0..rank).map(|_| index_array(index_dtype, &[], generator)).collect();
        let sizes = part.iter().map(|&size| Dim::known(size as i64)).collect();
        let arrays = [std::slice::from_ref(&operand), starts.as_slice()].concat();
        check_op(Op::Index(IndexOp::DynamicSlice { sizes }), &arrays, generator);
        let arrays = [&[operand, update], starts.as_slice()].concat();
        check_op(Op::Index(IndexOp::DynamicUpdateSlice), &arrays, generator);
    }
}
