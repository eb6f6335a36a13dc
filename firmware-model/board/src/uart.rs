//! The serial port: an APB UART of Arm's Cortex-M System Design Kit, 8 data bits, no parity, 1 stop bit.
//!
//! Received bytes come by interrupt, into a queue that holds all that the host may send before it gets an answer. For another chip, write
//! these functions anew, or wrap what its crate has.

use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use cortex_m::asm::wfi;
use cortex_m::peripheral::NVIC;

use firmware_model::hardware::Port;
use firmware_model::link::packet::WIRE;

use crate::ring::Ring;
use crate::words::Words;

/// Clock of the port, Hz.
const CLOCK: u32 = 25_000_000;
/// Interrupt line of a received byte.
const RX_IRQ: u8 = 0;
/// Interrupt line of a sent byte.
const TX_IRQ: u8 = 1;

/// Words of the port.
const DATA: usize = 0;
const STATE: usize = 1;
const CONTROL: usize = 2;
const INTERRUPT: usize = 3;
const DIVISOR: usize = 4;

const STATE_TX_FULL: u32 = 1;
const STATE_RX_FULL: u32 = 1 << 1;
const CONTROL_TX: u32 = 1;
const CONTROL_RX: u32 = 1 << 1;
const CONTROL_TX_INTERRUPT: u32 = 1 << 2;
const CONTROL_RX_INTERRUPT: u32 = 1 << 3;
const CONTROL_ON: u32 = CONTROL_TX | CONTROL_RX | CONTROL_RX_INTERRUPT;
const INTERRUPT_TX: u32 = 1;
const INTERRUPT_RX: u32 = 1 << 1;

type Registers = Words<0x4000_4000, 5>;

/// Data packets that the host may have on their way.
pub const WINDOW: u16 = 1;

/// What has come and is not read yet: the packets of a window, and a question.
static RECEIVED: Ring<{ (WINDOW as usize + 1) * WIRE }> = Ring::new();

/// Whether there is more to read than the beginning of a packet.
static PACKET: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Irq(u8);

#[expect(unsafe_code, reason = "the number is below 240, the lines of a Cortex-M4")]
unsafe impl cortex_m::interrupt::InterruptNumber for Irq {
    fn number(self) -> u16 {
        u16::from(self.0)
    }
}

const fn registers() -> Registers {
    #[expect(unsafe_code, reason = "UART 0 of the mps2-an386 is there; every access is one load or store of the chip")]
    unsafe {
        Registers::new()
    }
}

/// The serial port.
#[derive(Debug)]
pub struct Uart {
    port: Registers,
    /// Whether there was no room for a byte, and the port shall say when there is.
    waits: bool,
}

impl Uart {
    /// Switches the port on, at `baud` bits a second.
    #[must_use]
    pub fn start(baud: u32) -> Self {
        let mut port = registers();
        // At least 16, says the port's manual.
        port.write(DIVISOR, (CLOCK / baud.max(1)).max(16));
        port.write(CONTROL, CONTROL_ON);
        // What lies in the buffer is older than this; and the emulator looks at the line again only when a byte is taken.
        let _ = port.read(DATA);
        for irq in [RX_IRQ, TX_IRQ] {
            #[expect(unsafe_code, reason = "the handler is there and shares only the queue, which is atomic")]
            unsafe {
                NVIC::unmask(Irq(irq));
            }
        }
        Self { port, waits: false }
    }

    fn is_full(&self) -> bool {
        self.port.read(STATE) & STATE_TX_FULL != 0
    }

    /// Sleeps until a packet has come, or room for a byte that found none.
    pub fn sleep(&self) {
        // With interrupts off a byte that comes now ends the sleep, but its handler runs only afterwards.
        while cortex_m::interrupt::free(|_| {
            let sleeps = !PACKET.load(Ordering::Relaxed) && (!self.waits || self.is_full());
            if sleeps {
                wfi();
            }
            sleeps
        }) {}
        // What has come by now is read next.
        PACKET.store(false, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
}

impl Port for Uart {
    fn read(&mut self) -> Option<u8> {
        let mut read = None;
        RECEIVED.drain(|byte| {
            read = Some(byte);
            true
        });
        read
    }

    #[inline]
    fn drain(&mut self, take: impl FnMut(u8) -> bool) -> bool {
        RECEIVED.drain(take)
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.is_full() {
            if !self.waits {
                self.waits = true;
                self.port.write(CONTROL, CONTROL_ON | CONTROL_TX_INTERRUPT);
            }
            return false;
        }
        if self.waits {
            self.waits = false;
            self.port.write(CONTROL, CONTROL_ON);
        }
        self.port.write(DATA, byte.into());
        true
    }
}

/// The handler of the port's interrupts.
pub fn interrupt() {
    let mut port = registers();
    port.write(INTERRUPT, INTERRUPT_TX | INTERRUPT_RX);
    // One byte is all that the port holds; the next one interrupts anew.
    if port.read(STATE) & STATE_RX_FULL != 0 {
        let byte = port.read(DATA) as u8;
        // A zero ends a packet.
        if !RECEIVED.push(byte) || byte == 0 {
            PACKET.store(true, Ordering::Relaxed);
        }
    }
}
