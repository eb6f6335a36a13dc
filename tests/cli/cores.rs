//! `--cores`: a network on several cores, a schedule each.

use serde_json::Value;

use crate::support::program::{Sandbox, network};

fn paths(cores: usize) -> Vec<String> {
    (0..cores).map(|core| format!("net.core{core}.elight")).collect()
}

fn sum(cores: &[Value], of: impl Fn(&Value) -> &Value) -> u64 {
    cores.iter().map(|core| of(core).as_u64().unwrap()).sum()
}

#[test]
fn one_core_is_what_it_was() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q"]).success();
    let alone = sandbox.read("net.elight");
    let report = sandbox.report(&["--cores", "1"]);
    assert_eq!(sandbox.read("net.elight"), alone);
    assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"]);
    let cores = report["cores"].as_array().unwrap();
    assert_eq!(cores.len(), 1);
    assert_eq!(cores[0]["steps"], report["steps"]);
    assert_eq!(cores[0]["per_inference"], report["orders"]["optimal"]["per_inference"]);
}

#[test]
fn every_weight_is_multiplied_by_one_of_the_cores() {
    // 12x27, 12x9 (depthwise), 30x108, 10x30.
    let shapes = [(12usize, 27usize), (12, 9), (30, 108), (10, 30)];
    let orders: [&[&str]; 4] = [&[], &["--reach", "lane"], &["--order", "natural"], &["--order", "sorted"]];
    for cores in [2usize, 3, 7] {
        for order in orders {
            let sandbox = Sandbox::with(&network());
            let report = sandbox.report(&[&["--cores", &cores.to_string()], order].concat());
            assert_eq!(
                (&report["verified"]["writes_match"], &report["verified"]["outputs_match"]),
                (&true.into(), &true.into())
            );
            // Side by side no layer can take fewer steps.
            let least: usize =
                shapes.iter().map(|(rows, cols)| rows.div_ceil(9).div_ceil(cores) * cols.div_ceil(9)).sum();
            assert_eq!(report["steps"], least);
            let parts = report["cores"].as_array().unwrap();
            let optimal = &report["orders"][report["order"].as_str().unwrap()]["per_inference"];
            assert_eq!(sum(parts, |core| &core["weights"]), report["weights"].as_u64().unwrap());
            assert_eq!(sum(parts, |core| &core["per_inference"]["writes"]), optimal["writes"].as_u64().unwrap());
            assert!(parts.iter().all(|core| core["steps"].as_u64() <= report["steps"].as_u64()));
            assert!(report["lower_bound_writes"].as_u64() <= optimal["writes"].as_u64());
            let found = sandbox
                .run(
                    ["check"]
                        .iter()
                        .map(|s| (*s).to_owned())
                        .chain(paths(cores))
                        .chain(["net.safetensors".to_owned(), "--json".to_owned()]),
                )
                .json();
            for (found, part) in found.as_array().unwrap().iter().zip(parts) {
                for key in ["writes", "events", "max_cell_writes"] {
                    assert_eq!(found["per_inference"][key], part["per_inference"][key]);
                    assert_eq!(found["first_load"][key], part["first_load"][key]);
                }
                assert_eq!((&found["steps"], &found["weights"]), (&part["steps"], &part["weights"]));
            }
        }
    }
}

#[test]
fn what_is_missing_or_there_twice_is_found() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q", "--cores", "2"]).success();
    let check = |schedules: &[&str]| sandbox.run([&["check"], schedules, &["net.safetensors"]].concat());
    insta::assert_snapshot!(
        "check-cores",
        sandbox.shown(Some(80), &["check", "net.core0.elight", "net.core1.elight", "net.safetensors"])
    );
    check(&["net.core1.elight"]).fails(1, &["net.core1.elight", "output row"]);
    check(&["net.core0.elight", "net.core0.elight"]).fails(1, &["net.core0.elight", "output row"]);
    // Of three, one is left out: only all together can tell.
    sandbox.plan(&["-q", "--cores", "3"]).success();
    check(&["net.core0.elight", "net.core2.elight"]).fails(1, &["net.core2.elight", "output row"]);
}

#[test]
fn numbers_of_cores_have_their_limits() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["--cores", "0"]).fails(2, &["--cores"]);
    sandbox.plan(&["--cores", "65"]).fails(2, &["--cores"]);
}

#[test]
fn updates_of_several_cores() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q", "--cores", "2", "-o", "old.elight"]).success();
    let report = sandbox.report(&["--cores", "2", "--from", "old.elight"]);
    let writes = |load: &str| report["orders"]["optimal"][load]["writes"].as_u64();
    assert!(writes("first_load") <= writes("per_inference"));
    assert_eq!(report["verified"]["writes_match"], true);
    let args = ["check", "net.core0.elight", "net.core1.elight", "net.safetensors", "--json"];
    let from = ["--from", "old.core0.elight", "--from", "old.core1.elight"];
    let found = sandbox.run([&args[..], &from].concat()).json();
    assert_eq!(Some(sum(found.as_array().unwrap(), |core| &core["first_load"]["writes"])), writes("first_load"));
    sandbox.run([&args[..], &from[..2]].concat()).fails(1, &["--from is needed once for each of the 2 schedules"]);
    sandbox.plan(&["--cores", "3", "--from", "old.elight"]).fails(1, &["old.core2.elight"]);
}
