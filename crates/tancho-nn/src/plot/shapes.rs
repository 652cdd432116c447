//! A drawing before it is one: shapes in places that a layout gave them, in the order in which they cover each other.
//!
//! Lengths are those of a page whose unit is about a ninety-sixth of an inch; y goes down. Both formats draw the same list,
//! and tests see where everything is.

use super::font;

/// Where something is: right, then down.
pub(super) type Place = (f64, f64);

/// A page, and what is on it: all rasters below all shapes.
#[derive(Default)]
pub(super) struct Drawing {
    pub width: f64,
    pub height: f64,
    pub rasters: Vec<Raster>,
    pub shapes: Vec<Shape>,
}

/// Pixels with sharp borders in a rectangle of the page.
pub(super) struct Raster {
    pub area: Area,
    pub columns: usize,
    pub rows: usize,
    /// Row by row from the top.
    pub pixels: Vec<Color>,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Line {
        points: Vec<Place>,
        color: Color,
        width: f64,
    },
    Dot {
        center: Place,
        radius: f64,
        color: Color,
    },
    Fill {
        area: Area,
        color: Color,
    },
    Outline {
        area: Area,
        color: Color,
        width: f64,
    },
    /// A line of text on its baseline; where it is turned, it runs upwards.
    Text {
        text: String,
        at: Place,
        size: f64,
        anchor: Anchor,
        turned: bool,
        color: Color,
    },
}

/// What of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub fn grown(&self, by: f64) -> Area {
        Area { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// The part of the segment within the rectangle, by the method of Liang and Barsky: the segment runs from 0 to 1, and each
    /// side moves the beginning or the end.
    pub fn clip(&self, (x0, y0): Place, (x1, y1): Place) -> Option<(Place, Place)> {
        let (dx, dy) = (x1 - x0, y1 - y0);
        let (mut begin, mut end) = (0.0f64, 1.0f64);
        let sides = [(-dx, x0 - self.left), (dx, self.right - x0), (-dy, y0 - self.top), (dy, self.bottom - y0)];
        for (towards, distance) in sides {
            if towards == 0.0 {
                if distance < 0.0 {
                    return None;
                }
            } else if towards < 0.0 {
                begin = begin.max(distance / towards);
            } else {
                end = end.min(distance / towards);
            }
        }
        // An end within the rectangle is kept to the bit, so that the next segment is seen to begin there.
        let from = if begin == 0.0 { (x0, y0) } else { (x0 + begin * dx, y0 + begin * dy) };
        let to = if end == 1.0 { (x1, y1) } else { (x0 + end * dx, y0 + end * dy) };
        (begin <= end).then_some((from, to))
    }

    pub fn contains(&self, (x, y): Place) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

impl Drawing {
    /// A line of text whose capitals are centred at the height of the place.
    pub fn text(&mut self, text: impl Into<String>, (x, y): Place, size: f64, anchor: Anchor, color: Color) {
        let at = (x, y + font::CAPITAL * size / 2.0);
        self.shapes.push(Shape::Text { text: text.into(), at, size, anchor, turned: false, color });
    }

    /// The same, turned to run upwards, and centred.
    pub fn turned_text(&mut self, text: impl Into<String>, (x, y): Place, size: f64, color: Color) {
        let at = (x + font::CAPITAL * size / 2.0, y);
        self.shapes.push(Shape::Text { text: text.into(), at, size, anchor: Anchor::Middle, turned: true, color });
    }

    pub fn line(&mut self, points: &[Place], color: Color, width: f64) {
        self.shapes.push(Shape::Line { points: points.to_vec(), color, width });
    }
}

/// Red, green, blue, and how much of what is below is covered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Color {
    pub channels: [u8; 3],
    pub alpha: f64,
}

impl Color {
    pub const BLACK: Color = Color::of(0x22, 0x22, 0x22);
    pub const WHITE: Color = Color::of(0xFF, 0xFF, 0xFF);
    pub const GRID: Color = Color::of(0xE4, 0xE4, 0xE4);
    pub const FRAME: Color = Color::of(0x88, 0x88, 0x88);

    pub const fn of(red: u8, green: u8, blue: u8) -> Color {
        Color { channels: [red, green, blue], alpha: 1.0 }
    }

    pub fn grey(light: u8) -> Color {
        Color::of(light, light, light)
    }

    pub fn with_alpha(self, alpha: f64) -> Color {
        Color { alpha, ..self }
    }

    /// The mixture of so much of the one and the rest of the other.
    pub fn mixed(self, share: f64, other: Color) -> Color {
        let mix = |a: u8, b: u8| (f64::from(a) * share + f64::from(b) * (1.0 - share)).round() as u8;
        let ([r, g, b], [s, h, c]) = (self.channels, other.channels);
        Color::of(mix(r, s), mix(g, h), mix(b, c))
    }

    /// The colour of a series or class of this number. People who see fewer colours can tell the first eight apart.
    pub fn numbered(number: usize) -> Color {
        const COLORS: [Color; 10] = [
            Color::of(0x00, 0x72, 0xB2),
            Color::of(0xD5, 0x5E, 0x00),
            Color::of(0x00, 0x9E, 0x73),
            Color::of(0xCC, 0x79, 0xA7),
            Color::of(0xE6, 0x9F, 0x00),
            Color::of(0x56, 0xB4, 0xE9),
            Color::of(0x22, 0x22, 0x22),
            Color::of(0x8C, 0x8C, 0x8C),
            Color::of(0x8C, 0x56, 0x4B),
            Color::of(0x6A, 0x3D, 0x9A),
        ];
        COLORS[number % COLORS.len()]
    }
}
