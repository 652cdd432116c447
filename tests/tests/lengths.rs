//! Sizes that are new with every call: they cost no machine code, change no bits, and leave no memory behind.
//!
//! The counters are those of the process, in which other tests run at the same time; so each test here runs in a process
//! of its own: it calls its own executable with its name.

mod transformer;

use std::env;
use std::process::Command;

use tancho::compiled_kernels;
use tancho::prelude::*;
use tancho_tensor::pool;

use transformer::{Keep, Transformer, sequence, shuffled_lengths};

/// Set in the process that a test has for itself.
const ALONE: &str = "TANCHO_TEST_ALONE";

/// Runs a test in a process of its own; `name` is its path within this binary.
#[track_caller]
fn alone(name: &str, test: fn() -> Result<()>) -> Result<()> {
    if env::var_os(ALONE).is_some_and(|alone| alone == name) {
        return test();
    }
    let executable = env::current_exe().expect("the path of the tests");
    let output = Command::new(executable).args([name, "--exact", "--nocapture"]).env(ALONE, name).output();
    let output = output.expect("the tests can be started");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{name} by itself:\n{text}");
    Ok(())
}

// -- Lengths -------------------------------------------------------------------------------------

/// The bits of a tensor's elements.
fn bits(x: &Tensor) -> Result<Vec<u32>> {
    Ok(x.to_vec::<f32>()?.into_iter().map(f32::to_bits).collect())
}

/// Two hundred lengths through a transformer, and some of them through traces of their own.
fn check_lengths(keep: Keep, relaxed: bool) -> Result<()> {
    let model = Transformer::new(keep);
    let apply = function(|x: Tensor| model.apply(x));
    let varying = if relaxed { apply.relaxed() } else { apply.with_signature([spec(DType::F32, [None, Some(64)])])? };
    let mut code_at_third = 0;
    for (number, length) in shuffled_lengths().enumerate() {
        assert_eq!(varying.call(sequence(length))?.to_vec::<f32>()?.len(), length * 64);
        if number < 3 {
            code_at_third = compiled_kernels();
        }
        assert_eq!(compiled_kernels(), code_at_third, "code was made for length {length}");
    }
    assert_eq!(varying.tracing_count(), if relaxed { 2 } else { 1 });
    // A relaxed function has a trace of its own for the first length.
    for length in [1, 2, 17, 64, 89, 200] {
        let x = sequence(length);
        let alone = function(|x: Tensor| model.apply(x)).call(&x)?;
        let varied = varying.call(&x)?;
        assert!(varied.to_vec::<f32>()?.iter().all(|number| number.is_finite()));
        assert_eq!(bits(&varied)?, bits(&alone)?, "length {length}");
    }
    Ok(())
}

#[test]
fn lengths_of_a_signature_with_constants() -> Result<()> {
    alone("lengths::lengths_of_a_signature_with_constants", || check_lengths(Keep::Constants, false))
}

#[test]
fn lengths_of_a_signature_with_variables() -> Result<()> {
    alone("lengths::lengths_of_a_signature_with_variables", || check_lengths(Keep::Variables, false))
}

#[test]
fn lengths_of_a_relaxed_function_with_constants() -> Result<()> {
    alone("lengths::lengths_of_a_relaxed_function_with_constants", || check_lengths(Keep::Constants, true))
}

#[test]
fn lengths_of_a_relaxed_function_with_variables() -> Result<()> {
    alone("lengths::lengths_of_a_relaxed_function_with_variables", || check_lengths(Keep::Variables, true))
}

// -- Memory --------------------------------------------------------------------------------------

/// 10,000 shapes, so mixed that each hundredth part of them has large ones and small ones.
fn shapes() -> impl Iterator<Item = [usize; 2]> {
    (0..10_000).map(|number| number * 3907 % 10_000).map(|place| [1 + place / 100, 1 + place % 100])
}

/// Bytes in live buffers, bytes that the process has in memory (where the system tells), and kernels.
fn footprint() -> [usize; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    let resident = resident.and_then(|kilobytes| kilobytes.trim().parse::<usize>().ok()).unwrap_or(0) << 10;
    [pool::statistics().in_use, resident, compiled_kernels()]
}

/// Calls with every shape; after so many, every cache is full, and memory stays what it is.
fn check_memory(n_fill: usize, call: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let mut full = [0; 3];
    for (number, [rows, columns]) in shapes().enumerate() {
        let x = Tensor::from_vec([rows, columns], vec![0.5f32; rows * columns]);
        assert_eq!(call(&x)?.to_vec::<f32>()?.len(), rows * columns);
        drop(x);
        if number == n_fill {
            full = footprint();
        }
    }
    let last = footprint();
    println!("bytes in buffers, bytes resident, kernels: {full:?} after {n_fill} shapes, {last:?} after 10000");
    // What a cache of a hundred plans holds depends on which those are.
    assert!(last[0] <= full[0] + (1 << 20), "buffers: {full:?}, then {last:?}");
    assert!(last[1] <= full[1] + (4 << 20), "resident: {full:?}, then {last:?}");
    assert_eq!(last[2], full[2], "kernels");
    Ok(())
}

/// A function with temporaries, constants that are packed for products, and loops that hold programs of their own.
fn varied(x: Tensor, weight: &Tensor) -> Tensor {
    let columns = x.shape()[1].clone();
    let wide = softmax(&x, -1).swap_axes(0, 1).matmul(&x);
    let narrow = (&x + wide.mean(..)).sum(keep(-1)).matmul(weight).gelu().sum(keep(-1));
    // A constant that is as large as the shape.
    let sums = x.matmul(full(0.5f32, [columns.clone(), columns]));
    let doubled = for_loop(3, x.clone(), |_, x: Tensor| x * 2.0);
    doubled + sums + narrow
}

#[test]
fn memory_of_a_signature_stays_flat() -> Result<()> {
    alone("lengths::memory_of_a_signature_stays_flat", || {
        let weight = Tensor::from_vec([1, 64], vec![0.25f32; 64]);
        let f = function(|x: Tensor| varied(x, &weight)).with_signature([spec(DType::F32, [None, None])])?;
        check_memory(500, |x| f.call(x))?;
        assert_eq!(f.tracing_count(), 1);
        Ok(())
    })
}

#[test]
fn memory_of_a_relaxed_function_stays_flat() -> Result<()> {
    alone("lengths::memory_of_a_relaxed_function_stays_flat", || {
        let weight = Tensor::from_vec([1, 64], vec![0.25f32; 64]);
        let f = function(|x: Tensor| varied(x, &weight)).relaxed();
        check_memory(500, |x| f.call(x))
    })
}

#[test]
fn memory_of_a_concrete_function_stays_flat() -> Result<()> {
    alone("lengths::memory_of_a_concrete_function_stays_flat", || {
        let weight = Tensor::from_vec([1, 64], vec![0.25f32; 64]);
        let f = function(|x: Tensor| varied(x, &weight)).concrete(spec(DType::F32, [None, None]))?;
        check_memory(500, |x| f.call(x))
    })
}

#[test]
fn memory_of_operations_stays_flat() -> Result<()> {
    // The cache of all operations of the process is larger than that of a function.
    alone("lengths::memory_of_operations_stays_flat", || check_memory(5000, |x| Ok(softmax(x, -1))))
}
