//! Which output visits which core row, in the steps that a layer has; and which weights still miss a cell.

use super::block::{Block, LANES, add, exchange, positive, positive_exchanged, positive_with, positive_without};
use super::cells::Cells;
use super::demand::Demand;
use super::draw::{Draw, Odds};

/// The visits of a layer. A core row serves one output in each step: the two are a *slot*. In every phase all core rows have as many slots
/// as the phase has steps, so the work is always even.
#[derive(Clone, Debug)]
pub struct Cover {
    /// First pattern: phase p of the layer has pattern `first_pattern + p`, modulo those there are.
    first_pattern: usize,
    core_rows: usize,
    blocks: usize,
    outputs: usize,
    /// Steps of each phase.
    steps: Vec<u32>,
    /// Output that each slot serves.
    owner: Vec<u32>,
    /// Phase and core row of each slot: `phase * core rows + core row`.
    kind: Vec<u32>,
    /// Slots of each kind.
    of_kind: Vec<Vec<u32>>,
    /// Slots of each output, and where each slot stands there.
    of_output: Vec<Vec<u32>>,
    place: Vec<u32>,
    /// Visits: `[kind][output]`.
    visits: Vec<u32>,
    /// Weights by level less cells that serve them: above zero what is missing, below what is idle.
    open: Vec<Block>,
    /// Missing in each output.
    missing: Vec<i32>,
    /// Outputs in which something is missing, and where each output stands there.
    wanting: Vec<u32>,
    wanting_at: Vec<u32>,
    total: i64,
}

/// Slots that are looked through one by one, instead of all outputs.
const FEW_SLOTS: usize = 24;

const NOWHERE: u32 = u32::MAX;

impl Cover {
    /// Slots dealt out in proportion to the weights.
    #[must_use]
    pub fn new(demand: &Demand, cells: &Cells, first_pattern: usize, steps: &[u32]) -> Self {
        let (core_rows, blocks, outputs) = (cells.core_rows(), cells.blocks(), demand.outputs());
        let mut cover = Self {
            first_pattern,
            core_rows,
            blocks,
            outputs,
            steps: vec![0; steps.len()],
            owner: Vec::new(),
            kind: Vec::new(),
            of_kind: vec![Vec::new(); steps.len() * core_rows],
            of_output: vec![Vec::new(); outputs],
            place: Vec::new(),
            visits: vec![0; steps.len() * core_rows * outputs],
            open: (0..outputs).flat_map(|output| demand.of(output).iter().copied()).collect(),
            missing: vec![0; outputs],
            wanting: Vec::new(),
            wanting_at: vec![NOWHERE; outputs],
            total: 0,
        };
        for output in 0..outputs {
            cover.recount(output);
        }
        let weights: Vec<u64> = (0..outputs).map(|output| u64::from(demand.weights(output)).max(1)).collect();
        let all: u64 = weights.iter().sum();
        for (phase, &steps) in steps.iter().enumerate() {
            let slots = u64::from(steps) * core_rows as u64;
            let (mut sum, mut dealt) = (0, 0);
            for (output, weights) in weights.iter().enumerate() {
                sum += weights;
                let until = if output + 1 == outputs { slots } else { slots * sum / all };
                while dealt < until {
                    // Neighbouring slots are on neighbouring core rows, and outputs begin on different ones.
                    cover.push(cells, phase * core_rows + (dealt as usize) % core_rows, output);
                    dealt += 1;
                }
            }
            cover.steps[phase] = steps;
        }
        cover
    }

    /// The pattern of its first phase.
    #[must_use]
    pub fn first_pattern(&self) -> usize {
        self.first_pattern
    }

    /// Steps of the layer.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps.iter().sum()
    }

    /// Steps of each phase.
    #[must_use]
    pub fn phases(&self) -> &[u32] {
        &self.steps
    }

    /// Slots of the layer.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.owner.len()
    }

    /// Weights without a cell.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Outputs that a core row serves in a phase, one for each step.
    pub fn served(&self, phase: usize, core_row: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.of_kind[phase * self.core_rows + core_row].iter().map(|&slot| self.owner[slot as usize])
    }

    /// Row of the patterns that a core row has in a phase.
    #[must_use]
    pub fn pattern_row(&self, cells: &Cells, phase: usize, core_row: usize) -> usize {
        self.row(cells, phase * self.core_rows + core_row)
    }

    /// Row of the patterns that a kind has.
    #[inline(always)]
    fn row(&self, cells: &Cells, kind: usize) -> usize {
        let patterns = cells.patterns();
        if patterns == 1 { kind } else { self.first_pattern * self.core_rows + kind }
    }

    #[inline(always)]
    fn have<'a>(&self, cells: &'a Cells, slot: usize) -> &'a [Block] {
        cells.have(self.row(cells, self.kind[slot] as usize))
    }

    #[inline(always)]
    fn open(&self, output: usize) -> &[Block] {
        &self.open[output * self.blocks..][..self.blocks]
    }

    #[inline(always)]
    fn open_mut(&mut self, output: usize) -> &mut [Block] {
        &mut self.open[output * self.blocks..][..self.blocks]
    }

    /// Adds up what an output misses.
    #[inline(always)]
    fn recount(&mut self, output: usize) {
        let missing = positive(self.open(output));
        self.note(output, missing);
    }

    /// Notes what an output misses.
    #[inline(always)]
    fn note(&mut self, output: usize, missing: i32) {
        let before = std::mem::replace(&mut self.missing[output], missing);
        self.total += i64::from(missing - before);
        let at = self.wanting_at[output];
        if missing > 0 && at == NOWHERE {
            self.wanting_at[output] = self.wanting.len() as u32;
            self.wanting.push(output as u32);
        } else if missing == 0 && at != NOWHERE {
            self.wanting.swap_remove(at as usize);
            if let Some(&moved) = self.wanting.get(at as usize) {
                self.wanting_at[moved as usize] = at;
            }
            self.wanting_at[output] = NOWHERE;
        }
    }

    fn push(&mut self, cells: &Cells, kind: usize, output: usize) {
        let slot = self.owner.len() as u32;
        self.owner.push(output as u32);
        self.kind.push(kind as u32);
        self.of_kind[kind].push(slot);
        self.place.push(self.of_output[output].len() as u32);
        self.of_output[output].push(slot);
        self.visits[kind * self.outputs + output] += 1;
        let row = self.row(cells, kind);
        add(self.open_mut(output), cells.have(row), -1);
        self.recount(output);
    }

    /// Gives a slot to another output.
    #[inline(always)]
    fn give(&mut self, cells: &Cells, slot: usize, to: usize) {
        let from = self.owner[slot] as usize;
        let kind = self.kind[slot] as usize;
        let have = cells.have(self.row(cells, kind));
        add(&mut self.open[from * self.blocks..][..self.blocks], have, 1);
        add(&mut self.open[to * self.blocks..][..self.blocks], have, -1);
        self.recount(from);
        self.recount(to);
        self.visits[kind * self.outputs + from] -= 1;
        self.visits[kind * self.outputs + to] += 1;
        self.owner[slot] = to as u32;
        let place = self.place[slot] as usize;
        self.of_output[from].swap_remove(place);
        if let Some(&moved) = self.of_output[from].get(place) {
            self.place[moved as usize] = place as u32;
        }
        self.place[slot] = self.of_output[to].len() as u32;
        self.of_output[to].push(slot as u32);
    }

    /// Exchanges the owners of two slots, which then miss so much.
    #[inline(always)]
    fn swap(&mut self, cells: &Cells, a: usize, b: usize, missing: (i32, i32)) {
        let (of_a, of_b) = (self.owner[a] as usize, self.owner[b] as usize);
        let (kind_a, kind_b) = (self.kind[a] as usize, self.kind[b] as usize);
        let (have_a, have_b) = (cells.have(self.row(cells, kind_a)), cells.have(self.row(cells, kind_b)));
        exchange(&mut self.open[of_a * self.blocks..][..self.blocks], have_a, have_b);
        exchange(&mut self.open[of_b * self.blocks..][..self.blocks], have_b, have_a);
        self.note(of_a, missing.0);
        self.note(of_b, missing.1);
        self.visits[kind_a * self.outputs + of_a] -= 1;
        self.visits[kind_b * self.outputs + of_a] += 1;
        self.visits[kind_b * self.outputs + of_b] -= 1;
        self.visits[kind_a * self.outputs + of_b] += 1;
        (self.owner[a], self.owner[b]) = (of_b as u32, of_a as u32);
        let (place_a, place_b) = (self.place[a], self.place[b]);
        self.of_output[of_a][place_a as usize] = b as u32;
        self.of_output[of_b][place_b as usize] = a as u32;
        (self.place[a], self.place[b]) = (place_b, place_a);
    }

    /// Tries so many changes of visits; stops when nothing is missing.
    #[inline(always)]
    pub fn improve(&mut self, cells: &Cells, draw: &mut Draw, moves: u64, odds: &Odds) {
        if self.outputs < 2 || self.owner.is_empty() {
            return;
        }
        for _ in 0..moves {
            if self.total == 0 {
                return;
            }
            match draw.below(8) {
                0 => self.try_give(cells, draw, odds),
                1..4 => {
                    let (a, b) = (draw.below(self.owner.len()), draw.below(self.owner.len()));
                    self.try_swap(cells, a, b, draw, odds);
                }
                _ => self.try_help(cells, draw, odds),
            }
        }
    }

    #[inline(always)]
    fn try_give(&mut self, cells: &Cells, draw: &mut Draw, odds: &Odds) {
        let to = self.wanting[draw.below(self.wanting.len())] as usize;
        let slot = draw.below(self.owner.len());
        let from = self.owner[slot] as usize;
        if from == to {
            return;
        }
        let have = self.have(cells, slot);
        let after = positive_with(self.open(from), have) + positive_without(self.open(to), have);
        if odds.accept(after - self.missing[from] - self.missing[to], draw) {
            self.give(cells, slot, to);
        }
    }

    #[inline(always)]
    fn try_swap(&mut self, cells: &Cells, a: usize, b: usize, draw: &mut Draw, odds: &Odds) {
        let (of_a, of_b) = (self.owner[a] as usize, self.owner[b] as usize);
        if of_a == of_b || self.kind[a] == self.kind[b] {
            return;
        }
        let (have_a, have_b) = (self.have(cells, a), self.have(cells, b));
        let after_a = positive_exchanged(self.open(of_a), have_a, have_b);
        let after_b = positive_exchanged(self.open(of_b), have_b, have_a);
        if odds.accept(after_a + after_b - self.missing[of_a] - self.missing[of_b], draw) {
            self.swap(cells, a, b, (after_a, after_b));
        }
    }

    /// An output that misses a weight of some level gets a core row that has the level, for one of its own.
    #[inline(always)]
    fn try_help(&mut self, cells: &Cells, draw: &mut Draw, odds: &Odds) {
        let output = self.wanting[draw.below(self.wanting.len())] as usize;
        let Some(level) = self.missed_level(output, draw) else { return };
        let kinds = self.of_kind.len();
        let begin = draw.below(kinds);
        let holds = |kind: &usize| cells.count(self.row(cells, *kind), level) > 0 && !self.of_kind[*kind].is_empty();
        let Some(kind) = (begin..kinds).chain(0..begin).find(holds) else { return };
        let b = self.of_kind[kind][draw.below(self.of_kind[kind].len())] as usize;
        let own = &self.of_output[output];
        if own.is_empty() {
            return;
        }
        let a = own[draw.below(own.len())] as usize;
        self.try_swap(cells, a, b, draw, odds);
    }

    /// Calls `f` with every output that visits a kind, and how often it does.
    #[inline(always)]
    fn visitors(&self, kind: usize, mut f: impl FnMut(usize, i32)) {
        let visits = &self.visits[kind * self.outputs..][..self.outputs];
        let slots = &self.of_kind[kind];
        if slots.len() < self.outputs.min(FEW_SLOTS) {
            for (i, &slot) in slots.iter().enumerate() {
                let output = self.owner[slot as usize];
                let times = visits[output as usize] as i32;
                // Each output once: with the first of its slots.
                if times == 1 || !slots[..i].iter().any(|&before| self.owner[before as usize] == output) {
                    f(output as usize, times);
                }
            }
        } else {
            visits
                .iter()
                .enumerate()
                .filter(|(_, times)| **times > 0)
                .for_each(|(output, &times)| f(output, times as i32));
        }
    }

    /// What a change of one cell's level would add to what is missing, where the layer uses its core row in this phase.
    #[inline(always)]
    #[must_use]
    pub fn change(&self, phase: usize, core_row: usize, from: usize, to: usize) -> i32 {
        let levels = self.blocks * LANES;
        let open = self.open.as_flattened();
        let mut change = 0;
        self.visitors(phase * self.core_rows + core_row, |output, times| {
            let (from, to) = (open[output * levels + from], open[output * levels + to]);
            let more = (from + times).max(0) - from.max(0) + (to - times).max(0) - to.max(0);
            change += more;
        });
        change
    }

    /// Takes note of a change of one cell's level.
    #[inline(always)]
    pub fn changed(&mut self, phase: usize, core_row: usize, from: usize, to: usize, touched: &mut Vec<(u32, i32)>) {
        let levels = self.blocks * LANES;
        touched.clear();
        self.visitors(phase * self.core_rows + core_row, |output, times| touched.push((output as u32, times)));
        for &(output, times) in &*touched {
            let open = &mut self.open.as_flattened_mut()[output as usize * levels..][..levels];
            let before = open[from].max(0) + open[to].max(0);
            open[from] += times;
            open[to] -= times;
            let more = open[from].max(0) + open[to].max(0) - before;
            if more != 0 {
                self.note(output as usize, self.missing[output as usize] + more);
            }
        }
    }

    /// A level that some output misses, and a kind that the output visits; `None` when nothing is missing.
    #[inline(always)]
    pub fn wanted(&self, draw: &mut Draw) -> Option<(usize, usize)> {
        if self.wanting.is_empty() {
            return None;
        }
        let output = self.wanting[draw.below(self.wanting.len())] as usize;
        let own = &self.of_output[output];
        if own.is_empty() {
            return None;
        }
        let level = self.missed_level(output, draw)?;
        Some((level, self.kind[own[draw.below(own.len())] as usize] as usize))
    }

    /// One of the levels that an output misses.
    #[inline(always)]
    fn missed_level(&self, output: usize, draw: &mut Draw) -> Option<usize> {
        let levels = self.blocks * LANES;
        let begin = draw.below(levels);
        let open = self.open(output).as_flattened();
        (begin..levels).chain(0..begin).find(|&level| open[level] > 0)
    }

    /// Outputs that are looked at for the change of a cell, about.
    #[must_use]
    pub fn visitors_of_a_row(&self) -> usize {
        let slots = self.of_kind.first().map_or(0, Vec::len);
        if slots < self.outputs.min(FEW_SLOTS) { slots } else { self.outputs }
    }

    /// Outputs that a layer has.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds a step to a phase, and gives its slots to the outputs that miss most.
    pub fn add_step(&mut self, cells: &Cells, phase: usize) {
        for core_row in 0..self.core_rows {
            let kind = phase * self.core_rows + core_row;
            let have = cells.have(self.row(cells, kind));
            let gain = |&output: &u32| {
                let output = output as usize;
                (self.missing[output] - positive_without(self.open(output), have), std::cmp::Reverse(output))
            };
            let most = self.wanting.iter().max_by_key(|output| gain(output)).copied();
            self.push(cells, kind, most.unwrap_or(0) as usize);
        }
        self.steps[phase] += 1;
    }

    /// Takes a step from a phase: in each core row the slot that is missed least.
    pub fn drop_step(&mut self, cells: &Cells, phase: usize) {
        if self.steps[phase] == 0 {
            return;
        }
        for core_row in 0..self.core_rows {
            let kind = phase * self.core_rows + core_row;
            let have = cells.have(self.row(cells, kind));
            let loss = |slot: u32| {
                let output = self.owner[slot as usize] as usize;
                (positive_with(self.open(output), have) - self.missing[output], slot)
            };
            let Some(slot) = self.of_kind[kind].iter().copied().min_by_key(|&slot| loss(slot)) else { continue };
            self.remove(cells, slot as usize);
        }
        self.steps[phase] -= 1;
    }

    fn remove(&mut self, cells: &Cells, slot: usize) {
        let (output, kind) = (self.owner[slot] as usize, self.kind[slot] as usize);
        let have = cells.have(self.row(cells, kind));
        add(&mut self.open[output * self.blocks..][..self.blocks], have, 1);
        self.recount(output);
        self.visits[kind * self.outputs + output] -= 1;
        let place = self.place[slot] as usize;
        self.of_output[output].swap_remove(place);
        if let Some(&moved) = self.of_output[output].get(place) {
            self.place[moved as usize] = place as u32;
        }
        self.of_kind[kind].retain(|&s| s as usize != slot);
        // The last slot takes its number.
        let last = self.owner.len() - 1;
        self.owner.swap_remove(slot);
        self.kind.swap_remove(slot);
        self.place.swap_remove(slot);
        if last != slot {
            let (output, kind) = (self.owner[slot] as usize, self.kind[slot] as usize);
            self.of_output[output][self.place[slot] as usize] = slot as u32;
            for s in &mut self.of_kind[kind] {
                if *s as usize == last {
                    *s = slot as u32;
                }
            }
        }
    }
}
