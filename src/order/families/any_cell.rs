//! Reach `core`: cells keep their levels, and outputs visit the core rows that hold what they need (docs/trade.md, section 9).

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Arranged, Bound, Family, OrderError, Problem};
use crate::geometry::{IDLE, Reach};
use crate::level::LevelMatrix;
use crate::observer::Observer;
use crate::order::chain::directions::Closure;
use crate::order::reach_core::demand::{Demand, Levels};
use crate::order::reach_core::slots::CoreSlots;
use crate::order::reach_core::{self, Work, fixed};

/// Plans in which a weight may sit in any cell of the core.
pub struct AnyCell<'a> {
    problem: &'a Problem,
    layers: Vec<Counts>,
}

/// Weights of a layer's rows at each level `-B..=B`.
struct Counts {
    levels: usize,
    of_rows: Vec<u32>,
}

impl<'a> AnyCell<'a> {
    /// For weights that may leave their core row; none for others.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        (problem.reach == Reach::Core).then(|| Self { problem, layers: Vec::new() })
    }
}

impl Family for AnyCell<'_> {
    fn bytes(&self, _: usize, _: usize) -> usize {
        // Cells are chosen for all layers together.
        0
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        let top = self.problem.wiring.top;
        let width = 2 * top as usize + 1;
        let mut of_rows = vec![0; levels.rows * width];
        for (row, counts) in of_rows.chunks_exact_mut(width).enumerate() {
            for &level in levels.row(row).iter().filter(|level| **level != IDLE) {
                counts[(level + top) as usize] += 1;
            }
        }
        self.layers.push(Counts { levels: width, of_rows });
    }

    fn arrange(&mut self, _: &Closure, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        let (problem, layers) = (self.problem, std::mem::take(&mut self.layers));
        let top = problem.wiring.top;
        let occurs = |level: &i16| layers.iter().any(|layer| layer.has(*level, top));
        let levels = Levels::new((-top..=top).filter(occurs).collect());
        let demand = |layer: &Counts| {
            let mut demand = Demand::new(&levels);
            for counts in layer.of_rows.chunks_exact(layer.levels) {
                let of_row: Vec<u32> =
                    (0..levels.len()).map(|level| counts[(levels.signed(level) + top) as usize]).collect();
                demand.push(&of_row);
            }
            demand
        };
        let demands: Vec<Demand> = layers.iter().map(demand).collect();
        let weights = layers.iter().flat_map(|layer| &layer.of_rows).map(|&n| u64::from(n)).sum();
        let core = reach_core::Problem {
            levels: levels.clone(),
            layers: demands,
            core_rows: problem.wiring.core_rows,
            columns: problem.wiring.cells,
        };
        let work = Work::of(problem.effort, weights);
        observer.begin("ordering", work.joint);
        let stopped = AtomicBool::new(false);
        let watch = |done| {
            observer.advance(done);
            let stop = observer.interrupted();
            stopped.fetch_or(stop, Ordering::Relaxed);
            !stop
        };
        let found = fixed::solve(&core, problem.seed, work, &watch);
        if stopped.into_inner() {
            return Err(OrderError::Interrupted);
        }
        let plan = found.ok_or(OrderError::TooFewCells { needed: levels.len() })?;
        let slots = CoreSlots::new(&core.layers, &plan.covers, plan.cells, levels, top);
        Ok(Arranged { slots: Box::new(slots), forced: vec![Some(0); layers.len()] })
    }

    fn bound(&self) -> Bound {
        Bound { writes: 0, objective: 0.0 }
    }
}

impl Counts {
    fn has(&self, level: i16, top: i16) -> bool {
        self.of_rows.iter().skip((level + top) as usize).step_by(self.levels).any(|&n| n > 0)
    }
}
