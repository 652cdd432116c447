//! `tancho bench`: the time to compile a program, and the time of a call.
//!
//! Calls are repeated, unmeasured, for a tenth of the time; that also tells how long one takes. Then samples are taken for
//! the rest of the time: each is one call, or so many that it takes [`SAMPLE`], so that the clock does not show. The best
//! and the median are those of the samples, per call.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tancho_runtime::{Argument, CompileOptions, Executable, threads};
use tancho_tensor::{DType, Shape, pool};

use crate::args::BenchArguments;
use crate::error::CliError;
use crate::inputs::check_inputs;
use crate::program::read_program;
use crate::random::made_inputs;

/// What a sample takes at least, to be long against the reading of a clock.
const SAMPLE: Duration = Duration::from_micros(20);
/// The fewest samples, however long a call takes.
const MIN_SAMPLES: usize = 3;
/// The most samples, however short a call is.
const MAX_SAMPLES: usize = 1_000_000;

pub fn bench(arguments: &BenchArguments) -> Result<String, CliError> {
    let graph = read_program(&arguments.program)?;
    let inputs = made_inputs(&graph, &arguments.inputs)?;
    check_inputs(&graph, &inputs)?;

    let shapes: Vec<(DType, &Shape)> = inputs.iter().map(|input| (input.array.dtype(), input.array.shape())).collect();
    let begin = Instant::now();
    let executable = Executable::compile(graph, &CompileOptions::default())?;
    executable.plan(&shapes)?;
    let compile = begin.elapsed();

    let timing = measure(arguments.time, || {
        let mut lent: Vec<Argument<'_>> = inputs.iter().map(|input| Argument::Lend(&input.array)).collect();
        executable.call(&mut lent).map(drop).map_err(CliError::from)
    })?;
    Ok(report(arguments, compile, &timing))
}

/// What was measured, in seconds per call.
struct Timing {
    best: f64,
    median: f64,
    samples: usize,
    calls_per_sample: usize,
}

fn measure(time: Duration, mut call: impl FnMut() -> Result<(), CliError>) -> Result<Timing, CliError> {
    let begin = Instant::now();
    let mut warm_up_calls = 0u32;
    while warm_up_calls == 0 || begin.elapsed() < time / 10 {
        call()?;
        warm_up_calls += 1;
    }
    let estimate = begin.elapsed().as_secs_f64() / f64::from(warm_up_calls);
    let calls_per_sample = (SAMPLE.as_secs_f64() / estimate).ceil().clamp(1.0, 1e6) as usize;

    let mut samples: Vec<f64> = Vec::new();
    let begin = Instant::now();
    while samples.len() < MIN_SAMPLES || (begin.elapsed() < time.mul_f64(0.9) && samples.len() < MAX_SAMPLES) {
        let begin = Instant::now();
        for _ in 0..calls_per_sample {
            call()?;
        }
        samples.push(begin.elapsed().as_secs_f64() / calls_per_sample as f64);
    }
    samples.sort_unstable_by(f64::total_cmp);
    Ok(Timing { best: samples[0], median: samples[samples.len() / 2], samples: samples.len(), calls_per_sample })
}

fn report(arguments: &BenchArguments, compile: Duration, timing: &Timing) -> String {
    let program = arguments.program.display().to_string();
    let peak_bytes = pool::statistics().peak;
    let threads = threads();
    let compile_ms = compile.as_secs_f64() * 1e3;
    let (best_us, median_us) = (timing.best * 1e6, timing.median * 1e6);
    let Timing { samples, calls_per_sample, .. } = timing;
    let several = if threads == 1 { "" } else { "s" };
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{program}: best {best_us:.3} us, median {median_us:.3} us ({samples} samples of {calls_per_sample} calls), \
         compiled in {compile_ms:.3} ms, peak {:.1} KiB, {threads} thread{several}",
        peak_bytes as f64 / 1024.0,
    );
    if arguments.json {
        let program = serde_json::Value::from(program);
        let _ = writeln!(
            out,
            "{{\"program\": {program}, \"compile_ms\": {compile_ms:.3}, \"best_us\": {best_us:.3}, \
             \"median_us\": {median_us:.3}, \"peak_bytes\": {peak_bytes}, \"threads\": {threads}}}"
        );
    }
    out
}
