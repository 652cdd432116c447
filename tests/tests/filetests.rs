//! Runs the files below `filetests/`.

use std::path::Path;

use tancho_testing::filetest::{run_directory, text_commands};

#[track_caller]
fn run(folder: &str) {
    let commands = text_commands();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests").join(folder);
    match run_directory(&directory, &commands) {
        Ok(count) => assert!(count > 0, "no files in {}", directory.display()),
        Err(failures) => panic!("\n{failures}"),
    }
}

#[test]
fn cat() {
    run("cat");
}

#[test]
fn verify() {
    run("verify");
}

#[test]
fn infer() {
    run("infer");
}
