//! Public architectures by names and shapes, against a table of truth that was taken from their modules.
//!
//! Each line of `tests/networks/*.txt` is a tensor of the state dict: its name, its type, its shape, and what it is:
//! `linear`, `in_out` (a linear layer stored the other way round), `conv g=N`, `transposed g=N`, `table`, `length` (of weight normalization), or
//! `-`, whatever else.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use elight::weights::{Certainty, Network, Reading};

struct Line {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    truth: String,
}

fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let shape = fields[2].split('x').filter(|size| !size.is_empty()).map(|size| size.parse().unwrap()).collect();
        Line { name: fields[0].into(), dtype: fields[1].into(), shape, truth: fields[3].into() }
    };
    text.lines().map(line).collect()
}

/// A file with these tensors, whose data is a hole: it takes no room.
fn hollow(lines: &[Line], path: &Path) {
    let mut header = String::from("{\"__metadata__\":{}");
    let mut at = 0;
    for Line { name, dtype, shape, .. } in lines {
        let size = match dtype.as_str() {
            "F32" => 4,
            "I64" => 8,
            _ => 1,
        };
        let end = at + size * shape.iter().product::<usize>();
        header += &format!(",\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{at},{end}]}}");
        at = end;
    }
    header.push('}');
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len((8 + header.len() + at) as u64).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
}

/// What a line should be read as: kind, groups.
fn expected(line: &Line) -> Option<(String, usize)> {
    let dims = line.shape.len().saturating_sub(2);
    let groups = |text: &str| text.split_once("g=").map_or(1, |(_, groups)| groups.parse().unwrap());
    match line.truth.split(' ').next().unwrap() {
        "linear" => Some(("out in".into(), 1)),
        "in_out" => Some(("in out".into(), 1)),
        "conv" => Some((format!("out in{}", " k".repeat(dims)), groups(&line.truth))),
        "transposed" => Some((format!("in out{}", " k".repeat(dims)), groups(&line.truth))),
        _ => None,
    }
}

/// What became of a network's tensors.
#[derive(Debug, Default)]
struct Score {
    right: usize,
    /// Right, but not proved.
    assumed: usize,
    /// Wrong, and said to be assumed.
    loud: Vec<String>,
    /// Wrong, and said to be proved, or left out.
    silent: Vec<String>,
    unknown: usize,
}

fn score(lines: &[Line], network: &Network) -> Score {
    let mut score = Score::default();
    let layers = network.description().layers.iter().zip(network.layers());
    let found: BTreeMap<&str, _> = layers.map(|(layer, info)| (layer.tensor(), (layer, info))).collect();
    for line in lines {
        let (right, certainty, read) = match (expected(line), found.get(line.name.as_str())) {
            (None, None) => continue,
            (None, Some((_, info))) => (false, info.certainty, "planned".to_owned()),
            (Some(_), None) => (false, Certainty::Proved, "left out".to_owned()),
            (Some((axes, groups)), Some((layer, info))) => {
                let read = format!("{} in {} groups", layer.axes(), info.groups);
                (layer.axes().to_string() == axes && info.groups == groups, info.certainty, read)
            }
        };
        let told = || format!("{} {:?} ({}) is {read}", line.name, line.shape, line.truth);
        match (right, certainty) {
            (true, Certainty::Proved | Certainty::Stated) => score.right += 1,
            (true, Certainty::Assumed) => score.assumed += 1,
            (_, Certainty::Unknown) => score.unknown += 1,
            (false, Certainty::Assumed) => score.loud.push(told()),
            (false, _) => score.silent.push(told()),
        }
    }
    score
}

/// Each network as PyTorch defines it, and sorted by type and name, as the usual writer saves it.
fn scores() -> Vec<(String, Score)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/networks");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let sandbox = tempfile::tempdir().unwrap();
    let mut scores = Vec::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut table = lines(path);
        for order in ["defined", "sorted"] {
            if order == "sorted" {
                table.sort_by(|a, b| (&a.dtype, &a.name).cmp(&(&b.dtype, &b.name)));
            }
            let file = sandbox.path().join("net.safetensors");
            hollow(&table, &file);
            let network = Network::open_as(&file, &Reading { assume: true, ..Reading::default() }).unwrap();
            scores.push((format!("{name}, {order}"), score(&table, &network)));
        }
    }
    scores
}

#[test]
fn no_network_is_read_wrongly_in_silence() {
    let scores = scores();
    assert!(scores.len() >= 80, "40 networks, in two orders");
    for (name, score) in &scores {
        assert!(score.silent.is_empty(), "{name}: {:#?}", score.silent);
        assert!(score.right + score.assumed + score.unknown + score.loud.len() > 0, "{name}: no layer");
    }
    let sum = |of: fn(&Score) -> usize| scores.iter().map(|(_, score)| of(score)).sum::<usize>();
    let (right, assumed, loud) = (sum(|s| s.right), sum(|s| s.assumed), sum(|s| s.loud.len()));
    println!(
        "{right} proved and right, {assumed} assumed and right, {loud} assumed and wrong, {} unknown",
        sum(|s| s.unknown)
    );
    let all = right + assumed + loud;
    assert!(right * 100 > 90 * all, "{right} of {all} are proved");
    assert!(loud * 100 < all, "{loud} of {all} are wrong");
}

/// What PyTorch users save is planned without a further word, and rightly.
#[test]
fn usual_networks_need_no_further_word() {
    let usual = [
        "torchvision-resnet",
        "torchvision-wide_resnet",
        "torchvision-resnext",
        "torchvision-vgg",
        "torchvision-mobilenet",
        "torchvision-efficientnet",
        "torchvision-vit",
        "hf-bert",
        "hf-roberta",
        "hf-distilbert",
        "hf-vit,",
        "hf-llama",
        "hf-gpt2",
        "own-lstm",
        "own-gru",
        "own-lenet",
        "own-vae",
        "torchvision-alexnet",
        "torchvision-convnext",
        "torchvision-densenet",
        "torchvision-swin",
        "timm-deit",
    ];
    let mut seen = 0;
    for (name, score) in scores().iter().filter(|(name, _)| usual.iter().any(|usual| name.starts_with(usual))) {
        seen += 1;
        assert_eq!((score.unknown, &score.loud[..]), (0, &[][..]), "{name}");
    }
    assert!(seen >= 40, "{seen}");
}
