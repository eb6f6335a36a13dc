//! Groups of convolutions, which a weight's shape does not tell.

use std::collections::BTreeMap;

use super::flow::{Flow, is_squeeze};
use super::names::parts;
use super::readings::Reading;
use super::sift::{Candidate, Convention};
use crate::weights::WeightsError;

/// The metadata key that states a tensor's groups.
const GROUPS_KEY: &str = "elight.groups.";

/// The tensor of a metadata key that states groups but names none of these tensors: most likely a misspelling.
pub(in crate::weights) fn groups_of_nothing<'a>(
    metadata: &'a BTreeMap<String, String>,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    metadata
        .keys()
        .filter_map(|key| key.strip_prefix(GROUPS_KEY))
        .find(|tensor| !names.clone().any(|name| name == *tensor))
}

/// What the metadata says.
pub(super) fn stated(
    metadata: &BTreeMap<String, String>,
    tensor: &str,
    rows: usize,
) -> Result<Option<usize>, WeightsError> {
    let Some(value) = metadata.get(&format!("{GROUPS_KEY}{tensor}")) else { return Ok(None) };
    match value.trim().parse::<usize>() {
        Ok(groups) if groups > 0 && rows.is_multiple_of(groups) => Ok(Some(groups)),
        _ => Err(WeightsError::BadGroups { tensor: tensor.to_owned(), value: value.clone(), rows }),
    }
}

/// A layer that has been looked at.
pub(super) struct Seen<'a> {
    pub name: &'a str,
    pub outs: usize,
    pub channels: usize,
    pub groups: usize,
    pub sure: Sure,
}

/// Groups of a convolution `[out, in/groups, k..]`, from the layers around it; and whether something else fits as well.
///
/// *One input channel, several outputs*: depthwise, if a layer before has as many outputs, or several have together; with several
/// outputs a channel, if the layer just before has a part of them. A plain convolution on a single channel is what the first layer of
/// a model is, and a layer of which no other has as many outputs.
///
/// *Several input channels*: grouped if all of this holds, else plain:
/// - more than one kernel tap (a 1x1 convolution with fewer inputs is far more often a shortcut);
/// - as many outputs as the layer before, whose outputs are a multiple of this layer's input channels;
/// - the layer before is a sibling (names differ in one part only), so that both are on the same path;
/// - no earlier sibling without groups reads that many channels (then this is a shortcut around those).
pub(super) fn infer(seen: &[Seen<'_>], flow: &Flow, name: &str, reading: &Reading, taps: usize) -> (usize, Sure) {
    if reading.kind.dims() == 0 {
        return (1, Sure::Yes);
    }
    let Some(before) = seen.last() else {
        // Sorted names may have put another layer in front.
        let doubtful = flow.is_sorted() && reading.ins == 1 && flow.is_given(reading.outs);
        return (1, if doubtful { Sure::No } else { Sure::Yes });
    };
    let (channels, outs, number) = (reading.ins, reading.outs, seen.len());
    if channels == 1 {
        let before = seen.iter().rev().find(|layer| !is_squeeze(layer.name)).unwrap_or(before);
        return single(seen, before, flow, name, outs);
    }
    let same_input = || {
        let reads_it = |layer: &Seen<'_>| layer.groups == 1 && layer.channels == channels && layer.sure == Sure::Yes;
        seen.iter().any(|layer| reads_it(layer) && siblings(layer.name, name) && in_one_block(layer.name, name))
    };
    let groups = before.outs / channels;
    let grouped = taps > 1
        && groups > 1
        && before.outs == outs
        && before.outs.is_multiple_of(channels)
        && siblings(before.name, name)
        && !same_input();
    if grouped {
        // A sibling that reads as many channels without groups is a path beside this one.
        let beside = before.channels == channels && before.groups == 1;
        return if beside { (1, Sure::No) } else { (groups, Sure::Yes) };
    }
    let wide = taps > 1 && outs > channels && outs.is_multiple_of(channels) && flow.is_given_near(number, outs);
    let by_next = taps > 1
        && before.outs > channels
        && before.outs.is_multiple_of(channels)
        && outs.is_multiple_of(before.outs / channels);
    // A convolution of one tap behind a sibling that gives just as many outputs.
    let narrow = taps == 1 && before.outs == outs && outs > channels && outs.is_multiple_of(channels);
    let narrow = narrow && siblings(before.name, name);
    match (wide || by_next || narrow) && !flow.is_next(number, channels) && !same_input() {
        true => (1, Sure::No),
        false => (1, Sure::Yes),
    }
}

/// Whether only one number of groups fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    Yes,
    No,
}

/// Groups of a convolution that reads one channel for each output.
fn single(seen: &[Seen<'_>], before: &Seen<'_>, flow: &Flow, name: &str, outs: usize) -> (usize, Sure) {
    let number = seen.len();
    let single_before = seen.iter().any(|layer| layer.outs == 1);
    // Depthwise layers give no new width: another layer of the block must.
    let proved = match flow.is_sorted() {
        true => flow.is_given_in_block(name, outs),
        false => before.channels > 1 || before.sure == Sure::Yes,
    };
    let sure = if proved && !single_before { Sure::Yes } else { Sure::No };
    let part = before.outs > 1 && outs.is_multiple_of(before.outs);
    match () {
        () if outs == 1 => (1, Sure::Yes),
        // Beside a convolution with several outputs a channel: the same, or behind it.
        () if outs == before.outs && before.channels == 1 && before.groups > 1 && before.groups < outs => {
            (before.groups, Sure::No)
        }
        () if outs == before.outs => (outs, sure),
        () if flow.is_given_before(number, outs) => (outs, if part { Sure::No } else { sure }),
        () if flow.together(number, outs) => (outs, Sure::No),
        () if part => (before.outs, if flow.is_sorted() { Sure::No } else { Sure::Yes }),
        () if flow.is_given_near(number, outs) && before.outs > 1 => (outs, sure),
        () if before.outs > outs => (outs, Sure::No),
        () => (1, Sure::No),
    }
}

/// A convolution without groups that nothing fits: the same with the groups with which it would read just what the layer before
/// gives, or, as groups usually keep the width, as many channels as it has outputs.
pub(super) fn that_fit(flow: &Flow, number: usize, candidate: &Candidate<'_>, plain: &Reading) -> Vec<Reading> {
    let first_out = matches!(candidate.convention, Convention::OutFirst | Convention::Unsure);
    if plain.kind.dims() == 0 || plain.kind.is_transposed() || !first_out || number == 0 || plain.ins == 0 {
        return Vec::new();
    }
    let with = |ins: usize| {
        let groups = ins / plain.ins;
        let fits = groups > 1 && ins.is_multiple_of(plain.ins) && plain.outs.is_multiple_of(groups);
        fits.then(|| plain.grouped(groups))
    };
    let same_width = with(plain.outs).filter(|_| flow.is_given_near(number, plain.outs));
    let next = with(flow.gives(number - 1)).filter(|reading| Some(reading) != same_width.as_ref());
    same_width.into_iter().chain(next).collect()
}

/// Whether two siblings differ in one of their last three parts only: then no number of a block tells them apart.
fn in_one_block(a: &str, b: &str) -> bool {
    let count = parts(a).count();
    parts(a).zip(parts(b)).take(count.saturating_sub(3)).all(|(a, b)| a == b)
}

/// Whether two names have the same number of parts and differ in exactly one.
fn siblings(a: &str, b: &str) -> bool {
    parts(a).count() == parts(b).count() && parts(a).zip(parts(b)).filter(|(a, b)| a != b).count() == 1
}
