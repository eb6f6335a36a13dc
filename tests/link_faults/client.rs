//! A host that loads a schedule over the line, whatever the line does.

use firmware_model::link::host::{Event, Host, Stream, Timing};
use firmware_model::link::messages::{Answer, Hello, Request, RunState, SCHEMA, Start, Started, Status};
use firmware_model::link::packet::WIRE;
use firmware_model::link::server::Server;
use firmware_model::seal::schedule_id;

use crate::line::{Faults, Line, Serial};
use crate::support::device::{Plan, SimDevice};

/// What the host is about.
enum Phase {
    Hello,
    Start,
    Data,
    Status,
    Digest,
    Wear,
    Done,
}

/// What a load came to.
#[derive(Debug)]
pub struct Loaded {
    pub digest: u32,
    pub wear: Vec<[u32; 2]>,
    pub status: Status,
}

/// The host, its line, and its clock.
pub struct Client<'p> {
    plan: &'p Plan,
    /// Inferences to run.
    inferences: u32,
    host: Host,
    phase: Phase,
    hello: Option<Hello>,
    run: u32,
    inference: u32,
    stream: Stream<'p>,
    wear: Vec<u8>,
    digest: u32,
    status: Option<Status>,
    pub to_device: Line,
    pub to_host: Line,
    pub now: u64,
    pub resumed: u32,
    pub repeated: u64,
    /// Milliseconds after which a test has gone wrong.
    pub patience: u64,
}

pub const TIMING: Timing = Timing { first: 60, longest: 500, tries: 40 };

impl<'p> Client<'p> {
    pub fn new(plan: &'p Plan, inferences: u32, faults: Faults, seed: u64) -> Self {
        let mut client = Self {
            plan,
            inferences,
            host: Host::new(0, TIMING),
            phase: Phase::Hello,
            hello: None,
            run: seed as u32,
            inference: 0,
            stream: Stream::new(&[], false, Started::Ended).unwrap(),
            wear: Vec::new(),
            digest: 0,
            status: None,
            to_device: Line::new(faults, seed),
            to_host: Line::new(faults, !seed),
            now: 0,
            resumed: 0,
            repeated: 0,
            patience: 2_000_000,
        };
        client.hello();
        client
    }

    /// Goes on from the start: a new session.
    pub fn hello(&mut self) {
        self.repeated += self.host.repeated();
        self.run += 1;
        self.host = Host::new(self.run, TIMING);
        self.phase = Phase::Hello;
        self.ask(&Request::Hello { schema: SCHEMA });
    }

    fn ask(&mut self, request: &Request<'_>) {
        self.host.ask(request, self.now);
    }

    fn start(&mut self) {
        self.run += 1;
        self.phase = Phase::Start;
        let start = Start::new(self.run, schedule_id(&self.plan.bytes), self.inference);
        self.ask(&Request::Start(start));
    }

    /// One millisecond. The result, when all is done.
    pub fn tick<const READ_BACK: bool>(
        &mut self,
        serial: &mut Serial,
        server: &mut Server<'_, crate::support::device::Watched<'_, READ_BACK>, Flash<'_>, Trace>,
    ) -> Option<Loaded> {
        self.now += 1;
        assert!(self.now < self.patience, "no end after {} ms", self.now);
        while let Some(bytes) = self.host.transmit(self.now, &self.stream) {
            self.to_device.send(self.now, bytes);
        }
        serial.arrive(&self.to_device.arrived(self.now));
        serial.budget = BYTES_PER_MS;
        while server.poll(serial) {}
        for packet in serial.packets() {
            self.to_host.send(self.now, &packet);
        }
        for byte in self.to_host.arrived(self.now) {
            self.byte(byte);
        }
        if self.host.is_lost() {
            self.hello();
        }
        matches!(self.phase, Phase::Done).then(|| Loaded {
            digest: self.digest,
            wear: self
                .wear
                .as_chunks::<8>()
                .0
                .iter()
                .map(|b| [u32::from_le_bytes(*b.first_chunk().unwrap()), u32::from_le_bytes(*b.last_chunk().unwrap())])
                .collect(),
            status: self.status.unwrap(),
        })
    }

    fn byte(&mut self, byte: u8) {
        enum Next {
            Nothing,
            Hello,
            Start,
            Send(Started),
            Status,
            Digest,
            Wear,
            Done,
        }
        let mut next = Next::Nothing;
        match self.host.receive(byte, self.now) {
            None => {}
            Some(Event::Ready) => next = Next::Hello,
            Some(Event::Ack(ack)) => match ack.state {
                RunState::Open => {}
                RunState::Ended => {
                    self.inference += 1;
                    next = if self.inference < self.inferences { Next::Start } else { Next::Status };
                }
                RunState::Failed(_) | RunState::Unknown => next = Next::Hello,
            },
            Some(Event::Answer(answer)) => match (&self.phase, answer) {
                (Phase::Hello, Answer::Hello(hello)) => {
                    self.inference = hello.last.map_or(0, |last| last.inference);
                    self.hello = Some(hello);
                    next = Next::Start;
                }
                (Phase::Start, Answer::Start(Started::Ended)) => {
                    self.inference += 1;
                    next = if self.inference < self.inferences { Next::Start } else { Next::Status };
                }
                (Phase::Start, Answer::Start(began)) => next = Next::Send(began),
                (Phase::Status, Answer::Status(status)) => {
                    self.status = Some(status);
                    next = Next::Digest;
                }
                (Phase::Digest, Answer::Digest(digest)) => {
                    self.digest = digest;
                    self.wear.clear();
                    next = Next::Wear;
                }
                (Phase::Wear, Answer::Page(page)) => {
                    self.wear.extend(page);
                    next = if page.is_empty() { Next::Done } else { Next::Wear };
                }
                (_, Answer::Refused(_)) => next = Next::Hello,
                (_, answer) => panic!("an answer to another question: {answer:?}"),
            },
        }
        match next {
            Next::Nothing => {}
            Next::Hello => self.hello(),
            Next::Start => self.start(),
            Next::Send(began) => {
                self.resumed += u32::from(matches!(began, Started::Resume { .. }));
                self.stream = Stream::new(&self.plan.bytes, false, began).unwrap();
                self.phase = Phase::Data;
                self.host.send(self.run, &self.stream, self.hello.unwrap().window, self.now);
            }
            Next::Status => {
                self.phase = Phase::Status;
                self.ask(&Request::Status);
            }
            Next::Digest => {
                self.phase = Phase::Digest;
                self.ask(&Request::LevelsDigest);
            }
            Next::Wear => {
                self.phase = Phase::Wear;
                let first = self.wear.len() as u32 / 4;
                self.ask(&Request::Wear { first });
            }
            Next::Done => self.phase = Phase::Done,
        }
    }

    /// Times that a packet was sent again.
    pub fn repeats(&self) -> u64 {
        self.repeated + self.host.repeated()
    }
}

/// What the device takes in a millisecond, about a megabit a second.
const BYTES_PER_MS: usize = 120;

type Flash<'m> = firmware_model::sim_flash::SimFlash<'m, crate::support::device::Fuse>;
type Trace = crate::support::device::Log;

/// A port with room for `window` data packets and one question.
pub fn port(window: u16) -> Serial {
    Serial::new((usize::from(window) + 1) * WIRE)
}

/// A server for the device.
pub fn serve<const READ_BACK: bool>(
    device: SimDevice<'_, READ_BACK>,
    window: u16,
) -> Server<'_, crate::support::device::Watched<'_, READ_BACK>, Flash<'_>, Trace> {
    Server::new(device, window)
}
