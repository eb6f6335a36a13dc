//! The description of a network: which layers it has, in which order, and where each finds its weights.
//!
//! The rest of the program knows a network through this type alone. It comes from a file that the user gives, from the
//! metadata key `elight.network`, from an ONNX graph, or from names and shapes (`super::recognise`).
//! As a file it is TOML; docs/weights.md has its keys. In metadata the same table stands as JSON.

mod axes;
mod file;

use serde::{Deserialize, Serialize};

pub use axes::{Axes, Axis};

/// The version of the description that this program writes and reads.
pub const VERSION: u32 = 1;

/// How sure it is that a layer is what it is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Somebody who knows has said so: the user, or the program that wrote the file.
    #[default]
    Stated,
    /// Its inputs are the outputs of earlier layers, and no other reading fits.
    Proved,
    /// The usual reading; another one fits as well, or nothing around it confirms it.
    Assumed,
    /// No reading is better than another, or what is usual contradicts the layers around it.
    Unknown,
}

impl std::fmt::Display for Certainty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Certainty::Stated => "stated",
            Certainty::Proved => "proved",
            Certainty::Assumed => "assumed",
            Certainty::Unknown => "unknown",
        })
    }
}

/// Where the order of the layers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderSource {
    /// Stated by the user or an exporter.
    #[default]
    Stated,
    /// The graph that computes the network.
    Graph,
    /// The order of the data in the file.
    Stored,
    /// The words and numbers of the names: the file was sorted by its writer.
    Names,
}

impl std::fmt::Display for OrderSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OrderSource::Stated => "as stated",
            OrderSource::Graph => "as the graph runs them",
            OrderSource::Stored => "as their data lie in the file",
            OrderSource::Names => "by their names, as the file is sorted",
        })
    }
}

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Operation {
    /// A matrix product.
    #[default]
    #[serde(rename = "linear")]
    Linear,
    /// A convolution over one dimension.
    #[serde(rename = "conv1d")]
    Conv1d,
    /// Over two.
    #[serde(rename = "conv2d")]
    Conv2d,
    /// Over three.
    #[serde(rename = "conv3d")]
    Conv3d,
    /// A transposed convolution over one dimension.
    #[serde(rename = "transposed-conv1d")]
    TransposedConv1d,
    /// Over two.
    #[serde(rename = "transposed-conv2d")]
    TransposedConv2d,
    /// Over three.
    #[serde(rename = "transposed-conv3d")]
    TransposedConv3d,
    /// ELight's blocks `[P, Q, k, k]`.
    #[serde(rename = "blocks")]
    Blocks,
}

impl Operation {
    /// A convolution over `dims` dimensions; a linear layer over none.
    pub(super) fn conv(dims: usize, transposed: bool) -> Operation {
        match (dims, transposed) {
            (0, _) => Operation::Linear,
            (1, false) => Operation::Conv1d,
            (2, false) => Operation::Conv2d,
            (_, false) => Operation::Conv3d,
            (1, true) => Operation::TransposedConv1d,
            (2, true) => Operation::TransposedConv2d,
            (_, true) => Operation::TransposedConv3d,
        }
    }

    /// Dimensions of space.
    pub fn dims(self) -> usize {
        match self {
            Operation::Linear | Operation::Blocks => 0,
            Operation::Conv1d | Operation::TransposedConv1d => 1,
            Operation::Conv2d | Operation::TransposedConv2d => 2,
            Operation::Conv3d | Operation::TransposedConv3d => 3,
        }
    }

    /// Whether every tap makes outputs of its own.
    pub fn is_transposed(self) -> bool {
        matches!(self, Operation::TransposedConv1d | Operation::TransposedConv2d | Operation::TransposedConv3d)
    }

    /// PyTorch's dimensions for it.
    pub fn usual_axes(self) -> Axes {
        match self {
            Operation::Blocks => Axes::new([Axis::Out, Axis::In, Axis::Out, Axis::In]),
            _ if self.is_transposed() => Axes::in_out(self.dims()),
            _ => Axes::out_in(self.dims()),
        }
    }
}

/// One layer: a matrix, and where its weights are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name, that of no other layer.
    pub name: String,
    /// The tensor that holds its weights; absent: the one called like the layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// What it computes.
    #[serde(default)]
    pub kind: Operation,
    /// What each dimension of the tensor is; absent: PyTorch's for the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<Axes>,
    /// For each `pick` axis the index that is this layer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pick: Vec<usize>,
    /// The rows of the matrix that are this layer's, from the first up to but not with the second; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<[usize; 2]>,
    /// Groups of outputs that read different inputs; absent: 1, or as many as the `group` axes say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Input vectors an inference: positions of a convolution, steps of a sequence; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<u64>,
    /// Where its inputs come from: layers, or `input`; for the reader, and for what uses the flow of data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Another layer or a table that has the same weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tied_to: Option<String>,
    /// The tensor of scales: a weight is what is stored, less the zero point, times its scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// The tensor of zero points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_point: Option<String>,
    /// How many weights along each dimension of the tensor share a scale; absent: the shapes say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<usize>,
    /// The tensor of lengths `g` of weight normalization, `w = g v / |v|`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_norm: Option<String>,
    /// How sure this is.
    #[serde(default)]
    pub certainty: Certainty,
    /// Why it is taken for this, and what else it might be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Layer {
    /// The tensor's name.
    pub fn tensor(&self) -> &str {
        self.tensor.as_deref().unwrap_or(&self.name)
    }

    /// The dimensions of its tensor.
    pub fn axes(&self) -> Axes {
        self.axes.clone().unwrap_or_else(|| self.kind.usual_axes())
    }
}

/// A tensor that is no layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The tensor.
    pub tensor: String,
    /// Why, as half a sentence.
    pub reason: String,
}

/// A product whose both factors are computed, so that the core cannot hold one: attention's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digital {
    /// Its name in the graph.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// Multiplications an inference; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplications: Option<u64>,
}

/// A network as a table of layers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The version of this table, [`VERSION`].
    pub version: u32,
    /// Where the order of the layers comes from.
    #[serde(default)]
    pub order: OrderSource,
    /// The layers, in the order in which they run.
    #[serde(default, rename = "layer", skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// What is no layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Products that stay in digital electronics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digital: Vec<Digital>,
}
