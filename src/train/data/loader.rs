//! Batches: in which order, how changed, how scaled; prepared by a thread while the network works on the previous one.

use super::error::DataError;
use super::split::Split;
use crate::nn::{Shape, Tensor};
use elight::seeds::mix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

/// Batches that wait while the network works.
const AHEAD: usize = 2;

/// Per channel: `(pixel / 255 - mean) / std`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Means.
    pub mean: Vec<f32>,
    /// Standard deviations, above zero.
    pub std: Vec<f32>,
}

impl Normalization {
    /// Mean and standard deviation of the images, per channel; a constant channel gets the deviation 1.
    pub fn measure(split: &Split) -> Self {
        let c = split.shape.c;
        // Sums of bytes and of their squares are whole numbers: exact.
        let (mut sum, mut squares) = (vec![0u64; c], vec![0u64; c]);
        for pixel in split.images.chunks_exact(c) {
            for (k, v) in pixel.iter().enumerate() {
                sum[k] += u64::from(*v);
                squares[k] += u64::from(*v) * u64::from(*v);
            }
        }
        let n = (split.images.len() / c) as f64;
        let moments = |k: usize| {
            let mean = sum[k] as f64 / n;
            let var = squares[k] as f64 / n - mean * mean;
            ((mean / 255.0) as f32, if var > 0.0 { (var.sqrt() / 255.0) as f32 } else { 1.0 })
        };
        let (mean, std) = (0..c).map(moments).unzip();
        Self { mean, std }
    }

    /// As a user gives it: `--mean` and `--std`.
    ///
    /// # Errors
    /// Lists of different lengths, a deviation that is not above 0.
    pub fn given(mean: Vec<f32>, std: Vec<f32>) -> Result<Self, DataError> {
        if mean.len() != std.len() || std.iter().any(|s| *s <= 0.0 || !s.is_finite()) {
            return Err(DataError::Normalization);
        }
        Ok(Self { mean, std })
    }

    /// The value of every byte in every channel.
    fn table(&self) -> Vec<[f32; 256]> {
        let value = |v: usize, k: usize| (v as f32 / 255.0 - self.mean[k]) / self.std[k];
        (0..self.mean.len()).map(|k| std::array::from_fn(|v| value(v, k))).collect()
    }
}

/// How training images are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Zeros (before scaling: black) added on every side before a random crop of the original size.
    pub crop_padding: usize,
    /// Mirror half of the images.
    pub flip: bool,
}

/// In which order images come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As stored, the last batch may be smaller; images are not changed.
    Stored,
    /// Shuffled anew for every epoch, determined by seed and epoch; a last batch that is not full is left out.
    Shuffled {
        /// Seed of shuffling and of changes.
        seed: u64,
        /// Number of the epoch.
        epoch: u64,
    },
}

/// A batch, ready for the network.
#[derive(Debug)]
pub struct Batch {
    /// Images.
    pub x: Tensor,
    /// Classes.
    pub labels: Vec<u16>,
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches {
    receiver: Receiver<Batch>,
}

impl Batches {
    /// Number of batches of an epoch.
    pub fn count(split: &Split, size: usize, order: Order) -> usize {
        match order {
            Order::Stored => split.len().div_ceil(size),
            Order::Shuffled { .. } => split.len() / size,
        }
    }

    /// Starts the thread; `skip` batches are left out at the beginning, as when an epoch is resumed.
    pub fn start(
        split: Arc<Split>,
        size: usize,
        order: Order,
        augment: Augment,
        norm: &Normalization,
        skip: usize,
    ) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        let table = norm.table();
        std::thread::spawn(move || {
            let indices = indices(split.len(), order);
            let count = Self::count(&split, size, order);
            for chunk in indices.chunks(size).take(count).skip(skip) {
                // The receiver is gone when training stops early.
                if sender.send(prepare(&split, chunk, order, augment, &table)).is_err() {
                    break;
                }
            }
        });
        Self { receiver }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.receiver.recv().ok()
    }
}

/// The numbers of `n` images in an order.
pub(super) fn indices(n: usize, order: Order) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..n).collect();
    if let Order::Shuffled { seed, epoch } = order {
        let mut rng = ChaCha8Rng::seed_from_u64(mix(mix(seed) ^ epoch));
        for i in (1..n).rev() {
            indices.swap(i, rng.random_range(0..=i));
        }
    }
    indices
}

fn prepare(split: &Split, chunk: &[usize], order: Order, augment: Augment, table: &[[f32; 256]]) -> Batch {
    let sample = split.shape.sample();
    let mut x = Tensor::zeros(Shape { n: chunk.len(), ..split.shape });
    for (&i, out) in chunk.iter().zip(x.data.chunks_mut(sample)) {
        let image = &split.images[i * sample..(i + 1) * sample];
        let pad = augment.crop_padding;
        let (mut dy, mut dx, mut flip) = (pad, pad, false);
        if let Order::Shuffled { seed, epoch } = order {
            let mut rng = ChaCha8Rng::seed_from_u64(mix(mix(mix(seed) ^ epoch) ^ i as u64));
            if pad > 0 {
                (dy, dx) = (rng.random_range(0..=2 * pad), rng.random_range(0..=2 * pad));
            }
            flip = augment.flip && rng.random::<bool>();
        }
        copy_image(image, out, split.shape, (dy, dx, pad), flip, table);
    }
    Batch { x, labels: chunk.iter().map(|i| split.labels[*i]).collect() }
}

/// Crops at `(dy, dx)` of the image padded by `pad`, mirrors it when `flip` says so, and scales it.
fn copy_image(
    image: &[u8],
    out: &mut [f32],
    shape: Shape,
    (dy, dx, pad): (usize, usize, usize),
    flip: bool,
    table: &[[f32; 256]],
) {
    for y in 0..shape.h {
        for x in 0..shape.w {
            let from_x = if flip { shape.w - 1 - x } else { x };
            let (sy, sx) = ((y + dy).wrapping_sub(pad), (from_x + dx).wrapping_sub(pad));
            let inside = sy < shape.h && sx < shape.w;
            for k in 0..shape.c {
                let v = if inside { image[(sy * shape.w + sx) * shape.c + k] } else { 0 };
                out[(y * shape.w + x) * shape.c + k] = table[k][usize::from(v)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(n: usize) -> Arc<Split> {
        let shape = Shape::new(n, 2, 3, 1);
        Arc::new(Split { shape, images: (0..n * 6).map(|i| i as u8).collect(), labels: vec![0; n] })
    }

    fn plain() -> Normalization {
        Normalization { mean: vec![0.0], std: vec![1.0 / 255.0] }
    }

    fn run(order: Order, augment: Augment, skip: usize) -> Vec<Vec<f32>> {
        Batches::start(split(10), 4, order, augment, &plain(), skip).map(|b| b.x.data).collect()
    }

    #[test]
    fn stored_order_is_complete() {
        let all: Vec<f32> = run(Order::Stored, Augment { crop_padding: 2, flip: true }, 0).concat();
        assert_eq!(all.len(), 60);
        assert!(all.iter().enumerate().all(|(i, v)| (*v - i as f32).abs() < 1e-4));
    }

    #[test]
    fn shuffling_depends_on_seed_and_epoch_alone() {
        let order = |seed, epoch| Order::Shuffled { seed, epoch };
        let augment = Augment { crop_padding: 1, flip: true };
        let a = run(order(1, 2), augment, 0);
        assert_eq!(a.len(), 2); // 10 images, batches of 4
        assert_eq!(a, run(order(1, 2), augment, 0));
        assert_ne!(a, run(order(1, 3), augment, 0));
        assert_ne!(a, run(order(2, 2), augment, 0));
        assert_eq!(a[1..], run(order(1, 2), augment, 1)[..]);
        let mut seen = indices(10, order(1, 2));
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn crop_and_flip_move_pixels() {
        let table = plain().table();
        let mut out = vec![0.0; 6];
        copy_image(&[1, 2, 3, 4, 5, 6], &mut out, Shape::new(1, 2, 3, 1), (0, 1, 1), true, &table);
        // Moved down by one row, mirrored.
        let rounded: Vec<i32> = out.iter().map(|v| v.round() as i32).collect();
        assert_eq!(rounded, [0, 0, 0, 3, 2, 1]);
    }

    #[test]
    fn normalization_is_measured() {
        let n = Normalization::measure(&split(1)); // bytes 0 to 5
        assert!((n.mean[0] * 255.0 - 2.5).abs() < 1e-4);
        assert!((n.std[0] * 255.0 - (35.0f32 / 12.0).sqrt()).abs() < 1e-4);
    }
}
