//! What lies where in the board's memory that survives a reset, the 16 MB of PSRAM. The emulator keeps it in a file, so that whoever
//! holds the file reads the true state of the cells.
//!
//! ```text
//! bytes from the start
//! 0x000000  flash    up to 512 KB of a NOR flash, every bit inverted: zeros are blank
//! 0x080000  cells    two words for each weight cell, row by row: its plus cell and its minus cell
//!                    word = level | pulses << 8 | stuck << 31; setting a cell is one store
//! 0x100000  routes   a word for each weight cell: the column of the row's inputs that feeds it, all ones when dark
//! 0x140000  rows     a word for each core row: where its inputs begin, all ones when it computes nothing
//! 0x180000  inputs   a word for each element of the input vector
//! ```

/// Where the window begins.
pub const WINDOW: usize = 0x2100_0000;
/// Bytes of the window, and of the file behind it.
pub const WINDOW_BYTES: usize = 16 << 20;
/// Bytes of a word.
pub const WORD: usize = 4;
/// Most bytes of flash.
pub const FLASH_BYTES: usize = 512 << 10;
/// Where the cells begin.
pub const CELLS: usize = FLASH_BYTES;
/// Where the routes begin.
pub const ROUTES: usize = 0x10_0000;
/// Where the rows begin.
pub const ROWS: usize = 0x14_0000;
/// Where the inputs begin.
pub const INPUTS: usize = 0x18_0000;
/// Most elements of an input vector.
pub const MAX_INPUTS: usize = 1 << 16;
/// Largest core: 256 x 256 weight cells.
pub const MAX_CELLS: usize = 1 << 16;

/// Mark of a PCM cell that does not move any more.
pub const STUCK: u32 = 1 << 31;
/// A dark cell's route, an idle row's base.
pub const NONE: u32 = u32::MAX;

/// The level that a PCM cell's word says.
#[must_use]
pub const fn level(word: u32) -> u8 {
    word as u8
}

/// The level steps that a PCM cell has gone through, by its word.
#[must_use]
pub const fn pulses(word: u32) -> u32 {
    (word & !STUCK) >> 8
}

/// A PCM cell's word after `steps` more, at another level; a stuck cell wears, but keeps its level.
#[must_use]
pub const fn moved(word: u32, to: u8, steps: u32) -> u32 {
    let level = if word & STUCK == 0 { to } else { level(word) };
    word & STUCK | (pulses(word) + steps) << 8 & !STUCK | level as u32
}
