//! Device profiles: presets, the user's own, and what can be wrong in them.

use crate::support::program::Sandbox;

/// A cell with a measured table of 2 bits.
const MEASURED: &str = r#"
name = "bench-3"
title = "A cell on our bench"
source = "measured"
endurance_writes = 1e6

[transmission]
table = [0.1, 0.25, 0.5, 0.9]

[write]
energy_up_pj_per_level = 2.0
energy_down_pj_per_level = 3.0
time_up_us_per_level = 0.1
time_down_us_per_level = 0.2
"#;

fn changed(from: &str, to: &str) -> String {
    assert!(MEASURED.contains(from), "{from}");
    MEASURED.replacen(from, to, 1)
}

#[test]
fn presets_plan() {
    let sandbox = Sandbox::with_network();
    let mut energies = Vec::new();
    for device in ["elight", "gst-optical", "gst-doped-si-heater", "gsse-heater", "pcm-soi-heater", "gst-single-pulse"]
    {
        let report = sandbox.report(&["--device", device]);
        assert_eq!(report["device"], device);
        assert_eq!(report["verified"]["writes_match"], true);
        energies.push(report["orders"]["optimal"]["per_inference"]["energy_pj"].as_f64().unwrap());
    }
    assert!(energies.iter().all(|e| *e > 0.0));
}

#[test]
fn a_users_device_prices_every_write() {
    let sandbox = Sandbox::with_network().file("bench.toml", MEASURED);
    let report = sandbox.report(&["--device", "bench.toml"]);
    assert_eq!((report["device"].as_str(), report["bits"].as_u64()), (Some("bench-3"), Some(2)));
    assert_eq!(
        (&report["verified"]["writes_match"], &report["verified"]["outputs_match"]),
        (&true.into(), &true.into())
    );
    for order in ["natural", "sorted", "optimal"] {
        let cost = &report["orders"][order]["per_inference"];
        let (writes, energy) = (cost["writes"].as_f64().unwrap(), cost["energy_pj"].as_f64().unwrap());
        // In steady state every cell comes back: as many levels up as down.
        assert!((energy - writes / 2.0 * (2.0 + 3.0)).abs() <= 1e-9 * energy, "{order}: {writes} writes, {energy} pJ");
        let lifetime = (1e6 / cost["max_cell_writes"].as_f64().unwrap()).floor();
        assert_eq!(report["lifetime_inferences"][order].as_f64().unwrap(), lifetime);
    }
    sandbox.plan(&["--device", "bench.toml", "--bits", "2"]).success();
    sandbox
        .plan(&["--device", "bench.toml", "--bits", "4"])
        .fails(1, &["device file bench.toml", "--bits 4 contradicts its measured table of 2 bits"]);
}

/// [`MEASURED`] with another cost model.
fn with_model(write: &str) -> String {
    let from = MEASURED.find("energy_up").unwrap();
    format!("{}{write}", &MEASURED[..from])
}

#[test]
fn a_device_of_one_pulse_pays_by_the_change() {
    let shot = with_model(
        "model = 'single-shot'\nenergy_up_pj_per_pulse = 2.0\nenergy_down_pj_per_pulse = 2.0\n\
         time_up_us_per_pulse = 0.5\ntime_down_us_per_pulse = 0.5\n",
    );
    let sandbox = Sandbox::with_network().file("shot.toml", shot);
    let report = sandbox.report(&["--device", "shot.toml"]);
    assert_eq!((&report["cost_model"], &report["verified"]["writes_match"]), (&"single-shot".into(), &true.into()));
    for order in ["natural", "sorted", "optimal"] {
        for load in ["first_load", "per_inference"] {
            let cost = &report["orders"][order][load];
            let events = cost["events"].as_f64().unwrap();
            assert_eq!((cost["pulses"].as_f64(), cost["energy_pj"].as_f64()), (Some(events), Some(2.0 * events)));
            assert!(cost["max_cell_wear"].as_u64() <= cost["max_cell_writes"].as_u64());
            // In every step that changes anything, one pulse.
            assert!(cost["time_us"].as_f64().unwrap() <= 0.5 * report["steps"].as_f64().unwrap());
        }
        let wear = report["orders"][order]["per_inference"]["max_cell_wear"].as_f64().unwrap();
        assert_eq!(report["lifetime_inferences"][order].as_f64().unwrap(), (1e6 / wear).floor());
    }
}

#[test]
fn a_device_that_resets_first_pays_for_both() {
    let reset = with_model(
        "model = 'reset-then-set'\nenergy_reset_pj = 10.0\nenergy_set_pj = 1.0\ntime_reset_us = 3.0\n\
         time_set_us = 1.0\ntime_set_us_per_level = 0.5\n",
    );
    let sandbox = Sandbox::with_network().file("reset.toml", reset);
    let report = sandbox.report(&["--device", "reset.toml"]);
    assert_eq!((&report["cost_model"], &report["verified"]["writes_match"]), (&"reset-then-set".into(), &true.into()));
    for order in ["natural", "sorted", "optimal"] {
        let cost = &report["orders"][order]["per_inference"];
        // In steady state every cell is reset as often as it is set.
        let pulses = cost["pulses"].as_f64().unwrap();
        assert_eq!(cost["energy_pj"].as_f64().unwrap(), pulses / 2.0 * 11.0, "{order}");
        assert!(cost["events"].as_f64().unwrap() <= pulses);
        let first = &report["orders"][order]["first_load"];
        assert!(first["energy_pj"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn bad_device_files_are_refused_with_the_reason() {
    let cases: &[(String, &[&str])] = &[
        (
            changed("0.25, 0.5", "0.5, 0.25"),
            &["`transmission.table` must increase from level 0 up, but entry 2 is 0.25 and entry 1 is 0.5"],
        ),
        (changed("0.25, 0.5", "0.5, 0.5"), &["must increase from level 0 up, but entry 2 is 0.5"]),
        (changed("0.9", "1.5"), &["entry 3 is 1.5, expected a transmission from 0 to 1"]),
        (changed("0.9", "nan"), &["entry 3 is NaN"]),
        (changed(", 0.9", ""), &["`transmission.table` has 3 entries"]),
        (changed("[0.1, 0.25, 0.5, 0.9]", "[]"), &["`transmission.table` has 0 entries"]),
        (changed("endurance_writes", "endurance"), &["unknown field `endurance`", "endurance_writes"]),
        (changed("energy_up_pj_per_level", "energy_up_nj_per_level"), &["unknown field `energy_up_nj_per_level`"]),
        (changed("table", "tabel"), &["unknown field `tabel`"]),
        (changed("2.0", "-2.0"), &["`energy_up_pj_per_level` is -2, expected a finite number, 0 or above"]),
        (changed("0.2\n", "inf\n"), &["`time_down_us_per_level` is inf"]),
        (format!("{MEASURED}\n[verify]\ntries = 0\n"), &["[verify] `tries` is 0, expected 1 to 16"]),
        (
            format!("{MEASURED}\n[verify]\ntolerance = 0.2\n"),
            &["[verify] `tolerance` is 0.2", "half of the smallest step"],
        ),
        (format!("{MEASURED}\n[verify]\ntolerence = 0.2\n"), &["unknown field `tolerence`"]),
        (
            changed("endurance_writes = 1e6", "endurance_writes = 1e6\nendurance_cycle = \"pulse\""),
            &["`endurance_cycle` is `pulse`", "worn by `level-step` or `full-swing`"],
        ),
        (changed("1e6", "0.0"), &["`endurance_writes` is 0, expected a finite number above 0"]),
        (changed("time_up_us_per_level = 0.1", ""), &["missing field `time_up_us_per_level`"]),
        (changed("name = \"bench-3\"", "name = 3"), &["invalid type"]),
        (changed("name =", "name"), &["TOML parse error at line 2"]),
        (changed("source", "bits = 0\nsource"), &["`bits` is 0, expected 1 to 8"]),
        (changed("source", "bits = 9\nsource"), &["`bits` is 9, expected 1 to 8"]),
        (changed("source", "bits = 3\nsource"), &["`transmission.table` has 4 entries"]),
        (changed("table = [0.1, 0.25, 0.5, 0.9]", "beta_per_level = 1.2"), &["`beta_per_level` is 1.2"]),
        (changed("[write]", "contrast_db = 3.0\n[write]"), &["needs exactly one of"]),
        (changed("table = [0.1, 0.25, 0.5, 0.9]", ""), &["needs exactly one of"]),
        (String::new(), &["missing field `name`"]),
    ];
    let sandbox = Sandbox::with_network();
    for (text, parts) in cases {
        std::fs::write(sandbox.path("bench.toml"), text).unwrap();
        let parts = [&["device file bench.toml"], *parts].concat();
        sandbox.plan(&["--device", "bench.toml"]).fails(1, &parts);
        assert_eq!(sandbox.files(), ["bench.toml", "net.safetensors"]);
    }
}

#[test]
fn devices_that_cannot_be_read_are_named() {
    let sandbox = Sandbox::with_network().file("latin1.toml", b"name = \"\xe9\"");
    sandbox
        .plan(&["--device", "nope"])
        .fails(1, &["no device called `nope`", "gst-optical", "elight-plan devices NAME"]);
    sandbox.plan(&["--device", "nope.toml"]).fails(1, &["cannot read device file nope.toml: No such file"]);
    sandbox.plan(&["--device", "."]).fails(1, &["device file ."]);
    sandbox.plan(&["--device", "latin1.toml"]).fails(1, &["latin1.toml is not UTF-8 text: byte 8 is invalid"]);
    let sandbox = sandbox.file("long.toml", " ".repeat(2 << 20));
    sandbox.plan(&["--device", "long.toml"]).fails(1, &["long.toml is larger than 1048576 bytes"]);
}

#[test]
fn a_cycle_is_what_the_device_says() {
    let swings = changed("endurance_writes = 1e6", "endurance_writes = 1e6\nendurance_cycle = \"full-swing\"");
    let sandbox = Sandbox::with_network().file("steps.toml", MEASURED).file("swings.toml", swings);
    let life = |args: &[&str]| {
        let report = sandbox.report(args);
        assert!(report["orders"]["optimal"]["per_inference"]["max_cell_wear"].as_u64() > Some(0));
        report["lifetime_inferences"]["optimal"].as_f64().unwrap()
    };
    let (steps, swings) = (life(&["--device", "steps.toml"]), life(&["--device", "swings.toml"]));
    // 2 bits: 3 level steps up and 3 down.
    assert!((swings / steps / 6.0 - 1.0).abs() < 1e-4, "{swings} {steps}");
    assert_eq!(life(&["--device", "swings.toml", "--endurance", "1e6"]), swings);
    assert!(sandbox.plan(&["--device", "swings.toml"]).success().contains("(1,000,000 full swings)"));
    let fixed = sandbox.plan(&["--device", "steps.toml", "--extra-steps", "fixed"]).success();
    assert!(fixed.contains("no wear"), "{fixed}");
    let unknown = sandbox.plan(&[]).success();
    assert!(unknown.contains("not known") && !unknown.contains("no wear"), "{unknown}");
}
