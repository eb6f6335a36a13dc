//! The order in which the network runs its tensors.
//!
//! A file does not say it. Two sources are worth using:
//!
//! - *where the data lies*: converters write tensors as they meet them, in the order of the model's definition;
//! - *names*, when the writer sorted: the usual `save_file` lays tensors out by type, then by name, and then the place of
//!   the data says nothing (`layer.10` comes before `layer.2`, `fc` before `layer1`).
//!
//! So: data order, unless the data is in a sorting writer's order; then natural order of the names (numbers by value)
//! with what the words of a name say about first and last (`stem`, `head`...).

use std::cmp::Ordering;

use super::description::OrderSource;
use super::file::Tensor;
use super::recognise::{parts, words};

/// Sorts `(file, tensor)` pairs, which come in the order of files and of data within each, into the model's order.
/// Only when every file was sorted by its writer do names decide; one unsorted shard shows that places have meaning.
pub(super) fn sort_to_model_order(tensors: &mut [(usize, Tensor)]) -> OrderSource {
    let sorted = tensors.chunk_by(|a, b| a.0 == b.0).all(sorted_by_writer);
    if !sorted {
        return OrderSource::Stored;
    }
    tensors.sort_by_cached_key(|(_, tensor)| name_key(&tensor.name));
    OrderSource::Names
}

/// Whether a file's tensors lie in the order of their names, over all or within each type.
fn sorted_by_writer(file: &[(usize, Tensor)]) -> bool {
    let ascending = |tensors: &[(usize, Tensor)]| tensors.is_sorted_by(|a, b| a.1.name <= b.1.name);
    let runs: Vec<_> = file.chunk_by(|a, b| a.1.dtype == b.1.dtype).collect();
    let one_run_each = runs.iter().enumerate().all(|(i, run)| runs[..i].iter().all(|r| r[0].1.dtype != run[0].1.dtype));
    ascending(file) || (one_run_each && runs.into_iter().all(ascending))
}

/// A piece of a name: numbers compare by value (fewer digits first, then digit by digit) and come before text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(usize, String),
    Text(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let chunks = text.as_bytes().chunk_by(|a, b| is_digit(a) == is_digit(b));
    let piece = |chunk: &[u8]| {
        let chunk_text = String::from_utf8_lossy(chunk).into_owned();
        match chunk.first().is_some_and(is_digit) {
            true => Piece::Number(chunk_text.trim_start_matches('0').len(), chunk_text.trim_start_matches('0').into()),
            false => Piece::Text(chunk_text),
        }
    };
    chunks.map(piece).collect()
}

/// Natural order of two texts: `shard-2` before `shard-10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    pieces(a).cmp(&pieces(b)).then_with(|| a.cmp(b))
}

/// Names compare part by part: among siblings, first by what their words say, then naturally.
fn name_key(name: &str) -> (Vec<(u8, Vec<Piece>)>, String) {
    (parts(name).map(|part| (place(part), pieces(part))).collect(), name.to_owned())
}

/// Where a module runs among its siblings, as far as its words tell: 0 first, 2 do not know, 4 last.
fn place(part: &str) -> u8 {
    const LAST: [&str; 4] = ["classifier", "logits", "fc", "last"];
    // The way into the second half of a transformer's block, before its way out.
    const INTO: [&str; 4] = ["c_fc", "fc_in", "dense_h_to_4h", "wi"];
    const LATE: [&str; 4] = ["head", "output", "out", "final"];
    const FIRST: [&str; 11] =
        ["stem", "stft", "basis", "frontend", "feature", "extractor", "patch", "input", "in", "ih", "emb"];
    const EARLY: [&str; 6] = ["encoder", "backbone", "trunk", "attn", "attention", "expand"];
    let words = words(part);
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let projection = matches!(part, "proj" | "o_proj" | "down_proj" | "c_proj"); // the way out of an attention or a gated MLP
    match () {
        () if INTO.contains(&part) => 2,
        () if any(&LAST) => 4,
        () if any(&LATE) || projection => 3,
        () if any(&FIRST) || words.iter().any(|word| word.starts_with("embed")) => 0,
        () if any(&EARLY) => 1,
        () => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;

    fn order(files: &[&[(&str, Dtype)]]) -> Vec<String> {
        let tensor = |name: &str, dtype| Tensor { name: name.into(), dtype, shape: vec![], range: 0..0 };
        let mut tensors: Vec<(usize, Tensor)> = Vec::new();
        for (file, names) in files.iter().enumerate() {
            tensors.extend(names.iter().map(|(name, dtype)| (file, tensor(name, *dtype))));
        }
        sort_to_model_order(&mut tensors);
        tensors.into_iter().map(|(_, tensor)| tensor.name).collect()
    }

    #[test]
    fn an_unsorted_file_keeps_its_order() {
        let names = [("stft", Dtype::F32), ("conv1", Dtype::F32), ("lstm", Dtype::F32), ("final", Dtype::F32)];
        assert_eq!(order(&[&names]), ["stft", "conv1", "lstm", "final"]);
    }

    #[test]
    fn a_sorted_file_is_ordered_by_names() {
        let names = ["conv1.weight", "fc.weight", "layer1.0.w", "layer1.10.w", "layer1.2.w"].map(|n| (n, Dtype::F32));
        assert_eq!(order(&[&names]), ["conv1.weight", "layer1.0.w", "layer1.2.w", "layer1.10.w", "fc.weight"]);
    }

    #[test]
    fn sorted_within_each_type_counts_as_sorted() {
        let names = [("steps", Dtype::I64), ("a.10", Dtype::F32), ("a.2", Dtype::F32), ("b", Dtype::F16)];
        assert_eq!(order(&[&names]), ["a.2", "a.10", "b", "steps"]);
        let mixed = [("a.10", Dtype::F32), ("steps", Dtype::I64), ("a.2", Dtype::F32), ("b", Dtype::F16)];
        assert_eq!(order(&[&mixed]), ["a.10", "steps", "a.2", "b"]);
    }

    #[test]
    fn shards_sorted_each_for_themselves_are_ordered_together() {
        let first = ["l.1", "l.10", "l.2"].map(|n| (n, Dtype::F32));
        let second = ["head", "l.11", "l.9"].map(|n| (n, Dtype::F32));
        assert_eq!(order(&[&first, &second]), ["l.1", "l.2", "l.9", "l.10", "l.11", "head"]);
    }

    #[test]
    fn one_unsorted_shard_keeps_all_places() {
        let first = ["stem", "b"].map(|n| (n, Dtype::F32));
        let second = ["a", "c"].map(|n| (n, Dtype::F32));
        assert_eq!(order(&[&first, &second]), ["stem", "b", "a", "c"]);
    }

    #[test]
    fn a_transformer_block_runs_attention_first() {
        let names = [
            "lm_head.weight",
            "model.embed_tokens.weight",
            "model.layers.0.mlp.down_proj.weight",
            "model.layers.0.mlp.gate_proj.weight",
            "model.layers.0.mlp.up_proj.weight",
            "model.layers.0.self_attn.k_proj.weight",
            "model.layers.0.self_attn.o_proj.weight",
            "model.layers.0.self_attn.q_proj.weight",
        ];
        let expected = [1, 5, 7, 6, 3, 4, 2, 0].map(|i| names[i]);
        assert_eq!(order(&[&names.map(|n| (n, Dtype::F32))]), expected);
    }

    #[test]
    fn numbers_compare_by_value_however_long() {
        assert_eq!(natural("s-9", "s-10"), Ordering::Less);
        assert_eq!(natural("s-0009", "s-10"), Ordering::Less);
        assert_eq!(natural("s-18446744073709551616", "s-18446744073709551615"), Ordering::Greater);
        assert_eq!(natural("conv2d", "conv2d_1"), Ordering::Less);
        assert_eq!(natural("a01", "a1"), Ordering::Less); // equal values: the text decides
    }
}
