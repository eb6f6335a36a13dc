//! Random schedules of every kind, encoded and decoded naively, lead to the same calls of the core, the same products and
//! the same wear.

mod support;

use firmware_model::controller::Controller;
use firmware_model::pcm::{Price, WriteCost};
use firmware_model::sim::{SimConfig, SimCore, SimMemory, Wear};
use firmware_model::wire::{Lists, Reach};
use proptest::prelude::*;
use support::random::{Encoded, Rng, Shape, encode};
use support::{Event, Recorder, identity, stream};

fn shapes() -> impl Strategy<Value = Shape> {
    let kind = prop_oneof![
        Just((Reach::Lane, Lists::Cell, 0u16)),
        // Drawn again for shared inputs.
        Just((Reach::Row, Lists::Cell, 0u16)),
        (prop_oneof![Just(Lists::Level), Just(Lists::Cell)], prop_oneof![Just(0u16), Just(64), Just(512)])
            .prop_map(|(lists, window)| (Reach::Row, lists, window)),
        prop_oneof![Just(0u16), Just(64), Just(512)].prop_map(|window| (Reach::Core, Lists::Level, window)),
    ];
    let core = (1u16..=9, 1u16..=9, 1u8..=8, any::<bool>(), prop_oneof![Just(1u16), 2u16..=4]);
    let schedule = (0u32..=2, 1u32..=40, 0u32..=6, 1u32..=4, any::<bool>(), any::<u64>());
    (core, kind, schedule).prop_map(
        |(
            (rows, cols, bits, wide, fanout),
            (reach, lists, window),
            (layers, steps, gap, crowded, per_row_scale, seed),
        )| {
            // Shared inputs have neither lists by level nor windows; and so many rows that groups are whole.
            let fanout = if lists == Lists::Cell && window == 0 { fanout } else { 1 };
            Shape {
                rows: rows.next_multiple_of(fanout),
                cols,
                bits,
                fanout,
                reach,
                lists,
                window,
                wide,
                layers,
                steps,
                gap,
                crowded,
                per_row_scale,
                max_frame: u16::MAX,
                seed,
            }
        },
    )
}

fn replay(shape: &Shape, bytes: &[u8], chunk: usize) -> Vec<Event> {
    let header = shape.header();
    let mut memory = vec![0xA5; header.working_memory().total().max(512)];
    let mut controller = Controller::new(Recorder::default(), identity(&header), &mut memory);
    for chunk in bytes.chunks(chunk) {
        controller.feed(chunk).unwrap();
    }
    controller.finish().unwrap();
    controller.into_core().events
}

/// Level steps up and down, and events, of all cells, from the calls alone.
fn wear(events: &[Event], shape: &Shape, levels: &mut [i16]) -> (u64, u64, u64, Vec<[u32; 2]>) {
    let (mut up, mut down, mut changed) = (0, 0, 0);
    let mut cells = vec![[0u32; 2]; levels.len()];
    for event in events {
        if let Event::Program(row, col, level) = *event {
            let cell = usize::from(row) * usize::from(shape.cols) + usize::from(col);
            let before = std::mem::replace(&mut levels[cell], level);
            for (sign, wear) in [1, -1].into_iter().zip(&mut cells[cell]) {
                let (from, to) = ((sign * before).max(0), (sign * level).max(0));
                up += (to - from).max(0) as u64;
                down += (from - to).max(0) as u64;
                changed += u64::from(from != to);
                *wear += u32::from(from.abs_diff(to));
            }
        }
    }
    (up, down, changed, cells)
}

fn check_simulated(shape: &Shape, encoded: &Encoded, bytes: &[u8]) {
    let header = shape.header();
    let cells = usize::from(shape.rows) * usize::from(shape.cols);
    let mut rng = Rng(shape.seed ^ 1);
    let values: Vec<i32> = (0..1 << shape.bits).map(|_| rng.below(1 << 24) as i32).collect();
    let inputs: Vec<i32> = (0..encoded.inputs).map(|_| rng.below(2001) as i32 - 1000).collect();
    let (mut levels, mut wears) = (vec![0i16; cells], vec![Wear::default(); cells]);
    let (mut routes, mut assigned) = (vec![0; cells], vec![None; usize::from(shape.rows)]);
    let mut outputs = vec![0i64; encoded.outputs];
    let price = |energy_pj, time_us| Price { energy_pj, time_us };
    let cost = WriteCost::PerLevel { up: price(9.0, 0.5), down: price(40.0, 20.0) };
    let config =
        SimConfig { rows: shape.rows, cols: shape.cols, bits: shape.bits, fanout: shape.fanout, cost: Some(cost) };
    let memory = SimMemory {
        levels: &mut levels,
        wear: &mut wears,
        routes: &mut routes,
        assigned: &mut assigned,
        values: &values,
        inputs: &inputs,
        outputs: &mut outputs,
        stuck: &[],
    };
    let mut core = SimCore::new(config, memory).unwrap();
    let mut arena = vec![0; header.working_memory().total().max(512)];
    let mut controller = Controller::new(&mut core, identity(&header), &mut arena);

    let mut expected_outputs = vec![0i64; encoded.outputs];
    for &(output, input, level) in &encoded.weights {
        let value = i64::from(values[usize::from(level.unsigned_abs())]) * i64::from(level.signum());
        expected_outputs[output] += value * i64::from(inputs[input]);
    }
    let mut twin_levels = vec![0i16; cells];
    let mut sums = (0, 0, 0);
    let mut worn = vec![[0u32; 2]; cells];
    for inference in 1..=2u64 {
        for chunk in bytes.chunks(100) {
            controller.feed(chunk).unwrap();
        }
        let end = controller.finish().unwrap();
        let progress = controller.progress();
        assert_eq!((progress.steps, progress.weights), (end.steps, end.weights));
        controller.rewind();

        let (up, down, changed, by_cell) = wear(&encoded.events, shape, &mut twin_levels);
        sums = (sums.0 + up, sums.1 + down, sums.2 + changed);
        worn.iter_mut().zip(by_cell).for_each(|(sum, cell)| (0..2).for_each(|i| sum[i] += cell[i]));
        let totals = controller.core().totals();
        assert_eq!((totals.counts.up, totals.counts.down, totals.counts.events()), sums);
        assert_eq!(totals.steps, inference * encoded.steps);
        assert_eq!(totals.multiplications, inference * encoded.weights.len() as u64);
        assert_eq!(totals.energy_pj(&cost), sums.0 as f64 * 9.0 + sums.1 as f64 * 40.0);
        if shape.layers > 0 {
            assert_eq!(controller.core().outputs(), expected_outputs, "outputs of inference {inference}");
        }
        assert_eq!(controller.core().levels(), twin_levels);
    }
    let counted: Vec<[u32; 2]> = core.wear().iter().map(|w| [w.plus.writes(), w.minus.writes()]).collect();
    assert_eq!(counted, worn);
    assert_eq!(core.worst_cell(), worn.iter().flatten().copied().max().unwrap_or(0));
    assert!(core.totals().write_time_us <= sums.0 as f64 * 0.5 + sums.1 as f64 * 20.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_core_is_asked_what_was_encoded(shape in shapes(), chunk in 1usize..300) {
        let encoded = encode(&shape);
        let bytes = stream(&encoded.bodies);
        prop_assert_eq!(replay(&shape, &bytes, chunk), encoded.events);
    }

    #[test]
    fn the_simulated_core_computes_and_counts(shape in shapes()) {
        let encoded = encode(&shape);
        check_simulated(&shape, &encoded, &stream(&encoded.bodies));
    }

    #[test]
    fn nothing_of_a_damaged_frame_reaches_the_core(shape in shapes(), at in any::<u64>(), burst in 1u8..=255) {
        let encoded = encode(&shape);
        let mut bytes = stream(&encoded.bodies);
        let at = (at % bytes.len() as u64) as usize;
        bytes[at] ^= burst;
        let damaged = frame_of(&encoded.bodies, at);
        let header = shape.header();
        let mut memory = vec![0; header.working_memory().total().max(512)];
        let mut controller = Controller::new(Recorder::default(), identity(&header), &mut memory);
        let fed = controller.feed(&bytes);
        prop_assert!(fed.is_err() || controller.finish().is_err());
        prop_assert!(controller.feed(&[0]).is_err(), "a failed controller takes nothing more");
        let allowed = damaged.map_or(0, |frame| encoded.events_before[frame]);
        prop_assert_eq!(&controller.into_core().events[..], &encoded.events[..allowed]);
    }
}

/// The frame that byte `at` of the stream belongs to; `None` for the magic.
fn frame_of(bodies: &[Vec<u8>], at: usize) -> Option<usize> {
    let mut end = 8;
    (at >= end).then(|| {
        bodies
            .iter()
            .position(|body| {
                end += body.len() + 6;
                at < end
            })
            .unwrap()
    })
}

#[test]
fn the_largest_codes_and_cores_work() {
    // 1024 x 2 with 8 bits: two bytes a state code, four an index, escapes in the gaps between far tiles.
    let shape = Shape {
        rows: 1024,
        cols: 2,
        bits: 8,
        fanout: 1,
        reach: Reach::Lane,
        lists: Lists::Cell,
        window: 0,
        wide: true,
        layers: 1,
        steps: 3,
        gap: 3000,
        crowded: 1,
        per_row_scale: true,
        max_frame: u16::MAX,
        seed: 5,
    };
    let encoded = encode(&shape);
    let bytes = stream(&encoded.bodies);
    assert_eq!(replay(&shape, &bytes, 65_536), encoded.events);
    check_simulated(&shape, &encoded, &bytes);
}
