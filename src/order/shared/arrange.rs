//! The order of a segment of layers for a core whose rows share inputs: row groups do not depend on each other.

use rayon::prelude::*;

use super::distance::{Nodes, State};
use super::lane::{Closing, Lane, LanePlan};
use super::layer::{Bundles, SharedLayer, Sharing};
use super::search::Effort;
use crate::order::direction::Closure;

/// A lane that is dark at a step.
pub const DARK: u32 = u32::MAX;

/// Which column lights which lane at which step, for all layers of a segment.
#[derive(Clone, Debug)]
pub struct SharedArrangement {
    /// The core.
    pub sharing: Sharing,
    layers: Vec<ArrangedLayer>,
    /// Level steps of all cells, with those between inferences (in a cycle) or to the given ends.
    pub writes: u64,
    /// Level steps that no order of these columns goes below.
    pub bound: u64,
}

#[derive(Clone, Debug)]
struct ArrangedLayer {
    bundles: Bundles,
    /// For each bundle, step-major, `steps x cells`: a column or [`DARK`].
    columns: Vec<Vec<u32>>,
}

impl SharedArrangement {
    /// The bundles of a layer of the segment.
    #[must_use]
    pub fn bundles(&self, layer: usize) -> &Bundles {
        &self.layers[layer].bundles
    }

    /// Columns of the row group in which a core row is, in a tile row of a layer; step-major, `steps x cells`.
    #[must_use]
    pub fn columns(&self, layer: usize, tile_row: usize, core_row: usize) -> &[u32] {
        let bundle = tile_row * self.sharing.places() + core_row / self.sharing.fanout;
        &self.layers[layer].columns[bundle]
    }
}

/// Orders all columns. `advance` is told of weights that are done, from any thread.
#[must_use]
pub fn arrange(
    layers: &[SharedLayer],
    sharing: Sharing,
    closure: &Closure,
    effort: Effort,
    seed: u64,
    advance: &(dyn Fn(u64) + Sync),
) -> SharedArrangement {
    let cells = sharing.cells;
    let mut arranged: Vec<ArrangedLayer> = layers
        .iter()
        .map(|layer| {
            let places = layer.cols.div_ceil(cells) * cells;
            ArrangedLayer { bundles: layer.bundles.clone(), columns: vec![vec![DARK; places]; layer.bundles.len()] }
        })
        .collect();
    let (mut writes, mut bound) = (0, 0);
    for group in 0..sharing.places() {
        let stages = stages(layers, sharing, group);
        let lanes: Vec<LanePlan> = (0..cells)
            .into_par_iter()
            .map(|lane| {
                let clusters: Vec<Nodes> = stages
                    .iter()
                    .filter(|(layer, _)| lane < layers[*layer].cols)
                    .map(|&(layer, bundle)| layers[layer].nodes[bundle].every(lane, cells))
                    .collect();
                let closing = closing(closure, sharing, group, lane);
                let seed = seed ^ ((group * cells + lane) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let plan = Lane::new(&clusters, &closing).solve(effort, seed);
                advance(clusters.iter().map(|nodes| (nodes.len() * nodes.rows()) as u64).sum());
                plan
            })
            .collect();
        for (lane, plan) in lanes.into_iter().enumerate() {
            writes += plan.writes;
            bound += plan.bound;
            let used = stages.iter().filter(|(layer, _)| lane < layers[*layer].cols);
            for (&(layer, bundle), order) in used.zip(plan.orders) {
                let columns = arranged[layer].columns[bundle].iter_mut().skip(lane).step_by(cells);
                for (column, node) in columns.zip(order) {
                    *column = node * cells as u32 + lane as u32;
                }
            }
        }
    }
    SharedArrangement { sharing, layers: arranged, writes, bound }
}

/// The bundles that run on a row group, in their order: layer and bundle.
fn stages(layers: &[SharedLayer], sharing: Sharing, group: usize) -> Vec<(usize, usize)> {
    let of_layer =
        |(i, layer): (usize, &SharedLayer)| (group..layer.bundles.len()).step_by(sharing.places()).map(move |b| (i, b));
    layers.iter().enumerate().flat_map(of_layer).collect()
}

/// What comes before and after in one lane of a row group.
fn closing(closure: &Closure, sharing: Sharing, group: usize, lane: usize) -> Closing {
    let Closure::Part { start, end } = closure else {
        return Closing::Cycle;
    };
    let cells = |core_row| (group * sharing.fanout + core_row) * sharing.cells + lane;
    let code = |level| State::code(level, sharing.top);
    let start = |r| start.as_ref().map(|levels| code(levels[cells(r)]));
    let end = |r| end.as_ref().and_then(|levels| levels[cells(r)]).map(code);
    let rows = 0..sharing.fanout;
    Closing::Given { start: State(rows.clone().map(start).collect()), end: State(rows.map(end).collect()) }
}
