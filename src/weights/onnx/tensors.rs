//! Initializers to tensors: in the file itself, in files beside it, or as typed lists.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use prost::bytes::Bytes as Shared;
use safetensors::Dtype;

use super::schema::{DataLocation, TensorProto};
use crate::weights::WeightsError;
use crate::weights::file::{Bytes, Tensor, WeightsFile, map};

/// The tensors of a model, by file.
pub(super) struct Files<'a> {
    path: &'a Path,
    model: &'a Shared,
    inside: Vec<Tensor>,
    /// Files beside the model, with their maps.
    beside: BTreeMap<String, WeightsFile>,
    /// Lists of numbers, as bytes.
    lists: Vec<u8>,
    listed: Vec<Tensor>,
}

impl<'a> Files<'a> {
    pub fn new(path: &'a Path, model: &'a Shared) -> Files<'a> {
        Files { path, model, inside: vec![], beside: BTreeMap::new(), lists: vec![], listed: vec![] }
    }

    fn refuse(&self, tensor: &str, problem: impl Into<String>) -> WeightsError {
        let (path, problem) = (self.path.to_owned(), problem.into());
        WeightsError::Onnx { path, problem: format!("tensor `{}`: {problem}", tensor.escape_debug()) }
    }

    /// Takes in a tensor under a name.
    pub fn add(&mut self, name: &str, tensor: &TensorProto) -> Result<(), WeightsError> {
        let Some(dtype) = dtype(tensor.data_type) else { return Ok(()) };
        let mut count = 1usize;
        let mut shape = Vec::with_capacity(tensor.dims.len());
        for &dim in &tensor.dims {
            let size = usize::try_from(dim).ok();
            let Some((size, product)) = size.and_then(|size| Some((size, count.checked_mul(size)?))) else {
                return Err(self.refuse(name, format!("its dimensions {:?} are none of a tensor", tensor.dims)));
            };
            shape.push(size);
            count = product;
        }
        let Some(length) = count.checked_mul(dtype.bitsize() / 8) else {
            return Err(self.refuse(name, format!("its dimensions {:?} are larger than any file", tensor.dims)));
        };
        let name = name.to_owned();
        if tensor.data_location() == DataLocation::External {
            return self.external(name, dtype, shape, length, tensor);
        }
        if !tensor.raw_data.is_empty() {
            if tensor.raw_data.len() != length {
                let found = tensor.raw_data.len();
                return Err(
                    self.refuse(&name, format!("it has {found} bytes, but {dtype} of shape {shape:?} takes {length}"))
                );
            }
            // The decoder shares the memory of the model, so that a tensor's place in it is known.
            let start = (tensor.raw_data.as_ptr() as usize).checked_sub(self.model.as_ptr() as usize);
            let start = start.filter(|start| start.checked_add(length).is_some_and(|end| end <= self.model.len()));
            match start {
                Some(start) => self.inside.push(Tensor { name, dtype, shape, range: start..start + length }),
                None => self.list(name, dtype, shape, &tensor.raw_data),
            }
            return Ok(());
        }
        let bytes = typed(dtype, tensor);
        if bytes.len() != length {
            let found = bytes.len();
            return Err(self.refuse(
                &name,
                format!("its lists have {found} bytes, but {dtype} of shape {shape:?} takes {length}"),
            ));
        }
        self.list(name, dtype, shape, &bytes);
        Ok(())
    }

    fn list(&mut self, name: String, dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) {
        let start = self.lists.len();
        self.lists.extend(bytes);
        self.listed.push(Tensor { name, dtype, shape, range: start..self.lists.len() });
    }

    /// A part of a file beside the model. Its name must be a plain one: a stranger's model must not make us read files elsewhere.
    fn external(
        &mut self,
        name: String,
        dtype: Dtype,
        shape: Vec<usize>,
        length: usize,
        tensor: &TensorProto,
    ) -> Result<(), WeightsError> {
        let entry =
            |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let location = entry("location").unwrap_or_default();
        let mut parts = Path::new(location).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == location);
        if !plain || location.contains(['\\', '\0']) {
            let shown = location.escape_debug();
            return Err(self.refuse(
                &name,
                format!("its data lie in `{shown}`, which is no plain name of a file beside the model"),
            ));
        }
        let number = |key: &str, absent: usize| entry(key).map_or(Some(absent), |text| text.parse().ok());
        let (offset, stated) = (number("offset", 0), number("length", length));
        if !self.beside.contains_key(location) {
            let path = self.path.with_file_name(location);
            let bytes = Bytes::Mapped(map(&path)?);
            self.beside
                .insert(location.to_owned(), WeightsFile { path, bytes, tensors: vec![], metadata: BTreeMap::new() });
        }
        let place = offset.and_then(|offset| Some(offset..offset.checked_add(length)?));
        let file = self.beside.get_mut(location);
        match (place, file) {
            (Some(range), Some(file)) if range.end <= file.bytes.len() && stated == Some(length) => {
                file.tensors.push(Tensor { name, dtype, shape, range });
                Ok(())
            }
            _ => Err(self.refuse(
                &name,
                format!(
                    "{dtype} of shape {shape:?} does not lie in `{}` where the model says",
                    location.escape_debug()
                ),
            )),
        }
    }

    /// All files with their tensors; `model` is the model's own.
    pub fn finish(self, model: Bytes) -> Vec<WeightsFile> {
        let file =
            |bytes, tensors| WeightsFile { path: self.path.to_owned(), bytes, tensors, metadata: BTreeMap::new() };
        let own = [file(model, self.inside), file(Bytes::Owned(self.lists), self.listed)];
        own.into_iter().chain(self.beside.into_values()).collect()
    }
}

/// TensorProto.DataType to the type of safetensors; `None` for strings, complex and packed numbers.
fn dtype(data_type: i32) -> Option<Dtype> {
    Some(match data_type {
        1 => Dtype::F32,
        2 => Dtype::U8,
        3 => Dtype::I8,
        6 => Dtype::I32,
        7 => Dtype::I64,
        9 => Dtype::BOOL,
        10 => Dtype::F16,
        11 => Dtype::F64,
        16 => Dtype::BF16,
        17 => Dtype::F8_E4M3,
        19 => Dtype::F8_E5M2,
        _ => return None,
    })
}

/// Typed lists as little-endian bytes. Types below 32 bits lie in `int32_data`, an element each.
fn typed(dtype: Dtype, tensor: &TensorProto) -> Vec<u8> {
    let low = |bytes: usize| {
        tensor.int32_data.iter().flat_map(move |value| value.to_le_bytes().into_iter().take(bytes)).collect()
    };
    match dtype {
        Dtype::F32 => tensor.float_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::F64 => tensor.double_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::I64 => tensor.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        _ => low(dtype.bitsize() / 8),
    }
}
