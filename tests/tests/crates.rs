//! The arrows between crates: which may depend on which. A new arrow is put here and into `docs/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A crate and the crates of the workspace that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("tancho-tensor", &[]),
    ("tancho-ir", &["tancho-tensor"]),
    ("tancho-interp", &["tancho-tensor", "tancho-ir"]),
    ("tancho-autodiff", &["tancho-tensor", "tancho-ir"]),
    ("tancho-passes", &["tancho-tensor", "tancho-ir"]),
    ("tancho-kernels", &[]),
    ("tancho-codegen", &["tancho-tensor", "tancho-ir", "tancho-kernels"]),
    ("tancho-runtime", &["tancho-tensor", "tancho-ir", "tancho-passes", "tancho-codegen"]),
    ("tancho-core", &["tancho-tensor", "tancho-ir", "tancho-autodiff", "tancho-runtime"]),
    ("tancho-macros", &[]),
    ("tancho-formats", &["tancho-tensor", "tancho-ir"]),
    ("tancho-nn", &["tancho-tensor", "tancho-ir", "tancho-core", "tancho-macros", "tancho-formats"]),
    ("tancho", &["tancho-tensor", "tancho-ir", "tancho-core", "tancho-macros", "tancho-formats", "tancho-nn"]),
    (
        "tancho-cli",
        &["tancho-tensor", "tancho-ir", "tancho-interp", "tancho-passes", "tancho-runtime", "tancho-formats"],
    ),
    ("tancho-testing", &["tancho-tensor", "tancho-ir", "tancho-interp", "tancho-autodiff", "tancho-passes"]),
];

/// The crates that may reach the interpreter through what they depend on in earnest: tests, and the program for its
/// command `conformance`.
const MAY_REACH_THE_INTERPRETER: &[&str] = &["tancho-interp", "tancho-testing", "tancho-tests", "tancho-cli"];

/// Packages that may use every crate.
const TESTS: &[&str] = &["tancho-tests"];

/// What one package depends on within the workspace.
#[derive(Debug, Default)]
struct Arrows {
    /// In earnest.
    normal: BTreeSet<String>,
    /// For its tests.
    dev: BTreeSet<String>,
}

#[test]
fn crates_depend_on_what_the_table_allows() {
    let found = read_arrows();
    let table: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, arrows) in &found {
        let Some(allowed) = table.get(name.as_str()) else { continue };
        for target in arrows.normal.iter().filter(|target| !allowed.contains(&target.as_str())) {
            wrong.push(format!("{name} -> {target}: the table in tests/tests/crates.rs has no such arrow"));
        }
        if arrows.normal.contains("tancho-testing") {
            wrong.push(format!("{name} -> tancho-testing: that crate is for tests"));
        }
    }
    for name in table.keys().filter(|name| !found.contains_key(**name)) {
        wrong.push(format!("{name}: the table has it, the workspace does not"));
    }
    for name in found.keys().filter(|name| name.starts_with("tancho") && !TESTS.contains(&name.as_str())) {
        if !table.contains_key(name.as_str()) && !name.ends_with("-examples") {
            wrong.push(format!("{name}: the workspace has it, the table does not"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_arrow_goes_up() {
    // The table is in the order in which crates build on one another.
    let place: BTreeMap<&str, usize> = ARROWS.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
    for (name, allowed) in ARROWS {
        for target in *allowed {
            assert!(place[target] < place[name], "{name} -> {target}");
        }
    }
}

#[test]
fn no_executable_reaches_the_interpreter() {
    let found = read_arrows();
    for name in found.keys().filter(|name| !MAY_REACH_THE_INTERPRETER.contains(&name.as_str())) {
        let mut path = vec![name.as_str()];
        assert!(!reaches(&found, name, "tancho-interp", &mut path), "{} reaches it: {}", name, path.join(" -> "));
    }
}

/// Whether a package reaches another through arrows in earnest; `path` is then the way.
fn reaches<'a>(arrows: &'a BTreeMap<String, Arrows>, from: &str, to: &str, path: &mut Vec<&'a str>) -> bool {
    let Some(targets) = arrows.get(from) else { return false };
    for target in &targets.normal {
        path.push(target);
        if target == to || reaches(arrows, target, to, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// The arrows as Cargo has them.
fn read_arrows() -> BTreeMap<String, Arrows> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name_of = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let members: BTreeSet<String> = packages.iter().map(name_of).collect();
    packages
        .iter()
        .map(|package| {
            let mut arrows = Arrows::default();
            for dependency in package["dependencies"].as_array().expect("dependencies") {
                let target = name_of(dependency);
                if members.contains(&target) {
                    let dev = dependency["kind"] == "dev";
                    if dev { &mut arrows.dev } else { &mut arrows.normal }.insert(target);
                }
            }
            (name_of(package), arrows)
        })
        .collect()
}
