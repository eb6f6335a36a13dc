//! Reach `row` with shared inputs: the columns of a tile row go to C chains of at most Q nodes, one for each lane; the lanes of a row group
//! hang together.
//!
//! 1. a short path through all columns of a tile row, cut into chains where its longest steps are;
//! 2. chains to lanes, and which way round, so that they are joined to what the lanes held before and will hold after;
//! 3. exchanges of columns between chains, then each chain by itself, between its two ends.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::lane::order_chain;
use super::lane_matching::LaneMatching;
use super::layer::Stage;
use super::swap;
use crate::observer::StopToken;
use crate::order::chain::boundary::Boundary;
use crate::order::tour::assignment::assign_while;
use crate::order::tour::iterated_local_search::{Effort, Ends, shortest};
use crate::order::tour::nodes::{Nodes, State};

/// The lanes of one row group.
pub struct Group<'a> {
    /// Tile rows, in the order in which they run.
    stages: &'a [Stage<'a>],
    cells: usize,
    /// Of each lane.
    boundaries: &'a [Boundary<State>],
    /// `chains[stage][lane]`: nodes in their order.
    chains: Vec<Vec<Vec<u32>>>,
}

/// What a seat costs on which a chain cannot be: more than all others together.
const FORBIDDEN: i64 = 1 << 40;

/// Passes over the stages in which chains are seated and improved.
const PASSES: usize = 2;

impl<'a> Group<'a> {
    /// Orders the columns of all stages.
    pub fn solve(
        stages: &'a [Stage<'a>],
        cells: usize,
        boundaries: &'a [Boundary<State>],
        effort: Effort,
        seed: u64,
        stop: &StopToken<'_>,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let seeds: Vec<u64> = stages.iter().map(|_| rng.next_u64()).collect();
        let chains = stages.par_iter().zip(seeds).map(|(stage, seed)| {
            if !stop.go_on() {
                return vec![Vec::new(); cells];
            }
            let chains = match stage.allowed_lanes {
                None => cut(stage.nodes, cells, effort, seed, stop),
                Some(allowed_lanes) => cut_around(stage.nodes, allowed_lanes, effort, seed, stop),
            };
            stop.advance((stage.nodes.len() * stage.nodes.rows()) as u64);
            chains
        });
        let chains = chains.collect();
        let mut group = Self { stages, cells, boundaries, chains };
        let mut best = None;
        for pass in 0..=PASSES {
            for stage in 0..stages.len() {
                if !stop.go_on() {
                    return group;
                }
                group.seat(stage, stop);
                if pass > 0 {
                    group.polish(stage, effort, rng.next_u64(), stop);
                }
            }
            let writes = group.writes();
            if best.as_ref().is_none_or(|(least, _)| writes < *least) {
                best = Some((writes, group.chains.clone()));
            }
        }
        if let Some((_, chains)) = best {
            group.chains = chains;
        }
        group
    }

    /// The chains, by stage and lane.
    pub fn into_chains(self) -> Vec<Vec<Vec<u32>>> {
        self.chains
    }

    /// Seats the chains of a stage: which lane, and which way round.
    fn seat(&mut self, stage: usize, stop: &StopToken<'_>) {
        let Stage { nodes, allowed_lanes, .. } = self.stages[stage];
        let chains: Vec<Vec<u32>> =
            self.chains[stage].iter_mut().map(std::mem::take).filter(|c| !c.is_empty()).collect();
        let sides: Vec<(State, State)> =
            (0..self.cells).map(|lane| (self.before(stage, lane), self.after(stage, lane))).collect();
        // A lane without a chain goes from what it held to what it will hold.
        let past: Vec<i64> = sides.iter().map(|(before, after)| before.steps(after)).collect();
        let ways = |chain: &[u32], (before, after): &(State, State)| {
            let (Some(&first), Some(&last)) = (chain.first(), chain.last()) else { return [0; 2] };
            let way = |a: u32, b: u32| {
                i64::from(nodes.to_state(a as usize, before)) + i64::from(nodes.to_state(b as usize, after))
            };
            [way(first, last), way(last, first)]
        };
        let costs: Vec<[i64; 2]> = chains.iter().flat_map(|c| sides.iter().map(|s| ways(c, s))).collect();
        let cost = |chain: usize, lane: usize| costs[chain * self.cells + lane];
        let may = |chain: &Vec<u32>, lane| {
            allowed_lanes.is_none_or(|allowed_lanes| chain.iter().all(|&node| allowed_lanes.may(node, lane)))
        };
        let may: Vec<bool> = chains.iter().flat_map(|c| (0..self.cells).map(move |lane| may(c, lane))).collect();
        let mut meter = stop.meter();
        let go_on = |looks: usize| meter.work(looks as u64);
        let cost_of = |c: usize, l: usize| {
            let forbidden = if may[c * self.cells + l] { 0 } else { FORBIDDEN };
            cost(c, l)[0].min(cost(c, l)[1]) - past[l] + forbidden
        };
        let lanes = assign_while(chains.len(), self.cells, cost_of, go_on);
        for (i, (mut chain, lane)) in chains.into_iter().zip(lanes).enumerate() {
            let [as_it_is, turned] = [0, 1].map(|way| costs[i * self.cells + lane][way]);
            if turned < as_it_is {
                chain.reverse();
            }
            self.chains[stage][lane] = chain;
        }
    }

    /// Exchanges between the chains of a stage, then each chain by itself.
    fn polish(&mut self, stage: usize, effort: Effort, seed: u64, stop: &StopToken<'_>) {
        let nodes = self.stages[stage].nodes;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sides = (0..self.cells).map(|lane| [self.before(stage, lane), self.after(stage, lane)]);
        let sides: Vec<[State; 2]> = sides.collect();
        swap::improve(self.stages[stage], &mut self.chains[stage], &sides, effort, stop);
        let seeds: Vec<u64> = sides.iter().map(|_| rng.next_u64()).collect();
        let chains = self.chains[stage].par_iter_mut().zip(&sides).zip(seeds);
        chains.for_each(|((chain, [before, after]), seed)| {
            let own = nodes.pick(chain);
            let costs = |state: &State| (0..own.len()).map(|i| own.to_state(i, state)).collect::<Vec<_>>();
            let (from, to) = (costs(before), costs(after));
            let mut order: Vec<u32> = (0..chain.len() as u32).collect();
            let kicks = effort.kicks(chain.len()) / 2;
            order_chain(&own, Ends { from: &from, to: &to }, &mut order, kicks, effort, seed, stop);
            *chain = order.iter().map(|&i| chain[i as usize]).collect();
        });
    }

    /// What a lane holds before a stage, as far as it is known.
    fn before(&self, stage: usize, lane: usize) -> State {
        let count = self.stages.len();
        let cycle = matches!(self.boundaries[lane], Boundary::Cyclic);
        let earlier = (0..stage).rev().chain((stage..count).rev().filter(|_| cycle));
        let mut state = State::unknown(self.rows());
        self.fill(&mut state, lane, earlier, <[u32]>::last);
        if let Boundary::Open { start, .. } = &self.boundaries[lane] {
            state.or(start);
        }
        state
    }

    /// What a lane will have to hold after a stage, as far as it is known.
    fn after(&self, stage: usize, lane: usize) -> State {
        let cycle = matches!(self.boundaries[lane], Boundary::Cyclic);
        let later = (stage + 1..self.stages.len()).chain((0..=stage).filter(|_| cycle));
        let mut state = State::unknown(self.rows());
        self.fill(&mut state, lane, later, <[u32]>::first);
        if let Boundary::Open { end, .. } = &self.boundaries[lane] {
            state.or(end);
        }
        state
    }

    fn rows(&self) -> usize {
        self.stages.iter().map(|stage| stage.nodes.rows()).max().unwrap_or(0)
    }

    fn fill(
        &self,
        state: &mut State,
        lane: usize,
        stages: impl Iterator<Item = usize>,
        end: impl Fn(&[u32]) -> Option<&u32>,
    ) {
        // Bundles use the rows of their row group from the first on.
        let mut known = 0;
        for stage in stages {
            if known == state.0.len() {
                return;
            }
            let nodes = self.stages[stage].nodes;
            if let Some(&node) = end(&self.chains[stage][lane]) {
                for j in known..nodes.rows() {
                    state.0[j] = Some(nodes.level(node as usize, j));
                }
                known = known.max(nodes.rows());
            }
        }
    }

    /// Level steps of all lanes, with those between stages and to given ends.
    pub fn writes(&self) -> u64 {
        let mut sum = 0;
        for (stage, Stage { nodes, .. }) in self.stages.iter().enumerate() {
            for (lane, chain) in self.chains[stage].iter().enumerate() {
                let Some(&first) = chain.first() else { continue };
                let steps = chain.windows(2).map(|w| i64::from(nodes.distance(w[0] as usize, w[1] as usize)));
                sum += steps.sum::<i64>() + i64::from(nodes.to_state(first as usize, &self.before(stage, lane)));
            }
        }
        for (lane, boundary) in self.boundaries.iter().enumerate() {
            if let Boundary::Open { start, end } = boundary {
                let mut last = State::unknown(self.rows());
                self.fill(&mut last, lane, (0..self.stages.len()).rev(), <[u32]>::last);
                last.or(start);
                sum += last.steps(end);
            }
        }
        sum as u64
    }
}

/// A short path through all nodes, cut into at most `cells` chains of at most `ceil(n / cells)` nodes.
fn cut(nodes: &Nodes, cells: usize, effort: Effort, seed: u64, stop: &StopToken<'_>) -> Vec<Vec<u32>> {
    let n = nodes.len();
    let longest = n.div_ceil(cells);
    let mut path = Vec::new();
    if longest > 1 {
        let free = vec![0; n];
        shortest(nodes, Ends { from: &free, to: &free }, &mut path, effort.kicks(n), effort, seed, stop);
    } else {
        path.extend(0..n as u32);
    }
    let idle = longest * cells - n;
    // By the number of chains so far and the places left idle in them: the longest steps that can be cut out, and the length of the last chain.
    let step = |at: usize| {
        if at == 0 || at == n { 0 } else { i64::from(nodes.distance(path[at - 1] as usize, path[at] as usize)) }
    };
    let mut best = vec![vec![(i64::MIN, 0); idle + 1]; cells + 1];
    best[0][0] = (0, 0);
    let mut meter = stop.meter();
    for chain in 1..=cells {
        for left in 0..=idle {
            if !meter.work(left.min(longest) as u64 + 1) {
                return in_turn(n, cells);
            }
            let end = (chain * longest).checked_sub(left).filter(|&end| end <= n);
            let Some(end) = end else { continue };
            let gain = step(end);
            let short = (0..=left.min(longest)).map(|short| (best[chain - 1][left - short].0, longest - short));
            let came = short.filter(|(sum, _)| *sum > i64::MIN).max_by_key(|&(sum, length)| (sum, length));
            best[chain][left] = came.map_or((i64::MIN, 0), |(sum, length)| (sum + gain, length));
        }
    }
    let mut chains = vec![Vec::new(); cells];
    let (mut left, mut end) = (idle, n);
    for chain in (1..=cells).rev() {
        let length = best[chain][left].1;
        chains[chain - 1] = path[end - length..end].to_vec();
        end -= length;
        left -= longest - length;
    }
    chains
}

/// The nodes dealt out to chains as they come.
fn in_turn(n: usize, cells: usize) -> Vec<Vec<u32>> {
    (0..cells).map(|lane| (lane as u32..n as u32).step_by(cells).collect()).collect()
}

/// The same around faulty cells: lanes that suit all nodes are cut from one path, the others keep the nodes that make the steps the fewest.
fn cut_around(
    nodes: &Nodes,
    allowed_lanes: &LaneMatching,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> Vec<Vec<u32>> {
    let mut chains = allowed_lanes.shares();
    let open: Vec<usize> =
        allowed_lanes.open().iter().enumerate().filter(|(_, open)| **open).map(|(lane, _)| lane).collect();
    let rest: Vec<u32> = open.iter().flat_map(|&lane| std::mem::take(&mut chains[lane])).collect();
    if !rest.is_empty() {
        for (lane, chain) in open.iter().zip(cut(&nodes.pick(&rest), open.len(), effort, seed, stop)) {
            chains[*lane] = chain.into_iter().map(|i| rest[i as usize]).collect();
        }
    }
    chains
}
