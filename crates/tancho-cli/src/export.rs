//! `tancho export`: a program in another format.

use std::fs;

use tancho_formats::stablehlo;

use crate::args::{ExportArguments, ExportFormat};
use crate::error::CliError;
use crate::program::read_program;

pub fn export(arguments: &ExportArguments) -> Result<String, CliError> {
    let graph = read_program(&arguments.program)?;
    let text = match arguments.format {
        ExportFormat::Stablehlo => stablehlo::export(&graph)?,
        ExportFormat::Ir => graph.to_string(),
    };
    let Some(file) = &arguments.output else { return Ok(text) };
    fs::write(file, text).map_err(|source| CliError::Write { file: file.clone(), source })?;
    Ok(String::new())
}
