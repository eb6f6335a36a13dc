//! The plan of a real network, byte by byte, and every figure of its report.
//!
//! A plan changes when the search is tuned; that is fine when it is meant. To renew the fixtures, and to see what has changed:
//!
//! ```text
//! UPDATE_FIXTURES=1 cargo test --test golden_plan
//! git diff fixtures/mnist-cnn-9x9.json
//! ```

mod support;

use std::path::Path;

use serde_json::Value;
use support::program::Sandbox;
use support::repository;

/// What to do when the fixtures do not fit any more.
const RENEW: &str = "if this is meant: UPDATE_FIXTURES=1 cargo test --test golden_plan, and commit fixtures/";

/// Plans a network of the fixtures; compares with, or renews, `<plan>.elight` and `<plan>.json` there.
fn compare(weights: &str, plan: &str, args: &[&str]) {
    let weights = repository("fixtures").join(weights);
    let (schedule, report) = ["elight", "json"].map(|e| repository("fixtures").join(format!("{plan}.{e}"))).into();
    let sandbox = Sandbox::empty();
    let run = sandbox.run([&[weights.to_str().unwrap(), "-o", "plan.elight", "--json"], args].concat());
    let (bytes, got) = (sandbox.read("plan.elight"), without_time_and_paths(run.json()));
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&schedule, bytes).unwrap();
        std::fs::write(&report, serde_json::to_string_pretty(&got).unwrap() + "\n").unwrap();
        println!("renewed {} and {}", schedule.display(), report.display());
        return;
    }
    let expected: Value = serde_json::from_slice(&read(&report)).unwrap();
    let mut differences = Vec::new();
    differ(&expected, &got, "", &mut differences);
    assert!(differences.is_empty(), "the report differs:\n{}\n{RENEW}", differences.join("\n"));
    let old = read(&schedule);
    let first = old.iter().zip(&bytes).position(|(a, b)| a != b).unwrap_or(old.len().min(bytes.len()));
    assert!(
        old == bytes,
        "the schedule has {} bytes, not {}, and differs from byte {first}; {RENEW}",
        bytes.len(),
        old.len()
    );
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}; {RENEW}", path.display()))
}

fn without_time_and_paths(mut report: Value) -> Value {
    let keys = report.as_object_mut().unwrap();
    keys.remove("seconds").unwrap();
    keys.remove("network").unwrap();
    keys["schedule"].as_object_mut().unwrap().remove("path").unwrap();
    report
}

/// Lists what differs. Fractions may differ in their last places, as sums of them do from machine to machine.
fn differ(expected: &Value, got: &Value, path: &str, out: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let side = |map: &serde_json::Map<_, _>| map.get(key).cloned().unwrap_or(Value::Null);
                differ(&side(a), &side(b), &format!("{path}.{key}"), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| differ(a, b, &format!("{path}[{i}]"), out));
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            if (a - b).abs() > 1e-9 * a.abs().max(b.abs()) {
                out.push(format!("{path}: {b}, not {a}"));
            }
        }
        _ if expected == got => {}
        _ => out.push(format!("{path}: {got}, not {expected}")),
    }
}

/// The independent checker counts what the report says, from the bytes and the weights alone.
fn check(weights: &str, plan: &str) {
    let paths = [format!("fixtures/{plan}.elight"), format!("fixtures/{weights}")].map(|path| repository(&path));
    let args = ["check".as_ref(), paths[0].as_os_str(), paths[1].as_os_str(), "--json".as_ref()];
    let findings = Sandbox::empty().run(args).json();
    let report: Value = serde_json::from_slice(&read(&repository(&format!("fixtures/{plan}.json")))).unwrap();
    for load in ["first_load", "per_inference"] {
        for figure in ["writes", "events", "max_cell_writes"] {
            assert_eq!(findings[load][figure], report["orders"]["optimal"][load][figure], "{load}.{figure}");
        }
    }
    assert_eq!(findings["weights"], report["weights"]);
}

#[test]
fn a_real_network_is_planned_as_before() {
    compare("mnist-cnn.safetensors", "mnist-cnn-9x9", &["--core", "9x9"]);
    check("mnist-cnn.safetensors", "mnist-cnn-9x9");
}
