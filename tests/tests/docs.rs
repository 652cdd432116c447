//! The documents that are generated are those that would be generated now.

use std::path::Path;
use std::{env, fs};

use tancho_testing::ops_book::write_ops_book;

#[test]
fn the_list_of_ops_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root of the workspace");
    let book = write_ops_book(&root.join("crates/tancho-ir/src/ops")).expect("the sources of the ops");
    let path = root.join("docs/ops.md");
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(root.join("docs")).expect("the folder of the docs");
        fs::write(&path, &book).expect("docs/ops.md is written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let line = book.lines().zip(found.lines()).position(|(new, old)| new != old).map_or(0, |line| line + 1);
    assert!(found == book, "docs/ops.md is stale from line {line}; UPDATE=1 cargo test -p tancho-tests writes it anew");
}
