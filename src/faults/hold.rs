//! Where weights cannot get out of the way of faulty cells, they take the best levels that these can hold: with reach `lane`, and where rows share inputs.

use crate::geometry::{Bundles, CellRange, IDLE, Reach, Wiring};
use crate::level::LevelMatrix;

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

/// Gives every weight the best level that its cells can hold, in place; [`IDLE`] where it is left out, its input dark, which stands for zero.
///
/// Where N core rows share the input of a lane, the N weights of a column move together: they are lit in one lane, each at the nearest level that its cell
/// there can hold, or dark all together. With reach `lane` the lane is the column's own, with reach `row` the one of least error (the first of several). A lane
/// with a dead cell among those in use cannot be lit. Darkness is taken only where it is nearer than any lane. With an input for each weight cell, N is 1.
///
/// `groups`: of the layer's inputs; `ranges`: of all weight cells, core row by core row; `values`: of the levels 0..=B, largest 1.
pub fn hold(
    levels: &mut LevelMatrix,
    groups: usize,
    wiring: Wiring,
    reach: Reach,
    ranges: &[CellRange],
    values: &[f64],
) -> Loss {
    let bundles = Bundles::stored(levels.rows, groups, wiring.fanout);
    let value = |level: i16| f64::from(level.signum()) * values[usize::from(level.unsigned_abs())];
    let mut loss = Loss::default();
    let mut own: Vec<i16> = Vec::new();
    for bundle in 0..bundles.len() {
        let rows = bundles.rows(bundle);
        let scales: Vec<f64> = rows.iter().map(|&row| f64::from(levels.scales.of_row(row as usize))).collect();
        let lanes = wiring.limited_cells(ranges, bundle % wiring.row_groups(), rows.len());
        for column in 0..levels.cols {
            own.clear();
            own.extend(rows.iter().map(|&row| levels.levels[row as usize * levels.cols + column]));
            let candidates = match reach {
                Reach::Lane => column % wiring.cells..column % wiring.cells + 1,
                Reach::Row | Reach::Core => 0..wiring.cells,
            };
            let weights = own.iter().zip(&scales).map(|(&level, scale)| (value(level) * scale).powi(2));
            let dark: f64 = weights.sum();
            loss.norm += dark;
            if candidates.clone().any(|lane| lanes[lane].iter().all(|(j, range)| range.holds(own[*j], own[*j]))) {
                continue;
            }
            let error = |lane: usize| -> f64 {
                let change = |&(j, range): &(usize, CellRange)| match range.nearest(own[j]) {
                    Some(held) => ((value(held) - value(own[j])) * scales[j]).powi(2),
                    None => f64::INFINITY,
                };
                lanes[lane].iter().map(change).sum()
            };
            let errors = candidates.map(|lane| (error(lane), lane));
            let (least, lane) = errors.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0));
            let left_out = dark < least;
            loss.error += dark.min(least);
            let at = |j: usize| rows[j] as usize * levels.cols + column;
            if left_out {
                // Weights of level 0 that are left out are what they were.
                loss.affected += own.iter().filter(|level| **level != 0).count() as u64;
                (0..rows.len()).for_each(|j| levels.levels[at(j)] = IDLE);
                continue;
            }
            for &(j, range) in &lanes[lane] {
                let held = range.nearest(own[j]).unwrap_or(own[j]);
                loss.affected += u64::from(held != own[j]);
                levels.levels[at(j)] = held;
            }
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Scales;
    use proptest::prelude::*;

    const TOP: i16 = 7;

    fn range() -> impl Strategy<Value = CellRange> {
        let some = (-TOP..=TOP, -TOP..=TOP).prop_map(|(a, b)| CellRange { lowest: a.min(b), highest: a.max(b) });
        let all = CellRange { lowest: -TOP, highest: TOP };
        prop_oneof![4 => some, 2 => Just(all), 1 => Just(CellRange::DEAD)]
    }

    /// All levels that cells can hold together.
    fn products(ranges: &[CellRange]) -> Vec<Vec<i16>> {
        ranges.iter().fold(vec![Vec::new()], |all, range| {
            let longer =
                |known: Vec<i16>| (range.lowest..=range.highest).map(move |level| [&known[..], &[level]].concat());
            all.into_iter().flat_map(longer).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        /// Against every lane, every level that its cells can hold, and darkness.
        #[test]
        fn nothing_is_nearer(
            (rows, fanout, cells, cols) in (1usize..6, 1usize..4, 1usize..4, 1usize..7),
            levels in prop::collection::vec(-TOP..=TOP, 36),
            ranges in prop::collection::vec(range(), 2 * 3 * 3),
            scales in prop::collection::vec(0.1f32..2.0, 6),
            mut steps in prop::collection::vec(1u32..50, TOP as usize),
            row in any::<bool>(),
        ) {
            steps.insert(0, 0);
            let values: Vec<f64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(f64::from(*sum)) }).collect();
            let wiring = Wiring { cores: 1, core_rows: 2 * fanout, cells, fanout, top: TOP };
            let ranges = &ranges[..2 * fanout * cells];
            let reach = if row { Reach::Row } else { Reach::Lane };
            let own = LevelMatrix {
                rows,
                cols,
                levels: levels[..rows * cols].to_vec(),
                scales: Scales::Rows(scales[..rows].to_vec()),
            };
            let mut held = own.clone();
            let loss = hold(&mut held, 1, wiring, reach, ranges, &values);
            let value = |level: i16| if level == IDLE { 0.0 } else { f64::from(level.signum()) * values[usize::from(level.unsigned_abs())] };
            let (mut sum, mut affected) = (0.0, 0);
            for first in (0..rows).step_by(fanout) {
                let together: Vec<usize> = (first..(first + fanout).min(rows)).collect();
                let group = first / fanout % 2;
                for column in 0..cols {
                    let error = |levels: &[i16]| -> f64 {
                        let change = |(&row, &level): (&usize, &i16)| {
                            ((value(level) - value(own.row(row)[column])) * f64::from(own.scales.of_row(row))).powi(2)
                        };
                        together.iter().zip(levels).map(change).sum()
                    };
                    let dark = error(&vec![IDLE; together.len()]);
                    let mut ways: Vec<Vec<i16>> = Vec::new();
                    for lane in (0..cells).filter(|lane| row || *lane == column % cells) {
                        let cell = |j: usize| ranges[(group * fanout + j) * cells + lane];
                        ways.extend(products(&(0..together.len()).map(cell).collect::<Vec<_>>()));
                    }
                    let least = ways.iter().map(|way| error(way)).fold(f64::INFINITY, f64::min);
                    let found: Vec<i16> = together.iter().map(|&row| held.row(row)[column]).collect();
                    let error = error(&found);
                    prop_assert!(error <= least.min(dark) * (1.0 + 1e-12));
                    prop_assert!(ways.contains(&found) || (found.iter().all(|level| *level == IDLE) && dark < least));
                    sum += error;
                    let changed = |(&row, &level): (&usize, &i16)| value(level) != value(own.row(row)[column]);
                    affected += together.iter().zip(&found).filter(|pair| changed(*pair)).count() as u64;
                }
            }
            prop_assert!((loss.error - sum).abs() <= 1e-9 * (1.0 + sum));
            prop_assert_eq!(loss.affected, affected);
        }
    }
}
