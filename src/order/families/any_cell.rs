//! Reach `core`: outputs visit the core rows that hold what they need, and cells keep their levels for ever or for long (docs/trade.md, section 10).

use crate::geometry::Reach;
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::chain::boundary::{Boundary, CoreBoundary};
use crate::order::extra_steps::ExtraSteps;
use crate::order::families::family::{Arranged, Bound, Family, OrderError, Problem};
use crate::order::families::level_runs::RunSlots;
use crate::order::families::reach_core::allot::Load;
use crate::order::families::reach_core::demand::{Demand, Levels};
use crate::order::families::reach_core::plan::FixedPlan;
use crate::order::families::reach_core::slots::CoreSlots;
use crate::order::families::reach_core::{self, Work, bound, fixed, phases};
use crate::order::families::sorted_rows::quantile;
use crate::order::families::sorted_rows::step_budget::{Relaxed, relax};
use crate::order::rows::profile::Profiles;
use crate::order::slots::Slots;
use crate::order::slots::level_runs::LevelRuns;

/// Plans in which a weight may sit in any cell of the core.
pub struct AnyCell<'a> {
    problem: &'a Problem,
    layers: Vec<Profiles>,
    /// Writes that the steps of the plan force.
    bound: u64,
}

/// A plan, and what it takes.
struct Proposal {
    slots: Box<dyn Slots>,
    writes: u64,
}

impl<'a> AnyCell<'a> {
    /// For weights that may leave their core row; none for others.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        (problem.reach == Reach::Core).then(|| Self { problem, layers: Vec::new(), bound: 0 })
    }

    /// The plan in which weights keep their core row, with as many steps: a plan of this family, too.
    fn by_rows(&self, layers: &[Profiles], extra: ExtraSteps, stop: &StopToken<'_>) -> Result<Proposal, OrderError> {
        let (problem, wiring) = (self.problem, self.problem.wiring);
        let rows = layers.iter().map(Profiles::rows);
        let runs = match relax(layers, wiring.core_rows, wiring.cells, extra, stop)? {
            Relaxed::Fixed(fixed) => fixed.level_runs,
            Relaxed::Layers(relaxed) => {
                let arrangement = quantile::arrange(
                    &relaxed,
                    wiring.core_rows,
                    wiring.cells,
                    &Boundary::Cyclic,
                    problem.effort,
                    problem.seed,
                    stop,
                );
                LevelRuns::of(&arrangement, &relaxed)
            }
        };
        let writes = runs.writes();
        Ok(Proposal { slots: Box::new(RunSlots::new(runs, rows, problem)), writes })
    }

    /// The best plan within so many percent more than the fewest steps.
    fn within(
        &self,
        layers: &[Profiles],
        core: &reach_core::Problem,
        fixed: Option<FixedPlan>,
        percent: f64,
        stop: &StopToken<'_>,
    ) -> Result<Proposal, OrderError> {
        let wiring = self.problem.wiring;
        let steps = |layer: &Profiles| layer.rows().div_ceil(wiring.core_rows) * layer.cols().div_ceil(wiring.cells);
        let natural: u64 = layers.iter().map(|layer| steps(layer) as u64).sum();
        let budget = natural + (natural as f64 * percent / 100.0).floor() as u64;
        let slots = |covers: &[_], cells| -> Box<dyn Slots> {
            Box::new(CoreSlots::new(&core.layers, covers, cells, core.levels.clone(), wiring.top))
        };
        let by_rows = self.by_rows(layers, ExtraSteps::Percent(percent), stop)?;
        let Some(fixed) = fixed else { return Ok(by_rows) };
        if fixed.steps() <= budget {
            return Ok(Proposal { slots: slots(&fixed.covers, fixed.cells), writes: 0 });
        }
        let work = Work::of(self.problem.effort, weights(layers)).joint;
        let phased = phases::few_writes(core, &fixed, budget, self.problem.seed, work, &|_| stop.go_on());
        Ok(match phased {
            Some(plan) if plan.writes < by_rows.writes => {
                Proposal { slots: slots(&plan.covers, plan.cells), writes: plan.writes }
            }
            _ => by_rows,
        })
    }

    /// Writes that so many steps in each layer force.
    fn forced(&self, core: &reach_core::Problem, slots: &dyn Slots) -> u64 {
        let (rows, cells) = (core.core_rows, core.columns);
        let load = |(index, layer): (usize, &Demand)| {
            (Load::of(layer, &core.levels, rows, cells), slots.layer_steps(index, 1) as u32)
        };
        let loads: Vec<(Load, u32)> = core.layers.iter().enumerate().map(load).collect();
        let signed: Vec<i16> = (0..core.levels.len()).map(|index| core.levels.signed(index)).collect();
        bound::writes(&loads, &signed, rows * cells)
    }
}

impl Family for AnyCell<'_> {
    fn bytes(&self, _: usize, _: usize) -> usize {
        // Cells are chosen for all layers together.
        0
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        self.layers.push(Profiles::of(&levels.levels, levels.rows, levels.cols, self.problem.wiring.top));
    }

    fn arrange(&mut self, _: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        let (problem, layers) = (self.problem, std::mem::take(&mut self.layers));
        let core = of_profiles(&layers, problem);
        let work = Work::of(problem.effort, weights(&layers));
        observer.begin("ordering", 0);
        let stop = StopToken::new(observer);
        let fixed = fixed::solve(&core, problem.seed, work, &|_| stop.go_on());
        let proposal = match (problem.extra_steps, fixed) {
            (Some(ExtraSteps::Percent(percent)), fixed) => self.within(&layers, &core, fixed, percent, &stop),
            (_, Some(plan)) => {
                let slots =
                    CoreSlots::new(&core.layers, &plan.covers, plan.cells, core.levels.clone(), problem.wiring.top);
                Ok(Proposal { slots: Box::new(slots), writes: 0 })
            }
            // Nothing but zeros.
            (_, None) if core.levels.is_empty() => self.by_rows(&layers, ExtraSteps::FixedLevels, &stop),
            (_, None) => Err(OrderError::TooFewCells { needed: core.levels.len() }),
        };
        if stop.stopped() {
            return Err(OrderError::Interrupted);
        }
        let Proposal { slots, writes } = proposal?;
        self.bound = if writes == 0 { 0 } else { self.forced(&core, &*slots) };
        Ok(Arranged { slots, forced: vec![None; layers.len()] })
    }

    fn bound(&self) -> Bound {
        Bound { writes: self.bound, objective: 0.0 }
    }
}

/// Weights that are not 0.
fn weights(layers: &[Profiles]) -> u64 {
    layers.iter().map(|layer| (layer.rows() * layer.cols()) as u64).sum()
}

/// What the layers ask of all cells together.
fn of_profiles(layers: &[Profiles], problem: &Problem) -> reach_core::Problem {
    let top = problem.wiring.top;
    let mut occurs = vec![false; 2 * top as usize + 1];
    for layer in layers {
        for row in 0..layer.rows() {
            layer.runs(row).for_each(|(level, _)| occurs[(level + top) as usize] = true);
        }
    }
    let levels = Levels::new((-top..=top).filter(|level| occurs[(level + top) as usize]).collect());
    let demand = |layer: &Profiles| {
        let mut demand = Demand::new(&levels);
        let mut counts = vec![0; levels.len()];
        for row in 0..layer.rows() {
            counts.fill(0);
            for (level, positions) in layer.runs(row) {
                if let Some(index) = levels.index(level) {
                    counts[index] = positions.end - positions.start;
                }
            }
            demand.push(&counts);
        }
        demand
    };
    let layers = layers.iter().map(demand).collect();
    reach_core::Problem { levels, layers, core_rows: problem.wiring.core_rows, columns: problem.wiring.cells }
}
