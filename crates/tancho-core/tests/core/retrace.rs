//! The warning that a function is traced again and again.

use std::sync::{Mutex, Once};

use tancho_core::*;

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Warn {
            WARNINGS.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
    });
}

/// The warnings about a function.
fn warnings_of(function: &str) -> Vec<String> {
    let warnings = WARNINGS.lock().unwrap();
    warnings.iter().filter(|text| text.starts_with(&format!("{function}:"))).cloned().collect()
}

#[track_caller]
fn check(function: &str, parts: &[&str]) {
    let warnings = warnings_of(function);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in parts {
        assert!(warnings[0].contains(part), "{part} in {}", warnings[0]);
    }
}

#[test]
fn repeated_retracing_is_reported_once() -> Result<()> {
    listen();
    let lengths = function(|x: Tensor, y: Tensor| x.sum(..) + y).with_name("lengths").with_argument_names(&["x", "y"]);
    for length in 1..10 {
        lengths.call((Tensor::from_vec([length], vec![1.0f32; length]), tensor(1.0f32)))?;
    }
    let place = format!("({}:{}:", file!(), line!() - 2);
    check(
        "lengths",
        &[
            "5 of the last 5 calls traced it",
            ": x is f32[5], not f32[4] (",
            &place,
            "the nearest signature is lengths(x: f32[4], y: f32[]) -> f32[];",
            "`relaxed()`",
            "`with_signature`",
        ],
    );
    let steps = function(|x: Tensor, step: Static<usize>| x + *step).with_name("steps");
    for step in 0..10 {
        steps.call((tensor(1), step))?;
    }
    check("steps", &["arg1 is 4, not 3 (", "steps(arg0: i32[], arg1 = 3) -> i32[]", "pass a tensor in its place"]);
    Ok(())
}

#[test]
fn what_is_seldom_traced_is_not_reported() -> Result<()> {
    listen();
    let f = function(|x: Tensor| x.sum(..)).with_name("seldom");
    for length in 1..10 {
        for _ in 0..2 {
            f.call(Tensor::from_vec([length], vec![1.0f32; length]))?;
        }
    }
    let relaxed = f.clone().with_name("relaxed").relaxed();
    for length in 1..10 {
        relaxed.call(Tensor::from_vec([length], vec![1.0f32; length]))?;
    }
    assert!(warnings_of("seldom").is_empty() && warnings_of("relaxed").is_empty());
    Ok(())
}
