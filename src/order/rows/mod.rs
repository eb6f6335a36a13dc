//! Rows of weights: what they hold, which follow each other, and which change places.
//!
//! ```text
//! profile.rs    a row as counts by level
//! path.rs       a short path through similar rows, dealt to the core rows
//! exchange.rs   rows that trade places
//! placement.rs  all of it together: rows placed, improved and cut again
//! ```

pub mod exchange;
pub mod path;
pub mod placement;
pub mod profile;
