//! The program `tancho`: runs, measures, prints and checks graphs that are in files.
//!
//! [`args`] says what can be asked for; [`program`] and [`inputs`] read what the commands work on; each command is a file
//! of its name. A command returns the text that goes to the standard output, or one [`CliError`], which goes to the
//! standard error with exit status 1. What cannot be understood at all is answered by clap, with exit status 2.

#![forbid(unsafe_code)]

mod args;
mod error;
mod program;
mod inputs;
mod random;
mod run;
mod bench;
mod profile;
mod cost;
mod dump;
mod check;
mod export;
mod conformance;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use conformance::Limits;
use error::CliError;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(threads) = arguments.threads {
        tancho_runtime::set_threads(threads);
    }
    if let Some(bytes) = arguments.memory_limit {
        tancho_tensor::pool::set_memory_limit(bytes);
    }
    let output = match &arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Bench(arguments) => bench::bench(arguments),
        Command::Profile(arguments) => profile::profile(arguments),
        Command::Cost(arguments) => cost::cost(arguments),
        Command::Dump(arguments) => dump::dump(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Export(arguments) => export::export(arguments),
        Command::Conformance(conformance) => {
            let limits = Limits { threads: arguments.threads, memory: arguments.memory_limit };
            conformance::conformance(conformance, &limits)
        }
        Command::ConformanceWorker(worker) => conformance::work(worker),
    };
    match output.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.to_string().trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Writes to the standard output. A reader that has seen enough, as `head` has, is no error.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
