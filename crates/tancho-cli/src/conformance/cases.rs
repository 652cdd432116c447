//! Finding what there is to run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tancho_formats::read_npy;
use tancho_tensor::Array;

use crate::error::CliError;

/// How many folders deep files are looked for; a link can lead back up.
const DEPTH_LIMIT: usize = 32;

/// The `.mlir` files in a folder and below it, or the one file, in the order of their paths.
pub fn find_files(folder: &Path, filter: Option<&str>) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    if folder.is_file() {
        files.push(folder.to_owned());
    } else {
        add_files(folder, 0, &mut files)?;
    }
    files.retain(|file| filter.is_none_or(|filter| file.to_string_lossy().contains(filter)));
    files.sort();
    Ok(files)
}

fn add_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let error = |source: io::Error| CliError::Read { file: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() && depth < DEPTH_LIMIT {
            add_files(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "mlir") && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The runs of a program with values beside it: what stands before `input.` and `output.` in the names of its files.
pub fn runs_beside(file: &Path) -> Vec<String> {
    let folder = match (file.file_name(), file.parent()) {
        (Some(name), Some(folder)) if name == "program.mlir" => folder,
        _ => return Vec::new(),
    };
    // A path of one component has the empty one for its parent.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let runs: BTreeSet<(usize, String)> = names.filter_map(|name| run_of(&name)).collect();
    runs.into_iter().map(|(_, prefix)| prefix).collect()
}

/// `(0, "")` for `output.0.npy`, `(3, "3.")` for `3.input.1.npy`.
fn run_of(name: &str) -> Option<(usize, String)> {
    let parts: Vec<&str> = name.split('.').collect();
    let (number, prefix, kind, position) = match parts[..] {
        [kind, position, "npy"] => (0, String::new(), kind, position),
        [number, kind, position, "npy"] => (number.parse().ok()?, format!("{number}."), kind, position),
        _ => return None,
    };
    position.parse::<usize>().ok()?;
    matches!(kind, "input" | "output").then_some((number, prefix))
}

/// The arrays `PREFIXkind.0.npy`, `PREFIXkind.1.npy` and so on beside a program.
pub fn read_arrays(file: &Path, prefix: &str, kind: &str) -> Result<Vec<Array>, CliError> {
    let paths = (0usize..).map(|position| file.with_file_name(format!("{prefix}{kind}.{position}.npy")));
    paths.take_while(|path| path.exists()).map(|path| read_npy(path).map_err(CliError::from)).collect()
}

/// Why a file says that its own tests do not run it: `// RUN-DISABLED(inaccurate) …` among its first lines.
pub fn disabled(text: &str) -> Option<String> {
    const FIRST_LINES: usize = 10;
    let line = text.lines().take(FIRST_LINES).find(|line| line.starts_with("//") && line.contains("RUN-DISABLED"))?;
    let (_, rest) = line.split_once("RUN-DISABLED")?;
    let reason = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(reason, _)| reason.trim());
    Some(reason.filter(|reason| !reason.is_empty()).unwrap_or("no reason given").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabled_files_say_why() {
        let reason = |text: &str| disabled(text);
        assert_eq!(reason("// RUN-DISABLED(inaccurate) stablehlo-opt %s"), Some("inaccurate".into()));
        assert_eq!(reason("// RUN: x\n// RUN-DISABLED(#2497): y\nmodule {}"), Some("#2497".into()));
        assert_eq!(reason("// RUN-DISABLED: y"), Some("no reason given".into()));
        assert_eq!(reason("// RUN: stablehlo-opt %s"), None);
    }

    #[test]
    fn runs_are_told_by_the_names_of_files() {
        assert_eq!(run_of("input.0.npy"), Some((0, String::new())));
        assert_eq!(run_of("12.output.3.npy"), Some((12, "12.".into())));
        assert_eq!(
            [run_of("input.npy"), run_of("x.input.0.npy"), run_of("input.a.npy"), run_of("a.b")],
            [None, None, None, None]
        );
    }
}
