//! What a pass through the network shares: mode, random streams, recycled buffers, and the stopwatch.

use super::tensor::{Shape, Tensor};
use elight::seeds::mix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Duration;

/// Whether layers learn (batch statistics, dropout, saved activations) or only answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forward with saved activations, then backward.
    Train,
    /// Forward only, with running statistics.
    Eval,
}

/// One entry of the stopwatch: where, in which direction, how long.
#[derive(Clone, Debug)]
pub struct Lap {
    /// Name of the layer.
    pub layer: String,
    /// `true` in the backward pass.
    pub backward: bool,
    /// Wall-clock time.
    pub time: Duration,
}

/// Context of a pass.
#[derive(Debug)]
pub struct Ctx {
    /// Learning or answering.
    pub mode: Mode,
    /// Seed of every random choice.
    pub seed: u64,
    /// Number of the optimiser step: with `seed` and a layer's own number it determines each random stream, so that a
    /// resumed run draws what the uninterrupted one would have drawn.
    pub step: u64,
    /// Times per layer, when the stopwatch is on.
    pub laps: Option<Vec<Lap>>,
    /// Buffers that were given back.
    free: Vec<Vec<f32>>,
}

impl Ctx {
    /// A context with a seed.
    pub fn new(mode: Mode, seed: u64) -> Self {
        Self { mode, seed, step: 0, laps: None, free: Vec::new() }
    }

    /// `true` in training mode.
    pub fn training(&self) -> bool {
        self.mode == Mode::Train
    }

    /// A buffer of `len` elements whose contents are arbitrary: the caller overwrites all of it.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = |v: &Vec<f32>| v.capacity() >= len && v.capacity() <= 2 * len + 4096;
        let best = (0..self.free.len()).filter(|&i| fits(&self.free[i])).min_by_key(|&i| self.free[i].capacity());
        let mut v = best.map(|i| self.free.swap_remove(i)).unwrap_or_default();
        v.resize(len, 0.0);
        v
    }

    /// A tensor with arbitrary contents.
    pub fn tensor(&mut self, shape: Shape) -> Tensor {
        Tensor { shape, data: self.take(shape.len()) }
    }

    /// Gives a buffer back for reuse.
    pub fn give(&mut self, v: Vec<f32>) {
        // A few dozen buffers cover the deepest network's working set; more would only hold memory.
        if v.capacity() > 0 && self.free.len() < 64 {
            self.free.push(v);
        }
    }

    /// The random stream of one layer in this step.
    pub fn rng(&self, layer: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(mix(mix(mix(self.seed) ^ self.step) ^ layer))
    }
}
