//! Which ops are differentiable is written down, so that an op that loses its gradient is seen.

use std::path::Path;
use std::{env, fs};

use tancho_testing::gradcheck::table;

#[test]
fn the_table_of_gradients_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients/table.txt");
    let table = table();
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &table).expect("the table is written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    for (line, (new, old)) in table.lines().zip(found.lines()).enumerate() {
        assert_eq!(new, old, "line {}; UPDATE=1 cargo test -p tancho-tests writes the table anew", line + 1);
    }
    assert!(
        found == table,
        "the table has another number of lines; UPDATE=1 cargo test -p tancho-tests writes it anew"
    );
}
