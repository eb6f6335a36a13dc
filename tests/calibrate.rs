//! `elight-plan --calibrate`: scales of least error, chosen from the weights alone.

use std::process::{Command, Output};

use tempfile::TempDir;

fn plan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elight-plan")).current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap()
}

/// Limits of least error need no data: a smaller error, a schedule that replays, and a check that finds the same limits by itself; without the flag
/// the check refuses the schedule's scales.
#[test]
fn a_calibrated_plan_has_less_error_and_is_checked() {
    let dir = TempDir::new().unwrap();
    let schedule = dir.path().join("s.elight");
    let schedule = schedule.to_str().unwrap();
    let weights = "fixtures/mnist-cnn.safetensors";
    for scale in ["row", "layer"] {
        let quantize = ["--bits", "3", "--scale", scale];
        let error = |more: &[&str]| {
            let args = [&[weights, "--core", "64x64", "-o", schedule, "--json"], &quantize[..], more].concat();
            let run = plan(&args);
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
            let layers = report["layers"].as_array().unwrap();
            layers.iter().map(|l| l["relative_error"].as_f64().unwrap()).collect::<Vec<_>>()
        };
        let plain = error(&[]);
        let calibrated = error(&["--calibrate"]);
        assert!(calibrated.iter().zip(&plain).all(|(c, p)| c <= p), "{calibrated:?} {plain:?}");
        assert!(calibrated.iter().sum::<f64>() < 0.95 * plain.iter().sum::<f64>(), "{calibrated:?} {plain:?}");
        let check = |more: &[&str]| plan(&[&["check", schedule, weights], &quantize[..], more].concat());
        let run = check(&["--calibrate"]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let run = check(&[]);
        assert!(!run.status.success() && String::from_utf8_lossy(&run.stderr).contains("scale"));
    }
}
