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
    sandbox.plan(&["--sweep", "no/such/folder.svg"]).fails(1, &["no/such/folder.svg", "folder does not exist"]);
}

#[test]
fn what_cannot_be_traded_is_refused() {
    let sandbox = Sandbox::with_network();
    for bad in ["x", "-5", "2000", "%"] {
        sandbox.plan(&[&format!("--extra-steps={bad}")]).fails(2, &["expected 0 to 1000 percent", "50%"]);
    }
    for bad in ["-5%", "-5"] {
        // As a word of its own, which clap would take for a flag.
        sandbox.plan(&["--extra-steps", bad]).fails(2, &[&format!("`{bad}`"), "expected 0 to 1000 percent"]);
    }
    sandbox.plan(&["--extra-steps", "10", "--reach", "lane"]).fails(1, &["needs --reach row"]);
    sandbox.plan(&["--sweep", "curve.svg", "--reach", "lane"]).fails(1, &["needs --reach row"]);
    sandbox.plan(&["--extra-steps", "10", "--fanout", "3"]).fails(1, &["needs --fanout cell"]);
    sandbox.plan(&["--sweep", "curve.svg", "--fanout", "column"]).fails(1, &["needs --fanout cell"]);
    sandbox.plan(&["--extra-steps", "10", "--order", "natural"]).fails(1, &["needs --order optimal"]);
}

/// A cell of 4 bits that is written by single pulses.
const SINGLE_SHOT: &str = r#"
name = "pulse"
title = "One pulse"
source = "made up"

[transmission]
beta_per_level = 0.9

[write]
model = "single-shot"
energy_up_pj_per_pulse = 3
energy_down_pj_per_pulse = 5
time_up_us_per_pulse = 0.1
time_down_us_per_pulse = 0.2
"#;

#[test]
fn energy_of_single_pulses_is_made_small() {
    let sandbox = Sandbox::with_network().file("pulse.toml", SINGLE_SHOT);
    let device = ["--device", "pulse.toml", "--bits", "4"];
    for reach in ["row", "lane"] {
        let flags = [&device[..], &["--reach", reach]].concat();
        let energy = |report: &Value| report["orders"]["optimal"]["per_inference"]["energy_pj"].as_f64().unwrap();
        let writes = sandbox.report(&flags);
        assert_eq!(writes["objective"]["name"], "writes");
        let report = sandbox.report(&[&flags[..], &["--objective", "energy"]].concat());
        assert_eq!(
            (&report["verified"]["writes_match"], &report["verified"]["outputs_match"]),
            (&true.into(), &true.into())
        );
        assert!(energy(&report) < 0.97 * energy(&writes), "{reach}: {} {}", energy(&report), energy(&writes));
        let objective = &report["objective"];
        assert_eq!((objective["name"].as_str(), objective["unit"].as_str()), (Some("energy"), Some("pJ")));
        assert_eq!(objective["value"].as_f64(), Some(energy(&report)));
        assert!(objective["lower_bound"].as_f64() <= objective["value"].as_f64());
        assert_eq!(objective["gap"].as_f64() == Some(0.0), reach == "lane", "{reach}");
        sandbox.run(["check", "net.elight", "net.safetensors", "--device", "pulse.toml", "--bits", "4"]).success();
    }
    // Level by level, the fewest writes are the least energy.
    let (plain, energy) = (sandbox.report(&[]), sandbox.report(&["--objective", "energy"]));
    assert_eq!((&plain["orders"], &plain["gap"]), (&energy["orders"], &energy["objective"]["gap"]));
}

#[test]
fn objectives_that_cannot_be_followed_are_refused() {
    let sandbox = Sandbox::with_network().file("pulse.toml", SINGLE_SHOT);
    let device = ["--device", "pulse.toml", "--bits", "4", "--objective", "energy"];
    sandbox
        .plan(&[&device[..], &["--fanout", "3"]].concat())
        .fails(1, &["--objective energy", "`pulse`", "--fanout cell"]);
    sandbox
        .plan(&[&device[..], &["--reach", "lane", "--rows", "any"]].concat())
        .fails(1, &["--objective energy", "--rows stored"]);
    sandbox.plan(&["--device", "pulse.toml", "--bits", "6", "--objective", "energy"]).fails(1, &["at most 5 bits"]);
    sandbox.plan(&["--objective", "speed"]).fails(2, &["--objective"]);
}

#[test]
fn trades_are_the_same_for_any_threads() {
    let sandbox = Sandbox::with_network().file("pulse.toml", SINGLE_SHOT);
    let device = ["--device", "pulse.toml", "--bits", "4"];
    for flags in [
        &["--extra-steps", "40%"][..],
        &["--objective", "energy", "--reach", "row"],
        &["--objective", "energy", "--reach", "lane"],
        &["--objective", "energy", "--extra-steps", "20%"],
        &["--objective", "latency"],
        &["--objective", "wear"],
    ] {
        let plan = |threads: &str| {
            sandbox.plan(&[&device[..], flags, &["--threads", threads]].concat()).success();
            sandbox.read("net.elight")
        };
        let one = plan("1");
        assert!(one == plan("2") && one == plan("5"), "{flags:?}");
    }
}

#[test]
fn time_and_wear_are_made_small() {
    let sandbox = Sandbox::with_network().file("pulse.toml", SINGLE_SHOT);
    for device in [&["--device", "elight"][..], &["--device", "pulse.toml", "--bits", "4"]] {
        for (objective, key) in [("latency", "time_us"), ("wear", "max_cell_wear")] {
            let value = |report: &Value| report["orders"]["optimal"]["per_inference"][key].as_f64().unwrap();
            let writes = sandbox.report(device);
            for more in [&[][..], &["--cores", "2"], &["--extra-steps", "10%"]] {
                let flags = [device, &["--objective", objective], more].concat();
                let report = sandbox.report(&flags);
                assert_eq!(
                    (&report["verified"]["writes_match"], &report["verified"]["outputs_match"]),
                    (&true.into(), &true.into())
                );
                assert_eq!(report["objective"]["value"].as_f64(), Some(value(&report)));
                assert!(report["objective"]["lower_bound"].as_f64() <= Some(value(&report)), "{flags:?}");
                if more.is_empty() {
                    assert!(value(&report) < 0.95 * value(&writes), "{flags:?}: {} {}", value(&report), value(&writes));
                    let check = [&["check", "net.elight", "net.safetensors"][..], device].concat();
                    sandbox.run(check).success();
                }
            }
            sandbox.plan(&["--objective", objective, "--reach", "lane"]).fails(1, &[objective, "needs --reach row"]);
        }
    }
}
