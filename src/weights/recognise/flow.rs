//! Which widths flow where: what the layers before a layer give, and what those behind it read.

use std::collections::{HashMap, HashSet};

use super::readings::Reading;
use super::sift::Candidate;

/// How well a layer's inputs fit what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// No earlier layer has as many outputs, nor do several together.
    None,
    /// Only a layer that lies later in the file has as many.
    Later,
    /// The layer just before it has twice as many; or, where sorted names give the order, a near layer behind it has as many.
    Split,
    /// A sum, a part, or a multiple of earlier outputs: a concatenation, a split, flattened positions.
    Derived,
    /// An earlier layer has as many outputs, or it is the input of the network.
    Earlier,
    /// The layer just before it has.
    Next,
}

/// What is known besides the layers.
pub(super) struct Around {
    /// The widths of lookup tables.
    pub tables: Vec<usize>,
    /// The order comes from sorted names.
    pub sorted: bool,
}

/// The widths of a network, layer after layer.
#[derive(Default)]
pub(super) struct Flow {
    /// What each layer gives: its outputs, and what recurrent and fused layers make of them.
    given: Vec<Vec<usize>>,
    /// Which layers are convolutions.
    convs: Vec<bool>,
    /// The first and the last layer that gives a width.
    ends: HashMap<usize, (usize, usize)>,
    /// The last layer that reads a width.
    read: HashMap<usize, usize>,
    /// Inputs of the first layer, and widths of lookup tables.
    inputs: Vec<usize>,
    /// How many of these are widths of tables; they come first.
    tables: usize,
    /// The order comes from sorted names: within a block it is not that of the network.
    sorted: bool,
    /// Names of the blocks in which a layer gives a width, with that width.
    blocks: HashSet<(String, usize)>,
}

/// Layers that may stand between a layer and those whose outputs it reads together.
const NEAR: usize = 12;

impl Flow {
    /// Of layers in their order, each with its reading.
    pub fn new<'a>(layers: impl Iterator<Item = (&'a Candidate<'a>, &'a Reading)>, around: &Around) -> Flow {
        let inputs = around.tables.clone();
        let mut flow = Flow { tables: inputs.len(), inputs, sorted: around.sorted, ..Flow::default() };
        for (number, (candidate, reading)) in layers.enumerate() {
            if number == 0 && reading.ins > 4 && around.tables.is_empty() {
                flow.inputs.push(reading.ins);
            }
            let given = given(candidate, reading);
            if flow.sorted && candidate.tensor.shape[1] > 1 && !is_squeeze(candidate.name.full) {
                flow.blocks.insert((block(candidate.name.full), reading.outs));
            }
            for &width in &given {
                let ends = flow.ends.entry(width).or_insert((number, number));
                ends.1 = number;
            }
            flow.given.push(given);
            flow.convs.push(reading.kind.dims() > 0);
            flow.read.insert(reading.ins, number);
        }
        flow
    }

    /// How a layer's inputs fit what comes before it.
    pub fn fit(&self, number: usize, reading: &Reading, recurrent: bool) -> Fit {
        let ins = reading.ins;
        let conv = reading.kind.dims() > 0;
        if recurrent && reading.outs.is_multiple_of(ins) && matches!(reading.outs / ins, 1 | 3 | 4) {
            return Fit::Next;
        }
        let Some(before) = number.checked_sub(1) else {
            // The first one reads the input of the network, or what a lookup table gives.
            let table = self.tables == 0 || self.inputs[..self.tables].contains(&ins);
            return match (table, conv && ins > 4) {
                (true, _) => Fit::Earlier,
                (false, true) => Fit::None,
                (false, false) => Fit::Derived,
            };
        };
        if self.given[before].contains(&ins) {
            return Fit::Next;
        }
        let first = self.ends.get(&ins).map(|(first, _)| *first);
        if first.is_some_and(|first| first < number) || self.inputs.contains(&ins) || (conv && matches!(ins, 1 | 3)) {
            return Fit::Earlier;
        }
        let previous = self.given[before].first().copied().unwrap_or(0);
        // Gated units halve what they are given; flattened positions come out of convolutions.
        let half = previous == 2 * ins;
        let part = previous > ins && previous.is_multiple_of(ins) && reading.outs == ins;
        let flattened = !conv && self.convs[before] && ins > previous && ins.is_multiple_of(previous.max(1));
        let together = match conv {
            true => self.together(number, ins),
            false => self.tables > 1 && ins == self.inputs[..self.tables].iter().sum::<usize>(),
        };
        if half && reading.kind.dims() <= 1 || part || flattened || together {
            return Fit::Derived;
        }
        match first {
            Some(first) if self.sorted && first - number <= NEAR => Fit::Split,
            _ if half => Fit::Split,
            Some(_) => Fit::Later,
            None => Fit::None,
        }
    }

    /// Whether the layer just before gives so many channels.
    pub fn is_next(&self, number: usize, ins: usize) -> bool {
        number.checked_sub(1).is_some_and(|before| self.given[before].contains(&ins))
    }

    /// Whether some later layer reads what this one gives; of the last one nobody knows.
    pub fn is_read(&self, number: usize, reading: &Reading) -> bool {
        number + 1 == self.given.len() || self.read.get(&reading.outs).is_some_and(|last| *last > number)
    }

    /// Whether a layer before this one gives so many channels.
    pub fn is_given_before(&self, number: usize, width: usize) -> bool {
        self.ends.get(&width).is_some_and(|(first, _)| *first < number) || self.inputs.contains(&width)
    }

    /// Whether any layer gives so many channels.
    pub fn is_given(&self, width: usize) -> bool {
        self.ends.contains_key(&width)
    }

    /// Whether a near layer, before or behind, gives so many channels.
    pub fn is_given_near(&self, number: usize, width: usize) -> bool {
        let near = number.saturating_sub(NEAR / 2)..(number + NEAR / 2 + 1).min(self.given.len());
        near.filter(|other| *other != number).any(|other| self.given[other].contains(&width))
    }

    /// Whether a layer of the same block, but a depthwise one, gives so many channels.
    pub fn is_given_in_block(&self, name: &str, width: usize) -> bool {
        self.blocks.contains(&(block(name), width))
    }

    /// Whether the order is that of sorted names.
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Whether outputs of near layers add up to so many channels.
    pub fn together(&self, number: usize, ins: usize) -> bool {
        let near = &self.given[number.saturating_sub(NEAR)..number];
        let widths = near.iter().filter_map(|given| given.first().copied()).chain(self.inputs.iter().copied());
        let mut sums = HashSet::from([0]);
        for width in widths {
            let more: Vec<usize> = sums.iter().map(|sum| sum + width).filter(|sum| *sum <= ins).collect();
            sums.extend(more);
        }
        sums.contains(&ins)
    }
}

/// Whether a layer is one of the two of squeeze and excitation, which stand beside the path.
pub(super) fn is_squeeze(name: &str) -> bool {
    super::names::parts(name).any(|part| matches!(part, "se" | "se_module" | "squeeze_excitation"))
}

/// The block of a layer: its name without the last three parts.
fn block(name: &str) -> String {
    let parts: Vec<&str> = super::names::parts(name).collect();
    parts[..parts.len().saturating_sub(3)].join(".")
}

/// What a layer gives: its outputs first.
fn given(candidate: &Candidate<'_>, reading: &Reading) -> Vec<usize> {
    let mut given = vec![reading.outs];
    if is_recurrent(candidate) {
        // One direction, and two.
        given.extend([reading.ins, 2 * reading.ins]);
    }
    if reading.outs.is_multiple_of(3) && reading.kind.dims() == 0 {
        // Queries, keys and values in one.
        given.push(reading.outs / 3);
    }
    given
}

/// Whether the layer reads its own last output: the second matrix of a recurrent layer.
pub(super) fn is_recurrent(candidate: &Candidate<'_>) -> bool {
    let role = candidate.name.role;
    role.starts_with("weight_hh")
        || role.contains("recurrent_kernel")
        || (candidate.convention == super::sift::Convention::Directions)
}

impl Flow {
    /// Outputs of a layer.
    pub fn gives(&self, number: usize) -> usize {
        self.given[number].first().copied().unwrap_or(0)
    }
}
