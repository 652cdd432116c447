//! Compiled code against the interpreter, for every op, dtype and odd shape; and against itself, fused or not, on any number
//! of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use tancho_codegen::math::error_bound;
use tancho_interp::{InterpretError, interpret_with};
use tancho_ir::ops::{ElementwiseOp, UnaryOp};
use tancho_ir::{Dim, Graph, Op, Symbol, TensorType};
use tancho_runtime::{Argument, CompileOptions, Executable, Results, Stage, register_host_function, set_threads};
use tancho_tensor::{Array, DType, bf16, f16, with_element};
use tancho_testing::random::{RandomOptions, random_graph, symbol_size};
use tancho_testing::samples::{Sample, host_functions, samples};
use tancho_testing::values::{Flavour, arrays};

pub fn compile(graph: &Graph, fuse: bool) -> Arc<Executable> {
    let options = CompileOptions { fuse, optimize: fuse };
    Executable::compile(graph.clone(), &options).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

pub fn run(executable: &Executable, arguments: &[Array]) -> Results {
    let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
    executable.call(&mut lent).unwrap_or_else(|error| panic!("{error}\n{}", executable.graph()))
}

/// The results by the interpreter, which calls the functions of the host that samples name.
pub fn interpret(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>, InterpretError> {
    interpret_with(graph, arguments, &host_functions)
}

/// Registers the functions of the host that samples name.
fn register_host_functions() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register_host_function("sample.reverse_bytes", |call, operands| {
            host_functions(call, operands).expect("the function of this name")
        });
    });
}

/// The distance of two arrays in units in the last place, of the worst element; 0 for what is not a float and the same.
fn distance(found: &Array, expected: &Array) -> f64 {
    fn ordered(bits: u64, sign: u64) -> i128 {
        if bits & sign != 0 { -i128::from(bits & (sign - 1)) } else { i128::from(bits) }
    }
    let worst = |pairs: &mut dyn Iterator<Item = (i128, i128, bool)>| {
        pairs.map(|(x, y, same)| if same { 0.0 } else { (x - y).unsigned_abs() as f64 }).fold(0.0, f64::max)
    };
    if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
        return f64::INFINITY;
    }
    macro_rules! floats {
        ($T:ty) => {{
            let (found, expected) = (found.elements::<$T>().unwrap(), expected.elements::<$T>().unwrap());
            worst(&mut found.iter().zip(expected).map(|(x, y)| {
                let order = |v: &$T| ordered(v.to_bits().into(), 1 << (8 * size_of::<$T>() - 1));
                (order(x), order(y), x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
            }))
        }};
    }
    match found.dtype() {
        DType::F16 => floats!(f16),
        DType::BF16 => floats!(bf16),
        DType::F32 => floats!(f32),
        DType::F64 => floats!(f64),
        _ if found.same_bits(expected) => 0.0,
        _ => f64::INFINITY,
    }
}

/// As [`distance`], where what counts is the error beside numbers of the size of `x·log x`: the terms of the gamma functions'
/// reflection cancel near zeros between their poles.
fn distance_of_gamma(found: &Array, expected: &Array, operand: &Array) -> f64 {
    let epsilon = match expected.dtype() {
        DType::F16 => f64::from(f16::EPSILON),
        DType::BF16 => f64::from(bf16::EPSILON),
        DType::F32 => f64::from(f32::EPSILON),
        _ => f64::EPSILON,
    };
    let elements = found.to_f64_vec().into_iter().zip(expected.to_f64_vec()).zip(operand.to_f64_vec());
    let units = elements.map(|((found, expected), x)| {
        let same = found == expected || (found.is_nan() && expected.is_nan());
        let scale = expected.abs().max(1.0).max(x.abs() * (x.abs() + 2.0).ln());
        if same { 0.0 } else { (found - expected).abs() / (epsilon * scale) }
    });
    units.fold(0.0, |worst, units| if units.is_nan() { f64::INFINITY } else { worst.max(units) })
}

/// How far compiled code may be from the interpreter: nothing, but for elementary functions their bound, and one unit for the
/// interpreter's own error.
fn tolerance(op: &Op, dtype: DType) -> f64 {
    // The interpreter's own series has a few roundings.
    if matches!(op, Op::Elementwise(ElementwiseOp::Unary(UnaryOp::BesselI1e))) {
        return error_bound(op.name(), dtype) + 4.0;
    }
    match error_bound(op.name(), dtype) {
        bound if bound > 0.5 => bound + 1.0,
        _ => 0.0,
    }
}

#[track_caller]
fn check(sample: &Sample, flavour: Flavour, seed: u64) {
    let graph = sample.graph();
    let arguments = arrays(&sample.operands, flavour, seed);
    let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{sample}: {error}"));
    for fuse in [true, false] {
        let found = run(&compile(&graph, fuse), &arguments);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let tolerance = tolerance(&sample.op, expected.dtype());
            let distance = match sample.op {
                Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Digamma | UnaryOp::Lgamma)) => {
                    distance_of_gamma(found, expected, &arguments[0])
                }
                _ => distance(found, expected),
            };
            assert!(
                distance <= tolerance,
                "{sample}, {flavour:?}, fused {fuse}: {distance} units apart\n{found}\n{expected}"
            );
        }
    }
}

/// Runs a check on every sample, and reports all that fail, each by its first line.
#[track_caller]
fn check_samples(check: impl Fn(usize, &Sample)) {
    register_host_functions();
    let mut failures = Vec::new();
    for (number, sample) in samples().iter().enumerate() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(number, sample))) {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            failures.push(format!("{sample}: {}", text.unwrap_or("a panic").lines().next().unwrap_or_default()));
        }
    }
    assert!(failures.is_empty(), "{} samples fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_sample_gives_what_the_interpreter_gives() {
    check_samples(|number, sample| {
        check(sample, Flavour::Tame, number as u64);
        check(sample, Flavour::Wild, number as u64 + 1_000_000);
    });
}

#[test]
fn every_sample_gives_the_same_bits_on_any_number_of_threads() {
    check_samples(|number, sample| {
        let arguments = arrays(&sample.operands, Flavour::Wild, number as u64);
        let executable = compile(&sample.graph(), true);
        let mut first: Option<Results> = None;
        for threads in [1, 2, 8] {
            set_threads(threads);
            let results = run(&executable, &arguments);
            let first = first.get_or_insert_with(|| results.clone());
            let same = results.iter().zip(first.iter()).all(|(x, y)| x.same_bits(y));
            assert!(same, "other bits on {threads} threads");
        }
    });
}

/// The number of random graphs; many more where the environment asks for a sweep.
fn random_graphs() -> u64 {
    if std::env::var_os("TANCHO_SWEEP").is_some() { 20_000 } else { 400 }
}

/// The types of a random graph's parameters, with each symbol replaced by a size.
fn parameter_types(graph: &Graph, value_of: impl Fn(&Symbol) -> Option<i64>) -> Vec<TensorType> {
    let size = |symbol: &Symbol| value_of(symbol).map(Dim::known);
    graph.parameter_types().map(|of| of.substitute(&size)).collect()
}

/// Runs a check on random graphs, every other one with symbols, and reports the first that fails, with its seed.
#[track_caller]
fn check_graphs(options: RandomOptions, check: impl Fn(&Graph, &[Array])) {
    for seed in 0..random_graphs() {
        let graph = random_graph(seed, RandomOptions { symbols: seed % 2 == 1, ..options });
        let parameters = parameter_types(&graph, symbol_size);
        let flavour = if seed % 3 == 0 { Flavour::Wild } else { Flavour::Tame };
        let arguments = arrays(&parameters, flavour, seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&graph, &arguments))) {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            panic!("seed {seed}: {}\n{graph}", text.unwrap_or("a panic"));
        }
    }
}

#[track_caller]
fn assert_same_bits(found: &[Array], expected: &[Array], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of results");
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.same_bits(expected), "{what}: result {position}\n{found}\nexpected\n{expected}");
    }
}

#[test]
fn random_graphs_give_what_the_interpreter_gives() {
    check_graphs(RandomOptions::default(), |graph, arguments| {
        let expected = interpret(graph, arguments).unwrap_or_else(|error| panic!("{error}"));
        assert_same_bits(&run(&compile(graph, false), arguments), &expected, "each op for itself");
        assert_same_bits(&run(&compile(graph, true), arguments), &expected, "optimised and fused");
    });
}

#[test]
fn random_graphs_give_the_same_bits_fused_or_not_on_any_number_of_threads() {
    let options = RandomOptions { elementary: true, max_elements: 60_000, ..RandomOptions::default() };
    check_graphs(options, |graph, arguments| {
        let expected = run(&compile(graph, false), arguments);
        let fused = compile(graph, true);
        for threads in [1, 2, 8] {
            set_threads(threads);
            assert_same_bits(&run(&fused, arguments), &expected, "fused");
        }
    });
}

/// The results are written into memory that the call was given, and no call sees what another has left in its arena.
#[test]
fn random_graphs_give_the_same_bits_in_donated_memory_and_at_other_sizes() {
    check_graphs(RandomOptions::default(), |graph, arguments| {
        let executable = compile(graph, true);
        let expected = interpret(graph, arguments).unwrap_or_else(|error| panic!("{error}"));
        for _ in 0..2 {
            let mut given: Vec<Argument<'_>> = arguments.iter().map(copy).map(Argument::Give).collect();
            let found = executable.call(&mut given).unwrap_or_else(|error| panic!("{error}"));
            assert_same_bits(&found, &expected, "in donated memory");
        }
        let other = |symbol: &Symbol| symbol_size(symbol).map(|size| [1, 2, 4, 0, 18][size as usize % 5]);
        // What has no elements with the graph's own sizes may have very many.
        let is_small = |of: &TensorType| {
            let elements = of.evaluate(&other).and_then(|shape| shape.elements());
            elements.is_none_or(|elements| elements <= 100_000)
        };
        if !graph.node_ids().flat_map(|id| graph.node(id).types()).all(is_small) {
            return;
        }
        let arguments = arrays(&parameter_types(graph, other), Flavour::Wild, 7);
        // The graph may require what these sizes do not have.
        let expected = interpret(graph, &arguments);
        let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
        let found = executable.call(&mut lent);
        match (&expected, &found) {
            (Ok(expected), Ok(found)) => assert_same_bits(found, expected, "at other sizes"),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => panic!("only the executable fails at other sizes: {error}"),
            (Err(error), Ok(_)) => panic!("only the interpreter fails at other sizes: {error}"),
        }
    });
}

/// An array of its own memory.
fn copy(array: &Array) -> Array {
    with_element!(array.dtype(), T => {
        Array::new(array.shape().clone(), array.elements::<T>().expect("its dtype")).expect("memory for a test")
    })
}

/// A graph given as text, with seeded arguments: for cases that a sweep has found. The names of symbols end in their sizes.
#[track_caller]
fn check_text(text: &str) {
    let graph = tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let parameters = parameter_types(&graph, symbol_size);
    let arguments = arrays(&parameters, Flavour::Tame, 1);
    let expected = run(&compile(&graph, false), &arguments);
    assert_same_bits(&run(&compile(&graph, true), &arguments), &expected, "fused");
}

#[test]
fn a_lane_call_takes_scalars_beside_vectors() {
    check_text(
        "func @f(%x: f64[3, 5]) -> f64[3, 5] {
            %0 = cbrt %x : f64[3, 5]
            %1 = reduce_sum %0, axes=[0, 1] : f64[]
            %2 = broadcast_in_dim %1, dims=[] : f64[3, 5]
            %3 = remainder %2, %0 : f64[3, 5]
            return %3 }",
    );
}

/// A constant right operand is packed once, but not where its sizes come with the call.
#[test]
fn products_with_constants_of_unknown_sizes_follow_the_sizes() {
    let text = "func @f(%x: f32[3, ?n]) -> (f32[3, 5], f32[3, ?n]) {
        %0 = constant 0.5 : f32[]
        %1 = broadcast_in_dim %0, dims=[] : f32[?n, 5]
        %2 = dot_general %x, %1, contract=[1]x[0] : f32[3, 5]
        %3 = broadcast_in_dim %0, dims=[] : f32[5, ?n]
        %4 = dot_general %2, %3, contract=[1]x[0] : f32[3, ?n]
        return %2, %4 }";
    let graph = tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    for fuse in [true, false] {
        let executable = compile(&graph, fuse);
        for n in [2i64, 300, 7, 0, 1031] {
            let arguments = arrays(&[TensorType::new(DType::F32, [3, n])], Flavour::Tame, 1);
            let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{error}"));
            assert_same_bits(&run(&executable, &arguments), &expected, text);
        }
    }
}

/// What a loop or a branch takes may lie in the memory of a value of other sizes.
#[test]
fn loops_and_branches_take_reshaped_values_of_unknown_sizes() {
    check_text(
        "func @condition(%i: u8[], %x: f32[3, ?n, 2]) -> bool[] {
            %0 = constant 4 : u8[]
            %1 = compare %i, %0, lt : bool[]
            return %1 }
         func @body(%i: u8[], %x: f32[3, ?n, 2]) -> (u8[], f32[3, ?n, 2]) {
            %0 = constant 1 : u8[]
            %1 = add %i, %0 : u8[]
            %2 = iota axis=1 : f32[3, ?n, 2]
            %3 = add %x, %2 : f32[3, ?n, 2]
            return %1, %3 }
         func @branch(%x: f32[3, ?n, 2]) -> i64[] { %0 = dimension_size ?n : i64[] return %0 }
         func @f(%x: f32[3, ?b16]) -> (u8[], f32[3, floordiv(?b16, 2), 2], i64[]) {
            %0 = negate %x : f32[3, ?b16]
            %1 = reshape %0 : f32[3, floordiv(?b16, 2), 2]
            %2 = constant 0 : u8[]
            %3:2 = while %2, %1, condition=@condition, body=@body : (u8[], f32[3, floordiv(?b16, 2), 2])
            %4 = constant 0 : i32[]
            %5 = case %4, %1, branches=[@branch] : i64[]
            return %3#0, %3#1, %5 }",
    );
}

/// A convolution whose batch is not known is called with a batch that its groups do not divide.
#[test]
fn groups_divide_sizes_that_come_with_the_call() {
    let text = "func @f(%x: f32[?n, 3], %k: f32[?o, 3]) -> f32[floordiv(?n, 2), ?o] {
        %0 = convolution %x, %k, lhs=[0, 1], rhs=[0, 1], output=[0, 1], batch_groups=2 : f32[floordiv(?n, 2), ?o]
        return %0 }";
    let graph = tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let executable = compile(&graph, true);
    let call = |n: i64, o: i64| {
        let types = [TensorType::new(DType::F32, [n, 3]), TensorType::new(DType::F32, [o, 3])];
        let arguments = arrays(&types, Flavour::Tame, 1);
        let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
        let found = executable.call(&mut lent);
        let expected = interpret(&graph, &arguments);
        assert_eq!(found.is_ok(), expected.is_ok(), "{n} {o}");
        found.map(|results| results[0].shape().to_vec()).map_err(|error| error.to_string())
    };
    assert_eq!(call(4, 6), Ok(vec![2, 6]));
    for (n, o) in [(5, 6), (4, 5)] {
        let error = call(n, o).expect_err("groups of different sizes");
        assert!(error.contains("floordiv"), "{error}");
    }
}

/// Few results of many elements are computed block by block on all threads; the bits are those of the documented order.
#[test]
fn reductions_that_are_split_give_what_the_interpreter_gives() {
    let programs = [
        "func @all(%x: f32[1000003]) -> f32[] { %0 = reduce_sum %x, axes=[0] : f32[] return %0 }",
        "func @columns(%x: f32[100003, 3]) -> f32[3] { %0 = reduce_sum %x, axes=[0] : f32[3] return %0 }",
        "func @rows(%x: f64[3, 200001]) -> f64[3] { %0 = reduce_product %x, axes=[1] : f64[3] return %0 }",
        "func @largest(%x: i16[2, 300000]) -> i16[2] { %0 = reduce_max %x, axes=[1] : i16[2] return %0 }",
        "func @smallest(%x: u8[70000, 2, 5]) -> u8[2, 5] { %0 = reduce_min %x, axes=[0] : u8[2, 5] return %0 }",
        "func @any(%x: bool[2, 900000]) -> bool[2] { %0 = reduce_or %x, axes=[1] : bool[2] return %0 }",
        // A producer, an epilogue with values of the rows, two results of one kernel, and a size.
        "func @deviation(%x: f32[2, 300007], %s: f32[2]) -> f32[2] {
            %0 = multiply %x, %x : f32[2, 300007]
            %1 = reduce_sum %0, axes=[1] : f32[2]
            %2 = reduce_max %x, axes=[1] : f32[2]
            %3 = subtract %1, %2 : f32[2]
            %4 = multiply %3, %s : f32[2]
            return %4 }",
        "func @mean(%x: f32[2, 50000, 7], %b: f32[7]) -> f32[2, 7] {
            %0 = reduce_sum %x, axes=[1] : f32[2, 7]
            %1 = constant 50000.0 : f32[]
            %2 = broadcast_in_dim %1, dims=[] : f32[2, 7]
            %3 = divide %0, %2 : f32[2, 7]
            %4 = broadcast_in_dim %b, dims=[1] : f32[2, 7]
            %5 = add %3, %4 : f32[2, 7]
            return %5 }",
        "func @strided(%x: f32[3, 400000]) -> f32[] {
            %0 = slice %x, start=[0, 1], limit=[3, 400000], strides=[2, 1] : f32[2, 399999]
            %1 = reduce_sum %0, axes=[0, 1] : f32[]
            return %1 }",
        // Neither an index of the folded dimension nor an arg reduction can be split.
        "func @ramp() -> (i64[], i64[]) {
            %0 = iota axis=0 : i64[300000]
            %1 = reduce_sum %0, axes=[0] : i64[]
            %2 = argmax %0, axes=[0] : i64[]
            return %1, %2 }",
    ];
    let mut splits = 0;
    for text in programs {
        let graph = tancho_ir::parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let parameters: Vec<_> = graph.parameter_types().cloned().collect();
        for flavour in [Flavour::Tame, Flavour::Wild] {
            let arguments = arrays(&parameters, flavour, 3);
            let expected = interpret(&graph, &arguments).unwrap_or_else(|error| panic!("{error}"));
            for fuse in [true, false] {
                let executable = compile(&graph, fuse);
                for threads in [1, 2, 8] {
                    set_threads(threads);
                    assert_same_bits(&run(&executable, &arguments), &expected, text);
                }
                splits += usize::from(executable.dump(Stage::Kernels).contains("blocks of a reduction"));
            }
        }
    }
    assert!(splits >= 4 * 8, "only {splits} programs were split");
}
