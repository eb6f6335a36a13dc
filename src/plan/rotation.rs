//! Rotating a plan round its core: every core row and every lane plays the part of another one, at no write in steady state.
//!
//! Cells wear unevenly: some chunks move in every tile row, others never. A plan that is rotated by some rows and lanes wears other cells, so rotations
//! even out what a core bears over its life, or spare cells that are worn already.

use crate::geometry::Wiring;
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

/// By how many core rows and lanes a plan is rotated, round the edges of the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Core row l plays on core row `(l + rows) mod R`.
    pub rows: usize,
    /// Lane c plays on lane `(c + lanes) mod C`.
    pub lanes: usize,
}

impl Rotation {
    /// The core row whose part is played on core row `seat`; `core_rows`: R, and seats are counted core after core.
    #[must_use]
    pub fn part(self, seat: usize, core_rows: usize) -> usize {
        let (core, row) = (seat / core_rows, seat % core_rows);
        core * core_rows + (row + core_rows - self.rows % core_rows) % core_rows
    }

    /// What belongs to each seat, brought to the part that is played there: the way back.
    #[must_use]
    pub fn undo<T: Copy>(self, by_seat: &[T], core_rows: usize, cells: usize) -> Vec<T> {
        let mut by_part = by_seat.to_vec();
        for (seat, values) in by_seat.chunks_exact(cells).enumerate() {
            let part = self.part(seat, core_rows);
            let own = &mut by_part[part * cells..(part + 1) * cells];
            own.copy_from_slice(values);
            own.rotate_left(self.lanes % cells);
        }
        by_part
    }
}

/// Slots that are played on other core rows and lanes than they were arranged for.
pub struct RotatedSlots {
    slots: Box<dyn Slots>,
    rotation: Rotation,
    wiring: Wiring,
}

impl RotatedSlots {
    /// Where rows share inputs, `rotation` keeps their row groups.
    pub fn new(slots: Box<dyn Slots>, rotation: Rotation, wiring: Wiring) -> Self {
        Self { slots, rotation, wiring }
    }

    fn part(&self, at: SlotAt) -> SlotAt {
        SlotAt { core_row: self.rotation.part(at.core_row, self.wiring.core_rows / self.wiring.cores), ..at }
    }
}

impl Slots for RotatedSlots {
    fn stages(&self, layer: usize) -> usize {
        self.slots.stages(layer)
    }

    fn steps(&self, layer: usize, stage: usize, core: usize) -> usize {
        self.slots.steps(layer, stage, core)
    }

    fn row(&self, at: SlotAt) -> Option<u32> {
        self.slots.row(self.part(at))
    }

    fn fill(&self, at: SlotAt, levels: &[i16], program: &mut Program) {
        self.slots.fill(self.part(at), levels, program);
        program.rotate(self.rotation.lanes);
        if self.wiring.fanout == 1 && self.rotation.lanes > 0 {
            program.feed_in_order(levels, self.wiring.top);
        }
    }

    fn first_rows_rest(&self) -> bool {
        true
    }
}

/// Most rotations that are looked at for each step of a rotation.
const MOST_TRIED: usize = 4096;
/// Cells that are looked at for each step of a rotation, over all rotations that are tried.
const MOST_CELLS: usize = 1 << 27;

/// Chooses `count` rotations, one after the other: each such that the cell that has used up most of what it can bear has used up as little as possible, after
/// as many inferences with each of the rotations so far.
///
/// `wear`: of the `[plus, minus]` cell of each weight cell in an inference, unrotated, core row by core row; `budget`: what each can still bear, by
/// seat. `lanes`: whether lanes may be rotated as well. Rows that share inputs stay together. A tie goes to the smallest rotation.
#[must_use]
pub fn choose(wear: &[[u64; 2]], budget: &[[f64; 2]], wiring: Wiring, count: usize, lanes: bool) -> Vec<Rotation> {
    let (core_rows, cells, fanout) = (wiring.core_rows / wiring.cores, wiring.cells, wiring.fanout);
    let all_lanes = if lanes { cells } else { 1 };
    let rotations = core_rows / fanout * all_lanes;
    let tried = rotations.min(MOST_TRIED).min((MOST_CELLS / wear.len().max(1)).max(64));
    let mut used = vec![[0.0; 2]; wear.len()];
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        let candidates = (0..tried).map(|i| {
            let rotation = i * rotations / tried;
            Rotation { rows: rotation / all_lanes * fanout, lanes: rotation % all_lanes }
        });
        let worst = |rotation: Rotation| {
            let mut most = 0.0f64;
            for seat in 0..wear.len() / cells {
                let part = rotation.part(seat, core_rows) * cells;
                for lane in 0..cells {
                    let own = wear[part + (lane + cells - rotation.lanes) % cells];
                    let at = seat * cells + lane;
                    for side in 0..2 {
                        most = most.max((used[at][side] + own[side] as f64) / budget[at][side]);
                    }
                }
            }
            most
        };
        let best = candidates.map(|rotation| (worst(rotation), rotation)).min_by(|a, b| a.0.total_cmp(&b.0));
        let rotation = best.map_or(Rotation::default(), |(_, rotation)| rotation);
        for seat in 0..wear.len() / cells {
            let part = rotation.part(seat, core_rows) * cells;
            for lane in 0..cells {
                let own = wear[part + (lane + cells - rotation.lanes) % cells];
                for side in 0..2 {
                    used[seat * cells + lane][side] += own[side] as f64;
                }
            }
        }
        chosen.push(rotation);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two cores of 2x3.
    const WIRING: Wiring = Wiring { cores: 2, core_rows: 4, cells: 3, fanout: 1, top: 15 };

    /// What each seat's cell bears when a plan is rotated, cell by cell.
    fn rotated(wear: &[[u64; 2]], rotation: Rotation, core_rows: usize, cells: usize) -> Vec<[u64; 2]> {
        let mut seats = vec![[0; 2]; wear.len()];
        for (i, own) in wear.iter().enumerate() {
            let (core, row, lane) = (i / cells / core_rows, i / cells % core_rows, i % cells);
            let seat = core * core_rows + (row + rotation.rows) % core_rows;
            seats[seat * cells + (lane + rotation.lanes) % cells] = *own;
        }
        seats
    }

    proptest! {
        #[test]
        fn the_first_turn_is_the_best(
            wear in prop::collection::vec([0u64..9, 0u64..9], 12),
            budget in prop::collection::vec([1u32..50, 1u32..50], 12),
            lanes in any::<bool>(),
        ) {
            let budget: Vec<[f64; 2]> = budget.iter().map(|b| b.map(f64::from)).collect();
            let worst = |rotation: Rotation| {
                let borne = rotated(&wear, rotation, 2, 3);
                let used = borne.iter().zip(&budget).flat_map(|(w, b)| [w[0] as f64 / b[0], w[1] as f64 / b[1]]);
                used.fold(0.0, f64::max)
            };
            let found = choose(&wear, &budget, WIRING, 1, lanes)[0];
            let all = (0..2).flat_map(|rows| (0..if lanes { 3 } else { 1 }).map(move |lanes| Rotation { rows, lanes }));
            prop_assert_eq!(worst(found), all.map(worst).fold(f64::INFINITY, f64::min));
            prop_assert_eq!(found.undo(&rotated(&wear, found, 2, 3), 2, 3), wear);
        }

        #[test]
        fn all_turns_together_wear_all_alike(wear in prop::collection::vec([0u64..9, 0u64..9], 6)) {
            let rotations = choose(&wear, &[[1.0; 2]; 6], Wiring { cores: 1, core_rows: 2, ..WIRING }, 6, true);
            let mut sum = vec![[0; 2]; 6];
            for &rotation in &rotations {
                for (sum, own) in sum.iter_mut().zip(rotated(&wear, rotation, 2, 3)) {
                    *sum = [sum[0] + own[0], sum[1] + own[1]];
                }
            }
            let worst = |wear: &[[u64; 2]]| wear.iter().flatten().copied().max().unwrap();
            // No worse than without rotating, and no better than even.
            prop_assert!(worst(&sum) <= 6 * worst(&wear));
            let even = [0, 1].map(|side| wear.iter().map(|w| w[side]).sum::<u64>()).into_iter().max().unwrap();
            prop_assert!(worst(&sum) >= even);
        }
    }
}
