//! Arbitrary bytes into the serial port of a device: nothing that arrives may panic, loop for long, make the core do what it
//! forbids, or keep the device from answering the next host.
//!
//! The first byte says how the rest is used. Lowest two bits 0: as the bytes on the wire. 1: as messages, each behind a byte with its
//! length, packed well. 2: as a schedule, in the data packets of a run that was started well; 3: the same, mended. Bits 4 to 7 of it
//! are the size of the data packets.
#![no_main]

mod bench;
mod mend;

use std::collections::VecDeque;

use firmware_model::hardware::Port;
use firmware_model::link::messages::{Answer, Request, SCHEMA, Start, ToDevice, ToHost};
use firmware_model::link::packet::{Incoming, Outgoing, PACKET};
use firmware_model::link::server::Server;
use firmware_model::sim_cells::{Mains, SimCells};
use firmware_model::sim_flash::SimFlash;
use firmware_model::trace::Silent;
use firmware_model::wire::CRC;
use libfuzzer_sys::fuzz_target;

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
    let device = bench.boot().expect("a new flash is formatted");
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
        let start = Start::new(5, [1; 16], 0);
        send(&ToDevice::Ask { session, number: 2, request: Request::Start(start) }, &mut wire);
        let size = 1 + usize::from(how >> 4) * 14;
        for (seq, bytes) in (0..).zip(schedule.chunks(size)) {
            send(&ToDevice::Data { run: 5, seq, bytes }, &mut wire);
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
    send(&ToDevice::Ask { session, number: 1, request: Request::Hello { schema: SCHEMA } }, wire);
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
