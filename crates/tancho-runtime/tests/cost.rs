//! What programs cost, by hand and by the clock.

use std::sync::Arc;

use tancho_ir::{ParseOptions, parse_with};
use tancho_runtime::{CompileOptions, Cost, Executable, Stage, StepKind};
use tancho_tensor::{Array, DType, Shape};

fn compile(text: &str) -> Arc<Executable> {
    let options = ParseOptions { check_types: true, locate_lines: true };
    let graph = parse_with(text, "test.ir", &options).unwrap_or_else(|error| panic!("{error}"));
    Executable::compile(graph, &CompileOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn cost_of(text: &str, shapes: &[(DType, &[usize])]) -> Cost {
    let shapes: Vec<(DType, Shape)> = shapes.iter().map(|(dtype, sizes)| (*dtype, Shape::new(sizes))).collect();
    let shapes: Vec<(DType, &Shape)> = shapes.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
    compile(text).cost(&shapes).unwrap_or_else(|error| panic!("{error}"))
}

/// The totals: FLOP, bytes read and written.
#[track_caller]
fn check(text: &str, shapes: &[(DType, &[usize])], expected: [u64; 3]) {
    let cost = cost_of(text, shapes);
    assert_eq!([cost.flops, cost.bytes_read, cost.bytes_written], expected, "\n{cost}");
}

#[test]
fn an_elementwise_kernel() {
    let text = "func @f(%x: f32[?n, 8], %y: f32[8]) -> f32[?n, 8] {
        %0 = broadcast_in_dim %y, dims=[1] : f32[?n, 8]
        %1 = multiply %x, %0 : f32[?n, 8]
        %2 = add %1, %x : f32[?n, 8]
        %3 = negate %2 : f32[?n, 8]
        return %3 }";
    // A multiplication and an addition for each element; the vector is read once.
    check(text, &[(DType::F32, &[10, 8]), (DType::F32, &[8])], [2 * 80, 4 * (80 + 8), 4 * 80]);
    check(text, &[(DType::F32, &[0, 8]), (DType::F32, &[8])], [0, 0, 0]);
}

#[test]
fn integers_are_no_flop() {
    let text = "func @f(%x: i32[8]) -> i32[8] { %0 = add %x, %x : i32[8] return %0 }";
    check(text, &[(DType::I32, &[8])], [0, 32, 32]);
}

#[test]
fn reductions_whole_and_split() {
    let text = "func @f(%x: f32[?n]) -> f32[] { %0 = reduce_sum %x, axes=[0] : f32[] return %0 }";
    check(text, &[(DType::F32, &[100])], [100, 400, 4]);
    let cost = cost_of(text, &[(DType::F32, &[1 << 20])]);
    let kinds: Vec<StepKind> = cost.steps.iter().map(|step| step.kind).collect();
    assert!(matches!(kinds[..], [StepKind::Blocks, StepKind::Kernel(_)]), "{cost}");
    assert_eq!(cost.steps[0].flops, 1 << 20, "{cost}");
    assert_eq!(cost.steps[0].bytes_read, 4 << 20, "{cost}");
    // The partial results are written by one step and read and folded by the other.
    assert_eq!(cost.steps[0].bytes_written, cost.steps[1].bytes_read, "{cost}");
    assert_eq!(4 * cost.steps[1].flops, cost.steps[1].bytes_read, "{cost}");
}

#[test]
fn rows_and_columns() {
    let rows = "func @f(%x: f32[4, 6]) -> f32[4] { %0 = reduce_sum %x, axes=[1] : f32[4] return %0 }";
    check(rows, &[(DType::F32, &[4, 6])], [24, 96, 16]);
    let columns = "func @f(%x: f32[4, 6]) -> f32[6] { %0 = reduce_sum %x, axes=[0] : f32[6] return %0 }";
    check(columns, &[(DType::F32, &[4, 6])], [24, 96, 24]);
}

const DENSE: &str = "func @dense(%x: f32[?n, 8], %w: f32[8, 3], %b: f32[3]) -> f32[?n, 3] {
  %0 = dot_general %x, %w, contract=[1]x[0] : f32[?n, 3]
  %1 = broadcast_in_dim %b, dims=[1] : f32[?n, 3]
  %2 = add %0, %1 : f32[?n, 3]
  return %2 }";

#[test]
fn a_product_with_its_epilogue() {
    let shapes: [(DType, &[usize]); 3] = [(DType::F32, &[5, 8]), (DType::F32, &[8, 3]), (DType::F32, &[3])];
    let cost = cost_of(DENSE, &shapes);
    let product = cost.steps.iter().find(|step| step.kind == StepKind::Product).unwrap_or_else(|| panic!("{cost}"));
    assert_eq!(product.flops, 2 * 5 * 8 * 3 + 5 * 3, "{cost}");
    assert_eq!(product.bytes_read, 4 * (40 + 24 + 3), "{cost}");
    assert_eq!(product.bytes_written, 4 * 15, "{cost}");
    let lines: Vec<u32> = product.spans.iter().filter_map(|span| Some(span.location.as_ref()?.line)).collect();
    assert_eq!(lines, [4, 2, 3]);
    assert_eq!((cost.memory.arguments, cost.memory.results), (4 * (40 + 24 + 3), 60));
    assert!(cost.peak_memory >= cost.memory.arguments + cost.memory.results);
    assert!(cost.to_string().contains("test.ir:4:3, 2:3, 3:3"), "{cost}");
}

#[test]
fn a_batch_of_products_reads_a_shared_operand_once() {
    let text = "func @f(%x: f32[2, 5, 8], %w: f32[8, 3]) -> f32[2, 5, 3] {
        %0 = dot_general %x, %w, contract=[2]x[0] : f32[2, 5, 3]
        return %0 }";
    let cost = cost_of(text, &[(DType::F32, &[2, 5, 8]), (DType::F32, &[8, 3])]);
    let product = cost.steps.last().unwrap_or_else(|| panic!("{cost}"));
    assert_eq!((product.flops, product.bytes_read), (2 * 2 * 5 * 8 * 3, 4 * (80 + 24)), "{cost}");
}

#[test]
fn a_convolution_reads_its_input_once() {
    let text = "func @f(%x: f32[1, 8, 8, 2], %k: f32[3, 3, 2, 4]) -> f32[1, 6, 6, 4] {
        %0 = convolution %x, %k, lhs=[0, 3, 1, 2], rhs=[3, 2, 0, 1], output=[0, 3, 1, 2] : f32[1, 6, 6, 4]
        return %0 }";
    let cost = cost_of(text, &[(DType::F32, &[1, 8, 8, 2]), (DType::F32, &[3, 3, 2, 4])]);
    let step = cost.steps.iter().find(|step| step.kind == StepKind::Convolution).unwrap_or_else(|| panic!("{cost}"));
    assert_eq!(step.flops, 2 * 36 * 18 * 4, "{cost}");
    assert_eq!(step.bytes_read, 4 * (128 + 72), "{cost}");
}

#[test]
fn procedures_count_their_loops() {
    // Row i of a factor takes i·(i + 1) / 2 multiply-adds, and so on: about n³ / 3 in all.
    let text = "func @f(%x: f64[32, 32]) -> f64[32, 32] { %0 = cholesky %x, lower=true : f64[32, 32] return %0 }";
    let cost = cost_of(text, &[(DType::F64, &[32, 32])]);
    let exact = 32u64.pow(3) / 3;
    assert!(cost.flops > exact / 3 && cost.flops < exact * 3, "{exact}\n{cost}");
    assert!(cost.bytes_read <= 8 * 1024 * 2 && cost.bytes_written >= 4 * 1024, "{cost}");
}

/// Its state is too wide for a loop that is one procedure.
const LOOP: &str = "func @condition(%i: i32[], %x: f32[64]) -> bool[] {
  %0 = constant 10 : i32[]
  %1 = compare %i, %0, lt : bool[]
  return %1
}
func @body(%i: i32[], %x: f32[64]) -> (i32[], f32[64]) {
  %0 = constant 1 : i32[]
  %1 = add %i, %0 : i32[]
  %2 = multiply %x, %x : f32[64]
  return %1, %2
}
func @f(%x: f32[64]) -> f32[64] {
  %0 = constant 0 : i32[]
  %1:2 = while %0, %x, condition=@condition, body=@body : (i32[], f32[64])
  return %1#1
}";

#[test]
fn a_loop_is_one_trip_in_a_cost_and_all_in_a_profile() {
    let cost = cost_of(LOOP, &[(DType::F32, &[64])]);
    let step = cost.steps.iter().find(|step| step.kind == StepKind::While).unwrap_or_else(|| panic!("{cost}"));
    assert_eq!((step.flops, step.is_estimate, step.nested.len()), (64, true, 2), "{cost}");
    assert!(cost.to_string().contains("~64"), "{cost}");
    let x = Array::new([64], &[1f32; 64]).unwrap();
    let profile = compile(LOOP).profile(&[&x], 3).unwrap();
    let step = profile.steps.iter().find(|step| step.kind == StepKind::While).unwrap_or_else(|| panic!("{profile}"));
    assert_eq!((step.runs, step.flops), (1, 640), "{profile}");
    assert_eq!(step.nested[1].steps.iter().map(|step| step.flops).sum::<u64>(), 640, "{profile}");
    assert_eq!(step.nested[0].steps[0].runs, 11, "{profile}");
    assert!(step.description.contains("10 trips"), "{profile}");
    assert!(step.time >= step.nested[1].steps[0].time, "{profile}");
}

#[test]
fn a_profile_names_steps_and_lines() {
    let executable = compile(DENSE);
    let arrays = [Array::new([5, 8], &[1f32; 40]), Array::new([8, 3], &[1f32; 24]), Array::new([3], &[1f32; 3])];
    let arrays = arrays.map(|array| array.unwrap());
    let profile = executable.profile(&arrays.iter().collect::<Vec<_>>(), 4).unwrap();
    assert_eq!(profile.repetitions, 4);
    let text = profile.to_string();
    assert!(text.starts_with("profile of @dense: 4 calls on "), "{text}");
    assert!(text.contains("product f32 5 x 3 over 8") && text.contains("test.ir:4:3, 2:3, 3:3"), "{text}");
    assert!(profile.steps.iter().all(|step| step.runs == 1 && step.time <= profile.time), "{text}");
    let trace = profile.to_chrome_trace();
    assert_eq!(trace.matches("\"ph\": \"X\"").count(), 4 * (1 + profile.steps.len()), "{trace}");
    assert!(trace.contains("\"source\": \"test.ir:4:3\\ntest.ir:2:3\\ntest.ir:3:3\""), "{trace}");
}

#[test]
fn every_stage_of_the_code_names_its_lines() {
    let executable = compile(DENSE);
    for stage in [Stage::Kernels, Stage::Clif, Stage::Asm] {
        let text = executable.dump(stage);
        assert!(text.contains("; test.ir:4:3\n"), "{stage:?}\n{text}");
    }
}
