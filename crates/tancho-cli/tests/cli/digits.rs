//! The network of the digits example as a model folder: a program written by hand beside the weights as they were trained.

use std::path::{Path, PathBuf};

use tancho_formats::read_npy;

use crate::Workspace;

const PROGRAM: &str = "\
func @digits(%images: u8[?batch, 28, 28], %dense1.kernel: f32[784, 128], %dense1.bias: f32[128],
             %dense2.kernel: f32[128, 10], %dense2.bias: f32[10]) -> f32[?batch, 10] {
  %0 = convert %images : f32[?batch, 28, 28]
  %1 = constant 255.0 : f32[]
  %2 = broadcast_in_dim %1, dims=[] : f32[?batch, 28, 28]
  %3 = divide %0, %2 : f32[?batch, 28, 28]
  %4 = reshape %3 : f32[?batch, 784]
  %5 = dot_general %4, %dense1.kernel, contract=[1]x[0] : f32[?batch, 128]
  %6 = broadcast_in_dim %dense1.bias, dims=[1] : f32[?batch, 128]
  %7 = add %5, %6 : f32[?batch, 128]
  %8 = constant 0.0 : f32[]
  %9 = broadcast_in_dim %8, dims=[] : f32[?batch, 128]
  %10 = maximum %7, %9 : f32[?batch, 128]
  %11 = dot_general %10, %dense2.kernel, contract=[1]x[0] : f32[?batch, 10]
  %12 = broadcast_in_dim %dense2.bias, dims=[1] : f32[?batch, 10]
  %13 = add %11, %12 : f32[?batch, 10]
  return %13 as \"logits\"
}
";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/mnist").join(name)
}

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("digits")).unwrap();
    workspace.write("digits/program.ir", PROGRAM);
    std::fs::copy(data("mlp.safetensors"), workspace.path("digits/weights.safetensors")).unwrap();
    std::fs::copy(data("images.npy"), workspace.path("images.npy")).unwrap();
    workspace
}

#[test]
fn it_reads_digits_and_so_does_what_was_dumped() {
    let workspace = workspace();
    workspace.succeeds("run digits --input images=images.npy --output-dir out");
    let logits = workspace.array("out/logits.npy");
    let expected = read_npy(data("logits_f64.npy")).unwrap();
    assert_eq!(logits.shape(), expected.shape());
    let largest = logits.to_f64_vec().iter().zip(expected.to_f64_vec()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    assert!(largest < 1e-4, "{largest}");

    for stage in ["traced", "optimized"] {
        workspace.write("dumped.ir", workspace.succeeds(&format!("dump digits --stage {stage}")));
        workspace.succeeds("run dumped.ir --input images=images.npy --output-dir again");
        assert!(workspace.array("again/logits.npy").same_bits(&logits), "{stage}");
    }
}

#[test]
fn each_stage_can_be_printed() {
    let workspace = workspace();
    for (stage, expected) in [
        ("traced", "%5 = dot_general"),
        ("optimized", "= dot_general"),
        ("kernels", "product f32 batch=[] m=?batch n=128 k=784"),
        ("clif", "f32x4"),
        ("asm", "divps"),
        ("traced --format dot", "%images"),
        ("optimized --format dot", "%images"),
        ("kernels --format dot", "m=?batch n=128 k=784"),
    ] {
        let text = workspace.succeeds(&format!("dump digits --stage {stage}"));
        assert!(text.contains(expected), "{stage}: no {expected:?} in\n{text}");
    }
}
