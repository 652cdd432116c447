//! The tour prints what TensorFlow's guide prints, and what its own comments say.

use std::path::Path;
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

/// What a program prints that draws, and the plots that it leaves.
#[track_caller]
fn output_and_plots(path: &str, plots: &[&str]) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new(path).arg(&folder).output().expect("the example starts");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    for plot in plots {
        let text = std::fs::read_to_string(folder.join(plot)).unwrap_or_else(|error| panic!("{plot}: {error}"));
        assert!(text.starts_with("<svg width=") && text.trim_end().ends_with("</svg>"), "{plot} is no SVG");
        // A frame, numbers beside it and a title.
        assert!(text.matches("<text").count() > 5 && text.len() > 3000, "{plot}: {} bytes", text.len());
    }
    out.into_owned()
}

/// The first number of each line that begins so.
fn figures(out: &str, begin: &str) -> Vec<f64> {
    let numbers = out.lines().filter_map(|line| line.strip_prefix(begin)).map(|rest| {
        let number: String =
            rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || "+-.e".contains(*c)).collect();
        number.parse().unwrap_or_else(|error| panic!("{begin}{rest}: {error}"))
    });
    numbers.collect()
}

#[test]
fn perceptron_goes_to_the_concert() {
    let out = output_and_plots(env!("CARGO_BIN_EXE_perceptron"), &["perceptron.svg"]);
    check_parts(
        &out,
        &[
            "Threshold = 1.5\n",
            "x1 * w1 = 1 * 0.7 = 0.7",
            "x2 * w2 = 0 * 0.6 = 0",
            "x3 * w3 = 1 * 0.5 = 0.5",
            "x4 * w4 = 0 * 0.3 = 0",
            "x5 * w5 = 1 * 0.4 = 0.4",
            "The weighted sum = 1.6\n",
            "1.6 > 1.5: Yes, I will go to the concert\n",
            "I: ",
        ],
    );
}

#[test]
fn pattern_recognition_learns_the_line() {
    let plots = ["pattern_before.svg", "pattern_after.svg"];
    let out = output_and_plots(env!("CARGO_BIN_EXE_pattern_recognition"), &plots);
    let (before, after) = (figures(&out, "Before training:")[0], figures(&out, "After training:")[0]);
    assert!(before > 50.0 && after <= 25.0, "{out}");
}

#[test]
fn linear_regression_walks_to_the_line_of_the_formula() {
    let plots = ["linear_regression.svg", "linear_regression_cost.svg"];
    let out = output_and_plots(env!("CARGO_BIN_EXE_linear_regression"), &plots);
    let costs: Vec<f64> = out
        .lines()
        .filter(|line| line.starts_with("Round"))
        .flat_map(|line| {
            line.split("cost")
                .skip(1)
                .map(|rest| rest.split(',').next().unwrap_or(rest).trim().parse().expect("a cost"))
        })
        .collect();
    assert_eq!(costs.len(), 10, "{out}");
    assert!(costs.windows(2).all(|pair| pair[1] <= pair[0]), "{out}");
    let line = |begin: &str| -> Vec<f64> {
        let line = out.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin:?} in {out}"));
        let (_, line) = line.split_once("y = ").expect("a line");
        line.split("x + ").map(|number| number.parse().expect("a number")).collect()
    };
    for (found, best) in line("After training:").iter().zip(line("By the formula:")) {
        assert!((found - best).abs() < 0.01 * best.abs(), "{out}");
    }
}

#[test]
fn modules_are_saved_and_restored() {
    let out = output_and_plots(env!("CARGO_BIN_EXE_modules"), &[]);
    check_parts(
        &out,
        &[
            "[3, 6, 9], shape=(3,), dtype=i32\n",
            "[ 7, 14, 21], shape=(3,), dtype=i32\n",
            "[3, 6, 9], shape=(3,), dtype=i32\n",
            "[3, 6, 9], shape=(3,), dtype=i32\n",
            "[ 30,  60,  90, 120], shape=(4,), dtype=i32\n",
            "hidden.kernel",
            "outputs[1].bias",
            "Two models answer alike: false\n",
            "Two models answer alike: true\n",
            "hidden.kernel",
        ],
    );
}

#[test]
fn training_ends_near_the_noise_of_the_data() {
    let plots = ["before.svg", "after.svg", "training.svg"];
    let out = output_and_plots(env!("CARGO_BIN_EXE_training"), &plots);
    let by_hand = figures(&out, "Mean squared error:");
    assert_eq!(by_hand.len(), 10, "{out}");
    assert!(by_hand.windows(2).all(|pair| pair[1] < pair[0]), "{out}");
    // The noise has variance 1, which no model that is as smooth as this one takes away.
    assert!(by_hand[9] < 2.0, "{out}");
    for (way, most) in [("by hand", 1.0), ("by fit", 0.25)] {
        let distance = figures(&out, &format!("Mean squared distance to the parabola, {way}:"))[0];
        assert!(distance < most, "{out}");
    }
    check_parts(
        &out,
        &[
            "The saved model predicts the same: true\n",
            "and nan from step ",
            "The same model with a rate of 0.001 afterwards: NaN\n",
            "A new model: ",
        ],
    );
}

/// Takes a minute without optimisation: with `TANCHO_SWEEP=1` only.
#[test]
fn a_network_learns_to_read_digits_with_the_same_bits_on_any_number_of_threads() {
    if std::env::var_os("TANCHO_SWEEP").is_none() {
        return;
    }
    let last_lines = |threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mnist")).arg(threads).output().expect("the example starts");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<String> = out.lines().rev().take(2).map(str::to_owned).collect();
        lines
    };
    let [one, two] = ["1", "2"].map(last_lines);
    assert_eq!(one, two);
    let right: u32 = one[1].split(' ').next().and_then(|count| count.parse().ok()).expect("how many are right");
    assert!(right >= 980, "{}", one[1]);
}
