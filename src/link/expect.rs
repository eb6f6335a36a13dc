//! What a schedule must leave behind on a device: levels and writes of every cell, from where its cells are now.

use firmware_model::controller::Controller;
use firmware_model::pcm::Move;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::wire::{CRC, End, Layer, MAX_HEADER};

/// Levels and writes of a core's cells, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Signed level of each weight cell.
    pub levels: Vec<i16>,
    /// Level steps of its plus and its minus cell.
    pub writes: Vec<[u32; 2]>,
}

impl Cells {
    /// Cells at these levels that nothing was written to.
    #[must_use]
    pub fn at(levels: Vec<i16>) -> Self {
        let writes = vec![[0; 2]; levels.len()];
        Self { levels, writes }
    }

    /// CRC-32 of the levels as little-endian `i16`: what a device says of its own.
    #[must_use]
    pub fn digest(&self) -> u32 {
        let mut digest = CRC.digest();
        for level in &self.levels {
            digest.update(&level.to_le_bytes());
        }
        digest.finalize()
    }

    /// All level steps.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.writes.iter().flatten().map(|&n| u64::from(n)).sum()
    }
}

/// A core that does what it is told, and counts.
pub(super) struct Proof<'c> {
    identity: Identity,
    cells: &'c mut Cells,
}

impl<'c> Proof<'c> {
    /// The core of `identity`, whose cells these are.
    pub(super) const fn new(identity: Identity, cells: &'c mut Cells) -> Self {
        Self { identity, cells }
    }

    /// Its controller, with `memory` to work in.
    pub(super) fn controller<'m>(&'m mut self, memory: &'m mut [u8]) -> Controller<'m, &'m mut Self> {
        let identity = self.identity;
        Controller::new(self, identity, memory)
    }
}

impl Core for Proof<'_> {
    type Fault = std::convert::Infallible;

    fn begin_layer(&mut self, _: &Layer<'_>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn assign(&mut self, _: u16, _: Option<Output>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault> {
        let cell = usize::from(row) * usize::from(self.identity.cols) + usize::from(col);
        let moved = Move::between(std::mem::replace(&mut self.cells.levels[cell], level), level);
        for (side, writes) in self.cells.writes[cell].iter_mut().enumerate() {
            *writes += u32::from(moved.up[side] + moved.down[side]);
        }
        Ok(())
    }

    fn route(&mut self, _: u16, _: u16, _: Option<u32>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        Ok(())
    }
}

/// Carries one inference of `schedule` out on `cells`; returns its End frame.
///
/// # Errors
/// What is wrong with the schedule, as the controller's own decoder says it.
pub fn inference(schedule: &[u8], identity: Identity, ram: usize, cells: &mut Cells) -> Result<End, String> {
    let mut memory = vec![0; ram.max(MAX_HEADER)];
    let mut proof = Proof::new(identity, cells);
    let mut controller = proof.controller(&mut memory);
    controller.feed(schedule).map_err(|e| e.to_string())?;
    controller.finish().map_err(|e| e.to_string())
}
