//! What a finished schedule asks of the hardware, layer by layer: counted on the bytes that a controller gets.
//!
//! ```text
//! counter.rs   a core that counts what the firmware's decoder asks of it: steps, changes, times, wear
//! vectors.rs   input vectors of each layer, as far as they are known
//! ```
//!
//! Nothing of the planner is asked: the counts are those of one inference in steady state, whatever order the schedule holds.

mod counter;

mod vectors;

use firmware_model::controller::Controller;
use firmware_model::wire::MAX_HEADER;
use thiserror::Error;

use crate::inspect;
use crate::level::DeviceProfile;
use crate::plan::PlanOptions;
use crate::schedule::header::header;
use crate::system::{CellsAtOnce, Hardware, LayerLoad, Load};
use crate::weights::Network;

pub use counter::Counter;
pub use vectors::{Vectors, VectorsError};

/// Why a schedule cannot be counted: it is damaged, which a plan that was just made is not.
#[derive(Debug, Error)]
#[error("core {core}: the schedule cannot be counted: {problem}")]
pub struct CensusError {
    /// Which core's.
    pub core: usize,
    /// What a controller says.
    pub problem: String,
}

/// Inferences that are run: the second is one in steady state.
const INFERENCES: usize = 2;

/// Counts the schedules of a network, one for each core.
///
/// `vectors`: of each layer; `origin`: signed levels of the weight cells of all cores before the first inference.
///
/// # Errors
/// [`CensusError`] when a schedule is damaged or of another device.
pub fn load(
    network: &Network,
    options: &PlanOptions,
    vectors: &[Option<u64>],
    schedules: &[Vec<u8>],
    origin: &[i16],
    at_once: CellsAtOnce,
) -> Result<Load, CensusError> {
    let (core, device) = (options.core, &options.device);
    let mut layers: Vec<LayerLoad> = network
        .layers()
        .iter()
        .enumerate()
        .map(|(i, info)| LayerLoad {
            name: info.name.clone(),
            vectors: vectors.get(i).copied().flatten(),
            inputs: info.inputs() as u64,
            outputs: info.rows as u64,
            macs: info.weights() as u64,
            cores: Vec::new(),
        })
        .collect();
    let mut worst_wear = 0.0f64;
    let cells = core.rows * core.cols;
    for (number, schedule) in schedules.iter().enumerate() {
        let origin = origin.get(number * cells..(number + 1) * cells).unwrap_or_default();
        let counter =
            count(schedule, device, origin, at_once).map_err(|problem| CensusError { core: number, problem })?;
        worst_wear = worst_wear.max(counter.worst_wear());
        let bytes = inspect::layer_bytes(schedule);
        for ((layer, mut load), bytes) in layers.iter_mut().zip(counter.into_layers()).zip(bytes) {
            load.schedule_bytes = bytes;
            layer.cores.push(load);
        }
    }
    let hardware = Hardware { rows: core.rows, cols: core.cols, fanout: options.fanout, bits: device.bits };
    Ok(Load { hardware, layers, worst_wear, endurance: device.endurance_writes })
}

/// Runs a schedule twice, and keeps what the second run has asked for.
fn count(schedule: &[u8], device: &DeviceProfile, origin: &[i16], at_once: CellsAtOnce) -> Result<Counter, String> {
    let header = header(schedule).map_err(|e| e.to_string())?;
    let mut memory = vec![0u8; header.working_memory().total().max(MAX_HEADER)];
    let mut counter = Counter::new(&header, device.cost, at_once);
    counter.hold(origin);
    for _ in 0..INFERENCES {
        counter.begin();
        let mut controller = Controller::new(counter, header.identity(), &mut memory);
        controller.feed(schedule).and_then(|_| controller.finish()).map_err(|e| e.to_string())?;
        counter = controller.into_core();
    }
    Ok(counter)
}
