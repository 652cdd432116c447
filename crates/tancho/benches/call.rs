//! What a call costs: `cargo bench -p tancho --bench call`.
//!
//! Each figure is the median of 101 samples, where a sample is the mean over a batch of calls.

use std::hint::black_box;
use std::time::Instant;

use tancho::prelude::*;

const N_SAMPLES: usize = 101;

/// Prints the median time of one call of `body`.
fn measure(name: &str, n_calls: usize, mut body: impl FnMut()) {
    let mut sample = || {
        let start = Instant::now();
        for _ in 0..n_calls {
            body();
        }
        start.elapsed().as_secs_f64() / n_calls as f64
    };
    sample();
    let mut samples: Vec<f64> = (0..N_SAMPLES).map(|_| sample()).collect();
    samples.sort_by(f64::total_cmp);
    println!("{name:<44} {:>9.3} µs", samples[N_SAMPLES / 2] * 1e6);
}

fn main() -> Result<()> {
    let x = tensor([1.0f32, 2., 3., 4., 5., 6., 7., 8.]);
    let y = 2.0 * &x;
    (&x + &y).check()?;

    let add = function(|x: Tensor, y: Tensor| x + y);
    add.call((&x, &y))?;
    measure("function x + y on 8 floats, cached", 1000, || {
        black_box(add.call((&x, &y)).is_ok());
    });
    measure("eager &x + &y on 8 floats, cached", 1000, || {
        black_box(&x + &y);
    });
    measure("eager softmax on 8 floats, cached", 1000, || {
        black_box(softmax(&x, -1));
    });

    // Every length is new, so that each call makes a plan; the code is there already.
    let varying = function(|x: Tensor, y: Tensor| (x + y).square().sum(..))
        .with_signature([spec(DType::F32, [Dim::symbol("n")]), spec(DType::F32, [Dim::symbol("n")])])?;
    varying.call((&x, &y))?;
    let mut length = 8;
    measure("function (x + y)² summed, new size", 1, || {
        length += 1;
        let x = Tensor::from_vec([length], vec![1.0f32; length]);
        black_box(varying.call((&x, &x)).is_ok());
    });
    assert_eq!(varying.tracing_count(), 1);

    measure("trace and compile x + y", 1, || {
        let fresh = function(|x: Tensor, y: Tensor| x + y);
        black_box(fresh.call((&x, &y)).is_ok());
    });
    Ok(())
}
