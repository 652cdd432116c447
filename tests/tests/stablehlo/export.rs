//! Every op to StableHLO and back, by the interpreter's results before and after.

use tancho_formats::stablehlo::{ImportOptions, export, import_stablehlo};
use tancho_interp::interpret_with;
use tancho_ir::{Graph, Op, Symbol, TensorType};
use tancho_tensor::{Array, DType};
use tancho_testing::samples::{host_functions, samples, symbolic_samples};
use tancho_testing::values::{Flavour, arrays};

/// The graph after the way to StableHLO and back.
fn round_trip(graph: &Graph) -> Result<Graph, String> {
    let text = export(graph).map_err(|error| error.to_string())?;
    match import_stablehlo(&text, "exported.mlir", &ImportOptions::default()) {
        Ok(imported) => Ok(imported.graph),
        Err(error) => Err(format!("{error}\n{text}")),
    }
}

/// Whether two results agree: bit for bit, but for floats whose order of summation differs.
fn agree(found: &Array, expected: &Array) -> bool {
    if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
        return false;
    }
    let tolerance = match found.dtype() {
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        DType::F32 => 1e-6,
        DType::F64 => 1e-14,
        _ => return found.same_bits(expected),
    };
    let near =
        |(x, y): (&f64, &f64)| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * y.abs().max(1.0);
    found.to_f64_vec().iter().zip(&expected.to_f64_vec()).all(near)
}

#[track_caller]
fn check(graph: &Graph, what: &str, seed: u64) -> Result<(), String> {
    let again = round_trip(graph)?;
    let parameters: Vec<_> = graph.parameter_types().cloned().collect();
    let arguments = arrays(&parameters, Flavour::Whole, seed);
    let run = |graph: &Graph| {
        interpret_with(graph, &arguments, &host_functions).map_err(|error| format!("{what}: {error}\n{graph}"))
    };
    let (expected, found) = (run(graph)?, run(&again)?);
    for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
        if !agree(found, expected) {
            return Err(format!("{what}: result {position} is {found}, not {expected}\n{graph}{again}"));
        }
    }
    if found.len() == expected.len() { Ok(()) } else { Err(format!("{what}: other results\n{again}")) }
}

#[test]
fn every_op_comes_back() {
    let mut wrong = Vec::new();
    for (seed, sample) in samples().into_iter().enumerate() {
        if sample.elements() > 100_000 {
            continue;
        }
        if matches!(sample.op, Op::Effect(_)) {
            let error = export(&sample.graph()).expect_err("an effect has no counterpart");
            assert!(error.to_string().contains("has no counterpart in StableHLO"), "{error}");
            continue;
        }
        if let Err(error) = check(&sample.graph(), &sample.to_string(), seed as u64) {
            wrong.push(error);
        }
    }
    let first: String =
        wrong.iter().take(200).map(|error| error.chars().take(1500).collect::<String>() + "\n\n").collect();
    assert!(wrong.is_empty(), "{} samples:\n{first}", wrong.len());
}

/// Writes samples as programs with values, for `tests/stablehlo/generate/check_export.py`, where `TANCHO_EXPORT_DIR` names a
/// folder: of each op and dtype the first few.
#[test]
fn samples_are_written_for_jax() {
    const OF_EACH: usize = 4;
    let Some(folder) = std::env::var_os("TANCHO_EXPORT_DIR").map(std::path::PathBuf::from) else { return };
    let mut written: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for (seed, sample) in samples().into_iter().enumerate() {
        let graph = sample.graph();
        // Host functions are not known to XLA, and what it makes of a matrix that has no factor is its own affair.
        if matches!(sample.op.name(), "custom_call" | "cholesky" | "print" | "assert") || sample.elements() > 10_000 {
            continue;
        }
        let dtypes: Vec<&str> = graph.parameter_types().chain(graph.result_types()).map(|of| of.dtype.name()).collect();
        let kind = format!("{}_{}", sample.op.name(), dtypes.join("_"));
        let count = written.entry(kind.clone()).or_default();
        *count += 1;
        if *count > OF_EACH {
            continue;
        }
        let text = export(&graph).unwrap_or_else(|error| panic!("{error}"));
        let parameters: Vec<_> = graph.parameter_types().cloned().collect();
        let arguments = arrays(&parameters, Flavour::Whole, seed as u64);
        let results = interpret_with(&graph, &arguments, &host_functions).unwrap_or_else(|error| panic!("{error}"));
        let folder = folder.join(format!("{kind}_{count}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("program.mlir"), text).expect("the program");
        for (kind, values) in [("input", &arguments), ("output", &results)] {
            for (position, value) in values.iter().enumerate() {
                tancho_formats::write_npy(folder.join(format!("{kind}.{position}.npy")), value).expect("an array");
            }
        }
    }
}

/// Sizes for the symbols of a sample, which may fit.
const SIZES: [[i64; 4]; 4] = [[4, 4, 4, 4], [3, 5, 2, 4], [6, 2, 3, 5], [1, 1, 1, 1]];

#[test]
fn ops_with_symbols_come_back() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (seed, sample) in symbolic_samples().into_iter().enumerate() {
        let graph = sample.graph();
        let again = match round_trip(&graph) {
            Ok(again) => again,
            Err(error) if is_static_only(&error) => continue,
            Err(error) => {
                wrong.push(format!("{sample}: {error}"));
                continue;
            }
        };
        let mut symbols = std::collections::BTreeSet::new();
        graph.parameter_types().for_each(|of| of.dims.iter().for_each(|dim| dim.collect_symbols(&mut symbols)));
        for sizes in SIZES {
            let value =
                |symbol: &Symbol| symbols.iter().zip(sizes).find(|(known, _)| *known == symbol).map(|(_, size)| size);
            let types: Option<Vec<TensorType>> = graph
                .parameter_types()
                .map(|of| Some(TensorType::new(of.dtype, of.evaluate(&value)?.sizes().iter().copied())))
                .collect();
            let Some(types) = types else { continue };
            let arguments = arrays(&types, Flavour::Whole, seed as u64);
            let run = |graph: &Graph| interpret_with(graph, &arguments, &host_functions);
            let Ok(expected) = run(&graph) else { continue };
            match run(&again) {
                Ok(found) if found.len() == expected.len() => {
                    compared += 1;
                    if !found.iter().zip(&expected).all(|(found, expected)| agree(found, expected)) {
                        wrong.push(format!("{sample}: other values for {sizes:?}\n{again}"));
                    }
                }
                Ok(_) => wrong.push(format!("{sample}: other results\n{again}")),
                Err(error) => wrong.push(format!("{sample}: {error} for {sizes:?}\n{again}")),
            }
        }
    }
    let text: String = wrong.iter().map(|error| error.chars().take(1500).collect::<String>() + "\n\n").collect();
    assert!(wrong.is_empty(), "{} of {compared}:\n{text}", wrong.len());
    assert!(compared > 100, "{compared} comparisons");
}

/// What has no form with symbols, and says so.
fn is_static_only(error: &str) -> bool {
    error.contains("no counterpart in StableHLO")
        || error.contains("no dynamic form")
        || error.contains("no argument has the size")
}
