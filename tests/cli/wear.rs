//! `--wear` and `--rotate`: plans for a long life.

use serde_json::Value;

use crate::support::program::Sandbox;
use crate::support::weights::Weights;

const DEVICE: [&str; 2] = ["--device", "gst-optical"];

/// What is added to each PCM cell's wear before a plan is made: everything else is 0.
fn wear_file(crc: u64, worn: &[(usize, usize, u64)]) -> String {
    let mut table = vec![vec![0; 9]; 9];
    for &(row, col, wear) in worn {
        table[row][col] = wear;
    }
    format!(
        "core = \"9x9\"\ndevice = \"gst-optical\"\ndevice_crc = {crc}\n[wear]\nplus = {table:?}\nminus = {table:?}\n"
    )
}

/// The CRC that a plan says it expects.
fn crc(sandbox: &Sandbox) -> u64 {
    std::fs::write(sandbox.path("probe.toml"), wear_file(1, &[])).unwrap();
    let run = sandbox.run([&["net.safetensors", "--core", "9x9", "--wear", "probe.toml"][..], &DEVICE].concat());
    let (_, expected) = run.stderr.rsplit_once("CRC ").unwrap();
    expected.trim_end().trim_end_matches(')').parse().unwrap()
}

fn plan(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox.report(&[&DEVICE[..], args].concat())
}

#[test]
fn a_rotation_evens_out_the_wear() {
    let sandbox = Sandbox::with_network();
    let alone = plan(&sandbox, &["-o", "alone.elight"]);
    let mut least = f64::INFINITY;
    for count in ["2", "9"] {
        let report = plan(&sandbox, &["--rotate", count, "--rotate-every", "50"]);
        let rotation = &report["rotation"];
        let schedules: Vec<String> = serde_json::from_value(rotation["schedules"].clone()).unwrap();
        assert_eq!(schedules.len().to_string(), count);
        // Every plan was replayed where the one before it has left the core.
        assert_eq!(report["verified"]["inferences"], 2 * schedules.len());
        assert_eq!(report["verified"]["writes_match"], true);
        assert_eq!(report["verified"]["outputs_match"], true);
        assert_eq!(
            rotation["fixed_max_cell_wear"].as_f64(),
            alone["orders"]["optimal"]["per_inference"]["max_cell_wear"].as_f64()
        );
        let worst = rotation["max_cell_wear"].as_f64().unwrap();
        assert!(worst < rotation["fixed_max_cell_wear"].as_f64().unwrap() && worst < least, "{rotation}");
        least = worst;
        assert!(rotation["lifetime_inferences"].as_f64() > rotation["fixed_lifetime_inferences"].as_f64());
        // Counted again by the checker: the whole cycle, cell by cell, with what it takes to change turns.
        let mut borne = vec![[0u64; 2]; 81];
        for (i, schedule) in schedules.iter().enumerate() {
            let before = &schedules[(i + schedules.len() - 1) % schedules.len()];
            let check = ["check", schedule, "net.safetensors", "--json", "--from", before];
            let found = sandbox.run([&check[..], &DEVICE].concat()).json();
            assert_eq!(found["first_load"]["writes"], rotation["first_writes"][i]);
            let wear = |key: &str| serde_json::from_value::<Vec<[u64; 2]>>(found[key].clone()).unwrap();
            for (cell, (first, later)) in wear("first_load_wear").iter().zip(wear("per_inference_wear")).enumerate() {
                for side in 0..2 {
                    borne[cell][side] += first[side] + 49 * later[side];
                }
            }
        }
        let most = *borne.iter().flatten().max().unwrap() as f64 / (50 * schedules.len()) as f64;
        assert!((most - worst).abs() < 1e-9, "{most} counted, {worst} reported");
    }
}

#[test]
fn every_kind_of_plan_is_rotated() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&[&DEVICE[..], &["-o", "old.elight"]].concat()).success();
    let own: [&[&str]; 6] = [
        &["--extra-steps", "20"],
        &["--fanout", "3"],
        &["--fanout", "column"],
        &["--fanout", "column", "--reach", "lane"],
        &["--objective", "latency"],
        &["--from", "old.elight"],
    ];
    for flags in own {
        let report = plan(&sandbox, &[flags, &["--rotate", "2"]].concat());
        let verified = (&report["verified"]["writes_match"], &report["verified"]["outputs_match"]);
        assert_eq!(verified, (&true.into(), &true.into()), "{flags:?}");
        for file in ["net.rot0.elight", "net.rot1.elight"] {
            sandbox.run([&["check", file, "net.safetensors"][..], &DEVICE].concat()).success();
        }
    }
}

#[test]
fn lanes_stay_where_they_have_to() {
    let sandbox = Sandbox::with_network();
    let report = plan(&sandbox, &["--rotate", "3", "--reach", "lane"]);
    assert_eq!(report["verified"]["outputs_match"], true);
    let report = plan(&sandbox, &["--rotate", "2", "--cores", "2"]);
    assert_eq!(report["verified"]["writes_match"], true);
    for name in ["net.rot0.core0.elight", "net.rot0.core1.elight", "net.rot1.core0.elight", "net.rot1.core1.elight"] {
        assert!(sandbox.path(name).exists(), "{name}");
    }
}

#[test]
fn worn_cells_are_spared_and_retired() {
    let sandbox = Sandbox::with_network();
    let (crc, alone) = (crc(&sandbox), plan(&sandbox, &["-o", "alone.elight"]));
    let endurance = alone["endurance_writes"].as_f64().unwrap();
    let found = sandbox.run([&["check", "alone.elight", "net.safetensors", "--json"][..], &DEVICE].concat()).json();
    let wear: Vec<[u64; 2]> = serde_json::from_value(found["per_inference_wear"].clone()).unwrap();
    let worst = wear.iter().position(|w| w.iter().max() == wear.iter().flatten().max()).unwrap();
    // The cell that this plan wears most has borne half of what it can: another one takes its part.
    let half = wear_file(crc, &[(worst / 9, worst % 9, (endurance / 2.0) as u64)]);
    std::fs::write(sandbox.path("half.toml"), half).unwrap();
    let spared = plan(&sandbox, &["--wear", "half.toml"]);
    assert_eq!(spared["verified"]["writes_match"], true);
    assert_eq!(spared["wear"]["worn_out"], 0);
    let blind = (endurance / 2.0) / *wear[worst].iter().max().unwrap() as f64;
    assert!(spared["wear"]["lifetime_inferences"].as_f64().unwrap() > 1.5 * blind);
    assert_eq!(
        spared["orders"]["optimal"]["per_inference"]["writes"],
        alone["orders"]["optimal"]["per_inference"]["writes"]
    );
    // Nearly worn out: a fault.
    let out = wear_file(crc, &[(worst / 9, worst % 9, (endurance * 0.96) as u64)]);
    std::fs::write(sandbox.path("out.toml"), out).unwrap();
    let retired = plan(&sandbox, &["--wear", "out.toml"]);
    assert_eq!(retired["wear"]["worn_out"], 1);
    assert_eq!(retired["faults"]["cells"], 1);
    assert_eq!(retired["verified"]["outputs_match"], true);
    let found = sandbox.run([&["check", "net.elight", "net.safetensors", "--json"][..], &DEVICE].concat()).json();
    assert_eq!(found["per_inference_wear"][worst], serde_json::json!([0, 0]));
    let check = ["check", "net.elight", "net.safetensors", "--wear", "out.toml"];
    for flags in [&["--reach", "lane"][..], &["--reach", "lane", "--fanout", "3"], &["--fanout", "column"]] {
        let retired = plan(&sandbox, &[flags, &["--wear", "out.toml"]].concat());
        assert_eq!((&retired["wear"]["worn_out"], &retired["verified"]["writes_match"]), (&1.into(), &true.into()));
        sandbox.run([&check[..], &DEVICE].concat()).success();
    }
    // A plan that knows nothing of worn cells is found out.
    let check = ["check", "alone.elight", "net.safetensors", "--wear", "out.toml"];
    sandbox.run([&check[..], &DEVICE].concat()).fails(1, &["dead by its faults"]);
    sandbox
        .run(["check", "alone.elight", "net.safetensors", "--wear", "out.toml", "--faults", "out.toml"])
        .fails(2, &["--faults"]);
    sandbox.plan(&[&DEVICE[..], &["--wear", "out.toml", "--rotate", "2"]].concat()).fails(1, &["--rotate", "worn-out"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let sandbox =
        Sandbox::with_network().file("bare.toml", "core = \"9x9\"\ndevice = \"elight\"\ndevice_crc = 2055319189\n");
    sandbox.plan(&["--wear", "bare.toml"]).fails(1, &["--wear needs the device's endurance", "`elight`"]);
    let bare = "core = \"9x9\"\ndevice = \"gst-optical\"\ndevice_crc = ".to_owned() + &crc(&sandbox).to_string();
    std::fs::write(sandbox.path("bare.toml"), bare).unwrap();
    sandbox.plan(&[&DEVICE[..], &["--wear", "bare.toml"]].concat()).fails(1, &["bare.toml", "[wear]"]);
    sandbox.plan(&["--wear", "a.toml", "--faults", "b.toml"]).fails(2, &["--faults"]);
    sandbox.plan(&["--rotate", "2", "--order", "sorted"]).fails(1, &["--rotate", "--order optimal"]);
    sandbox.plan(&["--rotate", "0"]).fails(2, &["--rotate"]);
}

#[test]
fn one_of_something_is_told_in_the_singular() {
    let sandbox = Sandbox::with(&Weights::new().random("a.weight", &[9, 9], 1));
    let seen = [
        &["net.safetensors", "--core", "9x9", "--rotate", "2", "--rotate-every", "1"][..],
        &["inspect", "net.rot0.elight", "--frames"],
        &["check", "net.rot0.elight", "net.safetensors"],
        &["net.safetensors", "--core", "9x9", "--cores", "2", "--faults", "x.toml"],
    ];
    insta::assert_snapshot!("singular", seen.map(|args| sandbox.shown(Some(80), args)).join("\n"));
}

/// Files that the output names are there, whatever there are several of.
#[test]
fn schedules_that_are_named_were_written() {
    let sandbox = Sandbox::with_network();
    for (flags, files) in
        [(&[][..], 1), (&["--rotate", "3"], 3), (&["--cores", "2"], 2), (&["--rotate", "2", "--cores", "2"], 4)]
    {
        let before = sandbox.files();
        let printed = sandbox.plan(&[&["--endurance", "1e6", "--no-compare"][..], flags].concat()).success();
        let named: Vec<&str> = printed
            .split(|c: char| c.is_whitespace() || ":,".contains(c))
            .filter(|word| word.ends_with(".elight"))
            .collect();
        assert!(!named.is_empty(), "{printed}");
        for name in named {
            assert!(sandbox.path(name).exists(), "{flags:?}: {name} is not there:\n{printed}");
        }
        let report = sandbox.report(&[&["--no-compare"][..], flags].concat());
        let path = report["schedule"]["path"].as_str().unwrap();
        assert!(sandbox.path(path).exists() || flags.contains(&"--cores"), "{path}");
        let made = sandbox.files().into_iter().filter(|file| !before.contains(file)).collect::<Vec<_>>();
        assert_eq!(made.len(), files, "{made:?}");
        made.iter().for_each(|file| std::fs::remove_file(sandbox.path(file)).unwrap());
    }
}

/// No turn is longer than the core lives, unless it is asked for: then that is said.
#[test]
fn turns_end_before_the_core_does() {
    let sandbox = Sandbox::with_network();
    for endurance in ["300", "5000", "1e5"] {
        let flags = ["--endurance", endurance, "--rotate", "4", "--no-compare"];
        let rotation = &sandbox.report(&flags)["rotation"];
        let [every, life, alone] = ["every", "lifetime_inferences", "fixed_lifetime_inferences"]
            .map(|key| rotation[key].as_f64().unwrap_or_else(|| panic!("{key}: {rotation}")));
        assert!(every == 1.0 || every < alone, "{rotation}");
        // Of the turns that come into question it is a good one.
        for turn in ["1", "7"] {
            let other = sandbox.report(&[&flags[..], &["--rotate-every", turn]].concat());
            let lives = other["rotation"]["lifetime_inferences"].as_f64().unwrap();
            assert!(turn == "7" || lives <= life, "{endurance}: {lives} with {turn}, {life} with {every}");
        }
        let printed = sandbox.plan(&[&flags[..], &["--rotate-every", "1000000"]].concat()).success();
        assert!(printed.contains("wears out in turn 1 of 4"), "{printed}");
    }
    // Nothing is advised that takes longer than the core lives.
    let printed = sandbox.plan(&["--endurance", "2000", "--no-compare"]).success();
    assert!(!printed.contains("--rotate"), "{printed}");
}
