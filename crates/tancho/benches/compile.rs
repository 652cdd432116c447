//! What compiling costs, from the Rust function to machine code: `cargo bench -p tancho --bench compile`.
//!
//! Each sample begins with an empty code cache, so that every kernel is emitted anew; figures are medians.

use std::time::Instant;

use tancho::prelude::*;
use tancho_runtime::{compiled_kernels, trim_code};

const N_SAMPLES: usize = 31;

/// The median milliseconds of a compilation, and the number of kernels that it emits.
fn measure(name: &str, compile: impl Fn() -> Result<()>) -> Result<()> {
    let mut samples = Vec::new();
    let mut kernels = 0;
    for _ in 0..N_SAMPLES {
        trim_code();
        let before = compiled_kernels();
        let begin = Instant::now();
        compile()?;
        samples.push(begin.elapsed().as_secs_f64() * 1e3);
        kernels = compiled_kernels() - before;
    }
    samples.sort_by(f64::total_cmp);
    println!("{name:<44} {:>8.3} ms, {kernels} kernel(s)", samples[N_SAMPLES / 2]);
    Ok(())
}

/// Numbers that are no splat, so that they stay constants of their size.
fn weight<const N: usize>(sizes: [usize; N]) -> Tensor {
    let elements = sizes.iter().product();
    Tensor::from_vec(sizes, (0..elements).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect::<Vec<f32>>())
}

fn main() -> Result<()> {
    let (w1, b1, w2, b2) = (weight([784, 128]), weight([128]), weight([128, 10]), weight([10]));
    measure("digits: a network of 784, 128 and 10 neurons", || {
        let classify = function(|images: Tensor| {
            let batch = images.shape()[0].clone();
            let x = (images.to(DType::F32) / 255.0).reshape([batch, 784.into()]);
            (x.matmul(&w1) + &b1).relu().matmul(&w2) + &b2
        });
        classify.concrete(spec(DType::U8, [Dim::symbol("batch"), 28.into(), 28.into()])).map(drop)
    })?;
    let vector = || spec(DType::F32, [Dim::symbol("n")]);
    let matrix = || spec(DType::F32, [Dim::symbol("n"), Dim::symbol("m")]);
    measure("x + y", || function(|x: Tensor, y: Tensor| x + y).concrete((vector(), vector())).map(drop))?;
    measure("softmax", || function(|x: Tensor| softmax(&x, -1)).concrete(matrix()).map(drop))?;
    measure("gelu", || function(|x: Tensor| x.gelu()).concrete(vector()).map(drop))
}
