//! Rows of weights: what they hold, which follow each other, and which change places.

pub mod exchange;
pub mod path;
pub mod profile;
