//! What the programs print, as snapshots: on terminals of 80 and 120 columns, and in a pipe. `INSTA_UPDATE=always cargo test --test cli`
//! takes new ones; read the difference before it is committed.

use crate::support::program::Sandbox;

/// Faults of four kinds for a 9x9 core of the device `elight`.
const FAULTS: &str = "core = \"9x9\"\ndevice = \"elight\"\ndevice_crc = 2055319189\n\
    [[fault]]\nrow = 0\ncol = 0\nkind = \"dead\"\n\
    [[fault]]\nrow = 3\ncol = 4\nside = \"plus\"\nkind = \"stuck\"\nlevel = 7\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_network().file("faults.toml", FAULTS);
    sandbox.plan(&["-q", "--no-compare"]).success();
    sandbox.plan(&["-q", "--no-compare", "-o", "old.elight", "--seed", "2"]).success();
    let report = sandbox.plan(&["--json", "--no-compare", "--device", "gst-optical", "-o", "gst.elight"]).success();
    let broadcast = sandbox
        .plan(&["--json", "--no-compare", "--device", "gst-optical", "--order", "sorted", "-o", "b.elight"])
        .success();
    sandbox.file("a.json", report).file("b.json", broadcast)
}

/// Everything that a person may look at.
const SEEN: &[(&str, &[&str])] = &[
    ("plan", &["net.safetensors", "--core", "9x9"]),
    (
        "plan-life",
        &["net.safetensors", "--no-compare", "--core", "9x9", "--device", "gst-optical", "--rate", "30", "-v"],
    ),
    ("plan-lane", &["net.safetensors", "--no-compare", "--core", "9x9", "--reach", "lane", "--no-verify"]),
    (
        "plan-column",
        &[
            "net.safetensors",
            "--core",
            "9x9",
            "--fanout",
            "column",
            "--effort",
            "fast",
            "--reach",
            "lane",
            "--endurance",
            "1e6",
        ],
    ),
    ("plan-natural", &["net.safetensors", "--no-compare", "--core", "9x9", "--order", "natural", "--endurance", "1e9"]),
    (
        "plan-fixed",
        &["net.safetensors", "--no-compare", "--core", "9x64", "--extra-steps", "fixed", "--endurance", "5000"],
    ),
    ("plan-sweep", &["net.safetensors", "--no-compare", "--core", "9x9", "--bits", "2", "--sweep", "curve.svg"]),
    ("plan-cores", &["net.safetensors", "--no-compare", "--core", "9x9", "--cores", "3"]),
    ("plan-faults", &["net.safetensors", "--no-compare", "--core", "9x9", "--faults", "faults.toml"]),
    (
        "plan-faults-lane",
        &["net.safetensors", "--no-compare", "--core", "9x9", "--faults", "faults.toml", "--reach", "lane"],
    ),
    ("plan-from", &["net.safetensors", "--no-compare", "--core", "9x9", "--from", "old.elight", "-o", "new.elight"]),
    (
        "plan-rotate",
        &[
            "net.safetensors",
            "--no-compare",
            "--core",
            "9x9",
            "--rotate",
            "3",
            "--endurance",
            "1e6",
            "-o",
            "turn.elight",
        ],
    ),
    ("plan-objective", &["net.safetensors", "--no-compare", "--core", "9x9", "--objective", "latency"]),
    ("check", &["check", "net.elight", "net.safetensors"]),
    ("inspect", &["inspect", "net.elight"]),
    ("inspect-layer", &["inspect", "net.elight", "--layer", "fc1.weight"]),
    ("inspect-step", &["inspect", "net.elight", "--layer", "fc1.weight", "--step", "5"]),
    ("inspect-frames", &["inspect", "net.elight", "--frames"]),
    ("inspect-from", &["inspect", "new.elight", "--from", "old.elight"]),
    ("compare", &["compare", "a.json", "b.json", "-v"]),
    ("compare-schedules", &["compare", "net.elight", "old.elight"]),
    ("devices", &["devices"]),
    ("device", &["devices", "gst-optical"]),
];

#[test]
fn screens_of_80_and_120_columns_and_pipes() {
    let sandbox = sandbox();
    for (name, args) in SEEN {
        let mut seen = Vec::new();
        for (columns, where_) in [(Some(80), "80 columns"), (Some(120), "120 columns"), (None, "a pipe")] {
            let text = sandbox.shown(columns, args);
            // A file printed as it is has lines of its own; so has the command.
            for line in text.lines().skip(1).filter(|_| *name != "device") {
                let wide = line.chars().count();
                assert!(
                    columns.is_none_or(|most| wide <= usize::from(most)),
                    "{name}, {where_}: {wide} characters: {line}"
                );
            }
            assert!(!text.contains('\u{1b}'), "{name}: colours where nobody sees them");
            if seen.last().is_none_or(|(_, before)| *before != text) {
                seen.push((where_, text));
            }
        }
        let seen: Vec<String> = seen.into_iter().map(|(where_, text)| format!("== {where_}\n{text}")).collect();
        insta::assert_snapshot!(*name, seen.join("\n"));
    }
}

/// At most three lines come before the table, whatever is planned.
#[test]
fn the_verdict_comes_first_in_three_lines() {
    let sandbox = sandbox();
    for (name, args) in SEEN.iter().filter(|(name, _)| name.starts_with("plan")) {
        let text = sandbox.shown(Some(80), args);
        let before = text.lines().skip(1).take_while(|line| !line.is_empty()).count();
        assert!((1..=3).contains(&before), "{name}: {before} lines:\n{text}");
    }
}

#[test]
fn colours_are_for_those_who_see_them() {
    let sandbox = sandbox();
    let seen = |vars: &[(&str, &str)]| {
        let mut command = sandbox.command();
        command.args(["check", "net.elight", "net.safetensors"]).env_remove("NO_COLOR").envs(vars.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(seen(&[("CLICOLOR_FORCE", "1")]).contains("\u{1b}["));
    assert!(!seen(&[]).contains('\u{1b}'));
    assert!(!seen(&[("CLICOLOR_FORCE", "0"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}
