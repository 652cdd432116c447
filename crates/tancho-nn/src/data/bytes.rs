//! The bytes of files, unpacked where they are packed, within limits.
//!
//! A packed file may be a thousand times as large as it looks. So the header at its front says first how many bytes the file
//! has; these are compared with what the packed bytes can hold at all, and no more than these are unpacked.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The most bytes that are read of a file, or unpacked: 4 GiB.
pub const LIMIT: u64 = 4 << 30;

/// How many bytes are unpacked to find the header among them.
const FRONT: u64 = 64 << 10;
/// A byte that is packed by deflate stands for at most 1032.
const MOST_FROM_ONE: u64 = 1040;

/// Reads a file; `length` says by its header, which is at the front of the bytes that it is given, how many bytes it has.
pub(super) fn read_bytes(path: &Path, length: &dyn Fn(&[u8]) -> Result<u64, String>) -> Result<Vec<u8>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(fail)?;
    let n_packed = file.metadata().map_err(fail)?.len();
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    if !is_gzip(&mut reader).map_err(fail)? {
        reader.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > LIMIT {
            return Err(format!("{} has more than {LIMIT} bytes", path.display()));
        }
        return Ok(bytes);
    }
    let fail = |error: std::io::Error| format!("{}: cannot unpack: {error}", path.display());
    let mut unpacked = MultiGzDecoder::new(reader);
    unpacked.by_ref().take(FRONT).read_to_end(&mut bytes).map_err(fail)?;
    let stated = length(&bytes)?;
    check_packed(path, stated, n_packed)?;
    // One more byte, so that the end is seen, with the checksum behind it, or what is too much.
    let rest = (stated + 1).saturating_sub(bytes.len() as u64);
    unpacked.take(rest).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Whether so many bytes may come out of packed ones.
pub(super) fn check_packed(path: &Path, stated: u64, n_packed: u64) -> Result<(), String> {
    if stated > LIMIT {
        return Err(format!("{} has {stated} bytes, which are more than {LIMIT}", path.display()));
    }
    if stated > n_packed.saturating_mul(MOST_FROM_ONE) {
        return Err(format!("{} is damaged: {n_packed} packed bytes cannot hold {stated}", path.display()));
    }
    Ok(())
}

fn is_gzip(reader: &mut BufReader<File>) -> std::io::Result<bool> {
    use std::io::BufRead;
    Ok(reader.fill_buf()?.starts_with(&[0x1f, 0x8b]))
}
