//! The controller on a Cortex-M4F: the library `firmware-model` between a serial port, a flash and a core.
//!
//! The board is the emulated mps2-an386. What another board needs anew: [`uart`], [`flash`], [`photonic_core`] and [`device`], and
//! `memory.x`. Everything else is as it is here; `docs/bring-up.md` goes through it.
#![no_std]

pub mod words;

pub mod ring;

pub mod map;

pub mod uart;

pub mod flash;

pub mod photonic_core;

pub mod device;

use cortex_m_rt::exception;
use firmware_model::device::{Device, Memory};
use firmware_model::link::server::Server;
use firmware_model::trace::Silent;
use static_cell::StaticCell;

use crate::flash::Flash;
use crate::photonic_core::MemoryCore;
use crate::uart::{Uart, WINDOW};

/// What serves the host: of a core of `R` x `C` weight cells, with `F` bytes of flash.
pub type Controller<const R: usize, const C: usize, const F: usize> =
    Server<'static, MemoryCore<R, C>, Flash<F>, Silent>;

/// Everything that the controller keeps in memory, all zeros at first.
#[derive(Debug)]
pub struct Buffers<const R: usize, const C: usize, const CELLS: usize, const DECODER: usize> {
    /// What the decoder works in: as much as a schedule for the core asks for.
    pub decoder: [u8; DECODER],
    /// Signed level of each weight cell.
    pub levels: [i16; CELLS],
    /// Writes of each PCM cell since the last checkpoint.
    pub wear: [[u16; 2]; CELLS],
    /// Outputs of a step.
    pub outputs: [i64; R],
}

impl<const R: usize, const C: usize, const CELLS: usize, const DECODER: usize> Buffers<R, C, CELLS, DECODER> {
    /// Nothing but zeros.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(R * C == CELLS) };
        Self { decoder: [0; DECODER], levels: [0; CELLS], wear: [[0; 2]; CELLS], outputs: [0; R] }
    }
}

impl<const R: usize, const C: usize, const CELLS: usize, const DECODER: usize> Default
    for Buffers<R, C, CELLS, DECODER>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Brings the controller up in `place`, and serves the host for ever.
pub fn run<const R: usize, const C: usize, const CELLS: usize, const DECODER: usize, const F: usize>(
    buffers: &'static mut Buffers<R, C, CELLS, DECODER>,
    place: &'static StaticCell<Controller<R, C, F>>,
) -> ! {
    if let Some(server) = build(buffers, place) {
        // A device that does not start is served all the same: it tells the host why, and takes the order that mends it.
        let _ = server.device_mut().open();
        let mut uart = Uart::start(115_200);
        loop {
            // One call takes a bounded time: this is the place to feed a watchdog.
            if !server.poll(&mut uart) {
                uart.sleep();
            }
        }
    }
    // It was built already, which a single call of this function cannot lead to.
    cortex_m::peripheral::SCB::sys_reset();
}

/// Builds the controller where it stays, in a function of its own: what it needs of the stack is free again afterwards.
#[inline(never)]
fn build<const R: usize, const C: usize, const CELLS: usize, const DECODER: usize, const F: usize>(
    buffers: &'static mut Buffers<R, C, CELLS, DECODER>,
    place: &'static StaticCell<Controller<R, C, F>>,
) -> Option<&'static mut Controller<R, C, F>> {
    let Buffers { decoder, levels, wear, outputs } = buffers;
    let memory = Memory { decoder, levels, wear, outputs };
    let core = MemoryCore::open(&device::TRANSMISSIONS);
    let profile = device::profile(R as u16, C as u16);
    place.try_init_with(|| Server::new(Device::closed(core, Flash::open(), profile, memory, Silent), WINDOW))
}

extern "C" fn serial() {
    uart::interrupt();
}

/// The chip's interrupts, as far as any is switched on: a received and a sent byte of UART 0.
#[expect(
    unsafe_code,
    reason = "the vector table is found by this name and section; its entries are functions without arguments"
)]
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [extern "C" fn(); 2] = [serial; 2];

/// A fault, or an interrupt that nobody has switched on.
#[exception]
#[allow(unsafe_code, reason = "cortex-m-rt asks for it, as a handler may interrupt anything; this one does not return")]
unsafe fn DefaultHandler(_: i16) {
    // Starting again brings everything back: the journal is made for it.
    cortex_m::peripheral::SCB::sys_reset();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Not in the image: nothing panics. `.ci/board.sh` proves it.
    cortex_m::peripheral::SCB::sys_reset();
}
