//! The orders for comparison: weights where they are stored, and ELight's, which sorts every cell of every tile row.

use crate::geometry::{Bundles, Wiring};
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// Rows in their stored places, on any wiring.
#[derive(Clone, Debug)]
pub struct StoredSlots {
    wiring: Wiring,
    order: Within,
    /// Rows of each layer, and its steps in a stage.
    layers: Vec<(Bundles, usize)>,
}

/// The order of the weights of one cell in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// As they are stored.
    Natural,
    /// By level, upwards. `some_idle`: weights may be left out.
    Ascending {
        /// Weights may be left out.
        some_idle: bool,
    },
}

impl StoredSlots {
    /// Of layers, each with its rows, weights per row, and groups of inputs.
    #[must_use]
    pub fn new(wiring: Wiring, order: Within, layers: impl IntoIterator<Item = [usize; 3]>) -> Self {
        let layer = |[rows, cols, groups]: [usize; 3]| {
            (Bundles::stored(rows, groups, wiring.fanout), cols.div_ceil(wiring.cells))
        };
        Self { wiring, order, layers: layers.into_iter().map(layer).collect() }
    }
}

impl Slots for StoredSlots {
    fn stages(&self, layer: usize) -> usize {
        self.layers[layer].0.tile_rows(self.wiring)
    }

    fn steps(&self, layer: usize, _: usize, _: usize) -> usize {
        self.layers[layer].1
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        self.layers[at.layer].0.row(self.wiring, at.stage, at.core_row)
    }

    fn fill(&self, _: SlotAt, levels: &[i16], program: &mut Program) {
        match self.order {
            Within::Natural => program.natural(levels, self.wiring.cells),
            Within::Ascending { .. } => program.lanes(levels, self.wiring.cells, self.wiring.top, |_| true),
        }
    }

    fn fill_levels(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        match self.order {
            Within::Natural => program.natural_levels(levels, self.wiring.cells),
            Within::Ascending { some_idle: false } => program.ascending_levels(levels, self.wiring.cells),
            Within::Ascending { some_idle: true } => self.fill(at, levels, program),
        }
    }
}
