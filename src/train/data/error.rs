//! What can be wrong with images and their files; the names of the data sets.

use elight::show::names::did_you_mean;
use std::path::PathBuf;

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
    #[error("data set `{0}` is not known{meant}: choose one of {list}", meant = did_you_mean(.0, DATASETS.map(|(n, _)| n)), list = DATASETS.map(|(n, _)| n).join(", "))]
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
    /// Means and deviations that do not belong together.
    #[error("--mean and --std: expected as many numbers in both, deviations above 0")]
    Normalization,
}
