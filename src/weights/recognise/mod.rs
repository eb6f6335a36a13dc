//! Names and shapes to a description, and how sure it is.
//!
//! ```text
//! names.rs      what a name says
//! sift.rs       what a tensor is, by name, type and the tensors beside it
//! readings.rs   what its dimensions may be
//! flow.rs       which widths flow where
//! judge.rs      which reading it is, and how sure
//! ```
//!
//! docs/weights.md has the rules for users.

mod flow;
mod groups;
mod judge;
mod names;
mod readings;
mod sift;

use std::collections::BTreeMap;

use super::description::{Axes, Axis, Certainty, Description, Layer, LeftOut, Operation, OrderSource, VERSION};
use super::file::Tensor;
use super::filter::Verdict;
use super::{Layout, WeightType, WeightsError};
use judge::Judged;
use sift::{Sifted, Tensors};

pub(super) use groups::groups_of_nothing;
pub(super) use names::{parts, words};

/// What is said of how tensors are to be read.
pub(super) struct Request<'a> {
    pub layout: Layout,
    pub filter: &'a super::Filter,
    pub metadata: &'a BTreeMap<String, String>,
    pub order: OrderSource,
    /// The file, for errors.
    pub path: &'a std::path::Path,
}

/// Describes the network from names and shapes; `tensors` come in the model's order.
pub(super) fn recognise(tensors: &[(usize, Tensor)], request: &Request<'_>) -> Result<Description, WeightsError> {
    match request.layout {
        Layout::Auto => layers(tensors, request),
        layout => stated(tensors, request, layout),
    }
}

/// Without recognition: every tensor of two or more dimensions is a matrix, or every one of four is blocks.
fn stated(tensors: &[(usize, Tensor)], request: &Request<'_>, layout: Layout) -> Result<Description, WeightsError> {
    let mut description = Description { version: VERSION, order: request.order, ..Description::default() };
    for (_, Tensor { name, dtype, shape, .. }) in tensors {
        let problem = match (WeightType::of(*dtype), &shape[..]) {
            (_, []) | (_, [_]) => Some(format!("it is {}-dimensional, no matrix", shape.len())),
            (Some(dtype), _) if !dtype.needs_scale() && shape.contains(&0) => {
                Some(format!("it is empty: its shape is {shape:?}"))
            }
            (Some(dtype), &[_, _, rows, cols]) if layout == Layout::Blocks && rows == cols && !dtype.needs_scale() => {
                None
            }
            (Some(dtype), _) if !dtype.needs_scale() => match layout {
                Layout::Blocks => Some(format!("its shape {shape:?} is not that of blocks, [P, Q, k, k]")),
                _ => None,
            },
            _ => Some(format!(
                "{dtype} is no type of weights in this layout (F64, F32, F16, BF16, F8_E4M3 and F8_E5M2 are)"
            )),
        };
        if let Some(reason) = problem {
            description.left_out.push(LeftOut { tensor: name.clone(), reason });
            continue;
        }
        let kind = if layout == Layout::Blocks { Operation::Blocks } else { Operation::Linear };
        let ins = std::iter::repeat_n(Axis::In, shape.len() - 1);
        let axes = (layout == Layout::Matrix).then(|| Axes::new([Axis::Out].into_iter().chain(ins)));
        let groups = match layout {
            Layout::Matrix => groups::stated(request.metadata, name, shape[0])?,
            _ => None,
        };
        description.layers.push(Layer { name: name.clone(), kind, axes, groups, ..Layer::default() });
    }
    Ok(description)
}

fn layers(tensors: &[(usize, Tensor)], request: &Request<'_>) -> Result<Description, WeightsError> {
    let mut description = Description { version: VERSION, order: request.order, ..Description::default() };
    let mut candidates = Vec::new();
    let all = Tensors::new(tensors);
    let mut packed = Vec::new();
    for (_, tensor) in tensors {
        let verdict = request.filter.verdict(&tensor.name);
        match sift::sift(&all, tensor, verdict == Verdict::Named) {
            Sifted::Candidate(candidate) => candidates.push(*candidate),
            Sifted::LeftOut(reason) => description.left_out.push(LeftOut { tensor: tensor.name.clone(), reason }),
            Sifted::Helper => {}
            Sifted::Packed(format, cure) => match verdict {
                Verdict::Unwanted(reason) => {
                    description.left_out.push(LeftOut { tensor: tensor.name.clone(), reason });
                }
                _ => packed.push((tensor.name.as_str(), format, cure)),
            },
        }
    }
    if let Some((tensor, format, cure)) = packed.first() {
        return Err(WeightsError::Packed {
            path: request.path.to_owned(),
            tensor: tensor.escape_debug().to_string(),
            others: packed.len() - 1,
            format,
            cure,
        });
    }
    let mut used: std::collections::HashSet<String> = std::collections::HashSet::new();
    for judged in judge::judge(candidates, request.metadata, request.order)? {
        match judged {
            Judged::Table { tensor, reason } => {
                description.left_out.push(LeftOut { tensor: tensor.name.clone(), reason });
            }
            Judged::Layer(layer) => {
                used.extend([&layer.scale, &layer.zero_point].into_iter().flatten().cloned());
                description.layers.extend(matrices(*layer, &all));
            }
        }
    }
    description.left_out.retain(|left_out| !used.contains(&left_out.tensor));
    tied(&mut description, &all, request.metadata);
    Ok(description)
}

/// A tensor with several matrices is as many layers.
fn matrices(layer: Layer, tensors: &Tensors<'_>) -> Vec<Layer> {
    let axes = layer.axes();
    let shape = tensors.get(layer.tensor()).map(|tensor| &tensor.shape[..]).unwrap_or_default();
    match axes.count(Axis::Pick) {
        0 => vec![layer],
        _ => (0..axes.size(Axis::Pick, shape))
            .map(|number| Layer {
                name: format!("{}[{number}]", layer.name),
                tensor: Some(layer.tensor().to_owned()),
                pick: vec![number],
                ..layer.clone()
            })
            .collect(),
    }
}

/// Layers that share the tensor of another, as the metadata of Hugging Face's writer say: `lm_head.weight` is the table of tokens.
fn tied(description: &mut Description, tensors: &Tensors<'_>, metadata: &BTreeMap<String, String>) {
    for (name, of) in metadata {
        let (Some(table), None) = (tensors.get(of), tensors.get(name)) else { continue };
        let bound = table.shape.len() == 2 && WeightType::of(table.dtype).is_some_and(|dtype| !dtype.needs_scale());
        if !bound || description.layers.iter().any(|layer| layer.tensor() == of) {
            continue;
        }
        description.layers.push(Layer {
            name: name.clone(),
            tensor: Some(of.clone()),
            tied_to: Some(of.clone()),
            certainty: Certainty::Stated,
            note: Some(format!("the metadata say that it is `{}`", of.escape_debug())),
            ..Layer::default()
        });
    }
}
