//! The two ends of the link with a bad line between them.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod disconnects;
mod grid;
mod line;
