//! Reach `row` around faulty cells, an input for every weight cell (docs/cores.md).

mod arrange;

use self::arrange::{FaultyArrangement, FaultyRows, arrange};
use crate::geometry::{EMPTY, Reach};
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::families::family::{Arranged, Bound, Family, OrderError, Problem, memory_of_sweeps};
use crate::order::families::sorted_rows::quantile;
use crate::order::rows::profile::Profiles;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// Steps more than needed that are tried, a tile row each, where faults would cost writes otherwise.
const MORE_STEPS: usize = 4;

/// Plans in which weights get out of the way of faulty cells.
pub struct AroundFaults<'a> {
    problem: &'a Problem,
    rows: FaultyRows,
    layers: Vec<Profiles>,
    /// What the rows of the layers arranged so far force, and what they take on intact cores.
    forced: u64,
    intact: u64,
}

impl<'a> AroundFaults<'a> {
    /// For damaged cores and weights that may leave their lane; none for others.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        let damage = problem.damage.as_ref().filter(|_| problem.reach == Reach::Row)?;
        let rows = FaultyRows::new(problem.rows_of_a_core(), problem.wiring.cells, &damage.ranges, &damage.weak);
        Some(Self { problem, rows, layers: Vec::new(), forced: 0, intact: 0 })
    }
}

impl Family for AroundFaults<'_> {
    fn bytes(&self, rows: usize, _: usize) -> usize {
        memory_of_sweeps(self.problem.wiring, rows)
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        self.layers.push(Profiles::of(&levels.levels, levels.rows, levels.cols, self.problem.wiring.top));
    }

    /// With the fewest steps, or with a few more where that brings the writes down to those of an intact core.
    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        observer.begin("ordering", 0);
        let (problem, layers) = (self.problem, std::mem::take(&mut self.layers));
        let (core_rows, cells) = (problem.wiring.core_rows, problem.wiring.cells);
        let stop = StopToken::new(observer);
        let intact = quantile::arrange(&layers, core_rows, cells, boundary, problem.effort, problem.seed, &stop).writes;
        let with = |more| {
            let found = arrange(&layers, &self.rows, boundary, problem.seed, more, &stop);
            if !stop.go_on() {
                return Err(OrderError::Interrupted);
            }
            found.map_err(|layer| OrderError::NoCoreRow { layer })
        };
        let mut best = with(0)?;
        for more in 1..=MORE_STEPS {
            if best.arrangement.writes <= intact {
                break;
            }
            let found = with(more)?;
            if found.arrangement.writes < best.arrangement.writes {
                best = found;
            }
        }
        self.intact += intact;
        self.forced += best.forced.iter().sum::<u64>();
        let forced = best.forced.iter().map(|writes| Some(*writes)).collect();
        let slots = FaultySlots { arranged: best, rows: self.rows.clone(), top: problem.wiring.top };
        Ok(Arranged { slots: Box::new(slots), forced })
    }

    fn bound(&self) -> Bound {
        let writes = self.forced.next_multiple_of(2);
        Bound { writes, objective: self.problem.payment().of_writes(writes) }
    }

    fn intact_writes(&self) -> Option<u64> {
        Some(self.intact)
    }
}

/// Slots of core rows with shares for the cells that they have.
struct FaultySlots {
    arranged: FaultyArrangement,
    rows: FaultyRows,
    top: i16,
}

impl FaultySlots {
    fn stage(&self, layer: usize, stage: usize) -> usize {
        self.arranged.first_stage[layer] + stage
    }
}

impl Slots for FaultySlots {
    fn stages(&self, layer: usize) -> usize {
        self.arranged.first_stage[layer + 1] - self.arranged.first_stage[layer]
    }

    fn steps(&self, layer: usize, stage: usize, core: usize) -> usize {
        self.arranged.steps(self.stage(layer, stage), core)
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        let row = self.arranged.arrangement.timeline.row(self.stage(at.layer, at.stage), at.core_row);
        (row != EMPTY).then_some(row)
    }

    fn first_rows_rest(&self) -> bool {
        true
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        let stage = self.stage(at.layer, at.stage);
        let profile = Profiles::of(levels, 1, levels.len(), self.top);
        let runs: Vec<(i16, u32)> = profile.runs(0).map(|(level, at)| (level, at.end - at.start)).collect();
        let served = self.arranged.served(&self.rows, &runs, (stage, at.core_row));
        let steps = self.arranged.steps(stage, self.rows.core_of(at.core_row));
        program.served(levels, (steps, self.rows.cells()), self.top, served);
    }
}
