//! The walk itself: seeds, sources, what is left out, and what is not computed.

use tancho_autodiff::{DiffError, gradients, tangents, vjp};
use tancho_ir::{Graph, NodeId, Span, Value};
use tancho_tensor::Array;

use super::control::{NESTED, nested_arguments};
use super::harness::{array, function, jvp_of, program, run, uniform, vjp_of};
use super::loops::{RECURRENT, recurrent_arguments};

fn named(graph: &Graph, name: &str) -> Value {
    let id = graph.node_ids().find(|&id| graph.node(id).name() == Some(name)).expect("a node of this name");
    Value { node: id, result: 0 }
}

/// The names of the ops, sorted, constants and broadcasts aside.
fn ops(graph: &Graph) -> Vec<&'static str> {
    let ops = graph.node_ids().filter_map(|id| graph.node(id).op().map(|op| op.name()));
    let mut ops: Vec<&str> = ops.filter(|name| !["constant", "broadcast_in_dim"].contains(name)).collect();
    ops.sort_unstable();
    ops
}

const CHAIN: &str = "func @f(%x: f64[3], %y: f64[3], %ct: f64[3]) -> f64[3] {
  %a = multiply %x, %x : f64[3]
  %b = multiply %a, %y : f64[3]
  %c = sine %y : f64[3]
  %d = add %b, %c : f64[3]
  return %d
}
";

#[test]
fn sources_between_and_seeds_of_sources() {
    let mut graph = program(CHAIN);
    let [x, y, ct] = [0, 1, 2].map(|position| graph.parameters().nth(position).unwrap());
    let (a, c, d) = (named(&graph, "a"), named(&graph, "c"), named(&graph, "d"));
    let found = gradients(&mut graph, &[(d, ct), (a, ct)], &[a, x, c], &|_| true).unwrap();
    graph.set_results(found.into_iter().map(|found| found.expect("it depends")).collect());
    let (x0, y0, ct0) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [1.0, 10.0, 100.0]);
    let results = run(&graph, &[array([3], &x0), array([3], &y0), array([3], &ct0)]);
    let of_a: Vec<f64> = (0..3).map(|i| ct0[i] + ct0[i] * y0[i]).collect();
    assert_eq!(results[0].to_f64_vec(), of_a);
    assert_eq!(results[1].to_f64_vec(), (0..3).map(|i| of_a[i] * x0[i] + of_a[i] * x0[i]).collect::<Vec<_>>());
    assert_eq!(results[2].to_f64_vec(), ct0);
    let _ = y;
}

#[test]
fn what_does_not_depend_is_none() {
    let mut graph = program(CHAIN);
    let [x, y, ct] = [0, 1, 2].map(|position| graph.parameters().nth(position).unwrap());
    let (c, d) = (named(&graph, "c"), named(&graph, "d"));
    let before = graph.node_count();
    let found = gradients(&mut graph, &[(c, ct)], &[x], &|_| true).unwrap();
    assert_eq!((found, graph.node_count()), (vec![None], before));
    let refused: NodeId = named(&graph, "a").node;
    let found = gradients(&mut graph, &[(d, ct)], &[x], &|id| id != refused).unwrap();
    assert_eq!((found, graph.node_count()), (vec![None], before));
    let found = tangents(&mut graph, &[(x, ct)], &[c]).unwrap();
    assert_eq!((found, graph.node_count()), (vec![None], before));
    let found = tangents(&mut graph, &[(y, ct)], &[c]).unwrap();
    assert!(found[0].is_some());
    // The whole function then has zeros.
    let results = run(&vjp_of(&program(CHAIN), &[2]), &vec![uniform([3], -1.0, 1.0, 1); 4]);
    assert_eq!(results[1].to_f64_vec(), [0.0; 3]);
}

#[test]
fn nothing_is_computed_in_vain() {
    let layer = "%0 = dot_general %x, %w, contract=[1]x[0] : f64[4, 2]\n%1 = tanh %0 : f64[4, 2]\nreturn %1";
    let graph = function("%x: f64[4, 3], %w: f64[3, 2]", "f64[4, 2]", layer);
    // 1 − y², times the cotangent, and the product.
    let expected = ["add", "dot_general", "dot_general", "multiply", "multiply", "subtract", "tanh"];
    assert_eq!(ops(&vjp_of(&graph, &[1])), expected);
    assert_eq!(ops(&jvp_of(&graph, &[1])), expected);
    for name in ["exponential", "log", "sine", "sqrt"] {
        let graph = function("%x: f64[2]", "f64[2]", &format!("%0 = {name} %x : f64[2]\nreturn %0"));
        assert_eq!(ops(&jvp_of(&graph, &[0])), ops(&vjp_of(&graph, &[0])), "{name}");
    }
    let graph = function("%x: f64[2], %y: f64[2]", "f64[2]", "%0 = add %x, %y : f64[2]\nreturn %0");
    assert_eq!(ops(&vjp_of(&graph, &[0, 1])), ["add"]);
    assert_eq!(ops(&jvp_of(&graph, &[0, 1])), ["add", "add"]);
}

/// Whoever traces asks for several gradients of the same nodes, whose values he goes on to hold.
#[test]
fn gradients_of_the_same_nodes_twice() {
    let calls = (NESTED.replace("MODE", ""), nested_arguments(3).to_vec(), [0, 1]);
    let loops = (RECURRENT.to_string(), recurrent_arguments(3, 2, 2), [0, 1]);
    for (text, arguments, wrt) in [calls, loops] {
        let mut graph = program(&text);
        let ones = with_ones(&graph, &arguments);
        let expected = run(&vjp_of(&graph, &wrt), &ones);
        let results = graph.results().to_vec();
        let seeds: Vec<(Value, Value)> = results
            .iter()
            .map(|&result| {
                let of = graph.type_of(result).clone();
                (result, graph.add_parameter(None, of, Span::NONE))
            })
            .collect();
        let sources = wrt.map(|position| graph.parameters().nth(position).unwrap());
        let mut all = results.clone();
        for _ in 0..2 {
            let found = gradients(&mut graph, &seeds, &sources, &|_| true).unwrap();
            all.extend(found.into_iter().flatten());
        }
        graph.set_results(all);
        let found = run(&super::harness::verified(graph), &ones);
        let twice = expected.iter().chain(&expected[results.len()..]);
        assert_eq!(found.len(), expected.len() + wrt.len());
        // Shares may be added in another order.
        let pairs = found.iter().zip(twice).flat_map(|(x, y)| x.to_f64_vec().into_iter().zip(y.to_f64_vec()));
        pairs.for_each(|(x, y)| assert!((x - y).abs() <= 1e-14 * (1.0 + y.abs()), "{x} and {y}"));
    }
}

/// The arguments, and ones for the results.
fn with_ones(graph: &Graph, arguments: &[Array]) -> Vec<Array> {
    let mut all = arguments.to_vec();
    for result in run(graph, arguments) {
        all.push(array(result.shape().clone(), &vec![1.0; result.len()]));
    }
    all
}

#[test]
fn errors_name_the_line() {
    let text = "func @f(%x: f64[2]) -> f64[2] {
  %0 = custom_call %x, target=\"secret\" : f64[2]   loc(\"model.rs\":3:5)
  return %0
}
";
    let error = vjp(&program(text), &[0]).unwrap_err();
    assert!(matches!(&error, DiffError::NotDifferentiable { op: "custom_call", .. }));
    assert_eq!(
        error.to_string(),
        "custom_call: no gradient: the function \"secret\" of the host is not known to have one (model.rs:3:5)"
    );
}
