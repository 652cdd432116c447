//! Batched graphs give for each element what the graph gives for it alone, to the last bit.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::BTreeSet;

use tancho_autodiff::{DiffError, batch, vjp};
use tancho_interp::{Host, InterpretError, interpret_hosted};
use tancho_ir::ops::{ControlOp, Op};
use tancho_ir::{Dim, Graph, Span, TensorType, attribute_dims, parse, verify};
use tancho_tensor::{Array, Buffer, DType, Shape};
use tancho_testing::random::{RandomOptions, random_graph, symbol_size};
use tancho_testing::samples::{Sample, host_functions, samples, symbolic_samples};
use tancho_testing::values::{Flavour, Generator, array};

/// Samples with more elements take the interpreter too long for all combinations of operands, but in a long run.
fn max_elements() -> usize {
    if std::env::var_os("TANCHO_SWEEP").is_some() { 5000 } else { 400 }
}

/// How many random graphs are tried.
fn n_seeds() -> u64 {
    std::env::var("TANCHO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

fn run(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>, InterpretError> {
    interpret_hosted(graph, arguments, &Host { custom_calls: &host_functions, print: &|_| {} })
}

/// Arrays of one shape, along a new first axis.
fn stack(elements: &[Array]) -> Array {
    let mut sizes = vec![elements.len()];
    sizes.extend(elements[0].shape().iter());
    let bytes: Vec<u8> = elements.iter().flat_map(|element| element.buffer().bytes().to_vec()).collect();
    Array::from_buffer(elements[0].dtype(), Shape::new(&sizes), Buffer::copy_of(&bytes).unwrap()).unwrap()
}

fn of_type(of: &TensorType, flavour: Flavour, seed: u64) -> Array {
    let shape: Shape = of.evaluate(&symbol_size).expect("the symbols of a test end with their sizes");
    array(of.dtype, &shape, flavour, seed)
}

/// Whether the elements are the same to the last bit; the bits of a NaN are not determined.
fn is_same(left: &Array, right: &Array) -> bool {
    let same = |(x, y): (&f64, &f64)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan());
    let floats = left.dtype().is_float() && left.dtype() == right.dtype() && left.shape() == right.shape();
    left.same_bits(right) || (floats && left.to_f64_vec().iter().zip(&right.to_f64_vec()).all(same))
}

/// The arguments of each element; those of parameters that are not batched are the same for all.
fn arguments(graph: &Graph, batched: &[bool], count: usize, flavour: Flavour, seed: u64) -> Vec<Vec<Array>> {
    let argument = |element: usize, position: usize, of: &TensorType| {
        let element = if batched[position] { element as u64 + 1 } else { 0 };
        of_type(of, flavour, seed.wrapping_mul(1009).wrapping_add(element * 101 + position as u64))
    };
    let types: Vec<&TensorType> = graph.parameter_types().collect();
    (0..count)
        .map(|element| types.iter().enumerate().map(|(position, of)| argument(element, position, of)).collect())
        .collect()
}

/// Batches a graph and compares each element of the results; `size` stands for `count` elements.
#[track_caller]
fn check(what: &str, graph: &Graph, batched: &[bool], size: &Dim, count: usize, flavour: Flavour, seed: u64) {
    let result = batch(graph, size, batched).unwrap_or_else(|error| panic!("{what} {batched:?} {size}: {error}"));
    if let Err(errors) = verify(&result) {
        panic!("{what} {batched:?} {size}: {errors}");
    }
    let elements = arguments(graph, batched, count, flavour, seed);
    let stacked = |position: usize| -> Array {
        let of_all: Vec<Array> = elements.iter().map(|element| element[position].clone()).collect();
        if batched[position] { stack(&of_all) } else { of_all[0].clone() }
    };
    let stacked: Vec<Array> = (0..batched.len()).map(stacked).collect();
    let expected: Vec<Vec<Array>> =
        elements.iter().map(|element| run(graph, element).unwrap_or_else(|error| panic!("{what}: {error}"))).collect();
    let found = run(&result, &stacked).unwrap_or_else(|error| panic!("{what} {batched:?} {size}: {error}\n{result}"));
    assert_eq!(found.len(), graph.results().len(), "{what}");
    for (position, found) in found.iter().enumerate() {
        let of_all: Vec<Array> = expected.iter().map(|results| results[position].clone()).collect();
        let expected = stack(&of_all);
        assert!(
            is_same(found, &expected),
            "{what} {batched:?} {size}: result {position} is\n{found}\nnot\n{expected}\n{graph}\n{result}"
        );
    }
}

/// Some of the sets of parameters: all that are not empty for up to three, else the single ones, all, and all but one.
fn subsets(count: usize) -> Vec<Vec<bool>> {
    let all = (1..1usize << count.min(16)).map(|bits| (0..count).map(|place| bits >> place & 1 == 1).collect());
    let all: Vec<Vec<bool>> = all.collect();
    let size = |set: &Vec<bool>| set.iter().filter(|&&is_in| is_in).count();
    all.into_iter().filter(|set| count <= 3 || size(set) == 1 || size(set) >= count - 1).collect()
}

fn is_host_call(sample: &Sample) -> bool {
    matches!(sample.op, Op::Control(ControlOp::CustomCall(_)))
}

#[test]
fn every_sample_is_batched_for_every_set_of_operands() {
    for (number, sample) in samples().iter().enumerate() {
        if sample.elements() > max_elements() || is_host_call(sample) {
            continue;
        }
        let (graph, what, seed) = (sample.graph(), sample.to_string(), number as u64);
        let flavour = [Flavour::Wild, Flavour::Tame, Flavour::Whole][number % 3];
        for batched in subsets(sample.operands.len()) {
            check(&what, &graph, &batched, &Dim::known(3), 3, flavour, seed);
        }
        let all = vec![true; sample.operands.len()];
        check(&what, &graph, &all, &Dim::ONE, 1, flavour, seed);
        if !all.is_empty() {
            check(&what, &graph, &all, &Dim::symbol("b"), 2, flavour, seed);
        }
    }
}

#[test]
fn samples_with_symbols_are_sound_when_they_are_batched() {
    for sample in symbolic_samples() {
        if is_host_call(&sample) {
            continue;
        }
        let mut graph = sample.graph();
        bind_symbols(&mut graph);
        verify(&graph).unwrap_or_else(|errors| panic!("{sample}: {errors}"));
        for batched in subsets(sample.operands.len()) {
            for size in [Dim::known(3), Dim::symbol("b"), Dim::symbol("n")] {
                let result =
                    batch(&graph, &size, &batched).unwrap_or_else(|error| panic!("{sample} {batched:?}: {error}"));
                verify(&result).unwrap_or_else(|errors| panic!("{sample} {batched:?} {size}: {errors}"));
            }
        }
    }
}

/// Adds parameters that have the symbols of a graph as sizes.
fn bind_symbols(graph: &mut Graph) {
    let mut symbols = BTreeSet::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        let dims = node.types().iter().flat_map(|of| &of.dims).chain(node.op().map(attribute_dims).unwrap_or_default());
        dims.for_each(|dim| dim.collect_symbols(&mut symbols));
    }
    for symbol in symbols {
        graph.add_parameter(None, TensorType::new(DType::Bool, [Dim::from(symbol)]), Span::NONE);
    }
}

#[test]
fn an_empty_batch_has_empty_results() {
    for sample in samples() {
        if sample.elements() > 40 || is_host_call(&sample) || sample.operands.is_empty() {
            continue;
        }
        let graph = sample.graph();
        let result = batch(&graph, &Dim::ZERO, &vec![true; sample.operands.len()]).unwrap();
        verify(&result).unwrap_or_else(|errors| panic!("{sample}: {errors}"));
        let arguments: Vec<Array> = result.parameter_types().map(|of| of_type(of, Flavour::Tame, 1)).collect();
        let found = run(&result, &arguments).unwrap_or_else(|error| panic!("{sample}: {error}\n{result}"));
        assert!(found.iter().all(|array| array.shape()[0] == 0), "{sample}");
    }
}

fn random_set(random: &mut Generator, count: usize) -> Vec<bool> {
    let mut set: Vec<bool> = (0..count).map(|_| random.below(2) == 0).collect();
    if !set.contains(&true) {
        set[random.below(count)] = true;
    }
    set
}

const RANDOM_OPTIONS: RandomOptions =
    RandomOptions { steps: 8, elementary: false, max_elements: 300, nesting: 2, symbols: false };

#[test]
fn random_graphs_are_batched() {
    for seed in 0..n_seeds() {
        let options = RandomOptions { symbols: seed % 2 == 0, ..RANDOM_OPTIONS };
        let graph = random_graph(seed, options);
        let mut random = Generator::new(seed);
        let batched = random_set(&mut random, graph.parameter_count());
        let size = if random.below(2) == 0 { Dim::known(2) } else { Dim::symbol("batch2") };
        check(&format!("seed {seed}"), &graph, &batched, &size, 2, Flavour::Tame, seed);
    }
}

#[test]
fn batches_of_batches_are_batches() {
    for seed in 1000..1000 + n_seeds() / 2 {
        let graph = random_graph(seed, RANDOM_OPTIONS);
        let mut random = Generator::new(seed);
        let inner = random_set(&mut random, graph.parameter_count());
        let outer = random_set(&mut random, graph.parameter_count());
        // The first batch gives what each element gives, as the other test shows; the second one is compared with it.
        let once = batch(&graph, &Dim::symbol("inner3"), &inner).unwrap();
        let size = if random.below(2) == 0 { Dim::known(2) } else { Dim::symbol("outer2") };
        check(&format!("seed {seed}"), &once, &outer, &size, 2, Flavour::Tame, seed);
    }
}

#[test]
fn gradients_of_random_graphs_are_batched() {
    let mut count = 0;
    for seed in 2000..2000 + n_seeds() {
        let graph = random_graph(seed, RANDOM_OPTIONS);
        let floats = graph.parameter_types().map(|of| of.dtype.is_float());
        let wrt: Vec<usize> = floats.enumerate().filter(|(_, is_float)| *is_float).map(|(place, _)| place).collect();
        // Not every op has a gradient.
        let Ok(gradient) = vjp(&graph, &wrt) else { continue };
        if wrt.is_empty()
            || run(
                &gradient,
                &arguments(&gradient, &vec![false; gradient.parameter_count()], 1, Flavour::Tame, seed)[0],
            )
            .is_err()
        {
            continue;
        }
        let batched = random_set(&mut Generator::new(seed), gradient.parameter_count());
        check(&format!("seed {seed}"), &gradient, &batched, &Dim::symbol("batch2"), 2, Flavour::Tame, seed);
        count += 1;
    }
    assert!(count >= n_seeds() / 4, "{count}");
}

#[test]
fn a_function_of_the_host_is_not_batched() {
    let sample = samples().into_iter().find(|sample| is_host_call(sample) && !sample.operands.is_empty()).unwrap();
    let graph = sample.graph();
    let error = batch(&graph, &Dim::known(2), &[true]).unwrap_err();
    assert!(matches!(error, DiffError::NotBatchable { op: "custom_call", .. }), "{error}");
    assert!(batch(&graph, &Dim::known(2), &[false]).is_ok());
}

#[track_caller]
fn check_error(text: &str, batched: &[bool], expected: &str) {
    let graph = parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(batch(&graph, &Dim::known(2), batched).unwrap_err().to_string(), expected);
}

#[test]
fn effects_of_some_elements_alone_are_errors() {
    let branches = "func @loud(%x: f32[]) -> f32[] { %0:0 = print %x, format=\"{}\" : () return %x }
                    func @calm(%x: f32[]) -> f32[] { return %x }
                    func @f(%p: bool[], %x: f32[]) -> f32[] {
                      %0 = case %p, %x, branches=[@calm, @loud] : f32[]
                      return %0
                    }";
    let expected = "case: cannot be batched: a branch with effects is not taken for all elements";
    check_error(branches, &[true, false], expected);
    let graph = parse(branches, "test").unwrap();
    assert!(batch(&graph, &Dim::known(2), &[false, true]).is_ok());

    let steps = "func @more(%x: f32[]) -> bool[] { %0 = is_finite %x : bool[] return %0 }
                 func @step(%x: f32[]) -> f32[] {
                   %0:0 = print %x, format=\"{}\" : ()
                   %1 = add %x, %x : f32[]
                   return %1
                 }
                 func @f(%x: f32[]) -> f32[] {
                   %0 = while %x, condition=@more, body=@step : f32[]
                   return %0
                 }";
    let reason = "the condition of a loop with effects is not the same for all elements";
    check_error(steps, &[true], &format!("while: cannot be batched: {reason}"));
}

/// What a batched graph prints, two elements each.
#[track_caller]
fn check_printed(text: &str, batched: &[bool], arguments: &[Array], expected: &[&str]) {
    let graph = parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    let result = batch(&graph, &Dim::known(2), batched).unwrap();
    verify(&result).unwrap_or_else(|errors| panic!("{errors}"));
    let lines = RefCell::new(Vec::new());
    let print = |line: &str| lines.borrow_mut().push(line.to_owned());
    interpret_hosted(&result, arguments, &Host { custom_calls: &host_functions, print: &print }).unwrap();
    assert_eq!(lines.into_inner(), expected);
}

#[test]
fn effects_happen_once_for_the_batch_and_in_order() {
    let text = "func @f(%x: f32[], %y: f32[]) -> f32[] {
                  %a:0 = print format=\"begin\" : ()
                  %b:0 = print %y, format=\"y {}\" : () after(%a)
                  %c:0 = print %x, format=\"x {}\" : () after(%b)
                  %d:0 = print format=\"end\" : () after(%c)
                  return %y
                }";
    let (x, y) = (Array::new([2], &[1f32, 2.0]).unwrap(), Array::scalar(3f32));
    check_printed(text, &[true, false], &[x, y], &["begin", "y 3.0", "x [1.0, 2.0]", "end"]);
}

#[test]
fn an_assertion_must_hold_for_all_elements() {
    let text = "func @f(%x: bool[]) -> bool[] { %0:0 = assert %x, message=\"no\" : () return %x }";
    let graph = batch(&parse(text, "test").unwrap(), &Dim::known(2), &[true]).unwrap();
    assert!(run(&graph, &[Array::new([2], &[true, true]).unwrap()]).is_ok());
    let error = run(&graph, &[Array::new([2], &[true, false]).unwrap()]).unwrap_err();
    assert!(matches!(error, InterpretError::Assert { .. }), "{error}");
}

/// The text of a batched graph.
#[track_caller]
fn check_text(text: &str, batched: &[bool], expected: &str) {
    let graph = parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    let result = batch(&graph, &Dim::symbol("b"), batched).unwrap();
    let lines = |text: &str| -> Vec<String> {
        let line = |line: &str| line.split("  loc(").next().unwrap_or(line).trim().to_owned();
        text.lines().map(line).filter(|line| !line.is_empty() && !line.starts_with(';')).collect()
    };
    assert_eq!(lines(&result.to_string()), lines(expected), "{result}");
}

#[test]
fn a_matrix_that_is_shared_is_multiplied_once() {
    let text = "func @f(%x: f32[3], %w: f32[3, 5]) -> f32[5] {
                  %0 = dot_general %x, %w, contract=[0]x[0] : f32[5]
                  return %0
                }";
    let expected = "func @f_batch(%x: f32[?b, 3], %w: f32[3, 5]) -> f32[?b, 5] {
                      %0 = dot_general %x, %w, contract=[1]x[0] : f32[?b, 5]
                      return %0
                    }";
    check_text(text, &[true, false], expected);
}

#[test]
fn a_shared_matrix_with_a_vector_for_each_element() {
    let text = "func @f(%w: f32[5, 3], %x: f32[3]) -> f32[5] {
                  %0 = dot_general %w, %x, contract=[1]x[0] : f32[5]
                  return %0
                }";
    let expected = "func @f_batch(%w: f32[5, 3], %x: f32[?b, 3]) -> f32[?b, 5] {
                      %0 = dot_general %x, %w, contract=[1]x[1] : f32[?b, 5]
                      return %0
                    }";
    check_text(text, &[false, true], expected);
}

#[test]
fn systems_of_a_shared_matrix_are_solved_together() {
    let text = "func @f(%a: f32[3, 3], %b: f32[2, 3]) -> f32[2, 3] {
                  %0 = triangular_solve %a, %b, lower=true : f32[2, 3]
                  return %0
                }";
    let expected = "func @f_batch(%a: f32[3, 3], %b: f32[?b, 2, 3]) -> f32[?b, 2, 3] {
                      %0 = reshape %b : f32[2*?b, 3]
                      %1 = triangular_solve %a, %0, lower=true : f32[2*?b, 3]
                      %2 = reshape %1 : f32[?b, 2, 3]
                      return %2
                    }";
    check_text(text, &[false, true], expected);
}

const LOOP: &str = "func @below(%i: i32[], %n: i32[], %x: f32[]) -> bool[] {
                      %0 = compare %i, %n, lt : bool[]
                      return %0
                    }
                    func @step(%i: i32[], %n: i32[], %x: f32[]) -> (i32[], i32[], f32[]) {
                      %0 = constant 1 : i32[]
                      %1 = add %i, %0 : i32[]
                      %2 = multiply %x, %x : f32[]
                      return %1, %n, %2
                    }
                    func @f(%i: i32[], %n: i32[], %x: f32[]) -> (i32[], i32[], f32[]) {
                      %0:3 = while %i, %n, %x, bound=9, condition=@below, body=@step : (i32[], i32[], f32[])
                      return %0#0, %0#1, %0#2
                    }";

#[test]
fn a_loop_that_counts_for_all_elements_stays_as_it_is() {
    let graph = parse(LOOP, "test").unwrap();
    let result = batch(&graph, &Dim::symbol("b"), &[false, false, true]).unwrap();
    let text = result.to_string();
    let expected = "= while %i, %n, %x, bound=9, condition=@below_batch, body=@step_batch : (i32[], i32[], f32[?b])";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_loop_that_ends_for_each_element_by_itself() {
    let graph = parse(LOOP, "test").unwrap();
    let result = batch(&graph, &Dim::symbol("b"), &[false, true, false]).unwrap();
    verify(&result).unwrap_or_else(|errors| panic!("{errors}"));
    let turns = Array::new([3], &[2, 0, 1]).unwrap();
    let found = run(&result, &[Array::scalar(0), turns.clone(), Array::scalar(3f32)]).unwrap();
    let expected = [turns.clone(), turns, Array::new([3], &[81f32, 3.0, 9.0]).unwrap()];
    assert!(found.iter().zip(&expected).all(|(found, expected)| found.same_bits(expected)), "{found:?}");
}

#[test]
fn custom_gradients_are_batched_with_the_call() {
    let text = "func @double(%x: f32[], %w: f32[2]) -> f32[2] {
                  %0 = broadcast_in_dim %x, dims=[] : f32[2]
                  %1 = multiply %0, %w : f32[2]
                  return %1
                }
                func @back(%x: f32[], %w: f32[2], %ct: f32[2]) -> (f32[], f32[2]) {
                  %0 = multiply %w, %ct : f32[2]
                  %1 = reduce_sum %0, axes=[0] : f32[]
                  %2 = broadcast_in_dim %x, dims=[] : f32[2]
                  %3 = multiply %2, %ct : f32[2]
                  return %1, %3
                }
                func @f(%x: f32[], %w: f32[2]) -> f32[2] {
                  %0 = call @double(%x, %w), gradient=@back : f32[2]
                  return %0
                }";
    let graph = parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    for (batched, seed) in [([true, false], 1), ([false, true], 2), ([true, true], 3)] {
        check("custom", &graph, &batched, &Dim::symbol("b"), 3, Flavour::Tame, seed);
        let result = batch(&graph, &Dim::known(3), &batched).unwrap();
        // Sums over the batch stand in the place of what the operand that is shared gets from each element.
        let all = vjp(&result, &[0, 1]).unwrap();
        verify(&all).unwrap_or_else(|errors| panic!("{errors}"));
        let types: Vec<&TensorType> = all.parameter_types().collect();
        let whole: Vec<Array> = types.iter().zip(0..).map(|(of, seed)| of_type(of, Flavour::Whole, seed)).collect();
        let found = run(&all, &whole).unwrap();
        let plain = parse(&text.replace(", gradient=@back", ""), "test").unwrap();
        let plain = vjp(&batch(&plain, &Dim::known(3), &batched).unwrap(), &[0, 1]).unwrap();
        let expected = run(&plain, &whole).unwrap();
        assert!(found.iter().zip(&expected).all(|(x, y)| x.same_bits(y)), "{batched:?}: {found:?}, not {expected:?}");
    }
}

#[test]
fn gradients_of_each_element() {
    let text = "func @loss(%w: f32[3, 4], %x: f32[3], %y: f32[4]) -> f32[] {
                  %0 = dot_general %x, %w, contract=[0]x[0] : f32[4]
                  %1 = tanh %0 : f32[4]
                  %2 = subtract %1, %y : f32[4]
                  %3 = multiply %2, %2 : f32[4]
                  %4 = reduce_sum %3, axes=[0] : f32[]
                  return %4
                }";
    let gradient = vjp(&parse(text, "test").unwrap(), &[0]).unwrap();
    for batched in subsets(4) {
        check("gradient", &gradient, &batched, &Dim::symbol("b"), 3, Flavour::Tame, 5);
    }
}
