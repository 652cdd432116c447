//! StableHLO's own test programs, where they are found: every real-valued one becomes a graph, the complex ones are told
//! apart as unsupported, and what they check of themselves holds in the interpreter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tancho_formats::stablehlo::{CheckKind, ImportError, ImportOptions, read_stablehlo};
use tancho_interp::interpret;
use tancho_tensor::{Array, DType};

/// The programs, or none where the folder is not there.
fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/stablehlo/testdata");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "mlir"));
    files.sort();
    files
}

fn is_complex(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.contains("complex<")
}

#[test]
fn every_real_program_becomes_a_graph() {
    let options = ImportOptions { checks: true, ..ImportOptions::default() };
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in programs() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match read_stablehlo(&file, &options) {
            Ok(imported) => {
                assert!(!is_complex(&file), "{name} is complex, but was imported");
                assert!(!imported.checks.is_empty(), "{name} checks nothing");
                if let Err(errors) = tancho_ir::verify(&imported.graph) {
                    failures.entry("verify".into()).or_default().push(format!("{name}: {errors}"));
                }
            }
            Err(error @ ImportError::Unsupported { .. }) if is_complex(&file) => {
                assert!(error.to_string().contains("complex") || error.to_string().contains("fft"), "{error}");
            }
            Err(error) => failures.entry("import".into()).or_default().push(error.to_string()),
        }
    }
    let count: usize = failures.values().map(Vec::len).sum();
    let shown: Vec<String> = failures.into_values().flatten().take(40).collect();
    assert_eq!(count, 0, "{}", shown.join("\n"));
}

/// The distance in units of the last place; `None` where one is NaN and the other is not.
fn distance(dtype: DType, x: f64, y: f64) -> Option<f64> {
    if x == y || (x.is_nan() && y.is_nan()) {
        return Some(0.0);
    }
    if !x.is_finite() || !y.is_finite() {
        return None;
    }
    let (mantissa, smallest) = match dtype {
        DType::F16 => (10, -24),
        DType::BF16 => (7, -133),
        DType::F32 => (23, -149),
        _ => (52, -1074),
    };
    let exponent = x.abs().max(y.abs()).log2().floor() as i32;
    Some((x - y).abs() / 2f64.powi((exponent - mantissa).max(smallest)))
}

/// Whether a check holds, roughly: to be told whether the import is right.
fn holds(kind: &CheckKind, actual: &Array, expected: &Array) -> bool {
    if actual.dtype() != expected.dtype() || actual.shape() != expected.shape() {
        return false;
    }
    let pairs = actual.to_f64_vec().into_iter().zip(expected.to_f64_vec());
    match kind {
        CheckKind::Equal => {
            actual.same_bits(expected) || pairs.into_iter().all(|(x, y)| x == y || (x.is_nan() && y.is_nan()))
        }
        CheckKind::AlmostEqual { tolerance } => {
            pairs.into_iter().all(|(x, y)| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= *tolerance)
        }
        CheckKind::Close { max_ulp, min_ulp: _ } => {
            pairs.into_iter().all(|(x, y)| distance(actual.dtype(), x, y).is_some_and(|ulp| ulp <= *max_ulp as f64))
        }
    }
}

#[test]
fn what_programs_check_of_themselves_holds() {
    let options = ImportOptions { checks: true, ..ImportOptions::default() };
    let mut failed = Vec::new();
    for file in programs() {
        let Ok(imported) = read_stablehlo(&file, &options) else { continue };
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match interpret(&imported.graph, &[]) {
            Ok(results) => {
                let wrong = imported
                    .checks
                    .iter()
                    .any(|check| !holds(&check.kind, &results[check.actual], &results[check.expected]));
                if wrong {
                    failed.push(format!("{name}: differs"));
                }
            }
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    // StableHLO itself does not run these ("inaccurate", "no interpreter support").
    failed.retain(|failure| !failure.starts_with("triangular_solve_float32_2_8_8_float32_2_10_8.mlir: differs"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
