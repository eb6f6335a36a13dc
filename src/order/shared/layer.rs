//! Which rows of a layer share their inputs.
//!
//! ```text
//! core rows    | 0 .. N-1 | N .. 2N-1 | ...        row groups: each lane of a row group has one input
//! tile row 0   | bundle 0 | bundle 1  | ...
//! tile row 1   | bundle G | ...                    G = R / N row groups
//! ```
//!
//! A *bundle* is up to N rows of a layer that run on one row group together. Rows of a grouped convolution have their own inputs group by
//! group, so a bundle holds rows of one group only: a depthwise layer needs a row group for each row.

use super::distance::Nodes;
use super::fits::Fits;
use crate::faults::CellRange;
use crate::level::LevelMatrix;
use crate::order::Reach;
use crate::order::program::IDLE;

/// A core whose rows share inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
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

impl Sharing {
    /// Row groups of all cores together.
    #[must_use]
    pub fn places(&self) -> usize {
        self.core_rows / self.fanout
    }
}

/// The bundles of a layer, in the order in which they run: bundle i in tile row `i / places` on row group `i % places`.
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
    pub fn tile_rows(&self, sharing: Sharing) -> usize {
        self.len().div_ceil(sharing.places())
    }

    /// The row that runs on a core row in a tile row, if any.
    #[must_use]
    pub fn row(&self, sharing: Sharing, tile_row: usize, core_row: usize) -> Option<u32> {
        let bundle = tile_row * sharing.places() + core_row / sharing.fanout;
        (bundle < self.len()).then(|| self.rows(bundle).get(core_row % sharing.fanout).copied()).flatten()
    }
}

/// Weight cells that cannot hold every level, or should rest.
#[derive(Clone, Copy, Debug)]
pub struct Damage<'a> {
    /// What each weight cell can hold, core row by core row.
    pub ranges: &'a [CellRange],
    /// Which should rest.
    pub weak: &'a [bool],
}

/// A layer's columns, bundle by bundle.
#[derive(Clone, Debug)]
pub struct SharedLayer {
    /// Which rows run together.
    pub bundles: Bundles,
    /// Inputs of a row.
    pub cols: usize,
    /// The columns of each bundle.
    pub columns: Vec<Columns>,
}

/// The columns of a bundle that are multiplied.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Their levels.
    pub nodes: Nodes,
    /// Which lanes each may go to; none: any.
    pub fits: Option<Fits>,
    /// The column of each node, where some are left out.
    some: Option<Vec<u32>>,
}

impl Columns {
    /// The column of a node.
    #[must_use]
    pub fn column(&self, node: u32) -> u32 {
        self.some.as_ref().map_or(node, |some| some[node as usize])
    }

    /// The nodes that keep to a lane, of so many.
    #[must_use]
    pub fn of_lane(&self, lane: usize, cells: usize) -> Vec<u32> {
        match &self.some {
            None => (lane as u32..self.nodes.len() as u32).step_by(cells).collect(),
            Some(some) => {
                let all = some.iter().enumerate();
                all.filter(|(_, column)| **column as usize % cells == lane).map(|(node, _)| node as u32).collect()
            }
        }
    }
}

impl SharedLayer {
    /// Takes the columns of a layer with so many groups of inputs; those of level [`IDLE`] are left out. `damage`: of the core, to which the levels are fitted
    /// ([`crate::faults::hold`]).
    #[must_use]
    pub fn of(levels: &LevelMatrix, groups: usize, sharing: Sharing, reach: Reach, damage: Option<Damage<'_>>) -> Self {
        let bundles = Bundles::stored(levels.rows, groups, sharing.fanout);
        let columns = (0..bundles.len()).map(|i| {
            let rows: Vec<&[i16]> = bundles.rows(i).iter().map(|&row| levels.row(row as usize)).collect();
            let Some(damage) = damage else {
                return Columns { nodes: Nodes::of(&rows, levels.cols, sharing.top), fits: None, some: None };
            };
            let some: Vec<u32> = (0..levels.cols as u32).filter(|&column| rows[0][column as usize] != IDLE).collect();
            let rows: Vec<Vec<i16>> =
                rows.iter().map(|row| some.iter().map(|&column| row[column as usize]).collect()).collect();
            let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
            let place = i % sharing.places();
            let fits = (reach == Reach::Row).then(|| Fits::of(&rows, some.len(), sharing, place, damage));
            Columns { nodes: Nodes::of(&rows, some.len(), sharing.top), fits, some: Some(some) }
        });
        let columns = columns.collect();
        Self { bundles, cols: levels.cols, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_keep_groups_apart() {
        let sharing = Sharing { cores: 1, core_rows: 4, cells: 3, fanout: 2, top: 15 };
        let plain = Bundles::stored(7, 1, 2);
        assert_eq!((plain.len(), plain.tile_rows(sharing)), (4, 2));
        assert_eq!(plain.rows(3), [6]);
        let rows: Vec<_> = (0..4).map(|core_row| plain.row(sharing, 1, core_row)).collect();
        assert_eq!(rows, [Some(4), Some(5), Some(6), None]);
        let depthwise = Bundles::stored(3, 3, 2);
        let rows: Vec<_> = (0..8).map(|i| depthwise.row(sharing, i / 4, i % 4)).collect();
        assert_eq!(rows, [Some(0), None, Some(1), None, Some(2), None, None, None]);
        assert_eq!(Bundles::stored(6, 2, 2).rows(1), [2]);
    }
}
