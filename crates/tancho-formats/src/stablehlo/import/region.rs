//! Regions as graphs, with what they capture.
//!
//! The regions of one op take the same operands: its own, then what any of them captures. So a region is imported with the
//! captures of those before it as parameters from the start, and in the end each gets parameters for those that came later.

use std::collections::BTreeSet;
use std::sync::Arc;

use tancho_ir::{Graph, Op, PrintOptions, Span, Symbol, TensorType, Value, attribute_dims, print};

use super::super::syntax::Region;
use super::super::types::Type;
use super::builder::{Binding, Importer, LevelKind};
use super::error::Imports;
use super::site::Site;

/// The regions of one op under import.
pub(super) struct Regions {
    kind: LevelKind,
    graphs: Vec<(Graph, usize)>,
    /// What the regions capture, as values of the level around them.
    pub captured: Vec<Value>,
    pub has_effects: bool,
}

impl Regions {
    pub(super) fn new(kind: LevelKind) -> Self {
        Regions { kind, graphs: Vec::new(), captured: Vec::new(), has_effects: false }
    }

    /// The graphs, each with parameters for all captures.
    pub(super) fn finish(self, importer: &Importer<'_>) -> Vec<Arc<Graph>> {
        let types = |value: Value| importer.type_of(value).clone();
        let complete = |(mut graph, captures): (Graph, usize)| {
            for &value in &self.captured[captures..] {
                graph.add_parameter(None, types(value), Span::NONE);
            }
            Arc::new(graph)
        };
        self.graphs.into_iter().map(complete).collect()
    }
}

impl<'m> Importer<'m> {
    /// Imports the next region of an op, with parameters of these types for its arguments.
    ///
    /// `finish` makes the results of the region from what its return gives.
    pub(super) fn add_region(
        &mut self,
        site: &Site<'m>,
        regions: &mut Regions,
        position: usize,
        parameters: &[TensorType],
        finish: impl FnOnce(&mut Self, &Site<'m>, Vec<Binding>) -> Imports<Vec<Value>>,
    ) -> Imports<()> {
        let region = self.region(site, position)?;
        let name = format!("{}.{}", self.level().graph.name(), region_name(site.mnemonic(), position));
        let name = self.unique_name(&name);
        self.nested(site, |importer| {
            importer.push_level(regions.kind, &name);
            importer.add_region_arguments(site, region, parameters)?;
            importer.capture_all(site, &regions.captured)?;
            let (last, results) = importer.import_body(site, region)?;
            let values = finish(importer, &last, results)?;
            importer.level_mut().graph.set_results(values);
            importer.level_mut().remove_unused();
            let symbols = unbound_symbols(&importer.level().graph);
            importer.capture_symbols(site, &symbols)?;
            let level = importer.pop_level();
            if !level.checks.is_empty() {
                return Err(importer.unsupported(site, "a check within a region"));
            }
            regions.has_effects |= level.has_effects();
            regions.graphs.push((level.graph, level.captured.len()));
            regions.captured = level.captured;
            Ok(())
        })
    }

    fn add_region_arguments(&mut self, site: &Site<'_>, region: &'m Region, parameters: &[TensorType]) -> Imports<()> {
        let mut types = parameters.iter();
        for argument in &region.arguments {
            if matches!(argument.ty, Type::Token) {
                self.bind(site, argument.value, Binding::Token)?;
                continue;
            }
            let Some(of) = types.next() else {
                let message = format!("expected {} arguments of a region, found more", parameters.len());
                return Err(self.malformed(site, message));
            };
            let span = argument.location.and_then(|location| self.source_span(location)).unwrap_or_default();
            let value = self.level_mut().graph.add_parameter(None, of.clone(), span);
            self.conform(site, value, &argument.ty)?;
            let binding = self.bound(value);
            self.bind(site, argument.value, binding)?;
        }
        let left = types.len();
        self.expect(site, left == 0, || {
            format!("expected {} arguments of a region, found {left} less", parameters.len())
        })
    }

    pub(super) fn region(&self, site: &Site<'m>, position: usize) -> Imports<&'m Region> {
        let found = site.op.regions.len();
        let region = site.op.regions.get(position);
        region.ok_or_else(|| self.malformed(site, format_args!("expected a region {position}, found {found} regions")))
    }

    pub(super) fn expect_regions(&self, site: &Site<'_>, count: usize) -> Imports<()> {
        let found = site.op.regions.len();
        self.expect(site, found == count, || format!("expected {count} regions, found {found}"))
    }

    /// The region as the body of a fold: over scalars of these dtypes, giving scalars, capturing constants at most.
    pub(super) fn fold_body(
        &mut self,
        site: &Site<'m>,
        position: usize,
        scalars: &[TensorType],
    ) -> Imports<Arc<Graph>> {
        let mut regions = Regions::new(LevelKind::Fold);
        self.add_region(site, &mut regions, position, scalars, |importer, site, results| {
            results.iter().map(|binding| importer.tensor(site, binding)).collect()
        })?;
        let body = regions.finish(self).pop();
        let body = body.ok_or_else(|| self.malformed(site, "expected a region"))?;
        Ok(self.shared_body(body))
    }

    /// The body itself, or an equal one that there is already: programs have the same few ones again and again.
    fn shared_body(&mut self, body: Arc<Graph>) -> Arc<Graph> {
        /// Bodies are small; the text of a large one is not worth its memory.
        const NODE_LIMIT: usize = 128;
        let calls = body.node_ids().any(|id| body.node(id).op().is_some_and(|op| !op.regions().is_empty()));
        if calls || body.node_count() > NODE_LIMIT {
            return body;
        }
        let options = PrintOptions { spans: false, elide_above: None };
        let text = print(&body, &options);
        let text = text.split_once('(').map_or(text.as_str(), |(_, rest)| rest).to_owned();
        self.bodies.entry(text).or_insert(body).clone()
    }
}

/// The name of a region's graph behind the point.
fn region_name(op: &str, position: usize) -> String {
    match (op, position) {
        ("while", 0) => "condition".to_owned(),
        ("while", _) => "body".to_owned(),
        ("case" | "if", position) => format!("branch{position}"),
        ("sort", _) => "comparator".to_owned(),
        ("select_and_scatter", 0) => "select".to_owned(),
        (op, _) => op.to_owned(),
    }
}

/// The symbols of a graph that none of its parameters has as a size by itself.
fn unbound_symbols(graph: &Graph) -> Vec<Symbol> {
    let mut symbols = BTreeSet::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        let attributes = node.op().map(|op: &Op| attribute_dims(op)).unwrap_or_default();
        let dims = node.types().iter().flat_map(|of| &of.dims).chain(attributes);
        dims.for_each(|dim| dim.collect_symbols(&mut symbols));
    }
    for constraint in graph.constraints() {
        let (left, right) = constraint.relation.sides();
        left.collect_symbols(&mut symbols);
        right.collect_symbols(&mut symbols);
    }
    let bound: BTreeSet<&Symbol> =
        graph.parameter_types().flat_map(|of| &of.dims).filter_map(|dim| dim.as_symbol()).collect();
    symbols.iter().filter(|symbol| !bound.contains(symbol)).cloned().collect()
}
