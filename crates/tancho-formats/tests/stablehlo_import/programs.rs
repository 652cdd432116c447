//! Small programs, one file each in `programs`, with the graph that they become in lines that begin with `//=`; or, with
//! the error in a line that begins with `// error:`. `UPDATE=1` writes these lines anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tancho_formats::stablehlo::{ImportOptions, import_stablehlo};
use tancho_ir::{PrintOptions, print, verify};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stablehlo_import/programs");
    let entries = std::fs::read_dir(folder).expect("the folder of the programs");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    files.sort();
    files
}

/// What stands below a program: its graph and checks, or the error.
fn expectation(name: &str, program: &str) -> String {
    let options = ImportOptions { checks: program.starts_with("// checks:"), ..ImportOptions::default() };
    let imported = match import_stablehlo(program, name, &options) {
        Ok(imported) => imported,
        Err(error) => {
            return format!("// error{}: {error}\n", if error.is_unsupported() { " (unsupported)" } else { "" });
        }
    };
    verify(&imported.graph).unwrap_or_else(|errors| panic!("{name}: {errors}"));
    let again = tancho_ir::parse(&imported.graph.to_string(), name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(again == imported.graph, "{name}: the text reads back as another graph");
    let mut text = String::new();
    for line in print(&imported.graph, &PrintOptions { spans: false, elide_above: None }).lines() {
        let _ = writeln!(text, "{}", format!("//= {line}").trim_end());
    }
    for check in &imported.checks {
        let _ =
            writeln!(text, "//= ; {:?} of {} and {} at {}", check.kind, check.actual, check.expected, check.position);
    }
    text
}

#[test]
fn programs_become_the_graphs_below_them() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for file in files() {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a program");
        let is_expected = |line: &&str| line.starts_with("//=") || line.starts_with("// error");
        let program: String = text.lines().filter(|line| !is_expected(line)).map(|line| format!("{line}\n")).collect();
        let expected: String = text.lines().filter(is_expected).map(|line| format!("{line}\n")).collect();
        let found = expectation(&name, &program);
        if found != expected && update {
            std::fs::write(&file, format!("{program}{found}")).expect("the program with its graph");
        } else if found != expected {
            stale.push(format!("{name}: expected\n{expected}found\n{found}"));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}
