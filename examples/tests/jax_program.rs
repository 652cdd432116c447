//! The program gives JAX's values, and its loop is shown.

use std::process::Command;

#[test]
fn the_lstm_gives_the_values_of_jax() {
    let output = Command::new(env!("CARGO_BIN_EXE_jax_program")).output().expect("the example starts");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    for part in [" = while ", "condition=@", "body=@", "output 2 is within "] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
}
