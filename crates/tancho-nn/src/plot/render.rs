//! A drawing as a file: plotters draws its shapes as SVG or into pixels, by the ending of the file's name.
//!
//! plotters counts in whole pixels. So a page is drawn several times as large as it is: the SVG file says how large it is
//! meant to be, and the pixels of a PNG file are means of those that were drawn, which makes smooth edges.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform, IntoTextStyle, RGBAColor, ShapeStyle};
use tancho_core::{Error, Result};

use super::font::{BITMAP_SIZE, SVG_SIZE, font};
use super::png::png;
use super::shapes::{Anchor, Color, Drawing, Place, Raster, Shape};

/// How many drawn pixels make the unit of a page.
const SCALE: usize = 4;
/// How many of them make one of a PNG file, in each direction: two to the unit of a page, for screens that are fine.
const MERGED: usize = 2;

/// Writes the drawing, as the ending of the name says.
///
/// # Errors
/// The ending is another than `svg` or `png`, or the file cannot be written.
#[track_caller]
pub(super) fn write(drawing: &Drawing, path: &Path) -> Result<()> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let bytes = match ending.as_str() {
        "svg" => svg_of(drawing).map(String::into_bytes),
        "png" => png_of(drawing),
        _ => Err("plots are written as .svg or .png".to_owned()),
    };
    let written = bytes.and_then(|bytes| {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        std::fs::write(path, bytes).map_err(|error| error.to_string())
    });
    match written {
        Ok(()) => Ok(()),
        Err(message) => Err(Error::new(format!("plot: {}: {message}", path.display()))),
    }
}

fn svg_of(drawing: &Drawing) -> Result<String, String> {
    let (width, height) = drawn_size(drawing);
    let mut drawn = String::new();
    let backend = SVGBackend::with_string(&mut drawn, (width as u32, height as u32));
    draw(backend, drawing, Format::Svg)?;
    // plotters' own head says the size that was drawn, and below the shapes there is nothing yet.
    let mut text = format!(
        "<svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
        drawing.width, drawing.height
    );
    for raster in &drawing.rasters {
        let (left, top, columns, rows) = drawn_area(raster);
        let pixels = enlarged(raster, columns, rows);
        let bytes = png(columns, rows, &pixels);
        let _ = writeln!(
            text,
            "<image x=\"{left}\" y=\"{top}\" width=\"{columns}\" height=\"{rows}\" \
             xlink:href=\"data:image/png;base64,{}\"/>",
            base64(&bytes)
        );
    }
    let body = drawn.split_once('>').map_or("", |(_, body)| body).trim_start();
    // Texts stand on the line that they are put on.
    text += &body.replace(" dy=\"-0.5ex\"", "");
    Ok(text)
}

fn png_of(drawing: &Drawing) -> Result<Vec<u8>, String> {
    let (width, height) = drawn_size(drawing);
    let mut pixels = vec![0xFF; 3 * width * height];
    for raster in &drawing.rasters {
        let (left, top, columns, rows) = drawn_area(raster);
        let enlarged = enlarged(raster, columns, rows);
        for (row, line) in enlarged.chunks_exact(3 * columns.max(1)).enumerate() {
            let from = 3 * ((top + row) * width + left);
            if let Some(place) = pixels.get_mut(from..from + line.len()) {
                place.copy_from_slice(line);
            }
        }
    }
    let backend = BitMapBackend::with_buffer(&mut pixels, (width as u32, height as u32));
    draw(backend, drawing, Format::Png)?;
    let (columns, rows) = (width / MERGED, height / MERGED);
    Ok(png(columns, rows, &merged(&pixels, width, columns, rows)))
}

fn drawn_size(drawing: &Drawing) -> (usize, usize) {
    ((drawing.width * SCALE as f64).round() as usize, (drawing.height * SCALE as f64).round() as usize)
}

/// Each pixel the mean of those that it stands for.
fn merged(pixels: &[u8], width: usize, columns: usize, rows: usize) -> Vec<u8> {
    let mut means = Vec::with_capacity(3 * columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let mut sum = 0;
                for y in MERGED * row..MERGED * (row + 1) {
                    for x in MERGED * column..MERGED * (column + 1) {
                        sum += usize::from(pixels[3 * (y * width + x) + channel]);
                    }
                }
                means.push(((sum + MERGED * MERGED / 2) / (MERGED * MERGED)) as u8);
            }
        }
    }
    means
}

/// Left, top, columns and rows of what is drawn of a raster.
fn drawn_area(raster: &Raster) -> (usize, usize, usize, usize) {
    let place = |length: f64| (length * SCALE as f64).round().max(0.0) as usize;
    let (left, top) = (place(raster.area.left), place(raster.area.top));
    (left, top, place(raster.area.right) - left, place(raster.area.bottom) - top)
}

/// The channels of a raster with its pixels as large as they are shown.
fn enlarged(raster: &Raster, columns: usize, rows: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(3 * columns * rows);
    for row in 0..rows {
        let line = row * raster.rows / rows * raster.columns;
        for column in 0..columns {
            pixels.extend_from_slice(&raster.pixels[line + column * raster.columns / columns].channels);
        }
    }
    pixels
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            if digit <= group.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Draws all shapes.
fn draw<B: DrawingBackend>(mut backend: B, drawing: &Drawing, format: Format) -> Result<(), String> {
    for shape in &drawing.shapes {
        match shape {
            Shape::Line { points, color, width } => {
                let style = style(*color, *width);
                backend
                    .draw_path(points.iter().map(|point| drawn(*point)), &style)
                    .map_err(|error| error.to_string())?;
            }
            Shape::Dot { center, radius, color } => {
                let radius = (radius * SCALE as f64).round() as u32;
                backend
                    .draw_circle(drawn(*center), radius, &style(*color, 0.0), true)
                    .map_err(|error| error.to_string())?;
            }
            Shape::Fill { area, color } => {
                let (from, to) = (drawn((area.left, area.top)), drawn((area.right, area.bottom)));
                backend.draw_rect(from, to, &style(*color, 0.0), true).map_err(|error| error.to_string())?;
            }
            Shape::Outline { area, color, width } => {
                let corners = [
                    (area.left, area.top),
                    (area.right, area.top),
                    (area.right, area.bottom),
                    (area.left, area.bottom),
                    (area.left, area.top),
                ];
                backend
                    .draw_path(corners.into_iter().map(drawn), &style(*color, *width))
                    .map_err(|error| error.to_string())?;
            }
            Shape::Text { text, at, size, anchor, turned, color } => {
                draw_text(&mut backend, format, text, *at, *size, *anchor, *turned, *color)
                    .map_err(|error| error.to_string())?;
            }
        }
    }
    backend.present().map_err(|error| error.to_string())
}

/// Draws a text. The formats disagree on what a text is put down by, but for this: in SVG by its baseline; in pixels the
/// baseline is half a size, as plotters counts it, below the top.
#[expect(clippy::too_many_arguments, reason = "a shape in its parts")]
fn draw_text<B: DrawingBackend>(
    backend: &mut B,
    format: Format,
    text: &str,
    (x, y): Place,
    size: f64,
    anchor: Anchor,
    turned: bool,
    color: Color,
) -> Result<(), String> {
    let (counted, vertical, above) = match format {
        Format::Svg => (SVG_SIZE * size, VPos::Bottom, 0.0),
        Format::Png => (BITMAP_SIZE * size, VPos::Top, BITMAP_SIZE * size / 2.0),
    };
    let at = if turned { (x - above, y) } else { (x, y - above) };
    let horizontal = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let turn = if turned { FontTransform::Rotate270 } else { FontTransform::None };
    let color = plotters_color(color);
    let style = font(counted * SCALE as f64)
        .transform(turn)
        .into_text_style(&(1, 1))
        .color(&color)
        .pos(Pos::new(horizontal, vertical));
    backend.draw_text(text, &style, drawn(at)).map_err(|error| error.to_string())
}

fn style(color: Color, width: f64) -> ShapeStyle {
    plotters_color(color).stroke_width((width * SCALE as f64).round() as u32)
}

fn plotters_color(color: Color) -> RGBAColor {
    let [red, green, blue] = color.channels;
    RGBAColor(red, green, blue, color.alpha)
}

fn drawn((x, y): Place) -> (i32, i32) {
    ((x * SCALE as f64).round() as i32, (y * SCALE as f64).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_base64() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }
}
