//! `tancho bench`.

use crate::Workspace;

#[test]
fn a_readable_line_and_one_of_json() {
    let workspace = Workspace::new();
    let inputs = "--input x=x.npy --input w=w.npy --input b=b.npy";
    let out = workspace.succeeds(&format!("bench dense.ir {inputs} --time 0.05 --threads 1 --json"));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("dense.ir: best ") && lines[0].ends_with(", 1 thread"), "{out}");
    let json: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(json["program"], "dense.ir");
    assert_eq!(json["threads"], 1);
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("no {key}: {out}"));
    assert!(number("compile_ms") > 0.0);
    assert!(number("best_us") > 0.0 && number("best_us") <= number("median_us"));
    assert!(number("peak_bytes") > 0.0);
    let keys = ["program", "compile_ms", "best_us", "median_us", "peak_bytes", "threads"];
    let places: Vec<Option<usize>> = keys.iter().map(|key| lines[1].find(&format!("\"{key}\": "))).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{out}");
}

#[test]
fn inputs_can_be_made() {
    let workspace = Workspace::new();
    let out = workspace.succeeds("bench dense.ir --random 7 --size n=5 --time 0");
    assert_eq!(out.lines().count(), 1);
    // The size is that of the input that is there.
    workspace.succeeds("bench dense.ir --random 7 --input x=x.npy --time 0");
    let text = "func @f(%a: bool[?n], %b: u8[?n + 1], %c: f64[2 * ?n], %d: i64[]) -> bool[?n] { return %a }";
    workspace.write("f.ir", text);
    workspace.succeeds("bench f.ir --random 7 --size n=5 --time 0");
}

#[test]
fn inputs_that_cannot_be_made() {
    let workspace = Workspace::new();
    let error = workspace.fails("bench dense.ir --random 7");
    assert_eq!(error, "the input x cannot be made, since the size ?n is not known; give --size n=N");
    let error = workspace.fails("bench dense.ir --random 7 --size m=3");
    assert_eq!(error, "@dense has no size ?m; it has ?n");
    let error = workspace.fails("bench dense.ir --random 7 --size n=9000000000000000000");
    assert!(error.starts_with("cannot allocate 18446744073709551615 bytes for the input x"), "{error}");
    let error = workspace.fails("bench dense.ir --input x=x.npy --input w=w.npy");
    assert_eq!(error, "@dense needs b: f32[3]; give --input b=FILE.npy, or --random SEED to have it made");
}
