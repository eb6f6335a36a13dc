//! Images with labels: read whole, checked, kept as bytes with the channels last.
//!
//! | name | what | files |
//! |---|---|---|
//! | `digits` | 1,797 8x8 digits, shipped with the crate; every fifth is a test image | none needed |
//! | `mnist`, `fashion-mnist` | 70,000 28x28 images, or any others of that format | IDX, gzipped or not |
//! | `cifar10`, `cifar100` | 60,000 32x32 colour images | the binary version |

mod cifar;
mod error;
mod file;
mod idx;
mod loader;
mod split;

pub use error::{DATASETS, DataError};
pub use loader::{Augment, Batch, Batches, Normalization, Order};
pub use split::Split;

use std::path::Path;
use std::sync::Arc;

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Number of classes.
    pub classes: usize,
    /// Images to learn from.
    pub train: Arc<Split>,
    /// Images that were held out of them ([`Dataset::hold_out`]), by which a checkpoint is chosen; none where none were.
    pub validation: Option<Arc<Split>>,
    /// Images to be judged by.
    pub test: Arc<Split>,
}

impl Dataset {
    /// Reads a data set.
    ///
    /// # Errors
    /// An unknown name, missing or unreadable files, wrong magic numbers, sizes or labels.
    pub fn open(name: &str, dir: Option<&Path>) -> Result<Self, DataError> {
        let directory = || dir.ok_or_else(|| DataError::NoDirectory(name.to_owned()));
        let (classes, train, test) = match name {
            "digits" => {
                if let Some(dir) = dir {
                    return Err(DataError::NoFiles { name: name.to_owned(), dir: dir.to_owned() });
                }
                let all = digits()?;
                (10, all.subset(|i| i % 5 != 4), all.subset(|i| i % 5 == 4))
            }
            "mnist" | "fashion-mnist" => {
                let dir = directory()?;
                (10, idx::split(dir, "train", 10)?, idx::split(dir, "t10k", 10)?)
            }
            "cifar10" => {
                let dir = directory()?;
                let train: Vec<String> = (1..=5).map(|i| format!("data_batch_{i}.bin")).collect();
                (10, cifar::split(dir, &train, 1, 10)?, cifar::split(dir, &["test_batch.bin".into()], 1, 10)?)
            }
            "cifar100" => {
                let dir = directory()?;
                (
                    100,
                    cifar::split(dir, &["train.bin".into()], 2, 100)?,
                    cifar::split(dir, &["test.bin".into()], 2, 100)?,
                )
            }
            _ => return Err(DataError::Unknown(name.to_owned())),
        };
        Ok(Self { name: name.to_owned(), classes, train: Arc::new(train), validation: None, test: Arc::new(test) })
    }

    /// Holds `share` of the training images out: which ones, `seed` alone decides. At least one image stays on each side; a share of 0 holds out none.
    #[must_use]
    pub fn hold_out(mut self, share: f64, seed: u64) -> Self {
        let images = self.train.len();
        if share <= 0.0 || images < 2 {
            return self;
        }
        let count = ((images as f64 * share).round() as usize).clamp(1, images - 1);
        let mut held_out = vec![false; images];
        let order = loader::indices(images, Order::Shuffled { seed, epoch: 0 });
        order[..count].iter().for_each(|i| held_out[*i] = true);
        self.validation = Some(Arc::new(self.train.subset(|i| held_out[i])));
        self.train = Arc::new(self.train.subset(|i| !held_out[i]));
        self
    }
}

impl Dataset {
    /// Which data set's files a directory holds (the IDX sets cannot be told apart: `mnist` stands for both).
    pub fn recognise(dir: &Path) -> Option<&'static str> {
        let has = |names: &[&str]| names.iter().any(|n| dir.join(n).is_file());
        if has(&["test_batch.bin", "test_batch.bin.gz"]) {
            Some("cifar10")
        } else if has(&["test.bin", "test.bin.gz"]) {
            Some("cifar100")
        } else if has(&["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"]) {
            Some("mnist")
        } else {
            None
        }
    }
}

/// The digits that are shipped with the crate (scikit-learn's copy of UCI's).
fn digits() -> Result<Split, DataError> {
    let images = include_bytes!("../../../fixtures/digits-images-idx3-ubyte.gz");
    let labels = include_bytes!("../../../fixtures/digits-labels-idx1-ubyte.gz");
    idx::parse((images, Path::new("digits-images")), (labels, Path::new("digits-labels")), 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Shape;

    #[test]
    fn digits_are_shipped() {
        let d = Dataset::open("digits", None).unwrap();
        assert_eq!((d.train.len(), d.test.len(), d.classes), (1438, 359, 10));
        assert_eq!(d.train.shape, Shape::new(1438, 8, 8, 1));
        assert!(d.train.images.iter().all(|v| *v <= 16));
        // All ten classes, about equally often.
        for class in 0..10 {
            assert!(d.test.labels.iter().filter(|l| **l == class).count() > 20);
        }
    }

    #[test]
    fn held_out_images_are_learned_from_no_more() {
        let split = |share, seed| Dataset::open("digits", None).unwrap().hold_out(share, seed);
        let d = split(0.1, 1);
        let validation = d.validation.clone().unwrap();
        assert_eq!((d.train.len(), validation.len(), d.test.len()), (1294, 144, 359));
        // Together they are the training images, each once; the test images are others.
        let images = |s: &Split| s.images.chunks(64).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let sorted = |mut all: Vec<Vec<u8>>| {
            all.sort();
            all
        };
        let together = sorted([images(&d.train), images(&validation)].concat());
        assert_eq!(together, sorted(images(&Dataset::open("digits", None).unwrap().train)));
        assert_eq!(split(0.1, 1).validation.unwrap().images, validation.images);
        assert_ne!(split(0.1, 2).validation.unwrap().images, validation.images);
        assert!(split(0.0, 1).validation.is_none());
        assert_eq!(split(1e-9, 1).validation.unwrap().len(), 1);
    }

    #[test]
    fn names_are_checked() {
        assert!(Dataset::open("imagenet", None).unwrap_err().to_string().contains("cifar10"));
        assert!(Dataset::open("mnist", None).unwrap_err().to_string().contains("--data DIR"));
        let e = Dataset::open("mnist", Some(Path::new("/nonexistent"))).unwrap_err().to_string();
        assert!(e.contains("train-images-idx3-ubyte.gz"), "{e}");
    }
}
