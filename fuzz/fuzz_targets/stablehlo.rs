//! Any text is a StableHLO program or an error with its place. A program that is imported is sound; it prints as `.ir` that
//! reads back as the same graph; and what is exported of it is imported again.
#![no_main]

mod memory;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tancho_formats::stablehlo::{ImportError, ImportOptions, export, import_module, import_stablehlo, parse};
use tancho_ir::ops::ShapeOp;
use tancho_ir::{Graph, Op, verify};

/// What constants may take together.
const ARRAYS: usize = 16 << 20;

/// What the parser, and the importer after it, may hold for each byte of the text (programs of JAX need 11), and beside that.
const PER_BYTE: usize = 256;
const BESIDE: usize = 64 << 10;

fuzz_target!(init: tancho_tensor::pool::set_memory_limit(ARRAYS), |text: &str| {
    let file = Path::new("fuzz.mlir");
    let module = match memory::within(text.len(), PER_BYTE, BESIDE, || parse(file, text)) {
        Ok(module) => module,
        Err(error) => {
            let lines = text.lines().count().max(1) + 1;
            assert!((1..=lines).contains(&(error.position.line as usize)) && error.position.column >= 1, "{error}");
            return;
        }
    };
    let options = ImportOptions { function: None, checks: true };
    let imported =
        memory::within(text.len(), PER_BYTE, BESIDE + ARRAYS, || import_module(&module, file, &options));
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    verify(&imported.graph).unwrap_or_else(|error| panic!("{error}\n{}", imported.graph));
    let printed = imported.graph.to_string();
    let again = tancho_ir::parse(&printed, "printed.ir").unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.to_string(), printed);

    if has_large_constants(&imported.graph) {
        return;
    }
    if let Ok(exported) = export(&imported.graph) {
        let again = import_stablehlo(&exported, "exported.mlir", &ImportOptions::default());
        match again {
            Ok(again) => {
                // Symbols may have got other names.
                let types = |graph: &Graph| graph.result_types().map(|of| (of.dtype, of.rank())).collect::<Vec<_>>();
                assert_eq!(types(&again.graph), types(&imported.graph), "{exported}");
            }
            Err(error @ ImportError::Unsupported { .. }) => assert!(!error.to_string().is_empty()),
            Err(error) => panic!("{error}\n{exported}"),
        }
    }
});

/// Whether the text of an exported constant would take long to write.
fn has_large_constants(graph: &Graph) -> bool {
    graph.node_ids().filter_map(|id| graph.node(id).op()).any(|op| {
        let large = matches!(op, Op::Shape(ShapeOp::Constant(array)) if array.buffer().bytes().len() > 1 << 16);
        large || op.regions().iter().any(|(_, region)| has_large_constants(region))
    })
}
