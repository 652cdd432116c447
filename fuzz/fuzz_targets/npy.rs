//! Any bytes are an array or an error, and what is written of an array reads back with the same bits.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tancho_formats::{decode_npy, encode_npy};

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(64 << 20), |bytes: &[u8]| {
    if let Ok(array) = decode_npy(bytes, Path::new("fuzz.npy")) {
        let again = decode_npy(&encode_npy(&array), Path::new("again.npy")).unwrap_or_else(|error| panic!("{error}"));
        assert!(again.same_bits(&array));
    }
});
