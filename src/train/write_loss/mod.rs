//! Losses that make the later writes few: functions of the levels of a layer's weights.
//!
//! ```text
//! l1, l2 x row, global, neighbour   tiles of the core's size resemble a reference tile (ELight)      -> tiles
//! quantile                          the sorted rows of a layer resemble one profile of the core's lanes -> quantile
//! tour                              neighbours on the paths of cores with shared inputs are alike          -> tour
//! ```
//!
//! All of them see `Y = level / B` in [-1, 1], and their gradient reaches the weights by the same chain:
//!
//! ```text
//! dL/dx = dL/dY * d(level/B)/dx,   x = t/a             (derivative of the logarithm)
//! dL/dt = dL/dx / a,  and for the weights with |t| = a, together:  -sign(t) sum(dL/dx t) / a^2
//! dL/dw = dL/dt * dt/dw
//! ```
//!
//! Padding of the last tiles is no weight and does not count. The reference implementation's two faults in this place are
//! mended: the L2 gradient of the most negative weights uses their own (minus) array, and the weight of the loss is applied
//! once, not squared.

mod method;
mod quantile;
mod tiles;
mod tour;

pub use method::{Core, Method};
pub use tour::Paths;

use crate::nn::pcm::PcmSlot;
use elight::level::{LevelMatrix, Scales};
use rayon::prelude::*;
use std::borrow::Cow;

/// What a method knows of a layer before it looks at a single row.
enum Plan<'a> {
    Tiles(tiles::Tiles),
    Quantile(quantile::Quantile),
    Tour {
        paths: Cow<'a, Paths>,
        /// Highest level, and number of weights.
        top: f64,
        n: f64,
    },
}

impl<'a> Plan<'a> {
    fn new(method: Method, core: Core, paths: Option<&'a Paths>, levels: &LevelMatrix, top: i16, w: &[f32]) -> Self {
        match method {
            Method::Quantile => Self::Quantile(quantile::Quantile::new(levels, top, core.columns, w)),
            Method::Tour => Self::Tour {
                paths: paths.map_or_else(|| Cow::Owned(Paths::plan(levels, core.rows, core.columns)), Cow::Borrowed),
                top: f64::from(top),
                n: levels.levels.len() as f64,
            },
            _ => Self::Tiles(tiles::Tiles::new(method, levels, top, core)),
        }
    }

    /// Writes `dL/dY` of a row to `g`, and returns the row's part of the loss.
    fn row(&self, row: usize, levels: &[i16], w: &[f32], g: &mut [f32], scratch: &mut quantile::Scratch) -> f64 {
        match self {
            Self::Tiles(t) => t.row(row, levels, w, g),
            Self::Quantile(q) => q.row(levels, w, g, scratch),
            Self::Tour { paths, top, n } => paths.row(row, levels, *top, *n, g),
        }
    }
}

/// The loss of one layer; `scale` times its gradient is added to the weights' gradient.
///
/// `paths`: those of [`Method::Tour`]; without them, they are planned for the present levels. The levels are those of the layer's last forward pass. After the plan is made, one pass over the weights does everything.
pub fn apply(method: Method, core: Core, paths: Option<&Paths>, slot: &mut PcmSlot<'_>, scale: f32) -> f64 {
    let pcm = slot.pcm;
    let levels = pcm.levels();
    if levels.levels.is_empty() {
        return 0.0;
    }
    let (cols, w) = (levels.cols, &slot.weight.value);
    let plan = Plan::new(method, core, paths, levels, pcm.top_level(), w);
    let rows = slot.weight.grad.par_chunks_mut(cols).zip(w.par_chunks(cols)).enumerate();
    // Loss, and sum of dL/dx t, of every row.
    let sums: Vec<(f64, f64)> = rows
        .map_init(
            || (vec![0.0f32; cols], quantile::Scratch::default()),
            |(g, scratch), (row, (dw, w))| {
                let loss = plan.row(row, levels.row(row), w, g, scratch);
                (loss, pcm.add_level_gradient(row, w, g, scale, dw))
            },
        )
        .collect();
    match &levels.scales {
        Scales::Layer(a) => add_scale_gradient(slot, 0..w.len(), *a, sums.iter().map(|s| s.1).sum()),
        Scales::Rows(a) => {
            for (row, (a, (_, sum))) in a.iter().zip(&sums).enumerate() {
                add_scale_gradient(slot, row * cols..(row + 1) * cols, *a, *sum);
            }
        }
    }
    sums.iter().map(|s| s.0).sum()
}

/// The loss of one layer alone.
pub fn value(method: Method, core: Core, levels: &LevelMatrix, top: i16, w: &[f32]) -> f64 {
    let plan = Plan::new(method, core, None, levels, top, w);
    let mut g = vec![0.0f32; levels.cols];
    let mut scratch = quantile::Scratch::default();
    let row = |o: usize| &w[o * levels.cols..(o + 1) * levels.cols];
    (0..levels.rows).map(|o| plan.row(o, levels.row(o), row(o), &mut g, &mut scratch)).sum()
}

/// The gradient that reaches the largest weights through the scale, split evenly among equals.
fn add_scale_gradient(slot: &mut PcmSlot<'_>, range: std::ops::Range<usize>, a: f32, sum: f64) {
    if a <= 0.0 {
        return;
    }
    let w = &slot.weight.value[range.clone()];
    let max = w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    let largest: Vec<usize> = (0..w.len()).filter(|&i| w[i].abs() == max).collect();
    let share = -sum / f64::from(a) / f64::from(a) / largest.len().max(1) as f64;
    for i in largest {
        let w = slot.weight.value[range.start + i];
        slot.weight.grad[range.start + i] += (share * f64::from(w.signum()) * f64::from(slot.pcm.dt_dw(w))) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Param;
    use crate::nn::gradcheck::noise;
    use crate::nn::pcm::{PcmSettings, PcmWeight};
    use elight::level::{DeviceProfile, Reparam, ScaleMode};

    /// Weights that sit exactly on non-zero levels, so that the smooth level function agrees with the quantizer there.
    fn weights(settings: &PcmSettings, rows: usize, cols: usize) -> Vec<f32> {
        let beta: f64 = 0.872;
        let r = beta.powi(15);
        let mut pick = vec![0.0f32; rows * cols];
        noise(&mut pick, 15.0, 21);
        pick[3] = -15.0; // the most negative weight: the one that the reference gets wrong
        pick[cols + 4] = 15.0;
        pick.iter()
            .map(|p| {
                let level = (f64::from(p.abs())).round().max(1.0);
                let x = (beta.powf(15.0 - level) - r) / (1.0 - r);
                let t = 0.4 * x;
                let w = if settings.reparam == Reparam::Tanh { t.atanh() } else { t };
                (w as f32).copysign(*p)
            })
            .collect()
    }

    /// `level / B` as the smooth function that the quantizer rounds, for all weights, in double precision.
    fn smooth(settings: &PcmSettings, w: &[f64], cols: usize) -> Vec<f64> {
        let (beta, top): (f64, f64) = (0.872, 15.0);
        let r = beta.powf(top);
        let t: Vec<f64> = w.iter().map(|w| if settings.reparam == Reparam::Tanh { w.tanh() } else { *w }).collect();
        let max = |t: &[f64]| t.iter().fold(0.0f64, |m, t| m.max(t.abs()));
        let whole = max(&t);
        t.iter()
            .enumerate()
            .map(|(i, t1)| {
                let row = i / cols * cols;
                let a = if settings.scale == ScaleMode::Layer { whole } else { max(&t[row..row + cols]) };
                let u = t1.abs() / a * (1.0 - r) + r;
                (1.0 - u.ln() / beta.ln() / top) * t1.signum()
            })
            .collect()
    }

    /// The loss of smooth levels `y` against references taken from `fixed` and kept.
    fn loss(method: Method, core: Core, cols: usize, y: &[f64], fixed: &[f64]) -> f64 {
        let rows = y.len() / cols;
        let l2 = matches!(method, Method::L2Row | Method::L2Global | Method::L2Neighbour);
        let part = |v: f64, k: usize| {
            if !l2 {
                v
            } else if k == 0 {
                v.max(0.0)
            } else {
                v.min(0.0)
            }
        };
        let mean = |i: usize, k: usize, whole: bool| {
            let (o, c) = (i / cols, i % cols);
            let rows: Vec<usize> = if whole { (o % core.rows..rows).step_by(core.rows).collect() } else { vec![o] };
            let all: Vec<f64> = rows
                .iter()
                .flat_map(|o| (c % core.columns..cols).step_by(core.columns).map(move |c| o * cols + c))
                .map(|i| part(fixed[i], k))
                .collect();
            all.iter().sum::<f64>() / all.len() as f64
        };
        let mut sum = 0.0;
        for (i, y) in y.iter().enumerate() {
            for k in 0..if l2 { 2 } else { 1 } {
                let reference = match method {
                    Method::L1Global | Method::L2Global => mean(i, k, true),
                    Method::L1Neighbour | Method::L2Neighbour if i % cols >= core.columns => {
                        part(fixed[i - core.columns], k)
                    }
                    _ => mean(i, k, false),
                };
                let d = part(*y, k) - reference;
                sum += if l2 { d * d / 2.0 } else { d.abs() };
            }
        }
        sum / y.len() as f64
    }

    fn quantile_loss(cols: usize, lanes: usize, y: &[f64], fixed: &[f64]) -> f64 {
        let rows = y.len() / cols;
        let mut chunk = vec![0; y.len()];
        for o in 0..rows {
            let mut order: Vec<usize> = (o * cols..(o + 1) * cols).collect();
            order.sort_by(|a, b| fixed[*a].total_cmp(&fixed[*b]));
            order.iter().enumerate().for_each(|(k, i)| chunk[*i] = k * lanes / cols);
        }
        let profile: Vec<f64> = (0..lanes)
            .map(|c| {
                let of: Vec<f64> = (0..y.len()).filter(|i| chunk[*i] == c).map(|i| fixed[i]).collect();
                (of.iter().sum::<f64>() / of.len() as f64 * 15.0).round() / 15.0
            })
            .collect();
        y.iter().zip(&chunk).map(|(y, c)| (y - profile[*c]).powi(2)).sum::<f64>() / y.len() as f64
    }

    fn tour_loss(paths: &Paths, cols: usize, y: &[f64]) -> f64 {
        let numbers = paths.to_numbers();
        let (fanout, piece) = (numbers[0] as usize, numbers[1] as usize);
        let mut sum = 0.0;
        for (o, y) in y.chunks(cols).enumerate() {
            let path = &numbers[2 + o / fanout * cols..][..cols];
            let steps = (1..cols).filter(|t| !t.is_multiple_of(piece));
            sum += steps.map(|t| (y[path[t] as usize] - y[path[t - 1] as usize]).abs()).sum::<f64>();
        }
        sum / y.len() as f64
    }

    #[test]
    fn gradients_are_finite_differences() {
        let (rows, cols, core) = (7, 23, Core { rows: 3, columns: 5 });
        for (reparam, scale) in [(Reparam::Tanh, ScaleMode::Layer), (Reparam::None, ScaleMode::Row)] {
            let device = DeviceProfile::load("elight", Some(4)).unwrap();
            let settings = PcmSettings { device, reparam, scale, input_bits: None, quant_noise: 1.0, noise: None };
            let mut w = weights(&settings, rows, cols);
            if scale == ScaleMode::Row {
                // Every row has one weight at full scale.
                for o in 0..rows {
                    w[o * cols + o] = if o % 2 == 0 { 0.4 } else { -0.4 };
                }
            }
            let mut pcm = PcmWeight::new(&settings, rows, cols);
            pcm.refresh(&w);
            for method in [
                Method::L1Row,
                Method::L1Global,
                Method::L1Neighbour,
                Method::L2Row,
                Method::L2Global,
                Method::L2Neighbour,
                Method::Quantile,
                Method::Tour,
            ] {
                let paths = Paths::plan(pcm.levels(), core.rows, core.columns);
                let mut weight = Param { shape: vec![rows, cols], value: w.clone(), grad: vec![0.0; w.len()] };
                let mut slot = PcmSlot { name: String::new(), pcm: &pcm, weight: &mut weight };
                let got = apply(method, core, None, &mut slot, 2.0);
                assert_eq!(got, value(method, core, pcm.levels(), pcm.top_level(), &w));
                let wide: Vec<f64> = w.iter().map(|w| f64::from(*w)).collect();
                // References from the exact levels: the weights are rounded to single precision.
                let fixed: Vec<f64> = pcm.levels().levels.iter().map(|l| f64::from(*l) / 15.0).collect();
                let at = |w: &[f64]| {
                    let y = smooth(&settings, w, cols);
                    match method {
                        Method::Tour => tour_loss(&paths, cols, &y),
                        Method::Quantile => quantile_loss(cols, core.columns, &y, &fixed),
                        _ => loss(method, core, cols, &y, &fixed),
                    }
                };
                assert!((got - at(&wide)).abs() < 1e-5, "{method:?}: loss {got} instead of {}", at(&wide));
                let biggest = weight.grad.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                for i in 0..w.len() {
                    // One-sided kinks: equal largest weights, and |Y - ref| = 0.
                    let h = 1e-6;
                    let (mut plus, mut minus) = (wide.clone(), wide.clone());
                    plus[i] += h;
                    minus[i] -= h;
                    let want = 2.0 * (at(&plus) - at(&minus)) / (2.0 * h);
                    let kink = (at(&plus) + at(&minus) - 2.0 * at(&wide)).abs() / h > 1e-3 * f64::from(biggest);
                    let error = (f64::from(weight.grad[i]) - want).abs();
                    let message = format!("{method:?} {reparam:?}: [{i}] {} instead of {want}", weight.grad[i]);
                    assert!(kink || error < 2e-3 * f64::from(biggest), "{message}");
                }
            }
        }
    }
}
