use std::time::Instant;
use tancho_core::*;

fn time(name: &str, per: f64, mut f: impl FnMut()) {
    f();
    let mut best = f64::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        let n = 20;
        for _ in 0..n { f(); }
        best = best.min(start.elapsed().as_secs_f64() / n as f64);
    }
    println!("{name:40} {:10.3} us a call {:10.1} ns a trip", best * 1e6, best * 1e9 / per);
}

fn main() -> Result<()> {
    set_threads(1);
    // Scans over 1000 rows.
    let xs = Tensor::from_vec([1000], (0..1000).map(|x| x as f32 * 0.001).collect());
    let scalar = function(|xs: Tensor| scan(tensor(0.0f32), xs, |c, x| { let c = c * 0.9f32 + x; (c.clone(), c) }));
    time("scan scalar 1000", 1000.0, || drop(scalar.call(&xs)));
    let long = Tensor::from_vec([100000], (0..100000).map(|x| x as f32 * 0.001).collect());
    time("scan scalar 100000", 100000.0, || drop(scalar.call(&long)));
    let ys = Tensor::from_vec([1000, 64], (0..64000).map(|x| x as f32 * 0.00001).collect());
    let vector = function(|xs: Tensor| scan(zeros(DType::F32, [64]), xs, |c, x| { let c = (c * 0.9f32 + x).tanh(); (c.clone(), c) }));
    time("scan f32[64] tanh 1000", 1000.0, || drop(vector.call(&ys)));
    let w = Tensor::from_vec([64, 64], (0..4096).map(|x| ((x % 37) as f32 - 18.0) * 0.01).collect());
    let rnn = function(|xs: Tensor, w: Tensor| scan(zeros(DType::F32, [1, 64]), xs, |c, x| { let c = (c.matmul(&w) + x).tanh(); (c.clone(), c.reshape([64])) }));
    time("scan rnn f32[1,64] 1000", 1000.0, || drop(rnn.call((&ys, &w))));
    let counter = function(|n: Tensor| for_loop(n, tensor(0), |i, s| s + i));
    time("for scalar 1000", 1000.0, || drop(counter.call(tensor(1000))));
    if std::env::args().any(|arg| arg == "dump") {
        println!("{}", scalar.concrete(&xs)?.dump(Stage::Optimized));
        println!("{}", scalar.concrete(&xs)?.dump(Stage::Kernels));
        println!("{}", vector.concrete(&ys)?.dump(Stage::Kernels));
    }
    // Unrolled against looped.
    for size in [1usize, 64, 4096] {
        let x = Tensor::from_vec([size], (0..size).map(|x| x as f32 * 0.01).collect());
        for trips in [2i32, 4, 8, 16, 32] {
            let step = |x: Tensor| (&x * 1.1f32 + 0.3f32) * 0.5f32 - x.square() * 0.01f32;
            let n = tensor(trips);
            let start = Instant::now();
            let looped = function(move |x: Tensor, n: Tensor| for_loop(n, x, |_, x| step(x)));
            looped.call((&x, &n))?;
            let compile_looped = start.elapsed().as_secs_f64() * 1e3;
            let start = Instant::now();
            let unrolled = function(move |x: Tensor| (0..trips).fold(x, |x, _| step(x)));
            unrolled.call(&x)?;
            let compile_unrolled = start.elapsed().as_secs_f64() * 1e3;
            println!("size {size} trips {trips}: compile looped {compile_looped:.2} ms, unrolled {compile_unrolled:.2} ms");
            time("  looped", trips as f64, || drop(looped.call((&x, &n))));
            time("  unrolled", trips as f64, || drop(unrolled.call(&x)));
        }
    }
    Ok(())
}
