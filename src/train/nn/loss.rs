//! Softmax cross entropy with label smoothing.

use super::tensor::Tensor;

/// What a batch of answers is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum over the samples of `-sum_k q_k ln p_k`.
    pub loss: f64,
    /// Samples whose largest answer is the right one.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

/// `-sum_k q_k ln p_k` with `p = softmax(logits)` and `q = (1 - s) onehot(label) + s / classes`.
///
/// `logits` becomes the gradient of the batch's mean loss, `(p - q) / n`. Labels must be below the number of classes (the
/// data sets check theirs).
pub fn cross_entropy(logits: &mut Tensor, labels: &[u16], smoothing: f32) -> Score {
    let (n, classes) = (logits.shape.n, logits.shape.c);
    let mut score = Score { samples: n, ..Score::default() };
    let (low, high) = (f64::from(smoothing) / classes as f64, 1.0 - f64::from(smoothing));
    for (x, &label) in logits.data.chunks_mut(classes).zip(labels) {
        let label = usize::from(label);
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        score.correct += usize::from(x.iter().position(|v| *v == max) == Some(label));
        let sum: f64 = x.iter().map(|v| f64::from(v - max).exp()).sum();
        for (k, v) in x.iter_mut().enumerate() {
            let ln_p = f64::from(*v - max) - sum.ln();
            let q = low + if k == label { high } else { 0.0 };
            score.loss -= if q > 0.0 { q * ln_p } else { 0.0 };
            *v = ((ln_p.exp() - q) / n as f64) as f32;
        }
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::gradcheck::noise;
    use crate::nn::tensor::Shape;

    #[test]
    fn gradient() {
        let mut x = Tensor::zeros(Shape::new(3, 1, 1, 4));
        noise(&mut x.data, 2.0, 2);
        let labels = [1, 3, 0];
        for smoothing in [0.0, 0.1] {
            let mut d = x.clone();
            let at = |x: &Tensor| cross_entropy(&mut x.clone(), &labels, smoothing).loss / 3.0;
            cross_entropy(&mut d, &labels, smoothing);
            for i in 0..12 {
                let (mut p, mut m) = (x.clone(), x.clone());
                p.data[i] += 1e-2;
                m.data[i] -= 1e-2;
                let want = (at(&p) - at(&m)) / 2e-2;
                assert!((f64::from(d.data[i]) - want).abs() < 1e-4, "{i}: {} against {want}", d.data[i]);
            }
        }
    }

    #[test]
    fn uniform_answers_cost_ln_classes() {
        let mut x = Tensor::zeros(Shape::new(1, 1, 1, 10));
        let s = cross_entropy(&mut x, &[0], 0.0);
        assert!((s.loss - 10f64.ln()).abs() < 1e-12);
        assert_eq!((s.correct, s.samples), (1, 1));
        // Huge answers stay finite.
        let mut x = Tensor { shape: Shape::new(1, 1, 1, 2), data: vec![3e4, -3e4] };
        assert!(cross_entropy(&mut x, &[1], 0.0).loss.is_finite());
    }
}
