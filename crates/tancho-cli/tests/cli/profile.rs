//! `tancho profile`.

use crate::Workspace;

#[test]
fn a_table_and_a_trace() {
    let workspace = Workspace::new();
    let out =
        workspace.succeeds("profile dense.ir --random 7 --size n=5 --repeat 3 --threads 1 --chrome-trace out.json");
    assert!(out.starts_with("profile of @dense: 3 calls on 1 thread, median "), "{out}");
    let step = out.lines().find(|line| line.contains("product f32 5 x 3 over 2")).unwrap_or_else(|| panic!("{out}"));
    assert!(step.contains('%') && step.contains("dense.ir:9:3, "), "{out}");

    let text = std::fs::read_to_string(workspace.path("out.json")).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let events = trace["traceEvents"].as_array().unwrap();
    let of_category = |category: &str| events.iter().filter(|event| event["cat"] == category).collect::<Vec<_>>();
    assert_eq!((of_category("call").len(), of_category("product").len()), (3, 3), "{text}");
    for event in of_category("product") {
        assert_eq!(event["ph"], "X");
        assert_eq!(event["args"]["flop"], 2 * 5 * 3 * 2 + 2 * 15, "{text}");
        assert!(event["args"]["source"].as_str().unwrap().contains("dense.ir:2:3"), "{text}");
        assert!(event["ts"].as_f64().is_some() && event["dur"].as_f64().is_some(), "{text}");
    }
}

#[test]
fn what_a_profile_needs() {
    let workspace = Workspace::new();
    let error = workspace.fails("profile dense.ir --input x=x.npy --input w=w.npy");
    assert_eq!(error, "@dense needs b: f32[3]; give --input b=FILE.npy, or --random SEED to have it made");
    let inputs = "--input x=x.npy --input w=w.npy --input b=b.npy";
    let error = workspace.fails(&format!("profile dense.ir {inputs} --chrome-trace none/out.json"));
    assert!(error.starts_with("cannot write none/out.json: "), "{error}");
    assert!(workspace.succeeds(&format!("profile dense.ir {inputs} --repeat 1")).contains(": 1 call on "));
}
