//! The second pass over the layers: programs of all three orders counted, those of the chosen one encoded.

use std::io::{self, Write};
use std::ops::Range;

use firmware_model::pcm::top_level;
use firmware_model::wire::End;
use rayon::prelude::*;

use super::cores::Counters;
use super::options::PlanOptions;
use super::segment::Segment;
use crate::geometry::Reach;
use crate::level::{LevelMatrix, Scales};
use crate::observer::StopToken;
use crate::order::Order;
use crate::order::cost::tally::{RowTally, Totals};
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};
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
    /// Of the natural, the sorted and the optimal order.
    counters: [Counters; 3],
    stimuli: &'a [Stimulus],
    expected: Vec<Vec<i64>>,
    /// Inputs of the layers so far.
    inputs: usize,
    /// Steps in which the cores are programmed, side by side.
    steps: u64,
    /// The same of the natural order.
    natural_steps: u64,
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
    /// Of the natural, the sorted and the optimal order.
    pub orders: [Totals; 3],
    /// Steps of the natural order.
    pub natural_steps: u64,
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
            counters: [intact, intact, false].map(|intact| Counters::new(options, intact)),
            stimuli,
            expected: vec![Vec::new(); stimuli.len()],
            inputs: 0,
            steps: 0,
            natural_steps: 0,
            loads: vec![Load::default(); options.condition.cores],
        }
    }

    /// The counters of the optimal order.
    pub fn optimal(&self) -> &Counters {
        &self.counters[Order::Optimal as usize]
    }

    /// Counts a layer in all orders, and writes the chosen one's frames; some of them, after a stop.
    pub fn layer<W: Write>(
        &mut self,
        layer: usize,
        levels: &LevelMatrix,
        segment: &Segment,
        writers: &mut [ScheduleWriter<W>],
        stop: &StopToken<'_>,
    ) -> io::Result<()> {
        let (info, cores) = (&self.network.layers()[layer], writers.len());
        let order = |order| OrderSlots::new(segment.slots(order), segment.index(layer), cores);
        let work = LayerWork {
            options: self.options,
            format: self.format,
            levels,
            orders: [Order::Natural, Order::Sorted, Order::Optimal].map(order),
        };
        let coding = work.survey();
        let core_rows = self.options.core.rows;
        let mut stages = vec![0; cores];
        for (core, writer) in writers.iter_mut().enumerate() {
            begin_layer(layer, info, levels, &coding, work.tile_rows(core), writer)?;
        }
        // A few stages at a time: their records are written before the next are made.
        let batch = (BATCH_WEIGHTS / (self.options.all_rows() * levels.cols)).max(1);
        for first in (0..work.stages()).step_by(batch) {
            if !stop.go_on() {
                return Ok(());
            }
            let some = first..(first + batch).min(work.stages());
            let [natural, sorted, optimal] = self.counters.each_mut().map(Counters::rows);
            let rows = natural.into_par_iter().zip(sorted).zip(optimal).enumerate();
            let slots: Vec<Vec<Option<WrittenSlot>>> = rows
                .map(|(core_row, ((natural, sorted), optimal))| {
                    work.core_row(core_row, some.clone(), [natural, sorted, optimal], &coding)
                })
                .collect();
            for (core, (writer, done)) in writers.iter_mut().zip(&mut stages).enumerate() {
                let slots = &slots[core * core_rows..][..core_rows];
                let steps = |i: usize| work.steps(some.start + i, core);
                let written = write_tile_rows(*done, levels, &steps, slots, writer)?;
                self.loads[core].steps += written.steps as u64;
                self.loads[core].weights += written.weights as u64;
                *done += written.tile_rows;
            }
        }
        self.counters.iter_mut().for_each(Counters::end_layer);
        self.steps += work.written().steps(cores);
        self.natural_steps += work.orders[Order::Natural as usize].steps(cores);
        for (expected, stimulus) in self.expected.iter_mut().zip(self.stimuli) {
            expected.extend(stimulus.outputs(info, levels, self.inputs));
        }
        self.inputs += info.inputs();
        Ok(())
    }

    /// All totals.
    pub fn finish(self) -> Emitted {
        let orders = self.counters.map(Counters::finish);
        let chosen = self.options.order as usize;
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
        Emitted {
            end: end_of_all,
            cores,
            orders: orders.map(|(all, _)| all),
            natural_steps: self.natural_steps,
            expected_outputs: self.expected,
        }
    }
}

/// One core row's records in one stage.
struct WrittenSlot {
    output: u32,
    /// Weights multiplied.
    weights: usize,
    records: Records,
}

/// The slots of one order in a layer, and when they begin.
struct OrderSlots<'a> {
    slots: &'a dyn Slots,
    /// Number of the layer among those that were arranged together.
    layer: usize,
    /// Steps of each core before each of its stages.
    first_step: Vec<Vec<u64>>,
}

impl<'a> OrderSlots<'a> {
    fn new(slots: &'a dyn Slots, layer: usize, cores: usize) -> Self {
        let of_core = |core| {
            let steps = (0..slots.stages(layer)).map(move |stage| slots.steps(layer, stage, core) as u64);
            let first = steps.scan(0, |end, steps| Some(std::mem::replace(end, *end + steps)));
            first.collect()
        };
        Self { slots, layer, first_step: (0..cores).map(of_core).collect() }
    }

    fn stages(&self) -> usize {
        self.slots.stages(self.layer)
    }

    fn steps(&self, cores: usize) -> u64 {
        self.slots.layer_steps(self.layer, cores) as u64
    }

    /// Output row of a slot, if it has one.
    fn row(&self, stage: usize, core_row: usize) -> Option<u32> {
        if stage >= self.stages() {
            return None;
        }
        self.slots.row(SlotAt { layer: self.layer, stage, core_row })
    }
}

/// A layer in all orders.
struct LayerWork<'a> {
    options: &'a PlanOptions,
    format: RecordFormat,
    levels: &'a LevelMatrix,
    /// The natural, the sorted and the optimal order.
    orders: [OrderSlots<'a>; 3],
}

impl LayerWork<'_> {
    /// The order that is written.
    fn written(&self) -> &OrderSlots<'_> {
        &self.orders[self.options.order as usize]
    }

    /// Stages of the order that has most.
    fn stages(&self) -> usize {
        self.orders.iter().map(OrderSlots::stages).max().unwrap_or(0)
    }

    /// Steps of a core in a written stage.
    fn steps(&self, stage: usize, core: usize) -> usize {
        let written = self.written();
        written.slots.steps(written.layer, stage, core)
    }

    /// Stages in which a core has something to do.
    fn tile_rows(&self, core: usize) -> usize {
        let rows = || core * self.options.core.rows..(core + 1) * self.options.core.rows;
        let busy = |stage: &usize| rows().any(|row| self.written().row(*stage, row).is_some());
        (0..self.written().stages()).filter(busy).count()
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
        let OrderSlots { slots, layer, .. } = *self.written();
        let rows = if slots.first_rows_rest() { self.options.all_rows() } else { SURVEYED_ROWS };
        let rows = (0..rows.min(self.options.all_rows())).map(|core_row| SlotAt { layer, stage: 0, core_row });
        let busy = rows.filter_map(|at| Some((at, slots.row(at)?)));
        for (at, row) in busy.take(SURVEYED_ROWS) {
            slots.fill(at, self.levels.row(row as usize), &mut program);
            self.walk(at.core_row, &program, &mut memory, &mut survey);
        }
        let coding = survey.coding();
        // Shared inputs have no Rice codes.
        let index = if self.options.fanout > 1 { vec![0; coding.index.len()] } else { coding.index };
        Coding { index, ..coding }
    }

    /// Counts some of a core row's slots in every order, and encodes those of the one that is written.
    fn core_row(
        &self,
        core_row: usize,
        stages: Range<usize>,
        mut tallies: [&mut RowTally; 3],
        coding: &Coding,
    ) -> Vec<Option<WrittenSlot>> {
        let (mut program, mut memory) = (Program::default(), Memory::default());
        let core = core_row / self.options.core.rows;
        let mut all = Vec::with_capacity(stages.len());
        for stage in stages {
            let mut written = None;
            for (number, (order, tally)) in self.orders.iter().zip(&mut tallies).enumerate() {
                let Some(output) = order.row(stage, core_row) else { continue };
                let (at, levels) = (SlotAt { layer: order.layer, stage, core_row }, self.levels.row(output as usize));
                let is_written = number == self.options.order as usize;
                if is_written {
                    order.slots.fill(at, levels, &mut program);
                } else {
                    order.slots.fill_levels(at, levels, &mut program);
                }
                tally.slot(&program, order.first_step[core][stage]);
                if is_written {
                    let mut records = Records::default();
                    let mut encoder = Encoder::new(coding, self.format.bits, &mut records);
                    self.walk(core_row, &program, &mut memory, &mut encoder);
                    written = Some(WrittenSlot { output, weights: program.weights(), records });
                }
            }
            all.push(written);
        }
        all
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
    slots: &[Vec<Option<WrittenSlot>>],
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
