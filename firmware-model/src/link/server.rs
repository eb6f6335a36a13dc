//! The device's end of the link: bytes in, orders to the [`Device`], bytes out. It never waits and keeps one packet each way.
//!
//! One server serves all cores of a controller: messages say which. Schedules may be kept in a memory beside it, and run from there.
//!
//! Flow control: the host may have as many data packets on their way as the hello says; each is acknowledged when it is carried out, not
//! when it arrives. While an answer waits for room in the port nothing more is read.

use embedded_storage::nor_flash::NorFlash;

use super::messages::{Ack, Answer, FaultReport, Refused, Request, RunState, ToDevice, ToHost};
use super::packet::{Incoming, Outgoing, WIRE};
use super::player::Player;
use crate::device::Device;
use crate::hardware::{Hardware, Port};
use crate::mutants::Mutant;
use crate::store::{Kept, NoStore, Store};
use crate::trace::Trace;

/// Bytes of numbers in one answer.
pub const PAGE: usize = 224;
/// Inputs in one [`Request::Inputs`].
pub const INPUTS: usize = PAGE / 2;

/// Bytes that one [`Server::poll`] takes at most.
pub const POLL: usize = WIRE;

/// Serves one host: `N` cores, each with a journal of its own, and a memory for schedules, or none.
pub struct Server<'m, H: Hardware, F: NorFlash, T: Trace, S: Store = NoStore, const N: usize = 1> {
    cores: [Device<'m, H, F, T>; N],
    player: Player<S>,
    window: u16,
    session: Session,
    incoming: Incoming,
    outgoing: Outgoing,
}

/// The host that said hello last.
#[derive(Clone, Copy)]
struct Session {
    /// Session number of its hello.
    hello: u32,
    /// Session number of its other questions.
    id: u32,
    /// Number of the last question: older ones are not answered.
    number: u32,
    /// Sessions since power-up, this one included: 0 for none.
    count: u32,
}

impl Session {
    /// Whether a question of this session and number is to be answered; a new hello opens a session.
    fn admit<H: Hardware, F: NorFlash, T: Trace>(
        &mut self,
        session: u32,
        number: u32,
        is_hello: bool,
        device: &Device<'_, H, F, T>,
    ) -> Admission {
        if is_hello && (self.count == 0 || session != self.hello) {
            let count = self.count.saturating_add(1);
            *self = Self { hello: session, id: device.session(session, count), number, count };
            return Admission::Answer;
        }
        if self.count == 0 || session != if is_hello { self.hello } else { self.id } {
            return Admission::OtherSession;
        }
        if number < self.number {
            return Admission::Old;
        }
        self.number = number;
        Admission::Answer
    }
}

enum Admission {
    Answer,
    Old,
    OtherSession,
}

impl<'m, H: Hardware, F: NorFlash, T: Trace> Server<'m, H, F, T> {
    /// Serves `device`, the only core, and says so with the first bytes. `window`: how many data packets fit the port's buffer, at least 1; it
    /// needs room for one more packet, a question: `(window + 1) * WIRE` bytes.
    pub fn new(device: Device<'m, H, F, T>, window: u16) -> Self {
        Self::of([device], NoStore, window)
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> &Device<'m, H, F, T> {
        let [device] = &self.cores;
        device
    }

    /// The device, to be opened.
    #[must_use]
    pub const fn device_mut(&mut self) -> &mut Device<'m, H, F, T> {
        let [device] = &mut self.cores;
        device
    }

    /// Gives the device back.
    #[must_use]
    pub fn into_device(self) -> Device<'m, H, F, T> {
        let [device] = self.cores;
        device
    }
}

impl<'m, H: Hardware, F: NorFlash, T: Trace, S: Store, const N: usize> Server<'m, H, F, T, S, N> {
    /// Serves several cores, numbered from 0, at most 255, with a memory for schedules, or [`NoStore`]. `window`: as of [`Server::new`].
    pub fn of(cores: [Device<'m, H, F, T>; N], store: S, window: u16) -> Self {
        const { assert!(N > 0 && N < 256) };
        let mut outgoing = Outgoing::new();
        outgoing.set(&ToHost::Ready);
        let session = Session { hello: 0, id: 0, number: 0, count: 0 };
        Self { cores, player: Player::new(store), window, session, incoming: Incoming::new(), outgoing }
    }

    /// The cores' devices, to be opened.
    pub const fn cores_mut(&mut self) -> &mut [Device<'m, H, F, T>; N] {
        &mut self.cores
    }

    /// Takes what has come and sends what is to be sent: at most [`POLL`] bytes, and at most one packet, are taken, so that the time that it takes
    /// has a bound whatever the host does. Then a schedule that is run from memory goes on by as much as one packet. Returns true when there may
    /// be more to do at once: look after the watchdog, and call again.
    #[inline]
    pub fn poll<P: Port>(&mut self, port: &mut P) -> bool {
        let more = self.serve(port);
        if S::IS_THERE && self.player.advance(&mut self.cores) { true } else { more }
    }

    #[inline]
    fn serve<P: Port>(&mut self, port: &mut P) -> bool {
        loop {
            if !self.send(port) {
                // Nothing is taken while an answer waits for room.
                return false;
            }
            let (incoming, mut left, mut whole) = (&mut self.incoming, POLL, false);
            let enough = port.drain(|byte| {
                whole = incoming.push(byte);
                left -= 1;
                whole || left == 0
            });
            if whole {
                self.packet();
                self.send(port);
            }
            if !enough || !Mutant::PollUnbounded.is_on() {
                return enough;
            }
        }
    }

    /// Sends; true when all is sent.
    fn send<P: Port>(&mut self, port: &mut P) -> bool {
        let sent = port.write_some(self.outgoing.rest());
        self.outgoing.advance(sent);
        self.outgoing.rest().is_empty()
    }

    #[inline(never)]
    fn packet(&mut self) {
        // What is no message is dropped: the host will ask again.
        match self.incoming.message() {
            Some(ToDevice::Data { core, run, seq, bytes }) => {
                let ack = match self.cores.get_mut(usize::from(core)) {
                    Some(device) => device.data(run, seq, bytes),
                    None => Ack { run, next: 0, frames: 0, state: RunState::Unknown },
                };
                acknowledge(&mut self.outgoing, ack);
            }
            Some(ToDevice::Ask { session, number, core, request }) => {
                let Self { cores, player, session: current, window, outgoing, .. } = self;
                ask((cores, player), (current, *window), (session, number, core), &request, outgoing);
            }
            None => {}
        }
    }
}

/// Answers a question.
// In a function of its own, as are other rare things: what it needs of the stack must not lie below that of the schedule's frames.
#[inline(never)]
fn ask<H: Hardware, F: NorFlash, T: Trace, S: Store>(
    (cores, player): (&mut [Device<'_, H, F, T>], &mut Player<S>),
    (current, window): (&mut Session, u16),
    (session, number, core): (u32, u32, u8),
    request: &Request<'_>,
    outgoing: &mut Outgoing,
) {
    let is_hello = matches!(request, Request::Hello { .. });
    let mut page = [0; PAGE];
    let count = cores.len() as u8;
    let Some(first) = cores.first() else { return };
    let admission = current.admit(session, number, is_hello, first);
    let answer = match (admission, cores.get_mut(usize::from(core))) {
        (Admission::Answer, None) => Answer::Refused(Refused::NoSuchCore { cores: count }),
        (Admission::Answer, Some(device)) if S::IS_THERE && is_of_store(request) => {
            of_store(player, (core, device), request)
        }
        (Admission::Answer, Some(device)) => {
            answer(device, (current.id, window, count, player.capacity()), request, &mut page)
        }
        (Admission::OtherSession, _) => Answer::Refused(Refused::Session),
        (Admission::Old, _) => return,
    };
    reply(outgoing, (session, number), answer);
}

// The messages are built in functions of their own: what they take of the stack must not lie below that of the work itself.
#[inline(never)]
fn acknowledge(outgoing: &mut Outgoing, ack: Ack) {
    outgoing.set(&ToHost::Ack(ack));
}

#[inline(never)]
fn reply(outgoing: &mut Outgoing, (session, number): (u32, u32), answer: Answer<'_>) {
    outgoing.set(&ToHost::Answer { session, number, answer });
}

const fn is_of_store(request: &Request<'_>) -> bool {
    matches!(request, Request::Keep { .. } | Request::Piece { .. } | Request::Play { .. })
}

/// The answer to a request that is about the memory for schedules.
#[inline(never)]
fn of_store<'p, H: Hardware, F: NorFlash, T: Trace, S: Store>(
    player: &mut Player<S>,
    (core, device): (u8, &mut Device<'_, H, F, T>),
    request: &Request<'_>,
) -> Answer<'p> {
    let done = match *request {
        Request::Keep { bytes, schedule, order } => device
            .admits_keep(bytes, &schedule, &order)
            .and_then(|()| player.keep(Kept { bytes, schedule }))
            .map(|()| Answer::Done),
        Request::Piece { at, bytes } => player.piece(at, bytes).map(|()| Answer::Done),
        Request::Play { start, inferences } => player.play((core, device), start, inferences).map(Answer::Start),
        _ => Err(Refused::NotKept),
    };
    done.unwrap_or_else(Answer::Refused)
}

/// The answer to a request; numbers lie in `page`.
fn answer<'p, H: Hardware, F: NorFlash, T: Trace>(
    device: &mut Device<'_, H, F, T>,
    (session, window, cores, store): (u32, u16, u8, u32),
    request: &Request<'_>,
    page: &'p mut [u8; PAGE],
) -> Answer<'p> {
    let done = |result: Result<(), Refused>| match result {
        Ok(()) => Answer::Done,
        Err(why) => Answer::Refused(why),
    };
    match *request {
        Request::Hello { schema } => match Device::<'_, H, F, T>::check_schema(schema) {
            Ok(()) => Answer::Hello(device.hello((session, WIRE as u16, window), (cores, store))),
            Err(why) => Answer::Refused(why),
        },
        Request::Start(start) => match device.start(start) {
            Ok(began) => Answer::Start(began),
            Err(why) => Answer::Refused(why),
        },
        Request::Status => Answer::Status(device.status()),
        Request::Wear { first } => match device.wear(first, page.as_chunks_mut().0) {
            Ok(count) => Answer::Page(page.get(..4 * count).unwrap_or_default()),
            Err(_) => Answer::Refused(Refused::Flash),
        },
        Request::Levels { first } => {
            let levels = device.levels().get(first as usize..).unwrap_or_default();
            fill(page, levels.iter().map(|level| level.to_le_bytes()))
        }
        Request::LevelsDigest => Answer::Digest(device.levels_digest()),
        Request::Faults { first } => {
            let faults = device.faults().get(usize::from(first)..).unwrap_or_default();
            match fill::<{ FaultReport::BYTES }>(page, faults.iter().map(|fault| fault.to_bytes())) {
                Answer::Page(reports) => Answer::Faults(reports),
                other => other,
            }
        }
        Request::Inputs { vector, first, values } => done(inputs(device, (vector, first), values)),
        Request::Capture { step } => done(device.capture(step)),
        Request::Outputs { first } => {
            let outputs = device.captured().get(first as usize..).unwrap_or_default();
            fill(page, outputs.iter().map(|output| output.to_le_bytes()))
        }
        Request::SetKey { key, order } => done(device.set_key(key, &order)),
        Request::Audit { first } => audit(device, first, page),
        Request::Renew { first, order } => match device.renew(first, &order) {
            Ok(next) => Answer::Audit { next, wrong: &[] },
            Err(why) => Answer::Refused(why),
        },
        Request::Transmissions { first } => match device.transmissions(first, page.as_chunks_mut().0) {
            Ok(count) => Answer::Page(page.get(..4 * count).unwrap_or_default()),
            Err(why) => Answer::Refused(why),
        },
        Request::Set { first, level, verify, order } => match device.set_level((first, level, verify), &order) {
            Ok(next) => Answer::Audit { next, wrong: &[] },
            Err(why) => Answer::Refused(why),
        },
        // Where there is a memory for schedules, it was asked before.
        Request::Keep { .. } | Request::Piece { .. } | Request::Play { .. } => {
            Answer::Refused(Refused::Store { bytes: 0 })
        }
        Request::Format { keep_wear, order } => done(device.begin_anew(keep_wear, &order)),
    }
}

/// What reads back wrong from `first` on; where there is not room for all of it, what does not fit is left for the next question.
#[inline(never)]
fn audit<'p, H: Hardware, F: NorFlash, T: Trace>(
    device: &mut Device<'_, H, F, T>,
    first: u32,
    page: &'p mut [u8; PAGE],
) -> Answer<'p> {
    let (mut used, mut full) = (0, None);
    let next = device.audit(first, |report| match page.get_mut(used..).and_then(|rest| rest.first_chunk_mut()) {
        Some(place) => {
            *place = report.to_bytes();
            used += FaultReport::BYTES;
        }
        None => full = full.or(Some(report.cell)),
    });
    match next {
        Ok(next) => {
            let next = full.unwrap_or(next);
            Answer::Audit { next, wrong: page.get(..used).unwrap_or_default() }
        }
        Err(why) => Answer::Refused(why),
    }
}

/// As many numbers as the page takes.
fn fill<const N: usize>(page: &mut [u8; PAGE], numbers: impl Iterator<Item = [u8; N]>) -> Answer<'_> {
    let mut used = 0;
    for (place, number) in page.as_chunks_mut().0.iter_mut().zip(numbers) {
        *place = number;
        used += N;
    }
    Answer::Page(page.get(..used).unwrap_or_default())
}

#[inline(never)]
fn inputs<H: Hardware, F: NorFlash, T: Trace>(
    device: &mut Device<'_, H, F, T>,
    (vector, first): (u16, u32),
    values: &[u8],
) -> Result<(), Refused> {
    let (numbers, rest) = values.as_chunks();
    let mut inputs = [0; INPUTS];
    let Some(inputs) = inputs.get_mut(..numbers.len()).filter(|_| rest.is_empty()) else {
        return Err(Refused::Inputs);
    };
    for (input, bytes) in inputs.iter_mut().zip(numbers) {
        *input = i16::from_le_bytes(*bytes);
    }
    device.load_inputs(vector, first, inputs)
}
