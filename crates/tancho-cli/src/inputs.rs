//! The inputs of a program: files for its parameters, by name or by position.

use std::path::PathBuf;

use tancho_formats::read_npy;
use tancho_ir::{BindError, Graph, TensorType, bind};
use tancho_tensor::{Array, DType, Shape};

use crate::args::InputFile;
use crate::error::CliError;

/// An array for a parameter, and the file that it was read from.
pub struct Input {
    pub array: Array,
    pub file: PathBuf,
}

/// The names and the types of a program's inputs; the position where the program has no name.
pub fn describe_inputs(graph: &Graph) -> Vec<(String, TensorType)> {
    let describe = |(position, value): (usize, tancho_ir::Value)| {
        let name = graph.node(value.node).name().map_or_else(|| position.to_string(), str::to_owned);
        (name, graph.type_of(value).clone())
    };
    graph.parameters().enumerate().map(describe).collect()
}

/// Reads the files that are given; a parameter without one is left empty.
pub fn read_inputs(graph: &Graph, files: &[InputFile]) -> Result<Vec<Option<Input>>, CliError> {
    let parameters = describe_inputs(graph);
    let mut inputs: Vec<Option<Input>> = parameters.iter().map(|_| None).collect();
    for InputFile { name, file } in files {
        let position = find_input(graph, &parameters, name)?;
        if let Some(first) = &inputs[position] {
            let (name, first) = (parameters[position].0.clone(), first.file.clone());
            return Err(CliError::InputTwice { name, first, second: file.clone() });
        }
        inputs[position] = Some(Input { array: read_npy(file)?, file: file.clone() });
    }
    Ok(inputs)
}

fn find_input(graph: &Graph, parameters: &[(String, TensorType)], name: &str) -> Result<usize, CliError> {
    let by_name = parameters.iter().position(|(known, _)| known == name);
    let by_position = || name.parse().ok().filter(|&position| position < parameters.len());
    by_name.or_else(by_position).ok_or_else(|| {
        let inputs = match parameters {
            [] => "it takes none".to_owned(),
            _ => format!("its inputs are {}", list(parameters)),
        };
        CliError::UnknownInput { program: graph.name().to_owned(), name: name.to_owned(), inputs }
    })
}

/// All inputs, and an error for those that have no file; `hint` stands behind the flags that it names.
pub fn require_inputs(graph: &Graph, inputs: Vec<Option<Input>>, hint: &str) -> Result<Vec<Input>, CliError> {
    let parameters = describe_inputs(graph);
    let missing: Vec<(String, TensorType)> =
        parameters.into_iter().zip(&inputs).filter(|(_, input)| input.is_none()).map(|(missing, _)| missing).collect();
    if !missing.is_empty() {
        let flags: Vec<String> = missing.iter().map(|(name, _)| format!("--input {name}=FILE.npy")).collect();
        return Err(CliError::MissingInputs {
            program: graph.name().to_owned(),
            missing: list(&missing),
            flags: flags.join(" ") + hint,
        });
    }
    Ok(inputs.into_iter().flatten().collect())
}

/// Checks that the inputs fit the parameters; the error names the input and its file.
pub fn check_inputs(graph: &Graph, inputs: &[Input]) -> Result<(), CliError> {
    let types: Vec<(DType, &Shape)> = inputs.iter().map(|input| (input.array.dtype(), input.array.shape())).collect();
    let Err(error) = bind(graph, &types) else { return Ok(()) };
    match error {
        BindError::Argument { position, .. } | BindError::Conflict { position, .. } => {
            let name = describe_inputs(graph).swap_remove(position).0;
            Err(CliError::InputType { name, file: inputs[position].file.clone(), error: Box::new(error) })
        }
        BindError::Count { .. } | BindError::Constraint { .. } | BindError::Unbound { .. } | BindError::Size { .. } => {
            Err(error.into())
        }
    }
}

/// `x: f32[?n, 3], y: f32[3]`
fn list(parameters: &[(String, TensorType)]) -> String {
    let one = |(name, of): &(String, TensorType)| format!("{name}: {of}");
    parameters.iter().map(one).collect::<Vec<_>>().join(", ")
}
