//! What a PCM cell can hold, and what writing it costs.

use super::device_error::DeviceError;
use super::device_file::{EnduranceCycle, Provenance, RawDevice};
use super::transmission::{Transmission, contrast_db, db_per_level, first_not_above_previous};
use crate::show::names::did_you_mean;
use firmware_model::hardware::Verify;
use firmware_model::pcm::{MAX_BITS, MIN_BITS, WriteCost, top_level};
use firmware_model::photonic_core::device_crc;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest device file that is read, bytes. A table of 256 transmissions takes some 6 kB.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Bits of a cell when neither the file nor the caller says.
const DEFAULT_BITS: u8 = 4;

/// The presets, by name: the same format that a user writes, compiled in.
const PRESETS: [(&str, &str); 6] = [
    ("elight", include_str!("presets/elight.toml")),
    ("gst-optical", include_str!("presets/gst-optical.toml")),
    ("gst-doped-si-heater", include_str!("presets/gst-doped-si-heater.toml")),
    ("gsse-heater", include_str!("presets/gsse-heater.toml")),
    ("pcm-soi-heater", include_str!("presets/pcm-soi-heater.toml")),
    ("gst-single-pulse", include_str!("presets/gst-single-pulse.toml")),
];

/// A PCM cell: its levels, their transmissions, and the cost and the number of writes it bears.
///
/// Made by [`DeviceProfile::load`], [`preset`](DeviceProfile::preset) or [`from_toml_str`](DeviceProfile::from_toml_str),
/// which check everything once: bits are in 1..=8, transmissions strictly increase with the level, costs are finite and
/// not negative. A private field keeps it from being made in any other way.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceProfile {
    /// Short name, as in `--device NAME`.
    pub name: String,
    /// One line that says what the device is.
    pub title: String,
    /// Where the figures were published.
    pub source: String,
    /// What a reader of a report has to know about these figures.
    pub notes: Vec<String>,
    /// Bits of one PCM cell: `2^bits` levels.
    pub bits: u8,
    /// How transmission depends on the level.
    pub transmission: Transmission,
    /// How it is written, and the energy (pJ) and time (microseconds) that this takes.
    pub cost: WriteCost,
    /// What one PCM cell bears, in what wears it by its cost model (`WriteCost::wear`): level steps, pulses or resets; `None` when not
    /// known. Made of cycles by [`endurance_cycle`](DeviceProfile::endurance_cycle).
    pub endurance_writes: Option<f64>,
    /// What counts as a cycle of the published endurance.
    ///
    /// Publications count switching cycles, mostly over the full contrast. To charge every level step as one of them is
    /// the careful reading: a lifetime computed so is a lower limit.
    pub endurance_cycle: EnduranceCycle,
    /// How a controller that can read cells back programs and verifies: by default 5 tries, and a tolerance of half the smallest step
    /// between two levels.
    pub verify: Verify,
    /// Which figures were read, derived or assumed, by the key of the device file.
    pub provenance: BTreeMap<String, Provenance>,
    /// Transmission by level, `2^bits` of them, strictly increasing.
    transmissions: Vec<f64>,
}

impl DeviceProfile {
    /// The preset of this name, with its own number of bits.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::preset_with_bits(name, None)?.ok()
    }

    /// The names of the presets, ELight's first.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A preset by its name, or else the device file at this path; `bits` overrides what it says.
    ///
    /// A preset wins over a file of the same name: write `./elight` for the file.
    ///
    /// # Errors
    /// [`DeviceError`] when there is no such preset or file, the file cannot be read, or breaks a rule of the format;
    /// also when `bits` is outside 1..=8 or contradicts a measured table.
    pub fn load(arg: &str, bits: Option<u8>) -> Result<Self, DeviceError> {
        if let Some(profile) = Self::preset_with_bits(arg, bits) {
            return profile;
        }
        let text = read_device_file(arg)?;
        Self::from_toml_str(&text, &format!("device file {arg}"), bits)
    }

    /// The text of a preset, or else of the device file at this path.
    ///
    /// # Errors
    /// [`DeviceError`] when there is no such preset or file, or the file cannot be read.
    pub fn text(arg: &str) -> Result<String, DeviceError> {
        let preset = PRESETS.iter().find(|(preset, _)| *preset == arg);
        preset.map_or_else(|| read_device_file(arg), |(_, text)| Ok((*text).to_owned()))
    }

    /// The profile that the text of a device file describes. `origin` names the text in errors.
    ///
    /// # Errors
    /// [`DeviceError`] when the text is not TOML, has a key that is unknown or lacks one, or a value out of range.
    pub fn from_toml_str(text: &str, origin: &str, bits: Option<u8>) -> Result<Self, DeviceError> {
        let raw: RawDevice = toml::from_str(text)
            .map_err(|source| DeviceError::Toml { origin: origin.to_owned(), source: Box::new(source) })?;
        Self::from_raw(raw, origin, bits)
    }

    fn preset_with_bits(name: &str, bits: Option<u8>) -> Option<Result<Self, DeviceError>> {
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        Some(Self::from_toml_str(text, &format!("device preset {name}"), bits))
    }

    fn from_raw(raw: RawDevice, origin: &str, bits: Option<u8>) -> Result<Self, DeviceError> {
        raw.check_provenance(origin)?;
        let bits = choose_bits(&raw, origin, bits)?;
        let transmission = raw.transmission.resolve(origin, bits)?;
        let transmissions = transmission.by_level(bits);
        if let Some(level) = first_not_above_previous(&transmissions) {
            return Err(DeviceError::Indistinct { origin: origin.to_owned(), bits, level });
        }
        let cost = raw.write.resolve(origin, db_per_level(&transmissions))?;
        let endurance_cycle = raw.endurance_cycle(origin)?;
        let wear = endurance_cycle.wear(top_level(bits));
        Ok(Self {
            endurance_writes: raw.endurance_writes(origin)?.map(|cycles| cycles * wear),
            endurance_cycle,
            name: raw.name,
            title: raw.title,
            source: raw.source,
            notes: raw.notes,
            bits,
            transmission,
            cost,
            verify: raw.verify.resolve(origin, &transmissions)?,
            provenance: raw.provenance,
            transmissions,
        })
    }

    /// The same device, of whose cells each bears so many cycles.
    #[must_use]
    pub fn with_endurance(mut self, cycles: f64) -> Self {
        self.endurance_writes = Some(cycles * self.endurance_cycle.wear(self.top_level()));
        self
    }

    /// The highest level `B = 2^bits - 1`.
    #[must_use]
    pub fn top_level(&self) -> i16 {
        // At most 256 transmissions: fits.
        (self.transmissions.len() - 1) as i16
    }

    /// Transmission of a level of one PCM cell, no unit; a level above the highest counts as the highest.
    #[must_use]
    pub fn transmission_of(&self, level: u16) -> f64 {
        self.transmissions[usize::from(level).min(self.transmissions.len() - 1)]
    }

    /// Transmissions from level 0 to the highest, strictly increasing.
    #[must_use]
    pub fn transmissions(&self) -> &[f64] {
        &self.transmissions
    }

    /// The device's identity in schedules: the CRC of its transmissions in single precision.
    #[must_use]
    pub fn identity_crc(&self) -> u32 {
        let transmissions: Vec<f32> = self.transmissions.iter().map(|&t| t as f32).collect();
        device_crc(&transmissions)
    }

    /// Contrast between the highest and the lowest level, dB; infinite when level 0 lets nothing through.
    #[must_use]
    pub fn contrast_db(&self) -> f64 {
        contrast_db(&self.transmissions)
    }

    /// The keys whose figures nobody published: they are assumed.
    pub fn assumed(&self) -> impl Iterator<Item = (&str, &Provenance)> {
        self.provenance.iter().filter(|(_, p)| p.is_assumed()).map(|(key, p)| (key.as_str(), p))
    }
}

/// Bits of the cell: a table decides by its length; else the caller, else the file, else 4.
fn choose_bits(raw: &RawDevice, origin: &str, asked: Option<u8>) -> Result<u8, DeviceError> {
    let check = |key: &'static str, got: i64| match u8::try_from(got) {
        Ok(bits) if (MIN_BITS..=MAX_BITS).contains(&bits) => Ok(bits),
        _ => Err(DeviceError::Bits { origin: origin.to_owned(), key, got }),
    };
    let asked = asked.map(|bits| check("--bits", i64::from(bits))).transpose()?;
    let written = raw.bits.map(|bits| check("bits", bits)).transpose()?;
    let Some(table) = &raw.transmission.table else {
        return Ok(asked.or(written).unwrap_or(DEFAULT_BITS));
    };
    let len = table.len();
    let length_error = || DeviceError::TableLength { origin: origin.to_owned(), got: len, bits: written };
    if !len.is_power_of_two() || !(2..=1 << MAX_BITS).contains(&len) {
        return Err(length_error());
    }
    // A power of two in 2..=256: 1..=8 bits.
    let bits = len.trailing_zeros() as u8;
    if written.is_some_and(|written| written != bits) {
        return Err(length_error());
    }
    match asked {
        Some(asked) if asked != bits => {
            Err(DeviceError::BitsAgainstTable { origin: origin.to_owned(), asked, table: bits })
        }
        _ => Ok(bits),
    }
}

fn read_device_file(arg: &str) -> Result<String, DeviceError> {
    let read_error = |source| DeviceError::Read { path: arg.into(), source };
    let file = match File::open(arg) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !looks_like_a_path(arg) => {
            let presets = DeviceProfile::presets().collect::<Vec<_>>().join(", ");
            let meant = did_you_mean(arg, DeviceProfile::presets());
            return Err(DeviceError::Unknown { arg: arg.to_owned(), presets, meant });
        }
        Err(e) => return Err(read_error(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DeviceError::TooLarge { path: arg.into(), limit: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes)
        .map_err(|e| DeviceError::NotUtf8 { path: arg.into(), offset: e.utf8_error().valid_up_to() })
}

fn looks_like_a_path(arg: &str) -> bool {
    let path = Path::new(arg);
    path.components().count() > 1 || path.extension().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_model::pcm::Price;
    use std::io::Write;

    /// A device file with these lines in place of the transmission and the write table.
    fn file(top: &str, transmission: &str, write: &str) -> String {
        format!("name = 'x'\ntitle = 'y'\nsource = 'z'\n{top}\n[transmission]\n{transmission}\n[write]\n{write}\n")
    }

    const GEOMETRIC: &str = "beta_per_level = 0.8";
    const COSTS: &str = "energy_up_pj_per_level = 1\nenergy_down_pj_per_level = 2.5\ntime_up_us_per_level = 0.5\n\
                         time_down_us_per_level = 20";

    fn parse(text: &str, bits: Option<u8>) -> Result<DeviceProfile, DeviceError> {
        DeviceProfile::from_toml_str(text, "device file x.toml", bits)
    }

    fn message(text: &str, bits: Option<u8>) -> String {
        parse(text, bits).unwrap_err().to_string()
    }

    #[test]
    fn every_preset_is_valid_and_says_where_each_number_is_from() {
        for (name, text) in PRESETS {
            let profile = DeviceProfile::load(name, None).unwrap();
            assert_eq!(profile.name, name);
            assert!(!profile.title.is_empty() && !profile.source.is_empty());
            assert_eq!(DeviceProfile::preset(name), Some(profile.clone()));
            let raw: RawDevice = toml::from_str(text).unwrap();
            for key in raw.number_keys() {
                assert!(profile.provenance.contains_key(key), "{name}: no provenance for {key}");
            }
            for bits in 1..=8 {
                let other = DeviceProfile::load(name, Some(bits)).unwrap();
                assert_eq!(other.transmissions().len(), 1 << bits);
            }
        }
        assert_eq!(DeviceProfile::preset("nothing"), None);
    }

    #[test]
    fn elight_is_geometric_with_its_constants() {
        let elight = DeviceProfile::preset("elight").unwrap();
        assert_eq!(elight.bits, 4);
        assert_eq!(elight.transmission, Transmission::Geometric { beta: 0.872 });
        assert_eq!(elight.transmission_of(15), 1.0);
        assert_eq!(elight.transmission_of(14), 0.872);
        assert_eq!(elight.transmission_of(999), 1.0);
        assert!((elight.contrast_db() - 8.92).abs() < 0.01);
        let price = |energy_pj, time_us| Price { energy_pj, time_us };
        assert_eq!(elight.cost, WriteCost::PerLevel { up: price(9.0, 0.5), down: price(40.0, 20.0) });
        assert_eq!(elight.endurance_writes, None);
        assert!(elight.assumed().any(|(key, _)| key == "energy_up_pj_per_level"));
    }

    #[test]
    fn energy_per_db_becomes_energy_per_level() {
        let gst = DeviceProfile::preset("gst-optical").unwrap();
        assert!((gst.contrast_db() - 5.0).abs() < 1e-9);
        let up = |device: &DeviceProfile| match device.cost {
            WriteCost::PerLevel { up, .. } => up.energy_pj,
            other => panic!("{other:?}"),
        };
        assert!((up(&gst) - 1000.0 * 5.0 / 15.0).abs() < 1e-9);
        let finer = DeviceProfile::load("gst-optical", Some(6)).unwrap();
        assert!((finer.contrast_db() - 5.0).abs() < 1e-9, "the contrast is the device's, whatever the bits");
        assert!((up(&finer) - 1000.0 * 5.0 / 63.0).abs() < 1e-9);
    }

    #[test]
    fn bits_come_from_the_caller_then_the_file_then_four() {
        assert_eq!(parse(&file("", GEOMETRIC, COSTS), None).unwrap().bits, 4);
        assert_eq!(parse(&file("bits = 3", GEOMETRIC, COSTS), None).unwrap().bits, 3);
        assert_eq!(parse(&file("bits = 3", GEOMETRIC, COSTS), Some(8)).unwrap().bits, 8);
        for got in ["0", "9", "-1", "4000000000"] {
            let text = message(&file(&format!("bits = {got}"), GEOMETRIC, COSTS), None);
            assert!(text.contains("x.toml") && text.contains(&format!("`bits` is {got}")), "{text}");
        }
        assert!(message(&file("", GEOMETRIC, COSTS), Some(9)).contains("`--bits` is 9"));
    }

    #[test]
    fn a_table_decides_the_bits() {
        let table = "table = [0.1, 0.3, 0.5, 1]";
        let profile = parse(&file("", table, COSTS), Some(2)).unwrap();
        assert_eq!((profile.bits, profile.top_level()), (2, 3));
        assert_eq!(profile.transmissions(), [0.1, 0.3, 0.5, 1.0]);
        let text = message(&file("", table, COSTS), Some(4));
        assert!(text.contains("--bits 4") && text.contains("2 bits"), "{text}");
        assert!(message(&file("bits = 3", table, COSTS), None).contains("4 entries, but `bits` = 3 needs 8"));
        assert!(message(&file("", "table = [0.1, 0.2, 0.3]", COSTS), None).contains("3 entries"));
        assert!(message(&file("", "table = []", COSTS), None).contains("0 entries"));
    }

    #[test]
    fn a_bad_table_entry_is_named() {
        let text = message(&file("", "table = [0.1, 0.3, 0.3, 1.0]", COSTS), None);
        assert!(text.contains("entry 2 is 0.3") && text.contains("entry 1 is 0.3"), "{text}");
        for bad in ["nan", "inf", "-0.1", "1.5"] {
            let text = message(&file("", &format!("table = [{bad}, 1.0]"), COSTS), None);
            assert!(text.contains("entry 0"), "{text}");
        }
    }

    #[test]
    fn a_bad_law_is_refused() {
        for beta in ["0", "1", "-0.5", "nan", "1.2"] {
            let text = message(&file("", &format!("beta_per_level = {beta}"), COSTS), None);
            assert!(text.contains("`beta_per_level`") && text.contains("between 0 and 1"), "{text}");
        }
        for contrast in ["0", "-3", "inf", "nan"] {
            let text = message(&file("", &format!("contrast_db = {contrast}"), COSTS), None);
            assert!(text.contains("`contrast_db`"), "{text}");
        }
        let text = message(&file("", "beta_per_level = 1e-100", COSTS), Some(8));
        assert!(text.contains("level 1") && text.contains("8 bits"), "{text}");
        assert!(message(&file("", "contrast_db = 1e-15", COSTS), None).contains("cannot be told apart"));
        assert!(message(&file("", "", COSTS), None).contains("none of them"));
        assert!(message(&file("", "beta_per_level = 0.8\ncontrast_db = 5", COSTS), None).contains("more than one"));
    }

    #[test]
    fn a_bad_cost_is_refused() {
        for (bad, key) in [
            ("energy_up_pj_per_level = -1", "energy_up_pj_per_level"),
            ("energy_up_pj_per_db = nan", "energy_up_pj_per_db"),
            ("energy_up_pj_per_db = 1e308", "energy_up_pj_per_db"),
        ] {
            let costs = COSTS.replace("energy_up_pj_per_level = 1", bad);
            let text = message(&file("", "contrast_db = 500", &costs), None);
            assert!(text.contains(key), "{text}");
        }
        let both = format!("{COSTS}\nenergy_up_pj_per_db = 1");
        assert!(message(&file("", GEOMETRIC, &both), None).contains("both"));
        let neither = COSTS.replace("energy_up_pj_per_level = 1\n", "");
        assert!(message(&file("", GEOMETRIC, &neither), None).contains("neither"));
        let dark = COSTS.replace("up_pj_per_level", "up_pj_per_db");
        assert!(message(&file("", "table = [0, 1]", &dark), None).contains("infinite contrast"));
        let slow = COSTS.replace("= 0.5", "= -0.5");
        assert!(message(&file("", GEOMETRIC, &slow), None).contains("`time_up_us_per_level` is -0.5"));
    }

    #[test]
    fn each_cost_model_has_its_own_keys() {
        let price = |energy_pj, time_us| Price { energy_pj, time_us };
        let shot = "model = 'single-shot'\nenergy_up_pj_per_pulse = 3\nenergy_down_pj_per_pulse = 4\n\
                    time_up_us_per_pulse = 0.5\ntime_down_us_per_pulse = 2";
        let single = WriteCost::SingleShot { up: price(3.0, 0.5), down: price(4.0, 2.0) };
        assert_eq!(parse(&file("", GEOMETRIC, shot), None).unwrap().cost, single);
        let set = "model = 'reset-then-set'\nenergy_reset_pj = 9\ntime_reset_us = 1\nenergy_set_pj = 2\n\
                   time_set_us_per_level = 0.25";
        let reset =
            WriteCost::ResetThenSet { reset: price(9.0, 1.0), set: price(2.0, 0.0), set_level: price(0.0, 0.25) };
        assert_eq!(parse(&file("", GEOMETRIC, set), None).unwrap().cost, reset);
        assert_eq!(
            parse(&file("", GEOMETRIC, &format!("model = 'per-level'\n{COSTS}")), None).unwrap().cost,
            parse(&file("", GEOMETRIC, COSTS), None).unwrap().cost
        );
        let text = message(&file("", GEOMETRIC, &format!("{shot}\nenergy_reset_pj = 1")), None);
        assert!(text.contains("`single-shot`, but `energy_reset_pj` belongs to `reset-then-set`"), "{text}");
        let text = message(&file("", GEOMETRIC, &set.replace("energy_set_pj = 2", "")), None);
        assert!(text.contains("missing field `energy_set_pj`") && text.contains("`reset-then-set`"), "{text}");
        let text = message(&file("", GEOMETRIC, &shot.replace("= 4", "= -4")), None);
        assert!(text.contains("`energy_down_pj_per_pulse` is -4"), "{text}");
        let text = message(&file("", GEOMETRIC, &shot.replace("single-shot", "one-shot")), None);
        assert!(text.contains("one-shot") && text.contains("reset-then-set"), "{text}");
    }

    #[test]
    fn endurance_and_provenance_are_checked() {
        for bad in ["0", "-5", "nan", "inf"] {
            let text = message(&file(&format!("endurance_writes = {bad}"), GEOMETRIC, COSTS), None);
            assert!(text.contains("`endurance_writes`"), "{text}");
        }
        assert_eq!(parse(&file("endurance_writes = 5e3", GEOMETRIC, COSTS), None).unwrap().endurance_writes, Some(5e3));
        let odd =
            format!("{}[provenance]\ncolour = {{ kind = 'read', from = 'a paper' }}\n", file("", GEOMETRIC, COSTS));
        assert!(message(&odd, None).contains("`colour`"));
    }

    #[test]
    fn toml_errors_show_line_and_column() {
        let text = message(&file("color = 1", GEOMETRIC, COSTS), None);
        assert!(text.contains("x.toml") && text.contains("line 4, column 1") && text.contains("color"), "{text}");
        assert!(message("name = ", None).contains("line 1"));
    }

    #[test]
    fn files_that_cannot_be_read_say_why() {
        let unknown = DeviceProfile::load("elihgt", None).unwrap_err().to_string();
        assert!(unknown.contains("elihgt") && unknown.contains("gst-optical"), "{unknown}");
        let missing = DeviceProfile::load("no/such.toml", None).unwrap_err();
        assert!(matches!(missing, DeviceError::Read { .. }), "{missing}");

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("device.toml");
        let arg = path.to_str().unwrap();
        assert!(matches!(DeviceProfile::load(dir.path().to_str().unwrap(), None), Err(DeviceError::Read { .. })));
        std::fs::write(&path, b"name = '\xff'").unwrap();
        assert!(DeviceProfile::load(arg, None).unwrap_err().to_string().contains("byte 8"));
        File::create(&path).unwrap().write_all(&vec![b' '; (MAX_FILE_BYTES + 1) as usize]).unwrap();
        assert!(matches!(DeviceProfile::load(arg, None), Err(DeviceError::TooLarge { .. })));
        std::fs::write(&path, file("", GEOMETRIC, COSTS)).unwrap();
        assert_eq!(DeviceProfile::load(arg, Some(5)).unwrap().bits, 5);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", keys in proptest::collection::vec(0usize..12, 0..12)) {
            let _ = parse(&text, None);
            // Lines of the format in any order, so that the text gets past the TOML reader.
            let lines = ["name='a'", "title='b'", "source='c'", "bits=2", "[transmission]", "table=[0,1]",
                "contrast_db=1e400", "beta_per_level=0.5", "[write]", "time_up_us_per_level=1e300",
                "energy_up_pj_per_db=1e300", "[provenance]"];
            let text = keys.iter().map(|&k| lines[k]).collect::<Vec<_>>().join("\n");
            let _ = parse(&text, Some(200));
        }
    }
}
