//! `tancho conformance`: runs programs that know their own results.
//!
//! [`cases`] finds them. The cases of a file are run by [`worker`] in another process of this very program, which reports each
//! step (a case in a mode) as it begins and as it ends; [`driver`] starts such processes, ends one that takes too long, and
//! goes on behind the step at which one died. So no file can bring the run down, and a file that kills its process costs but
//! the case at hand. [`report`] counts and prints.

mod cases;
mod driver;
mod protocol;
mod report;
mod worker;

use std::thread;

use crate::args::ConformanceArguments;
use crate::error::CliError;

use report::Report;

pub use worker::work;

/// What holds for the processes that run the cases as it does for this one.
pub struct Limits {
    pub threads: Option<usize>,
    /// In bytes.
    pub memory: Option<usize>,
}

/// What arrays may hold in a process for cases, unless the command line says something else: far more than a test needs.
const MEMORY: usize = 4 << 30;

pub fn conformance(arguments: &ConformanceArguments, limits: &Limits) -> Result<String, CliError> {
    let files = cases::find_files(&arguments.folder, arguments.filter.as_deref())?;
    if files.is_empty() {
        let wanted = match &arguments.filter {
            Some(filter) => format!(".mlir file whose path contains {filter:?}"),
            None => ".mlir file".into(),
        };
        return Err(CliError::NoCases { folder: arguments.folder.clone(), wanted });
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or(processors).min(files.len());
    let options = driver::Options {
        rules: arguments.rules.clone(),
        timeout: arguments.timeout,
        jobs,
        // Processes that run side by side need no threads of their own.
        threads: limits.threads.or((jobs > 1).then_some(1)),
        memory: limits.memory.unwrap_or(MEMORY),
    };
    let mut report = Report::new();
    driver::run_files(&files, &options, |file, outcomes| match report.add(file, &outcomes) {
        lines if lines.is_empty() => Ok(()),
        lines => crate::print(&lines),
    })?;
    crate::print(&report.summary())?;
    match report.failed() {
        0 => Ok(String::new()),
        failed => Err(CliError::Conformance { failed, of: report.cases() }),
    }
}
