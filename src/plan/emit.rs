//! The second pass over the layers: programs of all three orders counted, those of the chosen one encoded.

use std::io::{self, Write};
use std::ops::Range;

use firmware_model::pcm::top_level;
use firmware_model::wire::End;
use rayon::prelude::*;

use super::PlanOptions;
use super::cores::Counters;
use super::segment::{Arranged, Segment};
use crate::geometry::{IDLE, Reach};
use crate::level::{LevelMatrix, Scales};
use crate::order::Order;
use crate::order::profile::Profiles;
use crate::order::program::Program;
use crate::order::tally::{RowTally, Totals};
use crate::order::visits::Visits;
use crate::schedule::records::{Coding, Encoder, Memory, RecordFormat, Records, Sink, Survey, walk, walk_shared};
use crate::schedule::writer::{LayerSpec, RowSlot, ScheduleWriter};
use crate::stimulus::Stimulus;
use crate::weights::{LayerInfo, Network};

/// Core rows whose first slot is looked at to choose a layer's coding.
const SURVEYED_ROWS: usize = 4;

/// Weights whose records are in memory at a time, about.
const BATCH_WEIGHTS: usize = 1 << 21;

/// Everything that is gathered in the second pass.
pub struct Emitter<'a> {
    network: &'a Network,
    options: &'a PlanOptions,
    format: RecordFormat,
    natural: Counters,
    sorted: Counters,
    optimal: Counters,
    stimuli: &'a [Stimulus],
    expected: Vec<Vec<i64>>,
    /// Inputs of the layers so far.
    inputs: usize,
    /// Steps in which the cores are programmed, side by side.
    steps: u64,
    /// Of each core.
    loads: Vec<Load>,
}

/// What a core does in an inference.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    steps: u64,
    weights: u64,
}

/// What the second pass has found.
pub struct Emitted {
    pub natural: Totals,
    pub sorted: Totals,
    pub optimal: Totals,
    /// Of all cores together: in steps, they work side by side.
    pub end: End,
    /// The End frame of each core, and what the chosen order costs there.
    pub cores: Vec<(End, Totals)>,
    pub expected_outputs: Vec<Vec<i64>>,
}

impl<'a> Emitter<'a> {
    pub fn new(network: &'a Network, options: &'a PlanOptions, format: RecordFormat, stimuli: &'a [Stimulus]) -> Self {
        // With reach `row`, the stored and ELight's order are those of intact cores: they cannot go around faults.
        let intact = options.reach == Reach::Row;
        Self {
            network,
            options,
            format,
            natural: Counters::new(options, intact),
            sorted: Counters::new(options, intact),
            optimal: Counters::new(options, false),
            stimuli,
            expected: vec![Vec::new(); stimuli.len()],
            inputs: 0,
            steps: 0,
            loads: vec![Load::default(); options.condition.cores],
        }
    }

    /// The counters of the optimal order.
    pub fn optimal(&self) -> &Counters {
        &self.optimal
    }

    /// Counts a layer in all orders, and writes the chosen one's frames.
    pub fn layer<W: Write>(
        &mut self,
        layer: usize,
        levels: &LevelMatrix,
        segment: &Segment,
        writers: &mut [ScheduleWriter<W>],
    ) -> io::Result<()> {
        let info = &self.network.layers()[layer];
        let work = LayerWork {
            options: self.options,
            format: self.format,
            levels,
            segment,
            first_stage: segment.stage(layer),
            index: segment.index(layer),
            top: self.options.device.top_level(),
        };
        let coding = work.survey();
        let core_rows = self.options.core.rows;
        let mut stages = vec![0; writers.len()];
        for (core, writer) in writers.iter_mut().enumerate() {
            begin_layer(layer, info, levels, &coding, work.tile_rows(core), writer)?;
        }
        // A few stages at a time: their records are written before the next are made.
        let batch = (BATCH_WEIGHTS / (self.options.all_rows() * levels.cols)).max(1);
        for first in (0..work.stages()).step_by(batch) {
            let some = first..(first + batch).min(work.stages());
            let rows = self.natural.rows().into_par_iter().zip(self.sorted.rows());
            let rows = rows.zip(self.optimal.rows()).enumerate();
            let slots: Vec<Vec<Option<Slot>>> = rows
                .map(|(core_row, ((natural, sorted), optimal))| {
                    work.core_row(core_row, some.clone(), [natural, sorted, optimal], &coding)
                })
                .collect();
            for (core, (writer, done)) in writers.iter_mut().zip(&mut stages).enumerate() {
                let slots = &slots[core * core_rows..][..core_rows];
                let steps = |i: usize| work.stage_steps(some.start + i, core);
                let written = write_tile_rows(*done, levels, &steps, slots, writer)?;
                self.loads[core].steps += written.steps as u64;
                self.loads[core].weights += written.weights as u64;
                *done += written.tile_rows;
            }
        }
        for counters in [&mut self.natural, &mut self.sorted, &mut self.optimal] {
            counters.end_layer();
        }
        self.steps += work.layer_steps() as u64;
        for (expected, stimulus) in self.expected.iter_mut().zip(self.stimuli) {
            expected.extend(stimulus.outputs(info, levels, self.inputs));
        }
        self.inputs += info.inputs();
        Ok(())
    }

    /// All totals.
    pub fn finish(self) -> Emitted {
        let orders = [self.natural, self.sorted, self.optimal].map(Counters::finish);
        let chosen = match self.options.order {
            Order::Natural => 0,
            Order::Sorted => 1,
            Order::Optimal => 2,
        };
        let end = |load: Load, totals: &Totals| End {
            steps: load.steps,
            weights: load.weights,
            first_writes: totals.erased.writes,
            first_events: totals.erased.events,
            writes: totals.costs.per_inference.writes,
            events: totals.costs.per_inference.events,
        };
        let all = Load { steps: self.steps, weights: self.loads.iter().map(|load| load.weights).sum() };
        let end_of_all = end(all, &orders[chosen].0);
        let cores = self.loads.iter().zip(&orders[chosen].1);
        let cores = cores.map(|(load, totals)| (end(*load, totals), totals.clone())).collect();
        let [natural, sorted, optimal] = orders.map(|(all, _)| all);
        Emitted { end: end_of_all, cores, natural, sorted, optimal, expected_outputs: self.expected }
    }
}

/// One core row's records in one stage.
struct Slot {
    output: u32,
    /// Weights multiplied.
    weights: usize,
    records: Records,
}

struct LayerWork<'a> {
    options: &'a PlanOptions,
    format: RecordFormat,
    levels: &'a LevelMatrix,
    segment: &'a Segment,
    first_stage: usize,
    /// Number of the layer within the segment.
    index: usize,
    top: i16,
}

impl LayerWork<'_> {
    fn steps(&self) -> usize {
        self.levels.cols.div_ceil(self.options.core.cols)
    }

    /// The list of levels of each cell, where the order has one.
    fn visits(&self, order: Order) -> Option<&Visits> {
        self.segment.visits.as_ref().filter(|_| order == Order::Optimal)
    }

    /// Tile rows of the cores, side by side.
    fn stages(&self) -> usize {
        match (&self.segment.faulty, &self.segment.arrangement) {
            (_, Arranged::Shared(arrangement)) => arrangement.bundles(self.index).tile_rows(arrangement.wiring),
            (Some(faulty), _) => faulty.arranged.first_stage[self.index + 1] - self.first_stage,
            (None, _) => self.levels.rows.div_ceil(self.options.all_rows()),
        }
    }

    /// Steps of a core in a stage, in the order of the schedule.
    fn stage_steps(&self, stage: usize, core: usize) -> usize {
        match (&self.segment.faulty, &self.segment.arrangement) {
            (_, Arranged::Shared(arrangement)) => arrangement.steps(self.index, stage, core),
            (Some(faulty), _) => faulty.arranged.steps(self.first_stage + stage, core),
            (None, _) => self.visits(self.options.order).map_or(self.steps(), |v| v.steps(self.first_stage + stage)),
        }
    }

    /// Steps of the cores side by side.
    fn layer_steps(&self) -> usize {
        match (&self.segment.faulty, &self.segment.arrangement) {
            (_, Arranged::Shared(arrangement)) => arrangement.layer_steps(self.index),
            (Some(faulty), _) => faulty.arranged.layer_steps(self.index),
            (None, _) => (0..self.stages()).map(|stage| self.stage_steps(stage, 0)).sum(),
        }
    }

    /// First step of a stage since the layer began, on the core of a core row.
    fn first_step(&self, order: Order, stage: usize, core_row: usize) -> u64 {
        let core = core_row / self.options.core.rows;
        // Else every stage takes the same steps.
        let varies = self.options.condition.faults.is_some() || self.visits(order).is_some();
        match order {
            Order::Optimal if varies => (0..stage).map(|before| self.stage_steps(before, core)).sum::<usize>() as u64,
            _ => (stage * self.steps()) as u64,
        }
    }

    /// The core row whose part of the arrangement is played on a core row.
    fn part(&self, core_row: usize) -> usize {
        self.options.condition.turn.map_or(core_row, |turn| turn.part(core_row, self.options.core.rows))
    }

    /// Output row of an order in a slot, if any. Where inputs are shared, all orders have the rows in the same places.
    fn output(&self, order: Order, stage: usize, core_row: usize) -> Option<u32> {
        let row = match (&self.segment.arrangement, order) {
            (Arranged::Shared(arrangement), _) => {
                return arrangement.bundles(self.index).row(arrangement.wiring, stage, core_row);
            }
            (Arranged::Cells(_), Order::Optimal) => self.segment.row(self.first_stage + stage, self.part(core_row))?,
            _ => (stage * self.options.all_rows() + core_row) as u32,
        };
        ((row as usize) < self.levels.rows).then_some(row)
    }

    /// Stages in which a core has something to do.
    fn tile_rows(&self, core: usize) -> usize {
        let rows = || core * self.options.core.rows..(core + 1) * self.options.core.rows;
        let busy = |stage: &usize| rows().any(|row| self.output(self.options.order, *stage, row).is_some());
        (0..self.stages()).filter(busy).count()
    }

    /// The program of an order for one slot, and the output row that it computes.
    fn program(&self, order: Order, tile_row: usize, core_row: usize, program: &mut Program) -> Option<u32> {
        let cells = self.options.core.cols;
        let row = self.output(order, tile_row, core_row)?;
        let levels = self.levels.row(row as usize);
        match (order, &self.segment.arrangement) {
            (Order::Natural, _) if self.options.order != order => program.natural_levels(levels, cells),
            (Order::Natural, _) => program.natural(levels, cells),
            (Order::Sorted, _) if self.options.order != order && self.options.condition.faults.is_none() => {
                program.ascending_levels(levels, cells);
            }
            (Order::Sorted, _) => program.lanes(levels, cells, self.top, |_| true),
            (Order::Optimal, _) if let Some(visits) = &self.segment.visits => {
                let stage = self.first_stage + tile_row;
                let runs = (0..cells).map(|cell| visits.runs(stage, core_row, cell));
                match self.options.reach {
                    Reach::Lane => program.lane_runs(levels, visits.steps(stage), self.top, runs),
                    Reach::Row => program.runs(levels, visits.steps(stage), self.top, runs),
                }
            }
            (Order::Optimal, Arranged::Shared(arrangement)) => {
                program.shared(levels, cells, arrangement.columns(self.index, tile_row, core_row));
            }
            (Order::Optimal, Arranged::Cells(arrangement)) => {
                let (stage, part) = (self.first_stage + tile_row, self.part(core_row));
                match (self.options.reach, &self.segment.faulty) {
                    (Reach::Lane, _) => {
                        let rising = arrangement.rising(stage, part);
                        program.lanes(levels, cells, self.top, |cell| rising[cell]);
                    }
                    (Reach::Row, None) => {
                        let (rising, timeline) = (arrangement.rising(stage, part), &arrangement.timeline);
                        program.chunks(levels, self.steps(), self.top, timeline.chunks(stage, part), rising);
                        if let Some(turn) = self.options.condition.turn {
                            program.turn(levels, self.top, turn.lanes);
                        }
                    }
                    (Reach::Row, Some(faulty)) => {
                        let profile = Profiles::of(levels, 1, levels.len(), self.top);
                        let runs: Vec<(i16, u32)> =
                            profile.runs(0).map(|(level, at)| (level, at.end - at.start)).collect();
                        let served = faulty.arranged.served(&faulty.rows, &runs, (stage, core_row));
                        let steps = self.stage_steps(tile_row, core_row / self.options.core.rows);
                        program.served(levels, (steps, cells), self.top, served);
                    }
                }
            }
        }
        Some(row)
    }

    /// Walks the program of a core row for its records.
    fn walk(&self, core_row: usize, program: &Program, memory: &mut Memory, sink: &mut impl Sink) {
        let cols = self.levels.cols;
        if self.options.fanout > 1 {
            walk_shared(program, core_row.is_multiple_of(self.options.fanout), cols, self.format, sink);
        } else {
            walk(program, cols, self.format, memory, sink);
        }
    }

    /// Chooses the coding from a few slots.
    fn survey(&self) -> Coding {
        let mut survey = Survey::new(top_level(self.format.bits));
        let (mut program, mut memory) = (Program::default(), Memory::default());
        // Around faults, and in a plan that is turned, the first core rows may have nothing to do.
        let all = self.segment.faulty.is_some() || self.options.condition.turn.is_some();
        let rows = if all { self.options.all_rows() } else { self.options.all_rows().min(SURVEYED_ROWS) };
        let mut surveyed = 0;
        for core_row in 0..rows {
            if surveyed < SURVEYED_ROWS && self.program(self.options.order, 0, core_row, &mut program).is_some() {
                surveyed += 1;
                self.walk(core_row, &program, &mut memory, &mut survey);
            }
        }
        let coding = survey.coding();
        // Shared inputs have no Rice codes.
        let index = if self.options.fanout > 1 { vec![0; coding.index.len()] } else { coding.index };
        Coding { index, ..coding }
    }

    /// Counts some of a core row's slots in the natural, sorted and optimal order, and encodes those of the chosen one.
    fn core_row(
        &self,
        core_row: usize,
        tile_rows: Range<usize>,
        [natural, sorted, optimal]: [&mut RowTally; 3],
        coding: &Coding,
    ) -> Vec<Option<Slot>> {
        let (mut program, mut memory) = (Program::default(), Memory::default());
        let mut slots = Vec::with_capacity(tile_rows.len());
        for tile_row in tile_rows {
            let mut written = None;
            let tallies =
                [(Order::Natural, &mut *natural), (Order::Sorted, &mut *sorted), (Order::Optimal, &mut *optimal)];
            for (order, tally) in tallies {
                let Some(output) = self.program(order, tile_row, core_row, &mut program) else { continue };
                tally.slot(&program, self.first_step(order, tile_row, core_row));
                if order == self.options.order {
                    let mut records = Records::default();
                    let mut encoder = Encoder::new(coding, self.format.bits, &mut records);
                    self.walk(core_row, &program, &mut memory, &mut encoder);
                    let weights = match (&self.options.condition.faults, self.visits(order)) {
                        (None, None) => self.levels.cols,
                        _ => program.level.iter().filter(|level| **level != IDLE).count(),
                    };
                    written = Some(Slot { output, weights, records });
                }
            }
            slots.push(written);
        }
        slots
    }
}

fn begin_layer<W: Write>(
    index: usize,
    info: &LayerInfo,
    levels: &LevelMatrix,
    coding: &Coding,
    tile_rows: usize,
    writer: &mut ScheduleWriter<W>,
) -> io::Result<()> {
    let scale = match levels.scales {
        Scales::Layer(scale) => Some(scale),
        Scales::Rows(_) => None,
    };
    let spec = LayerSpec {
        index: index as u32,
        name: &info.name,
        rows: info.rows as u32,
        cols: info.cols as u32,
        groups: info.groups as u32,
        tile_rows: tile_rows as u32,
        scale,
    };
    writer.layer(&spec, coding)
}

/// What was written of some tile rows.
struct Written {
    tile_rows: usize,
    steps: usize,
    weights: usize,
}

/// Writes those tile rows of a core in which it has something to do; `slots[core_row]` has them all, and the first written one is number `first`.
fn write_tile_rows<W: Write>(
    first: usize,
    levels: &LevelMatrix,
    steps: &dyn Fn(usize) -> usize,
    slots: &[Vec<Option<Slot>>],
    writer: &mut ScheduleWriter<W>,
) -> io::Result<Written> {
    let own_scale = |output: u32| match &levels.scales {
        Scales::Layer(_) => None,
        Scales::Rows(scales) => scales.get(output as usize).copied(),
    };
    let mut written = Written { tile_rows: 0, steps: 0, weights: 0 };
    for i in 0..slots.first().map_or(0, Vec::len) {
        let row_slots: Vec<Option<RowSlot<'_>>> = slots
            .iter()
            .map(|core_row| {
                let slot = core_row[i].as_ref()?;
                Some(RowSlot { output: slot.output, scale: own_scale(slot.output), records: &slot.records })
            })
            .collect();
        if row_slots.iter().any(Option::is_some) {
            writer.tile_row((first + written.tile_rows) as u32, steps(i) as u32, &row_slots)?;
            written.tile_rows += 1;
            written.steps += steps(i);
            written.weights += slots.iter().filter_map(|row| row[i].as_ref()).map(|slot| slot.weights).sum::<usize>();
        }
    }
    Ok(written)
}
