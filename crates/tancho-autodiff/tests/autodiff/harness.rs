//! What the tests of the rules share: programs as text, inputs, and the checks.

use tancho_autodiff::{jvp, vjp};
use tancho_interp::interpret;
use tancho_ir::{Graph, parse, verify};
use tancho_tensor::{Array, DType, Shape};
use tancho_testing::values::Generator;

/// The last function of a text.
#[track_caller]
pub fn program(text: &str) -> Graph {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&graph).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    graph
}

/// A function of one line for each op; the parameters are named by the caller.
#[track_caller]
pub fn function(parameters: &str, results: &str, body: &str) -> Graph {
    program(&format!("func @f({parameters}) -> {results} {{\n{body}\n}}\n"))
}

pub fn array(shape: impl Into<Shape>, elements: &[f64]) -> Array {
    Array::new(shape, elements).expect("as many elements as the shape has")
}

/// Numbers between two bounds, the same for the same seed.
pub fn uniform(shape: impl Into<Shape>, low: f64, high: f64, seed: u64) -> Array {
    let shape = shape.into();
    let mut generator = Generator::new(seed);
    let elements: Vec<f64> =
        (0..shape.iter().product::<usize>()).map(|_| low + (high - low) * generator.unit()).collect();
    array(shape, &elements)
}

#[track_caller]
pub fn run(graph: &Graph, arguments: &[Array]) -> Vec<Array> {
    interpret(graph, arguments).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

#[track_caller]
pub fn verified(graph: Graph) -> Graph {
    verify(&graph).unwrap_or_else(|errors| panic!("{errors}\n{graph}"));
    graph
}

#[track_caller]
pub fn vjp_of(graph: &Graph, wrt: &[usize]) -> Graph {
    verified(vjp(graph, wrt).unwrap_or_else(|error| panic!("{error}\n{graph}")))
}

#[track_caller]
pub fn jvp_of(graph: &Graph, wrt: &[usize]) -> Graph {
    verified(jvp(graph, wrt).unwrap_or_else(|error| panic!("{error}\n{graph}")))
}

/// The positions of arguments that are differentiated.
fn floats(arrays: &[Array]) -> Vec<usize> {
    (0..arrays.len()).filter(|&position| arrays[position].dtype().is_float()).collect()
}

fn inner(x: &[Array], y: &[Array]) -> f64 {
    assert_eq!(x.len(), y.len());
    x.iter().zip(y).flat_map(|(x, y)| x.to_f64_vec().into_iter().zip(y.to_f64_vec())).map(|(x, y)| x * y).sum()
}

/// Random arrays in the shapes of others.
fn directions(like: &[Array], seed: u64) -> Vec<Array> {
    like.iter().enumerate().map(|(place, like)| uniform(like.shape().clone(), -1.0, 1.0, seed + place as u64)).collect()
}

#[track_caller]
fn check_close(x: f64, y: f64, tolerance: f64, what: &str) {
    let close = (x - y).abs() <= tolerance * (1.0 + x.abs().max(y.abs()));
    assert!(close, "{what}: {x} and {y} differ");
}

/// Reverse mode against differences and against forward mode, at one place, by all `f64` arguments.
#[track_caller]
pub fn check_first(graph: &Graph, arguments: &[Array]) {
    let wrt = floats(arguments);
    let results = run(graph, arguments);
    let float_results: Vec<usize> = floats(&results);
    let of_results =
        |results: &[Array]| -> Vec<Array> { float_results.iter().map(|&result| results[result].clone()).collect() };
    let cotangents = directions(&of_results(&results), 77);
    let reverse = vjp_of(graph, &wrt);
    let all = run(&reverse, &[arguments, &cotangents].concat());
    let (again, gradients) = all.split_at(results.len());
    assert!(results.iter().zip(again).all(|(x, y)| x.same_bits(y)), "the results stay\n{reverse}");
    for (&position, gradient) in wrt.iter().zip(gradients) {
        assert_eq!(gradient.shape(), arguments[position].shape());
        assert_eq!(gradient.dtype(), DType::F64, "the tests are in f64");
        let elements = arguments[position].to_f64_vec();
        for (place, found) in gradient.to_f64_vec().into_iter().enumerate() {
            let step = 1e-6 * elements[place].abs().max(1.0);
            let value_at = |offset: f64| {
                let mut moved = elements.clone();
                moved[place] += offset;
                let mut arguments = arguments.to_vec();
                arguments[position] = array(arguments[position].shape().clone(), &moved);
                inner(&of_results(&run(graph, &arguments)), &cotangents)
            };
            let difference = (value_at(step) - value_at(-step)) / (2.0 * step);
            // A difference has lost 2⁻⁵² of the value over the step, some 1e-10, and has an error of the step's square times
            // the third derivative.
            check_close(difference, found, 1e-6, &format!("argument {position}, element {place}"));
        }
    }
    let wanted: Vec<Array> = wrt.iter().map(|&position| arguments[position].clone()).collect();
    let tangents = directions(&wanted, 177);
    let forward = jvp_of(graph, &wrt);
    let all = run(&forward, &[arguments, &tangents].concat());
    let (again, pushed) = all.split_at(results.len());
    assert!(results.iter().zip(again).all(|(x, y)| x.same_bits(y)), "the results stay\n{forward}");
    // The two are sums of the same products in other orders.
    check_close(inner(pushed, &cotangents), inner(&tangents, gradients), 1e-12, "forward and reverse");
}

/// As [`check_first`], also for the graph of the derivative itself.
#[track_caller]
pub fn check(graph: &Graph, arguments: &[Array]) {
    check_first(graph, arguments);
    let wrt = floats(arguments);
    let derivative = vjp_of(graph, &wrt);
    let results: Vec<Array> = run(graph, arguments).into_iter().filter(|result| result.dtype().is_float()).collect();
    let cotangents = directions(&results, 277);
    check_first(&derivative, &[arguments, &cotangents].concat());
}

/// The gradient of the sum of all results by the arguments at positions.
#[track_caller]
pub fn gradient(graph: &Graph, wrt: &[usize], arguments: &[Array]) -> Vec<Array> {
    let results = run(graph, arguments);
    let ones = results.iter().filter(|result| result.dtype().is_float());
    let ones = ones.map(|result| array(result.shape().clone(), &vec![1.0; result.len()]));
    let all = run(&vjp_of(graph, wrt), &arguments.iter().cloned().chain(ones).collect::<Vec<_>>());
    all[results.len()..].to_vec()
}

/// Gradients at a place that was chosen, element by element.
#[track_caller]
pub fn check_gradient(graph: &Graph, arguments: &[Array], position: usize, expected: &[f64]) {
    let found = gradient(graph, &[position], arguments)[0].to_f64_vec();
    let same =
        found.len() == expected.len() && found.iter().zip(expected).all(|(x, y)| x == y || x.is_nan() && y.is_nan());
    assert!(same, "{found:?}, not {expected:?}");
}
