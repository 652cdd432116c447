//! Confusion matrices: how often what is true was taken for what.

use std::path::{Path, PathBuf};

use tancho_core::{Error, Result};

use super::chart::{EDGE, LABEL, NUMBER, TITLE};
use super::font::{text_cut_to, text_width};
use super::numbers::Numbers;
use super::page_size;
use super::render;
use super::shapes::{Anchor, Area, Color, Drawing, Shape};

/// Begins a confusion matrix of what is true and what was predicted, both numbers of classes from 0, which
/// [`ConfusionMatrix::save`] writes to this file, `.svg` or `.png`.
#[track_caller]
pub fn confusion_matrix(path: impl AsRef<Path>, truth: impl Numbers, predictions: impl Numbers) -> ConfusionMatrix {
    let samples = match (truth.numbers(), predictions.numbers()) {
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(truth), Ok(predictions)) if truth.len() != predictions.len() => {
            let (true_ones, predicted) = (truth.len(), predictions.len());
            Err(Error::new(format!("confusion matrix: {true_ones} true classes, but {predicted} predicted ones")))
        }
        (Ok(truth), Ok(predictions)) => match truth.iter().chain(&predictions).find(|class| !is_class(**class)) {
            Some(class) => Err(Error::new(format!("confusion matrix: {class} is not the number of a class"))),
            None => Ok(truth.into_iter().zip(predictions).map(|(truth, by)| (truth as usize, by as usize)).collect()),
        },
    };
    ConfusionMatrix { path: path.as_ref().to_owned(), title: String::new(), names: Vec::new(), samples }
}

fn is_class(number: f64) -> bool {
    const MOST: f64 = 200.0;
    (0.0..MOST).contains(&number) && number.fract() == 0.0
}

/// A table with a row for what is true and a column for what was predicted. A field is as dark as the share of its row.
#[must_use = "a confusion matrix is written by `save`"]
pub struct ConfusionMatrix {
    path: PathBuf,
    title: String,
    names: Vec<String>,
    /// What is true, and what was predicted.
    samples: Result<Vec<(usize, usize)>>,
}

impl ConfusionMatrix {
    /// The names of the classes, which are numbers otherwise.
    pub fn names<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.names = names.iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    /// Writes the file, and its folder where there is none.
    ///
    /// # Errors
    /// A number is not that of a class; there are more true classes than predicted ones, or fewer; the name of the file ends in
    /// something else than `.svg` or `.png`; it cannot be written.
    #[track_caller]
    pub fn save(self) -> Result<()> {
        match &self.samples {
            Err(error) => Err(error.clone()),
            Ok(samples) => render::write(&draw(&self, samples), &self.path),
        }
    }
}

fn draw(matrix: &ConfusionMatrix, samples: &[(usize, usize)]) -> Drawing {
    let largest = samples.iter().map(|(truth, prediction)| (*truth).max(*prediction) + 1).fold(1, usize::max);
    let classes = largest.max(matrix.names.len());
    let mut counts = vec![0usize; classes * classes];
    for (truth, prediction) in samples {
        counts[truth * classes + prediction] += 1;
    }
    let name = |class: usize| matrix.names.get(class).cloned().unwrap_or_else(|| class.to_string());

    // Fields are wide enough for the largest count and, up to a limit, for the names below them.
    let most = counts.iter().max().map_or(0, |most| *most).to_string();
    let widest_name = (0..classes).map(|class| text_width(&name(class), NUMBER)).fold(0.0, f64::max);
    let fitting = (440.0 / classes as f64).clamp(14.0, 90.0);
    let count_size = NUMBER.min(fitting * 0.45);
    let cell = fitting.max(text_width(&most, count_size) + 8.0).max((widest_name + 8.0).min(90.0)).ceil();
    let name_width = widest_name.min(120.0);
    let title_height = if matrix.title.is_empty() { 0.0 } else { TITLE + 12.0 };
    let left = EDGE + LABEL + 8.0 + name_width + 8.0;
    let top = EDGE + title_height;
    let length = cell * classes as f64;
    let frame = Area { left, top, right: left + length, bottom: top + length };
    let width = (frame.right + EDGE).max(2.0 * EDGE + text_width(&matrix.title, TITLE).min(600.0));
    let height = frame.bottom + 8.0 + NUMBER + 8.0 + LABEL + EDGE;
    let (width, height) = page_size(width.ceil(), height.ceil());
    let mut drawing = Drawing { width, height, ..Drawing::default() };

    for truth in 0..classes {
        let row = &counts[truth * classes..][..classes];
        let total: usize = row.iter().sum();
        let middle = top + (truth as f64 + 0.5) * cell;
        let text = text_cut_to(&name(truth), NUMBER, name_width);
        drawing.text(text, (left - 8.0, middle), NUMBER, Anchor::End, Color::BLACK);
        for (prediction, count) in row.iter().enumerate() {
            let share = *count as f64 / total.max(1) as f64;
            let from = left + prediction as f64 * cell;
            let area = Area { left: from, top: middle - cell / 2.0, right: from + cell, bottom: middle + cell / 2.0 };
            // What is right is blue and what is wrong is red; a single mistake is still to be seen.
            let hue = if truth == prediction { Color::numbered(0) } else { Color::numbered(1) };
            let depth = if *count == 0 { 0.0 } else { 0.08 + 0.92 * share.sqrt() };
            drawing.shapes.push(Shape::Fill { area, color: hue.mixed(depth, Color::WHITE) });
            let color = match *count {
                0 => Color::grey(0xB8),
                _ if depth > 0.6 => Color::WHITE,
                _ => Color::BLACK,
            };
            let center = (from + cell / 2.0, middle);
            drawing.text(count.to_string(), center, count_size, Anchor::Middle, color);
        }
    }
    for line in 0..=classes {
        let along = line as f64 * cell;
        drawing.line(&[(left + along, top), (left + along, frame.bottom)], Color::GRID, 1.0);
        drawing.line(&[(left, top + along), (frame.right, top + along)], Color::GRID, 1.0);
    }
    drawing.shapes.push(Shape::Outline { area: frame, color: Color::FRAME, width: 1.0 });
    let names_height = frame.bottom + 8.0 + NUMBER / 2.0;
    for class in 0..classes {
        let text = text_cut_to(&name(class), NUMBER, cell - 4.0);
        drawing.text(text, (left + (class as f64 + 0.5) * cell, names_height), NUMBER, Anchor::Middle, Color::BLACK);
    }
    let middle = (left + frame.right) / 2.0;
    let label_height = frame.bottom + 8.0 + NUMBER + 8.0 + LABEL / 2.0;
    drawing.text("Predicted", (middle, label_height), LABEL, Anchor::Middle, Color::BLACK);
    drawing.turned_text("True", (EDGE + LABEL / 2.0, top + length / 2.0), LABEL, Color::BLACK);
    let title = text_cut_to(&matrix.title, TITLE, width - 2.0 * EDGE);
    if !title.is_empty() {
        let half = text_width(&title, TITLE) / 2.0;
        let x = middle.clamp(EDGE + half, (width - EDGE - half).max(EDGE + half));
        drawing.text(title, (x, EDGE + TITLE / 2.0), TITLE, Anchor::Middle, Color::BLACK);
    }
    drawing
}
