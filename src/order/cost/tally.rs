//! What an order costs: every write of every PCM cell, at the first load and in every inference after it.
//!
//! A schedule programs absolute levels, so two inferences differ only where a cell is touched for the first time: at the first load
//! it comes from level 0, later from where the inference before left it. One walk through the programs therefore gives both:
//! first touches are kept apart, and added at the end once with each of the two origins.

use std::collections::BTreeMap;

use firmware_model::pcm::{Counts, Move, Slowest, WriteCost};
use serde::{Deserialize, Serialize};

use super::move_counters::{MOST_STEPS, Moves};
use crate::geometry::IDLE;
use crate::order::slots::program::Program;
use crate::simd::simd;

/// What one run of a schedule costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Level steps of all PCM cells.
    pub writes: u64,
    /// PCM cells changed, summed over the steps.
    pub events: u64,
    /// Pulses: one for each level step, each change, or each reset and each set, by the device's cost model.
    pub pulses: u64,
    /// Energy of the writes, pJ.
    pub energy_pj: f64,
    /// Time to program the core, microseconds: in each step the slowest cell, as all are written side by side.
    pub time_us: f64,
    /// Writes of the PCM cell that is written most.
    pub max_cell_writes: u64,
    /// Wear of the PCM cell that is worn most: level steps, pulses or resets, by the device's cost model.
    pub max_cell_wear: u64,
}

/// Costs of the first load and of every later inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// From an erased core, or from what the plan is told that the core holds.
    pub first_load: Cost,
    /// From where the inference before has left the core.
    pub per_inference: Cost,
}

/// ELight's own count, for comparison with its tables only: every tile row starts from an erased core, the erase is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElightAccounting {
    /// Sum of `|delta|` of the signed levels.
    pub total_writes: u64,
    /// Largest sum of one weight cell within one tile row.
    pub max_writes: u64,
}

impl ElightAccounting {
    /// The count of two disjoint parts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { total_writes: self.total_writes + other.total_writes, max_writes: self.max_writes.max(other.max_writes) }
    }
}

/// Level steps and events of the two PCM cells of a weight cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairWear {
    /// Level steps up, by `[plus, minus]` cell.
    pub up: [u64; 2],
    /// Level steps down, by `[plus, minus]` cell.
    pub down: [u64; 2],
    /// Changes, by `[plus, minus]` cell.
    pub events: [u64; 2],
    /// Changes from above level 0, by `[plus, minus]` cell; 0 where the device's cost model does not ask.
    pub resets: [u64; 2],
}

impl PairWear {
    fn add(&mut self, m: Move, cost: &WriteCost) {
        for i in 0..2 {
            self.up[i] += u64::from(m.up[i]);
            self.down[i] += u64::from(m.down[i]);
            self.events[i] += u64::from(m.changes(i));
            self.resets[i] += u64::from(counts_resets(cost) && m.resets(i));
        }
    }

    /// What has worn the `[plus, minus]` cell: level steps, pulses or resets, by the device's cost model.
    #[must_use]
    pub fn worn(&self, cost: &WriteCost) -> [u64; 2] {
        [0, 1].map(|i| cost.wear(self.up[i] + self.down[i], self.events[i], self.resets[i]))
    }

    fn merge(&mut self, other: &Self) {
        for i in 0..2 {
            self.up[i] += other.up[i];
            self.down[i] += other.down[i];
            self.events[i] += other.events[i];
            self.resets[i] += other.resets[i];
        }
    }
}

/// Whether [`PairWear::resets`] are counted.
#[must_use]
pub fn counts_resets(cost: &WriteCost) -> bool {
    matches!(cost, WriteCost::ResetThenSet { .. })
}

/// A cell programmed for the first time in the schedule.
#[derive(Clone, Copy, Debug)]
struct Touch {
    cell: usize,
    level: i16,
    step: u64,
}

/// The state of one core row and its counters in the layer at hand; core rows are independent of each other.
#[derive(Clone, Debug)]
pub struct RowTally {
    /// Level of each cell, once touched.
    level: Vec<i16>,
    touched: Vec<bool>,
    untouched: usize,
    wear: Vec<PairWear>,
    touches: Vec<Touch>,
    /// By step since the layer's first.
    slowest: Vec<Slowest>,
    elight: ElightAccounting,
    /// Level steps up and down together in the slot at hand, by `[plus, minus]` cell.
    moved: [Vec<u32>; 2],
    events: [Vec<u32>; 2],
    resets: [Vec<u32>; 2],
    moves: Moves,
    cost: WriteCost,
    /// Of the layer at hand; with a cost per level nothing is counted here, as the wear says it all.
    counts: Counts,
}

impl RowTally {
    fn new(cells: usize, cost: WriteCost) -> Self {
        let zero = || [vec![0; cells], vec![0; cells]];
        Self {
            level: vec![0; cells],
            touched: vec![false; cells],
            untouched: cells,
            wear: vec![PairWear::default(); cells],
            touches: Vec::new(),
            slowest: Vec::new(),
            elight: ElightAccounting::default(),
            moved: zero(),
            events: zero(),
            resets: zero(),
            moves: Moves::new(cells),
            cost,
            counts: Counts::default(),
        }
    }

    /// Counts one slot; `first_step` is its first step since the layer began.
    pub fn slot(&mut self, program: &Program, first_step: u64) {
        let cells = program.cells;
        let first = first_levels(program);
        for (cell, &(level, step)) in first.iter().enumerate() {
            if level != IDLE && !self.touched[cell] {
                // Counted at the end, when it is known where the cell comes from.
                (self.touched[cell], self.level[cell]) = (true, level);
                self.untouched -= 1;
                self.touches.push(Touch { cell, level, step: first_step + step as u64 });
            }
        }
        let entry: Vec<i16> = self.level.clone();
        let end = first_step as usize + program.steps;
        if self.slowest.len() < end {
            self.slowest.resize(end, Slowest::default());
        }
        match self.cost {
            WriteCost::PerLevel { .. } => simd(
                #[inline(always)]
                || self.steps(program, first_step as usize),
            ),
            _ => {
                for (t, levels) in program.level.chunks_exact(cells).enumerate() {
                    self.slowest[first_step as usize + t] = self.priced_step(levels);
                }
            }
        }
        self.settle(&first, &entry);
    }

    /// Counts one step of a device that pays by the pulse, and returns its slowest changes.
    fn priced_step(&mut self, levels: &[i16]) -> Slowest {
        let mut slowest = Slowest::default();
        for (c, &to) in levels.iter().enumerate() {
            if to == IDLE || to == self.level[c] {
                continue;
            }
            let m = Move::between(std::mem::replace(&mut self.level[c], to), to);
            for i in 0..2 {
                self.moved[i][c] += u32::from(m.up[i] + m.down[i]);
                self.events[i][c] += u32::from(m.changes(i));
                self.resets[i][c] += u32::from(counts_resets(&self.cost) && m.resets(i));
            }
            self.counts.add(m);
            slowest = slowest.with(self.cost.slowest(m));
        }
        slowest
    }

    /// Counts the steps of a device that pays by the level.
    #[inline(always)]
    fn steps(&mut self, program: &Program, first_step: usize) {
        let mut before: &[i16] = &[];
        let mut counted = 0;
        for (levels, slowest) in program.level.chunks_exact(program.cells).zip(&mut self.slowest[first_step..]) {
            if levels == before {
                continue; // most steps of a good order change nothing
            }
            before = levels;
            *slowest = self.moves.count(&mut self.level, levels);
            counted += 1;
            if counted % MOST_STEPS == 0 {
                self.moves.flush(&mut self.moved, &mut self.events);
            }
        }
        self.moves.flush(&mut self.moved, &mut self.events);
    }

    /// Moves the slot's counters to the layer's, and counts the slot as ELight does.
    fn settle(&mut self, first: &[(i16, usize)], entry: &[i16]) {
        for (cell, &(level, _)) in first.iter().enumerate() {
            let mut here = PairWear::default();
            for i in 0..2 {
                // Up less down is where it has come to.
                let risen = |level: i16| i64::from(if i == 0 { level } else { -level }.max(0));
                let risen = risen(self.level[cell]) - risen(entry[cell]);
                let moved = i64::from(std::mem::take(&mut self.moved[i][cell]));
                (here.up[i], here.down[i]) = (((moved + risen) / 2) as u64, ((moved - risen) / 2) as u64);
                here.events[i] = u64::from(std::mem::take(&mut self.events[i][cell]));
                here.resets[i] = u64::from(std::mem::take(&mut self.resets[i][cell]));
            }
            self.wear[cell].merge(&here);
            if level != IDLE {
                let writes = here.up[0] + here.up[1] + here.down[0] + here.down[1];
                let elight = writes - u64::from(level.abs_diff(entry[cell])) + u64::from(level.unsigned_abs());
                self.elight = self.elight.and(ElightAccounting { total_writes: elight, max_writes: elight });
            }
        }
    }
}

/// The first level of each cell in a program, and its step; [`IDLE`] for a cell that is not used.
fn first_levels(program: &Program) -> Vec<(i16, usize)> {
    let mut first = vec![(IDLE, 0); program.cells];
    let mut missing = program.cells;
    for (t, levels) in program.level.chunks_exact(program.cells).enumerate() {
        for (f, &level) in first.iter_mut().zip(levels) {
            if f.0 == IDLE && level != IDLE {
                *f = (level, t);
                missing -= 1;
            }
        }
        if missing == 0 {
            break;
        }
    }
    first
}

/// One finished layer.
#[derive(Clone, Debug)]
struct Layer {
    /// Sum of all moves but the first touches.
    wear: Vec<PairWear>,
    counts: Counts,
    touches: Vec<(usize, Touch)>,
    /// Steps in which a cell is touched first, without those touches.
    touched_steps: BTreeMap<u64, Slowest>,
    /// Time of all other steps.
    time_us: f64,
    elight: ElightAccounting,
}

/// Counts a whole schedule, layer by layer.
#[derive(Clone, Debug)]
pub struct Tally {
    cells: usize,
    cost: WriteCost,
    rows: Vec<RowTally>,
    layers: Vec<LayerTally>,
}

/// A layer that may still wait for its first touches' origins.
#[derive(Clone, Debug)]
enum LayerTally {
    Done(Cost, Counts, ElightAccounting),
    Waiting(Box<Layer>),
}

/// The costs of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// All layers together.
    pub costs: Costs,
    /// ELight's count of all layers.
    pub elight: ElightAccounting,
    /// The first load of an erased core, wherever the plan itself starts: what a schedule's End frame says.
    pub erased: Cost,
    /// Each layer: a layer's `max_cell_writes` is that of its own writes.
    pub layers: Vec<(Costs, ElightAccounting)>,
    /// Wear of every weight cell by the first load, core row by core row.
    pub first_load_wear: Vec<PairWear>,
    /// Wear of every weight cell by a later inference.
    pub per_inference_wear: Vec<PairWear>,
}

/// A tally and the sum of the wear of its finished layers.
#[derive(Clone, Debug)]
pub struct Counter {
    tally: Tally,
    wear: Vec<PairWear>,
    /// Level of each cell before the first load; none: all are erased.
    origin: Option<Vec<i16>>,
    /// Level of each cell of the erased core; none: all are at 0.
    erased: Option<Vec<i16>>,
}

impl Counter {
    /// A counter for a core of `core_rows x cells`, all erased.
    #[must_use]
    pub fn new(core_rows: usize, cells: usize, cost: WriteCost) -> Self {
        Self {
            tally: Tally { cells, cost, rows: vec![RowTally::new(cells, cost); core_rows], layers: Vec::new() },
            wear: vec![PairWear::default(); core_rows * cells],
            origin: None,
            erased: None,
        }
    }

    /// The first load starts from these levels, core row by core row.
    #[must_use]
    pub fn starting_from(mut self, origin: Vec<i16>) -> Self {
        self.origin = Some(origin);
        self
    }

    /// On the erased core cells are at these levels: not all of a faulty one go to 0.
    #[must_use]
    pub fn erased_at(mut self, levels: Vec<i16>) -> Self {
        self.erased = Some(levels);
        self
    }

    /// The core rows' own counters, to be filled in parallel.
    pub fn rows(&mut self) -> &mut [RowTally] {
        &mut self.tally.rows
    }

    /// Ends a layer.
    pub fn end_layer(&mut self) {
        let cells = self.tally.cells;
        let mut layer = Layer {
            wear: Vec::with_capacity(self.wear.len()),
            counts: Counts::default(),
            touches: Vec::new(),
            touched_steps: BTreeMap::new(),
            time_us: 0.0,
            elight: ElightAccounting::default(),
        };
        let mut slowest: Vec<Slowest> = Vec::new();
        for (core_row, row) in self.tally.rows.iter_mut().enumerate() {
            layer.wear.append(&mut row.wear);
            row.wear.resize(cells, PairWear::default());
            layer.counts.merge(&std::mem::take(&mut row.counts));
            layer.touches.extend(row.touches.drain(..).map(|t| (core_row * cells + t.cell, t)));
            layer.elight = layer.elight.and(std::mem::take(&mut row.elight));
            if slowest.len() < row.slowest.len() {
                slowest.resize(row.slowest.len(), Slowest::default());
            }
            for (s, r) in slowest.iter_mut().zip(row.slowest.drain(..)) {
                *s = s.with(r);
            }
        }
        for (_, touch) in &layer.touches {
            let step = slowest.get(touch.step as usize).copied().unwrap_or_default();
            layer.touched_steps.insert(touch.step, step);
        }
        for (step, s) in slowest.iter().enumerate() {
            if !layer.touched_steps.contains_key(&(step as u64)) {
                layer.time_us += self.tally.cost.time_us(*s);
            }
        }
        for (sum, wear) in self.wear.iter_mut().zip(&layer.wear) {
            sum.merge(wear);
        }
        self.tally.layers.push(if layer.touches.is_empty() {
            let cost = cost_of(&layer.wear, &layer.counts, layer.time_us, &self.tally.cost);
            LayerTally::Done(cost, layer.counts, layer.elight)
        } else {
            LayerTally::Waiting(Box::new(layer))
        });
    }

    /// Level of every cell after the layers so far, 0 where it was never touched.
    #[must_use]
    pub fn levels(&self) -> Vec<i16> {
        self.tally.rows.iter().flat_map(|row| row.level.iter().copied()).collect()
    }

    /// Level that each cell is programmed to first, if it has been programmed at all.
    #[must_use]
    pub fn first_levels(&self) -> Vec<Option<i16>> {
        let mut first = vec![None; self.wear.len()];
        for layer in &self.tally.layers {
            if let LayerTally::Waiting(layer) = layer {
                for (cell, touch) in &layer.touches {
                    first[*cell] = Some(touch.level);
                }
            }
        }
        first
    }

    /// All costs.
    #[must_use]
    pub fn finish(self) -> Totals {
        let last = self.levels();
        let cost = self.tally.cost;
        let erased = self.erased.clone().unwrap_or_else(|| vec![0; last.len()]);
        let first = self.with_origins(self.origin.as_ref().unwrap_or(&erased), &cost);
        let later = self.with_origins(&last, &cost);
        let layers: Vec<(Costs, ElightAccounting)> = first
            .1
            .iter()
            .zip(&later.1)
            .zip(&self.tally.layers)
            .map(|((f, l), layer)| {
                let elight = match layer {
                    LayerTally::Done(_, _, e) => *e,
                    LayerTally::Waiting(layer) => layer.elight,
                };
                (Costs { first_load: f.0, per_inference: l.0 }, elight)
            })
            .collect();
        let total = |wear: &[PairWear], layers: &[(Cost, Counts)]| {
            let mut counts = Counts::default();
            layers.iter().for_each(|(_, of_layer)| counts.merge(of_layer));
            cost_of(wear, &counts, layers.iter().map(|(l, _)| l.time_us).sum(), &cost)
        };
        let from_erased = self.origin.is_some().then(|| self.with_origins(&erased, &cost));
        let from_erased = from_erased.as_ref().unwrap_or(&first);
        Totals {
            erased: total(&from_erased.0, &from_erased.1),
            costs: Costs { first_load: total(&first.0, &first.1), per_inference: total(&later.0, &later.1) },
            elight: layers.iter().fold(ElightAccounting::default(), |sum, (_, e)| sum.and(*e)),
            layers,
            first_load_wear: first.0,
            per_inference_wear: later.0,
        }
    }

    /// Wear of the whole schedule and cost of each layer, when the cells start at the levels `origin`.
    fn with_origins(&self, origin: &[i16], cost: &WriteCost) -> (Vec<PairWear>, Vec<(Cost, Counts)>) {
        let mut total = self.wear.clone();
        let layers = self.tally.layers.iter().map(|layer| match layer {
            LayerTally::Done(done, counts, _) => (*done, *counts),
            LayerTally::Waiting(layer) => {
                let mut wear = layer.wear.clone();
                let (mut counts, mut steps) = (layer.counts, layer.touched_steps.clone());
                for &(cell, touch) in &layer.touches {
                    let m = Move::between(origin[cell], touch.level);
                    wear[cell].add(m, cost);
                    total[cell].add(m, cost);
                    if !matches!(cost, WriteCost::PerLevel { .. }) {
                        counts.add(m);
                    }
                    steps.entry(touch.step).and_modify(|s| *s = s.with(cost.slowest(m)));
                }
                let time_us = layer.time_us + steps.values().map(|s| cost.time_us(*s)).sum::<f64>();
                (cost_of(&wear, &counts, time_us, cost), counts)
            }
        });
        let layers = layers.collect();
        (total, layers)
    }
}

/// `counts`: of a device that pays by the pulse.
fn cost_of(wear: &[PairWear], counts: &Counts, time_us: f64, cost: &WriteCost) -> Cost {
    let (mut up, mut down, mut events, mut most, mut most_worn) = (0, 0, 0, 0, 0);
    for pair in wear {
        for i in 0..2 {
            up += pair.up[i];
            down += pair.down[i];
            events += pair.events[i];
            let writes = pair.up[i] + pair.down[i];
            most = most.max(writes);
            most_worn = most_worn.max(cost.wear(writes, pair.events[i], pair.resets[i]));
        }
    }
    let counts = Counts { up, down, ..*counts };
    Cost {
        writes: up + down,
        events,
        pulses: cost.pulses(&counts),
        energy_pj: cost.energy_pj(&counts),
        time_us,
        max_cell_writes: most,
        max_cell_wear: most_worn,
    }
}
