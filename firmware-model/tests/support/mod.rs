//! What the tests share: an encoder written naively from `docs/schedule-format.md`, with nothing of the library but the
//! plain data types, and a core that writes down what it is asked.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

pub mod random;
mod shared;
mod visits;

use core::convert::Infallible;

use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::wire::{End, Header, Layer, Lists, Reach, Scale, Steps, TileRow};

/// One call of the core.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Layer(String),
    Assign(u16, Option<Output>),
    Program(u16, u16, i16),
    Route(u16, u16, Option<u32>),
    Step,
}

/// A core that writes down what it is asked.
#[derive(Default)]
pub struct Recorder {
    pub events: Vec<Event>,
}

impl Core for Recorder {
    type Fault = Infallible;

    fn begin_layer(&mut self, layer: &Layer<'_>) -> Result<(), Infallible> {
        self.events.push(Event::Layer(layer.name.to_owned()));
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Infallible> {
        self.events.push(Event::Assign(row, output));
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Infallible> {
        self.events.push(Event::Program(row, col, level));
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Infallible> {
        self.events.push(Event::Route(row, col, input));
        Ok(())
    }

    fn step(&mut self) -> Result<(), Infallible> {
        self.events.push(Event::Step);
        Ok(())
    }
}

/// Reads hexadecimal bytes; everything from `#` to the end of a line is a comment.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.lines().map(|line| line.split('#').next().unwrap()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// CRC-32/ISO-HDLC, bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// A frame's body, field by field.
#[derive(Default)]
pub struct Fields(pub Vec<u8>);

impl Fields {
    pub fn varint(mut self, x: impl Into<u64>) -> Self {
        let mut x = x.into();
        while x >= 128 {
            self.0.push(x as u8 | 128);
            x >>= 7;
        }
        self.0.push(x as u8);
        self
    }

    pub fn byte(mut self, x: u8) -> Self {
        self.0.push(x);
        self
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut fields = self.varint(bytes.len() as u64);
        fields.0.extend(bytes);
        fields
    }

    pub fn f32(mut self, x: f32) -> Self {
        self.0.extend(x.to_le_bytes());
        self
    }
}

/// The bodies of the five frames.
pub fn header_body(seq: u32, h: &Header<'_>) -> Vec<u8> {
    let reach = match h.reach {
        Reach::Lane => 0u8,
        Reach::Row => 1,
        Reach::Core => 2,
    };
    let lists = match h.lists {
        Lists::Level => 0u8,
        Lists::Cell => 1,
    };
    let f = Fields::default().varint(seq).varint(0u8).varint(h.rows).varint(h.cols).byte(h.bits).varint(h.fanout);
    let f = f.varint(reach).varint(lists).varint(h.window).byte(h.index_bytes).varint(h.max_frame).varint(h.layers);
    f.varint(h.ram).bytes(h.device.as_bytes()).varint(h.device_crc).0
}

pub fn layer_body(seq: u32, l: &Layer<'_>) -> Vec<u8> {
    let f = Fields::default().varint(seq).varint(1u8).varint(l.index).varint(l.rows).varint(l.cols).varint(l.groups);
    let f = f.varint(l.tile_rows);
    let f = match l.scale {
        Scale::Layer(scale) => f.varint(0u8).f32(scale),
        Scale::Row => f.varint(1u8),
    };
    f.byte(l.change_rice).byte(l.cell_rice).byte(l.key_rice).bytes(l.index_rice).bytes(l.name.as_bytes()).0
}

pub fn tile_row_body(seq: u32, t: &TileRow<'_>) -> Vec<u8> {
    Fields::default().varint(seq).varint(2u8).varint(t.index).varint(t.steps).bytes(t.rows).0
}

pub fn steps_body(seq: u32, s: &Steps<'_>) -> Vec<u8> {
    Fields::default().varint(seq).varint(3u8).varint(s.step).varint(s.row).varint(s.records).bytes(s.bits).0
}

pub fn end_body(seq: u32, e: &End) -> Vec<u8> {
    let f = Fields::default().varint(seq).varint(4u8).varint(e.steps).varint(e.weights).varint(e.first_writes);
    f.varint(e.first_events).varint(e.writes).varint(e.events).0
}

/// Length, body, CRC.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u16).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes.extend(crc32(&bytes).to_le_bytes());
    bytes
}

/// The magic and the frames of these bodies.
pub fn stream(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"elight\x00\x02".to_vec();
    bytes.extend(bodies.iter().flat_map(|body| frame(body)));
    bytes
}

/// A bit string under construction.
#[derive(Clone, Default)]
pub struct Bits(pub Vec<bool>);

impl Bits {
    pub fn bits(&mut self, n: u32, x: u32) {
        self.0.extend((0..n).map(|i| x >> i & 1 == 1));
    }

    pub fn rice(&mut self, k: u32, x: u32) {
        let q = x >> k;
        if q < 20 {
            self.0.extend((0..q).map(|_| true));
            self.0.push(false);
            self.bits(k, x);
        } else {
            self.0.extend([true; 20]);
            self.bits(32, x);
        }
    }

    pub fn signed(&mut self, k: u32, d: i64) {
        self.rice(k, if d >= 0 { 2 * d } else { -2 * d - 1 } as u32);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.0.len().div_ceil(8)];
        for (i, _) in self.0.iter().enumerate().filter(|(_, bit)| **bit) {
            bytes[i / 8] |= 1 << (i % 8);
        }
        bytes
    }
}

/// The working memory by the formula of section 2.
pub fn ram(h: &Header<'_>) -> usize {
    let (rows, cols, window) = (usize::from(h.rows), usize::from(h.cols), usize::from(h.window));
    let lists = match h.lists {
        _ if h.fanout > 1 => 0,
        Lists::Level => 2 * ((1 << h.bits) - 1) + 1,
        Lists::Cell => cols,
    };
    usize::from(h.max_frame)
        + rows * cols * if h.bits <= 7 { 1 } else { 2 }
        + usize::from(h.index_bytes) * rows * lists
        + rows * window / 8
        + rows.div_ceil(8)
        + if h.reach == Reach::Core { 16 * rows } else { 0 }
}

/// The identity of the core that a header is for.
pub fn identity(h: &Header<'_>) -> Identity {
    h.identity()
}
