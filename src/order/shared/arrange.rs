//! The order of a segment of layers for a core whose rows share inputs: row groups do not depend on each other.

use rayon::prelude::*;

use super::distance::{Nodes, State};
use super::lane::{Closing, Lane, LanePlan};
use super::layer::{Bundles, SharedLayer, Sharing};
use super::row::Group;
use super::row_bound;
use super::search::Effort;
use crate::order::Reach;
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

/// Told of weights that are done, from any thread; answers whether to go on.
pub type Advance<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Orders all columns. When `advance` says no, what comes back is of no use.
#[must_use]
pub fn arrange(
    layers: &[SharedLayer],
    sharing: Sharing,
    reach: Reach,
    closure: &Closure,
    effort: Effort,
    seed: u64,
    advance: Advance<'_>,
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
    let groups: Vec<GroupPlan> = (0..sharing.places())
        .into_par_iter()
        .map(|group| {
            let stages = stages(layers, sharing, group);
            let closing: Vec<Closing> = (0..cells).map(|lane| closing(closure, sharing, group, lane)).collect();
            let seed = seed ^ (group as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let plan = match reach {
                Reach::Lane => by_lane(layers, cells, &stages, &closing, effort, seed, advance),
                Reach::Row => by_row(layers, cells, &stages, &closing, effort, seed, advance),
            };
            (stages, plan)
        })
        .map(|(stages, (writes, bound, orders))| GroupPlan { stages, writes, bound, orders })
        .collect();
    for plan in groups {
        writes += plan.writes;
        bound += plan.bound;
        for ((layer, bundle), lanes) in plan.stages.into_iter().zip(plan.orders) {
            for (lane, order) in lanes.into_iter().enumerate() {
                let columns = arranged[layer].columns[bundle].iter_mut().skip(lane).step_by(cells);
                columns.zip(order).for_each(|(column, node)| *column = node);
            }
        }
    }
    SharedArrangement { sharing, layers: arranged, writes, bound }
}

/// Columns by stage and lane, each lane's in their order.
type Orders = Vec<Vec<Vec<u32>>>;

/// What was found for a row group.
struct GroupPlan {
    /// Layer and bundle of each stage.
    stages: Vec<(usize, usize)>,
    writes: u64,
    bound: u64,
    orders: Orders,
}

/// Every lane by itself.
fn by_lane(
    layers: &[SharedLayer],
    cells: usize,
    stages: &[(usize, usize)],
    closing: &[Closing],
    effort: Effort,
    seed: u64,
    advance: Advance<'_>,
) -> (u64, u64, Orders) {
    let used = |lane: usize| (0..stages.len()).filter(move |&stage| lane < layers[stages[stage].0].cols);
    let plans: Vec<LanePlan> = (0..cells)
        .into_par_iter()
        .map(|lane| {
            if !advance(0) {
                return LanePlan::default();
            }
            let clusters: Vec<Nodes> = used(lane)
                .map(|stage| {
                    let (layer, bundle) = stages[stage];
                    layers[layer].nodes[bundle].every(lane, cells)
                })
                .collect();
            let seed = seed ^ (lane as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
            let plan = Lane::new(&clusters, &closing[lane]).solve(effort, seed);
            advance(clusters.iter().map(|nodes| (nodes.len() * nodes.rows()) as u64).sum());
            plan
        })
        .collect();
    let (writes, bound) = (plans.iter().map(|p| p.writes).sum(), plans.iter().map(|p| p.bound).sum());
    let mut orders = vec![vec![Vec::new(); cells]; stages.len()];
    for (lane, plan) in plans.into_iter().enumerate() {
        for (stage, order) in used(lane).zip(plan.orders) {
            orders[stage][lane] = order.into_iter().map(|node| node * cells as u32 + lane as u32).collect();
        }
    }
    (writes, bound, orders)
}

/// All lanes together.
fn by_row(
    layers: &[SharedLayer],
    cells: usize,
    stages: &[(usize, usize)],
    closing: &[Closing],
    effort: Effort,
    seed: u64,
    advance: Advance<'_>,
) -> (u64, u64, Orders) {
    let nodes: Vec<&Nodes> = stages.iter().map(|&(layer, bundle)| &layers[layer].nodes[bundle]).collect();
    let group = Group::solve(&nodes, cells, closing, effort, seed, advance);
    let writes = group.writes();
    let chains = group.into_chains();
    if !advance(0) {
        return (writes, 0, chains);
    }
    let cycle = closing.iter().all(|closing| matches!(closing, Closing::Cycle));
    let bound = row_bound::writes(&nodes, cells, cycle, &chains, effort);
    (writes, bound, chains)
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
