//! What a new length costs beyond its kernels: `cargo bench -p tancho --bench lengths`.
//!
//! Two hundred lengths, in an order that goes up and down, through a transformer of four layers. A length's figure is the
//! time of the first call with it less that of the fastest of five more: the search for the trace, the binding of
//! the sizes, the plan, and memory that is used for the first time. It goes into no figure what the first three lengths
//! cost, which trace and compile.

#[path = "../../../tests/tests/lengths/transformer.rs"]
mod transformer;

use std::time::{Duration, Instant};

use tancho::compiled_kernels;
use tancho::prelude::*;
use transformer::{Keep, Transformer, sequence, shuffled_lengths};

const AGAIN: usize = 5;

fn timed(call: impl Fn() -> Result<Tensor>) -> Result<Duration> {
    let begin = Instant::now();
    let result = call()?;
    let time = begin.elapsed();
    drop(result);
    Ok(time)
}

fn measure(name: &str, call: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let mut costs = Vec::new();
    let mut code_at_third = 0;
    for (number, length) in shuffled_lengths().enumerate() {
        let x = sequence(length);
        let first = timed(|| call(&x))?;
        if number < 3 {
            code_at_third = compiled_kernels();
            continue;
        }
        let mut again = Duration::MAX;
        for _ in 0..AGAIN {
            again = again.min(timed(|| call(&x))?);
        }
        costs.push((first.saturating_sub(again).as_secs_f64() * 1e6, length, again.as_secs_f64() * 1e6));
    }
    let code = compiled_kernels() - code_at_third;
    costs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let at = |part: usize| costs[(costs.len() - 1) * part / 100].0;
    let (most, length, again) = costs[costs.len() - 1];
    println!("{name:<26} median {:6.1} µs, 90 of 100 below {:6.1} µs, most {most:6.1} µs", at(50), at(90));
    println!("{:<26} (length {length}, a call of which takes {again:.1} µs); {code} kernel(s) compiled", "");
    Ok(())
}

fn main() -> Result<()> {
    let (constants, variables) = (Transformer::new(Keep::Constants), Transformer::new(Keep::Variables));
    for (name, model) in [("constants", &constants), ("variables", &variables)] {
        let fixed = function(|x: Tensor| model.apply(x)).with_signature([spec(DType::F32, [None, Some(64)])])?;
        measure(&format!("signature, {name}"), |x| fixed.call(x))?;
        let relaxed = function(|x: Tensor| model.apply(x)).relaxed();
        measure(&format!("relaxed, {name}"), |x| relaxed.call(x))?;
    }
    Ok(())
}
