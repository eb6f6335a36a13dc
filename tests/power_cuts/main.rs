//! Power cuts: at every single write of a cell, word of flash, and erased block, and what must hold after them.

#[path = "../support/mod.rs"]
mod support;

mod promises;
mod sweep;
