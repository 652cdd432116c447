//! Counting, and the lines about it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::driver::FileOutcome;
use super::protocol::{Outcome, Step};

/// The cases so far.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: usize,
    disabled: usize,
    /// How many cases are beyond what is supported, by the reason.
    unsupported: BTreeMap<String, usize>,
}

impl Report {
    pub fn new() -> Self {
        Report::default()
    }

    pub fn failed(&self) -> usize {
        self.failed
    }

    pub fn cases(&self) -> usize {
        self.passed + self.failed + self.disabled + self.unsupported.values().sum::<usize>()
    }

    /// Counts the cases of a file; gives a line for each that did not pass.
    pub fn add(&mut self, file: &Path, outcome: &FileOutcome) -> String {
        let mut lines = String::new();
        // The modes of a case are neighbours, and it passes if they all do.
        for case in outcome.steps.chunk_by(|(x, _), (y, _)| x.case == y.case) {
            let Some((step, result)) = case.iter().find(|(_, result)| *result != Outcome::Passed) else {
                self.passed += 1;
                continue;
            };
            let name = describe(file, step, outcome.steps.len() > case.len());
            // Writing to a string cannot fail.
            match (result, &outcome.disabled) {
                (Outcome::Passed, _) => {}
                (Outcome::Unsupported(reason), _) if is_complex(reason) => self.count_unsupported("complex numbers"),
                (Outcome::Failed(reason) | Outcome::Unsupported(reason), Some(disabled)) => {
                    self.disabled += 1;
                    let _ = writeln!(lines, "disabled ({disabled}) {name}: {}", shortened(reason));
                }
                (Outcome::Failed(_), None) => {
                    self.failed += 1;
                    for (step, result) in case {
                        if let Outcome::Failed(reason) = result {
                            let name = describe(file, step, outcome.steps.len() > case.len());
                            let _ = writeln!(lines, "FAILED {name}: {}", shortened(reason));
                        }
                    }
                }
                (Outcome::Unsupported(reason), None) => self.count_unsupported(reason),
            }
        }
        lines
    }

    fn count_unsupported(&mut self, reason: &str) {
        *self.unsupported.entry(shortened(reason)).or_default() += 1;
    }

    /// The counts; the last line is the one to look for.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        for (reason, count) in &self.unsupported {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "unsupported: {count} ({reason})");
        }
        let unsupported: usize = self.unsupported.values().sum();
        let _ = write!(out, "{} passed, {} failed", self.passed, self.failed);
        if unsupported + self.disabled > 0 {
            let _ = write!(out, " ({unsupported} unsupported, {} disabled)", self.disabled);
        }
        out + "\n"
    }
}

/// `sort.mlir, case_3, compiled`; the case is left out where the file has but one.
fn describe(file: &Path, step: &Step, has_several: bool) -> String {
    let file = file.display();
    if has_several { format!("{file}, {}, {}", step.case, step.mode) } else { format!("{file}, {}", step.mode) }
}

fn is_complex(reason: &str) -> bool {
    reason.contains("complex")
}

/// The first line of a reason, and not too much of it.
fn shortened(reason: &str) -> String {
    const LENGTH: usize = 500;
    let line = reason.lines().next().unwrap_or_default();
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(case: &str, mode: &str, outcome: Outcome) -> (Step, Outcome) {
        (Step { case: case.into(), mode: mode.into() }, outcome)
    }

    #[test]
    fn cases_are_counted_and_failures_told() {
        let mut report = Report::new();
        let failed = || Outcome::Failed("wrong\nand more".into());
        let steps = vec![
            step("a", "interpreted", Outcome::Passed),
            step("a", "compiled", Outcome::Passed),
            step("b", "interpreted", Outcome::Passed),
            step("b", "compiled", failed()),
        ];
        let lines = report.add(Path::new("x.mlir"), &FileOutcome { disabled: None, steps });
        assert_eq!(lines, "FAILED x.mlir, b, compiled: wrong\n");
        let one = |outcome| vec![step("main", "interpreted", outcome)];
        let disabled = FileOutcome { disabled: Some("slow".into()), steps: one(failed()) };
        assert_eq!(report.add(Path::new("y.mlir"), &disabled), "disabled (slow) y.mlir, interpreted: wrong\n");
        let passing = FileOutcome { disabled: Some("slow".into()), steps: one(Outcome::Passed) };
        assert_eq!(report.add(Path::new("z.mlir"), &passing), "");
        let complex = Outcome::Unsupported("the element type complex<f32>".into());
        assert_eq!(report.add(Path::new("c.mlir"), &FileOutcome { disabled: None, steps: one(complex) }), "");
        assert_eq!(
            report.summary(),
            "unsupported: 1 (complex numbers)\n2 passed, 1 failed (1 unsupported, 1 disabled)\n"
        );
        assert_eq!((report.failed(), report.cases()), (1, 5));
    }
}
