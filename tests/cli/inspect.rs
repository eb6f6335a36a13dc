//! `elight-plan inspect`: a schedule taken apart.

use crate::support::program::Sandbox;

fn planned() -> Sandbox {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q"]).success();
    sandbox
}

#[test]
fn a_schedule_is_told_as_the_report_has_it() {
    let sandbox = planned();
    let report = sandbox.report(&[]);
    let found = sandbox.run(["inspect", "net.elight", "--json"]).json();
    let optimal = &report["orders"]["optimal"];
    for load in ["first_load", "per_inference"] {
        for figure in ["writes", "events"] {
            assert_eq!(found[load][figure], optimal[load][figure], "{load} {figure}");
            assert_eq!(found["end"][load][figure], optimal[load][figure], "{load} {figure}");
        }
    }
    assert_eq!(found["header"]["ram"], report["schedule"]["decoder_ram_bytes"]);
    assert_eq!(found["frames_read"], report["schedule"]["frames"]);
    assert_eq!(found["error"], serde_json::Value::Null);
    for (layer, planned) in found["layers"].as_array().unwrap().iter().zip(report["layers"].as_array().unwrap()) {
        assert_eq!(layer["name"], planned["name"]);
        assert_eq!(layer["steps"], planned["steps"]);
        assert_eq!(layer["per_inference"]["writes"], planned["orders"]["optimal"]["per_inference"]["writes"]);
    }
}

#[test]
fn damage_is_named_after_what_is_readable() {
    let sandbox = planned();
    let mut bytes = sandbox.read("net.elight");
    let at = bytes.len() - 200;
    bytes[at] ^= 16;
    let sandbox = sandbox.file("net.elight", bytes);
    let run = sandbox.run(["inspect", "net.elight"]);
    assert_eq!(run.code, Some(1));
    insta::assert_snapshot!("damage", run.shown("elight-plan inspect net.elight"));
    let json = sandbox.run(["inspect", "net.elight", "--json"]);
    assert_eq!(json.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(found["error"].as_str().unwrap().contains("is damaged"));
    assert!(found["end"].is_null() && found["layers"].as_array().unwrap().len() >= 3);
}

#[test]
fn updates_are_counted_from_what_the_core_holds() {
    let sandbox = planned();
    let report = sandbox.report(&["-o", "new.elight", "--from", "net.elight", "--seed", "2"]);
    let found = sandbox.run(["inspect", "new.elight", "--from", "net.elight", "--json"]).json();
    let planned = &report["orders"]["optimal"]["first_load"];
    assert_eq!((&found["first_load"]["writes"], &found["totals_match"]), (&planned["writes"], &true.into()));
    assert_ne!(found["first_load"], found["end"]["first_load"], "the End frame counts from erased cells");
}

#[test]
fn questions_without_an_answer() {
    let sandbox = planned();
    let ask = |args: &[&str]| sandbox.run(["inspect"].iter().chain(args));
    ask(&["net.elight", "--layer", "fc3"]).fails(1, &["net.elight", "no layer `fc3`", "fc1.weight"]);
    ask(&["net.elight", "--step", "64"]).fails(1, &["step 64", "the schedule has 64 steps", "from 0"]);
    ask(&["net.elight", "--layer", "dw.weight", "--step", "2"]).fails(1, &["layer `dw.weight` has 2 steps"]);
    ask(&["none.elight"]).fails(1, &["none.elight", "cannot open"]);
    ask(&["net.elight", "--steady"]).fails(2, &["--step"]);
}
