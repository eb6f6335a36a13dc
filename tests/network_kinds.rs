//! Kinds of weights files whose names and shapes mislead: each is planned rightly, or asked for; never planned wrongly in silence.

mod support;

use elight::weights::description::{Axis, Operation};
use elight::weights::{Certainty, Filter, LayerKind, Layout, Network, Reading, WeightsError};
use support::weights::Weights;

/// F32 tensors with random weights.
fn file(tensors: &[(&str, &[usize])]) -> Weights {
    let add =
        |weights: Weights, (seed, (name, shape)): (usize, &(&str, &[usize]))| weights.random(name, shape, seed as u64);
    tensors.iter().enumerate().fold(Weights::new(), add)
}

fn open(weights: &Weights) -> Result<Network, WeightsError> {
    Network::from_bytes("net.safetensors", weights.bytes(), Layout::Auto, &Filter::default())
}

/// Name, rows, columns, groups.
fn layers(network: &Network) -> Vec<(&str, usize, usize, usize)> {
    network.layers().iter().map(|layer| (layer.name.as_str(), layer.rows, layer.cols, layer.groups)).collect()
}

fn reason<'a>(network: &'a Network, name: &str) -> &'a str {
    &network
        .skipped()
        .iter()
        .find(|skipped| skipped.name == name)
        .unwrap_or_else(|| panic!("{name} is no layer"))
        .reason
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

// ---------------------------------------------------------------- stored otherwise

#[test]
fn whole_numbers_with_scales_are_dequantized() {
    let numbers: Vec<u8> = (0..8).map(|number| (number * 30) as u8).collect();
    let weights = Weights::new()
        .tensor("l.0.weight", "I8", &[2, 4], &numbers)
        .tensor("l.0.weight_scale", "F32", &[2, 1], &bytes(&[0.5, 2.0]))
        .tensor("l.1.weight", "U8", &[1, 2], &[130, 3])
        .tensor("l.1.weight_scale", "F32", &[], &bytes(&[0.25]))
        .tensor("l.1.weight_zero_point", "U8", &[], &[128]);
    let network = open(&weights).unwrap();
    assert_eq!(layers(&network), [("l.0.weight", 2, 4, 1), ("l.1.weight", 1, 2, 1)], "scales are no layers");
    let signed = |number: u8| f32::from(number as i8);
    let expected: Vec<f32> =
        numbers.iter().enumerate().map(|(i, n)| signed(*n) * if i < 4 { 0.5 } else { 2.0 }).collect();
    assert_eq!(network.read(0).unwrap().data, expected);
    assert_eq!(network.read(1).unwrap().data, [0.5, -31.25]);
    // A part of the rows is the part of the whole.
    let mut second = Vec::new();
    network.read_rows(0, 1..2, &mut second).unwrap();
    assert_eq!(second, expected[4..]);
}

#[test]
fn eight_bit_floats_with_scales_of_blocks() {
    // 1.0 in E4M3 is 0x38.
    let ones = vec![0x38; 256 * 256];
    let weights = Weights::new().tensor("l.0.weight", "F8_E4M3", &[256, 256], &ones).tensor(
        "l.0.weight_scale_inv",
        "F32",
        &[2, 2],
        &bytes(&[1.0, 2.0, 3.0, 4.0]),
    );
    let network = open(&weights).unwrap();
    let matrix = network.read(0).unwrap();
    for (row, col, scale) in [(0, 0, 1.0), (0, 128, 2.0), (127, 255, 2.0), (128, 127, 3.0), (255, 255, 4.0)] {
        assert_eq!(matrix.data[row * 256 + col], scale, "row {row}, column {col}");
    }
}

#[test]
fn packed_weights_are_refused_by_name() {
    let refuses = |weights: Weights, format: &str| {
        let error = open(&weights).unwrap_err();
        assert!(matches!(&error, WeightsError::Packed { format: found, .. } if *found == format), "{error}");
        assert!(error.to_string().contains("cannot be planned: "), "{error}");
    };
    let words = |shape: &[usize]| vec![1u8; 4 * shape.iter().product::<usize>()];
    let base = || file(&[("lm_head.weight", &[32, 64])]);
    refuses(base().tensor("l.qweight", "I32", &[8, 64], &words(&[8, 64])).random("l.scales", &[4, 64], 1), "GPTQ");
    refuses(base().tensor("l.qweight", "I32", &[64, 8], &words(&[64, 8])).random("l.scales", &[4, 64], 1), "AWQ");
    refuses(base().tensor("l.weight", "U8", &[8, 1], &[0; 8]).random("l.weight.absmax", &[4], 1), "bitsandbytes");
    refuses(base().tensor("e.w_blocks", "U8", &[8, 4], &[0; 32]).tensor("e.w_scales", "U8", &[8, 1], &[0; 8]), "MXFP4");
    refuses(base().tensor("l.weight", "I32", &[8, 8], &words(&[8, 8])), "whole numbers");
    refuses(base().tensor("l.weight", "I8", &[8, 8], &[0; 64]), "8-bit weights without scales");
    refuses(base().random("l.lora_A.weight", &[8, 64], 1), "an adapter (LoRA)");
    // Who leaves it out knows what they do.
    let without = Filter::new(&[], &["l.qweight".into()]).unwrap();
    let bytes = base().tensor("l.qweight", "I32", &[8, 64], &words(&[8, 64])).bytes();
    assert_eq!(Network::from_bytes("net", bytes, Layout::Auto, &without).unwrap().layers().len(), 1);
}

#[test]
fn weight_normalization_is_folded() {
    let v = [3.0, 4.0, 0.0, 1.0, 0.0, 0.0];
    let network =
        open(&Weights::new().f32("a.weight", &[2, 3], &[1.0; 6]).f32("c.weight_g", &[2, 1, 1], &[10.0, 2.0]).f32(
            "c.weight_v",
            &[2, 1, 3],
            &v,
        ))
        .unwrap();
    assert_eq!(network.layers().len(), 2, "the lengths are no layer");
    let matrix = network.read(1).unwrap();
    assert_eq!(matrix.data, [6.0, 8.0, 0.0, 2.0, 0.0, 0.0]);
}

#[test]
fn state_of_the_training_is_left_out() {
    let network = open(&file(&[
        ("model.fc1.weight", &[16, 8]),
        ("model.fc2.weight", &[4, 16]),
        ("model_ema.fc1.weight", &[16, 8]),
        ("optimizer.state.0.exp_avg", &[16, 8]),
        ("optimizer.momentum_buffer.fc1.weight", &[16, 8]),
        ("master_params.fc1.weight", &[16, 8]),
        ("grad.fc1.weight", &[16, 8]),
    ]))
    .unwrap();
    assert_eq!(layers(&network), [("model.fc1.weight", 16, 8, 1), ("model.fc2.weight", 4, 16, 1)]);
    assert!(reason(&network, "model_ema.fc1.weight").contains("average"));
    assert!(reason(&network, "optimizer.state.0.exp_avg").contains("optimizer"));
    assert!(reason(&network, "grad.fc1.weight").contains("gradient"));
    assert!(reason(&network, "master_params.fc1.weight").contains("copy"));
    // Averages alone are the network.
    let alone = open(&file(&[("ema.fc1.weight", &[16, 8]), ("ema.fc2.weight", &[4, 16])])).unwrap();
    assert_eq!(alone.layers().len(), 2);
}

#[test]
fn doubles_that_vanish_are_an_error() {
    let tiny: Vec<u8> = [1e-201f64, -3e-201].iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let network = open(&Weights::new().tensor("l.weight", "F64", &[1, 2], &tiny)).unwrap();
    let error = network.read(0).unwrap_err();
    assert!(matches!(&error, WeightsError::TooSmall { largest: 3e-201, .. }), "{error}");
    let zeros = Weights::new().tensor("l.weight", "F64", &[1, 2], &[0; 16]);
    assert_eq!(open(&zeros).unwrap().read(0).unwrap().data, [0.0, 0.0]);
    let mixed: Vec<u8> = [1e-201f64, 1.0].iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let mixed = Weights::new().tensor("l.weight", "F64", &[2, 1], &mixed);
    assert_eq!(open(&mixed).unwrap().read(0).unwrap().data, [0.0, 1.0], "small beside what is large");
}

// ---------------------------------------------------------------- tables and constants

#[test]
fn a_linear_layer_called_embed_is_one() {
    let network = open(&file(&[
        ("albert.embeddings.word_embeddings.weight", &[60, 8]),
        ("albert.encoder.embedding_hidden_mapping_in.weight", &[16, 8]),
        ("albert.layers.0.query.weight", &[16, 16]),
        ("class_embed.weight", &[12, 16]),
        ("query_embed.weight", &[10, 16]),
        ("mlp.shared_expert_gate.weight", &[1, 16]),
        ("patch_embed.weight", &[16, 48]),
        ("bias_net.weight", &[8, 16]),
    ]))
    .unwrap();
    let names: Vec<&str> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
    let expected = [
        "albert.encoder.embedding_hidden_mapping_in.weight",
        "albert.layers.0.query.weight",
        "class_embed.weight",
        "mlp.shared_expert_gate.weight",
        "patch_embed.weight",
        "bias_net.weight",
    ];
    assert_eq!(names, expected);
    assert!(reason(&network, "query_embed.weight").contains("lookup table"));
}

#[test]
fn constants_are_left_out_whatever_they_hold() {
    let mut weights = file(&[("l.weight", &[16, 16]), ("pos_encoder.pe", &[50, 1, 16]), ("mem.memory", &[16, 16])]);
    weights =
        weights.f32("cos_cached", &[1, 2], &[f32::NEG_INFINITY; 2]).random("relative_coords_table", &[1, 3, 3, 2], 1);
    let network = open(&weights).unwrap();
    assert_eq!(layers(&network), [("l.weight", 16, 16, 1)]);
    network.read(0).unwrap();
}

#[test]
fn encoders_that_nothing_reads_from_are_tables() {
    let tables = file(&[("atoms_encoder.weight", &[21, 32]), ("spatial_encoder.weight", &[13, 8])]);
    let network = open(&tables.random("layer.0.linear.weight", &[32, 32], 3)).unwrap();
    assert_eq!(layers(&network), [("layer.0.linear.weight", 32, 32, 1)]);
    assert!(reason(&network, "spatial_encoder.weight").contains("--include"));
    // With a bias they are layers.
    let modules = file(&[("a_encoder.weight", &[21, 32]), ("a_encoder.bias", &[21]), ("fc.weight", &[32, 21])]);
    assert_eq!(open(&modules).unwrap().layers().len(), 2);
}

#[test]
fn a_tied_head_is_a_product() {
    let network = open(
        &file(&[("model.embed_tokens.weight", &[32, 16]), ("model.q_proj.weight", &[16, 16])])
            .metadata("lm_head.weight", "model.embed_tokens.weight"),
    )
    .unwrap();
    assert_eq!(layers(&network)[1], ("lm_head.weight", 32, 16, 1));
    assert_eq!(network.description().layers[1].tied_to.as_deref(), Some("model.embed_tokens.weight"));
    network.read(1).unwrap();
}

// ---------------------------------------------------------------- orientation

#[test]
fn stacked_experts_are_as_many_matrices() {
    let network = open(&file(&[
        ("mlp.gate.weight", &[4, 16]),
        ("mlp.experts.gate_up_proj", &[4, 16, 64]),
        ("mlp.experts.down_proj", &[4, 32, 16]),
        ("mlp.experts.gate_up_proj_bias", &[4, 64]),
        ("attn.q_proj.weight", &[16, 16]),
    ]))
    .unwrap();
    assert_eq!(network.layers().len(), 1 + 4 + 4 + 1);
    assert_eq!(layers(&network)[1], ("mlp.experts.gate_up_proj[0]", 64, 16, 1));
    assert_eq!(layers(&network)[8], ("mlp.experts.down_proj[3]", 16, 32, 1));
    assert!(network.layers()[1..9].iter().all(|layer| layer.certainty == Certainty::Proved), "{:?}", network.layers());
}

#[test]
fn gpt2_is_turned_round_and_nanogpt_is_not() {
    let block = |turned: bool| {
        let shape = |out: usize, ins: usize| if turned { [ins, out] } else { [out, ins] };
        let (attn, proj, fc, mlp) = (shape(24, 8), shape(8, 8), shape(32, 8), shape(8, 32));
        open(&file(&[
            ("h.0.attn.c_attn.weight", &attn),
            ("h.0.attn.c_proj.weight", &proj),
            ("h.0.mlp.c_fc.weight", &fc),
            ("h.0.mlp.c_proj.weight", &mlp),
        ]))
        .unwrap()
    };
    let expected = [
        ("h.0.attn.c_attn.weight", 24, 8, 1),
        ("h.0.attn.c_proj.weight", 8, 8, 1),
        ("h.0.mlp.c_fc.weight", 32, 8, 1),
        ("h.0.mlp.c_proj.weight", 8, 32, 1),
    ];
    let (gpt2, nano) = (block(true), block(false));
    assert_eq!((layers(&gpt2), layers(&nano)), (expected.to_vec(), expected.to_vec()));
    let turned =
        |network: &Network, layer: usize| network.description().layers[layer].axes().iter().next() == Some(Axis::In);
    assert!(turned(&gpt2, 0) && turned(&gpt2, 1) && !turned(&nano, 1), "a square matrix is stored as its sisters are");
    assert!(gpt2.layers().iter().all(|layer| layer.certainty == Certainty::Proved));
}

#[test]
fn a_bias_shows_which_dimension_is_the_outputs() {
    let network = open(&file(&[
        ("a.weight", &[64, 3, 3, 3]),
        ("up.weight", &[64, 32, 2, 2]),
        ("up.bias", &[32]),
        ("b.weight", &[5, 32, 1, 1]),
    ]))
    .unwrap();
    let up = &network.layers()[1];
    assert_eq!(
        (up.kind, up.rows, up.cols, up.certainty),
        (LayerKind::TransposedConv { dims: 2 }, 128, 64, Certainty::Proved)
    );
    let without =
        open(&file(&[("a.weight", &[64, 3, 3, 3]), ("up.weight", &[64, 32, 2, 2]), ("b.weight", &[5, 32, 1, 1])]));
    // Without it the network is not planned as if nothing were the matter.
    assert!(without.map_or(true, |network| {
        network.layers()[1].certainty != Certainty::Proved || network.layers()[1].kind == up.kind
    }));
}

#[test]
fn the_layers_behind_show_a_transposed_convolution() {
    let network = open(&file(&[
        ("enc.0.weight", &[16, 3, 3, 3]),
        ("enc.1.weight", &[32, 16, 3, 3]),
        ("up.0.weight", &[32, 16, 2, 2]),
        ("dec.0.weight", &[16, 32, 3, 3]),
        ("up.1.weight", &[16, 8, 4, 4]),
        ("out.weight", &[1, 8, 1, 1]),
    ]))
    .unwrap();
    assert_eq!(layers(&network)[2], ("up.0.weight", 64, 32, 1));
    assert_eq!(layers(&network)[4], ("up.1.weight", 128, 16, 1));
}

#[test]
fn channels_last_kernels() {
    let network = open(&file(&[
        ("conv2d/kernel", &[3, 3, 3, 16]),
        ("conv2d/bias", &[16]),
        ("depthwise_conv2d/depthwise_kernel", &[3, 3, 16, 1]),
        ("conv2d_1/kernel", &[1, 1, 16, 32]),
        ("dense/kernel", &[512, 10]),
        ("batch_normalization/gamma", &[16]),
    ]))
    .unwrap();
    let expected = [
        ("conv2d/kernel", 16, 27, 1),
        ("depthwise_conv2d/depthwise_kernel", 16, 9, 16),
        ("conv2d_1/kernel", 32, 16, 1),
        ("dense/kernel", 10, 512, 1),
    ];
    assert_eq!(layers(&network), expected);
}

#[test]
fn recurrent_layers_of_onnx_and_stacks_of_flax() {
    let network = open(&file(&[
        ("conv1.weight", &[8, 3, 3, 3]),
        ("onnx::GRU_1", &[2, 24]),
        ("onnx::GRU_2", &[2, 12, 8]),
        ("onnx::GRU_3", &[2, 12, 4]),
        ("onnx::MatMul_4", &[8, 3]),
    ]))
    .unwrap();
    assert_eq!(layers(&network)[1..3], [("onnx::GRU_2[0]", 12, 8, 1), ("onnx::GRU_2[1]", 12, 8, 1)]);
    assert_eq!(layers(&network)[5], ("onnx::MatMul_4", 3, 8, 1));
    let stacked = file(&[("layers.mlp.wi.kernel", &[4, 16, 64]), ("layers.mlp.wo.kernel", &[4, 64, 16])]);
    let error = open(&stacked).unwrap_err().to_string();
    assert!(error.contains("axes = \"pick in out\"") && error.contains("--network"), "{error}");
    let reading = Reading { assume: true, ..Reading::default() };
    let assumed = Network::from_bytes_as("net", stacked.bytes(), &reading).unwrap();
    assert_eq!(assumed.layers().len(), 8);
    assert!(assumed.layers().iter().all(|layer| layer.certainty == Certainty::Unknown));
}

// ---------------------------------------------------------------- groups

#[test]
fn the_first_layer_on_one_channel_is_plain() {
    let network = open(&file(&[
        ("basis", &[18, 1, 16]),
        ("encoder.0.weight", &[16, 9, 3]),
        ("head.weight", &[1, 16]),
        ("rnn.weight_hh_l0", &[32, 8]),
        ("rnn.weight_ih_l0", &[32, 16]),
    ]))
    .unwrap();
    assert_eq!(layers(&network)[0], ("basis", 18, 16, 1), "it runs first");
    assert_eq!(network.layers()[4].name, "head.weight");
}

#[test]
fn groups_that_alone_fit() {
    let network = open(&file(&[
        ("stem.0.weight", &[16, 3, 3, 3]),
        ("stem.1.weight", &[32, 16, 3, 3]),
        ("blocks.0.mixer.weight", &[32, 8, 3, 3]),
        ("blocks.0.mlp.fc1.weight", &[64, 32]),
        ("blocks.0.mlp.fc2.weight", &[32, 64]),
        ("blocks.1.mixer.weight", &[32, 8, 3, 3]),
    ]))
    .unwrap();
    assert_eq!((layers(&network)[2].3, layers(&network)[5].3), (4, 4));
    let depthwise = open(&file(&[("a.weight", &[16, 3, 3, 3]), ("dw.weight", &[32, 1, 3, 3])])).unwrap();
    assert_eq!(layers(&depthwise)[1], ("dw.weight", 32, 9, 16), "two outputs of each channel");
}

// ---------------------------------------------------------------- asked, and told

#[test]
fn what_is_unknown_is_asked_and_settled_by_a_description() {
    let weights = file(&[("fc.weight", &[8, 8]), ("thing", &[8, 8])]);
    let error = open(&weights).unwrap_err();
    assert!(matches!(&error, WeightsError::Unknown { count: 1, .. }), "{error}");
    for part in ["`thing` [8, 8]", "axes = \"out in\"", "--network net.toml", "--assume", "--exclude"] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
    let assumed =
        Network::from_bytes_as("net", weights.bytes(), &Reading { assume: true, ..Reading::default() }).unwrap();
    let mut description = assumed.description().clone();
    description.layers[1].axes = "in out".parse().ok();
    description.layers[1].certainty = Certainty::Stated;
    let reading = Reading { description: Some(description), ..Reading::default() };
    let told = Network::from_bytes_as("net", weights.bytes(), &reading).unwrap();
    let (plain, turned) = (assumed.read(1).unwrap(), told.read(1).unwrap());
    for row in 0..8 {
        for col in 0..8 {
            assert_eq!(plain.data[row * 8 + col], turned.data[col * 8 + row]);
        }
    }
}

#[test]
fn metadata_can_hold_the_description() {
    let weights = file(&[("fc.weight", &[4, 8]), ("thing", &[8, 4])]);
    let json = r#"{\"version\":1,\"layer\":[{\"name\":\"thing\",\"kind\":\"linear\",\"vectors\":7}]}"#;
    let network = open(&weights.clone().metadata("elight.network", json)).unwrap();
    assert_eq!(layers(&network), [("thing", 8, 4, 1)]);
    assert_eq!((network.layers()[0].vectors, network.layers()[0].certainty), (Some(7), Certainty::Stated));
    assert!(reason(&network, "fc.weight").contains("description"));
    let wrong = open(&weights.clone().metadata("elight.network", r#"{\"version\":1,\"layers\":[]}"#)).unwrap_err();
    assert!(wrong.to_string().contains("elight.network"), "{wrong}");
    let misfit = r#"{\"version\":1,\"layer\":[{\"name\":\"thing\",\"kind\":\"conv2d\"}]}"#;
    let misfit = open(&weights.metadata("elight.network", misfit)).unwrap_err();
    assert!(matches!(misfit, WeightsError::Layer { .. }), "{misfit}");
}

// ---------------------------------------------------------------- a stranger's file

#[test]
fn names_reach_nobody_unescaped() {
    let weights =
        Weights::new().random("x\\n\\u001b[31mred.weight", &[8, 8], 1).random("\u{202e}evil.weight", &[8, 8], 2);
    let network = open(&weights).unwrap();
    let names: Vec<&str> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["x\\n\\u{1b}[31mred.weight", "\\u{202e}evil.weight"]);
}

#[test]
fn misspelt_keys_are_named() {
    let error = open(&file(&[("fc.weight", &[4, 8])]).metadata("elight.bit", "4")).unwrap_err().to_string();
    assert!(error.contains("`elight.bit`") && error.contains("bits"), "{error}");
}

#[test]
fn files_of_other_kinds_are_one_line() {
    let starts: [(&[u8], &str, &str); 9] = [
        (b"PK\x03\x04", "PyTorch", "export.py net.safetensors"),
        (b"\x80\x02}q\x00", "pickle", "export.py"),
        (b"\x89HDF\r\n", "HDF5", "tf2onnx"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite", "tf2onnx"),
        (b"GGUF\x03", "GGUF", "huggingface-cli"),
        (b"<!DOCTYPE html><html>", "web page", "download"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS", "git lfs pull"),
        (b"elight\0\x01", "schedule", "inspect"),
        (b"{\"weight_map\": {}}", "JSON", ".json"),
    ];
    for (start, what, cure) in starts {
        let error =
            Network::from_bytes("net.safetensors", [start, &[b' '; 64]].concat(), Layout::Auto, &Filter::default());
        let error = error.unwrap_err();
        assert!(matches!(error, WeightsError::Foreign { .. }), "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(cure) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn a_folder_has_one_network() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Network::open(folder.path(), Layout::Auto, &Filter::default());
    assert!(open().unwrap_err().to_string().contains("no weights"));
    std::fs::write(folder.path().join("pytorch_model.bin"), "pickle").unwrap();
    assert!(open().unwrap_err().to_string().contains("export.py"));
    std::fs::write(folder.path().join("a.safetensors"), file(&[("fc.weight", &[4, 8])]).bytes()).unwrap();
    assert_eq!(open().unwrap().layers().len(), 1);
    std::fs::write(folder.path().join("b.safetensors"), file(&[("fc.weight", &[5, 8])]).bytes()).unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains("a.safetensors, b.safetensors"), "{error}");
    std::fs::write(folder.path().join("model.safetensors"), file(&[("fc.weight", &[6, 8])]).bytes()).unwrap();
    assert_eq!(open().unwrap().layers()[0].rows, 6);
}

#[test]
fn shards_that_contradict_each_other_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let shard = |name: &str, tensor: &str, bits: &str| {
        let weights = file(&[(tensor, &[4, 8])]).metadata("elight.bits", bits);
        std::fs::write(folder.path().join(name), weights.bytes()).unwrap();
    };
    let index = folder.path().join("model.safetensors.index.json");
    let map = "\u{feff}{\"weight_map\":{\"a.weight\":\"1.safetensors\",\"b.weight\":\"2.safetensors\"}}";
    std::fs::write(&index, map).unwrap();
    shard("1.safetensors", "a.weight", "4");
    shard("2.safetensors", "b.weight", "4");
    assert_eq!(Network::open(folder.path(), Layout::Auto, &Filter::default()).unwrap().layers().len(), 2);
    shard("2.safetensors", "b.weight", "2");
    let error = Network::open(&index, Layout::Auto, &Filter::default()).unwrap_err();
    assert!(matches!(&error, WeightsError::Contradiction { key, .. } if key == "elight.bits"), "{error}");
}

#[test]
fn kinds_have_their_axes() {
    assert_eq!(Operation::TransposedConv1d.usual_axes().to_string(), "in out k");
}
