//! Headers and layers, checked once: what is built here holds for all later frames.

use crate::error::{Malformed, Refusal, Stop};
use crate::pcm::{MAX_BITS, MIN_BITS};
use crate::photonic_core::Output;
use crate::wire::{Header, Identity, Layer, Lists, MAX_CORE, MAX_WINDOW, MemoryMap, Reach, Scale};

/// Longest device name, bytes.
const MAX_DEVICE: u32 = 64;
/// Shortest `max_frame`.
const MIN_FRAME: u32 = 64;
/// Largest Rice parameter.
const MAX_RICE: u32 = 15;
/// Bytes of the Rice parameters of all levels, two levels a byte, at the most bits.
const MAX_RICE_TABLE: usize = 1 << MAX_BITS;

/// What a header fixes for its schedule, once it is accepted: all fields are in their ranges, belong to this core, and the
/// memory suffices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) rows: u16,
    pub(crate) cols: u16,
    pub(crate) bits: u8,
    /// Core rows that share an input.
    pub(crate) fanout: u16,
    pub(crate) top: i16,
    pub(crate) reach: Reach,
    pub(crate) lists: Lists,
    pub(crate) lists_per_row: usize,
    /// 1 or 2.
    pub(crate) state_bytes: u8,
    /// 2 or 4.
    pub(crate) index_bytes: u8,
    pub(crate) window: u16,
    pub(crate) max_frame: u16,
    pub(crate) layers: u32,
    pub(crate) map: MemoryMap,
}

/// `min <= got <= max`, or the field's name.
pub(crate) fn in_range(field: &'static str, got: u32, min: u32, max: u32) -> Result<(), Malformed> {
    if (min..=max).contains(&got) { Ok(()) } else { Err(Malformed::Field { field, got, min, max }) }
}

/// `got == expected`, or the field's name.
pub(crate) fn equal(field: &'static str, got: u64, expected: u64) -> Result<(), Malformed> {
    if got == expected { Ok(()) } else { Err(Malformed::Expected { field, got, expected }) }
}

impl Rules {
    /// Accepts a header for the core `identity` and `memory` bytes of working memory.
    pub(crate) fn accept<F>(h: &Header<'_>, identity: &Identity, memory: usize) -> Result<Self, Stop<F>> {
        ranges(h)?;
        fits(h, identity, memory)?;
        Ok(Self {
            rows: h.rows,
            cols: h.cols,
            bits: h.bits,
            fanout: h.fanout,
            top: h.top_level(),
            reach: h.reach,
            lists: h.lists,
            lists_per_row: h.lists_per_row(),
            state_bytes: if h.bits <= 7 { 1 } else { 2 },
            index_bytes: h.index_bytes,
            window: h.window,
            max_frame: h.max_frame,
            layers: h.layers,
            map: h.working_memory(),
        })
    }
}

fn ranges(h: &Header<'_>) -> Result<(), Malformed> {
    in_range("rows", h.rows.into(), 1, MAX_CORE.into())?;
    in_range("cols", h.cols.into(), 1, MAX_CORE.into())?;
    in_range("bits", h.bits.into(), MIN_BITS.into(), MAX_BITS.into())?;
    in_range("fanout", h.fanout.into(), 1, h.rows.into())?;
    if !h.rows.is_multiple_of(h.fanout) {
        return Err(Malformed::Fanout { fanout: h.fanout, rows: h.rows });
    }
    in_range("window", h.window.into(), 0, MAX_WINDOW.into())?;
    if !h.window.is_multiple_of(64) {
        return Err(Malformed::WindowMultiple { got: h.window });
    }
    if h.reach == Reach::Lane {
        equal("window (with reach Lane)", h.window.into(), 0)?;
        equal("lists (with reach Lane)", h.lists as u64, Lists::Cell as u64)?;
    }
    if h.fanout > 1 {
        equal("window (with shared inputs)", h.window.into(), 0)?;
        equal("lists (with shared inputs)", h.lists as u64, Lists::Cell as u64)?;
    }
    if h.reach == Reach::Core {
        equal("fanout (with reach Core)", h.fanout.into(), 1)?;
        equal("lists (with reach Core)", h.lists as u64, Lists::Level as u64)?;
    }
    if h.index_bytes != 2 {
        equal("index_bytes (if not 2)", h.index_bytes.into(), 4)?;
    }
    in_range("max_frame", h.max_frame.into(), MIN_FRAME, u16::MAX.into())?;
    in_range("length of device", h.device.len() as u32, 0, MAX_DEVICE)
}

fn fits(h: &Header<'_>, identity: &Identity, have: usize) -> Result<(), Refusal> {
    let (schedule, core) = ((h.rows, h.cols), (identity.rows, identity.cols));
    if schedule != core {
        return Err(Refusal::Core { schedule, core });
    }
    if h.bits != identity.bits {
        return Err(Refusal::Bits { schedule: h.bits, core: identity.bits });
    }
    if h.fanout != identity.fanout {
        return Err(Refusal::Fanout { schedule: h.fanout, core: identity.fanout });
    }
    if h.device_crc != identity.device_crc {
        return Err(Refusal::Device { schedule: h.device_crc, core: identity.device_crc });
    }
    let need = h.working_memory().total();
    if h.ram as usize != need {
        return Err(Refusal::Ram { header: h.ram, formula: need });
    }
    if need > have { Err(Refusal::Memory { need, have }) } else { Ok(()) }
}

/// What a Layer frame fixes for its tile rows: ranges checked, tables complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LayerRules {
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) tile_rows: u32,
    pub(crate) scale: Scale,
    /// Output rows of one group; at least 1.
    group_rows: u32,
    pub(crate) change_rice: u32,
    pub(crate) cell_rice: u32,
    pub(crate) key_rice: u32,
}

/// Rice parameters of the inputs by level, of the present layer: two a byte, as they came.
#[derive(Clone, Debug)]
pub(crate) struct RiceTable([u8; MAX_RICE_TABLE]);

impl RiceTable {
    /// No layer yet.
    pub(crate) const fn new() -> Self {
        Self([0; MAX_RICE_TABLE])
    }

    /// Of a layer that was accepted.
    pub(crate) fn set(&mut self, layer: &Layer<'_>) {
        for (place, pair) in self.0.iter_mut().zip(layer.index_rice) {
            *place = *pair;
        }
    }

    /// Rice parameter of the inputs of signed level `v`, given `list = v + B`, which is below `2^(b + 1)`.
    #[inline(always)]
    pub(crate) fn get(&self, list: u32) -> u32 {
        let pair = u32::from(self.0[list as usize / 2 % MAX_RICE_TABLE]);
        pair >> (list % 2 * 4) & 15
    }
}

impl LayerRules {
    /// Checks a Layer frame.
    pub(crate) fn accept(l: &Layer<'_>, rules: &Rules) -> Result<Self, Malformed> {
        let widest = if rules.index_bytes == 2 { u32::from(u16::MAX) - 1 } else { i32::MAX as u32 };
        in_range("rows", l.rows, 1, u32::MAX)?;
        in_range("cols", l.cols, 1, widest)?;
        in_range("groups", l.groups, 1, l.rows)?;
        if !l.rows.is_multiple_of(l.groups) {
            return Err(Malformed::Groups { groups: l.groups, rows: l.rows });
        }
        if l.groups.checked_mul(l.cols).is_none() {
            return Err(Malformed::InputVector { groups: l.groups, cols: l.cols });
        }
        if let Scale::Layer(scale) = l.scale {
            finite(scale)?;
        }
        in_range("change_rice", l.change_rice.into(), 0, MAX_RICE)?;
        in_range("cell_rice", l.cell_rice.into(), 0, MAX_RICE)?;
        in_range("key_rice", l.key_rice.into(), 0, MAX_RICE)?;
        equal("length of index_rice", l.index_rice.len() as u64, 1 << rules.bits)?;
        if rules.fanout > 1 && l.index_rice.iter().any(|&pair| pair != 0) {
            return Err(Malformed::IndexRice);
        }
        Ok(Self {
            rows: l.rows,
            cols: l.cols,
            tile_rows: l.tile_rows,
            scale: l.scale,
            group_rows: l.rows / l.groups,
            change_rice: l.change_rice.into(),
            cell_rice: l.cell_rice.into(),
            key_rice: l.key_rice.into(),
        })
    }

    /// Output row `row` with its scale, or the rule that it breaks on core row `core_row`.
    pub(crate) fn output(&self, core_row: u16, row: u32, scale: f32) -> Result<Output, Malformed> {
        if row >= self.rows {
            return Err(Malformed::OutputRow { row: core_row, output: row, rows: self.rows });
        }
        finite(scale)?;
        // Below groups * cols, which fits 32 bits.
        Ok(Output { row, base: row.checked_div(self.group_rows).unwrap_or(0) * self.cols, scale })
    }
}

fn finite(scale: f32) -> Result<(), Malformed> {
    if scale.is_finite() { Ok(()) } else { Err(Malformed::Scale) }
}
