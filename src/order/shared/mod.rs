//! Orders for cores whose rows share inputs: all weights of a matrix column in a row group move together.
//!
//! ```text
//! distance.rs    columns as vectors of bytes, and how far apart they are
//! exact.rs       the shortest path through few nodes
//! tour.rs        a path as an array that is changed by reversals
//! moves.rs       2-opt and Or-opt
//! search.rs      nearest neighbours, local search, iterated local search
//! held_karp.rs   lower bounds by spanning trees with multipliers
//! layer.rs       which rows share their inputs, and the columns of a layer
//! fits.rs        which lanes a column may go to, around faulty cells
//! arrange.rs     all layers of a segment
//! lane.rs        reach `lane`: a path for each lane and tile row
//! lane_bound.rs  what no paths of a lane go below
//! row.rs         reach `row`: chains for all lanes of a tile row at once
//! row_bound.rs   what no chains go below
//! seam.rs        steps between tile rows, for bounds
//! swap.rs        exchanges of columns between chains
//! assignment.rs  which chain goes to which lane
//! ```

pub mod arrange;
mod assignment;
pub mod distance;
mod exact;
mod fits;
mod held_karp;
pub mod lane;
mod lane_bound;
pub mod layer;
mod moves;
#[cfg(test)]
mod recount;
pub mod row;
mod row_bound;
mod seam;
pub mod search;
mod swap;
mod tour;

pub use arrange::{SharedArrangement, arrange};
pub use layer::SharedLayer;
pub use search::Effort;
