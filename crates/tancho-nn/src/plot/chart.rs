//! Where everything of a chart goes: axes round the data, numbers and names beside them, and a legend where it hides nothing.

use tancho_core::{Error, Result, Tensor, tensor};

use super::Plot;
use super::axis::{Axis, Spacing, Tick};
use super::font::{text_cut_to, text_width};
use super::legend::{self, Entry, Sign};
use super::numbers::Numbers as _;
use super::shapes::{Anchor, Area, Color, Drawing, Place, Raster, Shape};

/// Gives points, `f32[n, 2]`, their classes, `[n]`.
pub(super) type Classify<'a> = dyn Fn(&Tensor) -> Tensor + 'a;

pub(super) const TITLE: f64 = 16.0;
pub(super) const LABEL: f64 = 13.0;
pub(super) const NUMBER: f64 = 11.5;
pub(super) const EDGE: f64 = 14.0;

/// Data under a name.
pub(super) struct Series {
    pub name: String,
    pub kind: Kind,
    pub xs: Vec<f64>,
    pub ys: Vec<f64>,
    /// The number of its colour, where it is that of a class.
    pub class: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Line,
    Points,
    /// Bars from 0 that stand on so much of the axis.
    Bars {
        width: f64,
    },
}

impl Series {
    fn points(&self) -> impl Iterator<Item = Place> {
        self.xs.iter().copied().zip(self.ys.iter().copied())
    }

    fn is_finite_anywhere(&self) -> bool {
        self.points().any(|(x, y)| x.is_finite() && y.is_finite())
    }
}

/// A chart in its frame.
struct Frame {
    inner: Area,
    x: Axis,
    y: Axis,
}

impl Frame {
    fn place(&self, (x, y): Place) -> Place {
        let inner = &self.inner;
        (inner.left + self.x.share(x) * inner.width(), inner.bottom - self.y.share(y) * inner.height())
    }
}

/// Lays out a chart.
#[track_caller]
pub(super) fn draw(plot: &Plot<'_>) -> Result<Drawing> {
    let (width, height) = plot.size;
    let mut drawing = Drawing { width, height, ..Drawing::default() };
    let x = x_axis(plot);
    let y = y_axis(plot);
    let colors = colors(&plot.series);
    let entries = entries(plot, &colors);

    // The frame, first as if the legend were in it.
    let top = EDGE + if plot.title.is_empty() { 0.0 } else { TITLE + 10.0 };
    let bottom = height - EDGE - NUMBER - 8.0 - if plot.labels.0.is_empty() { 0.0 } else { LABEL + 8.0 };
    let y_ticks = y.ticks(((bottom - top) / 42.0) as usize);
    let widest = y_ticks.iter().map(|tick| text_width(&tick.label, NUMBER)).fold(0.0, f64::max);
    let left = EDGE + widest + 7.0 + if plot.labels.1.is_empty() { 0.0 } else { LABEL + 8.0 };
    let mut frame = Frame { inner: Area { left, top, right: width - EDGE - 4.0, bottom }, x, y };
    let legend_size = legend::size(&entries, width / 2.5);
    let legend_area = if entries.is_empty() {
        None
    } else if let Some(area) = free_corner(plot, &frame, legend_size) {
        Some(area)
    } else {
        let right = frame.inner.right + 4.0;
        frame.inner.right = right - legend_size.0 - 10.0;
        Some(Area { left: right - legend_size.0, top, right, bottom: top + legend_size.1 })
    };

    draw_axes(&mut drawing, plot, &frame, &y_ticks);
    if let Some(classify) = &plot.regions {
        draw_regions(&mut drawing, &frame, classify)?;
    }
    for (series, color) in plot.series.iter().zip(&colors) {
        draw_series(&mut drawing, &frame, series, *color);
    }
    drawing.shapes.push(Shape::Outline { area: frame.inner, color: Color::FRAME, width: 1.0 });
    if let Some(area) = legend_area {
        legend::draw(&mut drawing, area, &entries);
    }
    Ok(drawing)
}

fn x_axis(plot: &Plot<'_>) -> Axis {
    let ends = plot.series.iter().flat_map(|series| {
        let reach = match series.kind {
            Kind::Line | Kind::Points => 0.0,
            Kind::Bars { width } => width / 2.0,
        };
        series.xs.iter().flat_map(move |x| [x - reach, x + reach])
    });
    Axis::around(ends, plot.x_ends, Spacing::Even, 0.03)
}

fn y_axis(plot: &Plot<'_>) -> Axis {
    let mut ends = plot.y_ends;
    // Bars stand on the axis, unless some hang from it.
    let is_bars = |series: &Series| matches!(series.kind, Kind::Bars { .. });
    let numbers = || plot.series.iter().flat_map(|series| series.ys.iter().copied());
    if plot.series.iter().any(is_bars) && numbers().all(|y| y >= 0.0) {
        ends.low = ends.low.or(Some(0.0));
    }
    Axis::around(numbers(), ends, plot.y_spacing, 0.05)
}

/// The colour of each series: classes have those of their numbers, the others what comes after them.
fn colors(series: &[Series]) -> Vec<Color> {
    let mut next = series.iter().filter_map(|series| series.class).max().map_or(0, |class| class + 1);
    let mut number = |series: &Series| match series.class {
        Some(class) => class,
        None => {
            next += 1;
            next - 1
        }
    };
    series.iter().map(|series| Color::numbered(number(series))).collect()
}

fn entries(plot: &Plot<'_>, colors: &[Color]) -> Vec<Entry> {
    let named = plot.series.iter().zip(colors).filter(|(series, _)| !series.name.is_empty());
    let entry = |(series, color): (&Series, &Color)| {
        let sign = match series.kind {
            Kind::Line => Sign::Line,
            Kind::Points => Sign::Dot,
            Kind::Bars { .. } => Sign::Box,
        };
        // A curve that cannot be seen is accounted for.
        let remark = if series.is_finite_anywhere() { "" } else { " (no finite value)" };
        Entry { text: format!("{}{remark}", series.name), sign, color: *color }
    };
    named.map(entry).collect()
}

/// A corner of the frame in which a legend hides nothing.
fn free_corner(plot: &Plot<'_>, frame: &Frame, (width, height): (f64, f64)) -> Option<Area> {
    const GAP: f64 = 8.0;
    if plot.regions.is_some() {
        return None;
    }
    let inner = frame.inner.grown(-GAP);
    let corners = [
        (inner.right - width, inner.top),
        (inner.left, inner.top),
        (inner.left, inner.bottom - height),
        (inner.right - width, inner.bottom - height),
    ];
    let areas = corners.map(|(left, top)| Area { left, top, right: left + width, bottom: top + height });
    areas.into_iter().find(|area| {
        let fits = area.left >= inner.left && area.bottom <= inner.bottom;
        fits && plot.series.iter().all(|series| !covers(&area.grown(4.0), frame, series))
    })
}

/// Whether a legend there would hide something of a series.
fn covers(area: &Area, frame: &Frame, series: &Series) -> bool {
    let mut previous: Option<Place> = None;
    for point in series.points() {
        let place = frame.place(point);
        let is_hidden = match series.kind {
            Kind::Points => area.contains(place),
            Kind::Line => match previous {
                Some(previous) => area.clip(previous, place).is_some(),
                None => area.contains(place),
            },
            Kind::Bars { width } => {
                let reach = width / 2.0 / (frame.x.high - frame.x.low) * frame.inner.width();
                area.right >= place.0 - reach && area.left <= place.0 + reach && area.bottom >= place.1
            }
        };
        if is_hidden {
            return true;
        }
        previous = is_finite(place).then_some(place);
    }
    false
}

fn is_finite((x, y): Place) -> bool {
    x.is_finite() && y.is_finite()
}

fn draw_axes(drawing: &mut Drawing, plot: &Plot<'_>, frame: &Frame, y_ticks: &[Tick]) {
    let inner = frame.inner;
    // As many numbers as fit, with the widest that there is.
    let mut most = (inner.width() / 50.0) as usize;
    let x_ticks = loop {
        let ticks = frame.x.ticks(most);
        let widest = ticks.iter().map(|tick| text_width(&tick.label, NUMBER)).fold(0.0, f64::max);
        if most <= 1 || (ticks.len() as f64) * (widest + 14.0) <= inner.width() {
            break ticks;
        }
        most -= 1;
    };
    for tick in &x_ticks {
        let x = inner.left + frame.x.share(tick.at) * inner.width();
        drawing.line(&[(x, inner.top), (x, inner.bottom)], Color::GRID, 1.0);
        drawing.line(&[(x, inner.bottom), (x, inner.bottom + 4.0)], Color::FRAME, 1.0);
        let place = (x, inner.bottom + 8.0 + NUMBER / 2.0);
        drawing.text(&tick.label, place, NUMBER, Anchor::Middle, Color::BLACK);
    }
    for tick in y_ticks {
        let y = inner.bottom - frame.y.share(tick.at) * inner.height();
        drawing.line(&[(inner.left, y), (inner.right, y)], Color::GRID, 1.0);
        drawing.line(&[(inner.left - 4.0, y), (inner.left, y)], Color::FRAME, 1.0);
        drawing.text(&tick.label, (inner.left - 7.0, y), NUMBER, Anchor::End, Color::BLACK);
    }
    let middle = (inner.left + inner.right) / 2.0;
    let (x_label, y_label) = &plot.labels;
    let title = text_cut_to(&plot.title, TITLE, drawing.width - 2.0 * EDGE);
    if !title.is_empty() {
        // In the middle of the frame, or of the page where it would not fit.
        let half = text_width(&title, TITLE) / 2.0;
        let x = middle.clamp(EDGE + half, (drawing.width - EDGE - half).max(EDGE + half));
        drawing.text(title, (x, EDGE + TITLE / 2.0), TITLE, Anchor::Middle, Color::BLACK);
    }
    if !x_label.is_empty() {
        let text = text_cut_to(x_label, LABEL, inner.width());
        drawing.text(text, (middle, drawing.height - EDGE - LABEL / 2.0), LABEL, Anchor::Middle, Color::BLACK);
    }
    if !y_label.is_empty() {
        let text = text_cut_to(y_label, LABEL, inner.height());
        let middle = (inner.top + inner.bottom) / 2.0;
        drawing.turned_text(text, (EDGE + LABEL / 2.0, middle), LABEL, Color::BLACK);
    }
}

/// Colours the frame by what a function says of the points in it.
#[track_caller]
fn draw_regions(drawing: &mut Drawing, frame: &Frame, classify: &Classify<'_>) -> Result<()> {
    const COLUMNS: usize = 300;
    let Frame { inner, x, y } = frame;
    let rows = (COLUMNS as f64 * inner.height() / inner.width()).round().clamp(1.0, 2000.0) as usize;
    let center = |index: usize, count: usize| (index as f64 + 0.5) / count as f64;
    let mut points = Vec::with_capacity(2 * COLUMNS * rows);
    for row in 0..rows {
        for column in 0..COLUMNS {
            points.push(x.number(center(column, COLUMNS)) as f32);
            points.push(y.number(1.0 - center(row, rows)) as f32);
        }
    }
    let points = tensor(points).reshape([COLUMNS * rows, 2]);
    let classes = classify(&points).numbers()?;
    if classes.len() != COLUMNS * rows {
        let (count, points) = (classes.len(), COLUMNS * rows);
        return Err(Error::new(format!("plot: regions: {count} classes were given for {points} points")));
    }
    let light = |class: f64| Color::numbered(class.round().max(0.0) as usize).mixed(0.28, Color::WHITE);
    let pixels = classes.into_iter().map(light).collect();
    drawing.rasters.push(Raster { area: *inner, columns: COLUMNS, rows, pixels });
    Ok(())
}

fn draw_series(drawing: &mut Drawing, frame: &Frame, series: &Series, color: Color) {
    let inner = frame.inner;
    match series.kind {
        Kind::Points => {
            // Many points are small, and those below are seen through them.
            let radius = if series.xs.len() > 1000 { 1.75 } else { 2.5 };
            for center in series.points().map(|point| frame.place(point)).filter(|place| inner.contains(*place)) {
                drawing.shapes.push(Shape::Dot { center, radius, color: color.with_alpha(0.8) });
            }
        }
        Kind::Line => {
            for points in visible_parts(&inner, series.points().map(|point| frame.place(point))) {
                drawing.shapes.push(match points[..] {
                    // A line of one point would be nothing.
                    [center] => Shape::Dot { center, radius: 2.0, color },
                    _ => Shape::Line { points, color, width: 2.0 },
                });
            }
        }
        Kind::Bars { width } => {
            for (x, y) in series.points() {
                let ((left, one), (right, other)) =
                    (frame.place((x - width / 2.0, y)), frame.place((x + width / 2.0, 0.0)));
                let within = |height: f64| height.clamp(inner.top, inner.bottom);
                let area = Area {
                    left: left.clamp(inner.left, inner.right) + 0.5,
                    top: within(one.min(other)),
                    right: right.clamp(inner.left, inner.right) - 0.5,
                    bottom: within(one.max(other)),
                };
                if area.width() > 0.0 && area.height() > 0.0 {
                    drawing.shapes.push(Shape::Fill { area, color: color.with_alpha(0.7) });
                }
            }
        }
    }
}

/// The parts of a line within the frame; what is not finite is a gap.
fn visible_parts(inner: &Area, places: impl Iterator<Item = Place>) -> Vec<Vec<Place>> {
    let mut parts: Vec<Vec<Place>> = Vec::new();
    let mut previous: Option<Place> = None;
    for place in places {
        match previous {
            _ if !is_finite(place) => previous = None,
            None => {
                if inner.contains(place) {
                    parts.push(vec![place]);
                }
                previous = Some(place);
            }
            Some(from) => {
                if let Some((begin, end)) = inner.clip(from, place) {
                    match parts.last_mut() {
                        Some(part) if part.last() == Some(&begin) => part.push(end),
                        _ => parts.push(vec![begin, end]),
                    }
                }
                previous = Some(place);
            }
        }
    }
    parts
}
