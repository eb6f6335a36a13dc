//! Cutting a sorted row into chunks, one for each cell.
//!
//! A row of `N` weights, sorted by level, is cut into `C` contiguous chunks of at most `Q` weights; in a cut by the dynamic program cell
//! `c` serves the c-th chunk. With `N = Q C` there is one way to do so. Otherwise `Q C - N` places stay idle, and where they are spent decides
//! how many chunks straddle a level.
//!
//! ```text
//! costs.rs             what a chunk costs a cell
//! dense.rs             the program over cells and idle places
//! sparse.rs            the same cuts, for rows with many idle places
//! level_assignment.rs  rows in which every level has cells of its own
//! row_cut.rs           the cut of a row, by whichever of them suits it
//! ranges.rs            cuts for cells that do not hold every level
//! ```

pub(super) mod costs;
mod dense;
mod level_assignment;
pub(super) mod ranges;
mod row_cut;
mod sparse;

pub use row_cut::Cut;
