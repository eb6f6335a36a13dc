//! Converters by bits, and the laser from its link budget.
//!
//! The laws are those that published simulators use (docs/system-model.md names them); each is one line of arithmetic.

use super::load::Hardware;
use super::profile::{Converter, Laser, Law, Modulators, Split, SystemProfile};

impl Law {
    /// How the energy grows with the bits, up to a factor.
    fn growth(self, bits: f64) -> f64 {
        match self {
            Self::Capacitor => bits.exp2() / (bits + 1.0),
            Self::Linear => bits,
            Self::Flash => bits.exp2() - 1.0,
            Self::Constant => 1.0,
        }
    }
}

fn energy_pj(converter: &Converter, cell_bits: u8) -> f64 {
    let growth = |bits| converter.law.growth(bits);
    let scaled = growth(converter.bits.of(cell_bits)) / growth(converter.reference_bits.value);
    converter.energy_pj_per_sample.value * scaled
}

/// Energy of one sample of a modulator's converter, pJ: `E0 law(b) / law(b0)`.
#[must_use]
pub fn dac_energy_pj(system: &SystemProfile, cell_bits: u8) -> f64 {
    energy_pj(&system.dac, cell_bits)
}

/// Energy of one sample of a row's converter, pJ: `E0 law(b) / law(b0)`.
#[must_use]
pub fn adc_energy_pj(system: &SystemProfile, cell_bits: u8) -> f64 {
    energy_pj(&system.adc, cell_bits)
}

/// What is lost between the source and a detector, dB: coupling, the stages of the splitter, the modulator, the cell; the split itself is not in it.
#[must_use]
pub fn link_loss_db(laser: &Laser, modulators: &Modulators, hardware: &Hardware) -> f64 {
    let stages = hardware.rows.max(hardware.cols).max(1).next_power_of_two().trailing_zeros();
    laser.coupling_loss_db.value
        + laser.splitter_loss_db.value * f64::from(stages)
        + modulators.loss_db.value
        + laser.cell_loss_db.value
}

/// Electrical power of the laser while it is on, mW:
/// `10^((loss + sensitivity + 10 log10 F) / 10) / efficiency * 2^b / (1 - 10^(-ER / 10))`.
///
/// `F`: the cells that the light is split over, R C or 1 where the split is not counted. `b`: the bits that an output is read with: each
/// more halves the smallest step of power that has to be seen. `ER`: the modulators' extinction ratio.
#[must_use]
pub fn laser_power_mw(system: &SystemProfile, hardware: &Hardware) -> f64 {
    let (laser, modulators) = (&system.laser, &system.modulators);
    let split = match laser.split {
        Split::Cells => (hardware.rows * hardware.cols) as f64,
        Split::None => 1.0,
    };
    let level_dbm = link_loss_db(laser, modulators, hardware) + laser.sensitivity_dbm.value + 10.0 * split.log10();
    let levels = system.adc.bits.of(hardware.bits).exp2();
    let contrast = 1.0 - 10f64.powf(-modulators.extinction_ratio_db.value / 10.0);
    10f64.powf(level_dbm / 10.0) / laser.efficiency.value * levels / contrast
}
