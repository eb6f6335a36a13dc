//! Level steps that no chains of reach `row` go below (docs/ordering.md, theorem 9).

use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::held_karp::{self, Bound, Chains, SCALE, Tree, least};
use super::seams::{in_common, nearest};
use crate::observer::StopToken;
use crate::order::bundles::layer::Stage;
use crate::order::tour::iterated_local_search::Effort;
use crate::order::tour::nodes::{Nodes, distance};

/// The bound of one row group: its tile rows, in the order in which they run; `cycle`: inference after inference. `chains`: the best that are known.
pub fn writes(
    stages: &[Stage<'_>],
    cells: usize,
    cycle: bool,
    chains: &[Vec<Vec<u32>>],
    effort: Effort,
    stop: &StopToken<'_>,
) -> u64 {
    let count = stages.len();
    let cells = usable(stages, cells);
    let steps: Vec<usize> = stages.iter().map(|stage| stage.steps).collect();
    let stages: Vec<&Nodes> = stages.iter().map(|stage| stage.nodes).collect();
    let all_lanes = |stage: usize| uses_all_lanes(stages[stage].len(), cells, steps[stage]);
    // The stage whose chains follow those of this one, lane by lane.
    let next = |stage: usize| {
        let next = (stage + 1) % count;
        ((next > stage || cycle) && next != stage && all_lanes(stage) && all_lanes(next)).then_some(next)
    };
    let before = |stage: usize| Some((stage + count - 1) % count).filter(|&before| next(before) == Some(stage));
    let arrivals: Vec<Vec<i32>> = (0..count)
        .into_par_iter()
        .map(
            |stage| if before(stage).is_none() { arrivals(&stages, stage, cycle, all_lanes, stop) } else { Vec::new() },
        )
        .collect();
    let none = |stage: &&Nodes| Bound { multipliers: vec![0; stage.len()], forest: 0, total: 0 };
    let mut bounds: Vec<Bound> = stages.iter().map(none).collect();
    let ascend = |stage: usize, bounds: &[Bound], trees: usize| {
        let nodes = stages[stage];
        let way = |other: Option<usize>| Some(nearest(nodes, stages[other?], &bounds[other?].multipliers, stop));
        let from = way(before(stage)).unwrap_or_else(|| arrivals[stage].clone());
        let to = way(next(stage)).unwrap_or_else(|| vec![0; nodes.len()]);
        let cost = |chain: &Vec<u32>| {
            let steps = chain.windows(2).map(|w| i64::from(nodes.distance(w[0] as usize, w[1] as usize)));
            let end = |ways: &[i32], node: Option<&u32>| node.map_or(0, |&i| i64::from(ways[i as usize]));
            SCALE * steps.sum::<i64>() + end(&from, chain.first()) + end(&to, chain.last())
        };
        let chains = Chains {
            count: cells.min(nodes.len()),
            exact: all_lanes(stage),
            ways: [&from, &to],
            closed: false,
            upper: chains[stage].iter().map(cost).sum(),
        };
        held_karp::ascend(nodes, chains, bounds[stage].multipliers.clone(), trees, stop)
    };
    let mut best = 0;
    let all = effort.trees().iter().sum::<usize>() + effort.joint_trees();
    for trees in [all - all / 5, all / 5] {
        // Stages whose neighbours stay as they are, side by side: every other one.
        for parity in 0..2 {
            let better = (parity..count).into_par_iter().step_by(2).map(|stage| {
                // A tree of many nodes takes long.
                let most = (1_600_000_000 / (stages[stage].len() * stages[stage].len()).max(1)).clamp(4, all);
                ascend(stage, &bounds, (trees * most).div_ceil(all))
            });
            let better: Vec<Bound> = better.collect();
            for (i, bound) in better.into_iter().enumerate() {
                bounds[parity + 2 * i] = bound;
            }
        }
        let seams = (0..count).into_par_iter().filter_map(|stage| {
            let next = next(stage)?;
            Some(seam([stages[stage], stages[next]], [&bounds[stage], &bounds[next]], cells, stop))
        });
        let mut sum: i64 = seams.sum();
        for (stage, bound) in bounds.iter().enumerate() {
            let multipliers = &bound.multipliers;
            if !all_lanes(stage) {
                let lanes = stages[stage].len().div_ceil(steps[stage])..=cells.min(stages[stage].len());
                sum += some_lanes(stages[stage], lanes, &arrivals[stage], multipliers, stop);
                continue;
            }
            sum += bound.forest;
            if before(stage).is_none() {
                let first = |i: usize| i64::from(arrivals[stage][i]) + i64::from(multipliers[i]);
                sum += total(least(multipliers.len(), cells, first));
            }
            // Ways on are counted where they arrive, but they begin at a node each.
            if next(stage).is_none() {
                sum += total(least(multipliers.len(), cells, |i| i64::from(multipliers[i])));
            }
        }
        best = best.max(sum);
    }
    (best + SCALE - 1).div_euclid(SCALE) as u64
}

/// Whether chains of at most `steps` nodes need every lane.
fn uses_all_lanes(n: usize, cells: usize, steps: usize) -> bool {
    n > (cells - 1) * steps
}

/// Lanes that any node of any stage may go to; at least 1.
fn usable(stages: &[Stage<'_>], cells: usize) -> usize {
    let mut used = vec![false; cells];
    for stage in stages {
        match stage.allowed_lanes {
            None => return cells,
            Some(allowed_lanes) => {
                used.iter_mut().zip(allowed_lanes.usable()).for_each(|(used, usable)| *used |= usable)
            }
        }
    }
    used.iter().filter(|used| **used).count().max(1)
}

/// Most tile rows in which a lane may have been before it comes to a node, for its way there to be bounded.
const WAYS: usize = 16;

/// For each node of a stage the cheapest step to it from what its lane held before, in parts of a level step. That is a node of the last stage that used all lanes, or of
/// one between; nothing is known where there may be none, or where it may be the stage itself, an inference earlier.
fn arrivals(
    stages: &[&Nodes],
    stage: usize,
    cycle: bool,
    all_lanes: impl Fn(usize) -> bool,
    stop: &StopToken<'_>,
) -> Vec<i32> {
    let (count, nodes) = (stages.len(), stages[stage]);
    let mut arrivals = vec![i32::MAX; nodes.len()];
    for back in 1..=WAYS.min(count - 1) {
        if back > stage && !cycle {
            break;
        }
        let earlier = (stage + count - back) % count;
        let ways = nearest(nodes, stages[earlier], &vec![0; stages[earlier].len()], stop);
        arrivals.iter_mut().zip(ways).for_each(|(least, way)| *least = (*least).min(way));
        if all_lanes(earlier) {
            return arrivals;
        }
    }
    vec![0; nodes.len()]
}

/// The least that a stage costs which may leave lanes out, with the ways to it (theorem 9, iii); `lanes`: how many it may use.
///
/// With k chains there are n - k steps inside, a forest, k ways in and k ways out: each node has two neighbours.
fn some_lanes(
    nodes: &Nodes,
    lanes: RangeInclusive<usize>,
    arrivals: &[i32],
    multipliers: &[i32],
    stop: &StopToken<'_>,
) -> i64 {
    let n = nodes.len();
    let under = |multipliers: &[i32]| {
        let edges = Tree::default().edges(nodes, multipliers, &mut stop.meter());
        let mut ins: Vec<i64> =
            arrivals.iter().zip(multipliers).map(|(way, m)| i64::from(*way) + i64::from(*m)).collect();
        let mut outs: Vec<i64> = multipliers.iter().map(|&m| i64::from(m)).collect();
        let twice = 2 * outs.iter().sum::<i64>();
        ins.sort_unstable();
        outs.sort_unstable();
        let of = |k: usize| [&edges[..n - k], &ins[..k], &outs[..k]].into_iter().flatten().sum::<i64>() - twice;
        lanes.clone().map(of).min().unwrap_or(0)
    };
    under(multipliers).max(under(&vec![0; n]))
}

fn total(costs: Vec<(i64, usize)>) -> i64 {
    costs.iter().map(|(cost, _)| cost).sum()
}

/// The cheapest way of all lanes from one stage to the next: each leaves a node of its own, and comes to one of its own.
fn seam([a, b]: [&Nodes; 2], [own, theirs]: [&Bound; 2], cells: usize, stop: &StopToken<'_>) -> i64 {
    in_common(a, b, |a, b| {
        let side = |a: &Nodes, own: &Bound, b: &Nodes, theirs: &Bound| {
            let to = |i: usize| {
                let (node, mut least) = (a.node(i), i64::MAX);
                if i.is_multiple_of(64) && !stop.go_on() || stop.stopped() {
                    return 0;
                }
                for j in 0..b.len() {
                    let steps = SCALE * i64::from(distance(node, b.node(j)));
                    least = least.min(steps + i64::from(theirs.multipliers[j]));
                }
                least + i64::from(own.multipliers[i])
            };
            let costs: Vec<i64> = (0..a.len()).into_par_iter().map(to).collect();
            least(a.len(), cells, |i| costs[i]).iter().map(|(cost, _)| cost).sum::<i64>()
        };
        side(a, own, b, theirs).max(side(b, theirs, a, own))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Unobserved;
    use crate::order::bundles::recount;
    use crate::order::bundles::recount::Levels;
    use crate::order::bundles::row::Group;
    use crate::order::chain::boundary::Boundary;
    use crate::order::tour::nodes::State;
    use proptest::prelude::*;

    fn nodes(columns: &[Vec<i16>]) -> Nodes {
        let rows: Vec<Vec<i16>> = (0..columns[0].len()).map(|r| columns.iter().map(|c| c[r]).collect()).collect();
        let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
        Nodes::of(&rows, columns.len(), 15)
    }

    /// All ways to share nodes out to lanes, at most `longest` to each, in all orders.
    fn arrangements(n: usize, lanes: usize, longest: usize) -> Vec<Vec<Vec<u32>>> {
        let mut all = vec![vec![Vec::new(); lanes]];
        for node in 0..n as u32 {
            let mut more = Vec::new();
            for chains in &all {
                for lane in 0..lanes {
                    if chains[lane].len() < longest {
                        for at in 0..=chains[lane].len() {
                            let mut chains: Vec<Vec<u32>> = chains.clone();
                            chains[lane].insert(at, node);
                            more.push(chains);
                        }
                    }
                }
            }
            all = more;
        }
        all
    }

    /// Level steps of the second inference, row by row.
    fn count(stages: &[Vec<Vec<i16>>], chains: &[&Vec<Vec<u32>>], lanes: usize) -> u64 {
        let rows = stages.iter().map(|s| s[0].len()).max().unwrap();
        let mut at = vec![vec![None; rows]; lanes];
        let mut sum = 0;
        for _ in 0..2 {
            sum = 0;
            for (stage, chains) in stages.iter().zip(chains) {
                for (at, chain) in at.iter_mut().zip(*chains) {
                    for &node in chain {
                        for (at, &level) in at.iter_mut().zip(&stage[node as usize]) {
                            sum += at.map_or(0, |at: i16| u64::from(at.abs_diff(level)));
                            *at = Some(level);
                        }
                    }
                }
            }
        }
        sum
    }

    fn brute_force(stages: &[Vec<Vec<i16>>], lanes: usize, count: impl Fn(&[&Vec<Vec<u32>>]) -> u64) -> u64 {
        let all: Vec<_> = stages.iter().map(|s| arrangements(s.len(), lanes, s.len().div_ceil(lanes))).collect();
        let (mut at, mut best) = (vec![0; all.len()], u64::MAX);
        loop {
            best = best.min(count(&all.iter().zip(&at).map(|(all, &at)| &all[at]).collect::<Vec<_>>()));
            let Some(next) = (0..at.len()).find(|&k| at[k] + 1 < all[k].len()) else { return best };
            at[next] += 1;
            at[..next].fill(0);
        }
    }

    fn stage(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<i16>>> {
        (n, 1usize..4).prop_flat_map(|(n, rows)| prop::collection::vec(prop::collection::vec(-15i16..=15, rows), n))
    }

    /// Stages of as few steps as they can have.
    fn of_fewest_steps(columns: &[Nodes], lanes: usize) -> Vec<Stage<'_>> {
        columns.iter().map(|nodes| Stage { nodes, allowed_lanes: None, steps: nodes.len().div_ceil(lanes) }).collect()
    }

    fn solve(stages: &[Vec<Vec<i16>>], lanes: usize, effort: Effort, seed: u64) -> (u64, u64, Vec<Vec<Vec<u32>>>) {
        let columns: Vec<Nodes> = stages.iter().map(|s| nodes(s)).collect();
        let columns = of_fewest_steps(&columns, lanes);
        let boundaries = vec![Boundary::Cyclic; lanes];
        let group = Group::solve(&columns, lanes, &boundaries, effort, seed, &StopToken::new(&Unobserved));
        let planned = group.writes();
        let chains = group.into_chains();
        let bound = writes(&columns, lanes, true, &chains, effort, &StopToken::new(&Unobserved));
        (planned, bound, chains)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn between_the_bound_and_the_optimum(
            stages in prop::collection::vec(stage(1..5), 1..3),
            lanes in 1usize..4,
            seed in any::<u64>(),
        ) {
            let (planned, bound, chains) = solve(&stages, lanes, Effort::Good, seed);
            let optimum = brute_force(&stages, lanes, |chains| count(&stages, chains, lanes));
            prop_assert_eq!(planned, count(&stages, &chains.iter().collect::<Vec<_>>(), lanes));
            prop_assert!(planned >= optimum);
            prop_assert!(bound <= optimum, "bound {} optimum {}", bound, optimum);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn of_several_stages_too(
            stages in prop::collection::vec(stage(1..4), 3..5),
            lanes in 2usize..4,
            seed in any::<u64>(),
        ) {
            let (planned, bound, chains) = solve(&stages, lanes, Effort::Good, seed);
            let ways: usize = stages.iter().map(|s| arrangements(s.len(), lanes, s.len().div_ceil(lanes)).len()).product();
            prop_assume!(ways <= 20_000);
            let optimum = brute_force(&stages, lanes, |chains| count(&stages, chains, lanes));
            prop_assert_eq!(planned, count(&stages, &chains.iter().collect::<Vec<_>>(), lanes));
            prop_assert!(bound <= optimum, "bound {} optimum {}", bound, optimum);
        }
    }

    /// Level steps from given levels through all stages once, and on to given levels; none where a level is not given.
    fn count_between(stages: &[Vec<Vec<i16>>], chains: &[&Vec<Vec<u32>>], sides: &[[Levels; 2]]) -> u64 {
        let lane = |(lane, [start, end]): (usize, &[Levels; 2])| {
            let columns = stages.iter().zip(chains).flat_map(|(s, c)| c[lane].iter().map(|&node| &s[node as usize]));
            recount::between(columns, start, end)
        };
        sides.iter().enumerate().map(lane).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn between_given_levels_too(
            stages in prop::collection::vec(stage(1..5), 1..3),
            sides in prop::collection::vec(prop::collection::vec(prop::option::of(-15i16..=15), 6), 1..4),
            seed in any::<u64>(),
        ) {
            // Rows that no column uses are none of the group's.
            let rows = stages.iter().map(|s| s[0].len()).max().unwrap();
            let sides: Vec<[Levels; 2]> = sides.iter().map(|s| [s[..rows].to_vec(), s[3..3 + rows].to_vec()]).collect();
            let state = |levels: &Levels| State(levels.iter().map(|l| l.map(|l| State::code(l, 15))).collect());
            let boundaries: Vec<Boundary<State>> =
                sides.iter().map(|[start, end]| Boundary::Open { start: state(start), end: state(end) }).collect();
            let columns: Vec<Nodes> = stages.iter().map(|s| nodes(s)).collect();
            let columns = of_fewest_steps(&columns, sides.len());
            let group = Group::solve(&columns, sides.len(), &boundaries, Effort::Fast, seed, &StopToken::new(&Unobserved));
            let planned = group.writes();
            let chains = group.into_chains();
            let bound = writes(&columns, sides.len(), false, &chains, Effort::Fast, &StopToken::new(&Unobserved));
            let optimum = brute_force(&stages, sides.len(), |chains| count_between(&stages, chains, &sides));
            prop_assert_eq!(planned, count_between(&stages, &chains.iter().collect::<Vec<_>>(), &sides));
            prop_assert!(planned >= optimum);
            prop_assert!(bound <= optimum, "bound {} optimum {}", bound, optimum);
        }
    }

    proptest! {
        #[test]
        fn larger_groups_keep_their_promises(
            stages in prop::collection::vec(stage(1..60), 1..4),
            lanes in 1usize..8,
            seed in any::<u64>(),
        ) {
            for effort in [Effort::Fast, Effort::Good] {
                let (planned, bound, chains) = solve(&stages, lanes, effort, seed);
                prop_assert_eq!(planned, count(&stages, &chains.iter().collect::<Vec<_>>(), lanes));
                prop_assert!(bound <= planned, "bound {} plan {}", bound, planned);
                for (stage, chains) in stages.iter().zip(&chains) {
                    let mut seen: Vec<u32> = chains.concat();
                    seen.sort_unstable();
                    prop_assert!(seen.iter().copied().eq(0..stage.len() as u32));
                    prop_assert!(chains.iter().all(|c| c.len() <= stage.len().div_ceil(lanes)));
                }
            }
        }
    }
}
