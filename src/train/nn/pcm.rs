//! Weights of a photonic core: the forward pass multiplies with what the PCM cells hold, the backward pass goes straight
//! through the quantizer.
//!
//! ```text
//! t = tanh(w) or w,  level = quantize(t),  wq = value of the level        (design: logarithmic quantization)
//! dwq/dt = 1         (straight-through; the scale counts as a constant)   dw += dwq (1 - t^2)
//! ```
//!
//! Unlike the reference implementation of ELight, the value that the forward pass uses is always that of the level (there,
//! weights between the levels 0 and 1 are multiplied as level 1 although 0 is written).

use super::ctx::Ctx;
use super::par::{part_size, simd};
use super::param::Param;
use super::tanh::tanh;
use elight::cells::noise::{Draw, NoiseModel, WriteId};
use elight::level::{DeviceProfile, LevelMatrix, Quantizer, Reparam, ScaleMode, Scales, Transmission};
use elight::seeds::mix;
use rayon::prelude::*;
use std::sync::Arc;

/// What all PCM layers of a model have in common.
#[derive(Clone, Debug)]
pub struct PcmSettings {
    /// The cells.
    pub device: DeviceProfile,
    /// What is quantized, the weight or its tanh.
    pub reparam: Reparam,
    /// One scale per layer or per output.
    pub scale: ScaleMode,
    /// Bits of the inputs; `None` leaves them in floating point.
    pub input_bits: Option<u8>,
    /// Probability with which an input element is quantized in training (1 quantizes all of them).
    pub quant_noise: f32,
    /// What the cells hold instead of their levels while the network learns; none: exactly their levels.
    pub noise: Option<Arc<CellNoise>>,
}

/// Noise of the cells in training: in every step a core is drawn anew.
#[derive(Clone, Debug)]
pub struct CellNoise {
    /// The statistics.
    pub model: NoiseModel,
    /// Seconds from the write to the reading.
    pub age_seconds: f64,
}

/// How the level changes with the weight.
#[derive(Clone, Debug)]
enum Slope {
    /// `T = beta^e`: level / B as a smooth function of `x = |t|/a` has the derivative `s / (x s + r) / (-ln beta) / B`.
    Geometric { r: f32, s: f32, scale: f32 },
    /// Measured transmissions: the slope of the straight line between neighbouring levels, by level.
    Table(Vec<f32>),
}

/// A layer's weights on their way through the quantizer.
#[derive(Debug)]
pub struct PcmWeight {
    quantizer: Arc<Quantizer>,
    slope: Slope,
    reparam: Reparam,
    noise: Option<Arc<CellNoise>>,
    /// State of a cell that lets no light through.
    floor: f64,
    matrix: LevelMatrix,
    values: Vec<f32>,
    dvalues: Vec<f32>,
}

/// A PCM layer's weights, lent to the write-aware losses and to the metrics.
#[derive(Debug)]
pub struct PcmSlot<'a> {
    /// Full name of the weights.
    pub name: String,
    /// Their levels and the law behind them.
    pub pcm: &'a PcmWeight,
    /// The trainable weights.
    pub weight: &'a mut Param,
}

impl PcmWeight {
    /// For a matrix of `rows` outputs and `cols` inputs.
    pub fn new(settings: &PcmSettings, rows: usize, cols: usize) -> Self {
        let quantizer = Quantizer::new(&settings.device, settings.reparam, settings.scale);
        let top = f64::from(quantizer.top_level());
        let slope = match &settings.device.transmission {
            Transmission::Geometric { beta } => {
                let r = beta.powf(top);
                Slope::Geometric { r: r as f32, s: (1.0 - r) as f32, scale: ((1.0 - r) / -beta.ln() / top) as f32 }
            }
            Transmission::Table(_) => {
                let v = quantizer.unit_values();
                let step = |k: usize| (1.0 / top / (v[k] - v[k - 1])) as f32;
                // A level's own slope: the mean of the steps below and above it.
                let b = v.len() - 1;
                Slope::Table((0..=b).map(|k| (step(k.max(1)) + step((k + 1).min(b))) / 2.0).collect())
            }
        };
        let scales = match settings.scale {
            ScaleMode::Layer => Scales::Layer(0.0),
            ScaleMode::Row => Scales::Rows(vec![0.0; rows]),
        };
        let n = rows * cols;
        let t = settings.device.transmissions();
        Self {
            noise: settings.noise.clone(),
            floor: -t[0] / (t[t.len() - 1] - t[0]),
            quantizer: Arc::new(quantizer),
            slope,
            reparam: settings.reparam,
            matrix: LevelMatrix { rows, cols, levels: vec![0; n], scales },
            values: vec![0.0; n],
            dvalues: Vec::new(),
        }
    }

    /// The levels of the last [`refresh`](Self::refresh).
    pub fn levels(&self) -> &LevelMatrix {
        &self.matrix
    }

    /// The highest level.
    pub fn top_level(&self) -> i16 {
        self.quantizer.top_level()
    }

    /// The dequantized weights of the last [`refresh`](Self::refresh).
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Quantizes the present weights.
    pub fn refresh(&mut self, w: &[f32]) {
        let LevelMatrix { rows, cols, levels, scales } = &mut self.matrix;
        *scales = self.quantizer.quantize_into(*rows, *cols, w, levels);
        let unit: Vec<f32> = self.quantizer.unit_values().iter().map(|v| *v as f32).collect();
        let top = f32::from(self.quantizer.top_level());
        let cols = (*cols).max(1);
        self.values.par_chunks_mut(cols).zip(levels.par_chunks(cols)).enumerate().for_each(
            |(row, (values, levels))| {
                // Signed table, from level -B to B.
                let scale = scales.of_row(row);
                let table: Vec<f32> =
                    unit[1..].iter().rev().map(|v| -v * scale).chain(unit.iter().map(|v| v * scale)).collect();
                for (v, l) in values.iter_mut().zip(levels) {
                    *v = table[(i32::from(*l) + top as i32) as usize];
                }
            },
        );
    }

    /// After [`refresh`](Self::refresh) in training, where there is noise: the values that cells written now would have, a plus and a minus cell for
    /// each weight. Drawn anew in every step, from the seed, the step and the layer's `stream`.
    pub fn disturb(&mut self, ctx: &Ctx, stream: u64) {
        let Some(noise) = self.noise.as_deref().filter(|_| ctx.training()) else { return };
        let seed = mix(mix(mix(ctx.seed) ^ ctx.step) ^ stream);
        let draw = Draw::new(Some(&noise.model), seed, noise.age_seconds, self.floor);
        let states = self.quantizer.unit_values();
        let LevelMatrix { cols, levels, scales, .. } = &self.matrix;
        let cols = (*cols).max(1);
        // State and key of the cells of a weight.
        let cells = |i: usize, level: i16| {
            let x = |level: i16| states[level.max(0) as usize];
            let id = |side: u64| WriteId { pcm: 2 * i as u64 + side, write: 1 };
            [(x(level), id(0)), (x(-level), id(1))]
        };
        let mut gain = 1.0;
        if draw.compensated() {
            let light = levels.par_chunks(cols).enumerate().map(|(row, levels)| {
                let all = levels.iter().enumerate().flat_map(|(c, level)| cells(row * cols + c, *level));
                all.fold([0.0; 2], |[then, now], (x, id)| [then + draw.written(x, id), now + draw.aged(x, id)])
            });
            // Row by row, in order: the same bits for any number of threads.
            let rows: Vec<[f64; 2]> = light.collect();
            let [then, now] = rows.iter().fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
            gain = if now > 0.0 { then / now } else { 1.0 };
        }
        self.values.par_chunks_mut(cols).zip(levels.par_chunks(cols)).enumerate().for_each(
            |(row, (values, levels))| {
                let scale = f64::from(scales.of_row(row)) * gain;
                for (c, (value, level)) in values.iter_mut().zip(levels).enumerate() {
                    let [plus, minus] = cells(row * cols + c, *level).map(|(x, id)| draw.read(x, id, ctx.step));
                    *value = ((plus - minus) * scale) as f32;
                }
            },
        );
    }

    /// Values and a zeroed buffer for their gradient, to hand to the layer's arithmetic.
    pub(crate) fn values_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        self.dvalues.clear();
        self.dvalues.resize(self.values.len(), 0.0);
        (&self.values, &mut self.dvalues)
    }

    /// `dw += dwq (1 - t^2)` (or `dwq`, without tanh).
    pub(crate) fn straight_through(&self, w: &mut Param) {
        let part = part_size(w.value.len());
        let work = w.grad.par_chunks_mut(part).zip(w.value.par_chunks(part)).zip(self.dvalues.par_chunks(part));
        match self.reparam {
            Reparam::Tanh => work.for_each(|((dw, w), dv)| simd(|| through_tanh(dw, w, dv))),
            Reparam::None => work.for_each(|((dw, _), dv)| dw.iter_mut().zip(dv).for_each(|(a, b)| *a += b)),
        }
    }

    /// From `g`, the derivatives of a loss by `level / B` of one row: adds `scale` times those by `w`, for a constant `a`,
    /// to `dw`, and returns `scale sum dL/dx t`, from which follows the derivative by `a`. Overwrites `g`.
    pub fn add_level_gradient(&self, row: usize, w: &[f32], g: &mut [f32], scale: f32, dw: &mut [f32]) -> f64 {
        let a = self.matrix.scales.of_row(row);
        if a <= 0.0 {
            return 0.0;
        }
        let inv_a = 1.0 / a;
        match (&self.slope, self.reparam) {
            (Slope::Geometric { r, s, scale: k }, reparam) => {
                let law = Geometric { r: *r, s: *s * inv_a, k: *k * scale, inv_a };
                match reparam {
                    Reparam::Tanh => simd(|| geometric(g, w, dw, law, tanh, |t| 1.0 - t * t)),
                    Reparam::None => simd(|| geometric(g, w, dw, law, |w| w, |_| 1.0)),
                }
            }
            (Slope::Table(slopes), reparam) => {
                let mut sum = 0.0;
                for (((dw, g), w), l) in dw.iter_mut().zip(&*g).zip(w).zip(self.matrix.row(row)) {
                    let g = g * scale * slopes[usize::from(l.unsigned_abs())];
                    sum += f64::from(g) * reparam.target(*w);
                    *dw += g * inv_a * self.dt_dw(*w);
                }
                sum
            }
        }
    }

    /// `dt/dw` at a weight.
    pub fn dt_dw(&self, w: f32) -> f32 {
        match self.reparam {
            Reparam::Tanh => 1.0 - tanh(w).powi(2),
            Reparam::None => 1.0,
        }
    }
}

#[inline(always)]
fn through_tanh(dw: &mut [f32], w: &[f32], dv: &[f32]) {
    for ((dw, w), dv) in dw.iter_mut().zip(w).zip(dv) {
        let t = tanh(*w);
        *dw += dv * (1.0 - t * t);
    }
}

/// `dL/dx = g k / (|t| s + r)`, with `s` already divided by `a`.
#[derive(Clone, Copy)]
struct Geometric {
    r: f32,
    s: f32,
    k: f32,
    inv_a: f32,
}

/// The geometric law's gradient in one pass; returns `sum dL/dx t`. `g` is overwritten.
#[inline(always)]
fn geometric(
    g: &mut [f32],
    w: &[f32],
    dw: &mut [f32],
    law: Geometric,
    t_of: impl Fn(f32) -> f32,
    dt_of: impl Fn(f32) -> f32,
) -> f64 {
    for ((g, w), dw) in g.iter_mut().zip(w).zip(dw) {
        let t = t_of(*w);
        let dx = *g * law.k / (t.abs() * law.s + law.r);
        *dw += dx * law.inv_a * dt_of(t);
        *g = dx * t;
    }
    sum(g)
}

/// The sum in eight interleaved streams, which vectorises.
#[inline(always)]
fn sum(x: &[f32]) -> f64 {
    let (blocks, rest) = x.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(s, x)| *s += x);
    }
    sums.iter().chain(rest).map(|s| f64::from(*s)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::ctx::Mode;
    use crate::nn::gradcheck::noise;

    fn weight(model: Option<&str>, age_seconds: f64, w: &[f32]) -> PcmWeight {
        let settings = PcmSettings {
            device: DeviceProfile::load("elight", Some(4)).unwrap(),
            reparam: Reparam::None,
            scale: ScaleMode::Layer,
            input_bits: None,
            quant_noise: 1.0,
            noise: model.map(|m| Arc::new(CellNoise { model: NoiseModel::load(m).unwrap(), age_seconds })),
        };
        let mut pcm = PcmWeight::new(&settings, 1, w.len());
        pcm.refresh(w);
        pcm
    }

    /// The values have the mean and the deviation of the model; another step or layer draws others, the same step the same; evaluation draws none.
    #[test]
    fn cells_are_drawn_as_the_model_says() {
        let w = vec![1.0f32; 20_000];
        let mut pcm = weight(Some("optical-pcm"), 0.0, &w);
        let exact = pcm.values().to_vec();
        let mut ctx = Ctx::new(Mode::Eval, 5);
        pcm.disturb(&ctx, 1);
        assert_eq!(pcm.values(), exact);
        ctx = Ctx::new(Mode::Train, 5);
        let mut drawn = |ctx: &Ctx, stream| {
            pcm.disturb(ctx, stream);
            pcm.values().to_vec()
        };
        let first = drawn(&ctx, 1);
        let n = first.len() as f64;
        let mean = first.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let deviation = (first.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Half a percent of the range for the plus and for the minus cell.
        let sigma = 0.005 * 2f64.sqrt();
        assert!((mean - 1.0).abs() < 0.03 * sigma && (deviation / sigma - 1.0).abs() < 0.03, "{mean} {deviation}");
        assert_ne!(first, drawn(&ctx, 2));
        assert_eq!(first, drawn(&ctx, 1));
        ctx.step = 1;
        assert_ne!(first, drawn(&ctx, 1));
    }

    /// What drift takes from all cells together is given back.
    #[test]
    fn drift_is_compensated() {
        let mut w = vec![0.0f32; 20_000];
        noise(&mut w, 1.0, 3);
        let mut pcm = weight(Some("electrical-pcm"), 86_400.0, &w);
        let exact = pcm.values().to_vec();
        pcm.disturb(&Ctx::new(Mode::Train, 5), 1);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        // The part of the exact weights that is left: without compensation about 0.66.
        let left = dot(pcm.values(), &exact) / dot(&exact, &exact);
        assert!((left - 1.0).abs() < 0.1, "{left}");
    }
}
