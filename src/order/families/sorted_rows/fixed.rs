//! The plan that writes nothing after the first load: every cell keeps one level for ever.
//!
//! On each core row some cells hold each level that occurs, and every row deals its weights of a level out to the cells of that level; weights of level 0 are
//! left out. A row then takes as many steps as its busiest cell, and a stage as many as its longest row.

use crate::geometry::EMPTY;
use crate::order::families::family::OrderError;
use crate::order::rows::profile::Profiles;
use crate::order::slots::level_runs::LevelRuns;

/// A plan with fixed levels.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Where everything is.
    pub level_runs: LevelRuns,
    /// Steps of an inference.
    pub steps: u64,
    /// Steps that no plan with fixed levels can go below.
    pub lower_bound_steps: u64,
}

/// Cells that a core row needs for fixed levels, when it has too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewCells {
    /// Levels that occur, without 0.
    pub needed: usize,
}

impl From<TooFewCells> for OrderError {
    fn from(TooFewCells { needed }: TooFewCells) -> Self {
        Self::TooFewCells { needed }
    }
}

/// Rows that decide how many cells hold each level; of larger networks every n-th.
const ROWS_LOOKED_AT: usize = 4096;
/// Rounds of moving a cell from one level to another.
const ROUNDS: usize = 8;

/// Weights of a row at each level, level 0 left out.
fn counts(layer: &Profiles, row: usize) -> Vec<u32> {
    let mut counts: Vec<u32> = layer.below(row).windows(2).map(|w| w[1] - w[0]).collect();
    counts[layer.top() as usize] = 0;
    counts
}

/// Plans for fixed levels.
///
/// How many cells hold each level is the same on every core row, chosen by moving cells from level to level while the steps fall: a
/// heuristic. For these numbers the stages are the best there are (docs/trade.md, theorem 11).
///
/// # Errors
/// [`TooFewCells`] when more levels occur than a core row has cells.
pub fn fixed_levels(layers: &[Profiles], core_rows: usize, cells: usize) -> Result<Fixed, TooFewCells> {
    let share = share(layers, core_rows, cells)?;
    Ok(place(layers, core_rows, cells, &share))
}

/// The level that each cell of a core row would keep, ascending; 0 for cells without one. `None` when there are too few cells.
#[must_use]
pub fn levels(layers: &[Profiles], core_rows: usize, cells: usize) -> Option<Vec<i16>> {
    let top = layers.first().map_or(0, Profiles::top);
    let share = share(layers, core_rows, cells).ok()?;
    let mut levels: Vec<i16> = (-top..=top).zip(share).flat_map(|(level, n)| (0..n).map(move |_| level)).collect();
    levels.resize(cells, 0);
    levels.sort_unstable();
    Some(levels)
}

/// Cells for each level, from the rows of all layers.
fn share(layers: &[Profiles], core_rows: usize, cells: usize) -> Result<Vec<u32>, TooFewCells> {
    let levels = layers.first().map_or(1, |layer| 2 * layer.top() as usize + 1);
    let all_rows: usize = layers.iter().map(Profiles::rows).sum();
    let every = all_rows.div_ceil(ROWS_LOOKED_AT).max(1);
    let mut occurs = vec![false; levels];
    for layer in layers {
        for (level, _) in (0..layer.rows()).flat_map(|row| layer.runs(row)).filter(|(level, _)| *level != 0) {
            occurs[(level + layer.top()) as usize] = true;
        }
    }
    let needed = occurs.iter().filter(|&&occurs| occurs).count();
    if needed > cells {
        return Err(TooFewCells { needed });
    }
    let sample: Vec<Vec<Vec<u32>>> =
        layers.iter().map(|layer| (0..layer.rows()).step_by(every).map(|row| counts(layer, row)).collect()).collect();
    Ok(allot(&sample, core_rows.div_ceil(every), cells, &occurs))
}

/// Cells for each level.
fn allot(sample: &[Vec<Vec<u32>>], core_rows: usize, cells: usize, occurs: &[bool]) -> Vec<u32> {
    let mut share: Vec<u32> = occurs.iter().map(|&occurs| occurs.into()).collect();
    let demand: Vec<u64> =
        (0..share.len()).map(|level| sample.iter().flatten().map(|counts| u64::from(counts[level])).sum()).collect();
    for _ in share.iter().sum::<u32>()..cells as u32 {
        // The level whose cells are busiest gets one more.
        let busiest = (0..share.len())
            .filter(|&level| occurs[level])
            .reduce(|a, b| if demand[b] * u64::from(share[a]) > demand[a] * u64::from(share[b]) { b } else { a });
        let Some(busiest) = busiest else { break };
        share[busiest] += 1;
    }
    let mut steps = total(sample, core_rows, &share);
    for _ in 0..ROUNDS {
        let before = steps;
        for from in (0..share.len()).filter(|&level| occurs[level]) {
            for to in (0..share.len()).filter(|&level| occurs[level] && level != from) {
                if share[from] < 2 {
                    break;
                }
                share[from] -= 1;
                share[to] += 1;
                let moved = total(sample, core_rows, &share);
                if moved < steps {
                    steps = moved;
                } else {
                    share[from] += 1;
                    share[to] -= 1;
                }
            }
        }
        if steps == before {
            break;
        }
    }
    share
}

/// Steps of a row whose levels have so many cells.
fn steps_of(counts: &[u32], share: &[u32]) -> u32 {
    counts
        .iter()
        .zip(share)
        .filter(|(count, _)| **count > 0)
        .map(|(count, share)| count.div_ceil(*share))
        .max()
        .unwrap_or(0)
}

/// Steps of all stages, rows sorted by their steps.
fn total(sample: &[Vec<Vec<u32>>], core_rows: usize, share: &[u32]) -> u64 {
    let mut rows = Vec::new();
    let layer = |layer: &Vec<Vec<u32>>| {
        rows.clear();
        rows.extend(layer.iter().map(|counts| steps_of(counts, share)));
        sum_of_stages(&mut rows, core_rows)
    };
    sample.iter().map(layer).sum()
}

/// Sorts rows by their steps, the longest first, and adds up the longest of each stage: the least that they can come to. A stage takes at
/// least one step.
fn sum_of_stages(rows: &mut [u32], core_rows: usize) -> u64 {
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows.iter().step_by(core_rows).map(|&steps| u64::from(steps.max(1))).sum()
}

/// The fewest steps of a row that may choose its cells' levels for itself.
fn fewest_steps(counts: &[u32], cells: usize) -> u32 {
    let fits = |steps: u32| counts.iter().map(|count| u64::from(count.div_ceil(steps))).sum::<u64>() <= cells as u64;
    let (mut low, mut high) = (1, counts.iter().copied().max().unwrap_or(0).max(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

fn place(layers: &[Profiles], core_rows: usize, cells: usize, share: &[u32]) -> Fixed {
    let mut fixed = Fixed { level_runs: LevelRuns::new(core_rows, cells), steps: 0, lower_bound_steps: 0 };
    for layer in layers {
        let counts: Vec<Vec<u32>> = (0..layer.rows()).map(|row| counts(layer, row)).collect();
        let mut fewest: Vec<u32> = counts.iter().map(|counts| fewest_steps(counts, cells)).collect();
        fixed.lower_bound_steps += sum_of_stages(&mut fewest, core_rows);
        let mut rows: Vec<(u32, usize)> =
            counts.iter().enumerate().map(|(row, counts)| (steps_of(counts, share), row)).collect();
        rows.sort_unstable_by_key(|&(steps, row)| (std::cmp::Reverse(steps), row));
        for stage in rows.chunks(core_rows) {
            let steps = stage[0].0.max(1);
            fixed.steps += u64::from(steps);
            fixed.level_runs.push_stage(steps as usize);
            for core_row in 0..core_rows {
                let row = stage.get(core_row).map(|&(_, row)| row);
                fixed.level_runs.push_slot(row.map_or(EMPTY, |row| row as u32));
                let mut left = cells;
                for (level, &holders) in (-layer.top()..=layer.top()).zip(share) {
                    let count = row.map_or(0, |row| counts[row][(level + layer.top()) as usize]);
                    for holder in 0..holders {
                        // As even as it goes.
                        let served = (count * (holder + 1) / holders) - count * holder / holders;
                        fixed.level_runs.push_cell((served > 0).then_some((level, served)));
                        left -= 1;
                    }
                }
                (0..left).for_each(|_| fixed.level_runs.push_cell([]));
            }
        }
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fewest steps, by trying every way to give the cells of every core row levels and every way to deal the rows to slots.
    fn everything(rows: &[Vec<u32>], core_rows: usize, cells: usize) -> Option<u64> {
        fn shares(left: usize, levels: usize) -> Vec<Vec<u32>> {
            if levels == 0 {
                return vec![vec![]];
            }
            let with = |first: usize| {
                shares(left - first, levels - 1).into_iter().map(move |mut rest| {
                    rest.insert(0, first as u32);
                    rest
                })
            };
            (0..=left).flat_map(with).collect()
        }
        let shares = shares(cells, rows[0].len());
        let steps = |row: &Vec<u32>, share: &Vec<u32>| {
            let possible = row.iter().zip(share).all(|(count, cells)| *count == 0 || *cells > 0);
            possible.then(|| u64::from(steps_of(row, share).max(1)))
        };
        // Every sequence of rows, cut into stages of `core_rows`; every combination of shares.
        let mut best = None;
        let mut combination = vec![0; core_rows];
        loop {
            let mut sequences = vec![(Vec::<usize>::new(), (0..rows.len()).collect::<Vec<_>>())];
            while let Some((done, left)) = sequences.pop() {
                if left.is_empty() {
                    let stage = |stage: &[usize]| {
                        let of = |(core_row, &row): (usize, &usize)| steps(&rows[row], &shares[combination[core_row]]);
                        stage.iter().enumerate().map(of).try_fold(0, |most, steps| Some(u64::max(most, steps?)))
                    };
                    if let Some(total) = done.chunks(core_rows).map(stage).sum::<Option<u64>>() {
                        best = Some(best.unwrap_or(u64::MAX).min(total));
                    }
                }
                for i in 0..left.len() {
                    let (mut done, mut left) = (done.clone(), left.clone());
                    done.push(left.remove(i));
                    sequences.push((done, left));
                }
            }
            let Some(at) = combination.iter().position(|&share| share + 1 < shares.len()) else { return best };
            combination[at] += 1;
            combination[..at].fill(0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn no_plan_is_shorter_than_the_bound(
            rows in prop::collection::vec(prop::collection::vec(-1i16..=1, 6), 1..4),
            core_rows in 1usize..3,
            cells in 2usize..5,
        ) {
            let layer = Profiles::of(&rows.concat(), rows.len(), 6, 1);
            let counted: Vec<Vec<u32>> = (0..rows.len()).map(|row| counts(&layer, row)).collect();
            let optimum = everything(&counted, core_rows, cells).unwrap();
            let fixed = fixed_levels(std::slice::from_ref(&layer), core_rows, cells).unwrap();
            prop_assert!(fixed.lower_bound_steps <= optimum && optimum <= fixed.steps);
            prop_assert_eq!(fixed.level_runs.writes(), 0);
            let nonzero = rows.concat().iter().filter(|level| **level != 0).count();
            let slots = (0..fixed.level_runs.stages()).flat_map(|stage| (0..core_rows).map(move |core_row| (stage, core_row)));
            let served = slots.map(|(stage, core_row)| fixed.level_runs.weights(stage, core_row)).sum::<u64>();
            prop_assert_eq!(served, nonzero as u64);
        }
    }

    #[test]
    fn levels_that_do_not_fit_are_counted() {
        let layer = Profiles::of(&[-2, -1, 0, 1, 2, 2], 1, 6, 2);
        assert_eq!(fixed_levels(std::slice::from_ref(&layer), 1, 3).unwrap_err(), TooFewCells { needed: 4 });
        let fixed = fixed_levels(&[layer], 1, 5).unwrap();
        assert_eq!((fixed.steps, fixed.lower_bound_steps), (1, 1));
    }
}
