//! 6. Bytes to a controller: a schedule replayed on the firmware's own decoder and simulated core.
//!
//! Two inferences are run. What the core has counted, cell by cell, must be what the plan promised, and its outputs must be
//! those of the quantized matrices, exactly.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use firmware_model::controller::Controller;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::sim::{DARK, Fault, PcmWear, SimConfig, SimCore, SimMemory, Wear};
use firmware_model::wire::{End, Layer, MAX_HEADER};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

use super::order::cost::tally::{PairWear, Totals, counts_resets};
use crate::geometry::CellRange;
use crate::geometry::CoreSize;
use crate::level::{DeviceProfile, Quantizer};
use crate::observer::{Observer, Unobserved};
use crate::stimulus::Stimulus;
use crate::weights::Network;

/// Why a replay failed: each is a fault of the schedule or of this program, not of the user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The schedule cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The schedule.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The controller refuses it.
    #[error("the controller refuses the schedule: {0}")]
    Controller(#[from] firmware_model::error::Error<ReplayFault>),
    /// The simulated core cannot be built.
    #[error("the simulated core: {0}")]
    Core(#[from] Fault),
    /// The user stopped it.
    #[error("interrupted while replaying")]
    Interrupted,
}

impl ReplayError {
    /// The same with the schedule called as `name` says.
    #[must_use]
    pub fn of(self, name: impl Fn(&Path) -> PathBuf) -> Self {
        match self {
            Self::Read { path, source } => Self::Read { path: name(&path), source },
            other => other,
        }
    }
}

/// What the core of a replay does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplayFault {
    /// What no core does.
    #[error("{0}")]
    Core(Fault),
    /// What this core cannot do.
    #[error("cell ({row}, {col}) is to be written to level {level}, which it cannot hold")]
    CannotHold {
        /// Core row.
        row: u16,
        /// Lane.
        col: u16,
        /// The level.
        level: i16,
    },
}

/// A simulated core with faulty cells.
struct FaultyCore<'a, 's> {
    core: SimCore<'s>,
    cols: usize,
    ranges: &'a [CellRange],
}

impl Core for FaultyCore<'_, '_> {
    type Fault = ReplayFault;

    fn begin_layer(&mut self, layer: &Layer<'_>) -> Result<(), ReplayFault> {
        self.core.begin_layer(layer).map_err(ReplayFault::Core)
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), ReplayFault> {
        self.core.assign(row, output).map_err(ReplayFault::Core)
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), ReplayFault> {
        match self.ranges.get(usize::from(row) * self.cols + usize::from(col)) {
            Some(range) if !range.holds(level, level) => Err(ReplayFault::CannotHold { row, col, level }),
            _ => self.core.program(row, col, level).map_err(ReplayFault::Core),
        }
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), ReplayFault> {
        self.core.route(row, col, input).map_err(ReplayFault::Core)
    }

    fn step(&mut self) -> Result<(), ReplayFault> {
        self.core.step().map_err(ReplayFault::Core)
    }
}

/// What a replay has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Every PCM cell was written, up and down and in as many steps, as planned, at the first load and after.
    pub writes_match: bool,
    /// Every output equals the quantized matrix times the inputs.
    pub outputs_match: bool,
    /// Inferences run.
    pub inferences: u32,
}

impl Replay {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        Self {
            writes_match: self.writes_match && other.writes_match,
            outputs_match: self.outputs_match && other.outputs_match,
            inferences: self.inferences + other.inferences,
        }
    }
}

/// Binary places of a weight in the replay's fixed point.
const FRACTION_BITS: u32 = 24;

/// Inferences of a replay.
const INFERENCES: u64 = 2;

/// Random inputs for the replay: for each inference a vector for each layer, numbers in -128..128.
#[must_use]
pub fn stimuli(quantizer: &Quantizer, network: &Network, seed: u64) -> Vec<Stimulus> {
    let inputs: usize = network.layers().iter().map(|l| l.inputs()).sum();
    let values: Vec<i32> =
        quantizer.unit_values().iter().map(|v| (v * f64::from(1 << FRACTION_BITS)).round() as i32).collect();
    (0..INFERENCES)
        .map(|inference| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ inference);
            let inputs = (0..inputs).map(|_| (rng.next_u32() & 0xff) as i32 - 128).collect();
            Stimulus { values: values.clone(), inputs }
        })
        .collect()
}

/// The memory that a simulated core is lent, as a host has it.
#[derive(Clone, Debug)]
pub struct SimBuffers {
    /// Signed level of each weight cell.
    pub levels: Vec<i16>,
    /// Wear of each weight cell.
    pub wear: Vec<Wear>,
    /// The outputs of all layers, one after the other.
    pub outputs: Vec<i64>,
    routes: Vec<u32>,
    assigned: Vec<Option<Output>>,
}

impl SimBuffers {
    /// An erased, unworn core of `rows x cols`, for a network with so many outputs in all layers together.
    #[must_use]
    pub fn erased(rows: u16, cols: u16, outputs: usize) -> Self {
        let cells = usize::from(rows) * usize::from(cols);
        Self {
            levels: vec![0; cells],
            wear: vec![Wear::default(); cells],
            outputs: vec![0; outputs],
            routes: vec![DARK; cells],
            assigned: vec![None; rows.into()],
        }
    }

    /// The core in these buffers. `values`: of the levels 0..=B, in fixed point; `inputs`: of all layers, one after the other.
    ///
    /// # Errors
    /// [`Fault`] when the buffers are not those of such a core.
    pub fn core<'a>(
        &'a mut self,
        config: SimConfig,
        values: &'a [i32],
        inputs: &'a [i32],
    ) -> Result<SimCore<'a>, Fault> {
        let memory = SimMemory {
            levels: &mut self.levels,
            wear: &mut self.wear,
            routes: &mut self.routes,
            assigned: &mut self.assigned,
            values,
            inputs,
            outputs: &mut self.outputs,
            stuck: &[],
        };
        SimCore::new(config, memory)
    }
}

/// The planned figures that a replay must show.
#[derive(Clone, Copy, Debug)]
pub struct Promise<'a> {
    /// Planned wear.
    pub totals: &'a Totals,
    /// Planned totals.
    pub end: End,
    /// Signed level of each weight cell before the first inference.
    pub origin: &'a [i16],
    /// Core rows that share an input.
    pub fanout: usize,
    /// What each weight cell can hold; empty: every level.
    pub ranges: &'a [CellRange],
    /// Working memory that the header asks for, bytes.
    pub ram: usize,
    /// Outputs of each inference.
    pub outputs: &'a [Vec<i64>],
}

/// Replays a schedule once for each stimulus on a core that holds the promise's origin, and compares.
///
/// # Errors
/// [`ReplayError`] when it cannot be carried out at all.
pub fn replay(
    schedule: &Path,
    core: CoreSize,
    device: &DeviceProfile,
    stimuli: &[Stimulus],
    promise: Promise<'_>,
    observer: &dyn Observer,
) -> Result<Replay, ReplayError> {
    replay_cores(&[(schedule, promise)], core, device, stimuli, promise.outputs, observer)
}

/// Replays the schedules of several cores that share a network, each on a core of its own. The outputs of all cores together have to be
/// `outputs`, for each inference.
///
/// # Errors
/// [`ReplayError`] when one cannot be carried out at all.
pub fn replay_cores(
    cores: &[(&Path, Promise<'_>)],
    core: CoreSize,
    device: &DeviceProfile,
    stimuli: &[Stimulus],
    outputs: &[Vec<i64>],
    observer: &dyn Observer,
) -> Result<Replay, ReplayError> {
    let weights: u64 = cores.iter().map(|(_, promise)| promise.end.weights).sum();
    observer.begin("replaying", weights * stimuli.len() as u64);
    let mut sums: Vec<Vec<i64>> = outputs.iter().map(|outputs| vec![0; outputs.len()]).collect();
    let mut writes_match = true;
    for (schedule, promise) in cores {
        writes_match &= replay_core(schedule, core, device, stimuli, *promise, &mut sums, observer)?;
    }
    Ok(Replay { writes_match, outputs_match: sums == *outputs, inferences: stimuli.len() as u32 })
}

/// Wear of every weight cell by one inference of a schedule, on an intact core that holds the levels `origin` and of which `fanout` rows share an input; `ram`: what the
/// schedule's header asks for, bytes.
///
/// # Errors
/// [`ReplayError`] when it cannot be carried out.
pub fn wear(
    schedule: &Path,
    network: &Network,
    core: CoreSize,
    fanout: usize,
    device: &DeviceProfile,
    origin: &[i16],
    ram: usize,
) -> Result<Vec<PairWear>, ReplayError> {
    let (rows, cols, fanout) = (core.rows as u16, core.cols as u16, fanout as u16);
    let identity = Identity { rows, cols, bits: device.bits, fanout, device_crc: device.identity_crc() };
    let config = SimConfig { rows, cols, bits: device.bits, fanout, cost: Some(device.cost) };
    let inputs: usize = network.layers().iter().map(|l| l.inputs()).sum();
    let outputs: usize = network.layers().iter().map(|l| l.rows).sum();
    let (values, inputs) = (vec![0; 1 << device.bits], vec![0; inputs]);
    let mut buffers = SimBuffers::erased(rows, cols, outputs);
    buffers.levels.copy_from_slice(origin);
    let before = buffers.wear.clone();
    let mut memory = vec![0u8; ram.max(MAX_HEADER)];
    let sim = FaultyCore { core: buffers.core(config, &values, &inputs)?, cols: core.cols, ranges: &[] };
    let mut controller = Controller::new(sim, identity, &mut memory);
    feed(schedule, &mut controller, &Unobserved)?;
    controller.finish()?;
    let resets = counts_resets(&device.cost);
    Ok(buffers.wear.iter().zip(&before).map(|(now, then)| difference(now, then, resets)).collect())
}

/// Replays one core's schedule; adds its outputs to `sums`, and says whether it was written as promised.
fn replay_core(
    schedule: &Path,
    core: CoreSize,
    device: &DeviceProfile,
    stimuli: &[Stimulus],
    promise: Promise<'_>,
    sums: &mut [Vec<i64>],
    observer: &dyn Observer,
) -> Result<bool, ReplayError> {
    let (rows, cols, fanout) = (core.rows as u16, core.cols as u16, promise.fanout as u16);
    let identity = Identity { rows, cols, bits: device.bits, fanout, device_crc: device.identity_crc() };
    let config = SimConfig { rows, cols, bits: device.bits, fanout, cost: Some(device.cost) };
    let mut buffers = SimBuffers::erased(rows, cols, sums.first().map_or(0, Vec::len));
    buffers.levels.copy_from_slice(promise.origin);
    // Exactly what the header asks for, as a controller would have it (the header frame itself needs some at first).
    let mut memory = vec![0u8; promise.ram.max(MAX_HEADER)];
    let mut matches = true;
    for (inference, (stimulus, sums)) in stimuli.iter().zip(sums).enumerate() {
        let before = buffers.wear.clone();
        let sim = buffers.core(config, &stimulus.values, &stimulus.inputs)?;
        let sim = FaultyCore { core: sim, cols: core.cols, ranges: promise.ranges };
        let mut controller = Controller::new(sim, identity, &mut memory);
        feed(schedule, &mut controller, observer)?;
        let end = controller.finish()?;
        let planned = if inference == 0 { &promise.totals.first_load_wear } else { &promise.totals.per_inference_wear };
        let resets = counts_resets(&device.cost);
        let counted: Vec<PairWear> =
            buffers.wear.iter().zip(&before).map(|(now, then)| difference(now, then, resets)).collect();
        matches &= end == promise.end && counted == *planned;
        for (sum, output) in sums.iter_mut().zip(&buffers.outputs) {
            *sum += output;
        }
    }
    Ok(matches)
}

fn feed(
    schedule: &Path,
    controller: &mut Controller<'_, FaultyCore<'_, '_>>,
    observer: &dyn Observer,
) -> Result<(), ReplayError> {
    let unreadable = |source| ReplayError::Read { path: schedule.to_owned(), source };
    let mut file = File::open(schedule).map_err(unreadable)?;
    let mut chunk = vec![0; 1 << 16];
    let mut done = 0;
    loop {
        let n = file.read(&mut chunk).map_err(unreadable)?;
        if n == 0 {
            return Ok(());
        }
        let progress = controller.feed(&chunk[..n])?;
        observer.advance(progress.weights - done);
        done = progress.weights;
        if observer.interrupted() {
            return Err(ReplayError::Interrupted);
        }
    }
}

fn difference(now: &Wear, then: &Wear, resets: bool) -> PairWear {
    let part =
        |of: fn(&PcmWear) -> u32| [of(&now.plus) - of(&then.plus), of(&now.minus) - of(&then.minus)].map(u64::from);
    PairWear {
        up: part(|w| w.up),
        down: part(|w| w.down),
        events: part(|w| w.events),
        resets: if resets { part(|w| w.resets) } else { [0; 2] },
    }
}
