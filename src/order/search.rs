//! Improving the order of rows by exchanging slots.
//!
//! Threshold-style annealing on the exact cost: two rows of a layer trade places when that saves writes, or, early on,
//! when it costs few. The acceptance is integer arithmetic on random bits, so that every machine makes the same plan.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::rows::Path;
use super::timeline::{EMPTY, Timeline};

/// One layer's part of a timeline.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its first stage.
    pub first: usize,
    /// Number of its tile rows.
    pub tile_rows: usize,
    /// Number of its rows.
    pub rows: usize,
}

/// Tries about `budget` exchanges within each layer. `seed` decides which.
pub fn improve(timeline: &mut Timeline, spans: &[Span], paths: &[Path], budgets: &[usize], seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut searches: Vec<LayerSearch> = spans.iter().map(|span| LayerSearch::new(timeline, span)).collect();
    for round in 0..ROUNDS {
        // From sides to side in rounds, so that layers settle to each other.
        let heat = START_HEAT * (ROUNDS - 1 - round) / (ROUNDS - 1);
        for (search, (path, budget)) in searches.iter_mut().zip(paths.iter().zip(budgets)) {
            for _ in 0..budget / ROUNDS {
                search.try_one(timeline, path, heat as i64, &mut rng);
            }
        }
    }
}

/// Rounds of cooling.
const ROUNDS: usize = 12;
/// Writes, in 1/16, that a random bit is worth at the start: an exchange that costs d is taken with chance `2^-(16 d / heat)`.
const START_HEAT: usize = 6;

/// The rows of one layer and where they sit.
struct LayerSearch {
    span: Span,
    /// Slot of each row.
    place: Vec<(usize, usize)>,
}

impl LayerSearch {
    fn new(timeline: &Timeline, span: &Span) -> Self {
        let mut place = vec![(0, 0); span.rows];
        for stage in span.first..span.first + span.tile_rows {
            for core_row in 0..timeline.core_rows() {
                let row = timeline.row(stage, core_row);
                if row != EMPTY {
                    place[row as usize] = (stage, core_row);
                }
            }
        }
        Self { span: span.clone(), place }
    }

    fn try_one(&mut self, timeline: &mut Timeline, path: &Path, heat: i64, rng: &mut ChaCha8Rng) {
        let bits = rng.next_u64();
        let row = below(bits as u32, self.span.rows) as u32;
        let here = self.place[row as usize];
        let Some(other) = self.partner(timeline, path, here, row, (bits >> 32) as u32) else { return };
        let there = self.place[other as usize];
        if here.1 == there.1 && here.0.abs_diff(there.0) > 12 {
            return; // walking so many stages costs more than it finds
        }
        let delta = timeline.swap_delta(here, there);
        let luck = i64::from(rng.next_u32().leading_zeros());
        if delta * 16 <= heat * luck && delta <= 8 {
            timeline.swap(here, there);
            self.place.swap(row as usize, other as usize);
        }
    }

    /// A row to trade places with: one that is near to what comes before or after this slot, or any.
    fn partner(&self, timeline: &Timeline, path: &Path, here: (usize, usize), row: u32, bits: u32) -> Option<u32> {
        let near = match bits & 3 {
            0 if here.0 > self.span.first => timeline.row(here.0 - 1, here.1),
            1 if here.0 + 1 < self.span.first + self.span.tile_rows => timeline.row(here.0 + 1, here.1),
            2 => row,
            _ => EMPTY,
        };
        let other = if near == EMPTY {
            below(bits & !3, self.span.rows) as u32
        } else {
            let candidates = &path.near[near as usize];
            *candidates.get(below(bits << 2, candidates.len()))?
        };
        (other != row).then_some(other)
    }
}

/// A number below `n` from 32 random bits.
fn below(bits: u32, n: usize) -> usize {
    ((u64::from(bits) * n as u64) >> 32) as usize
}
