//! What the core will do: a network's accuracy when every planned layer is computed as the schedule programs it.
//!
//! ```text
//! elight::cells: recording -> programmed (the weights that the core really multiplies with)
//!                       |                               stepped: the firmware's decoder and core, step by step
//!                       v                                  |  the same outputs, on a sample in every run
//!                   on_core (ordinary products, or step by step through the ADC) -> networks -> run -> report
//! ```
//!
//! Everything that is not on the core (batch norm, activations, pooling, biases, layers that were not planned) is computed digitally, in
//! floating point. `docs/simulation.md` has the models with their units and sources.

pub mod converter;
pub mod on_core;
pub mod steps;

pub mod stepped;

mod error;
mod networks;
mod outcome;
mod planned;
mod prove;
mod run;

pub mod report;

pub use error::SimError;
pub use networks::Watch;
pub use outcome::{LayerOutcome, Outcome, Proof, Score};
pub use planned::Settings;
pub use run::Simulation;
