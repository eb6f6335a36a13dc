//! Many plans of one network: the front, going on after a stop, and shards.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::program::{Run, Sandbox};

const AXES: [&str; 13] = [
    "--core",
    "9x9,16x16",
    "--fanout",
    "cell,column",
    "--bits",
    "2,4",
    "--extra-steps",
    "none,50,fixed",
    "--batch",
    "1,64,auto",
    "--system",
    "lightening",
    "--vectors=*=16",
];

const OUT: [&str; 2] = ["--csv", "out.csv"];

fn explore(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(["explore", "net.safetensors"].iter().chain(&AXES).chain(args))
}

fn records(sandbox: &Sandbox, state: &str) -> usize {
    let Ok(folder) = std::fs::read_dir(sandbox.path(state)) else { return 0 };
    folder.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("plan-")).count()
}

#[test]
fn points_are_those_of_single_plans() {
    let sandbox = Sandbox::with_network();
    let sheet = explore(&sandbox, &["--json"]).json();
    let points = sheet["points"].as_array().unwrap();
    // Shared inputs cannot trade steps, and at 4 bits there are more levels than lanes.
    let refused: Vec<&str> = sheet["refused"].as_array().unwrap().iter().map(|r| r["plan"].as_str().unwrap()).collect();
    assert!(refused.iter().any(|plan| plan.contains("column") && plan.contains("extra steps fixed")), "{refused:?}");
    assert!(sheet["missing"].as_array().unwrap().is_empty());
    let find = |core: &str, bits: u64, extra: &str, batch: u64| -> &Value {
        let same = |p: &&Value| {
            p["core"] == core
                && p["fanout"] == "cell"
                && p["bits"] == bits
                && p["extra_steps"] == extra
                && p["batch"] == batch
        };
        points.iter().find(same).unwrap()
    };
    for (core, bits, extra) in [("9x9", 4, "50"), ("16x16", 2, "none"), ("9x9", 2, "fixed")] {
        let bits_text = bits.to_string();
        let mut args = vec![
            "--core",
            core,
            "--bits",
            &bits_text,
            "--effort",
            "fast",
            "--system",
            "lightening",
            "--batch",
            "64",
            "--vectors=*=16",
        ];
        if extra != "none" {
            args.extend(["--extra-steps", extra]);
        }
        let (report, point) = (sandbox.report(&args), find(core, bits, extra, 64));
        for key in ["time_us", "energy_pj", "light_fraction", "life", "life_inferences"] {
            assert_eq!(point[key], report["inference"][key], "{core} {bits} {extra} {key}");
        }
        assert_eq!(point["schedule_bytes"], report["schedule"]["bytes"]);
        assert_eq!(point["writes"], report["orders"]["optimal"]["per_inference"]["writes"]);
    }
    assert!(points.iter().any(|p| p["front"] == true) && points.iter().any(|p| p["front"] == false));
    let text = explore(&sandbox, &["--report", "page.html", "--csv", "out.csv"]).success();
    assert!(
        text.contains("on the front of time, energy, life, schedule bytes and weight error")
            && text.contains("no plan"),
        "{text}"
    );
    let csv = String::from_utf8(sandbox.read("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), points.len() + 1);
    let page = String::from_utf8(sandbox.read("page.html")).unwrap();
    roxmltree::Document::parse_with_options(&page, roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() })
        .unwrap();
    assert!(page.matches("<circle").count() >= points.len());
}

#[test]
fn what_is_planned_is_planned_once() {
    let sandbox = Sandbox::with_network();
    explore(&sandbox, &OUT).success();
    let plans = records(&sandbox, "net.explore");
    assert_eq!(plans, 2 * 2 * 2 * 3);
    // Another buffer and other threads need no new plan.
    let stamps = || {
        let files = std::fs::read_dir(sandbox.path("net.explore")).unwrap().map(|e| e.unwrap().path());
        let plans = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("plan-"));
        let mut stamps: Vec<_> = plans.map(|path| (path.metadata().unwrap().modified().unwrap(), path)).collect();
        stamps.sort();
        stamps
    };
    let before = stamps();
    explore(&sandbox, &["--buffer", "4096", "--threads", "1"]).success();
    assert_eq!(stamps(), before);
    // A record that was cut off is made again.
    let victim = before[0].1.clone();
    let whole = std::fs::read(&victim).unwrap();
    std::fs::write(&victim, &whole[..whole.len() / 2]).unwrap();
    explore(&sandbox, &OUT).success();
    assert_eq!(std::fs::read(&victim).unwrap(), whole);
}

#[test]
fn shards_one_of_them_killed_merge_to_the_same_bytes() {
    let sandbox = Sandbox::with_network();
    let merge = |states: &[&str]| sandbox.run(["merge"].iter().chain(states).chain(&["--csv", "merged.csv", "--json"]));
    for shard in ["1/4", "2/4", "4/4"] {
        let state = format!("state-{}", &shard[..1]);
        explore(&sandbox, &["--shard", shard, "--state", &state]).success();
    }
    // The third is killed as soon as it has made a plan.
    let mut command = sandbox.command();
    command.args(["explore", "net.safetensors"]).args(AXES).args(["--shard", "3/4", "--state", "state-3"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while records(&sandbox, "state-3") == 0 && begun.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let states = ["state-1", "state-2", "state-3", "state-4"];
    let done = records(&sandbox, "state-3");
    if done < 6 {
        merge(&states).fails(1, &["of 24 plans are missing", "with the same --state"]);
    }
    explore(&sandbox, &["--shard", "3/4", "--state", "state-3"]).success();
    assert_eq!(records(&sandbox, "state-3"), 6);
    let merged = merge(&states).success();
    let whole = explore(&sandbox, &["--csv", "whole.csv", "--json"]).success();
    assert_eq!(merged, whole);
    assert_eq!(sandbox.read("merged.csv"), sandbox.read("whole.csv"));
    // Not those of another network or another grid.
    sandbox
        .run(["explore", "net.safetensors", "--core", "9x9", "--system", "bench", "--state", "other", "--shard", "1/9"])
        .success();
    merge(&["state-1", "other"]).fails(1, &["different explorations"]);
    merge(&["nowhere"]).fails(1, &["no exploration has begun there"]);
}

#[test]
fn wrong_axes_are_refused_at_once() {
    let sandbox = Sandbox::with_network();
    let run = |args: &[&str]| sandbox.run([&["explore", "net.safetensors"], args].concat());
    run(&["--core", "9x9,nine", "--system", "bench"]).fails(1, &["--core nine", "ROWSxCOLUMNS"]);
    run(&["--core", "9x9", "--system", "bench", "--fanout", "cell,rows"]).fails(1, &["--fanout rows"]);
    run(&["--core", "9x9", "--system", "bench", "--device", "elight,nothing"])
        .fails(1, &["no device called `nothing`"]);
    run(&["--core", "9x9", "--system", "bench", "--bits", "0"]).fails(1, &["--bits 0"]);
    assert!(!sandbox.path("net.explore").exists());
    assert_eq!(run(&["--core", "9x9"]).code, Some(2), "a system is needed");
    assert_eq!(run(&["--core", "9x9", "--system", "bench", "--shard", "5/4"]).code, Some(2));
    let text = run(&["--core", "9x9", "--fanout", "cell", "--system", "bench"]).success();
    assert!(text.contains("vectors   not known for 4 layers"), "{text}");
}
