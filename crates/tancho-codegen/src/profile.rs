//! Profiles: a plan that is called some times with a clock around each step.
//!
//! A first call, which maps memory and fills caches, is not counted. The time of a step is the median over the calls of what
//! it takes in one of them; a step of a loop's body runs many times in a call, and its time is that of all runs together.
//! What a step costs is what [`cost`](mod@crate::cost) says, times its runs, so that loops and branches are counted as they
//! went. Reading the clock takes some tens of nanoseconds for each run of a step, which the step around it pays for.

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use tancho_ir::Span;
use tancho_tensor::Array;

use crate::call::{Argument, RunError};
use crate::cost::{NestedCost, StepCost, StepKind, Table, nested_plans, number_text, source_text};
use crate::execute::Workers;
use crate::plan::Plan;
use crate::watch::Watch;

/// The most events of steps in loops and branches that a profile keeps for its trace.
const NESTED_EVENTS_KEPT: usize = 100_000;

/// Where the time of a call goes.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name of the program.
    pub program: String,
    /// The calls that were measured.
    pub repetitions: usize,
    /// The threads that a call could use.
    pub threads: usize,
    /// The median time of a call.
    pub time: Duration,
    /// In the order of execution.
    pub steps: Vec<StepProfile>,
    calls: Vec<Interval>,
    events: Vec<(usize, Interval)>,
    /// What the events name.
    labels: Vec<Label>,
}

/// A step of a profile.
#[derive(Clone, Debug)]
pub struct StepProfile {
    pub kind: StepKind,
    /// What it does, in a few words.
    pub description: String,
    /// How often it ran in a call.
    pub runs: u64,
    /// The time of all its runs in a call.
    pub time: Duration,
    /// The floating-point operations of all its runs in a call.
    pub flops: u64,
    /// The bytes that all its runs in a call read and write.
    pub bytes: u64,
    /// Whether FLOP and bytes are not counted out, other than for the number of runs.
    pub is_estimate: bool,
    /// The distinct source lines of the operations that it computes, the root's first.
    pub spans: Vec<Span>,
    /// The programs that it runs.
    pub nested: Vec<NestedProfile>,
}

/// A program that a step runs.
#[derive(Clone, Debug)]
pub struct NestedProfile {
    /// `condition`, `body`, `branch 0` …
    pub name: String,
    pub steps: Vec<StepProfile>,
}

impl StepProfile {
    /// Floating-point operations in a second.
    pub fn flops_per_second(&self) -> f64 {
        rate(self.flops, self.time)
    }

    pub fn bytes_per_second(&self) -> f64 {
        rate(self.bytes, self.time)
    }
}

fn rate(amount: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { amount as f64 / time.as_secs_f64() }
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    begin: Duration,
    length: Duration,
}

/// What a trace says of each run of a step.
#[derive(Clone, Debug, Default)]
struct Label {
    name: String,
    category: &'static str,
    flops: u64,
    bytes: u64,
    source: String,
}

impl Plan {
    /// Calls the plan so many times, at least once, with a clock around each step. Effects of the program happen in each
    /// call, and once more before them.
    ///
    /// # Errors
    /// As for [`Plan::call`].
    ///
    /// # Panics
    /// As for [`Plan::call`].
    pub fn profile(
        &self,
        arguments: &[&Array],
        repetitions: usize,
        workers: &impl Workers,
    ) -> Result<Profile, RunError> {
        let lend = || arguments.iter().map(|&array| Argument::Lend(array)).collect::<Vec<_>>();
        self.call(&mut lend(), workers)?;
        let repetitions = repetitions.max(1);
        let mut clock = Clock::new(self);
        let mut calls = Vec::with_capacity(repetitions);
        for _ in 0..repetitions {
            let mut lent = lend();
            let begin = Instant::now();
            let results = self.call_watched(&mut lent, workers, &mut clock)?;
            calls.push(Interval { begin: begin.duration_since(clock.start), length: begin.elapsed() });
            drop(results);
            clock.finish_call();
        }
        let cost = self.cost(workers.count());
        let mut labels = vec![Label::default(); clock.runs.len()];
        let steps = clock.profiles(0, cost.steps, repetitions as u64, &mut labels);
        Ok(Profile {
            program: cost.program,
            repetitions,
            threads: workers.count(),
            time: median(&mut calls.iter().map(|call| call.length).collect::<Vec<_>>()),
            steps,
            calls,
            events: clock.events,
            labels,
        })
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Measures steps. Each step of the plan and of those that it runs has a number.
struct Clock {
    plans: Vec<PlanNode>,
    /// The plans that run, with the step at hand in each; never empty.
    stack: Vec<(usize, usize)>,
    start: Instant,
    /// For each step, its time in the call at hand, its times in the calls before, and its runs in all of them.
    current: Vec<Duration>,
    times: Vec<Vec<Duration>>,
    runs: Vec<u64>,
    events: Vec<(usize, Interval)>,
    nested_events: usize,
}

/// A plan's place in the numbering.
struct PlanNode {
    /// The number of its first step; the others follow.
    first: usize,
    /// For each step, the plans that it runs.
    nested: Vec<Vec<usize>>,
}

impl Clock {
    fn new(plan: &Plan) -> Self {
        let mut plans = Vec::new();
        let mut count = 0;
        add_plan(plan, &mut plans, &mut count);
        Clock {
            plans,
            stack: vec![(0, 0)],
            start: Instant::now(),
            current: vec![Duration::ZERO; count],
            times: vec![Vec::new(); count],
            runs: vec![0; count],
            events: Vec::new(),
            nested_events: 0,
        }
    }

    fn finish_call(&mut self) {
        for (times, current) in self.times.iter_mut().zip(&mut self.current) {
            times.push(std::mem::take(current));
        }
    }

    /// The steps of a plan with what was measured of them.
    fn profiles(&mut self, plan: usize, costs: Vec<StepCost>, calls: u64, labels: &mut [Label]) -> Vec<StepProfile> {
        let mut profiles = Vec::new();
        for (step, cost) in costs.into_iter().enumerate() {
            let number = self.plans[plan].first + step;
            let runs = self.runs[number] / calls;
            let mut nested = Vec::new();
            for (place, NestedCost { name, steps }) in cost.nested.into_iter().enumerate() {
                let inner = self.plans[plan].nested[step][place];
                nested.push(NestedProfile { name, steps: self.profiles(inner, steps, calls, labels) });
            }
            let runs_of_all = |amount: u64| amount.saturating_mul(runs);
            let bytes = cost.bytes_read.saturating_add(cost.bytes_written);
            let mut profile = StepProfile {
                kind: cost.kind,
                description: cost.description,
                runs,
                time: median(&mut self.times[number]),
                flops: runs_of_all(cost.flops),
                bytes: runs_of_all(bytes),
                is_estimate: cost.is_estimate,
                spans: cost.spans,
                nested,
            };
            if matches!(profile.kind, StepKind::While | StepKind::Case) {
                let inner = || profile.nested.iter().flat_map(|nested| &nested.steps).filter(|step| step.runs > 0);
                profile.flops = inner().map(|step| step.flops).fold(0, u64::saturating_add);
                profile.bytes = inner().map(|step| step.bytes).fold(0, u64::saturating_add);
                profile.is_estimate = inner().any(|step| step.is_estimate);
                // What was counted is known by now.
                profile.description = match profile.kind {
                    StepKind::While => trips_text(&profile),
                    _ => format!("of {} branches", profile.nested.len()),
                };
            }
            let per_run = |amount: u64| amount / runs.max(1);
            labels[number] = Label {
                name: step_text(&profile),
                category: profile.kind.name(),
                flops: per_run(profile.flops),
                bytes: per_run(profile.bytes),
                source: profile.spans.iter().map(Span::to_string).collect::<Vec<_>>().join("\n"),
            };
            profiles.push(profile);
        }
        profiles
    }
}

/// `12 trips`, from the steps of the body.
fn trips_text(profile: &StepProfile) -> String {
    let body = profile.nested.last().and_then(|body| body.steps.first());
    match body.map(|step| step.runs) {
        Some(1) => "of 1 trip".to_owned(),
        Some(trips) => format!("of {trips} trips"),
        // A body without steps copies its arguments.
        None => String::new(),
    }
}

fn step_text(profile: &StepProfile) -> String {
    format!("{} {}", profile.kind.name(), profile.description).trim_end().to_owned()
}

fn add_plan(plan: &Plan, plans: &mut Vec<PlanNode>, count: &mut usize) -> usize {
    let node = plans.len();
    plans.push(PlanNode { first: *count, nested: Vec::new() });
    *count += plan.step_count();
    let inner =
        |step| nested_plans(step).into_iter().map(|nested| add_plan(&nested.plan, plans, count)).collect::<Vec<_>>();
    let nested = plan.steps.iter().map(inner).collect();
    plans[node].nested = nested;
    node
}

impl Watch for Clock {
    type Begun = Instant;

    fn begin(&mut self, step: usize) -> Instant {
        let top = self.stack.len() - 1;
        self.stack[top].1 = step;
        Instant::now()
    }

    fn end(&mut self, begun: Instant) {
        let length = begun.elapsed();
        let (plan, step) = self.stack[self.stack.len() - 1];
        let number = self.plans[plan].first + step;
        self.current[number] += length;
        self.runs[number] += 1;
        let is_nested = self.stack.len() > 1;
        if !is_nested || self.nested_events < NESTED_EVENTS_KEPT {
            self.nested_events += usize::from(is_nested);
            self.events.push((number, Interval { begin: begun.duration_since(self.start), length }));
        }
    }

    fn enter(&mut self, nested: usize) {
        let (plan, step) = self.stack[self.stack.len() - 1];
        self.stack.push((self.plans[plan].nested[step][nested], 0));
    }

    fn leave(&mut self) {
        self.stack.pop();
    }
}

/// How a call is timed, then a line for each step with its share of the call, those of nested programs indented below the
/// step that runs them. A figure with `~` is an estimate.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.repetitions == 1 { "1 call".to_owned() } else { format!("{} calls", self.repetitions) };
        let threads = if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        let in_steps: Duration = self.steps.iter().map(|step| step.time).sum();
        let outside = self.time.saturating_sub(in_steps);
        let (time, outside) = (microseconds(self.time), microseconds(outside));
        writeln!(
            f,
            "profile of @{}: {calls} on {threads}, median {time} us, {outside} us of it outside of the steps",
            { &self.program }
        )?;
        let mut table =
            Table::new(&["time us", "share", "runs", "FLOP", "GFLOP/s", "bytes", "GB/s"], &["step", "source"]);
        self.add_rows(&mut table, &self.steps, 0);
        table.fmt(f)
    }
}

fn microseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1e6)
}

impl Profile {
    fn add_rows(&self, table: &mut Table, steps: &[StepProfile], depth: usize) {
        for step in steps {
            let about = if step.is_estimate { "~" } else { "" };
            let share = step.time.as_secs_f64() / self.time.as_secs_f64().max(f64::MIN_POSITIVE);
            table.row(vec![
                microseconds(step.time),
                format!("{:.1}%", share * 100.0),
                step.runs.to_string(),
                format!("{about}{}", number_text(step.flops as f64)),
                format!("{about}{:.2}", step.flops_per_second() / 1e9),
                format!("{about}{}", number_text(step.bytes as f64)),
                format!("{about}{:.2}", step.bytes_per_second() / 1e9),
                format!("{}{}", "  ".repeat(depth), step_text(step)),
                source_text(&step.spans),
            ]);
            for NestedProfile { name, steps } in &step.nested {
                let mut row = vec![String::new(); 7];
                row.push(format!("{}{name}", "  ".repeat(depth + 1)));
                table.row(row);
                self.add_rows(table, steps, depth + 2);
            }
        }
    }

    /// The calls and the steps as JSON in the trace event format of Chrome, which Perfetto reads too: an event for each run
    /// of a step, below one for each call, with FLOP, bytes and source lines. Of runs in loops and branches the first
    /// 100,000 are kept.
    pub fn to_chrome_trace(&self) -> String {
        let mut out = String::from("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n");
        let process = quoted(&format!("@{}", self.program));
        let _ = write!(
            out,
            "{{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 1, \"args\": {{\"name\": {process}}}}}"
        );
        for (number, call) in self.calls.iter().enumerate() {
            let arguments = format!("{{\"repetition\": {number}}}");
            write_event(&mut out, &process, "call", *call, &arguments);
        }
        for &(step, interval) in &self.events {
            let Label { name, category, flops, bytes, source } = &self.labels[step];
            let source = quoted(source);
            let arguments = format!("{{\"flop\": {flops}, \"bytes\": {bytes}, \"source\": {source}}}");
            write_event(&mut out, &quoted(name), category, interval, &arguments);
        }
        out.push_str("\n]}\n");
        out
    }
}

fn write_event(out: &mut String, name: &str, category: &str, interval: Interval, arguments: &str) {
    let (begin, length) = (microseconds(interval.begin), microseconds(interval.length));
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        ",\n{{\"name\": {name}, \"cat\": \"{category}\", \"ph\": \"X\", \"ts\": {begin}, \"dur\": {length}, \
         \"pid\": 1, \"tid\": 1, \"args\": {arguments}}}"
    );
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter < ' ' => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            letter => out.push(letter),
        }
    }
    out + "\""
}
