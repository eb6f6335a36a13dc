//! Orders for cores whose rows share inputs: all weights of a matrix column in a row group move together.
//!
//! ```text
//! layer.rs          which rows share their inputs, and the columns of a layer
//! lane_matching.rs  which lanes a column may go to, around faulty cells
//! arrange.rs        all layers of a segment
//! lane.rs           reach `lane`: a path for each lane and tile row
//! row.rs            reach `row`: chains for all lanes of a tile row at once
//! swap.rs           exchanges of columns between chains
//! ```

pub mod arrange;
pub mod lane;
pub mod lane_matching;
pub mod layer;
#[cfg(test)]
pub(super) mod recount;
pub mod row;
mod swap;

pub use arrange::{SharedArrangement, arrange};
pub use layer::SharedLayer;
