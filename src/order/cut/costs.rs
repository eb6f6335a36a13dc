//! What a chunk of a row costs a cell.

use crate::order::chain::timeline::{Ends, distance};

/// What cells pay; none for what a cell cannot do.
pub trait CellCost {
    /// Cost for `cell` to visit all of `[lo, hi]`. If a cell cannot, it can neither visit a longer interval from `lo` on.
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> Option<i32>;
    /// Cost for `cell` to idle.
    fn idle(&self, cell: usize) -> i32;
}

/// The range alone: for a first cut, before it is known what lies around the row.
pub struct RangeCost;

impl CellCost for RangeCost {
    #[inline]
    fn visit(&self, _: usize, lo: i16, hi: i16) -> Option<i32> {
        Some(i32::from(hi - lo))
    }
    fn idle(&self, _: usize) -> i32 {
        0
    }
}

/// The exact cost between two frontiers.
pub struct FrontierCost<'a> {
    /// Before the row.
    pub past: Ends<'a>,
    /// Behind it.
    pub future: Ends<'a>,
}

impl CellCost for FrontierCost<'_> {
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> Option<i32> {
        let (past, future) = (|x| i32::from(self.past.reach(cell, x)), |x| i32::from(self.future.reach(cell, x)));
        Some((past(lo) + future(hi)).min(past(hi) + future(lo)) + i32::from(hi - lo))
    }
    fn idle(&self, cell: usize) -> i32 {
        i32::from(self.past.meet(cell, &self.future))
    }
}

/// The same, tabulated by level and cell: for many visits of each.
pub struct TabulatedCost<'a> {
    table: &'a CostTable,
    ends: FrontierCost<'a>,
}

/// Buffers of a [`TabulatedCost`].
#[derive(Clone, Debug, Default)]
pub struct CostTable {
    cells: usize,
    top: i16,
    /// By level and cell: from the frontier before to the level, and from the level to the frontier behind.
    enter: Vec<i16>,
    leave: Vec<i16>,
}

impl CostTable {
    /// Takes the costs at all levels in `-top..=top` of so many cells.
    pub fn fill<'a>(&'a mut self, top: i16, cells: usize, ends: FrontierCost<'a>) -> TabulatedCost<'a> {
        (self.cells, self.top) = (cells, top);
        for (table, ends) in [(&mut self.enter, &ends.past), (&mut self.leave, &ends.future)] {
            table.clear();
            table.resize((2 * top as usize + 1) * cells, 0);
            for (x, row) in (-top..=top).zip(table.chunks_exact_mut(cells)) {
                ends.reach_all(x, row);
            }
        }
        TabulatedCost { table: self, ends }
    }
}

impl TabulatedCost<'_> {
    /// As [`CellCost::visit`].
    #[inline]
    pub fn of_visit(&self, cell: usize, lo: i16, hi: i16) -> i32 {
        let CostTable { cells, top, enter, leave } = self.table;
        let at = |level: i16| (level + top) as usize * cells + cell;
        let (l, h) = (at(lo), at(hi));
        i32::from((enter[l] + leave[h]).min(enter[h] + leave[l]) + distance(lo, hi))
    }
}

impl CellCost for TabulatedCost<'_> {
    #[inline]
    fn visit(&self, cell: usize, lo: i16, hi: i16) -> Option<i32> {
        Some(self.of_visit(cell, lo, hi))
    }
    fn idle(&self, cell: usize) -> i32 {
        self.ends.idle(cell)
    }
}
