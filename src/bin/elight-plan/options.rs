//! Options that several commands take: how weights are read, the system around the core, faults.

use std::path::{Path, PathBuf};

use clap::Args;
use elight::census::Vectors;
use elight::faults::{CoreFaults, FaultFile};
use elight::level::DeviceProfile;
use elight::plan::{CoreSize, Quantization, QuantizationRequest};
use elight::show::count;
use elight::weights::{Description, Filter, Network, Reading};

use crate::choices::{LayoutArg, ReparamArg, ScaleArg};

/// What a whole inference runs on (docs/system-model.md).
#[derive(Debug, Args)]
pub struct InferenceArgs {
    /// The system around the core: a preset (bench, feldmann-2021, lightening, skylight, simphony) or a TOML file with [system] [default: the
    /// [system] of the device file, if it has one; else only writes are reported].
    #[allow(rustdoc::broken_intra_doc_links)] // it is help for the command line first
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub system: Option<String>,

    /// Inferences that share each programming of the core; `auto`: as many as make light and writing balance, within the buffer.
    #[arg(long, value_name = "N|auto", default_value = "1")]
    pub batch: Batch,

    /// Memory for inputs and partial sums, bytes [default: the system's]; a layer whose batch does not fit is run through several times.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub buffer: Option<u64>,

    /// Input vectors of a layer in one inference: positions of a convolution, tokens, 1 for a plain classifier. A name or a glob; may be given several
    /// times, the last that matches counts.
    #[arg(long, value_name = "LAYER=N")]
    pub vectors: Vec<Vectors>,
}

/// Inferences that share a programming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// So many.
    Number(u64),
    /// As many as make light and writing balance.
    Auto,
}

impl std::str::FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.parse().ok().filter(|n| (1..=1_000_000_000).contains(n)).map(Self::Number);
        let wrong = || "expected 1 to 1,000,000,000 inferences, or `auto`, as in --batch 64".to_owned();
        if text == "auto" { Ok(Self::Auto) } else { number().ok_or_else(wrong) }
    }
}

/// What tensors are read, and how they become levels.
#[derive(Debug, Args)]
pub struct ReadingArgs {
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

    /// Which tensors are layers.
    #[command(flatten)]
    pub tensors: TensorArgs,
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

impl ReadingArgs {
    /// Opens the weights, and decides device and quantization.
    pub fn open(&self, weights: &Path) -> anyhow::Result<(Network, DeviceProfile, Quantization)> {
        let network = Network::open_as(weights, &self.tensors.reading()?)?;
        let request = QuantizationRequest {
            device: self.device.clone(),
            bits: self.bits,
            reparam: self.reparam.map(Into::into),
            scale: self.scale.map(Into::into),
        };
        let (mut device, quantization) = request.resolve(weights, network.metadata())?;
        if let Some(cycles) = self.endurance {
            device = device.with_endurance(cycles);
        }
        Ok((network, device, quantization))
    }
}

/// The faults of each core; none where no file is given.
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
pub fn endurance(text: &str) -> Result<f64, String> {
    let wrong = || "expected how often a cell can be written, a number above 0, as in --endurance 1e6".to_owned();
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or_else(wrong)
}
