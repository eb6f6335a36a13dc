//! The readings of a shape: what each dimension may be.

use super::sift::{Candidate, Convention};
use crate::weights::description::{Axes, Axis, Operation};

/// One way to read a tensor as a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub kind: Operation,
    pub axes: Axes,
    pub groups: usize,
    /// Input channels, of all groups.
    pub ins: usize,
    /// Output channels.
    pub outs: usize,
    /// Matrices in the tensor.
    pub matrices: usize,
}

impl Reading {
    /// These dimensions, without groups.
    pub fn of(kind: Operation, axes: &str, shape: &[usize]) -> Reading {
        // The texts are those of this module and its neighbours, and parse.
        let axes: Axes = axes.parse().unwrap_or_else(|_| kind.usual_axes());
        let groups = axes.size(Axis::Group, shape);
        let ins = groups * axes.size(Axis::In, shape);
        let outs = groups * axes.size(Axis::Out, shape);
        let matrices = axes.size(Axis::Pick, shape);
        Reading { kind, axes, groups, ins, outs, matrices }
    }

    /// The same with groups, of which each reads as many channels as the tensor has.
    pub fn grouped(&self, groups: usize) -> Reading {
        Reading { groups, ins: self.ins / self.groups * groups, ..self.clone() }
    }

    /// PyTorch's linear layer or convolution.
    pub fn out_first(shape: &[usize]) -> Reading {
        let taps = shape.len() - 2;
        Reading::of(Operation::conv(taps, false), &Axes::out_in(taps).to_string(), shape)
    }

    /// The other way round: a transposed convolution, or a linear layer that is stored `in out`.
    pub fn in_first(shape: &[usize]) -> Reading {
        let taps = shape.len() - 2;
        Reading::of(Operation::conv(taps, true), &Axes::in_out(taps).to_string(), shape)
    }

    /// Taps of a kernel.
    pub fn taps(&self, shape: &[usize]) -> usize {
        self.axes.size(Axis::Tap, shape)
    }

    /// As a person says it.
    pub fn say(&self) -> String {
        let name = match (self.kind, self.groups) {
            (_, 1) => operation_name(self.kind),
            (_, groups) => format!("{} in {groups} groups", operation_name(self.kind)),
        };
        let name = match (self.kind, self.axes.iter().next()) {
            (Operation::Linear, Some(Axis::In)) => format!("{name}, stored the other way round,"),
            _ => name,
        };
        let stack = if self.matrices > 1 { format!("{} matrices, each ", self.matrices) } else { String::new() };
        format!("{stack}{name} of {} inputs and {} outputs", self.ins, self.outs)
    }

    /// The line of a description that settles it.
    pub fn line(&self) -> String {
        let kind = serde_json::to_string(&self.kind).unwrap_or_default();
        let groups = if self.groups > 1 { format!(", groups = {}", self.groups) } else { String::new() };
        format!("kind = {kind}, axes = \"{}\"{groups}", self.axes)
    }
}

fn operation_name(kind: Operation) -> String {
    serde_json::to_string(&kind).unwrap_or_default().trim_matches('"').replace('-', " ")
}

/// All readings of a candidate that its name allows, the usual one first.
pub(super) fn readings(candidate: &Candidate<'_>) -> Vec<Reading> {
    let shape = &candidate.tensor.shape[..];
    let taps = shape.len() - 2;
    let k = " k".repeat(taps);
    let k = k.trim_start();
    let conv = Operation::conv(taps, false);
    let pick = |axes: &str| Reading::of(Operation::Linear, axes, shape);
    match (candidate.convention, shape.len()) {
        (Convention::Experts, 3) => vec![pick("pick in out"), pick("pick out in")],
        (Convention::Directions, 3) => vec![pick("pick out in")],
        (Convention::OutLast, 2) | (Convention::InFirst, 2) => {
            vec![Reading::in_first(shape), Reading::out_first(shape)]
        }
        (Convention::OutLast, 3) => {
            let attention = match candidate.name.owner() {
                "query" | "key" | "value" => Some(pick("in out out")),
                "out" => Some(pick("in in out")),
                _ => None,
            };
            let one_d = Reading::of(conv, "k in out", shape);
            attention.into_iter().chain([one_d, pick("pick in out")]).collect()
        }
        (Convention::OutLast, 4) => match candidate.name.owner() {
            "query" | "key" | "value" => vec![pick("pick in out out"), Reading::of(conv, "k k in out", shape)],
            "out" => vec![pick("pick in in out"), Reading::of(conv, "k k in out", shape)],
            _ => vec![Reading::of(conv, "k k in out", shape)],
        },
        (Convention::OutLast, _) => vec![Reading::of(conv, &format!("{k} in out"), shape)],
        (Convention::DepthwiseLast, 3..) => vec![Reading::of(conv, &format!("{k} group out"), shape)],
        (Convention::TransposedLast, 3..) => {
            vec![Reading::of(Operation::conv(taps, true), &format!("{k} out in"), shape)]
        }
        (_, 3) if many_taps(candidate) => vec![Reading::out_first(shape), pick("pick out in"), pick("pick in out")],
        _ => vec![Reading::out_first(shape), Reading::in_first(shape)],
    }
}

/// A tensor of three dimensions with so many taps is rather a stack of matrices than a convolution, unless its name says so
/// or it reads a single channel.
pub(super) fn many_taps(candidate: &Candidate<'_>) -> bool {
    const MOST: usize = 64;
    let shape = &candidate.tensor.shape;
    shape.len() == 3 && shape[2] > MOST && shape[1] > 1 && !candidate.name.words().any(|word| word.starts_with("conv"))
}
