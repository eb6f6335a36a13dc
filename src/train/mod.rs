//! 6. Training: data, write-aware losses, optimiser, the loop.

pub mod data;

pub mod write_loss;
