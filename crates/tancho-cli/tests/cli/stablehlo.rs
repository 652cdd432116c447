//! StableHLO files, in and out.

use tancho_tensor::Array;

use crate::Workspace;

/// A self-checking module beside a program with arguments.
const SCALE: &str = "\
module @scale {
  func.func public @main(%x: tensor<?x2xf32>) -> (tensor<?x2xf32> {jax.result_info = \"result['y']\"}, tensor<i32>) {
    %0 = call @double(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x2xf32>) -> tensor<i32>
    return %0, %1 : tensor<?x2xf32>, tensor<i32>
  }
  func.func private @double(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = stablehlo.add %x, %x : tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
";

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("scale.mlir", SCALE);
    workspace
}

#[track_caller]
fn check_results(workspace: &Workspace, folder: &str) {
    let doubled = Array::new([2, 2], &[2f32, 4., 6., 8.]).unwrap();
    assert!(workspace.array(&format!("{folder}/0.npy")).same_bits(&doubled));
    assert!(workspace.array(&format!("{folder}/1.npy")).same_bits(&Array::scalar(2i32)));
}

#[test]
fn run_writes_results_by_position() {
    let workspace = workspace();
    let out = workspace.succeeds("run scale.mlir --input 0=x.npy --output-dir out");
    assert_eq!(out, "out/0.npy: f32[2, 2]\nout/1.npy: i32[]\n");
    check_results(&workspace, "out");
}

#[test]
fn bench_dump_and_check_take_them() {
    let workspace = workspace();
    assert!(workspace.succeeds("bench scale.mlir --input 0=x.npy --time 0.001").contains("best"));
    assert!(workspace.succeeds("dump scale.mlir --stage traced").contains("func @double"));
    assert!(workspace.succeeds("check scale.mlir").starts_with("scale.mlir is sound: @main(x: f32["));
}

#[test]
fn errors_show_the_line() {
    let workspace = workspace();
    workspace.write("bad.mlir", SCALE.replace("stablehlo.add %x, %x", "stablehlo.ad %x, %x"));
    let error = workspace.fails("check bad.mlir");
    assert!(error.starts_with("bad.mlir:8:"), "{error}");
    assert!(error.contains("8 |     %0 = stablehlo.ad %x, %x"), "{error}");
    workspace.write("complex.mlir", "func.func @main(%x: tensor<complex<f32>>) { return }");
    assert!(workspace.fails("check complex.mlir").contains("complex"));
}

#[test]
fn exports_run_alike() {
    let workspace = workspace();
    assert_eq!(workspace.succeeds("export scale.mlir --format stablehlo --output again.mlir"), "");
    workspace.succeeds("run again.mlir --input 0=x.npy --output-dir again");
    check_results(&workspace, "again");
    let text = workspace.succeeds("export dense.ir --format stablehlo");
    assert!(text.contains("func.func public @main(%x: tensor<?x2xf32>"), "{text}");
    workspace.write("dense.mlir", text);
    let from_ir = workspace.succeeds("run dense.ir --input 0=x.npy --input 1=w.npy --input 2=b.npy");
    let from_mlir = workspace.succeeds("run dense.mlir --input x=x.npy --input w=w.npy --input b=b.npy");
    assert_eq!(from_ir.replace("dense/out:0", "0"), from_mlir);
}

#[test]
fn what_cannot_be_exported_says_where() {
    let workspace = Workspace::new();
    let top =
        "func @f(%x: f32[?n]) -> (f32[?n], i32[?n]) { %0:2 = top_k %x, k=?n : (f32[?n], i32[?n]) return %0#0, %0#1 }";
    workspace.write("top.ir", top);
    let error = workspace.fails("export top.ir --format stablehlo");
    assert!(error.starts_with("top_k: k = ?n has no dynamic form (top.ir:1:"), "{error}");
}
