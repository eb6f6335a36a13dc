//! What every family of plans does, and what it is asked for.

use firmware_model::pcm::WriteCost;
use thiserror::Error;

use crate::geometry::{Damage, Reach, Wiring};
use crate::level::LevelMatrix;
use crate::observer::Observer;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::cost::objective::{Objective, Payment};
use crate::order::extra_steps::ExtraSteps;
use crate::order::slots::Slots;
use crate::order::{Effort, Rows};

/// What the optimal order is asked for, weights apart.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The cores, and which rows share inputs.
    pub wiring: Wiring,
    /// Which lanes a weight may move to.
    pub reach: Reach,
    /// Where rows may sit.
    pub rows: Rows,
    /// What is made small.
    pub objective: Objective,
    /// What a change of a cell costs.
    pub cost: WriteCost,
    /// More steps than needed.
    pub extra_steps: Option<ExtraSteps>,
    /// Cells that cannot hold every level.
    pub damage: Option<Damage>,
    /// Levels from which the first load should be cheap, core row by core row; none: it may cost what it costs.
    pub origin: Option<Vec<i16>>,
    /// How much work goes into the search.
    pub effort: Effort,
    /// Seed of the search.
    pub seed: u64,
}

impl Problem {
    /// What the objective comes to on this device.
    #[must_use]
    pub fn payment(&self) -> Payment {
        self.objective.on(&self.cost)
    }

    /// Core rows of one core.
    #[must_use]
    pub fn rows_of_a_core(&self) -> usize {
        self.wiring.core_rows / self.wiring.cores
    }
}

/// Plans of one kind. Layers are added in the order in which they run; those added since the last arrangement are arranged together.
pub trait Family: Send {
    /// Memory that it takes to arrange a layer of `rows x cols` weights, bytes; 0 where all layers have to be arranged together.
    fn bytes(&self, rows: usize, cols: usize) -> usize;

    /// Takes what it needs of the next layer; `groups`: of its inputs. Weights of level [`crate::geometry::IDLE`] are left out.
    fn add(&mut self, levels: &LevelMatrix, groups: usize);

    /// Arranges the layers added since the last time, between the levels that `boundary` gives.
    ///
    /// # Errors
    /// [`OrderError`]: there is no such plan, or the observer wants to stop.
    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError>;

    /// What no plan of this family goes below, for all layers arranged so far.
    fn bound(&self) -> Bound;

    /// Writes of an inference of the same layers on cores without damage, where the family plans for them, too.
    fn intact_writes(&self) -> Option<u64> {
        None
    }
}

/// Layers that were arranged together.
pub struct Arranged {
    /// What every slot does.
    pub slots: Box<dyn Slots>,
    /// Writes that each layer forces by itself, where the family bounds layers one by one.
    pub forced: Vec<Option<u64>>,
}

/// Proven lower bounds, per inference in steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Level steps of all cells.
    pub writes: u64,
    /// What the objective counts.
    pub objective: f64,
}

/// Why there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// No core row can compute one of a layer's rows.
    #[error("no core row can compute a row of layer {layer} of those arranged together")]
    NoCoreRow {
        /// Number of the layer among those that are arranged together.
        layer: usize,
    },
    /// Fixed levels on core rows with too few cells.
    #[error("{needed} levels occur, each needs a cell of its own in every core row")]
    TooFewCells {
        /// Levels that occur, without 0.
        needed: usize,
    },
    /// The observer wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Memory of a layer's slots of sweeps, bytes: the timeline's 26 bytes a cell, directions, signatures; and a profile for each row.
pub(super) fn memory_of_sweeps(wiring: Wiring, rows: usize) -> usize {
    let levels = 2 * (wiring.top as usize + 1);
    rows.next_multiple_of(wiring.core_rows) * wiring.cells * 28 + rows * (levels * 4 + 128)
}
