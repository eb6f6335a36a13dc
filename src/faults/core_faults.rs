//! The faults and the wear of one core.

use std::path::PathBuf;

use super::error::FaultError;
use crate::geometry::CellRange;
use crate::level::DeviceProfile;

/// Takes the worn-out cells of all cores out of use, and returns what each PCM cell can still bear, core after core.
///
/// # Errors
/// [`FaultError::Endurance`] when the device does not say what its cells bear; [`FaultError::NoWear`] when a file does not say what they have borne.
pub fn retire(cores: &mut [CoreFaults], device: &DeviceProfile) -> Result<Vec<[f64; 2]>, FaultError> {
    let Some(endurance) = device.endurance_writes else {
        return Err(FaultError::Endurance { device: device.name.clone() });
    };
    let each = cores.iter_mut().map(|core| core.retire(endurance)).collect::<Result<Vec<_>, _>>()?;
    Ok(each.concat())
}

/// The faults and the wear of one core.
#[derive(Clone, Debug)]
pub struct CoreFaults {
    pub(super) path: PathBuf,
    /// What each weight cell can hold, row by row.
    pub(super) cells: Vec<CellRange>,
    pub(super) weak: Vec<bool>,
    pub(super) wear: Option<Vec<[u64; 2]>>,
    pub(super) worn_out: usize,
    pub(super) top: i16,
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
    fn retire(&mut self, endurance: f64) -> Result<Vec<[f64; 2]>, FaultError> {
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
