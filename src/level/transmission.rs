//! How the transmission of a PCM cell depends on its level.

use firmware_model::pcm::top_level;

/// How the transmission of a PCM cell depends on its level.
#[derive(Clone, Debug, PartialEq)]
pub enum Transmission {
    /// `T(L) = beta^(B - L)`, with `B = 2^bits - 1` the highest level: every level step changes the transmission by the
    /// same number of dB.
    Geometric {
        /// Ratio of the transmissions of two neighbouring levels, in (0, 1), no unit.
        beta: f64,
    },
    /// Measured transmissions, from level 0 to `2^bits - 1`, strictly increasing, each in [0, 1].
    Table(Vec<f64>),
}

impl Transmission {
    /// Transmission by level, of a cell of so many bits.
    pub(super) fn by_level(&self, bits: u8) -> Vec<f64> {
        match self {
            Self::Table(table) => table.clone(),
            Self::Geometric { beta } => {
                let top = i32::from(top_level(bits));
                (0..=top).map(|level| beta.powi(top - level)).collect()
            }
        }
    }
}

/// The first level that does not transmit more than the one below it.
pub(super) fn first_not_above_previous(values: &[f64]) -> Option<usize> {
    values.windows(2).position(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less)).map(|i| i + 1)
}

/// Contrast between the highest and the lowest level, dB.
pub(super) fn contrast_db(transmissions: &[f64]) -> f64 {
    match transmissions {
        [low, .., high] => 10.0 * (high / low).log10(),
        _ => 0.0,
    }
}

/// The mean dB of one level step: what turns an energy per dB into one per level.
pub(super) fn db_per_level(transmissions: &[f64]) -> f64 {
    contrast_db(transmissions) / (transmissions.len() - 1) as f64
}
