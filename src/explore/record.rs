//! One plan, made and counted: what is kept of it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::grid::PlanKey;
use crate::census;
use crate::level::DeviceProfile;
use crate::order::Effort;
use crate::plan::{self, CoreOutcome, CoreSize, ExtraSteps, Fanout, Observer, PlanError, PlanOptions, Quantization};
use crate::system::{CellsAtOnce, Load};
use crate::weights::Network;

/// What is kept of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which plan.
    pub key: PlanKey,
    /// What it is.
    pub kept: Kept,
}

/// A plan, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// It was made.
    Planned(Box<Planned>),
    /// Its options do not go together, or the core cannot do it.
    Refused(String),
}

/// A plan that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Writes per inference at batch 1, in steady state.
    pub writes: u64,
    /// The same in the natural order.
    pub natural_writes: u64,
    /// No plan of its class needs fewer.
    pub lower_bound_writes: u64,
    /// Programmings of the core in a pass.
    pub steps: u64,
    /// Bytes of the schedule.
    pub schedule_bytes: u64,
    /// Largest relative error of a layer's weights.
    pub weight_error: f64,
    /// Wear of a PCM cell by one cycle of its endurance.
    pub wear_per_cycle: f64,
    /// What it asks of the hardware; vectors are not in it.
    pub load: Load,
}

impl Record {
    /// Makes a plan, counts its schedule, and keeps no file. `folder`: where the schedule is while it is made.
    ///
    /// # Errors
    /// What has nothing to do with the options: weights that cannot be read, an interruption, a full disk.
    pub fn make(
        key: &PlanKey,
        network: &Network,
        quantization: Quantization,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Self, PlanError> {
        let kept = match options(key, quantization) {
            Ok(options) => Planned::make(&options, network, key.at_once, folder, observer),
            Err(error) => Err(error),
        };
        let kept = match kept {
            Ok(planned) => Kept::Planned(Box::new(planned)),
            Err(error) if !refuses(&error) => return Err(error),
            Err(refused) => Kept::Refused(refused.to_string()),
        };
        Ok(Self { key: key.clone(), kept })
    }
}

/// The options of a plan.
fn options(key: &PlanKey, quantization: Quantization) -> Result<PlanOptions, PlanError> {
    let core: CoreSize = key.core.parse()?;
    let device = DeviceProfile::load(&key.device, key.bits)?;
    let mut options = PlanOptions::new(core, device);
    options.quantization = quantization;
    options.fanout = key.fanout.parse::<Fanout>()?.rows(core)?;
    options.effort = match key.effort.as_str() {
        "fast" => Effort::Fast,
        "best" => Effort::Best,
        _ => Effort::Good,
    };
    options.seed = key.seed;
    // `none`, or what the axes have been checked for.
    options.trade.extra_steps = key.extra_steps.parse::<ExtraSteps>().ok();
    Ok(options)
}

/// Whether an error says that options do not go together, or that the core cannot do it; others have nothing to do with the options.
pub(super) fn refuses(error: &PlanError) -> bool {
    !matches!(error, PlanError::Weights(_) | PlanError::Device(_) | PlanError::Output { .. } | PlanError::Interrupted)
}

impl Planned {
    /// Makes a plan, counts its schedule, and keeps no file. `folder`: where the schedule is while it is made.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn make(
        options: &PlanOptions,
        network: &Network,
        at_once: CellsAtOnce,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Self, PlanError> {
        let failed = |source| PlanError::Output { path: folder.to_owned(), source };
        let place = tempfile::Builder::new().prefix(".plan-").tempdir_in(folder).map_err(failed)?;
        observer.writing_to(place.path());
        let outcome = plan::plan(network, options, &place.path().join("plan.elight"), &[], observer)?;
        let read = |core: &CoreOutcome| std::fs::read(&core.path).map_err(failed);
        let schedules = outcome.cores.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let vectors = vec![None; network.layers().len()];
        let origin = options.condition.origin(options.core.rows * options.core.cols);
        // A schedule that was made a moment ago is whole; if not, the disk has changed it.
        let load = census::load(network, options, &vectors, &schedules, &origin, at_once)
            .map_err(|e| failed(std::io::Error::other(e)))?;
        Ok(Self {
            bits: options.device.bits,
            writes: outcome.optimal.costs.per_inference.writes,
            natural_writes: outcome.natural.costs.per_inference.writes,
            lower_bound_writes: outcome.lower_bound_writes,
            steps: outcome.end.steps,
            schedule_bytes: outcome.bytes,
            weight_error: outcome.layers.iter().map(|layer| layer.relative_error).fold(0.0, f64::max),
            wear_per_cycle: options.device.endurance_cycle.wear(options.device.top_level()),
            load,
        })
    }
}
