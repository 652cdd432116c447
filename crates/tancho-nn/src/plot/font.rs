//! The font that both formats measure texts with, and that PNG draws with.
//!
//! It is part of the program, so that a machine without fonts draws the same. A viewer of an SVG file takes its own: DejaVu
//! Sans where it is there, or Verdana, which is nearly as wide.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The family as SVG names it, which plotters takes the font by too.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// The height of a capital or digit, by the size of the text.
pub(super) const CAPITAL: f64 = 0.73;

/// What a text of size 1 is asked for as: plotters draws a size from the top of the highest letter to the bottom of the
/// lowest, which for this font is more than the size of type.
pub(super) const BITMAP_SIZE: f64 = 1.164;
/// The same for SVG, where plotters divides by this number whatever the font.
pub(super) const SVG_SIZE: f64 = 1.24;

/// The font of a size as plotters counts it.
pub(super) fn font(size: f64) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // The font is one that the tests have drawn with: it is never refused.
        let _ = register_font(FAMILY, FontStyle::Normal, include_bytes!("font/DejaVuSans-subset.ttf"));
    });
    FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal)
}

/// How wide a text of this size is.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    // plotters measures in whole pixels, which are small for a large size.
    const FINE: f64 = 8.0;
    match font(FINE * BITMAP_SIZE * size).box_size(text) {
        Ok((width, _)) => f64::from(width) / FINE,
        Err(_) => text.chars().count() as f64 * 0.65 * size,
    }
}

/// The text cut to a width, with an ellipsis where something is missing.
pub(super) fn text_cut_to(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let cut = format!("{}…", kept.trim_end());
        if text_width(&cut, size) <= width {
            return cut;
        }
    }
    String::new()
}
