//! Files of other kinds, where weights are expected: what they are, and the command that makes weights of them.

use std::path::Path;

use super::WeightsError;

/// Names a file that is no weights by how it begins. (Weights may begin with the same bytes: asked is when they make no sense.)
pub(super) fn named(path: &Path, bytes: &[u8]) -> Option<WeightsError> {
    let shown = path.display();
    let text = || bytes.get(..256).unwrap_or(bytes).trim_ascii_start().to_ascii_lowercase();
    let found = |what, cure| Some(WeightsError::Foreign { path: path.to_owned(), what, cure });
    let export = || format!("python examples/pytorch/export.py {shown} -o weights.safetensors");
    let onnx =
        |option: &str| format!("python -m tf2onnx.convert {option} {shown} --output model.onnx, and plan model.onnx");
    match bytes {
        [b'P', b'K', 3, 4, ..] => found("it is a PyTorch checkpoint, or another ZIP archive", export()),
        [0x80, 2..=5, ..] if bytes.get(2) != Some(&0) => found("it is a pickle", export()),
        [0x89, b'H', b'D', b'F', ..] => found("it is HDF5 (Keras)", onnx("--keras")),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => found("it is a TensorFlow Lite model", onnx("--tflite")),
        [b'G', b'G', b'U', b'F', ..] => found(
            "it is GGUF, quantized for llama.cpp",
            "take the model that it was made from: huggingface-cli download MODEL --include '*.safetensors' '*.json'"
                .into(),
        ),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', b'h', b't', b't', b'p', ..] => {
            found("it is the pointer of a Git LFS file", "git lfs pull".into())
        }
        _ if text().starts_with(b"<!doctype") || text().starts_with(b"<html") => {
            found("it is a web page", "the download went wrong: fetch the file itself, not its page".into())
        }
        [b'{', ..] => found("it is JSON", "give the index of a sharded set a name that ends in .json".into()),
        _ if is_schedule(bytes) => {
            let cure =
                format!("plan the weights that it was made from; elight-plan inspect {shown} shows what is in it");
            found("it is a schedule", cure)
        }
        _ => None,
    }
}

/// How a schedule begins: docs/schedule-format.md.
fn is_schedule(bytes: &[u8]) -> bool {
    bytes.starts_with(b"elight\0")
}
