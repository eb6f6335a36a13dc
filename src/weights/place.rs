//! Where a described layer's weights are in the files, and how they become numbers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use super::convert::{self, BadValue};
use super::description::{Axis, Layer};
use super::file::{Bytes, Tensor, WeightsFile};
use super::scaling::{self, Scaling};
use super::shown::{escaped, shown};
use super::view::View;
use super::{LayerInfo, LayerKind, WeightType, WeightsError};

/// Where a layer's weights are, all of it valid.
#[derive(Clone)]
pub(super) struct Place {
    /// Number of the tensor.
    pub tensor: usize,
    pub file: usize,
    /// The tensor's bytes.
    pub bytes: Range<usize>,
    pub view: View,
    pub scaling: Option<Scaling>,
    /// The lengths of weight normalization; their scaling is made when it is first needed.
    pub weight_norm: Option<WeightNorm>,
}

/// Weight normalization, `w = g v / |v|`.
#[derive(Clone)]
pub(super) struct WeightNorm {
    lengths: Vec<f32>,
    dims: Vec<(usize, usize)>,
    scaling: OnceLock<Scaling>,
}

impl Place {
    /// Finds the weights of a described layer, and proves that all that it says fits; `tensors`: number and file of each.
    pub fn find(
        path: &Path,
        files: &[WeightsFile],
        layer: &Layer,
        tensors: &BTreeMap<&str, (usize, &(usize, Tensor))>,
    ) -> Result<(LayerInfo, Place), WeightsError> {
        let refuse =
            |problem: String| WeightsError::Layer { path: path.to_owned(), layer: shown(&layer.name), problem };
        let find = |name: &str| {
            let found = tensors.get(name).copied();
            found.ok_or_else(|| refuse(format!("there is no tensor `{}`", name.escape_debug())))
        };
        let (number, (file, tensor)) = find(layer.tensor())?;
        let Some(dtype) = WeightType::of(tensor.dtype) else {
            return Err(refuse(format!("{} is no type of weights", tensor.dtype)));
        };
        let view = View::new(layer, &tensor.shape).map_err(refuse)?;
        let values = |name: &String| -> Result<(Vec<usize>, Vec<f32>), WeightsError> {
            let (_, (file, tensor)) = find(name)?;
            let dtype = WeightType::of(tensor.dtype);
            let dtype = dtype.ok_or_else(|| refuse(format!("{} is no type of scales (`{name}`)", tensor.dtype)))?;
            let mut values = vec![0.0; tensor.shape.iter().product()];
            convert::convert(dtype, &files[*file].bytes[tensor.range.clone()], &mut values)
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
            file: files[*file].path.clone(),
        };
        Ok((info, Place { tensor: number, file: *file, bytes: tensor.range.clone(), view, scaling, weight_norm }))
    }

    /// Some rows as they are stored, but in the order of the matrix.
    pub fn convert(
        &self,
        stored: &Bytes,
        dtype: WeightType,
        rows: Range<usize>,
        data: &mut [f32],
    ) -> Result<(), BadValue> {
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
    pub fn bad_value(&self, info: &LayerInfo, bad: BadValue) -> WeightsError {
        let flat = self.view.row(bad.at / info.cols) + self.view.col(bad.at % info.cols);
        let (path, tensor, value) = (info.file.clone(), info.name.clone(), bad.value);
        let index = multi_index(flat, &info.shape);
        match value.is_finite() {
            true => WeightsError::TooLarge { path, tensor, flat, index, value },
            false => WeightsError::NotFinite { path, tensor, flat, index, value },
        }
    }

    /// A tensor of doubles may not vanish as a whole when it is rounded.
    pub fn not_too_small(&self, stored: &Bytes, info: &LayerInfo) -> Result<(), WeightsError> {
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
    pub fn scaling(&self, place: &Place, stored: &Bytes, info: &LayerInfo) -> Result<&Scaling, WeightsError> {
        if let Some(scaling) = self.scaling.get() {
            return Ok(scaling);
        }
        let mut data = Vec::new();
        let numbers = self.numbers(info);
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

    /// Which length each weight has.
    fn numbers(&self, info: &LayerInfo) -> Scaling {
        Scaling::new(info.shape.clone(), self.dims.clone(), self.lengths.clone(), Vec::new())
    }

    /// The lengths of other weights in the place of these, and for each of these, row-major, the number of its length.
    pub fn lengths_of(&self, place: &Place, info: &LayerInfo, weights: &[f32]) -> (Vec<f32>, Vec<usize>) {
        let numbers = self.numbers(info);
        let cols: Vec<usize> = (0..info.cols).map(|col| numbers.number(place.view.col(col))).collect();
        let of_row = |row: usize| numbers.number(place.view.row(row));
        let number: Vec<usize> =
            (0..info.rows).map(of_row).flat_map(|row| cols.iter().map(move |col| row + col)).collect();
        let mut squares = vec![0.0f64; self.lengths.len()];
        weights.iter().zip(&number).for_each(|(weight, &number)| squares[number] += f64::from(*weight).powi(2));
        (squares.into_iter().map(|square| square.sqrt() as f32).collect(), number)
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
}
