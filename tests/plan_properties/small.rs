//! Small networks, planned and replayed.

use elight::check::{self, Findings};
use elight::level::{DeviceProfile, Quantizer};
use elight::order::{Order, Reach};
use elight::plan::{self, CoreSize, Outcome, PlanOptions, Unobserved};
use elight::replay::{self, Promise, Replay};
use elight::weights::{Filter, Layout, Network};

use crate::support::weights::Weights;

/// One layer: `rows x cols` in `groups`, row-major weights.
#[derive(Clone, Debug)]
pub struct Layer {
    pub rows: usize,
    pub cols: usize,
    pub groups: usize,
    pub weights: Vec<f32>,
}

/// The network of these layers, which its metadata describe: a matrix of random shape could be read in several ways.
pub fn network(layers: &[Layer]) -> Network {
    let mut file = Weights::new();
    for (i, layer) in layers.iter().enumerate() {
        file = file.f32(&format!("{i}.weight"), &[layer.rows, layer.cols], &layer.weights);
    }
    let described: Vec<String> = layers
        .iter()
        .enumerate()
        .map(|(i, layer)| format!(r#"{{\"name\":\"{i}.weight\",\"groups\":{}}}"#, layer.groups))
        .collect();
    let description = format!(r#"{{\"version\":1,\"layer\":[{}]}}"#, described.join(","));
    let file = file.metadata("elight.network", &description);
    Network::from_bytes("random.safetensors", file.bytes(), Layout::Auto, &Filter::default()).unwrap()
}

pub fn options(core: (usize, usize), bits: u8, reach: Reach) -> PlanOptions {
    let device = DeviceProfile::load("elight", Some(bits)).unwrap();
    PlanOptions { reach, ..PlanOptions::new(CoreSize { rows: core.0, cols: core.1 }, device) }
}

/// A plan, what the replay has shown, and what the checker has found.
pub struct Planned {
    pub outcome: Outcome,
    pub replay: Replay,
    pub findings: Findings,
}

pub fn plan(network: &Network, options: &PlanOptions) -> Planned {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.elight");
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    let stimuli = replay::stimuli(&quantizer, network, 7);
    let outcome = plan::plan(network, options, &path, &stimuli, &Unobserved).unwrap();
    let promise = Promise {
        totals: outcome.of(options.order),
        end: outcome.end,
        fanout: options.fanout,
        origin: &options.condition.origin(options.core.rows * options.core.cols),
        ranges: &options.condition.ranges().unwrap_or_default(),
        ram: outcome.decoder_ram_bytes as usize,
        outputs: &outcome.expected_outputs,
    };
    let replay = replay::replay(&path, options.core, &options.device, &stimuli, promise, &Unobserved).unwrap();
    let reading = check::Options { reparam: options.quantization.reparam, scale: options.quantization.scale };
    let bytes = std::fs::read(&path).unwrap();
    let findings = check::check_schedule(&mut &bytes[..], network, &options.device, &reading).unwrap();
    Planned { outcome, replay, findings }
}

impl Planned {
    /// Writes per inference in steady state.
    pub fn writes(&self, order: Order) -> u64 {
        self.outcome.of(order).costs.per_inference.writes
    }
}
