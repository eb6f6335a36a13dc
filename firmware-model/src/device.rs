//! The device: a controller, its core, and its journal, as one machine that takes orders.
//!
//! ```text
//!            start            data (last frame)
//!   Idle  ---------> Running -----------------> Over(Ended)
//!    ^                 |  ^                        | start
//!    | power           |  '------------------------'
//!    |                 | refused, malformed, unauthenticated        start
//!    |                 |--------------------------------> Over(Failed) -> Running
//!    |                 | core or flash failed
//!    '-----------------'------------------------------->  Halted     (only power-up leads out)
//! ```
//!
//! A state carries its data: packets can only reach the controller through `Running`, whose run and packet number they must have.

use embedded_storage::nor_flash::NorFlash;

use crate::controller::Controller;
use crate::crc32::Crc32;
use crate::error::{Error, Refusal};
use crate::hardware::{Hardware, Profile, largest_tolerance};
use crate::journal::{Journal, Ledger, MAX_FAULTS, MAX_TRIES};
use crate::link::messages::{
    Ack, Failure, FaultReport, Hello, KEY, Position, Refused, RunState, SCHEMA, Start, Started, Status,
};
use crate::photonic_core::device_crc;
use crate::programmer::Programmer;
pub use crate::programmer::{OpenFault, ProgramFault};
use crate::seal::Seal;
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
    /// The core or the flash failed: what is logged and what the cells hold may differ, until the journal is opened again.
    Halted(Failure),
}

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
}

impl<'m, H: Hardware, F: NorFlash, T: Trace> Device<'m, H, F, T> {
    /// A device as [`Device::closed`], opened.
    ///
    /// # Errors
    /// [`OpenFault`].
    pub fn boot(
        hardware: H,
        flash: F,
        profile: Profile<'m>,
        memory: Memory<'m>,
        trace: T,
    ) -> Result<Self, OpenFault<F::Error>> {
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
        Self { controller, profile, decoder_memory, state: State::Halted(Failure::Flash { frame: 0 }) }
    }

    /// Opens the journal in the flash, or makes it where the flash is new, and completes what a power cut interrupted. A new flash
    /// stands for a core whose cells are all at level 0.
    ///
    /// Where the core fails at that, the device halts: the host can still ask for status, wear and faults.
    ///
    /// # Errors
    /// [`OpenFault`]: the device stays closed, and cannot be opened any more.
    #[inline(never)]
    pub fn open(&mut self) -> Result<(), OpenFault<F::Error>> {
        let (identity, verify) = (self.profile.identity, self.profile.verify);
        let levels = 1usize.checked_shl(identity.bits.into()).unwrap_or(0);
        if self.profile.transmissions.len() != levels
            || (identity.fanout > 1 && !H::SHARED_INPUTS)
            || !(crate::pcm::MIN_BITS..=crate::pcm::MAX_BITS).contains(&identity.bits)
            || device_crc(self.profile.transmissions) != identity.device_crc
            || !(1..=MAX_TRIES).contains(&verify.tries)
            || !(verify.tolerance > 0.0 && verify.tolerance <= largest_tolerance(self.profile.transmissions))
        {
            return Err(OpenFault::Profile);
        }
        let cells = usize::from(identity.rows) * usize::from(identity.cols);
        if !self.ledger().is_of(cells) || cells > 1 << 20 {
            return Err(OpenFault::Memory);
        }
        self.core().open().map_err(OpenFault::Journal)?;
        self.state = State::Idle;
        if let Err(fault) = self.core().redo() {
            let frame = self.ledger().place.map_or(0, |place| place.frames);
            self.halt(of_fault(&fault, frame));
        }
        Ok(())
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
    pub fn hello(&self, session: u32, packet: u16, window: u16) -> Hello {
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
        }
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

    /// Begins an inference, or goes on with it. Saying it again is harmless.
    ///
    /// # Errors
    /// [`Refused::Halted`], [`Refused::Flash`].
    #[inline(never)]
    pub fn start(&mut self, start: Start) -> Result<Started, Refused> {
        match &self.state {
            State::Halted(failure) => return Err(Refused::Halted(*failure)),
            State::Running(run) | State::Over { run, .. } if run.start == start => return Ok(run.began),
            _ => {}
        }
        let place = self.ledger().place.filter(|p| (p.schedule, p.inference) == (start.schedule, start.inference));
        let began = match place {
            Some(place) if place.ended => Started::Ended,
            Some(place) => match place.resume {
                Some(at) => Started::Resume { layer: at.layer_frame, tile_row: at.tile_frame },
                None => Started::Beginning,
            },
            None => {
                if self.core().journal().start(start.schedule, start.inference).is_err() {
                    return Err(Refused::Halted(self.halt(Failure::Flash { frame: 0 })));
                }
                Started::Beginning
            }
        };
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
        let frames = self.ledger().place.map_or(0, |place| place.frames);
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
    pub fn wear(&mut self, first: u32, to: &mut [[u8; 4]]) -> Result<usize, F::Error> {
        self.core().journal().wear(first, to)
    }

    /// Cells that did not take their levels, oldest first.
    #[must_use]
    pub fn faults(&self) -> &[FaultReport] {
        self.ledger().faults.as_slice()
    }

    /// Elements `first..` of the input vector.
    ///
    /// # Errors
    /// The hardware's.
    pub fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), H::Fault> {
        self.core().hardware_mut().load_inputs(first, values)
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

    /// Asks for sealed schedules from now on; the run that is under way, if any, has to be started anew.
    ///
    /// # Errors
    /// [`Refused::KeyIsSet`] for another key than the one that is set, [`Refused::Halted`].
    pub fn set_key(&mut self, key: [u8; KEY]) -> Result<(), Refused> {
        match (&self.state, self.ledger().key) {
            (State::Halted(failure), _) => return Err(Refused::Halted(*failure)),
            (_, Some(old)) => {
                let same = old.iter().zip(&key).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0;
                return if same { Ok(()) } else { Err(Refused::KeyIsSet) };
            }
            _ => {}
        }
        if self.core().journal().set_key(key).is_err() {
            return Err(Refused::Halted(self.halt(Failure::Flash { frame: 0 })));
        }
        self.state = State::Idle;
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
        let failure = failure(error);
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
}

/// A core's fault as the host hears of it.
const fn of_fault<H>(fault: &ProgramFault<H>, frame: u32) -> Failure {
    match fault {
        ProgramFault::Hardware(_) => Failure::Hardware { frame },
        ProgramFault::Flash => Failure::Flash { frame },
        ProgramFault::TooManyFaults => Failure::TooManyFaults { frame },
    }
}

/// An error as the host hears of it.
fn failure<H>(error: &Error<ProgramFault<H>>) -> Failure {
    match *error {
        Error::NotASchedule | Error::Version { .. } => Failure::NotASchedule,
        Error::BadFrame { frame, .. } => Failure::Damaged { frame },
        Error::Malformed { frame, .. } => Failure::Malformed { frame },
        Error::Unauthenticated { frame } => Failure::Unauthenticated { frame },
        Error::Refused(Refusal::Device { .. }) => Failure::OtherDevice,
        Error::Refused(Refusal::Memory { need, have }) => Failure::Memory { need: need as u32, have: have as u32 },
        Error::Refused(Refusal::Ram { .. }) => Failure::Malformed { frame: 0 },
        Error::Refused(_) => Failure::OtherCore,
        Error::Core { frame, ref fault } => of_fault(fault, frame),
        // Neither leaves `feed` while a run is open.
        Error::Truncated { frame } => Failure::Damaged { frame },
        Error::Trailing | Error::Stopped => Failure::Trailing,
    }
}
