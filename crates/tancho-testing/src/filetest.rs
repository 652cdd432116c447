//! Tests in files: text in, text out.
//!
//! A `.ir` file names a command in its first lines, holds the graph that the command gets, and the text that it gives:
//!
//! ```text
//! ; test cat
//! func @f(%x: f32[]) -> f32[] {
//!   %0 = abs %x : f32[]
//!   return %0
//! }
//!
//! ; check: abs
//! ; check-not: negate
//!
//! ;= func @f(%x: f32[]) -> f32[] {
//! ;=   %0 = abs %x : f32[]
//! ;=   return %0
//! ;= }
//! ```
//!
//! - `; test NAME` or `; test NAME=ARGUMENT` is the command. Several such lines are several commands; then the output of
//!   each begins with a line that repeats its own.
//! - `;=` lines are the output. `UPDATE=1 cargo test` writes them anew.
//! - `; check: TEXT` lines must be found in the output, in their order, and `; check-not: TEXT` nowhere. They say what the
//!   test is about, and are never written anew.
//! - `; error: TEXT` behind a line of the graph says that the command fails with this very message at this line; on a line
//!   of its own, that it fails with a message without a place. Such a file has no output.
//!
//! The runner knows no command but those it is given, so that each crate brings its own: a [`Command`] is a name, the way
//! the text is read, a function from the graph to the output, and what else must hold between the two, such as that both
//! mean the same.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use tancho_ir::{Graph, Op, ParseOptions, VerifyErrors, infer, parse_with, verify};

/// What a test file can ask for.
pub struct Command {
    /// What stands behind `; test`, before any `=`.
    pub name: &'static str,
    pub options: ParseOptions,
    /// Gives the output for the graph and what stands behind the `=`.
    pub run: fn(&Graph, Option<&str>) -> Result<String, Vec<Report>>,
    /// What must hold between the graph and the output, which is parsed where it is a graph.
    pub before_after: Option<BeforeAfter>,
}

/// Checks the graph that a command got against the output that it gave.
pub type BeforeAfter = fn(&Graph, &str) -> Result<(), String>;

/// An error of a command, at a line of the file where it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Report {
    pub line: Option<usize>,
    pub message: String,
}

impl Report {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Report { line: None, message: message.into() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The commands of the text form: `cat`, `verify` and `infer`.
pub fn text_commands() -> Vec<Command> {
    let unchecked = ParseOptions { check_types: false, locate_lines: true };
    vec![
        Command {
            name: "cat",
            options: ParseOptions::default(),
            run: |graph, _| Ok(graph.to_string()),
            before_after: Some(reads_back),
        },
        Command {
            name: "verify",
            options: unchecked.clone(),
            run: |graph, _| verify(graph).map(|()| String::new()).map_err(|errors| reports(&errors)),
            before_after: None,
        },
        Command { name: "infer", options: unchecked, run: |graph, _| infer_again(graph), before_after: None },
    ]
}

fn reads_back(graph: &Graph, text: &str) -> Result<(), String> {
    let again = tancho_ir::parse(text, "output").map_err(|error| error.to_string())?;
    if again == *graph { Ok(()) } else { Err("the output reads back as another graph".into()) }
}

/// The errors of the verifier, at the lines where their nodes stand.
pub fn reports(errors: &VerifyErrors) -> Vec<Report> {
    let line = |span: &tancho_ir::Span| span.location.as_ref().map(|location| location.line as usize);
    errors.errors().iter().map(|error| Report { line: line(&error.span), message: error.message.clone() }).collect()
}

/// The types that the ops give for the types of their operands as they are stated, and what they require of the symbols.
fn infer_again(graph: &Graph) -> Result<String, Vec<Report>> {
    let (mut out, mut errors) = (String::new(), Vec::new());
    for id in graph.topological_order() {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        let operands: Vec<_> = node.operands().iter().map(|&value| graph.type_of(value).clone()).collect();
        let mut relations = Vec::new();
        match infer(op, &operands, &mut relations) {
            Ok(types) => write_inferred(&mut out, op, &types, &relations),
            Err(error) => errors.push(Report {
                line: node.span().location.as_ref().map(|location| location.line as usize),
                message: error.to_string(),
            }),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn write_inferred(out: &mut String, op: &Op, types: &[tancho_ir::TensorType], relations: &[tancho_ir::Relation]) {
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "{} : {}", op.name(), types.join(", "));
    for relation in relations {
        let _ = writeln!(out, "  require {relation}");
    }
}

/// Runs every `.ir` file below a directory, and gives the number of files.
///
/// # Errors
/// What is wrong with each file that fails, in one text.
pub fn run_directory(directory: &Path, commands: &[Command]) -> Result<usize, String> {
    let update = env::var_os("UPDATE").is_some_and(|value| value == "1");
    let files = find_files(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut failures = String::new();
    for file in &files {
        if let Err(failure) = run_file(file, commands, update) {
            let _ = writeln!(failures, "{}:\n{failure}", file.display());
        }
    }
    if failures.is_empty() { Ok(files.len()) } else { Err(failures) }
}

fn find_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files.extend(find_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "ir") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Runs one file; with `update`, writes its output anew.
///
/// # Errors
/// What is wrong with it.
pub fn run_file(path: &Path, commands: &[Command], update: bool) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    match run_text(&text, commands)? {
        Verdict::Passes => Ok(()),
        Verdict::OutputDiffers(output) if update => {
            fs::write(path, with_output(&text, &output)).map_err(|error| error.to_string())
        }
        Verdict::OutputDiffers(output) => {
            let difference = difference(&TestFile::of(&text)?.output, &output);
            Err(format!("{difference}(UPDATE=1 cargo test writes the output anew)"))
        }
    }
}

/// What a test file says.
#[derive(Debug, Default)]
struct TestFile<'t> {
    /// Names and arguments.
    commands: Vec<(&'t str, Option<&'t str>)>,
    checks: Vec<&'t str>,
    check_nots: Vec<&'t str>,
    errors: BTreeSet<Report>,
    output: String,
}

impl<'t> TestFile<'t> {
    fn of(text: &'t str) -> Result<Self, String> {
        let mut file = TestFile::default();
        for (place, line) in text.lines().enumerate() {
            if let Some(output) = line.strip_prefix(";=") {
                file.output.push_str(output.strip_prefix(' ').unwrap_or(output));
                file.output.push('\n');
                continue;
            }
            let Some((code, comment)) = line.split_once("; ") else { continue };
            let alone = code.trim().is_empty();
            if let Some(message) = comment.strip_prefix("error:") {
                let line = if alone { None } else { Some(place + 1) };
                file.errors.insert(Report { line, message: message.trim().to_owned() });
            } else if let (true, Some(command)) = (alone, comment.strip_prefix("test ")) {
                let (name, argument) = command.split_once('=').map_or((command, None), |(n, a)| (n, Some(a.trim())));
                file.commands.push((name.trim(), argument));
            } else if let (true, Some(check)) = (alone, comment.strip_prefix("check:")) {
                file.checks.push(check.trim());
            } else if let (true, Some(check)) = (alone, comment.strip_prefix("check-not:")) {
                file.check_nots.push(check.trim());
            }
        }
        if file.commands.is_empty() {
            return Err("the file has no line `; test COMMAND`".into());
        }
        Ok(file)
    }
}

/// What came of a file in which nothing is wrong but, perhaps, the output.
enum Verdict {
    Passes,
    OutputDiffers(String),
}

fn run_text(text: &str, commands: &[Command]) -> Result<Verdict, String> {
    let file = TestFile::of(text)?;
    let (mut output, mut errors) = (String::new(), BTreeSet::new());
    for &(name, argument) in &file.commands {
        let known = || commands.iter().map(|command| command.name).collect::<Vec<_>>().join(", ");
        let command = commands.iter().find(|command| command.name == name);
        let command = command.ok_or_else(|| format!("unknown command `{name}`, not one of {}", known()))?;
        match run_command(command, argument, text)? {
            Ok(part) if file.commands.len() > 1 => {
                let argument = argument.map_or_else(String::new, |argument| format!("={argument}"));
                output += &format!("; test {name}{argument}\n{part}");
            }
            Ok(part) => output += &part,
            Err(reports) => errors.extend(reports),
        }
    }
    check_errors(&file.errors, &errors)?;
    if !errors.is_empty() {
        return if file.output.is_empty() { Ok(Verdict::Passes) } else { Ok(Verdict::OutputDiffers(String::new())) };
    }
    check_texts(&file, &output)?;
    if output.trim_end() == file.output.trim_end() { Ok(Verdict::Passes) } else { Ok(Verdict::OutputDiffers(output)) }
}

/// The output of a command or its errors; `Err` where the test itself fails.
fn run_command(command: &Command, argument: Option<&str>, text: &str) -> Result<Result<String, Vec<Report>>, String> {
    let graph = match parse_with(text, "input", &command.options) {
        Ok(graph) => graph,
        Err(error) => return Ok(Err(vec![Report { line: Some(error.line), message: error.message }])),
    };
    let result = (command.run)(&graph, argument);
    if let (Ok(output), Some(check)) = (&result, command.before_after) {
        check(&graph, output).map_err(|error| format!("{error}\noutput:\n{output}"))?;
    }
    Ok(result)
}

fn check_errors(expected: &BTreeSet<Report>, found: &BTreeSet<Report>) -> Result<(), String> {
    let list = |reports: Vec<&Report>| reports.iter().map(|report| format!("  {report}\n")).collect::<String>();
    let missing = list(expected.difference(found).collect());
    let unexpected = list(found.difference(expected).collect());
    let mut message = String::new();
    if !missing.is_empty() {
        let _ = write!(message, "expected, but not found:\n{missing}");
    }
    if !unexpected.is_empty() {
        let _ = write!(message, "found, but not expected:\n{unexpected}");
    }
    if message.is_empty() { Ok(()) } else { Err(message) }
}

fn check_texts(file: &TestFile<'_>, output: &str) -> Result<(), String> {
    let mut rest = output;
    for check in &file.checks {
        let Some(place) = rest.find(check) else {
            return Err(format!("not found, or not in this order: `{check}`\noutput:\n{output}"));
        };
        rest = &rest[place + check.len()..];
    }
    match file.check_nots.iter().find(|check| output.contains(**check)) {
        Some(check) => Err(format!("found: `{check}`\noutput:\n{output}")),
        None => Ok(()),
    }
}

/// The text of a file with another output.
fn with_output(text: &str, output: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(";=")).collect();
    let mut result = kept.join("\n").trim_end().to_owned();
    result.push('\n');
    if !output.is_empty() {
        result.push('\n');
    }
    for line in output.trim_end().lines() {
        let separator = if line.is_empty() { "" } else { " " };
        let _ = writeln!(result, ";={separator}{line}");
    }
    result
}

/// The lines that differ, with `-` those that are expected and with `+` those that are found.
fn difference(expected: &str, found: &str) -> String {
    let (left, right): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    // The length of the longest common part behind each pair of places.
    let mut common = vec![vec![0usize; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            common[i][j] =
                if left[i] == right[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut out, mut i, mut j) = (String::new(), 0, 0);
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            let _ = writeln!(out, "  {}", left[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(out, "- {}", left[i]);
            i += 1;
        } else {
            let _ = writeln!(out, "+ {}", right[j]);
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "func @f(%x: f32[]) -> f32[] {\n  %0 = abs %x : f32[]\n  return %0\n}\n";

    #[track_caller]
    fn check(text: &str, expected: Result<bool, &str>) {
        let passes = run_text(text, &text_commands()).map(|verdict| matches!(verdict, Verdict::Passes));
        match (passes, expected) {
            (Ok(passes), Ok(expected)) => assert_eq!(passes, expected),
            (Err(message), Err(expected)) => assert!(message.contains(expected), "{message}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn output_is_compared_and_written() {
        let text = format!("; test cat\n{GRAPH}");
        check(&text, Ok(false));
        let Ok(Verdict::OutputDiffers(output)) = run_text(&text, &text_commands()) else { panic!("it differs") };
        let written = with_output(&text, &output);
        check(&written, Ok(true));
        assert_eq!(with_output(&written, &output), written);
        check(&written.replace(";=   return", ";=   retorn"), Ok(false));
    }

    #[test]
    fn checks_stand_in_their_order() {
        let with =
            |checks: &str| format!("; test cat\n{GRAPH}\n{checks}\n;= {}", GRAPH.trim_end().replace('\n', "\n;= "));
        check(&with("; check: abs\n; check: return\n; check-not: negate"), Ok(true));
        check(&with("; check: return\n; check: abs"), Err("not in this order: `abs`"));
        check(&with("; check-not: abs"), Err("found: `abs`"));
    }

    #[test]
    fn errors_have_a_text_and_a_place() {
        let broken = GRAPH.replace("abs %x : f32[]", "abs %x : f32[3]");
        let message = "the type is stated as f32[3], but abs gives f32[]";
        check(&format!("; test cat\n{broken}"), Err("line 3: the type is stated as"));
        let line = "%0 = abs %x : f32[3]";
        check(&format!("; test cat\n{}", broken.replace(line, &format!("{line} ; error: {message}"))), Ok(true));
        check(&format!("; test cat\n; error: {message}\n{broken}"), Err("expected, but not found"));
        check(&format!("; test cat\n{GRAPH}; error: {message}"), Err("expected, but not found"));
    }

    #[test]
    fn commands_must_be_known() {
        check(GRAPH, Err("no line `; test COMMAND`"));
        check(&format!("; test fly\n{GRAPH}"), Err("unknown command `fly`, not one of cat, verify, infer"));
        check(&format!("; test verify\n{GRAPH}"), Ok(true));
        check(
            &format!("; test verify\n; test infer\n{GRAPH}\n;= ; test verify\n;= ; test infer\n;= abs : f32[]"),
            Ok(true),
        );
    }
}
