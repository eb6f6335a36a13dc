//! A folder of a model, as Hugging Face lays it out: the weights in it.

use std::path::{Path, PathBuf};

use super::WeightsError;

/// The file to open: the index of a sharded set, `model.safetensors`, or the only weights file that there is.
pub(super) fn weights(folder: &Path) -> Result<PathBuf, WeightsError> {
    let refuse = |problem: String| WeightsError::Folder { path: folder.to_owned(), problem };
    let usual = ["model.safetensors.index.json", "model.safetensors", "diffusion_pytorch_model.safetensors"];
    if let Some(found) = usual.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(found);
    }
    let io = |source| WeightsError::Io { path: folder.to_owned(), action: "list", source };
    let mut names: Vec<String> =
        std::fs::read_dir(folder).map_err(io)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let of = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).cloned().collect::<Vec<_>>();
    let others: Vec<String> = [".onnx", ".npz"].into_iter().flat_map(of).collect();
    match (&of(".safetensors.index.json")[..], &of(".safetensors")[..], &others[..]) {
        ([only], ..) | ([], [only], _) | ([], [], [only]) => Ok(folder.join(only)),
        ([], [], []) => {
            let shown = folder.display();
            let cure = format!("write them with: python examples/pytorch/export.py {shown} -o weights.safetensors");
            let pickles = !of(".bin").is_empty() || !of(".pt").is_empty() || !of(".pth").is_empty();
            Err(refuse(match pickles {
                true => format!("its weights are pickles: {cure}"),
                false => "there are no weights in it (.safetensors, .onnx, .npz)".into(),
            }))
        }
        (indices, files, others) => {
            let all: Vec<_> =
                indices.iter().chain(files).chain(others).map(|name| name.escape_debug().to_string()).collect();
            Err(refuse(format!("several weights files are in it, name one: {}", all.join(", "))))
        }
    }
}
