//! A conversation with a controller over a [`Line`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firmware_model::link::host::{Event, Host, Stream, Timing};
use firmware_model::link::messages::{
    Ack, Answer, FaultReport, Hello, Refused, Request, SCHEMA, Start, Started, Status,
};
use firmware_model::link::server::INPUTS;

use super::error::LoadError;
use super::line::Line;
use super::patience::Patience;

/// Why a conversation broke off.
#[derive(Debug)]
pub enum Broken {
    /// The line is gone, or the device does not answer: the load may be gone on with over a new line.
    Line(String),
    /// The device started anew: say hello and start again, over the same line.
    Restarted,
    /// Another host has said hello since: say hello and start again, over the same line.
    Displaced,
    /// It makes no sense to go on.
    Over(LoadError),
}

/// A number that no earlier session or run has had: of the clock and this process.
#[must_use]
pub fn fresh_number() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mixed = (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// A conversation.
pub struct Session<'l, L: Line + ?Sized> {
    line: &'l mut L,
    host: Host,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are received and not looked at.
    waiting: std::ops::Range<usize>,
    /// An acknowledgement that came while an answer was waited for.
    ack: Option<Ack>,
    patience: &'l Patience,
    /// Columns of the core, once they are known, to name its cells.
    cols: u16,
}

/// What came, without what it borrows.
enum Heard<T> {
    Answer(T),
    Ack(Ack),
    Ready,
}

impl<'l, L: Line + ?Sized> Session<'l, L> {
    /// Says hello.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn open(line: &'l mut L, timing: Timing, patience: &'l Patience) -> Result<(Self, Hello), Broken> {
        let host = Host::new(fresh_number(), timing);
        let mut session = Self { line, host, buffer: vec![0; 4096], waiting: 0..0, ack: None, patience, cols: 0 };
        loop {
            let hello = session.ask(&Request::Hello { schema: SCHEMA }, |answer| match answer {
                Answer::Hello(hello) => Some(*hello),
                _ => None,
            });
            match hello {
                // A device that has just started says so before it answers.
                Err(Broken::Restarted) => {}
                other => {
                    let hello = other?;
                    session.cols = hello.cols;
                    return Ok((session, hello));
                }
            }
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`Broken`]; an answer that `read` does not know counts as a device of another version.
    pub fn ask<T>(&mut self, request: &Request<'_>, read: impl Fn(&Answer<'_>) -> Option<T>) -> Result<T, Broken> {
        self.host.stop();
        let nothing = Stream::new(&[], false, Started::Ended).ok_or(Broken::Restarted)?;
        self.ask_meanwhile(&nothing, request, read)
    }

    /// Asks while the data of `stream` go on.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub fn ask_meanwhile<T>(
        &mut self,
        stream: &Stream<'_>,
        request: &Request<'_>,
        read: impl Fn(&Answer<'_>) -> Option<T>,
    ) -> Result<T, Broken> {
        self.host.ask(request, self.line.now());
        let cols = self.cols;
        loop {
            let heard = self.hear(stream, |answer| match answer {
                Answer::Refused(Refused::Session) => Err(Broken::Displaced),
                Answer::Refused(why) => Err(Broken::Over(LoadError::refused(*why, cols))),
                other => read(other).ok_or_else(|| {
                    Broken::Over(LoadError::Refused(format!("its answer is of another kind: {other:?}")))
                }),
            })?;
            match heard {
                Some(Heard::Answer(Ok(answer))) => return Ok(answer),
                Some(Heard::Answer(Err(broken))) => return Err(broken),
                Some(Heard::Ready) => return Err(Broken::Restarted),
                Some(Heard::Ack(ack)) => self.ack = Some(ack),
                None => {}
            }
        }
    }

    /// Begins an inference, or goes on with it.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn start(&mut self, start: Start) -> Result<Started, Broken> {
        self.ask(&Request::Start(start), |answer| match answer {
            Answer::Start(started) => Some(*started),
            _ => None,
        })
    }

    /// Sends the data of a run, as many packets at a time as the device's `window` allows.
    pub fn send(&mut self, run: u32, stream: &Stream<'_>, window: u16) {
        self.ack = None;
        self.host.send(run, stream, window, self.line.now());
    }

    /// The next acknowledgement of the data being sent.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn acknowledged(&mut self, stream: &Stream<'_>) -> Result<Ack, Broken> {
        loop {
            if let Some(ack) = self.ack.take() {
                return Ok(ack);
            }
            match self.hear(stream, |_| ())? {
                Some(Heard::Ack(ack)) => return Ok(ack),
                Some(Heard::Ready) => return Err(Broken::Restarted),
                Some(Heard::Answer(())) | None => {}
            }
        }
    }

    /// Milliseconds on the line's clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.line.now()
    }

    /// Packets of the stream that are taken, and all.
    #[must_use]
    pub const fn sent(&self) -> (u32, u32) {
        self.host.sent()
    }

    /// Packets that were sent more than once.
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.host.repeated()
    }

    /// Moves bytes both ways until something is heard, or for one wait.
    fn hear<T>(&mut self, stream: &Stream<'_>, read: impl Fn(&Answer<'_>) -> T) -> Result<Option<Heard<T>>, Broken> {
        if self.waiting.is_empty() {
            let lost = |error: std::io::Error| Broken::Line(error.to_string());
            let now = self.line.now();
            while let Some(bytes) = self.host.transmit(now, stream) {
                self.line.send(bytes).map_err(lost)?;
            }
            if self.patience.is_over_on_line() {
                return Err(Broken::Line(self.patience.reason()));
            }
            if self.host.is_lost() {
                return Err(Broken::Line("the device does not answer".to_owned()));
            }
            let patience = self.host.deadline().map_or(1000, |deadline| deadline.saturating_sub(now)).clamp(1, 1000);
            let got = self.line.receive(&mut self.buffer, Duration::from_millis(patience)).map_err(lost)?;
            self.waiting = 0..got;
        }
        for at in self.waiting.by_ref() {
            match self.host.receive(self.buffer[at], self.line.now()) {
                Some(Event::Answer(answer)) => return Ok(Some(Heard::Answer(read(&answer)))),
                Some(Event::Ack(ack)) => return Ok(Some(Heard::Ack(ack))),
                Some(Event::Ready) => return Ok(Some(Heard::Ready)),
                None => {}
            }
        }
        Ok(None)
    }

    /// How things stand.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn status(&mut self) -> Result<Status, Broken> {
        self.ask(&Request::Status, |answer| match answer {
            Answer::Status(status) => Some(*status),
            _ => None,
        })
    }

    /// CRC-32 of all levels.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn levels_digest(&mut self) -> Result<u32, Broken> {
        self.ask(&Request::LevelsDigest, |answer| match answer {
            Answer::Digest(digest) => Some(*digest),
            _ => None,
        })
    }

    /// Numbers of `N` bytes, page by page until none is left, or `count` are there.
    fn pages<const N: usize>(
        &mut self,
        count: usize,
        request: impl Fn(u32) -> Request<'static>,
    ) -> Result<Vec<[u8; N]>, Broken> {
        let mut all: Vec<[u8; N]> = Vec::new();
        while all.len() < count {
            let page = self.ask(&request(all.len() as u32), |answer| match answer {
                Answer::Page(bytes) | Answer::Faults(bytes) => Some(bytes.as_chunks().0.to_vec()),
                _ => None,
            })?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
            self.patience.progress();
        }
        all.truncate(count);
        Ok(all)
    }

    /// Signed levels of the first `count` weight cells.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn levels(&mut self, count: usize) -> Result<Vec<i16>, Broken> {
        let levels = self.pages(count, |first| Request::Levels { first })?;
        Ok(levels.into_iter().map(i16::from_le_bytes).collect())
    }

    /// Writes of the plus and the minus cell of the first `count` weight cells.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn wear(&mut self, count: usize) -> Result<Vec<[u32; 2]>, Broken> {
        let wear: Vec<u32> =
            self.pages(2 * count, |first| Request::Wear { first })?.into_iter().map(u32::from_le_bytes).collect();
        Ok(wear.as_chunks().0.to_vec())
    }

    /// All fault reports.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn faults(&mut self) -> Result<Vec<FaultReport>, Broken> {
        let reports = self.pages(usize::from(u16::MAX), |first| Request::Faults { first: first as u16 })?;
        Ok(reports.into_iter().map(FaultReport::from_bytes).collect())
    }

    /// All PCM cells, below `count`, that read back wrong.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn audit(&mut self, count: u32) -> Result<Vec<FaultReport>, Broken> {
        let (mut reports, mut first) = (Vec::new(), 0);
        while first < count {
            let (next, wrong) = self.ask(&Request::Audit { first }, |answer| match answer {
                Answer::Audit { next, wrong } => Some((*next, wrong.as_chunks().0.to_vec())),
                _ => None,
            })?;
            if next <= first {
                return Err(Broken::Over(LoadError::Refused("its audit does not go on".to_owned())));
            }
            reports.extend(wrong.into_iter().map(FaultReport::from_bytes));
            first = next;
            self.patience.progress();
        }
        Ok(reports)
    }

    /// Gives an order.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn order(&mut self, request: &Request<'_>) -> Result<(), Broken> {
        self.ask(request, |answer| matches!(answer, Answer::Done).then_some(()))
    }

    /// Sets the input vector, and keeps the outputs of step `step` of the inference that is started next.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn capture(&mut self, inputs: &[i16], step: u64) -> Result<(), Broken> {
        let done = |answer: &Answer<'_>| matches!(answer, Answer::Done).then_some(());
        for (i, part) in inputs.chunks(INPUTS).enumerate() {
            let values: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
            self.ask(&Request::Inputs { vector: 0, first: (i * INPUTS) as u32, values: &values }, done)?;
        }
        self.ask(&Request::Capture { step }, done)
    }

    /// The outputs that were kept, of each of `rows` core rows.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn outputs(&mut self, rows: usize) -> Result<Vec<i64>, Broken> {
        let outputs = self.pages(rows, |first| Request::Outputs { first })?;
        Ok(outputs.into_iter().map(i64::from_le_bytes).collect())
    }
}
