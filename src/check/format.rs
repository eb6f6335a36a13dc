//! Header, Layer and TileRow frames (section 2 of docs/schedule-format.md): their fields, each in its range.

use super::bytes::{Fields, ranged};
use super::error::Problem;
use super::levels::same_scale;

/// Reach: which lanes a weight may move to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Lane,
    Row,
    Core,
}

/// What an index list belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    Level,
    Cell,
}

/// The Header frame, consistent in itself.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) bits: u32,
    /// Core rows that share an input.
    pub(super) fanout: usize,
    pub(super) reach: Reach,
    pub(super) lists: Lists,
    pub(super) window: u64,
    pub(super) index_bytes: u64,
    pub(super) max_frame: usize,
    pub(super) layers: u64,
    pub(super) device: String,
    pub(super) device_crc: u64,
}

/// `found` is `expected`, which `by` demands.
pub(super) fn agree(field: &'static str, found: u64, expected: u64, by: &'static str) -> Result<(), Problem> {
    if found == expected { Ok(()) } else { Err(Problem::Disagrees { field, found, expected, by }) }
}

/// `found` is the scale that the weights have; `output`: of this row alone.
pub(super) fn scale_fits(found: f32, scale: f64, output: Option<usize>) -> Result<(), Problem> {
    let expected = scale as f32;
    if same_scale(found, expected) { Ok(()) } else { Err(Problem::Scale { output, expected, found }) }
}

const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

impl Header {
    pub(super) fn parse(mut fields: Fields<'_>, version: u8) -> Result<Self, Problem> {
        let f = &mut fields;
        let rows = ranged("rows", f.varint("rows", U16)?, 1, 1024)?;
        let cols = ranged("cols", f.varint("cols", U16)?, 1, 1024)?;
        let bits = ranged("bits", f.byte("bits")?.into(), 1, 8)?;
        let fanout = ranged("fanout", f.varint("fanout", U16)?, 1, rows)?;
        // Reach Core is new with version 2.
        let reach = match f.varint("reach", if version == 1 { 1 } else { 2 })? {
            0 => Reach::Lane,
            1 => Reach::Row,
            _ => Reach::Core,
        };
        let lists = if f.varint("lists", 1)? == 0 { Lists::Level } else { Lists::Cell };
        let window = f.varint("window", 4096)?;
        let index_bytes = f.byte("index_bytes")?.into();
        let max_frame = ranged("max_frame", f.varint("max_frame", U16)?, 64, U16)?;
        let layers = f.varint("layers", U32)?;
        let ram = f.varint("ram", U32)?;
        let device = f.str("device")?;
        ranged("length of device", device.len() as u64, 0, 64)?;
        let device_crc = f.varint("device_crc", U32)?;
        fields.end("device_crc")?;

        agree("window modulo 64", window % 64, 0, "the format")?;
        if reach == Reach::Lane {
            agree("lists", lists as u64, Lists::Cell as u64, "reach Lane")?;
            agree("window", window, 0, "reach Lane")?;
        }
        agree("rows modulo fanout", rows % fanout, 0, "the format")?;
        if fanout > 1 {
            agree("lists", lists as u64, Lists::Cell as u64, "shared inputs")?;
            agree("window", window, 0, "shared inputs")?;
        }
        if reach == Reach::Core {
            agree("fanout", fanout, 1, "reach Core")?;
            agree("lists", lists as u64, Lists::Level as u64, "reach Core")?;
        }
        let visits = if reach == Reach::Core { 16 * rows } else { 0 };
        let own_lists = if lists == Lists::Level { 2 * ((1 << bits) - 1) + 1 } else { cols };
        let lists_per_row = if fanout > 1 { 0 } else { own_lists };
        let state_bytes = if bits <= 7 { 1 } else { 2 };
        let needed = max_frame
            + rows * cols * state_bytes
            + index_bytes * rows * lists_per_row
            + rows * window / 8
            + rows.div_ceil(8)
            + visits;
        agree("ram", ram, needed, "the format's formula")?;
        Ok(Self {
            rows: rows as usize,
            cols: cols as usize,
            bits: bits as u32,
            fanout: fanout as usize,
            reach,
            lists,
            window,
            index_bytes,
            max_frame: max_frame as usize,
            layers,
            device: device.to_owned(),
            device_crc,
        })
    }

    /// B, the highest level.
    pub(super) fn top(&self) -> i16 {
        (1 << self.bits) - 1
    }
}

/// The Layer frame.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) index: u64,
    pub(super) rows: u64,
    pub(super) cols: u64,
    pub(super) groups: u64,
    pub(super) tile_rows: u32,
    /// `None`: each row brings its own.
    pub(super) scale: Option<f32>,
    pub(super) coding: Coding,
    pub(super) name: String,
}

/// Rice parameters.
#[derive(Clone, Debug)]
pub(super) struct Coding {
    pub(super) change: u32,
    pub(super) cell: u32,
    pub(super) key: u32,
    /// Of the inputs of level v, at `v + B`.
    pub(super) index: Vec<u32>,
}

impl Layer {
    pub(super) fn parse(mut fields: Fields<'_>, header: &Header) -> Result<Self, Problem> {
        let f = &mut fields;
        let index = f.varint("index", U32)?;
        let rows = f.varint("rows", U32)?;
        let cols = f.varint("cols", U32)?;
        let groups = f.varint("groups", U32)?;
        let tile_rows = f.varint("tile_rows", U32)?;
        let scale = if f.varint("scale", 1)? == 0 { Some(f.f32("scale")?) } else { None };
        let change = parameter(f, "change_rice")?;
        let cell = parameter(f, "cell_rice")?;
        let key = parameter(f, "key_rice")?;
        let pairs = f.bytes("index_rice")?;
        agree("length of index_rice", pairs.len() as u64, 1 << header.bits, "the format")?;
        if header.fanout > 1 {
            agree("index_rice", pairs.iter().map(|&pair| u64::from(pair)).sum(), 0, "shared inputs")?;
        }
        let mut index_rice: Vec<u32> = pairs.iter().flat_map(|&pair| [pair % 16, pair / 16]).map(u32::from).collect();
        index_rice.pop(); // 2 B + 1 levels leave one nibble over
        let name = f.str("name")?.to_owned();
        fields.end("name")?;
        let coding = Coding { change, cell, key, index: index_rice };
        Ok(Self { index, rows, cols, groups, tile_rows: tile_rows as u32, scale, coding, name })
    }
}

fn parameter(fields: &mut Fields<'_>, field: &'static str) -> Result<u32, Problem> {
    Ok(ranged(field, fields.byte(field)?.into(), 0, 15)? as u32)
}

/// The TileRow frame.
#[derive(Clone, Debug)]
pub(super) struct TileRow {
    pub(super) index: u64,
    pub(super) steps: u32,
    /// For each core row its output row, if any, and the row's scale, if it has its own.
    pub(super) outputs: Vec<Option<(u64, Option<f32>)>>,
}

impl TileRow {
    pub(super) fn parse(mut fields: Fields<'_>, header: &Header, scale_per_row: bool) -> Result<Self, Problem> {
        let core_rows = header.rows;
        let index = fields.varint("index", U32)?;
        let steps = ranged("steps", fields.varint("steps", U32)?, 1, U32)? as u32;
        let mut rows = Fields(fields.bytes("rows")?);
        fields.end("rows")?;
        if header.reach == Reach::Core {
            rows.end("the length of `rows`, which is empty with reach Core")?;
            return Ok(Self { index, steps, outputs: vec![None; core_rows] });
        }
        let mut outputs = Vec::with_capacity(core_rows);
        for _ in 0..core_rows {
            outputs.push(match rows.varint("rows", U32)? {
                0 => None,
                entry => Some((entry - 1, scale_per_row.then(|| rows.f32("rows")).transpose()?)),
            });
        }
        rows.end("the last core row in `rows`")?;
        if outputs.iter().all(Option::is_none) {
            return Err(Problem::NoRows);
        }
        Ok(Self { index, steps, outputs })
    }
}
