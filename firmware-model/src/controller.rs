//! The controller: frames in their order, each carried out on the core as soon as it is complete.
//!
//! ```text
//! Header -> Layer -> TileRow -> Steps -> ... -> Ended
//!             ^  ^------ | <------ |
//!             '----------' (tile rows and steps done)      any error -> Stopped
//! ```

use crate::decoder::Tile;
use crate::error::{BadFrame, Error, FrameKind, Malformed, Refusal, Stop};
use crate::photonic_core::{Core, FrameEnd, Progress, ResumePoint};
use crate::rules::{LayerRules, RiceTable, Rules, equal, in_range};
use crate::seal::Seal;
use crate::stream::{FrameAssembler, StreamError};
use crate::wire::{Body, End, Frame, Identity};
use crate::work::Work;

/// Which frame comes next, and what is needed to carry it out.
// The layer's tables live in the state, so that no frame can be carried out without them; there is one state.
#[allow(clippy::large_enum_variant)]
enum State {
    Header,
    /// The next layer, or the end when all have come.
    Layer {
        rules: Rules,
        next: u32,
    },
    TileRow {
        run: LayerRun,
        next: u32,
    },
    Steps {
        run: LayerRun,
        tile: Tile,
        next: u32,
    },
    Ended(End),
    Stopped,
}

/// A layer that is being carried out.
#[derive(Clone, Copy)]
struct LayerRun {
    rules: Rules,
    layer: LayerRules,
    index: u32,
    /// Number of the Layer frame.
    frame: u32,
}

impl LayerRun {
    /// The state when `done` tile rows are complete.
    const fn after(&self, done: u32) -> State {
        if done == self.layer.tile_rows {
            State::Layer { rules: self.rules, next: self.index + 1 }
        } else {
            State::TileRow { run: *self, next: done }
        }
    }
}

impl State {
    /// Where to go on, when the frame that led here was a TileRow frame; `before` is the progress before it.
    const fn key(&self, before: Progress) -> Option<ResumePoint> {
        match self {
            Self::Steps { run, tile, next } if tile.begins() => Some(ResumePoint {
                layer_frame: run.frame,
                tile_frame: before.frames,
                layer: run.index,
                tile_row: *next - 1,
                before,
            }),
            _ => None,
        }
    }
}

const fn kind(frame: &Frame<'_>) -> FrameKind {
    match frame {
        Frame::Header(_) => FrameKind::Header,
        Frame::Layer(_) => FrameKind::Layer,
        Frame::TileRow(_) => FrameKind::TileRow,
        Frame::Steps(_) => FrameKind::Steps,
        Frame::End(_) => FrameKind::End,
    }
}

/// Carries out schedules on a core.
///
/// Needs no memory but what is lent: `wire::Header::working_memory` bytes, or, before it knows the header, the header's
/// length. After an error it takes nothing more until [`Controller::rewind`].
pub struct Controller<'m, C: Core> {
    core: C,
    identity: Identity,
    memory: &'m mut [u8],
    assembler: FrameAssembler,
    state: State,
    /// Of the present layer; beside the state, which is moved about.
    rice: RiceTable,
    progress: Progress,
    /// Where to go on behind the Header frame, when not at the first layer.
    resume: Option<ResumePoint>,
    seal: Option<Seal>,
}

impl<'m, C: Core> Controller<'m, C> {
    /// A controller of `core`, which is described by `identity`, with `memory` to work in.
    pub fn new(core: C, identity: Identity, memory: &'m mut [u8]) -> Self {
        Self {
            core,
            identity,
            memory,
            assembler: FrameAssembler::new(),
            state: State::Header,
            rice: RiceTable::new(),
            progress: Progress::default(),
            resume: None,
            seal: None,
        }
    }

    /// Takes the next bytes of the stream, any number of them, and carries out every frame that they complete.
    ///
    /// # Errors
    /// [`Error`]. A frame that is damaged, out of order or not for this core is refused before any of it reaches the core; one
    /// that arrived whole but breaks a rule within its records is carried out up to the first bad record.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Progress, Error<C::Fault>> {
        let mut rest = chunk;
        while !rest.is_empty() {
            match self.state {
                State::Ended(_) => {
                    self.state = State::Stopped;
                    return Err(Error::Trailing);
                }
                State::Stopped => return Err(Error::Stopped),
                _ => {}
            }
            let (taken, body) = match self.assembler.feed(rest, self.memory) {
                Ok(fed) => fed,
                Err(why) => {
                    self.state = State::Stopped;
                    return Err(self.stream_error(why));
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
            if let Some(len) = body {
                self.carry_out(len)?;
            }
        }
        Ok(self.progress)
    }

    /// Says that the stream is at its end.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the End frame has not come, [`Error::Stopped`] after another error.
    pub fn finish(&mut self) -> Result<End, Error<C::Fault>> {
        match self.state {
            State::Ended(end) => Ok(end),
            State::Stopped => Err(Error::Stopped),
            _ => {
                self.state = State::Stopped;
                Err(Error::Truncated { frame: self.progress.frames })
            }
        }
    }

    /// Ready for a schedule from its first byte, whatever came before: the next inference, or another try. The core
    /// keeps its levels.
    pub fn rewind(&mut self) {
        self.rewind_to(None, None);
    }

    /// As [`Controller::rewind`], with two choices. With `resume`, what follows the magic and the Header frame are the Layer
    /// frame of that point, its TileRow frame, and all behind it. With `seal`, every frame is followed by its tag
    /// ([`crate::seal`]), and one without a good tag is refused before any of it is looked at.
    pub fn rewind_to(&mut self, resume: Option<ResumePoint>, seal: Option<Seal>) {
        self.assembler = if seal.is_some() { FrameAssembler::sealed() } else { FrameAssembler::new() };
        self.state = State::Header;
        self.progress = Progress::default();
        self.resume = resume;
        self.seal = seal;
    }

    /// How far the schedule is carried out.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// The core.
    #[must_use]
    pub const fn core(&self) -> &C {
        &self.core
    }

    /// The core, to be prepared for the next inference.
    #[must_use]
    pub const fn core_mut(&mut self) -> &mut C {
        &mut self.core
    }

    /// Gives the core back.
    #[must_use]
    pub fn into_core(self) -> C {
        self.core
    }

    /// Carries out the frame whose body is the first `len` bytes of the memory. After an error the state is `Stopped`.
    #[inline(never)]
    fn carry_out(&mut self, len: usize) -> Result<(), Error<C::Fault>> {
        let frame = self.progress.frames;
        let done = self.frame(len);
        if done.is_err() {
            self.state = State::Stopped;
        }
        done.map_err(|stop| stop.at(frame))
    }

    fn frame(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        if let Some(seal) = &self.seal {
            let body = self.memory.get(..len).unwrap_or_default();
            if !seal.admits(body, self.assembler.tag()) {
                return Err(Stop::Unauthenticated);
            }
        }
        let before = self.progress;
        match &self.state {
            State::Header => self.header(len),
            State::Layer { rules, next } if *next == rules.layers => self.end(len),
            State::Layer { .. } => self.layer(len),
            State::TileRow { .. } => self.tile_row(len),
            State::Steps { .. } => self.steps(len),
            // Nothing is collected in these.
            State::Ended(_) | State::Stopped => Err(Malformed::Memory.into()),
        }?;
        self.progress.frames = self.progress.frames.wrapping_add(1);
        let end = FrameEnd { frames: self.progress.frames, ended: self.progress.ended, key: self.state.key(before) };
        self.core.end_frame(&end).map_err(Stop::Core)
    }

    #[inline(never)]
    fn header(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        // Before the header is accepted all of the memory is its buffer.
        let Frame::Header(header) = parse(self.memory, len, self.progress.frames, FrameKind::Header)? else {
            return Err(Malformed::Encoding.into());
        };
        // Reach `Core` is new with version 2.
        in_range("reach", header.reach as u32, 0, if self.assembler.version() == 1 { 1 } else { 2 })?;
        let rules = Rules::accept(&header, &self.identity, self.memory.len())?;
        self.assembler.set_max_frame(rules.max_frame);
        let mut next = 0;
        if let Some(resume) = &self.resume {
            // One less: the caller counts this frame.
            self.progress.frames = resume.layer_frame.wrapping_sub(1);
            next = resume.layer;
        }
        self.state = State::Layer { rules, next };
        Ok(())
    }

    #[inline(never)]
    fn layer(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        let State::Layer { rules, next } = &self.state else { return Err(Malformed::Memory.into()) };
        let Frame::Layer(frame) = parse(self.memory, len, self.progress.frames, FrameKind::Layer)? else {
            return Err(Malformed::Encoding.into());
        };
        equal("index of the layer", frame.index.into(), (*next).into())?;
        let layer = LayerRules::accept(&frame, rules)?;
        self.rice.set(&frame);
        self.core.begin_layer(&frame).map_err(Stop::Core)?;
        let run = LayerRun { rules: *rules, layer, index: *next, frame: self.progress.frames };
        let Some(resume) = self.resume.take() else {
            self.progress.layers += 1;
            self.state = run.after(0);
            return Ok(());
        };
        let Some(last) = run.layer.tile_rows.checked_sub(1) else {
            return Err(Malformed::OutOfOrder { expected: FrameKind::TileRow, got: FrameKind::Layer }.into());
        };
        in_range("tile row to go on from", resume.tile_row, 0, last)?;
        self.progress = Progress { frames: resume.tile_frame.wrapping_sub(1), ..resume.before };
        self.state = State::TileRow { run, next: resume.tile_row };
        Ok(())
    }

    #[inline(never)]
    fn tile_row(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        let State::TileRow { run, next } = &self.state else { return Err(Malformed::Memory.into()) };
        let (buffer, work) = Work::split(self.memory, &run.rules.map, &self.rice).ok_or(Malformed::Memory)?;
        let Frame::TileRow(frame) = parse(buffer, len, self.progress.frames, FrameKind::TileRow)? else {
            return Err(Malformed::Encoding.into());
        };
        equal("index of the tile row", frame.index.into(), (*next).into())?;
        let tile = Tile::begin(&frame, &run.rules, &run.layer, work, &mut self.core)?;
        self.progress.tile_rows += 1;
        self.state = State::Steps { run: *run, tile, next: *next + 1 };
        Ok(())
    }

    #[inline(never)]
    fn steps(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        let State::Steps { run, tile, next } = &mut self.state else { return Err(Malformed::Memory.into()) };
        let (buffer, work) = Work::split(self.memory, &run.rules.map, &self.rice).ok_or(Malformed::Memory)?;
        let Frame::Steps(frame) = parse(buffer, len, self.progress.frames, FrameKind::Steps)? else {
            return Err(Malformed::Encoding.into());
        };
        tile.records(&frame, &run.rules, &run.layer, work, &mut self.core, &mut self.progress)?;
        if tile.complete() {
            self.state = run.after(*next);
        }
        Ok(())
    }

    #[inline(never)]
    fn end(&mut self, len: usize) -> Result<(), Stop<C::Fault>> {
        let Frame::End(end) = parse(self.memory, len, self.progress.frames, FrameKind::End)? else {
            return Err(Malformed::Encoding.into());
        };
        equal("steps of the End frame", end.steps, self.progress.steps)?;
        equal("weights of the End frame", end.weights, self.progress.weights)?;
        self.progress.ended = true;
        self.state = State::Ended(end);
        Ok(())
    }

    const fn stream_error(&self, why: StreamError) -> Error<C::Fault> {
        let frame = self.progress.frames;
        match why {
            StreamError::NotASchedule => Error::NotASchedule,
            StreamError::Version { got } => Error::Version { got },
            StreamError::Length { got, max } => Error::BadFrame { frame, why: BadFrame::Length { got, max } },
            StreamError::Crc { got, computed } => Error::BadFrame { frame, why: BadFrame::Crc { got, computed } },
            StreamError::Memory { need, have } => Error::Refused(Refusal::Memory { need, have }),
        }
    }
}

/// The frame whose body is the first `len` bytes of `buffer`, whose number has to be `seq`, and its kind `expected`.
fn parse<F>(buffer: &[u8], len: usize, seq: u32, expected: FrameKind) -> Result<Frame<'_>, Stop<F>> {
    let bytes = buffer.get(..len).ok_or(Malformed::Memory)?;
    let (body, rest) = postcard::take_from_bytes::<Body<'_>>(bytes).map_err(|_| Malformed::Encoding)?;
    if body.seq != seq {
        return Err(Stop::Sequence { got: body.seq });
    }
    if !rest.is_empty() {
        return Err(Malformed::LeftOver { bytes: rest.len() }.into());
    }
    let got = kind(&body.frame);
    if got == expected { Ok(body.frame) } else { Err(Malformed::OutOfOrder { expected, got }.into()) }
}
