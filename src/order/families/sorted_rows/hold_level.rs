//! Parts of rows for devices that pay by the pulse: cells stay on the level that they hold as long as a row has use for it.
//!
//! Sorted parts are good where a change costs its distance. Where it costs the same however far it goes, a row's weights are better shared out so: each cell
//! first serves the level that it holds; what then remains is put into the places that remain, the largest remainders first, each into the tightest
//! gap, in as few pieces as that finds. Each piece is a change.

use rayon::prelude::*;

use crate::geometry::EMPTY;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::timeline::Timeline;
use crate::order::rows::profile::{Profiles, stages};
use crate::order::slots::level_runs::LevelRuns;

/// What a cell serves in a slot.
type Pieces = Vec<(i16, u32)>;

/// The same rows in the same slots as `timeline`, shared out anew. Levels come in no good order yet ([`super::reorder`]).
#[must_use]
pub fn hold_level(layers: &[Profiles], timeline: &Timeline, boundary: &CoreBoundary) -> LevelRuns {
    let (core_rows, cells) = (timeline.core_rows(), timeline.cells());
    let start = boundary.start();
    let of_core_row = |core_row: usize| {
        let mut held = match &start {
            Some(start) => start[core_row * cells..][..cells].to_vec(),
            None => timeline.chunks(0, core_row).lo.to_vec(),
        };
        let mut done = serve(layers, timeline, core_row, &mut held);
        if *boundary == CoreBoundary::Cyclic {
            // Now it is known where the inference ends.
            done = serve(layers, timeline, core_row, &mut held);
        }
        done
    };
    let rows: Vec<Vec<Vec<Pieces>>> = (0..core_rows).into_par_iter().map(of_core_row).collect();
    LevelRuns::of_slots(layers, timeline, |runs, _, (stage, core_row), _| {
        rows[core_row][stage].iter().for_each(|pieces| runs.push_cell(pieces.iter().copied()));
    })
}

/// One core row through all stages, from and to the levels `held`: the pieces by stage and cell.
fn serve(layers: &[Profiles], timeline: &Timeline, core_row: usize, held: &mut [i16]) -> Vec<Vec<Pieces>> {
    let serve = |(stage, layer): (usize, &Profiles)| match timeline.row(stage, core_row) {
        EMPTY => vec![Pieces::new(); held.len()],
        row => share(layer, row as usize, layer.steps(held.len()) as u32, held),
    };
    stages(layers, timeline.core_rows()).map(serve).collect()
}

/// Shares a row out to cells that hold some levels, and says what they hold then.
fn share(layer: &Profiles, row: usize, steps: u32, held: &mut [i16]) -> Vec<Pieces> {
    let top = layer.top();
    let number = |level: i16| (level + top) as usize;
    let counts: Vec<u32> = layer.below(row).windows(2).map(|w| w[1] - w[0]).collect();
    let mut left = counts.clone();
    let mut pieces = vec![Pieces::new(); held.len()];
    for (pieces, &level) in pieces.iter_mut().zip(&*held) {
        let served = left[number(level)].min(steps);
        if served > 0 {
            pieces.push((level, served));
            left[number(level)] -= served;
        }
    }
    let mut free: Vec<(u32, usize)> = pieces
        .iter()
        .enumerate()
        .map(|(cell, pieces)| (steps - pieces.iter().map(|(_, n)| n).sum::<u32>(), cell))
        .filter(|(free, _)| *free > 0)
        .collect();
    free.sort_unstable();
    let mut demands: Vec<(u32, i16)> =
        (-top..=top).zip(&left).filter(|(_, n)| **n > 0).map(|(level, &n)| (n, level)).collect();
    demands.sort_unstable();
    while let Some((wanted, level)) = demands.pop() {
        // The tightest gap; if none is wide enough, the widest.
        let at = free.partition_point(|(free, _)| *free < wanted);
        let Some(&(room, cell)) = free.get(at).or_else(|| free.last()) else { break };
        free.remove(at.min(free.len() - 1));
        let served = room.min(wanted);
        pieces[cell].push((level, served));
        if room > served {
            let rest = (room - served, cell);
            free.insert(free.partition_point(|other| *other < rest), rest);
        }
        if wanted > served {
            let rest = (wanted - served, level);
            demands.insert(demands.partition_point(|other| *other < rest), rest);
        }
    }
    // Each cell ends on the level of which the most weights are without a cell that holds it.
    let mut holders = vec![0u32; counts.len()];
    let settled = |pieces: &Pieces, held: i16| pieces.is_empty() || pieces.len() == 1 && pieces[0].0 == held;
    for (pieces, &level) in pieces.iter().zip(&*held).filter(|(pieces, held)| settled(pieces, **held)) {
        debug_assert!(pieces.len() <= 1);
        holders[number(level)] += 1;
    }
    for (pieces, held) in pieces.iter().zip(held).filter(|(pieces, held)| !settled(pieces, **held)) {
        let missing =
            |level: i16| i64::from(counts[number(level)]) - i64::from(holders[number(level)]) * i64::from(steps);
        if let Some(&(level, _)) = pieces.iter().max_by_key(|(level, _)| (missing(*level), *level)) {
            *held = level;
            holders[number(level)] += 1;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_weight_is_served(
            row in prop::collection::vec(-3i16..=3, 1..40),
            mut held in prop::collection::vec(-3i16..=3, 1..9),
            extra in 0usize..3,
        ) {
            let layer = Profiles::of(&row, 1, row.len(), 3);
            let steps = row.len().div_ceil(held.len()) + extra;
            let before = held.clone();
            let pieces = share(&layer, 0, steps as u32, &mut held);
            let mut served = Vec::new();
            for (cell, pieces) in pieces.iter().enumerate() {
                prop_assert!(pieces.iter().map(|(_, n)| *n as usize).sum::<usize>() <= steps);
                let mut levels: Vec<i16> = pieces.iter().map(|(level, _)| *level).collect();
                let stays = if levels.is_empty() { held[cell] == before[cell] } else { levels.contains(&held[cell]) };
                prop_assert!(stays);
                levels.sort_unstable();
                levels.dedup();
                prop_assert_eq!(levels.len(), pieces.len(), "a level in one piece");
                pieces.iter().for_each(|&(level, n)| served.resize(served.len() + n as usize, level));
            }
            let mut wanted = row;
            wanted.sort_unstable();
            served.sort_unstable();
            prop_assert_eq!(served, wanted);
        }
    }
}
