//! What can be wrong with a device, one variant per broken rule.

use std::path::PathBuf;

/// Why a device profile was refused. The text says where, what was found, what is expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The argument names neither a preset nor a file.
    #[error(
        "no device called `{arg}`: it is neither a preset ({presets}) nor a file; give one of these names or the path of \
         a device file (`elight-plan devices NAME` prints one to start from){meant}"
    )]
    Unknown {
        /// What was asked for.
        arg: String,
        /// The names of the presets.
        presets: String,
        /// The one that was probably meant, as the end of the sentence; or nothing.
        meant: String,
    },
    /// The file cannot be opened or read.
    #[error("cannot read device file {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than any device file.
    #[error("device file {} is larger than {limit} bytes: this is no device file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, bytes.
        limit: u64,
    },
    /// The file is not text.
    #[error("device file {} is not UTF-8 text: byte {offset} is invalid; save it as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where the first invalid byte is.
        offset: usize,
    },
    /// The text is not TOML, or not of this format. The source tells line and column.
    #[error("{origin}: {source}")]
    Toml {
        /// What the text is.
        origin: String,
        /// The TOML reader's message, with line, column and excerpt.
        source: Box<toml::de::Error>,
    },
    /// A number of bits outside 1..=8.
    #[error("{origin}: `{key}` is {got}, expected 1 to 8 (a cell has 2^bits levels)")]
    Bits {
        /// What the text is.
        origin: String,
        /// `bits` or `--bits`.
        key: &'static str,
        /// What was given.
        got: i64,
    },
    /// `--bits` asks for other levels than were measured.
    #[error(
        "{origin}: --bits {asked} contradicts its measured table of {table} bits; drop --bits, or measure a table for {asked} bits"
    )]
    BitsAgainstTable {
        /// What the text is.
        origin: String,
        /// The bits asked for.
        asked: u8,
        /// The bits of the table.
        table: u8,
    },
    /// The table has not `2^bits` entries.
    #[error("{origin}: `transmission.table` has {got} entries, {}; give one transmission per level, from level 0 up", expected_length(.bits))]
    TableLength {
        /// What the text is.
        origin: String,
        /// Entries found.
        got: usize,
        /// The file's `bits`, if it has any.
        bits: Option<u8>,
    },
    /// A table entry is no transmission.
    #[error(
        "{origin}: `transmission.table` entry {index} is {got}, expected a transmission from 0 to 1 (transmitted over incident power)"
    )]
    TableEntry {
        /// What the text is.
        origin: String,
        /// Index of the entry, from 0: its level.
        index: usize,
        /// What was found.
        got: f64,
    },
    /// The table does not increase.
    #[error(
        "{origin}: `transmission.table` must increase from level 0 up, but entry {index} is {got} and entry {} is \
         {previous}; sort it, or drop levels that cannot be told apart", index - 1
    )]
    TableNotIncreasing {
        /// What the text is.
        origin: String,
        /// Index of the first entry that is not above the one before.
        index: usize,
        /// The entry before.
        previous: f64,
        /// The entry.
        got: f64,
    },
    /// `beta_per_level` outside (0, 1).
    #[error(
        "{origin}: `beta_per_level` is {got}, expected a number between 0 and 1 (neither of them): the ratio of the transmissions of two neighbouring levels"
    )]
    Beta {
        /// What the text is.
        origin: String,
        /// What was found.
        got: f64,
    },
    /// `contrast_db` not positive and finite.
    #[error(
        "{origin}: `contrast_db` is {got}, expected a finite number of dB above 0, from the lowest to the highest level"
    )]
    Contrast {
        /// What the text is.
        origin: String,
        /// What was found.
        got: f64,
    },
    /// The law gives two levels the same transmission in double precision.
    #[error(
        "{origin}: with {bits} bits, level {level} and the one below cannot be told apart in double precision; use fewer bits or another transmission law"
    )]
    Indistinct {
        /// What the text is.
        origin: String,
        /// Bits of the cell.
        bits: u8,
        /// The first level that is not above the one below.
        level: usize,
    },
    /// Not exactly one transmission law.
    #[error("{origin}: [transmission] needs exactly one of `beta_per_level`, `contrast_db`, `table`, but has {given}")]
    TransmissionLaw {
        /// What the text is.
        origin: String,
        /// `none of them` or `more than one`.
        given: &'static str,
    },
    /// Not exactly one of an energy per level and an energy per dB.
    #[error("{origin}: [write] needs exactly one of `{per_level}` and `{per_db}`, but has {given}")]
    EnergyKeys {
        /// What the text is.
        origin: String,
        /// The key per level.
        per_level: &'static str,
        /// The key per dB.
        per_db: &'static str,
        /// `both` or `neither`.
        given: &'static str,
    },
    /// A key of another cost model.
    #[error(
        "{origin}: [write] is of the model `{model}`, but `{key}` belongs to `{of}`: leave it out, or set `model = \"{of}\"`"
    )]
    WriteModel {
        /// What the text is.
        origin: String,
        /// The key.
        key: &'static str,
        /// The model of the file.
        model: &'static str,
        /// The model that the key belongs to.
        of: &'static str,
    },
    /// A key that the cost model needs.
    #[error("{origin}: missing field `{key}`, which [write] needs with the model `{model}`")]
    WriteMissing {
        /// What the text is.
        origin: String,
        /// The key.
        key: &'static str,
        /// The model of the file.
        model: &'static str,
    },
    /// A cost that is negative, not finite, or overflows.
    #[error("{origin}: `{key}` is {got}, expected a finite number, 0 or above, also as a cost per level")]
    Cost {
        /// What the text is.
        origin: String,
        /// The key.
        key: &'static str,
        /// What was found.
        got: f64,
    },
    /// An energy per dB for a cell whose level 0 lets no light through.
    #[error(
        "{origin}: `{key}` cannot be turned into an energy per level: transmission 0 at level 0 means infinite contrast; give `{per_level}` instead"
    )]
    CostPerDb {
        /// What the text is.
        origin: String,
        /// The key.
        key: &'static str,
        /// The key to use instead.
        per_level: &'static str,
    },
    /// An endurance that is not positive and finite.
    #[error(
        "{origin}: `endurance_writes` is {got}, expected a finite number above 0; leave the key out when it is not known"
    )]
    Endurance {
        /// What the text is.
        origin: String,
        /// What was found.
        got: f64,
    },
    /// A cycle that the cost model does not have.
    #[error("{origin}: `endurance_cycle` is `{got}`, but a cell of the model `{model}` is worn by {expected}")]
    EnduranceCycle {
        /// What the text is.
        origin: String,
        /// What was found.
        got: &'static str,
        /// The model of the file.
        model: &'static str,
        /// What it could be.
        expected: &'static str,
    },
    /// Tries of program and verify that no controller makes.
    #[error("{origin}: [verify] `tries` is {got}, expected 1 to {most}")]
    Tries {
        /// What the text is.
        origin: String,
        /// What was found.
        got: i64,
        /// The most.
        most: i64,
    },
    /// A tolerance within which a cell could pass for two levels.
    #[error(
        "{origin}: [verify] `tolerance` is {got}, expected above 0 and at most {most}, half of the smallest step between two levels; \
         leave the key out for that"
    )]
    Tolerance {
        /// What the text is.
        origin: String,
        /// What was found.
        got: f64,
        /// The most.
        most: f32,
    },
    /// A provenance of a number that the file does not have.
    #[error("{origin}: [provenance] speaks of `{key}`, which this device does not set; its numbers are {known}")]
    Provenance {
        /// What the text is.
        origin: String,
        /// The key.
        key: String,
        /// The numbers that the file has.
        known: String,
    },
}

fn expected_length(bits: &Option<u8>) -> String {
    match bits {
        Some(bits) => format!("but `bits` = {bits} needs {}", 1 << bits),
        None => "expected a power of two from 2 to 256".to_owned(),
    }
}
