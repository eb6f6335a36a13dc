//! What each flag does.

use serde_json::Value;

use crate::support::program::{Sandbox, network};
use crate::support::weights::{Weights, random};

fn writes(report: &Value, order: &str) -> u64 {
    report["orders"][order]["per_inference"]["writes"].as_u64().unwrap()
}

fn verified(report: &Value) {
    assert_eq!(report["verified"]["writes_match"], true);
    assert_eq!(report["verified"]["outputs_match"], true);
}

fn layer_names(report: &Value) -> Vec<&str> {
    report["layers"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect()
}

#[test]
fn core_sizes_need_not_be_square() {
    let sandbox = Sandbox::with_network();
    for core in ["1x1", "1x7", "8x1", "5x13", "64x64", "3X4", "1024x1024"] {
        let report = sandbox.report(&["--core", core]);
        assert_eq!(report["core"].as_str().unwrap(), core.to_lowercase());
        verified(&report);
    }
}

#[test]
fn output_goes_where_it_is_told() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&[]).success();
    sandbox.plan(&["-o", "here.bin"]).success();
    std::fs::create_dir(sandbox.path("sub")).unwrap();
    let absolute = sandbox.path("sub/there.elight");
    sandbox.plan(&["--output", absolute.to_str().unwrap()]).success();
    assert_eq!(sandbox.files(), ["here.bin", "net.elight", "net.safetensors", "sub"]);
    let schedule = sandbox.read("net.elight");
    assert_eq!(&schedule[..6], b"elight");
    assert!(schedule == sandbox.read("here.bin") && schedule == sandbox.read("sub/there.elight"));
}

#[test]
fn bytes_are_the_same_for_any_threads_and_from_run_to_run() {
    let weights = network().random("big.weight", &[300, 500], 6).random("bigger.weight", &[700, 300], 7);
    let sandbox = Sandbox::with(&weights);
    for flags in [&[][..], &["--reach", "lane"], &["--scale", "layer"]] {
        let mut reports = Vec::new();
        let mut schedules = Vec::new();
        for threads in ["1", "2", "2", "5"] {
            let mut report = sandbox.report(&[flags, &["--threads", threads]].concat());
            report["seconds"].take();
            reports.push(report);
            schedules.push(sandbox.read("net.elight"));
        }
        assert!(schedules.windows(2).all(|pair| pair[0] == pair[1]), "{flags:?}: schedules differ");
        assert!(reports.windows(2).all(|pair| pair[0] == pair[1]), "{flags:?}: reports differ");
    }
}

#[test]
fn orders_go_into_the_schedule() {
    let sandbox = Sandbox::with_network();
    let mut schedules = Vec::new();
    for order in ["natural", "sorted", "optimal"] {
        for reach in ["lane", "row"] {
            let report = sandbox.report(&["--order", order, "--reach", reach]);
            assert_eq!((report["order"].as_str(), report["reach"].as_str()), (Some(order), Some(reach)));
            verified(&report);
            schedules.push(sandbox.read("net.elight"));
        }
    }
    // Natural and sorted orders keep every lane, whatever the reach.
    assert!(schedules[0] == schedules[1] && schedules[2] == schedules[3]);
    assert!(schedules[0] != schedules[2] && schedules[2] != schedules[4] && schedules[4] != schedules[5]);
}

#[test]
fn free_rows_need_fewer_writes_than_stored_ones() {
    let sandbox = Sandbox::with_network();
    let [stored, any] = ["stored", "any"].map(|rows| {
        let report = sandbox.report(&["--reach", "lane", "--rows", rows]);
        assert_eq!(report["rows"].as_str(), Some(rows));
        verified(&report);
        assert!(report["lower_bound_writes"].as_u64().unwrap() <= writes(&report, "optimal"));
        writes(&report, "optimal")
    });
    assert!(any < stored, "{any} writes with rows anywhere, {stored} in their places");
}

#[test]
fn reach_row_needs_fewer_writes_than_lane() {
    let sandbox = Sandbox::with_network();
    let (lane, row) = (sandbox.report(&["--reach", "lane"]), sandbox.report(&["--reach", "row"]));
    assert!(writes(&row, "optimal") < writes(&lane, "optimal"));
    assert!(writes(&lane, "optimal") < writes(&lane, "sorted"));
    assert_eq!(writes(&row, "sorted"), writes(&lane, "sorted"));
}

#[test]
fn bits_from_one_to_eight() {
    let sandbox = Sandbox::with_network();
    let mut errors = Vec::new();
    for bits in 1..=8 {
        let report = sandbox.report(&["--bits", &bits.to_string()]);
        assert_eq!(report["bits"], bits);
        verified(&report);
        errors.push(report["layers"][2]["relative_error"].as_f64().unwrap());
    }
    // More levels of the same ratio: more of the range near zero is told apart.
    assert!(errors[3] < errors[1] && errors[1] < errors[0], "{errors:?}");
}

#[test]
fn quantization_is_what_is_asked_for() {
    let sandbox =
        Sandbox::with(&Weights::one(&[40, 60], &random(2400, 3).iter().map(|w| 20.0 * w).collect::<Vec<_>>()));
    let mut schedules = Vec::new();
    for reparam in ["none", "tanh"] {
        for scale in ["row", "layer"] {
            let report = sandbox.report(&["--reparam", reparam, "--scale", scale]);
            assert_eq!((report["reparam"].as_str(), report["scale"].as_str()), (Some(reparam), Some(scale)));
            verified(&report);
            schedules.push(sandbox.read("net.elight"));
        }
    }
    for (i, a) in schedules.iter().enumerate() {
        assert!(schedules[..i].iter().all(|b| a != b), "schedule {i} is not another's");
    }
}

#[test]
fn include_and_exclude_choose_layers() {
    let sandbox = Sandbox::with_network();
    assert_eq!(layer_names(&sandbox.report(&["--include", "fc*"])), ["fc1.weight", "fc2.weight"]);
    let both = ["--include", "fc*", "--include", "stem.weight", "--exclude", "*1*"];
    assert_eq!(layer_names(&sandbox.report(&both)), ["stem.weight", "fc2.weight"]);
    let report = sandbox.report(&["--exclude", "fc?.weight", "--exclude", "dw*"]);
    assert_eq!(layer_names(&report), ["stem.weight"]);
    assert!(report["skipped"].to_string().contains("excluded by the pattern `dw*`"));
    sandbox.plan(&["--include", "fcc*"]).fails(1, &["`fcc*` matches no tensor", "stem.weight"]);
    sandbox.plan(&["--include", "fc[1"]).fails(1, &["bad pattern `fc[1`"]);
    sandbox.plan(&["--exclude", "*"]).fails(1, &["no layer to plan", "excluded by the pattern `*`"]);
}

#[test]
fn layouts_read_tensors_differently() {
    let sandbox = Sandbox::with(&Weights::new().random("w", &[2, 3, 4, 4], 1));
    let shape =
        |report: &Value| [&report["layers"][0]["rows"], &report["layers"][0]["cols"]].map(|n| n.as_u64().unwrap());
    assert_eq!(shape(&sandbox.report(&[])), [2, 48]);
    assert_eq!(shape(&sandbox.report(&["--layout", "auto"])), [2, 48]);
    assert_eq!(shape(&sandbox.report(&["--layout", "matrix"])), [2, 48]);
    let blocks = sandbox.report(&["--layout", "blocks"]);
    assert_eq!(shape(&blocks), [8, 12]);
    verified(&blocks);
    verified(&sandbox.report(&["--layout", "blocks", "--core", "4x4"]));
    sandbox
        .plan(&["--layout", "blocks", "--core", "9x3"])
        .fails(1, &["tensor `w`", "4x4 blocks", "9x3", "at least 4x4"]);
    let linear = Sandbox::with(&Weights::one(&[4, 4], &[1.0; 16]));
    linear.plan(&["--layout", "blocks"]).fails(1, &["no layer to plan with layout `blocks`", "[P, Q, k, k]"]);
}

#[test]
fn no_verify_writes_the_same_and_says_so() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&[]).success();
    let schedule = sandbox.read("net.elight");
    sandbox.plan(&["--no-verify"]).success();
    assert_eq!(sandbox.report(&["--no-verify"])["verified"], Value::Null);
    assert!(schedule == sandbox.read("net.elight"));
}

#[test]
fn seeds_only_move_the_search() {
    let sandbox = Sandbox::with_network();
    let (one, two) = (sandbox.report(&["--seed", "1"]), sandbox.report(&["--seed", "2"]));
    assert_eq!(writes(&one, "sorted"), writes(&two, "sorted"));
    assert_eq!(one["lower_bound_writes"], two["lower_bound_writes"]);
    verified(&two);
}

#[test]
fn help_completions_and_man_page() {
    let sandbox = Sandbox::empty();
    let help = sandbox.run(["--help"]).success();
    for flag in [
        "--core",
        "--output",
        "--device",
        "--bits",
        "--reparam",
        "--scale",
        "--reach",
        "--order",
        "--layout",
        "--include",
        "--exclude",
        "--threads",
        "--seed",
        "--json",
        "--no-verify",
        "--quiet",
        "--verbose",
        "--completions",
        "--man",
    ] {
        assert!(help.contains(flag), "{flag} is not in the help");
    }
    assert_eq!(
        sandbox.run(["--version"]).success(),
        format!("elight-plan {} (schedule format {})\n", env!("CARGO_PKG_VERSION"), firmware_model::wire::MAGIC[7])
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = sandbox.run(["--completions", shell]).success();
        assert!(text.contains("elight-plan") && text.contains("no-verify"), "{shell}");
    }
    let man = sandbox.run(["--man"]).success();
    assert!(man.contains(".TH elight-plan") && man.contains("no\\-verify"));
}

#[test]
fn wrong_arguments_are_named() {
    let sandbox = Sandbox::with_network();
    for core in [
        "0x0", "0x9", "9x0", "99999x9", "1025x9", "9x1025", "abc", "9", "9x", "x9", "-9x9", "9x9x9", "9.5x9", "",
        " 9x9",
    ] {
        let text = format!("core `{core}`: expected ROWSxCOLUMNS, each 1 to 1024, as in --core 9x9");
        sandbox.run(["net.safetensors", &format!("--core={core}")]).fails(2, &[&text]);
    }
    for bits in ["0", "9", "255", "256", "-1", "4.5", "four"] {
        sandbox.plan(&[&format!("--bits={bits}")]).fails(2, &["--bits"]);
    }
    sandbox.plan(&["--reach", "column"]).fails(2, &["--reach", "lane, row"]);
    sandbox.plan(&["--order", "finest"]).fails(2, &["--order", "natural, sorted, best"]);
    sandbox.plan(&["--scale", "tensor"]).fails(2, &["--scale", "row, layer"]);
    sandbox.plan(&["--reparam", "sin"]).fails(2, &["--reparam", "none, tanh"]);
    sandbox.plan(&["--layout", "rows"]).fails(2, &["--layout", "auto, matrix, blocks"]);
    sandbox.plan(&["--threads", "0"]).fails(2, &["--threads", "1..="]);
    sandbox.plan(&["--rate", "-1"]).fails(2, &["--rate", "a number above 0"]);
    sandbox.plan(&["--threads", "many"]).fails(2, &["--threads"]);
    sandbox.plan(&["-q", "-v"]).fails(2, &["--quiet", "--verbose"]);
    sandbox.plan(&["--frobnicate"]).fails(2, &["--frobnicate"]);
    sandbox.run(["net.safetensors"]).fails(1, &["--core RxC is needed, as in --core 9x9"]);
    sandbox.run(["--core", "9x9"]).fails(2, &["<WEIGHTS>"]);
    assert_eq!(sandbox.files(), ["net.safetensors"]);
}

#[test]
fn a_trained_file_brings_its_quantization() {
    let trained = network()
        .metadata("elight.bits", "3")
        .metadata("elight.reparam", "tanh")
        .metadata("elight.scale", "layer")
        .metadata("elight.device", "gst-optical");
    let sandbox = Sandbox::with(&trained);
    let report = sandbox.report(&[]);
    assert_eq!(report["bits"], 3);
    assert_eq!((report["reparam"].as_str(), report["scale"].as_str()), (Some("tanh"), Some("layer")));
    assert_eq!(report["device"], "gst-optical");
    verified(&report);
    // Flags that say the same are welcome.
    let same = ["--bits", "3", "--reparam", "tanh", "--scale", "layer", "--device", "gst-optical"];
    sandbox.plan(&same).success();
    let schedule = sandbox.read("net.elight");
    for (flag, value, key, file) in [
        ("--bits", "4", "elight.bits", "3"),
        ("--reparam", "none", "elight.reparam", "tanh"),
        ("--scale", "row", "elight.scale", "layer"),
    ] {
        let text = format!("was trained with {key} = {file}, but the command line asks for {value}");
        sandbox.plan(&[flag, value]).fails(1, &["net.safetensors", &text, "leave the flag out"]);
    }
    assert!(schedule == sandbox.read("net.elight"), "an error leaves the old schedule alone");
}

#[test]
fn metadata_that_makes_no_sense_is_named() {
    for (key, value, expected) in [
        ("elight.bits", "many", "net.safetensors: metadata elight.bits = `many`: expected 1 to 8"),
        ("elight.bits", "12", "metadata elight.bits = `12`: expected 1 to 8"),
        ("elight.bits", "0", "metadata elight.bits = `0`: expected 1 to 8"),
        ("elight.reparam", "sigmoid", "metadata elight.reparam = `sigmoid`: expected `none` or `tanh`"),
        ("elight.scale", "tensor", "metadata elight.scale = `tensor`: expected `row` or `layer`"),
        (
            "elight.device",
            "warp-drive",
            "metadata elight.device = `warp-drive`: expected a preset, or the plain name of a regular file",
        ),
        ("elight.groups.fc1.weight", "7", "`7`, but must be a whole number that divides its 30 outputs"),
        ("elight.groups.fc9.weight", "2", "names no tensor"),
    ] {
        let sandbox = Sandbox::with(&network().metadata(key, value));
        sandbox.plan(&[]).fails(1, &[expected]);
        assert_eq!(sandbox.files(), ["net.safetensors"]);
    }
}

#[test]
fn a_trained_network_says_for_which_core_and_device() {
    let trained = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/digits-mlp-4bit.safetensors");
    let sandbox = Sandbox::with_network();
    let report = sandbox.run([trained, "-o", "digits.elight", "--json"]).json();
    assert_eq!((&report["core"], &report["bits"]), (&"9x9".into(), &4.into()));
    verified(&report);
    // Another core is as good; another number of bits would be another network.
    let report = sandbox.run([trained, "-o", "digits.elight", "--json", "--core", "5x7"]).json();
    assert_eq!(report["core"], "5x7");
    sandbox.run([trained, "-o", "other.elight", "--bits", "3"]).fails(1, &["elight.bits", "leave the flag out"]);
}
