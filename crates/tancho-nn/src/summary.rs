//! The table of a model that Keras prints.
//!
//! The parts of a module are gathered as a tree (see [`Parts`]): an entry for each part that is announced as a module of a
//! kind. What has no kind (vectors, options) is no entry; its parts belong to the entry around it, under longer names. What is
//! not announced is the inside of a layer: its variables are counted, but nothing of it is shown. A variable is an entry
//! where it stands among layers, and counted with its layer where it stands in one.

use std::fmt;

use tancho_core::random::Generator;
use tancho_core::{Shape, Variable};

use crate::layer::OutputShape;
use crate::module::{Module, Parts, element_count};

/// A table of a model: its layers, what they gave last, and how many parameters they have. It displays as text.
///
/// ```
/// # use tancho_nn::{Dense, Module, Sequential};
/// let model = Sequential::new().add(Dense::new(3).build(2)).add(Dense::new(1));
/// let summary = model.summary();
/// assert_eq!(summary.rows[0].parameters, 9);
/// assert!(summary.to_string().contains("unbuilt"));
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    /// What the model is called.
    pub kind: String,
    pub rows: Vec<SummaryRow>,
    pub trainable: ParameterSize,
    pub non_trainable: ParameterSize,
}

/// A layer of a model.
#[derive(Clone, Debug)]
pub struct SummaryRow {
    /// How many entries this one lies within.
    pub depth: usize,
    /// The path within the entry around it.
    pub name: String,
    pub kind: String,
    /// The shape of the last output, if there was one.
    pub output: Option<Shape>,
    /// How many numbers its variables hold, those of its parts included.
    pub parameters: usize,
    /// Whether it is a layer without variables or output yet.
    pub is_unbuilt: bool,
}

/// How many numbers there are, and how many bytes they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParameterSize {
    pub count: usize,
    pub bytes: usize,
}

impl Summary {
    pub(crate) fn of<M: Module + ?Sized>(module: &M) -> Self {
        let mut gathered = Gathered::new(module.kind());
        module.visit_parts(&mut gathered);
        let mut rows = Vec::new();
        gathered.root.add_rows(0, &mut rows);
        let [mut trainable, mut non_trainable] = [ParameterSize::default(); 2];
        for variable in distinct(gathered.all) {
            let sum = if variable.is_trainable() { &mut trainable } else { &mut non_trainable };
            sum.add(variable);
        }
        Summary { kind: module.kind().to_owned(), rows, trainable, non_trainable }
    }
}

impl ParameterSize {
    fn add(&mut self, variable: &Variable) {
        let count = element_count(variable);
        self.count += count;
        self.bytes += count * variable.dtype().size();
    }
}

/// The kind of an entry that is a variable by itself.
const VARIABLE: &str = "Variable";

/// An entry of the tree.
struct Entry<'a> {
    name: String,
    kind: String,
    is_variable: bool,
    output: Option<&'a OutputShape>,
    variables: Vec<&'a Variable>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Entry<'a> {
    fn new(name: String, kind: &str) -> Self {
        let (kind, is_variable) = (kind.to_owned(), false);
        Entry { name, kind, is_variable, output: None, variables: Vec::new(), entries: Vec::new() }
    }

    /// Whether the summary shows it: a layer, a variable among layers, or what such things are in.
    fn is_shown(&self) -> bool {
        self.is_variable
            || self.output.is_some()
            || !self.variables.is_empty()
            || self.entries.iter().any(Entry::is_shown)
    }

    fn add_rows(&self, depth: usize, rows: &mut Vec<SummaryRow>) {
        // Variables beside an output are the layer's own.
        let shown = self.entries.iter().filter(|entry| entry.is_shown());
        for entry in shown.filter(|entry| !(entry.is_variable && self.output.is_some())) {
            let mut variables = Vec::new();
            entry.add_variables(&mut variables);
            let parameters = distinct(variables).into_iter().map(element_count).sum();
            let output = if entry.is_variable {
                entry.variables.first().map(|variable| variable.shape())
            } else {
                entry.output.and_then(OutputShape::get)
            };
            let place = rows.len();
            rows.push(SummaryRow {
                depth,
                name: entry.name.clone(),
                kind: entry.kind.clone(),
                is_unbuilt: false,
                output,
                parameters,
            });
            entry.add_rows(depth + 1, rows);
            let is_leaf = rows.len() == place + 1;
            let row = &mut rows[place];
            row.is_unbuilt = is_leaf && parameters == 0 && row.output.is_none();
        }
    }

    fn add_variables(&self, found: &mut Vec<&'a Variable>) {
        found.extend(&self.variables);
        for entry in &self.entries {
            entry.add_variables(found);
        }
    }
}

/// Each variable once.
fn distinct(variables: Vec<&Variable>) -> Vec<&Variable> {
    let mut found: Vec<&Variable> = Vec::new();
    for variable in variables {
        if !found.iter().any(|known| known.is_same(variable)) {
            found.push(variable);
        }
    }
    found
}

/// What a visit of a module gives.
struct Gathered<'a> {
    root: Entry<'a>,
    /// The parts that were entered and not left.
    open: Vec<Open<'a>>,
    all: Vec<&'a Variable>,
}

struct Open<'a> {
    /// The path from the entry around this part.
    name: String,
    state: State<'a>,
}

enum State<'a> {
    /// Not announced as a module, so far.
    Inside,
    /// A module without a kind.
    Transparent,
    Entry(Entry<'a>),
}

impl<'a> Gathered<'a> {
    fn new(kind: &str) -> Self {
        Gathered { root: Entry::new(String::new(), kind), open: Vec::new(), all: Vec::new() }
    }

    /// The innermost entry that what is shown now belongs to, and whether it stands in the inside of a layer.
    fn innermost(&mut self) -> (&mut Entry<'a>, bool) {
        let mut is_inside = false;
        for open in self.open.iter_mut().rev() {
            match &mut open.state {
                State::Inside => is_inside = true,
                State::Transparent => {}
                State::Entry(entry) => return (entry, is_inside),
            }
        }
        (&mut self.root, is_inside)
    }
}

impl<'a> Parts<'a> for Gathered<'a> {
    fn variable(&mut self, variable: &'a Variable) {
        self.all.push(variable);
        self.innermost().0.variables.push(variable);
    }

    fn generator(&mut self, _: &'a Generator) {}

    fn module(&mut self, kind: &str) {
        let [around @ .., last] = &mut self.open[..] else { return };
        // What is within the inside of a layer is not shown either.
        let entry_around = around.iter().rposition(|open| matches!(open.state, State::Entry(_)));
        let between = &around[entry_around.map_or(0, |place| place + 1)..];
        if between.iter().any(|open| matches!(open.state, State::Inside)) {
            return;
        }
        last.state = if kind.is_empty() {
            State::Transparent
        } else {
            let mut entry = Entry::new(last.name.clone(), kind);
            entry.is_variable = kind == VARIABLE;
            State::Entry(entry)
        };
    }

    fn output(&mut self, output: &'a OutputShape) {
        let (entry, is_inside) = self.innermost();
        if !is_inside {
            entry.output = Some(output);
        }
    }

    fn enter(&mut self, name: &str) {
        let name = match self.open.last() {
            Some(Open { name: outer, state: State::Transparent | State::Inside }) if name.starts_with('[') => {
                format!("{outer}{name}")
            }
            Some(Open { name: outer, state: State::Transparent | State::Inside }) => format!("{outer}.{name}"),
            Some(Open { state: State::Entry(_), .. }) | None => name.to_owned(),
        };
        self.open.push(Open { name, state: State::Inside });
    }

    fn leave(&mut self) {
        if let Some(Open { state: State::Entry(entry), .. }) = self.open.pop() {
            self.innermost().0.entries.push(entry);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for row in &self.rows {
            let indent = if row.depth == 0 { String::new() } else { "   ".repeat(row.depth) + "└ " };
            let name = format!("{indent}{} ({})", row.name, row.kind);
            let output = row.output.as_ref().map_or("?".to_owned(), shape_text);
            let unbuilt = if row.is_unbuilt { " (unbuilt)" } else { "" };
            lines.push([name, output, grouped(row.parameters) + unbuilt]);
        }
        let heads = ["Layer (type)", "Output Shape", "Param #"].map(str::to_owned);
        // The widths are those of Keras, unless a text is longer.
        let mut widths = [31, 22, 13];
        for line in lines.iter().chain([&heads]) {
            for (width, text) in widths.iter_mut().zip(line) {
                *width = text.chars().count().max(*width);
            }
        }
        let rule = |f: &mut fmt::Formatter<'_>, [left, line, middle, right]: [&str; 4]| {
            let [first, second, third] = widths.map(|width| line.repeat(width + 2));
            writeln!(f, "{left}{first}{middle}{second}{middle}{third}{right}")
        };
        let write = |f: &mut fmt::Formatter<'_>, bar: &str, [name, output, parameters]: &[String; 3]| {
            let [first, second, third] = widths;
            writeln!(f, "{bar} {name:first$} {bar} {output:second$} {bar} {parameters:>third$} {bar}")
        };
        writeln!(f, "Model: \"{}\"", self.kind)?;
        rule(f, ["┏", "━", "┳", "┓"])?;
        write(f, "┃", &heads)?;
        rule(f, ["┡", "━", "╇", "┩"])?;
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                rule(f, ["├", "─", "┼", "┤"])?;
            }
            write(f, "│", line)?;
        }
        rule(f, ["└", "─", "┴", "┘"])?;
        let total = ParameterSize {
            count: self.trainable.count + self.non_trainable.count,
            bytes: self.trainable.bytes + self.non_trainable.bytes,
        };
        writeln!(f, " Total params: {total}")?;
        writeln!(f, " Trainable params: {}", self.trainable)?;
        writeln!(f, " Non-trainable params: {}", self.non_trainable)
    }
}

/// `193 (772.00 B)`
impl fmt::Display for ParameterSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", grouped(self.count), size_text(self.bytes))
    }
}

/// A size in bytes, in the unit of which there is at least one: `2.34 KB`.
fn size_text(bytes: usize) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} PB")
}

/// Digits in groups of three: `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `(None, 64)`
fn shape_text(shape: &Shape) -> String {
    let sizes: Vec<String> =
        shape.dims().iter().map(|dim| dim.as_known().map_or("None".to_owned(), |size| size.to_string())).collect();
    match &sizes[..] {
        [size] => format!("({size},)"),
        sizes => format!("({})", sizes.join(", ")),
    }
}
