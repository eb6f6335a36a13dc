//! Chains: what one cell serves, stage after stage, and the cheapest way through it.
//!
//! ```text
//! frontier.rs           where the cells of a core row stand between two stages, and at what cost
//! core_row_timeline.rs  the slots of one core row, and the frontiers between them
//! timeline.rs           those of all core rows
//! directions.rs         which way each cell sweeps: the program over two states, cell by cell
//! directions_simd.rs    the same for whole vectors of cells
//! n_state.rs            the program over all levels, for devices that pay by the pulse
//! ```

mod core_row_timeline;
pub mod directions;
pub mod directions_simd;
mod frontier;
pub mod n_state;
pub mod timeline;
