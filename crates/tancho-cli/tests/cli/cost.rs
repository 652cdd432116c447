//! `tancho cost`.

use crate::Workspace;

#[test]
fn totals_memory_and_a_line_for_each_step() {
    let workspace = Workspace::new();
    let out = workspace.succeeds("cost dense.ir --size n=100 --threads 1");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("cost of @dense: "), "{out}");
    assert!(lines[1].starts_with("peak memory ") && lines[1].contains("arguments 836 B"), "{out}");
    assert!(lines[2].contains("FLOP") && lines[2].ends_with("source"), "{out}");
    // Of 2·m·n·k, a sum and a maximum for each element.
    let product =
        lines.iter().find(|line| line.contains("product f32 100 x 3 over 2")).unwrap_or_else(|| panic!("{out}"));
    assert!(product.trim_start().starts_with("1.800 k    836 B  1.2 KiB"), "{out}");
    assert!(product.contains("dense.ir:9:3, ") && product.contains(", 2:3, "), "{out}");
}

#[test]
fn sizes_from_inputs() {
    let workspace = Workspace::new();
    let out = workspace.succeeds("cost dense.ir --input x=x.npy");
    assert!(out.contains("product f32 2 x 3 over 2"), "{out}");
    let error = workspace.fails("cost dense.ir");
    assert_eq!(error, "the cost depends on the size ?n of the input x; give --size n=N");
    assert_eq!(workspace.fails("cost dense.ir --size m=1"), "@dense has no size ?m; it has ?n");
}
