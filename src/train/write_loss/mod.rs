//! Losses that make the later writes few: functions of the levels of a layer's weights.
//!
//! ```text
//! l1, l2 x row, global, neighbour   tiles of the core's size resemble a reference tile (ELight)      -> tiles
//! quantile                          the sorted rows of a layer resemble one profile of the core's lanes -> quantile
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

mod quantile;
mod tiles;

use crate::level::{LevelMatrix, Scales};
use crate::nn::pcm::PcmSlot;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows and columns of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Outputs.
    pub rows: usize,
    /// Lanes.
    pub columns: usize,
}

impl std::str::FromStr for Core {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || format!("core size `{s}`: expected ROWSxCOLUMNS with both from 1 to 65535, as in 64x64");
        let (r, c) = s.split_once(['x', 'X']).ok_or_else(wrong)?;
        let number = |s: &str| s.trim().parse::<u16>().ok().filter(|n| *n > 0).map(usize::from).ok_or_else(wrong);
        Ok(Self { rows: number(r)?, columns: number(c)? })
    }
}

impl std::fmt::Display for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.rows, self.columns)
    }
}

/// What the levels are pulled towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `|Y - mean tile of the tile row|`.
    L1Row,
    /// `|Y - mean tile of the layer|`.
    L1Global,
    /// `|Y - previous tile of the tile row|` (the first: the mean of the row).
    L1Neighbour,
    /// Squares instead of magnitudes, on the plus and minus arrays apart.
    L2Row,
    /// As [`Method::L1Global`], squared.
    L2Global,
    /// As [`Method::L1Neighbour`], squared.
    L2Neighbour,
    /// The sorted levels of every row, in as many equal chunks as the core has lanes, to the chunk's mean over the layer.
    Quantile,
}

/// The loss of one layer; `scale` times its gradient is added to the weights' gradient.
///
/// The levels are those of the layer's last forward pass.
pub fn apply(method: Method, core: Core, slot: &mut PcmSlot<'_>, scale: f32) -> f64 {
    let levels = slot.pcm.levels();
    if levels.levels.is_empty() {
        return 0.0;
    }
    let mut g = vec![0.0f32; levels.levels.len()];
    let top = f32::from(slot.pcm.top_level());
    let loss = match method {
        Method::Quantile => quantile::gradient(levels, top, core.columns, &slot.weight.value, &mut g),
        _ => tiles::gradient(method, levels, top, core, &slot.weight.value, &mut g),
    };
    chain(slot, &mut g, scale);
    loss
}

/// The loss of one layer alone.
pub fn value(method: Method, core: Core, levels: &LevelMatrix, top: i16, w: &[f32]) -> f64 {
    let mut g = vec![0.0f32; levels.levels.len()];
    match method {
        Method::Quantile => quantile::gradient(levels, f32::from(top), core.columns, w, &mut g),
        _ => tiles::gradient(method, levels, f32::from(top), core, w, &mut g),
    }
}

/// From `g = dL/dY` to the weights' gradient: see the head of this file.
fn chain(slot: &mut PcmSlot<'_>, g: &mut [f32], scale: f32) {
    let pcm = slot.pcm;
    let cols = pcm.levels().cols;
    let w = &slot.weight.value;
    let sums: Vec<f64> = g
        .par_chunks_mut(cols)
        .zip(w.par_chunks(cols))
        .enumerate()
        .map(|(row, (g, w))| {
            g.iter_mut().for_each(|g| *g *= scale);
            pcm.through_levels(row, w, g)
        })
        .collect();
    let dw = slot.weight.grad.par_chunks_mut(cols).zip(w.par_chunks(cols)).zip(g.par_chunks(cols)).enumerate();
    dw.for_each(|(row, ((dw, w), g))| pcm.add_row_gradient(row, w, g, dw));
    match &pcm.levels().scales {
        Scales::Layer(a) => add_scale_gradient(slot, 0..w.len(), *a, sums.iter().sum()),
        Scales::Rows(a) => {
            for (row, (a, sum)) in a.iter().zip(sums).enumerate() {
                add_scale_gradient(slot, row * cols..(row + 1) * cols, *a, sum);
            }
        }
    }
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
