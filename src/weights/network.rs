//! An opened, checked network: its layers, and their weights one at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::convert::{self, BadValue};
use super::file::{Bytes, Tensor, WeightsFile};
use super::filter::Verdict;
use super::recognise::{self, Recogniser};
use super::{Filter, LayerInfo, LayerKind, Layout, WeightType, WeightsError, index, names, order};

/// A tensor that is no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The tensor's name.
    pub name: String,
    /// Why, as half a sentence: `I64 is no weight type (F64, F32, F16 and BF16 are)`.
    pub reason: String,
}

/// A layer's weights: `rows x cols`, row-major, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Outputs.
    pub rows: usize,
    /// Inputs of one row.
    pub cols: usize,
    /// Row-major; `rows * cols` long.
    pub data: Vec<f32>,
}

/// A network on disk, opened. It holds maps of the files and their checked headers; no weights until they are read.
/// Can be shared by threads.
pub struct Network {
    files: Vec<WeightsFile>,
    layers: Vec<LayerInfo>,
    /// Where each layer's weights are: file and bytes, both valid.
    places: Vec<(usize, Range<usize>)>,
    skipped: Vec<Skipped>,
    metadata: BTreeMap<String, String>,
    /// Where weights are cut off, by layer; none: nowhere.
    limits: Vec<Limits>,
}

/// Where a layer's weights are cut off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// The largest magnitude of each row.
    pub rows: Vec<f32>,
    /// `sum (t - limit)^2` over the weights beyond: what a measure of the limited weights' error does not see.
    pub lost_error: f64,
    /// `sum t^2 - limit^2` over them, likewise.
    pub lost_norm: f64,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Network { layers, skipped, metadata, .. } = self;
        f.debug_struct("Network")
            .field("layers", layers)
            .field("skipped", skipped)
            .field("metadata", metadata)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Opens one `.safetensors` file, or a sharded set by its index (a path that ends in `.json`), and recognises its
    /// layers. Reads headers only. Fails on any header that does not fit its file, on an index that does not fit its
    /// shards, on an include pattern that matches nothing, and when no layer is left.
    pub fn open(path: &Path, layout: Layout, filter: &Filter) -> Result<Network, WeightsError> {
        let is_index = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let (files, unlisted) = match is_index {
            true => index::open(path)?,
            false => (vec![WeightsFile::open(path)?], Vec::new()),
        };
        let mut network = Network::from_files(path, files, layout, filter)?;
        network.skipped.extend(unlisted.into_iter().map(|tensor| {
            let reason = format!("the index does not take it from the shard `{}`", tensor.shard);
            Skipped { name: tensor.name, reason }
        }));
        Ok(network)
    }

    /// As [`Network::open`], from the bytes of one `.safetensors` file. `name` stands for the path in errors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, layout: Layout, filter: &Filter) -> Result<Network, WeightsError> {
        let path = Path::new(name);
        Network::from_files(path, vec![WeightsFile::check(path, Bytes::Owned(bytes))?], layout, filter)
    }

    /// The layers, in the model's order.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// The tensors that are no layers, in the model's order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The files' `__metadata__`; of a sharded set all together, the first shard's value where they differ.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Reads the weights of a layer, counted from 0. Takes memory for this one matrix. Fails on a weight that is NaN,
    /// infinite, or too large for f32.
    pub fn read(&self, layer: usize) -> Result<Matrix, WeightsError> {
        let mut data = Vec::new();
        let info = self.info(layer)?;
        self.read_rows(layer, 0..info.rows, &mut data)?;
        Ok(Matrix { rows: info.rows, cols: info.cols, data })
    }

    /// Like [`Network::read`], but only some rows, into memory that is used again: in blocks layout whole block rows, so that
    /// `rows` must begin and end at multiples of [`LayerInfo::band`].
    pub fn read_rows(&self, layer: usize, rows: Range<usize>, data: &mut Vec<f32>) -> Result<(), WeightsError> {
        let info = self.info(layer)?;
        let (file, place) = &self.places[layer];
        let row_bytes = info.cols * info.dtype.bytes();
        let place = place.start + rows.start * row_bytes..place.start + rows.end * row_bytes;
        let stored = &self.files[*file].bytes;
        let bytes = &stored[place.clone()];
        data.resize(rows.len() * info.cols, 0.0);
        match info.kind {
            LayerKind::Blocks { q, k, .. } => read_blocks(info.dtype, bytes, q, k, data),
            _ => convert::convert(info.dtype, bytes, data),
        }
        .map_err(|bad| bad_value(info, BadValue { at: bad.at + rows.start * info.cols, ..bad }))?;
        stored.release(place);
        if let Some(limits) = self.limits.get(layer) {
            for (row, limit) in data.chunks_mut(info.cols.max(1)).zip(&limits.rows[rows]) {
                row.iter_mut().for_each(|w| *w = w.clamp(-limit, *limit));
            }
        }
        Ok(())
    }

    /// From now on, weights are read cut off at these limits, one [`Limits`] for each layer, with as many rows.
    ///
    /// # Panics
    /// When they are not of these layers.
    pub fn limit(&mut self, limits: Vec<Limits>) {
        let fit =
            limits.len() == self.layers.len() && limits.iter().zip(&self.layers).all(|(l, i)| l.rows.len() == i.rows);
        assert!(fit, "limits of other layers");
        self.limits = limits;
    }

    /// Where a layer's weights are cut off, if they are.
    pub fn limits(&self, layer: usize) -> Option<&Limits> {
        self.limits.get(layer)
    }

    fn info(&self, layer: usize) -> Result<&LayerInfo, WeightsError> {
        self.layers.get(layer).ok_or(WeightsError::NoSuchLayer { layer, count: self.layers.len() })
    }

    fn from_files(
        path: &Path,
        mut files: Vec<WeightsFile>,
        layout: Layout,
        filter: &Filter,
    ) -> Result<Network, WeightsError> {
        let mut metadata = BTreeMap::new();
        let mut tensors: Vec<(usize, Tensor)> = Vec::new();
        for (number, file) in files.iter_mut().enumerate() {
            tensors.extend(std::mem::take(&mut file.tensors).into_iter().map(|tensor| (number, tensor)));
            for (key, value) in std::mem::take(&mut file.metadata) {
                metadata.entry(key).or_insert(value);
            }
        }
        order::sort_to_model_order(&mut tensors);
        check_names(path, filter, &metadata, &tensors)?;

        let mut network = Network { files, layers: vec![], places: vec![], skipped: vec![], metadata, limits: vec![] };
        network.sort_out(tensors, layout, filter)?;
        match network.layers.is_empty() {
            true => Err(WeightsError::NoLayers { path: path.to_owned(), layout, why: reasons(&network.skipped) }),
            false => Ok(network),
        }
    }

    /// Tells layers from skipped tensors; `tensors` come in the model's order.
    fn sort_out(&mut self, tensors: Vec<(usize, Tensor)>, layout: Layout, filter: &Filter) -> Result<(), WeightsError> {
        let mut recogniser = Recogniser::new(layout, &self.metadata);
        for (file, Tensor { name, dtype, shape, range }) in tensors {
            let verdict = filter.verdict(&name);
            let dtype = match layer_type(&name, dtype, &shape, layout, verdict == Verdict::Named) {
                Ok(dtype) => dtype,
                Err(reason) => {
                    self.skipped.push(Skipped { name, reason });
                    continue;
                }
            };
            // Unwanted layers are recognised too: they show the groups of those behind them.
            let (kind, groups) = recogniser.next(&name, &shape)?;
            if let Verdict::Unwanted(reason) = verdict {
                self.skipped.push(Skipped { name, reason });
                continue;
            }
            let (rows, cols) = match kind {
                LayerKind::Blocks { p, q, k } => (p * k, q * k),
                _ => (shape[0], shape[1..].iter().product()),
            };
            let path = self.files[file].path.clone();
            self.layers.push(LayerInfo { name, kind, rows, cols, groups, shape, dtype, file: path });
            self.places.push((file, range));
        }
        Ok(())
    }
}

/// The weight type of a tensor that makes a layer in this layout, or why it makes none. A tensor that the user named in
/// full is not judged by its name.
fn layer_type(
    name: &str,
    dtype: safetensors::Dtype,
    shape: &[usize],
    layout: Layout,
    named: bool,
) -> Result<WeightType, String> {
    const MOST: usize = 5; // a 3-D convolution's
    if shape.len() < 2 {
        return Err(format!("it is {}-dimensional, no matrix", shape.len()));
    }
    let Some(weight_type) = WeightType::of(dtype) else {
        return Err(format!("{dtype} is no weight type (F64, F32, F16 and BF16 are)"));
    };
    if shape.contains(&0) {
        return Err(format!("it is empty: its shape is {shape:?}"));
    }
    match (layout, shape) {
        (Layout::Blocks, [_, _, rows, cols]) if rows == cols => Ok(weight_type),
        (Layout::Blocks, _) => Err(format!("its shape {shape:?} is not that of blocks, [P, Q, k, k]")),
        (Layout::Matrix, _) => Ok(weight_type),
        (Layout::Auto, _) if shape.len() > MOST => {
            Err(format!("it has {} dimensions, more than a 3-D convolution's {MOST}; try --layout matrix", shape.len()))
        }
        (Layout::Auto, _) if named => Ok(weight_type),
        (Layout::Auto, _) => names::why_not_a_matrix(name, shape).map_or(Ok(weight_type), Err),
    }
}

/// Every include pattern, and every tensor that the metadata names, must exist.
fn check_names(
    path: &Path,
    filter: &Filter,
    metadata: &BTreeMap<String, String>,
    tensors: &[(usize, Tensor)],
) -> Result<(), WeightsError> {
    let path = path.to_owned();
    let names = tensors.iter().map(|(_, tensor)| tensor.name.as_str());
    if let Some(glob) = filter.idle_include(names.clone()) {
        let examples = names.take(5).collect::<Vec<_>>().join(", ");
        return Err(WeightsError::NoMatch { glob: glob.to_owned(), path, examples });
    }
    match recognise::groups_of_nothing(metadata, names) {
        Some(tensor) => Err(WeightsError::GroupsOfNothing { path, tensor: tensor.to_owned() }),
        None => Ok(()),
    }
}

/// The first few skipped tensors with their reasons.
fn reasons(skipped: &[Skipped]) -> String {
    const SHOWN: usize = 5;
    if skipped.is_empty() {
        return "the file has no tensors".into();
    }
    let shown: Vec<_> = skipped.iter().take(SHOWN).map(|s| format!("`{}`: {}", s.name, s.reason)).collect();
    let more = skipped.len() - shown.len();
    shown.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
}

/// Blocks `[p, q, k, k]` to rows: stored row `r` of block `(i, j)` is part `j` of matrix row `i*k + r`.
fn read_blocks(dtype: WeightType, bytes: &[u8], q: usize, k: usize, data: &mut [f32]) -> Result<(), BadValue> {
    for (number, stored) in bytes.chunks_exact(k * dtype.bytes()).enumerate() {
        let (block, r) = (number / k, number % k);
        let (i, j) = (block / q, block % q);
        let start = ((i * k + r) * q + j) * k;
        convert::convert(dtype, stored, &mut data[start..start + k])
            .map_err(|bad| BadValue { at: number * k + bad.at, ..bad })?;
    }
    Ok(())
}

fn bad_value(info: &LayerInfo, bad: BadValue) -> WeightsError {
    let (path, tensor, flat, value) = (info.file.clone(), info.name.clone(), bad.at, bad.value);
    let index = multi_index(flat, &info.shape);
    match value.is_finite() {
        true => WeightsError::TooLarge { path, tensor, flat, index, value },
        false => WeightsError::NotFinite { path, tensor, flat, index, value },
    }
}

/// One index per dimension for a position in row-major order; no dimension is 0.
fn multi_index(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|dim| {
            let at = rest % dim;
            rest /= dim;
            at
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_indices() {
        assert_eq!(multi_index(0, &[2, 3, 4]), [0, 0, 0]);
        assert_eq!(multi_index(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(multi_index(17, &[2, 3, 4]), [1, 1, 1]);
    }

    #[test]
    fn blocks_land_in_rows() {
        // P = 2, Q = 3, k = 2: the value tells its place in the matrix, 10 * row + column.
        let (p, q, k) = (2, 3, 2);
        let mut stored = Vec::new();
        for i in 0..p {
            for j in 0..q {
                for r in 0..k {
                    for c in 0..k {
                        stored.extend((10.0 * (i * k + r) as f32 + (j * k + c) as f32).to_le_bytes());
                    }
                }
            }
        }
        let mut data = vec![0.0; p * k * q * k];
        read_blocks(WeightType::F32, &stored, q, k, &mut data).unwrap();
        let expected: Vec<f32> = (0..4).flat_map(|row| (0..6).map(move |col| (10 * row + col) as f32)).collect();
        assert_eq!(data, expected);
    }
}
