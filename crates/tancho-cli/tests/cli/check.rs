//! `tancho check`.

use crate::{DENSE, Workspace};

#[test]
fn a_sound_program() {
    let out = Workspace::new().succeeds("check dense.ir");
    let types = "@dense(x: f32[?n, 2], w: f32[2, 3], b: f32[3]) -> (dense/out:0: f32[?n, 3], f32[])";
    assert_eq!(out, format!("dense.ir is sound: {types}, 9 operations\n"));
}

#[test]
fn all_errors_below_their_lines() {
    let workspace = Workspace::new();
    workspace.write("bad.ir", DENSE.replace("add %0, %1", "add %0, %x").replace("axes=[0, 1]", "axes=[0, 7]"));
    let error = workspace.fails("check bad.ir").replace("; error", ";");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "bad.ir is no sound program:");
    let below = |operation: &str| {
        let place = lines.iter().position(|line| line.contains(operation)).unwrap_or_else(|| panic!("{error}"));
        lines[place + 2]
    };
    assert_eq!(below("add %0, %x"), ";: add: shapes differ: f32[?n, 3] and f32[?n, 2]");
    assert_eq!(below("axes=[0, 7]"), ";: reduce_sum: axis 7 is out of range for rank 2");
    assert_eq!(lines.last(), Some(&"; 2 errors"));
}

#[test]
fn a_text_that_cannot_be_read() {
    let workspace = Workspace::new();
    workspace.write("bad.ir", DENSE.replace("add %0, %1", "add %0, %q"));
    let error = workspace.fails("check bad.ir");
    let expected = "bad.ir:4:16: %q is not defined before this line
 4 |   %2 = add %0, %q : f32[?n, 3]
   |                ^";
    assert_eq!(error, expected);
}

#[test]
fn of_a_long_line_a_part() {
    let workspace = Workspace::new();
    let zeros = "0.0, ".repeat(500);
    workspace.write(
        "long.ir",
        format!("func @f() -> f32[501] {{ %0 = constant dense<[{zeros}oops]> : f32[501] return %0 }}"),
    );
    let error = workspace.fails("check long.ir");
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[0].starts_with("long.ir:1:2546: "), "{error}");
    assert!(lines[1].contains("0.0, oops]> : f32[501]") && lines[1].len() < 120, "{error}");
    assert_eq!(lines[1].find("oops"), lines[2].find('^'), "{error}");
}
