//! Arbitrary bytes into the serial port of a device: nothing that arrives may panic, loop for long, make the core do what it
//! forbids, or keep the device from answering the next host.
//!
//! The first byte says how the rest is used. Lowest two bits 0: as the bytes on the wire. 1: as messages, each behind a byte with its
//! length, packed well. 2: as a schedule, in the data packets of a run that was started well; 3: the same, mended. Bits 4 to 7 of it
//! are the size of the data packets. Bit 2: the device has a key, which the schedule is sealed with in the case of 3; then its core must hold what an
//! independent reading of the schedule says when it has ended, and nothing must have moved where it is not sealed.
#![no_main]

mod bench;
mod mend;
mod reading;

use std::collections::VecDeque;

use firmware_model::hardware::Port;
use firmware_model::link::messages::{Answer, KEY as KEY_BYTES, Order, Request, RunState, SCHEMA, Start, ToDevice, ToHost};
use firmware_model::link::packet::{Incoming, Outgoing, PACKET};
use firmware_model::link::server::Server;
use firmware_model::seal::{Orders, schedule_id, seal};
use firmware_model::sim_cells::{Mains, SimCells};
use firmware_model::sim_flash::SimFlash;
use firmware_model::trace::Silent;
use firmware_model::wire::CRC;
use libfuzzer_sys::fuzz_target;

/// The device's key, where it has one.
const KEY: [u8; KEY_BYTES] = [0x5A; KEY_BYTES];

/// The port: what comes, and what the device sends.
#[derive(Default)]
struct Wire {
    coming: VecDeque<u8>,
    sent: Vec<u8>,
}

impl Port for Wire {
    fn read(&mut self) -> Option<u8> {
        self.coming.pop_front()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.sent.push(byte);
        true
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, rest)) = data.split_first() else { return };
    let mut bench = bench::Bench::new(&[]);
    let mut device = bench.boot().expect("a new flash is formatted");
    let keyed = how & 4 == 4;
    if keyed {
        device.set_key(KEY, &Order { number: 1, tag: [0; 16] }).expect("it has none");
    }
    let mut server = Server::new(device, 4);
    let mut wire = Wire::default();
    let mended;
    let schedule = match how & 3 {
        0 => {
            wire.coming.extend(rest);
            None
        }
        1 => {
            messages(rest, &mut wire);
            None
        }
        2 => Some(rest),
        _ => {
            mended = mend::schedule(rest);
            Some(&mended[..])
        }
    };
    if let Some(schedule) = schedule {
        let session = hello(&mut server, &mut wire, 1);
        let mut start = Start::new(5, schedule_id(schedule), 0);
        let sealed = keyed && how & 3 == 3;
        if keyed {
            start.tag = Orders::new(KEY).start(&start);
        }
        let plain = schedule;
        let mut tagged = Vec::new();
        if sealed {
            seal(plain, KEY, |piece| tagged.extend_from_slice(piece));
        }
        let schedule = if sealed { &tagged[..] } else { plain };
        send(&ToDevice::Ask { session, number: 2, core: 0, request: Request::Start(start) }, &mut wire);
        let size = 1 + usize::from(how >> 4) * 14;
        for (seq, bytes) in (0..).zip(schedule.chunks(size)) {
            send(&ToDevice::Data { core: 0, run: 5, seq, bytes }, &mut wire);
        }
        while server.poll(&mut wire) {}
        let device = server.device();
        if keyed && !sealed {
            assert_eq!(device.status().writes, 0, "nothing is carried out that has no tag");
        } else if device.status().run == Some(RunState::Ended) {
            let (_, levels) = reading::read(plain, vec![0; bench::CELLS]);
            let held: Vec<i32> = device.levels().iter().map(|level| (*level).into()).collect();
            assert_eq!(Some(held), levels, "what was carried out is what the schedule says");
        }
    }
    while server.poll(&mut wire) {}
    bench::check(server.device());
    // Whatever came before it: a packet behind a zero is understood.
    wire.coming.push_back(0);
    hello(&mut server, &mut wire, 0x1234_5678);
});

fn send(message: &ToDevice<'_>, wire: &mut Wire) {
    let mut out = Outgoing::new();
    out.set(message);
    assert!(!out.rest().is_empty(), "{message:?} does not fit a packet");
    wire.coming.extend(out.rest());
}

/// A new session; returns its number.
fn hello(
    server: &mut Server<'_, SimCells<'_, Mains, true>, SimFlash<'_, Mains>, Silent>,
    wire: &mut Wire,
    session: u32,
) -> u32 {
    while server.poll(wire) {}
    wire.sent.clear();
    send(&ToDevice::Ask { session, number: 1, core: 0, request: Request::Hello { schema: SCHEMA } }, wire);
    while server.poll(wire) {}
    let mut incoming = Incoming::new();
    for &byte in &wire.sent {
        if incoming.push(byte)
            && let Some(ToHost::Answer { session: s, answer: Answer::Hello(hello), .. }) = incoming.message()
            && s == session
        {
            return hello.session;
        }
    }
    panic!("the device does not answer a hello");
}

/// Pieces of the data as messages with a good CRC, stuffed well.
fn messages(mut data: &[u8], wire: &mut Wire) {
    while let Some((&len, rest)) = data.split_first() {
        let (message, behind) = rest.split_at(usize::from(len).min(rest.len()).min(PACKET - 4));
        data = behind;
        let mut packet = message.to_vec();
        packet.extend(CRC.checksum(message).to_le_bytes());
        for block in packet.split(|byte| *byte == 0) {
            wire.coming.push_back(block.len() as u8 + 1);
            wire.coming.extend(block);
        }
        wire.coming.push_back(0);
    }
}
