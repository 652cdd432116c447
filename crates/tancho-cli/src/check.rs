//! `tancho check`: whether a program is sound.

use tancho_ir::Graph;

use crate::args::CheckArguments;
use crate::error::CliError;
use crate::inputs::describe_inputs;
use crate::program::read_program_leniently;

pub fn check(arguments: &CheckArguments) -> Result<String, CliError> {
    let graph = read_program_leniently(&arguments.program)?;
    let inputs: Vec<String> = describe_inputs(&graph).iter().map(|(name, of)| format!("{name}: {of}")).collect();
    Ok(format!(
        "{} is sound: @{}({}) -> ({}), {} operations\n",
        arguments.program.display(),
        graph.name(),
        inputs.join(", "),
        describe_results(&graph).join(", "),
        graph.node_count() - graph.parameter_count(),
    ))
}

fn describe_results(graph: &Graph) -> Vec<String> {
    let describe = |(position, of)| match graph.result_name(position) {
        Some(name) => format!("{name}: {of}"),
        None => format!("{of}"),
    };
    graph.result_types().enumerate().map(describe).collect()
}
