//! The text form of StableHLO: every spelling of every op, constants, locations, errors, and damaged files.

#![forbid(unsafe_code)]

mod pretty;
mod regions;
mod constants;
mod modules;
mod errors;
mod damage;
mod files;

use std::fmt::Write;
use std::path::Path;

use tancho_formats::stablehlo::syntax::{Attribute, Attributes, Module, Operation, Region};
use tancho_formats::stablehlo::{SyntaxError, parse};

fn try_parse(text: &str) -> Result<Module, SyntaxError> {
    parse(Path::new("test.mlir"), text)
}

#[track_caller]
fn parse_text(text: &str) -> Module {
    try_parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A function of these arguments around some ops.
fn function(arguments: &str, ops: &str) -> String {
    format!("func.func @f({arguments}) {{\n{ops}\nreturn\n}}")
}

/// The first op of a function of these arguments.
#[track_caller]
fn parse_op(arguments: &str, op: &str) -> Operation {
    parse_text(&function(arguments, op)).functions.remove(0).body.unwrap().operations.remove(0)
}

/// Two spellings of the same ops are the same tree, but for names and places.
#[track_caller]
fn check_same(arguments: &str, pretty: &str, generic: &str) {
    let pretty = write_module(&parse_text(&function(arguments, pretty)));
    let generic = write_module(&parse_text(&function(arguments, generic)));
    assert!(pretty == generic, "the trees differ:\n{pretty}\n{generic}");
}

#[track_caller]
fn check_attribute(text: &str, check: impl FnOnce(&Attribute)) {
    let op = parse_op("", &format!("\"test.op\"() {{a = {text}}} : () -> ()"));
    check(op.attribute("a").unwrap());
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    match try_parse(text) {
        Ok(_) => panic!("no error, but it should be: {expected}"),
        Err(error) => assert_eq!(error.to_string(), format!("test.mlir:{expected}")),
    }
}

/// The tree as text, without names, places, and the order of attributes.
fn write_module(module: &Module) -> String {
    let mut text = format!("{:?} {}\n", module.name, write_attributes(&module.attributes));
    for function in &module.functions {
        write!(text, "{} {:?} {}", function.name, function.visibility, write_attributes(&function.attributes)).unwrap();
        for argument in &function.arguments {
            write!(text, ", {:?}: {} {}", argument.value, argument.ty, write_attributes(&argument.attributes)).unwrap();
        }
        for result in &function.results {
            write!(text, " -> {} {}", result.ty, write_attributes(&result.attributes)).unwrap();
        }
        text.push('\n');
        if let Some(body) = &function.body {
            write_region(body, &mut text);
        }
    }
    text
}

fn write_attributes(attributes: &Attributes) -> String {
    let mut entries: Vec<_> = attributes.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    entries.sort();
    format!("{{{}}}", entries.join(", "))
}

fn write_region(region: &Region, text: &mut String) {
    text.push('(');
    for argument in &region.arguments {
        write!(text, "{:?}: {}, ", argument.value, argument.ty).unwrap();
    }
    text.push_str(") {\n");
    for op in &region.operations {
        let attributes = write_attributes(&op.attributes);
        writeln!(text, "{:?} = {}{:?} {attributes}", op.results, op.name, op.operands).unwrap();
        writeln!(text, "    : {:?} -> {:?}", op.operand_types, op.result_types).unwrap();
        op.regions.iter().for_each(|region| write_region(region, text));
    }
    text.push_str("}\n");
}
