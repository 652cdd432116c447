//! What a new length costs beyond its kernels: `cargo bench -p tancho --bench lengths`.
//!
//! Two hundred lengths, in an order that goes up and down, through a transformer of four layers. A length's figure is the
//! time of the first call with it less that of a further one: the search for the trace, the binding of the sizes, the
//! plan, and memory that is used for the first time. Before each of the two another length was called. That is a small
//! difference of large numbers, so all is done some times with functions that know nothing yet, and the fastest of all
//! first calls with a length is compared with the fastest of as many others. The first three lengths, which trace and
//! compile, count for nothing. How far such differences can be trusted is seen from the same for two calls that are alike
//! (*noise*).
//!
//! The plan of a length by itself, with the binding of its sizes, is measured in the same way.

#[path = "../../../tests/tests/lengths/transformer.rs"]
mod transformer;

use std::time::{Duration, Instant};

use tancho::prelude::*;
use tancho::{compiled_kernels, set_threads};
use tancho_runtime::{CompileOptions, Executable};
use transformer::{Keep, Transformer, sequence, shuffled_lengths};

const ROUNDS: usize = 21;

/// For each length the least time of a first call and of another, in microseconds.
struct Costs(Vec<[f64; 2]>);

impl Costs {
    fn new() -> Self {
        Costs(vec![[f64::INFINITY; 2]; 201])
    }

    fn add(&mut self, length: usize, first: Duration, again: Duration) {
        for (least, time) in self.0[length].iter_mut().zip([first, again]) {
            *least = least.min(time.as_secs_f64() * 1e6);
        }
    }

    fn print(&self, name: &str) {
        let measured = self.0.iter().enumerate().filter(|(_, times)| times[0].is_finite());
        let mut costs: Vec<(f64, usize)> = measured.map(|(length, [first, again])| (first - again, length)).collect();
        costs.sort_by(|left, right| left.0.total_cmp(&right.0));
        let at = |part: usize| costs[(costs.len() - 1) * part / 100].0;
        let (most, length) = costs[costs.len() - 1];
        println!(
            "{name:<32} median {:6.1} µs, of 100 90 below {:6.1} µs, most {most:6.1} µs (length {length})",
            at(50),
            at(90)
        );
    }
}

fn timed<T>(call: impl Fn() -> Result<T>) -> Result<Duration> {
    let begin = Instant::now();
    let result = call()?;
    let time = begin.elapsed();
    drop(result);
    Ok(time)
}

/// One round of all lengths.
fn measure_calls(costs: &mut Costs, noise: &mut Costs, call: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let mut code_at_third = 0;
    let mut before = sequence(1);
    for (number, length) in shuffled_lengths().enumerate() {
        let x = sequence(length);
        let first = timed(|| call(&x))?;
        if number < 3 {
            code_at_third = compiled_kernels();
            before = x;
            continue;
        }
        // As before the first call: another length, and a sequence that is in no cache of the processor's.
        let mut again = [Duration::ZERO; 2];
        for again in &mut again {
            call(&before)?;
            let x = sequence(length);
            *again = timed(|| call(&x))?;
        }
        costs.add(length, first, again[0]);
        noise.add(length, again[0], again[1]);
        before = x;
    }
    assert_eq!(compiled_kernels(), code_at_third, "a new length needs no code");
    Ok(())
}

fn measure_plans(costs: &mut Costs, model: &Transformer) -> Result<()> {
    let concrete = function(|x: Tensor| model.apply(x)).concrete(spec(DType::F32, [None, Some(64)]))?;
    let executable =
        Executable::compile(concrete.graph().clone(), &CompileOptions::default()).expect("it was compiled");
    let varies = concrete.graph().parameter_types().next().expect("a parameter").clone();
    for length in shuffled_lengths() {
        let mut sizes = tancho::ir::Bindings::default();
        sizes.insert(varies.dims[0].as_symbol().expect("a size that varies").clone(), length as i64);
        let types: Vec<_> =
            concrete.graph().parameter_types().map(|of| (of.dtype, sizes.shape_of(of).expect("known"))).collect();
        let types: Vec<_> = types.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
        let plan = || timed(|| Ok(executable.new_plan(&types)));
        plan()?;
        costs.add(length, plan()?, Duration::ZERO);
    }
    Ok(())
}

fn main() -> Result<()> {
    set_threads(1);
    let (constants, variables) = (Transformer::new(Keep::Constants), Transformer::new(Keep::Variables));
    for (name, model) in [("constants", &constants), ("variables", &variables)] {
        let [mut signature, mut relaxed, mut noise, mut plans] = std::array::from_fn(|_| Costs::new());
        for _ in 0..ROUNDS {
            let f = function(|x: Tensor| model.apply(x)).with_signature([spec(DType::F32, [None, Some(64)])])?;
            measure_calls(&mut signature, &mut noise, |x| f.call(x))?;
            let f = function(|x: Tensor| model.apply(x)).relaxed();
            measure_calls(&mut relaxed, &mut noise, |x| f.call(x))?;
            measure_plans(&mut plans, model)?;
        }
        signature.print(&format!("signature, {name}"));
        relaxed.print(&format!("relaxed, {name}"));
        noise.print(&format!("noise, {name}"));
        plans.print(&format!("the plan alone, {name}"));
    }
    Ok(())
}
