//! PNG files: a head, rows of pixels that are compressed, and an end, each a chunk with a checksum.
//!
//! # Reference
//! ISO/IEC 15948, "Portable Network Graphics"

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};

/// The file of an image with 8 bits for each of red, green and blue.
pub(super) fn png(columns: usize, rows: usize, channels: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::with_capacity(13);
    head.extend_from_slice(&(columns as u32).to_be_bytes());
    head.extend_from_slice(&(rows as u32).to_be_bytes());
    // Eight bits, red, green and blue, and the only methods that there are of compressing, filtering and ordering.
    head.extend_from_slice(&[8, 2, 0, 0, 0]);
    write_chunk(&mut file, b"IHDR", &head);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in channels.chunks_exact(3 * columns.max(1)) {
        // Each row begins with how it is filtered: not at all, which is best for large areas of one colour. A vector takes
        // all that is written to it.
        let _ = encoder.write_all(&[0]).and_then(|()| encoder.write_all(row));
    }
    write_chunk(&mut file, b"IDAT", &encoder.finish().unwrap_or_default());
    write_chunk(&mut file, b"IEND", &[]);
    file
}

/// The length of what is in it, its kind, what is in it, and the checksum of both.
fn write_chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    file.extend_from_slice(&(content.len() as u32).to_be_bytes());
    file.extend_from_slice(kind);
    file.extend_from_slice(content);
    let mut checksum = Crc::new();
    checksum.update(kind);
    checksum.update(content);
    file.extend_from_slice(&checksum.sum().to_be_bytes());
}
