//! The seeds of the fuzz targets `decoder`, `link` and `journal`: without good schedules and sessions the fuzzer would hardly find
//! a header. `UPDATE_FIXTURES=1` writes them anew.

mod support;

use std::path::Path;

use firmware_model::controller::Controller;
use firmware_model::link::messages::{Order, Request, SCHEMA, Start, ToDevice};
use firmware_model::link::packet::Outgoing;
use firmware_model::photonic_core::device_crc;
use firmware_model::wire::{Header, Lists, Reach};
use support::random::{Shape, encode};
use support::{Recorder, header_body, identity, stream};

/// The cores of `fuzz/fuzz_targets/decoder.rs`, in its order, and a kind of schedule for each.
const CORES: [(u16, u16, u8); 8] =
    [(2, 2, 1), (3, 2, 2), (4, 4, 4), (9, 9, 4), (2, 5, 6), (5, 3, 7), (1, 4, 8), (8, 8, 8)];
const KINDS: [(Reach, Lists, u16); 4] = [
    (Reach::Row, Lists::Level, 64),
    (Reach::Lane, Lists::Cell, 0),
    (Reach::Row, Lists::Cell, 128),
    (Reach::Row, Lists::Level, 0),
];

fn shape(core: usize) -> Shape {
    let (rows, cols, bits) = CORES[core];
    let (reach, lists, window) = KINDS[core % 4];
    Shape {
        rows,
        cols,
        bits,
        fanout: 1,
        reach,
        lists,
        window,
        wide: core > 5,
        layers: 1 + core as u32 % 2,
        steps: 12,
        gap: 3,
        crowded: 2,
        per_row_scale: core % 3 == 1,
        max_frame: 6000,
        seed: core as u64,
    }
}

#[test]
fn seeds_are_good_schedules() {
    for core in 0..CORES.len() {
        let shape = shape(core);
        let bytes = stream(&encode(&shape).bodies);
        let header = shape.header();
        let mut memory = vec![0; 32_768];
        let mut controller = Controller::new(Recorder::default(), identity(&header), &mut memory);
        controller.feed(&bytes).and_then(|_| controller.finish()).unwrap();

        let mended = core % 2;
        let mut seed = vec![(mended | core << 1 | 6 << 4) as u8];
        seed.extend(&bytes);
        bless("decoder", &format!("core-{core}"), &seed);
    }
}

/// Writes a seed, or compares it with the one that is there.
fn bless(target: &str, name: &str, seed: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let path = folder.join(name);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, seed).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == seed, "{}: bless it with UPDATE_FIXTURES=1", path.display());
}

/// A schedule for the device of `fuzz/fuzz_targets/bench.rs`: 4x4, 4 bits, transmissions 1/16 to 16/16.
fn schedule_for_the_bench() -> Vec<u8> {
    let shape = Shape { max_frame: 600, ..shape(2) };
    let transmissions: Vec<f32> = (1..=16).map(|level| level as f32 / 16.0).collect();
    let header = Header { device_crc: device_crc(&transmissions), ..shape.header() };
    let mut bodies = encode(&shape).bodies;
    bodies[0] = header_body(0, &header);
    let bytes = stream(&bodies);
    let mut memory = vec![0; 32_768];
    let mut controller = Controller::new(Recorder::default(), identity(&header), &mut memory);
    controller.feed(&bytes).and_then(|_| controller.finish()).unwrap();
    bytes
}

/// The seeds of `link`: a good session on the wire, its messages, and a schedule, whole and to be mended.
#[test]
fn seeds_of_the_link_are_good_sessions() {
    let schedule = schedule_for_the_bench();
    let ask = |number, request| ToDevice::Ask { session: 1, number, core: 0, request };
    let start = Start::new(5, [1; 16], 0);
    let requests = [
        Request::Hello { schema: SCHEMA },
        Request::Inputs { vector: 0, first: 0, values: &[1, 0, 2, 0] },
        Request::Capture { step: 1 },
        Request::Start(start),
        Request::Status,
        Request::Wear { first: 0 },
        Request::Levels { first: 3 },
        Request::LevelsDigest,
        Request::Faults { first: 0 },
        Request::Outputs { first: 0 },
        Request::SetKey { key: [7; 32], order: Order { number: 9, tag: [0; 16] } },
        Request::Audit { first: 3 },
        Request::Renew { first: 0, order: Order { number: 10, tag: [1; 16] } },
        Request::Format { keep_wear: true, order: Order { number: 11, tag: [2; 16] } },
    ];
    let mut messages: Vec<ToDevice<'_>> = (1..).zip(requests).map(|(number, request)| ask(number, request)).collect();
    let data = (0..).zip(schedule.chunks(200)).map(|(seq, bytes)| ToDevice::Data { core: 0, run: 5, seq, bytes });
    messages.splice(4..4, data);
    let (mut wire, mut packed) = (vec![0], vec![1]);
    for message in &messages {
        let mut out = Outgoing::new();
        out.set(message);
        wire.extend(out.rest());
        let mut buffer = [0; 254];
        let bytes = postcard::to_slice(message, &mut buffer).unwrap();
        packed.push(bytes.len() as u8);
        packed.extend_from_slice(bytes);
    }
    bless("link", "wire", &wire);
    bless("link", "messages", &packed);
    bless("link", "schedule", &[&[2 | 15 << 4], &schedule[..]].concat());
    bless("link", "mended", &[&[3 | 7 << 4], &schedule[..]].concat());
    bless("link", "sealed", &[&[7 | 7 << 4], &schedule[..]].concat());
    bless("link", "unsealed", &[&[6 | 7 << 4], &schedule[..]].concat());
}

/// The seeds of `journal`: a good flash with a change here and there.
#[test]
fn seeds_of_the_journal_change_a_good_flash() {
    bless("journal", "unchanged", &[1]);
    bless("journal", "blank", &[0]);
    bless("journal", "levels-mended", &[3, 0x04, 2, 5, 0x24, 0x26, 9]);
    bless("journal", "record", &[1, 0x10, 0x27, 0]);
    bless("journal", "record-mended", &[3, 0x10, 0x27, 0, 0x08, 3, 3]);
}
