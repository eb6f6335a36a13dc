//! The shipped weights say which network they are: `elight.network` in their metadata is what the trainer writes for them.
//!
//! ```text
//! UPDATE_FIXTURES=1 cargo test -p elight-train --test fixtures
//! ```
//! writes the metadata anew; the weights' bytes stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use elight_train::nn::Shape;
use elight_train::nn::model::{ModelSpec, build};
use elight_train::{checkpoint, description};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Where the JSON object of the metadata begins and ends, and where the tensors' bytes begin.
fn places(file: &[u8]) -> (std::ops::Range<usize>, usize) {
    const NAME: &[u8] = b"\"__metadata__\":";
    let tensors = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let start = file[..tensors].windows(NAME.len()).position(|w| w == NAME).unwrap() + NAME.len();
    let mut values = serde_json::Deserializer::from_slice(&file[start..tensors]).into_iter::<serde_json::Value>();
    values.next().unwrap().unwrap();
    (start..start + values.byte_offset(), tensors)
}

/// The same file with other metadata; nothing else changes but the length of its header.
fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let (place, tensors) = places(file);
    let after = std::str::from_utf8(&file[place.end..tensors]).unwrap().trim_end();
    let mut header =
        [&file[8..place.start], serde_json::to_string(metadata).unwrap().as_bytes(), after.as_bytes()].concat();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &file[tensors..]].concat()
}

/// Compares a fixture with the same weights under the metadata that they ought to have, or renews it.
fn compare(name: &str, network: String) {
    let path = fixture(name);
    let file = std::fs::read(&path).unwrap();
    let mut metadata: BTreeMap<String, String> = serde_json::from_slice(&file[places(&file).0]).unwrap();
    metadata.insert(description::KEY.to_owned(), network);
    let right = with_metadata(&file, &metadata);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        checkpoint::write_whole(&path, &right).unwrap();
        return;
    }
    assert!(file == right, "{name}: UPDATE_FIXTURES=1 cargo test -p elight-train --test fixtures writes it anew");
}

/// Networks of `elight-train`: also byte for byte what it would store for these weights.
#[test]
fn trained_networks_are_described() {
    for (name, data) in [("digits-mlp-4bit", "digits"), ("mnist-cnn-4bit", "mnist")] {
        let name = format!("{name}.safetensors");
        let file = checkpoint::File::open(&fixture(&name)).unwrap();
        assert_eq!(file.metadata["elight.dataset"], data);
        let sides: Vec<usize> = file.metadata["elight.input"].split('x').map(|side| side.parse().unwrap()).collect();
        let hidden = file.metadata.get("elight.hidden").into_iter().flat_map(|sizes| sizes.split(','));
        let spec = ModelSpec {
            name: file.metadata["elight.model"].clone(),
            input: Shape::new(1, sides[0], sides[1], sides[2]),
            classes: 10,
            hidden: hidden.map(|size| size.parse().unwrap()).collect(),
            dropout: 0.0,
            pcm: elight_train::config::PcmConfig::default().settings().ok(),
        };
        let mut model = build(&spec).unwrap();
        compare(&name, description::json(&mut model, spec.input));
        let file = checkpoint::File::open(&fixture(&name)).unwrap();
        let metadata = file.metadata.clone();
        file.load_into(&mut model).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let again = folder.path().join("again");
        checkpoint::save(&again, &mut model, &metadata).unwrap();
        assert!(std::fs::read(again).unwrap() == std::fs::read(fixture(&name)).unwrap(), "{name}: stored otherwise");
    }
}

/// The digit recogniser of another trainer is the same architecture, in floating point.
#[test]
fn the_foreign_network_is_described() {
    let name = "mnist-cnn.safetensors";
    let input = Shape::new(1, 28, 28, 1);
    let spec = ModelSpec { name: "cnn".into(), input, classes: 10, hidden: vec![], dropout: 0.0, pcm: None };
    let mut model = build(&spec).unwrap();
    let report = checkpoint::File::open(&fixture(name)).unwrap().load_into(&mut model).unwrap();
    assert_eq!(report, checkpoint::LoadReport::default());
    compare(name, description::json(&mut model, input));
}
