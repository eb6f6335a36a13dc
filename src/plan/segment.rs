//! Layers that are arranged together: as many as fit a fixed amount of memory.

use std::ops::Range;

use super::cores::Counters;
use super::error::PlanError;
use super::layers::Layers;
use super::options::PlanOptions;
use super::outcome::LayerOutcome;
use super::rotation::RotatedSlots;
use crate::faults::{FaultError, Loss};
use crate::order::Order;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::families::{Family, OrderError, StoredSlots, Within};
use crate::order::slots::Slots;
use crate::weights::LayerInfo;

/// Cuts a network into segments whose arrangements fit so many bytes; a layer that alone does not fit is one segment.
pub fn split(layers: &[LayerInfo], family: &dyn Family, bytes: usize) -> Vec<Range<usize>> {
    let mut segments = Vec::new();
    let (mut from, mut used) = (0, 0);
    for (i, layer) in layers.iter().enumerate() {
        let need = family.bytes(layer.rows, layer.cols);
        if i > from && used + need > bytes {
            segments.push(from..i);
            (from, used) = (i, 0);
        }
        used += need;
    }
    segments.push(from..layers.len());
    segments
}

/// A network of several segments is closed at its two ends only: each begins at the levels where the one before it ended, and the last ends at those where the
/// first began. `part`: which segment of how many; `counters`: of the segments so far.
pub fn boundary((part, parts): (usize, usize), counters: &Counters, options: &PlanOptions) -> CoreBoundary {
    if parts == 1 {
        return CoreBoundary::Cyclic;
    }
    // Cells are counted where they are, and arranged as if nothing were rotated.
    let (rotation, core) = (options.condition.rotation.unwrap_or_default(), options.core);
    let undo = |levels: Vec<Option<i16>>| rotation.undo(&levels, core.rows, core.cols);
    let free = || vec![None; options.all_rows() * core.cols];
    let levels = || counters.levels().into_iter().map(Some).collect();
    CoreBoundary::Open {
        start: if part > 0 { undo(levels()) } else { free() },
        end: if part + 1 == parts { undo(counters.first_levels()) } else { free() },
    }
}

/// Arranged layers.
pub struct Segment {
    first_layer: usize,
    /// Of the natural, the sorted and the optimal order.
    slots: [Box<dyn Slots>; 3],
    /// Each of its layers.
    pub layers: Vec<LayerOutcome>,
    /// What faulty cells have done to their levels.
    pub loss: Loss,
}

impl Segment {
    /// Reads, quantizes and arranges layers.
    pub fn arrange(
        layers: &mut Layers<'_>,
        range: Range<usize>,
        family: &mut dyn Family,
        boundary: &CoreBoundary,
        options: &PlanOptions,
    ) -> Result<Self, PlanError> {
        let network = layers.network;
        let infos = &network.layers()[range.clone()];
        let (mut outcomes, mut loss) = (Vec::with_capacity(infos.len()), Loss::default());
        layers.observer.begin("reading", layers.weights(range.clone()));
        for (layer, info) in range.clone().zip(infos) {
            let read = layers.read(layer)?;
            family.add(&read.levels, info.groups);
            loss.merge(read.loss);
            outcomes.push(LayerOutcome {
                tiles: (info.rows.div_ceil(options.core.rows) * info.cols.div_ceil(options.core.cols)) as u64,
                steps: 0,
                relative_error: read.relative_error,
                lower_bound_writes: None,
                level_counts: read.levels.counts(options.device.top_level()),
            });
            layers.keep(layer, read.levels);
            layers.done(layer)?;
        }
        let arranged = family.arrange(boundary, layers.observer).map_err(|error| match error {
            OrderError::NoCoreRow { layer } => {
                FaultError::Hopeless { path: options.condition.fault_files(), layer: infos[layer].name.clone() }.into()
            }
            OrderError::TooFewCells { needed } => PlanError::FixedLevels { needed, core: options.core },
            OrderError::Interrupted => PlanError::Interrupted,
        })?;
        for (index, (outcome, forced)) in outcomes.iter_mut().zip(arranged.forced).enumerate() {
            outcome.steps = arranged.slots.layer_steps(index, options.condition.cores) as u64;
            outcome.lower_bound_writes = forced;
        }
        let stored = |within| -> Box<dyn Slots> {
            let shapes = infos.iter().map(|info| [info.rows, info.cols, info.groups]);
            Box::new(StoredSlots::new(options.wiring(), within, shapes))
        };
        let ascending = Within::Ascending { some_idle: options.condition.damaged().is_some() };
        let optimal = match options.condition.rotation {
            Some(rotation) => Box::new(RotatedSlots::new(arranged.slots, rotation, options.wiring())),
            None => arranged.slots,
        };
        let slots = [stored(Within::Natural), stored(ascending), optimal];
        Ok(Self { first_layer: range.start, slots, layers: outcomes, loss })
    }

    /// The slots of an order.
    pub fn slots(&self, order: Order) -> &dyn Slots {
        &*self.slots[order as usize]
    }

    /// Number of a layer among those of the segment.
    pub fn index(&self, layer: usize) -> usize {
        layer - self.first_layer
    }
}
