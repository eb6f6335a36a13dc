//! Chains: what one cell serves, stage after stage, and the cheapest way through it.
//!
//! ```text
//! boundary.rs           what lies before and after a chain
//! two_state.rs          the program over two states of theorem 2, cell by cell
//! frontier.rs           the same for whole vectors of cells: where they stand between two stages, and at what cost
//! core_row_timeline.rs  the slots of one core row, and the frontiers between them
//! timeline.rs           those of all core rows
//! directions_simd.rs    which way each cell of a core row sweeps
//! directions.rs         which way all cells sweep
//! n_state.rs            the program over all levels, for devices that pay by the pulse
//! ```

pub mod boundary;
mod core_row_timeline;
pub mod directions;
mod directions_simd;
mod frontier;
pub mod n_state;
pub mod timeline;
pub mod two_state;
