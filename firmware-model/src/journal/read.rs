//! Reading the journal after power-up: the newer checkpoint, and the log behind it.
//!
//! A word is read once and what was read is used: what the power failed in may read differently the next time. A place that cannot be read,
//! as a flash with a code against errors says of a word that was not written whole, is a place that holds nothing whole.

use embedded_storage::nor_flash::NorFlash;

use super::bytes::{take, u32_at};
use super::layout::{HEADER, Header, OpenError, PIECE};
use super::record::{Batch, Kind, MAX_RECORD, PREFIX, PcmSet, Prefix, digest};
use super::{Journal, MAX_FAULTS};
use crate::crc32::Crc32;
use crate::link::messages::FaultReport;
use crate::mutants::Mutant;
use crate::pcm::top_level;
use crate::photonic_core::{FrameEnd, ResumePoint};

/// A checkpoint that can be gone on from.
pub(super) struct Checkpoint {
    pub(super) header: Header,
    /// Whether everything of it is sound: else it has to be written anew before anything is logged behind it.
    pub(super) sound: bool,
}

/// What cannot be read is the end of the log.
fn torn(at: u32) -> Result<Option<Prefix>, OpenError> {
    if Mutant::TornIsFailure.is_on() { Err(OpenError::Flash { at }) } else { Ok(None) }
}

/// Bytes of a record that say how long it is, in whole words.
const fn head(write_size: usize) -> usize {
    PREFIX.next_multiple_of(write_size)
}

impl<F: NorFlash> Journal<'_, F> {
    /// Takes the bank with the newer of the checkpoints that are complete for the present one; `None` when no header is whole.
    #[inline(never)]
    pub(super) fn choose(&mut self) -> Option<Checkpoint> {
        let (first, second) = (self.header(0), self.header(1));
        let newer = match (&first, &second) {
            (Some(a), Some(b)) => u32::from((b.generation.wrapping_sub(a.generation) as i32) > 0),
            (_, b) => u32::from(b.is_some()),
        };
        let both = first.is_some() && second.is_some();
        // The first copy of the header may read well and yet not be whole, as long as nothing is behind it.
        let proven = Mutant::MarginalHeader.is_on() || !self.is_blank(newer, HEADER as u32, 2 * HEADER as u32);
        self.bank = if both && !proven { 1 - newer } else { newer };
        // The copies are whole when the mark behind them was begun.
        let sound = Mutant::MarginalHeader.is_on() || !self.is_blank(self.bank, self.layout.mark(), self.layout.log());
        let header = if self.bank == 0 { first } else { second };
        header.map(|header| Checkpoint { header, sound })
    }

    /// The header of a bank: the first copy, or else the second.
    #[inline(never)]
    pub(super) fn header(&mut self, bank: u32) -> Option<Header> {
        let mut bytes = [0; HEADER];
        [0, HEADER as u32].into_iter().find_map(|copy| {
            self.read(bank, copy, &mut bytes).ok()?;
            Header::decode(&bytes)
        })
    }

    /// Whether the second bank was never written: until the first format is complete it is blank.
    pub(super) fn is_new(&mut self) -> bool {
        self.is_blank(1, 0, self.layout.bank)
    }

    pub(super) fn log_is_blank(&mut self) -> bool {
        self.is_blank(self.bank, self.layout.log(), self.layout.bank)
    }

    pub(super) fn is_blank(&mut self, bank: u32, from: u32, to: u32) -> bool {
        let mut piece = [0; PIECE];
        (from..to)
            .step_by(PIECE)
            .all(|place| self.read(bank, place, &mut piece).is_ok() && piece.iter().all(|&byte| byte == 0xFF))
    }

    /// Reads the checkpoint of the present bank behind its header; false when it is damaged.
    #[inline(never)]
    pub(super) fn load(&mut self, header: &Header) -> bool {
        let (bank, layout) = (self.bank, self.layout);
        let top = top_level(self.identity.bits);
        let mut digest = Crc32::new();
        let mut piece = [0; PIECE];
        let mut good = usize::from(header.faults) <= MAX_FAULTS;
        for place in (layout.faults()..layout.mark()).step_by(PIECE) {
            if self.read(bank, place, &mut piece).is_err() {
                return false;
            }
            digest.update(&piece);
            if place < layout.levels() {
                let have = (place - layout.faults()) as usize / FaultReport::BYTES;
                let more = usize::from(header.faults).saturating_sub(have);
                for report in piece.as_chunks().0.iter().take(more) {
                    let report = FaultReport::from_bytes(*report);
                    good &= report.cell < 2 * layout.cells && self.ledger.faults.push(report).is_ok();
                }
            } else if place < layout.wear() {
                let first = (place - layout.levels()) as usize / 2;
                let levels = self.ledger.levels.get_mut(first..).unwrap_or_default();
                for (level, bytes) in levels.iter_mut().zip(piece.as_chunks().0) {
                    *level = i16::from_le_bytes(*bytes);
                    good &= (-top..=top).contains(level) || Mutant::LevelsUnchecked.is_on();
                }
            } else {
                let counts = piece.as_chunks().0.iter().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
                self.ledger.writes += counts.sum::<u64>();
            }
        }
        good && (digest.finalize() == header.body_crc || Mutant::BodyCrcSkipped.is_on())
    }

    /// Reads the log: books what it says, but for the last intent, which is in `batch` if its cells may not have been written.
    /// Returns the number of records.
    ///
    /// # Errors
    /// [`OpenError::Rotten`].
    #[inline(never)]
    pub(super) fn replay(&mut self, batch: &mut Batch) -> Result<u32, OpenError> {
        batch.clear();
        let mut records = 0;
        let mut record = [0; MAX_RECORD];
        while let Some(prefix) = self.record(self.tail, &mut record)? {
            let rotten = OpenError::Rotten { at: self.base(self.bank) + self.tail };
            if Mutant::ReadTwice.is_on() {
                let at = self.base(self.bank) + self.tail;
                let len = (PREFIX + prefix.len).next_multiple_of(F::WRITE_SIZE);
                let _ = self.flash.read(at, record.get_mut(..len).unwrap_or_default());
            }
            self.replay_record(&prefix, &record, batch).ok_or(rotten)?;
            records += 1;
            self.tail += (PREFIX + prefix.len).next_multiple_of(F::WRITE_SIZE) as u32;
        }
        // The power fails in the last record that is written: what is whole behind its place was written after it.
        if !Mutant::RotOverlooked.is_on() && self.is_followed(&mut record) {
            return Err(OpenError::Rotten { at: self.base(self.bank) + self.tail });
        }
        Ok(records)
    }

    /// Books a record; `None` when it says what cannot be, though it is whole.
    #[inline(never)]
    fn replay_record(&mut self, prefix: &Prefix, record: &[u8; MAX_RECORD], batch: &mut Batch) -> Option<()> {
        let payload = record.get(PREFIX..).unwrap_or_default();
        match prefix.kind {
            Kind::Intent => {
                self.ledger.book_all(batch);
                batch.take_over(record, prefix);
                if !self.lies_inside(batch) && !Mutant::CellsUnchecked.is_on() {
                    batch.clear();
                    return None;
                }
                self.reaches(batch.place());
            }
            Kind::Correct => self.count_corrections(batch, PcmSet::from_bytes(take(payload, 0))),
            Kind::Fault => {
                let report = FaultReport::from_bytes(take(payload, 0));
                if report.cell >= 2 * self.layout.cells {
                    return None;
                }
                self.ledger.faults.push(report).ok()?;
            }
            Kind::Done | Kind::Key => {
                self.ledger.book_all(batch);
                let resume =
                    (prefix.kind == Kind::Key).then(|| ResumePoint::decode(payload.get(8..).unwrap_or_default()));
                let ended = prefix.kind == Kind::Done && u32_at(payload, 4) != 0;
                self.frame_is_done(&FrameEnd { frames: u32_at(payload, 0), ended, key: resume });
            }
            Kind::Start => {
                self.ledger.book_all(batch);
                self.begin(take(payload, 0), u32_at(payload, 16));
            }
            Kind::SetKey => {
                self.ledger.book_all(batch);
                self.ledger.key = Some(take(payload, 0));
            }
            Kind::Halt => self.ledger.halted = Some(u32_at(payload, 0)),
            Kind::Mark => {}
        }
        Some(())
    }

    /// The record at `place` of the present bank, if a whole one is there: each word of it is read once.
    #[inline(never)]
    fn record(&mut self, place: u32, record: &mut [u8; MAX_RECORD]) -> Result<Option<Prefix>, OpenError> {
        let base = self.base(self.bank);
        let left = self.layout.bank.saturating_sub(place) as usize;
        let unit = head(F::WRITE_SIZE);
        let Some(first) = record.get_mut(..unit).filter(|_| unit <= left) else { return Ok(None) };
        if self.flash.read(base + place, first).is_err() {
            return torn(base + place);
        }
        let Some(prefix) = Prefix::decode(first) else { return Ok(None) };
        let end = PREFIX + prefix.len;
        let padded = end.next_multiple_of(F::WRITE_SIZE);
        let Some(rest) = record.get_mut(unit..padded).filter(|_| padded <= left) else { return Ok(None) };
        if !rest.is_empty() && self.flash.read(base + place + unit as u32, rest).is_err() {
            return torn(base + place);
        }
        let mut sum = digest(self.generation, place, record.get(..4).unwrap_or_default());
        sum.update(record.get(PREFIX..end).unwrap_or_default());
        Ok((sum.finalize() == prefix.crc || Mutant::CrcSkipped.is_on()).then_some(prefix))
    }

    /// Whether a whole record lies anywhere behind the end of the log.
    fn is_followed(&mut self, record: &mut [u8; MAX_RECORD]) -> bool {
        let mut place = self.tail;
        while place < self.layout.bank {
            if place.is_multiple_of(PIECE as u32) && self.is_blank(self.bank, place, place + PIECE as u32) {
                place += PIECE as u32;
                continue;
            }
            if place > self.tail && matches!(self.record(place, record), Ok(Some(_))) {
                return true;
            }
            place += F::WRITE_SIZE as u32;
        }
        false
    }

    /// Whether all cells and levels of a batch are those of the core.
    fn lies_inside(&self, batch: &Batch) -> bool {
        let top = top_level(self.identity.bits);
        (0..batch.len())
            .all(|i| batch.get(i).is_some_and(|(cell, level)| cell < self.layout.cells && level.abs() <= top))
    }
}
