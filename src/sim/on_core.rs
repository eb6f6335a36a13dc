//! A layer as the core computes it, in the place of its floating-point product; and the observers that a simulation needs.

use std::sync::{Arc, Mutex, PoisonError};

use super::converter::Adc;
use super::steps::StepProgram;
use elight_train::nn::input_quant::InputQuantizer;
use elight_train::nn::product::{Extent, Multiplier};
use elight_train::nn::{Ctx, Tensor};

/// A layer on the core.
#[derive(Debug)]
pub struct OnCore {
    /// What the core multiplies with, scaled, `[rows, cols]`; for ordinary products, where no converter stands between the steps.
    pub weights: Vec<f32>,
    /// The steps and their converter.
    pub steps: Option<(StepProgram, Adc)>,
    /// Converter of the inputs.
    pub dac: Option<InputQuantizer>,
}

impl Multiplier for OnCore {
    fn multiply(&self, extent: &Extent, _: &[f32], mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        if let Some(dac) = &self.dac {
            dac.apply(&mut x);
        }
        match &self.steps {
            Some((program, adc)) => program.multiply(extent, x, Some(*adc), ctx),
            None => extent.multiply(&self.weights, x, ctx),
        }
    }
}

/// What an observer has seen of a layer's inputs.
#[derive(Clone, Copy, Debug)]
pub struct Ranges {
    /// Smallest input.
    pub min: f32,
    /// Largest input.
    pub max: f32,
    /// Largest partial sum, as a magnitude.
    pub sum: f32,
}

/// Computes as another does, and notes ranges.
#[derive(Debug)]
pub struct Ranging {
    /// Who computes.
    pub inner: Arc<dyn Multiplier>,
    /// The steps whose partial sums count.
    pub program: Option<StepProgram>,
    /// What has been seen.
    pub seen: Mutex<Ranges>,
}

impl Ranging {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Multiplier>, program: Option<StepProgram>) -> Self {
        let seen = Mutex::new(Ranges { min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0 });
        Self { inner, program, seen }
    }
}

impl Multiplier for Ranging {
    fn multiply(&self, extent: &Extent, weights: &[f32], x: Tensor, ctx: &mut Ctx) -> Tensor {
        let sum = self.program.as_ref().map_or(0.0, |p| p.largest(extent, &x));
        let (min, max) = x.data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = Ranges { min: seen.min.min(min), max: seen.max.max(max), sum: seen.sum.max(sum) };
        }
        self.inner.multiply(extent, weights, x, ctx)
    }
}
