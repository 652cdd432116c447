//! Functions and calls of them.
//!
//! A function becomes a graph once, and every call of it shares that graph. It is imported anew, in the place of the call,
//! where the call's sizes matter: where an argument whose elements are known as sizes meets a function that makes shapes
//! from values, or where such an argument may come back as a result (exported programs compute sizes in functions of
//! scalars).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::{Dim, Graph, TensorType, Value};

use super::super::syntax::{Attributes, Function, Operation, Position, Region, ValueId};
use super::super::types::Type;
use super::builder::{Binding, DEPTH_LIMIT, Importer, LevelKind};
use super::checks::{CheckKind, PendingCheck};
use super::error::{ImportError, Imports};
use super::site::{Site, mnemonic};
use super::sizes::ELEMENT_LIMIT;
use super::{Check, Imported};

/// A function as a graph. Behind the results of the function come the two sides of each check.
#[derive(Clone)]
pub(super) struct Callee {
    pub graph: Arc<Graph>,
    checks: Vec<(CheckKind, Position)>,
    has_effects: bool,
}

impl<'m> Importer<'m> {
    /// Imports the function that was asked for.
    pub(super) fn import_entry(mut self, name: &str) -> Imports<Imported> {
        let function = self.functions.get(name).copied();
        let Some(function) = function.filter(|function| function.body.is_some()) else {
            let found = self.module.functions.iter().map(|function| function.name.clone()).collect();
            return Err(ImportError::NoFunction { file: self.file.clone(), name: name.to_owned(), found });
        };
        let callee = self.import_function(function)?;
        self.callees.clear();
        let first = callee.graph.results().len() - 2 * callee.checks.len();
        let check = |(position, (kind, at)): (usize, (CheckKind, _))| {
            let actual = first + 2 * position;
            Check { kind, actual, expected: actual + 1, position: at }
        };
        let checks = callee.checks.into_iter().enumerate().map(check).collect();
        let graph = Arc::try_unwrap(callee.graph).unwrap_or_else(|shared| (*shared).clone());
        Ok(Imported { graph, checks })
    }

    /// The function as a graph; made once.
    fn import_function(&mut self, function: &'m Function) -> Imports<Callee> {
        if let Some(callee) = self.callees.get(function.name.as_str()) {
            return Ok(callee.clone());
        }
        let header = header(function);
        let site = Site { op: &header, span: self.text_span(function.position.line, function.position.column) };
        let body = function
            .body
            .as_ref()
            .ok_or_else(|| self.unsupported(&site, format_args!("@{}, a function without a body", function.name)))?;
        self.push_level(LevelKind::Function, &function.name);
        self.push_scope(function, None);
        self.active.push(&function.name);
        self.add_arguments(&site, function, body)?;
        let (terminator, results) = self.import_body(&site, body)?;
        let mut values = self.conform_results(&terminator, function, &results)?;
        self.active.pop();
        self.pop_scope();
        let mut level = self.pop_level();
        let mut checks = Vec::new();
        for PendingCheck { kind, actual, expected, position } in std::mem::take(&mut level.checks) {
            values.extend([actual, expected]);
            checks.push((kind, position));
        }
        level.graph.set_results(values);
        name_results(&mut level.graph, function);
        level.remove_unused();
        let has_effects = level.has_effects();
        let callee = Callee { graph: Arc::new(level.graph), checks, has_effects };
        self.callees.insert(&function.name, callee.clone());
        Ok(callee)
    }

    /// The arguments as parameters: one that has `?` for a size gets a symbol for it.
    fn add_arguments(&mut self, site: &Site<'_>, function: &'m Function, body: &'m Region) -> Imports<()> {
        let names = self.dimension_names(body);
        for (position, argument) in body.arguments.iter().enumerate() {
            if matches!(argument.ty, Type::Token) {
                self.bind(site, argument.value, Binding::Token)?;
                continue;
            }
            let stated = self.stated(site, &argument.ty)?;
            let dims = stated.dims.iter().enumerate().map(|(axis, dim)| match dim {
                Some(size) => Dim::known(*size),
                None => match names.get(&(position, axis)) {
                    Some(name) => Dim::symbol(name),
                    None => self.unnamed_size(&names, position, axis),
                },
            });
            let of = TensorType::new(stated.dtype, dims.collect::<Vec<_>>());
            let named = argument.location.and_then(|location| self.module.origin(location).name);
            let name = named.or_else(|| function.values.get(argument.value.index()).map(|value| value.name.as_str()));
            let name = name.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()));
            let own = argument.location.and_then(|location| self.source_span(location));
            let value = self.level_mut().graph.add_parameter(name, of, own.unwrap_or_default());
            let binding = self.bound(value);
            self.bind(site, argument.value, binding)?;
        }
        Ok(())
    }

    /// `?arg0_1`, if the program has not called another size so.
    fn unnamed_size(&self, names: &HashMap<(usize, usize), &str>, position: usize, axis: usize) -> Dim {
        let mut name = format!("arg{position}_{axis}");
        while names.values().any(|other| *other == name) {
            name.push('_');
        }
        Dim::symbol(name)
    }

    /// The names that a program gives to sizes of its arguments, by argument and axis: it measures them, and passes them on
    /// as arguments that are named dimensions.
    fn dimension_names(&self, body: &'m Region) -> HashMap<(usize, usize), &'m str> {
        let mut measured: HashMap<ValueId, (usize, usize)> = HashMap::new();
        let mut names = HashMap::new();
        let mut taken: HashSet<&str> = HashSet::new();
        let places = body.arguments.iter().enumerate().map(|(place, argument)| (argument.value, place));
        let places: HashMap<ValueId, usize> = places.collect();
        for op in &body.operations {
            match mnemonic(&op.name) {
                "get_dimension_size" => {
                    let argument = op.operands.first().and_then(|operand| places.get(operand));
                    let axis = op.integer("dimension").and_then(|axis| usize::try_from(axis).ok());
                    if let (Some(argument), Some(axis), [size]) = (argument, axis, op.results.as_slice()) {
                        measured.insert(*size, (*argument, axis));
                    }
                }
                "call" => {
                    let callee = op.attribute("callee").and_then(|callee| self.functions.get(callee.as_symbol()?));
                    let arguments = callee.map_or(&[][..], |callee| &callee.arguments);
                    for (operand, argument) in op.operands.iter().zip(arguments) {
                        let name = argument.attributes.string("jax.global_constant").filter(|name| !name.is_empty());
                        // Two sizes never share a name, whatever the program says.
                        if let (Some(name), Some(size)) = (name, measured.get(operand))
                            && !names.contains_key(size)
                            && taken.insert(name)
                        {
                            names.insert(*size, name);
                        }
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// Imports the ops of a body; gives its terminator and what that returns.
    pub(super) fn import_body(&mut self, site: &Site<'_>, body: &'m Region) -> Imports<(Site<'m>, Vec<Binding>)> {
        let Some((last, operations)) = body.operations.split_last() else {
            return Err(self.malformed(site, "expected a return at the end of the body, found no op"));
        };
        for op in operations {
            self.import_operation(op)?;
        }
        let last = self.site(last);
        self.expect(&last, last.mnemonic() == "return", || "expected a return at the end of the body".into())?;
        let results = last.op.operands.iter().map(|&id| self.binding(&last, id)).collect::<Imports<_>>()?;
        Ok((last, results))
    }

    /// The values that a function returns, which must have the types that it states; tokens are left out.
    fn conform_results(&mut self, site: &Site<'m>, function: &Function, results: &[Binding]) -> Imports<Vec<Value>> {
        let (expected, found) = (function.results.len(), results.len());
        self.expect(site, expected == found, || format!("expected {expected} results, found {found}"))?;
        let mut values = Vec::new();
        for (binding, result) in results.iter().zip(&function.results) {
            if let (Binding::Token, Type::Token) = (binding, &result.ty) {
                continue;
            }
            let value = self.tensor(site, binding)?;
            self.conform(site, value, &result.ty)?;
            values.push(value);
        }
        Ok(values)
    }

    // Calls.

    pub(super) fn function(&self, site: &Site<'_>, name: &str) -> Imports<&'m Function> {
        let found = self.functions.get(name).copied();
        found.ok_or_else(|| self.malformed(site, format_args!("expected a function @{name}, found none")))
    }

    /// A call of a function with values.
    pub(super) fn call(
        &mut self,
        site: &Site<'m>,
        function: &'m Function,
        arguments: Vec<Binding>,
    ) -> Imports<Vec<Binding>> {
        if self.active.contains(&function.name.as_str()) {
            return Err(self.unsupported(site, format_args!("the recursion of @{}", function.name)));
        }
        let (expected, found) = (function.arguments.len(), arguments.len());
        self.expect(site, expected == found, || {
            format!("@{} takes {expected} operands, but {found} are given", function.name)
        })?;
        self.nested(site, |importer| match importer.needs_its_sizes(site, function, &arguments)? {
            true => importer.call_in_place(site, function, arguments),
            false => importer.call_shared(site, function, &arguments),
        })
    }

    fn call_shared(&mut self, site: &Site<'m>, function: &'m Function, arguments: &[Binding]) -> Imports<Vec<Binding>> {
        let callee = self.import_function(function)?;
        let tensors = arguments.iter().filter(|binding| !matches!(binding, Binding::Token));
        let operands = tensors.map(|binding| self.tensor(site, binding)).collect::<Imports<Vec<_>>>()?;
        let node = self.emit_node(site, ControlOp::call(callee.graph.clone()).into(), &operands)?;
        if callee.has_effects {
            self.order_effect(node);
        }
        let mut values = self.results_of(node);
        let sides = values.split_off(values.len().saturating_sub(2 * callee.checks.len()));
        for (pair, (kind, position)) in sides.chunks_exact(2).zip(&callee.checks) {
            self.add_check(site, kind.clone(), pair[0], pair[1], *position)?;
        }
        self.with_tokens(site, values)
    }

    /// The ops of the function in the place of the call.
    pub(super) fn call_in_place(
        &mut self,
        site: &Site<'m>,
        function: &'m Function,
        arguments: Vec<Binding>,
    ) -> Imports<Vec<Binding>> {
        let Some(body) = &function.body else {
            return Err(self.unsupported(site, format_args!("@{}, a function without a body", function.name)));
        };
        for (binding, argument) in arguments.iter().zip(&function.arguments) {
            if let Binding::Tensor(_) = binding {
                let value = self.tensor(site, binding)?;
                self.conform(site, value, &argument.ty)?;
            }
        }
        self.active.push(&function.name);
        self.push_scope(function, Some(site.span.clone()));
        for (argument, binding) in body.arguments.iter().zip(arguments) {
            self.bind(site, argument.value, binding)?;
        }
        let (terminator, results) = self.import_body(site, body)?;
        let (expected, found) = (function.results.len(), results.len());
        self.expect(&terminator, expected == found, || format!("expected {expected} results, found {found}"))?;
        self.pop_scope();
        self.active.pop();
        Ok(results)
    }

    /// A function as the body of a fold.
    pub(super) fn body_function(&mut self, site: &Site<'_>, function: &'m Function) -> Imports<Arc<Graph>> {
        if self.active.contains(&function.name.as_str()) {
            return Err(self.unsupported(site, format_args!("the recursion of @{}", function.name)));
        }
        let callee = self.import_function(function)?;
        self.expect(site, callee.checks.is_empty(), || format!("a check in @{}", function.name))?;
        Ok(callee.graph)
    }

    /// Whether a call must stand in its place for its sizes: see the head of this file.
    fn needs_its_sizes(&mut self, site: &Site<'m>, function: &'m Function, arguments: &[Binding]) -> Imports<bool> {
        let (mut any, mut symbolic) = (false, false);
        for binding in arguments {
            if let Some(sizes) = self.sizes_of_binding(site, binding)? {
                any = true;
                symbolic |= !sizes.is_known();
            }
        }
        if !any {
            return Ok(false);
        }
        let may_be_size = |ty: &Type| match ty {
            Type::Tensor(tensor) => {
                let whole = tensor.element.dtype().is_some_and(|dtype| !dtype.is_float());
                whole && tensor.element_count().is_some_and(|count| count <= ELEMENT_LIMIT)
            }
            _ => false,
        };
        let gives_sizes = function.results.iter().any(|result| may_be_size(&result.ty));
        Ok((symbolic && gives_sizes) || self.is_dynamic(function, 0))
    }

    /// Whether a function, or one that it calls, makes shapes from values.
    fn is_dynamic(&mut self, function: &'m Function, depth: u32) -> bool {
        if let Some(known) = self.dynamic.get(function.name.as_str()) {
            return *known;
        }
        // Calls that are nested this deep are refused when they are imported.
        if depth == DEPTH_LIMIT {
            return true;
        }
        // A function that calls itself is refused, too; here it only must not run in circles.
        self.dynamic.insert(&function.name, false);
        let found = function.body.as_ref().is_some_and(|body| self.is_dynamic_region(body, depth + 1));
        self.dynamic.insert(&function.name, found);
        found
    }

    fn is_dynamic_region(&mut self, region: &'m Region, depth: u32) -> bool {
        region.operations.iter().any(|op| {
            let name = match mnemonic(&op.name) {
                "custom_call" => op.string("call_target_name").map_or("", mnemonic),
                name => name,
            };
            let makes_shapes =
                name.starts_with("dynamic_") && !matches!(name, "dynamic_slice" | "dynamic_update_slice");
            let callee = op.attribute("callee").or_else(|| op.attribute("decomposition"));
            let callee = callee.and_then(|callee| self.functions.get(callee.as_symbol()?).copied());
            makes_shapes
                || name == "real_dynamic_slice"
                || callee.is_some_and(|callee| self.is_dynamic(callee, depth))
                || op.regions.iter().any(|region| self.is_dynamic_region(region, depth))
        })
    }
}

/// Takes over what the program calls its results.
fn name_results(graph: &mut Graph, function: &Function) {
    let tensors = function.results.iter().filter(|result| !matches!(result.ty, Type::Token));
    for (position, result) in tensors.enumerate().take(graph.results().len()) {
        if let Some(name) = result.attributes.string("jax.result_info")
            && !name.is_empty()
        {
            graph.set_result_name(position, name);
        }
    }
}

/// A function as if it were an op, for the errors that are about its arguments.
fn header(function: &Function) -> Operation {
    Operation {
        name: format!("func.func @{}", function.name),
        operands: Vec::new(),
        results: Vec::new(),
        attributes: Attributes::new(),
        regions: Vec::new(),
        operand_types: Vec::new(),
        result_types: Vec::new(),
        location: function.location,
        position: function.position,
    }
}
