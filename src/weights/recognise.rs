//! Shapes to matrices: linear, convolution, grouped and depthwise convolution, blocks.
//!
//! A convolution's weight `[out, in/groups, k..]` does not say its number of groups. It is inferred from the layer before
//! (see [`infer_groups`] for the rule and where it fails), and the metadata key `elight.groups.<tensor>` overrules it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::names::parts;
use super::{Layout, WeightType, WeightsError};

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

impl std::fmt::Display for LayerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LayerKind::Linear => write!(f, "linear"),
            LayerKind::Conv { dims } => write!(f, "conv{dims}d"),
            LayerKind::GroupedConv { dims } => write!(f, "grouped conv{dims}d"),
            LayerKind::DepthwiseConv { dims } => write!(f, "depthwise conv{dims}d"),
            LayerKind::Blocks { p, q, k } => write!(f, "blocks {p}x{q} of {k}x{k}"),
        }
    }
}

/// A layer: what is known of it without reading its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// The tensor's name.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// Outputs. At least 1.
    pub rows: usize,
    /// Inputs of one row: `in / groups * kernel taps`. At least 1.
    pub cols: usize,
    /// Groups of rows that read different inputs; divides `rows`; 1 but for grouped and depthwise convolution.
    pub groups: usize,
    /// The tensor's shape in the file.
    pub shape: Vec<usize>,
    /// The weights' type in the file.
    pub dtype: WeightType,
    /// The file that holds it (of a sharded set: the shard).
    pub file: PathBuf,
}

impl LayerInfo {
    /// Rows that lie together in the file: parts of a layer are read in multiples of it.
    pub fn band(&self) -> usize {
        match self.kind {
            LayerKind::Blocks { k, .. } => k,
            _ => 1,
        }
    }

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

/// The metadata key that states a tensor's groups.
const GROUPS_KEY: &str = "elight.groups.";

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

    #[test]
    fn input_bases_of_a_grouped_layer() {
        let layer = LayerInfo {
            name: "g".into(),
            kind: GroupedConv { dims: 2 },
            rows: 6,
            cols: 18,
            groups: 3,
            shape: vec![6, 2, 3, 3],
            dtype: WeightType::F32,
            file: PathBuf::new(),
        };
        let bases: Vec<_> = (0..6).map(|row| layer.input_base(row)).collect();
        assert_eq!(bases, [0, 0, 18, 18, 36, 36]);
        assert_eq!((layer.inputs(), layer.weights()), (54, 108));
    }
}
