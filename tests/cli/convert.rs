//! Format versions: core rows that take turns, and `elight-plan convert`.

use crate::support::program::Sandbox;

#[test]
fn a_schedule_of_version_1_is_read_and_converted() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q"]).success();
    let new = sandbox.read("net.elight");
    assert_eq!(new[7], 2);
    let mut old = new.clone();
    old[7] = 1;
    let sandbox = sandbox.file("old.elight", old.clone());
    sandbox.run(["check", "old.elight", "net.safetensors"]).success();
    let shown = sandbox.run(["inspect", "old.elight", "--json"]).json();
    assert_eq!((&shown["header"]["version"], &shown["error"]), (&1.into(), &serde_json::Value::Null));
    let run = sandbox.run(["convert", "old.elight", "-o", "again.elight"]);
    assert_eq!(run.stdout, "again.elight: format version 2, was 1\n");
    assert_eq!(sandbox.read("again.elight"), new);
    // What is damaged, or no schedule, is not converted.
    let at = old.len() / 2;
    old[at] ^= 1;
    let sandbox = sandbox.file("old.elight", old);
    let run = sandbox.run(["convert", "old.elight", "-o", "bad.elight"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("is damaged"), "{}", run.stderr);
    assert_eq!(sandbox.run(["convert", "net.safetensors", "-o", "bad.elight"]).code, Some(1));
    assert!(!sandbox.path("bad.elight").exists());
}

#[test]
fn core_rows_take_turns_within_a_tile_row() {
    let sandbox = Sandbox::with_network();
    let report = sandbox.report(&["--reach", "core", "--core", "4x8", "--bits", "2"]);
    let found = sandbox.run(["inspect", "net.elight", "--json"]).json();
    assert_eq!(found["header"]["reach"], "core");
    assert_eq!(found["per_inference"]["writes"], 0);
    assert_eq!(found["totals_match"], true);
    sandbox.run(["check", "net.elight", "net.safetensors", "--bits", "2"]).success();
    // A layer is not cut into a tile row at each change of outputs.
    let (mut tile_rows, mut outputs) = (0, 0);
    for layer in found["layers"].as_array().unwrap() {
        (tile_rows, outputs) =
            (tile_rows + layer["tile_rows"].as_u64().unwrap(), outputs + layer["rows"].as_u64().unwrap());
    }
    assert!(4 * tile_rows < outputs, "{tile_rows} tile rows for {outputs} output rows");
    // The same in a version that did not know of it is refused.
    assert!(report["orders"]["optimal"]["per_inference"]["writes"] == 0);
    let mut old = sandbox.read("net.elight");
    old[7] = 1;
    let sandbox = sandbox.file("old.elight", old);
    let run = sandbox.run(["inspect", "old.elight"]);
    assert!(run.stderr.contains("reach"), "{}", run.stderr);
    assert_eq!(sandbox.run(["check", "old.elight", "net.safetensors", "--bits", "2"]).code, Some(1));
}
