//! Runs a program that JAX lowered: StableHLO text in, native code out, no Python.
use std::path::Path;

use tancho::formats::read_npy;
use tancho::formats::stablehlo::{ImportOptions, read_stablehlo};
use tancho::prelude::*;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/lstm");

    // The text becomes a graph; the loop of the scan is an op that holds two graphs.
    let imported = read_stablehlo(folder.join("program.mlir"), &ImportOptions::default())?;
    let lstm = Program::from_graph(imported.graph)?;
    println!("{}", lstm.signature());
    println!("{}", lstm.dump(Stage::Optimized));

    let read = |name: String| read_npy(folder.join(name)).map(Tensor::from_array);
    let inputs =
        (0..4).map(|number| read(format!("input.{number}.npy"))).collect::<std::result::Result<Vec<_>, _>>()?;
    let outputs = lstm.call(&inputs)?;
    println!("{}", outputs[0]);

    // JAX's own values.
    for (number, output) in outputs.iter().enumerate() {
        let expected = read(format!("output.{number}.npy"))?;
        let worst = (output - expected).abs().max(..).item::<f32>()?;
        println!("output {number} is within {worst:e} of JAX's");
        assert!(worst < 1e-6);
    }
    Ok(())
}
