//! The fixtures of `tests/stablehlo`: programs with the values of JAX, interpreted and compiled, and after the way to
//! StableHLO and back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tancho_formats::read_npy;
use tancho_formats::stablehlo::syntax::Module;
use tancho_formats::stablehlo::{
    ImportOptions, compare, compare_within, export, import_module, import_stablehlo, parse, public_functions,
};
use tancho_interp::interpret;
use tancho_ir::Graph;
use tancho_runtime::{Argument, CompileOptions, Executable};
use tancho_tensor::Array;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("stablehlo")
}

/// Runs a graph.
pub type Run = fn(&Graph, &[Array]) -> Result<Vec<Array>, String>;

pub fn interpreted(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>, String> {
    interpret(graph, arguments).map_err(|error| format!("interpreted: {error}"))
}

pub fn compiled(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>, String> {
    let executable =
        Executable::compile(graph.clone(), &CompileOptions::default()).map_err(|error| error.to_string())?;
    let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
    let results = executable.call(&mut lent).map_err(|error| format!("compiled: {error}"))?;
    Ok(results.into_iter().collect())
}

/// The graph after the way to StableHLO and back.
fn exported(graph: &Graph) -> Result<Graph, String> {
    let text = export(graph).map_err(|error| format!("exported: {error}"))?;
    let again = import_stablehlo(&text, "exported.mlir", &ImportOptions::default());
    again.map(|imported| imported.graph).map_err(|error| format!("exported: {error}"))
}

/// Runs one case of a self-checking module in several ways; with `exports`, the graph also goes to its own text and to
/// StableHLO and back.
pub fn check_case(module: &Module, file: &Path, name: &str, runs: &[Run], exports: bool) -> Result<(), String> {
    let options = ImportOptions { function: Some(name), checks: true };
    let imported = import_module(module, file, &options).map_err(|error| error.to_string())?;
    let mut graphs = vec![imported.graph];
    if exports {
        let again = tancho_ir::parse(&graphs[0].to_string(), "again.ir").map_err(|error| error.to_string())?;
        if again != graphs[0] {
            return Err("the graph's text does not read back as the same graph".to_owned());
        }
        graphs.push(exported(&graphs[0])?);
    }
    for graph in &graphs {
        for run in runs {
            let results = run(graph, &[])?;
            for check in &imported.checks {
                compare(&check.kind, &results[check.actual], &results[check.expected])
                    .map_err(|mismatch| format!("line {}: {mismatch}", check.position.line))?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_matrix_gives_the_values_of_jax() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in files(&root().join("matrix")) {
        let text = fs::read_to_string(&file).expect("a text");
        let module = parse(&file, &text).unwrap_or_else(|error| panic!("{error}"));
        for name in public_functions(&module) {
            cases += 1;
            let label = format!("{}, {name}", file.file_name().unwrap_or_default().display());
            let result = check_case(&module, &file, name, &[interpreted, compiled], true);
            if let Err(error) = result {
                wrong.push(format!("{label}: {error}"));
            }
        }
    }
    assert!(cases > 500, "{cases} cases in {}", root().display());
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn programs_give_the_values_of_jax() {
    let mut wrong = Vec::new();
    let folders = ["programs", "matrix/symbolic"].map(|folder| folders(&root().join(folder)));
    for folder in folders.iter().flatten() {
        if let Err(error) = check_program(folder) {
            wrong.push(format!("{}: {error}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{} programs:\n{}", wrong.len(), wrong.join("\n"));
}

/// Runs a program with the values beside it in all ways.
fn check_program(folder: &Path) -> Result<(), String> {
    let file = folder.join("program.mlir");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let imported = import_stablehlo(&text, &file, &ImportOptions::default()).map_err(|error| error.to_string())?;
    let graphs = [exported(&imported.graph)?, imported.graph];
    // What 16-bit floats on the way leave of the digits.
    let tolerance = if text.contains("bf16") { 1e-2 } else { 1e-5 };
    for prefix in runs(folder) {
        let arrays = |kind: &str| {
            let paths = (0..).map(|position| folder.join(format!("{prefix}{kind}.{position}.npy")));
            paths.take_while(|path| path.exists()).map(|path| read_npy(path).expect("an array")).collect::<Vec<_>>()
        };
        let (inputs, outputs) = (arrays("input"), arrays("output"));
        for graph in &graphs {
            for run in [interpreted as Run, compiled] {
                let results = run(graph, &inputs)?;
                assert_eq!(results.len(), outputs.len(), "{}", folder.display());
                for (position, (result, output)) in results.iter().zip(&outputs).enumerate() {
                    compare_within(result, output, tolerance, tolerance)
                        .map_err(|mismatch| format!("{prefix}output {position}: {mismatch}"))?;
                }
            }
        }
    }
    Ok(())
}

/// What stands before `output.` in the names of the files.
fn runs(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let prefix = |name: String| name.split_once("output.").map(|(prefix, _)| prefix.to_owned());
    names.filter_map(|name| prefix(name.into_string().ok()?)).collect()
}

/// The `.mlir` files of a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "mlir"));
    files.sort();
    files
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|folder| folder.join("program.mlir").exists());
    folders.sort();
    folders
}
