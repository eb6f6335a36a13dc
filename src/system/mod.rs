//! The hardware around the PCM cells, and what a whole inference costs on it.
//!
//! ```text
//! constant.rs   one physical constant: number, unit, source, mark
//! profile.rs    SystemProfile: every constant of a system, from a preset or a TOML file
//! laws.rs       converters by bits and rate, laser power from the link budget
//! load.rs       what a plan asks of the hardware, layer by layer
//! inference.rs  load x system x batch -> time, energy, life, each with its parts
//! ```
//!
//! The module knows nothing of planning, files of weights, or reports: it takes counts and returns figures, by pure functions.
//! docs/system-model.md has every formula and every constant.

mod constant;

mod error;

mod inference;

mod laws;

mod load;

mod profile;

pub use constant::{Constant, Mark};
pub use error::SystemError;
pub use inference::{EnergyParts, Hidden, Inference, LayerInference, Life, TimeParts, auto_batch, buffer_bytes, infer};
pub use laws::{adc_energy_pj, dac_energy_pj, laser_power_mw, link_loss_db};
pub use load::{CellsAtOnce, CoreLoad, Hardware, LayerLoad, Load};
pub use profile::{
    Bits, Buffer, Controller, Converter, Detectors, DetectorsPer, EveryCell, Idle, Laser, LaserOn, Law, Link,
    Modulators, Overlap, Split, SystemProfile, Timing,
};
