//! Which epoch's weights are the best: by the images that were held out, never by the test set.

use super::config::{Best, TrainConfig};
use super::epoch::Epoch;

/// Numbers of the epochs, the best first; the latest first where no images are held out. With [`Best::Writes`] without those that are not accurate
/// enough.
fn ranking(history: &[Epoch], train: &TrainConfig) -> Vec<u64> {
    let accuracy = |e: &Epoch| e.validation_accuracy.unwrap_or(0.0);
    let mut epochs: Vec<&Epoch> = history.iter().collect();
    if history.iter().all(|e| e.validation_accuracy.is_none()) {
        epochs.reverse();
    } else {
        // Stable: among equals the earlier one.
        epochs.sort_by(|a, b| accuracy(b).total_cmp(&accuracy(a)));
        if train.best == Best::Writes {
            let enough = epochs.first().map_or(0.0, |e| accuracy(e)) - train.tolerance;
            epochs.retain(|e| accuracy(e) >= enough);
            epochs.sort_by_key(|e| e.writes.optimal);
        }
    }
    epochs.into_iter().map(|e| e.epoch).collect()
}

/// The best epoch so far.
pub fn best(history: &[Epoch], train: &TrainConfig) -> Option<u64> {
    ranking(history, train).first().copied()
}

/// Epochs whose weights have to be kept: the best `train.keep`, and with [`Best::Writes`] each that may become the best one once a more accurate epoch
/// rules out those with fewer writes.
pub fn kept(history: &[Epoch], train: &TrainConfig) -> Vec<u64> {
    let ranking = ranking(history, train);
    let mut most = f64::NEG_INFINITY;
    let may_become_best = |epoch: &u64| {
        let accuracy = history.iter().find(|e| e.epoch == *epoch).and_then(|e| e.validation_accuracy).unwrap_or(0.0);
        let more = accuracy > most;
        most = most.max(accuracy);
        more && train.best == Best::Writes
    };
    let candidates: Vec<u64> = ranking.iter().copied().filter(may_become_best).collect();
    let mut kept: Vec<u64> = ranking.into_iter().take(train.keep.max(1)).chain(candidates).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Epochs since the accuracy on the held-out images was better than ever before.
pub fn epochs_without_gain(history: &[Epoch]) -> u64 {
    let accuracy = |e: &Epoch| e.validation_accuracy.unwrap_or(0.0);
    let mut gained = (f64::NEG_INFINITY, 0);
    for epoch in history {
        if accuracy(epoch) > gained.0 {
            gained = (accuracy(epoch), epoch.epoch);
        }
    }
    history.last().map_or(0, |last| last.epoch - gained.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::writes::Writes;
    use proptest::prelude::*;

    fn train(best: Best, keep: usize) -> TrainConfig {
        let text = "[data]\nname = 'digits'\n[model]\nname = 'mlp'\n[optimizer]\nkind = 'sgd'\nlr = 0.1\n[train]\nepochs = 1\nout = 'x'\n";
        TrainConfig { best, keep, tolerance: 0.25, ..Config::parse(text, "test", &[]).unwrap().train }
    }

    /// Epochs by accuracy on held-out images (in quarters) and writes.
    fn history(epochs: &[(u32, u64)]) -> Vec<Epoch> {
        let epoch = |(i, &(quarters, writes)): (usize, &(u32, u64))| Epoch {
            epoch: i as u64 + 1,
            validation_accuracy: Some(f64::from(quarters) / 4.0),
            // The test set would choose another one.
            test_accuracy: 1.0 - f64::from(quarters) / 4.0,
            writes: Writes { optimal: writes, ..Writes::default() },
            ..Epoch::default()
        };
        epochs.iter().enumerate().map(epoch).collect()
    }

    #[test]
    fn by_accuracy_the_earlier_of_equals() {
        let h = history(&[(1, 5), (3, 9), (3, 1), (2, 1)]);
        assert_eq!(ranking(&h, &train(Best::Accuracy, 1)), [2, 3, 4, 1]);
        assert_eq!(kept(&h, &train(Best::Accuracy, 2)), [2, 3]);
        assert_eq!(epochs_without_gain(&h), 2);
    }

    #[test]
    fn by_writes_among_those_accurate_enough() {
        let h = history(&[(1, 0), (2, 5), (3, 9), (2, 4)]);
        assert_eq!(ranking(&h, &train(Best::Writes, 1)), [4, 2, 3]);
        // Epoch 3 is the best one if a later one is more accurate by a quarter.
        assert_eq!(kept(&h, &train(Best::Writes, 1)), [3, 4]);
    }

    #[test]
    fn without_held_out_images_the_last_one() {
        let h: Vec<Epoch> = history(&[(3, 1), (1, 5)]);
        let h: Vec<Epoch> = h.into_iter().map(|e| Epoch { validation_accuracy: None, ..e }).collect();
        assert_eq!((best(&h, &train(Best::Accuracy, 1)), kept(&h, &train(Best::Accuracy, 1))), (Some(2), vec![2]));
    }

    proptest! {
        /// Whatever comes next, the best epoch's weights are still there: kept after every epoch before, or new.
        #[test]
        fn the_best_is_never_thrown_away(
            epochs in prop::collection::vec((0u32..5, 0u64..6), 1..12),
            by_writes in any::<bool>(),
            keep in 1usize..3,
        ) {
            let (h, train) = (history(&epochs), train(if by_writes { Best::Writes } else { Best::Accuracy }, keep));
            let mut files: Vec<u64> = Vec::new();
            for n in 1..=h.len() {
                files.push(n as u64);
                let kept = kept(&h[..n], &train);
                files.retain(|epoch| kept.contains(epoch));
                prop_assert!(files.contains(&best(&h[..n], &train).unwrap()), "after epoch {n}: {files:?}");
            }
        }
    }
}
