//! 2. Weights to levels: device profiles and quantizers.
//!
//! ```text
//! DeviceProfile (preset or FILE.toml) --transmissions by level--> Quantizer --weights--> LevelMatrix
//! ```
//!
//! A [`DeviceProfile`] says what a PCM cell can hold and what writing it costs; a [`Quantizer`] turns a layer's weights
//! into signed levels of that device; a [`LevelMatrix`] is what every later stage works on.
//!
//! `docs/device-model.md` lists every physical constant with its symbol, unit and source.

mod band;
mod clip;
mod device;
mod device_error;
mod device_file;
mod kernel;
mod matrix;
mod quantize;
mod transmission;

#[cfg(test)]
mod quantize_tests;

pub use band::Band;
pub use clip::CANDIDATES;
pub use device::{DeviceProfile, MAX_FILE_BYTES};
pub use device_error::DeviceError;
pub use device_file::{EnduranceCycle, Origin, Provenance};
pub use matrix::{LevelMatrix, Scales};
pub use quantize::{Quantizer, Reparam, ScaleMode};
pub use transmission::Transmission;
