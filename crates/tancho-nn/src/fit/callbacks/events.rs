//! Event files, as TensorBoard reads them.
//!
//! A file is a list of records: the length (8 bytes), its checksum, the bytes, their checksum; all little-endian. A checksum
//! is the CRC-32C of the bytes, rotated and shifted by a constant. The bytes of a record are an `Event` in the protobuf
//! encoding: fields of a tag (`number · 8 + kind`) and a value, where kind 0 is a number of variable length, 1 is 8 bytes,
//! 2 is bytes behind their length, and 5 is 4 bytes.
//!
//! | message | fields |
//! |---|---|
//! | `Event` | 1: wall time (f64), 2: step, 3: version of the file (text), 5: `Summary` |
//! | `Summary` | 1: `Value`, repeated |
//! | `Value` | 1: tag (text), 2: simple value (f32) |

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of events that grows.
pub(super) struct EventFile(File);

impl EventFile {
    /// A new file in a folder, which is made where it is not there.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder)?;
        let now = seconds();
        let (process, number) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
        let name = format!("events.out.tfevents.{}.tancho.{process}.{number}", now as u64);
        let mut file = EventFile(File::create_new(folder.join(name))?);
        file.write_event(&encode_version(now))?;
        Ok(file)
    }

    /// Adds a number under a tag.
    pub(super) fn write_number(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        self.write_event(&encode_number(seconds(), tag, step, value as f32))
    }

    fn write_event(&mut self, event: &[u8]) -> io::Result<()> {
        // In one piece: who reads while the file grows finds whole records.
        self.0.write_all(&frame(event))
    }
}

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The first event of a file.
fn encode_version(time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    write_double(&mut event, 1, time);
    write_bytes(&mut event, 3, b"brain.Event:2");
    event
}

fn encode_number(time: f64, tag: &str, step: u64, value: f32) -> Vec<u8> {
    let (mut of_value, mut summary, mut event) = (Vec::new(), Vec::new(), Vec::new());
    write_bytes(&mut of_value, 1, tag.as_bytes());
    of_value.push(2 << 3 | 5);
    of_value.extend(value.to_le_bytes());
    write_bytes(&mut summary, 1, &of_value);
    write_double(&mut event, 1, time);
    event.push(2 << 3);
    write_varint(&mut event, step);
    write_bytes(&mut event, 5, &summary);
    event
}

fn write_double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn write_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(checksum(&length).to_le_bytes());
    out.extend(bytes);
    out.extend(checksum(bytes).to_le_bytes());
    out
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_event_of_protobuf() {
        let event = encode_number(1.0, "loss", 300, 0.5);
        let expected = [
            &[0x09][..],
            &1.0f64.to_le_bytes(),
            &[0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04],
            b"loss",
            &[0x15],
            &0.5f32.to_le_bytes(),
        ];
        assert_eq!(event, expected.concat());
        let framed = frame(&event);
        assert_eq!(framed.len(), 8 + 4 + event.len() + 4);
        assert_eq!(framed[..8], (event.len() as u64).to_le_bytes());
    }
}
