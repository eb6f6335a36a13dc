//! What survives a power cut: levels, wear, faults, and how far the schedule is, in flash.
//!
//! Flash is cut into two banks. One holds a checkpoint (everything, at one moment) and behind it the log (what happened since);
//! when its log is full, a new checkpoint goes into the other bank, whose header, written last, makes it the newer one. An *intent*
//! is logged before its cells are written and holds their absolute new levels. Any later record shows that all cells of the
//! intent before it were written. So after a power cut the levels are those of the checkpoint and all intents, and only the cells of the
//! last one may have to be written again.
//!
//! The bank is our own because sequential-storage, which was looked at, is asynchronous, keeps items below a page, and finds its last item by
//! searching: this log only appends, and is read once, at the start. The files `layout.rs` and `record.rs` draw it, as does `docs/controller.md`.

mod bytes;

mod layout;

mod ledger;

mod place;

mod read;

mod record;

pub use layout::{MAX_FAULTS, OpenError};
pub(crate) use ledger::Ledger;
pub use place::Place;
pub(crate) use record::{BATCH, Batch, PcmSet};

use embedded_storage::nor_flash::NorFlash;

use self::bytes::{are_same, put, u32_at};
use self::layout::{HEADER, Header, Layout, PIECE};
use self::record::{Kind, MAX_RECORD, PREFIX, complete};
use crate::crc32::Crc32;
use crate::link::messages::{FaultReport, KEY, ScheduleId};
use crate::mutants::Mutant;
use crate::photonic_core::{FrameEnd, Identity};

/// Most tries of program and verify: their records have to find room behind an intent.
pub(crate) const MAX_TRIES: u8 = 16;
/// Room in the log that an intent asks for: itself, its corrections, fault reports, a halt, a start, and the end of its frame with its mark.
const RESERVE: u32 = (MAX_RECORD + (MAX_TRIES as usize + MAX_FAULTS + 5) * PIECE) as u32;

/// What was found.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A new flash: it was formatted, all levels 0.
    New,
    /// A checkpoint and this many records.
    Records(u32),
}

/// The flash failed, or did not keep what was written to it: `Journal::flaw` says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flawed;

/// What a checkpoint takes over of the writes that the bank before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// All of them.
    Counted,
    /// Those that can be read.
    Readable,
    /// Nothing.
    Nothing,
}

/// The journal: the ledger and its flash.
pub(crate) struct Journal<'m, F> {
    flash: F,
    identity: Identity,
    layout: Layout,
    /// 0 or 1: which bank is the newer.
    bank: u32,
    generation: u32,
    /// Where the next record goes, in the bank.
    tail: u32,
    /// Place of the last failure.
    flaw: u32,
    /// The inference that was started, until something of it is carried out.
    pending: Option<(ScheduleId, u32)>,
    /// Frames of the present inference whose end is logged and guarded.
    acknowledged: u32,
    /// Whether a header was read, so that it is known whether there is a key.
    is_known: bool,
    pub(crate) ledger: Ledger<'m>,
}

impl<'m, F: NorFlash> Journal<'m, F> {
    const GEOMETRY_IS_FIT: bool = F::ERASE_SIZE > 0
        && F::ERASE_SIZE.is_multiple_of(PIECE)
        && F::WRITE_SIZE > 0
        && PIECE.is_multiple_of(F::WRITE_SIZE)
        && F::READ_SIZE > 0
        && F::WRITE_SIZE.is_multiple_of(F::READ_SIZE);

    /// The journal in `flash`, not read yet: [`Journal::open`] is the first thing to be asked of it.
    pub(crate) fn new(flash: F, identity: Identity, ledger: Ledger<'m>) -> Self {
        Self {
            flash,
            identity,
            layout: Layout::default(),
            bank: 0,
            generation: 0,
            tail: 0,
            flaw: 0,
            pending: None,
            acknowledged: 0,
            is_known: false,
            ledger,
        }
    }

    /// Reads the journal, or makes it where the flash is new. What of it is to be carried out again is in `batch` then,
    /// logged anew; the ledger does not know of it yet.
    pub(crate) fn open(&mut self, batch: &mut Batch) -> Result<Found, OpenError> {
        if self.is_volatile() {
            self.is_known = true;
            return Ok(Found::New);
        }
        self.layout = Layout::new(self.ledger.levels.len(), self.flash.capacity(), F::ERASE_SIZE)
            .filter(|_| Self::GEOMETRY_IS_FIT)
            .ok_or(OpenError::Geometry)?;
        self.tail = self.layout.log();
        let Some(checkpoint) = self.choose() else {
            if !self.is_new() {
                return Err(OpenError::Corrupt);
            }
            self.is_known = true;
            self.create().map_err(|Flawed| self.flash_error())?;
            return Ok(Found::New);
        };
        let header = &checkpoint.header;
        self.is_known = true;
        self.generation = header.generation;
        (self.ledger.place, self.ledger.key) = (header.place, header.key);
        (self.ledger.next, self.ledger.halted, self.ledger.corrections) =
            (header.next, header.halted, header.corrections);
        if header.core != self.identity {
            self.ledger.halted = None;
            return Err(OpenError::OtherCore);
        }
        let whole = self.load(header);
        // Of a damaged one key and counted inferences are wanted all the same.
        let records = self.replay(batch)?;
        self.acknowledged = self.ledger.place.map_or(0, |place| place.frames);
        if !whole {
            return Err(OpenError::Corrupt);
        }
        if Mutant::NoRedo.is_on() || self.ledger.halted.is_some() && !Mutant::HaltForgotten.is_on() {
            self.ledger.book_all(batch);
        }
        if records > 0 || !checkpoint.sound || !self.log_is_blank() {
            // A torn record may lie behind the last one: go on in the other bank.
            batch.interrupted();
            self.checkpoint(Some(batch)).map_err(|Flawed| self.flash_error())?;
        }
        Ok(Found::Records(records))
    }

    /// Makes the flash of `flash` new: erases both banks. All that was known of the core is lost.
    pub(crate) fn erase(flash: &mut F) -> Result<(), F::Error> {
        let end = flash.capacity() / F::ERASE_SIZE.max(1) * F::ERASE_SIZE;
        flash.erase(0, end as u32)
    }

    /// Begins anew for a core whose cells are all at level 0: key and counted inferences stay, and the writes if `keep_wear` says so, as far as
    /// they can be read. `batch` is worked with.
    #[inline(never)]
    pub(crate) fn begin_anew(&mut self, keep_wear: bool, batch: &mut Batch) -> Result<(), Flawed> {
        let keep = keep_wear && !Mutant::WearForgotten.is_on();
        let before = if keep { self.salvage(batch) } else { Before::Nothing };
        if before != Before::Counted {
            self.ledger.wear.fill([0; 2]);
        }
        self.pending = None;
        self.ledger.forget();
        self.write_checkpoint(None, before)?;
        self.write_checkpoint(None, Before::Counted)?;
        self.ledger.writes = if self.is_volatile() { 0 } else { self.count()? };
        Ok(())
    }

    /// Finds the writes of a journal that is damaged: the newer checkpoint that is whole, and of its log what comes before any damage. They
    /// are in the ledger and in the bank that is the present one then.
    fn salvage(&mut self, batch: &mut Batch) -> Before {
        if self.is_volatile() {
            return Before::Counted;
        }
        let (bank, generation) = (self.bank, self.generation);
        let (key, next) = (self.ledger.key, self.ledger.next);
        let mut found = Before::Nothing;
        for source in [bank, 1 - bank] {
            let Some(header) = self.header(source) else { continue };
            if (header.core.rows, header.core.cols) != (self.identity.rows, self.identity.cols) {
                continue;
            }
            self.ledger.forget();
            self.ledger.wear.fill([0; 2]);
            (self.bank, self.generation, self.tail) = (source, header.generation, self.layout.log());
            if self.load(&header) {
                // What cannot be read any more is what is lost.
                let _ = self.replay(batch);
                self.ledger.book_all(batch);
                found = Before::Counted;
                break;
            }
            found = Before::Readable;
        }
        if found != Before::Counted {
            self.bank = bank;
        }
        self.generation = generation;
        (self.ledger.key, self.ledger.next) = (key, next);
        found
    }

    /// Whether nothing is kept: there is no flash.
    #[inline]
    pub(crate) fn is_volatile(&self) -> bool {
        self.flash.capacity() == 0
    }

    fn flash_error(&self) -> OpenError {
        OpenError::Flash { at: self.flaw }
    }

    /// Place of the last failure of the flash.
    pub(crate) const fn flaw(&self) -> u32 {
        self.flaw
    }

    /// Whether it is known if there is a key.
    pub(crate) const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Bytes of the log of one bank.
    pub(crate) const fn log_bytes(&self) -> u32 {
        self.layout.bank.saturating_sub(self.layout.log())
    }

    /// Generations of the checkpoint.
    pub(crate) const fn checkpoints(&self) -> u32 {
        self.generation
    }

    /// The inference that was started, as long as nothing of it is carried out.
    pub(crate) const fn pending(&self) -> Option<(ScheduleId, u32)> {
        self.pending
    }

    /// Gives the flash back.
    pub(crate) fn into_flash(self) -> F {
        self.flash
    }

    fn base(&self, bank: u32) -> u32 {
        bank * self.layout.bank
    }

    fn read(&mut self, bank: u32, place: u32, to: &mut [u8]) -> Result<(), Flawed> {
        let at = self.base(bank) + place;
        self.flash.read(at, to).map_err(|_| self.fails(at))
    }

    /// Notes where the flash failed.
    #[cold]
    fn fails(&mut self, at: u32) -> Flawed {
        self.flaw = at;
        Flawed
    }

    /// Both banks get a checkpoint of a new core, the first bank first: as long as the second is blank, the flash is new.
    fn create(&mut self) -> Result<(), Flawed> {
        self.bank = 1;
        self.write_checkpoint(None, Before::Nothing)?;
        self.write_checkpoint(None, Before::Nothing)
    }

    /// All writes that the present checkpoint counts.
    fn count(&mut self) -> Result<u64, Flawed> {
        let mut piece = [0; PIECE];
        let mut sum = 0;
        for place in (self.layout.wear()..self.layout.mark()).step_by(PIECE) {
            let bank = self.bank;
            self.read(bank, place, &mut piece)?;
            sum += piece.as_chunks().0.iter().map(|count| u64::from(u32::from_le_bytes(*count))).sum::<u64>();
        }
        Ok(sum)
    }

    fn count_corrections(&mut self, batch: &Batch, cells: PcmSet) {
        for i in 0..batch.len() {
            let Some((cell, _)) = batch.get(i) else { return };
            for side in 0..2 {
                if cells.contains(i, side) {
                    self.ledger.corrections += 1;
                    self.ledger.count(cell, side, 1);
                }
            }
        }
    }

    fn begin(&mut self, schedule: ScheduleId, inference: u32) {
        self.ledger.place = Some(Place { schedule, inference, frames: 0, calls: 0, ended: false, resume: None });
        self.ledger.next = inference.wrapping_add(1);
        self.acknowledged = 0;
    }

    fn frame_is_done(&mut self, end: &FrameEnd) {
        if let Some(place) = &mut self.ledger.place {
            place.frames = end.frames;
            place.calls = 0;
            place.ended = end.ended;
            place.resume = end.key.or(place.resume);
        }
    }

    /// Logs that the cells of `batch` are going to be written.
    pub(crate) fn intend(&mut self, batch: &mut Batch) -> Result<(), Flawed> {
        self.make_room()?;
        let ((frame, calls), redone) = (batch.place(), batch.redone());
        let (record, len) = batch.record();
        let padded = complete(record, (len, Kind::Intent, redone), self.generation, self.tail, F::WRITE_SIZE);
        self.write(record.get(..padded).unwrap_or_default())?;
        self.reaches((frame, calls));
        Ok(())
    }

    /// The intent of a batch shows that everything before its frame is carried out.
    fn reaches(&mut self, (frame, calls): (u32, u32)) {
        if let Some(place) = &mut self.ledger.place {
            (place.frames, place.calls) = (frame, calls);
        }
    }

    /// Books the levels of `batch`; returns its PCM cells that move, without those that were reported.
    pub(crate) fn book(&mut self, batch: &Batch, again: bool) -> PcmSet {
        let redone = if again { batch.redone() } else { 0 };
        let some_faulty = !self.ledger.faults.is_empty();
        let mut moving = PcmSet::default();
        for i in 0..batch.len() {
            let Some((cell, level)) = batch.get(i) else { break };
            let mut moves = self.ledger.book(cell, level, redone);
            if some_faulty {
                moves &= !(u32::from(self.ledger.is_faulty(cell, 0)) | u32::from(self.ledger.is_faulty(cell, 1)) << 1);
            }
            moving.insert_sides(i, moves);
        }
        moving
    }

    /// Logs that these PCM cells of the last intent are going to be written once more, and counts it.
    pub(crate) fn correct(&mut self, batch: &Batch, cells: PcmSet) -> Result<(), Flawed> {
        self.append(Kind::Correct, &cells.to_bytes())?;
        self.count_corrections(batch, cells);
        Ok(())
    }

    /// Logs a fault; false when there is no room for more of them, which is logged, too.
    pub(crate) fn report(&mut self, fault: FaultReport) -> Result<bool, Flawed> {
        if self.ledger.faults.push(fault).is_ok() {
            return self.append(Kind::Fault, &fault.to_bytes()).map(|()| true);
        }
        self.ledger.halted = Some(fault.cell);
        let mut payload = [0; 8];
        put(&mut payload, 0, &fault.cell.to_le_bytes());
        self.append(Kind::Halt, &payload).map(|()| false)
    }

    /// Whether the end of a frame is logged.
    #[inline]
    pub(crate) const fn logs(&self, end: &FrameEnd) -> bool {
        end.key.is_some() || end.ended || self.pending.is_some()
    }

    /// A frame is carried out, all of its cells included. That is logged where a host can go on: at the start, at each tile row, and at the end. In
    /// between, the intents say how far it is. Whether it was logged.
    pub(crate) fn end_frame(&mut self, end: &FrameEnd) -> Result<bool, Flawed> {
        if !self.logs(end) {
            if Mutant::AcknowledgedTooEarly.is_on() {
                self.acknowledged = end.frames;
            }
            return Ok(false);
        }
        self.make_room()?;
        if let Some((schedule, inference)) = self.pending {
            self.log_start(schedule, inference)?;
        }
        if let Some(key) = &end.key {
            let mut payload = [0; 56];
            put(&mut payload, 0, &end.frames.to_le_bytes());
            put(&mut payload, 8, &key.encode());
            self.append(Kind::Key, &payload)?;
        } else {
            let mut payload = [0; 8];
            put(&mut payload, 0, &end.frames.to_le_bytes());
            put(&mut payload, 4, &u32::from(end.ended).to_le_bytes());
            self.append(Kind::Done, &payload)?;
        }
        self.mark()?;
        self.frame_is_done(end);
        self.acknowledged = end.frames;
        Ok(true)
    }

    /// Frames of the present inference that are carried out, logged and guarded.
    pub(crate) const fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    /// An inference begins: it is logged when its first frame is carried out, so that starts alone cost nothing.
    pub(crate) fn start(&mut self, inference: Option<(ScheduleId, u32)>) -> Result<(), Flawed> {
        self.pending = inference;
        match inference {
            Some((schedule, number)) if Mutant::StartLogged.is_on() => {
                self.make_room()?;
                self.log_start(schedule, number)
            }
            _ => Ok(()),
        }
    }

    fn log_start(&mut self, schedule: ScheduleId, inference: u32) -> Result<(), Flawed> {
        let mut payload = [0; 20];
        put(&mut payload, 0, &schedule);
        put(&mut payload, 16, &inference.to_le_bytes());
        self.append(Kind::Start, &payload)?;
        self.begin(schedule, inference);
        self.pending = None;
        Ok(())
    }

    /// Logs the key.
    pub(crate) fn set_key(&mut self, key: [u8; KEY]) -> Result<(), Flawed> {
        self.make_room()?;
        self.append(Kind::SetKey, &key)?;
        self.mark()?;
        self.ledger.key = Some(key);
        Ok(())
    }

    /// A checkpoint, when the log or a wear counter is nearly full. Called only between batches.
    #[inline]
    fn make_room(&mut self) -> Result<(), Flawed> {
        let reserve = if Mutant::NoReserve.is_on() { 2 * PIECE as u32 } else { RESERVE };
        if self.ledger.worn || self.tail + reserve > self.layout.bank {
            self.checkpoint(None)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn append(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Flawed> {
        // All kinds but intents fit one piece.
        let mut record = [0; PIECE];
        put(&mut record, PREFIX, payload);
        let padded = complete(&mut record, (payload.len(), kind, 0), self.generation, self.tail, F::WRITE_SIZE);
        self.write(record.get(..padded).unwrap_or_default())
    }

    /// Guards what is acknowledged next.
    fn mark(&mut self) -> Result<(), Flawed> {
        if Mutant::NoMark.is_on() { Ok(()) } else { self.append(Kind::Mark, &[]) }
    }

    /// Writes a record at the tail.
    fn write(&mut self, record: &[u8]) -> Result<(), Flawed> {
        if self.is_volatile() {
            return Ok(());
        }
        self.put(self.base(self.bank) + self.tail, record)?;
        self.tail += record.len() as u32;
        Ok(())
    }

    /// Writes to the flash, and reads back what must last.
    #[inline(never)]
    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), Flawed> {
        if self.flash.write(at, bytes).is_err() {
            return Err(self.fails(at));
        }
        if Mutant::NotReadBack.is_on() {
            return Ok(());
        }
        let mut piece = [0; PIECE];
        let mut at = at;
        for part in bytes.chunks(PIECE) {
            let Some(back) = piece.get_mut(..part.len()) else { break };
            if self.flash.read(at, back).is_err() || !are_same(back, part) {
                return Err(self.fails(at));
            }
            at += part.len() as u32;
        }
        Ok(())
    }

    /// Everything goes to the other bank, which is the newer from then on. `batch` becomes the first record of its log.
    #[inline(never)]
    fn checkpoint(&mut self, batch: Option<&mut Batch>) -> Result<(), Flawed> {
        self.write_checkpoint(batch, Before::Counted)
    }

    fn write_checkpoint(&mut self, mut batch: Option<&mut Batch>, before: Before) -> Result<(), Flawed> {
        if self.is_volatile() {
            self.ledger.worn = false;
            return Ok(());
        }
        let layout = self.layout;
        let other = 1 - self.bank;
        let base = self.base(other);
        let generation = self.generation.wrapping_add(1);
        let header_first = Mutant::HeaderFirst.is_on();
        if self.flash.erase(base, base + layout.bank).is_err() {
            return Err(self.fails(base));
        }
        let mut piece = [0; PIECE];
        if header_first {
            let mut digest = Crc32::new();
            for place in (layout.faults()..layout.mark()).step_by(PIECE) {
                self.piece(place, before, &mut piece)?;
                digest.update(&piece);
            }
            self.write_header(base, generation, digest.finalize())?;
        }
        let mut digest = Crc32::new();
        for place in (layout.faults()..layout.mark()).step_by(PIECE) {
            self.piece(place, before, &mut piece)?;
            digest.update(&piece);
            self.put(base + place, &piece)?;
        }
        if Mutant::RedoNotLogged.is_on() {
            batch = None;
        }
        let mut tail = layout.log();
        if let Some(batch) = batch.filter(|batch| !batch.is_empty()) {
            let redone = batch.redone();
            let (record, len) = batch.record();
            let padded = complete(record, (len, Kind::Intent, redone), generation, tail, F::WRITE_SIZE);
            self.put(base + tail, record.get(..padded).unwrap_or_default())?;
            tail += padded as u32;
        }
        if !header_first {
            self.write_header(base, generation, digest.finalize())?;
        }
        self.put(base + layout.mark(), [0; PIECE].get(..F::WRITE_SIZE).unwrap_or_default())?;
        (self.bank, self.generation, self.tail) = (other, generation, tail);
        self.ledger.wear.fill([0; 2]);
        self.ledger.worn = false;
        Ok(())
    }

    /// Both copies of the header of a checkpoint whose rest is written.
    #[inline(never)]
    fn write_header(&mut self, base: u32, generation: u32, body_crc: u32) -> Result<(), Flawed> {
        let header = Header {
            core: self.identity,
            generation,
            faults: self.ledger.faults.len() as u16,
            body_crc,
            place: self.ledger.place.as_ref(),
            key: self.ledger.key.as_ref(),
            next: self.ledger.next,
            halted: self.ledger.halted,
            corrections: self.ledger.corrections,
        };
        let mut bytes = [0; HEADER];
        header.encode(&mut bytes);
        self.put(base, &bytes)?;
        self.put(base + HEADER as u32, &bytes)
    }

    /// The piece of a new checkpoint that lies at `place`.
    #[inline(never)]
    fn piece(&mut self, place: u32, before: Before, piece: &mut [u8; PIECE]) -> Result<(), Flawed> {
        let layout = self.layout;
        piece.fill(0);
        if place < layout.levels() {
            let first = (place - layout.faults()) as usize / FaultReport::BYTES;
            for (bytes, fault) in piece.as_chunks_mut().0.iter_mut().zip(self.ledger.faults.iter().skip(first)) {
                *bytes = fault.to_bytes();
            }
        } else if place < layout.wear() {
            let first = (place - layout.levels()) as usize / 2;
            let levels = self.ledger.levels.get(first..).unwrap_or_default();
            for (bytes, level) in piece.as_chunks_mut().0.iter_mut().zip(levels) {
                *bytes = level.to_le_bytes();
            }
        } else {
            let bank = self.bank;
            match before {
                Before::Counted => self.read(bank, place, piece)?,
                Before::Readable if self.read(bank, place, piece).is_err() => piece.fill(0),
                Before::Readable | Before::Nothing => {}
            }
            let first = (place - layout.wear()) as usize / 8;
            let counts = self.ledger.wear.get(first..).unwrap_or_default().as_flattened();
            for (bytes, count) in piece.as_chunks_mut().0.iter_mut().zip(counts) {
                *bytes = u32::from_le_bytes(*bytes).saturating_add(u32::from(*count)).to_le_bytes();
            }
        }
        Ok(())
    }

    /// Writes of PCM cells `first..`, as many as `to` has room for; returns how many.
    pub(crate) fn wear(&mut self, first: u32, to: &mut [[u8; 4]]) -> Result<usize, Flawed> {
        let mut piece = [0; PIECE];
        let mut held = None;
        let mut done = 0;
        for bytes in to {
            let cell = first as usize + done;
            let Some(count) = self.ledger.wear.as_flattened().get(cell).copied() else { break };
            let place = self.layout.wear() + (cell * 4 / PIECE * PIECE) as u32;
            if held != Some(place) && !self.is_volatile() {
                let bank = self.bank;
                self.read(bank, place, &mut piece)?;
                held = Some(place);
            }
            *bytes = u32_at(&piece, cell * 4 % PIECE).saturating_add(u32::from(count)).to_le_bytes();
            done += 1;
        }
        Ok(done)
    }
}
