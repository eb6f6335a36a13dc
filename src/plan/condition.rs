//! The cores as they are: how many there are, and what they hold.

use std::path::{Path, PathBuf};

use super::rotation::Rotation;
use crate::core_state::CoreState;
use crate::faults::{self, CoreFaults, FaultError};
use crate::geometry::{CellRange, Damage};
use crate::level::DeviceProfile;

/// What a plan finds. The default: one core, erased.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Identical cores, side by side; at least 1.
    pub cores: usize,
    /// What each core holds after an earlier schedule; none: all are erased.
    pub from: Option<Vec<CoreState>>,
    /// Faults of each core, as far as they are known; none: all are intact. Files that name no faulty cell change nothing ([`Condition::damaged`]).
    pub faults: Option<Vec<CoreFaults>>,
    /// How far the plan is rotated on its core; none: it sits where the first load is cheapest.
    pub rotation: Option<Rotation>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { cores: 1, from: None, faults: None, rotation: None }
    }
}

impl Condition {
    /// Most cores.
    pub const MOST_CORES: usize = 64;

    /// Cores that are worn, and what each of their PCM cells can still bear. Worn-out cells are out of use, as faulty ones are; cores that are only worn are
    /// planned for like new ones, and rotated ([`super::plan_for_life`]).
    ///
    /// # Errors
    /// [`FaultError`]: it is not known what the cells can bear, or have borne.
    pub fn worn(self, mut cores: Vec<CoreFaults>, device: &DeviceProfile) -> Result<(Self, Vec<[f64; 2]>), FaultError> {
        let budget = faults::retire(&mut cores, device)?;
        Ok((Self { faults: Some(cores), ..self }, budget))
    }

    /// The faults of each core, where any of them has any: a faulty or a weak cell.
    #[must_use]
    pub fn damaged(&self) -> Option<&[CoreFaults]> {
        self.faults.as_deref().filter(|cores| cores.iter().any(|core| core.counts() != (0, 0)))
    }

    /// Signed level of each weight cell of a core before the first load; none: it is erased, and intact.
    #[must_use]
    pub fn origin_of(&self, core: usize) -> Option<Vec<i16>> {
        let erased = self.erased_of(core);
        let Some(state) = self.from.as_ref().and_then(|state| state.get(core)) else { return erased };
        let mut levels = state.levels().to_vec();
        if let Some(faults) = self.damaged().and_then(|faults| faults.get(core)) {
            for (level, range) in levels.iter_mut().zip(faults.cells()) {
                *level = range.nearest(*level).unwrap_or(0);
            }
        }
        Some(levels)
    }

    /// Signed level of each weight cell of a core that is erased as far as it can be; none: all are 0.
    #[must_use]
    pub fn erased_of(&self, core: usize) -> Option<Vec<i16>> {
        Some(self.damaged()?.get(core)?.erased())
    }

    /// Signed level of each weight cell before the first load, core after core; `cells` a core.
    #[must_use]
    pub fn origin(&self, cells: usize) -> Vec<i16> {
        (0..self.cores).flat_map(|core| self.origin_of(core).unwrap_or_else(|| vec![0; cells])).collect()
    }

    /// The files of the faults, for messages.
    #[must_use]
    pub fn fault_files(&self) -> String {
        let files = self.faults.iter().flatten().map(|core| core.path().display().to_string());
        files.collect::<Vec<_>>().join(", ")
    }

    /// What every weight cell can hold, core after core; none: all are intact.
    #[must_use]
    pub fn ranges(&self) -> Option<Vec<CellRange>> {
        Some(self.damaged()?.iter().flat_map(|core| core.cells().iter().copied()).collect())
    }

    /// The same, and which cells should rest.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        let weak = self.damaged()?.iter().flat_map(|core| core.weak().iter().copied()).collect();
        Some(Damage { ranges: self.ranges()?, weak })
    }
}

/// The schedule of core `core`: `output` itself for a single core, else with `.coreK` before the extension.
#[must_use]
pub fn core_path(output: &Path, core: usize, cores: usize) -> PathBuf {
    if cores == 1 {
        return output.to_owned();
    }
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".core{core}"));
    if let Some(extension) = output.extension() {
        name.push(".");
        name.push(extension);
    }
    output.with_file_name(name)
}
