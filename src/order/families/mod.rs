//! Families of plans: each knows the order of one kind of core and objective, from what it needs of a layer to what every slot does.
//!
//! ```text
//! LevelMatrix -> Family::add ... Family::add -> Family::arrange(boundary) -> Slots -> Program
//! ```
//!
//! The planner asks [`choose`] for the family that serves a [`Problem`] and from then on knows the two traits alone, [`Family`] and
//! [`Slots`](crate::order::slots::Slots). A new family is a file here and a line in `FAMILIES`.

mod any_cell;
mod around_faults;
mod bundles;
mod family;
pub mod lanes;
mod level_runs;
mod pulse_lanes;
pub mod reach_core;
pub mod sorted_rows;
mod stored;
mod swept;

pub use family::{Arranged, Bound, Family, OrderError, Problem};
pub use stored::{StoredSlots, Within};

/// Begins a family, if it serves the problem.
type Begin = for<'a> fn(&'a Problem) -> Option<Box<dyn Family + 'a>>;

/// All families but the last; the first that serves a problem plans it.
const FAMILIES: [Begin; 5] = [
    // Reach `core`.
    |problem| Some(Box::new(any_cell::AnyCell::new(problem)?)),
    // Rows share inputs.
    |problem| Some(Box::new(bundles::Bundled::new(problem)?)),
    // An input for every weight cell, reach `row`: damaged cores, and intact ones.
    |problem| Some(Box::new(around_faults::AroundFaults::new(problem)?)),
    |problem| Some(Box::new(sorted_rows::SortedRows::new(problem)?)),
    // Reach `lane`, paid by the pulse.
    |problem| Some(Box::new(pulse_lanes::PulseLanes::new(problem)?)),
];

/// The family that serves a problem: [`lanes`] where no other does.
#[must_use]
pub fn choose(problem: &Problem) -> Box<dyn Family + '_> {
    let first = FAMILIES.iter().find_map(|begin| begin(problem));
    first.unwrap_or_else(|| Box::new(lanes::Lanes::new(problem)))
}
