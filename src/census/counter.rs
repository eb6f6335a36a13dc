//! A core that counts what a schedule asks of it.

use std::convert::Infallible;

use firmware_model::pcm::{Counts, Move, Slowest, WriteCost};
use firmware_model::photonic_core::{Core, Output};
use firmware_model::wire;

use crate::system::{CellsAtOnce, CoreLoad};

/// Level steps, changes and resets of one PCM cell.
#[derive(Clone, Copy, Debug, Default)]
struct Wear {
    writes: u32,
    events: u32,
    resets: u32,
}

/// The slowest changes of some cells that are written side by side, and whether there are any.
type Group = Slowest;

/// What a decoder asks of a core, layer by layer.
#[derive(Debug)]
pub struct Counter {
    rows: usize,
    cols: usize,
    cost: WriteCost,
    at_once: CellsAtOnce,
    levels: Vec<i16>,
    lit: Vec<bool>,
    lit_count: u64,
    /// Rows that share an input.
    fanout: usize,
    assigned: Vec<bool>,
    /// The step at hand: groups of cells that are written side by side, and those of them in use.
    groups: Vec<Group>,
    used: Vec<usize>,
    /// The layer at hand.
    counts: Counts,
    wear: Vec<[Wear; 2]>,
    worn: Vec<usize>,
    present: CoreLoad,
    /// All layers: their loads, and the wear of every cell.
    layers: Vec<CoreLoad>,
    total: Vec<[Wear; 2]>,
}

impl Counter {
    /// An erased core for a schedule with this header.
    #[must_use]
    pub fn new(header: &wire::Header<'_>, cost: WriteCost, at_once: CellsAtOnce) -> Self {
        let (rows, cols) = (usize::from(header.rows), usize::from(header.cols));
        let groups = match at_once {
            CellsAtOnce::Core | CellsAtOnce::One => 1,
            CellsAtOnce::Row => rows,
            CellsAtOnce::Column => cols,
        };
        let cells = rows * cols;
        Self {
            rows,
            cols,
            cost,
            at_once,
            levels: vec![0; cells],
            lit: vec![false; cells],
            lit_count: 0,
            fanout: usize::from(header.fanout.max(1)),
            assigned: vec![false; rows],
            groups: vec![Slowest::default(); groups],
            used: Vec::new(),
            counts: Counts::default(),
            wear: vec![[Wear::default(); 2]; cells],
            worn: Vec::new(),
            present: CoreLoad::default(),
            layers: Vec::new(),
            total: vec![[Wear::default(); 2]; cells],
        }
    }

    /// Sets the levels of the cells, row by row, as far as they are given.
    pub fn hold(&mut self, levels: &[i16]) {
        self.levels.iter_mut().zip(levels).for_each(|(level, held)| *level = *held);
    }

    /// Forgets what was counted; the cells keep their levels, as they do from one inference to the next.
    pub fn begin(&mut self) {
        self.end_layer();
        self.layers.clear();
        self.total.fill([Wear::default(); 2]);
    }

    /// Wear of the PCM cell that the whole schedule wears most: level steps, pulses or resets.
    #[must_use]
    pub fn worst_wear(&self) -> f64 {
        let both = self.total.iter().zip(&self.wear).flat_map(|(a, b)| [0, 1].map(|i| (a[i], b[i])));
        both.map(|(a, b)| {
            let sum = |of: fn(&Wear) -> u32| u64::from(of(&a)) + u64::from(of(&b));
            self.cost.wear(sum(|w| w.writes), sum(|w| w.events), sum(|w| w.resets)) as f64
        })
        .fold(0.0, f64::max)
    }

    /// What each layer asks for; without the bytes of the schedule.
    #[must_use]
    pub fn into_layers(mut self) -> Vec<CoreLoad> {
        self.end_layer();
        self.layers
    }

    /// Books the layer at hand, if one has begun.
    fn end_layer(&mut self) {
        let mut worst = 0.0f64;
        for at in self.worn.drain(..) {
            let here = std::mem::take(&mut self.wear[at]);
            for (total, here) in self.total[at].iter_mut().zip(here) {
                let wear = self.cost.wear(here.writes.into(), here.events.into(), here.resets.into()) as f64;
                worst = worst.max(wear);
                total.writes += here.writes;
                total.events += here.events;
                total.resets += here.resets;
            }
        }
        let counts = std::mem::take(&mut self.counts);
        let mut layer = std::mem::take(&mut self.present);
        if let Some(last) = self.layers.last_mut() {
            layer.events = counts.events();
            layer.write_pj = self.cost.energy_pj(&counts);
            if self.at_once == CellsAtOnce::One {
                layer.write_us = self.cost.serial_time_us(&counts);
            }
            layer.worst_wear = worst;
            *last = layer;
        }
    }

    fn light(&mut self, at: usize, lit: bool) {
        let was = std::mem::replace(&mut self.lit[at], lit);
        self.lit_count = self.lit_count + u64::from(lit) - u64::from(was);
    }
}

impl Core for Counter {
    type Fault = Infallible;

    fn begin_layer(&mut self, _: &wire::Layer<'_>) -> Result<(), Infallible> {
        self.end_layer();
        self.layers.push(CoreLoad::default());
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Infallible> {
        let row = usize::from(row);
        self.assigned[row] = output.is_some();
        for at in row * self.cols..(row + 1) * self.cols {
            self.light(at, false);
        }
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Infallible> {
        let (row, col) = (usize::from(row), usize::from(col));
        let at = row * self.cols + col;
        let from = std::mem::replace(&mut self.levels[at], level);
        if from == level {
            return Ok(());
        }
        let m = Move::between(from, level);
        self.counts.add(m);
        if self.wear[at].iter().all(|cell| cell.events == 0) {
            self.worn.push(at);
        }
        for (i, cell) in self.wear[at].iter_mut().enumerate() {
            cell.writes += u32::from(m.up[i] + m.down[i]);
            cell.events += u32::from(m.changes(i));
            cell.resets += u32::from(m.resets(i));
        }
        let group = match self.at_once {
            CellsAtOnce::Core | CellsAtOnce::One => 0,
            CellsAtOnce::Row => row,
            CellsAtOnce::Column => col,
        };
        if self.groups[group] == Slowest::default() {
            self.used.push(group);
        }
        self.groups[group] = self.groups[group].with(self.cost.slowest(m));
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Infallible> {
        // Rows that share their inputs are told once, with the first that is used.
        let first = usize::from(row) / self.fanout * self.fanout;
        for row in first..(first + self.fanout).min(self.rows) {
            if self.assigned[row] {
                self.light(row * self.cols + usize::from(col), input.is_some());
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Infallible> {
        let mut used = std::mem::take(&mut self.used);
        used.sort_unstable();
        used.dedup();
        for group in used.drain(..) {
            self.present.write_us += self.cost.time_us(std::mem::take(&mut self.groups[group]));
        }
        self.used = used;
        self.present.steps += 1;
        self.present.weights += self.lit_count;
        Ok(())
    }
}

#[cfg(test)]
#[path = "counter_tests.rs"]
mod tests;
