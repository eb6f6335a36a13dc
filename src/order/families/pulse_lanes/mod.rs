//! Reach `lane` on devices that pay by the pulse: rows in their stored places, every cell's levels in the cheapest order (docs/trade.md,
//! theorem 14).

mod lane_runs;

use self::lane_runs::LaneRuns;
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::cost::objective::Payment;
use crate::order::cost::pulse_cost::PulseCost;
use crate::order::families::family::{Arranged, Bound, Family, OrderError, Problem, memory_of_sweeps};
use crate::order::families::lanes::ranges::{LaneBound, LaneRanges};
use crate::order::families::level_runs::RunSlots;
use crate::order::slots::reorder::reorder;

/// Plans in which every weight keeps its lane, for the least energy.
pub struct PulseLanes<'a> {
    problem: &'a Problem,
    pulse_cost: PulseCost,
    /// Parts of the pulse_cost in a pJ.
    parts: f64,
    layers: Vec<LaneRuns>,
    /// What no order of the layers so far costs less than, in parts of the pulse_cost.
    least: i64,
    writes: LaneBound,
}

impl<'a> PulseLanes<'a> {
    /// For an objective that pays by the pulse; none for another.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        let Payment::Pulses { pulse_cost, parts } = problem.payment() else { return None };
        let writes = LaneBound::new(problem.wiring.core_rows, problem.wiring.cells);
        Some(Self { problem, pulse_cost, parts, layers: Vec::new(), least: 0, writes })
    }
}

impl Family for PulseLanes<'_> {
    fn bytes(&self, rows: usize, cols: usize) -> usize {
        let wiring = self.problem.wiring;
        let levels = 2 * (wiring.top as usize + 1);
        memory_of_sweeps(wiring, rows) + LaneRuns::bytes(cols.min(wiring.cells * levels), wiring.cells) * rows
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        let (rows, cols, wiring) = (levels.rows, levels.cols, self.problem.wiring);
        self.writes.add(&LaneRanges::of(&levels.levels, rows, cols, wiring.cells));
        self.layers.push(LaneRuns::of(&levels.levels, rows, cols, wiring.cells, wiring.top));
    }

    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        observer.begin("ordering", 0);
        let (layers, wiring) = (std::mem::take(&mut self.layers), self.problem.wiring);
        let mut runs = LaneRuns::level_runs(&layers, wiring.core_rows, wiring.cells);
        let stop = StopToken::new(observer);
        self.least += reorder(&mut runs, self.pulse_cost, boundary, &stop).least;
        if stop.stopped() {
            return Err(OrderError::Interrupted);
        }
        let slots = RunSlots::new(runs, layers.iter().map(LaneRuns::rows), self.problem);
        Ok(Arranged { slots: Box::new(slots), forced: vec![None; layers.len()] })
    }

    fn bound(&self) -> Bound {
        Bound { writes: self.writes.writes(), objective: self.least as f64 / self.parts }
    }
}
