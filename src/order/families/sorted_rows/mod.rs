//! Reach `row`, an input for every weight cell: sorted rows cut into a chunk for each cell (docs/ordering.md, section 5), with more steps where they are
//! granted and in the order that the objective asks for (docs/trade.md).

pub mod fixed;
mod hold_level;
mod latency;
mod objective;
pub mod quantile;
pub mod step_budget;
mod wear_levelling;

use self::objective::RowObjective;
use self::step_budget::{Relaxed, relax};
use crate::geometry::Reach;
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::bound::rows::RowBound;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::core_row_assignment;
use crate::order::families::family::{Arranged, Bound, Family, OrderError, Problem, memory_of_sweeps};
use crate::order::families::level_runs::RunSlots;
use crate::order::families::swept::SweptSlots;
use crate::order::rows::profile::Profiles;
use crate::order::slots::Slots;
use crate::order::slots::level_runs::LevelRuns;

/// Plans in which a weight may sit in any cell of its row.
pub struct SortedRows<'a> {
    problem: &'a Problem,
    layers: Vec<Profiles>,
    /// Writes that the rows of each of these layers force; with extra steps known only when they are shared out.
    forced: Vec<Option<u64>>,
    bound: RowBound,
    objective: RowObjective,
}

impl<'a> SortedRows<'a> {
    /// For weights that may leave their lane; none for others.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        let wiring = problem.wiring;
        (problem.reach == Reach::Row).then(|| Self {
            problem,
            layers: Vec::new(),
            forced: Vec::new(),
            bound: RowBound::new(wiring.core_rows, wiring.cells, wiring.top),
            objective: RowObjective::new(problem),
        })
    }

    /// Bounds a layer whose steps are known.
    fn bound_layer(&mut self, layer: &Profiles) -> Option<u64> {
        self.objective.add(self.problem, layer);
        Some(self.bound.add(layer))
    }
}

impl Family for SortedRows<'_> {
    fn bytes(&self, rows: usize, _: usize) -> usize {
        let wiring = self.problem.wiring;
        match (self.problem.extra_steps, &self.objective) {
            // Steps are shared out over all layers.
            (Some(_), _) => 0,
            (None, RowObjective::Writes(_)) => memory_of_sweeps(wiring, rows),
            // Runs of 12 bytes, about one for each cell and one for each level; in segments of equal steps some more.
            (None, _) => {
                memory_of_sweeps(wiring, rows) + rows * (2 * wiring.cells + 2 * (wiring.top as usize + 1)) * 12
            }
        }
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        let layer = Profiles::of(&levels.levels, levels.rows, levels.cols, self.problem.wiring.top);
        let forced = if self.problem.extra_steps.is_some() { None } else { self.bound_layer(&layer) };
        self.forced.push(forced);
        self.layers.push(layer);
    }

    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        observer.begin("ordering", 0);
        let (problem, mut layers) = (self.problem, std::mem::take(&mut self.layers));
        let (core_rows, cells) = (problem.wiring.core_rows, problem.wiring.cells);
        let mut forced = std::mem::take(&mut self.forced);
        let rows: Vec<usize> = layers.iter().map(Profiles::rows).collect();
        let stop = StopToken::new(observer);
        if let Some(extra) = problem.extra_steps {
            let relaxed = relax(&layers, core_rows, cells, extra, &stop);
            if !stop.go_on() {
                return Err(OrderError::Interrupted);
            }
            match relaxed? {
                Relaxed::Fixed(fixed) => {
                    let slots = Box::new(RunSlots::new(fixed.level_runs, rows.into_iter(), problem));
                    return Ok(Arranged { slots, forced: vec![Some(0); layers.len()] });
                }
                Relaxed::Layers(relaxed) => layers = relaxed,
            }
            forced = layers.iter().map(|layer| self.bound_layer(layer)).collect();
        }
        let mut arrangement =
            quantile::arrange(&layers, core_rows, cells, boundary, problem.effort, problem.seed, &stop);
        if !stop.go_on() {
            return Err(OrderError::Interrupted);
        }
        if let (Some(origin), true) = (&problem.origin, boundary.begins()) {
            core_row_assignment::minimise_first_load(&mut arrangement, boundary, origin, problem.rows_of_a_core());
        }
        let followed = self.objective.follow(problem, &layers, &arrangement, boundary, &stop);
        if !stop.go_on() {
            return Err(OrderError::Interrupted);
        }
        // Stages of relaxed layers differ in their steps.
        let runs = followed.or_else(|| problem.extra_steps.map(|_| LevelRuns::of(&arrangement, &layers)));
        let slots: Box<dyn Slots> = match runs {
            Some(runs) => Box::new(RunSlots::new(runs, rows.into_iter(), problem)),
            None => {
                let steps = layers.iter().map(|layer| layer.steps(cells)).collect();
                Box::new(SweptSlots::new(arrangement, rows.into_iter(), steps, problem))
            }
        };
        Ok(Arranged { slots, forced })
    }

    fn bound(&self) -> Bound {
        let writes = self.bound.writes();
        Bound { writes, objective: self.objective.lower_bound(self.problem, writes) }
    }
}
