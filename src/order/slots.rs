//! What a family of plans proposes, slot by slot.
//!
//! A *stage* is a tile row of every core, side by side; a *slot* is one core row in one stage, in which it computes one output row or rests. Whoever
//! counts or writes a plan asks for its slots one by one and needs not know which family proposed them.

pub mod level_runs;
pub mod program;
pub mod reorder;

use self::program::Program;

/// One slot of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotAt {
    /// Number of the layer among those that were arranged together.
    pub layer: usize,
    /// Stage of the layer.
    pub stage: usize,
    /// Core row, core after core.
    pub core_row: usize,
}

/// The slots of the layers that were arranged together.
pub trait Slots: Send + Sync {
    /// Stages of a layer.
    fn stages(&self, layer: usize) -> usize;

    /// Steps that a core takes in a stage.
    fn steps(&self, layer: usize, stage: usize, core: usize) -> usize;

    /// The output row that is computed in a slot, if any. An output row may have several slots: what they compute is added up.
    fn row(&self, at: SlotAt) -> Option<u32>;

    /// Writes a slot's work into `program`; `levels`: of all weights of the slot's output row.
    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program);

    /// The levels of the cells alone, where that is quicker: what a count of writes needs.
    fn fill_levels(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        self.fill(at, levels, program);
    }

    /// Whether the first core rows may rest in the first stage while others work.
    fn first_rows_rest(&self) -> bool {
        false
    }

    /// Steps of a layer on so many cores: those of the busiest, as the others wait for it.
    fn layer_steps(&self, layer: usize, cores: usize) -> usize {
        let of_core = |core| (0..self.stages(layer)).map(|stage| self.steps(layer, stage, core)).sum();
        (0..cores).map(of_core).max().unwrap_or(0)
    }
}

/// The stages of layers that come one after the other.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// First stage of each layer; and the end.
    first: Vec<usize>,
}

impl Stages {
    /// Of layers with so many stages each.
    #[must_use]
    pub fn of(layers: impl IntoIterator<Item = usize>) -> Self {
        let ends = layers.into_iter().scan(0, |end, stages| {
            *end += stages;
            Some(*end)
        });
        Self { first: std::iter::once(0).chain(ends).collect() }
    }

    /// Stages of a layer.
    #[must_use]
    pub fn count(&self, layer: usize) -> usize {
        self.first[layer + 1] - self.first[layer]
    }

    /// Number of a layer's stage among those of all layers.
    #[must_use]
    pub fn at(&self, layer: usize, stage: usize) -> usize {
        self.first[layer] + stage
    }
}
