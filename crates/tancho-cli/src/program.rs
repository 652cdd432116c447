//! Reading programs: text files, StableHLO files and model folders.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tancho_formats::stablehlo::{ImportError, ImportOptions, import_stablehlo};
use tancho_formats::{FormatError, PROGRAM_FILE, load_model};
use tancho_ir::{Graph, ParseOptions, parse_with, verify};

use crate::error::CliError;

/// How many characters of a line are shown on each side of an error.
const EXCERPT: usize = 50;

const STRICT: ParseOptions = ParseOptions { check_types: true, locate_lines: true };
const LENIENT: ParseOptions = ParseOptions { check_types: false, locate_lines: true };

/// Reads a program and checks that it is sound. An operation that does not say where it comes from comes from its line.
pub fn read_program(path: &Path) -> Result<Graph, CliError> {
    read_checked(path, &STRICT)
}

/// As [`read_program`], but the types of the operations in a text are first left to the verifier, which shows all that is
/// wrong with them.
pub fn read_program_leniently(path: &Path) -> Result<Graph, CliError> {
    let text_file = if path.is_dir() { path.join(PROGRAM_FILE) } else { path.to_owned() };
    if text_file.extension().is_some_and(|extension| extension == "ir") && text_file.is_file() {
        read_checked(&text_file, &LENIENT)?;
    }
    read_checked(path, &STRICT)
}

fn read_checked(path: &Path, options: &ParseOptions) -> Result<Graph, CliError> {
    let graph = match path.extension() {
        _ if path.is_dir() => read_folder(path)?,
        Some(extension) if extension == "mlir" => read_stablehlo(path)?,
        _ => read_text(path, options)?,
    };
    match verify(&graph) {
        Ok(()) => Ok(graph),
        Err(errors) => Err(CliError::Verify { path: path.to_owned(), errors: Box::new(errors) }),
    }
}

fn read_folder(path: &Path) -> Result<Graph, CliError> {
    let program = path.join(PROGRAM_FILE);
    if !program.exists() {
        return Err(CliError::NotAProgram { path: path.to_owned(), found: format!("a folder without {PROGRAM_FILE}") });
    }
    load_model(path).map_err(|error| match error {
        FormatError::Program(error) => {
            let excerpt = fs::read_to_string(&program)
                .map_or_else(|_| String::new(), |text| excerpt(&text, error.line, error.column));
            CliError::Parse { error, excerpt }
        }
        other => other.into(),
    })
}

fn read_text(path: &Path, options: &ParseOptions) -> Result<Graph, CliError> {
    if path.exists() && path.extension().is_none_or(|extension| extension != "ir") {
        let found = match path.extension() {
            Some(extension) => format!("a .{} file", extension.display()),
            None => "a file without .ir or .mlir at its end".to_owned(),
        };
        return Err(CliError::NotAProgram { path: path.to_owned(), found });
    }
    let text = read_utf8(path)?;
    parse_with(&text, &path.display().to_string(), options)
        .map_err(|error| CliError::Parse { excerpt: excerpt(&text, error.line, error.column), error })
}

/// The function `main` of a StableHLO module, or its only public one. What a self-checking program asserts is left out.
fn read_stablehlo(path: &Path) -> Result<Graph, CliError> {
    let text = read_utf8(path)?;
    match import_stablehlo(&text, path, &ImportOptions::default()) {
        Ok(imported) => Ok(imported.graph),
        Err(error) => {
            let position = match &error {
                ImportError::Syntax(error) => Some(error.position),
                ImportError::Malformed { at, .. } | ImportError::Unsupported { at, .. } => Some(at.position),
                ImportError::Read { .. } | ImportError::NoFunction { .. } => None,
            };
            let excerpt = position.map_or_else(String::new, |at| excerpt(&text, at.line as usize, at.column as usize));
            Err(CliError::Import { error: Box::new(error), excerpt })
        }
    }
}

pub fn read_utf8(path: &Path) -> Result<String, CliError> {
    let bytes = fs::read(path).map_err(|source| CliError::Read { file: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        CliError::NotText { file: path.to_owned(), offset }
    })
}

/// The line of an error with a mark below its place; of a long line, the part around it.
fn excerpt(text: &str, number: usize, column: usize) -> String {
    let Some(line) = text.lines().nth(number.saturating_sub(1)) else { return String::new() };
    let column = column.saturating_sub(1);
    let begin = column.saturating_sub(EXCERPT);
    // A tab would be wider than the blank below it.
    let shown: String = line.chars().skip(begin).take(2 * EXCERPT).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number = number.to_string();
    let (blank, mark) = (" ".repeat(number.len()), " ".repeat(column - begin));
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(out, "\n {number} | {}\n {blank} | {mark}^", shown.trim_end());
    out
}
