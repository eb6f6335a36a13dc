//! `--faults`: plans around faulty cells.

use crate::support::program::Sandbox;

/// A file of faults for a 9x9 core of the default device.
fn file(faults: &str) -> String {
    format!("core = \"9x9\"\ndevice = \"elight\"\ndevice_crc = 2055319189\n{faults}")
}

fn fault(row: u32, col: u32, rest: &str) -> String {
    format!("[[fault]]\nrow = {row}\ncol = {col}\n{rest}\n")
}

const FAULTS: [(u32, u32, &str); 5] = [
    (0, 0, "kind = \"dead\""),
    (0, 4, "side = \"plus\"\nkind = \"stuck\"\nlevel = 0"),
    (3, 8, "side = \"minus\"\nkind = \"stuck\"\nlevel = 5"),
    (3, 2, "side = \"plus\"\nkind = \"stuck\"\nlevel = 1"),
    (7, 7, "side = \"minus\"\nkind = \"weak\""),
];

fn sandbox() -> Sandbox {
    let faults: String = FAULTS.iter().map(|(row, col, rest)| fault(*row, *col, rest)).collect();
    Sandbox::with_network().file("faults.toml", file(&faults))
}

#[test]
fn weights_stay_exact() {
    let sandbox = sandbox();
    let intact = sandbox.report(&["-o", "intact.elight"]);
    let report = sandbox.report(&["--faults", "faults.toml"]);
    assert_eq!(report["verified"]["writes_match"], true);
    assert_eq!(report["verified"]["outputs_match"], true);
    let faults = &report["faults"];
    assert_eq!((&faults["cells"], &faults["weak"], &faults["affected_weights"]), (&4.into(), &1.into(), &0.into()));
    assert_eq!(faults["files"], serde_json::json!(["faults.toml"]));
    assert_eq!(faults["intact_steps"], intact["steps"]);
    assert_eq!(faults["intact_writes"], intact["orders"]["optimal"]["per_inference"]["writes"]);
    assert!(report["steps"].as_u64() > intact["steps"].as_u64());
    let check = ["check", "net.elight", "net.safetensors", "--faults", "faults.toml"];
    sandbox.run(check).success();
    // A plan that knows nothing of the faults asks for what cells cannot hold.
    sandbox.run(["check", "intact.elight", "net.safetensors", "--faults", "faults.toml"]).fails(1, &["by its faults"]);
}

#[test]
fn fixed_lanes_take_the_nearest_level() {
    let sandbox = sandbox();
    for order in ["optimal", "natural", "sorted"] {
        let report = sandbox.report(&["--reach", "lane", "--order", order, "--faults", "faults.toml"]);
        assert_eq!(report["verified"]["outputs_match"], true);
        assert_eq!(report["verified"]["writes_match"], true);
        let faults = &report["faults"];
        assert!(faults["affected_weights"].as_u64() > Some(0));
        assert!(faults["added_error"].as_f64().is_some_and(|error| error > 0.0 && error < 0.5));
        sandbox.run(["check", "net.elight", "net.safetensors", "--faults", "faults.toml"]).success();
        sandbox.run(["check", "net.elight", "net.safetensors"]).fails(1, &["output row"]);
    }
    sandbox.plan(&["--order", "natural", "--faults", "faults.toml"]).fails(1, &["--reach lane"]);
}

#[test]
fn shared_inputs_go_around_faults() {
    let sandbox = sandbox();
    let check = ["check", "net.elight", "net.safetensors", "--faults", "faults.toml"];
    for fanout in ["3", "column"] {
        // With reach `row` every column finds a lane that holds it: two lanes are whole.
        let intact = sandbox.report(&["--fanout", fanout]);
        let report = sandbox.report(&["--fanout", fanout, "--faults", "faults.toml"]);
        assert_eq!(report["verified"]["writes_match"], true);
        assert_eq!(report["verified"]["outputs_match"], true);
        let faults = &report["faults"];
        assert_eq!((&faults["affected_weights"], &faults["added_error"]), (&0.into(), &0.0.into()));
        assert_eq!(faults["intact_steps"], intact["steps"]);
        assert!(report["steps"].as_u64() > intact["steps"].as_u64(), "{fanout}");
        assert!(
            report["lower_bound_writes"].as_u64() <= report["orders"]["optimal"]["per_inference"]["writes"].as_u64()
        );
        sandbox.run(check).success();
        // In its own lane a column is changed as little as can be, or dark.
        for order in ["optimal", "natural"] {
            let flags = ["--fanout", fanout, "--reach", "lane", "--order", order];
            let report = sandbox.report(&[&flags[..], &["--faults", "faults.toml"]].concat());
            assert_eq!(report["verified"]["writes_match"], true);
            assert_eq!(report["verified"]["outputs_match"], true);
            assert!(report["faults"]["affected_weights"].as_u64() > Some(0));
            assert_eq!(report["steps"], intact["steps"]);
            sandbox.run(check).success();
            sandbox.run(["check", "net.elight", "net.safetensors"]).fails(1, &["output row"]);
            sandbox.report(&flags);
            sandbox.run(check).fails(1, &["net.elight"]);
        }
    }
    sandbox.plan(&["--fanout", "3", "--order", "natural", "--faults", "faults.toml"]).fails(1, &["--reach lane"]);
}

#[test]
fn columns_that_no_lane_holds_change_least() {
    // Every lane of the middle row group has a faulty cell; the last row group is dead.
    let mut faults: String =
        (0..9).map(|col| fault(3 + col % 3, col, "side = \"plus\"\nkind = \"stuck\"\nlevel = 2")).collect();
    faults.extend((0..9).map(|col| fault(8, col, "kind = \"dead\"")));
    faults += &fault(0, 3, "kind = \"weak\"");
    let sandbox = Sandbox::with_network().file("faults.toml", file(&faults));
    let errors = ["row", "lane"].map(|reach| {
        let report = sandbox.report(&["--fanout", "3", "--reach", reach, "--faults", "faults.toml"]);
        assert_eq!(report["verified"]["writes_match"], true, "{reach}");
        assert_eq!(report["verified"]["outputs_match"], true, "{reach}");
        sandbox.run(["check", "net.elight", "net.safetensors", "--faults", "faults.toml"]).success();
        report["faults"]["added_error"].as_f64().unwrap()
    });
    assert!(0.0 < errors[0] && errors[0] < errors[1] && errors[1] < 1.0, "{errors:?}");
    // A plan for another core's faults is found out.
    let others = file(&faults.replace("level = 2", "level = 9"));
    std::fs::write(sandbox.path("others.toml"), others).unwrap();
    sandbox.run(["check", "net.elight", "net.safetensors", "--faults", "others.toml"]).fails(1, &["cell"]);
}

#[test]
fn shared_inputs_of_several_cores_go_around_faults() {
    let sandbox = sandbox().file("none.toml", file(""));
    for reach in ["lane", "row"] {
        let flags =
            ["--cores", "2", "--fanout", "3", "--reach", reach, "--faults", "faults.toml", "--faults", "none.toml"];
        let report = sandbox.report(&flags);
        assert_eq!(report["verified"]["writes_match"], true, "{reach}");
        assert_eq!(report["verified"]["outputs_match"], true, "{reach}");
        let check = ["check", "net.core0.elight", "net.core1.elight", "net.safetensors"];
        sandbox.run([&check[..], &["--faults", "faults.toml", "--faults", "none.toml"]].concat()).success();
        // The whole core is not held up by the other.
        let steps = |core: usize| report["cores"][core]["steps"].as_u64().unwrap();
        assert_eq!(steps(0) > steps(1), reach == "row");
        assert!(steps(0).max(steps(1)) <= report["steps"].as_u64().unwrap());
    }
}

#[test]
fn each_core_has_its_own() {
    let sandbox = sandbox().file("none.toml", file(""));
    let report = sandbox.report(&["--cores", "2", "--faults", "faults.toml", "--faults", "none.toml"]);
    assert_eq!(report["verified"]["outputs_match"], true);
    let check = ["check", "net.core0.elight", "net.core1.elight", "net.safetensors"];
    sandbox.run([&check[..], &["--faults", "faults.toml", "--faults", "none.toml"]].concat()).success();
    sandbox.plan(&["--cores", "2", "--faults", "faults.toml"]).fails(1, &["once for each of the 2 cores"]);
    sandbox
        .plan(&["--cores", "2", "--from", "net.elight", "--faults", "faults.toml", "--faults", "none.toml"])
        .success();
}

#[test]
fn bad_files_are_named() {
    let sandbox = Sandbox::with_network();
    let refuse = |text: &str, parts: &[&str]| {
        std::fs::write(sandbox.path("bad.toml"), text).unwrap();
        sandbox.plan(&["--faults", "bad.toml"]).fails(1, &[&["bad.toml"], parts].concat());
        assert!(!sandbox.path("net.elight").exists());
    };
    refuse("core = 9", &["core"]);
    refuse("hello", &["expected"]);
    refuse(&file("colour = 3"), &["unknown field `colour`"]);
    refuse(&file(&fault(1, 1, "kind = \"dead\"\ncolour = 3")), &["unknown field `colour`"]);
    refuse(&file("").replace("9x9", "9x8"), &["core 9x8", "core 9x9"]);
    refuse(&file("").replace("2055319189", "7"), &["device `elight` (CRC 7)", "CRC 2055319189"]);
    refuse(&file(&fault(9, 1, "kind = \"dead\"")), &["fault 1", "no cell (9, 1)", "rows 0 to 8"]);
    refuse(&file(&fault(1, 1, "kind = \"stuck\"")), &["fault 1", "needs its `level`"]);
    refuse(&file(&fault(1, 1, "kind = \"stuck\"\nlevel = 16")), &["fault 1", "levels 0 to 15"]);
    refuse(&file(&fault(1, 1, "kind = \"weak\"\nlevel = 1")), &["fault 1", "stuck"]);
    refuse(&file(&fault(1, 1, "kind = \"broken\"")), &["broken"]);
    let twice = fault(1, 1, "kind = \"dead\"") + &fault(1, 1, "side = \"minus\"\nkind = \"weak\"");
    refuse(&file(&twice), &["fault 2", "minus cell of (1, 1) was named before"]);
    refuse(&file("[wear]\nplus = [[1]]\nminus = []"), &["wear.plus has 1 numbers in row 0", "9 numbers"]);
    let all: String = (0..81).map(|cell| fault(cell / 9, cell % 9, "kind = \"dead\"")).collect();
    refuse(&file(&all), &["no core row", "stem.weight"]);
    sandbox.plan(&["--faults", "gone.toml"]).fails(1, &["cannot read gone.toml"]);
}

/// A file that names no faulty cell is news of an intact core: nothing changes, and nothing is refused that goes without it.
#[test]
fn an_empty_file_changes_nothing() {
    let sandbox = Sandbox::with_network().file("none.toml", file(""));
    let sets: [&[&str]; 6] = [
        &[],
        &["--reach", "lane"],
        &["--fanout", "column"],
        &["--extra-steps", "20"],
        &["--order", "sorted"],
        &["--objective", "latency"],
    ];
    for options in sets {
        let without = sandbox.report(&[options, &["-o", "without.elight"]].concat());
        let with = sandbox.report(&[options, &["-o", "with.elight", "--faults", "none.toml"]].concat());
        assert!(sandbox.read("with.elight") == sandbox.read("without.elight"), "{options:?}");
        assert_eq!(with["orders"], without["orders"]);
        assert_eq!(with["faults"], serde_json::Value::Null);
        sandbox.run(["check", "with.elight", "net.safetensors", "--faults", "none.toml"]).success();
    }
    let printed = sandbox.plan(&["--faults", "none.toml"]).stdout;
    assert!(printed.contains("none.toml: no faulty cell"), "{printed}");
    // One core of two with faults is a damaged pair.
    let sandbox = sandbox.file("some.toml", file(&fault(3, 4, "kind = \"dead\"")));
    let two = |second: &str| {
        let files = ["--cores", "2", "--faults", "none.toml", "--faults", second];
        sandbox.plan(&files).success();
        (sandbox.read("net.core0.elight"), sandbox.read("net.core1.elight"))
    };
    let intact = two("none.toml");
    sandbox.plan(&["--cores", "2"]).success();
    assert!(intact == (sandbox.read("net.core0.elight"), sandbox.read("net.core1.elight")));
    assert!(intact != two("some.toml"));
}
