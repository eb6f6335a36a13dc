//! A device switched on with arbitrary contents of its flash: it may refuse them, but neither panic nor loop for long; and what it
//! takes, it takes the same way again.
//!
//! The first byte says how the rest is used. Bit 0: as changes of a good flash (place, low byte first; new byte), else as its
//! contents. Bit 1: the CRCs of headers, checkpoints and records are made right again afterwards.
#![no_main]

mod bench;

use firmware_model::link::messages::{RunState, Start};
use firmware_model::wire::CRC;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// The layout of `docs/controller.md`, section 3, for 16 cells.
const BANK: usize = bench::FLASH / 2;
const HEADER: usize = 192;
const BODY: usize = 2 * HEADER;
const MARK: usize = BODY + 128 + 64 + 128;
const LOG: usize = MARK + 64;

fuzz_target!(|data: &[u8]| {
    let Some((&how, rest)) = data.split_first() else { return };
    let mut flash = if how & 1 == 1 { good().to_vec() } else { rest.to_vec() };
    flash.resize(bench::FLASH, 0xFF);
    if how & 1 == 1 {
        for change in rest.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
            if let Some(byte) = flash.get_mut(place) {
                *byte = change[2];
            }
        }
    }
    if how & 2 == 2 {
        flash.chunks_mut(BANK).for_each(mend);
    }
    let mut bench = bench::Bench::new(&flash);
    let Ok(device) = bench.boot() else { return };
    bench::check(&device);
    // Its cells are erased, whatever the journal says of them: the device must not let light through any that it looks at and finds astray.
    if device.levels().iter().any(|level| *level != 0) && device.faults().is_empty() {
        assert!(matches!(device.status().run, Some(RunState::Failed(_))), "{:?}", device.status());
    }
    let known = (device.levels().to_vec(), device.position(), device.faults().to_vec());
    drop(device);
    let mut device = bench.boot().expect("it started before");
    assert_eq!(known, (device.levels().to_vec(), device.position(), device.faults().to_vec()));
    // It still works: a schedule is refused or taken, and wear can be read.
    let _ = device.start(Start::new(1, [9; 16], 1));
    device.data(1, 0, b"elight\x00\x01");
    let mut wear = [[0; 4]; 40];
    assert_eq!(device.wear(0, &mut wear), Ok(32));
    bench::check(&device);
});

/// A flash after a good schedule, of which a part is only in the log.
fn good() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let mut bench = bench::Bench::new(&[]);
        let mut device = bench.boot().expect("a new flash is formatted");
        let schedule = include_bytes!("../seeds/link/schedule");
        device.start(Start::new(1, [3; 16], 0)).expect("it starts");
        device.data(1, 0, &schedule[1..]);
        assert!(device.position().is_some_and(|position| position.ended), "{:?}", device.ack(1));
        drop(device);
        bench.flash
    })
}

/// Makes the CRCs of a bank right: body, header, and every record that can be one.
fn mend(bank: &mut [u8]) {
    let body = CRC.checksum(&bank[BODY..MARK]);
    for copy in [0, HEADER] {
        let header = &mut bank[copy..copy + HEADER];
        header[28..32].copy_from_slice(&body.to_le_bytes());
        let crc = CRC.checksum(&header[..HEADER - 4]);
        header[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
    }
    let mut at = LOG;
    while at + 8 <= BANK && bank[at + 2] != 0xFF {
        let end = at + 8 + usize::from(u16::from_le_bytes([bank[at], bank[at + 1]]));
        if end > BANK {
            return;
        }
        let mut record = bank[8..12].to_vec();
        record.extend((at as u32).to_le_bytes());
        record.extend(&bank[at..at + 4]);
        record.extend(&bank[at + 8..end]);
        let crc = CRC.checksum(&record);
        bank[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        at = end.next_multiple_of(4);
    }
}
