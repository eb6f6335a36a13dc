//! The networks of the table: small, and each hard for a planner in its own way.

use safetensors::SafeTensors;

use crate::support::repository;
use crate::support::weights::{Weights, random};

/// All networks, by name.
pub fn all() -> [(&'static str, Vec<u8>); 5] {
    [("real", real()), ("mixed", mixed()), ("shapes", shapes()), ("blocks", blocks()), ("tiny", tiny())]
        .map(|(name, weights)| (name, weights.bytes()))
}

/// The upper left corners of a digit recogniser's layers: trained weights.
fn real() -> Weights {
    let bytes = std::fs::read(repository("fixtures/mnist-cnn.safetensors")).unwrap();
    let network = SafeTensors::deserialize(&bytes).unwrap();
    let corner = |name: &str, rows: usize, cols: usize| {
        let tensor = network.tensor(name).unwrap();
        let width: usize = tensor.shape()[1..].iter().product();
        let row = |row: usize| tensor.data()[4 * row * width..][..4 * cols].to_vec();
        (0..rows).flat_map(row).collect::<Vec<u8>>()
    };
    Weights::new()
        .tensor("conv1.weight", "F32", &[32, 1, 3, 3], &corner("conv_layers.0.weight", 32, 9))
        .tensor("conv2.weight", "F32", &[14, 32, 3, 3], &corner("conv_layers.3.weight", 14, 288))
        .tensor("fc1.weight", "F32", &[20, 14], &corner("fc_layers.0.weight", 20, 14))
        .tensor("fc2.weight", "F32", &[10, 20], &corner("fc_layers.2.weight", 10, 20))
}

/// A plain convolution, a depthwise one, and two linear layers.
fn mixed() -> Weights {
    Weights::new()
        .random("stem.weight", &[12, 3, 3, 3], 1)
        .random("dw.weight", &[12, 1, 3, 3], 3)
        .random("fc1.weight", &[30, 108], 4)
        .random("fc2.weight", &[10, 30], 5)
}

/// Matrices at the edges of what there is: a row, a column, zeros, equal weights, few different weights, one sign.
fn shapes() -> Weights {
    let few: Vec<f32> = random(12 * 31, 11).iter().map(|w| (w * 25.0).round()).collect();
    let positive: Vec<f32> = random(7 * 23, 12).iter().map(|w| w.abs()).collect();
    // Names that say nothing: the metadata say what they are.
    let layers = ["row", "column", "zeros", "equal", "few", "positive", "tall"];
    let layers = layers.map(|name| format!(r#"{{\"name\":\"{name}\"}}"#)).join(",");
    Weights::new()
        .metadata("elight.network", &format!(r#"{{\"version\":1,\"layer\":[{layers}]}}"#))
        .random("row", &[1, 40], 10)
        .random("column", &[17, 1], 13)
        .f32("zeros", &[5, 11], &[0.0; 55])
        .f32("equal", &[6, 10], &[0.3; 60])
        .f32("few", &[12, 31], &few)
        .f32("positive", &[7, 23], &positive)
        .random("tall", &[50, 3], 14)
}

/// ELight's blocks of 4x4.
fn blocks() -> Weights {
    Weights::new().random("conv.weight", &[2, 3, 4, 4], 20).random("fc.weight", &[3, 2, 4, 4], 21)
}

/// Three layers of a dozen weights.
fn tiny() -> Weights {
    Weights::new().random("a.weight", &[4, 3], 30).random("b.weight", &[3, 4], 31).random("c.weight", &[5, 3], 32)
}
