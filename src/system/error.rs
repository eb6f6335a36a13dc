//! What can be wrong with a system, one variant per broken rule.

use std::path::PathBuf;

/// Why a system profile was refused. The text says where, what was found, what is expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The argument names neither a preset nor a file.
    #[error(
        "no system called `{arg}`: it is neither a preset ({presets}) nor a file; give one of these names or the path of a \
         system file (docs/system-model.md shows how to write one)"
    )]
    Unknown {
        /// What was asked for.
        arg: String,
        /// The names of the presets.
        presets: String,
    },
    /// The file cannot be opened or read.
    #[error("cannot read system file {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than any system file.
    #[error("system file {} is larger than {limit} bytes: this is no system file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, bytes.
        limit: u64,
    },
    /// The file is not text.
    #[error("system file {} is not UTF-8 text: byte {offset} is invalid; save it as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where the first invalid byte is.
        offset: usize,
    },
    /// The text is not TOML, lacks a key, or has one that is unknown. The source tells line and column.
    #[error("{origin}: {source}")]
    Toml {
        /// What the text is.
        origin: String,
        /// The TOML reader's message, with line, column and excerpt.
        source: Box<toml::de::Error>,
    },
    /// A number that the constant cannot have.
    #[error("{origin}, line {line}: `{key}` is {got} {unit}, expected {expected}")]
    Value {
        /// What the text is.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// Table and key.
        key: String,
        /// What was found.
        got: f64,
        /// The unit of the key.
        unit: &'static str,
        /// What the key may be.
        expected: &'static str,
    },
    /// A number of bits that no converter has.
    #[error("{origin}, line {line}: `{key}` is {got}, expected \"cell\" (as many as a PCM cell has) or 1 to 16")]
    Bits {
        /// What the text is.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// Table and key.
        key: &'static str,
        /// What was found.
        got: i64,
    },
}
