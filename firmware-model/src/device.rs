//! The device: a controller, its core, and its journal, as one machine that takes orders.
//!
//! ```text
//!            start            data (last frame)
//!   Idle  ---------> Running -----------------> Over(Ended)
//!    ^ ^               |  ^                        | start
//!    | | power         |  '------------------------'
//!    | |               | refused, malformed, unauthenticated        start
//!    | |               |--------------------------------> Over(Failed) -> Running
//!    | |               | core or flash failed
//!    | '---------------'------------------------------->  Halted
//!    |   format, or cells renewed that were astray           |
//!    '-------------------------------------------------------'
//! ```
//!
//! A state carries its data: packets can only reach the controller through `Running`, whose run and packet number they must have. A device
//! whose journal cannot be used, or whose cells are not what it says, is halted from the start: the host is told why, can ask, and can give
//! the orders that lead out.

use embedded_storage::nor_flash::NorFlash;

use crate::controller::Controller;
use crate::crc32::Crc32;
use crate::error::{Error, Refusal};
use crate::hardware::{Hardware, Profile};
use crate::journal::{Flawed, Journal, Ledger, MAX_FAULTS, MAX_TRIES, OpenError};
use crate::link::messages::{
    Ack, Damage, Failure, FaultReport, Hello, KEY, Order, Position, Refused, RunState, SCHEMA, ScheduleId, Start,
    Started, Status, TAG,
};
use crate::mutants::Mutant;
use crate::photonic_core::device_crc;
use crate::programmer::Programmer;
pub use crate::programmer::{OpenFault, ProgramFault};
use crate::seal::{Orders, Seal, same};
use crate::trace::{Event, Trace};
use crate::wire::MAGIC;

/// What a device is lent.
pub struct Memory<'m> {
    /// For the decoder: as many bytes as the schedules ask for ([`crate::wire::Header::working_memory`]).
    pub decoder: &'m mut [u8],
    /// Signed level of each weight cell: R x C.
    pub levels: &'m mut [i16],
    /// Writes since the last checkpoint: R x C.
    pub wear: &'m mut [[u16; 2]],
    /// Outputs of a step: R, or none, then they cannot be asked for.
    pub outputs: &'m mut [i64],
}

/// What the device is about.
enum State {
    /// Nothing was started since power-up.
    Idle,
    /// A run takes data.
    Running(Run),
    /// A run is over, well or not.
    Over { run: Run, end: RunState },
    /// The core, the flash or the journal failed: what is logged and what the cells hold may differ.
    Halted(Failure),
}

/// PCM cells that one question reads back at most.
pub const AUDIT: u32 = 64;

/// One run.
#[derive(Clone, Copy)]
struct Run {
    start: Start,
    began: Started,
    /// The data packet that comes next.
    next: u32,
}

/// A device.
pub struct Device<'m, H: Hardware, F: NorFlash, T: Trace> {
    controller: Controller<'m, Programmer<'m, H, F, T>>,
    profile: Profile<'m>,
    decoder_memory: u32,
    state: State,
    /// Number of the last order that was carried out: asked for again, it is.
    order: Option<u32>,
    /// PCM cell up to which a renewal has come since power-up.
    renewed: u32,
}

impl<'m, H: Hardware, F: NorFlash, T: Trace> Device<'m, H, F, T> {
    /// A device as [`Device::closed`], opened.
    ///
    /// # Errors
    /// [`OpenFault`].
    pub fn boot(hardware: H, flash: F, profile: Profile<'m>, memory: Memory<'m>, trace: T) -> Result<Self, OpenFault> {
        let mut device = Self::closed(hardware, flash, profile, memory, trace);
        device.open()?;
        Ok(device)
    }

    /// A device that has read nothing yet and refuses everything, as if its flash had failed, until it is opened. For firmware with a
    /// small stack: it can be put where it stays before anything happens.
    #[inline]
    pub fn closed(hardware: H, flash: F, profile: Profile<'m>, memory: Memory<'m>, trace: T) -> Self {
        let decoder_memory = u32::try_from(memory.decoder.len()).unwrap_or(u32::MAX);
        let ledger = Ledger::new(memory.levels, memory.wear);
        let programmer = Programmer::new(hardware, flash, profile, ledger, memory.outputs, trace);
        let controller = Controller::new(programmer, profile.identity, memory.decoder);
        let state = State::Halted(Failure::Journal(Damage::Build));
        Self { controller, profile, decoder_memory, state, order: None, renewed: 0 }
    }

    /// The same device, which learns of each PCM cell by how much its pulses are to be moved ([`crate::hardware::Pulses::gain`]): `2 R C` numbers,
    /// plus cell, minus cell, beginning with what is known of them.
    #[must_use]
    pub fn with_trims(mut self, trims: &'m mut [i16]) -> Self {
        self.core().lend_trims(trims);
        self
    }

    /// Opens the journal in the flash, or makes it where the flash is new, completes what a power cut interrupted, and reads some cells
    /// back ([`crate::hardware::Verify::spot_check`]). A new flash stands for a core whose cells are all at level 0.
    ///
    /// Where the core fails at that, or its cells are not what the journal says, the device halts: the host can still ask for status, wear and
    /// faults, and give orders.
    ///
    /// # Errors
    /// [`OpenFault`]: the device is halted, too, and tells the host why. Serve it all the same.
    #[inline(never)]
    pub fn open(&mut self) -> Result<(), OpenFault> {
        let opened = self.check_build().and_then(|()| self.core().open().map_err(OpenFault::Journal));
        if let Err(why) = opened {
            self.halt(Failure::Journal(damage(why)));
            return Err(why);
        }
        self.state = State::Idle;
        let frame = self.ledger().place.map_or(0, |place| place.frames);
        if let Some(cell) = self.ledger().halted.filter(|_| !Mutant::HaltForgotten.is_on()) {
            self.halt(Failure::TooManyFaults { frame, cell });
        } else if let Err(fault) = self.core().redo() {
            let failure = self.of_fault(&fault, frame);
            self.halt(failure);
        } else {
            self.spot_check();
        }
        Ok(())
    }

    fn check_build(&self) -> Result<(), OpenFault> {
        let (identity, verify) = (self.profile.identity, self.profile.verify);
        let levels = 1usize.checked_shl(identity.bits.into()).unwrap_or(0);
        if self.profile.transmissions.len() != levels
            || (identity.fanout > 1 && !H::SHARED_INPUTS)
            || !(crate::pcm::MIN_BITS..=crate::pcm::MAX_BITS).contains(&identity.bits)
            || device_crc(self.profile.transmissions) != identity.device_crc
            || !(1..=MAX_TRIES).contains(&verify.tries)
            || !self.profile.tolerances_are_fit()
            || !matches!(self.profile.pulses.levels.len(), count if count == 0 || count == levels)
        {
            return Err(OpenFault::Profile);
        }
        let cells = usize::from(identity.rows) * usize::from(identity.cols);
        if !self.ledger().is_of(cells) || cells > 1 << 20 || !self.controller.core().trims_are_fit() {
            Err(OpenFault::Memory)
        } else {
            Ok(())
        }
    }

    /// Reads some cells back, and halts when any of them is not what the journal says.
    #[inline(never)]
    fn spot_check(&mut self) {
        let (cells, wanted) = (2 * self.ledger().levels.len() as u32, self.profile.verify.spot_check);
        if wanted == 0 || !H::READ_BACK || Mutant::NoSpotCheck.is_on() {
            return;
        }
        let stride = cells.div_ceil(wanted).max(1);
        // Other cells with every checkpoint.
        let first = self.controller.core().checkpoints().checked_rem(stride).unwrap_or(0);
        let (mut wrong, mut cell) = (0, None);
        let looked = self.core().audit((first, stride, wanted), |report| {
            wrong += 1;
            cell = cell.or(Some(report.cell));
        });
        match (looked, cell) {
            (Err(fault), _) => {
                let failure = self.of_fault(&fault, 0);
                self.halt(failure);
            }
            (Ok(_), Some(cell)) => {
                self.halt(Failure::Astray { of: wanted.min(cells), wrong, cell });
            }
            (Ok(_), None) => {}
        }
    }

    /// Reads PCM cells back from `first` on, at most [`AUDIT`], and hands over those that are not what the journal says; returns the next one.
    ///
    /// # Errors
    /// [`Refused::NoReadBack`], [`Refused::Halted`] when the core fails, or nothing is known of it.
    pub fn audit(&mut self, first: u32, wrong: impl FnMut(FaultReport)) -> Result<u32, Refused> {
        self.can_audit()?;
        self.core().audit((first, 1, AUDIT), wrong).map_err(|fault| Refused::Halted(self.of_fault(&fault, 0)))
    }

    const fn can_audit(&self) -> Result<(), Refused> {
        match &self.state {
            _ if !H::READ_BACK => Err(Refused::NoReadBack),
            State::Halted(failure @ Failure::Journal(_)) => Err(Refused::Halted(*failure)),
            _ => Ok(()),
        }
    }

    /// Writes those PCM cells once more that read back wrong, from the even number `first` on, as many as a batch takes; returns the next one.
    ///
    /// # Errors
    /// As [`Device::audit`]; [`Refused::Unauthenticated`].
    #[inline(never)]
    pub fn renew(&mut self, first: u32, order: &Order) -> Result<u32, Refused> {
        self.can_audit()?;
        let checkpoints = self.controller.core().checkpoints();
        self.authenticate(&order.tag, |orders| orders.renew(order.number, checkpoints, first))?;
        if let State::Halted(failure) = &self.state
            && !matches!(failure, Failure::Astray { .. })
        {
            return Err(Refused::Halted(*failure));
        }
        // A frame under way must not lie around what this logs.
        if matches!(self.state, State::Running(_)) {
            self.state = State::Idle;
        }
        let next = self.core().renew(first);
        let next = next.map_err(|fault| {
            let failure = self.of_fault(&fault, 0);
            Refused::Halted(self.halt(failure))
        })?;
        if first <= self.renewed {
            self.renewed = self.renewed.max(next);
        }
        if self.renewed >= 2 * self.ledger().levels.len() as u32 {
            self.renewed = 0;
            if matches!(self.state, State::Halted(_)) {
                self.state = State::Idle;
                self.spot_check();
            }
        }
        Ok(next)
    }

    /// Begins a new journal for a core whose cells are all at level 0. Key and counted inferences stay, and with `keep_wear` the writes, as far as
    /// they can be read. Leads out of every halt but one of a wrong build, geometry, or core that fails.
    ///
    /// # Errors
    /// [`Refused::Unauthenticated`], [`Refused::KeyIsLost`], [`Refused::Halted`].
    #[inline(never)]
    pub fn begin_anew(&mut self, keep_wear: bool, order: &Order) -> Result<(), Refused> {
        if self.order == Some(order.number) {
            return Ok(());
        }
        if let State::Halted(failure @ Failure::Journal(Damage::Build | Damage::Geometry)) = &self.state {
            return Err(Refused::Halted(*failure));
        }
        if !self.core().journal().is_known() {
            return Err(Refused::KeyIsLost);
        }
        let checkpoints = self.controller.core().checkpoints();
        if !Mutant::FormatUntagged.is_on() {
            self.authenticate(&order.tag, |orders| orders.format(order.number, checkpoints, keep_wear))?;
        }
        if let Err(Flawed) = self.core().format(keep_wear) {
            let at = self.core().journal().flaw();
            return Err(Refused::Halted(self.halt(Failure::Flash { frame: 0, at })));
        }
        (self.state, self.order) = (State::Idle, Some(order.number));
        self.spot_check();
        Ok(())
    }

    /// Whether `tag` is the one that the device's key gives; always, where there is no key.
    // In a function of its own: what it needs of the stack is free again when the order is carried out.
    #[inline(never)]
    fn authenticate(&self, tag: &[u8; TAG], own: impl FnOnce(&Orders) -> [u8; TAG]) -> Result<(), Refused> {
        match self.ledger().key {
            Some(key) if !same(&own(&Orders::new(key)), tag) => Err(Refused::Unauthenticated),
            _ => Ok(()),
        }
    }

    /// Erases the flash: for a core whose cells were all erased by other means, or a new one.
    ///
    /// # Errors
    /// The flash's.
    pub fn format(flash: &mut F) -> Result<(), F::Error> {
        Journal::erase(flash)
    }

    /// What the device is, for a host that opens a session.
    #[must_use]
    #[inline(never)]
    pub fn hello(&self, (session, packet, window): (u32, u16, u16), (cores, store): (u8, u32)) -> Hello {
        let identity = self.profile.identity;
        Hello {
            session,
            rows: identity.rows,
            cols: identity.cols,
            bits: identity.bits,
            fanout: identity.fanout,
            device_crc: identity.device_crc,
            format: MAGIC[MAGIC.len() - 1],
            memory: self.decoder_memory,
            packet,
            window,
            read_back: H::READ_BACK,
            keyed: self.ledger().key.is_some(),
            max_faults: MAX_FAULTS as u16,
            last: self.position(),
            next: self.ledger().next,
            checkpoints: self.controller.core().checkpoints(),
            cores,
            batch: self.hardware().most_vectors(),
            store,
            log: self.controller.core().log_bytes(),
        }
    }

    /// Whether it takes sealed schedules only.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        self.ledger().key.is_some()
    }

    /// Whether an order to keep a schedule in the controller's memory is this device's owner's.
    ///
    /// # Errors
    /// [`Refused::Unauthenticated`].
    pub fn admits_keep(&self, bytes: u32, schedule: &ScheduleId, order: &Order) -> Result<(), Refused> {
        let checkpoints = self.controller.core().checkpoints();
        self.authenticate(&order.tag, |orders| orders.keep(order.number, checkpoints, bytes, schedule))
    }

    /// Brings weight cells from `first` on to signed level `level`, as many as a batch takes; returns the next PCM cell. Without `verify` they
    /// are written once and not looked at: to measure what a write gives.
    ///
    /// # Errors
    /// [`Refused::Halted`], [`Refused::Unauthenticated`], [`Refused::Unfinished`], [`Refused::Level`].
    #[inline(never)]
    pub fn set_level(&mut self, (first, level, verify): (u32, i16, bool), order: &Order) -> Result<u32, Refused> {
        if let State::Halted(failure) = &self.state {
            return Err(Refused::Halted(*failure));
        }
        let checkpoints = self.controller.core().checkpoints();
        self.authenticate(&order.tag, |orders| orders.set(order.number, checkpoints, (first, level, verify)))?;
        if let Some(place) = self.ledger().place.filter(|place| !place.ended && !Mutant::SetAnyTime.is_on()) {
            return Err(Refused::Unfinished { inference: place.inference });
        }
        let top = crate::pcm::top_level(self.profile.identity.bits);
        if !(-top..=top).contains(&level) {
            return Err(Refused::Level { top });
        }
        if matches!(self.state, State::Running(_)) {
            self.state = State::Idle;
        }
        self.core().set_level(first, level, verify).map_err(|fault| {
            let failure = self.of_fault(&fault, 0);
            Refused::Halted(self.halt(failure))
        })
    }

    /// Transmissions of PCM cells `first..` as they read now, as `f32`, as many as `to` takes; returns how many.
    ///
    /// # Errors
    /// As of [`Device::audit`].
    pub fn transmissions(&mut self, first: u32, to: &mut [[u8; 4]]) -> Result<usize, Refused> {
        self.can_audit()?;
        self.core().transmissions(first, to).map_err(|fault| Refused::Halted(self.of_fault(&fault, 0)))
    }

    /// A session number that differs from those of all sessions before, as good as certainly also from those before a power cut.
    pub(crate) fn session(&self, hello: u32, count: u32) -> u32 {
        let mut digest = Crc32::new();
        for number in [hello, count, self.controller.core().checkpoints(), self.ledger().writes as u32] {
            digest.update(&number.to_le_bytes());
        }
        digest.finalize()
    }

    /// Whether a host with this schema hash understands the device.
    ///
    /// # Errors
    /// [`Refused::Schema`].
    pub const fn check_schema(host: u64) -> Result<(), Refused> {
        if host == SCHEMA { Ok(()) } else { Err(Refused::Schema { device: SCHEMA }) }
    }

    /// Begins an inference, or goes on with it. Saying it again is harmless, and nothing is logged before the first frame has come.
    ///
    /// Inferences are counted by the device, over all schedules: each number is carried out once.
    ///
    /// # Errors
    /// [`Refused::Halted`], [`Refused::Unauthenticated`], [`Refused::Inference`], [`Refused::Batch`].
    pub fn start(&mut self, start: Start) -> Result<Started, Refused> {
        self.play(start, 1)
    }

    /// As [`Device::start`], the first of so many inferences that are run from the controller's own memory: the tag is made over their number.
    ///
    /// # Errors
    /// As of [`Device::start`].
    pub fn play(&mut self, start: Start, inferences: u32) -> Result<Started, Refused> {
        match &self.state {
            State::Halted(failure) => return Err(Refused::Halted(*failure)),
            State::Running(run) | State::Over { run, .. } if run.start == start => return Ok(run.began),
            _ => {}
        }
        if !Mutant::StartUntagged.is_on() {
            self.authenticate(&start.tag, |orders| orders.play(&start, inferences))?;
        }
        self.play_on(start)
    }

    /// Begins an inference that was authenticated with one before it.
    #[inline(never)]
    pub(crate) fn play_on(&mut self, start: Start) -> Result<Started, Refused> {
        let most = self.hardware().most_vectors();
        if !(1..=most).contains(&start.batch) {
            return Err(Refused::Batch { most });
        }
        let place = self.ledger().place.filter(|p| (p.schedule, p.inference) == (start.schedule, start.inference));
        let next = self.ledger().next;
        let began = match place {
            Some(place) if place.ended => Started::Ended,
            Some(place) => match place.resume {
                Some(at) => Started::Resume { layer: at.layer_frame, tile_row: at.tile_frame },
                None => Started::Beginning,
            },
            None if start.inference == next || Mutant::OldInferences.is_on() => Started::Beginning,
            None => return Err(Refused::Inference { next }),
        };
        let new = if place.is_none() { Some((start.schedule, start.inference)) } else { None };
        if let Err(Flawed) = self.core().journal().start(new) {
            let at = self.core().journal().flaw();
            return Err(Refused::Halted(self.halt(Failure::Flash { frame: 0, at })));
        }
        if let Err(fault) = self.core().begin_batch(start.batch) {
            let failure = self.of_fault(&fault, 0);
            return Err(Refused::Halted(self.halt(failure)));
        }
        let run = Run { start, began, next: 0 };
        self.core().trace.event(Event::Started(start, began));
        self.state = if began == Started::Ended {
            State::Over { run, end: RunState::Ended }
        } else {
            let seal = self.ledger().key.map(|key| Seal::new(key, start.schedule));
            self.core().rewind();
            self.controller.rewind_to(place.and_then(|p| p.resume), seal);
            State::Running(run)
        };
        Ok(began)
    }

    /// Takes data packet `seq` of run `run`: carried out when it is the next one, else left alone. Says what the run waits for.
    #[inline(never)]
    pub fn data(&mut self, run: u32, seq: u32, bytes: &[u8]) -> Ack {
        if let State::Running(now) = &mut self.state
            && now.start.run == run
            && now.next == seq
        {
            now.next = seq.wrapping_add(1);
            match self.controller.feed(bytes) {
                Ok(progress) if progress.ended => {
                    self.core().trace.event(Event::Ended);
                    self.end_run(RunState::Ended);
                }
                Ok(_) => {}
                Err(error) => self.fail(&error),
            }
        }
        self.ack(run)
    }

    /// Where run `run` stands.
    #[must_use]
    pub fn ack(&self, run: u32) -> Ack {
        let frames = self.controller.core().acknowledged();
        let (next, state) = match &self.state {
            State::Running(now) if now.start.run == run => (now.next, RunState::Open),
            State::Over { run: now, end } if now.start.run == run => (now.next, *end),
            State::Halted(failure) => (0, RunState::Failed(*failure)),
            _ => (0, RunState::Unknown),
        };
        Ack { run, next, frames, state }
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> Status {
        let ledger = self.ledger();
        let run = match &self.state {
            State::Idle => None,
            State::Running(_) => Some(RunState::Open),
            State::Over { end, .. } => Some(*end),
            State::Halted(failure) => Some(RunState::Failed(*failure)),
        };
        Status {
            last: self.position(),
            run,
            faults: ledger.faults.len() as u16,
            writes: ledger.writes,
            corrections: self.controller.core().corrections(),
            checkpoints: self.controller.core().checkpoints(),
        }
    }

    /// The inference that was begun last.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.ledger().place.map(|place| Position {
            schedule: place.schedule,
            inference: place.inference,
            frames: place.frames,
            ended: place.ended,
        })
    }

    /// Signed level of each weight cell, as the plan wants it.
    #[must_use]
    pub const fn levels(&self) -> &[i16] {
        self.ledger().levels
    }

    /// CRC-32 of all levels as little-endian `i16`.
    #[must_use]
    pub fn levels_digest(&self) -> u32 {
        let mut digest = Crc32::new();
        self.levels().iter().for_each(|level| digest.update(&level.to_le_bytes()));
        digest.finalize()
    }

    /// Writes of PCM cells `first..` (plus, minus, plus, ...) as `u32`, as many as `to` takes; returns how many.
    ///
    /// # Errors
    /// The flash's.
    pub fn wear(&mut self, first: u32, to: &mut [[u8; 4]]) -> Result<usize, Flawed> {
        self.core().journal().wear(first, to)
    }

    /// Cells that did not take their levels, oldest first.
    #[must_use]
    pub fn faults(&self) -> &[FaultReport] {
        self.ledger().faults.as_slice()
    }

    /// Elements `first..` of input vector `vector`.
    ///
    /// # Errors
    /// [`Refused::Batch`], [`Refused::Inputs`].
    pub fn load_inputs(&mut self, vector: u16, first: u32, values: &[i16]) -> Result<(), Refused> {
        let hardware = self.core().hardware_mut();
        let most = hardware.most_vectors();
        if vector >= most {
            return Err(Refused::Batch { most });
        }
        let loaded = hardware.select(vector).and_then(|()| hardware.load_inputs(first, values));
        loaded.map_err(|_| Refused::Inputs)
    }

    /// Keeps the outputs of step `step` of the inference.
    ///
    /// # Errors
    /// [`Refused::NoCapture`].
    pub fn capture(&mut self, step: u64) -> Result<(), Refused> {
        if self.core().capture(step) { Ok(()) } else { Err(Refused::NoCapture) }
    }

    /// The outputs that were kept; none when that step has not come.
    #[must_use]
    pub fn captured(&self) -> &[i64] {
        self.controller.core().captured()
    }

    /// Asks for sealed schedules and orders from now on; the run that is under way, if any, has to be started anew. Where a key is set, the new
    /// one comes behind its mask, with its tag ([`crate::seal::Orders`]).
    ///
    /// # Errors
    /// [`Refused::Unauthenticated`], [`Refused::Halted`].
    #[inline(never)]
    pub fn set_key(&mut self, key: [u8; KEY], order: &Order) -> Result<(), Refused> {
        if self.order == Some(order.number) {
            return Ok(());
        }
        if let State::Halted(failure) = &self.state {
            return Err(Refused::Halted(*failure));
        }
        if self.core().journal().is_volatile() {
            return Err(Refused::Flash);
        }
        let (next, old) = (self.ledger().next, self.ledger().key);
        if old.is_some_and(|old| old.iter().zip(&key).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0) {
            return Ok(());
        }
        if !Mutant::KeyUntagged.is_on() {
            self.authenticate(&order.tag, |orders| orders.set_key(order.number, next, &key))?;
        }
        let key = old.map_or(key, |old| Orders::new(old).mask(next, &key));
        if let Err(Flawed) = self.core().journal().set_key(key) {
            let at = self.core().journal().flaw();
            return Err(Refused::Halted(self.halt(Failure::Flash { frame: 0, at })));
        }
        (self.state, self.order) = (State::Idle, Some(order.number));
        Ok(())
    }

    /// What the core is.
    #[must_use]
    pub const fn profile(&self) -> &Profile<'m> {
        &self.profile
    }

    /// The hardware.
    #[must_use]
    pub const fn hardware(&self) -> &H {
        self.controller.core().hardware()
    }

    /// Gives hardware and flash back, as a power cut would.
    #[must_use]
    pub fn release(self) -> (H, F) {
        self.controller.into_core().release()
    }

    const fn core(&mut self) -> &mut Programmer<'m, H, F, T> {
        self.controller.core_mut()
    }

    const fn ledger(&self) -> &Ledger<'m> {
        self.controller.core().ledger()
    }

    fn halt(&mut self, failure: Failure) -> Failure {
        self.core().trace.event(Event::Halted(failure));
        self.state = State::Halted(failure);
        failure
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, error: &Error<ProgramFault<H::Fault>>) {
        let failure = self.failure(error);
        if matches!(error, Error::Core { .. }) {
            self.halt(failure);
        } else {
            self.core().trace.event(Event::Failed(failure));
            self.end_run(RunState::Failed(failure));
        }
    }

    #[inline(never)]
    fn end_run(&mut self, end: RunState) {
        self.state = match core::mem::replace(&mut self.state, State::Idle) {
            State::Running(run) => State::Over { run, end },
            other => other,
        };
    }

    /// A core's fault as the host hears of it.
    #[cold]
    fn of_fault(&mut self, fault: &ProgramFault<H::Fault>, frame: u32) -> Failure {
        match *fault {
            ProgramFault::Hardware(fault) => {
                let cell = self.core().cell_in_trouble();
                Failure::Hardware { frame, code: H::fault_code(fault), cell }
            }
            ProgramFault::Flash => {
                let at = if Mutant::PlaceForgotten.is_on() { 0 } else { self.core().journal().flaw() };
                Failure::Flash { frame, at }
            }
            ProgramFault::TooManyFaults => {
                Failure::TooManyFaults { frame, cell: self.ledger().halted.unwrap_or_default() }
            }
        }
    }

    /// An error as the host hears of it.
    fn failure(&mut self, error: &Error<ProgramFault<H::Fault>>) -> Failure {
        match *error {
            Error::NotASchedule | Error::Version { .. } => Failure::NotASchedule,
            Error::BadFrame { frame, .. } => Failure::Damaged { frame },
            Error::Malformed { frame, .. } => Failure::Malformed { frame },
            Error::Unauthenticated { frame } => Failure::Unauthenticated { frame },
            Error::Refused(Refusal::Device { .. }) => Failure::OtherDevice,
            Error::Refused(Refusal::Memory { need, have }) => Failure::Memory { need: need as u32, have: have as u32 },
            Error::Refused(Refusal::Ram { .. }) => Failure::Malformed { frame: 0 },
            Error::Refused(_) => Failure::OtherCore,
            Error::Core { frame, ref fault } => self.of_fault(fault, frame),
            // Neither leaves `feed` while a run is open.
            Error::Truncated { frame } => Failure::Damaged { frame },
            Error::Trailing | Error::Stopped => Failure::Trailing,
        }
    }
}

/// Why a device does not start, as the host hears of it.
const fn damage(why: OpenFault) -> Damage {
    match why {
        OpenFault::Profile | OpenFault::Memory => Damage::Build,
        OpenFault::Journal(OpenError::Flash { at }) => Damage::Flash { at },
        OpenFault::Journal(OpenError::Geometry) => Damage::Geometry,
        OpenFault::Journal(OpenError::OtherCore) => Damage::OtherCore,
        OpenFault::Journal(OpenError::Corrupt) => Damage::Corrupt,
        OpenFault::Journal(OpenError::Rotten { at }) => Damage::Rotten { at },
    }
}
