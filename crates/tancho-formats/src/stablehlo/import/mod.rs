//! The syntax tree of a StableHLO program to a graph.
//!
//! The functions become graphs: the one that is asked for is the result, and those that it calls are shared behind
//! [`Call`](tancho_ir::ops::ControlOp::Call)s, each imported once. The regions of loops and branches become graphs of
//! their own, and what they use from around them becomes operands (`builder`, `emit`, `region`). A function is put in the place of
//! its call where sizes flow into it or out of it.
//!
//! # Sizes
//! `?` in the type of an argument becomes a symbol. Beside the values of small integer tensors the importer knows their
//! elements as expressions over the symbols (`sizes`, `element`), and with these the dynamic ops become the static ones.
//!
//! # Files
//! `table` lists every op and who imports it; the families have files: `elementwise`, `shape`, `dynamic`, `reduce` (with
//! `recognize`), `window`, `dot`, `einsum`, `conv`, `index`, `linalg`, `control`, `custom_call` (with
//! `lapack`), `normalization`, `chlo`, `special`.
//! `checks` are the assertions of self-checking programs.
//!
//! # Bounds
//! Nothing here panics, whatever the tree is. Depth is limited, and so is the number of operations in relation to that of
//! the tree; constants of one element stay one element.

mod builder;
mod checks;
mod chlo;
mod constants;
mod control;
mod conv;
mod custom_call;
mod dot;
mod dynamic;
mod einsum;
mod element;
mod emit;
mod elementwise;
mod error;
mod function;
mod index;
mod lapack;
mod linalg;
mod normalization;
mod recognize;
mod reduce;
mod region;
mod shape;
mod site;
mod sizes;
mod special;
mod table;
mod window;

#[cfg(test)]
mod tests;

use std::path::Path;

use tancho_ir::Graph;

pub use checks::{Check, CheckKind};
pub use error::{ImportError, Place};
pub use table::{OpSupport, supported_ops};

use super::parse::parse;
use super::syntax::{Module, Visibility};
use builder::Importer;

/// What is imported of a module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions<'a> {
    /// The name of the function; `main`, or the only public one, where there is none.
    pub function: Option<&'a str>,
    /// Whether the assertions of a self-checking program become results of the graph; else they are left out.
    pub checks: bool,
}

/// A program as a graph.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The function. Behind its own results come those that the checks compare.
    pub graph: Graph,
    /// The assertions of the program, where [`ImportOptions::checks`] asks for them.
    pub checks: Vec<Check>,
}

/// Reads and imports a file.
///
/// # Errors
/// The file cannot be read, is no StableHLO, or is not supported.
pub fn read_stablehlo(path: impl AsRef<Path>, options: &ImportOptions<'_>) -> Result<Imported, ImportError> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    import_stablehlo(&text, path, options)
}

/// Imports a text; `file` is for errors and spans.
///
/// # Errors
/// The text is no StableHLO, or is not supported.
pub fn import_stablehlo(
    text: &str,
    file: impl AsRef<Path>,
    options: &ImportOptions<'_>,
) -> Result<Imported, ImportError> {
    let file = file.as_ref();
    import_module(&parse(file, text)?, file, options)
}

/// Imports a function of a module and what it calls.
///
/// # Errors
/// The function is wrong or not supported, or there is none of this name.
pub fn import_module(
    module: &Module,
    file: impl AsRef<Path>,
    options: &ImportOptions<'_>,
) -> Result<Imported, ImportError> {
    let file = file.as_ref().display().to_string();
    let name = match options.function {
        Some(name) => name,
        None => entry_point(module),
    };
    Importer::new(module, &file, options.checks).import_entry(name)
}

/// The names of the public functions without arguments: those of a self-checking module can be run as they are.
pub fn public_functions(module: &Module) -> Vec<&str> {
    let runs = |function: &&super::syntax::Function| {
        function.visibility == Visibility::Public && function.arguments.is_empty() && function.body.is_some()
    };
    module.functions.iter().filter(runs).map(|function| function.name.as_str()).collect()
}

/// `main`, or the only public function.
fn entry_point(module: &Module) -> &str {
    let mut public = module.functions.iter().filter(|function| function.visibility == Visibility::Public);
    match (public.next(), public.next()) {
        (Some(only), None) => &only.name,
        _ => "main",
    }
}
