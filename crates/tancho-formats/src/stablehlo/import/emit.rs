//! Adding ops to the graph under construction, and requiring that they are what the program says.

use tancho_ir::{Dim, NodeId, Op, Relation, Span, TensorType, Value};
use tancho_tensor::DType;

use super::super::types::Type;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::{Site, Stated};

/// Sizes whose expressions are longer than this, as text, are refused: they could double with every op.
const SIZE_LENGTH_LIMIT: usize = 2000;

impl<'m> Importer<'m> {
    pub(super) fn type_of(&self, value: Value) -> &TensorType {
        self.level().graph.type_of(value)
    }

    pub(super) fn dtype_of(&self, value: Value) -> DType {
        self.type_of(value).dtype
    }

    pub(super) fn rank_of(&self, value: Value) -> usize {
        self.type_of(value).rank()
    }

    pub(super) fn require(&mut self, relation: Relation, span: Span) {
        self.level_mut().graph.add_constraint(relation, span);
    }

    /// Requires that a value is what the program says: the same dtype and rank, and the sizes that it states.
    pub(super) fn conform(&mut self, site: &Site<'_>, value: Value, ty: &Type) -> Imports<()> {
        let stated = self.stated(site, ty)?;
        let found = self.type_of(value).clone();
        if stated.dtype != found.dtype || stated.dims.len() != found.rank() {
            return Err(self.malformed(site, format_args!("expected the type {ty}, found {found}")));
        }
        self.conform_dims(site, &stated, &found, ty)
    }

    fn conform_dims(&mut self, site: &Site<'_>, stated: &Stated, found: &TensorType, ty: &Type) -> Imports<()> {
        for (stated, found_dim) in stated.dims.iter().zip(&found.dims) {
            let Some(size) = *stated else { continue };
            let relation = Relation::Equal(found_dim.clone(), Dim::known(size));
            match relation.always_holds() {
                Some(true) => {}
                Some(false) => {
                    return Err(self.malformed(site, format_args!("expected the type {ty}, found {found}")));
                }
                None => self.require(relation, site.span.clone()),
            }
        }
        Ok(())
    }

    /// Adds an op with one result.
    pub(super) fn emit(&mut self, site: &Site<'_>, op: impl Into<Op>, operands: &[Value]) -> Imports<Value> {
        let node = self.emit_node(site, op.into(), operands)?;
        Ok(Value { node, result: 0 })
    }

    /// Adds an op and gives all its results.
    pub(super) fn emit_all(&mut self, site: &Site<'_>, op: impl Into<Op>, operands: &[Value]) -> Imports<Vec<Value>> {
        let node = self.emit_node(site, op.into(), operands)?;
        Ok(self.results_of(node))
    }

    pub(super) fn results_of(&self, node: NodeId) -> Vec<Value> {
        let count = self.level().graph.node(node).types().len();
        (0..count).map(|result| Value { node, result: result as u32 }).collect()
    }

    /// Values as what an op gives, with tokens at their places.
    pub(super) fn with_tokens(&self, site: &Site<'_>, values: Vec<Value>) -> Imports<Vec<Binding>> {
        let mut values = values.into_iter();
        let results = site.op.result_types.iter().map(|ty| match ty {
            Type::Token => Some(Binding::Token),
            _ => values.next().map(|value| self.bound(value)),
        });
        let results: Option<Vec<Binding>> = results.collect();
        let complete = results.filter(|_| values.next().is_none());
        complete.ok_or_else(|| self.malformed(site, "states another number of results than it has"))
    }

    pub(super) fn emit_node(&mut self, site: &Site<'_>, op: Op, operands: &[Value]) -> Imports<NodeId> {
        if self.operations_left == 0 {
            return Err(self.unsupported(site, "a program that becomes this many operations"));
        }
        self.operations_left -= 1;
        let graph = &mut self.level_mut().graph;
        let node = graph.add(op, operands, site.span.clone()).map_err(|error| self.refused(site, error))?;
        let dims = self.level().graph.node(node).types().iter().flat_map(|of| &of.dims);
        let is_long = |dim: &Dim| dim.as_known().is_none() && dim.to_string().len() > SIZE_LENGTH_LIMIT;
        if dims.into_iter().any(is_long) {
            return Err(self.unsupported(site, "a size that is this long an expression"));
        }
        Ok(node)
    }

    /// Orders a node behind the effects that came before it.
    pub(super) fn order_effect(&mut self, node: NodeId) {
        let level = self.level_mut();
        if let Some(&before) = level.effects.last() {
            level.graph.add_order(before, node);
        }
        level.effects.push(node);
    }
}
