//! Improving the order of rows by exchanging slots.
//!
//! Threshold-style annealing on the exact cost: two rows of a layer trade places when that saves writes, or, early on,
//! when it costs few. The acceptance is integer arithmetic on random bits, so that every machine makes the same plan.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::path::Path;
use crate::geometry::EMPTY;
use crate::observer::StopToken;
use crate::order::chain::timeline::Timeline;

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

impl Span {
    /// Its stages.
    #[must_use]
    pub fn stages(&self) -> Range<usize> {
        self.first..self.first + self.tile_rows
    }
}

/// Exchanges tried for each sorted row of so many weights, at least: a few nanoseconds a weight for long rows. Short rows, which have
/// nothing but their order to gain from, want a few all the same.
#[must_use]
pub fn tries_per_row(cols: usize) -> usize {
    (cols / 16).clamp(24, 48)
}

/// Tries about `budget` exchanges within each layer. `seed` decides which.
///
/// In each round every layer searches for itself, between the neighbours' frontiers as they were when the round began: layers can then
/// be searched side by side, and the result does not depend on how many are. The timeline's frontiers are stale afterwards.
pub fn improve(
    timeline: &mut Timeline,
    spans: &[Span],
    paths: &[Path],
    budgets: &[usize],
    seed: u64,
    stop: &StopToken<'_>,
) {
    let mut searches: Vec<LayerSearch> =
        spans.iter().enumerate().map(|(layer, span)| LayerSearch::new(timeline, span, seed, layer as u64)).collect();
    for round in 0..ROUNDS {
        // From round to round, so that layers settle to each other.
        let heat = START_HEAT * (ROUNDS - 1 - round) / (ROUNDS - 1);
        searches.par_iter_mut().zip(paths.par_iter().zip(budgets)).with_max_len(1).for_each(
            |(search, (path, budget))| {
                let (mut meter, operations) = (stop.meter(), search.operations());
                for _ in 0..budget / ROUNDS {
                    if !meter.work(operations) {
                        return;
                    }
                    search.try_one(path, heat as i64);
                }
            },
        );
        for i in 1..searches.len() {
            let (before, here) = searches.split_at_mut(i);
            here[0].part.follow(&before[i - 1].part);
        }
        for i in (1..searches.len()).rev() {
            let (here, after) = searches.split_at_mut(i);
            here[i - 1].part.lead_to(&after[0].part);
        }
    }
    for search in &searches {
        timeline.put_back(search.span.first, &search.part);
    }
}

/// Rounds of cooling.
const ROUNDS: usize = 12;
/// Writes, in 1/16, that a random bit is worth at the start: an exchange that costs d is taken with chance `2^-(16 d / heat)`.
const START_HEAT: usize = 6;

/// The rows of one layer and where they sit.
struct LayerSearch {
    span: Span,
    /// The layer's stages.
    part: Timeline,
    /// Slot of each row, by stage of the part and core row.
    place: Vec<(usize, usize)>,
    rng: ChaCha8Rng,
}

impl LayerSearch {
    fn new(timeline: &Timeline, span: &Span, seed: u64, layer: u64) -> Self {
        let part = timeline.part(span.stages());
        let mut place = vec![(0, 0); span.rows];
        for stage in 0..span.tile_rows {
            for core_row in 0..part.core_rows() {
                let row = part.row(stage, core_row);
                if row != EMPTY {
                    place[row as usize] = (stage, core_row);
                }
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(layer);
        Self { span: span.clone(), part, place, rng }
    }

    /// Steps of cells that one try looks at, about.
    fn operations(&self) -> u64 {
        4 * self.part.cells() as u64
    }

    fn try_one(&mut self, path: &Path, heat: i64) {
        let bits = self.rng.next_u64();
        let row = below(bits as u32, self.span.rows) as u32;
        let here = self.place[row as usize];
        let Some(other) = self.partner(path, here, row, (bits >> 32) as u32) else { return };
        let there = self.place[other as usize];
        if here.1 == there.1 && here.0.abs_diff(there.0) > 12 {
            return; // walking so many stages costs more than it finds
        }
        let delta = self.part.swap_delta(here, there);
        let luck = i64::from(self.rng.next_u32().leading_zeros());
        if delta * 16 <= heat * luck && delta <= 8 {
            self.part.swap(here, there);
            self.place.swap(row as usize, other as usize);
        }
    }

    /// A row to trade places with: one that is near to what comes before or after this slot, or any.
    fn partner(&self, path: &Path, here: (usize, usize), row: u32, bits: u32) -> Option<u32> {
        let near = match bits & 3 {
            0 if here.0 > 0 => self.part.row(here.0 - 1, here.1),
            1 if here.0 + 1 < self.span.tile_rows => self.part.row(here.0 + 1, here.1),
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
