//! The order for per-cell inputs with reach `row`: sorted rows cut into chunks, similar rows one after the other.
//!
//! 1. Each row is sorted and cut into a chunk for each cell ([`crate::order::cut`]).
//! 2. Rows are dealt to the core rows along a short path through their quantiles ([`crate::order::rows::path`]).
//! 3. Rows trade places while that saves writes ([`crate::order::rows::exchange`]).
//! 4. Rows with idle places are cut again, now knowing what lies before and after them.
//! 5. Each cell's directions are chosen exactly ([`crate::order::chain::directions`]).

use rayon::prelude::*;

use super::fixed;
use crate::observer::StopToken;
use crate::order::Effort;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::chain::directions::Arrangement;
use crate::order::cut::Cut;
use crate::order::rows::exchange::tries_per_row;
use crate::order::rows::path::Path;
use crate::order::rows::placement::Placement;
use crate::order::rows::profile::Profiles;

/// Rounds of cutting again, before and after the search.
const RECUTS: usize = 2;
/// States of a cut's dynamic program up to which it is done in every round; a larger one only once, at the end.
const QUICK_CUT: usize = 1 << 14;
/// How many times as many exchanges as [`tries_per_row`], for rows that are full and for rows that have idle places; and in how many parts. Between two
/// parts, rows with idle places are cut again, which pays only where there are exchanges enough.
const fn exchanges(effort: Effort) -> ([usize; 2], usize) {
    match effort {
        Effort::Quick | Effort::Fast => ([1, 1], 1),
        Effort::Good => ([2, 4], 2),
        Effort::Best => ([16, 16], 4),
    }
}

/// Arranges layers on a core of `core_rows x cells`, each as a sequence of tile rows of [`Profiles::steps`] steps.
///
/// Memory: that of the timeline. Time: near-linear in the number of rows (see [`Path::new`]). After a stop, what comes back is of no use.
#[must_use]
pub fn arrange(
    layers: &[Profiles],
    core_rows: usize,
    cells: usize,
    boundary: &CoreBoundary,
    effort: Effort,
    seed: u64,
    stop: &StopToken<'_>,
) -> Arrangement {
    let begin = |typical: Vec<i16>| {
        let with = |effort| {
            let placement = place(&typical, layers, core_rows, cells, boundary, stop);
            improved(placement, layers, cells, effort, seed)
        };
        match effort {
            // A search that is hot for long may end in a worse place.
            Effort::Best => cheaper(with(Effort::Good), || with(effort)),
            _ => with(effort),
        }
    };
    if !layers.iter().any(Profiles::is_relaxed) {
        return begin(Vec::new());
    }
    // Rows with many idle places begin alike: at the levels of a typical row, or at levels that would never change if there were steps
    // enough.
    let first = begin(typical_levels(layers, cells));
    match fixed::levels(layers, core_rows, cells) {
        Some(levels) => cheaper(first, || begin(levels)),
        None => first,
    }
}

fn cheaper(first: Arrangement, second: impl FnOnce() -> Arrangement) -> Arrangement {
    Some(second()).filter(|second| second.writes < first.writes).unwrap_or(first)
}

/// Rows exchanged, and cut again where they leave places idle.
fn improved(mut placement: Placement<'_>, layers: &[Profiles], cells: usize, effort: Effort, seed: u64) -> Arrangement {
    placement.direct();
    let has_idle_places = layers.iter().any(|layer| has_idle_places(layer, cells));
    if has_idle_places {
        for _ in 0..RECUTS {
            recut(&mut placement, layers, QUICK_CUT);
            placement.direct();
        }
    }
    let (times, parts) = exchanges(effort);
    let parts = if has_idle_places { parts } else { 1 };
    let tries = |layer: usize| {
        let layer = &layers[layer];
        let times = times[usize::from(self::has_idle_places(layer, cells))];
        layer.rows() * tries_per_row(layer.cols()) * times / parts
    };
    for part in 0..parts {
        if part > 0 {
            recut(&mut placement, layers, QUICK_CUT);
            placement.direct();
        }
        placement.improve(tries, seed.wrapping_add(part as u64));
    }
    if has_idle_places {
        for round in 1..=RECUTS {
            placement.direct();
            recut(&mut placement, layers, if round == RECUTS { usize::MAX } else { QUICK_CUT });
        }
    }
    placement.finish()
}

/// Whether rows of a layer leave places idle.
fn has_idle_places(layer: &Profiles, cells: usize) -> bool {
    layer.is_relaxed() || layer.steps(cells) * cells > layer.cols()
}

/// The levels that the cells of a core row would hold if every row of these layers were spread over them evenly: where rows with many
/// idle places begin, so that they look alike.
fn typical_levels(layers: &[Profiles], cells: usize) -> Vec<i16> {
    let Some(top) = layers.first().map(Profiles::top) else { return vec![0; cells] };
    // Weights by level, every row with the same share in all.
    let mut counts = vec![0u64; 2 * top as usize + 1];
    for layer in layers {
        for row in 0..layer.rows() {
            for (level, run) in layer.runs(row) {
                counts[(level + top) as usize] += ((run.len() as u64) << 20) / layer.count(row) as u64;
            }
        }
    }
    let total = counts.iter().sum::<u64>();
    let mut by_level = (-top..=top).zip(counts);
    let (mut level, mut below) = (0, 0);
    let quantile = |cell: usize| {
        let position = (2 * cell as u64 + 1) * total / (2 * cells as u64);
        while below <= position
            && let Some((next, count)) = by_level.next()
        {
            if count > 0 {
                (level, below) = (next, below + count);
            }
        }
        level
    };
    (0..cells).map(quantile).collect()
}

/// Operations of one cut, about: it looks at every cell with every number of idle places before it.
fn cut_operations(layer: &Profiles, cells: usize) -> u64 {
    let idle = (layer.steps(cells) * cells).saturating_sub(layer.cols());
    (layer.cols() + cells * (idle + 1)) as u64
}

/// About how many writes an inference of relaxed layers takes, without the search: to compare numbers of steps.
#[must_use]
pub fn estimate(layers: &[Profiles], core_rows: usize, cells: usize, stop: &StopToken<'_>) -> u64 {
    let begin = |typical: &[i16]| {
        let mut placement = place(typical, layers, core_rows, cells, &CoreBoundary::Cyclic, stop);
        placement.direct();
        recut(&mut placement, layers, QUICK_CUT);
        placement.direct()
    };
    let first = begin(&typical_levels(layers, cells));
    fixed::levels(layers, core_rows, cells).map_or(first, |levels| first.min(begin(&levels)))
}

/// Deals the rows of every layer to slots, with their narrowest cuts; `typical`: where cells begin, if that is known.
fn place<'a>(
    typical: &[i16],
    layers: &[Profiles],
    core_rows: usize,
    cells: usize,
    boundary: &'a CoreBoundary,
    stop: &'a StopToken<'a>,
) -> Placement<'a> {
    let paths = layers.par_iter().with_max_len(1).map(|layer| Path::of(layer, cells, stop)).collect();
    let all: Vec<usize> = (0..core_rows).collect();
    let mut placement = Placement::deal(paths, |_| &all, [core_rows, cells], boundary, stop);
    if !typical.is_empty() {
        placement.suppose(typical);
    }
    placement.cut(
        |layer| cut_operations(&layers[layer], cells),
        |(cut, sorted): &mut (Cut, Vec<i16>), line, at| {
            let layer = &layers[at.layer];
            let steps = layer.steps(cells);
            layer.sorted_levels(at.row as usize, sorted);
            if layer.is_relaxed() {
                cut.cheapest_sparse(sorted, layer.top(), steps, [line.past(0); 2], cells);
            } else {
                cut.narrowest(sorted, cells, steps);
            }
            line.set(at.stage, at.row, cut.chunks());
        },
    );
    placement
}

/// Cuts every row that has idle places again, each at its cheapest between what now lies before and after it.
/// Rows whose dynamic program has more than `most_states` states stay as they are.
fn recut(placement: &mut Placement<'_>, layers: &[Profiles], most_states: usize) {
    let cells = placement.timeline().cells();
    let operations =
        |layer: usize| has_idle_places(&layers[layer], cells).then(|| cut_operations(&layers[layer], cells));
    placement.recut(operations, |(cut, sorted): &mut (Cut, Vec<i16>), line, at| {
        let layer = &layers[at.layer];
        let steps = layer.steps(cells);
        layer.sorted_levels(at.row as usize, sorted);
        let between = [line.past(at.stage), line.future(at.stage)];
        if layer.is_relaxed() {
            cut.cheapest_sparse(sorted, layer.top(), steps, between, cells);
        } else if !cut.cheapest(sorted, layer.top(), steps, between, cells, most_states) {
            return;
        }
        line.set(at.stage, at.row, cut.chunks());
    });
}
