//! A sharded set: `*.index.json` and the `.safetensors` files beside it.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::{Component, Path};

use super::WeightsError;
use super::file::{MAX_HEADER, WeightsFile};
use super::layer::Skipped;
use super::shown::{escaped, shown};

/// What is used of the index; its `metadata` (a total size) is not.
#[derive(serde::Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens every shard that the index names, in natural order of their file names. Each holds the tensors that the index
/// takes from it; the others are returned apart.
pub(super) fn open(path: &Path) -> Result<(Vec<WeightsFile>, Vec<Skipped>), WeightsError> {
    let index = read(path)?;
    let mut shards: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for (tensor, shard) in &index.weight_map {
        shards.entry(shard).or_default().insert(tensor);
    }
    let mut shards: Vec<_> = shards.into_iter().collect();
    shards.sort_by(|a, b| super::order::natural(a.0, b.0));

    let mut files = Vec::with_capacity(shards.len());
    let mut unlisted = Vec::new();
    for (shard, wanted) in shards {
        let mut file = open_shard(path, shard)?;
        let (kept, others): (Vec<_>, Vec<_>) =
            file.tensors.into_iter().partition(|tensor| wanted.contains(tensor.name.as_str()));
        file.tensors = kept;
        let reason = format!("the index does not take it from the shard `{}`", shown(shard));
        unlisted
            .extend(others.into_iter().map(|tensor| Skipped { name: escaped(&tensor.name), reason: reason.clone() }));
        all_there(path, shard, &wanted, &file)?;
        files.push(file);
    }
    Ok((files, unlisted))
}

fn read(path: &Path) -> Result<Index, WeightsError> {
    let refuse = |problem: String| WeightsError::Index { path: path.to_owned(), problem };
    let io = |action| move |source| WeightsError::Io { path: path.to_owned(), action, source };
    let about = std::fs::metadata(path).map_err(io("open"))?;
    if !about.is_file() {
        return Err(WeightsError::NotAFile { path: path.to_owned() });
    }
    let file = std::fs::File::open(path).map_err(io("open"))?;
    let mut text = Vec::new();
    file.take(MAX_HEADER as u64 + 1).read_to_end(&mut text).map_err(io("read"))?;
    if text.is_empty() {
        return Err(WeightsError::Empty { path: path.to_owned() });
    }
    if text.len() > MAX_HEADER {
        return Err(refuse(format!("it is longer than {MAX_HEADER} bytes")));
    }
    let index: Index = serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text))
        .map_err(|error| refuse(format!("{error}; expected {{\"weight_map\": {{\"<tensor>\": \"<shard file>\"}}}}")))?;
    if index.weight_map.is_empty() {
        return Err(refuse("its `weight_map` is empty".into()));
    }
    Ok(index)
}

/// Opens a shard beside the index. Its name must be a plain file name: an index from a stranger must not make us read
/// files elsewhere.
fn open_shard(index: &Path, shard: &str) -> Result<WeightsFile, WeightsError> {
    let mut parts = Path::new(shard).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == shard);
    if !plain || shard.contains(['\\', '\0']) {
        let problem =
            format!("the shard name `{}` is not a plain file name; shards must lie beside the index", shown(shard));
        return Err(WeightsError::Index { path: index.to_owned(), problem });
    }
    let path = index.with_file_name(shard);
    match WeightsFile::open(&path) {
        Err(WeightsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(WeightsError::MissingShard { index: index.to_owned(), shard: shown(shard) })
        }
        other => other,
    }
}

fn all_there(index: &Path, shard: &str, wanted: &HashSet<&str>, file: &WeightsFile) -> Result<(), WeightsError> {
    let found: HashSet<&str> = file.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    match wanted.difference(&found).min() {
        None => Ok(()),
        Some(tensor) => {
            Err(WeightsError::MissingTensor { index: index.to_owned(), shard: shown(shard), tensor: shown(tensor) })
        }
    }
}
