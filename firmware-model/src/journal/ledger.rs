//! What the journal says, in memory: levels, wear since the checkpoint, faults, and how far the schedule is.

use heapless::Vec;

use super::layout::MAX_FAULTS;
use super::place::Place;
use super::record::Batch;
use crate::link::messages::{FaultReport, KEY};
use crate::mutants::Mutant;

/// A wear counter from here on asks for a checkpoint, which takes it to 0.
const WORN: u16 = 0xF000;

/// All that is known of the core: the journal's contents, in memory.
pub(crate) struct Ledger<'m> {
    /// Signed level of each weight cell.
    pub(crate) levels: &'m mut [i16],
    /// Writes of its plus and minus cell since the checkpoint.
    pub(super) wear: &'m mut [[u16; 2]],
    pub(crate) faults: Vec<FaultReport, MAX_FAULTS>,
    pub(crate) place: Option<Place>,
    pub(crate) key: Option<[u8; KEY]>,
    /// Number of the next new inference.
    pub(crate) next: u32,
    /// The PCM cell whose fault found no more room: nothing is written any more.
    pub(crate) halted: Option<u32>,
    /// Writes of all PCM cells since the flash was formatted.
    pub(crate) writes: u64,
    /// Those of them that verification asked for.
    pub(crate) corrections: u64,
    /// Whether a wear counter is nearly full.
    pub(super) worn: bool,
}

impl<'m> Ledger<'m> {
    pub(crate) fn new(levels: &'m mut [i16], wear: &'m mut [[u16; 2]]) -> Self {
        levels.fill(0);
        wear.fill([0; 2]);
        Self {
            levels,
            wear,
            faults: Vec::new(),
            place: None,
            key: None,
            next: 0,
            halted: None,
            writes: 0,
            corrections: 0,
            worn: false,
        }
    }

    /// Whether it has room for so many weight cells, and no more.
    pub(crate) const fn is_of(&self, cells: usize) -> bool {
        self.levels.len() == cells && self.wear.len() == cells
    }

    /// Level of a weight cell; 0 outside the core.
    #[inline]
    pub(crate) fn level(&self, cell: u32) -> i16 {
        self.levels.get(cell as usize).copied().unwrap_or(0)
    }

    /// Counts `writes` of a PCM cell.
    #[inline]
    pub(crate) fn count(&mut self, cell: u32, side: usize, writes: u16) {
        if let Some(count) = self.wear.get_mut(cell as usize).and_then(|pair| pair.get_mut(side)) {
            *count = count.saturating_add(writes);
            self.worn |= *count >= WORN && !Mutant::WornIgnored.is_on();
            self.writes += u64::from(writes);
        }
    }

    /// Books the new level of a weight cell; returns which of its PCM cells move, bit 0 for plus, bit 1 for minus. Each is charged the
    /// levels between, and `redone` writes more.
    #[inline(never)]
    pub(crate) fn book(&mut self, cell: u32, level: i16, redone: u8) -> u32 {
        let cell = cell as usize;
        let (Some(place), Some([plus, minus])) = (self.levels.get_mut(cell), self.wear.get_mut(cell)) else { return 0 };
        let (old, new) = (i32::from(*place), i32::from(level));
        *place = level;
        let (mut moves, mut writes) = (0, 0);
        let mut charge = |bit: u32, steps: u32, count: &mut u16| {
            if steps > 0 {
                let more = steps + u32::from(redone);
                *count = count.saturating_add(more as u16);
                if *count >= WORN && !Mutant::WornIgnored.is_on() {
                    self.worn = true;
                }
                writes += more;
                moves |= bit;
            }
        };
        charge(1, old.max(0).abs_diff(new.max(0)), plus);
        charge(2, old.min(0).abs_diff(new.min(0)), minus);
        self.writes += u64::from(writes);
        moves
    }

    /// Whether a PCM cell was reported.
    #[inline]
    pub(crate) fn is_faulty(&self, cell: u32, side: usize) -> bool {
        !self.faults.is_empty() && self.faults.iter().any(|fault| fault.cell == 2 * cell + side as u32)
    }

    /// Books a batch that was carried out before the power cut, or is about to be carried out again.
    pub(super) fn book_all(&mut self, batch: &mut Batch) {
        for i in 0..batch.len() {
            if let Some((cell, level)) = batch.get(i) {
                self.book(cell, level, batch.redone());
            }
        }
        batch.clear();
    }

    /// Forgets everything but the key, the counted inferences and the writes since the checkpoint.
    pub(super) fn forget(&mut self) {
        self.levels.fill(0);
        self.faults.clear();
        (self.place, self.halted, self.worn) = (None, None, false);
        (self.writes, self.corrections) = (0, 0);
    }
}
