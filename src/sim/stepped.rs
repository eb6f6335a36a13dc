//! The slow way: images stepped through the firmware's own decoder and simulated core, programming by programming.
//!
//! The firmware's core holds the levels and counts the writes; what it holds is turned to light by the same laws as in the fast path, and every
//! input vector of the layer is streamed through each step. Beside that, the firmware's core multiplies one vector of each layer in integers.
//! Nothing of a [`elight::cells::recording::Recording`] is used.

use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::sim::{DARK, Fault, SimCore};
use firmware_model::wire::Layer;

use super::converter::Adc;
use elight::cells::programmed::Cells;
use elight::cells::recording::Placement;

/// A layer's work.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Input vectors, element by element: `vectors[element * pixels + pixel]`.
    pub vectors: Vec<f32>,
    /// Number of vectors.
    pub pixels: usize,
    /// Converter of the partial sums.
    pub adc: Option<Adc>,
    /// What all outputs are multiplied by, besides the row's scale.
    pub gain: f32,
}

/// A core through which the vectors of every layer are streamed.
pub struct Stepped<'a> {
    sim: SimCore<'a>,
    cells: &'a Cells<'a>,
    work: &'a [Work],
    routes: Vec<u32>,
    assigned: Vec<Option<Output>>,
    cols: usize,
    fanout: usize,
    steps: u64,
    /// Outputs of each layer, `[rows, pixels]`.
    outputs: Vec<Vec<f32>>,
    /// Scale of each output row of the layer at hand.
    scales: Vec<f32>,
    sums: Vec<f32>,
}

impl<'a> Stepped<'a> {
    /// `sim`: an erased core that `identity` describes; `work`: of each layer of the schedule, in its order.
    #[must_use]
    pub fn new(sim: SimCore<'a>, identity: &Identity, cells: &'a Cells<'a>, work: &'a [Work]) -> Self {
        let (rows, cols) = (usize::from(identity.rows), usize::from(identity.cols));
        Self {
            sim,
            cells,
            work,
            routes: vec![DARK; rows * cols],
            assigned: vec![None; rows],
            cols,
            fanout: usize::from(identity.fanout).max(1),
            steps: 0,
            outputs: Vec::new(),
            scales: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// Outputs of each layer, `[rows, pixels]`, scaled; and what the firmware's core has computed in integers.
    #[must_use]
    pub fn into_outputs(mut self) -> (Vec<Vec<f32>>, Vec<i64>) {
        self.finish_layer();
        let integers = self.sim.outputs().to_vec();
        (self.outputs, integers)
    }

    /// Light of one core row in this step, converted, into its output's sum.
    fn row(&mut self, row: usize, output: Output, work: &Work) {
        let n = work.pixels;
        self.sums.clear();
        self.sums.resize(n, 0.0);
        for col in 0..self.cols {
            let cell = row * self.cols + col;
            if self.routes[cell] == DARK {
                continue;
            }
            let wear = self.sim.wear()[cell];
            let placement = Placement {
                cell: cell as u32,
                step: 0,
                level: self.sim.levels()[cell],
                writes: [wear.plus.events, wear.minus.events],
            };
            let weight = self.cells.weight(&placement, self.steps) as f32;
            let from = (output.base as usize + self.routes[cell] as usize) * n;
            self.sums.iter_mut().zip(&work.vectors[from..from + n]).for_each(|(s, x)| *s += weight * x);
        }
        let Some(outputs) = self.outputs.last_mut() else { return };
        let total = &mut outputs[output.row as usize * n..][..n];
        match work.adc {
            Some(adc) => total.iter_mut().zip(&self.sums).for_each(|(t, s)| *t += adc.convert(*s)),
            None => total.iter_mut().zip(&self.sums).for_each(|(t, s)| *t += s),
        }
    }

    /// Scales the outputs of a layer that is complete: several core rows may have added to one.
    fn finish_layer(&mut self) {
        let Some(work) = self.outputs.len().checked_sub(1).map(|i| &self.work[i]) else { return };
        let Some(outputs) = self.outputs.last_mut() else { return };
        for (outputs, scale) in outputs.chunks_mut(work.pixels.max(1)).zip(&self.scales) {
            outputs.iter_mut().for_each(|y| *y *= scale * work.gain);
        }
    }
}

impl Core for Stepped<'_> {
    type Fault = Fault;

    fn begin_layer(&mut self, layer: &Layer<'_>) -> Result<(), Fault> {
        self.finish_layer();
        self.sim.begin_layer(layer)?;
        let work = self.work.get(layer.index as usize).ok_or(Fault::Idle)?;
        self.outputs.push(vec![0.0; layer.rows as usize * work.pixels]);
        self.scales = vec![0.0; layer.rows as usize];
        self.routes.fill(DARK);
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Fault> {
        self.sim.assign(row, output)?;
        let row = usize::from(row);
        self.assigned[row] = output;
        if let Some(scale) = output.and_then(|output| Some((self.scales.get_mut(output.row as usize)?, output.scale))) {
            *scale.0 = scale.1;
        }
        self.routes[row * self.cols..(row + 1) * self.cols].fill(DARK);
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Fault> {
        self.sim.program(row, col, level)
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Fault> {
        self.sim.route(row, col, input)?;
        let first = usize::from(row) / self.fanout * self.fanout;
        for row in first..(first + self.fanout).min(self.assigned.len()) {
            self.routes[row * self.cols + usize::from(col)] = input.unwrap_or(DARK);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        self.sim.step()?;
        let all = self.work;
        let work = self.outputs.len().checked_sub(1).and_then(|i| all.get(i)).ok_or(Fault::Idle)?;
        for row in 0..self.assigned.len() {
            if let Some(output) = self.assigned[row] {
                self.row(row, output, work);
            }
        }
        self.steps += 1;
        Ok(())
    }
}
