//! Reach `lane` on a faulty core: a weight cannot get out of its cell's way, so it takes the best level that the cell can hold.

use super::CellRange;
use crate::level::{LevelMatrix, Scales};
use crate::order::program::IDLE;

/// What faults have done to the weights of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Weights with another level than their own, and those that are left out.
    pub affected: u64,
    /// Sum of the squared changes of the weights.
    pub error: f64,
    /// Sum of the squared weights, as they are quantized.
    pub norm: f64,
}

impl Loss {
    /// Adds another layer's.
    pub fn merge(&mut self, other: Self) {
        self.affected += other.affected;
        self.error += other.error;
        self.norm += other.norm;
    }

    /// `||q' - q|| / ||q||`: q the quantized weights, q' what is multiplied.
    #[must_use]
    pub fn relative(self) -> f64 {
        if self.norm == 0.0 { 0.0 } else { (self.error / self.norm).sqrt() }
    }
}

/// The level of least error that a cell can give a weight of this level; none: it is left out, its input dark, which stands for zero.
/// `values`: of the levels 0..=B.
fn best(level: i16, range: CellRange, values: &[f64]) -> Option<i16> {
    if range.is_dead() {
        return None;
    }
    let value = |level: i16| f64::from(level.signum()) * values[usize::from(level.unsigned_abs())];
    let held = level.clamp(range.lowest, range.highest);
    let left_out = value(level).abs() < (value(level) - value(held)).abs();
    (!left_out).then_some(held)
}

/// Gives every weight the best level that its cell can hold, in place; [`IDLE`] where it is left out. Row `t * R + r` of the layer sits on core row r,
/// its weight in column `q * C + c` in cell c; `ranges`: R x C. `values`: of the levels 0..=B, largest 1.
pub fn hold(levels: &mut LevelMatrix, ranges: &[CellRange], cells: usize, values: &[f64]) -> Loss {
    let core_rows = ranges.len() / cells;
    let mut loss = Loss::default();
    for (index, row) in levels.levels.chunks_exact_mut(levels.cols).enumerate() {
        let ranges = &ranges[index % core_rows * cells..][..cells];
        let scale = f64::from(match &levels.scales {
            Scales::Layer(scale) => *scale,
            Scales::Rows(scales) => scales[index],
        });
        let value = |level: i16| f64::from(level.signum()) * values[usize::from(level.unsigned_abs())] * scale;
        for (column, level) in row.iter_mut().enumerate() {
            let own = *level;
            loss.norm += value(own) * value(own);
            let range = ranges[column % cells];
            if range.holds(own, own) {
                continue;
            }
            let held = best(own, range, values);
            *level = held.unwrap_or(IDLE);
            // A weight of level 0 that is left out is what it was.
            let change = value(held.unwrap_or(0)) - value(own);
            loss.affected += u64::from(change != 0.0);
            loss.error += change * change;
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against every level that a cell can hold, and leaving out.
        #[test]
        fn nothing_is_nearer(
            level in -7i16..=7,
            (a, b) in (-7i16..=7, -7i16..=7),
            mut steps in prop::collection::vec(1u32..50, 7),
        ) {
            steps.insert(0, 0);
            let values: Vec<f64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(f64::from(*sum)) }).collect();
            let value = |level: i16| f64::from(level.signum()) * values[usize::from(level.unsigned_abs())];
            let range = CellRange { lowest: a.min(b), highest: a.max(b) };
            let error = |held: Option<i16>| (value(held.unwrap_or(0)) - value(level)).abs();
            let least = (range.lowest..=range.highest).map(|held| error(Some(held))).fold(error(None), f64::min);
            prop_assert_eq!(error(best(level, range, &values)), least);
            prop_assert_eq!(best(level, CellRange::DEAD, &values), None);
        }
    }
}
