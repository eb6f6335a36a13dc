//! 6. Training: data, write-aware losses, optimiser, the loop.

pub mod write_loss;
