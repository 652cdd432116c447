//! The state of an import: the graphs under construction, one inside of the other, and the names that are visible.
//!
//! # Levels
//! A function is a level, and so is each region of a loop, a branch or a fold within it. A value belongs to the level whose
//! graph has it. Where a region uses a value of a level around it, the value is *captured*, level by level: a small constant
//! is copied, and anything else becomes a further parameter of the region, whose operand the op gets (see `region`). The
//! body of a fold has scalars for parameters and can capture only constants.
//!
//! # Scopes
//! A scope maps the value numbers of one function to values. A function that is imported in the place of its call has a scope
//! of its own, but no level.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Graph, NodeId, Op, Span, Symbol, TensorType, Value};

use super::super::syntax::{Function, LocationId, Module, Operation, Region, ValueId};
use super::checks::PendingCheck;
use super::error::Imports;
use super::site::Site;
use super::sizes::Sizes;

/// How deep calls and regions may be nested in one another, all together.
pub(super) const DEPTH_LIMIT: u32 = 64;

/// The operations that may be made: this many, and so many for each of the module.
const BASE_OPERATIONS: usize = 100_000;
const OPERATIONS_FOR_EACH: usize = 64;

/// Constants of more elements are passed to a region as operands.
const COPIED_ELEMENTS: usize = 64;

/// How many ops deep a constant expression is copied into a region.
const COPIED_DEPTH: usize = 4;

/// What a value of the program is.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    Tensor(Bound),
    Tuple(Rc<[Binding]>),
    /// Tokens order effects, which the graph does by itself.
    Token,
}

/// A value and the level that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    level: u32,
    value: Value,
}

/// What a level is, and thereby what it may use from around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LevelKind {
    /// Nothing.
    Function,
    /// Everything; what is used becomes operands.
    Flow,
    /// Constants.
    Fold,
}

/// A graph under construction.
pub(super) struct Level {
    id: u32,
    kind: LevelKind,
    pub graph: Graph,
    /// The elements of small integer tensors, as far as they are known.
    pub sizes: HashMap<Value, Sizes>,
    /// Values that are another one plus sizes.
    pub offsets: HashMap<Value, (Value, Sizes)>,
    /// The values of the level around this one that are operands, in the order of their parameters.
    pub captured: Vec<Value>,
    inner: HashMap<Value, Value>,
    pub checks: Vec<PendingCheck>,
    /// What must happen even if nothing uses its results, in order and thereby sorted.
    pub effects: Vec<NodeId>,
}

/// The names of one function.
pub(super) struct Scope<'m> {
    pub function: &'m Function,
    values: Vec<Option<Binding>>,
    /// Where the function stands in the place of its call: the call.
    called_at: Option<Span>,
}

pub(super) struct Importer<'m> {
    pub module: &'m Module,
    pub file: Arc<str>,
    /// Whether checks become results.
    pub checks: bool,
    pub functions: HashMap<&'m str, &'m Function>,
    /// Functions that are done.
    pub callees: HashMap<&'m str, super::function::Callee>,
    /// Whether sizes of a function depend on its arguments, as far as it was asked.
    pub dynamic: HashMap<&'m str, bool>,
    /// Functions that are being imported, outermost first.
    pub active: Vec<&'m str>,
    levels: Vec<Level>,
    scopes: Vec<Scope<'m>>,
    next_level: u32,
    depth: u32,
    pub operations_left: usize,
    files: HashMap<&'m str, Arc<str>>,
    /// The names that graphs have, those of the functions among them.
    names: HashSet<String>,
    /// The bodies of folds by their text, so that equal ones are one.
    pub bodies: HashMap<String, Arc<Graph>>,
}

impl<'m> Importer<'m> {
    pub(super) fn new(module: &'m Module, file: &str, checks: bool) -> Self {
        let bodies = module.functions.iter().filter_map(|function| function.body.as_ref());
        let operations: usize = bodies.map(count_operations).sum();
        Importer {
            module,
            file: file.into(),
            checks,
            functions: module.functions.iter().map(|function| (function.name.as_str(), function)).collect(),
            callees: HashMap::new(),
            dynamic: HashMap::new(),
            active: Vec::new(),
            levels: Vec::new(),
            scopes: Vec::new(),
            next_level: 0,
            depth: 0,
            operations_left: operations.saturating_mul(OPERATIONS_FOR_EACH).saturating_add(BASE_OPERATIONS),
            files: HashMap::new(),
            names: module.functions.iter().map(|function| function.name.clone()).collect(),
            bodies: HashMap::new(),
        }
    }

    /// The op with its span: the line of the program's own source where the text has it, else that of the text.
    pub(super) fn site(&mut self, op: &'m Operation) -> Site<'m> {
        let own = op.location.and_then(|location| self.source_span(location));
        let span = own.unwrap_or_else(|| self.text_span(op.position.line, op.position.column));
        let Some(scope) = self.scopes.last() else { return Site { op, span } };
        let span = match &scope.called_at {
            Some(call) => span.nested_in(&Arc::from(scope.function.name.as_str()), call),
            None => span,
        };
        Site { op, span }
    }

    pub(super) fn text_span(&self, line: u32, column: u32) -> Span {
        let location = tancho_ir::Location { file: self.file.clone(), line, column };
        Span { location: Some(location), scope: None }
    }

    pub(super) fn source_span(&mut self, location: LocationId) -> Option<Span> {
        let (file, line, column) = self.module.origin(location).file?;
        let file = self.files.entry(file).or_insert_with(|| file.into()).clone();
        Some(Span { location: Some(tancho_ir::Location { file, line, column }), scope: None })
    }

    /// A name that no other graph has: this one, or with a number behind it.
    pub(super) fn unique_name(&mut self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}.{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(free.clone());
        free
    }

    // Levels and scopes.

    /// Runs a part of the import one level deeper.
    pub(super) fn nested<T>(&mut self, site: &Site<'_>, part: impl FnOnce(&mut Self) -> Imports<T>) -> Imports<T> {
        if self.depth == DEPTH_LIMIT {
            let what = format!("more than {DEPTH_LIMIT} calls and regions within one another");
            return Err(self.unsupported(site, what));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    pub(super) fn push_level(&mut self, kind: LevelKind, name: &str) {
        self.levels.push(Level {
            id: self.next_level,
            kind,
            graph: Graph::new(name),
            sizes: HashMap::new(),
            offsets: HashMap::new(),
            captured: Vec::new(),
            inner: HashMap::new(),
            checks: Vec::new(),
            effects: Vec::new(),
        });
        self.next_level += 1;
    }

    pub(super) fn pop_level(&mut self) -> Level {
        self.levels.pop().expect("a level for each that was pushed")
    }

    pub(super) fn level(&self) -> &Level {
        self.levels.last().expect("an op is imported into a level")
    }

    pub(super) fn level_mut(&mut self) -> &mut Level {
        self.levels.last_mut().expect("an op is imported into a level")
    }

    pub(super) fn push_scope(&mut self, function: &'m Function, called_at: Option<Span>) {
        self.scopes.push(Scope { function, values: vec![None; function.values.len()], called_at });
    }

    pub(super) fn pop_scope(&mut self) {
        self.scopes.pop();
    }

    // Values.

    /// A value of the current level as what an op gives.
    pub(super) fn bound(&self, value: Value) -> Binding {
        Binding::Tensor(Bound { level: self.level().id, value })
    }

    pub(super) fn bind(&mut self, site: &Site<'_>, id: ValueId, binding: Binding) -> Imports<()> {
        let slot = self.scopes.last_mut().and_then(|scope| scope.values.get_mut(id.index()));
        match slot {
            Some(slot) => {
                *slot = Some(binding);
                Ok(())
            }
            None => Err(self.malformed(site, "a value has no number in its function")),
        }
    }

    pub(super) fn binding(&self, site: &Site<'_>, id: ValueId) -> Imports<Binding> {
        let bound = self.scopes.last().and_then(|scope| scope.values.get(id.index())?.as_ref());
        bound.cloned().ok_or_else(|| self.malformed(site, "uses a value that is not defined before"))
    }

    pub(super) fn operand_binding(&self, site: &Site<'_>, position: usize) -> Imports<Binding> {
        match site.op.operands.get(position) {
            Some(&id) => self.binding(site, id),
            None => {
                let found = site.op.operands.len();
                Err(self.malformed(site, format_args!("expected an operand {position}, found {found} operands")))
            }
        }
    }

    /// The operand as a value of the current level.
    pub(super) fn operand(&mut self, site: &Site<'_>, position: usize) -> Imports<Value> {
        let binding = self.operand_binding(site, position)?;
        self.tensor(site, &binding)
    }

    /// All operands, which must be tensors.
    pub(super) fn operands(&mut self, site: &Site<'_>) -> Imports<Vec<Value>> {
        (0..site.op.operands.len()).map(|position| self.operand(site, position)).collect()
    }

    /// Exactly so many operands.
    pub(super) fn operands_of<const N: usize>(&mut self, site: &Site<'_>) -> Imports<[Value; N]> {
        self.expect_operands(site, N)?;
        let operands = self.operands(site)?;
        operands.try_into().map_err(|_| self.malformed(site, format_args!("expected {N} operands")))
    }

    /// The value in the current level.
    pub(super) fn tensor(&mut self, site: &Site<'_>, binding: &Binding) -> Imports<Value> {
        let Binding::Tensor(bound) = binding else {
            return Err(self.unsupported(site, "a tuple or token as an operand"));
        };
        let home = self.home(site, bound)?;
        let mut value = bound.value;
        for level in home + 1..self.levels.len() {
            value = self.capture(site, level, value)?;
        }
        Ok(value)
    }

    /// The index of the level that a value belongs to.
    fn home(&self, site: &Site<'_>, bound: &Bound) -> Imports<usize> {
        for (index, level) in self.levels.iter().enumerate().rev() {
            if level.id == bound.level {
                return Ok(index);
            }
            if level.kind == LevelKind::Function {
                break;
            }
        }
        Err(self.malformed(site, "uses a value that is not visible here"))
    }

    /// The type of an operand, without capturing it.
    pub(super) fn operand_type(&self, site: &Site<'_>, position: usize) -> Imports<TensorType> {
        let Binding::Tensor(bound) = self.operand_binding(site, position)? else {
            return Err(self.unsupported(site, "a tuple or token as an operand"));
        };
        let home = self.home(site, &bound)?;
        Ok(self.levels[home].graph.type_of(bound.value).clone())
    }

    /// What is known of the elements of an operand; looks through regions without capturing anything.
    pub(super) fn sizes_of(&self, site: &Site<'_>, position: usize) -> Imports<Option<Sizes>> {
        let Binding::Tensor(bound) = self.operand_binding(site, position)? else { return Ok(None) };
        let home = self.home(site, &bound)?;
        Ok(self.levels[home].sizes.get(&bound.value).cloned())
    }

    pub(super) fn sizes_of_binding(&self, site: &Site<'_>, binding: &Binding) -> Imports<Option<Sizes>> {
        let Binding::Tensor(bound) = binding else { return Ok(None) };
        let home = self.home(site, bound)?;
        Ok(self.levels[home].sizes.get(&bound.value).cloned())
    }

    /// The value of the level around a level as a value of that level.
    fn capture(&mut self, site: &Site<'_>, level: usize, value: Value) -> Imports<Value> {
        if let Some(inner) = self.levels[level].inner.get(&value) {
            return Ok(*inner);
        }
        let (around, rest) = self.levels.split_at_mut(level);
        let (outer, inner) = (&around[level - 1], &mut rest[0]);
        let copy = match copy_constant(&outer.graph, value, &mut inner.graph, COPIED_DEPTH) {
            Some(copy) => copy,
            None if inner.kind == LevelKind::Fold => {
                let what = "a region that uses a value from around it, other than a constant";
                return Err(self.unsupported(site, what));
            }
            None => {
                inner.captured.push(value);
                let of = outer.graph.type_of(value).clone();
                inner.graph.add_parameter(None, of, outer.graph.node(value.node).span().clone())
            }
        };
        if let Some(sizes) = outer.sizes.get(&value) {
            inner.sizes.insert(copy, sizes.clone());
        }
        inner.inner.insert(value, copy);
        Ok(copy)
    }

    /// Captures values of the level around the current one, so that their parameters come in this order.
    pub(super) fn capture_all(&mut self, site: &Site<'_>, values: &[Value]) -> Imports<()> {
        let level = self.levels.len() - 1;
        values.iter().try_for_each(|&value| self.capture(site, level, value).map(drop))
    }

    /// Gives the current level a parameter that has each of the symbols as a size by itself.
    pub(super) fn capture_symbols(&mut self, site: &Site<'_>, symbols: &[Symbol]) -> Imports<()> {
        for symbol in symbols {
            let binds = |level: &Level| {
                level
                    .graph
                    .parameters()
                    .find(|&value| level.graph.type_of(value).dims.iter().any(|dim| dim.as_symbol() == Some(symbol)))
            };
            let home = (0..self.levels.len()).rev().find_map(|level| Some((level, binds(&self.levels[level])?)));
            let Some((home, mut value)) = home else {
                return Err(self.unsupported(site, format_args!("a region with the size {symbol}")));
            };
            if self.level().kind == LevelKind::Fold && home + 1 < self.levels.len() {
                return Err(self.unsupported(site, "a region that uses a size"));
            }
            for level in home + 1..self.levels.len() {
                value = self.capture(site, level, value)?;
            }
        }
        Ok(())
    }
}

impl Level {
    /// Removes the ops that nothing uses and that have no effect, the last ones first.
    pub(super) fn remove_unused(&mut self) {
        let mut order = self.graph.topological_order();
        order.reverse();
        for id in order {
            let is_op = self.graph.node(id).op().is_some();
            if is_op && !self.graph.is_used(id) && self.effects.binary_search(&id).is_err() {
                self.graph.remove(id);
            }
        }
    }

    pub(super) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }
}

/// Copies a small constant, or an op that moves or computes with small constants.
fn copy_constant(from: &Graph, value: Value, to: &mut Graph, depth: usize) -> Option<Value> {
    let node = from.node(value.node);
    let op = node.op()?;
    let copies = match op {
        Op::Shape(ShapeOp::Constant(array)) => array.len() <= COPIED_ELEMENTS,
        Op::Shape(ShapeOp::BroadcastInDim { dims, .. } | ShapeOp::Reshape { dims }) => {
            dims.iter().all(|dim| dim.as_known().is_some())
        }
        Op::Elementwise(_) => node.types().iter().all(|of| of.rank() == 0),
        _ => false,
    };
    if !copies || depth == 0 {
        return None;
    }
    let operands: Option<Vec<Value>> =
        node.operands().iter().map(|&operand| copy_constant(from, operand, to, depth - 1)).collect();
    to.add_value(op.clone(), &operands?, node.span().clone()).ok()
}

fn count_operations(region: &Region) -> usize {
    let inner = |op: &Operation| op.regions.iter().map(count_operations).sum::<usize>();
    region.operations.iter().map(|op| 1 + inner(op)).sum()
}
