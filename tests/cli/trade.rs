//! Writes against time: extra steps, fixed levels, the sweep.

use serde_json::Value;

use crate::support::program::Sandbox;

fn writes(report: &Value) -> u64 {
    report["orders"]["optimal"]["per_inference"]["writes"].as_u64().unwrap()
}

fn steps(report: &Value) -> u64 {
    report["steps"].as_u64().unwrap()
}

#[test]
fn more_steps_need_fewer_writes() {
    let sandbox = Sandbox::with_network();
    let plain = sandbox.report(&[]);
    assert_eq!((plain["extra_steps"].is_null(), plain["left_out"].as_u64()), (true, Some(0)));
    let same = sandbox.report(&["--extra-steps", "0"]);
    assert!(steps(&same) <= steps(&plain) && writes(&same) < writes(&plain));
    assert!(same["left_out"].as_u64() > Some(0), "zeros are left out");
    let double = sandbox.report(&["--extra-steps", "100%"]);
    assert!(steps(&double) <= 2 * steps(&plain) && writes(&double) < writes(&same));
    assert_eq!((double["extra_steps"].as_str(), &double["verified"]["outputs_match"]), (Some("100%"), &true.into()));
    sandbox.run(["check", "net.elight", "net.safetensors"]).success();
}

#[test]
fn fixed_levels_write_nothing_after_the_first_load() {
    let sandbox = Sandbox::with_network();
    // 2 bits: six levels besides 0.
    let fixed = sandbox.report(&["--bits", "2", "--extra-steps", "fixed"]);
    let cost = &fixed["orders"]["optimal"];
    assert_eq!((writes(&fixed), cost["per_inference"]["time_us"].as_f64()), (0, Some(0.0)));
    assert!(cost["first_load"]["writes"].as_u64() > Some(0));
    assert_eq!((&fixed["verified"]["writes_match"], &fixed["gap"]), (&true.into(), &0.0.into()));
    sandbox.run(["check", "net.elight", "net.safetensors", "--bits", "2"]).success();
    let percent = sandbox.report(&["--bits", "2", "--extra-steps", "900"]);
    assert_eq!((writes(&percent), steps(&percent)), (0, steps(&fixed)), "granted steps are not used up");
    sandbox.plan(&["--extra-steps", "fixed"]).fails(1, &["30 levels without 0", "at least 30 columns"]);
}

#[test]
fn the_sweep_is_printed_and_drawn() {
    let sandbox = Sandbox::with_network();
    let report = sandbox.report(&["--bits", "2", "--sweep", "curve.svg"]);
    let points = report["sweep"].as_array().unwrap();
    assert_eq!(
        (points[0]["writes"].as_u64(), points[0]["steps"].as_u64()),
        (Some(writes(&report)), Some(steps(&report)))
    );
    assert!(points.last().unwrap()["fixed_levels"].as_bool().unwrap());
    assert_eq!(points.last().unwrap()["writes"], 0);
    for point in points {
        assert!(point["lower_bound_writes"].as_u64() <= point["writes"].as_u64());
    }
    let half = sandbox.report(&["--bits", "2", "--extra-steps", "50"]);
    let of_sweep = points.iter().find(|p| p["extra_steps_percent"] == 50.0 || p["fixed_levels"] == true).unwrap();
    assert_eq!((of_sweep["writes"].as_u64(), of_sweep["steps"].as_u64()), (Some(writes(&half)), Some(steps(&half))));
    let svg = String::from_utf8(sandbox.read("curve.svg")).unwrap();
    assert_eq!(svg.matches("writes</title>").count(), points.len());
    let table = sandbox.plan(&["--bits", "2", "--sweep", "curve.svg"]).success();
    assert!(table.contains("every weight placed") && table.contains("fixed levels"), "{table}");
    sandbox.plan(&["--sweep", "no/such/folder.svg"]).fails(1, &["no/such/folder.svg", "folder does not exist"]);
}

#[test]
fn what_cannot_be_traded_is_refused() {
    let sandbox = Sandbox::with_network();
    for bad in ["x", "-5", "2000", "%"] {
        sandbox.plan(&[&format!("--extra-steps={bad}")]).fails(2, &["expected 0 to 1000 percent", "50%"]);
    }
    sandbox.plan(&["--extra-steps", "10", "--reach", "lane"]).fails(1, &["need --reach row"]);
    sandbox.plan(&["--sweep", "curve.svg", "--reach", "lane"]).fails(1, &["need --reach row"]);
    sandbox.plan(&["--extra-steps", "10", "--fanout", "3"]).fails(1, &["need --fanout cell"]);
    sandbox.plan(&["--sweep", "curve.svg", "--fanout", "column"]).fails(1, &["need --fanout cell"]);
    sandbox.plan(&["--extra-steps", "10", "--order", "natural"]).fails(1, &["need --order optimal"]);
}
