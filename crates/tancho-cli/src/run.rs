//! `tancho run`: reads the inputs, runs the program, and writes or prints its results.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tancho_formats::write_npy;
use tancho_ir::Graph;
use tancho_runtime::{Argument, CompileOptions, Executable};
use tancho_tensor::Array;

use crate::args::RunArguments;
use crate::error::CliError;
use crate::inputs::{check_inputs, read_inputs, require_inputs};
use crate::program::read_program;

pub fn run(arguments: &RunArguments) -> Result<String, CliError> {
    let graph = read_program(&arguments.program)?;
    let inputs = require_inputs(&graph, read_inputs(&graph, &arguments.inputs.inputs)?, "")?;
    check_inputs(&graph, &inputs)?;
    let executable = Executable::compile(graph, &CompileOptions::default())?;
    let mut lent: Vec<Argument<'_>> = inputs.iter().map(|input| Argument::Lend(&input.array)).collect();
    let results = executable.call(&mut lent)?;

    let names = result_names(&arguments.program, executable.graph());
    match &arguments.output_dir {
        Some(folder) => write_results(&names, &results, folder),
        None => Ok(print_results(&names, &results)),
    }
}

/// What the program calls its results; the position where it has no name. What a StableHLO file notes about its results are
/// paths in the structure that a Python function gave, and no names.
fn result_names(program: &Path, graph: &Graph) -> Vec<String> {
    let has_names = program.extension().is_none_or(|extension| extension != "mlir");
    let name = |position: usize| graph.result_name(position).filter(|_| has_names).map(str::to_owned);
    (0..graph.results().len()).map(|position| name(position).unwrap_or_else(|| position.to_string())).collect()
}

fn print_results(names: &[String], results: &[Array]) -> String {
    let mut out = String::new();
    for (name, array) in names.iter().zip(results) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}: {}{}\n{array}", array.dtype(), array.shape());
    }
    out
}

fn write_results(names: &[String], results: &[Array], folder: &Path) -> Result<String, CliError> {
    fs::create_dir_all(folder).map_err(|source| CliError::Write { file: folder.to_owned(), source })?;
    let mut out = String::new();
    for (name, array) in file_names(names).iter().zip(results) {
        let file = folder.join(format!("{name}.npy"));
        write_npy(&file, array)?;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}: {}{}", file.display(), array.dtype(), array.shape());
    }
    Ok(out)
}

/// A name for each result that will do as the name of a file. Names that would meet in one file are told apart by the
/// position.
fn file_names(names: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let name = |(position, name): (usize, &String)| {
        let name = name.replace(['/', ':'], "_");
        if taken.insert(name.clone()) {
            return name;
        }
        let numbered = (position..).map(|number| format!("{name}.{number}"));
        let free = numbered.into_iter().find(|candidate| taken.insert(candidate.clone()));
        free.unwrap_or(name)
    };
    names.iter().enumerate().map(name).collect()
}
