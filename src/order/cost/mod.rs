//! What writes cost, and how they are counted.
//!
//! ```text
//! objective.rs      what an order makes small
//! pulse_cost.rs     what a change costs on a device that pays by the pulse
//! tally.rs          first load and steady state of a program, from one walk
//! move_counters.rs  how many moves of each length
//! ```

mod move_counters;
pub mod objective;
pub mod pulse_cost;
pub mod tally;
