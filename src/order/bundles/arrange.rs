//! The order of a segment of layers for a core whose rows share inputs: row groups do not depend on each other.

use rayon::prelude::*;

use super::lane::{Lane, LanePlan};
use super::lane_matching::LaneMatching;
use super::layer::{Columns, SharedLayer, Stage};
use super::row::Group;
use crate::geometry::{Bundles, DARK, Reach, Wiring};
use crate::observer::StopToken;
use crate::order::bound::bundle_chains;
use crate::order::chain::boundary::{Boundary, CoreBoundary};
use crate::order::tour::iterated_local_search::Effort;
use crate::order::tour::nodes::{Nodes, State};

/// Which column lights which lane at which step, for all layers of a segment.
#[derive(Clone, Debug)]
pub struct SharedArrangement {
    /// The core.
    pub wiring: Wiring,
    layers: Vec<ArrangedLayer>,
    /// Level steps of all cells, with those between inferences (in a cycle) or to the given ends.
    pub writes: u64,
    /// Level steps that no order of these columns goes below.
    pub bound: u64,
}

#[derive(Clone, Debug)]
struct ArrangedLayer {
    bundles: Bundles,
    /// For each bundle, step-major, `steps x cells`: a column or [`DARK`]. Bundles of a tile row on one core have the same steps.
    columns: Vec<Vec<u32>>,
}

impl ArrangedLayer {
    fn of(layer: &SharedLayer, wiring: Wiring) -> Self {
        let needed = layer.cols.div_ceil(wiring.cells);
        let places = wiring.row_groups() / wiring.cores;
        let tile_rows = layer.columns.chunks(places).flat_map(|bundles| {
            // Around faults it may take more steps, or fewer where columns are left out.
            let steps =
                bundles.iter().map(|columns| columns.allowed_lanes.as_ref().map_or(needed, LaneMatching::steps)).max();
            std::iter::repeat_n(steps.unwrap_or(needed).max(1), bundles.len())
        });
        let columns = tile_rows.map(|steps| vec![DARK; steps * wiring.cells]).collect();
        Self { bundles: layer.bundles.clone(), columns }
    }
}

impl SharedArrangement {
    /// The bundles of a layer of the segment.
    #[must_use]
    pub fn bundles(&self, layer: usize) -> &Bundles {
        &self.layers[layer].bundles
    }

    /// Steps of a core in a tile row of a layer; 0 if it has nothing to do.
    #[must_use]
    pub fn steps(&self, layer: usize, tile_row: usize, core: usize) -> usize {
        let places = self.wiring.row_groups();
        let first = tile_row * places + core * (places / self.wiring.cores);
        self.layers[layer].columns.get(first).map_or(0, |columns| columns.len() / self.wiring.cells)
    }

    /// Columns of the row group in which a core row is, in a tile row of a layer; step-major, `steps x cells`.
    #[must_use]
    pub fn columns(&self, layer: usize, tile_row: usize, core_row: usize) -> &[u32] {
        let bundle = tile_row * self.wiring.row_groups() + core_row / self.wiring.fanout;
        &self.layers[layer].columns[bundle]
    }
}

/// Orders all columns; after a stop, what comes back is of no use.
#[must_use]
pub fn arrange(
    layers: &[SharedLayer],
    wiring: Wiring,
    reach: Reach,
    boundary: &CoreBoundary,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> SharedArrangement {
    let cells = wiring.cells;
    let mut arranged: Vec<ArrangedLayer> = layers.iter().map(|layer| ArrangedLayer::of(layer, wiring)).collect();
    let (mut writes, mut bound) = (0, 0);
    let groups: Vec<GroupPlan> = (0..wiring.row_groups())
        .into_par_iter()
        .map(|group| {
            let stages = stages(layers, wiring, group);
            let boundaries: Vec<Boundary<State>> =
                (0..cells).map(|lane| of_lane(boundary, wiring, group, lane)).collect();
            let seed = seed ^ (group as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let plan = match reach {
                Reach::Lane => by_lane(layers, cells, &stages, &boundaries, effort, seed, stop),
                Reach::Row | Reach::Core => {
                    let steps: Vec<usize> =
                        stages.iter().map(|&(layer, i)| arranged[layer].columns[i].len() / cells).collect();
                    by_row(layers, cells, &stages, &steps, &boundaries, effort, seed, stop)
                }
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
                columns.zip(order).for_each(|(column, node)| *column = layers[layer].columns[bundle].column(node));
            }
        }
    }
    SharedArrangement { wiring, layers: arranged, writes, bound }
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

/// A stage that uses a lane, and with which of its nodes.
type Used = (usize, Vec<u32>);

/// Every lane by itself.
fn by_lane(
    layers: &[SharedLayer],
    cells: usize,
    stages: &[(usize, usize)],
    boundaries: &[Boundary<State>],
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> (u64, u64, Orders) {
    let columns = |stage: usize| -> &Columns {
        let (layer, bundle) = stages[stage];
        &layers[layer].columns[bundle]
    };
    let plans: Vec<(Vec<Used>, LanePlan)> = (0..cells)
        .into_par_iter()
        .map(|lane| {
            // Tile rows that use it, and with which nodes.
            let used: Vec<Used> = (0..stages.len())
                .map(|stage| (stage, columns(stage).of_lane(lane, cells)))
                .filter(|(_, nodes)| !nodes.is_empty())
                .collect();
            if !stop.go_on() {
                return (used, LanePlan::default());
            }
            let clusters: Vec<Nodes> = used.iter().map(|(stage, nodes)| columns(*stage).nodes.pick(nodes)).collect();
            let seed = seed ^ (lane as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
            let plan = Lane::new(&clusters, &boundaries[lane]).solve(effort, seed, stop);
            stop.advance(clusters.iter().map(|nodes| (nodes.len() * nodes.rows()) as u64).sum());
            (used, plan)
        })
        .collect();
    let (writes, bound) = (plans.iter().map(|p| p.1.writes).sum(), plans.iter().map(|p| p.1.bound).sum());
    let mut orders = vec![vec![Vec::new(); cells]; stages.len()];
    for (lane, (used, plan)) in plans.into_iter().enumerate() {
        for ((stage, nodes), order) in used.into_iter().zip(plan.orders) {
            orders[stage][lane] = order.into_iter().map(|i| nodes[i as usize]).collect();
        }
    }
    (writes, bound, orders)
}

/// All lanes together; `steps`: of each stage.
#[allow(clippy::too_many_arguments)] // by_lane's, and the steps
fn by_row(
    layers: &[SharedLayer],
    cells: usize,
    stages: &[(usize, usize)],
    steps: &[usize],
    boundaries: &[Boundary<State>],
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> (u64, u64, Orders) {
    let stage = |(&(layer, bundle), &steps): (&(usize, usize), &usize)| {
        let columns = &layers[layer].columns[bundle];
        Stage { nodes: &columns.nodes, allowed_lanes: columns.allowed_lanes.as_ref(), steps }
    };
    let stages: Vec<Stage<'_>> = stages.iter().zip(steps).map(stage).collect();
    let group = Group::solve(&stages, cells, boundaries, effort, seed, stop);
    let writes = group.writes();
    let chains = group.into_chains();
    if !stop.go_on() {
        return (writes, 0, chains);
    }
    let cycle = boundaries.iter().all(|boundary| *boundary == Boundary::Cyclic);
    let bound = bundle_chains::writes(&stages, cells, cycle, &chains, effort, stop);
    (writes, bound, chains)
}

/// The bundles that run on a row group, in their order: layer and bundle. One of which all columns are left out does nothing.
fn stages(layers: &[SharedLayer], wiring: Wiring, group: usize) -> Vec<(usize, usize)> {
    let of_layer = |(i, layer): (usize, &SharedLayer)| {
        (group..layer.columns.len()).step_by(wiring.row_groups()).map(move |b| (i, b))
    };
    let all = layers.iter().enumerate().flat_map(of_layer);
    all.filter(|&(layer, bundle)| !layers[layer].columns[bundle].nodes.is_empty()).collect()
}

/// What comes before and after in one lane of a row group.
fn of_lane(boundary: &CoreBoundary, wiring: Wiring, group: usize, lane: usize) -> Boundary<State> {
    let Boundary::Open { start, end } = boundary else {
        return Boundary::Cyclic;
    };
    let levels = |of: &[Option<i16>]| {
        let cell = |core_row| (group * wiring.fanout + core_row) * wiring.cells + lane;
        State(
            (0..wiring.fanout).map(|core_row| of[cell(core_row)].map(|level| State::code(level, wiring.top))).collect(),
        )
    };
    Boundary::Open { start: levels(start), end: levels(end) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CellRange, Damage, IDLE};
    use crate::level::{LevelMatrix, Scales};
    use crate::observer::Unobserved;
    use proptest::prelude::*;

    const CELLS: usize = 2;
    const CORE_ROWS: usize = 4;

    /// All ways in which the columns of a bundle can light the lanes in so many steps: step-major, where they may go.
    fn ways(columns: &[u32], steps: usize, may: impl Fn(u32, usize) -> bool) -> Vec<Vec<u32>> {
        let mut all = vec![vec![DARK; steps * CELLS]];
        for &column in columns {
            let places: Vec<usize> = (0..steps * CELLS).filter(|at| may(column, at % CELLS)).collect();
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

    /// The least of all combinations of ways, one for each bundle.
    fn least(all: &[Vec<Vec<u32>>], count: impl Fn(&[&[u32]]) -> u64) -> u64 {
        let mut least = if all.is_empty() { 0 } else { u64::MAX };
        let mut at = vec![0; all.len()];
        while least > 0 {
            let ways: Vec<&[u32]> = all.iter().zip(&at).map(|(ways, &at)| &ways[at][..]).collect();
            least = least.min(count(&ways));
            let Some(next) = (0..at.len()).find(|&k| at[k] + 1 < all[k].len()) else { break };
            at[next] += 1;
            at[..next].fill(0);
        }
        least
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
            let wiring = Wiring { cores: 1, core_rows: CORE_ROWS, cells: CELLS, fanout, top: 3 };
            let shared: Vec<SharedLayer> = layers
                .iter()
                .map(|rows| {
                    let matrix = LevelMatrix {
                        rows: rows.len(),
                        cols: rows[0].len(),
                        levels: rows.concat(),
                        scales: Scales::Layer(1.0),
                    };
                    SharedLayer::of(&matrix, 1, wiring, reach, None)
                })
                .collect();
            let given = levels.as_ref().map(|levels| levels.split_at(CORE_ROWS * CELLS));
            let levels = |levels: &[i16]| levels.iter().map(|&level| Some(level)).collect();
            let boundary = match given {
                None => CoreBoundary::Cyclic,
                Some((start, end)) => CoreBoundary::Open { start: levels(start), end: levels(end) },
            };
            let plan = arrange(&shared, wiring, reach, &boundary, Effort::Fast, seed, &StopToken::new(&Unobserved));
            let (mut optimum, mut writes) = (0, 0);
            for group in 0..wiring.row_groups() {
                let stages = stages(&shared, wiring, group);
                let bundle = |&(layer, bundle): &(usize, usize)| -> Vec<&[i16]> {
                    shared[layer].bundles.rows(bundle).iter().map(|&row| &layers[layer][row as usize][..]).collect()
                };
                let bundles: Vec<Vec<&[i16]>> = stages.iter().map(bundle).collect();
                let cells = group * fanout * CELLS..CORE_ROWS * CELLS;
                let given = given.map(|(start, end)| [&start[cells.clone()], &end[cells.clone()]]);
                let all: Vec<Vec<Vec<u32>>> = stages
                    .iter()
                    .map(|&(layer, _)| {
                        let cols = shared[layer].cols;
                        let columns: Vec<u32> = (0..cols as u32).collect();
                        let may = |column, lane| reach == Reach::Row || lane == column as usize % CELLS;
                        ways(&columns, cols.div_ceil(CELLS), may)
                    })
                    .collect();
                prop_assume!(all.iter().map(Vec::len).product::<usize>() <= 20_000);
                optimum += least(&all, |ways| count(&bundles, ways, given));
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        /// Around faults: no lane is asked for what it cannot hold, steps are the fewest, and no allowed plan is better than the bound.
        #[test]
        fn faulty_cores_lie_between_bound_and_optimum(
            layers in prop::collection::vec((1usize..4, 1usize..5).prop_flat_map(|(cols, rows)| {
                prop::collection::vec(prop::collection::vec(-3i16..=3, cols), rows)
            }), 1..3),
            fanout in prop::sample::select(vec![1, 2, 4]),
            row in any::<bool>(),
            ranges in prop::collection::vec(prop_oneof![
                3 => Just(CellRange { lowest: -3, highest: 3 }),
                1 => Just(CellRange::DEAD),
                2 => (-3i16..=3, -3i16..=3).prop_map(|(a, b)| CellRange { lowest: a.min(b), highest: a.max(b) }),
            ], CORE_ROWS * CELLS),
            seed in any::<u64>(),
        ) {
            let reach = if row { Reach::Row } else { Reach::Lane };
            let wiring = Wiring { cores: 1, core_rows: CORE_ROWS, cells: CELLS, fanout, top: 3 };
            let damage = Damage { ranges: ranges.clone(), weak: vec![false; CORE_ROWS * CELLS] };
            let held = |rows: &Vec<Vec<i16>>| {
                let (cols, levels) = (rows[0].len(), rows.concat());
                let mut matrix = LevelMatrix { rows: rows.len(), cols, levels, scales: Scales::Layer(1.0) };
                crate::faults::hold(&mut matrix, 1, wiring, reach, &ranges, &[0.0, 1.0, 2.5, 4.0]);
                matrix
            };
            let layers: Vec<LevelMatrix> = layers.iter().map(held).collect();
            let shared: Vec<SharedLayer> =
                layers.iter().map(|matrix| SharedLayer::of(matrix, 1, wiring, reach, Some(&damage))).collect();
            let plan = arrange(&shared, wiring, reach, &CoreBoundary::Cyclic, Effort::Good, seed, &StopToken::new(&Unobserved));
            let (mut optimum, mut writes) = (0, 0);
            for group in 0..wiring.row_groups() {
                let stages = stages(&shared, wiring, group);
                let rows = |&(layer, bundle): &(usize, usize)| -> Vec<&[i16]> {
                    shared[layer].bundles.rows(bundle).iter().map(|&row| layers[layer].row(row as usize)).collect()
                };
                let bundles: Vec<Vec<&[i16]>> = stages.iter().map(rows).collect();
                let mut all = Vec::new();
                for (&(layer, bundle), rows) in stages.iter().zip(&bundles) {
                    let columns: Vec<u32> = (0..rows[0].len() as u32).filter(|&c| rows[0][c as usize] != IDLE).collect();
                    let holds = |column: u32, lane: usize| {
                        let cell = |j: usize| ranges[(group * fanout + j) * CELLS + lane];
                        rows.iter().enumerate().all(|(j, row)| cell(j).holds(row[column as usize], row[column as usize]))
                    };
                    let may = |column, lane| holds(column, lane) && (row || lane == column as usize % CELLS);
                    let steps = plan.layers[layer].columns[bundle].len() / CELLS;
                    let ways = ways(&columns, steps, may);
                    prop_assert!(ways.contains(&plan.layers[layer].columns[bundle]));
                    all.push(ways);
                }
                prop_assume!(all.iter().map(Vec::len).product::<usize>() <= 20_000);
                optimum += least(&all, |ways| count(&bundles, ways, None));
                let found: Vec<&[u32]> =
                    stages.iter().map(|&(layer, bundle)| &plan.layers[layer].columns[bundle][..]).collect();
                writes += count(&bundles, &found, None);
            }
            prop_assert_eq!(plan.writes, writes);
            prop_assert!(writes >= optimum, "{} below {}", writes, optimum);
            prop_assert!(plan.bound <= optimum, "bound {} optimum {}", plan.bound, optimum);
        }
    }
}
