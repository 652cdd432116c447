//! Pictures: tensors as pixels, one or many in a grid, each with a text above it.

use std::path::{Path, PathBuf};

use tancho_core::{DType, Error, Result, Tensor};

use super::chart::{EDGE, TITLE};
use super::font::{text_cut_to, text_width};
use super::numbers::Numbers as _;
use super::page_size;
use super::render;
use super::shapes::{Anchor, Area, Color, Drawing, Raster, Shape};

/// Begins a page of pictures that [`Images::save`] writes to this file, `.svg` or `.png`.
pub fn images(path: impl AsRef<Path>) -> Images {
    Images { path: path.as_ref().to_owned(), title: String::new(), columns: None, pictures: Vec::new(), fault: None }
}

/// Pictures in rows.
///
/// A picture is `[height, width]` or `[height, width, 1]` in shades of grey, or `[height, width, 3]` in red, green and blue. Of
/// `u8`, 0 is dark and 255 is bright; of another dtype, 0 and 1 are, unless a picture has numbers beyond them: then its least
/// and its largest.
#[must_use = "pictures are written by `save`"]
pub struct Images {
    path: PathBuf,
    title: String,
    columns: Option<usize>,
    pictures: Vec<Picture>,
    fault: Option<Error>,
}

struct Picture {
    name: String,
    columns: usize,
    rows: usize,
    pixels: Vec<Color>,
}

impl Images {
    /// One more picture, with a text above it.
    #[track_caller]
    pub fn image(mut self, name: &str, picture: &Tensor) -> Self {
        match read(name, picture) {
            Ok(picture) => self.pictures.push(picture),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
        self
    }

    /// All pictures of a batch, `[n, height, width]` or `[n, height, width, channels]`, with texts for the first of them.
    #[track_caller]
    pub fn batch<S: AsRef<str>>(mut self, names: &[S], pictures: &Tensor) -> Self {
        let count = match pictures.try_shape() {
            Err(error) => {
                self.fault.get_or_insert(error);
                return self;
            }
            Ok(shape) if !(3..=4).contains(&shape.rank()) => {
                let message =
                    format!("images: a batch is [n, height, width] or [n, height, width, channels], not {shape}");
                self.fault.get_or_insert(Error::new(message));
                return self;
            }
            Ok(shape) => shape.size(0).as_known().unwrap_or(0),
        };
        for index in 0..count {
            let name = names.get(index).map_or("", |name| name.as_ref());
            self = self.image(name, &pictures.slice(index as i64));
        }
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    /// How many pictures are in a row.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns.max(1));
        self
    }

    /// Writes the file, and its folder where there is none.
    ///
    /// # Errors
    /// There is no picture; a tensor carries an error or is no picture; the name of the file ends in something else than `.svg`
    /// or `.png`; it cannot be written.
    #[track_caller]
    pub fn save(self) -> Result<()> {
        match &self.fault {
            Some(error) => Err(error.clone()),
            None if self.pictures.is_empty() => Err(Error::new("images: there is no picture")),
            None => render::write(&draw(&self), &self.path),
        }
    }
}

#[track_caller]
fn read(name: &str, picture: &Tensor) -> Result<Picture> {
    let shape = picture.try_shape()?;
    let (rows, columns, channels) = match shape.known().as_deref() {
        Some(&[rows, columns]) => (rows, columns, 1),
        Some(&[rows, columns, channels @ (1 | 3)]) => (rows, columns, channels),
        _ => (0, 0, 0),
    };
    if rows * columns == 0 {
        let message = "a picture is [height, width], or with a third axis of size 1 or 3";
        return Err(Error::new(format!("images: {message}, not {shape}")));
    }
    let numbers = picture.numbers()?;
    let (mut dark, mut bright) = (0.0f64, 1.0f64);
    if picture.dtype() == DType::U8 {
        bright = 255.0;
    } else if numbers.iter().any(|number| !(0.0..=1.0).contains(number)) {
        let finite = || numbers.iter().copied().filter(|number| number.is_finite());
        (dark, bright) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    }
    let length = if bright > dark { bright - dark } else { 1.0 };
    // What is not a number is dark.
    let light = |number: f64| (255.0 * ((number - dark) / length).clamp(0.0, 1.0)).round() as u8;
    let pixel = |channels: &[f64]| match *channels {
        [red, green, blue] => Color::of(light(red), light(green), light(blue)),
        _ => Color::grey(light(channels[0])),
    };
    Ok(Picture { name: name.to_owned(), columns, rows, pixels: numbers.chunks_exact(channels).map(pixel).collect() })
}

fn draw(images: &Images) -> Drawing {
    const NAME: f64 = 12.0;
    const GAP: f64 = 12.0;
    let count = images.pictures.len();
    let columns = images.columns.unwrap_or_else(|| (count as f64).sqrt().ceil() as usize).min(count);
    let rows = count.div_ceil(columns);
    // All pictures have places of one size, as large as a page of some size allows.
    let longest = images.pictures.iter().map(|picture| picture.columns.max(picture.rows)).fold(1, usize::max);
    let cell = (720.0 / columns as f64 - GAP).clamp(48.0, 320.0);
    // A whole number of the page's units for a pixel, where it is not too small for that, makes all pixels alike.
    let cell = if cell >= longest as f64 { (cell / longest as f64).floor() * longest as f64 } else { cell };
    let scale = |picture: &Picture| cell / picture.columns.max(picture.rows) as f64;
    let heights = images.pictures.iter().map(|picture| picture.rows as f64 * scale(picture));
    let cell_height = heights.fold(1.0, f64::max);
    let is_named = images.pictures.iter().any(|picture| !picture.name.is_empty());
    let name_height = if is_named { NAME + 8.0 } else { 0.0 };
    let title_height = if images.title.is_empty() { 0.0 } else { TITLE + 12.0 };
    let width = 2.0 * EDGE + columns as f64 * (cell + GAP) - GAP;
    let (width, height) = (
        width.max((text_width(&images.title, TITLE) + 2.0 * EDGE).min(720.0)),
        2.0 * EDGE + title_height + rows as f64 * (cell_height + name_height + GAP) - GAP,
    );
    let (page_width, page_height) = page_size(width.ceil(), height.ceil());
    let mut drawing = Drawing { width: page_width, height: page_height, ..Drawing::default() };
    let title = text_cut_to(&images.title, TITLE, page_width - 2.0 * EDGE);
    if !title.is_empty() {
        drawing.text(title, (page_width / 2.0, EDGE + TITLE / 2.0), TITLE, Anchor::Middle, Color::BLACK);
    }
    let grid_width = columns as f64 * (cell + GAP) - GAP;
    let grid_left = ((page_width - grid_width) / 2.0).max(0.0);
    for (index, picture) in images.pictures.iter().enumerate() {
        let left = grid_left + (index % columns) as f64 * (cell + GAP);
        let top = EDGE + title_height + (index / columns) as f64 * (cell_height + name_height + GAP);
        let name = text_cut_to(&picture.name, NAME, cell + GAP - 4.0);
        if !name.is_empty() {
            let place = (left + cell / 2.0, top + name_height / 2.0 - 1.0);
            drawing.text(name, place, NAME, Anchor::Middle, Color::BLACK);
        }
        // The picture keeps its proportions, in the middle of its place.
        let (width, height) = (picture.columns as f64 * scale(picture), picture.rows as f64 * scale(picture));
        let (left, top) = (left + (cell - width) / 2.0, top + name_height + (cell_height - height) / 2.0);
        let area = Area { left, top, right: left + width, bottom: top + height };
        if area.bottom > page_height || area.right > page_width {
            continue;
        }
        let (columns, rows) = (picture.columns, picture.rows);
        drawing.rasters.push(Raster { area, columns, rows, pixels: picture.pixels.clone() });
        drawing.shapes.push(Shape::Outline { area: area.grown(0.5), color: Color::grey(0xB0), width: 1.0 });
    }
    drawing
}
