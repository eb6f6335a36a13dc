//! `elight-plan weights`: the weights as the core holds them.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::support::program::Sandbox;
use crate::support::weights::{Weights, random};

/// Name, type, shape and bytes of every tensor.
fn tensors(bytes: &[u8]) -> BTreeMap<String, (String, Vec<usize>, Vec<u8>)> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        (name, (view.dtype().to_string(), view.shape().to_vec(), view.data().to_vec()))
    };
    file.tensors().into_iter().map(tensor).collect()
}

/// Matrices of several types, one of them stored the other way round, experts of one tensor, and what is no layer.
fn network() -> Weights {
    let f16 = |count, seed| -> Vec<u8> {
        random(count, seed).iter().flat_map(|w| half::f16::from_f32(*w).to_le_bytes()).collect()
    };
    let described = r#"{\"version\":1,\"layer\":[{\"name\":\"a.weight\"},{\"name\":\"turned\",\"axes\":\"in out\"},{\"name\":\"expert.0\",\"tensor\":\"experts\",\"axes\":\"pick out in\",\"pick\":[0]},{\"name\":\"expert.2\",\"tensor\":\"experts\",\"axes\":\"pick out in\",\"pick\":[2]}]}"#;
    Weights::new()
        .metadata("elight.network", described)
        .metadata("note", "kept")
        .random("a.weight", &[12, 20], 1)
        .random("a.bias", &[12], 2)
        .tensor("turned", "F16", &[12, 16], &f16(192, 3))
        .random("experts", &[3, 8, 16], 4)
}

#[test]
fn names_shapes_and_types_are_those_that_came() {
    let sandbox = Sandbox::with(&network());
    sandbox.plan(&["-q"]).success();
    let said = sandbox.run(["weights", "net.elight", "net.safetensors", "-o", "core.safetensors"]).success();
    assert!(said.contains("core.safetensors has 4 layers as the core holds them"), "{said}");
    let (before, after) = (tensors(&sandbox.read("net.safetensors")), tensors(&sandbox.read("core.safetensors")));
    let about = |all: &BTreeMap<String, (String, Vec<usize>, Vec<u8>)>| {
        all.iter().map(|(name, (dtype, shape, _))| (name.clone(), dtype.clone(), shape.clone())).collect::<Vec<_>>()
    };
    assert_eq!(about(&before), about(&after));
    assert_eq!(before["a.bias"], after["a.bias"], "what is no layer is what it was");
    assert_ne!(before["a.weight"], after["a.weight"]);
    let expert = |all: &BTreeMap<String, (String, Vec<usize>, Vec<u8>)>, at: usize| {
        all["experts"].2[at * 512..(at + 1) * 512].to_vec()
    };
    assert_eq!(expert(&before, 1), expert(&after, 1), "an expert that is not planned");
    assert_ne!(expert(&before, 2), expert(&after, 2));
    let text = String::from_utf8_lossy(&sandbox.read("core.safetensors")[8..]).into_owned();
    assert!(text.contains(r#""note":"kept""#) && text.contains(r#""elight.programmed":"net.elight""#), "{text}");
}

/// Levels are levels: planned again, the weights that the core holds give the same schedule, byte for byte.
#[test]
fn what_the_core_holds_is_planned_to_the_same_bytes() {
    let eight_bits: Vec<u8> = (0..256u32).map(|i| (i * 37 % 255) as u8).collect();
    let scales: Vec<u8> = (0..16).flat_map(|i| (0.01 * (i + 1) as f32).to_le_bytes()).collect();
    let quantized = Weights::new()
        .tensor("fc.weight", "I8", &[16, 16], &eight_bits)
        .tensor("fc.weight_scale", "F32", &[16, 1], &scales)
        .random("out.weight", &[10, 16], 9);
    for (weights, flags) in [
        (network(), &[][..]),
        (network(), &["--scale", "layer", "--bits", "3"]),
        (network(), &["--cores", "2"]),
        (quantized, &["--assume"]),
    ] {
        let sandbox = Sandbox::with(&weights);
        sandbox.plan(&[flags, &["-q"]].concat()).success();
        let cores = flags.contains(&"--cores");
        let schedules: &[&str] = if cores { &["net.core0.elight", "net.core1.elight"] } else { &["net.elight"] };
        let assume: &[&str] = if flags.contains(&"--assume") { &["--assume"] } else { &[] };
        let args = [&["weights"], schedules, &["net.safetensors", "-q", "-o", "core.safetensors"], assume].concat();
        sandbox.run(&args).success();
        let plan = ["core.safetensors", "--core", "9x9", "-q", "-o", "again.elight"];
        sandbox.run([&plan[..], flags].concat()).success();
        for schedule in schedules {
            let again = schedule.replace("net", "again");
            assert_eq!(sandbox.read(schedule), sandbox.read(&again), "{flags:?} {schedule}");
        }
    }
}

/// The length of each row is that of what the core holds.
#[test]
fn weight_normalization_holds_the_same_weights() {
    let sandbox = Sandbox::with(
        &Weights::new().random("conv.weight_g", &[6, 1, 1], 1).random("conv.weight_v", &[6, 4, 3], 2).f32(
            "conv.bias",
            &[6],
            &[0.0; 6],
        ),
    );
    sandbox.plan(&["-q", "--assume"]).success();
    let write = ["weights", "net.elight", "net.safetensors", "-q", "--assume", "-o", "core.safetensors"];
    sandbox.run(write).success();
    sandbox.run(["core.safetensors", "--core", "9x9", "-q", "--assume", "-o", "again.elight"]).success();
    let level = |text: &str| text.lines().filter(|line| line.contains("writes")).count();
    let check = sandbox.run(["check", "net.elight", "core.safetensors", "--assume"]).success();
    assert!(level(&check) > 0, "{check}");
}

#[test]
fn noise_drift_and_seeds() {
    let sandbox = Sandbox::with(&network());
    sandbox.plan(&["-q"]).success();
    let write = |more: &[&str]| {
        let args = ["weights", "net.elight", "net.safetensors", "-q", "-o", "core.safetensors"];
        sandbox.run([&args[..], more].concat()).success();
        tensors(&sandbox.read("core.safetensors"))
    };
    let noise = ["--noise", "electrical-pcm"];
    let exact = write(&[]);
    let noisy = write(&noise);
    assert_ne!(exact, noisy);
    assert_eq!(noisy, write(&[&noise[..], &["--seed", "1"]].concat()), "the first seed is 1");
    assert_ne!(noisy, write(&[&noise[..], &["--seed", "2"]].concat()));
    assert_ne!(noisy, write(&[&noise[..], &["--drift", "3600"]].concat()));
}

#[test]
fn mistakes_are_explained() {
    let sandbox = Sandbox::with(&network()).file("other.safetensors", network().bytes());
    sandbox.plan(&["-q"]).success();
    let run = |args: &[&str]| sandbox.run([&["weights"], args].concat());
    run(&["net.elight", "net.safetensors"]).fails(2, &["--output"]);
    run(&["net.safetensors", "net.elight", "-o", "x"]).fails(1, &["elight-plan weights net.elight net.safetensors"]);
    run(&["net.elight", "net.safetensors", "-o", "net.safetensors"]).fails(1, &["would overwrite the weights"]);
    run(&["net.elight", "net.safetensors", "-o", "nowhere/x"]).fails(1, &["cannot write nowhere/x"]);
    run(&["net.elight", "net.safetensors", "-o", "x", "--drift", "5"]).fails(1, &["--drift needs a noise model"]);
    run(&["net.elight", "net.safetensors", "-o", "x", "--noise", "loud"]).fails(1, &["electrical-pcm, optical-pcm"]);
    run(&["net.elight", "net.safetensors", "-o", "x", "--device", "gst-optical"])
        .fails(1, &["planned for device `elight`"]);
    run(&["net.elight", "net.safetensors", "-o", "x", "--faults", "a", "--faults", "b"]).fails(1, &["once for each"]);
    let mut changed = network().bytes();
    let end = changed.len();
    changed[end - 64..].iter_mut().for_each(|b| *b ^= 0x80);
    std::fs::write(sandbox.path("other.safetensors"), changed).unwrap();
    run(&["net.elight", "other.safetensors", "-o", "x"]).fails(1, &["is not of other.safetensors", "`expert.2`"]);
    assert!(!sandbox.path("x").exists());
}
