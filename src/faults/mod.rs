//! Cores with faulty and worn PCM cells: what each weight cell can still hold.

mod core_faults;
mod error;
mod file;
mod hold;

pub use core_faults::{CoreFaults, retire};
pub use error::FaultError;
pub use file::{FaultEntry, FaultFile, Kind, Side, WearTable};
pub use hold::{Loss, hold};
