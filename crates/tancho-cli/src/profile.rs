//! `tancho profile`: where the time of a call goes, as a table and as a trace.

use std::fs;

use tancho_runtime::{CompileOptions, Executable};
use tancho_tensor::Array;

use crate::args::ProfileArguments;
use crate::error::CliError;
use crate::inputs::check_inputs;
use crate::program::read_program;
use crate::random::made_inputs;

pub fn profile(arguments: &ProfileArguments) -> Result<String, CliError> {
    let graph = read_program(&arguments.program)?;
    let inputs = made_inputs(&graph, &arguments.inputs)?;
    check_inputs(&graph, &inputs)?;
    let executable = Executable::compile(graph, &CompileOptions::default())?;
    let arrays: Vec<&Array> = inputs.iter().map(|input| &input.array).collect();
    let profile = executable.profile(&arrays, arguments.repeat)?;
    if let Some(file) = &arguments.chrome_trace {
        let trace = profile.to_chrome_trace();
        fs::write(file, trace).map_err(|source| CliError::Write { file: file.clone(), source })?;
    }
    Ok(profile.to_string())
}
