//! Problems with less freedom: each of their plans is a plan of the wider problem, too.

use crate::geometry::{Reach, Wiring};
use crate::order::cost::objective::{Objective, Payment};
use crate::order::extra_steps::ExtraSteps;
use crate::order::families::family::Problem;
use crate::order::{Effort, Rows};

/// Percentages of extra steps that are tried below the one asked for, so that more steps never cost.
const PERCENT: [f64; 12] = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0, 150.0, 200.0];

/// Problems with less freedom and no more steps, the most promising first. `layers`: rows and columns of each.
pub fn narrower(problem: &Problem, layers: &[[usize; 2]]) -> Vec<Problem> {
    let steps = budget(problem, layers);
    // One freedom less at a time, then what is left less again: all combinations, nearest first.
    let mut all = vec![problem.clone()];
    let mut seen = vec![key(problem)];
    let mut at = 0;
    while at < all.len() && all.len() < MOST {
        for next in one_less(&all[at], layers, steps) {
            if all.len() < MOST && !seen.contains(&key(&next)) {
                seen.push(key(&next));
                all.push(next);
            }
        }
        at += 1;
    }
    all.remove(0);
    all
}

/// Most problems that are listed.
const MOST: usize = 96;

/// What tells these problems apart.
fn key(problem: &Problem) -> (Wiring, Reach, Rows, Objective, Option<u64>, Effort) {
    let extra = match problem.extra_steps {
        Some(ExtraSteps::Percent(percent)) => Some(percent.to_bits()),
        _ => None,
    };
    (problem.wiring, problem.reach, problem.rows, problem.objective, extra, problem.effort)
}

/// Steps that a plan may take; none: as many as it likes.
fn budget(problem: &Problem, layers: &[[usize; 2]]) -> Option<u64> {
    let natural = natural_steps(problem.wiring, layers);
    match problem.extra_steps {
        None => Some(natural),
        Some(ExtraSteps::Percent(percent)) => Some(natural + (natural as f64 * percent / 100.0).floor() as u64),
        Some(ExtraSteps::FixedLevels) => None,
    }
}

fn natural_steps(wiring: Wiring, layers: &[[usize; 2]]) -> u64 {
    layers.iter().map(|[rows, cols]| (rows.div_ceil(wiring.core_rows) * cols.div_ceil(wiring.cells)) as u64).sum()
}

/// A problem with one freedom less, in every way.
fn one_less(problem: &Problem, layers: &[[usize; 2]], budget: Option<u64>) -> Vec<Problem> {
    // Patterns of the whole core take long to find: they are compared with plans by rows alone.
    if problem.reach == Reach::Core {
        return vec![Problem { reach: Reach::Row, ..problem.clone() }];
    }
    let mut less = Vec::new();
    if let Some(ExtraSteps::Percent(percent)) = problem.extra_steps {
        less.push(Problem { extra_steps: None, ..problem.clone() });
        let below = PERCENT.iter().rev().filter(|tried| **tried < percent);
        less.extend(below.map(|tried| Problem { extra_steps: Some(ExtraSteps::Percent(*tried)), ..problem.clone() }));
    }
    match problem.reach {
        Reach::Core => {}
        // Weights that keep their lanes have no room for more steps, and no order for the time or the worst cell.
        Reach::Row if problem.extra_steps.is_none() => {
            let objective = match problem.payment() {
                Payment::Time | Payment::WorstCell(_) => Objective::Writes,
                _ => problem.objective,
            };
            let rows = if is_plain(problem) { Rows::Any } else { Rows::Stored };
            less.push(Problem { reach: Reach::Lane, rows, objective, ..problem.clone() });
        }
        Reach::Row => {}
        Reach::Lane if problem.rows == Rows::Any => less.push(Problem { rows: Rows::Stored, ..problem.clone() }),
        Reach::Lane => {}
    }
    if let Some(budget) = budget {
        less.extend(smaller_cores(problem, layers, budget));
    }
    if let Some(effort) = match problem.effort {
        Effort::Best => Some(Effort::Good),
        Effort::Good => Some(Effort::Fast),
        Effort::Fast | Effort::Quick => None,
    } {
        less.push(Problem { effort, ..problem.clone() });
    }
    // The plan for another objective may be better in this one's own measure.
    if !is_plain(problem) && problem.extra_steps.is_none() {
        less.push(Problem { objective: Objective::Writes, ..problem.clone() });
        let others = [Objective::Energy, Objective::Latency, Objective::Wear];
        let sought = |objective: &Objective| problem.reach == Reach::Row || *objective == Objective::Energy;
        less.extend(others.into_iter().filter(sought).map(|objective| Problem { objective, ..problem.clone() }));
    }
    less
}

/// Whether what is made small is in proportion to the writes.
fn is_plain(problem: &Problem) -> bool {
    matches!(problem.payment(), Payment::Levels { .. })
}

/// The same on a part of each core: core rows and lanes may rest.
fn smaller_cores(problem: &Problem, layers: &[[usize; 2]], budget: u64) -> Vec<Problem> {
    let wiring = problem.wiring;
    let core_rows = wiring.core_rows / wiring.cores;
    let mut parts: Vec<(usize, usize)> = Vec::new();
    // As few core rows or lanes as do, and all numbers between.
    let sizes = |rows: usize, cells: usize| Wiring { core_rows: rows * wiring.cores, cells, ..wiring };
    parts.extend((1..core_rows).map(|rows| (rows, wiring.cells)));
    // A weight that keeps its lane keeps it on the whole core.
    if problem.reach != Reach::Lane {
        parts.extend((1..wiring.cells).map(|cells| (core_rows, cells)));
    }
    let fits = parts.into_iter().filter_map(|(rows, cells)| {
        let part = sizes(rows, cells);
        let natural = natural_steps(part, layers);
        if natural > budget {
            return None;
        }
        let extra_steps = match problem.extra_steps {
            // Rounded down, as the steps that it grants are.
            Some(ExtraSteps::Percent(_)) => {
                let percent = (budget - natural) as f64 * 100.0 / natural as f64;
                let granted = |percent: f64| natural + (natural as f64 * percent / 100.0).floor() as u64;
                let percent = if granted(percent) > budget { percent * (1.0 - 1e-12) } else { percent };
                Some(ExtraSteps::Percent(percent))
            }
            other => other,
        };
        Some(Problem { wiring: part, extra_steps, ..problem.clone() })
    });
    // Many sizes differ little: those that halve, and the smallest.
    let mut fits: Vec<Problem> = fits.collect();
    if fits.len() > MOST_SIZES {
        let keep = |index: usize| index.is_multiple_of(fits.len().div_ceil(MOST_SIZES)) || index + 1 == fits.len();
        let kept = (0..fits.len()).filter(|&index| keep(index));
        fits = kept.map(|index| fits[index].clone()).collect();
    }
    fits
}

/// Most sizes of a part of a core that are tried.
const MOST_SIZES: usize = 16;
