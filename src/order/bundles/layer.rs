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

use super::lane_matching::LaneMatching;
use crate::geometry::{Bundles, Damage, IDLE, Reach, Wiring};
use crate::level::LevelMatrix;
use crate::order::tour::nodes::Nodes;

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
    pub allowed_lanes: Option<LaneMatching>,
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
    /// Weights of the layer.
    #[must_use]
    pub fn weights(&self) -> u64 {
        (0..self.bundles.len()).map(|bundle| (self.bundles.rows(bundle).len() * self.cols) as u64).sum()
    }

    /// Takes the columns of a layer with so many groups of inputs; those of level [`IDLE`] are left out. `damage`: of the core, to which the levels are fitted
    /// ([`crate::faults::hold`]).
    #[must_use]
    pub fn of(levels: &LevelMatrix, groups: usize, wiring: Wiring, reach: Reach, damage: Option<&Damage>) -> Self {
        let bundles = Bundles::stored(levels.rows, groups, wiring.fanout);
        let columns = (0..bundles.len()).map(|i| {
            let rows: Vec<&[i16]> = bundles.rows(i).iter().map(|&row| levels.row(row as usize)).collect();
            let Some(damage) = damage else {
                return Columns { nodes: Nodes::of(&rows, levels.cols, wiring.top), allowed_lanes: None, some: None };
            };
            let some: Vec<u32> = (0..levels.cols as u32).filter(|&column| rows[0][column as usize] != IDLE).collect();
            let rows: Vec<Vec<i16>> =
                rows.iter().map(|row| some.iter().map(|&column| row[column as usize]).collect()).collect();
            let rows: Vec<&[i16]> = rows.iter().map(Vec::as_slice).collect();
            let place = i % wiring.row_groups();
            let allowed_lanes =
                (reach == Reach::Row).then(|| LaneMatching::of(&rows, some.len(), wiring, place, damage));
            Columns { nodes: Nodes::of(&rows, some.len(), wiring.top), allowed_lanes, some: Some(some) }
        });
        let columns = columns.collect();
        Self { bundles, cols: levels.cols, columns }
    }
}

/// The columns of one tile row in a row group.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Their levels.
    pub nodes: &'a Nodes,
    /// Which lanes each may go to; none: any.
    pub allowed_lanes: Option<&'a LaneMatching>,
    /// Steps of the tile row: no lane has more nodes.
    pub steps: usize,
}

impl Stage<'_> {
    /// Whether a node may go to a lane.
    #[inline]
    pub fn may(&self, node: u32, lane: usize) -> bool {
        self.allowed_lanes.is_none_or(|allowed_lanes| allowed_lanes.may(node, lane))
    }
}
