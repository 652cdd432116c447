//! What was made of a traced function: its traces and the plans of its calls.
//!
//! A cache does not know the closure: it is handed in with every call, so that a cache may stand in a static while the
//! closure is made anew each time. A call looks for its arguments' signature:
//!
//! 1. *calls*: exact signature → plan. A hit allocates nothing but the results, and holds no lock while code runs.
//! 2. *traces*, of which there are few, so that they are a list that is looked through:
//!    - the trace of this very signature;
//!    - else the most specific compatible one: of the same structure, static values, dtypes and ranks, with sizes that
//!      vary where the arguments differ, and with constraints that hold; that with the fewest places that vary, then the
//!      oldest;
//!    - else, where the function is *relaxed*, a new one for the least general signature that has both an earlier one
//!      and the arguments. Where the closure cannot be traced with sizes that vary, nothing is gained and nothing is lost:
//!    - a new one for the exact signature.
//!
//!    A function with a fixed signature has one trace for each structure of its arguments.
//! 3. A new trace runs the closure once, on nodes of a new graph, which is compiled.
//!
//! Threads that miss at the same time wait for the one that traces. A thread that is itself tracing does not wait, since
//! two that wait for each other would wait for ever: it traces for itself, and one of the two results is kept.
//!
//! Everything is bounded: the traces, the plans, and with them the memory that a function holds, whatever it is called
//! with. What was used longest ago goes first, and is made anew when it is called for.
//!
//! A function that is called while another is traced is not run: its graph becomes a `call` in the other's.

mod slot;
#[cfg(test)]
mod tests;

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tancho_ir::TensorType;
use tancho_runtime::Plan;

use self::slot::{Slot, Wanted, admits, find_exact, most_specific};
use crate::arguments::Arguments;
use crate::concrete::{Concrete, Traced, check_no_errors, check_values, next_leaf, run};
use crate::described::Described;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::retrace::Retraces;
use crate::signature::{self, Key, Signature, generality, generalize, legal_names, name_symbols};
use crate::table::Table;
use crate::trace::{self, Session};
use crate::tree::{Tree, flatten, paths};

/// How many plans one function keeps.
const PLANS_KEPT: usize = 128;

/// How many traces one function keeps.
const TRACES_KEPT: usize = 256;

/// The traces and plans of one function, for results of the type `Out`.
pub(crate) struct Cache<Out> {
    options: Options,
    n_traced: AtomicUsize,
    calls: Table<Call<Out>>,
    traces: Mutex<Vec<Arc<Slot<Out>>>>,
    /// Counts the searches for a trace, which is time enough to tell what was used lately.
    clock: AtomicU64,
    retraces: Retraces,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) name: Arc<str>,
    pub(crate) argument_names: &'static [&'static str],
    pub(crate) sizes: Sizes,
}

/// Which sizes a trace is for.
#[derive(Clone)]
pub(crate) enum Sizes {
    /// Those of the arguments.
    Exact,
    /// Those of the arguments, until they differ from a trace's.
    Relaxed,
    /// Those of a signature.
    Fixed(Arc<[TensorType]>),
}

/// A signature that was called, ready to run.
struct Call<Out> {
    plan: Arc<Plan>,
    traced: Arc<Traced<Out>>,
}

impl<Out> Clone for Call<Out> {
    fn clone(&self) -> Self {
        Call { plan: self.plan.clone(), traced: self.traced.clone() }
    }
}

impl<Out> Cache<Out> {
    pub(crate) fn new(options: Options) -> Self {
        Cache {
            options,
            n_traced: AtomicUsize::new(0),
            calls: Table::new(PLANS_KEPT),
            traces: Mutex::default(),
            clock: AtomicU64::new(0),
            retraces: Retraces::new(),
        }
    }

    /// A cache for functions of a name, each signature of which is traced for itself.
    pub(crate) fn named(name: &str) -> Self {
        Cache::new(Options { name: name.into(), argument_names: &[], sizes: Sizes::Exact })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// How often the closure has run.
    pub(crate) fn tracing_count(&self) -> usize {
        self.n_traced.load(Relaxed)
    }

    /// The signatures of the traces, in the order in which they were asked for.
    pub(crate) fn signatures(&self) -> Vec<Signature> {
        let slots = self.lock_traces().clone();
        slots.iter().filter_map(|slot| Some(slot.traced.get()?.signature())).collect()
    }

    fn lock_traces(&self) -> MutexGuard<'_, Vec<Arc<Slot<Out>>>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Out: Tree> Cache<Out> {
    /// Calls the function of a closure.
    pub(crate) fn call<Args>(
        &self,
        body: &dyn Trace<Args, Out = Out>,
        arguments: impl Arguments<Args>,
        location: &'static Location<'static>,
    ) -> Result<Out> {
        let call = {
            let mut key = Key::exact();
            arguments.visit(&mut key);
            if trace::is_active() {
                return self.stage(body, &arguments, &key, location);
            }
            check_values(&self.options.name, &key, location)?;
            match self.calls.get(&key.words, &key.statics) {
                Some(call) => {
                    self.retraces.count_call();
                    call
                }
                None => self.prepare(body, &arguments, &key, location)?,
            }
        };
        run(&self.options.name, &call.plan, &call.traced, arguments, location)
    }

    /// The function for one signature, compiled.
    pub(crate) fn concrete<Args>(
        &self,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        location: &'static Location<'static>,
    ) -> Result<Concrete<Args, Out>> {
        let mut key = Key::exact();
        arguments.visit(&mut key);
        check_no_errors(&key)?;
        let wanted = self.wanted(arguments, &key, location)?;
        let slot = match &self.options.sizes {
            Sizes::Fixed(signature) => self.fixed_slot(&wanted, signature),
            Sizes::Exact | Sizes::Relaxed => self.exact_slot(&mut self.lock_traces(), &wanted),
        };
        let traced = self.fill(&slot, body, arguments, location)?;
        traced.executable(location)?;
        Ok(Concrete::new(traced))
    }

    /// Makes a signature ready that has not been called.
    #[cold]
    fn prepare<Args>(
        &self,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Call<Out>>> {
        let n_traced = self.n_traced.load(Relaxed);
        let traced = self.traced(body, arguments, key, location)?;
        if self.n_traced.load(Relaxed) == n_traced {
            self.retraces.count_call();
        } else if let Some(retraces) = self.retraces.count_trace() {
            self.warn(&traced, &retraces, location);
        }
        let plan = traced.new_plan(key, location)?;
        Ok(self.calls.get_or_insert(&key.words, &key.statics, || Call { plan, traced }))
    }

    /// Adds a call of the function to the trace at hand.
    fn stage<Args>(
        &self,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Out> {
        check_no_errors(key).inspect_err(trace::record_error)?;
        let traced = self.traced(body, arguments, key, location).inspect_err(trace::record_error)?;
        let results =
            trace::stage_call(&self.options.name, traced.graph(), &key.leaves, traced.state().variables(), location)?;
        Ok(traced.rebuild(results, location))
    }

    fn wanted<'k, Args>(
        &self,
        arguments: &'k impl Arguments<Args>,
        exact: &'k Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Wanted<'k>> {
        let mut kind = Key::kind();
        arguments.visit(&mut kind);
        let types = exact.types();
        check_sizes(&self.options.name, &types, location)?;
        if let Sizes::Fixed(signature) = &self.options.sizes {
            let described = Described::of(arguments, self.options.argument_names, Vec::new());
            let differences = signature::differences(signature, &exact.leaves, described.paths());
            if !differences.is_empty() {
                let function = self.options.name.to_string();
                return Err(Error::at(ErrorKind::Signature { function, differences }, location));
            }
        }
        Ok(Wanted { exact: &exact.words, kind, types })
    }

    /// The trace for arguments, made if none serves them.
    fn traced<Args>(
        &self,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        exact: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Traced<Out>>> {
        let wanted = self.wanted(arguments, exact, location)?;
        if let Sizes::Fixed(signature) = &self.options.sizes {
            return self.fill(&self.fixed_slot(&wanted, signature), body, arguments, location);
        }
        let mut refused = Vec::new();
        loop {
            let candidate = {
                let mut slots = self.lock_traces();
                let general = if find_exact(&slots, &wanted).is_some() {
                    None
                } else {
                    most_specific(&slots, &wanted, &refused).or_else(|| self.generalized_slot(&mut slots, &wanted))
                };
                match general {
                    Some(slot) => slot,
                    None => {
                        let slot = self.exact_slot(&mut slots, &wanted);
                        drop(slots);
                        return self.fill(&slot, body, arguments, location);
                    }
                }
            };
            self.touch(&candidate);
            match self.fill_general(&candidate, body, arguments, location) {
                Some(traced) if admits(traced.graph(), &candidate.types, &wanted.types) => return Ok(traced),
                Some(_) | None => refused.push(candidate),
            }
        }
    }

    fn touch(&self, slot: &Slot<Out>) {
        slot.last_used.store(self.clock.fetch_add(1, Relaxed), Relaxed);
    }

    /// The place for one structure of arguments, where the signature is fixed.
    fn fixed_slot(&self, wanted: &Wanted<'_>, signature: &[TensorType]) -> Arc<Slot<Out>> {
        let mut slots = self.lock_traces();
        let found = slots.iter().find(|slot| slot.is_of_kind(wanted)).cloned();
        let slot = found.unwrap_or_else(|| self.add_slot(&mut slots, wanted, signature.to_vec(), false));
        self.touch(&slot);
        slot
    }

    /// The place for the exact signature.
    fn exact_slot(&self, slots: &mut Vec<Arc<Slot<Out>>>, wanted: &Wanted<'_>) -> Arc<Slot<Out>> {
        let found = find_exact(slots, wanted).cloned();
        let slot =
            found.unwrap_or_else(|| self.add_slot(slots, wanted, name_symbols(wanted.types.iter().cloned()), false));
        self.touch(&slot);
        slot
    }

    /// A new place for the least general signature that has both the arguments and an earlier signature, where the
    /// function is relaxed and there is such a signature that was not tried.
    fn generalized_slot(&self, slots: &mut Vec<Arc<Slot<Out>>>, wanted: &Wanted<'_>) -> Option<Arc<Slot<Out>>> {
        if !matches!(self.options.sizes, Sizes::Relaxed) {
            return None;
        }
        let earlier: Vec<&Arc<Slot<Out>>> = slots.iter().filter(|slot| slot.is_of_kind(wanted)).collect();
        let types = earlier
            .iter()
            .map(|slot| generalize(&slot.types, &wanted.types))
            .filter(|types| earlier.iter().all(|slot| slot.types != *types))
            .min_by_key(|types| generality(types))?;
        Some(self.add_slot(slots, wanted, types, true))
    }

    fn add_slot(
        &self,
        slots: &mut Vec<Arc<Slot<Out>>>,
        wanted: &Wanted<'_>,
        types: Vec<TensorType>,
        is_generalized: bool,
    ) -> Arc<Slot<Out>> {
        if slots.len() >= TRACES_KEPT {
            // What calls or concrete functions hold would not be freed.
            let is_held = |slot: &Slot<Out>| slot.traced.get().is_some_and(|traced| Arc::strong_count(traced) > 1);
            let oldest = (0..slots.len()).min_by_key(|&place| {
                let slot = &slots[place];
                (is_held(slot), slot.last_used.load(Relaxed))
            });
            oldest.map(|place| slots.remove(place));
        }
        // The words of a generalised signature are those of no arguments that were seen.
        let exact = if is_generalized { Box::default() } else { wanted.exact.into() };
        let slot = Arc::new(Slot {
            kind: wanted.kind.words.as_slice().into(),
            exact,
            statics: wanted.kind.statics.iter().map(|value| value.boxed()).collect(),
            types,
            is_generalized,
            is_too_general: AtomicBool::new(false),
            last_used: AtomicU64::new(self.clock.load(Relaxed)),
            tracing: Mutex::new(()),
            traced: OnceLock::new(),
        });
        slots.push(slot.clone());
        slot
    }

    /// The trace of a place whose types are more general than the arguments'; `None` where it cannot be had.
    fn fill_general<Args>(
        &self,
        slot: &Arc<Slot<Out>>,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        location: &'static Location<'static>,
    ) -> Option<Arc<Traced<Out>>> {
        // A trace within its own: the arguments may be smaller than those of the trace, and the recursion may end.
        if slot.traced.get().is_none() && trace::is_tracing(slot.address()) {
            return None;
        }
        let traced = self.fill(slot, body, arguments, location);
        let traced = traced.and_then(|traced| {
            if !trace::is_active() {
                traced.executable(location)?;
            }
            Ok(traced)
        });
        if traced.is_err() {
            slot.is_too_general.store(true, Relaxed);
        }
        traced.ok()
    }

    /// The trace of a place, made if there is none.
    fn fill<Args>(
        &self,
        slot: &Arc<Slot<Out>>,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Traced<Out>>> {
        if let Some(traced) = slot.traced.get() {
            return Ok(traced.clone());
        }
        if trace::is_tracing(slot.address()) {
            let function = self.options.name.to_string();
            return Err(Error::at(ErrorKind::Recursion { function }, location));
        }
        let _turn = (!trace::is_active()).then(|| slot.tracing.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(traced) = slot.traced.get() {
            return Ok(traced.clone());
        }
        let traced = self.trace(slot, body, arguments, location)?;
        Ok(slot.traced.get_or_init(|| Arc::new(traced)).clone())
    }

    /// Runs the closure on the parameters of a new graph.
    fn trace<Args>(
        &self,
        slot: &Slot<Out>,
        body: &dyn Trace<Args, Out = Out>,
        arguments: &impl Arguments<Args>,
        location: &'static Location<'static>,
    ) -> Result<Traced<Out>> {
        let session = Session::open(&self.options.name, trace::Kind::Function { slot: slot.address() }, location)?;
        if self.lock_traces().iter().any(|slot| slot.traced.get().is_some()) {
            session.forbid_variables();
        }
        let described = Described::of(arguments, self.options.argument_names, slot.types.clone());
        let names = legal_names(described.paths());
        let parameters = slot.types.iter().cloned().zip(&names);
        let mut parameters = parameters.map(|(of, name)| session.add_parameter(name, of, location));
        let rebuilt = arguments.rebuild(&mut || next_leaf(&mut parameters, location));
        self.n_traced.fetch_add(1, Relaxed);
        // An error that the closure returns is its own answer to one that an operation gave before.
        let out = body.trace(rebuilt)?;
        let leaves = flatten(&out);
        let finished = session.finish(&leaves.iter().collect::<Vec<_>>(), &result_names(&out), location)?;
        let mut structure = Key::structure();
        arguments.visit(&mut structure);
        Ok(Traced::new(finished, out, described, self.options.argument_names, &structure))
    }

    /// Says that the function is traced again and again, and by which argument the last trace differs from an earlier one.
    fn warn(&self, traced: &Arc<Traced<Out>>, retraces: &str, location: &'static Location<'static>) {
        let slots = self.lock_traces().clone();
        let nearest = slots
            .iter()
            .filter_map(|slot| slot.traced.get())
            .filter(|earlier| !Arc::ptr_eq(earlier, traced))
            .map(|earlier| (earlier, traced.described().differences_from(earlier.described())))
            .rev()
            .min_by_key(|(_, differences)| differences.len());
        let Some((earlier, differences)) = nearest else { return };
        let signature = earlier.signature();
        crate::retrace::warn(&self.options.name, retraces, &differences, &signature, location);
    }
}

/// Refuses sizes below zero, which only a spec can have.
pub(crate) fn check_sizes(name: &str, types: &[TensorType], location: &'static Location<'static>) -> Result<()> {
    let is_negative = |of: &&TensorType| of.dims.iter().any(|dim| dim.as_known().is_some_and(|size| size < 0));
    match types.iter().find(is_negative) {
        Some(of) => Err(Error::at(ErrorKind::Message(format!("{name}: {of} has a negative size")), location)),
        None => Ok(()),
    }
}

/// The names of results: their paths, where those have names in them.
fn result_names(out: &impl Tree) -> Vec<Option<String>> {
    let paths = paths(out);
    let names = legal_names(&paths);
    let is_named = |path: &String| path.chars().any(|letter| letter.is_alphabetic());
    paths.iter().zip(names).map(|(path, name)| is_named(path).then_some(name)).collect()
}
