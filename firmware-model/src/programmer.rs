//! The core as the decoder sees it, on top of the [`Hardware`]: writes are gathered in batches, logged, carried out, and read back.
//!
//! ```text
//! program, program, ... -> batch -> [log intent] -> [set all cells, read them back] -> ... -> step, tile row, end
//!                                                     ^ wrong: log, set once more |
//!                                                     '---------------------------'  at most `tries` times
//! ```

use core::cmp::Ordering;
use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use crate::hardware::{Hardware, PcmCell, Profile, Pulse, Side, Target};
use crate::journal::{BATCH, Batch, Flawed, Journal, Ledger, OpenError, PcmSet};
use crate::link::messages::FaultReport;
use crate::mutants::Mutant;
use crate::photonic_core::{Core, FrameEnd, Output};
use crate::trace::{Event, Trace};
use crate::wire::Layer;

/// Why programming failed. `H` is the hardware's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramFault<H> {
    /// The core failed.
    Hardware(H),
    /// The flash failed: nothing can be logged, so nothing is written.
    Flash,
    /// More cells do not take their levels than can be listed.
    TooManyFaults,
}

impl<H: fmt::Debug> fmt::Display for ProgramFault<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware(fault) => write!(f, "the core failed: {fault:?}"),
            Self::Flash => f.write_str("the flash failed, so nothing more is written"),
            Self::TooManyFaults => f.write_str("too many cells do not take their levels"),
        }
    }
}

/// Outputs of one step, kept for the host.
struct Capture<'m> {
    outputs: &'m mut [i64],
    /// Which step of the inference.
    step: Option<u64>,
    taken: bool,
    /// Input vectors of each step.
    vectors: u16,
}

/// Programs a core, counts its wear, and keeps the journal.
pub(crate) struct Programmer<'m, H: Hardware, F, T> {
    hardware: H,
    profile: Profile<'m>,
    journal: Journal<'m, F>,
    batch: Batch,
    /// The frame under way.
    frame: u32,
    /// Calls of `program` in it.
    calls: u32,
    /// Frame and calls up to which all was carried out before: nothing is written, no light is let through.
    done: (u32, u32),
    /// Calls of this frame that were carried out before.
    passed: u32,
    /// Steps of the inference so far.
    steps: u64,
    capture: Capture<'m>,
    /// Of the last fault: the PCM cell, if it was one of the core's, or the place in the flash.
    trouble: u32,
    /// By how much the amplitude of each PCM cell's pulses is moved, as was learnt; empty: nothing is learnt.
    trims: &'m mut [i16],
    /// Whether cells are measured: whatever they read is right.
    measures: bool,
    pub(crate) trace: T,
}

/// No PCM cell.
const NO_CELL: u32 = u32::MAX;

impl<'m, H: Hardware, F: NorFlash, T: Trace> Programmer<'m, H, F, T> {
    /// Nothing is read yet: [`Programmer::open`] comes first.
    pub(crate) fn new(
        hardware: H,
        flash: F,
        profile: Profile<'m>,
        ledger: Ledger<'m>,
        outputs: &'m mut [i64],
        trace: T,
    ) -> Self {
        let journal = Journal::new(flash, profile.identity, ledger);
        let (batch, capture) = (Batch::new(), Capture { outputs, step: None, taken: false, vectors: 1 });
        Self {
            hardware,
            profile,
            journal,
            batch,
            frame: 0,
            calls: 0,
            done: (0, 0),
            passed: 0,
            steps: 0,
            capture,
            trouble: NO_CELL,
            trims: &mut [],
            measures: false,
            trace,
        }
    }

    /// Learns of each PCM cell by how much its pulses are to be moved: `2 R C` numbers, beginning with what is known; or none.
    pub(crate) const fn lend_trims(&mut self, trims: &'m mut [i16]) {
        self.trims = trims;
    }

    /// Whether there are as many trims as PCM cells, or none.
    pub(crate) const fn trims_are_fit(&self) -> bool {
        self.trims.is_empty() || self.trims.len() == 2 * self.journal.ledger.levels.len()
    }

    /// Opens the journal. What a power cut interrupted is completed by [`Programmer::redo`].
    pub(crate) fn open(&mut self) -> Result<(), OpenError> {
        let found = self.journal.open(&mut self.batch)?;
        self.trace.event(Event::Opened(found));
        Ok(())
    }

    pub(crate) const fn ledger(&self) -> &Ledger<'m> {
        &self.journal.ledger
    }

    pub(crate) const fn journal(&mut self) -> &mut Journal<'m, F> {
        &mut self.journal
    }

    pub(crate) const fn hardware(&self) -> &H {
        &self.hardware
    }

    pub(crate) const fn hardware_mut(&mut self) -> &mut H {
        &mut self.hardware
    }

    /// Frames of the inference that was started last that are carried out and logged.
    pub(crate) const fn acknowledged(&self) -> u32 {
        if self.journal.pending().is_none() { self.journal.acknowledged() } else { 0 }
    }

    /// The PCM cell of the last fault of the core, if it was one cell's.
    pub(crate) fn cell_in_trouble(&self) -> Option<u32> {
        if self.trouble == NO_CELL || Mutant::PlaceForgotten.is_on() { None } else { Some(self.trouble) }
    }

    /// Notes the PCM cell of a fault.
    #[cold]
    #[inline(never)]
    fn core_fails(&mut self, fault: H::Fault, pcm: Option<PcmCell>) -> ProgramFault<H::Fault> {
        self.trouble = pcm.map_or(NO_CELL, |pcm| self.number(pcm));
        ProgramFault::Hardware(fault)
    }

    pub(crate) fn release(self) -> (H, F) {
        (self.hardware, self.journal.into_flash())
    }

    /// Checkpoints written.
    pub(crate) const fn checkpoints(&self) -> u32 {
        self.journal.checkpoints()
    }

    /// Bytes of the log of one bank.
    pub(crate) const fn log_bytes(&self) -> u32 {
        self.journal.log_bytes()
    }

    /// Writes that verification asked for since the journal was begun.
    pub(crate) const fn corrections(&self) -> u64 {
        self.journal.ledger.corrections
    }

    /// Prepares for the schedule's first frame: what the journal says is done will be passed over.
    pub(crate) fn rewind(&mut self) {
        self.batch.clear();
        self.steps = 0;
        self.capture.taken = false;
        let begun = self.journal.ledger.place.filter(|_| self.journal.pending().is_none());
        self.done = begun.map_or((0, 0), |p| (p.frames, p.calls));
        self.go_to(0);
    }

    /// Frame `frame` comes next.
    fn go_to(&mut self, frame: u32) {
        (self.frame, self.calls) = (frame, 0);
        self.passed = match frame.cmp(&self.done.0) {
            Ordering::Less => u32::MAX,
            Ordering::Equal => self.done.1,
            Ordering::Greater => 0,
        };
    }

    /// Keeps the outputs of step `step` of the inference; false when there is no memory for them.
    pub(crate) fn capture(&mut self, step: u64) -> bool {
        self.capture.step = Some(step);
        self.capture.taken = false;
        self.capture.outputs.len() >= usize::from(self.profile.identity.rows)
    }

    /// Each step lets so many input vectors through from now on.
    pub(crate) fn begin_batch(&mut self, vectors: u16) -> Result<(), ProgramFault<H::Fault>> {
        self.trouble = NO_CELL;
        (self.capture.vectors, self.capture.taken) = (vectors, false);
        self.hardware.begin_batch(vectors).map_err(ProgramFault::Hardware)
    }

    /// The outputs that were kept; none when that step has not come.
    pub(crate) fn captured(&self) -> &[i64] {
        let rows = if self.capture.taken { usize::from(self.profile.identity.rows) } else { 0 };
        let all = (rows * usize::from(self.capture.vectors)).min(self.capture.outputs.len());
        self.capture.outputs.get(..all).unwrap_or_default()
    }

    /// Carries the batch out that the journal found interrupted.
    pub(crate) fn redo(&mut self) -> Result<(), ProgramFault<H::Fault>> {
        if Mutant::RedoAll.is_on() && !self.batch.is_empty() {
            for cell in 0..self.journal.ledger.levels.len() as u32 {
                for side in [Side::Plus, Side::Minus] {
                    let level = of_side(self.journal.ledger.level(cell), side);
                    let target = self.target(self.pcm(cell, side), level);
                    self.hardware.set(target).map_err(ProgramFault::Hardware)?;
                }
            }
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        self.trace.event(Event::Redone { cells: self.batch.len() as u8 });
        if Mutant::RedoAsDelta.is_on() {
            self.shift_batch();
        }
        let wrong = self.write_batch(true)?;
        self.correct(wrong)?;
        self.batch.clear();
        Ok(())
    }

    /// The mistake: every cell of the batch is moved on by the difference of its levels.
    #[cold]
    fn shift_batch(&mut self) {
        let top = 2 * (self.profile.transmissions.len() as i16 - 1);
        let mut shifted = Batch::new();
        for i in 0..self.batch.len() {
            let Some((cell, level)) = self.batch.get(i) else { break };
            let by = level - self.journal.ledger.level(cell);
            let _ = shifted.push(cell, (level + by).clamp(-top / 2, top / 2));
        }
        self.batch = shifted;
    }

    /// Logs the batch, which holds the first `calls` calls of the frame, and carries it out.
    #[inline(never)]
    fn flush(&mut self, calls: u32) -> Result<(), ProgramFault<H::Fault>> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.batch.set_place(self.frame, calls);
        self.trace.alive();
        let wrong;
        if Mutant::ApplyBeforeLog.is_on() {
            wrong = self.write_batch(false)?;
            self.journal.intend(&mut self.batch).map_err(|_| ProgramFault::Flash)?;
        } else {
            self.journal.intend(&mut self.batch).map_err(|_| ProgramFault::Flash)?;
            self.trace.event(Event::Intended { cells: self.batch.len() as u8 });
            wrong = self.write_batch(false)?;
        }
        self.correct(wrong)?;
        self.batch.clear();
        Ok(())
    }

    /// Books the levels of the batch, brings all cells to them, and reads each back; returns those that are wrong. With `again`, after a power
    /// cut, cells that can be read and are right are left alone.
    #[inline(never)]
    fn write_batch(&mut self, again: bool) -> Result<PcmSet, ProgramFault<H::Fault>> {
        let mut moving = self.journal.book(&self.batch, again);
        if again && H::READ_BACK {
            moving = self.wrong_of(moving, false)?;
        }
        self.write(moving)
    }

    /// Brings PCM cells of the batch to their levels and reads them back; returns those that are wrong.
    #[inline(always)]
    fn write(&mut self, cells: PcmSet) -> Result<PcmSet, ProgramFault<H::Fault>> {
        if H::SIDE_BY_SIDE { self.write_side_by_side(cells) } else { self.write_one_by_one(cells) }
    }

    /// Sets each cell and reads it at once: what is known of it for the one is at hand for the other.
    #[inline(always)]
    fn write_one_by_one(&mut self, cells: PcmSet) -> Result<PcmSet, ProgramFault<H::Fault>> {
        let mut wrong = PcmSet::default();
        let verifies = H::READ_BACK && !self.measures;
        for (first, mut left) in cells.words() {
            while left != 0 {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                let (i, n) = (first + bit / 2, bit % 2);
                let Some((cell, level)) = self.batch.get(i) else { break };
                let side = side_of(n);
                let (pcm, level) = (self.pcm(cell, side), of_side(level, side));
                let target =
                    Target { cell: pcm, level, pulse: pulse(&self.profile, self.trims, 2 * cell + n as u32, level) };
                if let Err(fault) = self.hardware.set(target) {
                    return Err(self.core_fails(fault, Some(pcm)));
                }
                if verifies && !self.takes(pcm, level, true)? {
                    wrong.insert(i, n);
                }
            }
        }
        Ok(wrong)
    }

    /// Sets all cells in one call, and then reads them.
    fn write_side_by_side(&mut self, cells: PcmSet) -> Result<PcmSet, ProgramFault<H::Fault>> {
        let targets = Targets {
            batch: &self.batch,
            left: cells,
            cols: self.profile.identity.cols.into(),
            profile: &self.profile,
            trims: self.trims,
        };
        if let Err((cell, fault)) = self.hardware.set_many(targets) {
            return Err(self.core_fails(fault, cell));
        }
        if H::READ_BACK && !self.measures { self.wrong_of(cells, true) } else { Ok(PcmSet::default()) }
    }

    /// Those of these PCM cells of the batch that read wrong; with `learn`, what they read moves the pulses of the next try.
    #[inline(never)]
    fn wrong_of(&mut self, mut cells: PcmSet, learn: bool) -> Result<PcmSet, ProgramFault<H::Fault>> {
        let mut wrong = PcmSet::default();
        while let Some((i, n)) = cells.pop() {
            let Some((pcm, level)) = self.of_batch(i, side_of(n)) else { break };
            if !self.takes(pcm, level, learn)? {
                wrong.insert(i, n);
            }
        }
        Ok(wrong)
    }

    /// Whether a cell reads right; with `learn`, a wrong one moves the pulses of its next try.
    #[inline(always)]
    fn takes(&mut self, pcm: PcmCell, level: u8, learn: bool) -> Result<bool, ProgramFault<H::Fault>> {
        let (read, wanted) = (self.read(pcm)?, self.transmission(level));
        let is_near = self.is_near(read, wanted, level);
        if !is_near && learn {
            self.learn(pcm, wanted, read);
        }
        Ok(is_near)
    }

    /// Writes once more what is wrong, until all is right, or as often as is allowed.
    fn correct(&mut self, wrong: PcmSet) -> Result<(), ProgramFault<H::Fault>> {
        if wrong == PcmSet::default() { Ok(()) } else { self.correct_all(wrong) }
    }

    #[cold]
    #[inline(never)]
    fn correct_all(&mut self, mut wrong: PcmSet) -> Result<(), ProgramFault<H::Fault>> {
        let mut tries = 1;
        while wrong != PcmSet::default() {
            if tries >= self.profile.verify.tries {
                return self.report(wrong);
            }
            tries += 1;
            self.journal.correct(&self.batch, wrong).map_err(|_| ProgramFault::Flash)?;
            self.trace.event(Event::Corrected { cells: wrong.len() as u8 });
            self.trace.alive();
            wrong = self.write(wrong)?;
        }
        Ok(())
    }

    /// Moves the pulses of a cell that read wrong.
    #[cold]
    #[inline(never)]
    fn learn(&mut self, pcm: PcmCell, wanted: f32, read: f32) {
        let number = self.number(pcm) as usize;
        if let Some(trim) = self.trims.get_mut(number)
            && !Mutant::NothingLearnt.is_on()
        {
            *trim = self.profile.pulses.learn(*trim, wanted, read);
        }
    }

    /// Reports PCM cells of the batch as faulty: they are not written any more.
    fn report(&mut self, cells: PcmSet) -> Result<(), ProgramFault<H::Fault>> {
        for (i, side) in all_sides().filter(|(i, side)| cells.contains(*i, *side as usize)) {
            let Some((pcm, wanted)) = self.of_batch(i, side) else { break };
            let read = self.read(pcm)?;
            let report = FaultReport { cell: self.number(pcm), wanted, read: self.nearest(read) };
            if !self.journal.report(report).map_err(|_| ProgramFault::Flash)? {
                return Err(ProgramFault::TooManyFaults);
            }
            self.trace.event(Event::CellFault(report));
        }
        Ok(())
    }

    /// A PCM cell of the batch, and its level.
    fn of_batch(&self, i: usize, side: Side) -> Option<(PcmCell, u8)> {
        let (cell, level) = self.batch.get(i)?;
        Some((self.pcm(cell, side), of_side(level, side)))
    }

    #[inline(never)]
    fn is_right(&mut self, pcm: PcmCell, level: u8) -> Result<bool, ProgramFault<H::Fault>> {
        let read = self.read(pcm)?;
        Ok(self.is_near(read, self.transmission(level), level))
    }

    #[inline(always)]
    fn transmission(&self, level: u8) -> f32 {
        self.profile.transmissions.get(usize::from(level)).copied().unwrap_or(f32::NAN)
    }

    /// Whether what was read is within the level's tolerance.
    #[inline(always)]
    fn is_near(&self, read: f32, wanted: f32, level: u8) -> bool {
        let distance = (read - wanted).abs();
        let tolerance =
            if Mutant::OneTolerance.is_on() { self.profile.verify.tolerance } else { self.profile.tolerance(level) };
        // Not a number is wrong, too.
        distance <= tolerance || Mutant::NanPasses.is_on() && distance.is_nan()
    }

    /// Transmissions of PCM cells from `first` on, as many as `to` takes; returns how many.
    #[inline(never)]
    pub(crate) fn transmissions(&mut self, first: u32, to: &mut [[u8; 4]]) -> Result<usize, ProgramFault<H::Fault>> {
        let cells = 2 * self.journal.ledger.levels.len() as u32;
        let mut done = 0;
        for (cell, place) in (first..cells).zip(to) {
            let pcm = self.pcm(cell / 2, side_of((cell % 2) as usize));
            *place = self.read(pcm)?.to_le_bytes();
            done += 1;
        }
        Ok(done)
    }

    #[inline(always)]
    fn read(&mut self, pcm: PcmCell) -> Result<f32, ProgramFault<H::Fault>> {
        match self.hardware.read(pcm) {
            Ok(read) => Ok(read),
            Err(fault) => Err(self.core_fails(fault, Some(pcm))),
        }
    }

    /// Reads PCM cells back from `first` on, at most `most`, and hands over those that are not what the journal says; returns the next
    /// one. Reported cells are passed over.
    #[inline(never)]
    pub(crate) fn audit(
        &mut self,
        (first, stride, most): (u32, u32, u32),
        mut wrong: impl FnMut(FaultReport),
    ) -> Result<u32, ProgramFault<H::Fault>> {
        let (cells, mut next) = (2 * self.journal.ledger.levels.len() as u32, first);
        for _ in 0..most {
            if next >= cells {
                break;
            }
            let side = if next.is_multiple_of(2) { Side::Plus } else { Side::Minus };
            let (pcm, wanted) = (self.pcm(next / 2, side), of_side(self.journal.ledger.level(next / 2), side));
            if !self.journal.ledger.is_faulty(next / 2, side as usize) && !self.is_right(pcm, wanted)? {
                let read = self.read(pcm)?;
                wrong(FaultReport { cell: next, wanted, read: self.nearest(read) });
            }
            next = next.saturating_add(stride);
        }
        Ok(next)
    }

    /// Writes those PCM cells from `first` on once more that read back wrong, as many as one batch takes; returns the next one.
    #[inline(never)]
    pub(crate) fn renew(&mut self, first: u32) -> Result<u32, ProgramFault<H::Fault>> {
        let cells = self.journal.ledger.levels.len() as u32;
        let from = (first / 2).min(cells);
        let to = from.saturating_add(BATCH as u32).min(cells);
        let mut wrong = PcmSet::default();
        self.batch.clear();
        for (i, cell) in (from..to).enumerate() {
            let level = self.journal.ledger.level(cell);
            // Its level does not change: the correction behind the intent says what is written.
            self.batch.push(cell, level);
            for side in [Side::Plus, Side::Minus] {
                let pcm = self.pcm(cell, side);
                if !self.journal.ledger.is_faulty(cell, side as usize) && !self.is_right(pcm, of_side(level, side))? {
                    wrong.insert(i, side as usize);
                }
            }
        }
        if wrong != PcmSet::default() {
            let (frames, calls) = self.journal.ledger.place.map_or((0, 0), |place| (place.frames, place.calls));
            self.batch.set_place(frames, calls);
            self.journal.intend(&mut self.batch).map_err(|_| ProgramFault::Flash)?;
            // What is wrong counts as tried once.
            self.correct(wrong)?;
        }
        self.batch.clear();
        Ok(2 * to)
    }

    /// Brings weight cells from `first` on to `level`, as many as one batch takes; returns the next PCM cell. Without `verify` they are written
    /// once and not looked at.
    #[inline(never)]
    pub(crate) fn set_level(&mut self, first: u32, level: i16, verify: bool) -> Result<u32, ProgramFault<H::Fault>> {
        let cells = self.journal.ledger.levels.len() as u32;
        let from = first.min(cells);
        let to = from.saturating_add(BATCH as u32).min(cells);
        self.batch.clear();
        for cell in from..to {
            self.batch.push(cell, level);
        }
        if !self.batch.is_empty() {
            let (frames, calls) = self.journal.ledger.place.map_or((0, 0), |place| (place.frames, place.calls));
            self.batch.set_place(frames, calls);
            self.journal.intend(&mut self.batch).map_err(|_| ProgramFault::Flash)?;
            self.measures = !verify;
            let wrong = self.write_batch(false);
            self.measures = false;
            self.correct(wrong?)?;
        }
        self.batch.clear();
        Ok(2 * to)
    }

    /// Keeps the outputs of all rows, of one input vector after the other, as far as there is memory for them.
    #[cold]
    #[inline(never)]
    fn take_outputs(&mut self) -> Result<(), ProgramFault<H::Fault>> {
        let rows = usize::from(self.profile.identity.rows).max(1);
        let all = (0..self.capture.vectors).zip(self.capture.outputs.chunks_exact_mut(rows));
        for (vector, outputs) in all {
            self.hardware.select(vector).map_err(ProgramFault::Hardware)?;
            for (row, output) in (0..).zip(outputs) {
                *output = self.hardware.output(row).map_err(ProgramFault::Hardware)?;
            }
        }
        self.capture.taken = true;
        Ok(())
    }

    /// Begins a new journal.
    pub(crate) fn format(&mut self, keep_wear: bool) -> Result<(), Flawed> {
        self.journal.begin_anew(keep_wear, &mut self.batch)?;
        self.batch.clear();
        Ok(())
    }

    /// Level whose transmission is nearest.
    fn nearest(&self, read: f32) -> u8 {
        let mut best = (0, f32::INFINITY);
        for (level, transmission) in self.profile.transmissions.iter().enumerate() {
            let distance = (read - transmission).abs();
            if distance < best.1 {
                best = (level as u8, distance);
            }
        }
        best.0
    }

    #[inline]
    fn pcm(&self, cell: u32, side: Side) -> PcmCell {
        pcm_of(cell, self.profile.identity.cols.into(), side)
    }

    /// A PCM cell, its level, and the pulse for it.
    fn target(&self, cell: PcmCell, level: u8) -> Target {
        Target { cell, level, pulse: pulse(&self.profile, self.trims, self.number(cell), level) }
    }

    fn number(&self, pcm: PcmCell) -> u32 {
        2 * self.cell(pcm.row, pcm.col) + pcm.side as u32
    }

    #[inline]
    fn cell(&self, row: u16, col: u16) -> u32 {
        u32::from(row) * u32::from(self.profile.identity.cols) + u32::from(col)
    }
}

/// The PCM cells of a full batch.
fn all_sides() -> impl Iterator<Item = (usize, Side)> {
    (0..BATCH).flat_map(|i| [(i, Side::Plus), (i, Side::Minus)])
}

/// The PCM cell on one side of weight cell `cell`, in a core of so many columns.
#[inline]
fn pcm_of(cell: u32, cols: u32, side: Side) -> PcmCell {
    let row = cell.checked_div(cols).unwrap_or(0);
    PcmCell { row: row as u16, col: (cell - row * cols) as u16, side }
}

#[inline]
const fn side_of(number: usize) -> Side {
    if number == 0 { Side::Plus } else { Side::Minus }
}

/// The pulse that brings PCM cell `number` to a level. A table is looked up only where there is one.
#[inline(always)]
fn pulse(profile: &Profile<'_>, trims: &[i16], number: u32, level: u8) -> Pulse {
    if profile.pulses.levels.is_empty() {
        return Pulse::NONE;
    }
    profile.pulses.of(level, trims.get(number as usize).copied().unwrap_or(0))
}

/// PCM cells of a batch, with their levels and pulses.
#[derive(Clone)]
struct Targets<'t> {
    batch: &'t Batch,
    left: PcmSet,
    cols: u32,
    profile: &'t Profile<'t>,
    trims: &'t [i16],
}

impl Iterator for Targets<'_> {
    type Item = Target;

    #[inline]
    fn next(&mut self) -> Option<Target> {
        let (i, n) = self.left.pop()?;
        let (number, level) = self.batch.get(i)?;
        let level = of_side(level, side_of(n));
        let pulse = pulse(self.profile, self.trims, 2 * number + n as u32, level);
        Some(Target { cell: pcm_of(number, self.cols, side_of(n)), level, pulse })
    }
}

/// Level of the PCM cell on this side when the weight cell holds `level`.
const fn of_side(level: i16, side: Side) -> u8 {
    let own = match side {
        Side::Plus => level,
        Side::Minus => -level,
    };
    if own > 0 { own as u8 } else { 0 }
}

/// Why a device does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFault {
    /// The profile is none: transmissions and bits do not belong together, or do not increase; the device CRC is another; tries are not 1
    /// to 16; the tolerance is not positive, or so large that a cell could pass for two levels; rows share inputs, but the hardware says
    /// that they cannot.
    Profile,
    /// The memory lent for levels or wear is not that of the core.
    Memory,
    /// The journal cannot be opened.
    Journal(OpenError),
}

impl<H: Hardware, F: NorFlash, T: Trace> Core for Programmer<'_, H, F, T> {
    type Fault = ProgramFault<H::Fault>;

    const SHARED_INPUTS: bool = H::SHARED_INPUTS;

    fn begin_layer(&mut self, layer: &Layer<'_>) -> Result<(), Self::Fault> {
        self.trouble = NO_CELL;
        self.hardware.begin_layer(layer.rows, layer.cols, layer.groups).map_err(ProgramFault::Hardware)
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault> {
        self.trouble = NO_CELL;
        self.hardware.assign(row, output).map_err(ProgramFault::Hardware)
    }

    #[inline(always)]
    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault> {
        self.calls += 1;
        if self.calls <= self.passed {
            return Ok(());
        }
        let cell = self.cell(row, col);
        if self.journal.ledger.level(cell) != level && !self.batch.push(cell, level) {
            // The calls up to the one before this are in the batch.
            self.flush(self.calls - 1)?;
            self.batch.push(cell, level);
        }
        Ok(())
    }

    #[inline]
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault> {
        match self.hardware.route(row, col, input) {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.core_fails(fault, None)),
        }
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        let step = self.steps;
        self.steps += 1;
        if self.calls < self.passed {
            return Ok(());
        }
        self.flush(self.calls)?;
        self.trouble = NO_CELL;
        self.hardware.step().map_err(ProgramFault::Hardware)?;
        if self.capture.step == Some(step) {
            self.take_outputs()?;
        }
        Ok(())
    }

    fn end_frame(&mut self, end: &FrameEnd) -> Result<(), Self::Fault> {
        // A batch may go on in the next frame, whose number it gets then: nothing is acknowledged before it is written.
        if (end.frames, 0) > self.done {
            if self.journal.logs(end) {
                self.flush(self.calls)?;
            }
            if self.journal.end_frame(end).map_err(|_| ProgramFault::Flash)? {
                self.trace.event(Event::FrameDone { frames: end.frames });
            }
        }
        self.go_to(end.frames);
        if let Some(key) = &end.key {
            self.steps = key.before.steps;
        }
        Ok(())
    }
}
