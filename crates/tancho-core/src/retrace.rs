//! The warning that a function is traced again and again.
//!
//! Tracing and compiling cost a thousand times what a call does, so that a function which most of its calls trace is
//! slower than no function at all. Nothing of it fails, and so it is said once for each function: when five of its last
//! eight calls have traced it.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::described::Difference;
use crate::signature::Signature;

/// So many calls are looked back on.
const LAST_CALLS: usize = 8;

/// So many of them that trace are too many.
const TOO_MANY: usize = 5;

/// Which of a function's last calls have traced it.
pub(crate) struct Retraces {
    /// The calls since the last that traced, up to the number that matters: once it is reached, a call writes nothing.
    n_calls_since: AtomicUsize,
    /// For each of the last calls that traced, how many calls after the one before it it was.
    distances: Mutex<VecDeque<usize>>,
    has_warned: AtomicBool,
}

impl Retraces {
    pub(crate) fn new() -> Self {
        Retraces {
            n_calls_since: AtomicUsize::new(0),
            distances: Mutex::new(VecDeque::new()),
            has_warned: AtomicBool::new(false),
        }
    }

    /// A call that traced nothing.
    pub(crate) fn count_call(&self) {
        if self.n_calls_since.load(Relaxed) < LAST_CALLS {
            self.n_calls_since.fetch_add(1, Relaxed);
        }
    }

    /// A call that traced. The first time that there are too many, gives how many they are, for the warning.
    pub(crate) fn count_trace(&self) -> Option<String> {
        if self.has_warned.load(Relaxed) {
            return None;
        }
        let mut distances = self.distances.lock().unwrap_or_else(PoisonError::into_inner);
        distances.push_back(self.n_calls_since.swap(0, Relaxed) + 1);
        if distances.len() > TOO_MANY {
            distances.pop_front();
        }
        // From the first of these calls to the last; what lies before the first does not count.
        let n_calls = 1 + distances.iter().skip(1).sum::<usize>();
        let too_many = distances.len() == TOO_MANY && n_calls <= LAST_CALLS;
        (too_many && !self.has_warned.swap(true, Relaxed))
            .then(|| format!("{TOO_MANY} of the last {n_calls} calls traced it"))
    }
}

/// Says what differs from the nearest earlier signature, and what to do about it.
pub(crate) fn warn(
    function: &str,
    retraces: &str,
    differences: &[Difference],
    nearest: &Signature,
    location: &'static Location<'static>,
) {
    let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
    let mut advice: Vec<&str> = differences.iter().map(advice).collect();
    advice.sort_unstable();
    advice.dedup();
    log::warn!(
        "{function}: {retraces}, and a trace is compiled anew each time: {} ({location}); the nearest signature is \
         {nearest}; {}",
        texts.join("; "),
        advice.join("; "),
    );
}

fn advice(difference: &Difference) -> &'static str {
    match difference {
        Difference::Sizes { .. } => {
            "where sizes vary, make the function `relaxed()`, or give it `with_signature` with `None` for such a size"
        }
        Difference::Kind { .. } => "where a dtype or rank varies, convert the argument before the call",
        Difference::Static { .. } => "where a static value varies, pass a tensor in its place",
        Difference::Structure { .. } => "where the structure varies, stack the tensors to one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `calls` has a `t` for each call that traces and a `.` for each other one; a warning comes at these places.
    #[track_caller]
    fn check(calls: &str, expected: &[usize]) {
        let retraces = Retraces::new();
        let warned: Vec<usize> = calls
            .char_indices()
            .filter_map(|(place, call)| match call {
                't' => retraces.count_trace().map(|_| place),
                _ => {
                    retraces.count_call();
                    None
                }
            })
            .collect();
        assert_eq!(warned, expected);
    }

    #[test]
    fn five_of_the_last_eight_calls_are_too_many() {
        check("ttttttttt", &[4]);
        check("tttt", &[]);
        check("t.t.t.tt", &[7]);
        check("t.t.t.t.t.t.t.t.", &[]);
        check("tttt............t", &[]);
        check("tttt....tttt.t", &[13]);
    }
}
