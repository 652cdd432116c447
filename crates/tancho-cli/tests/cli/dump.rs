//! `tancho dump`.

use crate::{DENSE, Workspace};

#[track_caller]
fn check(arguments: &str, expected: &[&str], not_expected: &[&str]) {
    let text = Workspace::new().succeeds(&format!("dump dense.ir {arguments}"));
    for part in expected {
        assert!(text.contains(part), "{arguments}: no {part:?} in\n{text}");
    }
    for part in not_expected {
        assert!(!text.contains(part), "{arguments}: {part:?} in\n{text}");
    }
}

#[test]
fn graphs_say_where_operations_come_from() {
    check("--stage traced", &["multiply %3, %4", "loc(\"dense.ir\":8:3)"], &[]);
    check("--stage optimized", &["dot_general", "loc(\"dense.ir\":2:3)"], &["multiply"]);
}

#[test]
fn without_locations_the_text_is_the_one_that_was_read() {
    let text = Workspace::new().succeeds("dump dense.ir --stage traced --no-locations");
    assert_eq!(text, DENSE);
}

#[test]
fn large_constants_can_be_elided() {
    let workspace = Workspace::new();
    workspace.write("f.ir", "func @f() -> i32[4] { %0 = constant dense<[3, 1, 4, 1]> : i32[4] return %0 }");
    assert!(workspace.succeeds("dump f.ir --stage traced --elide 4").contains("dense<[3, 1, 4, 1]>"));
    assert!(workspace.succeeds("dump f.ir --stage traced --elide 3").contains("dense<...>"));
}

#[test]
fn the_graph_after_a_pass() {
    check("--stage optimized --after inline_calls", &["multiply"], &[]);
    check("--stage optimized --after fold_constants:1", &["maximum"], &["multiply %3"]);
    // The stage goes without saying; lines are kept.
    check("--after fold_constants", &["maximum", "loc(\"dense.ir\":2:3)"], &["multiply %3"]);
}

#[test]
fn kernels_and_code() {
    check("--stage kernels", &["program @dense {", "product f32", "epilogue", "kernel row"], &[]);
    check("--stage clif", &["function u0:0", "block0("], &[]);
    check("--stage asm", &["ret"], &["function u0:0"]);
    // Each launch says where it comes from.
    for stage in ["kernels", "clif", "asm"] {
        check(&format!("--stage {stage}"), &["; dense.ir:9:3\n", "; dense.ir:10:3\n"], &[]);
    }
}

#[test]
fn pictures() {
    let edge = "n0 -> n3 [headlabel=\"0\"];";
    check("--stage traced --format dot", &["digraph \"dense\" {", "dot_general contract=[1]x[0]", edge], &[]);
    check("--stage optimized --format dot", &["digraph \"dense\" {"], &["multiply"]);
    let launch = "launch 0: product f32\\nbatch=[] m=?n n=3 k=2\\nepilogue: ";
    check("--stage kernels --format dot", &["digraph \"dense\" {", launch, "argument 0", "l0 -> b", "result 1"], &[]);
    check("--stage clif --format dot", &["digraph \"dense\" {", "l0 -> b", "block0(", "\\l"], &[]);
    check("--stage asm --format dot", &["digraph \"dense\" {", "l0 -> b", "ret"], &[]);
}

#[test]
fn what_does_not_go_together() {
    let workspace = Workspace::new();
    let error = workspace.fails("dump dense.ir --stage kernels --after simplify");
    assert_eq!(error, "--after is for --stage optimized, not for --stage kernels");
    let error = workspace.fails("dump dense.ir --after simplfy");
    assert!(error.starts_with("there is no pass \"simplfy\"; the passes are inline_calls, "), "{error}");
    let error = workspace.fails("dump dense.ir --stage optimized --after simplify:99");
    assert!(error.starts_with("the pass simplify has no run 99 on this program; its last run is simplify:"), "{error}");
}
