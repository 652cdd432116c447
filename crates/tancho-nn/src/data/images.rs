//! Pictures in folders, one for each class.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::imageops::FilterType;
use image::{ImageReader, Limits};
use tancho_core::{Result, Tensor, tensor};

use super::dataset::{Dataset, Items};
use crate::fault::locate;

/// The most bytes that a picture may take when it is decoded.
const MOST_BYTES: u64 = 512 << 20;
/// The most pixels on one side of a picture.
const MOST_PIXELS: u32 = 1 << 16;

/// A folder with a folder of pictures (PNG, JPEG) for each class, as `keras.utils.image_dataset_from_directory` takes it.
///
/// ```text
/// animals/cats/1.png
/// animals/dogs/1.jpg
/// ```
///
/// Classes and files are taken in the order of their names. Each sample is a picture `f32[height, width, channels]` with
/// values from 0 to 255, and the number of its class, `i32[]`. A picture is read when it is its turn.
pub struct ImageFolder {
    classes: Vec<String>,
    files: Arc<Vec<(PathBuf, i32)>>,
    height: u32,
    width: u32,
    grey: bool,
}

impl ImageFolder {
    /// Finds the pictures; each is made of one height and width (bilinear, with the average where it becomes smaller).
    ///
    /// # Errors
    /// The folder cannot be read, has no folder in it, or a size is 0 or more than 65536.
    #[track_caller]
    pub fn new(folder: impl AsRef<Path>, size: [usize; 2]) -> Result<ImageFolder> {
        locate(find(folder.as_ref(), size))
    }

    /// With one channel of grey instead of red, green and blue.
    pub fn grey(mut self) -> Self {
        self.grey = true;
        self
    }

    /// The names of the classes, sorted.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The pictures and their classes. A file that is no picture is an error in its place.
    pub fn dataset(&self) -> Dataset<(Tensor, Tensor)> {
        let (files, height, width, grey) = (self.files.clone(), self.height, self.width, self.grey);
        let count = files.len();
        let begin = move |_| -> Items<(Tensor, Tensor)> {
            let files = files.clone();
            Box::new((0..files.len()).map(move |position| {
                let (path, class) = &files[position];
                let picture = locate(read_picture(path, height, width, grey))?;
                Ok((picture, tensor(*class)))
            }))
        };
        Dataset::from_passes(begin, Some(count))
    }
}

fn find(folder: &Path, size: [usize; 2]) -> Result<ImageFolder, String> {
    let [height, width] = size.map(|size| u32::try_from(size).unwrap_or(u32::MAX));
    if !(1..=MOST_PIXELS).contains(&height) || !(1..=MOST_PIXELS).contains(&width) {
        return Err(format!("pictures have 1 to {MOST_PIXELS} pixels on a side, not {size:?}"));
    }
    let mut classes = Vec::new();
    let mut files = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let class = classes.len() as i32;
        classes.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        files.extend(entries(&path)?.into_iter().filter(|file| is_picture(file)).map(|file| (file, class)));
    }
    if classes.is_empty() {
        return Err(format!("{} has no folder in it, of which each would be a class", folder.display()));
    }
    Ok(ImageFolder { classes, files: Arc::new(files), height, width, grey: false })
}

/// What is in a folder, by name; not what is hidden.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(extension.as_str(), "png" | "jpg" | "jpeg")
}

fn read_picture(path: &Path, height: u32, width: u32, grey: bool) -> Result<Tensor, String> {
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|error| fail(&error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| fail(&error))?;
    let picture = if (picture.width(), picture.height()) == (width, height) {
        picture
    } else {
        picture.resize_exact(width, height, FilterType::Triangle)
    };
    let (bytes, channels) = if grey { (picture.to_luma8().into_raw(), 1) } else { (picture.to_rgb8().into_raw(), 3) };
    let values: Vec<f32> = bytes.into_iter().map(f32::from).collect();
    Ok(Tensor::from_vec([height as usize, width as usize, channels], values))
}
