//! One training step of VGG8 (batch 64, CIFAR shapes): samples/s, time per layer, GFLOP/s against the machine's gemm peak.
//!
//! `cargo bench -p elight-train --bench train_step -- [steps] [plain|quantized|l2-row|quantile]...` (default: 7 steps, all). With PyTorch
//! installed, `benches/torch_vgg8.py` times the same network beside it.

use elight::level::{DeviceProfile, Reparam, ScaleMode};
use elight_train::nn::loss::cross_entropy;
use elight_train::nn::model::{ModelSpec, build};
use elight_train::nn::pcm::PcmSettings;
use elight_train::nn::{Ctx, Layer, Mode, Sequential, Shape, Tensor, init};
use elight_train::optim::{Optimizer, OptimizerConfig};
use elight_train::write_loss::{Core, Method, apply};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const BATCH: usize = 64;

/// Multiplications of a sample's forward pass, the direct way, by layer of VGG8.
const MACS: [(&str, f64); 6] = [
    ("features.0", 27.0 * 64.0 * 1024.0),
    ("features.4", 576.0 * 128.0 * 256.0),
    ("features.8", 1152.0 * 256.0 * 64.0),
    ("features.12", 2304.0 * 512.0 * 16.0),
    ("features.16", 4608.0 * 512.0 * 4.0),
    ("classifier", 5120.0),
];

struct Run {
    model: Sequential,
    optimizer: Optimizer,
    ctx: Ctx,
    method: Option<Method>,
}

impl Run {
    fn new(pcm: bool, method: Option<Method>) -> Self {
        let settings = PcmSettings {
            device: DeviceProfile::load("elight", Some(4)).expect("a preset"),
            reparam: Reparam::Tanh,
            scale: ScaleMode::Layer,
            input_bits: Some(4),
            quant_noise: 1.0,
            noise: None,
        };
        let spec = ModelSpec {
            name: "vgg8".into(),
            input: Shape::new(1, 32, 32, 3),
            classes: 10,
            hidden: vec![],
            dropout: 0.0,
            pcm: pcm.then_some(settings),
        };
        let mut model = build(&spec).expect("vgg8 takes CIFAR");
        init::initialize(&mut model, 1);
        let sgd =
            OptimizerConfig::Sgd { lr: 0.02, momentum: 0.9, nesterov: false, weight_decay: 5e-4, decoupled: false };
        let optimizer = Optimizer::new(sgd, &mut model);
        Self { model, optimizer, ctx: Ctx::new(Mode::Train, 1), method }
    }

    /// One step; returns the times of write loss and optimiser.
    fn step(&mut self, x: &Tensor, labels: &[u16]) -> (Duration, Duration) {
        self.model.zero_gradients();
        let mut input = self.ctx.tensor(x.shape);
        input.data.copy_from_slice(&x.data);
        let mut y = self.model.forward(input, &mut self.ctx);
        let score = cross_entropy(&mut y, labels, 0.0);
        assert!(score.loss.is_finite());
        let dx = self.model.backward(y, &mut self.ctx);
        self.ctx.give(dx.data);
        let start = Instant::now();
        if let Some(method) = self.method {
            for mut slot in self.model.all_pcm() {
                apply(method, Core { rows: 64, columns: 64 }, None, &mut slot, 1.0);
            }
        }
        let loss = start.elapsed();
        let start = Instant::now();
        self.optimizer.step(&mut self.model, 0.02);
        (loss, start.elapsed())
    }
}

/// GFLOP/s of a matrix product that is nothing but a matrix product, on all threads.
fn gemm_peak() -> f64 {
    use rayon::prelude::*;
    const N: usize = 768;
    let one = |seed: f32| {
        let a = ndarray::Array2::from_shape_fn((N, N), |(i, j)| (i * 7 + j) as f32 * seed);
        let mut c = ndarray::Array2::zeros((N, N));
        ndarray::linalg::general_mat_mul(1.0, &a, &a, 0.0, &mut c);
        c[[1, 1]]
    };
    let threads = rayon::current_num_threads();
    let mut best = 0.0f64;
    for _ in 0..5 {
        let start = Instant::now();
        let repeat = 4;
        let sum: f32 = (0..threads * repeat).into_par_iter().map(|i| one(1e-6 * i as f32)).sum();
        assert!(sum.is_finite());
        best = best.max((threads * repeat * 2 * N * N * N) as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let steps = words.iter().find_map(|w| w.parse::<usize>().ok()).unwrap_or(7).max(1);
    let wanted = |name: &str| words.iter().all(|w| w.parse::<usize>().is_ok()) || words.iter().any(|w| w == name);
    let x = {
        let shape = Shape::new(BATCH, 32, 32, 3);
        let data = (0..shape.len()).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 250.0).collect();
        Tensor { shape, data }
    };
    let labels: Vec<u16> = (0..BATCH as u16).map(|i| i % 10).collect();
    let peak = gemm_peak();
    println!("gemm peak {peak:.0} GFLOP/s on {} threads", rayon::current_num_threads());
    for (name, pcm, method) in [
        ("plain", false, None),
        ("quantized", true, None),
        ("l2-row", true, Some(Method::L2Row)),
        ("quantile", true, Some(Method::Quantile)),
    ] {
        if !wanted(name) {
            continue;
        }
        let mut run = Run::new(pcm, method);
        run.step(&x, &labels); // buffers are made in the first step
        let (mut times, mut loss, mut optimizer) = (Vec::new(), Vec::new(), Vec::new());
        run.ctx.laps = Some(Vec::new());
        for _ in 0..steps {
            let start = Instant::now();
            let (l, o) = run.step(&x, &labels);
            times.push(start.elapsed().as_secs_f64());
            loss.push(1e3 * l.as_secs_f64());
            optimizer.push(1e3 * o.as_secs_f64());
        }
        let rate = BATCH as f64 / median(times);
        println!(
            "\n{name}: {rate:.1} samples/s (median of {steps}); write loss {:.1} ms, optimiser {:.1} ms; peak memory so far {:.0} MiB",
            median(loss),
            median(optimizer),
            peak_memory_mib()
        );
        let mut layers: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
        let mut order = Vec::new();
        for lap in run.ctx.laps.take().unwrap_or_default() {
            if !layers.contains_key(&lap.layer) {
                order.push(lap.layer.clone());
            }
            layers.entry(lap.layer).or_default()[usize::from(lap.backward)].push(1e3 * lap.time.as_secs_f64());
        }
        println!("| layer | forward, ms | backward, ms | direct GFLOP/s | of gemm peak |\n|---|---:|---:|---:|---:|");
        for (i, layer) in order.iter().enumerate() {
            let [f, b] = layers.remove(layer).unwrap_or_default();
            let (f, b) = (median(f), median(b));
            let flops = MACS.iter().find(|(n, _)| n == layer).map(|(_, m)| {
                // The first layer needs no gradient of its input.
                let passes = if i == 0 { 2.0 } else { 3.0 };
                2.0 * passes * m * BATCH as f64 / (f + b) / 1e6
            });
            let text = flops.map_or("| | |".into(), |g| format!("| {g:.0} | {:.0} % |", 100.0 * g / peak));
            println!("| {layer} | {f:.2} | {b:.2} {text}");
        }
    }
}
