//! `--from`: new weights for a core that holds what an earlier schedule left.

use serde_json::Value;

use crate::support::program::Sandbox;
use crate::support::weights::{Weights, random};

const LAYERS: [(&str, [usize; 2], u64); 3] =
    [("a.weight", [40, 50], 1), ("b.weight", [9, 40], 2), ("c.weight", [21, 9], 3)];

/// The network, before (`change` 0) or after some more training.
fn trained(change: f32) -> Weights {
    LAYERS.iter().fold(Weights::new(), |weights, (name, shape, seed)| {
        let count = shape.iter().product();
        let values: Vec<f32> =
            random(count, *seed).iter().zip(random(count, seed + 9)).map(|(w, d)| w + change * d).collect();
        weights.f32(name, shape, &values)
    })
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(&trained(0.0)).file("new.safetensors", trained(0.05).bytes());
    sandbox.plan(&["-q", "-o", "old.elight"]).success();
    sandbox
}

fn optimal<'a>(report: &'a Value, load: &str) -> &'a Value {
    &report["orders"]["optimal"][load]["writes"]
}

#[test]
fn an_update_starts_from_what_the_core_holds() {
    let sandbox = sandbox();
    for reach in ["row", "lane"] {
        let plan = |from: &[&str], output: &str| {
            let args = ["new.safetensors", "--core", "9x9", "--reach", reach, "-o", output, "--json"];
            sandbox.run(args.iter().chain(from)).json()
        };
        let alone = plan(&[], "alone.elight");
        let update = plan(&["--from", "old.elight"], "new.elight");
        assert_eq!((&alone["from"], &update["from"]), (&Value::Null, &Value::from("old.elight")));
        // The steady state is not touched, and the way there is proved by the replay and counted again by the checker.
        assert_eq!(optimal(&alone, "per_inference"), optimal(&update, "per_inference"));
        assert_eq!(update["verified"]["writes_match"], true);
        let check =
            |from: &[&str]| sandbox.run(["check", "new.elight", "new.safetensors", "--json"].iter().chain(from)).json();
        let found = check(&["--from", "old.elight"]);
        assert_eq!(&found["first_load"]["writes"], optimal(&update, "first_load"));
        assert_eq!(&found["per_inference"]["writes"], optimal(&update, "per_inference"));
        // It is a schedule like any other: on an erased core it runs as well.
        assert!(check(&[])["first_load"]["writes"].as_u64() > Some(0));
        // The plan that knows nothing of the old one comes there at a higher price.
        let blind = sandbox.run(["check", "alone.elight", "new.safetensors", "--json", "--from", "old.elight"]).json();
        let (blind, seeing) = (&blind["first_load"]["writes"], optimal(&update, "first_load"));
        assert!(seeing.as_u64() < blind.as_u64(), "reach {reach}: {seeing} writes, {blind} without looking");
    }
}

#[test]
fn the_same_weights_again_are_one_more_inference_at_most() {
    let sandbox = sandbox();
    let report = sandbox.report(&["--from", "old.elight", "-o", "again.elight"]);
    let (first, later) = (optimal(&report, "first_load"), optimal(&report, "per_inference"));
    assert!(first.as_u64() <= later.as_u64(), "{first} after {later}");
}

#[test]
fn natural_and_sorted_orders_count_from_there_too() {
    // Natural and sorted orders have no choice, but their first loads count from there as well.
    let sandbox = sandbox();
    for order in ["natural", "sorted"] {
        let args = ["--order", order, "-o", "new.elight", "--from", "old.elight"];
        let report = sandbox.report(&args);
        assert_eq!(report["verified"]["writes_match"], true);
        let found = sandbox.run(["check", "new.elight", "net.safetensors", "--json", "--from", "old.elight"]).json();
        assert_eq!(found["first_load"]["writes"], report["orders"][order]["first_load"]["writes"]);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let sandbox = sandbox();
    let update = |args: &[&str], parts: &[&str]| {
        let all = ["new.safetensors", "--from", "old.elight", "-o", "new.elight"];
        sandbox.run(all.iter().chain(args)).fails(1, parts);
        assert!(!sandbox.path("new.elight").exists());
    };
    update(&["--core", "9x8"], &["old.elight", "planned with core 9x9, the new plan with core 9x8"]);
    update(&["--core", "9x9", "--bits", "3"], &["old.elight", "bits 4", "bits 3"]);
    update(&["--core", "9x9", "--device", "gst-optical", "--bits", "4"], &["device `elight`", "gst-optical"]);
    update(&["--core", "9x9", "--include", "[ab]*"], &["old.elight", "has 3 layers, the weights have 2", "--include"]);
    let other = trained(0.0).random("d.weight", &[4, 4], 8);
    std::fs::write(sandbox.path("new.safetensors"), other.bytes()).unwrap();
    update(&["--core", "9x9"], &["has 3 layers, the weights have 4"]);
    let renamed = LAYERS.iter().fold(Weights::new(), |w, (name, shape, seed)| {
        w.random(if *name == "b.weight" { "x.weight" } else { name }, shape, *seed)
    });
    std::fs::write(sandbox.path("new.safetensors"), renamed.bytes()).unwrap();
    update(&["--core", "9x9"], &["layer 1", "`b.weight`, 9x40", "`x.weight`, 9x40"]);
    // No schedule at all, a damaged one, none.
    std::fs::write(sandbox.path("new.safetensors"), trained(0.05).bytes()).unwrap();
    let old = sandbox.read("old.elight");
    std::fs::write(sandbox.path("old.elight"), &old[..old.len() / 2]).unwrap();
    update(&["--core", "9x9"], &["old.elight", "ends before frame"]);
    std::fs::write(sandbox.path("old.elight"), [&old[..30], &[0xff], &old[31..]].concat()).unwrap();
    update(&["--core", "9x9"], &["old.elight"]);
    std::fs::write(sandbox.path("old.elight"), b"no schedule").unwrap();
    update(&["--core", "9x9"], &["old.elight", "not a schedule"]);
    std::fs::remove_file(sandbox.path("old.elight")).unwrap();
    update(&["--core", "9x9"], &["cannot read the earlier schedule old.elight"]);
}
