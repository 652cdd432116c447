//! Processes that run cases, side by side, each watched.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use std::{env, thread};

use super::protocol::{Message, Outcome, Request, Step};
use crate::args::Rules;
use crate::error::CliError;

/// How the cases are run.
pub struct Options {
    pub rules: Rules,
    pub timeout: Duration,
    pub jobs: usize,
    pub threads: Option<usize>,
    /// In bytes.
    pub memory: usize,
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct FileOutcome {
    /// The file's own word on why it is disabled.
    pub disabled: Option<String>,
    pub steps: Vec<(Step, Outcome)>,
}

/// Runs all files; `report` gets them in their order.
pub fn run_files(
    files: &[PathBuf],
    options: &Options,
    mut report: impl FnMut(&Path, FileOutcome) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..options.jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                let mut worker = None;
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(place) else { return };
                    // Nobody receives any more once a report has failed.
                    if sender.send((place, run_file(file, options, &mut worker))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early: Vec<Option<FileOutcome>> = files.iter().map(|_| None).collect();
        let mut reported = 0;
        for (place, outcome) in receiver {
            early[place] = Some(outcome?);
            while let Some(outcome) = early.get_mut(reported).and_then(Option::take) {
                report(&files[reported], outcome)?;
                reported += 1;
            }
        }
        Ok(())
    })
}

/// Runs the cases of a file, in as many processes as that takes.
fn run_file(file: &Path, options: &Options, worker: &mut Option<Worker>) -> Result<FileOutcome, CliError> {
    let mut outcome = FileOutcome::default();
    loop {
        let skip = outcome.steps.len();
        let running = match worker.take() {
            Some(running) => worker.insert(running),
            None => worker.insert(Worker::start(options).map_err(CliError::Worker)?),
        };
        let Some(end) = running.run(file, skip, options, &mut outcome) else { return Ok(outcome) };
        let (step, reason) = (end.step, end.reason);
        let died = worker.take().map_or_else(String::new, Worker::stop);
        let reason = reason.unwrap_or(died);
        match step {
            Some(step) => outcome.steps.push((step, Outcome::Failed(reason))),
            // It died between two steps, or before the first.
            None if outcome.steps.len() == skip => {
                let step = Step { case: "main".into(), mode: "read".into() };
                outcome.steps.push((step, Outcome::Failed(reason)));
                return Ok(outcome);
            }
            None => {}
        }
    }
}

/// Why a process does not go on.
struct End {
    /// The step that it was at.
    step: Option<Step>,
    /// What is known; else how the process ended.
    reason: Option<String>,
}

/// A process that runs cases.
struct Worker {
    process: Child,
    requests: ChildStdin,
    lines: Receiver<String>,
    errors: thread::JoinHandle<String>,
}

impl Worker {
    fn start(options: &Options) -> io::Result<Worker> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("conformance-worker").arg("--mode").arg(options.rules.mode.to_string());
        command.arg("--rtol").arg(options.rules.rtol.to_string());
        command.arg("--atol").arg(options.rules.atol.to_string());
        command.arg("--memory-limit").arg(options.memory.to_string());
        if let Some(threads) = options.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let (Some(requests), Some(output), Some(errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(io::Error::other("a process without pipes"));
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Worker { process, requests, lines, errors: thread::spawn(move || last_words(errors)) })
    }

    /// Runs a file from a step on; `None` when it is done.
    fn run(&mut self, file: &Path, skip: usize, options: &Options, outcome: &mut FileOutcome) -> Option<End> {
        let mut current: Option<Step> = None;
        let request = Request::write(file, skip) + "\n";
        // If it is gone already, the lines say so below.
        let _ = self.requests.write_all(request.as_bytes()).and_then(|()| self.requests.flush());
        loop {
            let line = match self.lines.recv_timeout(options.timeout) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Some(End { step: current, reason: None }),
                Err(RecvTimeoutError::Timeout) => {
                    let reason = Some(format!("took longer than {} s", options.timeout.as_secs_f64()));
                    return Some(End { step: current, reason });
                }
            };
            match Message::read(&line) {
                Some(Message::Disabled(reason)) => outcome.disabled = Some(reason),
                Some(Message::Begin(step)) => current = Some(step),
                Some(Message::End(result)) => outcome.steps.extend(current.take().map(|step| (step, result))),
                Some(Message::Done) => return None,
                None => {}
            }
        }
    }

    /// Ends the process, if it runs still, and says how it ended.
    fn stop(mut self) -> String {
        // A process that died by itself has closed its output, and ends on its own.
        let status = self.process.try_wait().ok().flatten().or_else(|| {
            thread::sleep(Duration::from_millis(50));
            self.process.try_wait().ok().flatten()
        });
        if status.is_none() {
            let _ = self.process.kill();
        }
        let status = status.or_else(|| self.process.wait().ok());
        let words = self.errors.join().unwrap_or_default();
        let end = status.map_or_else(|| "the process ended".into(), describe_status);
        if words.is_empty() { end } else { format!("{end}: {words}") }
    }
}

/// The last line that is not empty.
fn last_words(mut errors: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = errors.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

fn describe_status(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return match signal_name(signal) {
                Some(name) => format!("crashed with {name}"),
                None => format!("crashed with signal {signal}"),
            };
        }
    }
    match status.code() {
        Some(code) => format!("the process ended with status {code}"),
        None => "the process ended".into(),
    }
}

/// The signals by which programs end, under the numbers that they have on every Unix.
#[cfg(unix)]
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        _ => return None,
    })
}
