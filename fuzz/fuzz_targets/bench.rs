//! A 4x4 device of 4-bit cells on a simulated core and flash.
#![allow(dead_code)] // each target uses its part

use firmware_model::device::{Device, Memory, OpenFault};
use firmware_model::hardware::{Profile, Verify, largest_tolerance};
use firmware_model::link::messages::{Failure, RunState};
use firmware_model::photonic_core::{Identity, Output, device_crc};
use firmware_model::sim_cells::{CellMemory, Mains, Physics, SimCell, SimCells};
use firmware_model::sim_flash::{BLOCK, SimFlash, WORD, Word};
use firmware_model::trace::Silent;

pub const ROWS: u16 = 4;
pub const COLS: u16 = 4;
pub const CELLS: usize = 16;
/// Two banks of 9 blocks.
pub const FLASH: usize = 18 * BLOCK;

pub type BenchDevice<'m> = Device<'m, SimCells<'m, Mains, true>, SimFlash<'m, Mains>, Silent>;

/// All the memory that it lives in.
pub struct Bench {
    transmissions: Vec<f32>,
    pub cells: Vec<[SimCell; 2]>,
    pub flash: Vec<u8>,
    words: Vec<Word>,
    decoder: Vec<u8>,
    levels: Vec<i16>,
    wear: Vec<[u16; 2]>,
    outputs: Vec<i64>,
    routes: Vec<u32>,
    assigned: Vec<Option<Output>>,
    sums: Vec<i64>,
    inputs: Vec<i16>,
}

impl Bench {
    /// A new core, and a flash with these contents in front; words are erased where they are FF.
    pub fn new(contents: &[u8]) -> Self {
        let transmissions: Vec<f32> = (1..=16).map(|level| level as f32 / 16.0).collect();
        let mut flash = vec![0xFF; FLASH];
        let len = contents.len().min(FLASH);
        flash[..len].copy_from_slice(&contents[..len]);
        Self {
            cells: vec![[SimCell::erased(transmissions[0]); 2]; CELLS],
            transmissions,
            words: flash.chunks(WORD).map(word).collect(),
            flash,
            decoder: vec![0; 16_384],
            levels: vec![0; CELLS],
            wear: vec![[0; 2]; CELLS],
            outputs: vec![0; ROWS.into()],
            routes: vec![0; CELLS],
            assigned: vec![None; ROWS.into()],
            sums: vec![0; ROWS.into()],
            inputs: vec![0; 64],
        }
    }

    pub fn identity(&self) -> Identity {
        Identity { rows: ROWS, cols: COLS, bits: 4, fanout: 1, device_crc: device_crc(&self.transmissions) }
    }

    pub fn boot(&mut self) -> Result<BenchDevice<'_>, OpenFault> {
        let identity = self.identity();
        let memory = CellMemory {
            cells: &mut self.cells,
            routes: &mut self.routes,
            assigned: &mut self.assigned,
            sums: &mut self.sums,
            inputs: &mut self.inputs,
        };
        let core = SimCells::new(&identity, &self.transmissions, Physics::IDEAL, memory, Mains).expect("it fits");
        let flash = SimFlash::new(&mut self.flash, &mut self.words, Mains, 0).expect("it fits");
        let verify = Verify { tries: 2, tolerance: largest_tolerance(&self.transmissions), spot_check: 32 };
        let memory = Memory {
            decoder: &mut self.decoder,
            levels: &mut self.levels,
            wear: &mut self.wear,
            outputs: &mut self.outputs,
        };
        Device::boot(core, flash, Profile::new(identity, &self.transmissions, verify), memory, Silent)
    }
}

/// Erased where it is FF.
fn word(bytes: &[u8]) -> Word {
    if bytes.iter().all(|byte| *byte == 0xFF) { Word::Erased } else { Word::Written }
}

/// The core was asked for nothing that it forbids, and all levels are those of its cells.
pub fn check(device: &BenchDevice<'_>) {
    let run = device.status().run;
    assert!(
        !matches!(run, Some(RunState::Failed(Failure::Hardware { .. } | Failure::Flash { .. }))),
        "the device let something through: {run:?}"
    );
    assert!(device.levels().iter().all(|level| (-15..=15).contains(level)));
}
