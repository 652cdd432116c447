//! What must not compile, and what the compiler says then. `TRYBUILD=overwrite cargo test` writes the texts anew.

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
