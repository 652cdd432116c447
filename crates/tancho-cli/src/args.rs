//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The most threads that can be asked for: far beyond any machine's processors, far below what a system can start.
const MAX_THREADS: usize = 1024;

/// The most calls of a profile, which keeps the times of each.
const MAX_REPEAT: usize = 100_000;

/// Runs, measures, prints and checks graphs of tensor operations.
///
/// PROGRAM is a text file that ends in .ir or .mlir (StableHLO), or a model folder with program.ir and weights.safetensors.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:
  tancho run add.ir --input x=x.npy --input y=y.npy --output-dir results"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Use at most this many threads; as many as the machine has processors if left out
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// Fail instead of holding more than this in arrays; K, M and G are for KiB, MiB and GiB
    #[arg(long, global = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub memory_limit: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(RunArguments),
    Bench(BenchArguments),
    Profile(ProfileArguments),
    Cost(CostArguments),
    Dump(DumpArguments),
    Check(CheckArguments),
    Export(ExportArguments),
    Conformance(ConformanceArguments),
    /// Runs cases for `conformance`, which it is told on the standard input
    #[command(hide = true)]
    ConformanceWorker(WorkerArguments),
}

/// Runs a program on arrays from .npy files.
///
/// Results go into files if a folder is given, else they are printed. A result is written as NAME.npy where the program
/// names it (with _ in the place of / and :), else as 0.npy, 1.npy and so on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho run digits --input images=images.npy
  tancho run add.ir --input 0=x.npy --input 1=y.npy --output-dir results --threads 2")]
pub struct RunArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    #[command(flatten)]
    pub inputs: InputArguments,
    /// Write each result into this folder, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// Measures calls of a program.
///
/// A call is what a user of a compiled function pays for: the arguments are checked, the plan for their sizes is looked
/// up, results are allocated, the code runs, and the results are dropped. Compilation is from the graph to the plan for
/// these sizes. The peak is the most that arrays held at a time, those of the program and the inputs included.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho bench add.ir --input x=x.npy --input y=y.npy
  tancho bench digits --random 1 --size batch=64 --threads 1 --json")]
pub struct BenchArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    #[command(flatten)]
    pub inputs: MadeInputArguments,
    /// Measure for about so long
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_seconds)]
    pub time: Duration,
    /// End with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Measures each step of a call of a program.
///
/// Prints a table with the time of each step, its share of the call, and what that makes of its floating-point operations
/// and bytes in a second, beside the source lines that it comes from. Times are medians over the calls; a first call is not
/// measured.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho profile add.ir --input x=x.npy --input y=y.npy
  tancho profile digits --random 1 --size batch=64 --repeat 100 --chrome-trace digits.json")]
pub struct ProfileArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    #[command(flatten)]
    pub inputs: MadeInputArguments,
    /// Measure so many calls
    #[arg(long, value_name = "N", default_value = "20", value_parser = parse_repeat)]
    pub repeat: usize,
    /// Write every measured step into this file, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub chrome_trace: Option<PathBuf>,
}

/// Prints what a call of a program costs: floating-point operations, bytes and memory, in all and by its steps.
///
/// Nothing is run. Loops count as one trip and branches as the dearest, which makes a figure with ~ an estimate.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho cost mlp.ir
  tancho cost digits --size batch=64 --threads 1")]
pub struct CostArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    #[command(flatten)]
    pub inputs: InputArguments,
    /// The value of a size of the inputs: 64 for ?batch with --size batch=64; repeatable
    #[arg(long = "size", value_name = "NAME=N", value_parser = parse_size)]
    pub sizes: Vec<(String, usize)>,
}

/// Prints a program as it is at a stage of its compilation.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho dump mlp.ir --stage optimized > optimized.ir
  tancho dump mlp.ir --after simplify
  tancho dump mlp.ir --stage kernels --format dot | dot -Tsvg > kernels.svg")]
pub struct DumpArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    /// The stage; optimized if left out with --after
    #[arg(long, value_enum, value_name = "STAGE", required_unless_present = "after")]
    pub stage: Option<StageName>,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
    /// The graph after the first run of this pass, or after its Nth run with PASS:N
    #[arg(long, value_name = "PASS[:N]", value_parser = parse_after)]
    pub after: Option<After>,
    /// In the text of a graph, print constants of more than N elements as dense<...>, which cannot be read back
    #[arg(long, value_name = "N")]
    pub elide: Option<usize>,
    /// In the text of a graph, leave out where operations come from
    #[arg(long)]
    pub no_locations: bool,
}

/// Checks that a program is sound, and prints what is wrong below the lines of its graph.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  tancho check mlp.ir")]
pub struct CheckArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
}

/// Writes a program in another format.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  tancho export mlp.ir --format stablehlo --output mlp.mlir")]
pub struct ExportArguments {
    /// An .ir or .mlir file, or a model folder
    pub program: PathBuf,
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// The file to write; the standard output if left out
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The text of a StableHLO module
    Stablehlo,
    /// Tancho's own text
    Ir,
}

/// Runs programs that know their own results, in the interpreter and compiled.
///
/// Each .mlir file in the folder and below it is run: of a self-checking file every public function without arguments is a
/// case, and a file program.mlir with input.I.npy and output.J.npy beside it (or 0.input.I.npy, 1.input.I.npy and so on for
/// several runs) is a case for each run. The cases run in processes of their own. There is a line for each failure, and the
/// last line says how many passed and failed; the exit status is 1 after a failure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tancho conformance stablehlo testdata
  tancho conformance stablehlo testdata --filter scatter --mode compiled --timeout 10")]
pub struct ConformanceArguments {
    /// What the programs are written in
    #[arg(value_enum, value_name = "FORMAT")]
    pub format: ConformanceFormat,
    /// A folder or a file
    pub folder: PathBuf,
    /// Only files whose path contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    #[command(flatten)]
    pub rules: Rules,
    /// The time that a case may take, in each mode
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub timeout: Duration,
    /// Run so many cases at a time; as many as the machine has processors if left out
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub jobs: Option<usize>,
}

/// How cases are run and compared.
#[derive(Clone, Debug, Args)]
pub struct Rules {
    #[arg(long, value_enum, value_name = "MODE", default_value_t = Mode::Both)]
    pub mode: Mode,
    /// For values in files: how far floats may be apart in relation to what is expected
    #[arg(long, value_name = "R", default_value = "1e-5", value_parser = parse_tolerance)]
    pub rtol: f64,
    /// For values in files: how far floats may be apart besides
    #[arg(long, value_name = "A", default_value = "1e-5", value_parser = parse_tolerance)]
    pub atol: f64,
}

#[derive(Debug, Args)]
pub struct WorkerArguments {
    #[command(flatten)]
    pub rules: Rules,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConformanceFormat {
    /// Text files that end in .mlir
    Stablehlo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Only in the interpreter, which is the definition of every op
    Interpreted,
    /// Only compiled
    Compiled,
    /// One after the other
    Both,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Interpreted => "interpreted",
            Mode::Compiled => "compiled",
            Mode::Both => "both",
        })
    }
}

#[derive(Debug, Args)]
pub struct InputArguments {
    /// The file of an input, which has its name in the program (x for %x) or its position (0 for the first); repeatable
    #[arg(short, long = "input", value_name = "NAME=FILE.npy", value_parser = parse_input)]
    pub inputs: Vec<InputFile>,
}

/// Inputs of which some may be made.
#[derive(Debug, Args)]
pub struct MadeInputArguments {
    #[command(flatten)]
    pub files: InputArguments,
    /// Make the inputs that have no file, of random numbers
    #[arg(long, value_name = "SEED")]
    pub random: Option<u64>,
    /// The value of a size of the inputs that are made: 64 for ?batch with --size batch=64; repeatable
    #[arg(long = "size", value_name = "NAME=N", value_parser = parse_size, requires = "random")]
    pub sizes: Vec<(String, usize)>,
}

/// The file of one input.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// The name or the position.
    pub name: String,
    pub file: PathBuf,
}

/// A stage as the command line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// The graph as it was read
    Traced,
    /// The graph after the passes
    Optimized,
    /// The fused kernels and their buffers
    Kernels,
    /// Cranelift's intermediate representation of the kernels
    Clif,
    /// The machine code of the kernels, disassembled
    Asm,
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StageName::Traced => "traced",
            StageName::Optimized => "optimized",
            StageName::Kernels => "kernels",
            StageName::Clif => "clif",
            StageName::Asm => "asm",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text; that of a graph can be read back
    Text,
    /// The language of Graphviz, for graphs and kernels
    Dot,
}

/// A pass and which of its runs, counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub pass: String,
    pub run: usize,
}

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=MAX_THREADS) => Ok(threads),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {MAX_THREADS}")),
    }
}

fn parse_repeat(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(calls @ 1..=MAX_REPEAT) => Ok(calls),
        Ok(_) | Err(_) => Err(format!("expected a number from 1 to {MAX_REPEAT}")),
    }
}

fn parse_bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((place, 'k' | 'K')) => (&text[..place], 1 << 10),
        Some((place, 'm' | 'M')) => (&text[..place], 1 << 20),
        Some((place, 'g' | 'G')) => (&text[..place], 1 << 30),
        _ => (text, 1),
    };
    let expected = || "expected a number of bytes, as 500000, 512K, 64M or 2G".to_owned();
    let number: usize = digits.parse().map_err(|_| expected())?;
    number.checked_mul(unit).ok_or_else(expected)
}

fn parse_input(text: &str) -> Result<InputFile, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(InputFile { name: name.strip_prefix('%').unwrap_or(name).to_owned(), file: file.into() })
        }
        _ => Err("expected NAME=FILE.npy, as x=x.npy, or POSITION=FILE.npy, as 0=x.npy".into()),
    }
}

fn parse_size(text: &str) -> Result<(String, usize), String> {
    let size = text.split_once('=').and_then(|(name, number)| {
        let name = name.strip_prefix('?').unwrap_or(name);
        Some((name.to_owned(), number.parse().ok()?))
    });
    size.ok_or_else(|| "expected NAME=N, as batch=64".into())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds, as 0.5 or 10".into())
}

fn parse_tolerance(text: &str) -> Result<f64, String> {
    let tolerance: Option<f64> = text.parse().ok().filter(|tolerance| *tolerance >= 0.0);
    tolerance.ok_or_else(|| "expected a number that is not negative, as 1e-5".into())
}

fn parse_after(text: &str) -> Result<After, String> {
    let (pass, run) = match text.split_once(':') {
        None => (text, Some(1)),
        Some((pass, run)) => (pass, run.parse().ok().filter(|&run| run > 0)),
    };
    match run {
        Some(run) => Ok(After { pass: pass.to_owned(), run }),
        None => Err("expected the name of a pass, as simplify, or one of its runs, as simplify:2".into()),
    }
}
