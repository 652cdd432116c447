use std::fs;
use std::path::Path;
use std::sync::Arc;

use tancho_formats::{
    FormatError, PROGRAM_FILE, WEIGHTS_FILE, load_model, read_safetensors, save_model, write_safetensors,
};
use tancho_ir::ops::{BinaryOp, ControlOp, DotOp, ElementwiseOp};
use tancho_ir::{Dim, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use super::{array, assert_error, damaged};

fn counted<const N: usize>(shape: [usize; N], first: f32) -> Array {
    let count = shape.iter().product();
    array(shape, &(0..count).map(|step| first + step as f32).collect::<Vec<f32>>())
}

fn binary(op: BinaryOp) -> Op {
    Op::Elementwise(ElementwiseOp::Binary(op))
}

/// `(x · w1 + b) · w2`, with large and small constants before, between and behind the operations.
fn network() -> Graph {
    let mut graph = Graph::new("network");
    let line = |line| Span::at("model.rs", line, 1);
    let unused = graph.add_constant(counted([65], 9.0), Span::NONE);
    graph.set_node_name(unused.node, Some("unused"));
    let x = graph.add_parameter(Some("x"), TensorType::new(DType::F32, [Dim::symbol("n"), 8usize.into()]), line(1));
    let bias = graph.add_parameter(Some("b"), TensorType::new(DType::F32, [Dim::symbol("m"), 16usize.into()]), line(2));
    let first = graph.add_constant(counted([8, 16], 1.0), line(3));
    graph.set_node_name(first.node, Some("dense/kernel:0"));
    let product = graph.add_value(Op::Dot(DotOp::matmul()), &[x, first], line(4)).unwrap();
    let small = graph.add_constant(counted([64], -1.0), line(5));
    let second = graph.add_constant(counted([16, 5], 0.5), line(6));
    let sum = graph.add_value(binary(BinaryOp::Add), &[product, bias], line(7)).unwrap();
    let result = graph.add_value(Op::Dot(DotOp::matmul()), &[sum, second], line(8)).unwrap();
    graph.set_results(vec![result, small, second, result]);
    graph.set_result_name(0, "logits");
    graph
}

#[track_caller]
fn check_round_trip(graph: &Graph, n_weights: usize) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/model");
    save_model(&path, graph).unwrap();
    let loaded = load_model(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.same_structure(graph), "{loaded}\nis not\n{graph}");
    assert_eq!(read_safetensors(path.join(WEIGHTS_FILE)).unwrap().len(), n_weights);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left behind");
    // What was saved from the loaded graph is the same to the byte.
    let again = folder.path().join("again");
    save_model(&again, &loaded).unwrap();
    for file in [PROGRAM_FILE, WEIGHTS_FILE] {
        assert_eq!(fs::read(path.join(file)).unwrap(), fs::read(again.join(file)).unwrap());
    }
    loaded
}

#[test]
fn a_graph_comes_back_as_it_was() {
    // Constants that stand before the parameters cannot come back there: in the text, parameters stand first.
    let graph = tancho_ir::parse(&network().to_string(), "network.ir").unwrap();
    let loaded = check_round_trip(&graph, 3);
    assert_eq!(loaded.result_name(0), Some("logits"));
    assert_eq!(loaded.constraints(), graph.constraints());
    let places = |graph: &Graph| {
        let order = graph.topological_order();
        order.into_iter().map(|id| graph.node(id).span().clone()).collect::<Vec<_>>()
    };
    assert_eq!(places(&loaded), places(&graph));
    let names = |graph: &Graph| graph.node_ids().filter_map(|id| graph.node(id).name().map(str::to_owned)).collect();
    let names: Vec<Vec<String>> = vec![names(&graph), names(&loaded)];
    assert_eq!(names[0], ["x", "b", "unused", "dense/kernel:0"]);
    assert_eq!(names[1], ["x", "b", "unused", "dense/kernel:0", "w0"]);
}

#[test]
fn the_saved_program_takes_its_weights_as_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    save_model(&path, &network()).unwrap();
    let text = fs::read_to_string(path.join(PROGRAM_FILE)).unwrap();
    let program = tancho_ir::parse(&text, PROGRAM_FILE).unwrap();
    let names: Vec<_> = program.parameters().map(|value| program.node(value.node).name().unwrap()).collect();
    assert_eq!(names, ["x", "b", "unused", "dense/kernel:0", "w0"]);
    let weights = read_safetensors(path.join(WEIGHTS_FILE)).unwrap();
    assert!(weights["dense/kernel:0"].same_bits(&counted([8, 16], 1.0)));
}

#[test]
fn names_of_all_kinds() {
    let mut graph = Graph::new("main");
    let mut results = Vec::new();
    for name in ["a", "a"] {
        results.push(graph.add_parameter(Some(name), TensorType::new(DType::F32, [2usize]), Span::NONE));
    }
    // Names that the printer gives to others, that a file format keeps, numbers, none, the same name twice.
    let names = ["a.1", "__metadata__", "3", "", "\"q\"\n\\", "\u{e9}\u{1F600}", "w0", "twice", "twice", "\0"];
    for (step, name) in names.into_iter().enumerate() {
        let value = graph.add_constant(counted([65 + step], 0.0), Span::NONE);
        graph.set_node_name(value.node, Some(name));
        results.push(value);
    }
    results.push(graph.add_constant(counted([100], 0.0), Span::NONE));
    graph.set_results(results);
    check_round_trip(&graph, 11);
}

#[test]
fn constants_of_callees_stay_in_the_text() {
    let mut callee = Graph::new("table");
    let table = callee.add_constant(counted([100], 0.0), Span::NONE);
    callee.set_results(vec![table]);
    let mut graph = Graph::new("main");
    let call = graph.add(Op::Control(ControlOp::call(Arc::new(callee))), &[], Span::NONE).unwrap();
    let other = graph.add_constant(counted([100], 0.0), Span::NONE);
    let called = Value { node: call, result: 0 };
    let sum = graph.add_value(binary(BinaryOp::Add), &[called, other], Span::NONE).unwrap();
    graph.add_order(call, sum.node);
    graph.set_results(vec![sum]);
    check_round_trip(&graph, 1);
    check_round_trip(&Graph::new("nothing"), 0);
}

const HAND_MADE: &str = "func @main(%w: f32[2], %x: f32[2], %v: f32[2]) -> f32[2] {
  %0 = add %x, %w : f32[2]
  %1 = add %0, %v : f32[2]
  return %1
}
";

fn hand_made(folder: &Path, weights: &[(&str, Array)]) -> Result<Graph, FormatError> {
    fs::write(folder.join(PROGRAM_FILE), HAND_MADE).unwrap();
    let weights = weights.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    write_safetensors(folder.join(WEIGHTS_FILE), &weights).unwrap();
    load_model(folder)
}

#[test]
fn a_folder_may_be_made_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let graph = hand_made(folder.path(), &[("v", counted([2], 1.0)), ("w", counted([2], 3.0))]).unwrap();
    let expected = "func @main(%x: f32[2]) -> f32[2] {
  %w = constant dense<[3.0, 4.0]> : f32[2]
  %v = constant dense<[1.0, 2.0]> : f32[2]
  %0 = add %x, %w : f32[2]
  %1 = add %0, %v : f32[2]
  return %1
}
";
    assert_eq!(graph.to_string(), expected);
}

#[test]
fn weights_that_do_not_fit_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(WEIGHTS_FILE);
    let file = file.display();
    let result = hand_made(folder.path(), &[("w", counted([3], 0.0))]);
    assert_error(result, &format!("{file}, \"w\": the weight is f32[3], but the program takes f32[2]"));
    let result = hand_made(folder.path(), &[("u", counted([2], 0.0))]);
    assert_error(result, &format!("{file}, \"u\": the program has no parameter of this name"));
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load_model(folder.path()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains(PROGRAM_FILE), "{missing}");
    let program = folder.path().join(PROGRAM_FILE);
    fs::write(&program, HAND_MADE.replace("add %0", "ad %0")).unwrap();
    let broken = load_model(folder.path()).unwrap_err().to_string();
    assert!(broken.starts_with(&format!("{}:3:8: ", program.display())), "{broken}");
    fs::write(&program, b"func \xff").unwrap();
    assert_error(
        load_model(folder.path()),
        &format!("{}, byte 5: expected UTF-8 text, found other bytes", program.display()),
    );
    fs::write(&program, HAND_MADE).unwrap();
    let missing = load_model(folder.path()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains(WEIGHTS_FILE), "{missing}");
}

#[test]
fn saving_replaces_models_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    save_model(&path, &Graph::new("first")).unwrap();
    save_model(&path, &Graph::new("second")).unwrap();
    assert_eq!(load_model(&path).unwrap().name(), "second");
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = save_model(&path, &Graph::new("third"));
    let expected = "will not replace PATH by a model: it holds \"notes.txt\", which is no part of one";
    let canonical = fs::canonicalize(&path).unwrap();
    assert_error(error, &expected.replace("PATH", &canonical.display().to_string()));
    assert_eq!(load_model(&path).unwrap().name(), "second");
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(save_model(&file, &Graph::new("x")), Err(FormatError::Io { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left behind");
}

#[test]
fn no_damage_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::new(DType::U8, [65usize]), Span::NONE);
    let weight = graph.add_constant(array([65], &[1u8; 65]), Span::NONE);
    let sum = graph.add_value(binary(BinaryOp::Add), &[x, weight], Span::NONE).unwrap();
    graph.set_results(vec![sum]);
    let path = folder.path().join("model");
    save_model(&path, &graph).unwrap();
    for file in [PROGRAM_FILE, WEIGHTS_FILE] {
        let intact = fs::read(path.join(file)).unwrap();
        // Each byte with a few others in its place: every case is a file of its own.
        for bytes in damaged(&intact).enumerate().filter(|(case, _)| case % 97 == 0).map(|(_, bytes)| bytes) {
            fs::write(path.join(file), bytes).unwrap();
            drop(load_model(&path));
        }
        fs::write(path.join(file), intact).unwrap();
    }
    assert_eq!(load_model(&path).unwrap(), graph);
}

#[test]
fn places_that_make_no_sense_are_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut graph = Graph::new("f");
    let x = graph.add_parameter(Some("x"), TensorType::new(DType::F32, [65usize]), Span::NONE);
    let weight = graph.add_constant(counted([65], 0.0), Span::NONE);
    let sum = graph.add_value(binary(BinaryOp::Add), &[x, weight], Span::NONE).unwrap();
    graph.set_results(vec![sum, weight]);
    save_model(&path, &graph).unwrap();
    let file = path.join(WEIGHTS_FILE);
    let intact = fs::read(&file).unwrap();
    for place in ["9", "x", "-", ","] {
        let text = |place: &str| format!("\"tancho.places\":\"{place}\"").into_bytes();
        let at = intact.windows(text("0").len()).position(|window| window == text("0")).unwrap();
        let mut bytes = intact.clone();
        bytes[at..at + text(place).len()].copy_from_slice(&text(place));
        fs::write(&file, bytes).unwrap();
        assert_eq!(load_model(&path).unwrap(), graph, "place {place}");
    }
}
