//! What the planner takes a trained network for: metadata key `elight.network` ([`elight::weights::description`]).

use crate::nn::{Layer, Role, Sequential, Shape};
use elight::weights::description::{Description, Layer as Described, LeftOut, Operation, VERSION};
use std::collections::BTreeMap;

/// The metadata key.
pub const KEY: &str = "elight.network";

/// The layers of a network in the order in which they run, with the input vectors of one inference on an image of the shape `input`; and what is no
/// layer.
pub fn describe(model: &mut Sequential, input: Shape) -> Description {
    let mut vectors = Vec::new();
    model.vectors("", Shape { n: 1, ..input }, &mut vectors);
    let vectors: BTreeMap<String, u64> = vectors.into_iter().collect();
    let mut network = Description { version: VERSION, ..Description::default() };
    for slot in model.all_slots() {
        let reason = match (slot.role, slot.shape.len()) {
            (Role::Weight, dims @ (2 | 4)) => {
                let kind = if dims == 4 { Operation::Conv2d } else { Operation::Linear };
                let vectors = vectors.get(&slot.name).copied();
                network.layers.push(Described { name: slot.name, kind, vectors, ..Described::default() });
                continue;
            }
            (Role::Weight, dims) => format!("it is {dims}-dimensional, no matrix"),
            (Role::Bias, _) => "it is a bias".to_owned(),
            (Role::Norm, _) => "it is scale or shift of batch norm".to_owned(),
            (Role::Buffer, _) => "it is state that no gradient changes".to_owned(),
        };
        network.left_out.push(LeftOut { tensor: slot.name, reason });
    }
    network
}

/// The same as the metadata's JSON.
pub fn json(model: &mut Sequential, input: Shape) -> String {
    // Names, numbers and words: always representable.
    serde_json::to_string(&describe(model, input)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::model::{ModelSpec, build, build_for_core};

    fn vectors(name: &str, side: usize) -> Vec<(String, Option<u64>)> {
        let input = Shape::new(1, side, side, 3);
        let spec = ModelSpec { name: name.into(), input, classes: 10, hidden: vec![32], dropout: 0.0, pcm: None };
        let [own, core] = [build(&spec), build_for_core(&spec)].map(|model| describe(&mut model.unwrap(), input));
        assert_eq!(own.layers, core.layers, "{name}: on a core as off it");
        own.layers.into_iter().map(|layer| (layer.name, layer.vectors)).collect()
    }

    /// Every position of a convolution's output is a vector, shortcuts and strides included; a linear layer has one.
    #[test]
    fn vectors_are_positions() {
        let of = |name, side, layer: &str| vectors(name, side).into_iter().find(|(n, _)| n == layer).unwrap().1;
        assert_eq!(of("cnn", 28, "conv_layers.0.weight"), Some(28 * 28));
        assert_eq!(of("cnn", 28, "conv_layers.6.weight"), Some(7 * 7));
        assert_eq!(of("cnn", 28, "fc_layers.0.weight"), Some(1));
        assert_eq!(of("vgg8", 32, "features.4.weight"), Some(16 * 16));
        assert_eq!(of("resnet18", 32, "layer2.0.conv1.weight"), Some(16 * 16));
        assert_eq!(of("resnet18", 32, "layer2.0.shortcut.0.weight"), Some(16 * 16));
        assert_eq!(of("resnet20", 32, "layer3.2.conv2.weight"), Some(8 * 8));
        for (name, _) in crate::nn::model::MODELS {
            assert!(vectors(name, 32).iter().all(|(_, vectors)| vectors.is_some()), "{name}");
        }
    }
}
