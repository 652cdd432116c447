//! What a function becomes for one signature: a graph, and what was compiled from it.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use tancho_ir::{Graph, TensorType};
use tancho_runtime::{CompileOptions, Executable, Plan, Stage};

use crate::arguments::Arguments;
use crate::error::{Error, ErrorKind, Result};
use crate::function::{check_values, next_leaf, run, value_types};
use crate::signature::{Key, Signature, differences};
use crate::table::{Statics, equal_statics};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::Tree;

/// A trace: the graph, the structure of arguments and results, and the compiled code once it is needed.
pub(crate) struct Traced<Out> {
    graph: Arc<Graph>,
    executable: OnceLock<Result<Arc<Executable>>>,
    /// The results as the trace gave them, for their structure.
    out: Out,
    /// The paths to the tensors among the arguments.
    paths: Vec<String>,
    structure: Box<[u64]>,
    statics: Statics,
}

impl<Out> Traced<Out> {
    pub(crate) fn new(graph: Graph, out: Out, paths: Vec<String>, structure: Box<[u64]>, statics: Statics) -> Self {
        Traced { graph: Arc::new(graph), executable: OnceLock::new(), out, paths, structure, statics }
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    pub(crate) fn out(&self) -> &Out {
        &self.out
    }

    /// The compiled graph. A trace that is only called within others is never compiled by itself.
    pub(crate) fn executable(&self, location: &'static Location<'static>) -> Result<&Arc<Executable>> {
        self.executable.get_or_init(|| compile(&self.graph, location)).as_ref().map_err(Clone::clone)
    }

    pub(crate) fn plan(&self, key: &Key<'_>, location: &'static Location<'static>) -> Result<Arc<Plan>> {
        self.executable(location)?
            .plan(&value_types(&key.leaves))
            .map_err(|source| Error::at(ErrorKind::Call { graph: self.graph.name().into(), source }, location))
    }
}

impl<Out: Tree> Traced<Out> {
    /// The results' structure with these leaves.
    pub(crate) fn rebuild(&self, leaves: Vec<Tensor>, location: &'static Location<'static>) -> Out {
        let mut leaves = leaves.into_iter();
        self.out.rebuild(&mut || next_leaf(&mut leaves, location))
    }
}

pub(crate) fn compile(graph: &Graph, location: &'static Location<'static>) -> Result<Arc<Executable>> {
    Executable::compile(graph.clone(), &CompileOptions::default())
        .map_err(|source| Error::at(ErrorKind::Compile { graph: graph.name().into(), source }, location))
}

/// A function for one signature, traced and compiled.
pub struct Concrete<Args, Out> {
    traced: Arc<Traced<Out>>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args, Out> Clone for Concrete<Args, Out> {
    fn clone(&self) -> Self {
        Concrete { traced: self.traced.clone(), arguments: PhantomData }
    }
}

impl<Args, Out: Tree> Concrete<Args, Out> {
    pub(crate) fn new(traced: Arc<Traced<Out>>) -> Self {
        Concrete { traced, arguments: PhantomData }
    }

    pub fn signature(&self) -> Signature {
        Signature::of_graph(&self.traced.graph, &self.traced.paths)
    }

    /// The graph as it was traced.
    pub fn graph(&self) -> &Graph {
        &self.traced.graph
    }

    /// A stage of the compilation as text.
    #[track_caller]
    pub fn dump(&self, stage: Stage) -> String {
        // A concrete function was compiled when it was made.
        match self.traced.executable(Location::caller()) {
            Ok(executable) => executable.dump(stage),
            Err(error) => error.to_string(),
        }
    }

    /// Calls the function with arguments of its signature.
    ///
    /// # Errors
    /// The arguments do not fit the signature, or memory is short.
    #[track_caller]
    pub fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        let location = Location::caller();
        let name = self.traced.graph.name();
        let plan = {
            let mut key = Key::structure();
            arguments.visit(&mut key);
            if trace::is_active() {
                return self.stage(&key, location).inspect_err(trace::record_error);
            }
            check_values(name, &key, location)?;
            self.check_arguments(&key, location)?;
            self.traced.plan(&key, location)?
        };
        run(name, &plan, &self.traced, arguments, location)
    }

    fn stage(&self, key: &Key<'_>, location: &'static Location<'static>) -> Result<Out> {
        crate::function::check_no_errors(key)?;
        self.check_arguments(key, location)?;
        let results = trace::stage_call(self.traced.graph.name(), &self.traced.graph, &key.leaves, location)?;
        Ok(self.traced.rebuild(results, location))
    }

    fn check_arguments(&self, key: &Key<'_>, location: &'static Location<'static>) -> Result<()> {
        let signature: Vec<TensorType> = self.traced.graph.parameter_types().cloned().collect();
        let same_structure = *self.traced.structure == *key.words && equal_statics(&self.traced.statics, &key.statics);
        let differences = if same_structure {
            differences(&signature, &key.leaves, &self.traced.paths)
        } else {
            vec!["their structure or their static values are others".into()]
        };
        if differences.is_empty() {
            return Ok(());
        }
        let function = self.traced.graph.name().to_owned();
        Err(Error::at(ErrorKind::Signature { function, differences }, location))
    }
}
