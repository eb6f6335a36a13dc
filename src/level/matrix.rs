//! A layer's weights as signed levels.

use rayon::prelude::*;

/// A quantized layer: `rows x cols` signed levels and the scale of each row.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelMatrix {
    /// Rows: outputs.
    pub rows: usize,
    /// Columns: inputs of one output.
    pub cols: usize,
    /// `[rows, cols]` row-major, each in `-B..=B` with `B = 2^bits - 1`.
    pub levels: Vec<i16>,
    /// What level `B` stands for.
    pub scales: Scales,
}

impl LevelMatrix {
    /// The levels of one row: `cols` of them.
    ///
    /// # Panics
    /// When `row` is not below `rows`.
    #[must_use]
    pub fn row(&self, row: usize) -> &[i16] {
        &self.levels[row * self.cols..(row + 1) * self.cols]
    }

    /// Weights at each signed level, `-top..=top`; what is no level is not counted.
    #[must_use]
    pub fn counts(&self, top: i16) -> Vec<u64> {
        let none = || vec![0; 2 * top as usize + 1];
        let chunks = self.levels.par_chunks(1 << 16).map(|levels| {
            let mut counts = none();
            for &level in levels {
                if let Some(count) = counts.get_mut((i32::from(level) + i32::from(top)) as usize) {
                    *count += 1;
                }
            }
            counts
        });
        let add = |mut sum: Vec<u64>, counts: Vec<u64>| {
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sum
        };
        chunks.reduce(none, add)
    }
}

/// The scale `a = max |t|`: the weight that the highest level stands for.
///
/// Kept in single precision, the precision of weights. An all-zero row or layer has scale 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Scales {
    /// One scale for the whole layer (ELight).
    Layer(f32),
    /// One scale per row: free in hardware, since outputs are scaled digitally.
    Rows(Vec<f32>),
}

impl Scales {
    /// The scale of one row.
    ///
    /// # Panics
    /// When there are scales per row and `row` is not one of them.
    #[must_use]
    pub fn of_row(&self, row: usize) -> f32 {
        match self {
            Self::Layer(scale) => *scale,
            Self::Rows(scales) => scales[row],
        }
    }
}
