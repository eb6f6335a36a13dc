//! Weights of real networks, and of the ELight reference. Networks too large for the repository are read beside it; where
//! they are absent, their tests say so and pass.

use std::path::{Path, PathBuf};

use elight::weights::{Filter, LayerKind, Layout, Network, WeightsError};

fn open_path(path: &Path) -> Result<Network, WeightsError> {
    Network::open(path, Layout::Auto, &Filter::default())
}

/// A real network beside the repository; `None`, with a message, where it is absent.
fn model(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models").join(name);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn open_model(name: &str) -> Option<Network> {
    let network = open_path(&model(name)?).unwrap();
    for layer in 0..network.layers().len() {
        network.read(layer).unwrap();
    }
    Some(network)
}

/// File, layers, depthwise layers, weights, first layer, last layer; counted by a script of its own from the headers. One
/// of the text detector's depthwise layers, `auto.cast.98`, is in truth a transposed convolution, which no shape shows.
#[test]
fn real_networks_have_their_layers() {
    let expected = [
        ("cifar10-vgglike.safetensors", 9, 0, 965_312, "conv2d.weight", "dense_2.weight"),
        ("crepe-tiny.safetensors", 7, 0, 485_376, "conv1.weight", "classifier.weight"),
        ("efficientnet-lite0.safetensors", 50, 16, 4_608_992, "_conv_stem.weight", "_fc.weight"),
        ("efficientnet-lite0-bf16.safetensors", 50, 16, 4_608_992, "_conv_stem.weight", "_fc.weight"),
        ("mnist-cnn.safetensors", 5, 0, 389_920, "conv_layers.0.weight", "fc_layers.2.weight"),
        ("mtcnn-onet.safetensors", 8, 0, 387_936, "conv1.weight", "dense6_3.weight"),
        ("mtcnn-pnet.safetensors", 5, 0, 6_510, "conv1.weight", "conv4_2.weight"),
        ("mtcnn-rnet.safetensors", 6, 0, 99_636, "conv1.weight", "dense5_2.weight"),
        ("ppocr-det-small.safetensors", 85, 18, 2_442_072, "conv2d_112.w_0", "auto.cast.98"),
        ("resnet20-cifar10.safetensors", 20, 0, 268_336, "conv1.weight", "linear.weight"),
        ("resnet20-cifar10-f16.safetensors", 20, 0, 268_336, "conv1.weight", "linear.weight"),
        ("resnet20-cifar10-bf16.safetensors", 20, 0, 268_336, "conv1.weight", "linear.weight"),
        ("silero-vad-16k.safetensors", 8, 0, 308_224, "stft_conv.weight", "final_conv.weight"),
    ];
    for (file, layers, depthwise, weights, first, last) in expected {
        let Some(network) = open_model(file) else { continue };
        let is_depthwise = |kind| matches!(kind, LayerKind::DepthwiseConv { .. });
        let found = (
            network.layers().len(),
            network.layers().iter().filter(|layer| is_depthwise(layer.kind)).count(),
            network.layers().iter().map(|layer| layer.weights()).sum::<usize>(),
            network.layers()[0].name.as_str(),
            network.layers()[layers - 1].name.as_str(),
        );
        assert_eq!(found, (layers, depthwise, weights, first, last), "{file}");
        let grouped = network.layers().iter().filter(|layer| matches!(layer.kind, LayerKind::GroupedConv { .. }));
        assert_eq!(grouped.count(), 0, "{file} has no grouped convolution");
    }
}

#[test]
fn real_bias_constants_are_skipped() {
    let Some(network) = open_model("ppocr-det-small.safetensors") else { return };
    let constants: Vec<_> = network.skipped().iter().filter(|s| s.name.contains("reshape")).collect();
    assert_eq!(constants.len(), 77);
    assert!(constants.iter().all(|s| s.reason.contains("shape of a bias")));
}

#[test]
fn real_single_channel_first_layers_are_plain() {
    for file in ["mnist-cnn.safetensors", "crepe-tiny.safetensors", "silero-vad-16k.safetensors"] {
        let Some(network) = open_model(file) else { continue };
        let first = &network.layers()[0];
        assert_eq!((first.shape[1], first.groups), (1, 1), "{file}");
    }
}

/// The names alone give the model's order back: real networks, sorted as the usual writer sorts them. (Not the text
/// detector, whose names are numbered by another program.)
#[test]
fn real_networks_survive_a_sorting_writer() {
    let files = [
        "cifar10-vgglike",
        "crepe-tiny",
        "mnist-cnn",
        "mtcnn-onet",
        "mtcnn-pnet",
        "mtcnn-rnet",
        "resnet20-cifar10",
        "resnet20-cifar10-bf16",
        "silero-vad-16k",
        "efficientnet-lite0-bf16",
    ];
    for file in files {
        let Some(path) = model(&format!("{file}.safetensors")) else { continue };
        let original = open_path(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let sorted = safetensors::serialize(tensors.tensors(), None).unwrap();
        let resaved = Network::from_bytes(file, sorted, Layout::Auto, &Filter::default()).unwrap();
        let same = |network: &Network| -> Vec<_> {
            network.layers().iter().map(|layer| (layer.name.clone(), layer.kind, layer.groups)).collect()
        };
        assert_eq!(same(&resaved), same(&original), "{file}");
        for layer in 0..original.layers().len() {
            assert_eq!(resaved.read(layer).unwrap(), original.read(layer).unwrap(), "{file} layer {layer}");
        }
    }
}

/// Rounding to 16 bits and back: the three files of one network agree to the precision of their types.
#[test]
fn real_half_precision_files_agree() {
    let [Some(full), Some(half), Some(brain)] =
        ["", "-f16", "-bf16"].map(|kind| open_model(&format!("resnet20-cifar10{kind}.safetensors")))
    else {
        return;
    };
    for (network, step) in [(half, 1.0 / 2048.0), (brain, 1.0 / 256.0)] {
        for layer in 0..20 {
            let pairs = std::iter::zip(full.read(layer).unwrap().data, network.read(layer).unwrap().data);
            for (exact, rounded) in pairs {
                let bound = exact.abs() * step + 3.0e-8; // half a step, or half of F16's smallest
                assert!((exact - rounded).abs() <= bound, "layer {layer}: {exact} became {rounded}");
            }
        }
    }
}

/// ELight's own blocks and the convolution weight that its code made of them. Quantizing came in between, but it keeps
/// the order of values: that holds only if every element is where the reference put it.
#[test]
fn blocks_lie_where_the_reference_puts_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/conv_layer_3_10_k3_bs4.safetensors");
    let read = |tensor: &str, layout| {
        let only = Filter::new(&[tensor.to_owned()], &[]).unwrap();
        let network = Network::open(&path, layout, &only).unwrap();
        (network.layers()[0].kind, network.read(0).unwrap())
    };
    let (kind, blocks) = read("weight", Layout::Blocks);
    let (_, built) = read("built_weight", Layout::Auto);
    assert_eq!(kind, LayerKind::Blocks { p: 3, q: 7, k: 4 });
    assert_eq!((blocks.rows, blocks.cols, built.rows, built.cols), (12, 28, 10, 27)); // blocks are padded
    let mut pairs: Vec<(f32, f32)> = Vec::new();
    for (row, values) in built.data.chunks(built.cols).enumerate() {
        pairs.extend(values.iter().enumerate().map(|(col, value)| (blocks.data[row * blocks.cols + col], *value)));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(pairs.is_sorted_by(|a, b| a.1 <= b.1));
    assert!(pairs[0].1 < 0.0 && pairs[pairs.len() - 1].1 > 0.0);
}
