//! Optimisers: SGD with momentum, Adam, AdamW, RAdam; gradient clipping.

use crate::nn::par::{part_size, simd};
use crate::nn::{Role, Sequential, Slot};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The optimiser's constants. Biases and batch norm are not decayed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// `v = momentum v + g`, `w -= lr v` (Nesterov: `w -= lr (g + momentum v)`).
    Sgd {
        /// Learning rate before the schedule.
        lr: f32,
        /// Momentum.
        #[serde(default)]
        momentum: f32,
        /// Nesterov's form.
        #[serde(default)]
        nesterov: bool,
        /// Weight decay.
        #[serde(default)]
        weight_decay: f32,
        /// `w -= lr wd w` apart from the gradient, instead of `g += wd w`.
        #[serde(default)]
        decoupled: bool,
    },
    /// Adam (Kingma and Ba, 2015); weight decay is part of the gradient: `g += wd w`.
    Adam(Moments),
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
    Adamw(Moments),
    /// Rectified Adam (Liu et al., 2020), weight decay as in Adam: while the variance of the mean square cannot be told yet, it moves
    /// along the mean gradient alone.
    Radam(Moments),
}

/// The constants of Adam and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// Learning rate before the schedule.
    pub lr: f32,
    /// Decay of the mean gradient.
    #[serde(default = "beta1")]
    pub beta1: f32,
    /// Decay of the mean square.
    #[serde(default = "beta2")]
    pub beta2: f32,
    /// Added to the root.
    #[serde(default = "eps")]
    pub eps: f32,
    /// Weight decay.
    #[serde(default)]
    pub weight_decay: f32,
}

fn beta1() -> f32 {
    0.9
}

fn beta2() -> f32 {
    0.999
}

fn eps() -> f32 {
    1e-8
}

impl OptimizerConfig {
    /// Learning rate before the schedule.
    pub fn lr(&self) -> f32 {
        match self {
            Self::Sgd { lr, .. } => *lr,
            Self::Adam(m) | Self::Adamw(m) | Self::Radam(m) => m.lr,
        }
    }
}

/// An optimiser with its memory, one or two arrays per trainable array, in the model's order.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    /// Velocity, or mean gradient.
    first: Vec<Vec<f32>>,
    /// Mean squared gradient (none for SGD).
    second: Vec<Vec<f32>>,
    /// Steps taken.
    steps: u64,
}

impl Optimizer {
    /// With empty memory for a model.
    pub fn new(config: OptimizerConfig, model: &mut Sequential) -> Self {
        let sizes: Vec<usize> = trainable(model).iter().map(|s| s.value.len()).collect();
        let zeros = |wanted: bool| sizes.iter().map(|n| vec![0.0; if wanted { *n } else { 0 }]).collect();
        let adam = !matches!(config, OptimizerConfig::Sgd { .. });
        Self { config, first: zeros(true), second: zeros(adam), steps: 0 }
    }

    /// The memory by name, to be stored.
    pub fn memory(&self, model: &mut Sequential) -> Vec<(String, &[f32])> {
        let slots = trainable(model);
        let mut out = Vec::new();
        for (slot, (a, b)) in slots.iter().zip(self.first.iter().zip(&self.second)) {
            out.push((format!("first/{}", slot.name), &a[..]));
            if !b.is_empty() {
                out.push((format!("second/{}", slot.name), &b[..]));
            }
        }
        out
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes the memory back; `get` finds an array by name. Returns the first name that is missing or has another length.
    pub fn restore(
        &mut self,
        model: &mut Sequential,
        steps: u64,
        mut get: impl FnMut(&str) -> Option<Vec<f32>>,
    ) -> Result<(), String> {
        let names: Vec<String> = trainable(model).iter().map(|s| s.name.clone()).collect();
        for (kind, memory) in [("first", &mut self.first), ("second", &mut self.second)] {
            for (name, m) in names.iter().zip(memory.iter_mut()).filter(|(_, m)| !m.is_empty()) {
                let name = format!("{kind}/{name}");
                match get(&name) {
                    Some(v) if v.len() == m.len() => *m = v,
                    _ => return Err(name),
                }
            }
        }
        self.steps = steps;
        Ok(())
    }

    /// One step with the present gradients and this learning rate.
    pub fn step(&mut self, model: &mut Sequential, lr: f32) {
        self.steps += 1;
        let config = self.config;
        let steps = self.steps as i32;
        for ((slot, m), v) in trainable(model).into_iter().zip(&mut self.first).zip(&mut self.second) {
            let Some(grad) = slot.grad else { continue };
            let decays = slot.role == Role::Weight;
            let part = part_size(grad.len());
            let work = slot.value.par_chunks_mut(part).zip(grad.par_chunks(part)).zip(m.par_chunks_mut(part));
            match config {
                OptimizerConfig::Sgd { momentum, nesterov, weight_decay, decoupled, .. } => {
                    let wd = if decays { weight_decay } else { 0.0 };
                    let (shrink, couple) = if decoupled { (1.0 - lr * wd, 0.0) } else { (1.0, wd) };
                    work.for_each(|((w, g), m)| simd(|| sgd(w, g, m, lr, momentum, nesterov, shrink, couple)));
                }
                OptimizerConfig::Adam(c) | OptimizerConfig::Adamw(c) | OptimizerConfig::Radam(c) => {
                    let wd = if decays { c.weight_decay } else { 0.0 };
                    let apart = matches!(config, OptimizerConfig::Adamw(_));
                    let (shrink, couple) = if apart { (1.0 - lr * wd, 0.0) } else { (1.0, wd) };
                    let scale = lr / (1.0 - c.beta1.powi(steps));
                    let root = 1.0 / (1.0 - c.beta2.powi(steps)).sqrt();
                    let rectified = matches!(config, OptimizerConfig::Radam(_)).then(|| rectification(c.beta2, steps));
                    let by = match rectified {
                        None => Adapt { scale, root, eps: c.eps, floor: 0.0 },
                        Some(Some(r)) => Adapt { scale: scale * r, root, eps: c.eps, floor: 0.0 },
                        // sqrt(v) * 0 + 0 + 1: along the mean gradient.
                        Some(None) => Adapt { scale, root: 0.0, eps: 0.0, floor: 1.0 },
                    };
                    let work = work.zip(v.par_chunks_mut(part));
                    work.for_each(|(((w, g), m), v)| {
                        simd(|| adam(w, g, m, v, [c.beta1, c.beta2], by, shrink, couple));
                    });
                }
            }
        }
    }
}

fn trainable(model: &mut Sequential) -> Vec<Slot<'_>> {
    model.all_slots().into_iter().filter(|s| s.grad.is_some()).collect()
}

#[allow(clippy::too_many_arguments)] // one inner loop, nothing to gain from a bundle
#[inline(always)]
fn sgd(w: &mut [f32], g: &[f32], m: &mut [f32], lr: f32, momentum: f32, nesterov: bool, shrink: f32, couple: f32) {
    for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
        let g = g + couple * *w;
        *m = momentum * *m + g;
        let d = if nesterov { g + momentum * *m } else { *m };
        *w = *w * shrink - lr * d;
    }
}

/// How the mean gradient is divided: `scale m / (sqrt(v) root + eps + floor)`.
#[derive(Clone, Copy)]
struct Adapt {
    scale: f32,
    root: f32,
    eps: f32,
    floor: f32,
}

/// RAdam's factor `r_t` (Liu et al., 2020, algorithm 2); none while the approximated length of the moving average is 5 or below, as in PyTorch.
fn rectification(beta2: f32, steps: i32) -> Option<f32> {
    let (beta2, t) = (f64::from(beta2), f64::from(steps));
    let longest = 2.0 / (1.0 - beta2) - 1.0;
    let power = beta2.powf(t);
    let length = longest - 2.0 * t * power / (1.0 - power);
    let r = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
    (length > 5.0).then(|| r.sqrt() as f32)
}

#[allow(clippy::too_many_arguments)] // one inner loop, nothing to gain from a bundle
#[inline(always)]
fn adam(
    w: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    [beta1, beta2]: [f32; 2],
    by: Adapt,
    shrink: f32,
    couple: f32,
) {
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        let g = g + couple * *w;
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        *w = *w * shrink - by.scale * *m / (v.sqrt() * by.root + by.eps + by.floor);
    }
}

/// Scales all gradients so that their common norm is at most `limit`; returns the norm before.
pub fn clip_gradients(model: &mut Sequential, limit: f32) -> f64 {
    let mut slots = trainable(model);
    let square = |g: &[f32]| g.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>();
    let mut sum = 0.0;
    for s in &slots {
        if let Some(g) = &s.grad {
            // Part by part, in order: the same bits for any number of threads.
            let parts: Vec<f64> = g.par_chunks(part_size(g.len())).map(square).collect();
            sum += parts.iter().sum::<f64>();
        }
    }
    let norm = sum.sqrt();
    if norm > f64::from(limit) {
        let scale = (f64::from(limit) / norm) as f32;
        for s in &mut slots {
            if let Some(g) = &mut s.grad {
                g.par_chunks_mut(part_size(g.len())).for_each(|g| g.iter_mut().for_each(|g| *g *= scale));
            }
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::linear::Linear;

    fn model() -> Sequential {
        let mut m = Sequential::new().with("l", Linear::new(2, 1, true));
        for s in m.all_slots() {
            s.value.fill(1.0);
        }
        m
    }

    fn set_gradients(m: &mut Sequential, g: f32) {
        m.all_slots().into_iter().filter_map(|s| s.grad).for_each(|d| d.fill(g));
    }

    /// Value of the first weight and of the bias.
    fn values(m: &mut Sequential) -> (f32, f32) {
        let s = m.all_slots();
        (s[0].value[0], s[1].value[0])
    }

    #[test]
    fn sgd_by_hand() {
        let sgd = |nesterov, decoupled| {
            let config = OptimizerConfig::Sgd { lr: 0.1, momentum: 0.9, nesterov, weight_decay: 0.5, decoupled };
            let mut m = model();
            let mut o = Optimizer::new(config, &mut m);
            for _ in 0..2 {
                set_gradients(&mut m, 2.0);
                o.step(&mut m, 0.1);
            }
            values(&mut m)
        };
        let close =
            |(a, b): (f32, f32), (c, d): (f32, f32)| assert!((a - c).abs() < 1e-6 && (b - d).abs() < 1e-6, "{a} {b}");
        // Coupled: g = 2.5, v = 2.5, w = 0.75; g = 2.375, v = 4.625, w = 0.2875. Bias: v = 2, 3.8.
        close(sgd(false, false), (0.2875, 0.42));
        // Decoupled: w = 0.95 - 0.2 = 0.75; w = 0.7125 - 0.38 = 0.3325.
        close(sgd(false, true), (0.3325, 0.42));
        // Nesterov: d = 2.5 * 1.9 = 4.75, w = 0.525; g = 2.2625, v = 4.5125, d = 6.32375. Bias: 3.8, then 2 + 0.9 * 3.8.
        close(sgd(true, false), (0.525 - 0.632_375, 1.0 - 0.38 - 0.542));
    }

    #[test]
    fn adamw_by_hand() {
        let config = OptimizerConfig::Adamw(Moments { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.0, weight_decay: 0.5 });
        let mut m = model();
        let mut o = Optimizer::new(config, &mut m);
        set_gradients(&mut m, 3.0);
        o.step(&mut m, 0.1);
        // The first step moves by lr exactly, whatever the gradient.
        let (w, b) = values(&mut m);
        assert!((w - (0.95 - 0.1)).abs() < 1e-6 && (b - 0.9).abs() < 1e-6, "{w} {b}");
    }

    #[test]
    fn adam_and_radam_by_hand() {
        let two_steps = |config: fn(Moments) -> OptimizerConfig, beta2| {
            let config = config(Moments { lr: 0.1, beta1: 0.9, beta2, eps: 0.0, weight_decay: 0.5 });
            let mut m = model();
            let mut o = Optimizer::new(config, &mut m);
            let mut after = Vec::new();
            for _ in 0..2 {
                set_gradients(&mut m, 3.0);
                o.step(&mut m, 0.1);
                after.push(values(&mut m));
            }
            after
        };
        let close = |got: f32, want: f64| assert!((f64::from(got) - want).abs() < 1e-6, "{got} instead of {want}");
        // Coupled: the decay changes the gradient, but the first step is lr whatever the gradient is.
        let adam = two_steps(OptimizerConfig::Adam, 0.99);
        close(adam[0].0, 0.9);
        // g = 3.5, then 3.45: m = 0.9 * 0.35 + 0.345, v = 0.99 * 0.1225 + 0.119025, both over 1 - beta^2.
        let (m, v): (f64, f64) = (0.66 / 0.19, 0.2403 / 0.0199);
        close(adam[1].0, 0.9 - 0.1 * m / v.sqrt());
        // RAdam's first steps follow the mean gradient: m / (1 - 0.9) = 3.5 for the weight, 3 for the bias.
        let radam = two_steps(OptimizerConfig::Radam, 0.99);
        close(radam[0].0, 1.0 - 0.1 * 3.5);
        close(radam[0].1, 1.0 - 0.1 * 3.0);
        // The factor of the sixth step, as its formula gives it: with beta2 = 0.999 the first five are not rectified.
        assert!((1..=5).all(|t| rectification(0.999, t).is_none()));
        let (longest, p) = (1999.0f64, 0.999f64.powi(6));
        let length = longest - 12.0 * p / (1.0 - p);
        let r = ((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)).sqrt();
        assert!((f64::from(rectification(0.999, 6).unwrap()) - r).abs() < 1e-4, "{r}");
        // In the limit it is Adam.
        assert!((rectification(0.999, 1_000_000).unwrap() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn clipping() {
        let mut m = model();
        set_gradients(&mut m, 2.0);
        assert!((clip_gradients(&mut m, 1.0) - 12f64.sqrt()).abs() < 1e-12);
        assert!((clip_gradients(&mut m, 5.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn memory_round_trip() {
        let config =
            OptimizerConfig::Sgd { lr: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0, decoupled: false };
        let mut m = model();
        let mut o = Optimizer::new(config, &mut m);
        set_gradients(&mut m, 2.0);
        o.step(&mut m, 0.1);
        let stored: Vec<(String, Vec<f32>)> = o.memory(&mut m).into_iter().map(|(n, v)| (n, v.to_vec())).collect();
        let mut p = Optimizer::new(config, &mut m);
        let get = |name: &str| stored.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        p.restore(&mut m, 1, get).unwrap();
        assert_eq!(p.first, o.first);
        assert_eq!(p.restore(&mut m, 1, |_| None).unwrap_err(), "first/l.weight");
    }
}
