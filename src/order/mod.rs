//! 4. Levels to an order: which weight sits in which cell at which step.

pub mod profile;
pub mod timeline;

pub mod chunk;
pub mod direction;
pub mod quantile;
pub mod rows;
pub mod search;
