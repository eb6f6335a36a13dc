//! What a batch of answers costs: cross entropy, and the other criteria that are offered beside it.

use super::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What is made small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Cross entropy of the softmax of the answers, with label smoothing.
    #[default]
    CrossEntropy,
    /// Negative log likelihood of the right class: the answers count as logarithms of probabilities, whatever they sum to.
    Nll,
    /// Mean over the classes of the squared difference from 1 for the right class and 0 for the others.
    Mse,
    /// The same with magnitudes.
    Mae,
}

impl Criterion {
    /// The cost of a batch; `answers` becomes the gradient of its mean. Labels must be below the number of classes.
    pub fn apply(self, answers: &mut Tensor, labels: &[u16], smoothing: f32) -> Score {
        match self {
            Self::CrossEntropy => cross_entropy(answers, labels, smoothing),
            Self::Nll => element_wise(answers, labels, |y, right| if right { (-y, -1.0) } else { (0.0, 0.0) }),
            Self::Mse => {
                let classes = answers.shape.c as f64;
                element_wise(answers, labels, |y, right| {
                    let d = y - f64::from(u8::from(right));
                    (d * d / classes, 2.0 * d / classes)
                })
            }
            Self::Mae => {
                let classes = answers.shape.c as f64;
                element_wise(answers, labels, |y, right| {
                    let d = y - f64::from(u8::from(right));
                    (d.abs() / classes, if d == 0.0 { 0.0 } else { d.signum() / classes })
                })
            }
        }
    }
}

/// Which answer is largest; among equals the first.
fn largest(answers: &[f32]) -> Option<usize> {
    let max = answers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    answers.iter().position(|v| *v == max)
}

/// The sum of a cost of each answer, and its derivative in place of the answer, over the number of samples.
fn element_wise(answers: &mut Tensor, labels: &[u16], cost: impl Fn(f64, bool) -> (f64, f64)) -> Score {
    let (n, classes) = (answers.shape.n, answers.shape.c);
    let mut score = Score { samples: n, ..Score::default() };
    for (x, &label) in answers.data.chunks_mut(classes).zip(labels) {
        let label = usize::from(label);
        score.correct += usize::from(largest(x) == Some(label));
        for (k, v) in x.iter_mut().enumerate() {
            let (loss, slope) = cost(f64::from(*v), k == label);
            score.loss += loss;
            *v = (slope / n as f64) as f32;
        }
    }
    score
}

/// What a batch of answers is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Sum of the cost over the samples.
    pub loss: f64,
    /// Samples whose largest answer is the right one.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

impl Score {
    /// Mean cost of a sample.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }

    /// Part of the samples answered correctly.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples.max(1) as f64
    }
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
        score.correct += usize::from(largest(x) == Some(label));
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

    /// Every criterion against finite differences; its value by hand.
    #[test]
    fn criteria() {
        let mut x = Tensor::zeros(Shape::new(3, 1, 1, 4));
        noise(&mut x.data, 2.0, 2);
        let labels = [1, 3, 0];
        for criterion in [Criterion::CrossEntropy, Criterion::Nll, Criterion::Mse, Criterion::Mae] {
            let at = |x: &Tensor| criterion.apply(&mut x.clone(), &labels, 0.0).loss / 3.0;
            let mut d = x.clone();
            let score = criterion.apply(&mut d, &labels, 0.0);
            assert_eq!(score.samples, 3);
            for i in 0..12 {
                let (mut p, mut m) = (x.clone(), x.clone());
                p.data[i] += 1e-3;
                m.data[i] -= 1e-3;
                let want = (at(&p) - at(&m)) / f64::from(p.data[i] - m.data[i]);
                assert!((f64::from(d.data[i]) - want).abs() < 1e-4, "{criterion:?} {i}: {} for {want}", d.data[i]);
            }
        }
        let answers = Tensor { shape: Shape::new(1, 1, 1, 2), data: vec![0.5, -1.0] };
        let cost = |criterion: Criterion| criterion.apply(&mut answers.clone(), &[0], 0.0);
        assert_eq!(cost(Criterion::Nll).loss, -0.5);
        assert_eq!(cost(Criterion::Mse).loss, (0.25 + 1.0) / 2.0);
        assert_eq!(cost(Criterion::Mae).loss, (0.5 + 1.0) / 2.0);
        assert_eq!(cost(Criterion::Mae).correct, 1);
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
