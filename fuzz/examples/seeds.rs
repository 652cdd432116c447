//! Writes the seeds from which fuzzing begins: a few small programs of every op as `.ir` and as StableHLO text, and the
//! programs of the tests.
//!
//! `cargo run --example seeds` in this folder fills `corpus/`.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use tancho_formats::stablehlo::export;
use tancho_testing::samples::{Sample, samples, symbolic_samples};
use tancho_testing::values::Generator;

/// How many programs of one op become seeds.
const OF_EACH_OP: usize = 12;

/// The most bytes of a seed: a fuzzer that changes a long text seldom changes what matters.
const LONGEST: u64 = 16 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = |target: &str| -> Result<PathBuf, std::io::Error> {
        let folder = fuzz.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (parse_ir, run_ir, stablehlo, graphs) =
        (corpus("parse_ir")?, corpus("run_ir")?, corpus("stablehlo")?, corpus("graphs")?);

    let mut counts: HashMap<&str, usize> = HashMap::new();
    let small = |sample: &Sample| sample.elements() <= 64;
    let mut all: Vec<Sample> = samples().into_iter().filter(small).collect();
    shuffle(&mut all);
    all.extend(symbolic_samples());
    for sample in all {
        let count = counts.entry(sample.op.name()).or_default();
        *count += 1;
        // Those with symbols come last, and all of them are taken.
        if *count > OF_EACH_OP && sample.graph().parameter_types().all(|of| of.known_shape().is_some()) {
            continue;
        }
        let (graph, name) = (sample.graph(), format!("{}-{count}", sample.op.name()));
        fs::write(parse_ir.join(&name), graph.to_string())?;
        fs::write(run_ir.join(&name), graph.to_string())?;
        if let Ok(text) = export(&graph) {
            fs::write(stablehlo.join(&name), text)?;
        }
    }

    let tests = fuzz.join("../tests");
    copy(&tests.join("filetests"), "ir", &parse_ir)?;
    copy(&tests.join("filetests"), "ir", &run_ir)?;
    copy(&tests.join("stablehlo"), "mlir", &stablehlo)?;
    copy(&tests.join("../crates/tancho-formats/tests"), "mlir", &stablehlo)?;

    let mut random = Generator::new(1);
    for number in 0..200 {
        let bytes: Vec<u8> = (0..64 + random.below(400)).map(|_| random.next_u64() as u8).collect();
        fs::write(graphs.join(format!("random-{number}")), bytes)?;
    }
    Ok(())
}

fn shuffle(samples: &mut [Sample]) {
    let mut random = Generator::new(1);
    for place in (1..samples.len()).rev() {
        let other = random.below(place + 1);
        samples.swap(place, other);
    }
}

/// Copies the files of a folder and those in it that are not long.
fn copy(from: &Path, extension: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.is_dir() {
            copy(&path, extension, to)?;
        } else if path.extension().is_some_and(|found| found == extension) && path.metadata()?.len() <= LONGEST {
            let folder = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            fs::copy(&path, to.join(format!("{folder}-{name}")))?;
        }
    }
    Ok(())
}
