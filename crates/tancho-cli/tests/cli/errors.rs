//! One clear error for each wrong flag and each wrong file.

use tancho_tensor::Array;

use crate::Workspace;

const INPUTS: &str = "--input x=x.npy --input w=w.npy --input b=b.npy";

#[track_caller]
fn check(workspace: &Workspace, arguments: &str, expected: &str) {
    assert_eq!(workspace.fails(arguments), expected);
}

/// An error of the command line itself.
#[track_caller]
fn check_usage(arguments: &str, expected: &[&str]) {
    let output = Workspace::new().tancho(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    for part in expected {
        assert!(error.contains(part), "no {part:?} in\n{error}");
    }
}

#[test]
fn programs_that_are_none() {
    let workspace = Workspace::new();
    let expected =
        "a program is a text file that ends in .ir or .mlir, or a model folder with program.ir and weights.safetensors";
    check(&workspace, "run x.npy", &format!("x.npy is a .npy file; {expected}"));
    check(&workspace, "check .", &format!(". is a folder without program.ir; {expected}"));
    workspace.write("noend", "");
    check(&workspace, "check noend", &format!("noend is a file without .ir or .mlir at its end; {expected}"));
    check(&workspace, "run none.ir", "cannot read none.ir: No such file or directory (os error 2)");
    workspace.write("bytes.ir", b"func \xff");
    check(&workspace, "run bytes.ir", "bytes.ir, byte 5: expected UTF-8 text, found other bytes");
    workspace.write("empty.ir", "");
    let error = workspace.fails("run empty.ir");
    assert!(error.starts_with("empty.ir:1:1: "), "{error}");
}

#[test]
fn a_damaged_model_folder() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("model")).unwrap();
    workspace.write("model/program.ir", "func @f(%x: f32[3]) -> f32[3] { return %y }");
    workspace.write("model/weights.safetensors", [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}']);
    let error = workspace.fails("run model");
    assert!(error.starts_with("model/program.ir:1:40: %y is not defined"), "{error}");
    assert!(error.ends_with('^'), "{error}");
    workspace.write("model/program.ir", "func @f(%x: f32[3]) -> f32[3] { return %x }");
    workspace.succeeds("run model --input x=b.npy");
    workspace.write("model/weights.safetensors", "no tensors");
    let error = workspace.fails("run model --input x=b.npy");
    assert!(error.starts_with("model/weights.safetensors, byte 0: expected "), "{error}");
}

#[test]
fn inputs_that_are_missing_unknown_or_given_twice() {
    let workspace = Workspace::new();
    let missing = "@dense needs w: f32[2, 3], b: f32[3]; give --input w=FILE.npy --input b=FILE.npy";
    check(&workspace, "run dense.ir --input x=x.npy", missing);
    let inputs = "its inputs are x: f32[?n, 2], w: f32[2, 3], b: f32[3]";
    check(&workspace, "run dense.ir --input y=x.npy", &format!("@dense has no input y; {inputs}"));
    check(&workspace, "run dense.ir --input 3=x.npy", &format!("@dense has no input 3; {inputs}"));
    let twice = "the input w is given twice: by w.npy and by x.npy";
    check(&workspace, "run dense.ir --input w=w.npy --input 1=x.npy", twice);
    workspace.write("f.ir", "func @f() -> i32[3] { %0 = iota axis=0 : i32[3] return %0 }");
    check(&workspace, "run f.ir --input x=x.npy", "@f has no input x; it takes none");
}

#[test]
fn inputs_that_do_not_fit() {
    let workspace = Workspace::new();
    workspace.write_array("w.npy", &Array::new([2, 4], &[0f32; 8]).unwrap());
    let error = "the input w does not fit: argument 1 is f32[2, 4], but @dense takes f32[2, 3] (w.npy)";
    check(&workspace, &format!("run dense.ir {INPUTS}"), error);
    check(&workspace, &format!("bench dense.ir {INPUTS}"), error);
    workspace.write_array("w.npy", &Array::new([2, 3], &[0f64; 6]).unwrap());
    let error = "the input w does not fit: argument 1 is f64[2, 3], but @dense takes f32[2, 3] (w.npy)";
    check(&workspace, &format!("run dense.ir {INPUTS}"), error);

    workspace.write("g.ir", "func @g(%x: f32[?n], %y: f32[?n]) -> f32[?n] { %0 = add %x, %y : f32[?n] return %0 }");
    workspace.write_array("y.npy", &Array::new([2], &[0f32; 2]).unwrap());
    let error = "the input y does not fit: argument 1 is f32[2], but @g takes f32[?n] with ?n = 3 (y.npy)";
    check(&workspace, "run g.ir --input x=b.npy --input y=y.npy", error);
}

#[test]
fn sizes_that_a_line_of_the_program_requires() {
    let workspace = Workspace::new();
    let text = "func @h(%x: f32[?a], %y: f32[?b]) -> f32[?a] {\n  %0 = add %x, %y : f32[?a]\n  return %0\n}";
    workspace.write("h.ir", text);
    workspace.write_array("y.npy", &Array::new([2], &[0f32; 2]).unwrap());
    let error = workspace.fails("run h.ir --input x=b.npy --input y=y.npy");
    assert_eq!(error, "@h requires ?a = ?b, but 3 and 2 are given (h.ir:2:3)");
}

#[test]
fn arrays_that_are_damaged() {
    let workspace = Workspace::new();
    let whole = std::fs::read(workspace.path("x.npy")).unwrap();
    workspace.write("x.npy", &whole[..whole.len() - 3]);
    let error = "x.npy, byte 141: expected 16 bytes of data for f32[2, 2], found 13 bytes";
    check(&workspace, &format!("run dense.ir {INPUTS}"), error);
    workspace.write("x.npy", "no array");
    let error = workspace.fails(&format!("run dense.ir {INPUTS}"));
    assert!(error.starts_with("x.npy, byte 0: expected "), "{error}");
    std::fs::remove_file(workspace.path("x.npy")).unwrap();
    let error = "cannot read x.npy: No such file or directory (os error 2)";
    check(&workspace, &format!("run dense.ir {INPUTS}"), error);
}

#[test]
fn results_that_cannot_be_written() {
    let workspace = Workspace::new();
    let error = workspace.fails(&format!("run dense.ir {INPUTS} --output-dir x.npy"));
    assert!(error.starts_with("cannot write x.npy: "), "{error}");
}

#[test]
fn too_little_memory() {
    let workspace = Workspace::new();
    workspace.write("big.ir", "func @big() -> f32[1000000] { %0 = iota axis=0 : f32[1000000] return %0 }");
    workspace.succeeds("run big.ir --memory-limit 8M");
    let error = workspace.fails("run big.ir --memory-limit 2M");
    assert!(error.starts_with("cannot allocate 4000000 bytes (") && error.ends_with("limit 2097152)"), "{error}");
    let error = workspace.fails(&format!("run dense.ir {INPUTS} --memory-limit 100"));
    assert!(error.starts_with("dense.ir:5:17: cannot allocate 4 bytes"), "{error}");
}

#[test]
fn flags_that_are_wrong() {
    check_usage("run dense.ir --inptu x=x.npy", &["'--inptu'", "a similar argument exists: '--input'"]);
    check_usage("runs dense.ir", &["'runs'", "a similar subcommand exists: 'run'"]);
    check_usage("run dense.ir --input x.npy", &["'x.npy'", "expected NAME=FILE.npy, as x=x.npy, or POSITION=FILE.npy"]);
    check_usage("run", &["<PROGRAM>"]);
    check_usage("dump dense.ir", &["--stage <STAGE>"]);
    check_usage("dump dense.ir --stage wasm", &["[possible values: traced, optimized, kernels, clif, asm]"]);
    check_usage("dump dense.ir --stage optimized --after simplify:0", &["expected the name of a pass"]);
    check_usage("run dense.ir --threads 0", &["expected a number from 1 to 1024"]);
    check_usage("run dense.ir --memory-limit 3X", &["as 500000, 512K, 64M or 2G"]);
    check_usage("run dense.ir --memory-limit 99999999999G", &["as 500000, 512K, 64M or 2G"]);
    check_usage("bench dense.ir --size n=3", &["--random <SEED>"]);
    check_usage("bench dense.ir --random 1 --size n", &["expected NAME=N, as batch=64"]);
    check_usage("bench dense.ir --time x", &["expected a number of seconds"]);
}

#[test]
fn help_shows_an_example() {
    let workspace = Workspace::new();
    assert!(workspace.succeeds("--help").contains("Example:\n  tancho run "));
    for command in ["run", "bench", "dump", "check"] {
        assert!(
            workspace.succeeds(&format!("{command} --help")).contains(&format!("\n  tancho {command} ")),
            "{command}"
        );
    }
}
