//! A layer: what is known of it without reading its weights.

use std::path::PathBuf;

use super::WeightType;
use super::description::{Axis, Certainty, Layer, Operation};

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// `[out, in]`: a matrix as it is.
    Linear,
    /// `[out, in, k..]`: a convolution over `dims` dimensions.
    Conv {
        /// 1, 2 or 3.
        dims: u8,
    },
    /// `[out, in/groups, k..]`, several channels in each group.
    GroupedConv {
        /// 1, 2 or 3.
        dims: u8,
    },
    /// `[out, 1, k..]`: each output reads one input channel.
    DepthwiseConv {
        /// 1, 2 or 3.
        dims: u8,
    },
    /// A transposed convolution over `dims` dimensions: each tap makes outputs of its own, so that a matrix has
    /// `out * taps` rows and `in` columns.
    TransposedConv {
        /// 1, 2 or 3.
        dims: u8,
    },
    /// ELight's `[p, q, k, k]`.
    Blocks {
        /// Block rows (of k outputs each).
        p: usize,
        /// Block columns (of k inputs each).
        q: usize,
        /// Size of a block; it must fit the core.
        k: usize,
    },
}

impl LayerKind {
    /// What a described layer is, whose tensor has this shape.
    pub(super) fn of(layer: &Layer, shape: &[usize], groups: usize) -> LayerKind {
        let dims = layer.kind.dims() as u8;
        match (layer.kind, shape) {
            (Operation::Blocks, &[p, q, k, _]) => LayerKind::Blocks { p, q, k },
            (Operation::Linear | Operation::Blocks, _) => LayerKind::Linear,
            (kind, _) if kind.is_transposed() => LayerKind::TransposedConv { dims },
            _ if groups == 1 => LayerKind::Conv { dims },
            _ if layer.axes().size(Axis::In, shape) == 1 => LayerKind::DepthwiseConv { dims },
            _ => LayerKind::GroupedConv { dims },
        }
    }
}

impl std::fmt::Display for LayerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LayerKind::Linear => write!(f, "linear"),
            LayerKind::Conv { dims } => write!(f, "conv{dims}d"),
            LayerKind::GroupedConv { dims } => write!(f, "grouped conv{dims}d"),
            LayerKind::DepthwiseConv { dims } => write!(f, "depthwise conv{dims}d"),
            LayerKind::TransposedConv { dims } => write!(f, "transposed conv{dims}d"),
            LayerKind::Blocks { p, q, k } => write!(f, "blocks {p}x{q} of {k}x{k}"),
        }
    }
}

/// A layer: what is known of it without reading its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Its name: the tensor's, unless a tensor holds several layers.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// Outputs. At least 1.
    pub rows: usize,
    /// Inputs of one row: `in / groups * kernel taps`. At least 1.
    pub cols: usize,
    /// Groups of rows that read different inputs; divides `rows`; 1 but for grouped and depthwise convolution.
    pub groups: usize,
    /// Taps of the kernel, over all dimensions of space; 1 of a linear layer.
    pub taps: usize,
    /// Input vectors an inference: positions of a convolution, steps of a sequence; `None`: not known.
    pub vectors: Option<u64>,
    /// How sure it is that the layer is what it is taken for.
    pub certainty: Certainty,
    /// The tensor's shape in the file.
    pub shape: Vec<usize>,
    /// The weights' type in the file.
    pub dtype: WeightType,
    /// The file that holds it (of a sharded set: the shard).
    pub file: PathBuf,
}

/// A tensor that is no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The tensor's name.
    pub name: String,
    /// Why, as half a sentence: `it is 1-dimensional, no matrix`.
    pub reason: String,
}

impl LayerInfo {
    /// Number of weights, `rows * cols`.
    pub fn weights(&self) -> usize {
        self.rows * self.cols
    }

    /// Length of the layer's whole (unfolded) input vector, `groups * cols`.
    pub fn inputs(&self) -> usize {
        self.groups * self.cols
    }

    /// The first of the `cols` inputs that `row` reads.
    pub fn input_base(&self, row: usize) -> usize {
        row / (self.rows / self.groups) * self.cols
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_bases_of_a_grouped_layer() {
        let layer = LayerInfo {
            name: "g".into(),
            kind: LayerKind::GroupedConv { dims: 2 },
            rows: 6,
            cols: 18,
            groups: 3,
            taps: 9,
            vectors: None,
            certainty: Certainty::Stated,
            shape: vec![6, 2, 3, 3],
            dtype: WeightType::F32,
            file: PathBuf::new(),
        };
        let bases: Vec<_> = (0..6).map(|row| layer.input_base(row)).collect();
        assert_eq!(bases, [0, 0, 18, 18, 36, 36]);
        assert_eq!((layer.inputs(), layer.weights()), (54, 108));
    }
}
