//! 5. An order to bytes: the encoder of docs/schedule-format.md. The decoder is the firmware's.

pub mod bits;
pub mod header;
pub mod records;
pub mod visits;
pub mod writer;
