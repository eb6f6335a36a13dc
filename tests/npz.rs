//! `.npz` archives, as NumPy writes them, are read like `.safetensors` files.

#[path = "support/mod.rs"]
mod support;

use std::io::{Cursor, Write};

use elight::weights::{Filter, Layout, Network, WeightsError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use support::program::Sandbox;
use support::weights::{Weights, random};

/// An array's bytes, with a header padded to 64 as NumPy pads it.
fn npy(descr: &str, column_major: bool, shape: &[usize], numbers: &[u8]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(|size| format!("{size},")).collect();
    let order = if column_major { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({}), }}", shape.join(" "));
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

fn archive(entries: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The same numbers stored column by column.
fn turned(rows: usize, cols: usize, values: &[f32]) -> Vec<f32> {
    (0..cols).flat_map(|col| (0..rows).map(move |row| values[row * cols + col])).collect()
}

fn open(bytes: Vec<u8>) -> Result<Network, WeightsError> {
    Network::from_bytes("net.npz", bytes, Layout::Auto, &Filter::default())
}

/// What NumPy can do to two matrices and a bias.
fn variants() -> Vec<(&'static str, Vec<u8>)> {
    let (a, b, bias) = (random(12 * 20, 1), random(10 * 12, 2), random(12, 3));
    let big = |values: &[f32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let plain = || {
        vec![
            ("fc1.weight.npy", npy("<f4", false, &[12, 20], &f32s(&a))),
            ("fc1.bias.npy", npy("<f4", false, &[12], &f32s(&bias))),
            ("fc2.weight.npy", npy("<f4", false, &[10, 12], &f32s(&b))),
        ]
    };
    let mut columns = plain();
    columns[0].1 = npy("<f4", true, &[12, 20], &f32s(&turned(12, 20, &a)));
    let mut other_end = plain();
    other_end[2].1 = npy(">f4", false, &[10, 12], &big(&b));
    let doubles: Vec<u8> = a.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    let mut wide = plain();
    wide[0].1 = npy("<f8", false, &[12, 20], &doubles);
    vec![
        ("savez", archive(&plain(), CompressionMethod::Stored)),
        ("savez_compressed", archive(&plain(), CompressionMethod::Deflated)),
        ("column-major", archive(&columns, CompressionMethod::Stored)),
        ("big-endian", archive(&other_end, CompressionMethod::Deflated)),
        ("doubles", archive(&wide, CompressionMethod::Stored)),
    ]
}

/// Planned like the same weights in `.safetensors`: the same bytes.
#[test]
fn all_that_numpy_writes_is_the_same_network() {
    let same = Weights::new()
        .f32("fc1.weight", &[12, 20], &random(12 * 20, 1))
        .f32("fc1.bias", &[12], &random(12, 3))
        .f32("fc2.weight", &[10, 12], &random(10 * 12, 2));
    let reference = Sandbox::with(&same);
    reference.plan(&["-q"]).success();
    for (what, bytes) in variants() {
        let sandbox = Sandbox::empty().file("net.npz", bytes);
        sandbox.run(["net.npz", "--core", "9x9", "-q"]).success();
        assert_eq!(sandbox.read("net.elight"), reference.read("net.elight"), "{what}");
        sandbox.run(["check", "net.elight", "net.npz"]).success();
        // A folder with nothing else in it is this archive.
        sandbox.run(["layers", "."]).success();
    }
}

#[test]
fn what_is_no_array_of_numbers_is_listed() {
    let entries = [
        ("fc.weight.npy", npy("<f4", false, &[4, 6], &f32s(&random(24, 1)))),
        ("names.npy", npy("|O", false, &[3], b"\x80\x04.")),
        ("half.npy", npy("|V2", false, &[4, 6], &[0; 48])),
        ("read me\u{1b}.txt", b"hello".to_vec()),
    ];
    let network = open(archive(&entries, CompressionMethod::Stored)).unwrap();
    let reason = |name: &str| {
        let skipped = network.skipped().iter().find(|skipped| skipped.name.starts_with(name));
        skipped.unwrap_or_else(|| panic!("{name}: {:?}", network.skipped())).reason.clone()
    };
    assert!(reason("names").contains("Python objects"));
    assert!(reason("half").contains("bfloat16"));
    assert!(reason("read me").contains("no array"));
    assert!(network.skipped().iter().all(|skipped| !skipped.name.contains('\u{1b}')));
}

#[test]
fn bad_archives_are_errors() {
    let says = |bytes: Vec<u8>, text: &str| {
        let error = open(bytes).unwrap_err().to_string();
        assert!(error.starts_with("net.npz: ") && error.contains(text), "{error}");
    };
    let one = |bytes: Vec<u8>| archive(&[("w.npy", bytes)], CompressionMethod::Stored);
    says(one(npy("<f4", false, &[3, 4], &[0; 40])), "array `w`");
    says(one(npy("<f4", false, &[1 << 40, 1 << 40], &[0; 40])), "larger than any file");
    says(one(b"\x93NUMPY\x09\x00".to_vec()), "version 9");
    says(one(npy("<f4", false, &[4, 4], &[0; 64])[..40].to_vec()), "header");
    says(b"PK\x03\x04 and no more".to_vec(), "ZIP");
    says(b"no archive at all".to_vec(), "whole .npz file");
    let text = open(archive(&[("read.me", b"x".to_vec())], CompressionMethod::Stored)).unwrap_err().to_string();
    assert!(text.contains("no layer to plan"), "{text}");
}

/// Every cut, and every byte changed: an error or a network, never a panic, and never memory that the file does not explain.
#[test]
fn no_damage_panics() {
    for (_, whole) in variants() {
        for cut in (0..whole.len()).step_by(37) {
            let _ = open(whole[..cut].to_vec());
        }
        for at in (0..whole.len()).step_by(11) {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                if let Ok(network) = open(damaged) {
                    for layer in 0..network.layers().len() {
                        let _ = network.read(layer);
                    }
                }
            }
        }
    }
}
