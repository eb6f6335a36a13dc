//! What the cells of a core really hold: a schedule recorded as notes on every weight, and the weights that come of it with noise, drift and faults.
//!
//! ```text
//! schedule bytes -> recording (which weight sits in which cell at which write and step)
//!                       |  noise, faults, seed
//!                       v
//!                   programmed (what the core multiplies with in place of each weight)
//!                       |
//!                       v
//!                   effective (all of it, in the tensors that the weights came in)
//! ```
//!
//! `belongs` proves that a schedule, a device and weights belong together. `docs/simulation.md` has the models with their units and sources.

pub mod noise;

pub mod recording;

pub mod programmed;

pub mod belongs;

pub mod effective;

mod error;

pub use error::CellsError;
