//! The same tensors with other weights, as one `.safetensors` file: names, shapes and types as they came.
//!
//! What cannot hold any weight is made able to: 8-bit numbers with scales become F32 and their scales 1, lengths of weight normalization become those of
//! the new weights.

use std::collections::BTreeMap;
use std::io::{self, Write};

use half::{bf16, f16};
use safetensors::Dtype;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::convert::WeightType;
use super::file::Tensor;
use super::network::Network;
use super::shown::shown;

/// Why weights cannot be written.
#[derive(Debug, Error)]
pub enum RewriteError {
    /// The operating system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A tensor is two layers, which hold it differently.
    #[error(
        "`{first}` and `{second}` are the same weights of `{tensor}`, but the core holds them differently: no one tensor is both; leave one out with --exclude"
    )]
    Shared {
        /// The tensor.
        tensor: String,
        /// A layer.
        first: String,
        /// Another.
        second: String,
    },
    /// Only a part of a tensor of 8-bit numbers has new weights.
    #[error("only a part of `{tensor}` ({dtype}) is planned: it cannot become F32 as a whole; plan all of it")]
    Part {
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
    },
}

/// The weights of a layer, row-major; nothing where it keeps its own.
type Weights<'a> = &'a dyn Fn(usize) -> Option<Vec<f32>>;

/// What becomes of a tensor.
enum Becomes {
    /// What it is.
    Itself,
    /// Some of it weights of these layers.
    Weights(Vec<usize>),
    /// Scales of weights that need none any more.
    Ones,
    /// Their zero points.
    Zeros,
    /// Lengths of the weights of this layer.
    Lengths(usize),
}

impl Network {
    /// Writes all tensors, those of the layers with other weights: `weights` gives a layer's, row-major, or nothing where it stays; `metadata` is the new file's.
    ///
    /// # Errors
    /// [`RewriteError`]: of the writer, or a tensor that cannot be all that its layers are.
    pub fn rewrite(
        &self,
        metadata: &BTreeMap<String, String>,
        weights: Weights<'_>,
        out: &mut impl Write,
    ) -> Result<(), RewriteError> {
        let becomes = self.becomes(weights);
        let mut order: Vec<usize> = (0..self.tensors.len()).collect();
        order.sort_by_key(|&number| (self.tensors[number].0, self.tensors[number].1.range.start));
        if !self.aligned(&order, &becomes) {
            // Readers want every number at a multiple of its size: the widest first, as the format's own writer does it.
            order.sort_by_key(|&number| std::cmp::Reverse(self.dtype(number, &becomes).bitsize()));
        }
        let (mut header, mut at) = (Map::new(), 0);
        header.insert("__metadata__".into(), json!(metadata));
        for &number in &order {
            let (tensor, dtype) = (&self.tensors[number].1, self.dtype(number, &becomes));
            let end = at + bytes(tensor, dtype);
            header.insert(
                tensor.name.clone(),
                json!({"dtype": dtype.to_string(), "shape": tensor.shape, "data_offsets": [at, end]}),
            );
            at = end;
        }
        let mut text = serde_json::to_vec(&Value::Object(header)).map_err(io::Error::from)?;
        text.resize(text.len().next_multiple_of(8), b' ');
        out.write_all(&(text.len() as u64).to_le_bytes())?;
        out.write_all(&text)?;
        for &number in &order {
            let (file, tensor) = &self.tensors[number];
            let stored = &self.files[*file].bytes[tensor.range.clone()];
            match &becomes[number] {
                Becomes::Itself => out.write_all(stored)?,
                Becomes::Zeros => out.write_all(&vec![0; stored.len()])?,
                Becomes::Ones => {
                    let ones = vec![1.0; tensor.shape.iter().product()];
                    out.write_all(&encoded(self.dtype(number, &becomes), &ones))?;
                }
                Becomes::Weights(layers) => {
                    out.write_all(&self.with_weights(number, self.dtype(number, &becomes), layers, weights)?)?
                }
                Becomes::Lengths(layer) => {
                    let (lengths, _) = self.lengths(*layer, &weights(*layer).unwrap_or_default());
                    out.write_all(&encoded(self.dtype(number, &becomes), &lengths))?;
                }
            }
        }
        Ok(())
    }

    fn becomes(&self, weights: Weights<'_>) -> Vec<Becomes> {
        let mut becomes: Vec<Becomes> = self.tensors.iter().map(|_| Becomes::Itself).collect();
        let number: BTreeMap<&str, usize> =
            self.tensors.iter().enumerate().map(|(number, (_, tensor))| (tensor.name.as_str(), number)).collect();
        let described = &self.description().layers;
        for (index, (layer, place)) in described.iter().zip(&self.places).enumerate() {
            if weights(index).is_none() {
                continue;
            }
            match &mut becomes[place.tensor] {
                Becomes::Weights(layers) => layers.push(index),
                other => *other = Becomes::Weights(vec![index]),
            }
            let helpers = [
                (&layer.scale, Becomes::Ones),
                (&layer.zero_point, Becomes::Zeros),
                (&layer.weight_norm, Becomes::Lengths(index)),
            ];
            for (name, then) in helpers {
                if let Some(&number) = name.as_deref().and_then(|name| number.get(name)) {
                    becomes[number] = then;
                }
            }
        }
        becomes
    }

    /// The type that a tensor will have.
    fn dtype(&self, number: usize, becomes: &[Becomes]) -> Dtype {
        let dtype = self.tensors[number].1.dtype;
        let holds_anything = matches!(dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16);
        match becomes[number] {
            Becomes::Itself | Becomes::Zeros => dtype,
            _ if holds_anything => dtype,
            _ => Dtype::F32,
        }
    }

    fn aligned(&self, order: &[usize], becomes: &[Becomes]) -> bool {
        let mut at = 0;
        order.iter().all(|&number| {
            let dtype = self.dtype(number, becomes);
            let begins = at;
            at += bytes(&self.tensors[number].1, dtype);
            begins % (dtype.bitsize() / 8).max(1) == 0
        })
    }

    /// The bytes of a tensor with the weights of these layers.
    fn with_weights(
        &self,
        number: usize,
        dtype: Dtype,
        layers: &[usize],
        weights: Weights<'_>,
    ) -> Result<Vec<u8>, RewriteError> {
        let (file, tensor) = &self.tensors[number];
        let count: usize = tensor.shape.iter().product();
        let mut owner: Vec<Option<usize>> = vec![None; count];
        let mut values = vec![0.0f32; count];
        for &layer in layers {
            let (info, view) = (&self.layers()[layer], &self.places[layer].view);
            let weights = self.directions(layer, weights(layer).unwrap_or_default());
            let cols: Vec<usize> = (0..info.cols).map(|col| view.col(col)).collect();
            for (row, weights) in weights.chunks(info.cols).enumerate() {
                let first = view.row(row);
                for (&weight, col) in weights.iter().zip(&cols) {
                    let at = first + col;
                    if let Some(other) = owner[at].filter(|_| values[at] != weight) {
                        return Err(RewriteError::Shared {
                            tensor: shown(&tensor.name),
                            first: self.layers()[other].name.clone(),
                            second: info.name.clone(),
                        });
                    }
                    (owner[at], values[at]) = (Some(layer), weight);
                }
            }
        }
        let mut bytes = encoded(dtype, &values);
        if dtype == tensor.dtype {
            let (stored, size) = (&self.files[*file].bytes[tensor.range.clone()], dtype.bitsize() / 8);
            for at in (0..count).filter(|&at| owner[at].is_none()) {
                bytes[at * size..(at + 1) * size].copy_from_slice(&stored[at * size..(at + 1) * size]);
            }
        } else if owner.iter().any(Option::is_none) {
            return Err(RewriteError::Part { tensor: shown(&tensor.name), dtype: tensor.dtype.to_string() });
        }
        Ok(bytes)
    }

    /// The lengths of a layer's weights, as its weight normalization has them.
    fn lengths(&self, layer: usize, weights: &[f32]) -> (Vec<f32>, Vec<usize>) {
        let (info, place) = (&self.layers()[layer], &self.places[layer]);
        place.weight_norm.as_ref().map_or_else(Default::default, |norm| norm.lengths_of(place, info, weights))
    }

    /// The weights, but for those of length 0 under weight normalization, which need some direction: it is 1 everywhere.
    fn directions(&self, layer: usize, mut weights: Vec<f32>) -> Vec<f32> {
        let (lengths, number) = self.lengths(layer, &weights);
        weights.iter_mut().zip(number).filter(|(_, number)| lengths[*number] == 0.0).for_each(|(w, _)| *w = 1.0);
        weights
    }
}

fn bytes(tensor: &Tensor, dtype: Dtype) -> usize {
    if dtype == tensor.dtype {
        return tensor.range.len();
    }
    tensor.shape.iter().product::<usize>() * dtype.bitsize() / 8
}

/// Numbers as a type stores them.
fn encoded(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    let all = values.iter();
    match WeightType::of(dtype) {
        Some(WeightType::F64) => all.flat_map(|&v| f64::from(v).to_le_bytes()).collect(),
        Some(WeightType::F16) => all.flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
        Some(WeightType::Bf16) => all.flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
        _ => all.flat_map(|v| v.to_le_bytes()).collect(),
    }
}
