//! How weights are read, and the faults of cores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::choices::{LayoutArg, ReparamArg, ScaleArg};
use crate::faults::{CoreFaults, FaultFile};
use crate::level::DeviceProfile;
use crate::plan::{CoreSize, Quantization, QuantizationRequest};
use crate::show::count;
use crate::weights::{Description, Filter, Network, Reading};

/// What tensors are read, and how they become levels.
#[derive(Debug, Args)]
pub struct ReadingArgs {
    /// How weights become levels.
    #[command(flatten)]
    pub levels: LevelArgs,

    /// Which tensors are layers.
    #[command(flatten)]
    pub tensors: TensorArgs,
}

/// How weights become levels.
#[derive(Debug, Args)]
pub struct LevelArgs {
    /// PCM device: a preset (elight, gst-optical, gst-doped-si-heater, gsse-heater, pcm-soi-heater, gst-single-pulse) or a TOML file [default:
    /// elight, or what the weights file was trained for].
    #[arg(long, value_name = "PRESET|FILE.toml")]
    pub device: Option<String>,

    /// Bits of a PCM cell, 1 to 8 [default: 4, or the device's, or what the weights file was trained for].
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub bits: Option<u8>,

    /// What a PCM cell bears, in what wears it: level steps, pulses or resets, by the device [default: the device's].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = endurance)]
    pub endurance: Option<f64>,

    /// What is quantized: the weight, or its tanh as ELight trains it [default: none, or what the weights file says].
    #[arg(long)]
    pub reparam: Option<ReparamArg>,

    /// Over what the scale is taken [default: row, or what the weights file says].
    #[arg(long)]
    pub scale: Option<ScaleArg>,

    /// Cut each row (or layer, with its one scale) off where its levels come nearest to its weights, instead of at its largest weight;
    /// needs no data. Give it to check, too.
    #[arg(long)]
    pub calibrate: bool,
}

/// Which tensors are layers, and which.
#[derive(Debug, Args)]
pub struct TensorArgs {
    /// What the network is, as `elight-plan layers -o` writes it [default: what the weights file says, or what its names and shapes show].
    #[arg(long, value_name = "NET.toml")]
    pub network: Option<PathBuf>,

    /// The ONNX graph of the same network: it says what the layers are, the weights come from WEIGHTS.
    #[arg(long, value_name = "MODEL.onnx", conflicts_with = "network")]
    pub graph: Option<PathBuf>,

    /// Take the most likely reading of layers that nothing proves and nothing suggests.
    #[arg(long)]
    pub assume: bool,

    /// How tensors are read: as layers, as plain matrices, or as ELight's [P, Q, k, k] blocks.
    #[arg(long, default_value = "auto")]
    pub layout: LayoutArg,

    /// Plan only tensors that match; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,

    /// Leave out tensors that match; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
}

impl TensorArgs {
    /// How the weights are to be read.
    ///
    /// # Errors
    /// A pattern that is none, a description or a graph that cannot be read.
    pub fn reading(&self) -> anyhow::Result<Reading> {
        Ok(Reading {
            layout: self.layout.into(),
            filter: Filter::new(&self.include, &self.exclude)?,
            description: match (&self.network, &self.graph) {
                (Some(network), _) => Some(Description::read(network)?),
                (None, Some(graph)) => Some(Description::from_graph(graph)?),
                (None, None) => None,
            },
            assume: self.assume,
        })
    }
}

impl LevelArgs {
    /// Decides device and quantization of the weights in `path`, which stands for them in errors and says where their metadata's files are.
    ///
    /// # Errors
    /// Options and metadata that contradict each other, a device that cannot be loaded.
    pub fn decide(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> anyhow::Result<(DeviceProfile, Quantization)> {
        let request = QuantizationRequest {
            device: self.device.clone(),
            bits: self.bits,
            reparam: self.reparam.map(Into::into),
            scale: self.scale.map(Into::into),
        };
        let (mut device, quantization) = request.resolve(path, metadata)?;
        if let Some(cycles) = self.endurance {
            device = device.with_endurance(cycles);
        }
        Ok((device, quantization))
    }
}

impl ReadingArgs {
    /// Opens the weights, and decides device and quantization.
    ///
    /// # Errors
    /// Weights that cannot be read, and those of [`LevelArgs::decide`].
    pub fn open(&self, weights: &Path) -> anyhow::Result<(Network, DeviceProfile, Quantization)> {
        let network = Network::open_as(weights, &self.tensors.reading()?)?;
        let (device, quantization) = self.levels.decide(weights, network.metadata())?;
        Ok((network, device, quantization))
    }
}

/// The faults of each core; none where no file is given.
///
/// # Errors
/// Another number of files than cores, a file that cannot be read or is of another core or device.
pub fn faults(
    files: &[PathBuf],
    cores: usize,
    core: CoreSize,
    device: &DeviceProfile,
) -> anyhow::Result<Option<Vec<CoreFaults>>> {
    anyhow::ensure!(
        files.is_empty() || files.len() == cores,
        "--faults or --wear is needed once for each of the {cores} cores, in their order, and was given {}",
        count(files.len() as u64, "time")
    );
    let read = |path: &PathBuf| FaultFile::read(path)?.faults(path, core, device);
    let faults: Vec<CoreFaults> = files.iter().map(read).collect::<Result<_, _>>()?;
    Ok((!faults.is_empty()).then_some(faults))
}

/// What a cell bears: a number above 0.
///
/// # Errors
/// Anything else.
pub fn endurance(text: &str) -> Result<f64, String> {
    let wrong = || "expected how often a cell can be written, a number above 0, as in --endurance 1e6".to_owned();
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or_else(wrong)
}
