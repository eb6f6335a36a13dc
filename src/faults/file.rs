//! The file of faults and wear: what a controller exports, and a person may write.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::core_faults::CoreFaults;
use super::error::FaultError;
use crate::geometry::{CellRange, CoreSize};
use crate::level::DeviceProfile;

/// A core's faults and wear, as they lie in a TOML file (docs/cores.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// `RxC`.
    pub core: String,
    /// Name of the device profile.
    pub device: String,
    /// CRC-32 of its transmissions, as in a schedule's header.
    pub device_crc: u32,
    /// PCM cells that are not as they should be.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultEntry>,
    /// What every PCM cell has borne.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear: Option<WearTable>,
}

/// One faulty PCM cell, or both of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEntry {
    /// Core row, from 0.
    pub row: u32,
    /// Lane, from 0.
    pub col: u32,
    /// Which of the pair's PCM cells; both, if nothing is said.
    #[serde(default)]
    pub side: Side,
    /// What is wrong.
    pub kind: Kind,
    /// The PCM level at which it is stuck, 0..=B; only of stuck cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
}

/// PCM cells of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The plus cell.
    Plus,
    /// The minus cell.
    Minus,
    /// Both.
    #[default]
    Both,
}

/// What is wrong with a PCM cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It holds one level for ever.
    Stuck,
    /// It cannot be used.
    Dead,
    /// It works, and should rest.
    Weak,
}

/// Wear of every PCM cell since it was made, by what wears it (level steps, pulses or resets): an array for each core row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WearTable {
    /// Of the plus cells.
    pub plus: Vec<Vec<u64>>,
    /// Of the minus cells.
    pub minus: Vec<Vec<u64>>,
}

impl FaultFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FaultError::Read`], [`FaultError::Toml`]: unknown keys too.
    pub fn read(path: &Path) -> Result<Self, FaultError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| FaultError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| FaultError::Toml { path: path.to_owned(), source: Box::new(source) })
    }

    /// The file's text.
    ///
    /// # Errors
    /// Of the writer: none for what a file can hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// What a plan for this core and device has to know; `path`: for messages.
    ///
    /// # Errors
    /// Another core or device, a cell or level outside, a cell that is named twice, wear of another size.
    pub fn faults(&self, path: &Path, core: CoreSize, device: &DeviceProfile) -> Result<CoreFaults, FaultError> {
        let mismatch =
            |what, file: String, plan: String| FaultError::Mismatch { path: path.to_owned(), what, file, plan };
        if self.core.replace('X', "x") != core.to_string() {
            return Err(mismatch("core", self.core.clone(), core.to_string()));
        }
        if self.device_crc != device.identity_crc() {
            let named = |name: &str, crc: u32| format!("`{name}` (CRC {crc})");
            return Err(mismatch(
                "device",
                named(&self.device, self.device_crc),
                named(&device.name, device.identity_crc()),
            ));
        }
        let top = device.top_level();
        let mut sides = vec![[PcmState::Good; 2]; core.rows * core.cols];
        let mut weak = vec![false; core.rows * core.cols];
        let mut named = BTreeSet::new();
        for (index, fault) in self.faults.iter().enumerate() {
            let refuse = |why: String| FaultError::Entry { path: path.to_owned(), number: index + 1, why };
            let (row, col) = (fault.row as usize, fault.col as usize);
            if row >= core.rows || col >= core.cols {
                return Err(refuse(format!(
                    "there is no cell ({row}, {col}): a core of {core} has rows 0 to {} and columns 0 to {}",
                    core.rows - 1,
                    core.cols - 1
                )));
            }
            let level = match (fault.kind, fault.level) {
                (Kind::Stuck, Some(level)) if level <= top as u32 => level as i16,
                (Kind::Stuck, Some(level)) => {
                    return Err(refuse(format!("stuck at level {level}: a PCM cell has the levels 0 to {top}")));
                }
                (Kind::Stuck, None) => return Err(refuse("a stuck cell needs its `level`".to_owned())),
                (_, Some(_)) => return Err(refuse("`level` is for cells of kind \"stuck\" only".to_owned())),
                (_, None) => 0,
            };
            let which = match fault.side {
                Side::Plus => 0..1,
                Side::Minus => 1..2,
                Side::Both => 0..2,
            };
            for side in which {
                if !named.insert((row, col, side)) {
                    let name = ["plus", "minus"][side];
                    return Err(refuse(format!("the {name} cell of ({row}, {col}) was named before")));
                }
                let cell = row * core.cols + col;
                match fault.kind {
                    Kind::Stuck => sides[cell][side] = PcmState::Stuck(level),
                    Kind::Dead => sides[cell][side] = PcmState::Dead,
                    Kind::Weak => weak[cell] = true,
                }
            }
        }
        let cells = sides.iter().map(|&[plus, minus]| range(plus, minus, top)).collect();
        let wear = self.wear.as_ref().map(|wear| wear.table(path, core)).transpose()?;
        Ok(CoreFaults { path: path.to_owned(), cells, weak, wear, worn_out: 0, top })
    }
}

impl WearTable {
    fn table(&self, path: &Path, core: CoreSize) -> Result<Vec<[u64; 2]>, FaultError> {
        let mut table = vec![[0; 2]; core.rows * core.cols];
        for (side, rows) in [&self.plus, &self.minus].into_iter().enumerate() {
            let odd = rows.iter().position(|row| row.len() != core.cols);
            if rows.len() != core.rows || odd.is_some() {
                return Err(FaultError::WearSize {
                    path: path.to_owned(),
                    side: ["plus", "minus"][side],
                    got: match odd {
                        Some(row) => format!("{} numbers in row {row}", rows[row].len()),
                        None => format!("{} rows", rows.len()),
                    },
                    core,
                });
            }
            for (cell, wear) in rows.iter().flatten().enumerate() {
                table[cell][side] = *wear;
            }
        }
        Ok(table)
    }
}

/// What a PCM cell can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PcmState {
    Good,
    Stuck(i16),
    Dead,
}

/// The signed levels that a pair can hold, with the other cell of the pair at 0, as levels are defined: an interval.
fn range(plus: PcmState, minus: PcmState, top: i16) -> CellRange {
    use PcmState::{Dead, Good, Stuck};
    match (plus, minus) {
        (Dead, _) | (_, Dead) => CellRange::DEAD,
        (Good, Good) => CellRange { lowest: -top, highest: top },
        (Stuck(0), Good) => CellRange { lowest: -top, highest: 0 },
        (Good, Stuck(0)) => CellRange { lowest: 0, highest: top },
        (Stuck(level), Good | Stuck(0)) => CellRange { lowest: level, highest: level },
        (Good | Stuck(0), Stuck(level)) => CellRange { lowest: -level, highest: -level },
        // Neither can make way for the other.
        (Stuck(_), Stuck(_)) => CellRange::DEAD,
    }
}
