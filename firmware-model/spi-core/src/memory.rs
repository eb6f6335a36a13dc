//! A NOR flash chip on SPI (the command set of the W25Q and MX25 families, four-byte addresses not used: up to 16 MB), for schedules beside the
//! controller (`FlashStore`) or for its journal.
//!
//! `embedded-hal` has no trait for four data lines. A chip's own QSPI peripheral that maps the memory, or a driver that reads with `6B`, serves as
//! well: give its `NorFlash` to `FlashStore` instead of this one.

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{Operation, SpiDevice};
use firmware_model::hardware::{NorFlash, ReadNorFlash};
use firmware_model::memories::MemoryFault;

/// Read with a byte of wait behind the address.
const FAST_READ: u8 = 0x0B;
const READ_STATUS: u8 = 0x05;
const WRITE_ENABLE: u8 = 0x06;
const PAGE_PROGRAM: u8 = 0x02;
const SECTOR_ERASE: u8 = 0x20;
/// Bit of the status: at work.
const BUSY: u8 = 1;
/// Bytes that one program command takes, within a page.
const PAGE: usize = 256;
/// Bytes of an erase block.
pub const SECTOR: usize = 4096;
/// Between two looks at the status.
const LOOK_NS: u32 = 20_000;
/// Looks before a chip counts as failed: 2 s, five times a slow sector erase.
const LOOKS: u32 = 100_000;

/// A flash chip.
#[derive(Debug)]
pub struct SpiFlash<S, D> {
    bus: S,
    delay: D,
    bytes: u32,
}

impl<S: SpiDevice, D: DelayNs> SpiFlash<S, D> {
    /// The chip on `bus`, with so many bytes: at most 16 MB, and whole sectors of these are used.
    pub const fn new(bus: S, delay: D, bytes: u32) -> Self {
        let bytes = if bytes > 1 << 24 { 1 << 24 } else { bytes };
        Self { bus, delay, bytes: bytes - bytes % SECTOR as u32 }
    }

    fn inside(&self, at: u32, len: usize) -> Result<(), MemoryFault> {
        let end = (at as usize).checked_add(len).ok_or(MemoryFault::Bounds)?;
        if end <= self.bytes as usize { Ok(()) } else { Err(MemoryFault::Bounds) }
    }

    /// Allows one program or erase, and gives it.
    fn command(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), MemoryFault> {
        self.bus.write(&[WRITE_ENABLE]).map_err(|_| MemoryFault::Memory)?;
        self.bus.transaction(operations).map_err(|_| MemoryFault::Memory)?;
        for _ in 0..LOOKS {
            let mut status = [READ_STATUS, 0];
            self.bus.transfer_in_place(&mut status).map_err(|_| MemoryFault::Memory)?;
            let [_, status] = status;
            if status & BUSY == 0 {
                return Ok(());
            }
            self.delay.delay_ns(LOOK_NS);
        }
        Err(MemoryFault::Memory)
    }
}

/// A command with its address.
const fn at_address(command: u8, at: u32) -> [u8; 4] {
    let [_, a, b, c] = at.to_be_bytes();
    [command, a, b, c]
}

impl<S, D> embedded_storage::nor_flash::ErrorType for SpiFlash<S, D> {
    type Error = MemoryFault;
}

impl<S: SpiDevice, D: DelayNs> ReadNorFlash for SpiFlash<S, D> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), MemoryFault> {
        self.inside(offset, bytes.len())?;
        let command = at_address(FAST_READ, offset);
        let mut operations = [Operation::Write(&command), Operation::Write(&[0]), Operation::Read(bytes)];
        self.bus.transaction(&mut operations).map_err(|_| MemoryFault::Memory)
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl<S: SpiDevice, D: DelayNs> NorFlash for SpiFlash<S, D> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), MemoryFault> {
        let len = to.checked_sub(from).ok_or(MemoryFault::Bounds)? as usize;
        self.inside(from, len)?;
        if !(from as usize).is_multiple_of(SECTOR) || !len.is_multiple_of(SECTOR) {
            return Err(MemoryFault::Bounds);
        }
        for sector in (from..to).step_by(SECTOR) {
            self.command(&mut [Operation::Write(&at_address(SECTOR_ERASE, sector))])?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), MemoryFault> {
        self.inside(offset, bytes.len())?;
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            // A program command goes round within its page.
            let room = PAGE - at as usize % PAGE;
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.command(&mut [Operation::Write(&at_address(PAGE_PROGRAM, at)), Operation::Write(now)])?;
            at = at.saturating_add(now.len() as u32);
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use embedded_hal::spi::{ErrorKind, ErrorType};
    use embedded_hal_mock::eh1::delay::NoopDelay;
    use firmware_model::store::{FlashStore, Kept, Store};
    use std::vec;
    use std::vec::Vec;

    /// A chip that obeys its data sheet.
    struct Chip {
        bytes: Vec<u8>,
        enabled: bool,
        /// Looks at the status until it is ready again.
        busy: u32,
        answers: bool,
    }

    impl ErrorType for &mut Chip {
        type Error = ErrorKind;
    }

    impl SpiDevice for &mut Chip {
        fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
            if !self.answers {
                return Err(ErrorKind::Other);
            }
            let mut sent: Vec<u8> = Vec::new();
            for operation in operations {
                match operation {
                    Operation::Write(bytes) => sent.extend_from_slice(bytes),
                    Operation::TransferInPlace(bytes) => {
                        assert_eq!(bytes[0], READ_STATUS);
                        self.busy = self.busy.saturating_sub(1);
                        bytes[1] = u8::from(self.busy > 0);
                        return Ok(());
                    }
                    Operation::Read(to) => {
                        assert_eq!((sent[0], sent.len(), self.busy), (FAST_READ, 5, 0));
                        let at = usize::from(sent[1]) << 16 | usize::from(sent[2]) << 8 | usize::from(sent[3]);
                        to.copy_from_slice(&self.bytes[at..at + to.len()]);
                        return Ok(());
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(self.busy, 0, "a command while it is at work");
            if sent == [WRITE_ENABLE] {
                self.enabled = true;
                return Ok(());
            }
            assert!(std::mem::replace(&mut self.enabled, false), "a write that was not allowed");
            let at = usize::from(sent[1]) << 16 | usize::from(sent[2]) << 8 | usize::from(sent[3]);
            match sent[0] {
                SECTOR_ERASE => self.bytes[at / SECTOR * SECTOR..][..SECTOR].fill(0xFF),
                PAGE_PROGRAM => {
                    assert!(sent.len() <= 4 + PAGE);
                    for (i, byte) in sent[4..].iter().enumerate() {
                        self.bytes[at / PAGE * PAGE + (at + i) % PAGE] &= byte;
                    }
                }
                other => panic!("{other:#x}"),
            }
            self.busy = 3;
            Ok(())
        }
    }

    #[test]
    fn pages_sectors_and_a_kept_schedule() {
        let mut chip = Chip { bytes: vec![0; 8 * SECTOR], enabled: false, busy: 0, answers: true };
        let mut store = FlashStore(SpiFlash::new(&mut chip, NoopDelay::new(), 8 * SECTOR as u32 + 5));
        assert_eq!(store.capacity(), 7 * SECTOR as u32);
        assert_eq!(store.kept(), Ok(None), "what was there before is none");
        let schedule: Vec<u8> = (0..9000u32).map(|i| (i * 7 % 251) as u8).collect();
        store.begin().unwrap();
        for (i, piece) in schedule.chunks(192).enumerate() {
            store.write(i as u32 * 192, piece).unwrap();
        }
        let kept = Kept { bytes: 9000, schedule: [7; 16] };
        assert_eq!(store.kept(), Ok(None), "not whole yet");
        store.finish(kept).unwrap();
        assert_eq!(store.kept(), Ok(Some(kept)));
        let mut back = vec![0; 777];
        store.read(4000, &mut back).unwrap();
        assert_eq!(back, schedule[4000..4777]);
        assert!(store.read(7 * SECTOR as u32, &mut back).is_err());
    }

    #[test]
    fn what_is_outside_or_does_not_answer_is_an_error() {
        let mut chip = Chip { bytes: vec![0; SECTOR], enabled: false, busy: 0, answers: true };
        {
            let mut flash = SpiFlash::new(&mut chip, NoopDelay::new(), SECTOR as u32);
            assert_eq!(flash.erase(0, 100), Err(MemoryFault::Bounds));
            assert_eq!(flash.write(SECTOR as u32 - 1, &[0; 2]), Err(MemoryFault::Bounds));
            assert_eq!(flash.read(u32::MAX, &mut [0; 2]), Err(MemoryFault::Bounds));
        }
        chip.answers = false;
        let mut flash = SpiFlash::new(&mut chip, NoopDelay::new(), SECTOR as u32);
        assert_eq!(flash.erase(0, SECTOR as u32), Err(MemoryFault::Memory));
    }
}
