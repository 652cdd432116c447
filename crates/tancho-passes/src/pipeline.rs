//! The list of passes and the runner that works through it.
//!
//! [`PIPELINE`] is the registry, the order and the reason. [`optimize`] repeats the list until a round changes nothing, at
//! most [`Options::round_limit`] times; a pass is left out while the graph is as the pass itself left it, since a pass that
//! runs twice changes nothing the second time. Around each run stand the observer, the clock and, where it is asked for, the
//! verifier.

use std::fmt;
use std::time::{Duration, Instant};

use tancho_ir::{Graph, verify};

use crate::{
    Changed, Context, fold_constants, fold_transposes, inline_calls, merge_common, optimize_regions, remove_dead,
    shrink_constants, simplify, sink_shapes,
};

/// One row of the list.
pub struct Pass {
    /// The name of the pass's file.
    pub name: &'static str,
    /// Why it stands where it stands.
    pub reason: &'static str,
    pub run: fn(&mut Graph, &Context) -> Changed,
}

/// The passes in their order.
pub const PIPELINE: &[Pass] = &[
    Pass {
        name: "inline_calls",
        reason: "first, so that every other pass sees one flat graph",
        run: inline_calls::run,
    },
    Pass {
        name: "optimize_regions",
        reason: "after inlining, which brings them in; what follows does not look into them",
        run: optimize_regions::run,
    },
    Pass {
        name: "shrink_constants",
        reason: "before whatever looks for a constant element",
        run: shrink_constants::run,
    },
    Pass {
        name: "sink_shapes",
        reason: "before folding, so that what is computed from splats is computed on one element",
        run: sink_shapes::run,
    },
    Pass {
        name: "fold_constants",
        reason: "before simplification, which looks for constants",
        run: fold_constants::run,
    },
    Pass { name: "simplify", reason: "after the movements have met, so that they cancel", run: simplify::run },
    Pass {
        name: "fold_transposes",
        reason: "after transposes have sunk and cancelled: those that are left and meet a product fold",
        run: fold_transposes::run,
    },
    Pass {
        name: "merge_common",
        reason: "after rewriting, which makes equal what was only equivalent",
        run: merge_common::run,
    },
    Pass {
        name: "remove_dead",
        reason: "last, since the others leave what lost its users elsewhere",
        run: remove_dead::run,
    },
];

/// The pass of a name.
pub fn find_pass(name: &str) -> Option<&'static Pass> {
    PIPELINE.iter().find(|pass| pass.name == name)
}

/// Before or after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What watches the passes: it is given a pass's name, the moment, and the graph.
pub type Observer<'a> = dyn Fn(&'static str, Moment, &Graph) + 'a;

/// How the runner works.
pub struct Options<'a> {
    /// Verify the graph before the first pass and after each; a failure panics, since it is a bug of the pass.
    pub verify: bool,
    /// Make only the first so many changes, for bisection.
    pub change_limit: Option<usize>,
    /// Work through the list at most so many times.
    pub round_limit: usize,
    /// Called before and after each pass.
    pub observe: Option<&'a Observer<'a>>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { verify: false, change_limit: None, round_limit: 8, observe: None }
    }
}

/// What the runner did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The runs in their order.
    pub runs: Vec<PassRun>,
    /// How often the list was worked through.
    pub rounds: usize,
    /// Whether the rounds ended at their limit, while there were still changes.
    pub reached_round_limit: bool,
}

/// One run of a pass.
#[derive(Clone, Debug)]
pub struct PassRun {
    pub pass: &'static str,
    /// Counted from one.
    pub round: usize,
    pub changes: usize,
    pub duration: Duration,
}

impl Report {
    /// All changes together.
    pub fn changes(&self) -> usize {
        self.runs.iter().map(|run| run.changes).sum()
    }
}

/// One line for each run.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for PassRun { pass, round, changes, duration } in &self.runs {
            writeln!(f, "round {round}  {pass:<16} {changes:>6} changes {:>9.3} ms", duration.as_secs_f64() * 1e3)?;
        }
        if self.reached_round_limit {
            writeln!(f, "stopped after {} rounds, with changes left", self.rounds)?;
        }
        Ok(())
    }
}

/// Runs the passes of [`PIPELINE`] until none changes anything.
///
/// # Panics
/// With [`Options::verify`], where a pass has left a graph that does not verify: a bug of the pass.
pub fn optimize(graph: &mut Graph, context: &Context, options: &Options) -> Report {
    run_passes(PIPELINE, graph, context, options)
}

/// As [`optimize`], with a list of one's own.
///
/// # Panics
/// As [`optimize`].
pub fn run_passes(passes: &[Pass], graph: &mut Graph, context: &Context, options: &Options) -> Report {
    context.set_change_limit(options.change_limit);
    run_rounds(passes, graph, context, options)
}

/// As [`run_passes`], within the limit of changes that the context has.
pub(crate) fn run_rounds(passes: &[Pass], graph: &mut Graph, context: &Context, options: &Options) -> Report {
    if options.verify {
        verify_after("what came before the passes", graph);
    }
    let mut report = Report::default();
    // How often the graph has changed, and what that number was when each pass had last run.
    let mut version = 0usize;
    let mut seen: Vec<Option<usize>> = vec![None; passes.len()];
    while report.rounds < options.round_limit {
        report.rounds += 1;
        for (pass, seen) in passes.iter().zip(&mut seen) {
            if *seen == Some(version) {
                continue;
            }
            let run = run_pass(pass, graph, context, options, report.rounds);
            version += usize::from(run.changes > 0);
            *seen = Some(version);
            report.runs.push(run);
        }
        if seen.iter().all(|&seen| seen == Some(version)) {
            return report;
        }
    }
    report.reached_round_limit = true;
    report
}

fn run_pass(pass: &Pass, graph: &mut Graph, context: &Context, options: &Options, round: usize) -> PassRun {
    let observe = |moment, graph: &Graph| {
        if let Some(observe) = options.observe {
            observe(pass.name, moment, graph);
        }
    };
    observe(Moment::Before, graph);
    let start = Instant::now();
    let Changed(changes) = (pass.run)(graph, context);
    let duration = start.elapsed();
    observe(Moment::After, graph);
    if options.verify {
        verify_after(pass.name, graph);
    }
    PassRun { pass: pass.name, round, changes, duration }
}

fn verify_after(place: &str, graph: &Graph) {
    if let Err(errors) = verify(graph) {
        panic!("{place} left a graph that does not verify:\n{errors}");
    }
}
