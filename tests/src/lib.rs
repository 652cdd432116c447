//! Tests of the whole: every op in every crate, files of text, random graphs, the arrows between crates.
//!
//! They are in `tests/main.rs` and its modules, one binary for all. The files are in `filetests/`, one folder for each
//! command or pass.
