//! Weights files: damaged, lying, sharded, foreign.

use crate::support::program::{Sandbox, network};
use crate::support::weights::{Weights, random, raw};

/// A 2x2 tensor's header with one part replaced.
fn header(from: &str, to: &str) -> String {
    let good = r#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    assert!(good.contains(from));
    good.replace(from, to)
}

#[test]
fn every_truncation_is_refused() {
    let bytes = network().bytes();
    let sandbox = Sandbox::empty();
    for length in [0, 1, 7, 8, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(sandbox.path("net.safetensors"), &bytes[..length]).unwrap();
        let what = if length == 0 { "the file is empty (0 bytes)" } else { "net.safetensors: " };
        sandbox.plan(&[]).fails(1, &[what]);
        assert_eq!(sandbox.files(), ["net.safetensors"], "{length} bytes");
    }
    sandbox.plan(&[]).fails(1, &["it is truncated: copy or download it again"]);
    let longer = [&bytes[..], &[0]].concat();
    Sandbox::empty().file("net.safetensors", longer).plan(&[]).fails(1, &["something was appended"]);
}

#[test]
fn lying_headers_are_refused() {
    let cases: &[(Vec<u8>, &str)] = &[
        (raw(&header("[2,2]", "[2,3]"), &[0; 16]), "net.safetensors"),
        (raw(&header("[2,2]", "[4294967296,4294967296]"), &[0; 16]), "net.safetensors"),
        (raw(&header("[2,2]", "[18446744073709551615,2]"), &[0; 16]), "net.safetensors"),
        (raw(&header("[0,16]", "[16,0]"), &[0; 16]), "net.safetensors"),
        (raw(&header("[0,16]", "[8,24]"), &[0; 16]), "net.safetensors"),
        (raw(&header("[0,16]", "[0,18446744073709551615]"), &[0; 16]), "net.safetensors"),
        (raw(&header("F32", "F33"), &[0; 16]), "F33"),
        (raw(&header("\"w\"", "w"), &[0; 16]), "its JSON header"),
        (raw(&header("}}", "}"), &[0; 16]), "its JSON header"),
        (raw("{}", &[]), "the file has no tensors"),
        (raw("[]", &[]), "its JSON header"),
        (raw("", &[0; 16]), "its JSON header"),
        (u64::MAX.to_le_bytes().repeat(4), "18446744073709551615 bytes, but at most 24 are possible"),
        (vec![0; 40], "its JSON header"),
        (b"PK\x03\x04 and so on, for a while".to_vec(), "it is a PyTorch checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00".to_vec(), "git lfs pull"),
    ];
    let sandbox = Sandbox::empty();
    for (i, (bytes, text)) in cases.iter().enumerate() {
        std::fs::write(sandbox.path("net.safetensors"), bytes).unwrap();
        println!("case {i}");
        sandbox.plan(&[]).fails(1, &[text]);
        assert_eq!(sandbox.files(), ["net.safetensors"]);
    }
}

#[test]
fn bit_flips_in_the_header_never_panic() {
    let bytes = Weights::one(&[3, 4], &random(12, 1)).bytes();
    let sandbox = Sandbox::empty();
    let header = 8 + usize::from(bytes[0]);
    for bit in (0..8 * header).step_by(29) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(sandbox.path("net.safetensors"), damaged).unwrap();
        // `run` refuses panics. Some flips change a name only, and leave a valid file.
        let run = sandbox.plan(&["-q"]);
        match run.code {
            Some(0) => run.success(),
            _ => {
                run.fails(1, &["net.safetensors"]);
                continue;
            }
        };
        std::fs::remove_file(sandbox.path("net.elight")).unwrap();
    }
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut values = random(2 * 3 * 4, 1);
        values[17] = value;
        let weights = network().f32("bad.weight", &[2, 3, 4], &values);
        for args in [&[][..], &["--reach", "lane", "--scale", "layer"], &["--reparam", "tanh"]] {
            let sandbox = Sandbox::with(&weights);
            let text = format!("tensor `bad.weight` has the value {shown} at [1, 1, 1] (flat index 17)");
            sandbox.plan(args).fails(1, &["net.safetensors", &text, "must be finite", "--exclude"]);
            assert_eq!(sandbox.files(), ["net.safetensors"], "no half schedule stays");
            sandbox.plan(&["--exclude", "bad.*"]).success();
        }
    }
    let mut blocks = random(2 * 2 * 3 * 3, 1);
    blocks[30] = f32::NAN;
    let sandbox = Sandbox::with(&Weights::one(&[2, 2, 3, 3], &blocks));
    sandbox.plan(&["--layout", "blocks"]).fails(1, &["NaN at [1, 1, 1, 0] (flat index 30)"]);
    let huge: Vec<u8> = [1.0, 1e300].iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
    let sandbox = Sandbox::with(&Weights::new().tensor("w", "F64", &[1, 2], &huge));
    sandbox.plan(&[]).fails(1, &["`w` has the value 1e300 at [0, 1]", "beyond the range of 32-bit floats"]);
}

#[test]
fn extreme_weights_are_fine() {
    let values = [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -0.0, 0.0, 1.0, -1e-40];
    for args in [&[][..], &["--scale", "layer"], &["--reparam", "tanh"], &["--bits", "8"], &["--bits", "1"]] {
        let report = Sandbox::with(&Weights::one(&[2, 4], &values)).report(args);
        assert_eq!(report["verified"]["outputs_match"], true);
        assert!(report["layers"][0]["relative_error"].as_f64().unwrap().is_finite());
    }
}

#[test]
fn missing_files_and_folders_are_named() {
    let sandbox = Sandbox::with_network();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox
        .run(["nothing.safetensors", "--core", "9x9"])
        .fails(1, &["nothing.safetensors: cannot open", "No such file"]);
    sandbox.run(["folder", "--core", "9x9"]).fails(1, &["folder: there are no weights in it"]);
    sandbox.run(["", "--core", "9x9"]).fails(2, &["<WEIGHTS>"]);
    sandbox.run(["nothing.index.json", "--core", "9x9"]).fails(1, &["nothing.index.json: cannot open"]);
}

#[test]
fn files_without_a_layer_say_why() {
    let sandbox = Sandbox::with(&Weights::new().f32("b.bias", &[3], &[1.0; 3]).tensor("i", "I64", &[2, 2], &[0; 32]));
    sandbox
        .plan(&[])
        .fails(1, &["no layer to plan", "`b.bias`: it is 1-dimensional", "`i`: I64 is no type of weights"]);
}

#[test]
fn sharded_sets_plan_as_one_file() {
    let one = Weights::new().random("a.0.weight", &[20, 30], 1).random("a.1.weight", &[15, 20], 2);
    let (first, second) =
        (Weights::new().random("a.0.weight", &[20, 30], 1), Weights::new().random("a.1.weight", &[15, 20], 2));
    let index = r#"{"metadata":{"total_size":3600},"weight_map":{"a.1.weight":"m-00002-of-00002.safetensors","a.0.weight":"m-00001-of-00002.safetensors"}}"#;
    let sandbox = Sandbox::with(&one)
        .file("m-00001-of-00002.safetensors", first.bytes())
        .file("m-00002-of-00002.safetensors", second.bytes())
        .file("m.safetensors.index.json", index);
    sandbox.plan(&[]).success();
    let report = sandbox.run(["m.safetensors.index.json", "--core", "9x9", "-o", "m.elight", "--json"]).json();
    assert_eq!(report["layers"].as_array().unwrap().len(), 2);
    assert!(sandbox.read("net.elight") == sandbox.read("m.elight"), "the same network, the same schedule");
    let run = |args: &[&str]| sandbox.run(["m.safetensors.index.json", "--core", "9x9"].iter().chain(args));
    run(&["-o", "m-00002-of-00002.safetensors"]).fails(1, &["would overwrite the weights"]);
    run(&["-o", "m.safetensors.index.json"]).fails(1, &["would overwrite the weights"]);

    std::fs::remove_file(sandbox.path("m-00002-of-00002.safetensors")).unwrap();
    run(&[]).fails(1, &["names the shard `m-00002-of-00002.safetensors`, which is not beside it"]);
    let sandbox = sandbox.file("m-00002-of-00002.safetensors", first.bytes());
    sandbox
        .run(["m.safetensors.index.json", "--core", "9x9"])
        .fails(1, &["tensor `a.1.weight` should be in shard `m-00002-of-00002.safetensors`"]);
    for bad in ["{", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":{"a":"../m-00001-of-00002.safetensors"}}"#] {
        let sandbox = Sandbox::empty().file("m.index.json", bad);
        sandbox.run(["m.index.json", "--core", "9x9"]).fails(1, &["m.index.json"]);
    }
}
