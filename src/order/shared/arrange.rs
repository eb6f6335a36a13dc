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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{LevelMatrix, Scales};
    use proptest::prelude::*;

    const CELLS: usize = 2;
    const CORE_ROWS: usize = 4;

    /// All ways in which the columns of a bundle can light the lanes: step-major, as they are allowed by the reach.
    fn ways(cols: usize, reach: Reach) -> Vec<Vec<u32>> {
        let steps = cols.div_ceil(CELLS);
        let mut all = vec![vec![DARK; steps * CELLS]];
        for column in 0..cols as u32 {
            let places = (0..steps * CELLS).filter(|at| reach == Reach::Row || at % CELLS == column as usize % CELLS);
            let places: Vec<usize> = places.collect();
            all = all
                .iter()
                .flat_map(|way| places.iter().filter(|at| way[**at] == DARK).map(move |at| (way, *at)))
                .map(|(way, at)| {
                    let mut way = way.clone();
                    way[at] = column;
                    way
                })
                .collect();
        }
        all
    }

    /// Level steps of one row group in the second of two inferences, or in one that begins and ends at given levels.
    fn count(bundles: &[Vec<&[i16]>], ways: &[&[u32]], given: Option<[&[i16]; 2]>) -> u64 {
        let mut at: Vec<Option<i16>> = vec![None; CORE_ROWS * CELLS];
        let mut sum = 0;
        if let Some([start, _]) = given {
            at = start.iter().map(|&level| Some(level)).collect();
        }
        for _ in 0..if given.is_some() { 1 } else { 2 } {
            sum = 0;
            for (rows, way) in bundles.iter().zip(ways) {
                for (place, &column) in way.iter().enumerate().filter(|(_, column)| **column != DARK) {
                    for (j, row) in rows.iter().enumerate() {
                        let cell = j * CELLS + place % CELLS;
                        let level = row[column as usize];
                        sum += at[cell].map_or(0, |at| u64::from(at.abs_diff(level)));
                        at[cell] = Some(level);
                    }
                }
            }
        }
        let used = bundles.iter().map(Vec::len).max().unwrap_or(0);
        if let Some([_, end]) = given {
            let ends = at.iter().zip(end).take(used * CELLS);
            sum += ends.map(|(at, end)| at.map_or(0, |at| u64::from(at.abs_diff(*end)))).sum::<u64>();
        }
        sum
    }

    fn matrix() -> impl Strategy<Value = Vec<Vec<i16>>> {
        // Every lane is used: an idle one would be held to no bundle.
        (2usize..5, 1usize..6)
            .prop_flat_map(|(cols, rows)| prop::collection::vec(prop::collection::vec(-3i16..=3, cols), rows))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn cores_of_every_fanout_lie_between_bound_and_optimum(
            layers in prop::collection::vec(matrix(), 1..3),
            fanout in prop::sample::select(vec![1, 2, 4]),
            row in any::<bool>(),
            levels in prop::option::of(prop::collection::vec(-3i16..=3, 2 * CORE_ROWS * CELLS)),
            seed in any::<u64>(),
        ) {
            let reach = if row { Reach::Row } else { Reach::Lane };
            let sharing = Sharing { core_rows: CORE_ROWS, cells: CELLS, fanout, top: 3 };
            let shared: Vec<SharedLayer> = layers
                .iter()
                .map(|rows| {
                    let matrix = LevelMatrix {
                        rows: rows.len(),
                        cols: rows[0].len(),
                        levels: rows.concat(),
                        scales: Scales::Layer(1.0),
                    };
                    SharedLayer::of(&matrix, 1, sharing)
                })
                .collect();
            let given = levels.as_ref().map(|levels| levels.split_at(CORE_ROWS * CELLS));
            let closure = match given {
                None => Closure::Cycle,
                Some((start, end)) => Closure::Part {
                    start: Some(start.to_vec()),
                    end: Some(end.iter().map(|&level| Some(level)).collect()),
                },
            };
            let plan = arrange(&shared, sharing, reach, &closure, Effort::Fast, seed, &|_| true);
            let (mut optimum, mut writes) = (0, 0);
            for group in 0..sharing.places() {
                let stages = stages(&shared, sharing, group);
                let bundle = |&(layer, bundle): &(usize, usize)| -> Vec<&[i16]> {
                    shared[layer].bundles.rows(bundle).iter().map(|&row| &layers[layer][row as usize][..]).collect()
                };
                let bundles: Vec<Vec<&[i16]>> = stages.iter().map(bundle).collect();
                let cells = group * fanout * CELLS..CORE_ROWS * CELLS;
                let given = given.map(|(start, end)| [&start[cells.clone()], &end[cells.clone()]]);
                let all: Vec<Vec<Vec<u32>>> =
                    stages.iter().map(|&(layer, _)| ways(shared[layer].cols, reach)).collect();
                prop_assume!(all.iter().map(Vec::len).product::<usize>() <= 20_000);
                let mut least = if stages.is_empty() { 0 } else { u64::MAX };
                let mut at = vec![0; stages.len()];
                while least > 0 {
                    let ways: Vec<&[u32]> = all.iter().zip(&at).map(|(ways, &at)| &ways[at][..]).collect();
                    least = least.min(count(&bundles, &ways, given));
                    let Some(next) = (0..at.len()).find(|&k| at[k] + 1 < all[k].len()) else { break };
                    at[next] += 1;
                    at[..next].fill(0);
                }
                optimum += least;
                let found: Vec<&[u32]> =
                    stages.iter().map(|&(layer, bundle)| &plan.layers[layer].columns[bundle][..]).collect();
                for (found, all) in found.iter().zip(&all) {
                    prop_assert!(all.iter().any(|way| way == found), "{:?}", found);
                }
                writes += count(&bundles, &found, given);
            }
            prop_assert_eq!(plan.writes, writes);
            prop_assert!(writes >= optimum, "{} below {}", writes, optimum);
            prop_assert!(plan.bound <= optimum, "bound {} optimum {}", plan.bound, optimum);
        }
    }
}
