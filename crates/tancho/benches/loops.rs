//! What a trip of a loop costs: `cargo bench -p tancho --bench loops`, and beside it `python crates/tancho/benches/loops.py`.
//!
//! Scans over 1000 rows with bodies of different sizes, on one thread.

use std::time::Instant;

use tancho::prelude::*;

const N_TRIPS: usize = 1000;
const N_SAMPLES: usize = 51;

fn main() -> Result<()> {
    tancho::set_threads(1);
    let row = |n: usize| linspace(-1.0f32, 1.0, n);
    let rows = |n: usize| linspace(-1.0f32, 1.0, N_TRIPS * n).reshape([N_TRIPS, n]);
    let matrix = |n: usize| linspace(-0.1f32, 0.1, n * n).reshape([n, n]);

    let scalars = function(|init: Tensor, xs: Tensor| {
        scan(init, xs, |carry: Tensor, x: Tensor| {
            let next: Tensor = 0.9 * carry + x;
            (next.clone(), next)
        })
    });
    let arguments = (tensor(0.5f32), linspace(-1.0f32, 1.0, N_TRIPS));
    measure("scalar", &scalars, |function| function.call(arguments.clone()))?;

    let triples = function(|init: Tensor, xs: Tensor| {
        scan(init, xs, |carry: Tensor, x: Tensor| {
            let next: Tensor = 0.9 * carry + x;
            (next.clone(), next.sum(..))
        })
    });
    let arguments = (row(3), rows(3));
    measure("add, 3 wide", &triples, |function| function.call(arguments.clone()))?;

    let tanh = function(|init: Tensor, xs: Tensor| {
        scan(init, xs, |carry: Tensor, x: Tensor| {
            let next: Tensor = (carry + x).tanh();
            (next.clone(), next)
        })
    });
    let arguments = (row(64), rows(64));
    measure("tanh, 64 wide", &tanh, |function| function.call(arguments.clone()))?;

    let rnn = function(|h: Tensor, xs: Tensor, w: Tensor, u: Tensor| {
        scan(h, xs, |h: Tensor, x: Tensor| {
            let next: Tensor = (x.reshape([1, 64]).matmul(&w) + h.matmul(&u)).tanh();
            (next.clone(), next)
        })
    });
    let arguments = (row(64).reshape([1, 64]), rows(64), matrix(64), matrix(64));
    measure("rnn, 64 wide", &rnn, |function| function.call(arguments.clone()))?;

    let fibonacci = function(|n: Tensor| {
        while_loop((tensor(0i64), tensor([0.0f32, 1.0])), |(i, _)| i.lt(&n), |(i, x)| (i + 1, 0.99 * x + 0.01))
    });
    let arguments = tensor(N_TRIPS as i64);
    measure("while, 2 wide", &fibonacci, |function| function.call(arguments.clone()))
}

fn measure<Args, Out: Tree>(
    name: &str,
    compiled: &Function<'_, Args, Out>,
    call: impl Fn(&Function<'_, Args, Out>) -> Result<Out>,
) -> Result<()> {
    call(compiled)?;
    let mut samples = Vec::new();
    for _ in 0..N_SAMPLES {
        let start = Instant::now();
        call(compiled)?;
        samples.push(start.elapsed().as_secs_f64() / N_TRIPS as f64 * 1e9);
    }
    samples.sort_by(f64::total_cmp);
    println!("{name:14} a trip: best {:>7.1} ns, median {:>7.1} ns", samples[0], samples[N_SAMPLES / 2]);
    Ok(())
}
