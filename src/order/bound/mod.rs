//! Proven lower bounds.
//!
//! ```text
//! rows.rs           reach `row`, an input for every weight cell
//! junctions.rs      what the cells have to move between two rows
//! pulse.rs          devices that pay by the pulse
//! lane_tours.rs     shared inputs, reach `lane`: paths of one lane
//! bundle_chains.rs  shared inputs, reach `row`: chains of all lanes
//! seams.rs          steps between tile rows
//! held_karp.rs      spanning trees with multipliers
//! ```

pub mod bundle_chains;
pub mod held_karp;
mod junctions;
pub mod lane_tours;
pub mod pulse;
pub mod rows;
mod seams;
