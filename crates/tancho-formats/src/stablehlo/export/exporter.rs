//! The state of an export: the functions that are written, and the one being written with its regions.
//!
//! # Scopes
//! Each graph has its own values and symbols. A graph that is written in the place of its use (a region) sees its parameters as
//! the values that it is given, and its symbols as sizes of the function around it. A function of its own has its own symbols,
//! but sizes that are known at the call are known in it: then it is written for these sizes.

use std::collections::HashMap;
use std::mem;

use tancho_ir::ops::EffectOp;
use tancho_ir::ops::control::bind_symbols;
use tancho_ir::{Dim, Dims, Graph, Op, Span, Symbol, TensorType, Value};
use tancho_tensor::Array;

use super::ExportError;
use super::names::{Names, word};
use super::text::{location, quoted, tensor_type, type_list};

/// How deep graphs may be nested in one another.
const DEPTH_LIMIT: usize = 128;

/// Calls in the bodies of folds are written out, which could multiply them.
const INLINED_LIMIT: usize = 100_000;

/// A value as the text names it.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub name: String,
    pub of: TensorType,
}

/// An op that is written: what it takes and gives, in the terms of the function around it.
pub(super) struct Site<'a> {
    pub op: &'static str,
    pub span: &'a Span,
    pub name: Option<&'a str>,
    pub operands: Vec<Operand>,
    pub types: Vec<TensorType>,
}

impl Site<'_> {
    pub(super) fn error(&self, what: impl Into<String>) -> ExportError {
        ExportError { op: self.op, what: what.into(), span: self.span.clone() }
    }
}

/// What is written of a StableHLO op beside its operands.
#[derive(Default)]
pub(super) struct Details {
    /// `a = 1 : i64, b = true`
    pub attributes: String,
    pub regions: Vec<String>,
}

impl From<String> for Details {
    fn from(attributes: String) -> Self {
        Details { attributes, regions: Vec::new() }
    }
}

impl From<&str> for Details {
    fn from(attributes: &str) -> Self {
        attributes.to_owned().into()
    }
}

/// A graph that is being written.
struct Scope {
    values: HashMap<Value, Operand>,
    /// The graph's symbols in those of the function.
    symbols: HashMap<Symbol, Dim>,
}

/// The function that is being written.
#[derive(Default)]
pub(super) struct Body<'g> {
    out: String,
    indent: usize,
    names: Names,
    /// Where each symbol can be measured: a value and an axis.
    pub symbols: HashMap<Symbol, (Operand, usize)>,
    /// The sizes that were computed, for each region from the outermost.
    pub sizes: Vec<HashMap<Dim, Operand>>,
    /// The scalars that are constants of the graph, by the names of their values.
    pub scalars: HashMap<String, &'g Array>,
}

/// A private function that is written.
#[derive(Clone)]
struct Callee {
    name: String,
    results: Vec<TensorType>,
}

pub(super) struct Exporter<'g> {
    functions: Vec<String>,
    function_names: Names,
    /// By the graph's address, which stays as long as the exported graph does, and the types of the parameters.
    callees: HashMap<(*const Graph, Vec<TensorType>), Callee>,
    pub body: Body<'g>,
    scopes: Vec<Scope>,
    depth: usize,
    /// Whether calls are written as the ops of their callees, and how many ops that has been.
    inlines_calls: bool,
    inlined: usize,
}

impl<'g> Exporter<'g> {
    pub(super) fn new() -> Self {
        Exporter {
            functions: Vec::new(),
            function_names: Names::default(),
            callees: HashMap::new(),
            body: Body::default(),
            scopes: Vec::new(),
            depth: 0,
            inlines_calls: false,
            inlined: 0,
        }
    }

    pub(super) fn export_module(mut self, graph: &'g Graph) -> Result<String, ExportError> {
        let name = self.function_names.fresh_word("main");
        let parameters: Vec<TensorType> = graph.parameter_types().cloned().collect();
        let (main, _) = self.function(graph, "public", &name, &parameters)?;
        let name = if graph.name().is_empty() { "module".into() } else { word(graph.name()) };
        Ok(format!("module @{name} {{\n{main}{}}}\n", self.functions.concat()))
    }

    /// The text of a function, for types of its parameters, and the types of its results.
    fn function(
        &mut self,
        graph: &'g Graph,
        visibility: &str,
        name: &str,
        parameters: &[TensorType],
    ) -> Result<(String, Vec<TensorType>), ExportError> {
        let body = mem::replace(&mut self.body, Body { indent: 2, sizes: vec![HashMap::new()], ..Body::default() });
        let arguments: Vec<Operand> = graph
            .parameters()
            .zip(parameters)
            .enumerate()
            .map(|(position, (value, of))| {
                let hint = graph.node(value.node).name().filter(|name| *name != "_");
                let name = match hint {
                    Some(hint) => self.body.names.fresh(Some(hint)),
                    None => self.body.names.fresh_word(&format!("arg{position}")),
                };
                Operand { name, of: of.clone() }
            })
            .collect();
        for argument in &arguments {
            for (axis, dim) in argument.of.dims.iter().enumerate() {
                if let Some(symbol) = dim.as_symbol() {
                    self.body.symbols.entry(symbol.clone()).or_insert_with(|| (argument.clone(), axis));
                }
            }
        }
        let results = self.inline(graph, &arguments)?;
        self.write_return("func.return", &results);
        let written = mem::replace(&mut self.body, body);

        let types: Vec<TensorType> = results.into_iter().map(|result| result.of).collect();
        let arguments: Vec<String> =
            arguments.iter().map(|argument| format!("%{}: {}", argument.name, tensor_type(&argument.of))).collect();
        let result = |(position, of): (usize, &TensorType)| match graph.result_name(position) {
            Some(name) => format!("{} {{jax.result_info = {}}}", tensor_type(of), quoted(name)),
            None => tensor_type(of),
        };
        let results: Vec<String> = types.iter().enumerate().map(result).collect();
        let text = format!(
            "  func.func {visibility} @{name}({}) -> ({}) {{\n{}  }}\n",
            arguments.join(", "),
            results.join(", "),
            written.out,
        );
        Ok((text, types))
    }

    /// Calls a graph as a function, which is written when it is called first with such types.
    pub(super) fn call(&mut self, site: &Site<'_>, graph: &'g Graph) -> Result<Vec<Operand>, ExportError> {
        if self.inlines_calls {
            self.inlined = self.inlined.saturating_add(graph.node_count());
            if self.inlined > INLINED_LIMIT {
                return Err(site.error(format!("calls of more than {INLINED_LIMIT} ops in the body of a fold")));
            }
            return self.nested(site, |exporter| exporter.inline(graph, &site.operands));
        }
        let types: Vec<TensorType> = site.operands.iter().map(|operand| operand.of.clone()).collect();
        let parameters: Vec<&TensorType> = graph.parameter_types().collect();
        let mut known: HashMap<Symbol, Dim> = bind_symbols(&parameters, &types).into_iter().collect();
        known.retain(|_, dim| dim.as_known().is_some());
        let types: Vec<TensorType> =
            parameters.iter().map(|of| of.substitute(&|symbol| known.get(symbol).cloned())).collect();
        let callee = self.callee(site, graph, &types)?;
        let arguments: Vec<Operand> =
            site.operands.iter().zip(types).map(|(operand, of)| self.retyped(site, operand, &of)).collect();
        let attributes = format!("callee = @{}", callee.name);
        let results = self.write(site, site.name, "func.call", &arguments, attributes, &callee.results);
        // The caller may know sizes that the callee does not.
        Ok(results.iter().zip(&site.types).map(|(result, of)| self.retyped(site, result, of)).collect())
    }

    /// The function that a graph is for parameters of these types.
    fn callee(&mut self, site: &Site<'_>, graph: &'g Graph, types: &[TensorType]) -> Result<Callee, ExportError> {
        let key = (std::ptr::from_ref(graph), types.to_vec());
        if let Some(callee) = self.callees.get(&key) {
            return Ok(callee.clone());
        }
        let name = if graph.name().is_empty() { "function".into() } else { word(graph.name()) };
        let name = self.function_names.fresh_word(&name);
        let (text, results) = self.nested(site, |exporter| exporter.function(graph, "private", &name, types))?;
        self.functions.push(text);
        let callee = Callee { name, results };
        self.callees.insert(key, callee.clone());
        Ok(callee)
    }

    /// The name of a function that is the body of a fold, for ops that have no regions.
    pub(super) fn body_function(&mut self, site: &Site<'_>, body: &'g Graph) -> Result<String, ExportError> {
        let types: Vec<TensorType> = body.parameter_types().cloned().collect();
        let outside = mem::replace(&mut self.inlines_calls, true);
        let callee = self.callee(site, body, &types);
        self.inlines_calls = outside;
        callee.map(|callee| callee.name)
    }

    /// A value under a type that differs only in which sizes are known.
    fn retyped(&mut self, site: &Site<'_>, operand: &Operand, of: &TensorType) -> Operand {
        if tensor_type(&operand.of) == tensor_type(of) {
            return Operand { name: operand.name.clone(), of: of.clone() };
        }
        self.step(site, "stablehlo.convert", &[operand], "", of.clone())
    }

    /// Writes the ops of a graph in this place, with values for its parameters.
    pub(super) fn inline(&mut self, graph: &'g Graph, arguments: &[Operand]) -> Result<Vec<Operand>, ExportError> {
        let types: Vec<TensorType> = arguments.iter().map(|argument| argument.of.clone()).collect();
        let parameters: Vec<&TensorType> = graph.parameter_types().collect();
        let symbols = bind_symbols(&parameters, &types).into_iter().collect();
        let values = graph.parameters().zip(arguments.iter().cloned()).collect();
        self.scopes.push(Scope { values, symbols });
        let results = self.operations(graph);
        self.scopes.pop();
        results
    }

    fn operations(&mut self, graph: &'g Graph) -> Result<Vec<Operand>, ExportError> {
        for id in graph.topological_order() {
            let node = graph.node(id);
            let Some(op) = node.op() else { continue };
            let operands = node.operands().iter().map(|&value| self.operand(value)).collect();
            let types = node.types().iter().map(|of| self.here(of)).collect();
            let site = Site { op: op.name(), span: node.span(), name: node.name(), operands, types };
            let results = self.operation(&site, op)?;
            let scope = self.scopes.last_mut().expect("the scope of the graph");
            for (result, operand) in results.into_iter().enumerate() {
                scope.values.insert(Value { node: id, result: result as u32 }, operand);
            }
        }
        Ok(graph.results().iter().map(|&value| self.operand(value)).collect())
    }

    fn operation(&mut self, site: &Site<'_>, op: &'g Op) -> Result<Vec<Operand>, ExportError> {
        match op {
            Op::Elementwise(op) => Ok(self.elementwise(site, *op)),
            Op::Shape(op) => self.shape(site, op).map(|operand| vec![operand]),
            Op::Reduce(op) => self.reduce(site, op).map(|operand| vec![operand]),
            Op::Dot(op) => Ok(self.dot_general(site, op)),
            Op::Conv(op) => self.convolution(site, op),
            Op::Fold(op) => self.fold(site, op),
            Op::Index(op) => self.index(site, op),
            Op::Random(op) => self.random(site, op),
            Op::Linalg(op) => self.linalg(site, *op).map(|operand| vec![operand]),
            Op::Control(op) => self.control(site, op),
            Op::Effect(EffectOp::Print { .. } | EffectOp::Assert { .. }) => {
                Err(site.error("has no counterpart in StableHLO"))
            }
        }
    }

    fn scope(&self) -> &Scope {
        self.scopes.last().expect("a graph that is being written")
    }

    fn operand(&self, value: Value) -> Operand {
        self.scope().values.get(&value).cloned().expect("a value comes before its users")
    }

    /// A size of the graph in the symbols of the function.
    pub(super) fn dim(&self, dim: &Dim) -> Dim {
        let symbols = &self.scope().symbols;
        dim.substitute(&|symbol| symbols.get(symbol).cloned())
    }

    pub(super) fn dims(&self, dims: &[Dim]) -> Dims {
        dims.iter().map(|dim| self.dim(dim)).collect()
    }

    fn here(&self, of: &TensorType) -> TensorType {
        TensorType { dtype: of.dtype, dims: self.dims(&of.dims) }
    }

    /// A region that takes values of some types; `write` writes its ops and gives what it returns.
    pub(super) fn region(
        &mut self,
        site: &Site<'_>,
        parameters: &[TensorType],
        write: impl FnOnce(&mut Self, &[Operand]) -> Result<Vec<Operand>, ExportError>,
    ) -> Result<String, ExportError> {
        let outer = mem::take(&mut self.body.out);
        let argument = |of: &TensorType| Operand { name: self.body.names.fresh_word("arg"), of: of.clone() };
        let arguments: Vec<Operand> = parameters.iter().map(argument).collect();
        self.body.sizes.push(HashMap::new());
        self.body.indent += 1;
        let results = self.nested(site, |exporter| write(exporter, &arguments));
        self.write_return("stablehlo.return", results.as_deref().unwrap_or_default());
        self.body.indent -= 1;
        self.body.sizes.pop();
        let text = mem::replace(&mut self.body.out, outer);
        results?;
        let indent = "  ".repeat(self.body.indent);
        let list: Vec<String> =
            arguments.iter().map(|argument| format!("%{}: {}", argument.name, tensor_type(&argument.of))).collect();
        let header = if list.is_empty() { String::new() } else { format!("{indent}^bb0({}):\n", list.join(", ")) };
        Ok(format!("{{\n{header}{text}{indent}}}"))
    }

    /// A region that is a graph: the body of a fold, in which there are no calls.
    pub(super) fn graph_region(&mut self, site: &Site<'_>, graph: &'g Graph) -> Result<String, ExportError> {
        self.region_of(site, graph, |results| results)
    }

    /// As [`Exporter::graph_region`], of one of the graph's results.
    pub(super) fn result_region(
        &mut self,
        site: &Site<'_>,
        graph: &'g Graph,
        result: usize,
    ) -> Result<String, ExportError> {
        self.region_of(site, graph, |mut results| vec![results.swap_remove(result)])
    }

    fn region_of(
        &mut self,
        site: &Site<'_>,
        graph: &'g Graph,
        choose: impl FnOnce(Vec<Operand>) -> Vec<Operand>,
    ) -> Result<String, ExportError> {
        let parameters: Vec<TensorType> = graph.parameter_types().map(|of| self.here(of)).collect();
        let outside = mem::replace(&mut self.inlines_calls, true);
        let region =
            self.region(site, &parameters, |exporter, arguments| exporter.inline(graph, arguments).map(choose));
        self.inlines_calls = outside;
        region
    }

    fn nested<T>(
        &mut self,
        site: &Site<'_>,
        write: impl FnOnce(&mut Self) -> Result<T, ExportError>,
    ) -> Result<T, ExportError> {
        if self.depth == DEPTH_LIMIT {
            return Err(site.error(format!("graphs are nested more than {DEPTH_LIMIT} deep")));
        }
        self.depth += 1;
        let result = write(self);
        self.depth -= 1;
        result
    }

    /// An op with one result on the way to that of a site.
    pub(super) fn step(
        &mut self,
        site: &Site<'_>,
        name: &str,
        operands: &[&Operand],
        details: impl Into<Details>,
        of: TensorType,
    ) -> Operand {
        let operands: Vec<Operand> = operands.iter().map(|&operand| operand.clone()).collect();
        self.write(site, None, name, &operands, details, &[of]).swap_remove(0)
    }

    /// The op that gives the results of a site.
    pub(super) fn finish(
        &mut self,
        site: &Site<'_>,
        name: &str,
        operands: &[Operand],
        details: impl Into<Details>,
    ) -> Vec<Operand> {
        self.write(site, site.name, name, operands, details, &site.types)
    }

    /// As [`Exporter::finish`], for an op with one result.
    pub(super) fn finish_one(
        &mut self,
        site: &Site<'_>,
        name: &str,
        operands: &[Operand],
        details: impl Into<Details>,
    ) -> Operand {
        self.finish(site, name, operands, details).swap_remove(0)
    }

    /// `%name:2 = "op"(%x) <{…}> ({…}) : (…) -> … loc(…)`
    pub(super) fn write(
        &mut self,
        site: &Site<'_>,
        hint: Option<&str>,
        name: &str,
        operands: &[Operand],
        details: impl Into<Details>,
        results: &[TensorType],
    ) -> Vec<Operand> {
        let Details { attributes, regions } = details.into();
        let mut line = "  ".repeat(self.body.indent);
        let mut values = Vec::new();
        if !results.is_empty() {
            let value = self.body.names.fresh(hint);
            line += &match results.len() {
                1 => format!("%{value} = "),
                count => format!("%{value}:{count} = "),
            };
            let name = |position| if results.len() == 1 { value.clone() } else { format!("{value}#{position}") };
            values = results.iter().enumerate().map(|(i, of)| Operand { name: name(i), of: of.clone() }).collect();
        }
        line += &format!("\"{name}\"({})", name_list(operands));
        if !attributes.is_empty() {
            line += &format!(" <{{{attributes}}}>");
        }
        if !regions.is_empty() {
            line += &format!(" ({})", regions.join(", "));
        }
        let types: Vec<TensorType> = operands.iter().map(|operand| operand.of.clone()).collect();
        let result = if let [one] = results { tensor_type(one) } else { type_list(results) };
        line += &format!(" : {} -> {result}{}\n", type_list(&types), location(site.span));
        self.body.out += &line;
        values
    }

    fn write_return(&mut self, name: &str, results: &[Operand]) {
        let types: Vec<TensorType> = results.iter().map(|result| result.of.clone()).collect();
        let indent = "  ".repeat(self.body.indent);
        self.body.out += &format!("{indent}\"{name}\"({}) : {} -> ()\n", name_list(results), type_list(&types));
    }
}

fn name_list(operands: &[Operand]) -> String {
    let names: Vec<String> = operands.iter().map(|operand| format!("%{}", operand.name)).collect();
    names.join(", ")
}
