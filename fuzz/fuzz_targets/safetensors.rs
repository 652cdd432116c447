//! Any bytes are named arrays or an error, and what is written of arrays reads back with the same bits.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tancho_formats::{decode_safetensors, encode_safetensors};

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(64 << 20), |bytes: &[u8]| {
    if let Ok(arrays) = decode_safetensors(bytes, Path::new("fuzz.safetensors")) {
        let written = encode_safetensors(&arrays).unwrap_or_else(|error| panic!("{error}"));
        let again = decode_safetensors(&written, Path::new("again.safetensors")).unwrap_or_else(|error| panic!("{error}"));
        assert!(again.keys().eq(arrays.keys()) && again.values().zip(arrays.values()).all(|(x, y)| x.same_bits(y)));
    }
});
