//! What every plan must be, recounted without the search's own tables; and optima by trying everything.

use proptest::prelude::*;

use super::allot::Load;
use super::cells::Cells;
use super::cover::Cover;
use super::demand::{Demand, Levels};
use super::slots::CoreSlots;
use super::{Problem, Work, bound, fixed, phases};
use crate::order::slots::program::Program;
use crate::order::slots::{SlotAt, Slots};

const TOP: i16 = 3;
const WORK: Work = Work { joint: 60_000, trim: 20_000 };

/// Layers as rows of signed levels.
type Layers = Vec<Vec<Vec<i16>>>;

fn layers() -> impl Strategy<Value = Layers> {
    let layer = (1usize..6, 1usize..12)
        .prop_flat_map(|(rows, cols)| prop::collection::vec(prop::collection::vec(-TOP..=TOP, cols), rows));
    prop::collection::vec(layer, 1..4)
}

fn problem(layers: &Layers, core_rows: usize, columns: usize) -> Problem {
    let levels = Levels::new(layers.iter().flatten().flatten().copied().collect());
    let demand = |rows: &Vec<Vec<i16>>| {
        let mut demand = Demand::new(&levels);
        for row in rows {
            let counts: Vec<u32> = (0..levels.len())
                .map(|index| row.iter().filter(|level| **level == levels.signed(index)).count() as u32)
                .collect();
            demand.push(&counts);
        }
        demand
    };
    let layers = layers.iter().map(demand).collect();
    Problem { levels, layers, core_rows, columns }
}

/// Every weight has a cell, no core row serves two outputs at a time, and every core row has as many slots as there are steps.
fn is_covered(problem: &Problem, cells: &Cells, covers: &[Cover]) -> Result<(), TestCaseError> {
    for (demand, cover) in problem.layers.iter().zip(covers) {
        let mut left: Vec<Vec<i64>> = (0..demand.outputs())
            .map(|entry| (0..problem.levels.len()).map(|level| i64::from(demand.at(entry, level))).collect())
            .collect();
        for (phase, &steps) in cover.phases().iter().enumerate() {
            let pattern = (cover.first_pattern() + phase) % cells.patterns();
            for core_row in 0..problem.core_rows {
                let served: Vec<u32> = cover.served(phase, core_row).collect();
                prop_assert_eq!(served.len(), steps as usize);
                for entry in served {
                    for column in 0..problem.columns {
                        left[entry as usize][cells.level(pattern, core_row, column)] -= 1;
                    }
                }
            }
        }
        prop_assert!(left.iter().flatten().all(|left| *left <= 0), "{left:?}");
    }
    Ok(())
}

/// Every weight but those of level 0 is multiplied once, by a cell of its level, and every output has a slot.
fn multiplies_once(layers: &Layers, slots: &CoreSlots, core_rows: usize) -> Result<(), TestCaseError> {
    let mut program = Program::default();
    for (index, rows) in layers.iter().enumerate() {
        let mut seen: Vec<Vec<bool>> = rows.iter().map(|row| vec![false; row.len()]).collect();
        let mut has_slot = vec![false; rows.len()];
        for stage in 0..slots.stages(index) {
            for core_row in 0..core_rows {
                let at = SlotAt { layer: index, stage, core_row };
                let Some(row) = slots.row(at) else { continue };
                let row = row as usize;
                has_slot[row] = true;
                slots.fill(at, &rows[row], &mut program);
                for (level, input) in program.level.iter().zip(&program.input) {
                    if *level != crate::geometry::IDLE {
                        prop_assert_eq!(*level, rows[row][*input as usize]);
                        prop_assert!(!std::mem::replace(&mut seen[row][*input as usize], true));
                    }
                }
            }
        }
        prop_assert!(has_slot.iter().all(|slot| *slot));
        for (row, seen) in rows.iter().zip(&seen) {
            prop_assert!(row.iter().zip(seen).all(|(level, seen)| (*level != 0) == *seen));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn plans_without_writes_serve_every_weight(
        layers in layers(), core_rows in 1usize..4, columns in 1usize..5, seed in any::<u64>(),
    ) {
        let problem = problem(&layers, core_rows, columns);
        let watch = |_| true;
        let found = fixed::solve(&problem, seed, WORK, &watch);
        let fits = !problem.levels.is_empty() && problem.levels.len() <= core_rows * columns;
        prop_assert_eq!(found.is_some(), fits);
        let Some(plan) = found else { return Ok(()) };
        is_covered(&problem, &plan.cells, &plan.covers)?;
        let loads: Vec<Load> =
            problem.layers.iter().map(|l| Load::of(l, &problem.levels, core_rows, columns)).collect();
        prop_assert!(bound::steps(&loads, core_rows * columns) <= plan.steps());
        // The same again, with other threads.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = alone.install(|| fixed::solve(&problem, seed, WORK, &watch)).unwrap();
        prop_assert_eq!(again.cells.pattern(0), plan.cells.pattern(0));
        prop_assert_eq!(again.steps(), plan.steps());

        // Fewer steps, some writes.
        for budget in [plan.steps().saturating_sub(1), plan.steps()] {
            let Some(phased) = phases::few_writes(&problem, &plan, budget, seed, 100_000, &watch) else { continue };
            is_covered(&problem, &phased.cells, &phased.covers)?;
            prop_assert!(phased.steps() <= budget);
            let steps = phased.covers.iter().map(Cover::steps);
            let loads: Vec<(Load, u32)> = loads.iter().cloned().zip(steps).collect();
            let signed: Vec<i16> = (0..problem.levels.len()).map(|index| problem.levels.signed(index)).collect();
            prop_assert!(bound::writes(&loads, &signed, core_rows * columns) <= phased.writes);
            let slots = CoreSlots::new(
                &problem.layers, &phased.covers, phased.cells.clone(), problem.levels.clone(), TOP,
            );
            multiplies_once(&layers, &slots, core_rows)?;
        }
        let slots = CoreSlots::new(&problem.layers, &plan.covers, plan.cells.clone(), problem.levels.clone(), TOP);
        multiplies_once(&layers, &slots, core_rows)?;
    }
}

/// The fewest steps of one layer on cells that hold these levels, by trying every number of visits to every core row.
fn fewest_steps(rows: &[Vec<u32>], have: &[Vec<u32>], most: u32) -> Option<u32> {
    fn serve(rows: &[Vec<u32>], have: &[Vec<u32>], left: &mut Vec<u32>) -> bool {
        let Some((row, others)) = rows.split_first() else { return true };
        fn visits(at: usize, row: &[u32], others: &[Vec<u32>], have: &[Vec<u32>], left: &mut Vec<u32>) -> bool {
            if at == have.len() {
                return row.iter().all(|n| *n == 0) && serve(others, have, left);
            }
            for times in 0..=left[at] {
                let rest: Vec<u32> =
                    row.iter().zip(&have[at]).map(|(n, have)| n.saturating_sub(times * have)).collect();
                left[at] -= times;
                let fits = visits(at + 1, &rest, others, have, left);
                left[at] += times;
                if fits {
                    return true;
                }
            }
            false
        }
        visits(0, row, others, have, left)
    }
    (1..=most).find(|&steps| serve(rows, have, &mut vec![steps; have.len()]))
}

/// The fewest steps of all plans without writes, by trying every level in every cell.
fn optimum(problem: &Problem, most: u32) -> u32 {
    let (levels, cells) = (problem.levels.len(), problem.core_rows * problem.columns);
    let counts = |demand: &Demand| -> Vec<Vec<u32>> {
        (0..demand.outputs()).map(|entry| (0..levels).map(|level| demand.at(entry, level)).collect()).collect()
    };
    let layers: Vec<Vec<Vec<u32>>> = problem.layers.iter().map(counts).collect();
    let mut best = u32::MAX;
    for code in 0..(levels as u64).pow(cells as u32) {
        let mut have = vec![vec![0; levels]; problem.core_rows];
        let mut rest = code;
        for cell in 0..cells {
            have[cell / problem.columns][(rest % levels as u64) as usize] += 1;
            rest /= levels as u64;
        }
        let steps: Option<u32> = layers.iter().map(|rows| fewest_steps(rows, &have, most)).sum();
        best = best.min(steps.unwrap_or(u32::MAX));
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tiny_plans_are_near_the_optimum_and_bounds_never_above_it(
        rows in prop::collection::vec(prop::collection::vec(-1i16..=2, 4), 1..4),
        more in prop::collection::vec(prop::collection::vec(-1i16..=2, 3), 1..3),
        (core_rows, columns) in prop::sample::select(vec![(1, 3), (3, 1), (2, 2)]),
    ) {
        let problem = problem(&vec![rows, more], core_rows, columns);
        prop_assume!(!problem.levels.is_empty());
        let loads: Vec<Load> =
            problem.layers.iter().map(|l| Load::of(l, &problem.levels, core_rows, columns)).collect();
        let plan = fixed::solve(&problem, 1, WORK, &|_| true).unwrap();
        let optimum = u64::from(optimum(&problem, plan.steps() as u32));
        let bound = bound::steps(&loads, core_rows * columns);
        prop_assert!(bound <= optimum && optimum <= plan.steps(), "{bound} {optimum} {}", plan.steps());
        prop_assert!(plan.steps() <= optimum + 1, "{} for {optimum}", plan.steps());
    }
}
