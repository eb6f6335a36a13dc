//! The layers of a network as levels. Each is needed twice: to arrange it, and to write it. Levels are kept from the first time to the second while they
//! are few, else they are read and quantized again.

use std::ops::Range;

use super::error::PlanError;
use super::options::PlanOptions;
use super::read;
use crate::faults::{self, Loss};
use crate::geometry::CellRange;
use crate::level::{LevelMatrix, Quantizer};
use crate::observer::Observer;
use crate::weights::Network;

/// Levels kept from the first time to the second, bytes.
const KEPT_LEVELS: usize = 10 << 20;

/// Reads and quantizes layers.
pub struct Layers<'a> {
    pub network: &'a Network,
    pub observer: &'a dyn Observer,
    options: &'a PlanOptions,
    quantizer: Quantizer,
    /// What each cell can hold, where weights stay in faulty cells and take other levels.
    ranges: Option<Vec<CellRange>>,
    kept: Vec<Option<LevelMatrix>>,
    kept_bytes: usize,
}

/// A layer's levels, and what was lost on the way from its weights.
pub struct Quantized {
    pub levels: LevelMatrix,
    /// `||t - t_q|| / ||t||` of the weights.
    pub relative_error: f64,
    /// What faulty cells have done to the levels.
    pub loss: Loss,
}

impl<'a> Layers<'a> {
    pub fn new(network: &'a Network, options: &'a PlanOptions, observer: &'a dyn Observer) -> Self {
        Self {
            network,
            observer,
            options,
            quantizer: Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale),
            ranges: if options.fits_levels() { options.condition.ranges() } else { None },
            kept: vec![None; network.layers().len()],
            kept_bytes: 0,
        }
    }

    /// Weights of some layers.
    pub fn weights(&self, layers: Range<usize>) -> u64 {
        self.network.layers()[layers].iter().map(|l| l.weights() as u64).sum()
    }

    /// Reads and quantizes a layer.
    pub fn read(&self, layer: usize) -> Result<Quantized, PlanError> {
        let (mut levels, relative_error) = read::quantize(self.network, layer, &self.quantizer)?;
        let loss = self.ranges.as_ref().map(|ranges| {
            let (groups, wiring) = (self.network.layers()[layer].groups, self.options.wiring());
            faults::hold(&mut levels, groups, wiring, self.options.reach, ranges, self.quantizer.unit_values())
        });
        Ok(Quantized { levels, relative_error, loss: loss.unwrap_or_default() })
    }

    /// Keeps a layer's levels for the second time if there is room.
    pub fn keep(&mut self, layer: usize, levels: LevelMatrix) {
        let bytes = size_of_val(levels.levels.as_slice());
        if self.kept_bytes + bytes <= KEPT_LEVELS {
            self.kept_bytes += bytes;
            self.kept[layer] = Some(levels);
        }
    }

    /// The levels of a layer, the second time.
    pub fn again(&mut self, layer: usize) -> Result<LevelMatrix, PlanError> {
        if let Some(levels) = self.kept[layer].take() {
            self.kept_bytes -= size_of_val(levels.levels.as_slice());
            return Ok(levels);
        }
        Ok(self.read(layer)?.levels)
    }

    /// Reports a layer as done in the present phase.
    pub fn done(&self, layer: usize) -> Result<(), PlanError> {
        self.observer.advance(self.network.layers()[layer].weights() as u64);
        if self.observer.interrupted() { Err(PlanError::Interrupted) } else { Ok(()) }
    }
}
