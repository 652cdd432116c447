//! Files that are there as a whole or not at all.
//!
//! What is written goes to a file of another name in the same folder, which is brought to the disk and then renamed. A rename
//! within a folder happens at once: a reader, or the next start after a crash, finds the old file or the new one. At last
//! the folder itself is brought to the disk, so that the new name survives a loss of power.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Stands in the names of files that are not whole yet.
pub(super) const UNFINISHED: &str = ".saving-";

/// Writes a file in the place of the one that may be there. Folders on the way to it are made.
pub(super) fn replace_file(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end with the name of a file"));
    };
    fs::create_dir_all(folder)?;
    let (file, unfinished) = create_beside(folder, &name.to_string_lossy())?;
    let outcome = fill(file, write).and_then(|()| fs::rename(&unfinished, path));
    if outcome.is_err() {
        // The error is that of the writing; what is left behind does no harm.
        let _ = fs::remove_file(&unfinished);
    }
    outcome?;
    sync_folder(folder)
}

/// A new file; its name begins with a point, so that listings leave it out.
fn create_beside(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNT.fetch_add(1, Relaxed);
        let path = folder.join(format!(".{name}{UNFINISHED}{}-{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            // A process of the same number was ended while it wrote.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn fill(file: File, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
