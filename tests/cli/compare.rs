//! `elight-plan compare`: two plans side by side.

use crate::support::program::Sandbox;

/// Two plans of the same network: `a.json` and `a.elight` with 4 bits, `b` with 2 bits on another core.
fn two_plans() -> Sandbox {
    let mut sandbox = Sandbox::with_network();
    for (name, args) in [("a", &["--bits", "4"][..]), ("b", &["--bits", "2", "--core", "5x7"])] {
        let output = format!("{name}.elight");
        let json = sandbox.plan(&[args, &["--json", "-o", &output]].concat()).success();
        sandbox = sandbox.file(&format!("{name}.json"), json);
    }
    sandbox
}

#[test]
fn figures_of_both_reports_and_their_ratio() {
    let sandbox = two_plans();
    let read = |name: &str| serde_json::from_slice::<serde_json::Value>(&sandbox.read(name)).unwrap();
    let writes = |name: &str| read(name)["orders"]["optimal"]["per_inference"]["writes"].as_u64().unwrap();
    let (a, b) = (writes("a.json"), writes("b.json"));
    let compared = sandbox.run(["compare", "a.json", "b.json", "--json"]).json();
    let figures = compared["figures"].as_array().unwrap();
    let pair = figures.iter().find(|pair| pair["name"] == "writes per inference").unwrap();
    assert_eq!(pair["exact"], serde_json::json!([a as f64, b as f64]));
    let better = compared["verdict"][0].as_str().unwrap();
    let winner = if a < b { "A (a.json) is better: " } else { "B (b.json) is better: " };
    assert!(better.starts_with(winner), "{better}, but {a} writes and {b}");
}

#[test]
fn schedules_say_what_they_know() {
    let sandbox = two_plans();
    // A report and its own schedule agree in all that both know.
    let text = sandbox.run(["compare", "a.json", "a.elight", "-v"]).success();
    for name in [
        "writes per inference",
        "writes of the first load",
        "events",
        "schedule, bytes",
        "decoder RAM",
        "fc2.weight",
        "steps",
    ] {
        let line = text.lines().find(|l| l.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(line.trim_end().ends_with("1.00x"), "{line}");
    }
}

#[test]
fn a_page_for_readers() {
    let sandbox = two_plans();
    sandbox.run(["compare", "a.json", "b.elight", "--report", "c.html"]).success();
    let page = String::from_utf8(sandbox.read("c.html")).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    assert_eq!(
        document.descendants().filter(|n| n.has_tag_name("svg")).count(),
        4,
        "each for wide and for narrow pages"
    );
    assert!(page.contains("Figure by figure") && page.contains("fc1") && !page.contains("<script"));
    sandbox.run(["compare", "a.json", "b.json", "--report", "b.json"]).fails(1, &["overwrite what is compared"]);
    sandbox.run(["compare", "a.json", "b.json", "--report", "no/c.html"]).fails(1, &["its folder does not exist"]);
}

#[test]
fn files_that_are_neither() {
    let sandbox = two_plans();
    let mut cut = sandbox.read("a.elight");
    cut.truncate(400);
    let findings = sandbox.run(["check", "a.elight", "net.safetensors", "--json"]).success();
    let sandbox = sandbox.file("cut.elight", cut).file("other.json", findings).file("text", "hello");
    let compare = |other: &str| sandbox.run(["compare", "a.json", other]);
    compare("net.safetensors").fails(1, &["net.safetensors is a weights file, not a schedule"]);
    compare("text").fails(1, &["text: neither"]);
    compare("none.json").fails(1, &["none.json: cannot open"]);
    compare("other.json").fails(1, &["other.json: it is JSON, but not the report of a plan", "missing field"]);
    compare("cut.elight").fails(1, &["cut.elight: the schedule ends before frame"]);
}
