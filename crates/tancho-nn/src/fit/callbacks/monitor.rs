//! Watching one number for the better.

use std::sync::Arc;

use super::super::history::Logs;

/// Whether a number is better when it is smaller or when it is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    /// Larger for accuracies, areas under curves and what is like them; smaller for all else.
    #[default]
    Auto,
    Smaller,
    Larger,
}

/// What a larger number of which is better has in its name.
const LARGER_IS_BETTER: [&str; 10] =
    ["acc", "auc", "precision", "recall", "f1", "fbeta", "r2", "iou", "cosine_similarity", "true_"];

/// A number, and the best one so far.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub(super) name: Arc<str>,
    pub(super) better: Better,
    /// What is less of a change is none.
    pub(super) min_delta: f64,
    pub(super) best: Option<f64>,
    has_warned: bool,
}

impl Monitor {
    pub(super) fn new(name: &str, min_delta: f64) -> Self {
        Monitor { name: name.into(), better: Better::Auto, min_delta, best: None, has_warned: false }
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.best = None;
    }

    /// The number among those of an epoch; a warning, once, where it is not there.
    pub(super) fn read(&mut self, logs: &Logs) -> Option<f64> {
        let found = logs.get(&self.name);
        if found.is_none() && !self.has_warned {
            self.has_warned = true;
            let known: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
            log::warn!("there is no {:?} to watch, but {}", self.name, known.join(", "));
        }
        found
    }

    /// Whether a number is better than another.
    pub(super) fn is_better(&self, value: f64, than: f64) -> bool {
        let larger = match self.better {
            Better::Smaller => false,
            Better::Larger => true,
            Better::Auto => LARGER_IS_BETTER.iter().any(|part| self.name.contains(part)),
        };
        if larger { value - self.min_delta > than } else { value + self.min_delta < than }
    }

    /// Keeps a number where it is the best so far.
    pub(super) fn improves(&mut self, value: f64) -> bool {
        // A first number that is NaN is worse than what follows.
        let improves = match self.best {
            None => !value.is_nan(),
            Some(best) => self.is_better(value, best),
        };
        if improves {
            self.best = Some(value);
        }
        improves
    }
}
