//! The digits are read as they should be, and what is shown on the way is there.

use std::process::Command;

#[test]
fn the_network_reads_943_of_1000_digits() {
    let output = Command::new(env!("CARGO_BIN_EXE_digits")).output().expect("the example starts");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    let parts = [
        "943 of 1000 digits are read right.",
        "func @digits(%arg0: u8[?batch, 28, 28]) -> f32[?batch, 10] {",
        "examples/src/bin/digits.rs",
        "in \"dense1\"",
        "program @digits {",
        "a new batch size: a plan, and 0 new kernels",
        "██",
    ];
    for part in parts {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
}
