//! Ordinary mistakes, and what is answered: each as a snapshot of the whole answer.

use crate::support::program::{Sandbox, network};

fn answers(sandbox: &Sandbox, commands: &[&[&str]]) -> String {
    let answer = |args: &&[&str]| {
        let text = sandbox.shown(None, args);
        assert!(!text.contains(".partial") && !text.contains("/tmp"), "a temporary name: {text}");
        assert!(text.contains("[exit code"), "a mistake that succeeds: {text}");
        text
    };
    commands.iter().map(answer).collect::<Vec<_>>().join("\n")
}

fn sandbox() -> Sandbox {
    let trained = network().metadata("elight.bits", "4").metadata("elight.device", "elight");
    let table = "name = 'two'\ntitle = 'two bits'\nsource = 'x'\n[transmission]\ntable = [0.1, 0.3, 0.5, 0.9]\n[write]\n\
                 energy_up_pj_per_level = 1\nenergy_down_pj_per_level = 1\ntime_up_us_per_level = 1\ntime_down_us_per_level = 1\n";
    let sandbox = Sandbox::with_network().file("trained.safetensors", trained.bytes()).file("two.toml", table);
    sandbox.plan(&["-q"]).success();
    let report = sandbox.plan(&["--json"]).success();
    sandbox.file("report.json", report)
}

#[test]
fn files_in_the_place_of_others() {
    let commands: &[&[&str]] = &[
        &["check", "net.safetensors", "net.elight"],
        &["check", "net.safetensors", "net.safetensors"],
        &["check", "net.elight", "net.elight"],
        &["check", "net.elight", "report.json"],
        &["inspect", "net.safetensors"],
        &["inspect", "report.json"],
        &["compare", "net.safetensors", "net.elight"],
        &["compare", "report.json", "two.toml"],
        &["net.elight", "--core", "9x9"],
        &["report.json", "--core", "9x9"],
        &["net.safetensors", "trained.safetensors", "--core", "9x9"],
        &["net.safetensors", "--core", "9x9", "--from", "net.safetensors"],
        &["net.safetensors", "--core", "9x9", "--faults", "two.toml"],
        &["net.safetensors", "--core", "9x9", "--faults", "net.elight"],
        &["net.safetensors", "--core", "9x9", "--wear", "report.json"],
        &["net.safetensors", "--core", "9x9", "--device", "net.elight"],
        &["net.safetensors", "--core", "9x9", "--device", "trained.safetensors"],
        &["net.safetensors", "--core", "9x9", "--network", "net.elight"],
        &["net.safetensors", "--core", "9x9", "--system", "report.json"],
        &["net.safetensors", "--core", "9x9", "--graph", "trained.safetensors"],
        &["inspect", "net.elight", "--from", "net.safetensors"],
        &["trained.safetensors", "--core", "9x9", "--device", "two.toml"],
        &["net.safetensors", "--core", "9x9", "-o", "-"],
        &["net.safetensors", "--core", "9x9", "-o", "nowhere/net.elight"],
    ];
    insta::assert_snapshot!("files", answers(&sandbox(), commands));
}

#[test]
fn names_nearly_right() {
    let commands: &[&[&str]] = &[
        &["net.safetensors", "--core", "9x9", "--device", "gst-optica"],
        &["devices", "gst_optical"],
        &["devices", "warp-drive"],
        &["inspect", "net.elight", "--layer", "fc1.wieght"],
        &["inspect", "net.elight", "--layer", "nothing"],
        &["inspekt", "net.elight"],
        &["devcies"],
        &["net.safetensors", "--core", "9x9", "--objectiv", "energy"],
        &["net.safetensors", "--core", "9x9", "--reach", "rwo"],
    ];
    insta::assert_snapshot!("names", answers(&sandbox(), commands));
}

#[test]
fn values_out_of_range_are_wrong_usage() {
    let commands: &[&[&str]] = &[
        &["net.safetensors", "--core", "9", "x", "9"],
        &["net.safetensors", "--core", "9 x 9"],
        &["net.safetensors", "--core", "9x9", "--bits", "9"],
        &["net.safetensors", "--core", "9x9", "--endurance", "0"],
        &["net.safetensors", "--core", "9x9", "--endurance", "-5"],
        &["net.safetensors", "--core", "9x9", "--rate", "0"],
        &["net.safetensors", "--core", "9x9", "--cores", "0"],
        &["net.safetensors"],
        &["--core", "9x9"],
    ];
    let text = answers(&sandbox(), commands);
    insta::assert_snapshot!("values", text);
}
