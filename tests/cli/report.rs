//! What is printed: the table, and the JSON object with its documented keys.

use serde_json::Value;

use crate::support::program::{Sandbox, network};
use crate::support::repository;
use crate::support::weights::{Weights, random};

/// Every key of the report and the type of its value; `?` behind a type: or null.
const KEYS: &[(&str, &str)] = &[
    ("inference", "null"),
    ("modulators", "integer"),
    ("other_wiring.fanout", "integer"),
    ("other_wiring.modulators", "integer"),
    ("other_wiring.natural_writes", "integer"),
    ("other_wiring.writes", "integer"),
    ("network", "string"),
    ("core", "string"),
    ("device", "string"),
    ("trained_for", "null"),
    ("cost_model", "string"),
    ("bits", "integer"),
    ("reparam", "string"),
    ("scale", "string"),
    ("fanout", "integer"),
    ("reach", "string"),
    ("rows", "string"),
    ("order", "string"),
    ("extra_steps", "string?"),
    ("from", "string?"),
    ("weights", "integer"),
    ("left_out", "integer"),
    ("tiles", "integer"),
    ("steps", "integer"),
    ("layers[].name", "string"),
    ("layers[].kind", "string"),
    ("layers[].rows", "integer"),
    ("layers[].cols", "integer"),
    ("layers[].groups", "integer"),
    ("layers[].certainty", "string"),
    ("layers[].vectors", "integer?"),
    ("layers[].weights", "integer"),
    ("layers[].tiles", "integer"),
    ("layers[].steps", "integer"),
    ("layers[].relative_error", "number"),
    ("layers[].orders.ORDER.LOAD.writes", "integer"),
    ("layers[].orders.ORDER.LOAD.events", "integer"),
    ("layers[].orders.ORDER.LOAD.energy_pj", "number"),
    ("layers[].orders.ORDER.LOAD.time_us", "number"),
    ("layers[].orders.ORDER.LOAD.pulses", "integer"),
    ("layers[].orders.ORDER.LOAD.max_cell_writes", "integer"),
    ("layers[].orders.ORDER.LOAD.max_cell_wear", "integer"),
    ("layers[].elight_accounting.ORDER.total_writes", "integer"),
    ("layers[].elight_accounting.ORDER.max_writes", "integer"),
    ("layers[].lower_bound_writes", "integer?"),
    ("layers[].gap", "number?"),
    ("skipped[].name", "string"),
    ("skipped[].reason", "string"),
    ("orders.ORDER.LOAD.writes", "integer"),
    ("orders.ORDER.LOAD.events", "integer"),
    ("orders.ORDER.LOAD.energy_pj", "number"),
    ("orders.ORDER.LOAD.time_us", "number"),
    ("orders.ORDER.LOAD.pulses", "integer"),
    ("orders.ORDER.LOAD.max_cell_writes", "integer"),
    ("orders.ORDER.LOAD.max_cell_wear", "integer"),
    ("elight_accounting.ORDER.total_writes", "integer"),
    ("elight_accounting.ORDER.max_writes", "integer"),
    ("lower_bound_writes", "integer"),
    ("gap", "number?"),
    ("objective.name", "string"),
    ("objective.unit", "string"),
    ("objective.value", "number"),
    ("objective.lower_bound", "number"),
    ("objective.gap", "number?"),
    ("endurance_writes", "number?"),
    ("lifetime_inferences.ORDER", "number?"),
    ("faults", "null"),
    ("wear", "null"),
    ("rotation", "null"),
    ("rate_per_second", "number"),
    ("lifetime_years.ORDER", "number?"),
    ("detail", "null"),
    ("cores[].path", "string"),
    ("cores[].bytes", "integer"),
    ("cores[].frames", "integer"),
    ("cores[].weights", "integer"),
    ("cores[].steps", "integer"),
    ("cores[].LOAD.writes", "integer"),
    ("cores[].LOAD.events", "integer"),
    ("cores[].LOAD.pulses", "integer"),
    ("cores[].LOAD.energy_pj", "number"),
    ("cores[].LOAD.time_us", "number"),
    ("cores[].LOAD.max_cell_writes", "integer"),
    ("cores[].LOAD.max_cell_wear", "integer"),
    ("schedule.path", "string"),
    ("schedule.bytes", "integer"),
    ("schedule.bits_per_weight", "number"),
    ("schedule.frames", "integer"),
    ("schedule.decoder_ram_bytes", "integer"),
    ("verified.writes_match", "boolean"),
    ("verified.outputs_match", "boolean"),
    ("verified.inferences", "integer"),
    ("sweep[].extra_steps_percent", "number?"),
    ("sweep[].fixed_levels", "boolean"),
    ("sweep[].steps", "integer"),
    ("sweep[].writes", "integer"),
    ("sweep[].lower_bound_writes", "integer"),
    ("seconds", "number"),
];

/// The paths of all values, with the orders and loads named alike, and each value's type.
fn keys(value: &Value, path: &str, found: &mut Vec<(String, &'static str)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = match key.as_str() {
                    "natural" | "sorted" | "optimal" => "ORDER",
                    "first_load" | "per_inference" => "LOAD",
                    key => key,
                };
                keys(value, &[path, key].join(if path.is_empty() { "" } else { "." }), found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, &format!("{path}[]"), found)),
        Value::String(_) => found.push((path.to_owned(), "string")),
        Value::Bool(_) => found.push((path.to_owned(), "boolean")),
        Value::Null => found.push((path.to_owned(), "null")),
        Value::Number(n) if n.is_u64() => found.push((path.to_owned(), "integer")),
        Value::Number(_) => found.push((path.to_owned(), "number")),
    }
}

fn fits(kind: &str, got: &str) -> bool {
    kind.trim_end_matches('?') == got
        || kind.ends_with('?') && got == "null"
        || kind.starts_with("number") && got == "integer"
}

#[test]
fn json_has_exactly_the_documented_keys() {
    let sandbox = Sandbox::with_network();
    for args in [&["--device", "gst-optical", "--sweep", "curve.svg"][..], &["--reach", "lane", "--order", "sorted"]] {
        let report = sandbox.report(args);
        let mut found = Vec::new();
        keys(&report, "", &mut found);
        for (path, got) in &found {
            let kind = KEYS.iter().find(|(key, _)| key == path).unwrap_or_else(|| panic!("undocumented key {path}")).1;
            assert!(fits(kind, got), "{path} is {got}, not {kind}");
        }
        let swept = args.contains(&"--sweep");
        for (key, _) in KEYS.iter().filter(|(key, _)| swept || !key.starts_with("sweep")) {
            assert!(found.iter().any(|(path, _)| path == key), "no key {key}");
        }
        for orders in [&report["orders"], &report["layers"][0]["orders"]] {
            for order in ["natural", "sorted", "optimal"] {
                let loads: Vec<_> = orders[order].as_object().unwrap().keys().collect();
                assert_eq!(loads, ["first_load", "per_inference"], "{order}");
            }
        }
    }
}

#[test]
fn figures_agree_with_each_other() {
    let sandbox = Sandbox::with_network();
    let report = sandbox.report(&[]);
    let layers = report["layers"].as_array().unwrap();
    assert_eq!(report["core"], "9x9");
    assert_eq!((report["device"].as_str(), report["bits"].as_u64()), (Some("elight"), Some(4)));
    assert_eq!((report["reparam"].as_str(), report["scale"].as_str()), (Some("none"), Some("row")));
    assert_eq!((report["reach"].as_str(), report["order"].as_str()), (Some("row"), Some("optimal")));
    let names: Vec<_> = layers.iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stem.weight", "dw.weight", "fc1.weight", "fc2.weight"]);
    let shapes: Vec<_> =
        layers.iter().map(|l| [&l["rows"], &l["cols"], &l["groups"]].map(|n| n.as_u64().unwrap())).collect();
    assert_eq!(shapes, [[12, 27, 1], [12, 9, 12], [30, 108, 1], [10, 30, 1]]);
    // Tiles: ceil(rows / 9) * ceil(cols / 9).
    let tiles: Vec<_> = layers.iter().map(|l| l["tiles"].as_u64().unwrap()).collect();
    assert_eq!(tiles, [2 * 3, 2, 4 * 12, 2 * 4]);

    let sum = |path: &str| layers.iter().map(|l| l.pointer(path).unwrap().as_u64().unwrap()).sum::<u64>();
    for key in ["/weights", "/tiles", "/steps"] {
        assert_eq!(report.pointer(key).unwrap().as_u64().unwrap(), sum(key), "{key}");
    }
    for order in ["natural", "sorted", "optimal"] {
        for load in ["first_load", "per_inference"] {
            for figure in ["writes", "events"] {
                let path = format!("/orders/{order}/{load}/{figure}");
                assert_eq!(report.pointer(&path).unwrap().as_u64().unwrap(), sum(&path), "{path}");
            }
        }
        let path = format!("/elight_accounting/{order}/total_writes");
        assert_eq!(report.pointer(&path).unwrap().as_u64().unwrap(), sum(&path), "{path}");
    }
    let writes = |order: &str| report["orders"][order]["per_inference"]["writes"].as_u64().unwrap();
    let bound = report["lower_bound_writes"].as_u64().unwrap();
    assert!(bound <= writes("optimal") && writes("optimal") < writes("sorted") && writes("sorted") < writes("natural"));
    let gap = writes("optimal") as f64 / bound as f64 - 1.0;
    assert!((report["gap"].as_f64().unwrap() - gap).abs() < 1e-12);

    let schedule = &report["schedule"];
    let bytes = sandbox.read("net.elight").len() as u64;
    assert_eq!((schedule["path"].as_str(), schedule["bytes"].as_u64()), (Some("net.elight"), Some(bytes)));
    let bits = 8.0 * bytes as f64 / report["weights"].as_u64().unwrap() as f64;
    assert!((schedule["bits_per_weight"].as_f64().unwrap() - bits).abs() < 1e-9);
    assert!((1..=2048).contains(&schedule["decoder_ram_bytes"].as_u64().unwrap()));
    assert_eq!(report["verified"], serde_json::json!({"writes_match": true, "outputs_match": true, "inferences": 2}));

    let skipped: Vec<_> = report["skipped"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["stem.bias", "steps", "lut"]);
    assert!(report["skipped"][0]["reason"].as_str().unwrap().contains("1-dimensional"));
    assert!(report["skipped"][2]["reason"].as_str().unwrap().contains("I8"));
}

#[test]
fn quiet_prints_nothing() {
    let sandbox = Sandbox::with_network();
    assert_eq!(sandbox.plan(&["-q"]).success(), "");
    assert!(sandbox.path("net.elight").exists());
    assert!(sandbox.report(&["-q"])["weights"].is_u64(), "--json is asked for");
}

#[test]
fn lane_plans_are_optimal_and_say_so() {
    let sandbox = Sandbox::with_network();
    assert_eq!(sandbox.report(&["--reach", "lane"])["gap"], 0.0);
}

#[test]
fn a_network_of_zeros_needs_no_writes() {
    let weights = Weights::new().f32("a.weight", &[20, 30], &[0.0; 600]).f32("b.weight", &[5, 20], &[-0.0; 100]);
    let sandbox = Sandbox::with(&weights);
    for args in [&[][..], &["--reach", "lane"], &["--order", "natural", "--scale", "layer"], &["--reparam", "tanh"]] {
        let report = sandbox.report(args);
        for order in ["natural", "sorted", "optimal"] {
            assert_eq!(report["orders"][order]["first_load"]["writes"], 0, "{args:?}");
            assert_eq!(report["orders"][order]["per_inference"]["events"], 0, "{args:?}");
        }
        assert_eq!((&report["gap"], &report["layers"][0]["relative_error"]), (&0.0.into(), &0.0.into()));
        assert_eq!(report["verified"]["outputs_match"], true);
    }
}

#[test]
fn a_zero_layer_among_others_is_fine() {
    let sandbox = Sandbox::with(&network().f32("dead.weight", &[9, 10], &[0.0; 90]));
    let report = sandbox.report(&[]);
    assert_eq!(report["layers"].as_array().unwrap().len(), 5);
    assert_eq!(report["verified"]["writes_match"], true);
}

#[test]
fn weights_of_every_type_are_planned() {
    let values: Vec<f32> = random(64 * 3, 9).iter().map(|v| half::bf16::from_f32(*v).to_f32()).collect();
    let values: Vec<f32> = values.iter().map(|v| half::f16::from_f32(*v).to_f32()).collect();
    let as_bytes = |dtype: &str| -> Vec<u8> {
        match dtype {
            "F64" => values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
            "F16" => values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            "BF16" => values.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    };
    let mut schedules = Vec::new();
    for dtype in ["F64", "F32", "F16"] {
        // Three bytes before it: the data is not aligned.
        let weights = Weights::new().tensor("pad", "U8", &[3], &[7; 3]).tensor("w", dtype, &[12, 16], &as_bytes(dtype));
        let sandbox = Sandbox::with(&weights);
        assert_eq!(sandbox.report(&[])["verified"]["outputs_match"], true, "{dtype}");
        schedules.push(sandbox.read("net.elight"));
    }
    assert!(schedules.windows(2).all(|pair| pair[0] == pair[1]), "the same weights, the same schedule");
    let sandbox = Sandbox::with(&Weights::new().tensor("w", "BF16", &[12, 16], &as_bytes("BF16")));
    assert_eq!(sandbox.report(&[])["verified"]["outputs_match"], true);
}

#[test]
fn real_networks_are_planned() {
    let folder = repository("../shared/models");
    if !folder.is_dir() {
        println!("skipped: {} is not here; golden_plan plans a real network", folder.display());
        return;
    }
    for name in ["mtcnn-pnet", "mtcnn-rnet", "resnet20-cifar10-f16"] {
        let file = format!("{name}.safetensors");
        let sandbox = Sandbox::empty().file("net.safetensors", std::fs::read(folder.join(file)).unwrap());
        let report = sandbox.report(&[]);
        assert_eq!(
            report["verified"],
            serde_json::json!({"writes_match": true, "outputs_match": true, "inferences": 2})
        );
        let writes = |order: &str| report["orders"][order]["per_inference"]["writes"].as_u64().unwrap();
        assert!(writes("optimal") < writes("sorted"), "{name}");
    }
}
