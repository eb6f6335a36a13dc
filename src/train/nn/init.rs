//! First weights: normal with the variance `2 / fan_in` (He et al., 2015), the fan being that of the real layer
//! (`in/groups * kh * kw`), not of a padded tile.

use super::param::Role;
use super::sequential::Sequential;
use elight::seeds::mix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the weights; biases become zero; batch norm keeps scale 1 and shift 0. Each array has a random stream of its own.
pub fn initialize(model: &mut Sequential, seed: u64) {
    for (i, slot) in model.all_slots().into_iter().enumerate() {
        match slot.role {
            Role::Weight => {
                let fan_in: usize = slot.shape[1..].iter().product();
                let mut rng = ChaCha8Rng::seed_from_u64(mix(mix(seed) ^ i as u64));
                let std = (2.0 / fan_in.max(1) as f64).sqrt();
                slot.value.iter_mut().for_each(|w| *w = (std * normal(&mut rng)) as f32);
            }
            Role::Bias => slot.value.fill(0.0),
            Role::Norm | Role::Buffer => {}
        }
    }
}

/// One standard normal number (Box and Muller; the second of the pair is not used).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::conv2d::Conv2d;
    use crate::nn::convolution::ConvSpec;

    #[test]
    fn variance_follows_the_fan() {
        let mut m = Sequential::new().with("c", Conv2d::new(ConvSpec::same(32, 64, 3), true));
        initialize(&mut m, 1);
        let slots = m.all_slots();
        let w = &slots[0].value;
        let var = w.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / w.len() as f64;
        assert!((var * 288.0 / 2.0 - 1.0).abs() < 0.05, "{var}");
        assert!(slots[1].value.iter().all(|b| *b == 0.0));
    }
}
