//! StableHLO's own suite of self-checking programs, where it is found: in the folder that `TANCHO_STABLEHLO_TESTDATA` names, or
//! beside the workspace.
//!
//! A sample is imported, goes to StableHLO and back, and is interpreted; with `TANCHO_SWEEP=1` it is all programs, and
//! they are compiled, too.

use std::path::PathBuf;
use std::{env, fs};

use tancho_formats::stablehlo::parse;

use super::fixtures::{Run, check_case, compiled, files, interpreted};

/// One of so many programs is in the sample.
const STRIDE: usize = 12;

fn suite() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/stablehlo/testdata");
    let folder = env::var_os("TANCHO_STABLEHLO_TESTDATA").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn programs_of_the_suite_pass() {
    let Some(folder) = suite() else { return };
    let sweep = env::var_os("TANCHO_SWEEP").is_some_and(|value| value == "1");
    let (stride, runs): (usize, &[Run]) = if sweep { (1, &[interpreted, compiled]) } else { (STRIDE, &[interpreted]) };
    let mut wrong = Vec::new();
    for file in files(&folder).into_iter().step_by(stride) {
        let text = fs::read_to_string(&file).expect("a text");
        // Complex numbers are not supported, and some programs the suite itself does not run.
        if text.contains("complex<") || text.contains("RUN-DISABLED") {
            continue;
        }
        let result = match parse(&file, &text) {
            Ok(module) => check_case(&module, &file, "main", runs, true),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = result {
            wrong.push(format!("{}: {error}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{} programs:\n{}", wrong.len(), wrong.join("\n"));
}
