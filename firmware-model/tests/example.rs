//! The example of `docs/schedule-format.md`, section 9: its bytes mean what the page says, in chunks of any size; and
//! every damage to them is refused before the damaged frame reaches the core.

mod support;

use firmware_model::controller::Controller;
use firmware_model::error::{BadFrame, Error};
use firmware_model::photonic_core::{Identity, Output, device_crc};
use firmware_model::sim::{Fault, SimConfig, SimCore, SimMemory, Wear};
use support::{Event, Recorder, hex};

const RAM: usize = 97;

fn example() -> Vec<u8> {
    let page = include_str!("../../docs/schedule-format.md");
    let block = page.split("```hex\n").nth(1).expect("the page has a block of bytes");
    hex(block.split("```").next().unwrap())
}

fn identity() -> Identity {
    Identity { rows: 2, cols: 2, bits: 1, fanout: 1, device_crc: device_crc(&[0.872, 1.0]) }
}

/// What the core is asked, frame by frame.
fn expected() -> [Vec<Event>; 5] {
    use Event::{Assign, Layer, Program, Route, Step};
    let output = |row| Some(Output { row, base: 0, scale: 0.5 });
    [
        vec![],
        vec![Layer("fc".into())],
        vec![Assign(0, output(1)), Assign(1, output(0))],
        vec![
            Program(0, 0, -1),
            Program(0, 1, 0),
            Route(0, 0, Some(2)),
            Route(0, 1, Some(0)),
            Program(1, 0, 1),
            Program(1, 1, -1),
            Route(1, 0, Some(0)),
            Route(1, 1, Some(1)),
            Step,
            Route(0, 1, None),
            Route(0, 0, Some(3)),
            Program(1, 1, 0),
            Route(1, 0, Some(3)),
            Route(1, 1, Some(2)),
            Step,
        ],
        vec![],
    ]
}

/// Events up to, not with, frame `frame`.
fn events_before(frame: usize) -> Vec<Event> {
    expected().into_iter().take(frame).flatten().collect()
}

/// Where each frame ends; the magic is in front.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 8;
    while at < bytes.len() {
        at += 6 + usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        ends.push(at);
    }
    ends
}

#[test]
fn the_bytes_mean_what_the_page_says_in_any_chunks() {
    let bytes = example();
    for chunk in 1..=bytes.len() {
        let mut memory = [0xFF; RAM];
        let mut controller = Controller::new(Recorder::default(), identity(), &mut memory);
        for chunk in bytes.chunks(chunk) {
            controller.feed(chunk).unwrap();
        }
        let progress = controller.progress();
        assert_eq!((progress.frames, progress.layers, progress.tile_rows, progress.ended), (5, 1, 1, true));
        let end = controller.finish().unwrap();
        assert_eq!((end.steps, end.weights, end.first_writes, end.writes), (2, 7, 4, 2));
        assert_eq!(controller.into_core().events, events_before(5));
    }
}

#[test]
fn every_flipped_bit_is_refused_with_nothing_of_its_frame_carried_out() {
    let bytes = example();
    let ends = frame_ends(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Room for any header: a damaged length is not taken for a lack of memory.
        let mut memory = [0; 512];
        let mut controller = Controller::new(Recorder::default(), identity(), &mut memory);
        let error = controller.feed(&damaged).and_then(|_| controller.finish()).unwrap_err();
        if bit / 8 < 8 {
            assert!(matches!(error, Error::NotASchedule | Error::Version { .. }), "bit {bit}: {error}");
            assert_eq!(controller.into_core().events, []);
            continue;
        }
        let frame = ends.iter().position(|&end| bit / 8 < end).unwrap();
        match error {
            Error::BadFrame { frame: named, why: BadFrame::Length { .. } | BadFrame::Crc { .. } }
            | Error::Truncated { frame: named } => assert_eq!(named as usize, frame, "bit {bit}"),
            other => panic!("bit {bit}: {other}"),
        }
        assert_eq!(controller.into_core().events, events_before(frame), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = example();
    let ends = frame_ends(&bytes);
    for len in 0..bytes.len() {
        let mut memory = [0; RAM];
        let mut controller = Controller::new(Recorder::default(), identity(), &mut memory);
        assert!(!controller.feed(&bytes[..len]).unwrap().ended);
        let frame = ends.iter().filter(|&&end| end <= len).count();
        assert_eq!(controller.finish(), Err(Error::Truncated { frame: frame as u32 }));
        assert_eq!(controller.finish(), Err(Error::Stopped));
        assert_eq!(controller.into_core().events, events_before(frame));
    }
}

#[test]
fn lost_repeated_and_swapped_frames_are_noticed() {
    let bytes = example();
    let ends = frame_ends(&bytes);
    let starts: Vec<usize> = [8].into_iter().chain(ends.iter().copied()).collect();
    let frame = |i: usize| bytes[starts[i]..ends[i]].to_vec();
    for i in 0..5 {
        let orders: [Vec<usize>; 3] = [
            (0..5).filter(|&j| j != i).collect(),
            (0..5).flat_map(|j| if j == i { vec![j, j] } else { vec![j] }).collect(),
            (0..5)
                .map(|j| {
                    if j == i {
                        (i + 1) % 5
                    } else if j == (i + 1) % 5 {
                        i
                    } else {
                        j
                    }
                })
                .collect(),
        ];
        for order in orders {
            let mut stream = bytes[..8].to_vec();
            order.iter().for_each(|&j| stream.extend(frame(j)));
            let good = order.iter().enumerate().take_while(|(at, j)| *at == **j).count();
            let mut memory = [0; RAM];
            let mut controller = Controller::new(Recorder::default(), identity(), &mut memory);
            let error = controller.feed(&stream).and_then(|_| controller.finish()).unwrap_err();
            match error {
                Error::BadFrame { frame, why: BadFrame::Sequence { got } } => {
                    assert_eq!((frame as usize, got as usize), (good, order[good]));
                }
                Error::Truncated { frame } => assert_eq!((order.len(), frame), (good, 4)),
                Error::Trailing => assert_eq!(good, 5),
                other => panic!("{order:?}: {other}"),
            }
            assert_eq!(controller.into_core().events, events_before(good));
        }
    }
}

/// Lends the buffers of a 2x2 core with these stuck cells, and replays the example on it.
fn simulate<T>(stuck: &[(u16, u16)], run: impl FnOnce(&mut Controller<'_, SimCore<'_>>) -> T) -> T {
    let (mut levels, mut wear) = ([0; 4], [Wear::default(); 4]);
    let (mut routes, mut assigned, mut outputs) = ([0; 4], [None; 2], [0; 2]);
    let core = SimMemory {
        levels: &mut levels,
        wear: &mut wear,
        routes: &mut routes,
        assigned: &mut assigned,
        values: &[0, 10],
        inputs: &[1, 2, 3, 4],
        outputs: &mut outputs,
        stuck,
    };
    let core = SimCore::new(SimConfig { rows: 2, cols: 2, bits: 1, fanout: 1, cost: None }, core).unwrap();
    let mut memory = [0; RAM];
    run(&mut Controller::new(core, identity(), &mut memory))
}

#[test]
fn the_end_frame_says_what_the_simulated_core_counts() {
    simulate(&[], |controller| {
        let mut before = controller.core().totals();
        for (writes, events) in [(4, 4), (2, 2), (2, 2)] {
            controller.feed(&example()).unwrap();
            controller.finish().unwrap();
            controller.rewind();
            let now = controller.core().totals();
            assert_eq!(
                (now.writes() - before.writes(), now.counts.events() - before.counts.events()),
                (writes, events)
            );
            // (1, -1, 0, 1) and (0, 0, -1, -1) times (1, 2, 3, 4), times 10.
            assert_eq!(controller.core().outputs(), [30, -70]);
            before = now;
        }
    });
}

#[test]
fn a_stuck_cell_stops_the_schedule_by_name() {
    simulate(&[(1, 0)], |controller| {
        let error = controller.feed(&example()).unwrap_err();
        assert_eq!(error, Error::Core { frame: 3, fault: Fault::Stuck { row: 1, col: 0, at: 0, wanted: 1 } });
        assert_eq!(
            error.to_string(),
            "the core failed at frame 3: cell (1, 0) is stuck at level 0, it cannot go to 1: plan around it"
        );
        assert_eq!(controller.feed(&example()), Err(Error::Stopped));
    });
}
