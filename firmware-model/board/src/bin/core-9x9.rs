//! The controller of a core of 9x9 weight cells.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use elight_board::{Buffers, Controller, run};
use static_cell::StaticCell;

/// Rows and columns of the core.
const SIDE: usize = 9;
/// Working memory of the decoder, bytes: what `elight-plan` says that a controller needs, here at 4 bits.
const DECODER: usize = 1185;
/// Flash, bytes: two banks, each with a checkpoint and a log. Little, so that the tests on the board go from bank to bank.
const FLASH: usize = 24 << 10;

#[entry]
fn main() -> ! {
    static mut BUFFERS: Buffers<SIDE, SIDE, { SIDE * SIDE }, DECODER> = Buffers::new();
    static CONTROLLER: StaticCell<Controller<SIDE, SIDE, FLASH>> = StaticCell::new();
    run(BUFFERS, &CONTROLLER)
}
