//! Shapes to matrices: linear, convolution, grouped and depthwise convolution, blocks.
//!
//! A convolution's weight `[out, in/groups, k..]` does not say its number of groups. It is inferred from the layer before
//! (see [`infer_groups`] for the rule and where it fails), and the metadata key `elight.groups.<tensor>` overrules it.

use std::collections::BTreeMap;

use super::description::{Axes, Axis, Certainty, Description, Layer, LeftOut, Operation, OrderSource, VERSION};
use super::file::Tensor;
use super::filter::Verdict;
use super::names::parts;
use super::{LayerKind, Layout, Reading, WeightType, WeightsError, names};

/// The metadata key that states a tensor's groups.
const GROUPS_KEY: &str = "elight.groups.";

/// Describes the network from names and shapes; `tensors` come in the model's order.
pub(super) fn recognise(
    tensors: &[(usize, Tensor)],
    metadata: &BTreeMap<String, String>,
    reading: &Reading,
    order: OrderSource,
) -> Result<Description, WeightsError> {
    let mut recogniser = Recogniser::new(reading.layout, metadata);
    let mut description = Description { version: VERSION, order, ..Description::default() };
    for (_, Tensor { name, dtype, shape, .. }) in tensors {
        let named = reading.filter.verdict(name) == Verdict::Named;
        if let Err(reason) = layer_type(name, *dtype, shape, reading.layout, named) {
            description.left_out.push(LeftOut { tensor: name.clone(), reason });
            continue;
        }
        let (kind, groups) = recogniser.next(name, shape)?;
        let kind = match kind {
            LayerKind::Blocks { .. } => Operation::Blocks,
            _ if reading.layout == Layout::Matrix => Operation::Linear,
            _ => Operation::conv(shape.len() - 2, false),
        };
        let axes = (reading.layout == Layout::Matrix)
            .then(|| Axes::new([Axis::Out].into_iter().chain(std::iter::repeat_n(Axis::In, shape.len() - 1))));
        let certainty = if reading.layout == Layout::Auto { Certainty::Assumed } else { Certainty::Stated };
        let groups = (groups > 1).then_some(groups);
        description.layers.push(Layer { name: name.clone(), kind, axes, groups, certainty, ..Layer::default() });
    }
    Ok(description)
}

/// The weight type of a tensor that makes a layer in this layout, or why it makes none. A tensor that the user named in
/// full is not judged by its name.
fn layer_type(
    name: &str,
    dtype: safetensors::Dtype,
    shape: &[usize],
    layout: Layout,
    named: bool,
) -> Result<WeightType, String> {
    const MOST: usize = 5; // a 3-D convolution's
    if shape.len() < 2 {
        return Err(format!("it is {}-dimensional, no matrix", shape.len()));
    }
    let Some(weight_type) = WeightType::of(dtype).filter(|weight_type| weight_type.bytes() > 1) else {
        return Err(format!("{dtype} is no weight type (F64, F32, F16 and BF16 are)"));
    };
    if shape.contains(&0) {
        return Err(format!("it is empty: its shape is {shape:?}"));
    }
    match (layout, shape) {
        (Layout::Blocks, [_, _, rows, cols]) if rows == cols => Ok(weight_type),
        (Layout::Blocks, _) => Err(format!("its shape {shape:?} is not that of blocks, [P, Q, k, k]")),
        (Layout::Matrix, _) => Ok(weight_type),
        (Layout::Auto, _) if shape.len() > MOST => {
            Err(format!("it has {} dimensions, more than a 3-D convolution's {MOST}; try --layout matrix", shape.len()))
        }
        (Layout::Auto, _) if named => Ok(weight_type),
        (Layout::Auto, _) => names::why_not_a_matrix(name, shape).map_or(Ok(weight_type), Err),
    }
}

/// Recognises layers in the model's order; remembers them, since groups show only in the layer before.
pub(super) struct Recogniser<'a> {
    layout: Layout,
    metadata: &'a BTreeMap<String, String>,
    seen: Vec<Seen>,
}

/// What is remembered of a layer.
struct Seen {
    name: String,
    rows: usize,
    channels: usize,
    groups: usize,
}

/// A tensor's shape as a convolution or linear layer (then `taps` is 1 and `dims` is 0).
#[derive(Debug, Clone, Copy)]
struct Form {
    rows: usize,
    /// Input channels of one group.
    channels: usize,
    taps: usize,
    dims: u8,
}

impl<'a> Recogniser<'a> {
    pub fn new(layout: Layout, metadata: &'a BTreeMap<String, String>) -> Recogniser<'a> {
        Recogniser { layout, metadata, seen: Vec::new() }
    }

    /// Kind, and groups, of the next tensor. Its shape has at least 2 dimensions (with `Auto` at most 5, with `Blocks` 4),
    /// none of them 0.
    pub fn next(&mut self, name: &str, shape: &[usize]) -> Result<(LayerKind, usize), WeightsError> {
        match self.layout {
            Layout::Auto => self.convolution(name, shape),
            Layout::Matrix => {
                let groups = stated_groups(self.metadata, name, shape[0])?;
                Ok((LayerKind::Linear, groups.unwrap_or(1)))
            }
            Layout::Blocks => Ok((LayerKind::Blocks { p: shape[0], q: shape[1], k: shape[2] }, 1)),
        }
    }

    /// A convolution or, with two dimensions, a linear layer.
    fn convolution(&mut self, name: &str, shape: &[usize]) -> Result<(LayerKind, usize), WeightsError> {
        let dims = shape.len().saturating_sub(2) as u8;
        let form = Form { rows: shape[0], channels: shape[1], taps: shape[2..].iter().product(), dims };
        let groups = match stated_groups(self.metadata, name, form.rows)? {
            Some(groups) => groups,
            None => infer_groups(&self.seen, name, form),
        };
        self.seen.push(Seen { name: name.to_owned(), rows: form.rows, channels: form.channels, groups });
        let kind = match (dims, groups, form.channels) {
            (0, _, _) => LayerKind::Linear,
            (_, 1, _) => LayerKind::Conv { dims },
            (_, _, 1) => LayerKind::DepthwiseConv { dims },
            _ => LayerKind::GroupedConv { dims },
        };
        Ok((kind, groups))
    }
}

/// The tensor of a metadata key that states groups but names none of these tensors: most likely a misspelling.
pub(super) fn groups_of_nothing<'a>(
    metadata: &'a BTreeMap<String, String>,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    metadata
        .keys()
        .filter_map(|key| key.strip_prefix(GROUPS_KEY))
        .find(|tensor| !names.clone().any(|name| name == *tensor))
}

/// What the metadata says.
fn stated_groups(
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

/// Groups of a convolution, from the layers before it.
///
/// *One input channel, several outputs*: depthwise, one group for each output, but for a plain convolution on a single
/// channel. That is what the first layer of a model is, and a layer behind one with a single output, unless some earlier
/// layer has as many outputs as this one (then the single output is a gate beside the path).
///
/// *Several input channels*: grouped if all of this holds, else plain:
/// - more than one kernel tap (a 1x1 convolution with fewer inputs is far more often a shortcut);
/// - as many outputs as the layer before, whose outputs are a multiple of this layer's input channels;
/// - the layer before is a sibling (names differ in one part only), so that both are on the same path;
/// - no earlier sibling without groups reads that many channels (then this is a shortcut around those).
///
/// Where this fails: depthwise with several outputs a channel; a second single-channel input; 1x1 grouped convolution;
/// grouped convolution that changes the width; a split of channels in front of a convolution of full width.
fn infer_groups(seen: &[Seen], name: &str, form: Form) -> usize {
    let Some(before) = seen.last() else { return 1 };
    if form.dims == 0 {
        return 1;
    }
    if form.channels == 1 {
        let single = before.rows == 1 && !seen.iter().any(|layer| layer.rows == form.rows);
        return if single { 1 } else { form.rows };
    }
    let groups = before.rows / form.channels;
    let grouped = form.taps > 1
        && groups > 1
        && before.rows == form.rows
        && before.rows.is_multiple_of(form.channels)
        && siblings(&before.name, name)
        && !seen
            .iter()
            .any(|layer| layer.groups == 1 && layer.channels == form.channels && siblings(&layer.name, name));
    if grouped { groups } else { 1 }
}

/// Whether two names have the same number of parts and differ in exactly one.
fn siblings(a: &str, b: &str) -> bool {
    parts(a).count() == parts(b).count() && parts(a).zip(parts(b)).filter(|(a, b)| a != b).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use LayerKind::*;

    fn groups(layers: &[(&str, &[usize])]) -> Vec<(LayerKind, usize)> {
        let metadata = BTreeMap::new();
        let mut recogniser = Recogniser::new(Layout::Auto, &metadata);
        layers.iter().map(|(name, shape)| recogniser.next(name, shape).unwrap()).collect()
    }

    #[test]
    fn dimensions_make_the_kind() {
        let layers: [(&str, &[usize]); 4] =
            [("a", &[4, 2]), ("b", &[4, 2, 3]), ("c", &[4, 2, 3, 3]), ("d", &[4, 2, 3, 3, 3])];
        let kinds: Vec<_> = groups(&layers).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [Linear, Conv { dims: 1 }, Conv { dims: 2 }, Conv { dims: 3 }]);
    }

    #[test]
    fn one_channel_is_plain_in_front_and_depthwise_behind() {
        let layers: [(&str, &[usize]); 3] = [("c.0", &[32, 1, 3, 3]), ("c.1", &[32, 1, 3, 3]), ("c.2", &[1, 1, 3, 3])];
        let expected = [(Conv { dims: 2 }, 1), (DepthwiseConv { dims: 2 }, 32), (Conv { dims: 2 }, 1)];
        assert_eq!(groups(&layers), expected);
    }

    #[test]
    fn behind_a_single_output_one_channel_is_plain() {
        let bottleneck: [(&str, &[usize]); 3] = [("a", &[8, 3, 3]), ("b", &[1, 8, 3]), ("c", &[16, 1, 3])];
        assert_eq!(groups(&bottleneck)[2], (Conv { dims: 1 }, 1));
        let gate: [(&str, &[usize]); 3] = [("a", &[16, 3, 3]), ("gate", &[1, 2, 7]), ("c", &[16, 1, 3])];
        assert_eq!(groups(&gate)[2], (DepthwiseConv { dims: 1 }, 16));
    }

    #[test]
    fn resnext_blocks_are_grouped_and_shortcuts_are_not() {
        let layers: [(&str, &[usize]); 8] = [
            ("conv1.weight", &[64, 3, 7, 7]),
            ("layer1.0.conv1.weight", &[128, 64, 1, 1]),
            ("layer1.0.conv2.weight", &[128, 4, 3, 3]),
            ("layer1.0.conv3.weight", &[256, 128, 1, 1]),
            ("layer1.0.downsample.0.weight", &[256, 64, 1, 1]),
            ("layer1.1.conv1.weight", &[128, 256, 1, 1]),
            ("layer1.1.conv2.weight", &[128, 4, 3, 3]),
            ("layer1.1.conv3.weight", &[256, 128, 1, 1]),
        ];
        let found: Vec<usize> = groups(&layers).into_iter().map(|(_, groups)| groups).collect();
        assert_eq!(found, [1, 1, 32, 1, 1, 1, 32, 1]);
        assert_eq!(groups(&layers)[2].0, GroupedConv { dims: 2 });
    }

    #[test]
    fn regnet_blocks_are_grouped_beside_their_squeeze_layers() {
        let block = |number: usize, width_in: usize| {
            let name = |part: &str| format!("trunk.block1.block1-{number}.f.{part}.weight");
            let squeezed = width_in / 4; // 8 in the first block, as many as a group has channels
            vec![
                (name("a.0"), vec![48, width_in, 1, 1]),
                (name("b.0"), vec![48, 8, 3, 3]),
                (name("se.fc1"), vec![squeezed, 48, 1, 1]),
                (name("se.fc2"), vec![48, squeezed, 1, 1]),
                (name("c.0"), vec![48, 48, 1, 1]),
            ]
        };
        let layers = [vec![("stem.0.weight".to_owned(), vec![32, 3, 3, 3])], block(0, 32), block(1, 48)].concat();
        let layers: Vec<(&str, &[usize])> = layers.iter().map(|(name, shape)| (&name[..], &shape[..])).collect();
        let found: Vec<usize> = groups(&layers).into_iter().map(|(_, groups)| groups).collect();
        assert_eq!(found, [1, 1, 6, 1, 1, 1, 1, 6, 1, 1, 1]);
    }

    #[test]
    fn a_wide_shortcut_beside_its_block_is_plain() {
        let layers: [(&str, &[usize]); 4] = [
            ("block.conv0.weight", &[16, 3, 3, 3]),
            ("block.conv1.weight", &[32, 16, 3, 3]),
            ("block.conv2.weight", &[32, 32, 3, 3]),
            ("block.shortcut.weight", &[32, 16, 3, 3]),
        ];
        assert_eq!(groups(&layers)[3], (Conv { dims: 2 }, 1));
    }

    #[test]
    fn metadata_overrules_and_is_checked() {
        let stated = |value: &str| BTreeMap::from([("elight.groups.dw".to_owned(), value.to_owned())]);
        let next = |value| Recogniser::new(Layout::Auto, &stated(value)).next("dw", &[64, 1, 3, 3]);
        assert_eq!(next("32").unwrap(), (DepthwiseConv { dims: 2 }, 32));
        assert_eq!(next("1").unwrap(), (Conv { dims: 2 }, 1));
        for bad in ["0", "3", "-1", "many", ""] {
            assert!(matches!(next(bad), Err(WeightsError::BadGroups { rows: 64, .. })), "{bad}");
        }
    }
}
