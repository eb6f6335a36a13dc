//! An opened, checked network: its layers, and their weights one at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::convert::BadValue;
use super::description::{Description, LeftOut};
use super::file::{Bytes, Tensor, WeightsFile};
use super::filter::Verdict;
use super::metadata::{check_names, known_keys};
use super::place::Place;
use super::reading::Reading;
use super::settle::{describe, with_graph};
use super::shown::{escaped, reasons, shown};
use super::{Filter, LayerInfo, Layout, Skipped, WeightType, WeightsError, folder, index, npz, onnx, order};

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
/// Can be shared by threads; a clone shares the weights.
#[derive(Clone)]
pub struct Network {
    pub(super) files: Arc<Vec<WeightsFile>>,
    /// File and place of each tensor, in the model's order.
    pub(super) tensors: Vec<(usize, Tensor)>,
    layers: Vec<LayerInfo>,
    /// Where each layer's weights are.
    pub(super) places: Vec<Place>,
    skipped: Vec<Skipped>,
    metadata: BTreeMap<String, String>,
    description: Description,
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
    /// Opens one `.safetensors` file, a sharded set by its index (a path that ends in `.json`), an `.npz` archive, an `.onnx` model, or the folder
    /// of a model, and recognises its layers. Reads headers only. Fails on any header that does not fit its file, on an index that does not fit its
    /// shards, on an include pattern that matches nothing, and when no layer is left.
    pub fn open(path: &Path, layout: Layout, filter: &Filter) -> Result<Network, WeightsError> {
        Network::open_as(path, &Reading { layout, filter: filter.clone(), ..Reading::default() })
    }

    /// As [`Network::open`], with a description of the network, or more that is said about its reading.
    pub fn open_as(path: &Path, reading: &Reading) -> Result<Network, WeightsError> {
        if path.is_dir() {
            return Network::open_as(&folder::weights(path)?, reading);
        }
        if onnx::is_onnx(path) {
            let (files, description) = onnx::open(path)?;
            return Network::from_files(path, files, &with_graph(reading, description));
        }
        if npz::is_npz(path) {
            let (file, skipped) = npz::open(path)?;
            return Network::from_files(path, vec![file], reading).map(|network| network.and_skipped(skipped));
        }
        let is_index = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let (files, unlisted) = match is_index {
            true => index::open(path)?,
            false => (vec![WeightsFile::open(path)?], Vec::new()),
        };
        let network = Network::from_files(path, files, reading)?;
        Ok(network.and_skipped(unlisted))
    }

    /// As [`Network::open`], from the bytes of one `.safetensors` file. `name` stands for the path in errors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, layout: Layout, filter: &Filter) -> Result<Network, WeightsError> {
        Network::from_bytes_as(name, bytes, &Reading { layout, filter: filter.clone(), ..Reading::default() })
    }

    /// As [`Network::open_as`], from the bytes of one `.safetensors` file.
    pub fn from_bytes_as(name: &str, bytes: Vec<u8>, reading: &Reading) -> Result<Network, WeightsError> {
        let path = Path::new(name);
        if onnx::is_onnx(path) {
            let (files, description) = onnx::from_bytes(path, bytes)?;
            return Network::from_files(path, files, &with_graph(reading, description));
        }
        if npz::is_npz(path) {
            let (file, skipped) = npz::from_bytes(path, bytes)?;
            return Network::from_files(path, vec![file], reading).map(|network| network.and_skipped(skipped));
        }
        Network::from_files(path, vec![WeightsFile::check(path, Bytes::Owned(bytes))?], reading)
    }

    /// The layers, in the model's order.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// The tensors that are no layers, in the model's order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// What the network is taken for; every reader of the same files and this description has the same layers.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The whole file, where it is in memory and not on disk.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.files[..] {
            [WeightsFile { bytes: Bytes::Owned(bytes), .. }] => Some(bytes),
            _ => None,
        }
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

    /// Like [`Network::read`], but only some rows, into memory that is used again.
    pub fn read_rows(&self, layer: usize, rows: Range<usize>, data: &mut Vec<f32>) -> Result<(), WeightsError> {
        let info = self.info(layer)?;
        let place = &self.places[layer];
        let stored = &self.files[place.file].bytes;
        data.resize(rows.len() * info.cols, 0.0);
        place
            .convert(stored, info.dtype, rows.clone(), data)
            .map_err(|bad| place.bad_value(info, BadValue { at: bad.at + rows.start * info.cols, ..bad }))?;
        if info.dtype == WeightType::F64 && data.iter().all(|w| !w.is_normal()) {
            place.not_too_small(stored, info)?;
        }
        let norm = place.weight_norm.as_ref().map(|norm| norm.scaling(place, stored, info)).transpose()?;
        for scaling in norm.into_iter().chain(&place.scaling) {
            let cols: Vec<usize> = (0..info.cols).map(|col| scaling.number(place.view.col(col))).collect();
            for (row, data) in rows.clone().zip(data.chunks_mut(info.cols)) {
                scaling.apply(scaling.number(place.view.row(row)), &cols, data);
            }
            if let Some(at) = data.iter().position(|weight| !weight.is_finite()) {
                let bad = BadValue { at: at + rows.start * info.cols, value: f64::from(data[at]) };
                return Err(place.bad_value(info, bad));
            }
        }
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

    /// With more that is no layer.
    fn and_skipped(mut self, more: Vec<Skipped>) -> Network {
        self.skipped.extend(more);
        self
    }

    fn info(&self, layer: usize) -> Result<&LayerInfo, WeightsError> {
        self.layers.get(layer).ok_or(WeightsError::NoSuchLayer { layer, count: self.layers.len() })
    }

    fn from_files(path: &Path, mut files: Vec<WeightsFile>, reading: &Reading) -> Result<Network, WeightsError> {
        let mut metadata = BTreeMap::new();
        let mut tensors: Vec<(usize, Tensor)> = Vec::new();
        for (number, file) in files.iter_mut().enumerate() {
            tensors.extend(std::mem::take(&mut file.tensors).into_iter().map(|tensor| (number, tensor)));
            for (key, value) in std::mem::take(&mut file.metadata) {
                let first: &mut String = metadata.entry(key.clone()).or_insert_with(|| value.clone());
                if *first != value && key.starts_with("elight.") {
                    let (first, second) = (shown(first), shown(&value));
                    return Err(WeightsError::Contradiction { path: path.to_owned(), key: shown(&key), first, second });
                }
            }
        }
        known_keys(path, &metadata)?;
        let source = order::sort_to_model_order(&mut tensors);
        check_names(path, &reading.filter, &metadata, &tensors)?;
        let description = describe(path, &tensors, &metadata, reading, source)?;
        let (layers, places, skipped, limits) = (vec![], vec![], vec![], vec![]);
        let files = Arc::new(files);
        let mut network = Network { files, tensors, layers, places, skipped, metadata, description, limits };
        network.resolve(path, &reading.filter)?;
        match network.layers.is_empty() {
            true => Err(WeightsError::NoLayers {
                path: path.to_owned(),
                layout: reading.layout.to_string(),
                why: reasons(&network.skipped),
            }),
            false => Ok(network),
        }
    }

    /// Finds the weights of every layer that is described and wanted.
    fn resolve(&mut self, path: &Path, filter: &Filter) -> Result<(), WeightsError> {
        let numbered = self.tensors.iter().enumerate();
        let by_name: BTreeMap<&str, _> = numbered.map(|(number, t)| (t.1.name.as_str(), (number, t))).collect();
        let described = std::mem::take(&mut self.description);
        let mut named: std::collections::HashSet<&str> = described.left_out.iter().map(|l| l.tensor.as_str()).collect();
        let mut kept = Vec::with_capacity(described.layers.len());
        let mut left_out = described.left_out.clone();
        for layer in &described.layers {
            let helpers = [&layer.scale, &layer.zero_point, &layer.weight_norm].into_iter().flatten();
            named.extend(helpers.map(String::as_str).chain([layer.tensor()]));
            if let Verdict::Unwanted(reason) = filter.verdict(layer.tensor()) {
                left_out.push(LeftOut { tensor: layer.name.clone(), reason });
                continue;
            }
            let (info, place) = Place::find(path, &self.files, layer, &by_name)?;
            self.layers.push(info);
            self.places.push(place);
            kept.push(layer.clone());
        }
        let forgotten = self.tensors.iter().filter(|(_, tensor)| !named.contains(tensor.name.as_str()));
        left_out.extend(forgotten.map(|(_, tensor)| LeftOut {
            tensor: tensor.name.clone(),
            reason: "the description of the network does not name it".into(),
        }));
        let skipped = |left_out: &LeftOut| Skipped { name: escaped(&left_out.tensor), reason: left_out.reason.clone() };
        self.skipped = left_out.iter().map(skipped).collect();
        self.description = Description { layers: kept, left_out, ..described };
        Ok(())
    }
}
