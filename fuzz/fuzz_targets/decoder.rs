//! Arbitrary bytes into a controller that drives a simulated core: no input may panic, loop for long, or make the core
//! do what it forbids; and what is carried out, step by step, is what an independent reading of the bytes says ([`reading`]).
//!
//! The first byte says how the rest is used: bit 0, mend the length, sequence number and CRC of every frame, so that mutations get
//! past them; bits 1 to 3, the identity of the core; bits 4 to 7, the size of the chunks.
#![no_main]

mod mend;
mod reading;

use elight::replay::SimBuffers;
use firmware_model::controller::Controller;
use firmware_model::error::Error;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::sim::SimConfig;
use firmware_model::wire::Layer;
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
    let core = CORES[usize::from(how >> 1 & 7)];
    run(core, stream, 1 << (how >> 4));
    compare(core, stream);
});

/// A core that remembers what it was asked for at each step.
struct Recorder {
    cols: usize,
    rows: Vec<Option<u32>>,
    levels: Vec<i32>,
    routes: Vec<Option<u64>>,
    steps: Vec<reading::Step>,
}

impl Core for Recorder {
    type Fault = std::convert::Infallible;

    fn begin_layer(&mut self, _: &Layer<'_>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault> {
        let row = usize::from(row);
        self.rows[row] = output.map(|output| output.base);
        self.routes[row * self.cols..][..self.cols].fill(None);
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault> {
        self.levels[usize::from(row) * self.cols + usize::from(col)] = level.into();
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault> {
        let base = self.rows[usize::from(row)].expect("a route of a row that is used");
        self.routes[usize::from(row) * self.cols + usize::from(col)] =
            input.map(|input| u64::from(base) + u64::from(input));
        Ok(())
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        let active = self.routes.iter().enumerate().filter_map(|(cell, input)| {
            Some((cell / self.cols, cell % self.cols, self.levels[cell], (*input)?))
        });
        let active = active.collect();
        // A schedule may have as many steps as its bytes allow.
        assert!(self.steps.len() < 1 << 20);
        self.steps.push(reading::Step { active, levels: self.levels.clone() });
        Ok(())
    }
}

/// What the controller carries out, up to its first refusal, is what the independent reading says.
fn compare((rows, cols, bits): (u16, u16, u8), stream: &[u8]) {
    let cells = usize::from(rows) * usize::from(cols);
    let recorder = Recorder {
        cols: cols.into(),
        rows: vec![None; rows.into()],
        levels: vec![0; cells],
        routes: vec![None; cells],
        steps: Vec::new(),
    };
    let mut arena = vec![0; 32_768];
    let identity = Identity { rows, cols, bits, fanout: 1, device_crc: DEVICE };
    let mut controller = Controller::new(recorder, identity, &mut arena);
    let whole = controller.feed(stream).is_ok() && controller.finish().is_ok();
    let recorder = controller.into_core();
    if recorder.steps.is_empty() && !whole {
        return;
    }
    let (steps, levels) = reading::read(stream, vec![0; cells]);
    assert!(steps.len() >= recorder.steps.len(), "{} steps read, {} carried out", steps.len(), recorder.steps.len());
    for (i, (carried_out, read)) in recorder.steps.iter().zip(&steps).enumerate() {
        assert_eq!(carried_out, read, "step {i}");
    }
    if whole {
        assert_eq!((steps.len(), levels), (recorder.steps.len(), Some(recorder.levels)));
    }
}

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
