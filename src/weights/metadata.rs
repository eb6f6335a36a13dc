//! Metadata of weights files: the keys of ours, and what they may name.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::Tensor;
use super::shown::shown;
use super::{Filter, WeightsError, recognise};

/// The metadata key that holds a description.
pub const DESCRIPTION_KEY: &str = "elight.network";

/// A key of ours that nobody knows is most likely misspelt, and what it says would be lost.
pub(super) fn known_keys(path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), WeightsError> {
    const KEYS: [&str; 20] = [
        "network",
        "bits",
        "device",
        "scale",
        "reparam",
        "tile",
        "format",
        "model",
        "input",
        "classes",
        "hidden",
        "input_bits",
        "mean",
        "std",
        "dataset",
        "seed",
        "epoch",
        "accuracy",
        "calibrated",
        "programmed",
    ];
    let ours = metadata.keys().filter_map(|key| key.strip_prefix("elight."));
    match ours.into_iter().find(|key| !KEYS.contains(key) && !key.starts_with("groups.")) {
        Some(key) => {
            let (path, known) = (path.to_owned(), KEYS.join(", "));
            Err(WeightsError::UnknownKey { path, key: shown(key), known })
        }
        None => Ok(()),
    }
}

/// Every include pattern, and every tensor that the metadata names, must exist.
pub(super) fn check_names(
    path: &Path,
    filter: &Filter,
    metadata: &BTreeMap<String, String>,
    tensors: &[(usize, Tensor)],
) -> Result<(), WeightsError> {
    let path = path.to_owned();
    let names = tensors.iter().map(|(_, tensor)| tensor.name.as_str());
    if let Some(glob) = filter.idle_include(names.clone()) {
        let examples = names.take(5).map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
        return Err(WeightsError::NoMatch { glob: glob.to_owned(), path, examples });
    }
    match recognise::groups_of_nothing(metadata, names) {
        Some(tensor) => Err(WeightsError::GroupsOfNothing { path, tensor: tensor.escape_debug().to_string() }),
        None => Ok(()),
    }
}
