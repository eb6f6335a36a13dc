//! ELight's own counts (`# writes` and the worst cell), natural and sorted, against what the ELight reference computes:
//! `fixtures/golden` always, and all cases of `../shared/golden` where that folder exists.

mod support;

use std::path::{Path, PathBuf};

use elight::level::{DeviceProfile, Reparam, ScaleMode};
use elight::order::Order;
use elight::order::cost::tally::ElightAccounting;
use elight::plan::{self, CoreSize, PlanOptions, Quantization, Unobserved};
use elight::weights::{Filter, Layout, Network};
use serde_json::Value;
use support::repository;

/// Plans a case's blocks for a core of their size and compares; the order of the schedule must not matter.
fn check(path: &Path, order: Order) {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let bits: u8 = name[1..name.find('_').unwrap()].parse().unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
    let k: usize = json["shape"][2].to_string().parse().unwrap();

    let only = Filter::new(&["weight".to_owned()], &[]).unwrap();
    let network = Network::from_bytes(name, std::fs::read(path).unwrap(), Layout::Blocks, &only).unwrap();
    let device = DeviceProfile::load("elight", Some(bits)).unwrap();
    let options = PlanOptions {
        quantization: Quantization { reparam: Reparam::Tanh, scale: ScaleMode::Layer },
        order,
        ..PlanOptions::new(CoreSize { rows: k, cols: k }, device)
    };
    let folder = tempfile::tempdir().unwrap();
    let outcome = plan::plan(&network, &options, &folder.path().join("plan.elight"), &[], &Unobserved).unwrap();

    let expected = |key: &str| {
        let count = |what: &str| json[key][what].as_f64().unwrap();
        assert_eq!(count("total_writes").fract(), 0.0, "{name}: counts are whole numbers");
        ElightAccounting { total_writes: count("total_writes") as u64, max_writes: count("max_wt") as u64 }
    };
    assert_eq!(outcome.natural.elight, expected("noreorder"), "{name}: natural");
    assert_eq!(outcome.sorted.elight, expected("reorder"), "{name}: sorted");
    assert_eq!(outcome.layers[0].tiles, [0, 1].map(|i| json["shape"][i].as_u64().unwrap()).iter().product::<u64>());
}

/// The case files of a folder, sorted: `b*_p*_q*_k*.safetensors`.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let is_case = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with('b') && name.contains("_p") && name.ends_with(".safetensors")
    };
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(is_case).collect();
    cases.sort();
    cases
}

#[test]
fn counts_of_the_fixtures_are_the_references() {
    let cases = cases(&repository("fixtures/golden"));
    assert!(cases.len() >= 3);
    for order in [Order::Natural, Order::Sorted, Order::Optimal] {
        cases.iter().for_each(|path| check(path, order));
    }
}

#[test]
fn counts_of_every_shared_case_are_the_references() {
    let folder = repository("../shared/golden");
    if !folder.is_dir() {
        println!("skipped: {} is not here; fixtures/golden is checked instead", folder.display());
        return;
    }
    let cases = cases(&folder);
    assert!(!cases.is_empty());
    println!("{} cases", cases.len());
    cases.iter().for_each(|path| check(path, Order::Natural));
}
