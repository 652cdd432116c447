//! What eager tapes remember: the operations that ran on their thread.

use std::cell::{Cell as Counter, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use tancho_ir::{Graph, Span, TensorType};
use tancho_tensor::{Array, DType, Shape};

use super::sources::Source;
use crate::error::Result;
use crate::tensor::{Recorded, Repr, Tensor};
use crate::variable::Cell;

/// The identity of a value that a tape has seen being made; never used again within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RecordId(u64);

impl RecordId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        RecordId(NEXT.fetch_add(1, Relaxed))
    }
}

/// What a tensor is to a tape: two tensors that are the same have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Record(RecordId),
    /// A value that no tape has seen being made. The tape that looks for it holds it, so that its address is its own.
    Memory(usize, DType, Shape),
}

impl Identity {
    pub(super) fn of(tensor: &Tensor) -> Option<Identity> {
        match &tensor.0 {
            Repr::Recorded(recorded) => Some(Identity::Record(recorded.id)),
            Repr::Value(array) => {
                let address = array.buffer().as_ptr() as usize;
                Some(Identity::Memory(address, array.dtype(), array.shape().clone()))
            }
            Repr::Node(_) | Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => None,
        }
    }
}

/// An operation or a traced function that ran.
pub(super) struct Entry {
    /// Its first results are `outputs`; more may follow.
    pub(super) graph: Arc<Graph>,
    pub(super) inputs: SmallVec<[Tensor; 2]>,
    pub(super) outputs: SmallVec<[Tensor; 1]>,
}

/// What a tape remembers.
#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Arc<Entry>>,
    /// What the tape watches, and what was computed from it.
    active: FxHashSet<Identity>,
    /// Watched values, which are held so that their memory is not used again.
    held: Vec<Tensor>,
    /// What was read of each variable.
    reads: FxHashMap<u64, Vec<Tensor>>,
    watched_variables: FxHashSet<u64>,
    watches_variables: bool,
    recording: bool,
    /// Whether a gradient was taken.
    pub(super) used: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct TapeId(u64);

thread_local! {
    /// The number of tapes that record, apart from the list so that operations without one look at a word only.
    static N_RECORDING: Counter<usize> = const { Counter::new(0) };
    static TAPES: RefCell<Vec<(TapeId, Log)>> = const { RefCell::new(Vec::new()) };
}

/// Whether any tape of the thread records.
pub(crate) fn is_recording() -> bool {
    N_RECORDING.get() > 0
}

/// Whether a tape of the thread that records watches a tensor, or has seen it being computed from what it watches.
pub(crate) fn is_active(tensor: &Tensor) -> bool {
    if !is_recording() || !tensor.dtype().is_float() {
        return false;
    }
    let Some(identity) = Identity::of(tensor) else { return false };
    TAPES.with_borrow(|tapes| tapes.iter().any(|(_, log)| log.recording && log.active.contains(&identity)))
}

/// Whether two tensors are the same to tapes.
pub(crate) fn is_same(one: &Tensor, other: &Tensor) -> bool {
    Identity::of(one) == Identity::of(other)
}

pub(super) fn open(watches_variables: bool) -> TapeId {
    let id = TapeId(RecordId::next().0);
    let log = Log { watches_variables, recording: true, ..Log::default() };
    with_tapes(|tapes| tapes.push((id, log)));
    id
}

pub(super) fn close(id: TapeId) {
    let closed = with_tapes(|tapes| {
        let place = tapes.iter().position(|(other, _)| *other == id)?;
        Some(tapes.remove(place))
    });
    // Buffers go where the list is not borrowed.
    drop(closed);
}

pub(super) fn set_recording(id: TapeId, on: bool) {
    with_tape(id, |log| log.recording = on);
}

pub(super) fn watch(id: TapeId, source: Source<'_>) {
    if let Some(cell) = source.cell() {
        with_tape(id, |log| log.watched_variables.insert(cell.id()));
        return;
    }
    let tensor = source.tensor();
    if let Some(identity) = Identity::of(tensor)
        && tensor.dtype().is_float()
    {
        with_tape(id, |log| {
            log.active.insert(identity);
            log.held.push(tensor.clone());
        });
    }
}

/// The tensor of a variable's value, as the tapes know it that watch the variable.
pub(crate) fn read_variable(cell: &Arc<Cell>, array: Array) -> Tensor {
    if !is_recording() || !array.dtype().is_float() {
        return Tensor(Repr::Value(array));
    }
    TAPES.with_borrow_mut(|tapes| {
        let mut tensor = None;
        for (_, log) in tapes.iter_mut().filter(|(_, log)| log.recording) {
            let watched = (log.watches_variables && cell.is_trainable()) || log.watched_variables.contains(&cell.id());
            if watched {
                let tensor = tensor.get_or_insert_with(|| recorded(array.clone()));
                log.active.extend(Identity::of(tensor));
                log.reads.entry(cell.id()).or_default().push(tensor.clone());
            }
        }
        tensor.unwrap_or_else(|| Tensor(Repr::Value(array)))
    })
}

fn recorded(array: Array) -> Tensor {
    Tensor(Repr::Recorded(Arc::new(Recorded { id: RecordId::next(), array })))
}

/// Gives the results of what ran to the tapes that want it: those for which an input is active. The tensors that come out
/// have identities if there is such a tape.
pub(crate) fn record(
    graph: &Arc<Graph>,
    inputs: SmallVec<[Tensor; 2]>,
    results: impl IntoIterator<Item = Array>,
) -> SmallVec<[Tensor; 1]> {
    TAPES.with_borrow_mut(|tapes| {
        let identities: SmallVec<[Identity; 4]> = inputs.iter().filter_map(Identity::of).collect();
        let wants = |log: &Log| log.recording && identities.iter().any(|identity| log.active.contains(identity));
        if !tapes.iter().any(|(_, log)| wants(log)) {
            return results.into_iter().map(|array| Tensor(Repr::Value(array))).collect();
        }
        let outputs: SmallVec<[Tensor; 1]> = results.into_iter().map(recorded).collect();
        let entry = Arc::new(Entry { graph: graph.clone(), inputs, outputs: outputs.clone() });
        for (_, log) in tapes.iter_mut().filter(|(_, log)| wants(log)) {
            log.active.extend(outputs.iter().filter(|output| output.dtype().is_float()).filter_map(Identity::of));
            log.entries.push(entry.clone());
        }
        outputs
    })
}

/// The same value with an identity of its own; tapes that know the value know where this one is from.
pub(crate) fn distinct(tensor: &Tensor) -> Tensor {
    let Some(array) = tensor.value() else { return tensor.clone() };
    let array = array.clone();
    let mut graph = Graph::new("identity");
    let parameter = graph.add_parameter(None, TensorType::of(&array), Span::NONE);
    graph.set_results(vec![parameter]);
    let known = record(&Arc::new(graph), SmallVec::from_iter([tensor.clone()]), [array.clone()]);
    match known.into_iter().next() {
        Some(known @ Tensor(Repr::Recorded(_))) => known,
        Some(_) | None => recorded(array),
    }
}

/// What a tape has recorded, for gradients.
pub(super) struct Recording {
    pub(super) entries: Vec<Arc<Entry>>,
    /// By source: the values that stand for it, of which there are several for a variable that was read repeatedly.
    pub(super) sources: Vec<Vec<Identity>>,
}

/// The records of a tape, which stops and forgets them if it is not persistent.
pub(super) fn take_turn(
    id: TapeId,
    sources: &[Source<'_>],
    persistent: bool,
    used_error: impl FnOnce() -> crate::Error,
) -> Result<Recording> {
    let (recording, dropped) = with_tape(id, |log| {
        if log.used && !persistent {
            return (None, Log::default());
        }
        log.used = true;
        let sources = sources.iter().map(|source| log.identities(source)).collect();
        let recording = Recording { entries: log.entries.clone(), sources };
        let dropped = if persistent { Log::default() } else { std::mem::take(log) };
        log.used = true;
        (Some(recording), dropped)
    });
    drop(dropped);
    recording.ok_or_else(used_error)
}

impl Log {
    fn identities(&self, source: &Source<'_>) -> Vec<Identity> {
        let watched = |tensor: &Tensor| Identity::of(tensor).filter(|identity| self.active.contains(identity));
        match source.cell() {
            Some(cell) => self.reads.get(&cell.id()).into_iter().flatten().filter_map(watched).collect(),
            None => watched(source.tensor()).into_iter().collect(),
        }
    }
}

fn with_tape<R: Default>(id: TapeId, with: impl FnOnce(&mut Log) -> R) -> R {
    with_tapes(|tapes| match tapes.iter_mut().find(|(other, _)| *other == id) {
        Some((_, log)) => with(log),
        // A tape is in the list of its thread as long as it lives.
        None => R::default(),
    })
}

fn with_tapes<R>(with: impl FnOnce(&mut Vec<(TapeId, Log)>) -> R) -> R {
    TAPES.with_borrow_mut(|tapes| {
        let result = with(tapes);
        N_RECORDING.set(tapes.iter().filter(|(_, log)| log.recording).count());
        result
    })
}
