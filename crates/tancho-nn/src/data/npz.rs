//! NumPy's files of several arrays: a ZIP archive of `.npy` files, stored as they are or packed by deflate.
//!
//! The archive's directory is at its end. It names each file, its sizes and its checksum, and where it begins; where a number
//! does not fit into 32 bits, it stands in an extra field (ZIP64). Encryption and other ways of packing do not occur here.
//!
//! # Reference
//! PKWARE: APPNOTE.TXT, .ZIP file format specification

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use tancho_core::{Result, Tensor};
use tancho_formats::decode_npy;

use super::bytes::{LIMIT, check_packed, read_bytes};
use crate::fault::locate;

/// Reads the arrays of a `.npz` file by their names.
///
/// # Errors
/// The file cannot be read, is damaged or packed in a way that NumPy does not use, holds elements of another kind than Tancho's
/// dtypes, or is larger than [`LIMIT`], unpacked.
#[track_caller]
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    locate(read(path.as_ref()))
}

/// A file of the archive, as the directory has it.
struct Entry {
    name: String,
    method: u64,
    crc: u64,
    n_packed: u64,
    n_bytes: u64,
    place: u64,
}

fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, String> {
    let bytes = read_bytes(path, &|_| Err(format!("{}: expected an archive, found a packed file", path.display())))?;
    let damaged = |message: String| format!("{}, {message}", path.display());
    let mut arrays = BTreeMap::new();
    let mut n_unpacked = 0u64;
    for entry in parse_directory(&bytes).map_err(damaged)? {
        n_unpacked = n_unpacked.saturating_add(entry.n_bytes);
        if n_unpacked > LIMIT {
            return Err(format!("{} has more than {LIMIT} bytes, unpacked", path.display()));
        }
        let content =
            unpack(path, &bytes, &entry).map_err(|message| damaged(format!("{:?}: {message}", entry.name)))?;
        let within = path.join(&entry.name);
        let array = decode_npy(&content, &within).map_err(|error| error.to_string())?;
        let name = entry.name.strip_suffix(".npy").unwrap_or(&entry.name).to_owned();
        if arrays.insert(name.clone(), Tensor::from_array(array)).is_some() {
            return Err(damaged(format!("two arrays are called {name:?}")));
        }
    }
    Ok(arrays)
}

/// The number of some bytes at a place, low byte first.
fn number(bytes: &[u8], place: u64, n_bytes: usize) -> Result<u64, String> {
    let start = usize::try_from(place).unwrap_or(usize::MAX);
    let found = start.checked_add(n_bytes).and_then(|end| bytes.get(start..end));
    let found = found.ok_or_else(|| format!("byte {place}: expected {n_bytes} bytes, found the end of the file"))?;
    Ok(found.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn expect(bytes: &[u8], place: u64, mark: u64, what: &str) -> Result<(), String> {
    if number(bytes, place, 4)? == mark { Ok(()) } else { Err(format!("byte {place}: expected {what}")) }
}

fn parse_directory(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    // Behind the end record there is a comment of up to 64 KiB.
    let length = bytes.len();
    let first = length.saturating_sub(22 + 0xffff);
    let end = (first..(length + 1).saturating_sub(22)).rev().find(|&place| bytes[place..].starts_with(b"PK\x05\x06"));
    let Some(end) = end else { return Err(format!("byte {length}: expected the directory of an archive at the end")) };
    let end = end as u64;
    let (mut count, mut place) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    if (count == 0xffff || place == 0xffff_ffff) && end >= 20 {
        expect(bytes, end - 20, 0x0706_4b50, "the place of the large directory")?;
        let record = number(bytes, end - 12, 8)?;
        expect(bytes, record, 0x0606_4b50, "the record of the large directory")?;
        count = number(bytes, record.saturating_add(32), 8)?;
        place = number(bytes, record.saturating_add(48), 8)?;
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        expect(bytes, place, 0x0201_4b50, "an entry of the directory")?;
        let field = |offset: u64, n_bytes: usize| number(bytes, place + offset, n_bytes);
        if field(8, 2)? & 1 != 0 {
            return Err(format!("byte {place}: the file is encrypted"));
        }
        let (n_name, n_extra, n_comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
        let extra = place + 46 + n_name;
        let next = extra + n_extra + n_comment;
        number(bytes, next, 0)?;
        // All of these are within the bytes.
        let name = String::from_utf8_lossy(&bytes[place as usize + 46..extra as usize]).into_owned();
        let mut entry = Entry {
            name,
            method: field(10, 2)?,
            crc: field(16, 4)?,
            n_packed: field(20, 4)?,
            n_bytes: field(24, 4)?,
            place: field(42, 4)?,
        };
        widen(bytes, &mut entry, extra, n_extra)?;
        entries.push(entry);
        place = next;
    }
    Ok(entries)
}

/// Takes the numbers that do not fit into 32 bits from the extra field.
fn widen(bytes: &[u8], entry: &mut Entry, mut extra: u64, n_extra: u64) -> Result<(), String> {
    let end = extra + n_extra;
    while extra + 4 <= end {
        let (kind, length) = (number(bytes, extra, 2)?, number(bytes, extra + 2, 2)?);
        let mut place = extra + 4;
        if kind == 1 {
            for field in [&mut entry.n_bytes, &mut entry.n_packed, &mut entry.place] {
                if *field == 0xffff_ffff {
                    *field = number(bytes, place, 8)?;
                    place += 8;
                }
            }
        }
        extra += 4 + length;
    }
    Ok(())
}

/// The bytes of a file of the archive.
fn unpack(path: &Path, bytes: &[u8], entry: &Entry) -> Result<Vec<u8>, String> {
    expect(bytes, entry.place, 0x0403_4b50, "a file of the archive")?;
    let start = entry.place + 30 + number(bytes, entry.place + 26, 2)? + number(bytes, entry.place + 28, 2)?;
    let end = start.saturating_add(entry.n_packed);
    let packed = usize::try_from(end).ok().and_then(|end| bytes.get(start as usize..end));
    let packed = packed.ok_or_else(|| format!("byte {start}: expected {} bytes, found fewer", entry.n_packed))?;
    let content = match entry.method {
        0 => packed.to_vec(),
        8 => {
            check_packed(path, entry.n_bytes, entry.n_packed)?;
            let mut content = Vec::new();
            let unpacked = DeflateDecoder::new(packed).take(entry.n_bytes + 1).read_to_end(&mut content);
            unpacked.map_err(|error| format!("cannot unpack: {error}"))?;
            content
        }
        other => return Err(format!("is packed by method {other}; NumPy uses 0 and 8")),
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if content.len() as u64 != entry.n_bytes || u64::from(crc.sum()) != entry.crc {
        return Err("is damaged: its checksum is another than the directory has".to_owned());
    }
    Ok(content)
}
