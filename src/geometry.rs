//! The core as a lattice of cells: its size, which rows share an input, and what each cell can hold. Every layer of the planner speaks in
//! these types; they know nothing of networks, orders or schedules.

use std::fmt;
use std::str::FromStr;

use firmware_model::wire;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Level of a cell that rests at a step: its input is dark, and what it holds stays as it is.
pub const IDLE: i16 = i16::MIN;
/// Column of a lane that is dark at a step.
pub const DARK: u32 = u32::MAX;
/// Output row of a slot that computes none.
pub const EMPTY: u32 = u32::MAX;

/// A core or a wiring that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A core size that is not `RxC`, or outside 1..=1024.
    #[error("core `{got}`: expected ROWSxCOLUMNS, each 1 to 1024, as in --core 9x9")]
    Core {
        /// What was given.
        got: String,
    },
    /// A fanout that is none.
    #[error("fanout `{got}`: expected `cell`, `column`, or the number of neighbouring rows that share an input")]
    FanoutText {
        /// What was given.
        got: String,
    },
    /// A fanout that does not fit the core.
    #[error("fanout {got} does not divide the {} rows of a {core} core: give a divisor, `cell` or `column`", core.rows)]
    Fanout {
        /// What was given.
        got: usize,
        /// The core.
        core: CoreSize,
    },
}

/// Size of a core: R rows (outputs), C columns (lanes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreSize {
    /// Rows R, 1 to 1024.
    pub rows: usize,
    /// Columns C, 1 to 1024.
    pub cols: usize,
}

impl FromStr for CoreSize {
    type Err = GeometryError;

    fn from_str(text: &str) -> Result<Self, GeometryError> {
        let refuse = || GeometryError::Core { got: text.to_owned() };
        let (rows, cols) = text.split_once(['x', 'X']).ok_or_else(refuse)?;
        let side = |t: &str| {
            t.parse::<usize>().ok().filter(|n| (1..=usize::from(wire::MAX_CORE)).contains(n)).ok_or_else(refuse)
        };
        Ok(Self { rows: side(rows)?, cols: side(cols)? })
    }
}

impl fmt::Display for CoreSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.cols)
    }
}

/// How many neighbouring core rows share the input of each lane, as the user says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fanout {
    /// None: every weight cell has its own.
    #[default]
    Cell,
    /// All rows of the core.
    Column,
    /// So many.
    Rows(usize),
}

impl Fanout {
    /// The number for a core.
    ///
    /// # Errors
    /// [`GeometryError::Fanout`] when it does not divide the core's rows.
    pub fn rows(self, core: CoreSize) -> Result<usize, GeometryError> {
        match self {
            Self::Cell => Ok(1),
            Self::Column => Ok(core.rows),
            Self::Rows(n) if core.rows.is_multiple_of(n) => Ok(n),
            Self::Rows(n) => Err(GeometryError::Fanout { got: n, core }),
        }
    }
}

impl FromStr for Fanout {
    type Err = GeometryError;

    fn from_str(text: &str) -> Result<Self, GeometryError> {
        match text {
            "cell" => Ok(Self::Cell),
            "column" => Ok(Self::Column),
            _ => match text.parse() {
                Ok(n) if n > 0 => Ok(Self::Rows(n)),
                _ => Err(GeometryError::FanoutText { got: text.to_owned() }),
            },
        }
    }
}

/// Which lanes a weight may move to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It keeps its lane; only its step changes.
    Lane,
    /// Any lane of its row.
    Row,
    /// Any cell of the core: an output visits several core rows, and what they compute is added up.
    Core,
}

impl From<Reach> for wire::Reach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Lane => Self::Lane,
            Reach::Row => Self::Row,
            Reach::Core => Self::Core,
        }
    }
}

/// The signed levels that a weight cell can hold; none for a dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellRange {
    /// Lowest.
    pub lowest: i16,
    /// Highest.
    pub highest: i16,
}

impl CellRange {
    /// No level at all.
    pub const DEAD: Self = Self { lowest: i16::MAX, highest: i16::MIN };

    /// Whether it can hold every level from `lo` to `hi`.
    #[must_use]
    pub fn holds(self, lo: i16, hi: i16) -> bool {
        self.lowest <= lo && hi <= self.highest
    }

    /// Whether it can hold nothing.
    #[must_use]
    pub fn is_dead(self) -> bool {
        self.lowest > self.highest
    }

    /// The level nearest to this one that it can hold; none of a dead one.
    #[must_use]
    pub fn nearest(self, level: i16) -> Option<i16> {
        (!self.is_dead()).then(|| level.clamp(self.lowest, self.highest))
    }

    /// The level that it has when it is erased as far as it can be.
    #[must_use]
    pub fn erased(self) -> i16 {
        self.nearest(0).unwrap_or(0)
    }
}

/// Weight cells that cannot hold every level, or should rest.
#[derive(Clone, Debug)]
pub struct Damage {
    /// What each weight cell can hold, core row by core row.
    pub ranges: Vec<CellRange>,
    /// Which should rest.
    pub weak: Vec<bool>,
}

/// Which rows have the same inputs, on cores side by side.
///
/// ```text
/// core rows    | 0 .. N-1 | N .. 2N-1 | ...        row groups: each lane of a row group has one input
/// tile row 0   | bundle 0 | bundle 1  | ...
/// tile row 1   | bundle G | ...                    G = R / N row groups
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// Cores, side by side.
    pub cores: usize,
    /// Core rows of all cores together: R each.
    pub core_rows: usize,
    /// Lanes C.
    pub cells: usize,
    /// Neighbouring core rows N that share the input of each lane; divides R. 1: each weight cell has its own.
    pub fanout: usize,
    /// Highest level B.
    pub top: i16,
}

impl Wiring {
    /// Row groups of all cores together.
    #[must_use]
    pub fn row_groups(&self) -> usize {
        self.core_rows / self.fanout
    }

    /// For each lane of a row group the cells among its first `rows` core rows that cannot hold every level: which, and what they can.
    /// `ranges`: of all weight cells.
    #[must_use]
    pub fn limited_cells(&self, ranges: &[CellRange], group: usize, rows: usize) -> Vec<Vec<(usize, CellRange)>> {
        let cell = |lane: usize, j: usize| ranges[(group * self.fanout + j) * self.cells + lane];
        let limited = |&(_, range): &(usize, CellRange)| !range.holds(-self.top, self.top);
        (0..self.cells).map(|lane| (0..rows).map(|j| (j, cell(lane, j))).filter(limited).collect()).collect()
    }
}

/// The rows of a layer in bundles: up to N rows that run on one row group together, bundle i in tile row `i / G` on row group `i % G`.
///
/// Rows of a grouped convolution have their own inputs group by group, so a bundle holds rows of one group only: a depthwise layer needs a
/// row group for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundles {
    rows: Vec<u32>,
    /// Where each bundle begins; and the end.
    starts: Vec<usize>,
}

impl Bundles {
    /// Rows as they are stored, `fanout` at a time, group by group.
    #[must_use]
    pub fn stored(rows: usize, groups: usize, fanout: usize) -> Self {
        let group_rows = rows / groups;
        let starts = (0..groups).flat_map(|g| (0..group_rows).step_by(fanout).map(move |i| g * group_rows + i));
        Self { rows: (0..rows as u32).collect(), starts: starts.chain([rows]).collect() }
    }

    /// Number of bundles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// No bundle at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of a bundle, the first on the first core row of its row group.
    #[must_use]
    pub fn rows(&self, bundle: usize) -> &[u32] {
        &self.rows[self.starts[bundle]..self.starts[bundle + 1]]
    }

    /// Tile rows that they need.
    #[must_use]
    pub fn tile_rows(&self, wiring: Wiring) -> usize {
        self.len().div_ceil(wiring.row_groups())
    }

    /// The row that runs on a core row in a tile row, if any.
    #[must_use]
    pub fn row(&self, wiring: Wiring, tile_row: usize, core_row: usize) -> Option<u32> {
        let bundle = tile_row * wiring.row_groups() + core_row / wiring.fanout;
        (bundle < self.len()).then(|| self.rows(bundle).get(core_row % wiring.fanout).copied()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_keep_groups_apart() {
        let wiring = Wiring { cores: 1, core_rows: 4, cells: 3, fanout: 2, top: 15 };
        let plain = Bundles::stored(7, 1, 2);
        assert_eq!((plain.len(), plain.tile_rows(wiring)), (4, 2));
        assert_eq!(plain.rows(3), [6]);
        let rows: Vec<_> = (0..4).map(|core_row| plain.row(wiring, 1, core_row)).collect();
        assert_eq!(rows, [Some(4), Some(5), Some(6), None]);
        let depthwise = Bundles::stored(3, 3, 2);
        let rows: Vec<_> = (0..8).map(|i| depthwise.row(wiring, i / 4, i % 4)).collect();
        assert_eq!(rows, [Some(0), None, Some(1), None, Some(2), None, None, None]);
        assert_eq!(Bundles::stored(6, 2, 2).rows(1), [2]);
    }
}
