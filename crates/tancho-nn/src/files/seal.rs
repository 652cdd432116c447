//! Safetensors files with a version and a checksum in their description: `tancho.checkpoint: version=1 crc32=0123abcd`.
//!
//! The checksum is over the version and, in the order of the names, each name, dtype, shape and data: over what the file
//! means. So a byte of it that changed is found in the header too, and the file may be rewritten by other programs which keep
//! the description.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flate2::Crc;
use tancho_core::Array;
use tancho_formats::{decode_described_safetensors, write_safetensors_to};

use super::atomic::replace_file;

const KEY: &str = "tancho.checkpoint";
const VERSION: u64 = 1;

/// Why a sealed file cannot be had.
pub(super) enum Unsealed {
    /// It is not there, or cannot be read.
    Unreadable(String),
    /// Parts of it are missing or are not what was written.
    Damaged(String),
    /// It is whole, but of a version to come.
    TooNew(String),
}

impl Unsealed {
    pub(super) fn into_message(self) -> String {
        match self {
            Unsealed::Unreadable(message) | Unsealed::Damaged(message) | Unsealed::TooNew(message) => message,
        }
    }
}

/// Writes arrays and their seal in the place of the file that may be there.
pub(super) fn write_sealed(path: &Path, arrays: &BTreeMap<String, Array>) -> Result<(), String> {
    let seal = format_seal(VERSION, checksum(VERSION, arrays));
    replace_file(path, |out| write_safetensors_to(out, arrays, Some((KEY, seal))))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Reads arrays whose seal is right.
pub(super) fn read_sealed(path: &Path) -> Result<BTreeMap<String, Array>, Unsealed> {
    let (arrays, seal) = read(path)?;
    match seal {
        Some(seal) => check_seal(path, &arrays, &seal).map(|()| arrays),
        None => Err(Unsealed::Damaged(format!(
            "{}: expected {KEY:?} with a version and a checksum in the file's description, found none",
            path.display()
        ))),
    }
}

/// As [`read_sealed`]; a file that other programs wrote has no seal.
pub(super) fn read_arrays(path: &Path) -> Result<BTreeMap<String, Array>, Unsealed> {
    let (arrays, seal) = read(path)?;
    if let Some(seal) = seal {
        check_seal(path, &arrays, &seal)?;
    }
    Ok(arrays)
}

fn read(path: &Path) -> Result<(BTreeMap<String, Array>, Option<String>), Unsealed> {
    let bytes =
        fs::read(path).map_err(|error| Unsealed::Unreadable(format!("cannot read {}: {error}", path.display())))?;
    let (arrays, mut description) =
        decode_described_safetensors(&bytes, path).map_err(|error| Unsealed::Damaged(error.to_string()))?;
    Ok((arrays, description.remove(KEY)))
}

fn check_seal(path: &Path, arrays: &BTreeMap<String, Array>, seal: &str) -> Result<(), Unsealed> {
    let damaged = |expected: String, found: String| {
        Unsealed::Damaged(format!("{} is damaged: expected {expected}, found {found}", path.display()))
    };
    let Some((version, expected)) = parse_seal(seal) else {
        return Err(damaged(format!("`version=… crc32=…` as {KEY:?}"), format!("{seal:?}")));
    };
    let found = checksum(version, arrays);
    if found != expected {
        return Err(damaged(format!("contents with the checksum {expected:08x}"), format!("{found:08x}")));
    }
    if version > VERSION {
        let message = format!("{} is of version {version}; the newest one known is {VERSION}", path.display());
        return Err(Unsealed::TooNew(message));
    }
    Ok(())
}

fn format_seal(version: u64, crc: u32) -> String {
    format!("version={version} crc32={crc:08x}")
}

/// The version and the checksum of a seal, exactly as it is written.
fn parse_seal(seal: &str) -> Option<(u64, u32)> {
    let (version, crc) = seal.strip_prefix("version=")?.split_once(" crc32=")?;
    let (version, crc) = (version.parse().ok()?, u32::from_str_radix(crc, 16).ok()?);
    (format_seal(version, crc) == seal).then_some((version, crc))
}

fn checksum(version: u64, arrays: &BTreeMap<String, Array>) -> u32 {
    let mut crc = Crc::new();
    crc.update(&version.to_le_bytes());
    for (name, array) in arrays {
        // The lengths in front keep neighbours apart.
        crc.update(&(name.len() as u64).to_le_bytes());
        crc.update(name.as_bytes());
        crc.update(array.dtype().name().as_bytes());
        crc.update(&(array.shape().len() as u64).to_le_bytes());
        for &size in array.shape().iter() {
            crc.update(&(size as u64).to_le_bytes());
        }
        crc.update(array.buffer().bytes());
    }
    crc.sum()
}
