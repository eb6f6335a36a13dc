//! Weights files, good and bad, through the public interface; and real networks where they are at hand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use elight::weights::{Filter, LayerKind, Layout, Network, WeightType, WeightsError};
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A file's bytes from a header and data, without any check: the way to lie.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A file in the given order (the crate's writer would sort), F32, weights 0, 1, 2...
fn file(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    file_with("{}", tensors)
}

fn file_with(metadata: &str, tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut header = format!("{{\"__metadata__\":{metadata}");
    let mut data = Vec::new();
    for (name, shape) in tensors {
        let start = data.len();
        let count: usize = shape.iter().product();
        data.extend((0..count).flat_map(|i| (i as f32).to_le_bytes()));
        let end = data.len();
        header += &format!(",\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}");
    }
    raw(&(header + "}"), &data)
}

/// A file as the usual writer makes it: sorted by type and name.
fn saved(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name.to_string(), TensorView::new(*dtype, shape.to_vec(), data).unwrap()));
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

fn open(bytes: Vec<u8>) -> Result<Network, WeightsError> {
    Network::from_bytes("test.safetensors", bytes, Layout::Auto, &Filter::default())
}

fn filter(include: &[&str], exclude: &[&str]) -> Filter {
    let owned = |globs: &[&str]| globs.iter().map(|glob| glob.to_string()).collect::<Vec<_>>();
    Filter::new(&owned(include), &owned(exclude)).unwrap()
}

fn names(network: &Network) -> Vec<&str> {
    network.layers().iter().map(|layer| layer.name.as_str()).collect()
}

fn reason<'a>(network: &'a Network, name: &str) -> &'a str {
    &network.skipped().iter().find(|skipped| skipped.name == name).expect(name).reason
}

// ---------------------------------------------------------------- what is read

#[test]
fn every_weight_type_reads_the_same_weights() {
    let weights = [0.5f32, -1.25, 0.0, 3.0, -0.0078125, 96.0];
    let f64s = weights.iter().flat_map(|w| f64::from(*w).to_le_bytes()).collect();
    let f32s = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let f16s = weights.iter().flat_map(|w| half::f16::from_f32(*w).to_le_bytes()).collect();
    let bf16s = weights.iter().flat_map(|w| half::bf16::from_f32(*w).to_le_bytes()).collect();
    let shape: &[usize] = &[2, 3];
    let network = open(saved(&[
        ("a.weight", Dtype::F64, shape, f64s),
        ("b.weight", Dtype::F32, shape, f32s),
        ("c.weight", Dtype::F16, shape, f16s),
        ("d.weight", Dtype::BF16, shape, bf16s),
    ]))
    .unwrap();
    let types: Vec<_> = network.layers().iter().map(|layer| layer.dtype).collect();
    assert_eq!(types, [WeightType::F64, WeightType::F32, WeightType::F16, WeightType::Bf16]);
    for layer in 0..4 {
        let matrix = network.read(layer).unwrap();
        assert_eq!((matrix.rows, matrix.cols, &matrix.data[..]), (2, 3, &weights[..]), "layer {layer}");
    }
    assert!(matches!(network.read(4), Err(WeightsError::NoSuchLayer { layer: 4, count: 4 })));
}

#[test]
fn unaligned_data_reads() {
    for pad in 0..8 {
        let header = r#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[3,19]},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#;
        let data: Vec<u8> =
            [7u8; 3].into_iter().chain([1f32, 2.0, 3.0, 4.0].iter().flat_map(|w| w.to_le_bytes())).collect();
        let network = open(raw(&(header.to_owned() + &" ".repeat(pad)), &data)).unwrap();
        assert_eq!(network.read(0).unwrap().data, [1.0, 2.0, 3.0, 4.0], "{pad} spaces");
    }
}

#[test]
fn other_types_and_dimensions_are_skipped_and_listed() {
    let network = open(saved(&[
        ("w.weight", Dtype::F32, &[2, 2], vec![0; 16]),
        ("w.bias", Dtype::F32, &[2], vec![0; 8]),
        ("steps", Dtype::I64, &[], vec![0; 8]),
        ("table", Dtype::I8, &[4, 4], vec![0; 16]),
        ("empty.weight", Dtype::F32, &[0, 4], vec![]),
        ("deep.weight", Dtype::F16, &[1, 2, 1, 2, 1, 1], vec![0; 8]),
    ]))
    .unwrap();
    assert_eq!(names(&network), ["w.weight"]);
    assert_eq!(network.skipped().len(), 5);
    assert!(reason(&network, "w.bias").contains("1-dimensional"));
    assert!(reason(&network, "steps").contains("0-dimensional"));
    assert!(reason(&network, "table").contains("I8"));
    assert!(reason(&network, "empty.weight").contains("[0, 4]"));
    assert!(reason(&network, "deep.weight").contains("6 dimensions"));
}

#[test]
fn metadata_states_groups() {
    let metadata = r#"{"elight.groups.b.weight":"4","note":"hello"}"#;
    let tensors: [(&str, &[usize]); 2] = [("z.weight", &[8, 3, 3, 3]), ("b.weight", &[16, 2, 1, 1])];
    let network = open(file_with(metadata, &tensors)).unwrap();
    let layer = &network.layers()[1];
    assert_eq!((layer.kind, layer.groups, layer.cols), (LayerKind::GroupedConv { dims: 2 }, 4, 2));
    assert_eq!([0, 3, 4, 15].map(|row| layer.input_base(row)), [0, 0, 2, 6]);
    assert_eq!(network.metadata()["note"], "hello");
    let wrong = file_with(r#"{"elight.groups.b.weight":"5"}"#, &tensors);
    assert!(open(wrong).unwrap_err().to_string().contains("`5`"));
    let misspelt = file_with(r#"{"elight.groups.c.weight":"4"}"#, &tensors);
    assert!(matches!(open(misspelt), Err(WeightsError::GroupsOfNothing { tensor, .. }) if tensor == "c.weight"));
}

#[test]
fn layouts_decide_what_a_tensor_is() {
    let tensors: [(&str, &[usize]); 4] =
        [("l.weight", &[2, 3, 4, 4]), ("wte.weight", &[5, 6]), ("c.weight", &[4, 2, 3, 1]), ("norm.bias", &[1, 4])];
    let open = |layout| Network::from_bytes("test", file(&tensors), layout, &Filter::default()).unwrap();

    let auto = open(Layout::Auto);
    assert_eq!(names(&auto), ["l.weight", "c.weight"]);
    assert_eq!((auto.layers()[0].rows, auto.layers()[0].cols), (2, 48));

    let matrix = open(Layout::Matrix);
    assert_eq!(names(&matrix), ["l.weight", "wte.weight", "c.weight", "norm.bias"]);
    assert!(matrix.layers().iter().all(|layer| layer.kind == LayerKind::Linear && layer.groups == 1));

    let blocks = open(Layout::Blocks);
    assert_eq!(names(&blocks), ["l.weight"]);
    assert_eq!(blocks.layers()[0].kind, LayerKind::Blocks { p: 2, q: 3, k: 4 });
    let read = blocks.read(0).unwrap();
    assert_eq!((read.rows, read.cols), (8, 12));
    for (i, j, r, c) in [(0, 0, 0, 0), (0, 2, 3, 1), (1, 0, 2, 3), (1, 2, 3, 3)] {
        let stored = ((i * 3 + j) * 4 + r) * 4 + c;
        assert_eq!(read.data[(i * 4 + r) * 12 + j * 4 + c], stored as f32, "block {i},{j} element {r},{c}");
    }
    assert!(reason(&blocks, "c.weight").contains("[P, Q, k, k]"));
}

#[test]
fn layouts_parse_from_text() {
    for layout in [Layout::Auto, Layout::Matrix, Layout::Blocks] {
        assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
    }
    assert!("block".parse::<Layout>().unwrap_err().to_string().contains("auto, matrix, blocks"));
}

// ---------------------------------------------------------------- filters

#[test]
fn filters_choose_and_exact_names_insist() {
    let tensors: [(&str, &[usize]); 4] = [
        ("z.stem.weight", &[4, 3, 3, 3]),
        ("b.dw.weight", &[4, 1, 3, 3]),
        ("emb.weight", &[9, 4]),
        ("a.fc.weight", &[2, 4]),
    ];
    let open = |filter: Filter| Network::from_bytes("test", file(&tensors), Layout::Auto, &filter);

    let network = open(filter(&["*"], &["a.*"])).unwrap();
    assert_eq!(names(&network), ["z.stem.weight", "b.dw.weight"]);
    assert!(reason(&network, "a.fc.weight").contains("`a.*`"));
    assert!(reason(&network, "emb.weight").contains("lookup table"));

    let network = open(filter(&["emb.weight", "b.*"], &[])).unwrap();
    assert_eq!(names(&network), ["b.dw.weight", "emb.weight"]);
    assert_eq!(network.layers()[0].groups, 4, "the excluded stem still shows that this is not the first layer");

    let error = open(filter(&["layer9.*"], &[])).unwrap_err();
    assert!(matches!(&error, WeightsError::NoMatch { glob, .. } if glob == "layer9.*"));
    assert!(error.to_string().contains("z.stem.weight"), "{error}");

    let error = open(filter(&[], &["*"])).unwrap_err();
    assert!(matches!(error, WeightsError::NoLayers { .. }));
    assert!(error.to_string().contains("excluded by the pattern `*`"), "{error}");
}

// ---------------------------------------------------------------- bad values

#[test]
fn bad_weights_are_located() {
    let mut weights = [0.25f32; 3 * 2 * 2 * 2];
    for (bad, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        weights[13] = bad;
        let data: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        let bytes = saved(&[("conv.weight", Dtype::F32, &[3, 2, 2, 2], data)]);
        for layout in [Layout::Auto, Layout::Matrix, Layout::Blocks] {
            let network = Network::from_bytes("m.safetensors", bytes.clone(), layout, &Filter::default()).unwrap();
            let error = network.read(0).unwrap_err();
            assert!(matches!(&error, WeightsError::NotFinite { flat: 13, index, .. } if index == &[1, 1, 0, 1]));
            for part in ["m.safetensors", "`conv.weight`", "[1, 1, 0, 1]", "flat index 13", text] {
                assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
            }
        }
    }
}

#[test]
fn doubles_beyond_f32_are_located() {
    let data: Vec<u8> = [0.0, 1e39f64].iter().flat_map(|w| w.to_le_bytes()).collect();
    let network = open(saved(&[("fc.weight", Dtype::F64, &[1, 2], data)])).unwrap();
    let error = network.read(0).unwrap_err();
    assert!(matches!(&error, WeightsError::TooLarge { flat: 1, value: 1e39, .. }), "{error}");
}

// ---------------------------------------------------------------- bad files

#[test]
fn every_truncation_is_an_error() {
    let whole = file(&[("a.weight", &[3, 4]), ("a.bias", &[3]), ("b.weight", &[2, 3, 2, 2])]);
    open(whole.clone()).unwrap();
    for length in 0..whole.len() {
        let error = open(whole[..length].to_vec()).unwrap_err();
        assert!(error.to_string().contains("test.safetensors"), "{length}: {error}");
        if length == 0 {
            assert!(matches!(error, WeightsError::Empty { .. }));
        }
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(open(longer), Err(WeightsError::Length { .. })));
}

#[test]
fn lying_headers_are_errors() {
    let entry = |body: &str| raw(&format!("{{\"a.weight\":{{{body}}}}}"), &[0; 16]);
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("length 2^60", [&(1u64 << 60).to_le_bytes()[..], &[0; 64]].concat()),
        ("length 2^64 - 1", [&u64::MAX.to_le_bytes()[..], &[0; 64]].concat()),
        ("length beyond the file", [&65u64.to_le_bytes()[..], &[b' '; 64]].concat()),
        ("header of zeros", vec![0; 64]),
        ("no JSON", raw("hello", &[])),
        ("not an object", raw("[1,2]", &[])),
        ("not UTF-8", [&4u64.to_le_bytes()[..], &[0xff, 0xfe, b'{', b'}']].concat()),
        ("deep nesting", raw(&"[".repeat(100_000), &[])),
        ("unknown type", entry(r#""dtype":"F33","shape":[2,2],"data_offsets":[0,16]"#)),
        ("shape too small", entry(r#""dtype":"F32","shape":[2,1],"data_offsets":[0,16]"#)),
        ("shape overflows", entry(r#""dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]"#)),
        ("bytes overflow", entry(r#""dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,16]"#)),
        ("negative shape", entry(r#""dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]"#)),
        ("backward offsets", entry(r#""dtype":"F32","shape":[2,2],"data_offsets":[16,0]"#)),
        ("a gap in front", entry(r#""dtype":"F32","shape":[1,2],"data_offsets":[8,16]"#)),
        ("data left over", entry(r#""dtype":"F32","shape":[1,2],"data_offsets":[0,8]"#)),
        ("data beyond the end", entry(r#""dtype":"F32","shape":[2,4],"data_offsets":[0,32]"#)),
        ("half a byte", entry(r#""dtype":"F4","shape":[3],"data_offsets":[0,2]"#)),
        ("missing field", entry(r#""dtype":"F32","shape":[2,2]"#)),
        ("metadata of numbers", raw(r#"{"__metadata__":{"a":1}}"#, &[])),
        (
            "overlap",
            raw(
                r#"{"a.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}"#,
                &[0; 16],
            ),
        ),
        (
            "one name twice",
            raw(
                r#"{"a.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"a.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}"#,
                &[0; 16],
            ),
        ),
    ];
    for (lie, bytes) in lies {
        let error = open(bytes).expect_err(lie);
        let expected = matches!(error, WeightsError::Header { .. } | WeightsError::Length { .. });
        assert!(expected, "{lie}: {error:?}");
    }
}

/// Tensors whose sizes add up to just below 2^64, so that a sum with the header's length wraps around to the length of
/// the file.
#[test]
fn sizes_that_wrap_around_are_errors() {
    const EACH: u64 = (1 << 61) - 1;
    let mut entries = Vec::new();
    let mut start = 0u64;
    for i in 0..9 {
        let size = if i < 8 { EACH } else { 7 };
        entries.push(format!(r#""t{i}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{}]}}"#, start + size));
        start += size;
    }
    assert_eq!(start, u64::MAX);
    let error = open(raw(&format!("{{{}}}", entries.join(",")), &[])).unwrap_err();
    assert!(matches!(error, WeightsError::Length { .. }), "{error:?}");
}

#[test]
fn other_formats_are_named() {
    let start = |magic: &[u8]| open([magic, &[0x20; 200]].concat()).unwrap_err().to_string();
    assert!(start(b"PK\x03\x04\x00\x00\x08\x08").contains("PyTorch"));
    assert!(start(b"\x89HDF\r\n\x1a\n").contains("HDF5"));
    assert!(start(b"GGUF\x03\x00\x00\x00\x10\x00").contains("GGUF"));
    assert!(start(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
}

#[test]
fn files_without_layers_say_why() {
    let error = open(file(&[("a.bias", &[4]), ("b.bias", &[2])])).unwrap_err();
    assert!(matches!(error, WeightsError::NoLayers { .. }));
    assert!(error.to_string().contains("`a.bias`: it is 1-dimensional"), "{error}");
    assert!(open(raw("{}", &[])).unwrap_err().to_string().contains("no tensors"));
}

fn small_file() -> Vec<u8> {
    file(&[("a.weight", &[3, 4]), ("a.bias", &[3]), ("dw.weight", &[3, 1, 2, 2]), ("b.weight", &[2, 3, 2, 2])])
}

#[test]
fn no_single_bit_flip_panics() {
    let whole = small_file();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        read_all(bytes);
    }
}

proptest! {
    #[test]
    fn no_damage_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>(), cut_it: bool) {
        let mut bytes = small_file();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut_it {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(bytes);
    }

    #[test]
    fn no_random_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(bytes);
    }
}

/// Opens and reads in every layout. What opens must keep its promises.
fn read_all(bytes: Vec<u8>) {
    for layout in [Layout::Auto, Layout::Matrix, Layout::Blocks] {
        let Ok(network) = Network::from_bytes("damaged", bytes.clone(), layout, &Filter::default()) else { continue };
        for (number, layer) in network.layers().iter().enumerate() {
            assert!(layer.rows > 0 && layer.cols > 0 && layer.rows % layer.groups == 0);
            assert_eq!(layer.weights(), layer.shape.iter().product::<usize>());
            assert!(layer.input_base(layer.rows - 1) + layer.cols <= layer.inputs());
            match network.read(number) {
                Ok(matrix) => {
                    assert!(matrix.data.len() == layer.weights() && matrix.data.iter().all(|w| w.is_finite()))
                }
                Err(error) => assert!(matches!(error, WeightsError::NotFinite { .. }), "{error}"),
            }
        }
    }
}

// ---------------------------------------------------------------- files on disk, shards

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn open_path(path: &Path) -> Result<Network, WeightsError> {
    Network::open(path, Layout::Auto, &Filter::default())
}

#[test]
fn paths_that_are_no_files() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open_path(folder.path()), Err(WeightsError::Folder { .. })));
    assert!(matches!(open_path(&folder.path().join("none.safetensors")), Err(WeightsError::Io { .. })));
    assert!(matches!(open_path(&folder.path().join("none.index.json")), Err(WeightsError::Io { .. })));
    assert!(matches!(open_path(&write(folder.path(), "e.safetensors", b"")), Err(WeightsError::Empty { .. })));
    assert!(matches!(open_path(&write(folder.path(), "e.index.json", b"")), Err(WeightsError::Empty { .. })));
    #[cfg(unix)]
    assert!(matches!(open_path(Path::new("/dev/zero")), Err(WeightsError::NotAFile { .. })));
}

const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";

/// A set of two shards, each sorted by its writer.
fn sharded(folder: &Path, index: &str) -> PathBuf {
    let shape: &[usize] = &[2, 2];
    let weights = |first: f32| (0..4).flat_map(|i| (first + i as f32).to_le_bytes()).collect::<Vec<u8>>();
    write(
        folder,
        FIRST,
        &saved(&[("l.10.weight", Dtype::F32, shape, weights(10.0)), ("l.2.weight", Dtype::F32, shape, weights(2.0))]),
    );
    write(
        folder,
        SECOND,
        &saved(&[("head.weight", Dtype::F32, shape, weights(99.0)), ("l.9.weight", Dtype::F32, shape, weights(9.0))]),
    );
    write(folder, "model.safetensors.index.json", index.as_bytes())
}

fn index(entries: &[(&str, &str)]) -> String {
    let map: HashMap<_, _> = entries.iter().copied().collect();
    serde_json::json!({ "metadata": { "total_size": 64 }, "weight_map": map }).to_string()
}

#[test]
fn a_sharded_set_reads_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [("l.2.weight", FIRST), ("l.10.weight", FIRST), ("l.9.weight", SECOND), ("head.weight", SECOND)];
    let network = open_path(&sharded(folder.path(), &index(&entries))).unwrap();
    assert_eq!(names(&network), ["l.2.weight", "l.9.weight", "l.10.weight", "head.weight"]);
    let firsts: Vec<f32> = (0..4).map(|layer| network.read(layer).unwrap().data[0]).collect();
    assert_eq!(firsts, [2.0, 9.0, 10.0, 99.0]);
    assert!(network.layers()[1].file.ends_with(SECOND));
}

#[test]
fn tensors_beside_the_index_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let network = open_path(&sharded(folder.path(), &index(&[("l.2.weight", FIRST)]))).unwrap();
    assert_eq!(names(&network), ["l.2.weight"]);
    assert!(reason(&network, "l.10.weight").contains("the index does not take it"));
}

#[test]
fn bad_sharded_sets_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = |text: &str| open_path(&sharded(folder.path(), text)).unwrap_err();

    let missing = error(&index(&[("l.2.weight", FIRST), ("x", "model-00003-of-00003.safetensors")]));
    assert!(matches!(&missing, WeightsError::MissingShard { shard, .. } if shard.contains("00003")), "{missing}");

    let moved = error(&index(&[("l.9.weight", FIRST)]));
    assert!(matches!(&moved, WeightsError::MissingTensor { tensor, .. } if tensor == "l.9.weight"), "{moved}");

    for shard in
        ["../evil.safetensors", "/etc/passwd", "..", ".", "", "a/b.safetensors", "./a.safetensors", "..\\x", "a/"]
    {
        let error = error(&index(&[("l.2.weight", shard)]));
        assert!(matches!(error, WeightsError::Index { .. }), "{shard}: {error}");
    }
    for text in ["{", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":{"a":1}}"#, "\u{0}"] {
        let error = error(text);
        assert!(matches!(error, WeightsError::Index { .. }), "{text}: {error}");
    }

    write(folder.path(), "cut.safetensors", &std::fs::read(folder.path().join(FIRST)).unwrap()[..100]);
    let cut = error(&index(&[("l.2.weight", "cut.safetensors")]));
    assert!(cut.to_string().contains("cut.safetensors"), "{cut}");
}
