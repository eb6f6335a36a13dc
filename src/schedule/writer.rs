//! Frames to bytes (docs/schedule-format.md, sections 1 and 2).

use std::io::{self, Write};

use firmware_model::pcm::top_level;
use firmware_model::wire::{
    Body, CRC, End, FRAME_OVERHEAD, Frame, Header, Layer, Lists, MAGIC, MAX_HEADER, RICE_ESCAPE, Reach, Scale, Steps,
    TileRow,
};

use super::bits::BitString;
use super::records::{Coding, RecordFormat, Records};

/// What a schedule is for: the header, before its derived fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// Core rows R.
    pub rows: u16,
    /// Core columns C.
    pub cols: u16,
    /// How records are written.
    pub format: RecordFormat,
    /// Number of layers.
    pub layers: u32,
    /// Most inputs of any layer's row.
    pub most_cols: usize,
    /// Longest layer name, bytes.
    pub longest_name: usize,
    /// Device profile.
    pub device: String,
    /// CRC-32 of its transmissions.
    pub device_crc: u32,
}

impl ScheduleSpec {
    /// How the records of a core are written so that they are short and the decoder small: lists by level while there are
    /// few levels, and a window about as wide as lists drift apart.
    #[must_use]
    pub fn format(cols: u16, bits: u8, fanout: u16, reach: Reach) -> RecordFormat {
        if fanout > 1 {
            return RecordFormat { bits, fanout, reach, lists: Lists::Cell, window: 0 };
        }
        let levels = 2 * u32::from(top_level(bits).unsigned_abs()) + 1;
        // Core rows that take turns at an output share its lists, whatever their cells hold.
        let by_level = reach == Reach::Core || reach == Reach::Row && (levels <= 63 || levels <= u32::from(cols));
        let lists = if by_level { Lists::Level } else { Lists::Cell };
        // Wide cores advance through a row evenly, so that a window sees most inputs that are taken; narrow ones hardly.
        let window = match (reach, cols) {
            (Reach::Lane, _) | (_, ..=7) => 0,
            (_, 8..=31) => 256,
            _ => 512,
        };
        RecordFormat { bits, fanout, reach, lists, window }
    }

    /// Longest frame body: what one record, one row map, or one Layer frame can need, and at least a few hundred bytes so that
    /// the frames' own fields weigh little.
    #[must_use]
    pub fn max_frame(&self) -> u16 {
        let (rows, cols) = (usize::from(self.rows), usize::from(self.cols));
        let rice = RICE_ESCAPE as usize + 32;
        let state = usize::from(self.format.bits) + 1;
        // A record: number of changes, and for every cell a change and an input; with reach `Core` another output and list set before them.
        let visit = if self.format.reach == Reach::Core { 1 + 2 + 10 + 32 + 32 + 1 + 32 + 16 } else { 0 };
        let record = (visit + rice + cols * (rice + state + rice)).div_ceil(8);
        let steps = record + 5 + 1 + 5 + 3 + 3 + 3;
        let tile_row = rows * (5 + 4) + 5 + 1 + 5 + 5 + 3;
        let layer = self.longest_name + (1 << self.format.bits) + 40;
        let floor = if rows * cols > 1024 { 1024 } else { 256 };
        steps.max(tile_row).max(layer).max(floor).next_multiple_of(64).min(usize::from(u16::MAX)) as u16
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> Header<'_> {
        let mut header = Header {
            rows: self.rows,
            cols: self.cols,
            bits: self.format.bits,
            fanout: self.format.fanout,
            reach: self.format.reach,
            lists: self.format.lists,
            window: self.format.window,
            index_bytes: if self.most_cols < 65_535 { 2 } else { 4 },
            max_frame: self.max_frame(),
            layers: self.layers,
            ram: 0,
            device: &self.device,
            device_crc: self.device_crc,
        };
        header.ram = header.working_memory().total() as u32;
        header
    }
}

/// Writes frames, counting and checksumming as it goes.
pub struct ScheduleWriter<W> {
    out: W,
    seq: u32,
    max_frame: usize,
    bytes: u64,
    buffer: Vec<u8>,
}

/// One layer of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec<'a> {
    /// Position in the model's order.
    pub index: u32,
    /// The tensor's name.
    pub name: &'a str,
    /// Output rows.
    pub rows: u32,
    /// Inputs per row.
    pub cols: u32,
    /// Groups of inputs.
    pub groups: u32,
    /// Tile rows.
    pub tile_rows: u32,
    /// One scale for all rows, or none: each row brings its own.
    pub scale: Option<f32>,
}

/// What a core row does in a tile row.
#[derive(Clone, Debug)]
pub struct RowSlot<'a> {
    /// Output row.
    pub output: u32,
    /// Its scale, where rows have their own.
    pub scale: Option<f32>,
    /// Its records.
    pub records: &'a Records,
}

impl<W: Write> ScheduleWriter<W> {
    /// Writes the magic and the header.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn new(mut out: W, spec: &ScheduleSpec) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        let mut writer = Self { out, seq: 0, max_frame: MAX_HEADER, bytes: MAGIC.len() as u64, buffer: Vec::new() };
        writer.frame(Frame::Header(spec.header()))?;
        writer.max_frame = usize::from(spec.max_frame());
        Ok(writer)
    }

    fn frame(&mut self, frame: Frame<'_>) -> io::Result<()> {
        self.buffer.resize(FRAME_OVERHEAD + self.max_frame, 0);
        let body = Body { seq: self.seq, frame };
        let len = postcard::to_slice(&body, &mut self.buffer[2..2 + self.max_frame])
            .map_err(|e| io::Error::other(format!("frame {} does not fit {} bytes: {e}", self.seq, self.max_frame)))?
            .len();
        self.buffer[..2].copy_from_slice(&(len as u16).to_le_bytes());
        let crc = CRC.checksum(&self.buffer[..2 + len]);
        self.buffer[2 + len..2 + len + 4].copy_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.buffer[..FRAME_OVERHEAD + len])?;
        self.bytes += (FRAME_OVERHEAD + len) as u64;
        self.seq += 1;
        Ok(())
    }

    /// Begins a layer.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn layer(&mut self, layer: &LayerSpec<'_>, coding: &Coding) -> io::Result<()> {
        let nibbles: Vec<u8> =
            coding.index.chunks(2).map(|pair| pair[0] | pair.get(1).map_or(0, |high| high << 4)).collect();
        self.frame(Frame::Layer(Layer {
            index: layer.index,
            rows: layer.rows,
            cols: layer.cols,
            groups: layer.groups,
            tile_rows: layer.tile_rows,
            scale: layer.scale.map_or(Scale::Row, Scale::Layer),
            change_rice: coding.change,
            cell_rice: coding.cell,
            key_rice: coding.key,
            index_rice: &nibbles,
            name: layer.name,
        }))
    }

    /// Writes a tile row: `slots[core_row]` has that core row's work, if any.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn tile_row(&mut self, index: u32, steps: u32, slots: &[Option<RowSlot<'_>>]) -> io::Result<()> {
        let mut rows = Vec::new();
        for slot in slots {
            push_varint(&mut rows, slot.as_ref().map_or(0, |s| s.output + 1));
            if let Some(scale) = slot.as_ref().and_then(|s| s.scale) {
                rows.extend(scale.to_le_bytes());
            }
        }
        self.frame(Frame::TileRow(TileRow { index, steps, rows: &rows }))?;
        let used: Vec<(u16, &Records)> =
            slots.iter().zip(0..).filter_map(|(slot, row)| Some((row, slot.as_ref()?.records))).collect();
        let records =
            (0..steps).flat_map(|step| used.iter().map(move |&(row, records)| ((step, row), records, step as usize)));
        self.records(records)
    }

    /// Writes a tile row with reach `Core`: `records` has the records of all core rows, step by step.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn visits(&mut self, index: u32, steps: u32, core_rows: u16, records: &Records) -> io::Result<()> {
        self.frame(Frame::TileRow(TileRow { index, steps, rows: &[] }))?;
        let places = (0..steps).flat_map(|step| (0..core_rows).map(move |row| (step, row)));
        self.records(places.enumerate().map(|(i, place)| (place, records, i)))
    }

    /// Writes records into Steps frames: each with its step and core row, and its number among those that it is one of.
    fn records<'r>(&mut self, all: impl Iterator<Item = ((u32, u16), &'r Records, usize)>) -> io::Result<()> {
        // Fields of a Steps frame besides its bits: at most 5 + 1 + 5 + 3 + 3 + 3 bytes.
        let room = (self.max_frame - 20) * 8;
        let mut bits = BitString::default();
        let (mut first, mut count) = ((0, 0), 0);
        for (place, records, i) in all {
            let from = i.checked_sub(1).map_or(0, |before| records.ends[before]);
            let to = records.ends[i];
            if bits.len() + (to - from) as usize > room || count == u16::MAX {
                self.steps(first, count, &bits)?;
                bits.clear();
                count = 0;
            }
            if count == 0 {
                first = place;
            }
            bits.append(&records.bits, from as usize, to as usize);
            count += 1;
        }
        if count > 0 {
            self.steps(first, count, &bits)?;
        }
        Ok(())
    }

    fn steps(&mut self, (step, row): (u32, u16), records: u16, bits: &BitString) -> io::Result<()> {
        let mut bytes = Vec::new();
        bits.to_bytes(&mut bytes);
        self.frame(Frame::Steps(Steps { step, row, records, bits: &bytes }))
    }

    /// Writes the End frame; returns the writer below, and bytes and frames in all.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn end(mut self, end: End) -> io::Result<(W, u64, u64)> {
        self.frame(Frame::End(end))?;
        self.out.flush()?;
        Ok((self.out, self.bytes, u64::from(self.seq)))
    }
}

fn push_varint(out: &mut Vec<u8>, mut x: u32) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}
