//! `tancho conformance`.

use tancho_tensor::Array;

use crate::Workspace;

/// A module whose `main` expects the sum of two constants to be `$expected`, by a check.
fn module(check: &str, expected: &str) -> String {
    format!(
        "module {{
  func.func public @main() {{
    %0 = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %1 = stablehlo.add %0, %0 : tensor<2xf32>
    %2 = stablehlo.constant dense<{expected}> : tensor<2xf32>
    stablehlo.custom_call @check.{check}(%1, %2) : (tensor<2xf32>, tensor<2xf32>) -> ()
    return
  }}
}}
"
    )
}

/// What a run prints, and whether it succeeds.
#[track_caller]
fn check(workspace: &Workspace, arguments: &str, success: bool, expected: &str) {
    let output = workspace.tancho(&format!("conformance stablehlo {arguments}"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, expected, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), success);
}

#[test]
fn cases_pass_and_fail() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("suite")).unwrap();
    workspace.write("suite/a.mlir", module("expect_close", "[2.0, 4.0]"));
    workspace.write("suite/b.mlir", module("expect_eq", "[2.0, 4.5]"));
    workspace.write("suite/c.mlir", "// RUN-DISABLED(slow) x\n".to_owned() + &module("expect_eq", "[3.0, 4.0]"));
    workspace.write("suite/d.mlir", "// RUN-DISABLED(slow) x\n".to_owned() + &module("expect_almost_eq", "[2.0, 4.0]"));
    workspace.write(
        "suite/e.mlir",
        module("expect_eq", "[2.0, 4.0]")
            .replace("xf32", "xcomplex<f32>")
            .replace("[1.0, 2.0]", "(1.0, 2.0)")
            .replace("[2.0, 4.0]", "(2.0, 4.0)"),
    );
    workspace.write("suite/f.mlir", "module {");
    let wrong = "expect_eq: element [1] is 4.0, expected 4.5 (line 6)";
    let disabled = "expect_eq: element [0] is 2.0, expected 3.0 (line 7)";
    let output = workspace.tancho("conformance stablehlo suite");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("FAILED suite/b.mlir, interpreted: {wrong}"));
    assert_eq!(lines[1], format!("FAILED suite/b.mlir, compiled: {wrong}"));
    assert_eq!(lines[2], format!("disabled (slow) suite/c.mlir, interpreted: {disabled}"));
    assert!(lines[3].starts_with("FAILED suite/f.mlir, read: suite/f.mlir:1:9: expected"), "{text}");
    assert_eq!(lines[4], "unsupported: 1 (complex numbers)");
    assert_eq!(lines[5], "2 passed, 2 failed (1 unsupported, 1 disabled)");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: 2 of 6 cases failed\n");
    check(&workspace, "suite --filter a.mlir", true, "1 passed, 0 failed\n");
    check(&workspace, "suite/d.mlir --mode compiled --jobs 1", true, "1 passed, 0 failed\n");
    assert!(
        workspace.fails("conformance stablehlo suite --filter zzz").starts_with("there is no .mlir file whose path")
    );
}

#[test]
fn every_public_function_is_a_case() {
    let workspace = Workspace::new();
    let one = module("expect_eq", "[2.0, 4.0]");
    let two = one.replace("@main", "@other").replace("module {", "").replace("4.0", "5.0");
    let both = one.trim_end().trim_end_matches('}').to_owned() + &two;
    workspace.write("both.mlir", both);
    let output = workspace.tancho("conformance stablehlo both.mlir --mode interpreted");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("FAILED both.mlir, other, interpreted: expect_eq: element [1]"), "{text}");
    assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
}

#[test]
fn a_case_that_does_not_end_costs_only_itself() {
    let workspace = Workspace::new();
    let forever = "module {
  func.func public @main() {
    %0 = stablehlo.constant dense<true> : tensor<i1>
    %1 = stablehlo.while(%2 = %0) : tensor<i1> cond {
      stablehlo.return %2 : tensor<i1>
    } do {
      stablehlo.return %2 : tensor<i1>
    }
    stablehlo.custom_call @check.expect_eq(%1, %0) : (tensor<i1>, tensor<i1>) -> ()
    return
  }
}
";
    std::fs::create_dir(workspace.path("suite")).unwrap();
    workspace.write("suite/a.mlir", forever);
    workspace.write("suite/b.mlir", module("expect_eq", "[2.0, 4.0]"));
    let expected = "FAILED suite/a.mlir, interpreted: took longer than 1 s\n\
                    FAILED suite/a.mlir, compiled: took longer than 1 s\n\
                    1 passed, 1 failed\n";
    check(&workspace, "suite --timeout 1 --jobs 1", false, expected);
}

#[test]
fn memory_is_bounded() {
    let workspace = Workspace::new();
    let large =
        module("expect_eq", "2.0").replace("dense<[1.0, 2.0]>", "dense<1.0>").replace("<2xf32>", "<40000000xf32>");
    workspace.write("large.mlir", large);
    let output = workspace.tancho("conformance stablehlo large.mlir --mode interpreted --memory-limit 1M");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("FAILED large.mlir, interpreted: "), "{text}");
    assert!(text.ends_with("\n0 passed, 1 failed\n"), "{text}");
}

#[test]
fn values_in_files_are_compared() {
    let workspace = Workspace::new();
    for (folder, prefix) in [("one", ""), ("several", "0."), ("several", "1.")] {
        std::fs::create_dir_all(workspace.path(folder)).unwrap();
        let program = "func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.multiply %x, %x : tensor<?xf32>
  return %0 : tensor<?xf32>
}";
        workspace.write(&format!("{folder}/program.mlir"), program);
        let size = 2 + prefix.len();
        let array = |value: f32| Array::new([size], &vec![value; size]).unwrap();
        workspace.write_array(&format!("{folder}/{prefix}input.0.npy"), &array(3.0));
        workspace
            .write_array(&format!("{folder}/{prefix}output.0.npy"), &array(if prefix == "1." { 9.01 } else { 9.0 }));
    }
    let failed = "output 0: element [0] is 9.0, expected 9.01";
    let output = workspace.tancho("conformance stablehlo .");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(&format!("FAILED ./several/program.mlir, 1.input, interpreted: {failed}")), "{text}");
    assert!(text.ends_with("\n2 passed, 1 failed\n"), "{text}");
    check(&workspace, ". --rtol 0.01", true, "3 passed, 0 failed\n");
}
