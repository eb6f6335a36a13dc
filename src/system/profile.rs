//! Every constant of a system, from a preset or a TOML file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::SystemError;
use super::constant::{Constant, RawConstant, Rule, Text, table};
use super::load::CellsAtOnce;

/// The largest system file that is read, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The presets, by name: the same format that a user writes, compiled in.
const PRESETS: [(&str, &str); 5] = [
    ("bench", include_str!("presets/bench.toml")),
    ("feldmann-2021", include_str!("presets/feldmann-2021.toml")),
    ("lightening", include_str!("presets/lightening.toml")),
    ("skylight", include_str!("presets/skylight.toml")),
    ("simphony", include_str!("presets/simphony.toml")),
];

/// What happens while light is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The schedule of the next step arrives and is decoded under the light of this one.
    LinkAndDecode,
    /// Nothing: all follows one after the other.
    None,
}

/// How a converter's energy a sample grows with its bits `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// `2^b / (b + 1)`: a capacitor array.
    Capacitor,
    /// `b`: successive approximation.
    Linear,
    /// `2^b - 1`: a comparator for each level.
    Flash,
    /// Not at all.
    Constant,
}

/// When the laser draws power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaserOn {
    /// Only while vectors are streamed.
    WhileLit,
    /// Always, also while the core is programmed.
    Always,
}

/// Over what the light of one source is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Over all R x C cells: each needs the detector's sensitivity.
    Cells,
    /// Splitting is not counted.
    None,
}

/// What has a photodetector of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorsPer {
    /// Every cell: currents are summed along the row.
    Cell,
    /// Every row: light is summed.
    Row,
}

/// Bits of a converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// As many as a PCM cell has.
    Cell,
    /// So many.
    Number(i64),
}

impl Bits {
    /// The number, for a PCM cell of so many bits.
    #[must_use]
    pub fn of(self, cell: u8) -> f64 {
        match self {
            Self::Cell => f64::from(cell),
            Self::Number(bits) => bits as f64,
        }
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bits;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"cell\" or a number of bits")
            }

            fn visit_i64<E: serde::de::Error>(self, bits: i64) -> Result<Bits, E> {
                Ok(Bits::Number(bits))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bits, E> {
                if text == "cell" {
                    return Ok(Bits::Cell);
                }
                Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

table! {
    /// Vectors, settling, and what is done at the same time.
    Timing, RawTiming, "timing",
    choices {
        /// PCM cells that are written at the same time.
        cells_at_once: CellsAtOnce,
        /// What is done under the light.
        overlap: Overlap,
    }
    constants {
        /// Input vectors in a nanosecond.
        vector_rate_ghz ["GHz", Positive],
        /// Wait between programming and light, each step.
        settle_us ["us", NotNegative],
    }
}

table! {
    /// Every cell is written in every step, whatever changes: how a published simulator counts.
    EveryCell, RawEveryCell, "every_cell",
    choices {}
    constants {
        /// Energy of one cell.
        energy_pj_per_cell ["pJ", NotNegative],
        /// Time of one step.
        time_us_per_step ["us", NotNegative],
    }
}

table! {
    /// Input modulators: R C with an input of its own for every cell, C with shared inputs.
    Modulators, RawModulators, "modulators",
    choices {}
    constants {
        /// Energy of one sample, whatever its bits.
        energy_pj_per_sample ["pJ", NotNegative],
        /// Insertion loss.
        loss_db ["dB", NotNegative],
        /// Ratio of on to off.
        extinction_ratio_db ["dB", Positive],
    }
}

/// Digital to analog for each modulator, or analog to digital for each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Converter {
    /// How the energy grows with the bits.
    pub law: Law,
    /// Its bits.
    pub bits: Bits,
    /// Energy of one sample, at `reference_bits`.
    pub energy_pj_per_sample: Constant,
    /// Bits of the converter that the energy was published for.
    pub reference_bits: Constant,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConverter {
    law: Law,
    bits: toml::Spanned<Bits>,
    energy_pj_per_sample: toml::Spanned<RawConstant>,
    reference_bits: toml::Spanned<RawConstant>,
}

/// Most bits of a converter.
const MAX_CONVERTER_BITS: i64 = 16;

impl RawConverter {
    /// `keys`: of bits, energy and reference.
    fn resolve(self, text: Text<'_>, keys: [&'static str; 3]) -> Result<Converter, SystemError> {
        let [bits_key, energy, reference] = keys;
        let line = text.line(self.bits.span().start);
        let bits = self.bits.into_inner();
        match bits {
            Bits::Number(got) if !(1..=MAX_CONVERTER_BITS).contains(&got) => {
                Err(SystemError::Bits { origin: text.origin.to_owned(), line, key: bits_key, got })
            }
            _ => Ok(Converter {
                law: self.law,
                bits,
                energy_pj_per_sample: text.constant(self.energy_pj_per_sample, energy, "pJ", Rule::NotNegative)?,
                reference_bits: text.constant(self.reference_bits, reference, "1", Rule::Positive)?,
            }),
        }
    }
}

impl Converter {
    /// The constants of this table.
    pub fn constants(&self) -> impl Iterator<Item = &Constant> {
        [&self.energy_pj_per_sample, &self.reference_bits].into_iter()
    }
}

table! {
    /// The light source, and what is lost between it and a detector besides the modulator's loss.
    Laser, RawLaser, "laser",
    choices {
        /// Over what it is split.
        split: Split,
        /// When it draws power.
        on: LaserOn,
    }
    constants {
        /// Least optical power that a detector needs.
        sensitivity_dbm ["dBm", Finite],
        /// Optical power over electrical power.
        efficiency ["1", Fraction],
        /// Loss from the source onto the chip.
        coupling_loss_db ["dB", NotNegative],
        /// Excess loss of each stage of the splitter; there are `ceil(log2 max(R, C))`.
        splitter_loss_db ["dB", NotNegative],
        /// Loss of a PCM cell at its highest level, with its way to the detector.
        cell_loss_db ["dB", NotNegative],
    }
}

table! {
    /// Photodetectors, and an amplifier for each row; they draw power while light is on.
    Detectors, RawDetectors, "detectors",
    choices {
        /// What has one of its own.
        per: DetectorsPer,
    }
    constants {
        /// Power of one photodetector.
        power_mw ["mW", NotNegative],
        /// Power of one row's amplifier.
        amplifier_power_mw ["mW", NotNegative],
    }
}

table! {
    /// Memory for inputs and partial sums, charged by the bytes that each access moves.
    Buffer, RawBuffer, "buffer",
    choices {}
    constants {
        /// Its size.
        capacity_bytes ["B", Positive],
        /// Energy of reading a byte.
        read_pj_per_byte ["pJ/B", NotNegative],
        /// Energy of writing a byte.
        write_pj_per_byte ["pJ/B", NotNegative],
        /// Bytes of one element of an input vector.
        input_bytes ["B", NotNegative],
        /// Bytes of one partial sum.
        partial_sum_bytes ["B", NotNegative],
    }
}

table! {
    /// The controller that decodes the schedule.
    Controller, RawController, "controller",
    choices {}
    constants {
        /// Its clock.
        clock_mhz ["MHz", Positive],
        /// Cycles for each weight of the schedule.
        cycles_per_weight ["1", NotNegative],
        /// Cycles for each PCM cell that is written, on top.
        cycles_per_written_cell ["1", NotNegative],
    }
}

table! {
    /// Where the schedule comes from: a link to the host, or memory beside the controller.
    Link, RawLink, "link",
    choices {}
    constants {
        /// Its rate.
        bytes_per_second ["B/s", Positive],
        /// Energy of a byte.
        energy_pj_per_byte ["pJ/B", NotNegative],
    }
}

table! {
    /// What draws power all the time: heaters, the controller, leakage.
    Idle, RawIdle, "idle",
    choices {}
    constants {
        /// Power of one core with all that belongs to it.
        power_mw ["mW", NotNegative],
    }
}

/// A system: everything around the PCM cells that an inference costs.
///
/// Made by [`SystemProfile::load`], [`preset`](SystemProfile::preset) or [`from_toml_str`](SystemProfile::from_toml_str), which
/// check every number once.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemProfile {
    /// Short name, as in `--system NAME`.
    pub name: String,
    /// One line that says what the system is.
    pub title: String,
    /// Where the figures were published.
    pub source: String,
    /// What a reader of a report has to know about these figures.
    pub notes: Vec<String>,
    /// Vectors, settling, what is done at the same time.
    pub timing: Timing,
    /// Modulators.
    pub modulators: Modulators,
    /// Digital to analog, for each modulator.
    pub dac: Converter,
    /// Analog to digital, for each row.
    pub adc: Converter,
    /// The light source.
    pub laser: Laser,
    /// Photodetectors and amplifiers.
    pub detectors: Detectors,
    /// What draws power all the time.
    pub idle: Idle,
    /// Inputs and partial sums; none: not counted.
    pub buffer: Option<Buffer>,
    /// Decoding; none: not counted.
    pub controller: Option<Controller>,
    /// Fetching the schedule; none: not counted.
    pub link: Option<Link>,
    /// Every cell is written in every step; none: those that change, as the plan and the device say.
    pub every_cell: Option<EveryCell>,
}

/// `[system]` before its values are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSystem {
    name: String,
    title: String,
    source: String,
    #[serde(default)]
    notes: Vec<String>,
    timing: RawTiming,
    modulators: RawModulators,
    dac: RawConverter,
    adc: RawConverter,
    laser: RawLaser,
    detectors: RawDetectors,
    idle: RawIdle,
    buffer: Option<RawBuffer>,
    controller: Option<RawController>,
    link: Option<RawLink>,
    every_cell: Option<RawEveryCell>,
}

/// A system file: `[system]` and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemFile {
    system: RawSystem,
}

/// A device file, of which only `[system]` is read here: the rest has been checked as a device.
#[derive(Deserialize)]
struct DeviceFile {
    system: Option<RawSystem>,
}

impl SystemProfile {
    /// The preset of this name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        Self::from_toml_str(text, &format!("system preset {name}")).ok()
    }

    /// The names of the presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A preset by its name, or else the system file at this path. A preset wins over a file of the same name: write
    /// `./bench` for the file.
    ///
    /// # Errors
    /// [`SystemError`] when there is no such preset or file, the file cannot be read, or breaks a rule of the format.
    pub fn load(arg: &str) -> Result<Self, SystemError> {
        Self::load_with_text(arg).map(|(profile, _)| profile)
    }

    /// The same, with the text of the preset or file.
    ///
    /// # Errors
    /// As of [`load`](SystemProfile::load).
    pub fn load_with_text(arg: &str) -> Result<(Self, String), SystemError> {
        let (text, origin) = match PRESETS.iter().find(|(preset, _)| *preset == arg) {
            Some((_, text)) => ((*text).to_owned(), format!("system preset {arg}")),
            None => (read_file(arg)?, format!("system file {arg}")),
        };
        Ok((Self::from_toml_str(&text, &origin)?, text))
    }

    /// The system that the text of a system file describes. `origin` names the text in errors.
    ///
    /// # Errors
    /// [`SystemError`] when the text is not TOML, has a key that is unknown or lacks one, or a value out of range.
    pub fn from_toml_str(text: &str, origin: &str) -> Result<Self, SystemError> {
        let file: SystemFile = toml::from_str(text).map_err(|source| broken(origin, source))?;
        file.system.resolve(Text { origin, text })
    }

    /// The system beside a device: the `[system]` of a device file, if it has one.
    ///
    /// # Errors
    /// [`SystemError`] as of [`from_toml_str`](SystemProfile::from_toml_str); also when the file cannot be read.
    pub fn beside_device(path: &str) -> Result<Option<Self>, SystemError> {
        let (text, origin) = (read_file(path)?, format!("device file {path}"));
        let file: DeviceFile = toml::from_str(&text).map_err(|source| broken(&origin, source))?;
        file.system.map(|system| system.resolve(Text { origin: &origin, text: &text })).transpose()
    }

    /// Every constant, in the order of the file.
    pub fn constants(&self) -> impl Iterator<Item = &Constant> {
        let always = self.timing.constants().chain(self.modulators.constants()).chain(self.dac.constants());
        let always = always.chain(self.adc.constants()).chain(self.laser.constants());
        let always = always.chain(self.detectors.constants()).chain(self.idle.constants());
        let some = self.buffer.iter().flat_map(Buffer::constants);
        let some = some.chain(self.controller.iter().flat_map(Controller::constants));
        let some = some.chain(self.link.iter().flat_map(Link::constants));
        always.chain(some).chain(self.every_cell.iter().flat_map(EveryCell::constants))
    }

    /// The tables that the file leaves out, so that a report can say what is not counted.
    #[must_use]
    pub fn not_counted(&self) -> Vec<&'static str> {
        let tables = [
            ("buffer", self.buffer.is_none()),
            ("controller", self.controller.is_none()),
            ("link", self.link.is_none()),
        ];
        tables.into_iter().filter_map(|(name, missing)| missing.then_some(name)).collect()
    }
}

impl RawSystem {
    fn resolve(self, text: Text<'_>) -> Result<SystemProfile, SystemError> {
        let dac = ["dac.bits", "dac.energy_pj_per_sample", "dac.reference_bits"];
        let adc = ["adc.bits", "adc.energy_pj_per_sample", "adc.reference_bits"];
        Ok(SystemProfile {
            name: self.name,
            title: self.title,
            source: self.source,
            notes: self.notes,
            timing: self.timing.resolve(text)?,
            modulators: self.modulators.resolve(text)?,
            dac: self.dac.resolve(text, dac)?,
            adc: self.adc.resolve(text, adc)?,
            laser: self.laser.resolve(text)?,
            detectors: self.detectors.resolve(text)?,
            idle: self.idle.resolve(text)?,
            buffer: self.buffer.map(|table| table.resolve(text)).transpose()?,
            controller: self.controller.map(|table| table.resolve(text)).transpose()?,
            link: self.link.map(|table| table.resolve(text)).transpose()?,
            every_cell: self.every_cell.map(|table| table.resolve(text)).transpose()?,
        })
    }
}

fn broken(origin: &str, source: toml::de::Error) -> SystemError {
    SystemError::Toml { origin: origin.to_owned(), source: Box::new(source) }
}

fn read_file(arg: &str) -> Result<String, SystemError> {
    let read_error = |source| SystemError::Read { path: arg.into(), source };
    let path = Path::new(arg);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && path.extension().is_none() => {
            let presets = SystemProfile::presets().collect::<Vec<_>>().join(", ");
            return Err(SystemError::Unknown { arg: arg.to_owned(), presets });
        }
        Err(e) => return Err(read_error(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(SystemError::TooLarge { path: arg.into(), limit: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes)
        .map_err(|e| SystemError::NotUtf8 { path: arg.into(), offset: e.utf8_error().valid_up_to() })
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
