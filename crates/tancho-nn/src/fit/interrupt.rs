//! Ctrl-C.
//!
//! A process has one handler, which stays. It raises a flag while training runs that asked for it, and otherwise ends the
//! process, as if there was no handler. A handler of the user's own is left in its place.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

static LISTENERS: AtomicUsize = AtomicUsize::new(0);
static RAISED: AtomicBool = AtomicBool::new(false);

/// What a shell reports of a program that Ctrl-C ended.
const ENDED_BY_CTRL_C: i32 = 130;

/// While it lives, Ctrl-C raises a flag.
pub(super) struct Listener(());

impl Listener {
    /// Begins to listen; nothing, where a handler of somebody else is in place.
    pub(super) fn start() -> Option<Self> {
        if !install_handler() {
            log::debug!("Ctrl-C has a handler of its own, which stays");
            return None;
        }
        Some(Listener::count())
    }

    fn count() -> Self {
        if LISTENERS.fetch_add(1, SeqCst) == 0 {
            RAISED.store(false, SeqCst);
        }
        Listener(())
    }

    pub(super) fn is_raised(&self) -> bool {
        RAISED.load(SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, SeqCst);
    }
}

fn install_handler() -> bool {
    static INSTALLED: Mutex<Option<bool>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    *installed.get_or_insert_with(|| {
        ctrlc::try_set_handler(|| {
            if !handle() {
                std::process::exit(ENDED_BY_CTRL_C);
            }
        })
        .is_ok()
    })
}

/// Raises the flag; `false` where nobody listens, or where it was raised already.
fn handle() -> bool {
    LISTENERS.load(SeqCst) > 0 && !RAISED.swap(true, SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_raised_once_and_only_while_somebody_listens() {
        assert!(!handle());
        let listener = Listener::count();
        assert!(!listener.is_raised());
        assert!(handle());
        assert!(listener.is_raised());
        assert!(!handle());
        drop(listener);
        let next = Listener::count();
        assert!(!next.is_raised());
    }
}
