//! Networks, and schedules that can be spoilt before they are encoded.

use elight::check::{CheckError, Findings, Options, check_schedule};
use elight::geometry::IDLE;
use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode, Scales};
use elight::order::slots::program::Program;
use elight::schedule::records::{Encoder, Memory, Records, Survey, walk};
use elight::schedule::writer::{LayerSpec, RowSlot, ScheduleSpec, ScheduleWriter};
use elight::weights::{Filter, Layout, Network};
use firmware_model::wire::{self, End};

/// Name, rows, columns, weights.
pub type Tensor = (&'static str, usize, usize, Vec<f32>);

pub fn network(layers: &[Tensor]) -> Network {
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
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Bell-shaped weights; every tenth is zero.
    pub fn weights(&mut self, count: usize) -> Vec<f32> {
        let mut weight = || (0..6).map(|_| self.uniform() - 0.5).sum::<f32>() * 0.7;
        (0..count).map(|i| if i % 10 == 7 { 0.0 } else { weight() }).collect()
    }
}

pub fn two_layers() -> Vec<Tensor> {
    let mut rng = Rng(11);
    vec![("a.weight", 5, 23, rng.weights(5 * 23)), ("b.weight", 7, 14, rng.weights(7 * 14))]
}

/// A schedule before it is encoded; everything in it can be changed.
#[derive(Clone)]
pub struct Draft {
    pub cols: usize,
    pub core: (usize, usize),
    pub reach: wire::Reach,
    pub layers: Vec<DraftLayer>,
    /// Added to the totals of the End frame.
    pub lie: [u64; 6],
}

/// Output row, its scale, what the core row does for it.
pub type Slot = (usize, Option<f32>, Program);

#[derive(Clone)]
pub struct DraftLayer {
    pub name: String,
    pub cols: usize,
    pub rows: usize,
    pub scale: Option<f32>,
    /// Tile row by tile row, core row by core row.
    pub tiles: Vec<Vec<Option<Slot>>>,
}

pub const OPTIONS: Options = Options { reparam: Reparam::None, scale: ScaleMode::Row };

pub fn device() -> DeviceProfile {
    DeviceProfile::load("elight", Some(3)).unwrap()
}

/// Every row in its own order: natural, or each lane upwards.
pub fn draft(layers: &[Tensor], reach: wire::Reach) -> Draft {
    let (core, device) = ((3, 4), device());
    let quantizer = Quantizer::new(&device, Reparam::None, ScaleMode::Row);
    let draft_layer = |(name, rows, cols, weights): &Tensor| {
        let levels = quantizer.quantize(*rows, *cols, weights);
        let Scales::Rows(scales) = &levels.scales else { panic!("scales by row") };
        let slot = |row: usize| {
            let mut program = Program::default();
            match reach {
                wire::Reach::Row | wire::Reach::Core => program.natural(levels.row(row), core.1),
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
    pub fn program(&mut self, layer: usize, output: usize) -> &mut Program {
        let slots = self.layers[layer].tiles.iter_mut().flatten().flatten();
        &mut slots.into_iter().find(|slot| slot.0 == output).unwrap().2
    }

    /// True totals, from cells that are written one by one, twice.
    pub fn totals(&self) -> End {
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

    pub fn encode(&self) -> Vec<u8> {
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
            device_crc: device().identity_crc(),
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

pub fn check(bytes: &[u8], layers: &[Tensor]) -> Result<Findings, CheckError> {
    check_schedule(&mut &bytes[..], &network(layers), &device(), &OPTIONS)
}

/// What is wrong with a draft of the two layers after a change.
pub fn fault(change: impl FnOnce(&mut Draft)) -> CheckError {
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
