//! The weights that the core really multiplies with, read off the programmed cells.

use rayon::prelude::*;

use super::noise::{Draw, NoiseModel, WriteId};
use super::recording::{LayerRecord, Placement, UNPLACED};
use crate::level::{DeviceProfile, Quantizer};

/// A PCM cell that no write moves any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckCell {
    /// Core row.
    pub row: u16,
    /// Core column.
    pub col: u16,
    /// Whether it is the minus cell.
    pub minus: bool,
    /// The level that it holds.
    pub level: u16,
}

/// The levels that stuck PCM cells hold: twice as many entries as weight cells, plus and minus in turn.
#[derive(Clone, Debug, Default)]
pub struct Stuck {
    levels: Vec<Option<u16>>,
}

impl Stuck {
    /// From a list; cells outside the core have been refused before.
    #[must_use]
    pub fn new(cells: &[StuckCell], core_rows: usize, core_cols: usize) -> Self {
        if cells.is_empty() {
            return Self::default();
        }
        let mut levels = vec![None; 2 * core_rows * core_cols];
        for c in cells {
            let weight_cell = usize::from(c.row) * core_cols + usize::from(c.col);
            if let Some(level) = levels.get_mut(2 * weight_cell + usize::from(c.minus)) {
                *level = Some(c.level);
            }
        }
        Self { levels }
    }

    /// The level that a PCM cell is stuck at.
    #[must_use]
    pub fn of(&self, pcm: usize) -> Option<u16> {
        self.levels.get(pcm).copied().flatten()
    }
}

/// What all layers have in common: the levels' states, the noise, the faults.
#[derive(Clone, Debug)]
pub struct Cells<'a> {
    /// State of each level, 0 to 1: [`crate::level::Quantizer::unit_values`].
    pub states: &'a [f64],
    /// Noise.
    pub draw: Draw<'a>,
    /// Faults.
    pub stuck: &'a Stuck,
}

impl<'a> Cells<'a> {
    /// The cells of a core of this device; `age`: seconds since they were written.
    #[must_use]
    pub fn new(
        device: &DeviceProfile,
        quantizer: &'a Quantizer,
        stuck: &'a Stuck,
        noise: Option<&'a NoiseModel>,
        age: f64,
        seed: u64,
    ) -> Self {
        let t = device.transmissions();
        let floor = -t[0] / (t[t.len() - 1] - t[0]);
        Self { states: quantizer.unit_values(), draw: Draw::new(noise, seed, age, floor), stuck }
    }
}

impl Cells<'_> {
    /// Level, state and key of one PCM cell of a weight.
    fn pcm(&self, p: &Placement, minus: bool) -> (f64, WriteId, bool) {
        let pcm = 2 * p.cell as usize + usize::from(minus);
        let asked = if minus { -p.level } else { p.level }.max(0) as u16;
        let stuck = self.stuck.of(pcm);
        let x = self.states[usize::from(stuck.unwrap_or(asked)).min(self.states.len() - 1)];
        (x, WriteId { pcm: pcm as u64, write: p.writes[usize::from(minus)] }, stuck.is_some())
    }

    /// What the core multiplies with in place of the weight, for scale 1; `step` counts over the inference.
    #[must_use]
    pub fn weight(&self, p: &Placement, step: u64) -> f64 {
        if *p == UNPLACED {
            return 0.0;
        }
        let [plus, minus] = [false, true].map(|side| {
            let (x, id, stuck) = self.pcm(p, side);
            // A stuck cell is not written, so nothing is drawn for it.
            if stuck { x } else { self.draw.read(x, id, step) }
        });
        plus - minus
    }

    /// Light of both cells just after the write and at its age, for the compensation of drift.
    fn light(&self, p: &Placement) -> [f64; 2] {
        if *p == UNPLACED {
            return [0.0; 2];
        }
        [false, true].map(|side| self.pcm(p, side)).into_iter().fold([0.0; 2], |[then, now], (x, id, stuck)| {
            let (written, aged) = if stuck { (x, x) } else { (self.draw.written(x, id), self.draw.aged(x, id)) };
            [then + written, now + aged]
        })
    }

    /// A layer's weights for scale 1, `[rows, cols]`.
    #[must_use]
    pub fn layer(&self, layer: &LayerRecord) -> Vec<f64> {
        let unit = |p: &Placement| self.weight(p, layer.first_step + u64::from(p.step));
        let mut weights = vec![0.0; layer.placements.len()];
        let cols = layer.cols.max(1);
        weights.par_chunks_mut(cols).zip(layer.placements.par_chunks(cols)).for_each(|(w, p)| {
            w.iter_mut().zip(p).for_each(|(w, p)| *w = unit(p));
        });
        weights
    }

    /// A layer's weights, scaled, `[rows, cols]`: what ordinary products have to multiply with to give what the core gives.
    #[must_use]
    pub fn scaled(&self, layer: &LayerRecord) -> Vec<f32> {
        let gain = f64::from(self.compensation(layer));
        let mut out = Vec::with_capacity(layer.placements.len());
        for (unit, scale) in self.layer(layer).chunks(layer.cols.max(1)).zip(&layer.scales) {
            out.extend(unit.iter().map(|u| (u * f64::from(*scale) * gain) as f32));
        }
        out
    }

    /// What a layer's outputs are multiplied by to make up for drift: all light of its cells when written over all light now; 1 without
    /// compensation.
    #[must_use]
    pub fn compensation(&self, layer: &LayerRecord) -> f32 {
        if !self.draw.compensated() {
            return 1.0;
        }
        let sums: Vec<[f64; 2]> = layer
            .placements
            .par_chunks(layer.cols.max(1))
            .map(|row| row.iter().fold([0.0; 2], |s, p| add(s, self.light(p))))
            .collect();
        let [then, now] = sums.into_iter().fold([0.0; 2], add);
        if now > 0.0 { (then / now) as f32 } else { 1.0 }
    }
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> NoiseModel {
        NoiseModel::from_toml_str(&format!("name='x'\ntitle='y'\nsource='z'\n{text}"), "a test").unwrap()
    }

    fn at(step: u32, level: i16, writes: [u32; 2]) -> Placement {
        Placement { cell: 5, step, level, writes }
    }

    const STATES: [f64; 4] = [0.0, 0.3, 0.6, 1.0];

    /// The error is the write's: it stays as long as the cell is not written, and reading noise comes on top of it at each step.
    #[test]
    fn a_cell_that_is_not_written_keeps_its_error() {
        let programming = model("[programming]\nsigma=[0.01,0.0,0.0]");
        let nothing = Stuck::default();
        let cells = |m| Cells { states: &STATES, draw: Draw::new(Some(m), 3, 0.0, -0.1), stuck: &nothing };
        let c = cells(&programming);
        let weight = |p: Placement| c.weight(&p, u64::from(p.step));
        assert_eq!(weight(at(0, 2, [1, 0])), weight(at(1, 2, [1, 0])));
        assert_ne!(weight(at(1, 2, [1, 0])), weight(at(2, 2, [3, 0])));
        // The minus cell has an error of its own.
        assert_ne!(weight(at(1, 2, [1, 0])), weight(at(1, 2, [1, 2])));
        assert!((weight(at(0, -3, [0, 1])) + 1.0).abs() < 0.06);
        assert_eq!(weight(UNPLACED), 0.0);
        let read = model("[read]\nq=0.01\nexponent=0.0\nq_max=0.2\nt_read_seconds=1e-6\nt0_seconds=1.0");
        let c = cells(&read);
        assert_ne!(c.weight(&at(0, 2, [1, 0]), 0), c.weight(&at(1, 2, [1, 0]), 1));
    }

    #[test]
    fn stuck_cells_hold_their_level_whatever_is_written() {
        let stuck = Stuck::new(&[StuckCell { row: 1, col: 1, minus: true, level: 2 }], 2, 4);
        let c = Cells { states: &STATES, draw: Draw::new(None, 1, 0.0, 0.0), stuck: &stuck };
        assert_eq!(c.weight(&at(0, 3, [1, 0]), 0), 1.0 - 0.6);
        assert_eq!(c.weight(&at(0, -1, [1, 1]), 0), -0.6);
    }

    /// All light of a layer is brought back to what was written.
    #[test]
    fn drift_is_compensated() {
        let drift = "[drift]\nt0_seconds=1.0\nnu_mean={slope=0.0,offset=0.1,min=0.0,max=1.0}\n\
                     nu_deviation={slope=0.0,offset=0.0,min=0.0,max=0.0}\ncompensated=";
        let layer = LayerRecord {
            name: "l".into(),
            rows: 1,
            cols: 2,
            groups: 1,
            one_scale: true,
            scales: vec![1.0],
            placements: vec![at(0, 2, [1, 0]), at(1, -3, [1, 1])],
            first_step: 0,
            core_cols: 1024,
            steps: 2,
        };
        let nothing = Stuck::default();
        for (compensated, gain) in [("true", 101f32.powf(0.1)), ("false", 1.0)] {
            let m = model(&format!("{drift}{compensated}"));
            let c = Cells { states: &STATES, draw: Draw::new(Some(&m), 1, 100.0, 0.0), stuck: &nothing };
            assert!((c.compensation(&layer) - gain).abs() < 1e-4);
            let expected = [0.6, -1.0].map(|w: f64| w * 101f64.powf(-0.1));
            assert!(c.layer(&layer).iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-9));
        }
    }
}
