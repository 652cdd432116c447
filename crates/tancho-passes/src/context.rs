//! What a pass may ask of the outside, and what it answers.

use std::cell::Cell;

use tancho_ir::Graph;
use tancho_tensor::Array;

/// How many changes a pass made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed(pub usize);

impl Changed {
    pub const NOTHING: Changed = Changed(0);

    pub fn anything(self) -> bool {
        self.0 > 0
    }
}

/// The surroundings of a pass.
pub struct Context<'a> {
    /// Evaluates a graph without parameters; `None` where that is not possible.
    ///
    /// A compiler supplies its own kernels, so that a constant folds to the very bits that a call would give.
    pub evaluate: &'a dyn Fn(&Graph) -> Option<Vec<Array>>,
    /// How many changes are still permitted.
    remaining: Cell<usize>,
}

impl<'a> Context<'a> {
    pub fn new(evaluate: &'a dyn Fn(&Graph) -> Option<Vec<Array>>) -> Self {
        Context { evaluate, remaining: Cell::new(usize::MAX) }
    }

    /// A context in which nothing is folded that needs arithmetic.
    pub fn without_evaluation() -> Context<'static> {
        Context::new(&|_| None)
    }

    /// Permits this many changes from here on.
    pub fn set_change_limit(&self, limit: Option<usize>) {
        self.remaining.set(limit.unwrap_or(usize::MAX));
    }

    /// Whether one more change is permitted; a pass asks before each change, and makes it if so.
    ///
    /// The limit is for bisection: the least limit under which a program goes wrong names the change that breaks it.
    pub fn permit(&self) -> bool {
        match self.remaining.get() {
            0 => false,
            usize::MAX => true,
            remaining => {
                self.remaining.set(remaining - 1);
                true
            }
        }
    }
}
