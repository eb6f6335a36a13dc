//! Visits and cells annealed together, for one pattern.

use rayon::prelude::*;

use super::cells::Cells;
use super::cover::Cover;
use super::draw::{Draw, Odds};
use super::plan::FixedPlan;

/// A plan while visits and cells change.
pub struct Joint {
    cells: Cells,
    covers: Vec<Cover>,
    draws: Vec<Draw>,
    draw: Draw,
    touched: Vec<(u32, i32)>,
}

/// Moves of visits in a round at full pace, for each slot.
const VISITS: u64 = 16;
/// Changes of cells in a round at full pace, for each cell.
const CHANGES: u64 = 16;
/// Least changes of cells in a round at full pace.
const LEAST_CHANGES: u64 = 64_000;
/// Full pace.
pub const FULL_PACE: u64 = 64;
/// Outputs that are looked at in the time of one move of a visit.
const LOOKS: u64 = 16;

impl Joint {
    /// `draws`: for each layer one.
    pub fn new(plan: FixedPlan, draws: Vec<Draw>, draw: Draw) -> Self {
        Self { cells: plan.cells, covers: plan.covers, draws, draw, touched: Vec::new() }
    }

    /// The plan as it is, and the streams of random numbers.
    pub fn end(self) -> (FixedPlan, Vec<Draw>) {
        (FixedPlan { cells: self.cells, covers: self.covers }, self.draws)
    }

    /// Weights without a cell.
    pub fn total(&self) -> i64 {
        self.covers.iter().map(Cover::total).sum()
    }

    fn changes(&self) -> u64 {
        ((self.cells.core_rows() * self.cells.columns()) as u64 * CHANGES).max(LEAST_CHANGES)
    }

    /// Work of a round at full pace.
    pub fn full_round(&self) -> u64 {
        let slots: u64 = self.covers.iter().map(|cover| cover.slots() as u64).sum();
        let looks: u64 = self.covers.iter().map(|cover| cover.visitors_of_a_row() as u64).sum();
        slots * VISITS + self.changes() * (1 + looks / LOOKS)
    }

    /// Visits of all layers, side by side, then cells; returns the work done.
    pub fn round(&mut self, odds: &Odds, pace: u64) -> u64 {
        let cells = &self.cells;
        let visits = |(cover, draw): (&mut Cover, &mut Draw)| {
            let moves = cover.slots() as u64 * VISITS * pace / FULL_PACE + 20;
            crate::simd::simd(
                #[inline(always)]
                || cover.improve(cells, draw, moves, odds),
            );
            moves
        };
        let moves: u64 = self.covers.par_iter_mut().zip(&mut self.draws).map(visits).sum();
        let changes = self.changes() * pace / FULL_PACE + 20;
        let touched = crate::simd::simd(
            #[inline(always)]
            || self.change_cells(changes, odds),
        );
        moves + changes + touched
    }

    /// Changes of cells; returns how many outputs were looked at, many of which count as one move.
    #[inline(always)]
    fn change_cells(&mut self, changes: u64, odds: &Odds) -> u64 {
        let (rows, columns, levels) = (self.cells.core_rows(), self.cells.columns(), self.cells.blocks() * 16);
        let per_change: usize = self.covers.iter().map(Cover::visitors_of_a_row).sum();
        for _ in 0..changes {
            let column = self.draw.below(columns);
            match self.draw.below(8) {
                // Exchange with a cell of another core row.
                0..3 => {
                    let row = self.draw.below(rows);
                    let (other, other_column) = (self.draw.below(rows), self.draw.below(columns));
                    let (from, to) = (self.cells.level(0, row, column), self.cells.level(0, other, other_column));
                    if other == row || to == from {
                        continue;
                    }
                    let first = self.change(row, from, to);
                    self.changed(row, from, to);
                    let second = self.change(other, to, from);
                    if odds.accept(first + second, &mut self.draw) {
                        self.changed(other, to, from);
                        self.cells.set(0, row, column, to);
                        self.cells.set(0, other, other_column, from);
                    } else {
                        self.changed(row, to, from);
                    }
                }
                // Another level: a neighbour, or one that some output misses.
                which => {
                    let (row, to) = if which < 5 {
                        let row = self.draw.below(rows);
                        let from = self.cells.level(0, row, column);
                        (row, if which == 3 { from + 1 } else { from.wrapping_sub(1) })
                    } else {
                        let layer = self.draw.below(self.covers.len());
                        match self.covers[layer].wanted(&mut self.draw) {
                            Some((level, row)) => (row, level),
                            None => continue,
                        }
                    };
                    let from = self.cells.level(0, row, column);
                    if to >= levels || to == from || self.cells.cells_at(0, from) < 2 || self.cells.cells_at(0, to) == 0
                    {
                        continue;
                    }
                    if odds.accept(self.change(row, from, to), &mut self.draw) {
                        self.changed(row, from, to);
                        self.cells.set(0, row, column, to);
                    }
                }
            }
        }
        changes * per_change as u64 / LOOKS
    }

    #[inline(always)]
    fn change(&self, row: usize, from: usize, to: usize) -> i32 {
        self.covers.iter().map(|cover| cover.change(0, row, from, to)).sum()
    }

    #[inline(always)]
    fn changed(&mut self, row: usize, from: usize, to: usize) {
        self.covers.iter_mut().for_each(|cover| cover.changed(0, row, from, to, &mut self.touched));
    }
}
