//! Costs as a table.

use std::fmt;

use tancho_ir::Span;

use super::{Cost, MemoryCost, NestedCost, StepCost};

/// The most source lines of a step that a table shows.
const SHOWN_LINES: usize = 6;

/// Rows of text in columns that are as wide as they need: numbers at the right, and what comes after them at the left.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    /// The first columns, which are numbers.
    numbers: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(numbers: &[&'static str], texts: &[&'static str]) -> Self {
        Table { headings: [numbers, texts].concat(), numbers: numbers.len(), rows: Vec::new() }
    }

    /// Adds a row; cells that are left out at its end are empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        let rows: Vec<&Vec<String>> = [&headings].into_iter().chain(&self.rows).collect();
        let width = |column: usize| {
            rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        for row in rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line += if column > 0 { "  " } else { "" };
                line += &if column < self.numbers { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with a unit of thousands: `1.25 M`.
pub(crate) fn number_text(value: f64) -> String {
    let units = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    match units.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => format!("{:.3}{name}", value / unit),
        None if value == value.trunc() => format!("{value:.0}"),
        None => format!("{value:.3}"),
    }
}

/// `512 B`, `1.5 KiB`
pub(crate) fn bytes_text(bytes: u64) -> String {
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

/// The lines of spans in short, the first with its scopes: `src/model.rs:41:17 (in dense1), 42:9, src/main.rs:7:5`. Of a
/// line that is in the file of the one before it, the file is left out.
pub(crate) fn source_text(spans: &[Span]) -> String {
    let mut text = String::new();
    let mut file = None;
    for (number, span) in spans.iter().enumerate().take(SHOWN_LINES) {
        let separator = if number > 0 { ", " } else { "" };
        let line = match &span.location {
            Some(location) if file.as_ref() == Some(&location.file) => format!("{}:{}", location.line, location.column),
            Some(location) => {
                file = Some(location.file.clone());
                location.to_string()
            }
            None => "?".to_owned(),
        };
        let scopes = Span { location: None, scope: span.scope.clone() };
        let scopes = if number == 0 && !scopes.is_none() { format!(" ({scopes})") } else { String::new() };
        text += &format!("{separator}{line}{scopes}");
    }
    match spans.len().saturating_sub(SHOWN_LINES) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// The totals, the memory, then a line for each step, those of nested programs indented below the step that runs them.
/// A figure with `~` is an estimate.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = if self.steps.iter().any(|step| step.is_estimate) { "about " } else { "" };
        let (flops, read, written) = (number_text(self.flops as f64), self.bytes_read, self.bytes_written);
        let (read, written) = (bytes_text(read), bytes_text(written));
        writeln!(f, "cost of @{}: {about}{flops} FLOP, {read} read, {written} written", self.program)?;
        let MemoryCost { arguments, results, temporaries, scratch, constants } = self.memory;
        let [peak, arguments, results, temporaries, scratch, constants] =
            [self.peak_memory, arguments, results, temporaries, scratch, constants].map(bytes_text);
        writeln!(
            f,
            "peak memory {peak}: arguments {arguments}, results {results}, temporaries {temporaries}, \
             scratch {scratch}; constants {constants} besides"
        )?;
        let mut table = Table::new(&["FLOP", "read", "written", "tiles"], &["step", "source"]);
        add_rows(&mut table, &self.steps, 0);
        table.fmt(f)
    }
}

fn add_rows(table: &mut Table, steps: &[StepCost], depth: usize) {
    for step in steps {
        let about = if step.is_estimate { "~" } else { "" };
        table.row(vec![
            format!("{about}{}", number_text(step.flops as f64)),
            format!("{about}{}", bytes_text(step.bytes_read)),
            format!("{about}{}", bytes_text(step.bytes_written)),
            step.tiles.to_string(),
            format!("{}{} {}", "  ".repeat(depth), step.kind.name(), step.description),
            source_text(&step.spans),
        ]);
        for NestedCost { name, steps } in &step.nested {
            let blank = String::new();
            let name = format!("{}{name}", "  ".repeat(depth + 1));
            table.row(vec![blank.clone(), blank.clone(), blank.clone(), blank, name]);
            add_rows(table, steps, depth + 2);
        }
    }
}
