//! What is shown while training goes on: a bar for each epoch where somebody looks, or a line.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::history::Logs;
use super::options::Verbose;

/// How often the numbers of a bar change.
const REFRESH: Duration = Duration::from_millis(100);

pub(super) struct Progress {
    shown: Shown,
    epochs: usize,
    steps: Option<usize>,
    last: Instant,
}

enum Shown {
    Nothing,
    Lines { begun: Instant },
    Bar(ProgressBar),
}

impl Progress {
    pub(super) fn new(verbose: Verbose, epochs: usize, steps: Option<usize>) -> Self {
        let shown = match verbose {
            Verbose::Silent => Shown::Nothing,
            Verbose::Auto if !std::io::stderr().is_terminal() => Shown::Nothing,
            Verbose::Lines => Shown::Lines { begun: Instant::now() },
            Verbose::Auto | Verbose::Bar => Shown::Bar(ProgressBar::hidden()),
        };
        Progress { shown, epochs, steps, last: Instant::now() }
    }

    pub(super) fn begin_epoch(&mut self, epoch: usize) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines { begun } => *begun = Instant::now(),
            Shown::Bar(bar) => {
                let steps = self.steps.map(|steps| steps as u64);
                let new = ProgressBar::with_draw_target(steps, ProgressDrawTarget::stderr());
                let template = match steps {
                    Some(_) => "{prefix} {bar:24} {pos}/{len} {elapsed} {msg}",
                    None => "{prefix} {spinner} {pos} {elapsed} {msg}",
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    new.set_style(style);
                }
                new.set_prefix(format!("epoch {}/{}", epoch + 1, self.epochs));
                *bar = new;
            }
        }
    }

    /// Whether numbers are wanted after a step.
    pub(super) fn is_due(&self) -> bool {
        match self.shown {
            Shown::Nothing | Shown::Lines { .. } => false,
            Shown::Bar(_) => self.last.elapsed() >= REFRESH,
        }
    }

    pub(super) fn show(&mut self, step: usize, logs: &Logs) {
        if let Shown::Bar(bar) = &self.shown {
            bar.set_position(step as u64 + 1);
            bar.set_message(logs.to_string());
            self.last = Instant::now();
        }
    }

    pub(super) fn end_epoch(&mut self, epoch: usize, steps: usize, logs: &Logs) {
        // Later epochs know how long they are.
        self.steps.get_or_insert(steps);
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines { begun } => {
                eprintln!("epoch {}/{}: {:.1} s, {logs}", epoch + 1, self.epochs, begun.elapsed().as_secs_f64());
            }
            Shown::Bar(bar) => {
                bar.set_position(steps as u64);
                bar.set_message(logs.to_string());
                bar.abandon();
            }
        }
    }
}
