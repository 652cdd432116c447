//! The places of traces, and which of them serve a call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use tancho_ir::{Graph, Relation, Symbol, TensorType};

use crate::concrete::Traced;
use crate::signature::{Key, bind_sizes, generality};
use crate::table::{Statics, equal_statics};

/// The place of a trace; who holds `tracing` fills it.
pub(super) struct Slot<Out> {
    /// As [`Key::kind`] and [`Key::exact`].
    pub(super) kind: Box<[u64]>,
    pub(super) exact: Box<[u64]>,
    pub(super) statics: Statics,
    pub(super) types: Vec<TensorType>,
    /// Whether the types were found by generalisation, and not asked for.
    pub(super) is_generalized: bool,
    /// Whether the closure cannot be traced with these types, though perhaps with more specific ones.
    pub(super) is_too_general: AtomicBool,
    pub(super) last_used: AtomicU64,
    pub(super) tracing: Mutex<()>,
    pub(super) traced: OnceLock<Arc<Traced<Out>>>,
}

/// What a search for a trace is given.
pub(super) struct Wanted<'k> {
    pub(super) exact: &'k [u64],
    pub(super) kind: Key<'k>,
    pub(super) types: Vec<TensorType>,
}

impl<Out> Slot<Out> {
    /// What the slot is known by while its trace is under way.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    pub(super) fn is_of_kind(&self, wanted: &Wanted<'_>) -> bool {
        *self.kind == *wanted.kind.words && equal_statics(&self.statics, &wanted.kind.statics)
    }
}

pub(super) fn find_exact<'s, Out>(slots: &'s [Arc<Slot<Out>>], wanted: &Wanted<'_>) -> Option<&'s Arc<Slot<Out>>> {
    let is_exact =
        |slot: &&Arc<Slot<Out>>| !slot.is_generalized && *slot.exact == *wanted.exact && slot.is_of_kind(wanted);
    slots.iter().find(is_exact)
}

/// The compatible place with the fewest places that vary, the oldest of several, that was not refused.
pub(super) fn most_specific<Out>(
    slots: &[Arc<Slot<Out>>],
    wanted: &Wanted<'_>,
    refused: &[Arc<Slot<Out>>],
) -> Option<Arc<Slot<Out>>> {
    let is_candidate = |slot: &&Arc<Slot<Out>>| {
        // A trace that was asked for and failed is not tried for arguments that did not ask for it.
        let is_there = slot.is_generalized || slot.traced.get().is_some();
        is_there
            && !slot.is_too_general.load(Relaxed)
            && !refused.iter().any(|other| Arc::ptr_eq(slot, other))
            && slot.is_of_kind(wanted)
            && bind_sizes(&slot.types, &wanted.types).is_some()
    };
    slots.iter().filter(is_candidate).min_by_key(|slot| generality(&slot.types)).cloned()
}

/// Whether a graph's constraints may hold for arguments that its types admit.
pub(super) fn admits(graph: &Graph, types: &[TensorType], given: &[TensorType]) -> bool {
    let Some(bound) = bind_sizes(types, given) else { return false };
    let size_of = |symbol: &Symbol| bound.iter().find(|(known, _)| known == symbol).map(|(_, size)| size.clone());
    graph.constraints().iter().all(|constraint| {
        let (left, right) = constraint.relation.sides();
        let (left, right) = (left.substitute(&size_of), right.substitute(&size_of));
        let relation = match constraint.relation {
            Relation::Equal(..) => Relation::Equal(left, right),
            Relation::AtLeast(..) => Relation::AtLeast(left, right),
        };
        relation.always_holds() != Some(false)
    })
}
