//! Any text is a kernel or an error, and a kernel prints as a text that reads back as the same kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tancho_codegen::kernel::Kernel;

fuzz_target!(|text: &str| {
    if let Ok(kernel) = Kernel::parse(text) {
        let printed = kernel.to_string();
        let again = Kernel::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.to_string(), printed);
        assert_eq!(again.places(), kernel.places());
    }
});
