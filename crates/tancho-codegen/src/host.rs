//! What programs ask of the host: functions that they call by name, and a place to print to.
//!
//! The names are known to the whole process. A program is compiled whether or not a function is registered; a call of one
//! that is not is an error of that call.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tancho_ir::ops::CustomCall;
use tancho_tensor::Array;

/// A function of the host: takes the call with its configuration, and the operands; gives the results, or what went wrong.
pub type HostFunction = dyn Fn(&CustomCall, &[Array]) -> Result<Vec<Array>, String> + Send + Sync;

/// Why a call of the host failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("custom_call {target:?}: {message}{}", if .span.is_none() { String::new() } else { format!(" ({})", .span) })]
pub struct HostError {
    pub target: String,
    pub message: String,
    pub span: tancho_ir::Span,
}

/// Registers a function under a name; a function that has the name is replaced.
pub fn register(
    target: &str,
    function: impl Fn(&CustomCall, &[Array]) -> Result<Vec<Array>, String> + Send + Sync + 'static,
) {
    functions().write().unwrap_or_else(PoisonError::into_inner).insert(target.into(), Arc::new(function));
}

/// What is given each line that programs print, without its line break.
pub type PrintSink = dyn Fn(&str) + Send + Sync;

/// Lets another function take what the programs of this process print; without one, it goes to the standard output. Gives
/// the function that was there before.
pub fn set_print_sink(sink: Option<Arc<PrintSink>>) -> Option<Arc<PrintSink>> {
    std::mem::replace(&mut *print_sink().write().unwrap_or_else(PoisonError::into_inner), sink)
}

/// Prints a line.
pub(crate) fn print(line: &str) {
    let sink = print_sink().read().unwrap_or_else(PoisonError::into_inner).clone();
    match sink {
        Some(sink) => sink(line),
        None => println!("{line}"),
    }
}

fn print_sink() -> &'static RwLock<Option<Arc<PrintSink>>> {
    static SINK: RwLock<Option<Arc<PrintSink>>> = RwLock::new(None);
    &SINK
}

/// The function of a name.
pub(crate) fn find(target: &str) -> Option<Arc<HostFunction>> {
    functions().read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
}

fn functions() -> &'static RwLock<HashMap<String, Arc<HostFunction>>> {
    static FUNCTIONS: OnceLock<RwLock<HashMap<String, Arc<HostFunction>>>> = OnceLock::new();
    FUNCTIONS.get_or_init(RwLock::default)
}
