//! More steps for fewer writes: how many steps each layer takes.
//!
//! With more steps than a layer needs cells may idle, and rows can be cut where levels change. What that saves differs from layer to layer, so the extra
//! steps of a network go where they save most: each layer's writes are estimated for a few numbers of steps, and of all these curves the
//! steepest pieces of their lower convex hulls are bought first.

use rayon::prelude::*;

use super::fixed::{Fixed, TooFewCells, fixed_levels};
use super::quantile;
use crate::observer::StopToken;
use crate::order::extra_steps::ExtraSteps;
use crate::order::rows::profile::Profiles;

/// Steps tried, in percent of the fewest that hold every weight.
const TRIED: [usize; 10] = [100, 105, 110, 125, 150, 175, 200, 250, 300, 400];

/// A layer's curve.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    /// Steps of a tile row.
    steps: usize,
    /// Steps of the whole layer.
    cost: u64,
    /// Estimated writes.
    writes: u64,
}

/// The fewest steps of a tile row of each layer in which every weight has a place.
#[must_use]
pub fn least_steps(layers: &[Profiles], cells: usize) -> Vec<usize> {
    layers.iter().map(|layer| layer.cols().div_ceil(cells)).collect()
}

/// Steps of all tile rows.
#[must_use]
pub fn total_steps(layers: &[Profiles], core_rows: usize, steps: &[usize]) -> u64 {
    layers.iter().zip(steps).map(|(layer, &steps)| (layer.rows().div_ceil(core_rows) * steps) as u64).sum()
}

/// Relaxed copies of the layers, at most `budget` steps in all; which is at least what [`least_steps`] come to.
#[must_use]
pub fn share(layers: &[Profiles], core_rows: usize, cells: usize, budget: u64, stop: &StopToken<'_>) -> Vec<Profiles> {
    let least = least_steps(layers, cells);
    let needed = total_steps(layers, core_rows, &least);
    let spare = budget.saturating_sub(needed);
    if spare == 0 {
        return relaxed(layers, &least);
    }
    let curves: Vec<Vec<Choice>> = layers
        .par_iter()
        .zip(&least)
        .map(|(layer, &least)| curve(layer, core_rows, cells, least, spare, stop))
        .collect();
    let steepest = steepest(&curves, budget);
    // The same share for each layer, for comparison: hulls may leave steps over.
    let even: Vec<usize> = least.iter().map(|&steps| steps + (steps as u64 * spare / needed.max(1)) as usize).collect();
    let writes = |steps: &[usize]| quantile::estimate(&relaxed(layers, steps), core_rows, cells, stop);
    relaxed(layers, if writes(&steepest) <= writes(&even) { &steepest } else { &even })
}

fn relaxed(layers: &[Profiles], steps: &[usize]) -> Vec<Profiles> {
    let relax = |(layer, &steps): (&Profiles, &usize)| {
        let mut layer = layer.clone();
        layer.relax(steps);
        layer
    };
    layers.iter().zip(steps).map(relax).collect()
}

/// Estimated writes of one layer for several numbers of steps, ascending. `spare`: steps that the network can add.
fn curve(
    layer: &Profiles,
    core_rows: usize,
    cells: usize,
    least: usize,
    spare: u64,
    stop: &StopToken<'_>,
) -> Vec<Choice> {
    let tile_rows = layer.rows().div_ceil(core_rows);
    // Without zeros the longest row may need fewer steps.
    let mut bare = layer.clone();
    bare.relax(least);
    let fewest = (0..layer.rows()).map(|row| bare.count(row).div_ceil(cells)).max().unwrap_or(0).max(1);
    let most = least + spare as usize / tile_rows.max(1);
    let mut tried: Vec<usize> = TRIED.iter().map(|percent| (least * percent).div_ceil(100)).collect();
    tried.extend([fewest, most.min(4 * least)]);
    tried.retain(|&steps| steps >= fewest && steps <= most);
    tried.sort_unstable();
    tried.dedup();
    let choice = |steps| {
        let mut layer = layer.clone();
        layer.relax(steps);
        let writes = quantile::estimate(std::slice::from_ref(&layer), core_rows, cells, stop);
        Choice { steps, cost: (tile_rows * steps) as u64, writes }
    };
    tried.into_par_iter().map(choice).collect()
}

/// Buys the pieces of the lower convex hulls of all curves, steepest first, while they fit; returns each layer's steps.
fn steepest(curves: &[Vec<Choice>], budget: u64) -> Vec<usize> {
    let hulls: Vec<Vec<&Choice>> = curves.iter().map(|curve| hull(curve)).collect();
    let mut at = vec![0; hulls.len()];
    let mut left = budget.saturating_sub(hulls.iter().map(|hull| hull[0].cost).sum());
    loop {
        let piece = |layer: usize| {
            let (from, to) = (hulls[layer][at[layer]], hulls[layer].get(at[layer] + 1)?);
            Some((from.writes - to.writes, to.cost - from.cost))
        };
        let affordable = (0..hulls.len()).filter_map(|layer| Some((layer, piece(layer)?))).filter(|(_, p)| p.1 <= left);
        // Saved writes a step; of two alike the first.
        let best = affordable.reduce(|a, b| {
            let (slope_a, slope_b) = (u128::from(a.1.0) * u128::from(b.1.1), u128::from(b.1.0) * u128::from(a.1.1));
            if slope_b > slope_a { b } else { a }
        });
        let Some((layer, (_, cost))) = best else { break };
        at[layer] += 1;
        left -= cost;
    }
    hulls.iter().zip(at).map(|(hull, at)| hull[at].steps).collect()
}

/// The choices that lie on the lower convex hull, from the cheapest in steps to the one with the fewest writes.
fn hull(curve: &[Choice]) -> Vec<&Choice> {
    let mut hull: Vec<&Choice> = Vec::new();
    for choice in curve {
        if hull.last().is_some_and(|last| last.writes <= choice.writes) {
            continue;
        }
        while let [.., a, b] = hull[..] {
            // b lies on or above the line from a to this one.
            let slope = |from: &Choice, to: &Choice| {
                (i128::from(from.writes) - i128::from(to.writes), i128::from(to.cost - from.cost))
            };
            let (ab, bc) = (slope(a, b), slope(b, choice));
            if ab.0 * bc.1 > bc.0 * ab.1 {
                break;
            }
            hull.pop();
        }
        hull.push(choice);
    }
    hull
}

/// How layers are planned with more steps.
pub enum Relaxed {
    /// Each layer with its steps, weights of level 0 left out.
    Layers(Vec<Profiles>),
    /// Nothing is written after the first load.
    Fixed(Fixed),
}

/// Finds the steps of each layer. A plan with fixed levels is taken as soon as its steps are granted, as none has fewer writes.
/// `core_rows`: of all cores together.
///
/// # Errors
/// [`TooFewCells`] when fixed levels are asked for, and more occur than a core row has cells.
pub fn relax(
    layers: &[Profiles],
    core_rows: usize,
    cells: usize,
    extra: ExtraSteps,
    stop: &StopToken<'_>,
) -> Result<Relaxed, TooFewCells> {
    let fixed = fixed_levels(layers, core_rows, cells);
    let ExtraSteps::Percent(percent) = extra else { return fixed.map(Relaxed::Fixed) };
    let budget = budget(layers, core_rows, cells, percent);
    match fixed {
        Ok(fixed) if fixed.steps <= budget => Ok(Relaxed::Fixed(fixed)),
        _ => Ok(Relaxed::Layers(share(layers, core_rows, cells, budget, stop))),
    }
}

/// Steps of an inference with so many percent extra, rounded down.
fn budget(layers: &[Profiles], core_rows: usize, cells: usize, percent: f64) -> u64 {
    let least = total_steps(layers, core_rows, &least_steps(layers, cells));
    least + (least as f64 * percent / 100.0).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(points: &[(u64, u64)]) -> Vec<Choice> {
        points.iter().map(|&(cost, writes)| Choice { steps: cost as usize, cost, writes }).collect()
    }

    #[test]
    fn steps_go_where_they_save_most() {
        let steep = choices(&[(10, 100), (12, 40), (20, 20)]);
        let flat = choices(&[(10, 100), (14, 90), (20, 10)]);
        let costs = |curve: &[Choice]| hull(curve).iter().map(|c| c.cost).collect::<Vec<_>>();
        assert_eq!(costs(&flat), [10, 20], "the middle lies above the line");
        assert_eq!(costs(&steep), [10, 12, 20]);
        let curves = [steep, flat];
        assert_eq!(steepest(&curves, 20), [10, 10]);
        assert_eq!(steepest(&curves, 23), [12, 10]);
        assert_eq!(steepest(&curves, 32), [12, 20]);
        assert_eq!(steepest(&curves, 40), [20, 20]);
    }

    #[test]
    fn the_budget_is_kept() {
        let mut seed = 5u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 60) as i16 - 8
        };
        let layers: Vec<Profiles> = [(5, 9), (3, 20), (8, 4)]
            .iter()
            .map(|&(rows, cols)| Profiles::of(&(0..rows * cols).map(|_| random()).collect::<Vec<_>>(), rows, cols, 8))
            .collect();
        let needed = total_steps(&layers, 2, &least_steps(&layers, 3));
        for extra in [0, 1, 5, 17, 60] {
            let shared = share(&layers, 2, 3, needed + extra, &StopToken::new(&crate::observer::Unobserved));
            let steps: Vec<usize> = shared.iter().map(|layer| layer.steps(3)).collect();
            assert!(total_steps(&layers, 2, &steps) <= needed + extra);
            for layer in &shared {
                assert!((0..layer.rows()).all(|row| layer.count(row) <= 3 * layer.steps(3)));
            }
        }
    }
}
