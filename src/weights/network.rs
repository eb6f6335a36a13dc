//! An opened, checked network: its layers, and their weights one at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::convert::{self, BadValue};
use super::description::{Axis, Certainty, Description, Layer, LeftOut, OrderSource};
use super::file::{Bytes, Tensor, WeightsFile};
use super::filter::Verdict;
use super::scaling::{self, Scaling};
use super::view::View;
use super::{Filter, LayerInfo, LayerKind, Layout, WeightType, WeightsError, folder, index, onnx, order, recognise};

/// A tensor that is no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The tensor's name.
    pub name: String,
    /// Why, as half a sentence: `it is 1-dimensional, no matrix`.
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

/// How a weights file is to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How tensors become matrices where nobody has described the network.
    pub layout: Layout,
    /// Which tensors.
    pub filter: Filter,
    /// The description of the network; none: that of the metadata, or recognised.
    pub description: Option<Description>,
    /// Takes the most likely reading of layers that are unknown, too.
    pub assume: bool,
}

/// A network on disk, opened. It holds maps of the files and their checked headers; no weights until they are read.
/// Can be shared by threads; a clone shares the weights.
#[derive(Clone)]
pub struct Network {
    files: Arc<Vec<WeightsFile>>,
    layers: Vec<LayerInfo>,
    /// Where each layer's weights are.
    places: Vec<Place>,
    skipped: Vec<Skipped>,
    metadata: BTreeMap<String, String>,
    description: Description,
    /// Where weights are cut off, by layer; none: nowhere.
    limits: Vec<Limits>,
}

/// Where a layer's weights are, all of it valid.
#[derive(Clone)]
struct Place {
    file: usize,
    /// The tensor's bytes.
    bytes: Range<usize>,
    view: View,
    scaling: Option<Scaling>,
    /// The lengths of weight normalization; their scaling is made when it is first needed.
    weight_norm: Option<WeightNorm>,
}

/// Weight normalization, `w = g v / |v|`.
#[derive(Clone)]
struct WeightNorm {
    lengths: Vec<f32>,
    dims: Vec<(usize, usize)>,
    scaling: OnceLock<Scaling>,
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
    /// Opens one `.safetensors` file, a sharded set by its index (a path that ends in `.json`), an `.onnx` model, or the folder
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
        let is_index = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let (files, unlisted) = match is_index {
            true => index::open(path)?,
            false => (vec![WeightsFile::open(path)?], Vec::new()),
        };
        let mut network = Network::from_files(path, files, reading)?;
        network.skipped.extend(unlisted.into_iter().map(|tensor| {
            let reason = format!("the index does not take it from the shard `{}`", tensor.shard);
            Skipped { name: tensor.name, reason }
        }));
        Ok(network)
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
        let mut network =
            Network { files: Arc::new(files), layers: vec![], places: vec![], skipped: vec![], metadata, description, limits: vec![] };
        network.resolve(path, &tensors, &reading.filter)?;
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
    fn resolve(&mut self, path: &Path, tensors: &[(usize, Tensor)], filter: &Filter) -> Result<(), WeightsError> {
        let by_name: BTreeMap<&str, &(usize, Tensor)> = tensors.iter().map(|t| (t.1.name.as_str(), t)).collect();
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
            let (info, place) = self.locate(path, layer, &by_name)?;
            self.layers.push(info);
            self.places.push(place);
            kept.push(layer.clone());
        }
        let forgotten = tensors.iter().filter(|(_, tensor)| !named.contains(tensor.name.as_str()));
        left_out.extend(forgotten.map(|(_, tensor)| LeftOut {
            tensor: tensor.name.clone(),
            reason: "the description of the network does not name it".into(),
        }));
        let skipped = |left_out: &LeftOut| Skipped { name: escaped(&left_out.tensor), reason: left_out.reason.clone() };
        self.skipped = left_out.iter().map(skipped).collect();
        self.description = Description { layers: kept, left_out, ..described };
        Ok(())
    }

    fn locate(
        &self,
        path: &Path,
        layer: &Layer,
        tensors: &BTreeMap<&str, &(usize, Tensor)>,
    ) -> Result<(LayerInfo, Place), WeightsError> {
        let refuse =
            |problem: String| WeightsError::Layer { path: path.to_owned(), layer: shown(&layer.name), problem };
        let find = |name: &str| {
            let found = tensors.get(name).copied();
            found.ok_or_else(|| refuse(format!("there is no tensor `{}`", name.escape_debug())))
        };
        let (file, tensor) = find(layer.tensor())?;
        let Some(dtype) = WeightType::of(tensor.dtype) else {
            return Err(refuse(format!("{} is no type of weights", tensor.dtype)));
        };
        let view = View::new(layer, &tensor.shape).map_err(refuse)?;
        let values = |name: &String| -> Result<(Vec<usize>, Vec<f32>), WeightsError> {
            let (file, tensor) = find(name)?;
            let dtype = WeightType::of(tensor.dtype);
            let dtype = dtype.ok_or_else(|| refuse(format!("{} is no type of scales (`{name}`)", tensor.dtype)))?;
            let mut values = vec![0.0; tensor.shape.iter().product()];
            convert::convert(dtype, &self.files[*file].bytes[tensor.range.clone()], &mut values)
                .map_err(|bad| refuse(format!("its scale `{}` is {}", name.escape_debug(), bad.value)))?;
            Ok((tensor.shape.clone(), values))
        };
        let blocks = |shape: &[usize]| {
            let axes = layer.axes();
            let blocks = scaling::blocks(&tensor.shape, shape, &axes, &layer.block).map_err(refuse)?;
            // Rows and columns share no dimension, so that numbers of scales add up; groups of a transposed layer split one.
            let split = view.groups > 1 && layer.kind.is_transposed();
            let cut = |dim: usize, block: usize| block > 1 && block < tensor.shape[dim];
            match split && blocks.iter().enumerate().any(|(dim, (block, _))| cut(dim, *block)) {
                true => Err(refuse("its blocks of scales cut through its groups".into())),
                false => Ok(blocks),
            }
        };
        let scaling = match &layer.scale {
            None if dtype.needs_scale() => return Err(refuse(format!("{dtype} weights need a `scale`"))),
            None => None,
            Some(name) => {
                let (shape, scales) = values(name)?;
                let zero_points = layer.zero_point.as_ref().map(values).transpose()?.map_or(Vec::new(), |(_, z)| z);
                if !matches!(zero_points.len(), 0 | 1) && zero_points.len() != scales.len() {
                    let (zeros, scales) = (zero_points.len(), scales.len());
                    return Err(refuse(format!("it has {scales} scales, but {zeros} zero points")));
                }
                Some(Scaling::new(tensor.shape.clone(), blocks(&shape)?, scales, zero_points))
            }
        };
        let weight_norm = match &layer.weight_norm {
            None => None,
            Some(name) => {
                let (shape, lengths) = values(name)?;
                Some(WeightNorm { lengths, dims: blocks(&shape)?, scaling: OnceLock::new() })
            }
        };
        let axes = layer.axes();
        let info = LayerInfo {
            name: escaped(&layer.name),
            kind: LayerKind::of(layer, &tensor.shape, view.groups),
            rows: view.row_count,
            cols: view.col_count,
            groups: view.groups,
            taps: axes.size(Axis::Tap, &tensor.shape),
            vectors: layer.vectors,
            certainty: layer.certainty,
            shape: tensor.shape.clone(),
            dtype,
            file: self.files[*file].path.clone(),
        };
        Ok((info, Place { file: *file, bytes: tensor.range.clone(), view, scaling, weight_norm }))
    }
}

impl Place {
    /// Some rows as they are stored, but in the order of the matrix.
    fn convert(&self, stored: &Bytes, dtype: WeightType, rows: Range<usize>, data: &mut [f32]) -> Result<(), BadValue> {
        let (size, cols) = (dtype.bytes(), self.view.col_count);
        let tensor = &stored[self.bytes.clone()];
        if self.view.plain {
            let start = self.view.row(rows.start) * size;
            let end = start + rows.len() * cols * size;
            convert::convert(dtype, &tensor[start..end], data)?;
            stored.release(self.bytes.start + start..self.bytes.start + end);
            return Ok(());
        }
        // Weights of a column lie together where a matrix is stored the other way round: so column by column.
        let starts: Vec<usize> = rows.clone().map(|row| self.view.row(row) * size).collect();
        let mut gathered = vec![0; data.len() * size];
        for col in 0..cols {
            let from = self.view.col(col) * size;
            for (row, start) in starts.iter().enumerate() {
                let to = (row * cols + col) * size;
                gathered[to..to + size].copy_from_slice(&tensor[start + from..start + from + size]);
            }
        }
        convert::convert(dtype, &gathered, data)?;
        if rows.end == self.view.row_count {
            stored.release(self.bytes.clone());
        }
        Ok(())
    }

    /// The error for a value, counted in the matrix.
    fn bad_value(&self, info: &LayerInfo, bad: BadValue) -> WeightsError {
        let flat = self.view.row(bad.at / info.cols) + self.view.col(bad.at % info.cols);
        let (path, tensor, value) = (info.file.clone(), info.name.clone(), bad.value);
        let index = multi_index(flat, &info.shape);
        match value.is_finite() {
            true => WeightsError::TooLarge { path, tensor, flat, index, value },
            false => WeightsError::NotFinite { path, tensor, flat, index, value },
        }
    }

    /// A tensor of doubles may not vanish as a whole when it is rounded.
    fn not_too_small(&self, stored: &Bytes, info: &LayerInfo) -> Result<(), WeightsError> {
        let weights =
            stored[self.bytes.clone()].as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes).abs());
        let largest = weights.fold(0.0, f64::max);
        if largest > 0.0 && largest < f64::from(f32::MIN_POSITIVE) {
            let (path, tensor) = (info.file.clone(), info.name.clone());
            return Err(WeightsError::TooSmall { path, tensor, largest });
        }
        Ok(())
    }
}

impl WeightNorm {
    /// `g / |v|`; the lengths of v are taken over all the weights that share a g.
    fn scaling(&self, place: &Place, stored: &Bytes, info: &LayerInfo) -> Result<&Scaling, WeightsError> {
        if let Some(scaling) = self.scaling.get() {
            return Ok(scaling);
        }
        let mut data = Vec::new();
        let numbers = Scaling::new(info.shape.clone(), self.dims.clone(), self.lengths.clone(), Vec::new());
        let mut squares = vec![0.0f64; self.lengths.len()];
        let cols: Vec<usize> = (0..info.cols).map(|col| numbers.number(place.view.col(col))).collect();
        for row in 0..info.rows {
            data.resize(info.cols, 0.0);
            place
                .convert(stored, info.dtype, row..row + 1, &mut data)
                .map_err(|bad| place.bad_value(info, BadValue { at: bad.at + row * info.cols, ..bad }))?;
            let row = numbers.number(place.view.row(row));
            for (weight, col) in data.iter().zip(&cols) {
                squares[row + col] += f64::from(*weight).powi(2);
            }
        }
        let scales = self.lengths.iter().zip(squares).map(|(g, square)| (f64::from(*g) / square.sqrt()) as f32);
        let scaling = Scaling::new(info.shape.clone(), self.dims.clone(), scales.collect(), Vec::new());
        Ok(self.scaling.get_or_init(|| scaling))
    }
}

/// A model's graph describes it, unless the user does, or wants it read in another way.
fn with_graph(reading: &Reading, graph: Description) -> Reading {
    let mut reading = reading.clone();
    if reading.layout == Layout::Auto {
        reading.description.get_or_insert(graph);
    }
    reading
}

/// The description that these tensors are read by.
fn describe(
    path: &Path,
    tensors: &[(usize, Tensor)],
    metadata: &BTreeMap<String, String>,
    reading: &Reading,
    order: OrderSource,
) -> Result<Description, WeightsError> {
    match (&reading.description, metadata.get(DESCRIPTION_KEY)) {
        (Some(description), _) => Ok(description.clone()),
        (None, Some(json)) if reading.layout == Layout::Auto => {
            Description::from_json(&format!("metadata `{DESCRIPTION_KEY}`"), json)
        }
        _ => {
            let Reading { layout, filter, assume, .. } = reading;
            let request = recognise::Request { layout: *layout, filter, metadata, order, path };
            let mut description = recognise::recognise(tensors, &request)?;
            settle(path, tensors, &mut description, filter, *assume)?;
            Ok(description)
        }
    }
}

/// A network with layers that are unknown is refused, unless the user takes the most likely reading, has named the tensor in full, or
/// leaves it out.
fn settle(
    path: &Path,
    tensors: &[(usize, Tensor)],
    description: &mut Description,
    filter: &Filter,
    assume: bool,
) -> Result<(), WeightsError> {
    let wanted = |layer: &&mut Layer| !matches!(filter.verdict(layer.tensor()), Verdict::Unwanted(_));
    let unknown = description.layers.iter_mut().filter(|layer| layer.certainty == Certainty::Unknown).filter(wanted);
    let mut questions: Vec<String> = Vec::new();
    let mut asked = std::collections::HashSet::new();
    for layer in unknown {
        if filter.verdict(layer.tensor()) == Verdict::Named {
            layer.certainty = Certainty::Assumed;
        } else if !assume && asked.insert(layer.tensor().to_owned()) {
            let shape = tensors.iter().find(|(_, tensor)| tensor.name == layer.tensor());
            let shape = shape.map(|(_, tensor)| tensor.shape.clone()).unwrap_or_default();
            let note = layer.note.as_deref().unwrap_or_default();
            questions.push(format!("`{}` {shape:?}: {note}", shown(layer.tensor())));
        }
    }
    if questions.is_empty() {
        return Ok(());
    }
    const SHOWN: usize = 8;
    let count = questions.len();
    questions.truncate(SHOWN);
    if count > SHOWN {
        questions.push(format!("and {} more", count - SHOWN));
    }
    Err(WeightsError::Unknown { path: path.to_owned(), count, questions: questions.join("\n  ") })
}

/// A name with everything escaped that a terminal or a page would act upon: control characters, and those that turn the direction of
/// text. Two names stay two.
fn escaped(name: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\'' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    name.chars().map(escape).collect()
}

/// A name as it is shown: escaped, and not for pages on end.
fn shown(name: &str) -> String {
    const MOST: usize = 120;
    let mut text = escaped(&name.chars().take(MOST).collect::<String>());
    if name.chars().count() > MOST {
        text.push_str("...");
    }
    text
}

/// The metadata key that holds a description.
pub const DESCRIPTION_KEY: &str = "elight.network";

/// A key of ours that nobody knows is most likely misspelt, and what it says would be lost.
fn known_keys(path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), WeightsError> {
    const KEYS: [&str; 19] = [
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
fn check_names(
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

/// The first few skipped tensors with their reasons.
fn reasons(skipped: &[Skipped]) -> String {
    const SHOWN: usize = 5;
    if skipped.is_empty() {
        return "the file has no tensors".into();
    }
    let shown: Vec<_> =
        skipped.iter().take(SHOWN).map(|s| format!("`{}`: {}", s.name.escape_debug(), s.reason)).collect();
    let more = skipped.len() - shown.len();
    shown.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
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
}
