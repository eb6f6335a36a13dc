//! Short paths through the columns of a row group: the travelling salesman's problem in the L1 metric.
//!
//! ```text
//! nodes.rs                  columns as vectors of bytes, and how far apart they are
//! array.rs                  a path as an array that is changed by reversals
//! local_search.rs           2-opt and Or-opt
//! iterated_local_search.rs  nearest neighbours, local search, kicks
//! exact.rs                  the shortest path through few nodes, by dynamic programming
//! assignment.rs             rows to columns of a cost matrix, at the least sum
//! ```

pub(super) mod array;
pub mod assignment;
mod exact;
pub mod iterated_local_search;
pub(super) mod local_search;
pub mod nodes;
