//! The host's end of the link, without sockets, clocks or threads: whoever uses it moves the bytes and says what time it is.
//!
//! ```text
//! loop {
//!     while host.transmit(now, &stream, &mut |byte| ...) { }     what is to be sent now
//!     for byte in received { match host.receive(byte, now) ... }  answers and acknowledgements
//!     wait for bytes, at most until host.deadline()
//! }
//! ```
//!
//! One question is open at a time, and repeated until it is answered. Data go out in a window: when an acknowledgement stays away, or
//! shows a gap, everything from the packet on that the device waits for is sent again.

use super::messages::{Ack, Answer, Request, RunState, Started, ToDevice, ToHost};
use super::packet::{Incoming, Outgoing};
use crate::seal::frames;
use crate::wire::MAGIC;

/// Bytes of the schedule in one data packet.
pub const CHUNK: usize = 236;

/// Acknowledgements that show no progress before a packet counts as lost.
const STALLS: u32 = 3;

/// A schedule's bytes from where the device wants them.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    parts: [&'a [u8]; 3],
}

impl<'a> Stream<'a> {
    /// What to send of `schedule` (sealed or not) after a start was answered with `began`; `None` when it has no such frames.
    #[must_use]
    pub fn new(schedule: &'a [u8], sealed: bool, began: Started) -> Option<Self> {
        match began {
            Started::Ended => Some(Self { parts: [&[]; 3] }),
            Started::Beginning => Some(Self { parts: [schedule, &[], &[]] }),
            Started::Resume { layer, tile_row } => {
                let header = MAGIC.len() + frames(schedule, sealed).next()?.len();
                let (mut at, mut layer_frame, mut rest) = (MAGIC.len(), None, None);
                for (number, frame) in (0u32..).zip(frames(schedule, sealed)) {
                    if number == layer {
                        layer_frame = Some(frame);
                    }
                    if number == tile_row {
                        rest = schedule.get(at..);
                        break;
                    }
                    at += frame.len();
                }
                Some(Self { parts: [schedule.get(..header)?, layer_frame?, rest?] })
            }
        }
    }

    /// Bytes in all.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Data packets in all.
    #[must_use]
    pub fn packets(&self) -> u32 {
        u32::try_from(self.len().div_ceil(CHUNK as u64)).unwrap_or(u32::MAX)
    }

    /// The bytes of packet `seq` into `to`; returns how many.
    pub fn read(&self, seq: u32, to: &mut [u8; CHUNK]) -> usize {
        let mut skip = u64::from(seq) * CHUNK as u64;
        let mut done = 0;
        for part in self.parts {
            let from = part.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default();
            skip = skip.saturating_sub(part.len() as u64);
            let room = to.get_mut(done..).unwrap_or_default();
            let n = room.len().min(from.len());
            for (place, byte) in room.iter_mut().zip(from) {
                *place = *byte;
            }
            done += n;
        }
        done
    }
}

/// How patient the host is, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Until something is sent again for the first time; doubled each time after.
    pub first: u32,
    /// The longest of these waits.
    pub longest: u32,
    /// Times in a row that nothing comes back before the link counts as lost.
    pub tries: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self { first: 250, longest: 4000, tries: 12 }
    }
}

/// Something that came from the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// It has started anew: say hello and start again.
    Ready,
    /// The answer to the open question.
    Answer(Answer<'a>),
    /// Where the run stands.
    Ack(Ack),
}

/// The data of a run on their way.
#[derive(Clone, Copy, Debug)]
struct Sending {
    run: u32,
    packets: u32,
    window: u32,
    /// Packets that the device has taken.
    acked: u32,
    /// The packet that goes out next.
    next: u32,
    /// The first packet that never went out.
    fresh: u32,
    /// Acknowledgements since `acked` moved that did not move it.
    stalls: u32,
}

/// The host's end.
#[derive(Clone, Debug)]
pub struct Host {
    timing: Timing,
    /// The core that it speaks with.
    core: u8,
    /// Session of the questions: its own number until the hello is answered, then the device's.
    session: u32,
    number: u32,
    /// The open question.
    question: Option<Outgoing>,
    /// Whether it has to go out now.
    ask_now: bool,
    sending: Option<Sending>,
    packet: Outgoing,
    incoming: Incoming,
    /// Time of the last sign of life, or of the last repetition.
    since: u64,
    /// Repetitions since the last sign of life.
    tries: u32,
    repeated: u64,
}

impl Host {
    /// A host with a `session` number that it never used before.
    #[must_use]
    pub const fn new(session: u32, timing: Timing) -> Self {
        Self {
            timing,
            core: 0,
            session,
            number: 0,
            question: None,
            ask_now: false,
            sending: None,
            packet: Outgoing::new(),
            incoming: Incoming::new(),
            since: 0,
            tries: 0,
            repeated: 0,
        }
    }

    /// Speaks with core `core` of the controller from now on; with the first, if nothing is said.
    pub const fn choose(&mut self, core: u8) {
        self.core = core;
    }

    /// Asks, instead of what was asked before, first of all a hello; the answer comes as [`Event::Answer`].
    pub fn ask(&mut self, request: &Request<'_>, now: u64) {
        self.number = self.number.wrapping_add(1);
        let mut question = Outgoing::new();
        let (session, number, core) = (self.session, self.number, self.core);
        question.set(&ToDevice::Ask { session, number, core, request: *request });
        self.question = Some(question);
        self.ask_now = true;
        self.alive(now);
    }

    /// Begins to send the data of run `run`, which the device has been asked to start; `window` is the device's.
    pub fn send(&mut self, run: u32, stream: &Stream<'_>, window: u16, now: u64) {
        let window = u32::from(window.max(1));
        self.sending = Some(Sending { run, packets: stream.packets(), window, acked: 0, next: 0, fresh: 0, stalls: 0 });
        self.alive(now);
    }

    /// Ends the sending of data.
    pub const fn stop(&mut self) {
        self.sending = None;
    }

    /// Packets taken by the device, and all packets, of the present run.
    #[must_use]
    pub const fn sent(&self) -> (u32, u32) {
        match &self.sending {
            Some(sending) => (sending.acked, sending.packets),
            None => (0, 0),
        }
    }

    /// Packets that were sent more than once.
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Whether nothing came back for too long.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.tries >= self.timing.tries
    }

    /// When something is to be sent again, in milliseconds; `None` when nothing is expected.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.waits().then(|| self.since + u64::from(self.patience()))
    }

    /// The next packet to be sent now, if any; to be called until there is none.
    pub fn transmit(&mut self, now: u64, stream: &Stream<'_>) -> Option<&[u8]> {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.since = now;
            self.tries = self.tries.saturating_add(1);
            self.ask_now = self.question.is_some();
            self.repeated += u64::from(self.ask_now);
            if let Some(sending) = &mut self.sending {
                sending.go_back(&mut self.repeated);
            }
        }
        if self.ask_now {
            self.ask_now = false;
            return self.question.as_ref().map(Outgoing::rest);
        }
        let sending = self.sending.as_mut()?;
        if sending.next >= sending.packets.min(sending.acked.saturating_add(sending.window)) {
            return None;
        }
        let mut chunk = [0; CHUNK];
        let len = stream.read(sending.next, &mut chunk);
        let bytes = chunk.get(..len).unwrap_or_default();
        self.packet.set(&ToDevice::Data { core: self.core, run: sending.run, seq: sending.next, bytes });
        sending.next += 1;
        sending.fresh = sending.fresh.max(sending.next);
        Some(self.packet.rest())
    }

    /// Takes a byte from the device.
    pub fn receive(&mut self, byte: u8, now: u64) -> Option<Event<'_>> {
        if !self.incoming.push(byte) {
            return None;
        }
        let (session, number, asked) = (self.session, self.number, self.question.is_some());
        match self.incoming.message::<ToHost<'_>>()? {
            ToHost::Ready => {
                self.sending = None;
                Some(Event::Ready)
            }
            ToHost::Answer { session: s, number: n, answer } if asked && (s, n) == (session, number) => {
                self.question = None;
                (self.since, self.tries) = (now, 0);
                if let Answer::Hello(hello) = &answer {
                    self.session = hello.session;
                }
                Some(Event::Answer(answer))
            }
            ToHost::Ack(ack) => {
                let sending = self.sending.as_mut().filter(|sending| sending.run == ack.run)?;
                if sending.acknowledge(&ack, &mut self.repeated) {
                    (self.since, self.tries) = (now, 0);
                }
                if ack.state != RunState::Open {
                    self.sending = None;
                }
                Some(Event::Ack(ack))
            }
            ToHost::Answer { .. } => None,
        }
    }

    const fn alive(&mut self, now: u64) {
        self.since = now;
        self.tries = 0;
    }

    const fn waits(&self) -> bool {
        match &self.sending {
            Some(sending) => self.question.is_some() || sending.acked < sending.packets,
            None => self.question.is_some(),
        }
    }

    fn patience(&self) -> u32 {
        self.timing.first.saturating_mul(1 << self.tries.min(16)).min(self.timing.longest)
    }
}

impl Sending {
    /// Sends again from the packet on that the device waits for.
    fn go_back(&mut self, repeated: &mut u64) {
        *repeated += u64::from(self.next - self.acked);
        self.next = self.acked;
    }

    /// Takes an acknowledgement; whether it shows that the device goes on.
    fn acknowledge(&mut self, ack: &Ack, repeated: &mut u64) -> bool {
        if ack.next > self.acked && ack.next <= self.fresh {
            self.acked = ack.next;
            self.next = self.next.max(self.acked);
            self.stalls = 0;
            return true;
        }
        // The device got packets that it did not wait for: one before them is lost, or only late.
        if ack.next == self.acked && ack.state == RunState::Open {
            self.stalls = self.stalls.saturating_add(1);
            if self.stalls == STALLS.min(self.next.saturating_sub(self.acked).saturating_sub(1)) {
                self.go_back(repeated);
            }
        }
        false
    }
}
