//! Section 8 of `docs/schedule-format.md`: everything that is refused, by name and by frame, and what the core has heard by
//! then. All streams here are whole and their CRCs are right.

mod support;

use firmware_model::bits::BitError;
use firmware_model::controller::Controller;
use firmware_model::error::{Error, FrameKind, Malformed, Refusal};
use firmware_model::photonic_core::Identity;
use firmware_model::wire::{Body, End, Frame, Header, Layer, Lists, Reach, Scale, Steps, TileRow};
use support::{Bits, Recorder, end_body, header_body, layer_body, ram, steps_body, stream, tile_row_body};

const DEVICE: u32 = 0x1234_5678;

/// 3x2, 2 bits, reach Row, lists Level, window 64.
fn header() -> Header<'static> {
    let header = Header {
        rows: 3,
        cols: 2,
        bits: 2,
        fanout: 1,
        reach: Reach::Row,
        lists: Lists::Level,
        window: 64,
        index_bytes: 2,
        max_frame: 300,
        layers: 1,
        ram: 0,
        device: "pcm",
        device_crc: DEVICE,
    };
    Header { ram: ram(&header) as u32, ..header }
}

fn layer() -> Layer<'static> {
    Layer {
        index: 0,
        rows: 4,
        cols: 6,
        groups: 2,
        tile_rows: 1,
        scale: Scale::Layer(1.0),
        change_rice: 0,
        cell_rice: 0,
        key_rice: 0,
        index_rice: &[0; 4],
        name: "w",
    }
}

/// Core row 1 alone, for output 3; two steps.
fn tile_row() -> TileRow<'static> {
    TileRow { index: 0, steps: 2, rows: &[0, 4, 0] }
}

/// The key record of one row: both cells at level 0, inputs 0 and 1.
fn key_record() -> Bits {
    let mut bits = Bits::default();
    bits.bits(1, 1);
    for number in [0, 0, 0, 0] {
        bits.rice(0, number);
    }
    bits
}

/// A later record with these changes (gap, code), and then inputs by these numbers.
fn change_record(changes: &[(u32, u32)], inputs: &[u32]) -> Bits {
    let mut bits = Bits::default();
    bits.rice(0, changes.len() as u32);
    for &(gap, code) in changes {
        bits.rice(0, gap);
        bits.bits(3, code);
    }
    inputs.iter().for_each(|&number| bits.rice(0, number));
    bits
}

fn joined(records: &[Bits]) -> Vec<u8> {
    Bits(records.iter().flat_map(|r| r.0.clone()).collect()).to_bytes()
}

fn steps_of(seq: u32, records: &[Bits]) -> Vec<u8> {
    let bits = joined(records);
    steps_body(seq, &Steps { step: 0, row: 1, records: records.len() as u16, bits: &bits })
}

fn end() -> End {
    End { steps: 2, weights: 4, ..End::default() }
}

/// A whole good schedule, frame by frame.
fn good() -> Vec<Vec<u8>> {
    vec![
        header_body(0, &header()),
        layer_body(1, &layer()),
        tile_row_body(2, &tile_row()),
        steps_of(3, &[key_record(), change_record(&[], &[0, 0])]),
        end_body(4, &end()),
    ]
}

const CORE: Identity = Identity { rows: 3, cols: 2, bits: 2, fanout: 1, device_crc: DEVICE };

type Failure = Error<core::convert::Infallible>;

/// Runs a stream; returns the error and the number of calls that the core heard.
fn run_on(core: Identity, memory: usize, bodies: &[Vec<u8>]) -> (Result<End, Failure>, usize) {
    let mut memory = vec![0; memory];
    let mut controller = Controller::new(Recorder::default(), core, &mut memory);
    let result = controller.feed(&stream(bodies)).and_then(|_| controller.finish());
    (result, controller.into_core().events.len())
}

fn run(bodies: &[Vec<u8>]) -> (Result<End, Failure>, usize) {
    run_on(CORE, 1000, bodies)
}

/// The good schedule with frame `at` replaced has to be malformed there, with so many calls before.
#[track_caller]
fn malformed(at: usize, body: Vec<u8>, why: Malformed, calls: usize) {
    let mut bodies = good();
    bodies[at] = body;
    assert_eq!(run(&bodies), (Err(Error::Malformed { frame: at as u32, why }), calls));
}

/// Calls that the core hears of the good Layer and TileRow frames.
const ASSIGNED: usize = 4;

#[test]
fn the_good_schedule_is_good() {
    assert_eq!(run(&good()), (Ok(end()), ASSIGNED + 4 + 1 + 2 + 1));
}

#[test]
fn the_naive_bodies_are_postcards() {
    let tiles = TileRow { steps: 300, ..tile_row() };
    let (s, e) = (Steps { step: 128, row: 1, records: 2, bits: &[1, 2, 3] }, End { writes: 1 << 40, ..end() });
    let l = Layer { scale: Scale::Row, ..layer() };
    let pairs = [
        (header_body(9, &header()), Frame::Header(header())),
        (layer_body(9, &layer()), Frame::Layer(layer())),
        (layer_body(9, &l), Frame::Layer(l)),
        (tile_row_body(9, &tiles), Frame::TileRow(tiles)),
        (steps_body(9, &s), Frame::Steps(s)),
        (end_body(9, &e), Frame::End(e)),
    ];
    for (naive, frame) in pairs {
        let mut buffer = [0; 512];
        assert_eq!(postcard::to_slice(&Body { seq: 9, frame }, &mut buffer).unwrap(), naive);
    }
}

#[test]
fn headers_for_other_cores_are_refused() {
    let with = |h: Header<'static>| {
        let mut bodies = good();
        bodies[0] = header_body(0, &h);
        run(&bodies)
    };
    let fitted = |h: Header<'static>| Header { ram: ram(&h) as u32, ..h };
    let refused = |why| (Err(Error::Refused(why)), 0);
    let core = |schedule| refused(Refusal::Core { schedule, core: (3, 2) });
    assert_eq!(with(fitted(Header { rows: 2, ..header() })), core((2, 2)));
    assert_eq!(with(fitted(Header { cols: 3, ..header() })), core((3, 3)));
    assert_eq!(with(fitted(Header { bits: 3, ..header() })), refused(Refusal::Bits { schedule: 3, core: 2 }));
    let shared = Header { fanout: 3, lists: Lists::Cell, window: 0, ..header() };
    assert_eq!(with(shared), refused(Refusal::Fanout { schedule: 3, core: 1 }));
    assert_eq!(with(Header { device_crc: 1, ..header() }), refused(Refusal::Device { schedule: 1, core: DEVICE }));
    let formula = ram(&header());
    for wrong in [0, formula as u32 - 1, formula as u32 + 1, u32::MAX] {
        assert_eq!(with(Header { ram: wrong, ..header() }), refused(Refusal::Ram { header: wrong, formula }));
    }
}

#[test]
fn too_little_memory_is_refused_with_the_bytes_that_are_needed() {
    let need = ram(&header());
    assert!(run_on(CORE, need, &good()).0.is_ok());
    assert_eq!(run_on(CORE, need - 1, &good()), (Err(Error::Refused(Refusal::Memory { need, have: need - 1 })), 0));
    let header_len = good()[0].len();
    let error = Error::Refused(Refusal::Memory { need: header_len, have: header_len - 1 });
    assert_eq!(run_on(CORE, header_len - 1, &good()), (Err(error), 0));
    assert_eq!(
        error.to_string(),
        format!(
            "the schedule is refused: {header_len} bytes of working memory are needed, {} were lent: lend more, or plan \
             with a smaller window or frame",
            header_len - 1
        )
    );
    assert_eq!(run_on(CORE, 0, &good()).1, 0);
}

#[test]
fn header_fields_have_ranges() {
    let bad = |h: Header<'static>, why| malformed(0, header_body(0, &h), why, 0);
    let field = |field, got, min, max| Malformed::Field { field, got, min, max };
    for rows in [0, 1025, u16::MAX] {
        bad(Header { rows, ..header() }, field("rows", rows.into(), 1, 1024));
        bad(Header { cols: rows, ..header() }, field("cols", rows.into(), 1, 1024));
    }
    for bits in [0, 9, 255] {
        bad(Header { bits, ..header() }, field("bits", bits.into(), 1, 8));
    }
    bad(Header { window: 4160, ..header() }, field("window", 4160, 0, 4096));
    bad(Header { window: 96, ..header() }, Malformed::WindowMultiple { got: 96 });
    bad(
        Header { reach: Reach::Lane, lists: Lists::Cell, ..header() },
        Malformed::Expected { field: "window (with reach Lane)", got: 64, expected: 0 },
    );
    bad(
        Header { reach: Reach::Lane, window: 0, ..header() },
        Malformed::Expected { field: "lists (with reach Lane)", got: 0, expected: 1 },
    );
    for index_bytes in [0, 1, 3, 8] {
        bad(
            Header { index_bytes, ..header() },
            Malformed::Expected { field: "index_bytes (if not 2)", got: index_bytes.into(), expected: 4 },
        );
    }
    bad(Header { max_frame: 63, ..header() }, field("max_frame", 63, 64, 65_535));
    let long = "0123456789012345678901234567890123456789012345678901234567890123x";
    bad(Header { device: long, ..header() }, field("length of device", 65, 0, 64));
}

#[test]
fn layer_fields_have_ranges() {
    let bad = |l: Layer<'static>, why| malformed(1, layer_body(1, &l), why, 0);
    let field = |field, got, min, max| Malformed::Field { field, got, min, max };
    bad(Layer { index: 1, ..layer() }, Malformed::Expected { field: "index of the layer", got: 1, expected: 0 });
    bad(Layer { rows: 0, ..layer() }, field("rows", 0, 1, u32::MAX));
    bad(Layer { cols: 0, ..layer() }, field("cols", 0, 1, 65_534));
    bad(Layer { cols: 65_535, ..layer() }, field("cols", 65_535, 1, 65_534));
    bad(Layer { groups: 0, ..layer() }, field("groups", 0, 1, 4));
    bad(Layer { groups: 5, ..layer() }, field("groups", 5, 1, 4));
    bad(Layer { groups: 3, ..layer() }, Malformed::Groups { groups: 3, rows: 4 });
    bad(
        Layer { rows: 1 << 20, groups: 1 << 20, cols: 1 << 12, ..layer() },
        Malformed::InputVector { groups: 1 << 20, cols: 1 << 12 },
    );
    for scale in [f32::NAN, f32::INFINITY] {
        bad(Layer { scale: Scale::Layer(scale), ..layer() }, Malformed::Scale);
    }
    bad(Layer { change_rice: 16, ..layer() }, field("change_rice", 16, 0, 15));
    bad(Layer { cell_rice: 16, ..layer() }, field("cell_rice", 16, 0, 15));
    bad(Layer { key_rice: 255, ..layer() }, field("key_rice", 255, 0, 15));
    for table in [&[0u8; 3][..], &[0; 5], &[]] {
        bad(
            Layer { index_rice: table, ..layer() },
            Malformed::Expected { field: "length of index_rice", got: table.len() as u64, expected: 4 },
        );
    }
}

#[test]
fn wide_layers_stay_below_two_to_the_31() {
    let h = Header { index_bytes: 4, ..header() };
    let mut bodies = good();
    bodies[0] = header_body(0, &Header { ram: ram(&h) as u32, ..h });
    let max = i32::MAX as u32;
    for (groups, cols, why) in [
        (1, max + 1, Some(Malformed::Field { field: "cols", got: max + 1, min: 1, max })),
        (4, max, Some(Malformed::InputVector { groups: 4, cols: max })),
        (2, max, None),
    ] {
        bodies[1] = layer_body(1, &Layer { groups, cols, ..layer() });
        let expected = why.map_or(Ok(end()), |why| Err(Error::Malformed { frame: 1, why }));
        assert_eq!(run(&bodies).0, expected);
    }
}

#[test]
fn tile_rows_are_checked_before_anything_is_assigned() {
    let bad = |t: TileRow<'static>, why| malformed(2, tile_row_body(2, &t), why, 1);
    bad(
        TileRow { index: 7, ..tile_row() },
        Malformed::Expected { field: "index of the tile row", got: 7, expected: 0 },
    );
    bad(TileRow { steps: 0, ..tile_row() }, Malformed::Field { field: "steps", got: 0, min: 1, max: u32::MAX });
    bad(TileRow { rows: &[1, 0, 5], ..tile_row() }, Malformed::OutputRow { row: 2, output: 4, rows: 4 });
    bad(TileRow { rows: &[0, 0, 0], ..tile_row() }, Malformed::NoRows);
    bad(TileRow { rows: &[0, 1], ..tile_row() }, Malformed::Encoding);
    bad(TileRow { rows: &[0, 1, 0, 0], ..tile_row() }, Malformed::LeftOver { bytes: 1 });
    bad(TileRow { rows: &[0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], ..tile_row() }, Malformed::Encoding);

    let mut bodies = good();
    bodies[1] = layer_body(1, &Layer { scale: Scale::Row, ..layer() });
    for (scale, ok) in [(0.5f32, true), (f32::NEG_INFINITY, false)] {
        let mut rows = vec![0, 4];
        rows.extend(scale.to_le_bytes());
        rows.push(0);
        bodies[2] = tile_row_body(2, &TileRow { rows: &rows, ..tile_row() });
        let error = Error::Malformed { frame: 2, why: Malformed::Scale };
        assert_eq!(run(&bodies).0, if ok { Ok(end()) } else { Err(error) });
    }
}

#[test]
fn nothing_of_cells_read_with_a_bad_one_reaches_the_core() {
    let second = |record: Bits, why| {
        malformed(3, steps_of(3, &[key_record(), record]), why, ASSIGNED + 5);
    };
    let cell = Malformed::Cell { row: 1, cols: 2 };
    second(change_record(&[(2, 1)], &[]), cell);
    second(change_record(&[(1, 1), (0, 1)], &[]), cell);
    second(change_record(&[(0, 0), (0, 0), (0, 0)], &[]), cell);
    second(change_record(&[(u32::MAX, 0)], &[]), cell);
    // Both at level 0, so far with inputs 0 and 1: of columns 2 to 5, the fifth does not exist.
    second(change_record(&[], &[4]), Malformed::Column { row: 1, col: 0, inputs: 6 });
    second(change_record(&[], &[3, 0]), Malformed::Column { row: 1, col: 1, inputs: 6 });
    second(change_record(&[], &[u32::MAX]), Malformed::Column { row: 1, col: 0, inputs: 6 });

    for (number, top) in [(2u32 * 4, 3i16), (2 * 4 - 1, 3), (u32::MAX, 3), (u32::MAX - 1, 3)] {
        let mut record = Bits::default();
        record.bits(1, 1);
        record.rice(0, number);
        malformed(3, steps_of(3, &[record]), Malformed::Level { row: 1, col: 0, top }, ASSIGNED);
    }
}

#[test]
fn lane_inputs_stay_inside_the_layer() {
    // 6 columns and 2 lanes: tiles 0, 1, 2.
    let h = Header { reach: Reach::Lane, lists: Lists::Cell, window: 0, ..header() };
    let h = Header { ram: ram(&h) as u32, ..h };
    for (tiles, good_until) in [([0i64, 2], 2), ([0, 3], 1), ([-1, 0], 0), ([1 << 30, 0], 0)] {
        let mut record = Bits::default();
        record.bits(1, 1);
        record.rice(0, 0);
        record.rice(0, 0);
        tiles.iter().for_each(|tile| record.signed(0, *tile));
        let mut bodies = good();
        bodies[0] = header_body(0, &h);
        bodies[3] = steps_of(3, &[record.clone(), change_record(&[], &[1, 1])]);
        let (result, calls) = run(&bodies);
        let why = Malformed::Column { row: 1, col: good_until as u16, inputs: 6 };
        if good_until < 2 {
            assert_eq!(result, Err(Error::Malformed { frame: 3, why }));
            assert_eq!(calls, ASSIGNED + 2);
        } else {
            // last = 0, 2; the second step goes one back and none forward: tile 0 again; tile 2.
            assert_eq!(result, Ok(end()));
        }
    }
}

#[test]
fn bits_are_used_up_exactly() {
    let records = [key_record(), change_record(&[], &[0, 0])];
    let whole = joined(&records);
    let with = |bits: &[u8], records| steps_body(3, &Steps { step: 0, row: 1, records, bits });
    let truncated = Malformed::Bits { row: 1, why: BitError::Truncated };
    malformed(3, with(&[], 1), truncated, ASSIGNED);
    malformed(3, with(&whole, 3), Malformed::TooManyRecords { steps: 2 }, ASSIGNED + 8);
    let mut longer = whole.clone();
    longer.push(0);
    malformed(3, with(&longer, 2), Malformed::Padding, ASSIGNED + 8);
    // 5 bits of key record, 3 of the second record; a ninth bit as padding that is not zero.
    malformed(3, with(&[whole[0], 2], 2), Malformed::Padding, ASSIGNED + 8);
    malformed(3, with(&whole, 0), Malformed::Field { field: "records", got: 0, min: 1, max: 65_535 }, ASSIGNED);
    let mut escape = key_record();
    escape.0.extend([true; 20]);
    escape.bits(32, 19);
    let why = Malformed::Bits { row: 1, why: BitError::Escape };
    malformed(3, with(&escape.to_bytes(), 2), why, ASSIGNED + 5);
}

#[test]
fn steps_come_in_their_places() {
    let place = |step, row| {
        let bits = joined(&[key_record()]);
        steps_body(3, &Steps { step, row, records: 1, bits: &bits })
    };
    malformed(3, place(1, 1), Malformed::Expected { field: "step", got: 1, expected: 0 }, ASSIGNED);
    malformed(3, place(0, 0), Malformed::Expected { field: "row", got: 0, expected: 1 }, ASSIGNED);
}

#[test]
fn frames_come_in_their_order() {
    use FrameKind::{End, Header, Layer, Steps, TileRow};
    let kinds = [Header, Layer, TileRow, Steps, End];
    let calls = [0, 0, 1, ASSIGNED, ASSIGNED + 8];
    for at in 0..5 {
        for (other, &got) in kinds.iter().enumerate() {
            if other == at {
                continue;
            }
            let mut bodies = good();
            let mut body = good()[other].clone();
            body[0] = at as u8;
            bodies[at] = body;
            let why = Malformed::OutOfOrder { expected: kinds[at], got };
            assert_eq!(run(&bodies), (Err(Error::Malformed { frame: at as u32, why }), calls[at]));
        }
    }
}

#[test]
fn bodies_are_used_up_exactly() {
    for at in 0..5 {
        let mut longer = good()[at].clone();
        longer.push(0);
        let calls = [0, 0, 1, ASSIGNED, ASSIGNED + 8][at];
        malformed(at, longer, Malformed::LeftOver { bytes: 1 }, calls);
        let mut shorter = good()[at].clone();
        shorter.pop();
        malformed(at, shorter, Malformed::Encoding, calls);
        malformed(at, vec![at as u8, 5], Malformed::Encoding, calls);
    }
}

#[test]
fn the_end_has_to_agree_and_to_be_the_end() {
    let calls = ASSIGNED + 8;
    let differs = |field, got, expected| Malformed::Expected { field, got, expected };
    let with = |e| end_body(4, &e);
    malformed(4, with(End { steps: 3, ..end() }), differs("steps of the End frame", 3, 2), calls);
    malformed(4, with(End { weights: 5, ..end() }), differs("weights of the End frame", 5, 4), calls);
    let mut bodies = good();
    bodies.push(good()[4].clone());
    assert_eq!(run(&bodies), (Err(Error::Trailing), calls));
    let mut one_layer_missing = good();
    one_layer_missing[0] = header_body(0, &Header { layers: 2, ..header() });
    let why = Malformed::OutOfOrder { expected: FrameKind::Layer, got: FrameKind::End };
    assert_eq!(run(&one_layer_missing), (Err(Error::Malformed { frame: 4, why }), calls));
    let nothing = vec![header_body(0, &Header { layers: 0, ..header() }), end_body(1, &End::default())];
    assert_eq!(run(&nothing), (Ok(End::default()), 0));
}

#[test]
fn a_rewound_controller_starts_anew_after_any_error() {
    let mut memory = vec![0; ram(&header())];
    let mut controller = Controller::new(Recorder::default(), CORE, &mut memory);
    let bytes = stream(&good());
    for cut in 0..bytes.len() {
        controller.feed(&bytes[..cut]).unwrap();
        assert!(controller.finish().is_err());
        assert_eq!(controller.feed(&bytes[cut..]), Err(Error::Stopped));
        controller.rewind();
        controller.core_mut().events.clear();
        controller.feed(&bytes).unwrap();
        assert_eq!(controller.finish(), Ok(end()));
        assert_eq!(controller.core().events.len(), ASSIGNED + 8);
        controller.rewind();
    }
}

#[test]
fn errors_say_what_was_expected_and_what_to_do() {
    let text = |bodies: &[Vec<u8>]| run(bodies).0.unwrap_err().to_string();
    let mut bodies = good();
    bodies[0] = header_body(0, &Header { rows: 64, cols: 64, ram: 0, ..header() });
    assert_eq!(
        text(&bodies),
        "the schedule is refused: the schedule is for a 64x64 core, this one is 3x2: plan with --core 3x2"
    );
    let mut bodies = good();
    bodies[2] = tile_row_body(2, &TileRow { rows: &[0, 9, 0], ..tile_row() });
    assert_eq!(
        text(&bodies),
        "frame 2 is malformed: core row 1 computes output row 8, but the layer has 4 rows; plan again"
    );
    assert_eq!(text(&good()[..3]), "the schedule ends before frame 3 is complete; send all of it");
    let mut swapped = good();
    swapped.swap(2, 3);
    assert_eq!(
        text(&swapped),
        "frame 2 is damaged: it carries number 3: a frame was lost, repeated or swapped; nothing of it was carried out, \
         send the schedule again"
    );
}

/// Three rows that share inputs, two of them used.
fn shared_header() -> Header<'static> {
    let header = Header { fanout: 3, lists: Lists::Cell, window: 0, ..header() };
    Header { ram: ram(&header) as u32, ..header }
}

/// The leader's key record, both lanes lit at level 0, inputs 0 and 1 of 6; the other row's; and two later records.
fn shared_records(later: [&[(u32, u32)]; 2]) -> Vec<Bits> {
    let mut bits = [Bits::default(), Bits::default(), Bits::default(), Bits::default()];
    bits[0].bits(1, 1);
    bits[0].bits(3, 0);
    bits[0].bits(3, 1);
    for key in &mut bits[..2] {
        key.rice(0, 0);
        key.rice(0, 0);
    }
    // Later lane 1 is dark.
    bits[2].bits(1, 0);
    bits[2].bits(2, 1);
    bits[2].bits(3, 2);
    for (record, changes) in bits[2..].iter_mut().zip(later) {
        record.bits(1, 1);
        record.rice(0, changes.len() as u32);
        for &(gap, code) in changes {
            record.rice(0, gap);
            record.bits(3, code);
        }
    }
    bits.to_vec()
}

#[test]
fn shared_inputs_have_rules_of_their_own() {
    let core = Identity { fanout: 3, ..CORE };
    let tile = |rows| tile_row_body(2, &TileRow { index: 0, steps: 2, rows });
    let steps = |records: &[Bits]| {
        let bits = joined(records);
        steps_body(3, &Steps { step: 0, row: 1, records: 4, bits: &bits })
    };
    let end = End { steps: 2, weights: 6, ..End::default() };
    let with = |at: usize, body: Option<Vec<u8>>| {
        let records = steps(&shared_records([&[(0, 5)], &[]]));
        let mut bodies = vec![
            header_body(0, &shared_header()),
            layer_body(1, &layer()),
            tile(&[0, 3, 4]),
            records,
            end_body(4, &end),
        ];
        body.inspect(|body| bodies[at].clone_from(body));
        run_on(core, 1000, &bodies).0
    };
    let malformed = |at: usize, why| Err(Error::Malformed { frame: at as u32, why });
    assert_eq!(with(0, None), Ok(end));
    let header = |h: Header<'static>| Some(header_body(0, &Header { ram: ram(&h) as u32, ..h }));
    let refused = Err(Error::Refused(Refusal::Fanout { schedule: 1, core: 3 }));
    assert_eq!(with(0, header(Header { fanout: 1, ..shared_header() })), refused);
    let why = Malformed::Fanout { fanout: 2, rows: 3 };
    assert_eq!(with(0, header(Header { fanout: 2, ..shared_header() })), malformed(0, why));
    let why = Malformed::Field { field: "fanout", got: 0, min: 1, max: 3 };
    assert_eq!(with(0, header(Header { fanout: 0, ..shared_header() })), malformed(0, why));
    let why = Malformed::Expected { field: "window (with shared inputs)", got: 64, expected: 0 };
    assert_eq!(with(0, header(Header { window: 64, ..shared_header() })), malformed(0, why));
    let why = Malformed::Expected { field: "lists (with shared inputs)", got: 0, expected: 1 };
    assert_eq!(with(0, header(Header { lists: Lists::Level, ..shared_header() })), malformed(0, why));
    let body = layer_body(1, &Layer { index_rice: &[0, 0, 1, 0], ..layer() });
    assert_eq!(with(1, Some(body)), malformed(1, Malformed::IndexRice));
    // Output rows 1 and 2 are of different groups.
    assert_eq!(with(2, Some(tile(&[0, 2, 3]))), malformed(2, Malformed::SharedBase { row: 2 }));
    let records = |later| Some(steps(&shared_records(later)));
    for (row, col, later) in [(1, 1, [&[(1, 5)][..], &[]]), (1, 0, [&[(0, 0)], &[]]), (2, 1, [&[], &[(0, 5), (0, 5)]])]
    {
        assert_eq!(with(3, records(later)), malformed(3, Malformed::SharedLane { row, col }));
    }
    let why = Malformed::Cell { row: 2, cols: 2 };
    assert_eq!(with(3, records([&[], &[(2, 5)]])), malformed(3, why));
    // A lane that is lit again needs a level in every row; and inputs are those of the layer.
    let mut again = shared_records([&[], &[]]);
    again[0] = Bits::default();
    again[0].bits(3, 0b010);
    again[0].bits(3, 0);
    again[0].rice(0, 0);
    again[1] = Bits::default();
    again[1].rice(0, 0);
    again[2] = Bits::default();
    for (n, x) in [(3, 0b110), (3, 1), (3, 2), (1, 1)] {
        again[2].bits(n, x);
    }
    again[2].rice(0, 0);
    assert_eq!(with(3, Some(steps(&again))), malformed(3, Malformed::SharedLane { row: 1, col: 1 }));
    let mut beyond = shared_records([&[], &[]]);
    beyond[0].0[1..4].fill(true);
    assert_eq!(with(3, Some(steps(&beyond))), malformed(3, Malformed::Column { row: 1, col: 0, inputs: 6 }));
}

/// 3x2, 2 bits, reach Core, window 64.
fn visits_header() -> Header<'static> {
    let header = Header { reach: Reach::Core, ..header() };
    Header { ram: ram(&header) as u32, ..header }
}

/// A record of a core row that turns to an output of the four with list set `set`, whose lists begin at column `begin`.
fn turn(kind: u32, set: u32, output: u32, begin: u32) -> Bits {
    let mut bits = Bits::default();
    for (n, x) in [(1, 1), (2, kind), (2, set), (1, 1), (2, output), (3, begin), (16, 0)] {
        bits.bits(n, x);
    }
    bits
}

#[test]
fn turns_at_outputs_have_rules_of_their_own() {
    let mut rests = Bits::default();
    rests.bits(1, 0);
    let end = End { steps: 1, weights: 2, ..End::default() };
    // Both cells at level 0, with the first two columns.
    let mut first = turn(3, 2, 3, 0);
    first.bits(1, 0);
    first.rice(0, 2);
    for _ in 0..2 {
        first.rice(0, 0);
        first.bits(3, 4);
    }
    [0, 0].into_iter().for_each(|number| first.rice(0, number));
    let with = |version: u8, header: Header<'static>, rows: &[u8], records: &[Bits]| {
        let bits = joined(records);
        let steps = Steps { step: 0, row: 0, records: records.len() as u16, bits: &bits };
        let mut bytes = stream(&[
            header_body(0, &header),
            layer_body(1, &layer()),
            tile_row_body(2, &TileRow { index: 0, steps: 1, rows }),
            steps_body(3, &steps),
            end_body(4, &end),
        ]);
        bytes[7] = version;
        let mut memory = vec![0; 1000];
        let mut controller = Controller::new(Recorder::default(), CORE, &mut memory);
        controller.feed(&bytes).and_then(|_| controller.finish())
    };
    let malformed = |at: usize, why| Err(Error::Malformed { frame: at as u32, why });
    let good = [first.clone(), rests.clone(), rests.clone()];
    assert_eq!(with(2, visits_header(), &[], &good), Ok(end));
    let why = Malformed::Field { field: "reach", got: 2, min: 0, max: 1 };
    assert_eq!(with(1, visits_header(), &[], &good), malformed(0, why));
    let fitted = |h: Header<'static>| Header { ram: ram(&h) as u32, ..h };
    let why = Malformed::Expected { field: "lists (with reach Core)", got: 1, expected: 0 };
    assert_eq!(with(2, fitted(Header { lists: Lists::Cell, ..visits_header() }), &[], &good), malformed(0, why));
    let why = Malformed::Expected { field: "length of rows (with reach Core)", got: 3, expected: 0 };
    assert_eq!(with(2, visits_header(), &[1, 0, 0], &good), malformed(2, why));
    assert_eq!(
        with(2, visits_header(), &[], &[rests.clone(), rests.clone(), rests.clone()]),
        malformed(3, Malformed::NoRows)
    );
    let mut changes = Bits::default();
    changes.bits(1, 1);
    changes.bits(2, 1);
    assert_eq!(with(2, visits_header(), &[], &[changes]), malformed(3, Malformed::Resting { row: 0 }));
    let why = Malformed::Field { field: "list set", got: 3, min: 0, max: 2 };
    assert_eq!(with(2, visits_header(), &[], &[turn(2, 3, 3, 0)]), malformed(3, why));
    let mut none = Bits::default();
    for (n, x) in [(1, 1), (2, 2), (2, 1), (1, 0)] {
        none.bits(n, x);
    }
    assert_eq!(with(2, visits_header(), &[], &[none]), malformed(3, Malformed::ListSet { row: 0, set: 1 }));
    let why = Malformed::Field { field: "first column of a list set", got: 6, min: 0, max: 5 };
    assert_eq!(with(2, visits_header(), &[], &[turn(2, 0, 3, 6)]), malformed(3, why));
}
