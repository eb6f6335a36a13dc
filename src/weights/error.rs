//! What can be wrong with a weights file: one variant per broken rule.

use std::path::PathBuf;

/// Why weights could not be opened or read. Every text names the file or tensor, what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `map`...
        action: &'static str,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// Not a regular file, so it cannot be memory-mapped.
    #[error("{}: not a regular file; give one .safetensors file, or the .index.json of a sharded set", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// Zero bytes long.
    #[error("{}: the file is empty (0 bytes); a .safetensors file has at least 10 bytes; copy or download it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The header cannot be trusted.
    #[error("{}: not a valid .safetensors file: {problem}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong in the header, and what to do where that is known.
        problem: String,
    },
    /// Header and file disagree on the file's length.
    #[error("{}: the header describes a file of {expected} bytes, but it has {found}; {}", path.display(),
        if found < expected { "it is truncated: copy or download it again" } else { "something was appended to it, or its header is damaged" })]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes that header and tensors need.
        expected: u64,
        /// Bytes that the file has.
        found: u64,
    },
    /// The index of a sharded set is unusable.
    #[error("{}: not a valid index of a sharded set: {problem}", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// A shard that the index names does not exist.
    #[error("{}: the index names the shard `{shard}`, which is not beside it; fetch all shards into one folder", index.display())]
    MissingShard {
        /// The index file.
        index: PathBuf,
        /// The shard's file name.
        shard: String,
    },
    /// A tensor is not in the shard that the index says.
    #[error("{}: tensor `{tensor}` should be in shard `{shard}` but is not there; index and shards are of different versions", index.display())]
    MissingTensor {
        /// The index file.
        index: PathBuf,
        /// The shard's file name.
        shard: String,
        /// The tensor.
        tensor: String,
    },
    /// A glob does not parse.
    #[error("bad pattern `{glob}`: {source}; `*` stands for any text, `?` for one character, `[ab]` for one of these")]
    BadGlob {
        /// The pattern.
        glob: String,
        /// Where it does not parse.
        source: globset::Error,
    },
    /// An include pattern matches no tensor at all.
    #[error("the pattern `{glob}` matches no tensor of {}; there are, for example: {examples}", path.display())]
    NoMatch {
        /// The pattern.
        glob: String,
        /// The model.
        path: PathBuf,
        /// Some names that exist.
        examples: String,
    },
    /// The metadata key `elight.groups.<tensor>` is no possible number of groups.
    #[error(
        "metadata `elight.groups.{tensor}` is `{value}`, but must be a whole number that divides its {rows} outputs"
    )]
    BadGroups {
        /// The tensor.
        tensor: String,
        /// The value found.
        value: String,
        /// Outputs of the layer.
        rows: usize,
    },
    /// The metadata key `elight.groups.<tensor>` is about a tensor that does not exist.
    #[error("metadata `elight.groups.{tensor}` names no tensor of {}; spell the tensor's full name or remove the key", path.display())]
    GroupsOfNothing {
        /// The model.
        path: PathBuf,
        /// The name in the key.
        tensor: String,
    },
    /// A description of a network cannot be read.
    #[error("{origin}: not a description of a network: {problem}")]
    Description {
        /// The file, or where in the metadata.
        origin: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A described layer does not fit the tensors.
    #[error("{}: layer `{layer}`: {problem}; correct it in the description of the network (--network)", path.display())]
    Layer {
        /// The model.
        path: PathBuf,
        /// The layer.
        layer: String,
        /// What does not fit.
        problem: String,
    },
    /// A metadata key of this program's that it does not know.
    #[error("{}: the metadata key `elight.{key}` is not known: correct its spelling, or remove it; known are {known}, and groups.TENSOR", path.display())]
    UnknownKey {
        /// The model.
        path: PathBuf,
        /// The key.
        key: String,
        /// The keys that are known.
        known: String,
    },
    /// A file of another kind.
    #[error("{}: {what}, no weights: {cure}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// How to get at weights.
        cure: String,
    },
    /// A folder does not say which weights are meant.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Two shards say different things.
    #[error("{}: the shards contradict each other: metadata `{key}` is `{first}` in one and `{second}` in another; they are of different versions", path.display())]
    Contradiction {
        /// The index.
        path: PathBuf,
        /// The metadata key.
        key: String,
        /// What the first shard says.
        first: String,
        /// What a later one says.
        second: String,
    },
    /// An ONNX model cannot be read, or not understood.
    #[error("{}: ONNX: {problem}", path.display())]
    Onnx {
        /// The model.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// An archive of NumPy's arrays cannot be read.
    #[error("{}: not a readable .npz archive: {problem}", path.display())]
    Npz {
        /// The archive.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// Weights in a form that is not read.
    #[error("{}: the tensor `{tensor}`{} is stored as {format}, which cannot be planned: {cure}", path.display(), if *others > 0 { format!(", with {others} more,") } else { String::new() })]
    Packed {
        /// The model.
        path: PathBuf,
        /// The first such tensor.
        tensor: String,
        /// How many more there are.
        others: usize,
        /// The format.
        format: &'static str,
        /// What to do.
        cure: &'static str,
    },
    /// Layers that nothing settles.
    #[error("{}: it is not known what {count} of its tensors are, so that nothing is planned:\n  {questions}\nTo settle it: elight-plan layers {} -o net.toml, correct the lines of these layers there, and plan with --network net.toml; or leave tensors out with --exclude; or take the most likely reading of each with --assume", path.display(), path.display())]
    Unknown {
        /// The model.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Each of them, with its readings.
        questions: String,
    },
    /// A tensor of doubles vanishes when it is rounded to f32.
    #[error("{}: the largest weight of tensor `{tensor}` is {largest:e}, which is below the range of 32-bit floats (1.2e-38): scale the tensor up, and the outputs down", path.display())]
    TooSmall {
        /// The file (of a sharded set: the shard).
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its largest magnitude.
        largest: f64,
    },
    /// Nothing is left to plan.
    #[error("{}: no layer to plan with layout `{layout}`: {why}", path.display())]
    NoLayers {
        /// The model.
        path: PathBuf,
        /// The layout that was asked for.
        layout: String,
        /// Each tensor and why it was skipped (the first few).
        why: String,
    },
    /// A layout name that does not exist.
    #[error("unknown layout `{text}`; it is one of auto, matrix, blocks")]
    UnknownLayout {
        /// The text given.
        text: String,
    },
    /// A layer number beyond the last.
    #[error("there is no layer {layer}; the network has {count} layers, counted from 0")]
    NoSuchLayer {
        /// The number asked for.
        layer: usize,
        /// How many there are.
        count: usize,
    },
    /// A weight is NaN or infinite.
    #[error("{}: tensor `{tensor}` has the value {value} at {index:?} (flat index {flat}); weights must be finite: repair or retrain the model, or leave the tensor out with --exclude", path.display())]
    NotFinite {
        /// The file (of a sharded set: the shard).
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Position in the tensor's stored (row-major) order.
        flat: usize,
        /// The same position, one index per dimension.
        index: Vec<usize>,
        /// NaN, inf or -inf.
        value: f64,
    },
    /// A finite F64 weight that f32 cannot hold.
    #[error("{}: tensor `{tensor}` has the value {value:e} at {index:?} (flat index {flat}), which is beyond the range of 32-bit floats (3.4e38)", path.display())]
    TooLarge {
        /// The file (of a sharded set: the shard).
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Position in the tensor's stored (row-major) order.
        flat: usize,
        /// The same position, one index per dimension.
        index: Vec<usize>,
        /// The value.
        value: f64,
    },
}
