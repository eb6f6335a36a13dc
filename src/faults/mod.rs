//! Cores with faulty and worn PCM cells: what each weight cell can still hold.

mod file;
mod hold;

use std::path::PathBuf;

use thiserror::Error;

use crate::geometry::{CellRange, CoreSize};

pub use file::{FaultEntry, FaultFile, Kind, Side, WearTable};
pub use hold::{Loss, hold};

/// Why faults cannot be planned around.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a file of faults looks like.
    #[error("{path}: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// It is of another core or device.
    #[error("{path}: these faults are of a core with {what} {file}, but the plan is for {what} {plan}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In the file.
        file: String,
        /// In the plan.
        plan: String,
    },
    /// One of the faults cannot be.
    #[error("{path}: fault {number}: {why}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The wear is not of this core.
    #[error("{path}: wear.{side} has {got}, but a core of {core} needs an array of {} numbers for each of {} rows", core.cols, core.rows)]
    WearSize {
        /// The file.
        path: PathBuf,
        /// `plus` or `minus`.
        side: &'static str,
        /// What is there.
        got: String,
        /// The core.
        core: CoreSize,
    },
    /// No wear in the file.
    #[error("{path}: --wear needs a table [wear] with what every PCM cell has borne; for faults alone use --faults")]
    NoWear {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is left to work with.
    #[error("{path}: no core row can compute a row of layer `{layer}`: too many of its cells are dead or stuck")]
    Hopeless {
        /// The files.
        path: String,
        /// The layer.
        layer: String,
    },
}

/// The faults and the wear of one core.
#[derive(Clone, Debug)]
pub struct CoreFaults {
    path: PathBuf,
    /// What each weight cell can hold, row by row.
    cells: Vec<CellRange>,
    weak: Vec<bool>,
    wear: Option<Vec<[u64; 2]>>,
    worn_out: usize,
    top: i16,
}

impl CoreFaults {
    /// The file that they were read from.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What each weight cell can hold, row by row.
    #[must_use]
    pub fn cells(&self) -> &[CellRange] {
        &self.cells
    }

    /// Weight cells that should rest, row by row.
    #[must_use]
    pub fn weak(&self) -> &[bool] {
        &self.weak
    }

    /// Wear of the `[plus, minus]` cell of each weight cell, row by row.
    #[must_use]
    pub fn wear(&self) -> Option<&[[u64; 2]]> {
        self.wear.as_deref()
    }

    /// Level of each weight cell of an erased core.
    #[must_use]
    pub fn erased(&self) -> Vec<i16> {
        self.cells.iter().map(|cell| cell.erased()).collect()
    }

    /// Takes cells out of use that have borne [`CoreFaults::WORN`] of what they can, and returns what each PCM cell can still bear.
    ///
    /// # Errors
    /// [`FaultError::NoWear`] when the file does not say what they have borne.
    pub fn retire(&mut self, endurance: f64) -> Result<Vec<[f64; 2]>, FaultError> {
        let wear = self.wear.as_ref().ok_or_else(|| FaultError::NoWear { path: self.path.clone() })?;
        let mut worn_out = 0;
        for (range, wear) in self.cells.iter_mut().zip(wear) {
            if wear.iter().any(|&wear| wear as f64 >= Self::WORN * endurance) {
                *range = CellRange::DEAD;
                worn_out += 1;
            }
        }
        self.worn_out = worn_out;
        Ok(wear.iter().map(|wear| wear.map(|wear| (endurance - wear as f64).max(0.0))).collect())
    }

    /// The part of its endurance after which a cell is used no more.
    pub const WORN: f64 = 0.95;

    /// Weight cells that are worn out.
    #[must_use]
    pub fn worn_out(&self) -> usize {
        self.worn_out
    }

    /// Weight cells that cannot hold every level, and those that are weak.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let faulty = self.cells.iter().filter(|cell| !cell.holds(-self.top, self.top)).count();
        (faulty, self.weak.iter().filter(|weak| **weak).count())
    }
}
