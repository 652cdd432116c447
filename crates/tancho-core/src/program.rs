//! A graph as a function without types of Rust: what is read from a file.

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{Graph, TensorType};
use tancho_runtime::{Argument, Executable, Stage};

use crate::concrete::compile;
use crate::error::{Error, ErrorKind, Result};
use crate::signature::{Signature, differences};
use crate::tensor::{Repr, Tensor};
use crate::trace;

/// A compiled graph that takes and gives tensors in order; cheap to clone.
#[derive(Clone)]
pub struct Program {
    graph: Arc<Graph>,
    executable: Arc<Executable>,
    paths: Arc<[String]>,
}

impl Program {
    /// Compiles a graph.
    ///
    /// # Errors
    /// An op has no compiled form, or memory is short.
    #[track_caller]
    pub fn from_graph(graph: Graph) -> Result<Program> {
        let executable = compile(&graph, Location::caller())?;
        let paths = graph
            .parameters()
            .enumerate()
            .map(|(position, value)| graph.node(value.node).name().map_or(position.to_string(), str::to_owned))
            .collect();
        Ok(Program { graph: Arc::new(graph), executable, paths })
    }

    pub fn name(&self) -> &str {
        self.graph.name()
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The name, or the position where there is none, and the type of each input.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &TensorType)> {
        self.paths.iter().map(String::as_str).zip(self.graph.parameter_types())
    }

    /// The name, where the program has one, and the type of each output.
    pub fn outputs(&self) -> impl Iterator<Item = (Option<&str>, &TensorType)> {
        self.graph.result_types().enumerate().map(|(position, of)| (self.graph.result_name(position), of))
    }

    pub fn signature(&self) -> Signature {
        Signature::of_graph(&self.graph, &self.paths)
    }

    /// A stage of the compilation as text.
    pub fn dump(&self, stage: Stage) -> String {
        self.executable.dump(stage)
    }

    /// Calls the program with its inputs in order.
    ///
    /// # Errors
    /// The inputs do not fit, one carries an error, or memory is short.
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let location = Location::caller();
        let leaves: SmallVec<[&Tensor; 4]> = inputs.iter().collect();
        if trace::is_active() {
            let fit = self.check(&leaves, location).inspect_err(trace::record_error);
            return fit.and_then(|()| trace::stage_call(self.name(), &self.graph, &leaves, location));
        }
        self.check(&leaves, location)?;
        let mut arguments: SmallVec<[Argument; 4]> = SmallVec::new();
        for leaf in &leaves {
            match &leaf.0 {
                Repr::Value(array) => arguments.push(Argument::Lend(array)),
                Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => {
                    return Err(trace::not_a_value(self.name(), leaf, location));
                }
            }
        }
        let results = self
            .executable
            .call(&mut arguments)
            .map_err(|source| Error::at(ErrorKind::Call { graph: self.name().into(), source }, location))?;
        Ok(results.into_iter().map(Tensor::from_array).collect())
    }

    fn check(&self, leaves: &[&Tensor], location: &'static Location<'static>) -> Result<()> {
        leaves.iter().try_for_each(|leaf| leaf.check())?;
        let signature: Vec<TensorType> = self.graph.parameter_types().cloned().collect();
        let differences = differences(&signature, leaves, &self.paths);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::at(ErrorKind::Signature { function: self.name().into(), differences }, location))
    }
}
