//! Reach `lane`, an input for every weight cell: rows in their stored places, which is the optimum, or anywhere (docs/ordering.md, theorem 2).

pub mod ranges;

use self::ranges::{LaneBound, LaneRanges, RangeBound, arrange, arrange_freely};
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::Rows;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::core_row_assignment;
use crate::order::families::family::{Arranged, Bound, Family, OrderError, Problem, memory_of_sweeps};
use crate::order::families::swept::SweptSlots;

/// Plans in which every weight keeps its lane.
pub struct Lanes<'a> {
    problem: &'a Problem,
    layers: Vec<LaneRanges>,
    /// Steps of a row of each of these layers, and the writes that its rows force.
    steps: Vec<usize>,
    forced: Vec<Option<u64>>,
    bound: RowsBound,
}

/// The bound of all layers so far.
enum RowsBound {
    Stored(LaneBound),
    Any(RangeBound),
}

impl<'a> Lanes<'a> {
    /// No layer yet.
    pub fn new(problem: &'a Problem) -> Self {
        let (core_rows, cells) = (problem.wiring.core_rows, problem.wiring.cells);
        let bound = match problem.rows {
            Rows::Stored => RowsBound::Stored(LaneBound::new(core_rows, cells)),
            Rows::Any => RowsBound::Any(RangeBound::new(core_rows)),
        };
        Self { problem, layers: Vec::new(), steps: Vec::new(), forced: Vec::new(), bound }
    }
}

impl Family for Lanes<'_> {
    fn bytes(&self, rows: usize, _: usize) -> usize {
        memory_of_sweeps(self.problem.wiring, rows)
    }

    fn add(&mut self, levels: &LevelMatrix, _: usize) {
        let (rows, cols, cells) = (levels.rows, levels.cols, self.problem.wiring.cells);
        let layer = match self.problem.damage {
            Some(_) => LaneRanges::of_some(&levels.levels, rows, cols, cells),
            None => LaneRanges::of(&levels.levels, rows, cols, cells),
        };
        self.forced.push(match &mut self.bound {
            RowsBound::Stored(bound) => {
                bound.add(&layer);
                None
            }
            RowsBound::Any(bound) => Some(bound.add(&layer)),
        });
        self.steps.push(cols.div_ceil(cells));
        self.layers.push(layer);
    }

    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        observer.begin("ordering", 0);
        let (problem, layers) = (self.problem, std::mem::take(&mut self.layers));
        let wiring = problem.wiring;
        let stop = StopToken::new(observer);
        let mut arrangement = match problem.rows {
            Rows::Stored => arrange(&layers, wiring.core_rows, wiring.cells, boundary),
            Rows::Any => {
                arrange_freely(&layers, wiring.core_rows, wiring.cells, wiring.top, boundary, problem.seed, &stop)
            }
        };
        if !stop.go_on() {
            return Err(OrderError::Interrupted);
        }
        // Weights fitted to the cells of their places stay there.
        if let (Some(origin), true, None) = (&problem.origin, boundary.begins(), &problem.damage) {
            core_row_assignment::minimise_first_load(&mut arrangement, boundary, origin, problem.rows_of_a_core());
        }
        let steps = std::mem::take(&mut self.steps);
        let slots = SweptSlots::new(arrangement, layers.iter().map(LaneRanges::rows), steps, problem);
        Ok(Arranged { slots: Box::new(slots), forced: std::mem::take(&mut self.forced) })
    }

    fn bound(&self) -> Bound {
        let writes = match &self.bound {
            RowsBound::Stored(bound) => bound.writes(),
            RowsBound::Any(bound) => bound.writes(),
        };
        Bound { writes, objective: self.problem.payment().of_writes(writes) }
    }
}
