//! Runs the files below `filetests/`.

use std::path::Path;

use tancho_passes::PIPELINE;
use tancho_testing::filetest::{run_directory, text_commands};
use tancho_testing::pass_commands::pass_commands;

#[track_caller]
fn run(folder: &str) {
    let commands: Vec<_> = text_commands().into_iter().chain(pass_commands()).collect();
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

/// Each pass has a folder of its name.
#[test]
fn passes() {
    PIPELINE.iter().for_each(|pass| run(pass.name));
}

#[test]
fn pipeline() {
    run("pipeline");
}
