//! The process that runs cases: it reads requests and reports each step.

use std::any::Any;
use std::cell::Cell;
use std::io::{self, BufRead};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use tancho_formats::stablehlo::syntax::Module;
use tancho_formats::stablehlo::{
    Check, CheckKind, ImportError, ImportOptions, compare, compare_within, import_module, parse, public_functions,
};
use tancho_interp::interpret;
use tancho_ir::{Graph, Op, verify};
use tancho_runtime::{Argument, CompileOptions, Executable, trim_code};
use tancho_tensor::{Array, DType};

use super::cases::{disabled, read_arrays, runs_beside};
use super::protocol::{Message, Outcome, Request, Step};
use crate::args::{Mode, Rules, WorkerArguments};
use crate::error::CliError;
use crate::program::read_utf8;

thread_local! {
    /// Where the last panic was.
    static PANIC_PLACE: Cell<String> = const { Cell::new(String::new()) };
}

pub fn work(arguments: &WorkerArguments) -> Result<String, CliError> {
    // The message of a panic is part of the report, and so is its place.
    panic::set_hook(Box::new(|panic| {
        PANIC_PLACE.set(panic.location().map(ToString::to_string).unwrap_or_default());
    }));
    for line in io::stdin().lock().lines() {
        let line = line.map_err(CliError::Worker)?;
        let Some(request) = Request::read(&line) else { continue };
        run_file(&request, &arguments.rules)?;
        send(&Message::Done)?;
        trim_code();
    }
    Ok(String::new())
}

fn send(message: &Message) -> Result<(), CliError> {
    crate::print(&(message.write() + "\n"))
}

/// Why a case did not pass.
enum Trouble {
    Failed(String),
    Unsupported(String),
}

impl<E: ToString> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble::Failed(error.to_string())
    }
}

/// What a file has to run.
enum Cases {
    /// The functions of a self-checking module.
    Functions(Module, Vec<String>),
    /// The runs of a program with values beside it.
    Runs(Module, Vec<String>),
    /// The file cannot be read at all.
    None(String),
}

fn run_file(request: &Request, rules: &Rules) -> Result<(), CliError> {
    let text = match read_utf8(&request.file) {
        Ok(text) => text,
        Err(error) => return run_steps(request, rules, &Cases::None(error.to_string())),
    };
    if let Some(reason) = disabled(&text) {
        send(&Message::Disabled(reason))?;
    }
    let cases = guarded(|| {
        let module = parse(&request.file, &text)?;
        let runs = runs_beside(&request.file);
        if !runs.is_empty() {
            return Ok(Cases::Runs(module, runs));
        }
        let functions: Vec<String> = public_functions(&module).into_iter().map(str::to_owned).collect();
        match functions.is_empty() {
            true => Err(Trouble::Failed("the file has no public function without arguments".into())),
            false => Ok(Cases::Functions(module, functions)),
        }
    });
    match cases {
        Ok(cases) => run_steps(request, rules, &cases),
        Err(Trouble::Failed(reason) | Trouble::Unsupported(reason)) => run_steps(request, rules, &Cases::None(reason)),
    }
}

fn run_steps(request: &Request, rules: &Rules, cases: &Cases) -> Result<(), CliError> {
    let (module, names) = match cases {
        Cases::Functions(module, names) | Cases::Runs(module, names) => (module, names),
        Cases::None(reason) => {
            let step = Step { case: "main".into(), mode: "read".into() };
            send(&Message::Begin(step))?;
            return send(&Message::End(Outcome::Failed(reason.clone())));
        }
    };
    let modes: &[Mode] = match rules.mode {
        Mode::Both => &[Mode::Interpreted, Mode::Compiled],
        Mode::Interpreted => &[Mode::Interpreted],
        Mode::Compiled => &[Mode::Compiled],
    };
    let steps = names.iter().flat_map(|name| modes.iter().map(move |mode| (name, *mode)));
    for (name, mode) in steps.skip(request.skip) {
        let case = match cases {
            Cases::Runs(..) => format!("{name}input"),
            Cases::Functions(..) | Cases::None(_) => name.clone(),
        };
        send(&Message::Begin(Step { case, mode: mode.to_string() }))?;
        let result = guarded(|| match cases {
            Cases::Functions(..) | Cases::None(_) => check_function(module, &request.file, name, mode),
            Cases::Runs(..) => check_run(module, &request.file, name, mode, rules),
        });
        send(&Message::End(match result {
            Ok(()) => Outcome::Passed,
            Err(Trouble::Failed(reason)) => Outcome::Failed(reason),
            Err(Trouble::Unsupported(reason)) => Outcome::Unsupported(reason),
        }))?;
    }
    Ok(())
}

/// A panic is a failure like others.
fn guarded<T>(run: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let message = |payload: Box<dyn Any + Send>| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    };
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        Err(Trouble::Failed(format!("panicked at {}: {}", PANIC_PLACE.take(), message(payload))))
    })
}

/// Runs a function of a self-checking module.
fn check_function(module: &Module, file: &Path, name: &str, mode: Mode) -> Result<(), Trouble> {
    let options = ImportOptions { function: Some(name), checks: true };
    let (graph, checks) = import(module, file, &options)?;
    if checks.is_empty() {
        return Err(Trouble::Failed("the function checks nothing".into()));
    }
    let results = run(graph, &[], mode)?;
    for Check { kind, actual, expected, position } in checks {
        let name = match kind {
            CheckKind::Equal => "expect_eq",
            CheckKind::AlmostEqual { .. } => "expect_almost_eq",
            CheckKind::Close { .. } => "expect_close",
        };
        let (Some(actual), Some(expected)) = (results.get(actual), results.get(expected)) else {
            return Err(Trouble::Failed(format!("{name}: its values are no results")));
        };
        compare(&kind, actual, expected).map_err(|mismatch| format!("{name}: {mismatch} (line {})", position.line))?;
    }
    Ok(())
}

/// Runs a program with values beside it.
fn check_run(module: &Module, file: &Path, prefix: &str, mode: Mode, rules: &Rules) -> Result<(), Trouble> {
    let (graph, _) = import(module, file, &ImportOptions::default())?;
    let least = tolerance(&graph);
    let inputs = read_arrays(file, prefix, "input")?;
    let expected = read_arrays(file, prefix, "output")?;
    let results = run(graph, &inputs, mode)?;
    if results.len() != expected.len() {
        return Err(Trouble::Failed(format!("{} results, expected {}", results.len(), expected.len())));
    }
    for (position, (actual, expected)) in results.iter().zip(&expected).enumerate() {
        compare_within(actual, expected, rules.rtol.max(least), rules.atol.max(least))
            .map_err(|mismatch| format!("output {position}: {mismatch}"))?;
    }
    Ok(())
}

/// What a program is allowed at least, since 16-bit floats on the way leave no more digits.
fn tolerance(graph: &Graph) -> f64 {
    let mut tolerance = 0.0f64;
    for id in graph.node_ids() {
        for of in graph.node(id).types() {
            tolerance = tolerance.max(match of.dtype {
                DType::BF16 => 1e-2,
                DType::F16 => 1e-3,
                _ => 0.0,
            });
        }
        let regions = graph.node(id).op().map(Op::regions).unwrap_or_default();
        tolerance = regions.iter().map(|(_, region)| self::tolerance(region)).fold(tolerance, f64::max);
    }
    tolerance
}

fn import(module: &Module, file: &Path, options: &ImportOptions<'_>) -> Result<(Graph, Vec<Check>), Trouble> {
    let imported = import_module(module, file, options).map_err(|error| match error {
        ImportError::Unsupported { at: _, what } => Trouble::Unsupported(what),
        error => Trouble::Failed(error.to_string()),
    })?;
    verify(&imported.graph).map_err(|errors| format!("the imported graph is not sound:\n{errors}"))?;
    Ok((imported.graph, imported.checks))
}

fn run(graph: Graph, inputs: &[Array], mode: Mode) -> Result<Vec<Array>, Trouble> {
    match mode {
        Mode::Compiled => {
            let executable = Executable::compile(graph, &CompileOptions::default())?;
            let mut lent: Vec<Argument<'_>> = inputs.iter().map(Argument::Lend).collect();
            Ok(executable.call(&mut lent)?.into_iter().collect())
        }
        Mode::Interpreted | Mode::Both => Ok(interpret(&graph, inputs)?),
    }
}
