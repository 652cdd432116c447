//! The graphs that ops hold, batched.
//!
//! A graph that is held has symbols of its own, so that a size which is an expression of the holder's symbols becomes a
//! symbol in it, which its batched parameters bind.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tancho_ir::{Dim, Graph, Symbol};

use super::batch_graph;
use crate::error::DiffError;

/// A graph, and which of its results are batched.
#[derive(Clone)]
pub(super) struct Region {
    pub(super) graph: Arc<Graph>,
    pub(super) are_batched: Vec<bool>,
}

/// What was batched so far. The graph that is being batched holds the graphs that the pointers name.
#[derive(Default)]
pub(super) struct Regions {
    known: HashMap<(*const Graph, Vec<bool>, Vec<bool>), Region>,
}

impl Regions {
    /// A graph with the parameters batched that `batched` names, and at least those results that `wanted` names.
    ///
    /// Without any batched parameter, the graph stays as it is and no result is batched: nothing could bind the size.
    pub(super) fn batch(
        &mut self,
        graph: &Arc<Graph>,
        size: &Dim,
        batched: &[bool],
        wanted: &[bool],
    ) -> Result<Region, DiffError> {
        if !batched.contains(&true) {
            return Ok(Region { graph: graph.clone(), are_batched: vec![false; graph.results().len()] });
        }
        let key = (Arc::as_ptr(graph), batched.to_vec(), wanted.to_vec());
        if let Some(region) = self.known.get(&key) {
            return Ok(region.clone());
        }
        let size = if size.as_known().is_some() { size.clone() } else { new_symbol(graph) };
        let region = batch_graph(graph, &size, batched, wanted, self)?;
        self.known.insert(key, region.clone());
        Ok(region)
    }
}

/// A size that is no symbol of the graph.
fn new_symbol(graph: &Graph) -> Dim {
    let mut taken: BTreeSet<Symbol> = BTreeSet::new();
    graph.parameter_types().flat_map(|of| &of.dims).for_each(|dim| dim.collect_symbols(&mut taken));
    let names = std::iter::once("batch".to_owned()).chain((1..).map(|number| format!("batch_{number}")));
    let symbol =
        names.map(Symbol::new).find(|symbol| !taken.contains(symbol)).expect("there are more names than symbols");
    Dim::from(symbol)
}
