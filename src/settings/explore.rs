//! An exploration from its settings: the grid, and the plans of it.

use std::path::Path;

use clap::Args;

use super::choices::{EffortArg, ReparamArg, ScaleArg};
use super::inference::Batch;
use super::reading::endurance;
use crate::census::Vectors;
use crate::explore::{self, Axes, Grid, PlanKey, Record};
use crate::level::DeviceProfile;
use crate::order::Effort;
use crate::plan::{Observer, PlanError, Quantization, QuantizationRequest};
use crate::system::SystemProfile;
use crate::weights::Network;

/// What an exploration depends on, besides the weights.
#[derive(Debug, Args)]
pub struct ExploreSettings {
    /// Cores, rows x columns.
    #[arg(long, value_name = "RxC,...", value_delimiter = ',', required = true)]
    pub core: Vec<String>,

    /// Which rows share the input of a lane.
    #[arg(long, value_name = "cell|column|N,...", value_delimiter = ',', default_value = "cell,column")]
    pub fanout: Vec<String>,

    /// Bits of a PCM cell [default: as many as each device has].
    #[arg(long, value_name = "B,...", value_delimiter = ',')]
    pub bits: Vec<u8>,

    /// PCM devices: presets or TOML files.
    #[arg(long, value_name = "PRESET|FILE.toml,...", value_delimiter = ',', default_value = "elight")]
    pub device: Vec<String>,

    /// Inferences that share each programming of the core; `auto`: as many as make light and writing balance, within the buffer.
    #[arg(long, value_name = "N|auto,...", value_delimiter = ',', default_value = "1")]
    pub batch: Vec<Batch>,

    /// Steps beyond the fewest: `none`, a percentage, or `fixed`.
    #[arg(long, value_name = "none|PERCENT|fixed,...", value_delimiter = ',', default_value = "none")]
    pub extra_steps: Vec<String>,

    /// The system around the core: a preset or a TOML file (docs/system-model.md).
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub system: String,

    /// Memory for inputs and partial sums, bytes [default: the system's].
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub buffer: Option<u64>,

    /// Input vectors of a layer in one inference; a name or a glob, the last that matches counts.
    #[arg(long, value_name = "LAYER=N")]
    pub vectors: Vec<Vectors>,

    /// Cycles that a PCM cell bears [default: each device's].
    #[arg(long, value_name = "N", value_parser = endurance)]
    pub endurance: Option<f64>,

    /// How much work goes into the search for each order.
    #[arg(long, default_value = "fast")]
    pub effort: EffortArg,

    /// Seed of the searches.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// What is quantized [default: none, or what the weights file says].
    #[arg(long)]
    pub reparam: Option<ReparamArg>,

    /// Over what the scale is taken [default: row, or what the weights file says].
    #[arg(long)]
    pub scale: Option<ScaleArg>,
}

/// An exploration: what is varied, and how weights become levels in all of it.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// What is explored.
    pub grid: Grid,
    quantization: Quantization,
}

impl ExploreSettings {
    /// The exploration of the network in `weights`. Every value is looked at before anything is planned.
    ///
    /// # Errors
    /// A value that is none, devices and systems that cannot be loaded, weights that cannot be read.
    pub fn of(&self, weights: &Path, network: &Network) -> anyhow::Result<Exploration> {
        let (system, system_text) = SystemProfile::load_with_text(&self.system)?;
        let request = QuantizationRequest {
            reparam: self.reparam.map(Into::into),
            scale: self.scale.map(Into::into),
            ..QuantizationRequest::default()
        };
        let quantization = request.resolve(weights, network.metadata())?.1;
        let axes = Axes {
            cores: self.core.clone(),
            fanouts: self.fanout.clone(),
            bits: self.bits.clone(),
            devices: self.device.clone(),
            extra_steps: self.extra_steps.clone(),
        };
        let grid = Grid {
            format: Grid::FORMAT,
            network: weights.display().to_string(),
            fingerprint: self.fingerprint(weights, network, quantization)?,
            vectors: Vectors::of(network, &self.vectors)?,
            axes: axes.checked()?,
            batches: self.batch.iter().map(|batch| if let Batch::Number(n) = batch { *n } else { 0 }).collect(),
            effort: format!("{:?}", Effort::from(self.effort)).to_lowercase(),
            seed: self.seed,
            buffer: self.buffer,
            endurance: self.endurance,
            system: self.system.clone(),
            system_text,
            at_once: system.timing.cells_at_once,
        };
        for device in &grid.axes.devices {
            DeviceProfile::load(device, None)?;
        }
        Ok(Exploration { grid, quantization })
    }

    /// A hash of the weights, the devices' files, and of how weights are read.
    fn fingerprint(&self, weights: &Path, network: &Network, quantization: Quantization) -> anyhow::Result<String> {
        let layers = network.layers().iter();
        let layers: Vec<_> = layers.map(|l| (&l.name, &l.kind, l.rows, l.cols, l.groups)).collect();
        let reading = format!("{quantization:?} {layers:?}");
        let devices = self.device.iter().map(Path::new).filter(|path| path.is_file());
        if let Some(bytes) = network.in_memory() {
            return Ok(explore::fingerprint(devices, &reading, bytes)?);
        }
        let mut files: Vec<&Path> = network.layers().iter().map(|layer| layer.file.as_path()).collect();
        files.push(weights);
        files.dedup();
        files.extend(devices);
        Ok(explore::fingerprint(files.into_iter(), &reading, &[])?)
    }
}

impl Exploration {
    /// Makes one of its plans; `folder`: where the schedule is while it is made.
    ///
    /// # Errors
    /// What has nothing to do with the options: weights that cannot be read, an interruption, a full disk.
    pub fn make(
        &self,
        key: &PlanKey,
        network: &Network,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Record, PlanError> {
        Record::make(key, network, self.quantization, folder, observer)
    }
}
