//! Reading the journal after power-up: the newer checkpoint, and the log behind it.

use embedded_storage::nor_flash::NorFlash;

use super::bytes::{take, u32_at};
use super::layout::{HEADER, Header, PIECE};
use super::record::{Batch, Kind, PREFIX, PcmSet, Prefix, digest};
use super::{Journal, MAX_FAULTS, OpenError};
use crate::crc32::Crc32;
use crate::link::messages::FaultReport;
use crate::mutants::Mutant;
use crate::pcm::top_level;
use crate::photonic_core::{FrameEnd, ResumePoint};

impl<F: NorFlash> Journal<'_, F> {
    /// The header of the newer of the banks that have a whole one, which is the present bank from then on.
    #[inline(never)]
    pub(super) fn newer_header(&mut self) -> Result<Option<Header>, OpenError<F::Error>> {
        let generation = self.header(0)?.map(|header| header.generation);
        let second = self.header(1)?;
        self.bank = match (generation, &second) {
            (Some(a), Some(b)) => u32::from((b.generation.wrapping_sub(a) as i32) > 0),
            (_, second) => u32::from(second.is_some()),
        };
        if self.bank == 1 { Ok(second) } else { self.header(0) }
    }

    #[inline(never)]
    fn header(&mut self, bank: u32) -> Result<Option<Header>, OpenError<F::Error>> {
        let mut bytes = [0; HEADER];
        self.read(bank, 0, &mut bytes).map_err(OpenError::Flash)?;
        Header::decode(&bytes, &self.identity)
    }

    /// Whether the second bank was never written: until the first format is complete it is blank.
    pub(super) fn is_new(&mut self) -> Result<bool, F::Error> {
        self.is_blank(1, 0, self.layout.bank)
    }

    pub(super) fn log_is_blank(&mut self) -> Result<bool, F::Error> {
        self.is_blank(self.bank, self.layout.log(), self.layout.bank)
    }

    fn is_blank(&mut self, bank: u32, from: u32, to: u32) -> Result<bool, F::Error> {
        let mut piece = [0; PIECE];
        for place in (from..to).step_by(PIECE) {
            self.read(bank, place, &mut piece)?;
            if piece.iter().any(|&byte| byte != 0xFF) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the checkpoint of the present bank behind its header; false when it is damaged.
    #[inline(never)]
    pub(super) fn load(&mut self, header: &Header) -> Result<bool, F::Error> {
        let (bank, layout) = (self.bank, self.layout);
        let top = top_level(self.identity.bits);
        let mut digest = Crc32::new();
        let mut piece = [0; PIECE];
        let mut good = usize::from(header.faults) <= MAX_FAULTS;
        for place in (layout.faults()..layout.log()).step_by(PIECE) {
            self.read(bank, place, &mut piece)?;
            digest.update(&piece);
            if place < layout.levels() {
                let have = (place - layout.faults()) as usize / FaultReport::BYTES;
                let more = usize::from(header.faults).saturating_sub(have);
                for report in piece.as_chunks().0.iter().take(more) {
                    good &= self.ledger.faults.push(FaultReport::from_bytes(*report)).is_ok();
                }
            } else if place < layout.wear() {
                let first = (place - layout.levels()) as usize / 2;
                let levels = self.ledger.levels.get_mut(first..).unwrap_or_default();
                for (level, bytes) in levels.iter_mut().zip(piece.as_chunks().0) {
                    *level = i16::from_le_bytes(*bytes);
                    good &= (-top..=top).contains(level);
                }
            } else {
                let counts = piece.as_chunks().0.iter().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
                self.ledger.writes += counts.sum::<u64>();
            }
        }
        Ok(good && digest.finalize() == header.body_crc)
    }

    /// Reads the log: books what it says, but for the last intent, which is in `batch` if its cells may not have been written.
    /// Returns the number of records.
    #[inline(never)]
    pub(super) fn replay(&mut self, batch: &mut Batch) -> Result<u32, F::Error> {
        batch.clear();
        let mut records = 0;
        let mut piece = [0; PIECE];
        loop {
            let left = self.layout.bank.saturating_sub(self.tail) as usize;
            let Some(head) = piece.get_mut(..left.min(PIECE)) else { return Ok(records) };
            let (bank, tail) = (self.bank, self.tail);
            self.read(bank, tail, head)?;
            let Some(prefix) = Prefix::decode(head).filter(|p| PREFIX + p.len <= left) else {
                return Ok(records);
            };
            if !self.mutant.is(Mutant::CrcSkipped) && !self.is_whole(&prefix)? {
                return Ok(records);
            }
            let payload = piece.get(PREFIX..).unwrap_or_default();
            match prefix.kind {
                Kind::Intent => {
                    self.ledger.book_all(batch);
                    let len = (PREFIX + prefix.len).next_multiple_of(F::WRITE_SIZE);
                    let at = self.base(bank) + tail;
                    self.flash.read(at, batch.record().0.get_mut(..len).unwrap_or_default())?;
                    batch.take_over(prefix.len, prefix.redone);
                    if !self.lies_inside(batch) {
                        batch.clear();
                        return Ok(records);
                    }
                    let (_, calls) = batch.place();
                    if let Some(place) = &mut self.ledger.place {
                        place.calls = calls;
                    }
                }
                Kind::Correct => self.count_corrections(batch, PcmSet::from_bytes(take(payload, 0))),
                // Full: a live device stops before that.
                Kind::Fault => drop(self.ledger.faults.push(FaultReport::from_bytes(take(payload, 0)))),
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
            }
            records += 1;
            self.tail += (PREFIX + prefix.len).next_multiple_of(F::WRITE_SIZE) as u32;
        }
    }

    /// Whether the CRC of the record at the tail is right.
    fn is_whole(&mut self, prefix: &Prefix) -> Result<bool, F::Error> {
        let (bank, tail) = (self.bank, self.tail);
        let mut sum: Option<Crc32> = None;
        let mut piece = [0; PIECE];
        let end = PREFIX + prefix.len;
        let mut at = 0;
        while at < end {
            let len = (end - at).next_multiple_of(F::WRITE_SIZE).min(PIECE);
            let bytes = piece.get_mut(..len).unwrap_or_default();
            self.read(bank, tail + at as u32, bytes)?;
            let used = bytes.get(..len.min(end - at)).unwrap_or_default();
            match &mut sum {
                None => {
                    let mut first = digest(self.generation, tail, used.get(..4).unwrap_or_default());
                    first.update(used.get(PREFIX..).unwrap_or_default());
                    sum = Some(first);
                }
                Some(sum) => sum.update(used),
            }
            at += len;
        }
        Ok(sum.is_some_and(|sum| sum.finalize() == prefix.crc))
    }

    /// Whether all cells and levels of a batch are those of the core.
    fn lies_inside(&self, batch: &Batch) -> bool {
        let top = top_level(self.identity.bits);
        (0..batch.len())
            .all(|i| batch.get(i).is_some_and(|(cell, level)| cell < self.layout.cells && level.abs() <= top))
    }
}
