//! The cores as they are: how many there are, and what they hold.

use std::path::{Path, PathBuf};

use crate::held::Held;

/// What a plan finds. The default: one core, erased.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Identical cores, side by side; at least 1.
    pub cores: usize,
    /// What each core holds after an earlier schedule; none: all are erased.
    pub from: Option<Vec<Held>>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { cores: 1, from: None }
    }
}

impl Condition {
    /// Most cores.
    pub const MOST_CORES: usize = 64;

    /// Signed level of each weight cell of a core before the first load; none: it is erased.
    #[must_use]
    pub fn origin_of(&self, core: usize) -> Option<Vec<i16>> {
        Some(self.from.as_ref()?.get(core)?.levels().to_vec())
    }

    /// Signed level of each weight cell before the first load, core after core; `cells` a core.
    #[must_use]
    pub fn origin(&self, cells: usize) -> Vec<i16> {
        match &self.from {
            None => vec![0; self.cores * cells],
            Some(held) => held.iter().flat_map(|held| held.levels().iter().copied()).collect(),
        }
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
