//! Proven lower bounds on the writes of an inference in steady state (docs/ordering.md, theorems 4 to 6).
//!
//! Look at one gap between two neighbouring levels, `h | h + 1`: every write crosses one gap, so the writes are the crossings,
//! summed over the gaps. A row with `above` weights above the gap and `below` at or below it, in Q steps, needs at least
//! `a = ceil(above / Q)` cells that are above at some time, and `b = ceil(below / Q)` that are below at some time. If `a + b > C`, some
//! have to cross within the row (theorem 4); if one row needs many above and a later one many below, some have to cross between
//! the two (theorem 5). All gaps of a layer together may force more: idle places that help at one gap are missing at another, and
//! similar rows cannot be neighbours at all gaps at once (theorem 6).
//!
//! With reach `lane` and rows in their places the optimum itself is known ([`LaneBound`], theorem 2).

mod lane;
mod links;
mod row;
#[cfg(test)]
mod tests;

pub use lane::LaneBound;
pub use row::RowBound;
