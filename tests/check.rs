//! Tests of the checker: it accepts what the planner writes and counts the same, and it catches every fault that is put in.

use elight::check::{CheckError, Counted, Findings, Options, Problem, check_schedule};
use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode, Scales};
use elight::order::program::{IDLE, Program};
use elight::order::tally::{Cost, PairWear};
use elight::order::{Order, Reach};
use elight::plan::{Condition, CoreSize, PlanOptions, Quantization, SEGMENT_BYTES, Trade, Unobserved, plan};
use elight::schedule::records::{Encoder, Memory, Records, Survey, walk};
use elight::schedule::writer::{LayerSpec, RowSlot, ScheduleSpec, ScheduleWriter};
use elight::weights::{Filter, Layout, Network};
use firmware_model::wire::{self, End};

// ---------------------------------------------------------------- networks

/// Name, rows, columns, weights.
type Tensor = (&'static str, usize, usize, Vec<f32>);

fn network(layers: &[Tensor]) -> Network {
    let (mut header, mut data) = (String::from("{\"__metadata__\":{}"), Vec::new());
    for (name, rows, cols, weights) in layers {
        let start = data.len();
        data.extend(weights.iter().flat_map(|w| w.to_le_bytes()));
        let end = data.len();
        header +=
            &format!(",\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{rows},{cols}],\"data_offsets\":[{start},{end}]}}");
    }
    header.push('}');
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    Network::from_bytes("test.safetensors", bytes, Layout::Matrix, &Filter::default()).unwrap()
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Bell-shaped weights; every tenth is zero.
    fn weights(&mut self, count: usize) -> Vec<f32> {
        let mut weight = || (0..6).map(|_| self.uniform() - 0.5).sum::<f32>() * 0.7;
        (0..count).map(|i| if i % 10 == 7 { 0.0 } else { weight() }).collect()
    }
}

fn two_layers() -> Vec<Tensor> {
    let mut rng = Rng(11);
    vec![("a.weight", 5, 23, rng.weights(5 * 23)), ("b.weight", 7, 14, rng.weights(7 * 14))]
}

// ---------------------------------------------------------------- the planner's schedules

fn same(found: Counted, planned: Cost) {
    assert_eq!(
        (found.writes, found.events, found.max_cell_writes),
        (planned.writes, planned.events, planned.max_cell_writes)
    );
}

fn wear(pairs: &[PairWear]) -> Vec<[u64; 2]> {
    pairs.iter().map(|pair| [0, 1].map(|i| pair.up[i] + pair.down[i])).collect()
}

#[test]
fn planned_figures_are_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.elight");
    let mut rng = Rng(5);
    let shapes = [("a.weight", 33, 300), ("b.weight", 8, 129), ("c.weight", 70, 7), ("d.weight", 1, 1)];
    let network = network(&shapes.map(|(name, rows, cols)| (name, rows, cols, rng.weights(rows * cols))));
    let orders = [(Order::Natural, Reach::Row), (Order::Sorted, Reach::Row), (Order::Optimal, Reach::Lane)];
    let mut checked = 0;
    for (rows, cols) in [(9, 9), (4, 16), (40, 40), (1, 3)] {
        for bits in [1, 4, 7, 8] {
            for (order, reach) in orders.into_iter().chain([(Order::Optimal, Reach::Row)]) {
                let (reparam, scale) = match checked % 3 {
                    0 => (Reparam::None, ScaleMode::Row),
                    1 => (Reparam::Tanh, ScaleMode::Layer),
                    _ => (Reparam::Tanh, ScaleMode::Row),
                };
                let device = DeviceProfile::load("elight", Some(bits)).unwrap();
                let core = CoreSize { rows, cols };
                let quantization = Quantization { reparam, scale };
                let options = PlanOptions {
                    core,
                    device: device.clone(),
                    quantization,
                    reach,
                    order,
                    fanout: 1,
                    effort: elight::order::shared::Effort::Good,
                    seed: 1,
                    segment_bytes: SEGMENT_BYTES,
                    condition: Condition::default(),
                    trade: Trade::default(),
                };
                let outcome = plan(&network, &options, &path, &[], &Unobserved).unwrap();
                let mut file = std::fs::File::open(&path).unwrap();
                let what = format!("{rows}x{cols}, {bits} bits, {order:?}, {reach:?}, {reparam:?}, {scale:?}");
                let found = check_schedule(&mut file, &network, &device, &Options { reparam, scale })
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                let planned = outcome.of(order);
                same(found.first_load, planned.costs.first_load);
                same(found.per_inference, planned.costs.per_inference);
                assert_eq!(
                    (found.elight.total, found.elight.max),
                    (planned.elight.total_writes, planned.elight.max_writes)
                );
                for (layer, (costs, elight)) in found.layers.iter().zip(&planned.layers) {
                    same(layer.first_load, costs.first_load);
                    same(layer.per_inference, costs.per_inference);
                    assert_eq!((layer.elight.total, layer.elight.max), (elight.total_writes, elight.max_writes));
                }
                assert_eq!(found.first_load_wear, wear(&planned.first_load_wear), "{what}");
                assert_eq!(found.per_inference_wear, wear(&planned.per_inference_wear), "{what}");
                assert_eq!((found.bytes, found.frames), (outcome.bytes, outcome.frames));
                assert_eq!((found.weights, found.left_out), (33 * 300 + 8 * 129 + 70 * 7 + 1, 0));
                assert!(found.bound <= found.per_inference.writes, "{what}: {} writes", found.bound);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 64);
}

/// The bytes on the format's own page.
#[test]
fn the_example_of_the_format_page() {
    let page = include_str!("../docs/schedule-format.md");
    let block = page.split("```hex").nth(1).unwrap().split("```").next().unwrap();
    let digits: String = block.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace()).collect();
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect();
    let weights = vec![0.5, -0.5, 0.0, 0.5, 0.0, 0.0, -0.5, -0.5];
    let device = DeviceProfile::load("elight", Some(1)).unwrap();
    let options = Options { reparam: Reparam::None, scale: ScaleMode::Layer };
    let found = check_schedule(&mut &bytes[..], &network(&[("fc", 2, 4, weights)]), &device, &options).unwrap();
    assert_eq!((found.steps, found.weights, found.left_out, found.frames), (2, 7, 1, 5));
    assert_eq!(found.bytes, bytes.len() as u64);
    // The minus cell of core row 1, cell 1 goes up to 1 and down again.
    assert_eq!(found.first_load, Counted { writes: 4, events: 4, max_cell_writes: 2 });
    assert_eq!(found.per_inference, Counted { writes: 2, events: 2, max_cell_writes: 2 });
    assert_eq!(found.final_levels, [-1, 0, 1, 0]);
}

// ---------------------------------------------------------------- schedules to be spoilt

/// A schedule before it is encoded; everything in it can be changed.
#[derive(Clone)]
struct Draft {
    cols: usize,
    core: (usize, usize),
    reach: wire::Reach,
    layers: Vec<DraftLayer>,
    /// Added to the totals of the End frame.
    lie: [u64; 6],
}

/// Output row, its scale, what the core row does for it.
type Slot = (usize, Option<f32>, Program);

#[derive(Clone)]
struct DraftLayer {
    name: String,
    cols: usize,
    rows: usize,
    scale: Option<f32>,
    /// Tile row by tile row, core row by core row.
    tiles: Vec<Vec<Option<Slot>>>,
}

const OPTIONS: Options = Options { reparam: Reparam::None, scale: ScaleMode::Row };

fn device() -> DeviceProfile {
    DeviceProfile::load("elight", Some(3)).unwrap()
}

/// Every row in its own order: natural, or each lane upwards.
fn draft(layers: &[Tensor], reach: wire::Reach) -> Draft {
    let (core, device) = ((3, 4), device());
    let quantizer = Quantizer::new(&device, Reparam::None, ScaleMode::Row);
    let draft_layer = |(name, rows, cols, weights): &Tensor| {
        let levels = quantizer.quantize(*rows, *cols, weights);
        let Scales::Rows(scales) = &levels.scales else { panic!("scales by row") };
        let slot = |row: usize| {
            let mut program = Program::default();
            match reach {
                wire::Reach::Row => program.natural(levels.row(row), core.1),
                wire::Reach::Lane => program.lanes(levels.row(row), core.1, 7, |_| true),
            }
            (row, Some(scales[row]), program)
        };
        let tiles = (0..rows.div_ceil(core.0))
            .map(|p| (0..core.0).map(|r| Some(p * core.0 + r).filter(|row| row < rows).map(slot)).collect())
            .collect();
        DraftLayer { name: name.to_string(), cols: *cols, rows: *rows, scale: None, tiles }
    };
    let layers: Vec<_> = layers.iter().map(draft_layer).collect();
    Draft { cols: layers[0].cols, core, reach, layers, lie: [0; 6] }
}

impl Draft {
    /// The program of an output row.
    fn program(&mut self, layer: usize, output: usize) -> &mut Program {
        let slots = self.layers[layer].tiles.iter_mut().flatten().flatten();
        &mut slots.into_iter().find(|slot| slot.0 == output).unwrap().2
    }

    /// True totals, from cells that are written one by one, twice.
    fn totals(&self) -> End {
        let mut end = End::default();
        let mut cells = vec![[0i16; 2]; self.core.0 * self.core.1];
        for inference in 0..2 {
            let (mut writes, mut events) = (0, 0);
            (end.steps, end.weights) = (0, 0);
            for tile in self.layers.iter().flat_map(|layer| &layer.tiles) {
                end.steps += tile.iter().flatten().map(|slot| slot.2.steps as u64).max().unwrap();
                for (core_row, program) in tile.iter().enumerate().filter_map(|(r, slot)| Some((r, &slot.as_ref()?.2)))
                {
                    for (i, &level) in program.level.iter().enumerate().filter(|(_, level)| **level != IDLE) {
                        end.weights += 1;
                        let cell = &mut cells[core_row * self.core.1 + i % self.core.1];
                        for (pcm, to) in cell.iter_mut().zip([level.max(0), (-level).max(0)]) {
                            writes += u64::from(pcm.abs_diff(to));
                            events += u64::from(*pcm != to);
                            *pcm = to;
                        }
                    }
                }
            }
            match inference {
                0 => (end.first_writes, end.first_events) = (writes, events),
                _ => (end.writes, end.events) = (writes, events),
            }
        }
        end
    }

    fn encode(&self) -> Vec<u8> {
        let mut format = ScheduleSpec::format(self.core.1 as u16, 3, 1, self.reach);
        if self.reach == wire::Reach::Row {
            (format.window, format.lists) = (64, wire::Lists::Cell);
        }
        let spec = ScheduleSpec {
            rows: self.core.0 as u16,
            cols: self.core.1 as u16,
            format,
            layers: self.layers.len() as u32,
            most_cols: self.cols,
            longest_name: 20,
            device: "test".into(),
            device_crc: elight::plan::identity_crc(&device()),
        };
        let mut writer = ScheduleWriter::new(Vec::new(), &spec).unwrap();
        let mut memory = Memory::default();
        for (index, layer) in self.layers.iter().enumerate() {
            let mut survey = Survey::new(7);
            let slots = || layer.tiles.iter().flatten().flatten();
            slots().for_each(|slot| walk(&slot.2, layer.cols, format, &mut memory, &mut survey));
            let coding = survey.coding();
            let spec = LayerSpec {
                index: index as u32,
                name: &layer.name,
                rows: layer.rows as u32,
                cols: layer.cols as u32,
                groups: 1,
                tile_rows: layer.tiles.len() as u32,
                scale: layer.scale,
            };
            writer.layer(&spec, &coding).unwrap();
            for (index, tile) in layer.tiles.iter().enumerate() {
                let records: Vec<Records> = tile
                    .iter()
                    .map(|slot| {
                        let mut records = Records::default();
                        let mut encoder = Encoder::new(&coding, 3, &mut records);
                        slot.iter().for_each(|s| walk(&s.2, layer.cols, format, &mut memory, &mut encoder));
                        records
                    })
                    .collect();
                let slots: Vec<_> = tile
                    .iter()
                    .zip(&records)
                    .map(|(slot, records)| slot.as_ref().map(|s| RowSlot { output: s.0 as u32, scale: s.1, records }))
                    .collect();
                let steps = tile.iter().flatten().map(|s| s.2.steps).max().unwrap();
                writer.tile_row(index as u32, steps as u32, &slots).unwrap();
            }
        }
        let t = self.totals();
        let [steps, weights, first_writes, first_events, writes, events] = self.lie;
        let end = End {
            steps: t.steps + steps,
            weights: t.weights + weights,
            first_writes: t.first_writes + first_writes,
            first_events: t.first_events + first_events,
            writes: t.writes + writes,
            events: t.events + events,
        };
        writer.end(end).unwrap().0
    }
}

fn check(bytes: &[u8], layers: &[Tensor]) -> Result<Findings, CheckError> {
    check_schedule(&mut &bytes[..], &network(layers), &device(), &OPTIONS)
}

/// What is wrong with a draft of the two layers after a change.
fn fault(change: impl FnOnce(&mut Draft)) -> CheckError {
    let layers = two_layers();
    let mut draft = draft(&layers, wire::Reach::Lane);
    change(&mut draft);
    check(&draft.encode(), &layers).expect_err("the fault was not caught")
}

macro_rules! assert_problem {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {{
        let error = $error;
        assert!(matches!(error.problem, $pattern $(if $guard)?), "{error}");
        error
    }};
}

// ---------------------------------------------------------------- faults in what is computed

#[test]
fn drafts_are_right_before_they_are_spoilt() {
    let layers = two_layers();
    for reach in [wire::Reach::Lane, wire::Reach::Row] {
        let draft = draft(&layers, reach);
        let found = check(&draft.encode(), &layers).unwrap();
        assert_eq!(found.first_load.writes, draft.totals().first_writes);
        assert_eq!((found.weights, found.layers[0].weights), (5 * 23 + 7 * 14, 5 * 23));
    }
}

#[test]
fn two_inputs_swapped() {
    let error = fault(|draft| {
        let program = draft.program(0, 4);
        let (first, last) = (1, 1 + 4 * (program.steps - 2)); // lane 1, ascending: different levels
        assert_ne!(program.level[first], program.level[last]);
        program.input.swap(first, last);
    });
    assert_problem!(&error, Problem::WrongLevel { output: 4, .. });
    let place = &error.place;
    assert_eq!((place.tile_row, place.step, place.core_row, place.cell), (Some(1), Some(0), Some(1), Some(1)));
    let text = error.to_string();
    assert!(text.contains("layer 0 (`a.weight`), tile row 1, step 0, core row 1, cell 1: column "), "{text}");
}

#[test]
fn every_wrong_level() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Lane);
    for (layer, output) in [(0, 0), (0, 3), (1, 6)] {
        for at in 0..good.clone().program(layer, output).level.len() {
            for change in [-1, 1] {
                let mut bad = good.clone();
                let level = &mut bad.program(layer, output).level[at];
                if *level == IDLE || (*level + change).abs() > 7 {
                    continue;
                }
                *level += change;
                let (found, core_row) = (*level, output % 3);
                let error = check(&bad.encode(), &layers).unwrap_err();
                let error = assert_problem!(error, Problem::WrongLevel { expected, found: f, .. }
                    if expected == found - change && f == found);
                assert_eq!((error.place.step, error.place.cell), (Some(at as u32 / 4), Some(at % 4)));
                assert_eq!(error.place.core_row, Some(core_row));
            }
        }
    }
}

#[test]
fn weights_left_out() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Lane);
    let count = good.clone().program(1, 2).level.len();
    let mut zeros = 0;
    for at in 0..count {
        let mut bad = good.clone();
        let program = bad.program(1, 2);
        let (level, input) = (std::mem::replace(&mut program.level[at], IDLE), program.input[at] as usize);
        match level {
            IDLE => {}
            0 => {
                zeros += 1;
                let found = check(&bad.encode(), &layers).unwrap();
                assert_eq!((found.left_out, found.layers[1].left_out, found.weights), (1, 1, 5 * 23 + 7 * 14 - 1));
            }
            _ => {
                let error = check(&bad.encode(), &layers).unwrap_err();
                assert_problem!(error, Problem::NotMultiplied { output: 2, column, level: l, others: 0 }
                    if column == input && l == level);
            }
        }
    }
    assert!(zeros > 0);
}

#[test]
fn a_weight_twice() {
    let error = fault(|draft| {
        let program = draft.program(0, 1);
        let twin = (4..20).find(|&i| program.level[i] == program.level[i - 4]).unwrap();
        program.input[twin] = program.input[twin - 4];
    });
    assert_problem!(error, Problem::MultipliedAgain { output: 1, .. });
}

#[test]
fn outputs_twice_and_missing() {
    let error = fault(|draft| draft.layers[0].tiles[1][1] = draft.layers[0].tiles[0][2].clone());
    assert_problem!(&error, Problem::OutputAgain { output: 2 });
    assert_eq!((error.place.tile_row, error.place.core_row), (Some(1), Some(1)));
    let error = fault(|draft| draft.layers[1].tiles[0][1] = None);
    assert_problem!(error, Problem::OutputMissing { output: 1, others: 0 });
    let error = fault(|draft| draft.layers[1].tiles.truncate(1));
    assert_problem!(error, Problem::OutputMissing { output: 3, others: 3 });
    let error = fault(|draft| draft.layers[0].tiles[0][0].as_mut().unwrap().0 = 5);
    assert_problem!(error, Problem::Range { field: "output row", found: 5, max: 4, .. });
}

#[test]
fn wrong_scales() {
    let scale = |draft: &mut Draft, change: fn(f32) -> f32| {
        let scale = draft.layers[0].tiles[0][2].as_mut().unwrap().1.as_mut().unwrap();
        *scale = change(*scale);
    };
    for change in [|s: f32| s.next_up().next_up(), |s: f32| s.next_down().next_down(), |s: f32| -s, |_| f32::NAN] {
        assert_problem!(fault(|draft| scale(draft, change)), Problem::Scale { output: Some(2), .. });
    }
    let error = fault(|draft| {
        let layer = &mut draft.layers[0];
        layer.scale = Some(1.0);
        layer.tiles.iter_mut().flatten().flatten().for_each(|slot| slot.1 = None);
    });
    assert_problem!(error, Problem::ScaleKind { expected: "row", found: "layer" });
}

#[test]
fn wrong_totals() {
    let fields = ["steps", "weights", "first_writes", "first_events", "writes", "events"];
    for (i, name) in fields.into_iter().enumerate() {
        let error = fault(|draft| draft.lie[i] = 1);
        assert_problem!(error, Problem::Total { field, expected, found } if field == name && found == expected + 1);
    }
}

#[test]
fn another_network_or_device() {
    let layers = two_layers();
    let bytes = draft(&layers, wire::Reach::Row).encode();
    let changed = |change: fn(&mut Vec<Tensor>)| {
        let mut other = two_layers();
        change(&mut other);
        check(&bytes, &other).unwrap_err()
    };
    assert_problem!(changed(|l| l[0].0 = "c.weight"), Problem::LayerName { .. });
    assert_problem!(changed(|l| l.truncate(1)), Problem::Disagrees { field: "layers", found: 2, expected: 1, .. });
    assert_problem!(changed(|l| l.swap(0, 1)), Problem::LayerName { .. });
    assert_problem!(changed(|l| (l[1].1, l[1].2) = (14, 7)), Problem::Disagrees { field: "rows", .. });
    assert_problem!(changed(|l| l[1].3.swap(3, 4)), Problem::WrongLevel { output: 0, column: 3 | 4, .. });
    assert_problem!(changed(|l| l[1].3[20] = 9.0), Problem::Scale { output: Some(1), expected: 9.0, .. });

    let with = |device: &str, bits| {
        let device = DeviceProfile::load(device, Some(bits)).unwrap();
        check_schedule(&mut &bytes[..], &network(&layers), &device, &OPTIONS).unwrap_err()
    };
    assert_problem!(with("elight", 4), Problem::Disagrees { field: "bits", .. });
    assert_problem!(with("gst-optical", 3), Problem::Disagrees { field: "device_crc", .. });
    let tanh = Options { reparam: Reparam::Tanh, ..OPTIONS };
    let error = check_schedule(&mut &bytes[..], &network(&layers), &device(), &tanh).unwrap_err();
    assert_problem!(error, Problem::Scale { output: Some(0), .. });
}

// ---------------------------------------------------------------- faults in the bytes

/// Where each frame begins, its length field first.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![8];
    while let Some(length) = bytes.get(starts[starts.len() - 1]..).and_then(|rest| rest.first_chunk::<2>()) {
        starts.push(starts[starts.len() - 1] + 6 + usize::from(u16::from_le_bytes(*length)));
    }
    starts
}

fn repair(frame: &mut [u8]) {
    let (content, crc) = frame.split_at_mut(frame.len() - 4);
    crc.copy_from_slice(&wire::CRC.checksum(content).to_le_bytes());
}

#[test]
fn every_flipped_bit_is_caught() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let error = check(&bad, &layers).expect_err("a flipped bit");
        match bit / 8 {
            0..=6 => assert_problem!(error, Problem::Magic { .. }),
            7 => assert_problem!(error, Problem::Version { .. }),
            _ => assert_problem!(error, Problem::Crc { .. } | Problem::FrameLength { .. } | Problem::Truncated { .. }),
        };
    }
}

/// With a CRC that fits, a flipped bit still says something else: whatever changes what is computed or written is caught.
#[test]
fn flipped_bits_with_a_new_crc_are_caught_too() {
    let layers = two_layers();
    for reach in [wire::Reach::Lane, wire::Reach::Row] {
        let good = draft(&layers, reach).encode();
        let truth = check(&good, &layers).unwrap();
        let starts = frames(&good);
        let (mut flips, mut harmless) = (0, 0);
        for (number, pair) in starts.windows(2).enumerate() {
            for bit in (pair[0] + 2) * 8..(pair[1] - 4) * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                repair(&mut bad[pair[0]..pair[1]]);
                flips += 1;
                if let Ok(found) = check(&bad, &layers) {
                    harmless += 1;
                    // The device's name and the nibble of no level may change; a step's records must mean the same.
                    let same = Findings { device: truth.device.clone(), ..found };
                    assert_eq!(same, truth, "{reach:?}: frame {number}, bit {}", bit - pair[0] * 8);
                }
            }
        }
        println!("{reach:?}: {harmless} of {flips} flips say the same");
        assert!(harmless * 50 < flips, "{harmless} of {flips}");
    }
}

#[test]
fn cut_short_at_every_byte() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    for length in 0..good.len() {
        assert_problem!(check(&good[..length], &layers).unwrap_err(), Problem::Truncated { .. });
    }
    let longer = [&good[..], &[0]].concat();
    assert_problem!(check(&longer, &layers).unwrap_err(), Problem::Trailing);
}

#[test]
fn frames_lost_repeated_and_swapped() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    let starts = frames(&good);
    let (first, second) = (&good[starts[2]..starts[3]], &good[starts[3]..starts[4]]);
    let (head, tail) = (&good[..starts[2]], &good[starts[4]..]);
    for (parts, expected, found) in
        [([head, second, &[], tail], 2, 3), ([head, first, first, tail], 3, 2), ([head, second, first, tail], 2, 3)]
    {
        let error = check(&parts.concat(), &layers).unwrap_err();
        assert_problem!(error, Problem::Sequence { expected: e, found: f } if (e, f) == (expected, found));
    }
    // A Layer frame in the place of the first TileRow, with a number that fits.
    let mut bad = [&good[..starts[2]], &good[starts[1]..starts[2]], &good[starts[3]..]].concat();
    let (from, to) = (starts[2], starts[2] + starts[2] - starts[1]);
    bad[from + 2] = 2;
    repair(&mut bad[from..to]);
    assert_problem!(check(&bad, &layers).unwrap_err(), Problem::FrameKind { expected: "2 (TileRow)", found: 1 });
}

/// `cargo test --release --test check -- --ignored --nocapture`
#[test]
#[ignore = "measures, and takes a while"]
fn speed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.elight");
    let (rows, cols) = (1024, 4096);
    let network = network(&[("a.weight", rows, cols, Rng(3).weights(rows * cols))]);
    for (bits, side, reach) in [(4, 9, Reach::Row), (4, 64, Reach::Row), (8, 64, Reach::Row), (4, 64, Reach::Lane)] {
        let device = DeviceProfile::load("elight", Some(bits)).unwrap();
        let core = CoreSize { rows: side, cols: side };
        let quantization = Quantization { reparam: Reparam::None, scale: ScaleMode::Row };
        let (order, seed) = (Order::Optimal, 1);
        let options = PlanOptions {
            core,
            device: device.clone(),
            quantization,
            reach,
            order,
            fanout: 1,
            effort: elight::order::shared::Effort::Good,
            seed,
            segment_bytes: SEGMENT_BYTES,
            condition: Condition::default(),
            trade: Trade::default(),
        };
        plan(&network, &options, &path, &[], &Unobserved).unwrap();
        let begun = std::time::Instant::now();
        let found = check_schedule(&mut std::fs::File::open(&path).unwrap(), &network, &device, &OPTIONS).unwrap();
        let ns = begun.elapsed().as_secs_f64() * 1e9 / found.weights as f64;
        println!("{bits} bits, {side}x{side}, {reach:?}: {ns:.1} ns a weight; {:?}", found.per_inference);
    }
}
