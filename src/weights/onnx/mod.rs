//! ONNX models: initializers are the tensors, and the graph describes the network.
//!
//! ```text
//! schema.rs      the messages that are read
//! attributes.rs  the attributes of an operator
//! tensors.rs     initializers to tensors
//! shapes.rs      shapes of the values between the operators
//! graph.rs       operators to layers
//! ```
//!
//! docs/weights.md lists the operators.

mod attributes;
mod graph;
mod schema;
mod shapes;
mod tensors;

use std::path::Path;
use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes as Shared;

use super::WeightsError;
use super::description::Description;
use super::file::{Bytes, WeightsFile, map};

/// Whether a path is called an ONNX model.
pub(super) fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// Opens a model: its tensors, and what the graph says of them. Weights stay mapped.
pub(super) fn open(path: &Path) -> Result<(Vec<WeightsFile>, Description), WeightsError> {
    let map = Arc::new(map(path)?);
    let shared = Shared::from_owner(Map(Arc::clone(&map)));
    read(path, &shared, Bytes::Shared(map))
}

/// The mapped file, as what the decoder shares.
struct Map(Arc<memmap2::Mmap>);

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// As [`open`], from the bytes of a model without files beside it.
pub(super) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<(Vec<WeightsFile>, Description), WeightsError> {
    let shared = Shared::from(bytes.clone());
    read(path, &shared, Bytes::Owned(bytes))
}

fn read(path: &Path, shared: &Shared, own: Bytes) -> Result<(Vec<WeightsFile>, Description), WeightsError> {
    let refuse = |problem: String| WeightsError::Onnx { path: path.to_owned(), problem };
    let model = schema::ModelProto::decode(shared.clone())
        .map_err(|error| refuse(format!("{error}; is it a whole ONNX file?")))?;
    let Some(graph) = model.graph else { return Err(refuse("it has no graph".into())) };
    let mut files = tensors::Files::new(path, shared);
    let description = graph::describe(path, &graph, &mut files)?;
    Ok((files.finish(own), description))
}
