//! Which description of a network holds, and whether it may be planned.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::description::{Certainty, Description, Layer, OrderSource};
use super::file::Tensor;
use super::filter::Verdict;
use super::metadata::DESCRIPTION_KEY;
use super::reading::Reading;
use super::shown::shown;
use super::{Filter, Layout, WeightsError, recognise};

/// A model's graph describes it, unless the user does, or wants it read in another way.
pub(super) fn with_graph(reading: &Reading, graph: Description) -> Reading {
    let mut reading = reading.clone();
    if reading.layout == Layout::Auto {
        reading.description.get_or_insert(graph);
    }
    reading
}

/// The description that these tensors are read by.
pub(super) fn describe(
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
    let mut asked = HashSet::new();
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
