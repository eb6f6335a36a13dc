//! Arbitrary bytes into a controller that drives a simulated core: no input may panic, loop for long, or make the core
//! do what it forbids.
//!
//! The first byte says how the rest is used: bit 0, mend the length, sequence number and CRC of every frame, so that mutations get
//! past them; bits 1 to 3, the identity of the core; bits 4 to 7, the size of the chunks.
#![no_main]

mod mend;

use elight::replay::SimBuffers;
use firmware_model::controller::Controller;
use firmware_model::error::Error;
use firmware_model::photonic_core::Identity;
use firmware_model::sim::SimConfig;
use libfuzzer_sys::fuzz_target;

/// Device CRC of all seeds.
const DEVICE: u32 = 77;
/// Core rows, columns and bits, by the first byte.
const CORES: [(u16, u16, u8); 8] =
    [(2, 2, 1), (3, 2, 2), (4, 4, 4), (9, 9, 4), (2, 5, 6), (5, 3, 7), (1, 4, 8), (8, 8, 8)];

fuzz_target!(|data: &[u8]| {
    let Some((&how, stream)) = data.split_first() else { return };
    let mended;
    let stream = if how & 1 == 1 {
        mended = mend::schedule(stream);
        &mended
    } else {
        stream
    };
    run(CORES[usize::from(how >> 1 & 7)], stream, 1 << (how >> 4));
});

fn run((rows, cols, bits): (u16, u16, u8), stream: &[u8], chunk: usize) {
    let mut buffers = SimBuffers::erased(rows, cols, 4096);
    let (values, inputs): (Vec<i32>, _) = ((0..1 << bits).collect(), vec![1; 4096]);
    let config = SimConfig { rows, cols, bits, fanout: 1, cost: None };
    let mut core = buffers.core(config, &values, &inputs).expect("the buffers fit");
    let mut arena = vec![0; 32_768];
    let identity = Identity { rows, cols, bits, fanout: 1, device_crc: DEVICE };
    let mut controller = Controller::new(&mut core, identity, &mut arena);
    // Twice, as two inferences: a rewound controller has to behave the same.
    let mut before = None;
    for _ in 0..2 {
        let mut result = Ok(());
        for chunk in stream.chunks(chunk) {
            result = controller.feed(chunk).map(|_| ());
            if result.is_err() {
                break;
            }
        }
        let result = result.and_then(|()| controller.finish());
        // Faults of the simulated core that the controller should have prevented; layers larger than the buffers are
        // the core's own business.
        if let Err(Error::Core { fault, .. }) = result {
            use firmware_model::sim::Fault::Lent;
            assert!(matches!(fault, Lent { .. }), "the controller let through: {fault}");
        }
        let progress = controller.progress();
        assert!(result.is_err() || progress.ended);
        assert!(before.is_none_or(|b| b == (result, progress)), "the second inference differs");
        before = Some((result, progress));
        controller.rewind();
    }
}
