//! Tables of values separated by commas, with a line of names at the top.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord, Trim};
use tancho_core::{Element, Result, Tensor};

use super::bytes::read_bytes;
use crate::fault::locate;

/// A table of texts, of which columns become tensors.
///
/// ```
/// # use tancho_nn::data::{Dataset, Table};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flowers.csv");
/// std::fs::write(&path, "width,height,kind\n1.5,2,rose\n3,4,tulip\n5,6,rose\n")?;
/// let table = Table::read(&path)?;
/// let x = table.columns::<f32>(&["width", "height"])?;
/// let (y, kinds) = table.classes("kind")?;
/// assert_eq!(x.shape(), [3, 2]);
/// assert_eq!((y.to_vec::<i32>()?, kinds), (vec![0, 1, 0], vec!["rose".to_owned(), "tulip".to_owned()]));
/// assert_eq!(Dataset::new((x, y)).batch(2).iter().count(), 2);
///
/// let error = table.column::<f32>("kind").unwrap_err().to_string();
/// assert!(error.contains("flowers.csv, line 2, column \"kind\": expected f32, found \"rose\""));
/// # Ok::<(), tancho_core::Error>(())
/// ```
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    rows: Vec<StringRecord>,
}

/// An element that can be read from text.
pub trait Parsed: Element + FromStr {}

impl<T: Element + FromStr> Parsed for T {}

impl Table {
    /// Reads a file whose values are separated by commas. Spaces around values do not count; lines may not differ in their
    /// number of values.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, or a line has another number of values than the first.
    #[track_caller]
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        Table::read_separated(path, ',')
    }

    /// As [`Table::read`], with another separator, such as `;` or a tabulator.
    ///
    /// # Errors
    /// As [`Table::read`]; the separator is no ASCII character.
    #[track_caller]
    pub fn read_separated(path: impl AsRef<Path>, separator: char) -> Result<Table> {
        locate(read(path.as_ref(), separator))
    }

    /// The names at the top.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many lines there are below the names.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// A column as numbers, `[rows]`.
    ///
    /// # Errors
    /// There is no column of the name, or a value is no `T`: the error says which, with its line.
    #[track_caller]
    pub fn column<T: Parsed>(&self, name: &str) -> Result<Tensor> {
        match self.parse::<T>(&[name]) {
            Ok(elements) => Ok(Tensor::from_vec([self.rows.len()], elements)),
            Err(message) => locate(Err(message)),
        }
    }

    /// Columns as numbers, `[rows, columns]`.
    ///
    /// # Errors
    /// As [`Table::column`].
    #[track_caller]
    pub fn columns<T: Parsed>(&self, names: &[&str]) -> Result<Tensor> {
        match self.parse::<T>(names) {
            Ok(elements) => Ok(Tensor::from_vec([self.rows.len(), names.len()], elements)),
            Err(message) => locate(Err(message)),
        }
    }

    /// A column as texts.
    ///
    /// # Errors
    /// There is no column of the name.
    #[track_caller]
    pub fn texts(&self, name: &str) -> Result<Vec<&str>> {
        let position = locate(self.position(name))?;
        Ok(self.rows.iter().map(|row| row.get(position).unwrap_or_default()).collect())
    }

    /// A column of names as numbers, `i32[rows]`: the position of each among all different ones, which are sorted.
    ///
    /// # Errors
    /// There is no column of the name.
    #[track_caller]
    pub fn classes(&self, name: &str) -> Result<(Tensor, Vec<String>)> {
        let texts = self.texts(name)?;
        let mut classes = texts.clone();
        classes.sort_unstable();
        classes.dedup();
        let place = |text: &&str| classes.binary_search(text).unwrap_or_default() as i32;
        let places: Vec<i32> = texts.iter().map(place).collect();
        Ok((Tensor::from_vec([places.len()], places), classes.into_iter().map(str::to_owned).collect()))
    }

    fn position(&self, name: &str) -> Result<usize, String> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            format!("{} has no column {name:?}; its columns are {}", self.path.display(), self.names.join(", "))
        })
    }

    fn parse<T: Parsed>(&self, names: &[&str]) -> Result<Vec<T>, String> {
        let mut positions = Vec::new();
        for name in names {
            positions.push(self.position(name)?);
        }
        let mut elements = Vec::with_capacity(self.rows.len() * positions.len());
        for row in &self.rows {
            for (&position, name) in positions.iter().zip(names) {
                let text = row.get(position).unwrap_or_default();
                let Ok(element) = text.parse() else {
                    let line = row.position().map_or(0, csv::Position::line);
                    let path = self.path.display();
                    return Err(format!("{path}, line {line}, column {name:?}: expected {}, found {text:?}", T::DTYPE));
                };
                elements.push(element);
            }
        }
        Ok(elements)
    }
}

fn read(path: &Path, separator: char) -> Result<Table, String> {
    let Some(separator) = u8::try_from(separator).ok().filter(u8::is_ascii) else {
        return Err(format!("a separator of values is an ASCII character, not {separator:?}"));
    };
    let bytes = read_bytes(path, &|_| Err(format!("{}: expected text, found a packed file", path.display())))?;
    let fail = |error: csv::Error| describe(path, &bytes, &error);
    let mut reader = ReaderBuilder::new().delimiter(separator).trim(Trim::All).from_reader(bytes.as_slice());
    let names: Vec<String> = reader.headers().map_err(fail)?.iter().map(str::to_owned).collect();
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("{}, line 1: two columns are called {:?}", path.display(), pair[0]));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let mut row = row.map_err(fail)?;
        if let Some(mut position) = row.position().cloned() {
            position.set_line(line_of(&bytes, &position));
            row.set_position(Some(position));
        }
        rows.push(row);
    }
    Ok(Table { path: path.to_owned(), names, rows })
}

/// The line on which a row stands: its position may be before the empty lines above it.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let breaks = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + breaks.filter(|&&byte| byte == b'\n').count() as u64
}

fn describe(path: &Path, bytes: &[u8], error: &csv::Error) -> String {
    let path = path.display();
    let line_of = |position: &Option<csv::Position>| position.as_ref().map_or(0, |position| line_of(bytes, position));
    match error.kind() {
        csv::ErrorKind::Io(error) => format!("cannot read {path}: {error}"),
        csv::ErrorKind::Utf8 { pos, err } => {
            let line = line_of(pos);
            format!("{path}, line {line}, value {}: expected UTF-8 text, found other bytes", err.field() + 1)
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = line_of(pos);
            format!("{path}, line {line}: expected {expected_len} values, found {len}")
        }
        _ => format!("{path}: {error}"),
    }
}
