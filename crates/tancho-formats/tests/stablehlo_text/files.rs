//! All files of StableHLO's own test data, where they are at hand.

use std::path::{Path, PathBuf};

use tancho_formats::stablehlo::parse;

/// The folder that `TANCHO_STABLEHLO_TESTDATA` names, or `../shared/stablehlo/testdata` beside the workspace.
fn find_testdata() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TANCHO_STABLEHLO_TESTDATA").filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.parent()?;
    Some(workspace.join("../shared/stablehlo/testdata")).filter(|folder| folder.is_dir())
}

#[test]
fn every_file_of_the_test_data() {
    let Some(folder) = find_testdata() else { return };
    let mut n_files = 0;
    let mut errors = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "mlir") {
            n_files += 1;
            errors.extend(parse(&file, &std::fs::read_to_string(&file).unwrap()).err().map(|error| error.to_string()));
        }
    }
    assert!(errors.is_empty(), "{} of {n_files} files: {:#?}", errors.len(), errors);
    assert!(n_files > 0, "no .mlir files in {}", folder.display());
}
