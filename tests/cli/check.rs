//! `elight-plan check`: a schedule against its weights.

use crate::support::program::{Sandbox, network};
use crate::support::weights::Weights;

fn planned() -> Sandbox {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q"]).success();
    sandbox
}

#[test]
fn a_good_schedule_is_confirmed() {
    let sandbox = planned();
    let report = sandbox.report(&[]);
    let findings = sandbox.run(["check", "net.elight", "net.safetensors", "--json"]).json();
    assert_eq!(findings["per_inference"]["writes"], report["orders"]["optimal"]["per_inference"]["writes"]);
    assert_eq!(findings["elight"]["total"], report["elight_accounting"]["optimal"]["total_writes"]);
}

#[test]
fn every_kind_of_plan_is_confirmed() {
    let sandbox = planned();
    let plans: [&[&str]; 5] = [
        &["--order", "natural"],
        &["--order", "sorted", "--bits", "2"],
        &["--reach", "lane", "--scale", "layer"],
        &["--reparam", "tanh", "--device", "gst-optical"],
        &["--include", "fc*"],
    ];
    for plan in plans {
        sandbox.plan(plan).success();
        // The checker is told how the weights are read; order and reach it sees itself.
        let reading: &[&str] = if matches!(plan[0], "--order" | "--reach") { &plan[2..] } else { plan };
        sandbox.run([&["check", "net.elight", "net.safetensors"], reading].concat()).success();
    }
}

#[test]
fn damaged_schedules_are_refused() {
    let sandbox = planned();
    let schedule = sandbox.read("net.elight");
    let check = || sandbox.run(["check", "net.elight", "net.safetensors"]);
    for byte in (0..schedule.len()).step_by(schedule.len() / 25) {
        let mut damaged = schedule.clone();
        damaged[byte] ^= 0x10;
        std::fs::write(sandbox.path("net.elight"), damaged).unwrap();
        check().fails(1, &["net.elight"]);
    }
    for length in [0, 7, 8, schedule.len() / 2, schedule.len() - 1] {
        std::fs::write(sandbox.path("net.elight"), &schedule[..length]).unwrap();
        check().fails(1, &["net.elight"]);
    }
    std::fs::write(sandbox.path("net.elight"), [&schedule[..], &[0]].concat()).unwrap();
    check().fails(1, &["net.elight"]);
    std::fs::remove_file(sandbox.path("net.elight")).unwrap();
    check().fails(1, &["net.elight: cannot open the schedule"]);
}

#[test]
fn other_weights_are_refused() {
    let sandbox = planned();
    let sandbox = sandbox.file("other.safetensors", Weights::new().random("a.weight", &[5, 5], 1).bytes());
    sandbox.run(["check", "net.elight", "other.safetensors"]).fails(1, &["net.elight"]);
    let mut bytes = network().bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x80; // the sign of the last weight
    let sandbox = sandbox.file("other.safetensors", bytes);
    sandbox.run(["check", "net.elight", "other.safetensors"]).fails(1, &["net.elight", "fc2.weight"]);
    sandbox.run(["check", "net.elight", "net.safetensors", "--bits", "3"]).fails(1, &["net.elight"]);
    sandbox.run(["check", "net.elight"]).fails(2, &["<WEIGHTS>"]);
}
