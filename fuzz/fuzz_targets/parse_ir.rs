//! Any text is a graph or an error. A graph prints as a text that reads back as the same graph, and the verifier answers
//! for every graph, also for one whose types are wrong.
#![no_main]

mod memory;

use libfuzzer_sys::fuzz_target;
use tancho_ir::{ParseOptions, parse, parse_with, verify};

/// What constants may take together; an array of equal elements is written as one.
const ARRAYS: usize = 16 << 20;

/// What the parser may hold for each byte of the text, and beside that.
const PER_BYTE: usize = 256;
const BESIDE: usize = 64 << 10;

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(ARRAYS), |text: &str| {
    if let Ok(graph) = memory::within(text.len(), PER_BYTE, BESIDE + ARRAYS, || parse(text, "fuzz.ir")) {
        let printed = graph.to_string();
        let again = parse(&printed, "printed.ir").unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.to_string(), printed);
        assert_eq!(verify(&again).is_ok(), verify(&graph).is_ok());
    }
    let lenient = ParseOptions { check_types: false, locate_lines: true };
    if let Ok(graph) = parse_with(text, "fuzz.ir", &lenient)
        && let Err(errors) = verify(&graph)
    {
        assert!(!errors.to_string().is_empty());
    }
});
