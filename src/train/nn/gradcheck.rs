//! Finite differences against every layer's backward pass.

use super::ctx::{Ctx, Mode};
use super::layer::Layer;
use super::param::{Role, Slot};
use super::tensor::{Shape, Tensor};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Reproducible noise in `[-scale, scale]`.
pub fn noise(out: &mut [f32], scale: f32, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let _ = rng.next_u64();
    out.iter_mut().for_each(|v| *v = rng.random_range(-scale..scale));
}

/// Fills all parameters with noise (scales of batch norm around one).
pub fn fill(layer: &mut dyn Layer, scale: f32, seed: u64) {
    let mut slots = Vec::new();
    layer.slots("", &mut slots);
    for (i, s) in slots.into_iter().enumerate() {
        if s.role != Role::Buffer {
            noise(s.value, scale, seed + i as u64);
            if s.role == Role::Norm && s.name.ends_with("weight") {
                s.value.iter_mut().for_each(|v| *v += 1.0);
            }
        }
    }
}

/// `sum(y * weights)` in f64 for the layer's answer in training mode.
fn objective(layer: &mut dyn Layer, x: &Tensor, weights: &[f32]) -> f64 {
    let y = layer.forward(x.clone(), &mut Ctx::new(Mode::Train, 1));
    y.data.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn slot<'a>(layer: &'a mut dyn Layer, index: usize) -> Slot<'a> {
    let mut slots = Vec::new();
    layer.slots("", &mut slots);
    slots.swap_remove(index)
}

/// Compares the gradients of `sum(y * g)` for a random `g` with central differences of half-width `step`, for the input and
/// for every parameter (at most 60 evenly spread elements of each).
pub fn check(layer: &mut dyn Layer, shape: Shape, step: f32) {
    let mut x = Tensor::zeros(shape);
    noise(&mut x.data, 1.0, 11);
    check_at(layer, x, step);
}

/// [`check`] at a given input.
pub fn check_at(layer: &mut dyn Layer, x: Tensor, step: f32) {
    let y = layer.out_shape(x.shape).unwrap();
    let mut g = Tensor::zeros(y);
    noise(&mut g.data, 1.0, 12);
    let mut ctx = Ctx::new(Mode::Train, 1);
    let answer = layer.forward(x.clone(), &mut ctx);
    assert_eq!(answer.shape, y, "out_shape and forward disagree");
    let dx = layer.backward(g.clone(), &mut ctx);
    assert_eq!(dx.shape, x.shape);

    let agree = |what: &str, i: usize, got: f32, plus: f64, minus: f64| {
        let want = (plus - minus) / (2.0 * f64::from(step));
        let error = (f64::from(got) - want).abs();
        assert!(error < 2e-3 * want.abs().max(1.0), "{what}[{i}]: gradient {got}, finite difference {want}");
    };
    for i in (0..x.data.len()).step_by(x.data.len() / 60 + 1) {
        let mut moved = x.clone();
        moved.data[i] += step;
        let plus = objective(layer, &moved, &g.data);
        moved.data[i] -= 2.0 * step;
        agree("x", i, dx.data[i], plus, objective(layer, &moved, &g.data));
    }
    let count = {
        let mut slots = Vec::new();
        layer.slots("", &mut slots);
        slots.len()
    };
    for k in 0..count {
        let s = slot(layer, k);
        let (Some(grad), name) = (s.grad, s.name) else { continue };
        let grad = grad.to_vec();
        for i in (0..grad.len()).step_by(grad.len() / 60 + 1) {
            slot(layer, k).value[i] += step;
            let plus = objective(layer, &x, &g.data);
            slot(layer, k).value[i] -= 2.0 * step;
            let minus = objective(layer, &x, &g.data);
            slot(layer, k).value[i] += step;
            agree(&name, i, grad[i], plus, minus);
        }
    }
}
