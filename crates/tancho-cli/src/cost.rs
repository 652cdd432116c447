//! `tancho cost`: what a call would cost.

use tancho_runtime::{CompileOptions, Executable};
use tancho_tensor::{DType, Shape};

use crate::args::CostArguments;
use crate::error::CliError;
use crate::inputs::read_inputs;
use crate::program::read_program;
use crate::random::input_shapes;

pub fn cost(arguments: &CostArguments) -> Result<String, CliError> {
    let graph = read_program(&arguments.program)?;
    let inputs = read_inputs(&graph, &arguments.inputs.inputs)?;
    let shapes = input_shapes(&graph, &inputs, &arguments.sizes)?;
    let shapes: Vec<(DType, &Shape)> = shapes.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
    let executable = Executable::compile(graph, &CompileOptions::default())?;
    Ok(executable.cost(&shapes)?.to_string())
}
