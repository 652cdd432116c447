//! `tancho run`.

use tancho_formats::save_model;
use tancho_ir::parse;
use tancho_tensor::Array;

use crate::{DENSE, Workspace};

const EXPECTED: [f32; 6] = [1.5, 2.5, 0., 3.5, 4.5, 0.];

#[track_caller]
fn check_results(workspace: &Workspace, folder: &str) {
    let out = workspace.array(&format!("{folder}/dense_out_0.npy"));
    assert_eq!(out.elements::<f32>().unwrap(), EXPECTED);
    assert_eq!(workspace.array(&format!("{folder}/1.npy")).elements::<f32>().unwrap(), [12.0]);
}

#[test]
fn inputs_by_name_results_in_files() {
    let workspace = Workspace::new();
    let out = workspace.succeeds("run dense.ir --input x=x.npy --input w=w.npy --input b=b.npy --output-dir a/b");
    assert_eq!(out, "a/b/dense_out_0.npy: f32[2, 3]\na/b/1.npy: f32[]\n");
    check_results(&workspace, "a/b");
}

#[test]
fn inputs_by_position_and_with_their_sigil() {
    let workspace = Workspace::new();
    workspace.succeeds("run dense.ir -i 2=b.npy -i %w=w.npy -i 0=x.npy -o out --threads 1 --memory-limit 1M");
    check_results(&workspace, "out");
}

#[test]
fn results_without_a_folder_are_printed() {
    let out = Workspace::new().succeeds("run dense.ir -i x=x.npy -i w=w.npy -i b=b.npy");
    assert_eq!(out, "dense/out:0: f32[2, 3]\n[[1.5, 2.5, 0.0],\n [3.5, 4.5, 0.0]]\n1: f32[]\n12.0\n");
}

#[test]
fn a_model_folder() {
    let workspace = Workspace::new();
    let w: Vec<f32> = (0..200).map(|i| i as f32 / 8.0).collect();
    let cells: Vec<String> = w.iter().map(|x| format!("{x:?}")).collect();
    let rows: Vec<String> = cells.chunks(100).map(|row| format!("[{}]", row.join(", "))).collect();
    let text = format!(
        "func @model(%x: f32[?n, 2]) -> f32[?n, 100] {{
           %w = constant dense<[{}]> : f32[2, 100]
           %0 = dot_general %x, %w, contract=[1]x[0] : f32[?n, 100]
           return %0 as \"y\"
         }}",
        rows.join(", ")
    );
    let graph = parse(&text, "model.ir").unwrap_or_else(|error| panic!("{error}"));
    save_model(workspace.path("model"), &graph).unwrap();
    workspace.succeeds("run model --input x=x.npy --output-dir out");
    let expected: Vec<f32> = [[1f32, 2.], [3., 4.]]
        .iter()
        .flat_map(|x| (0..100).map(|j| x[0] * w[j] + x[1] * w[100 + j]).collect::<Vec<_>>())
        .collect();
    assert_eq!(workspace.array("out/y.npy").elements::<f32>().unwrap(), expected);
    assert!(
        workspace.succeeds("check model").starts_with("model is sound: @model(x: f32[?n, 2]) -> (y: f32[?n, 100])")
    );
}

#[test]
fn names_that_meet_in_a_file_are_told_apart() {
    let workspace = Workspace::new();
    let text = "func @f(%x: f32[3]) -> (f32[3], f32[3], f32[3], f32[3]) {
      %0 = negate %x : f32[3]
      return %x as \"a/b\", %0 as \"a:b\", %x as \"3\", %0
    }";
    workspace.write("f.ir", text);
    workspace.succeeds("run f.ir --input 0=b.npy --output-dir out");
    for (name, expected) in [("a_b", 0.5f32), ("a_b.1", -0.5), ("3", 0.5), ("3.3", -0.5)] {
        assert_eq!(workspace.array(&format!("out/{name}.npy")).elements::<f32>().unwrap(), [expected; 3], "{name}");
    }
}

#[test]
fn a_program_without_inputs() {
    let workspace = Workspace::new();
    workspace.write("f.ir", "func @f() -> i32[3] { %0 = iota axis=0 : i32[3] return %0 }");
    assert_eq!(workspace.succeeds("run f.ir"), "0: i32[3]\n[0, 1, 2]\n");
}

#[test]
fn the_same_results_on_any_number_of_threads() {
    let workspace = Workspace::new();
    let x: Vec<f32> = (0..200_000).map(|i| (i % 1009) as f32 * 0.37 - 150.0).collect();
    workspace.write_array("large.npy", &Array::new([100_000, 2], &x).unwrap());
    for threads in [1, 4] {
        let inputs = "--input x=large.npy --input w=w.npy --input b=b.npy";
        workspace.succeeds(&format!("run dense.ir {inputs} --output-dir out{threads} --threads {threads}"));
    }
    for name in ["dense_out_0.npy", "1.npy"] {
        let (one, four) = (workspace.array(&format!("out1/{name}")), workspace.array(&format!("out4/{name}")));
        assert!(one.same_bits(&four), "{name}");
    }
}

#[test]
fn what_was_dumped_runs_with_the_same_results() {
    let workspace = Workspace::new();
    let stages = ["traced", "optimized", "optimized --after inline_calls", "optimized --after fold_constants"];
    for (number, stage) in stages.iter().enumerate() {
        let text = workspace.succeeds(&format!("dump dense.ir --stage {stage}"));
        assert!(number > 0 || text.matches(" = ").count() == DENSE.matches(" = ").count());
        workspace.write("dumped.ir", text);
        workspace.succeeds(&format!("run dumped.ir -i x=x.npy -i w=w.npy -i b=b.npy -o out{number}"));
        check_results(&workspace, &format!("out{number}"));
    }
}
