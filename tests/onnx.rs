//! ONNX models: what the graph says of order, orientation, groups, ties and vectors; and models that lie.
//!
//! The models are those of `fixtures/onnx/make.py`.

use std::path::{Path, PathBuf};

use elight::weights::{Certainty, Filter, LayerKind, Layout, Network, Reading, WeightsError};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx").join(format!("{name}.onnx"))
}

fn open(name: &str) -> Result<Network, WeightsError> {
    Network::open(&model(name), Layout::Auto, &Filter::default())
}

/// Name, rows, columns, groups, vectors an inference.
fn layers(network: &Network) -> Vec<(&str, usize, usize, usize, Option<u64>)> {
    let layer = |info: &elight::weights::LayerInfo| (info.rows, info.cols, info.groups, info.vectors);
    network
        .layers()
        .iter()
        .map(|info| (info.name.as_str(), layer(info)))
        .map(|(n, (r, c, g, v))| (n, r, c, g, v))
        .collect()
}

#[test]
fn convolutions_have_groups_orientation_and_positions() {
    let network = open("conv").unwrap();
    let expected = [
        ("c1", 8, 27, 1, Some(256)), // 32x32, stride 2
        ("dw", 8, 9, 8, Some(256)),
        ("up", 16, 8, 1, Some(256)), // transposed: a vector for each input position
        ("fc", 5, 4, 1, Some(1)),
    ];
    assert_eq!(layers(&network), expected);
    assert_eq!(network.layers()[2].kind, LayerKind::TransposedConv { dims: 2 });
    assert!(network.layers().iter().all(|layer| layer.certainty == Certainty::Proved));
    let inputs: Vec<_> = network.description().layers.iter().map(|layer| layer.inputs.join(" ")).collect();
    assert_eq!(inputs, ["input", "c1", "dw", "up"]);
}

#[test]
fn weights_in_a_file_beside_the_model_are_read() {
    let network = open("external").unwrap();
    assert_eq!(layers(&network), layers(&open("conv").unwrap()));
    let matrix = network.read(0).unwrap();
    assert!(matrix.data.iter().any(|weight| *weight != 0.0));
    // Alone, the model says what is missing.
    let sandbox = tempfile::tempdir().unwrap();
    let alone = sandbox.path().join("external.onnx");
    std::fs::copy(model("external"), &alone).unwrap();
    let error = Network::open(&alone, Layout::Auto, &Filter::default()).unwrap_err().to_string();
    assert!(error.contains("external.data"), "{error}");
}

#[test]
fn data_elsewhere_are_refused() {
    let bytes = std::fs::read(model("external")).unwrap();
    let name = b"external.data";
    let mut moved = bytes.clone();
    let mut at = 0;
    while let Some(found) = moved[at..].windows(name.len()).position(|window| window == name) {
        moved[at + found..at + found + name.len()].copy_from_slice(b"../../secrets");
        at += found + name.len();
    }
    let error = Network::from_bytes("m.onnx", moved, Layout::Auto, &Filter::default()).unwrap_err().to_string();
    assert!(error.contains("`../../secrets`") && error.contains("beside the model"), "{error}");
}

#[test]
fn attention_has_digital_products_and_a_tied_table() {
    let network = open("attention").unwrap();
    let expected = [("wq", 16, 16, 1, Some(12)), ("wk", 16, 16, 1, Some(12)), ("table", 100, 16, 1, Some(12))];
    assert_eq!(layers(&network), expected);
    assert_eq!(network.description().layers[2].tied_to.as_deref(), Some("table"));
    let digital: Vec<_> = network.description().digital.iter().map(|product| product.multiplications).collect();
    assert_eq!(digital, [Some(12 * 16 * 12), Some(12 * 12 * 16)]);
    // `MatMul` multiplies from the right: its weights are stored `in out`.
    assert_eq!(network.description().layers[0].axes().to_string(), "in out");
    assert_eq!(network.description().layers[2].axes().to_string(), "out in", "a transposed table");
}

#[test]
fn recurrent_layers_are_a_matrix_for_each_direction() {
    let expected = [("W[0]", 16, 3), ("W[1]", 16, 3), ("R[0]", 16, 4), ("R[1]", 16, 4)];
    let network = open("lstm").unwrap();
    let found: Vec<_> = network.layers().iter().map(|layer| (layer.name.as_str(), layer.rows, layer.cols)).collect();
    assert_eq!(found, expected);
    assert!(network.layers().iter().all(|layer| layer.vectors == Some(7)), "steps of the sequence");
    assert!(network.skipped()[0].reason.contains("bias"));
}

#[test]
fn quantized_weights_have_their_scales() {
    let network = open("qdq").unwrap();
    let matrix = network.read(0).unwrap();
    let scales = [0.1, 0.2, 0.3, 0.4];
    for (row, scale) in scales.iter().enumerate() {
        for weight in &matrix.data[row * 3..row * 3 + 3] {
            let steps = weight / scale;
            assert!((steps - steps.round()).abs() < 1e-4, "{weight} is a multiple of {scale}");
        }
    }
    assert_eq!(open("qlinear").unwrap().layers().len(), 1);
}

#[test]
fn weights_that_the_graph_computes_are_refused() {
    let error = open("computed").unwrap_err().to_string();
    assert!(error.contains("`wm`") && error.contains("fold"), "{error}");
}

#[test]
fn no_damage_panics() {
    let bytes = std::fs::read(model("conv")).unwrap();
    let read = |bytes: Vec<u8>| {
        let Ok(network) = Network::from_bytes("m.onnx", bytes, Layout::Auto, &Filter::default()) else { return };
        for layer in 0..network.layers().len() {
            let _ = network.read(layer);
        }
    };
    (0..bytes.len()).for_each(|length| read(bytes[..length].to_vec()));
    for at in 0..bytes.len() {
        for bit in [at % 8, (at + 3) % 8] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            read(flipped);
        }
    }
}

#[test]
fn a_description_overrules_the_graph() {
    let mut description = open("conv").unwrap().description().clone();
    description.layers.truncate(1);
    let reading = Reading { description: Some(description), ..Reading::default() };
    let network = Network::open_as(&model("conv"), &reading).unwrap();
    assert_eq!(network.layers().len(), 1);
    let matrices = Network::open(&model("conv"), Layout::Matrix, &Filter::default()).unwrap();
    assert_eq!(matrices.layers().len(), 4);
}
