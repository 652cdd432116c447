//! How training goes.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use tancho_core::Tensor;

use super::batches::Batches;
use super::callbacks::Callback;

/// How [`Trainer::fit`](super::Trainer::fit) goes: `Fit { epochs: 10, ..Fit::default() }`.
///
/// # Reference
/// The arguments of `keras.Model.fit`
pub struct Fit {
    /// The number of the epoch before which training ends; 1.
    pub epochs: usize,
    /// How many samples a step takes; 32. The last step of an epoch takes what is left.
    pub batch_size: usize,
    /// The part of the samples, from 0 to 1, that is kept for validation: the last ones, before any shuffling; 0.
    pub validation_split: f64,
    /// Samples for validation at the end of each epoch.
    pub validation_data: Option<(Tensor, Tensor)>,
    /// Batches for validation, in the place of tensors.
    pub validation_batches: Option<Box<dyn Batches>>,
    /// Whether samples come in another order in each epoch; yes.
    pub shuffle: bool,
    /// How much a sample of a class counts, for classes that count other than 1.
    pub class_weight: Option<BTreeMap<i64, f64>>,
    /// How much each sample counts, `[samples]`.
    pub sample_weight: Option<Tensor>,
    /// What is called at the ends of epochs and steps.
    pub callbacks: Vec<Box<dyn Callback>>,
    pub verbose: Verbose,
    /// The number of the first epoch, where training goes on; 0.
    pub initial_epoch: usize,
    /// How many steps are an epoch, where that is not one pass over the data. The next epoch goes on where this one ended.
    pub steps_per_epoch: Option<usize>,
    /// The seed of the order of samples; without it, one of the thread's sequence ([`set_seed`](crate::set_seed)).
    pub seed: Option<u64>,
    /// Stops with an error at the first step whose loss or variables are not finite, which names the operation and the
    /// source line that made the first such value. The model is then what it was before that step. It costs a copy of the
    /// variables in each step.
    pub check_finite: bool,
    /// Whether Ctrl-C stops training after the step at hand, with a model that can be used; a second Ctrl-C ends the program.
    /// Yes where the error output is a terminal.
    pub stop_at_ctrl_c: bool,
}

impl Default for Fit {
    fn default() -> Self {
        Fit {
            epochs: 1,
            batch_size: 32,
            validation_split: 0.0,
            validation_data: None,
            validation_batches: None,
            shuffle: true,
            class_weight: None,
            sample_weight: None,
            callbacks: Vec::new(),
            verbose: Verbose::Auto,
            initial_epoch: 0,
            steps_per_epoch: None,
            seed: None,
            check_finite: false,
            stop_at_ctrl_c: std::io::stderr().is_terminal(),
        }
    }
}

/// What is shown while training goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbose {
    /// A bar where the error output is a terminal, otherwise nothing.
    #[default]
    Auto,
    /// A bar for each epoch.
    Bar,
    /// A line at the end of each epoch.
    Lines,
    Silent,
}

/// How [`Trainer::evaluate_with`](super::Trainer::evaluate_with) goes.
pub struct Evaluate {
    /// How many samples a step takes; 32.
    pub batch_size: usize,
    /// How much each sample counts, `[samples]`.
    pub sample_weight: Option<Tensor>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Evaluate { batch_size: 32, sample_weight: None }
    }
}
