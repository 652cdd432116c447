//! A graph as a function without types of Rust: what is read from a file.

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{Graph, TensorType};
use tancho_runtime::{Argument, CallError, Cost, Executable, Profile, Stage};
use tancho_tensor::{Array, DType, Shape};

use crate::concrete::{compile, known_cost};
use crate::error::{Error, ErrorKind, Result};
use crate::signature::{Signature, differences};
use crate::tensor::Tensor;
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
        Signature::of_graph(&self.graph, &self.paths, &[])
    }

    /// A stage of the compilation as text.
    pub fn dump(&self, stage: Stage) -> String {
        self.executable.dump(stage)
    }

    /// What a call costs: floating-point operations, bytes and memory, in all and by its steps.
    ///
    /// # Errors
    /// A size of the signature varies, so that there is no one cost: [`Program::cost_for`] takes the sizes of inputs.
    #[track_caller]
    pub fn cost(&self) -> Result<Cost> {
        known_cost(&self.graph, &self.executable, Location::caller())
    }

    /// What a call with these inputs costs. Nothing is run.
    ///
    /// # Errors
    /// The inputs do not fit.
    #[track_caller]
    pub fn cost_for(&self, inputs: &[Tensor]) -> Result<Cost> {
        let location = Location::caller();
        let arrays = self.values(inputs, location)?;
        let types: Vec<(DType, &Shape)> = arrays.iter().map(|array| (array.dtype(), array.shape())).collect();
        self.executable.cost(&types).map_err(|source| self.call_error(source, location))
    }

    /// Where the time of a call with these inputs goes: the program is called `repetitions` times, and once before that,
    /// with a clock around each step.
    ///
    /// # Errors
    /// As [`Program::call`].
    #[track_caller]
    pub fn profile(&self, inputs: &[Tensor], repetitions: usize) -> Result<Profile> {
        let location = Location::caller();
        let arrays = self.values(inputs, location)?;
        self.executable.profile(&arrays, repetitions).map_err(|source| self.call_error(source, location))
    }

    /// The values of inputs that fit.
    fn values<'a>(&self, inputs: &'a [Tensor], location: &'static Location<'static>) -> Result<Vec<&'a Array>> {
        self.check(&inputs.iter().collect::<SmallVec<[&Tensor; 4]>>(), location)?;
        let value = |leaf: &'a Tensor| leaf.value().ok_or_else(|| trace::not_a_value(self.name(), leaf, location));
        inputs.iter().map(value).collect()
    }

    fn call_error(&self, source: CallError, location: &'static Location<'static>) -> Error {
        Error::at(ErrorKind::Call { graph: self.name().into(), source }, location)
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
            return fit.and_then(|()| trace::stage_call(self.name(), &self.graph, &leaves, &[], location));
        }
        self.check(&leaves, location)?;
        let mut arguments: SmallVec<[Argument; 4]> = SmallVec::new();
        for leaf in &leaves {
            match leaf.value() {
                Some(array) => arguments.push(Argument::Lend(array)),
                None => return Err(trace::not_a_value(self.name(), leaf, location)),
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
