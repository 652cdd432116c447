//! The documents that are generated are those that would be generated now.

use std::path::Path;
use std::{env, fs};

use tancho_testing::ops_book::write_ops_book;

use crate::stablehlo::book::write_stablehlo_book;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root of the workspace")
}

/// Compares a document with what is generated, or writes it anew.
#[track_caller]
fn check(name: &str, book: &str) {
    let path = root().join("docs").join(name);
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(root().join("docs")).expect("the folder of the docs");
        fs::write(&path, book).expect("the document is written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let line = book.lines().zip(found.lines()).position(|(new, old)| new != old).map_or(0, |line| line + 1);
    assert!(found == book, "docs/{name} is stale from line {line}; UPDATE=1 cargo test -p tancho-tests writes it anew");
}

#[test]
fn the_list_of_ops_is_up_to_date() {
    let book = write_ops_book(&root().join("crates/tancho-ir/src/ops")).expect("the sources of the ops");
    check("ops.md", &book);
}

#[test]
fn the_book_of_stablehlo_is_up_to_date() {
    check("stablehlo.md", &write_stablehlo_book());
}
