//! The core as the decoder sees it, on top of the [`Hardware`]: writes are gathered in batches, logged, carried out, and read back.
//!
//! ```text
//! program, program, ... -> batch -> [log intent] -> [set and read back each cell] -> ... -> step, end of frame
//!                                                     ^ wrong: log, set once more |
//!                                                     '---------------------------'  at most `tries` times
//! ```

use core::cmp::Ordering;
use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use crate::hardware::{Hardware, PcmCell, Profile, Side};
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
        let (batch, capture) = (Batch::new(), Capture { outputs, step: None, taken: false });
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
            trace,
        }
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

    /// The outputs that were kept; none when that step has not come.
    pub(crate) fn captured(&self) -> &[i64] {
        let rows = if self.capture.taken { usize::from(self.profile.identity.rows) } else { 0 };
        self.capture.outputs.get(..rows).unwrap_or_default()
    }

    /// Carries the batch out that the journal found interrupted.
    pub(crate) fn redo(&mut self) -> Result<(), ProgramFault<H::Fault>> {
        if Mutant::RedoAll.is_on() && !self.batch.is_empty() {
            for cell in 0..self.journal.ledger.levels.len() as u32 {
                for side in [Side::Plus, Side::Minus] {
                    let level = of_side(self.journal.ledger.level(cell), side);
                    self.hardware.set(self.pcm(cell, side), level).map_err(ProgramFault::Hardware)?;
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
        let moving = self.journal.book(&self.batch, again);
        let cols = u32::from(self.profile.identity.cols);
        let mut wrong = PcmSet::default();
        for (first, mut left) in moving.words() {
            while left != 0 {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                let (i, n) = (first + bit / 2, bit % 2);
                let Some((cell, level)) = self.batch.get(i) else { break };
                let side = if n == 0 { Side::Plus } else { Side::Minus };
                let row = cell.checked_div(cols).unwrap_or(0);
                let pcm = PcmCell { row: row as u16, col: (cell - row * cols) as u16, side };
                let wanted = of_side(level, side);
                if again && H::READ_BACK && self.is_right(pcm, wanted)? {
                    continue;
                }
                if !self.write(pcm, wanted)? {
                    wrong.insert(i, n);
                }
            }
        }
        Ok(wrong)
    }

    /// Brings one PCM cell to a level; whether it reads right, as far as it can be read.
    #[inline(always)]
    fn write(&mut self, pcm: PcmCell, level: u8) -> Result<bool, ProgramFault<H::Fault>> {
        if let Err(fault) = self.hardware.set(pcm, level) {
            return Err(self.core_fails(fault, Some(pcm)));
        }
        Ok(!H::READ_BACK || self.reads_right(pcm, level)?)
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
            let mut still = PcmSet::default();
            for (i, side) in all_sides() {
                if wrong.contains(i, side as usize)
                    && let Some((pcm, level)) = self.of_batch(i, side)
                {
                    if let Err(fault) = self.hardware.set(pcm, level) {
                        return Err(self.core_fails(fault, Some(pcm)));
                    }
                    if H::READ_BACK && !self.is_right(pcm, level)? {
                        still.insert(i, side as usize);
                    }
                }
            }
            wrong = still;
        }
        Ok(())
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
        self.reads_right(pcm, level)
    }

    #[inline(always)]
    fn reads_right(&mut self, pcm: PcmCell, level: u8) -> Result<bool, ProgramFault<H::Fault>> {
        let read = self.read(pcm)?;
        let wanted = self.profile.transmissions.get(usize::from(level)).copied().unwrap_or(f32::NAN);
        let distance = (read - wanted).abs();
        // Not a number is wrong, too.
        Ok(distance <= self.profile.verify.tolerance || Mutant::NanPasses.is_on() && distance.is_nan())
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
        let cols = u32::from(self.profile.identity.cols);
        let row = cell.checked_div(cols).unwrap_or(0);
        PcmCell { row: row as u16, col: (cell - row * cols) as u16, side }
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
            for (row, output) in (0..self.profile.identity.rows).zip(self.capture.outputs.iter_mut()) {
                *output = self.hardware.output(row).map_err(ProgramFault::Hardware)?;
            }
            self.capture.taken = true;
        }
        Ok(())
    }

    fn end_frame(&mut self, end: &FrameEnd) -> Result<(), Self::Fault> {
        if (end.frames, 0) > self.done {
            self.flush(self.calls)?;
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
