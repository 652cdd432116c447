//! Regions: the graphs of branches and of the bodies of loops, traced within a trace.
//!
//! A region is traced with parameters of its own. What it uses of the traces around it, and the variables that it uses,
//! became further parameters in the order of their first use ([`Input`]). The graphs that one op holds take the same
//! operands, so that they are put together ([`align`]): each is copied into a graph with the parameters of all. What a
//! region assigns to variables becomes results behind its own.
//!
//! The graphs that ops hold are isolated, and a graph learns the sizes that vary from the shapes of its parameters alone.
//! So where a region mentions a size that no parameter has, it gets one more parameter: an array without elements that has
//! those sizes.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Arc;

use tancho_ir::ops::{CallGradient, ControlOp, IndexOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, Op, Relation, Span, Symbol, TensorType, Value, attribute_dims};
use tancho_tensor::DType;

use crate::builder::Builder;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::tensor::{Tensor, TraceNode};
use crate::trace::{self, Kind, Session, TraceId, UsedVariable};
use crate::variable::Cell;

/// A traced region.
pub(crate) struct Region {
    graph: Graph,
    /// Its own parameters; the others stand for `inputs`, in order.
    own: Vec<Value>,
    inputs: Vec<Input>,
    variables: Vec<UsedVariable>,
}

/// What a region uses of what is around it.
#[derive(Clone)]
pub(crate) enum Input {
    /// A value of a trace around the region.
    Captured(Arc<TraceNode>),
    /// What a variable holds when the op begins.
    Variable(Arc<Cell>),
    /// Sizes alone: an array of this type has no elements.
    Sizes(TensorType),
}

impl Input {
    fn is_same(&self, other: &Input) -> bool {
        match (self, other) {
            (Input::Captured(x), Input::Captured(y)) => x.trace == y.trace && x.value == y.value,
            (Input::Variable(x), Input::Variable(y)) => Arc::ptr_eq(x, y),
            (Input::Sizes(x), Input::Sizes(y)) => x == y,
            (Input::Captured(_) | Input::Variable(_) | Input::Sizes(_), _) => false,
        }
    }

    fn type_of(&self) -> &TensorType {
        match self {
            Input::Captured(node) => &node.of,
            Input::Variable(cell) => cell.of(),
            Input::Sizes(of) => of,
        }
    }
}

/// A region that is being traced: operations are staged into it until it is closed, or goes.
pub(crate) struct OpenRegion {
    session: Session,
    around: TraceId,
    n_own: usize,
}

impl OpenRegion {
    /// Begins a region in the active trace; gives its parameters, which have a name and a type each.
    ///
    /// # Errors
    /// Traces are nested too deeply, or none is active.
    pub(crate) fn begin(
        name: &str,
        parameters: &[(String, TensorType)],
        location: &'static Location<'static>,
    ) -> Result<(OpenRegion, Vec<Tensor>)> {
        let around = trace::active().ok_or_else(|| Error::new("a region is traced where no trace is active"))?;
        let session = Session::open(name, Kind::Region, location)?;
        let tensors = parameters.iter().map(|(name, of)| session.add_parameter(name, of.clone(), location)).collect();
        Ok((OpenRegion { session, around, n_own: parameters.len() }, tensors))
    }

    /// Ends the region with its results.
    ///
    /// # Errors
    /// The first one that an operation in it gave.
    pub(crate) fn close(self, results: &[Tensor], location: &'static Location<'static>) -> Result<Region> {
        let results: Vec<&Tensor> = results.iter().collect();
        let finished = self.session.finish(&results, &vec![None; results.len()], location)?;
        let captured = finished.captures.iter().map(|&(outer, parameter)| {
            let of = finished.graph.type_of(parameter).clone();
            let node = TraceNode { trace: self.around, value: outer, of, made: location };
            (parameter, Input::Captured(Arc::new(node)))
        });
        let held = finished.variables.iter().map(|used| (used.parameter, Input::Variable(used.cell.clone())));
        let mut inputs: Vec<(Value, Input)> = captured.chain(held).collect();
        // Parameters are added when they are first used, so that later ones have larger ids.
        inputs.sort_by_key(|(parameter, _)| parameter.node);
        let inputs = inputs.into_iter().map(|(_, input)| input).collect();
        let own = finished.graph.parameters().take(self.n_own).collect();
        Ok(Region { graph: finished.graph, own, inputs, variables: finished.variables })
    }
}

impl Region {
    /// The types of its own results.
    pub(crate) fn result_types(&self) -> impl Iterator<Item = &TensorType> {
        self.graph.result_types()
    }

    /// How many operations it has, those of the graphs in it among them.
    pub(crate) fn size(&self) -> usize {
        self.graph.expanded_size()
    }

    /// The number of elements of the largest value that it computes, where all are known.
    pub(crate) fn largest_value(&self) -> Option<i64> {
        let computed = self.graph.node_ids().map(|id| self.graph.node(id)).filter(|node| node.op().is_some());
        let mut sizes = computed.flat_map(|node| node.types()).map(|of| of.elements().as_known());
        sizes.try_fold(0, |largest, size| size.map(|size| size.max(largest)))
    }

    /// Lets the results from `first` on become rows of buffers: each gets a buffer as a further parameter of its own, and
    /// is replaced by the buffer with the result in the row that `row`, one of the results, says.
    ///
    /// # Errors
    /// A row does not fit its buffer.
    pub(crate) fn collect_rows(
        &mut self,
        row: usize,
        first: usize,
        buffers: &[TensorType],
        location: &'static Location<'static>,
    ) -> Result<(), Fault> {
        let mut results = self.graph.results().to_vec();
        let row = results[row];
        let span = trace::span_at(location);
        for (result, of) in results[first..].iter_mut().zip(buffers) {
            let buffer = self.graph.add_parameter(None, of.clone(), Span::NONE);
            self.own.push(buffer);
            let mut builder = Builder::new(&mut self.graph, span.clone());
            let zero = builder.scalar(builder.dtype(row), 0.0)?;
            let mut dims = builder.dims(*result);
            dims.insert(0, Dim::ONE);
            let mut operands = vec![buffer, builder.reshape(*result, dims)?, row];
            operands.resize(of.rank() + 2, zero);
            *result = builder.add(Op::Index(IndexOp::DynamicUpdateSlice), &operands)?;
        }
        self.graph.set_results(results);
        Ok(())
    }

    /// Drops one of its own results.
    pub(crate) fn remove_result(&mut self, position: usize) {
        let mut results = self.graph.results().to_vec();
        results.remove(position);
        self.graph.set_results(results);
    }

    fn assigned(&self) -> impl Iterator<Item = &UsedVariable> {
        self.variables.iter().filter(|used| used.is_assigned())
    }

    /// The graph with its own parameters, then those of `inputs`, and with the last values of `assigned` variables, which
    /// are among the inputs, as results behind its own.
    fn into_graph(self, inputs: &[Input], assigned: &[Arc<Cell>]) -> Graph {
        let mut graph = Graph::new(self.graph.name());
        let mut copies = Vec::new();
        for &own in &self.own {
            let name = self.graph.node(own.node).name();
            copies.push((own, graph.add_parameter(name, self.graph.type_of(own).clone(), Span::NONE)));
        }
        let added: Vec<Value> =
            inputs.iter().map(|input| graph.add_parameter(None, input.type_of().clone(), Span::NONE)).collect();
        let place = |input: &Input| inputs.iter().position(|other| other.is_same(input)).expect("the inputs of all");
        let others = self.graph.parameters().filter(|value| !self.own.contains(value));
        copies.extend(others.zip(self.inputs.iter().map(|input| added[place(input)])));
        let parameters: Vec<Value> = self
            .graph
            .parameters()
            .map(|value| copies.iter().find(|(old, _)| *old == value).expect("every parameter has a copy").1)
            .collect();
        // What a variable holds at the end is a result like others while the graph is copied.
        let mut source = self.graph;
        let n_results = source.results().len();
        let mut all = source.results().to_vec();
        all.extend(self.variables.iter().map(|used| used.current));
        source.set_results(all);
        for constraint in source.constraints() {
            graph.add_constraint(constraint.relation.clone(), constraint.span.clone());
        }
        let copied = graph.inline(&source, &parameters, Op::clone, TensorType::clone, Span::clone);
        let mut results = copied[..n_results].to_vec();
        for cell in assigned {
            let last = self.variables.iter().position(|used| Arc::ptr_eq(&used.cell, cell));
            results.push(match last {
                Some(used) => copied[n_results + used],
                None => added[place(&Input::Variable(cell.clone()))],
            });
        }
        graph.set_results(results);
        graph
    }
}

/// The graphs of the regions of one op, over the same operands.
struct Aligned {
    /// Their parameters are their own, then the inputs.
    graphs: Vec<Graph>,
    /// The first of them are the assigned variables.
    inputs: Vec<Input>,
    /// The variables that any region assigns: results behind the own ones of each graph.
    assigned: Vec<Arc<Cell>>,
}

fn align(regions: Vec<Region>) -> Aligned {
    let mut assigned: Vec<Arc<Cell>> = Vec::new();
    for used in regions.iter().flat_map(Region::assigned) {
        if !assigned.iter().any(|cell| Arc::ptr_eq(cell, &used.cell)) {
            assigned.push(used.cell.clone());
        }
    }
    let mut inputs: Vec<Input> = assigned.iter().cloned().map(Input::Variable).collect();
    for input in regions.iter().flat_map(|region| &region.inputs) {
        if !inputs.iter().any(|other| other.is_same(input)) {
            inputs.push(input.clone());
        }
    }
    let mut graphs: Vec<Graph> = regions.into_iter().map(|region| region.into_graph(&inputs, &assigned)).collect();
    let unbound: BTreeSet<Symbol> = graphs.iter().flat_map(unbound_symbols).collect();
    if !unbound.is_empty() {
        let dims = unbound.into_iter().map(|symbol| Dim::symbol(symbol.name())).chain([Dim::ZERO]);
        let of = TensorType { dtype: DType::U8, dims: dims.collect() };
        for graph in &mut graphs {
            graph.add_parameter(None, of.clone(), Span::NONE);
        }
        inputs.push(Input::Sizes(of));
    }
    Aligned { graphs, inputs, assigned }
}

/// The symbols that a graph mentions and that no parameter has as a size.
fn unbound_symbols(graph: &Graph) -> BTreeSet<Symbol> {
    let mut symbols = BTreeSet::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        node.types().iter().flat_map(|of| &of.dims).for_each(|dim| dim.collect_symbols(&mut symbols));
        if let Some(op) = node.op() {
            attribute_dims(op).into_iter().for_each(|dim| dim.collect_symbols(&mut symbols));
        }
    }
    for constraint in graph.constraints() {
        let (Relation::Equal(x, y) | Relation::AtLeast(x, y)) = &constraint.relation;
        x.collect_symbols(&mut symbols);
        y.collect_symbols(&mut symbols);
    }
    for dim in graph.parameter_types().flat_map(|of| &of.dims) {
        if let Some(symbol) = dim.as_symbol() {
            symbols.remove(symbol);
        }
    }
    symbols
}

/// The op that gives an array of a type without elements.
pub(crate) fn sizes_op(of: &TensorType) -> Op {
    Op::Shape(ShapeOp::Iota { dtype: of.dtype, dims: Dims::clone(&of.dims), axis: 0 })
}

/// Stages a choice between regions without parameters of their own, whose results have the same types.
///
/// # Errors
/// The index is neither a `bool` nor an `i32` scalar, or the results differ.
pub(crate) fn stage_case(
    name: &'static str,
    index: &Tensor,
    branches: Vec<Region>,
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let Aligned { graphs, inputs, assigned } = align(branches);
    let op = Op::Control(ControlOp::Case { branches: graphs.into_iter().map(Arc::new).collect() });
    trace::stage_with_state(name, &[index], &inputs, &assigned, location, op)
}

/// Stages a loop. Condition and body have the state as their own parameters; the body's results are the next state.
///
/// # Errors
/// The types of the body's results are not those of the state; the condition assigns a variable.
pub(crate) fn stage_while(
    name: &'static str,
    state: &[&Tensor],
    condition: Region,
    body: Region,
    bound: Option<Dim>,
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    if let Some(used) = condition.assigned().next() {
        let message = format!("the condition of a loop assigns {}; assign it in the body", used.cell.called());
        return Err(Error::at(ErrorKind::Op { op: name, message }, location)).inspect_err(trace::record_error);
    }
    let n_results = condition.graph.results().len();
    let Aligned { mut graphs, inputs, assigned } = align(vec![condition, body]);
    let body = Arc::new(graphs.remove(1));
    let mut condition = graphs.remove(0);
    // A condition decides, and hands nothing on.
    condition.set_results(condition.results()[..n_results].to_vec());
    let op = Op::Control(ControlOp::While { condition: Arc::new(condition), body, bound });
    trace::stage_with_state(name, state, &inputs, &assigned, location, op)
}

/// A region that is staged any number of times, as a call.
pub(crate) struct Callee {
    graph: Arc<Graph>,
    inputs: Vec<Input>,
    assigned: Vec<Arc<Cell>>,
}

impl Callee {
    pub(crate) fn new(region: Region) -> Callee {
        let Aligned { mut graphs, inputs, assigned } = align(vec![region]);
        Callee { graph: Arc::new(graphs.remove(0)), inputs, assigned }
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Whether the region uses anything of what is around it.
    pub(crate) fn captures(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// The names of the variables that it assigns.
    pub(crate) fn assigned_names(&self) -> impl Iterator<Item = &str> {
        self.assigned.iter().map(|cell| cell.name())
    }

    /// Stages a call of another graph over the same operands, behind what is its own.
    ///
    /// # Errors
    /// The operands do not fit.
    pub(crate) fn stage_as(
        &self,
        name: &'static str,
        graph: &Arc<Graph>,
        own: &[&Tensor],
        location: &'static Location<'static>,
    ) -> Result<Vec<Tensor>> {
        let op = Op::Control(ControlOp::call(graph.clone()));
        trace::stage_with_state(name, own, &self.inputs, &self.assigned, location, op)
    }

    /// As [`Callee::stage`], with another way to the gradient.
    ///
    /// # Errors
    /// The operands do not fit.
    pub(crate) fn stage_with(
        &self,
        name: &'static str,
        gradient: CallGradient,
        own: &[&Tensor],
        location: &'static Location<'static>,
    ) -> Result<Vec<Tensor>> {
        let op = Op::Control(ControlOp::Call { callee: self.graph.clone(), gradient });
        trace::stage_with_state(name, own, &self.inputs, &self.assigned, location, op)
    }

    /// Stages a call, on operands for the region's own parameters.
    ///
    /// # Errors
    /// The operands do not fit.
    pub(crate) fn stage(
        &self,
        name: &'static str,
        own: &[&Tensor],
        location: &'static Location<'static>,
    ) -> Result<Vec<Tensor>> {
        let op = Op::Control(ControlOp::call(self.graph.clone()));
        trace::stage_with_state(name, own, &self.inputs, &self.assigned, location, op)
    }
}
