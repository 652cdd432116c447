//! Legends: what each colour stands for.

use super::font::{text_cut_to, text_width};
use super::shapes::{Anchor, Area, Color, Drawing, Shape};

/// A line of a legend.
pub(super) struct Entry {
    pub text: String,
    pub sign: Sign,
    pub color: Color,
}

/// What stands beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Line,
    Dot,
    Box,
}

const SIZE: f64 = 12.0;
const LINE: f64 = 19.0;
const SIGN: f64 = 20.0;
const GAP: f64 = 8.0;

/// How wide and high a legend is, at most so wide.
pub(super) fn size(entries: &[Entry], most: f64) -> (f64, f64) {
    let widest = entries.iter().map(|entry| text_width(&entry.text, SIZE)).fold(0.0, f64::max);
    ((3.0 * GAP + SIGN + widest).min(most), LINE * entries.len() as f64 + GAP)
}

pub(super) fn draw(drawing: &mut Drawing, area: Area, entries: &[Entry]) {
    drawing.shapes.push(Shape::Fill { area, color: Color::WHITE.with_alpha(0.9) });
    drawing.shapes.push(Shape::Outline { area, color: Color::grey(0xC8), width: 1.0 });
    for (index, entry) in entries.iter().enumerate() {
        let y = area.top + GAP / 2.0 + LINE * (index as f64 + 0.5);
        let (from, to) = (area.left + GAP, area.left + GAP + SIGN);
        let middle = (from + to) / 2.0;
        match entry.sign {
            Sign::Line => drawing.line(&[(from, y), (to, y)], entry.color, 2.0),
            Sign::Dot => drawing.shapes.push(Shape::Dot { center: (middle, y), radius: 3.5, color: entry.color }),
            Sign::Box => {
                let area = Area { left: middle - 6.0, top: y - 5.0, right: middle + 6.0, bottom: y + 5.0 };
                drawing.shapes.push(Shape::Fill { area, color: entry.color.with_alpha(0.7) });
            }
        }
        let text = text_cut_to(&entry.text, SIZE, area.right - GAP - (to + GAP) + 0.5);
        drawing.text(text, (to + GAP, y), SIZE, Anchor::Start, Color::BLACK);
    }
}
