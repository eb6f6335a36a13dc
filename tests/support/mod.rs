//! What several tests need: weights files made to order, and the binary in a folder of its own.
#![allow(dead_code)] // each test file uses its own part of it

pub mod device;
pub mod program;
pub mod weights;

use std::path::{Path, PathBuf};

/// A path inside the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
