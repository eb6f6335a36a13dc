//! What lies before and after a chain of stages.

use super::frontier::distance;

/// What lies before and after a chain: nothing that is known, given levels, or its own other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boundary<Levels> {
    /// The chain is repeated, inference after inference: where it ends, it begins.
    Cyclic,
    /// The chain is a part of an inference, or one for itself.
    Open {
        /// Levels before it. Where none is known, it begins anywhere at no cost.
        start: Levels,
        /// Levels after it. Where none is known, it ends anywhere at no cost.
        end: Levels,
    },
}

/// Of one cell.
pub type CellBoundary = Boundary<Option<i16>>;

/// Of all cells of the cores, core row by core row.
pub type CoreBoundary = Boundary<Vec<Option<i16>>>;

impl Copy for CellBoundary {}

impl CellBoundary {
    /// A chain that begins and ends anywhere.
    pub const FREE: Self = Self::Open { start: None, end: None };

    /// Level steps from what lies before the chain to `first`, and from `last` to what lies after it.
    #[must_use]
    pub fn around(self, first: i16, last: i16) -> i64 {
        let steps = |from: Option<i16>, to: i16| from.map_or(0, |from| i64::from(distance(from, to)));
        match self {
            Self::Cyclic => steps(Some(last), first),
            Self::Open { start, end } => steps(start, first) + steps(end, last),
        }
    }

    /// The levels between which a chain runs that begins and ends at `own` levels; none if the cell is never used.
    #[must_use]
    pub fn ends(self, own: Option<(i16, i16)>) -> (i16, i16) {
        match (self, own) {
            (Self::Cyclic, own) => own.map_or((0, 0), |(_, last)| (last, last)),
            (Self::Open { start: None, .. }, None) => (0, 0),
            (Self::Open { start: Some(start), end }, None) => (start, end.unwrap_or(start)),
            (Self::Open { start, end }, Some((first, last))) => (start.unwrap_or(first), end.unwrap_or(last)),
        }
    }
}

impl CoreBoundary {
    /// That of one cell.
    #[must_use]
    pub fn of_cell(&self, cell: usize) -> CellBoundary {
        match self {
            Self::Cyclic => Boundary::Cyclic,
            Self::Open { start, end } => Boundary::Open { start: start[cell], end: end[cell] },
        }
    }

    /// The levels before the chains, where all are given.
    #[must_use]
    pub fn start(&self) -> Option<Vec<i16>> {
        match self {
            Self::Cyclic => None,
            Self::Open { start, .. } => start.iter().copied().collect(),
        }
    }

    /// Whether an inference begins with these chains: nothing comes before them.
    #[must_use]
    pub fn begins(&self) -> bool {
        match self {
            Self::Cyclic => true,
            Self::Open { start, .. } => start.iter().all(Option::is_none),
        }
    }
}
