//! What a training step costs: `cargo bench -p tancho --bench step`, and beside it `python crates/tancho/benches/step.py`.
//!
//! The model of TensorFlow's introduction: one input, 64 units with relu, one output, on 209 points; forward pass, gradient
//! and the update of four variables are one traced function. The step is chained: each begins with what the last one left.

use std::time::Instant;

use tancho::prelude::*;

const N_SAMPLES: usize = 101;
const N_CALLS: usize = 100;

fn main() -> Result<()> {
    let units = 64;
    let kernel = |n: usize| (0..n).map(|place| ((place * 37 % 19) as f32 - 9.0) / 20.0).collect::<Vec<f32>>();
    let parameters = [
        Variable::new(Tensor::from_vec([1, units], kernel(units))),
        Variable::new(vec![0.1f32; units]),
        Variable::new(Tensor::from_vec([units, 1], kernel(units))),
        Variable::new([0.1f32]),
    ];
    let step = function(|x: Tensor, y: Tensor| {
        let [w1, b1, w2, b2] = &parameters;
        let tape = GradientTape::new();
        let hidden = (x.matmul(w1) + b1).relu();
        let loss = (y - hidden.matmul(w2) - b2).square().mean(..);
        for (parameter, gradient) in parameters.iter().zip(tape.gradient(&loss, &parameters[..])) {
            parameter.assign_sub(0.01 * gradient)?;
        }
        Ok(loss)
    });
    let x = linspace(-2.0f32, 2.0, 209).reshape([209, 1]);
    let y = x.square() + 2.0 * &x - 5.0;

    let start = Instant::now();
    step.call((&x, &y))?;
    println!("first step, traced and compiled {:>30.2} ms", start.elapsed().as_secs_f64() * 1e3);
    for n_threads in [1, tancho::threads()] {
        tancho::set_threads(n_threads);
        let mut samples = Vec::new();
        for _ in 0..N_SAMPLES {
            let start = Instant::now();
            for _ in 0..N_CALLS {
                step.call((&x, &y))?;
            }
            samples.push(start.elapsed().as_secs_f64() / N_CALLS as f64);
        }
        samples.sort_by(f64::total_cmp);
        let [best, median] = [samples[0], samples[N_SAMPLES / 2]].map(|seconds| seconds * 1e6);
        println!("a step on {n_threads} threads {:>26} best {best:>7.2} µs, median {median:>7.2} µs", "");
    }
    let concrete = step.concrete((&x, &y))?;
    println!("{}", concrete.profile((&x, &y), 100)?);
    Ok(())
}
