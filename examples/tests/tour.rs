//! The tour prints what TensorFlow's guide prints, and what its own comments say.

use std::process::Command;

/// What a program prints.
fn output_of(path: &str) -> String {
    let output = Command::new(path).output().expect("the example starts");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    out.into_owned()
}

/// Whether all parts are there, in their order.
#[track_caller]
fn check_parts(out: &str, parts: &[&str]) {
    let mut rest = out;
    for part in parts {
        let place = rest.find(part).unwrap_or_else(|| panic!("no {part:?} in\n{rest}\nwhich is the end of\n{out}"));
        rest = &rest[place + part.len()..];
    }
}

const BASICS: &str = "\
[[1.0, 2.0, 3.0],
 [4.0, 5.0, 6.0]], shape=(2, 3), dtype=f32
(2, 3) f32
[[ 2.0,  4.0,  6.0],
 [ 8.0, 10.0, 12.0]], shape=(2, 3), dtype=f32
[[ 5.0, 10.0, 15.0],
 [20.0, 25.0, 30.0]], shape=(2, 3), dtype=f32
[[14.0, 32.0],
 [32.0, 77.0]], shape=(2, 2), dtype=f32
[[1.0, 2.0, 3.0],
 [4.0, 5.0, 6.0],
 [1.0, 2.0, 3.0],
 [4.0, 5.0, 6.0],
 [1.0, 2.0, 3.0],
 [4.0, 5.0, 6.0]], shape=(6, 3), dtype=f32
[[0.09003057, 0.24472848, 0.66524094],
 [0.09003057, 0.24472848, 0.66524094]], shape=(2, 3), dtype=f32
21.0, shape=(), dtype=f32
[[-1.0,  0.0,  1.0],
 [-1.0,  0.0,  1.0]], shape=(2, 3), dtype=f32
[[[2.0, 3.0]],

 [[5.0, 6.0]]], shape=(2, 1, 2), dtype=f32
[2.0, 3.0, 4.0], shape=(3,), dtype=f32
-2.0, shape=(), dtype=f32
4.0, shape=(), dtype=f32
[[14.0,  3.0],
 [42.0,  9.0]], shape=(2, 2), dtype=f32
[14.0,  3.0], shape=(2,), dtype=f32
Tracing...
6, shape=(), dtype=i32
27, shape=(), dtype=i32
Tracing...
27.3, shape=(), dtype=f32
5.0, shape=(), dtype=f32
[3, 6, 9], shape=(3,), dtype=i32
";

#[test]
fn basics_prints_the_figures_of_the_guide() {
    let out = output_of(env!("CARGO_BIN_EXE_basics"));
    // The devices are those of the machine.
    let is_device = |line: &str| line.starts_with("cpu");
    assert_eq!(out.lines().filter(|line| is_device(line)).count(), 1, "{out}");
    let lines: Vec<&str> = out.lines().filter(|line| !is_device(line)).collect();
    assert_eq!(lines, BASICS.lines().collect::<Vec<_>>());
}

#[test]
fn functions_shows_every_stage_and_names_every_mistake() {
    let out = output_of(env!("CARGO_BIN_EXE_functions"));
    check_parts(
        &out,
        &[
            "[0.0, 2.0], shape=(2,)",
            "6.0, shape=()",
            "[-1.0,  8.0], shape=(2,)",
            "0.5, shape=()",
            "3.0, shape=()",
            // The stages.
            "affine(arg0.w: f32[1, 1], arg0.b: f32[1], arg1: f32[1, 1]) -> f32[1, 1]\n",
            "func @affine(",
            "dot_general",
            "examples/src/bin/functions.rs",
            "func @affine(",
            "program @affine {",
            "plan {",
            "block0(",
            "ret",
            "block0:",
            "ret",
            "cost of @affine: 3 FLOP, 12 B read, 4 B written\n",
            "function(arg0: f32[?n, 10]) -> f32[?n, 10]\n",
            // State, control flow, derivatives.
            "2, shape=(), dtype=i32\n",
            "111, shape=(), dtype=i32\n",
            "3.0, shape=()",
            "[4.0, 4.0, 3.0], shape=(3,)",
            "[[2.0, 0.0],\n [6.0, 6.0]], shape=(2, 2)",
            "0.25000",
            // Mistakes.
            "matmul: inner dimensions differ: lhs f32[1, 2] has 2, rhs f32[3, 1] has 3 (examples/src/bin/functions.rs:",
            "0.5, shape=()",
            "function: the arguments do not fit the signature: arg0 is f32[1, 1], not f32[?n] (",
            "cond: result is f32[2] if true, but f32[] if false (",
            "assertion failed: counted to 102 (",
            "\n2, shape=(), dtype=i32\n",
        ],
    );
}

#[test]
fn training_ends_near_the_noise_of_the_data() {
    let out = output_of(env!("CARGO_BIN_EXE_training"));
    let figures: Vec<f64> = out
        .lines()
        .filter_map(|line| line.strip_prefix("Mean squared error: "))
        .map(|figure| figure.parse().unwrap_or_else(|error| panic!("{figure}: {error}")))
        .collect();
    assert_eq!(figures.len(), 10, "{out}");
    assert!(figures.windows(2).all(|pair| pair[1] < pair[0]), "{out}");
    // The noise has variance 1, which no model that is as smooth as this one takes away.
    assert!(figures[9] < 1.2, "{out}");
    check_parts(&out, &["Mean squared distance to the parabola: 0."]);
}
