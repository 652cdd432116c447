//! Plots, as SVG or PNG files: charts of lines, points, bars and regions ([`plot()`]), pictures ([`images`]), and confusion
//! matrices ([`confusion_matrix`]).
//!
//! ```
//! use tancho_nn::plot;
//!
//! # fn main() -> tancho_core::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder for a while");
//! # let path = folder.path().join("training.svg");
//! let losses = [3.2, 1.7, 1.1, 0.9, 0.8];
//! plot(path).line("loss", losses).labels("Epoch", "Loss [Mean Squared Error]").save()?;
//! # Ok(())
//! # }
//! ```
//!
//! How it works: a builder gathers numbers; a layout puts shapes on a page, with the widths of texts measured, so that nothing
//! lies over anything else; and the shapes are drawn by plotters, with a font that is part of the program. So a machine without
//! fonts or libraries for them draws the same plot, to the bit.

mod numbers;
mod shapes;
mod font;
mod axis;
mod legend;
mod chart;
mod images;
mod confusion;
mod png;
mod render;
#[cfg(test)]
mod tests;

use std::ops::RangeBounds;
use std::path::{Path, PathBuf};

use tancho_core::{Error, Result, Tensor};

use axis::{Ends, Spacing};
use chart::{Classify, Kind, Series};

pub use confusion::{ConfusionMatrix, confusion_matrix};
pub use images::{Images, images};
pub use numbers::{Number, Numbers};

/// Begins a chart that [`Plot::save`] writes to this file, `.svg` or `.png`.
pub fn plot<'a>(path: impl AsRef<Path>) -> Plot<'a> {
    Plot {
        path: path.as_ref().to_owned(),
        title: String::new(),
        labels: (String::new(), String::new()),
        size: (720.0, 480.0),
        x_ends: Ends::default(),
        y_ends: Ends::default(),
        y_spacing: Spacing::Even,
        series: Vec::new(),
        regions: None,
        fault: None,
    }
}

/// A chart: series of numbers in a frame with two axes.
///
/// Each series has a colour of its own, and a line in the legend unless its name is empty. Numbers that are not finite are not
/// drawn: lines have gaps there. A mistake in what is given is the error of [`Plot::save`].
#[must_use = "a plot is written by `save`"]
pub struct Plot<'a> {
    path: PathBuf,
    title: String,
    labels: (String, String),
    size: (f64, f64),
    x_ends: Ends,
    y_ends: Ends,
    y_spacing: Spacing,
    series: Vec<Series>,
    regions: Option<Box<Classify<'a>>>,
    fault: Option<Error>,
}

impl<'a> Plot<'a> {
    /// A line through numbers, the first of which is at 0, the next at 1, and so on: what a history holds.
    #[track_caller]
    pub fn line(self, name: &str, ys: impl Numbers) -> Self {
        let count = ys.numbers().map_or(0, |ys| ys.len());
        let xs: Vec<f64> = (0..count).map(|x| x as f64).collect();
        self.series("line", name, Kind::Line, xs, ys)
    }

    /// A line from point to point.
    #[track_caller]
    pub fn curve(self, name: &str, xs: impl Numbers, ys: impl Numbers) -> Self {
        self.series("curve", name, Kind::Line, xs, ys)
    }

    /// A dot at each point.
    #[track_caller]
    pub fn points(self, name: &str, xs: impl Numbers, ys: impl Numbers) -> Self {
        self.series("points", name, Kind::Points, xs, ys)
    }

    /// A dot at each point in the colour of its class, which is a number from 0; each class has a name.
    #[track_caller]
    pub fn classes(mut self, names: &[&str], xs: impl Numbers, ys: impl Numbers, classes: impl Numbers) -> Self {
        let (xs, ys, classes) = match (xs.numbers(), ys.numbers(), classes.numbers()) {
            (Ok(xs), Ok(ys), Ok(classes)) => (xs, ys, classes),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => return self.failed(error),
        };
        if xs.len() != ys.len() || xs.len() != classes.len() {
            let (x, y, class) = (xs.len(), ys.len(), classes.len());
            return self.failed(Error::new(format!("plot: classes: {x} numbers for x, {y} for y and {class} classes")));
        }
        if let Some(unknown) = classes.iter().find(|class| !(0..names.len()).any(|known| known as f64 == **class)) {
            let count = names.len();
            return self
                .failed(Error::new(format!("plot: classes: there is a class {unknown}, but {count} have names")));
        }
        for (class, name) in names.iter().enumerate() {
            let of_class = || (0..xs.len()).filter(|index| classes[*index] == class as f64);
            let (xs, ys) = (of_class().map(|index| xs[index]).collect(), of_class().map(|index| ys[index]).collect());
            self.series.push(Series { name: (*name).to_owned(), kind: Kind::Points, xs, ys, class: Some(class) });
        }
        self
    }

    /// How many of the numbers lie in each of so many parts, equal in length, of the range that they are in.
    #[track_caller]
    pub fn histogram(mut self, name: &str, numbers: impl Numbers, parts: usize) -> Self {
        let numbers = match numbers.numbers() {
            Ok(numbers) => numbers,
            Err(error) => return self.failed(error),
        };
        let finite = || numbers.iter().copied().filter(|number| number.is_finite());
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        let parts = parts.max(1);
        let width = (high - low) / parts as f64;
        let mut counts = vec![0.0; parts];
        for number in finite() {
            // The largest number is in the last part.
            counts[(((number - low) / width) as usize).min(parts - 1)] += 1.0;
        }
        let xs = (0..parts).map(|part| low + (part as f64 + 0.5) * width).collect();
        let kind = Kind::Bars { width };
        self.series.push(Series { name: name.to_owned(), kind, xs, ys: counts, class: None });
        self
    }

    /// Bars of these heights, at 0, 1, and so on.
    #[track_caller]
    pub fn bars(self, name: &str, heights: impl Numbers) -> Self {
        let count = heights.numbers().map_or(0, |heights| heights.len());
        let xs: Vec<f64> = (0..count).map(|x| x as f64).collect();
        self.series("bars", name, Kind::Bars { width: 0.8 }, xs, heights)
    }

    /// Colours the frame, behind everything, by what a function says of the points in it: it takes points, `f32[n, 2]`, and
    /// gives the number of the class of each, `[n]`. The colours are those of [`Plot::classes`].
    pub fn regions(mut self, classify: impl Fn(&Tensor) -> Tensor + 'a) -> Self {
        self.regions = Some(Box::new(classify));
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    /// What the axes show.
    pub fn labels(mut self, x: &str, y: &str) -> Self {
        self.labels = (x.to_owned(), y.to_owned());
        self
    }

    /// What part of the axis is shown; an end that is left open is that of the data.
    pub fn x_range(mut self, range: impl RangeBounds<f64>) -> Self {
        self.x_ends = Ends::of(range);
        self
    }

    /// What part of the axis is shown: `0.0..` to see how high a curve is above zero.
    pub fn y_range(mut self, range: impl RangeBounds<f64>) -> Self {
        self.y_ends = Ends::of(range);
        self
    }

    /// Powers of ten at equal distances. Numbers that are not above zero are not drawn.
    pub fn logarithmic_y(mut self) -> Self {
        self.y_spacing = Spacing::Logarithmic;
        self
    }

    /// How large the plot is, in units of which a screen shows about 96 to an inch; 720 by 480 unless told. A PNG file has
    /// twice as many pixels in each direction.
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = page_size(width, height);
        self
    }

    /// Writes the file, and its folder where there is none.
    ///
    /// # Errors
    /// The numbers of a series carry an error or do not fit each other; the name of the file ends in something else than `.svg`
    /// or `.png`; it cannot be written.
    #[track_caller]
    pub fn save(self) -> Result<()> {
        match self.fault {
            Some(error) => Err(error),
            None => render::write(&chart::draw(&self)?, &self.path),
        }
    }

    #[track_caller]
    fn series(mut self, of: &str, name: &str, kind: Kind, xs: impl Numbers, ys: impl Numbers) -> Self {
        match (xs.numbers(), ys.numbers()) {
            (Err(error), _) | (_, Err(error)) => self.failed(error),
            (Ok(xs), Ok(ys)) if xs.len() != ys.len() => {
                let (x, y) = (xs.len(), ys.len());
                self.failed(Error::new(format!("plot: {of} {name:?}: {x} numbers for x, but {y} for y")))
            }
            (Ok(xs), Ok(ys)) => {
                self.series.push(Series { name: name.to_owned(), kind, xs, ys, class: None });
                self
            }
        }
    }

    /// The first mistake is the one that is reported.
    fn failed(mut self, error: Error) -> Self {
        self.fault.get_or_insert(error);
        self
    }
}

/// A size within what can be drawn and seen.
fn page_size(width: f64, height: f64) -> (f64, f64) {
    let within = |length: f64| if length.is_finite() { length.clamp(160.0, 4000.0).round() } else { 480.0 };
    (within(width), within(height))
}
