//! What a function becomes for one signature: a graph, and what was compiled from it.

mod freeze;

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use tancho_ir::{Graph, Span, TensorType, Value};
use tancho_runtime::{Argument, CallError, CompileOptions, Cost, Executable, Plan, Profile, Stage};
use tancho_tensor::{Array, DType, Shape};

use crate::arguments::{Arguments, Leaf};
use crate::described::{Described, Difference};
use crate::error::{Error, ErrorKind, Result};
use crate::signature::{Key, Signature, differences, leaf_type};
use crate::state::State;
use crate::table::{Statics, equal_statics};
use crate::tape;
use crate::tensor::{Repr, Tensor, nothing};
use crate::trace::{self, Finished};
use crate::tree::Tree;

/// A trace: the graph, the structure of arguments and results, and the compiled code once it is needed.
pub(crate) struct Traced<Out> {
    graph: Arc<Graph>,
    state: State,
    /// Tensors from outside by which an eager tape may want a gradient, with the constants that stand for them.
    outside: Vec<(Tensor, Value)>,
    /// The graph that takes those tensors behind its other parameters.
    open_graph: OnceLock<Arc<Graph>>,
    executable: OnceLock<Result<Arc<Executable>>>,
    /// The results as the trace gave them, for their structure.
    out: Out,
    arguments: Described,
    argument_names: &'static [&'static str],
    structure: Box<[u64]>,
    statics: Statics,
}

impl<Out> Traced<Out> {
    /// `structure` is that of the arguments.
    pub(crate) fn new(
        mut finished: Finished,
        out: Out,
        arguments: Described,
        argument_names: &'static [&'static str],
        structure: &Key<'_>,
    ) -> Self {
        let outside = std::mem::take(&mut finished.outside);
        let (graph, state) = State::bind(finished);
        Traced {
            graph: Arc::new(graph),
            state,
            outside,
            open_graph: OnceLock::new(),
            executable: OnceLock::new(),
            out,
            arguments,
            argument_names,
            structure: structure.words.as_slice().into(),
            statics: structure.statics.iter().map(|value| value.boxed()).collect(),
        }
    }

    pub(crate) fn described(&self) -> &Described {
        &self.arguments
    }

    pub(crate) fn signature(&self) -> Signature {
        Signature::of_graph(&self.graph, self.arguments.paths(), self.arguments.fixed())
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The graph for a tape that watches a tensor which the function took from outside, and that adds those tensors to the
    /// inputs; otherwise the graph as it is.
    fn graph_for_tapes(&self, inputs: &mut SmallVec<[Tensor; 2]>) -> &Arc<Graph> {
        if !self.outside.iter().any(|(tensor, _)| tape::is_active(tensor)) {
            return &self.graph;
        }
        inputs.extend(self.outside.iter().map(|(tensor, _)| tensor.clone()));
        self.open_graph.get_or_init(|| {
            let mut graph = Graph::clone(&self.graph);
            for (_, constant) in &self.outside {
                let of = graph.type_of(*constant).clone();
                let parameter = graph.add_parameter(None, of, Span::NONE);
                graph.replace_all_uses(*constant, parameter);
            }
            Arc::new(graph)
        })
    }

    /// The variables that the graph uses.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn out(&self) -> &Out {
        &self.out
    }

    /// The compiled graph. A trace that is only called within others is never compiled by itself.
    pub(crate) fn executable(&self, location: &'static Location<'static>) -> Result<&Arc<Executable>> {
        self.executable.get_or_init(|| compile(&self.graph, location)).as_ref().map_err(Clone::clone)
    }

    /// The plan for arguments of the trace's signature; the executable keeps it.
    pub(crate) fn plan(&self, key: &Key<'_>, location: &'static Location<'static>) -> Result<Arc<Plan>> {
        self.plan_with(key, location, Executable::plan)
    }

    /// As [`Traced::plan`], for who keeps the plan.
    pub(crate) fn new_plan(&self, key: &Key<'_>, location: &'static Location<'static>) -> Result<Arc<Plan>> {
        self.plan_with(key, location, Executable::new_plan)
    }

    fn plan_with(
        &self,
        key: &Key<'_>,
        location: &'static Location<'static>,
        plan: impl FnOnce(&Executable, &[(DType, &Shape)]) -> Result<Arc<Plan>, CallError>,
    ) -> Result<Arc<Plan>> {
        let mut types = value_types(&key.leaves);
        types.extend(self.state.types());
        plan(self.executable(location)?, &types)
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

/// What a graph whose parameters have known sizes costs.
pub(crate) fn known_cost(graph: &Graph, executable: &Executable, location: &'static Location<'static>) -> Result<Cost> {
    let types = graph.parameter_types();
    let shapes = types.map(|of| known_type(graph, of, location)).collect::<Result<Vec<(DType, Shape)>>>()?;
    cost_of(graph, executable, &shapes, location)
}

fn known_type(graph: &Graph, of: &TensorType, location: &'static Location<'static>) -> Result<(DType, Shape)> {
    of.known_shape().map(|shape| (of.dtype, shape)).ok_or_else(|| {
        let message = format!("{}: the cost depends on the sizes of {of}; ask for that of arguments", graph.name());
        Error::at(ErrorKind::Message(message), location)
    })
}

fn cost_of(
    graph: &Graph,
    executable: &Executable,
    shapes: &[(DType, Shape)],
    location: &'static Location<'static>,
) -> Result<Cost> {
    let shapes: Vec<(DType, &Shape)> = shapes.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
    executable
        .cost(&shapes)
        .map_err(|source| Error::at(ErrorKind::Call { graph: graph.name().into(), source }, location))
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
        self.traced.signature()
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

    /// What a call costs: floating-point operations, bytes and memory, in all and by its steps.
    ///
    /// # Errors
    /// A size of the signature varies, so that there is no one cost: [`Concrete::cost_for`] takes the sizes of arguments.
    #[track_caller]
    pub fn cost(&self) -> Result<Cost> {
        let location = Location::caller();
        let graph = &self.traced.graph;
        known_cost(graph, self.traced.executable(location)?, location)
    }

    /// What a call costs with these arguments, or with [`spec`](crate::spec)s of known sizes in their place. Nothing is run.
    ///
    /// # Errors
    /// The arguments do not fit the signature, or a size is not known.
    #[track_caller]
    pub fn cost_for(&self, arguments: impl Arguments<Args>) -> Result<Cost> {
        let location = Location::caller();
        let mut key = Key::structure();
        arguments.visit(&mut key);
        check_no_errors(&key)?;
        self.check_arguments(&arguments, &key, location)?;
        let graph = &self.traced.graph;
        let types = key.leaves.iter().filter_map(|leaf| leaf_type(leaf));
        let mut shapes = types.map(|of| known_type(graph, &of, location)).collect::<Result<Vec<(DType, Shape)>>>()?;
        shapes.extend(self.traced.state.types().map(|(dtype, shape)| (dtype, shape.clone())));
        cost_of(graph, self.traced.executable(location)?, &shapes, location)
    }

    /// Where the time of a call with these arguments goes: it is called `repetitions` times, and once before that, with a
    /// clock around each step. Variables keep what they hold, and the results are dropped; what the function prints is
    /// printed each time.
    ///
    /// # Errors
    /// As [`Concrete::call`].
    #[track_caller]
    pub fn profile(&self, arguments: impl Arguments<Args>, repetitions: usize) -> Result<Profile> {
        let location = Location::caller();
        let name = self.traced.graph.name();
        let mut key = Key::structure();
        arguments.visit(&mut key);
        let plan = self.plan_for(&arguments, &key, location)?;
        let value = |leaf: &&Tensor| leaf.value().cloned().unwrap_or_else(|| held_by(leaf));
        let mut arrays: Vec<Array> = key.leaves.iter().map(value).collect();
        for variable in self.traced.state.variables() {
            arrays.push(variable.upgrade(name, location)?.lock().clone());
        }
        plan.profile(&arrays.iter().collect::<Vec<_>>(), repetitions)
            .map_err(|source| Error::at(ErrorKind::Call { graph: name.into(), source }, location))
    }

    /// The plan for arguments that have values.
    fn plan_for(
        &self,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Plan>> {
        check_values(self.traced.graph.name(), key, location)?;
        self.check_arguments(arguments, key, location)?;
        self.traced.plan(key, location)
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
                return self.stage(&arguments, &key, location).inspect_err(trace::record_error);
            }
            check_values(name, &key, location)?;
            self.check_arguments(&arguments, &key, location)?;
            self.traced.plan(&key, location)?
        };
        run(name, &plan, &self.traced, arguments, location)
    }

    fn stage(
        &self,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Out> {
        check_no_errors(key)?;
        self.check_arguments(arguments, key, location)?;
        let results = trace::stage_call(
            self.traced.graph.name(),
            &self.traced.graph,
            &key.leaves,
            self.traced.state.variables(),
            location,
        )?;
        Ok(self.traced.rebuild(results, location))
    }

    fn check_arguments(
        &self,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<()> {
        let traced = &self.traced;
        // The variables' parameters, which are behind the others, are no arguments.
        let count = traced.graph.parameter_count() - traced.state.variables().len();
        let signature: Vec<TensorType> = traced.graph.parameter_types().take(count).cloned().collect();
        let differences = if *traced.structure != *key.words || !equal_statics(&traced.statics, &key.statics) {
            let given = Described::of(arguments, traced.argument_names, key.types());
            let of_structure = |difference: &Difference| match difference {
                Difference::Static { .. } | Difference::Structure { .. } => true,
                Difference::Sizes { .. } | Difference::Kind { .. } => false,
            };
            let differences = given.differences_from(&traced.arguments);
            let mut texts: Vec<String> =
                differences.iter().filter(|d| of_structure(d)).map(|d| d.to_string()).collect();
            if texts.is_empty() {
                texts.push("their structure or their static values are others".into());
            }
            texts
        } else {
            differences(&signature, &key.leaves, traced.arguments.paths())
        };
        if differences.is_empty() {
            return Ok(());
        }
        let function = traced.graph.name().to_owned();
        Err(Error::at(ErrorKind::Signature { function, differences }, location))
    }
}

/// The next of the leaves that a structure is filled with.
pub(crate) fn next_leaf(leaves: &mut dyn Iterator<Item = Tensor>, location: &'static Location<'static>) -> Tensor {
    leaves.next().unwrap_or_else(|| {
        // Only an implementation of `Tree` whose methods disagree comes here.
        let message = "a tree is rebuilt with more leaves than it shows".into();
        Tensor::from_error(Error::at(ErrorKind::Message(message), location))
    })
}

/// Lets a call fail where a tensor among its arguments has no value.
pub(crate) fn check_values(name: &str, key: &Key<'_>, location: &'static Location<'static>) -> Result<()> {
    key.leaves.iter().try_for_each(|leaf| match &leaf.0 {
        Repr::Value(_) | Repr::Recorded(_) => Ok(()),
        Repr::Variable(cell) => cell.lock_from_outside(location).map(drop),
        Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => Err(trace::not_a_value(name, leaf, location)),
    })
}

/// Lets a call fail where a tensor among its arguments carries an error.
pub(crate) fn check_no_errors(key: &Key<'_>) -> Result<()> {
    key.leaves.iter().try_for_each(|leaf| leaf.check())
}

/// Runs a plan on arguments that fit it.
pub(crate) fn run<Args, Out: Tree>(
    name: &str,
    plan: &Plan,
    traced: &Traced<Out>,
    arguments: impl Arguments<Args>,
    location: &'static Location<'static>,
) -> Result<Out> {
    if tape::is_recording() {
        return run_recorded(name, plan, traced, arguments, location);
    }
    let mut fed: SmallVec<[Argument; 4]> = SmallVec::new();
    arguments.feed(&mut |leaf| {
        fed.push(match leaf {
            Leaf::Lend(tensor) => tensor.value().map_or_else(|| Argument::Give(held_by(tensor)), Argument::Lend),
            Leaf::Give(Tensor(Repr::Value(array))) => Argument::Give(array),
            Leaf::Give(tensor) => Argument::Give(tensor.value().cloned().unwrap_or_else(|| held_by(&tensor))),
        });
    });
    let results = traced.state().run(name, plan, fed, None, location)?;
    let mut results = results.into_iter().map(Tensor::from_array);
    Ok(traced.out().rebuild(&mut || next_leaf(&mut results, location)))
}

/// As [`run`], where a gradient tape wants to know.
#[cold]
fn run_recorded<Args, Out: Tree>(
    name: &str,
    plan: &Plan,
    traced: &Traced<Out>,
    arguments: impl Arguments<Args>,
    location: &'static Location<'static>,
) -> Result<Out> {
    let mut inputs: SmallVec<[Tensor; 2]> = SmallVec::new();
    arguments.feed(&mut |leaf| {
        inputs.push(match leaf {
            // The clone of a variable's tensor is what it holds.
            Leaf::Lend(tensor) => tensor.clone(),
            Leaf::Give(tensor) => tensor.clone(),
        });
    });
    // The tape holds the arguments, so that none is given away.
    let held = inputs.clone();
    let fed = held.iter().filter_map(Tensor::value).map(Argument::Lend).collect();
    let results = traced.state().run(name, plan, fed, Some(&mut inputs), location)?;
    let graph = traced.graph_for_tapes(&mut inputs);
    let mut results = tape::record(graph, inputs, results).into_iter();
    Ok(traced.out().rebuild(&mut || next_leaf(&mut results, location)))
}

/// What the variable of a tensor holds.
fn held_by(tensor: &Tensor) -> Array {
    match &tensor.0 {
        Repr::Variable(cell) => cell.lock().clone(),
        // The values have been checked.
        Repr::Value(_) | Repr::Recorded(_) | Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => nothing(),
    }
}

/// The dtypes and shapes of values.
pub(crate) fn value_types<'a>(leaves: &[&'a Tensor]) -> SmallVec<[(DType, &'a Shape); 8]> {
    let type_of = |leaf: &&'a Tensor| match &leaf.0 {
        Repr::Value(array) => Some((array.dtype(), array.shape())),
        Repr::Recorded(recorded) => Some((recorded.array.dtype(), recorded.array.shape())),
        Repr::Variable(cell) => Some((cell.of().dtype, cell.shape())),
        Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => None,
    };
    leaves.iter().filter_map(type_of).collect()
}
