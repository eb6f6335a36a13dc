//! Cores whose rows share inputs: all weights of a matrix column in a row group move together (docs/ordering.md, section 8).

use super::family::{Arranged, Bound, Family, OrderError, Problem};
use crate::geometry::Wiring;
use crate::level::LevelMatrix;
use crate::observer::{Observer, StopToken};
use crate::order::bundles;
use crate::order::bundles::{SharedArrangement, SharedLayer};
use crate::order::chain::boundary::CoreBoundary;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// Plans for shared inputs.
pub struct Bundled<'a> {
    problem: &'a Problem,
    layers: Vec<SharedLayer>,
    /// Of the layers arranged so far: parts of a network are bounded one by one.
    writes: u64,
}

impl<'a> Bundled<'a> {
    /// For rows that share inputs; none where each weight cell has its own.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        (problem.wiring.fanout > 1).then_some(Self { problem, layers: Vec::new(), writes: 0 })
    }
}

impl Family for Bundled<'_> {
    fn bytes(&self, rows: usize, cols: usize) -> usize {
        // A byte or two a weight, and four for each column of each bundle.
        let Wiring { fanout, top, .. } = self.problem.wiring;
        let weights = rows * cols;
        weights * if top <= i16::from(i8::MAX) { 1 } else { 2 } + weights / fanout * 4
    }

    fn add(&mut self, levels: &LevelMatrix, groups: usize) {
        let Problem { wiring, reach, damage, .. } = self.problem;
        self.layers.push(SharedLayer::of(levels, groups, *wiring, *reach, damage.as_ref()));
    }

    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        let (problem, layers) = (self.problem, std::mem::take(&mut self.layers));
        observer.begin("ordering", layers.iter().map(SharedLayer::weights).sum());
        let stop = StopToken::new(observer);
        let Problem { wiring, reach, effort, seed, .. } = *problem;
        let arrangement = bundles::arrange(&layers, wiring, reach, boundary, effort, seed, &stop);
        if stop.stopped() {
            return Err(OrderError::Interrupted);
        }
        self.writes += arrangement.bound;
        Ok(Arranged { forced: vec![None; layers.len()], slots: Box::new(arrangement) })
    }

    fn bound(&self) -> Bound {
        Bound { writes: self.writes, objective: self.problem.payment().of_writes(self.writes) }
    }
}

impl Slots for SharedArrangement {
    fn stages(&self, layer: usize) -> usize {
        self.bundles(layer).tile_rows(self.wiring)
    }

    fn steps(&self, layer: usize, stage: usize, core: usize) -> usize {
        self.steps(layer, stage, core)
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        self.bundles(at.layer).row(self.wiring, at.stage, at.core_row)
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        program.shared(levels, self.wiring.cells, self.columns(at.layer, at.stage, at.core_row));
    }
}
