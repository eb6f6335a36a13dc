//! A worked driver: a photonic core whose cells, inputs and outputs hang on SPI converters.
//!
//! ```text
//!             SPI                 analog
//! controller -----> pulse DAC   ------------> heater or laser of one PCM cell: channel 2 (row C + col), plus 1 for the minus cell
//!            -----> gate        ------------> lets the pulse DAC's current through for one pulse, timed by hardware
//!            -----> input DAC   ------------> modulator of one weight cell:    channel row C + col
//!            <----- light ADC   <------------ probe of one PCM cell:           channel as of the pulse DAC
//!                               <------------ balanced detector of a row:      channel 2 R C + row, signed
//! ```
//!
//! A frame is four bytes, most significant first: `channel, code`, 16 bits each. The ADC answers within the frame: while the channel goes out
//! the last two bytes come in. Many converters speak so, or nearly so: [`frame`] is the place to change.
//!
//! A PCM cell is written by one pulse whose amplitude and width decide the level, whatever it held before: the table of the device in the
//! controller's profile (`Profile::pulses`). The amplitudes of all cells that are written side by side are set while the gate is shut, the gate
//! opens for one pulse by itself, and the amplitudes go back to 0: whichever transfer fails, no cell stays under current, and no pulse lasts as
//! long as software takes. A transmission is the mean of several samples. Everything is `no_std`, on the traits of `embedded-hal`, so the same
//! file drives any board that has them.
#![no_std]
#![forbid(unsafe_code)]

pub mod memory;

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::SpiDevice;
use firmware_model::hardware::{Cells, CellsFault, Light, Part, PcmCell, Side, Target};
use firmware_model::photonic_core::Output;

/// What a lab measures once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// PCM cells that the supply can drive at the same time: those of a batch whose pulses are as long are written side by side, so many at
    /// once. 0 counts as 1.
    pub at_once: u16,
    /// Samples that a transmission is the mean of. 0 counts as 1.
    pub samples: u16,
    /// Until a written cell has cooled down and can be read, ns.
    pub cool_ns: u32,
    /// Until light and detectors have settled, ns.
    pub settle_ns: u32,
    /// ADC code of a transmission of 1.
    pub full_light: u16,
    /// DAC code of an input of 0: inputs are added to it.
    pub dark: u16,
}

/// Memory that the driver is lent.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The input vector, as long as the longest of a network.
    pub inputs: &'a mut [i16],
    /// What feeds each weight cell, R x C.
    pub routes: &'a mut [u32],
    /// What each row computes: where its inputs begin, R.
    pub bases: &'a mut [u32],
    /// What each row gave in the last step, R.
    pub outputs: &'a mut [i64],
}

/// A dark cell, or an idle row.
const NONE: u32 = u32::MAX;

/// Lets current through to the cell for one pulse. A one-shot timer of the chip, or of the board: software that waits between two transfers
/// makes pulses as long as an interrupt takes, or for ever when it fails in between.
pub trait Gate {
    /// What can go wrong.
    type Error;

    /// Opens for `ns` nanoseconds and shuts by itself; returns when it is shut.
    ///
    /// # Errors
    /// The gate's; it is shut all the same.
    fn fire(&mut self, ns: u32) -> Result<(), Self::Error>;

    /// Shuts, whatever it was about: what a driver does after any failure. It cannot fail: a pin, not a bus.
    fn shut(&mut self);
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The pulse DAC does not answer.
    PulseBus,
    /// The gate did not fire.
    Gate,
    /// The input DAC does not answer.
    InputBus,
    /// The light ADC does not answer.
    LightBus,
    /// A cell or row that the core does not have.
    Outside,
    /// A level that the profile has no pulse for.
    NoPulse,
    /// An input beyond the memory for inputs.
    Inputs,
}

/// The core.
#[derive(Debug)]
pub struct SpiCore<'a, P, G, I, L, D> {
    pulse: P,
    gate: G,
    input: I,
    light: L,
    delay: D,
    cols: u16,
    calibration: Calibration,
    memory: Memory<'a>,
}

/// The bytes that set, or ask for, a channel.
#[must_use]
pub const fn frame(channel: u16, code: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (channel.to_be_bytes(), code.to_be_bytes());
    [a, b, c, d]
}

impl<'a, P: SpiDevice, G: Gate, I: SpiDevice, L: SpiDevice, D: DelayNs> SpiCore<'a, P, G, I, L, D> {
    /// The core of `cols` columns behind these converters and this gate, which is shut first; its rows are as many as `memory` has bases. `None` when parts of the memory do
    /// not fit each other, or a channel number would not fit 16 bits.
    #[must_use]
    pub fn new(
        (pulse, mut gate, input, light): (P, G, I, L),
        delay: D,
        cols: u16,
        calibration: Calibration,
        memory: Memory<'a>,
    ) -> Option<Self> {
        let (rows, cells) = (memory.bases.len(), memory.routes.len());
        let channels = rows.checked_mul(cols.into())?.checked_mul(2)?.checked_add(rows)?;
        let fits = cells * 2 + rows == channels && memory.outputs.len() == rows && channels <= 1 << 16;
        if !fits || calibration.full_light == 0 {
            return None;
        }
        gate.shut();
        memory.routes.fill(NONE);
        memory.bases.fill(NONE);
        memory.outputs.fill(0);
        Some(Self { pulse, gate, input, light, delay, cols, calibration, memory })
    }

    fn weight(&self, row: u16, col: u16) -> Result<u16, Fault> {
        let cell = usize::from(row) * usize::from(self.cols) + usize::from(col);
        if col < self.cols && cell < self.memory.routes.len() { Ok(cell as u16) } else { Err(Fault::Outside) }
    }

    fn channel(&self, cell: PcmCell) -> Result<u16, Fault> {
        Ok(2 * self.weight(cell.row, cell.col)? + matches!(cell.side, Side::Minus) as u16)
    }

    /// Asks the ADC for a channel.
    fn sample(&mut self, channel: u16) -> Result<u16, Fault> {
        let mut bytes = frame(channel, 0);
        self.light.transfer_in_place(&mut bytes).map_err(|_| Fault::LightBus)?;
        let [_, _, high, low] = bytes;
        Ok(u16::from_be_bytes([high, low]))
    }

    /// What feeds weight cell `cell` of row `row`, as a DAC code.
    fn input_code(&self, row: usize, cell: usize) -> Result<u16, Fault> {
        let route = self.memory.routes.get(cell).copied().unwrap_or(NONE);
        let base = self.memory.bases.get(row).copied().unwrap_or(NONE);
        if route == NONE || base == NONE {
            return Ok(self.calibration.dark);
        }
        let element = base.checked_add(route).ok_or(Fault::Inputs)? as usize;
        let input = self.memory.inputs.get(element).ok_or(Fault::Inputs)?;
        self.calibration.dark.checked_add_signed(*input).ok_or(Fault::Inputs)
    }
}

impl<P: SpiDevice, G: Gate, I: SpiDevice, L: SpiDevice, D: DelayNs> SpiCore<'_, P, G, I, L, D> {
    /// Sets the amplitude of a PCM cell's pulse.
    fn amplitude(&mut self, cell: PcmCell, code: u16) -> Result<(), CellsFault<Fault>> {
        let channel = self.channel(cell).map_err(|fault| (Some(cell), fault))?;
        self.pulse.write(&frame(channel, code)).map_err(|_| (Some(cell), Fault::PulseBus))
    }

    /// One pulse of `width_ns` through cells that are driven together.
    fn fire(&mut self, cells: impl Iterator<Item = Target> + Clone, width_ns: u32) -> Result<(), CellsFault<Fault>> {
        let mut begun = 0;
        let mut done = Ok(());
        for target in cells.clone() {
            // A level without a pulse is none of amplitude 0.
            done = match width_ns {
                0 => Err((Some(target.cell), Fault::NoPulse)),
                _ => self.amplitude(target.cell, target.pulse.amplitude),
            };
            begun += 1;
            if done.is_err() {
                break;
            }
        }
        if done.is_ok() {
            let only = cells.clone().next().filter(|_| begun == 1).map(|target| target.cell);
            done = self.gate.fire(width_ns).map_err(|_| (only, Fault::Gate));
        }
        // The pulse has ended, whatever happened: a cell under current for long is a dead cell.
        self.gate.shut();
        for target in cells.take(begun) {
            if width_ns > 0 {
                let ended = self.amplitude(target.cell, 0);
                done = done.and(ended);
            }
        }
        done?;
        self.delay.delay_ns(self.calibration.cool_ns);
        Ok(())
    }
}

impl<P: SpiDevice, G: Gate, I: SpiDevice, L: SpiDevice, D: DelayNs> Part for SpiCore<'_, P, G, I, L, D> {
    type Fault = Fault;

    fn fault_code(fault: Fault) -> u16 {
        match fault {
            Fault::PulseBus => 1,
            Fault::Gate => 2,
            Fault::InputBus => 3,
            Fault::LightBus => 4,
            Fault::Outside => 5,
            Fault::Inputs => 6,
            Fault::NoPulse => 7,
        }
    }
}

impl<P: SpiDevice, G: Gate, I: SpiDevice, L: SpiDevice, D: DelayNs> Cells for SpiCore<'_, P, G, I, L, D> {
    const READ_BACK: bool = true;
    const SIDE_BY_SIDE: bool = true;

    fn set(&mut self, target: Target) -> Result<(), Fault> {
        self.fire(core::iter::once(target), target.pulse.width_ns).map_err(|(_, fault)| fault)
    }

    fn set_many(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<Fault>> {
        let most = usize::from(self.calibration.at_once.max(1));
        let mut rest = targets;
        while let Some(first) = rest.clone().next() {
            // The pulses of neighbours that are as long.
            let width_ns = first.pulse.width_ns;
            let together = rest.clone().take(most).take_while(move |target| target.pulse.width_ns == width_ns);
            let count = together.clone().count();
            self.fire(together, width_ns)?;
            rest.by_ref().take(count).for_each(drop);
        }
        Ok(())
    }

    fn read(&mut self, cell: PcmCell) -> Result<f32, Fault> {
        let channel = self.channel(cell)?;
        let samples = self.calibration.samples.max(1);
        let mut sum = 0u32;
        for _ in 0..samples {
            sum += u32::from(self.sample(channel)?);
        }
        Ok(sum as f32 / (f32::from(samples) * f32::from(self.calibration.full_light)))
    }
}

impl<P: SpiDevice, G: Gate, I: SpiDevice, L: SpiDevice, D: DelayNs> Light for SpiCore<'_, P, G, I, L, D> {
    fn begin_layer(&mut self, _rows: u32, cols: u32, groups: u32) -> Result<(), Fault> {
        let width = u64::from(cols) * u64::from(groups);
        if width > self.memory.inputs.len() as u64 { Err(Fault::Inputs) } else { Ok(()) }
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Fault> {
        let first = usize::from(self.weight(row, 0)?);
        *self.memory.bases.get_mut(usize::from(row)).ok_or(Fault::Outside)? = output.map_or(NONE, |output| output.base);
        let routes = self.memory.routes.get_mut(first..first + usize::from(self.cols)).ok_or(Fault::Outside)?;
        routes.fill(NONE);
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Fault> {
        let cell = usize::from(self.weight(row, col)?);
        *self.memory.routes.get_mut(cell).ok_or(Fault::Outside)? = input.unwrap_or(NONE);
        Ok(())
    }

    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), Fault> {
        let room = self.memory.inputs.get_mut(first as usize..).ok_or(Fault::Inputs)?;
        let room = room.get_mut(..values.len()).ok_or(Fault::Inputs)?;
        room.copy_from_slice(values);
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        let cols = usize::from(self.cols);
        for cell in 0..self.memory.routes.len() {
            let code = self.input_code(cell.checked_div(cols).unwrap_or_default(), cell)?;
            self.input.write(&frame(cell as u16, code)).map_err(|_| Fault::InputBus)?;
        }
        self.delay.delay_ns(self.calibration.settle_ns);
        let first = 2 * self.memory.routes.len();
        for row in 0..self.memory.bases.len() {
            let code = self.sample((first + row) as u16)?;
            if let Some(output) = self.memory.outputs.get_mut(row) {
                // A balanced detector: the difference of two photocurrents has a sign.
                *output = i64::from(code as i16);
            }
        }
        Ok(())
    }

    fn output(&mut self, row: u16) -> Result<i64, Fault> {
        self.memory.outputs.get(usize::from(row)).copied().ok_or(Fault::Outside)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use embedded_hal_mock::eh1::delay::{CheckedDelay, Transaction as Wait};
    use embedded_hal_mock::eh1::spi::{Mock, Transaction as Transfer};
    use firmware_model::hardware::Pulse;
    use std::vec;
    use std::vec::Vec;

    const CALIBRATION: Calibration =
        Calibration { at_once: 2, samples: 3, cool_ns: 1000, settle_ns: 50, full_light: 1000, dark: 0x8000 };

    /// The pulse of amplitude 0x5000 for a cell's level 2.
    const fn target(row: u16, col: u16, side: Side) -> Target {
        Target { cell: PcmCell { row, col, side }, level: 2, pulse: Pulse { amplitude: 0x5000, width_ns: 200 } }
    }

    struct Lent {
        inputs: Vec<i16>,
        routes: Vec<u32>,
        bases: Vec<u32>,
        outputs: Vec<i64>,
    }

    impl Lent {
        fn new(rows: usize, cols: usize) -> Self {
            Self { inputs: vec![0; 8], routes: vec![0; rows * cols], bases: vec![0; rows], outputs: vec![0; rows] }
        }

        fn memory(&mut self) -> Memory<'_> {
            Memory {
                inputs: &mut self.inputs,
                routes: &mut self.routes,
                bases: &mut self.bases,
                outputs: &mut self.outputs,
            }
        }
    }

    /// Frames as one transaction each.
    fn written(frames: &[[u8; 4]]) -> Mock<u8> {
        let one = |frame: &[u8; 4]| {
            [Transfer::transaction_start(), Transfer::write_vec(frame.to_vec()), Transfer::transaction_end()]
        };
        Mock::new(&frames.iter().flat_map(one).collect::<Vec<_>>())
    }

    fn sampled(frames: &[(u16, u16)]) -> Mock<u8> {
        let one = |&(channel, code): &(u16, u16)| {
            let (out, back) = (frame(channel, 0).to_vec(), frame(0, code).to_vec());
            [Transfer::transaction_start(), Transfer::transfer_in_place(out, back), Transfer::transaction_end()]
        };
        Mock::new(&frames.iter().flat_map(one).collect::<Vec<_>>())
    }

    /// A gate that remembers.
    #[derive(Default)]
    struct Noted {
        fired: Vec<u32>,
        shut: usize,
        fails: bool,
    }

    impl Gate for &mut Noted {
        type Error = ();

        fn fire(&mut self, ns: u32) -> Result<(), ()> {
            self.fired.push(ns);
            if self.fails { Err(()) } else { Ok(()) }
        }

        fn shut(&mut self) {
            self.shut += 1;
        }
    }

    type Core<'a> =
        SpiCore<'a, &'a mut Mock<u8>, &'a mut Noted, &'a mut Mock<u8>, &'a mut Mock<u8>, &'a mut CheckedDelay>;

    /// Runs `test` on a core of 2 x 3, and asserts that exactly these bytes, waits and pulses took place.
    fn with(
        (mut pulse, mut input, mut light): (Mock<u8>, Mock<u8>, Mock<u8>),
        (waits, fired): (&[u32], &[u32]),
        test: impl FnOnce(&mut Core<'_>),
    ) {
        let waits: Vec<Wait> = waits.iter().map(|&ns| Wait::delay_ns(ns)).collect();
        let mut delay = CheckedDelay::new(&waits);
        let mut lent = Lent::new(2, 3);
        let mut gate = Noted::default();
        let parts = (&mut pulse, &mut gate, &mut input, &mut light);
        test(&mut SpiCore::new(parts, &mut delay, 3, CALIBRATION, lent.memory()).expect("a core"));
        pulse.done();
        input.done();
        light.done();
        delay.done();
        assert_eq!(gate.fired, fired);
    }

    /// Whatever fails, the gate is shut and the amplitude taken back.
    #[test]
    fn no_failure_leaves_a_cell_under_current() {
        use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
        /// A bus whose `fails`th transfer fails.
        struct Failing {
            frames: Vec<Vec<u8>>,
            fails: usize,
        }
        impl ErrorType for &mut Failing {
            type Error = ErrorKind;
        }
        impl SpiDevice for &mut Failing {
            fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
                for operation in operations {
                    if let Operation::Write(bytes) = operation {
                        self.frames.push(bytes.to_vec());
                    }
                }
                if self.frames.len() == self.fails { Err(ErrorKind::Other) } else { Ok(()) }
            }
        }
        for (fails, gate_fails, fault) in
            [(1, false, Fault::PulseBus), (2, false, Fault::PulseBus), (9, true, Fault::Gate), (2, true, Fault::Gate)]
        {
            let (mut pulse, mut lent) = (Failing { frames: Vec::new(), fails }, Lent::new(2, 3));
            let (mut input, mut light) = (Mock::new(&[]), Mock::new(&[]));
            let mut gate = Noted { fails: gate_fails, ..Noted::default() };
            let mut delay = CheckedDelay::new(&[]);
            let parts = (&mut pulse, &mut gate, &mut input, &mut light);
            let mut core = SpiCore::new(parts, &mut delay, 3, CALIBRATION, lent.memory()).expect("a core");
            assert_eq!(core.set(target(0, 0, Side::Plus)), Err(fault));
            assert_eq!(pulse.frames.last().map(|frame| &frame[2..]), Some(&[0, 0][..]), "the amplitude is taken back");
            assert_eq!(gate.shut, 2, "once at the start, once after the pulse");
            assert_eq!(gate.fired.is_empty(), fails == 1, "nothing is let through that was not set");
            input.done();
            light.done();
            delay.done();
        }
    }

    /// The same of cells that are written side by side: also those whose amplitudes were set before the transfer that failed.
    #[test]
    fn no_failure_leaves_one_of_many_under_current() {
        use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
        /// What each channel was set to last, and the transfer that fails.
        struct Held {
            codes: [u16; 12],
            left: usize,
        }
        impl ErrorType for &mut Held {
            type Error = ErrorKind;
        }
        impl SpiDevice for &mut Held {
            fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
                self.left = self.left.wrapping_sub(1);
                if self.left == 0 {
                    return Err(ErrorKind::Other);
                }
                for operation in operations {
                    if let Operation::Write(bytes) = operation {
                        self.codes[usize::from(bytes[1])] = u16::from_be_bytes([bytes[2], bytes[3]]);
                    }
                }
                Ok(())
            }
        }
        let targets = [target(0, 0, Side::Plus), target(0, 1, Side::Minus), target(1, 2, Side::Plus)];
        // Two cells at once: two amplitudes, two ends; one amplitude, one end.
        for left in 1..=6 {
            let (mut pulse, mut lent) = (Held { codes: [0; 12], left }, Lent::new(2, 3));
            let (mut input, mut light) = (Mock::new(&[]), Mock::new(&[]));
            let (mut gate, mut delay) = (Noted::default(), embedded_hal_mock::eh1::delay::NoopDelay::new());
            let parts = (&mut pulse, &mut gate, &mut input, &mut light);
            let mut core = SpiCore::new(parts, &mut delay, 3, CALIBRATION, lent.memory()).expect("a core");
            let failed = core.set_many(targets.into_iter());
            assert!(matches!(failed, Err((Some(_), Fault::PulseBus))), "{left}: {failed:?}");
            let still: Vec<usize> = (0..12).filter(|&channel| pulse.codes[channel] != 0).collect();
            // A bus that fails as an amplitude is taken back cannot take it back; the gate is shut.
            let taken_back = [3, 4, 6].contains(&left);
            assert_eq!(still.len(), usize::from(taken_back), "{left}: {still:?}");
            assert_eq!(gate.shut, 1 + if left <= 4 { 1 } else { 2 }, "{left}");
            input.done();
            light.done();
        }
    }

    #[test]
    fn a_level_is_one_pulse_that_ends() {
        // Minus cell of (1, 2): channel 2 * 5 + 1.
        let pulses = written(&[[0, 11, 0x50, 0], [0, 11, 0, 0]]);
        with((pulses, written(&[]), sampled(&[])), (&[1000], &[200]), |core| {
            core.set(target(1, 2, Side::Minus)).unwrap();
        });
    }

    #[test]
    fn cells_are_written_side_by_side_as_many_as_the_supply_drives() {
        // Three cells, two at once; then one whose pulse is longer.
        let long = Target { pulse: Pulse { amplitude: 0x6000, width_ns: 900 }, ..target(1, 0, Side::Plus) };
        let targets = [target(0, 0, Side::Plus), target(0, 1, Side::Plus), target(0, 2, Side::Plus), long];
        let pulses = written(&[
            [0, 0, 0x50, 0],
            [0, 2, 0x50, 0],
            [0, 0, 0, 0],
            [0, 2, 0, 0],
            [0, 4, 0x50, 0],
            [0, 4, 0, 0],
            [0, 6, 0x60, 0],
            [0, 6, 0, 0],
        ]);
        with((pulses, written(&[]), sampled(&[])), (&[1000, 1000, 1000], &[200, 200, 900]), |core| {
            core.set_many(targets.into_iter()).unwrap();
        });
    }

    #[test]
    fn a_cell_is_read_as_the_mean_of_its_samples() {
        with((written(&[]), written(&[]), sampled(&[(2, 870), (2, 875), (2, 871)])), (&[], &[]), |core| {
            let read = core.read(PcmCell { row: 0, col: 1, side: Side::Plus }).unwrap();
            assert!((read - 0.872).abs() < 1e-6);
        });
    }

    #[test]
    fn a_step_lights_what_is_routed_and_reads_every_row() {
        // Row 1 computes with inputs from element 2 on: cell (1, 0) gets element 3, the rest is dark.
        let dark = |channel: u16| frame(channel, 0x8000);
        let inputs = written(&[dark(0), dark(1), dark(2), frame(3, 0x8000 - 5), dark(4), dark(5)]);
        let outputs = sampled(&[(12, 0), (13, 0xFFF6)]);
        with((written(&[]), inputs, outputs), (&[50], &[]), |core| {
            core.begin_layer(4, 4, 2).unwrap();
            core.load_inputs(2, &[7, -5]).unwrap();
            core.assign(1, Some(Output { row: 0, base: 2, scale: 1.0 })).unwrap();
            core.route(1, 0, Some(1)).unwrap();
            core.step().unwrap();
            assert_eq!((core.output(0), core.output(1)), (Ok(0), Ok(-10)));
        });
    }

    #[test]
    fn what_the_core_does_not_have_is_refused() {
        with((written(&[]), written(&[]), sampled(&[])), (&[], &[]), |core| {
            assert_eq!(core.set(target(0, 3, Side::Plus)), Err(Fault::Outside));
            let no_pulse = Target { pulse: Pulse::NONE, ..target(0, 0, Side::Plus) };
            assert_eq!(core.set(no_pulse), Err(Fault::NoPulse));
            assert_eq!(core.route(2, 0, None), Err(Fault::Outside));
            assert_eq!(core.begin_layer(1, 9, 1), Err(Fault::Inputs));
            assert_eq!(core.load_inputs(7, &[1, 2]), Err(Fault::Inputs));
        });
        let mut lent = Lent::new(2, 3);
        let (mut a, mut b, mut c) = (written(&[]), written(&[]), sampled(&[]));
        let (mut delay, mut gate) = (CheckedDelay::new(&[]), Noted::default());
        assert!(SpiCore::new((&mut a, &mut gate, &mut b, &mut c), &mut delay, 4, CALIBRATION, lent.memory()).is_none());
        a.done();
        b.done();
        c.done();
        delay.done();
    }
}
