//! Writes a network of VGG8's shapes with Gaussian weights: the yardstick of docs/performance.md.
//!
//!     cargo run --release --example gaussian_vgg8 -- vgg8.safetensors [SEED]

use std::error::Error;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Rows and columns of VGG8's layers.
const SHAPES: [(&str, usize, usize); 6] = [
    ("features.0.weight", 64, 27),
    ("features.1.weight", 128, 576),
    ("features.2.weight", 256, 1152),
    ("features.3.weight", 512, 2304),
    ("features.4.weight", 512, 4608),
    ("classifier.weight", 10, 512),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: gaussian_vgg8 FILE.safetensors [SEED]")?;
    let seed = args.next().map_or(Ok(1), |s| s.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = SHAPES
        .iter()
        .map(|&(name, rows, cols)| {
            let sample = |_| -> [u8; 4] {
                let x: f32 = StandardNormal.sample(&mut rng);
                (0.05 * x).to_le_bytes()
            };
            (name, vec![rows, cols], (0..rows * cols).flat_map(sample).collect())
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    safetensors::serialize_to_file(views, None, path.as_ref())?;
    Ok(())
}
