//! Cores whose rows share inputs.

use crate::support::program::{Sandbox, network};
use crate::support::weights::Weights;

fn writes(report: &serde_json::Value, order: &str) -> u64 {
    report["orders"][order]["per_inference"]["writes"].as_u64().unwrap()
}

#[test]
fn every_fanout_is_planned_replayed_and_checked() {
    let sandbox = Sandbox::with_network();
    for reach in ["lane", "row"] {
        let mut optimal = Vec::new();
        for (fanout, rows) in [("cell", 1), ("1", 1), ("3", 3), ("9", 9), ("column", 9)] {
            for order in ["natural", "optimal"] {
                let report = sandbox.report(&["--fanout", fanout, "--reach", reach, "--order", order]);
                assert_eq!(report["fanout"], rows, "{fanout}");
                assert_eq!(report["verified"]["writes_match"], true, "{fanout} {reach} {order}");
                assert_eq!(report["verified"]["outputs_match"], true, "{fanout} {reach} {order}");
                let (bound, best) = (report["lower_bound_writes"].as_u64().unwrap(), writes(&report, "optimal"));
                assert!(bound <= best && best < writes(&report, "natural"), "{fanout} {reach}");
                let checked = sandbox.run(["check", "net.elight", "net.safetensors", "--json"]).json();
                assert_eq!(checked["per_inference"]["writes"], report["orders"][order]["per_inference"]["writes"]);
                if order == "optimal" {
                    optimal.push(best);
                }
            }
        }
        assert!(
            optimal[0] < optimal[2] && optimal[2] < optimal[3],
            "rows that share inputs move together: {optimal:?}"
        );
        assert!(optimal[0] == optimal[1] && optimal[3] == optimal[4]);
    }
}

#[test]
fn one_row_is_a_column_of_its_own() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["--core", "1x9", "--reach", "lane"]).success();
    let cell = sandbox.read("net.elight");
    sandbox.plan(&["--core", "1x9", "--fanout", "column", "--reach", "lane"]).success();
    assert!(cell == sandbox.read("net.elight"));
}

#[test]
fn rows_of_different_groups_share_no_input() {
    // A depthwise layer: each of its rows needs a row group for itself.
    let weights = Weights::new().random("stem.weight", &[6, 3, 3, 3], 1).random("dw.weight", &[6, 1, 3, 3], 2);
    let sandbox = Sandbox::with(&weights);
    let report = sandbox.report(&["--core", "4x3", "--fanout", "2", "--reach", "lane"]);
    assert_eq!(report["verified"]["outputs_match"], true);
    let steps: Vec<u64> = (0..2).map(|i| report["layers"][i]["steps"].as_u64().unwrap()).collect();
    assert_eq!(steps, [2 * 9, 3 * 3], "two tile rows of 27 columns, three of 9");
}

#[test]
fn wide_cells_and_many_rows_work() {
    let sandbox = Sandbox::with(&Weights::new().random("a.weight", &[70, 300], 1).random("b.weight", &[9, 70], 2));
    for bits in ["1", "7", "8"] {
        let report = sandbox.report(&["--core", "35x5", "--fanout", "column", "--reach", "lane", "--bits", bits]);
        assert_eq!(report["verified"]["writes_match"], true);
        assert!(report["gap"].as_f64().unwrap() < 0.2, "{}", report["gap"]);
    }
}

#[test]
fn bytes_are_the_same_for_any_threads() {
    let weights = network().random("big.weight", &[100, 400], 6);
    let large = Sandbox::with(&weights);
    let small = Sandbox::with(&Weights::new().random("a.weight", &[20, 50], 7));
    for (fanout, reach) in [("3", "lane"), ("3", "row"), ("cell", "row")] {
        for effort in ["fast", "good", "best"] {
            let sandbox = if effort == "best" { &small } else { &large };
            let mut schedules = Vec::new();
            for threads in ["1", "2", "5"] {
                let flags = ["--fanout", fanout, "--reach", reach, "--effort", effort, "--threads", threads];
                sandbox.plan(&flags).success();
                schedules.push(sandbox.read("net.elight"));
            }
            assert!(schedules.windows(2).all(|pair| pair[0] == pair[1]), "{fanout} {reach} {effort}");
        }
    }
}

#[test]
fn more_effort_is_never_dearer() {
    let sandbox = Sandbox::with(&Weights::new().random("a.weight", &[18, 600], 3));
    for (fanout, reach) in [("column", "lane"), ("column", "row"), ("cell", "row")] {
        let best = ["fast", "good", "best"].map(|effort| {
            writes(&sandbox.report(&["--fanout", fanout, "--reach", reach, "--effort", effort]), "optimal")
        });
        assert!(best[2] <= best[1] && best[1] <= best[0], "{fanout} {reach} {best:?}");
    }
}

#[test]
fn what_a_core_cannot_do_is_refused() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["--fanout", "2"]).fails(1, &["fanout 2 does not divide the 9 rows", "9x9", "`column`"]);
    sandbox.plan(&["--fanout", "row"]).fails(2, &["fanout `row`", "`cell`, `column`"]);
    sandbox.plan(&["--fanout", "0"]).fails(2, &["fanout `0`"]);
    sandbox
        .plan(&["--fanout", "column", "--order", "sorted", "--reach", "lane"])
        .fails(1, &["--order sorted", "9 rows share an input", "--fanout cell"]);
    sandbox
        .plan(&["--fanout", "3", "--reach", "lane", "--rows", "any"])
        .fails(1, &["3 rows share an input", "--rows any"]);
}

#[test]
fn both_wirings_stand_beside_the_headline() {
    let sandbox = Sandbox::with_network();
    let cell = sandbox.report(&[]);
    let column = sandbox.report(&["--fanout", "column"]);
    let other = |report: &serde_json::Value, key: &str| report["other_wiring"][key].as_u64().unwrap();
    assert_eq!((cell["modulators"].as_u64(), other(&cell, "modulators")), (Some(81), 9));
    assert_eq!((column["modulators"].as_u64(), other(&column, "modulators")), (Some(9), 81));
    assert_eq!((other(&cell, "fanout"), other(&column, "fanout")), (9, 1));
    // A quick plan is a plan: no better than a bound of its class, and not far from what more work finds.
    let lane = sandbox.report(&["--fanout", "column", "--reach", "lane", "--effort", "good", "--no-compare"]);
    assert!(other(&cell, "writes") >= lane["lower_bound_writes"].as_u64().unwrap());
    assert!(other(&cell, "writes") as f64 <= 1.1 * writes(&lane, "optimal") as f64);
    assert_eq!(other(&cell, "natural_writes"), writes(&lane, "natural"));
    assert!(lane["other_wiring"]["writes"].is_null(), "--no-compare");
    let text = sandbox.plan(&[]).success();
    assert!(text.lines().next().is_some_and(|verdict| verdict.contains("x fewer writes with 81 inputs, ") && verdict.ends_with("x with 9")), "{text}");
    assert!(sandbox.report(&["--core", "1x8"])["other_wiring"].is_null());
}
