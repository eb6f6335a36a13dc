//! The controller of a core of 64x64 weight cells.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use elight_board::{Buffers, Controller, run};
use static_cell::StaticCell;

/// Rows and columns of the core.
const SIDE: usize = 64;
/// Working memory of the decoder, bytes: what `elight-plan` says that a controller needs, here at 4 bits (13,192; for order `natural` 13,320).
const DECODER: usize = 13320;
/// Flash, bytes: two banks, each with a checkpoint and a log.
const FLASH: usize = 512 << 10;

#[entry]
fn main() -> ! {
    static mut BUFFERS: Buffers<SIDE, SIDE, { SIDE * SIDE }, DECODER> = Buffers::new();
    static CONTROLLER: StaticCell<Controller<SIDE, SIDE, FLASH>> = StaticCell::new();
    run(BUFFERS, &CONTROLLER)
}
