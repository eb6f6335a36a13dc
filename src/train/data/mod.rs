//! Images with labels: read whole, checked, kept as bytes with the channels last.
//!
//! | name | what | files |
//! |---|---|---|
//! | `digits` | 1,797 8x8 digits, shipped with the crate; every fifth is a test image | none needed |
//! | `mnist`, `fashion-mnist` | 70,000 28x28 images, or any others of that format | IDX, gzipped or not |
//! | `cifar10`, `cifar100` | 60,000 32x32 colour images | the binary version |

mod cifar;
mod idx;
mod loader;

pub use loader::{Augment, Batch, Batches, Normalization, Order};

use crate::nn::Shape;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names of the data sets, with a line on each.
pub const DATASETS: [(&str, &str); 5] = [
    ("digits", "1,797 8x8 digits, shipped: needs no files"),
    ("mnist", "70,000 28x28 digits: {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]"),
    ("fashion-mnist", "70,000 28x28 pieces of clothing, same files as mnist"),
    ("cifar10", "60,000 32x32 colour images, 10 classes: data_batch_{1..5}.bin, test_batch.bin"),
    ("cifar100", "60,000 32x32 colour images, 100 classes: train.bin, test.bin"),
];

/// What is wrong with a data set's files.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No such data set.
    #[error("data set `{0}` is not known: choose one of {list}", list = DATASETS.map(|(n, _)| n).join(", "))]
    Unknown(String),
    /// A data set that has files was named without a directory.
    #[error("data set `{0}` needs the directory of its files: set data.dir in the config, or give --data DIR")]
    NoDirectory(String),
    /// The data set that has no files was named with a directory.
    #[error(
        "data set `{name}` is shipped with the program and reads no files, but {dir} was given: leave --data (or data.dir in the config) out, or \
         say which data set lies there with --dataset (or data.name)"
    )]
    NoFiles {
        /// The data set.
        name: String,
        /// The directory.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// None of the names under which a file may be stored exists.
    #[error("{dir}: found none of {names}")]
    Missing {
        /// The directory searched.
        dir: PathBuf,
        /// The names tried.
        names: String,
    },
    /// A file's contents break its format.
    #[error("{path}: {problem}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
}

/// Images and their labels. Every label is below the data set's number of classes, and there is one label per image.
#[derive(Clone, Debug)]
pub struct Split {
    /// Rows, columns and channels of an image; `n` is the number of images.
    pub shape: Shape,
    /// Pixels, `[n, h, w, c]`.
    pub images: Vec<u8>,
    /// Classes.
    pub labels: Vec<u16>,
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Number of classes.
    pub classes: usize,
    /// Images to learn from.
    pub train: Arc<Split>,
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
        Ok(Self { name: name.to_owned(), classes, train: Arc::new(train), test: Arc::new(test) })
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

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images whose index fulfils a condition.
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|i| keep(*i)).collect();
        let sample = self.shape.sample();
        Self {
            shape: Shape { n: kept.len(), ..self.shape },
            images: kept.iter().flat_map(|i| &self.images[i * sample..(i + 1) * sample]).copied().collect(),
            labels: kept.iter().map(|i| self.labels[*i]).collect(),
        }
    }
}

/// Reads a file whole, unpacking it when it is gzipped.
fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = std::fs::read(path).map_err(|cause| DataError::Read { path: path.to_owned(), cause })?;
    unpack(&bytes, path)
}

/// Undoes gzip when the bytes begin with its magic number.
fn unpack(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    use std::io::Read;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    // The largest of these sets unpacks to 150 MB; whatever claims more is not one of them.
    let limit = 1 << 30;
    let read = flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut out);
    read.map_err(|cause| DataError::Read { path: path.to_owned(), cause })?;
    if out.len() as u64 == limit {
        return Err(DataError::Format { path: path.to_owned(), problem: "unpacks to 1 GiB or more".into() });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn names_are_checked() {
        assert!(Dataset::open("imagenet", None).unwrap_err().to_string().contains("cifar10"));
        assert!(Dataset::open("mnist", None).unwrap_err().to_string().contains("--data DIR"));
        let e = Dataset::open("mnist", Some(Path::new("/nonexistent"))).unwrap_err().to_string();
        assert!(e.contains("train-images-idx3-ubyte.gz"), "{e}");
    }
}
