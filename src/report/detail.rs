//! What the pictures show besides the report's own figures.

use serde::{Deserialize, Serialize};

use super::by_order::ByOrder;
use crate::inspect;
use crate::order::cost::tally::{PairWear, Totals};
use crate::plan::{CoreSize, Outcome};

/// Fields along one side of a wear map: larger cores are shown in blocks of cells.
const MAP_SIDE: usize = 64;
/// Bins of the writes over the steps.
const STEP_BINS: usize = 240;

/// Wear cell by cell, levels layer by layer, writes step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// How many weights have each signed level, `-B..=B`, by layer.
    pub level_counts: Vec<Vec<u64>>,
    /// Wear of each core.
    pub wear: Vec<CoreWear>,
    /// Writes along the schedule, of all cores together; none when the schedule cannot be read.
    pub steps: Option<StepWrites>,
}

/// Writes per inference of every PCM cell of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreWear {
    /// Core rows and columns that one field stands for: 1 and 1 for cores of up to 64x64.
    pub cells_per_field: [usize; 2],
    /// Of each order.
    pub orders: ByOrder<PairMap>,
}

/// The PCM cells of one core: the most-written one of each field, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairMap {
    /// Plus cells.
    pub plus: Vec<Vec<u64>>,
    /// Minus cells.
    pub minus: Vec<Vec<u64>>,
}

impl PairMap {
    /// The most of both.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.plus.iter().chain(&self.minus).flatten().copied().max().unwrap_or(0)
    }
}

/// Writes of the schedule's own order in a later inference, in bins of consecutive steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepWrites {
    /// Steps of a bin; the last may have fewer.
    pub steps_per_bin: u64,
    /// Writes of each bin.
    pub writes: Vec<u64>,
}

impl Detail {
    /// Gathers them from a plan and from the schedule of each core.
    #[must_use]
    pub fn new(outcome: &Outcome, core: CoreSize, schedules: &[Vec<u8>]) -> Self {
        let cells = core.rows * core.cols;
        let of = |number: usize, totals: &Totals| {
            wear_map(totals.per_inference_wear.chunks(cells).nth(number).unwrap_or_default(), core)
        };
        let wear = (0..schedules.len()).map(|number| CoreWear {
            cells_per_field: [core.rows.div_ceil(MAP_SIDE), core.cols.div_ceil(MAP_SIDE)],
            orders: ByOrder {
                natural: of(number, &outcome.natural),
                sorted: of(number, &outcome.sorted),
                optimal: of(number, &outcome.optimal),
            },
        });
        let steps = schedules.iter().map(|schedule| inspect::step_writes(schedule)).collect::<Option<Vec<_>>>();
        Self {
            level_counts: outcome.layers.iter().map(|layer| layer.level_counts.clone()).collect(),
            wear: wear.collect(),
            steps: steps.map(|cores| bins(&side_by_side(&cores))),
        }
    }
}

/// Writes of all cores in each step: they begin every layer together.
fn side_by_side(cores: &[Vec<Vec<u32>>]) -> Vec<u64> {
    let mut all = Vec::new();
    for layer in 0..cores.iter().map(Vec::len).max().unwrap_or(0) {
        let begin = all.len();
        for writes in cores.iter().filter_map(|core| core.get(layer)) {
            all.resize(all.len().max(begin + writes.len()), 0);
            all[begin..].iter_mut().zip(writes).for_each(|(sum, w)| *sum += u64::from(*w));
        }
    }
    all
}

fn wear_map(wear: &[PairWear], core: CoreSize) -> PairMap {
    let [high, wide] = [core.rows.div_ceil(MAP_SIDE), core.cols.div_ceil(MAP_SIDE)];
    let side = |i: usize| {
        let mut fields = vec![vec![0u64; core.cols.div_ceil(wide)]; core.rows.div_ceil(high)];
        for (at, pair) in wear.iter().enumerate() {
            let field = &mut fields[at / core.cols / high][at % core.cols / wide];
            *field = (*field).max(pair.up[i] + pair.down[i]);
        }
        fields
    };
    PairMap { plus: side(0), minus: side(1) }
}

fn bins(writes: &[u64]) -> StepWrites {
    let steps = writes.len().div_ceil(STEP_BINS).max(1);
    let writes = writes.chunks(steps).map(|bin| bin.iter().sum());
    StepWrites { steps_per_bin: steps as u64, writes: writes.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_lose_no_write() {
        for n in [0usize, 1, 239, 240, 241, 5000] {
            let writes: Vec<u64> = (0..n as u64).collect();
            let binned = bins(&writes);
            assert!(binned.writes.len() <= STEP_BINS);
            assert_eq!(binned.writes.iter().sum::<u64>(), writes.iter().sum::<u64>());
            assert_eq!(binned.writes.len(), n.div_ceil(binned.steps_per_bin as usize));
        }
    }

    #[test]
    fn cores_begin_layers_together() {
        let cores = [vec![vec![1, 2], vec![3]], vec![vec![10], vec![20, 30]]];
        assert_eq!(side_by_side(&cores), [11, 2, 23, 30]);
    }

    #[test]
    fn large_cores_are_shown_in_blocks() {
        let core = CoreSize { rows: 130, cols: 65 };
        let mut wear = vec![PairWear::default(); core.rows * core.cols];
        wear[129 * 65 + 64].up[1] = 7;
        wear[0].down[0] = 3;
        let map = wear_map(&wear, core);
        assert_eq!((map.plus.len(), map.plus[0].len()), (44, 33));
        assert_eq!((map.plus[0][0], map.minus[43][32], map.most()), (3, 7, 7));
    }
}
