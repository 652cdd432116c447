//! A chain of elementwise ops, `max(x·y + 0.5, 0)·y − x`, against the same chain as a plain Rust loop for the widest vectors
//! of the processor, on as many threads: `cargo bench -p tancho --bench chain`.
//!
//! The two take turns, and each figure is the median of its samples. Beyond the caches the memory is the limit: three
//! floats move per element.

use std::hint::black_box;
use std::time::Instant;

use tancho::prelude::*;

fn main() -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("max(x·y + 0.5, 0)·y − x, {threads} thread(s), plain loop with {}", plain::NAME);
    println!("{:>10} {:>12} {:>12} {:>8} {:>8}", "elements", "tancho µs", "plain µs", "ratio", "GB/s");
    let chain = function(|x: Tensor, y: Tensor| (&x * &y + 0.5).maximum(0.0) * &y - x);
    for elements in [4096usize, 1 << 16, 1 << 20, 1 << 24] {
        let values: Vec<f32> = (0..elements).map(|i| (i % 1000) as f32 * 0.01 - 3.0).collect();
        let others: Vec<f32> = (0..elements).map(|i| (i % 777) as f32 * 0.01 - 2.0).collect();
        let x = Tensor::from_vec([elements], values.clone());
        let y = Tensor::from_vec([elements], others.clone());
        let mut out = vec![0.0f32; elements];
        plain::run(&values, &others, &mut out, threads);
        assert!(chain.call((&x, &y))?.to_vec::<f32>()? == out, "both compute the same bits");
        let repetitions = ((1usize << 22) / elements).max(1);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..31 {
            let begin = Instant::now();
            for _ in 0..repetitions {
                black_box(chain.call((&x, &y))?);
            }
            ours.push(begin.elapsed().as_secs_f64() / repetitions as f64 * 1e6);
            let begin = Instant::now();
            for _ in 0..repetitions {
                plain::run(black_box(&values), black_box(&others), &mut out, threads);
            }
            theirs.push(begin.elapsed().as_secs_f64() / repetitions as f64 * 1e6);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let bandwidth = 12.0 * elements as f64 / ours / 1e3;
        println!("{elements:>10} {ours:>12.2} {theirs:>12.2} {:>8.2} {bandwidth:>8.1}", ours / theirs);
    }
    Ok(())
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// The loop as one would write it, left to the Rust compiler. The product and the sum round apart, as the two ops do.
mod plain {
    #[cfg(target_arch = "x86_64")]
    pub const NAME: &str = "AVX-512, or AVX2 where there is none";
    #[cfg(not(target_arch = "x86_64"))]
    pub const NAME: &str = "what the target has";

    /// The elements from which a second thread pays for its start.
    const WORTH_A_THREAD: usize = 1 << 20;

    pub fn run(x: &[f32], y: &[f32], out: &mut [f32], threads: usize) {
        if out.len() < WORTH_A_THREAD || threads < 2 {
            return run_part(x, y, out);
        }
        let part = out.len().div_ceil(threads);
        std::thread::scope(|scope| {
            for ((x, y), out) in x.chunks(part).zip(y.chunks(part)).zip(out.chunks_mut(part)) {
                scope.spawn(move || run_part(x, y, out));
            }
        });
    }

    #[inline(always)]
    fn body(x: &[f32], y: &[f32], out: &mut [f32]) {
        for ((x, y), out) in x.iter().zip(y).zip(out) {
            let sum = x * y + 0.5;
            let positive = if sum > 0.0 { sum } else { 0.0 };
            *out = positive * y - x;
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn run_part(x: &[f32], y: &[f32], out: &mut [f32]) {
        #[target_feature(enable = "avx512f")]
        fn wide(x: &[f32], y: &[f32], out: &mut [f32]) {
            body(x, y, out)
        }
        #[target_feature(enable = "avx2")]
        fn narrow(x: &[f32], y: &[f32], out: &mut [f32]) {
            body(x, y, out)
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor was just found to have the feature.
            unsafe { wide(x, y, out) }
        } else if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            unsafe { narrow(x, y, out) }
        } else {
            body(x, y, out)
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn run_part(x: &[f32], y: &[f32], out: &mut [f32]) {
        body(x, y, out)
    }
}
