//! Layers one after the other, each with the name that its arrays carry in a file.

use super::ctx::{Ctx, Lap};
use super::error::ShapeError;
use super::layer::Layer;
use super::param::{Slot, join};
use super::pcm::PcmSlot;
use super::product::CoreSlot;
use super::tensor::{Shape, Tensor};
use std::time::Instant;

/// A chain of named layers.
#[derive(Debug, Default)]
pub struct Sequential {
    layers: Vec<(String, Box<dyn Layer>)>,
}

impl Sequential {
    /// An empty chain: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer.
    pub fn push(&mut self, name: impl Into<String>, layer: impl Layer + 'static) {
        self.layers.push((name.into(), Box::new(layer)));
    }

    /// Appends a layer, for chains of calls.
    pub fn with(mut self, name: impl Into<String>, layer: impl Layer + 'static) -> Self {
        self.push(name, layer);
        self
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// All arrays with their names.
    pub fn all_slots(&mut self) -> Vec<Slot<'_>> {
        let mut out = Vec::new();
        self.slots("", &mut out);
        out
    }

    /// All weights that live in PCM cells.
    pub fn all_pcm(&mut self) -> Vec<PcmSlot<'_>> {
        let mut out = Vec::new();
        self.pcm("", &mut out);
        out
    }

    /// All layers that can be put on a core, of a model that was built for it.
    pub fn all_cores(&mut self) -> Vec<CoreSlot<'_>> {
        let mut out = Vec::new();
        self.cores("", &mut out);
        out
    }

    /// Sets all gradients to zero.
    pub fn zero_gradients(&mut self) {
        for s in self.all_slots() {
            if let Some(g) = s.grad {
                g.fill(0.0);
            }
        }
    }
}

impl Layer for Sequential {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.layers.iter().try_fold(x, |x, (name, l)| l.out_shape(x).map_err(|e| e.within(name)))
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        for (name, layer) in &mut self.layers {
            let start = Instant::now();
            x = layer.forward(x, ctx);
            if let Some(laps) = &mut ctx.laps {
                laps.push(Lap { layer: name.clone(), backward: false, time: start.elapsed() });
            }
        }
        x
    }

    fn backward(&mut self, mut dy: Tensor, ctx: &mut Ctx) -> Tensor {
        for (name, layer) in self.layers.iter_mut().rev() {
            let start = Instant::now();
            dy = layer.backward(dy, ctx);
            if let Some(laps) = &mut ctx.laps {
                laps.push(Lap { layer: name.clone(), backward: true, time: start.elapsed() });
            }
        }
        dy
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        for (name, layer) in &mut self.layers {
            layer.slots(&join(prefix, name), out);
        }
    }

    fn vectors(&self, prefix: &str, mut x: Shape, out: &mut Vec<(String, u64)>) {
        for (name, layer) in &self.layers {
            layer.vectors(&join(prefix, name), x, out);
            let Ok(y) = layer.out_shape(x) else { return };
            x = y;
        }
    }

    fn pcm<'a>(&'a mut self, prefix: &str, out: &mut Vec<PcmSlot<'a>>) {
        for (name, layer) in &mut self.layers {
            layer.pcm(&join(prefix, name), out);
        }
    }

    fn cores<'a>(&'a mut self, prefix: &str, out: &mut Vec<CoreSlot<'a>>) {
        for (name, layer) in &mut self.layers {
            layer.cores(&join(prefix, name), out);
        }
    }

    fn skip_input_gradient(&mut self) {
        if let Some((_, first)) = self.layers.first_mut() {
            first.skip_input_gradient();
        }
    }
}
