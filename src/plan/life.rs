//! Plans for a long life: rotated away from worn cells, and from plan to plan ([`Rotation`]).

use std::path::{Path, PathBuf};

use super::compatibility::may_rotate;
use super::condition::{Condition, core_path};
use super::error::PlanError;
use super::options::PlanOptions;
use super::outcome::Outcome;
use super::output::Drafts;
use super::pipeline::draft;
use super::rotation::{self, Rotation};
use crate::core_state::CoreState;
use crate::geometry::Reach;
use crate::observer::Observer;
use crate::order::cost::tally::PairWear;
use crate::replay;
use crate::stimulus::Stimulus;
use crate::weights::Network;

/// How long the cells should last.
#[derive(Clone, Debug)]
pub struct Wear<'a> {
    /// What the `[plus, minus]` cell of each weight cell can still bear, core after core; none: all the same, and a single plan is not rotated for them.
    pub budget: Option<&'a [[f64; 2]]>,
    /// Plans to rotate; at least 1.
    pub count: usize,
}

/// A plan for a long life.
pub struct LifePlan {
    /// The plan, or the first of a rotation.
    pub outcome: Outcome,
    /// All plans of a rotation, in the order in which they run; none where the plan sits where it was arranged.
    pub rotation: Vec<RotatedPlan>,
    /// The schedules, not under their names yet.
    pub drafts: Drafts,
}

/// One plan of a rotation.
#[derive(Clone, Debug)]
pub struct RotatedPlan {
    /// How it was planned: its rotation, and what it found on the core.
    pub options: PlanOptions,
    /// Where its schedule is.
    pub output: PathBuf,
    /// The plan.
    pub outcome: Outcome,
    /// Wear of each cell by an inference in steady state, and by the first one after the plan before it in the rotation.
    wear: PlanWear,
    /// Level steps of the first inference after the plan before it in the rotation.
    pub first_writes: u64,
}

/// The output of plan `number` of a rotation of `count`: `output` itself for a single one, else with `.rotN` before the extension.
#[must_use]
pub fn rotation_path(output: &Path, number: usize, count: usize) -> PathBuf {
    if count == 1 {
        return output.to_owned();
    }
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".rot{number}"));
    if let Some(extension) = output.extension() {
        name.push(".");
        name.push(extension);
    }
    output.with_file_name(name)
}

/// Plans a network for cells that should last: in the place where it was arranged, or rotated on its core so that the most worn cell lasts longest. It is
/// rotated when several plans are asked for, and when it is known what the cells can still bear, the options allow it, and the core is erased. Every plan of a
/// rotation but the first starts from what the one before it has left.
///
/// # Errors
/// Those of [`plan`](super::plan), among them those of options with which a plan cannot be rotated.
pub fn plan_for_life(
    network: &Network,
    options: &PlanOptions,
    wear: &Wear<'_>,
    output: &Path,
    stimuli: &[Stimulus],
    observer: &dyn Observer,
) -> Result<LifePlan, PlanError> {
    let spares = wear.budget.is_some() && options.condition.from.is_none() && may_rotate(options);
    if wear.count == 1 && !spares {
        let (outcome, drafts) = draft(network, options, output, stimuli, observer)?;
        return Ok(LifePlan { outcome, rotation: Vec::new(), drafts });
    }
    let (rotation, drafts) = plan_rotation(network, options, wear, output, stimuli, observer)?;
    Ok(LifePlan { outcome: rotation[0].outcome.clone(), rotation, drafts })
}

fn plan_rotation(
    network: &Network,
    options: &PlanOptions,
    wear: &Wear<'_>,
    output: &Path,
    stimuli: &[Stimulus],
    observer: &dyn Observer,
) -> Result<(Vec<RotatedPlan>, Drafts), PlanError> {
    let (cores, count) = (options.condition.cores, wear.count);
    let rotated = |rotation: Rotation, from: Option<Vec<CoreState>>| PlanOptions {
        condition: Condition { rotation: Some(rotation), from, ..options.condition.clone() },
        ..options.clone()
    };
    let paths: Vec<PathBuf> = (0..count).map(|number| rotation_path(output, number, count)).collect();
    let first = rotated(Rotation::default(), options.condition.from.clone());
    let (unrotated, mut drafts) = draft(network, &first, &paths[0], stimuli, observer)?;
    let worn = |pairs: &[PairWear]| pairs.iter().map(|pair| pair.worn(&options.device.cost)).collect::<Vec<_>>();
    let own = worn(&unrotated.optimal.per_inference_wear);
    let even = vec![[1.0; 2]; own.len()];
    let lanes = options.reach == Reach::Row;
    let rotations = rotation::choose(&own, wear.budget.unwrap_or(&even), options.wiring(), count, lanes);
    let mut all: Vec<RotatedPlan> = Vec::with_capacity(count);
    for (number, (&rotation, path)) in rotations.iter().zip(&paths).enumerate() {
        let from = match number.checked_sub(1) {
            None => first.condition.from.clone(),
            Some(before) => {
                let state =
                    (0..cores).map(|core| CoreState::read(drafts.place(&core_path(&paths[before], core, cores))));
                Some(state.collect::<Result<Vec<_>, _>>()?)
            }
        };
        let options = rotated(rotation, from);
        let outcome = if number == 0 && rotation == Rotation::default() {
            unrotated.clone()
        } else {
            let (outcome, own) = draft(network, &options, path, stimuli, observer)?;
            drafts.append(own);
            outcome
        };
        let wear = [worn(&outcome.optimal.per_inference_wear), worn(&outcome.optimal.first_load_wear)];
        let first_writes = outcome.optimal.costs.first_load.writes;
        all.push(RotatedPlan { options, output: path.clone(), outcome, wear, first_writes });
    }
    // Round and round: the first one follows the last one, too.
    let (mut wear, mut writes) = (Vec::with_capacity(own.len()), 0);
    for core in 0..cores {
        let state = CoreState::read(drafts.place(&core_path(&paths[count - 1], core, cores)))?;
        let ram = all[0].outcome.decoder_ram_bytes as usize;
        let schedule = core_path(&paths[0], core, cores);
        let place = drafts.place(&schedule);
        let pairs = replay::wear(place, network, options.core, options.fanout, &options.device, state.levels(), ram)?;
        writes += pairs.iter().map(|pair| pair.up[0] + pair.up[1] + pair.down[0] + pair.down[1]).sum::<u64>();
        wear.extend(worn(&pairs));
    }
    all[0].wear[1] = wear;
    all[0].first_writes = writes;
    Ok((all, drafts))
}

/// What cells bear over their life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// Wear of the most worn cell, an inference on average.
    pub max_cell_wear: f64,
    /// Inferences that every cell can bear, counted plan by plan; none when budgets are not known, or nothing wears.
    pub inferences: Option<f64>,
}

impl Life {
    /// Of a rotation in which each plan runs `every` inferences before the next one's turn; of a single plan: for ever.
    #[must_use]
    pub fn of(rotation: &[RotatedPlan], every: u64, budget: Option<&[[f64; 2]]>) -> Self {
        let plans: Vec<_> = rotation.iter().map(|plan| plan.wear.clone()).collect();
        let most = round(&plans, every).into_iter().fold(0.0, f64::max) / (plans.len() as f64 * every as f64);
        Self {
            max_cell_wear: most,
            inferences: budget.filter(|_| most > 0.0).map(|budget| life(&plans, every, budget)),
        }
    }

    /// Inferences with each plan before the next one's turn with which a core lives longest: of a turn of one, and of a hundredth, a thirtieth, a tenth
    /// and a third of the life without rotation. Short turns spread the wear, and a change costs writes; among equals the longer turn. 1000 where the
    /// life is not known.
    #[must_use]
    pub fn best_turn(rotation: &[RotatedPlan], budget: Option<&[[f64; 2]]>) -> u64 {
        let Some(fixed) = rotation.first().and_then(|first| Self::fixed(first, budget).inferences) else {
            return 1000;
        };
        let turns = [3.0, 10.0, 30.0, 100.0, f64::INFINITY].map(|parts| (fixed / parts).clamp(1.0, 1e9) as u64);
        let lives = |turn: u64| Self::of(rotation, turn, budget).inferences.unwrap_or(f64::INFINITY);
        let longest = turns.into_iter().map(|turn| (turn, lives(turn)));
        longest.reduce(|best, next| if next.1 > best.1 { next } else { best }).map_or(1, |(turn, _)| turn)
    }

    /// Of the first plan alone, for ever where it is.
    #[must_use]
    pub fn fixed(plan: &RotatedPlan, budget: Option<&[[f64; 2]]>) -> Self {
        let still = RotatedPlan { wear: [plan.wear[0].clone(), plan.wear[0].clone()], ..plan.clone() };
        Self::of(&[still], 1, budget)
    }
}

/// Wear of each cell by an inference in steady state, and by the first one after another plan.
type PlanWear = [Vec<[u64; 2]>; 2];

/// Wear of each PCM cell by a plan's turn.
fn turn_of(plan: &PlanWear, every: u64) -> impl Iterator<Item = f64> + '_ {
    let [later, first] = plan;
    let cells = first.as_flattened().iter().zip(later.as_flattened());
    cells.map(move |(first, later)| *first as f64 + (every - 1) as f64 * *later as f64)
}

/// Wear of each PCM cell when every plan has had its turn.
fn round(plans: &[PlanWear], every: u64) -> Vec<f64> {
    let mut sum = vec![0.0; plans.first().map_or(0, |plan| plan[0].len() * 2)];
    for plan in plans {
        sum.iter_mut().zip(turn_of(plan, every)).for_each(|(sum, wear)| *sum += wear);
    }
    sum
}

/// Inferences that every cell can bear: whole rounds first, then plan by plan until a cell cannot bear the next inference.
fn life(plans: &[PlanWear], every: u64, budget: &[[f64; 2]]) -> f64 {
    let round = round(plans, every);
    let rounds = budget.as_flattened().iter().zip(&round).filter(|(_, wear)| **wear > 0.0);
    let rounds = rounds.map(|(left, wear)| (left / wear).floor()).fold(f64::INFINITY, f64::min);
    let mut left: Vec<f64> = budget
        .as_flattened()
        .iter()
        .zip(&round)
        .map(|(left, wear)| if *wear > 0.0 { left - rounds * wear } else { *left })
        .collect();
    let mut life = rounds * plans.len() as f64 * every as f64;
    for plan in plans {
        let wears = plan[1].as_flattened().iter().zip(plan[0].as_flattened());
        let lasts = left.iter().zip(wears).map(|(left, (&first, &later))| match left - first as f64 {
            left if left < 0.0 => 0.0,
            left if later > 0 => 1.0 + (left / later as f64).floor(),
            _ => f64::INFINITY,
        });
        let lasts = lasts.fold(f64::INFINITY, f64::min);
        life += lasts.min(every as f64);
        if lasts < every as f64 {
            break;
        }
        left.iter_mut().zip(turn_of(plan, every)).for_each(|(left, wear)| *left -= wear);
    }
    life
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One inference after the other, until a cell has not enough left.
    fn naively(plans: &[PlanWear], every: u64, budget: &[[f64; 2]]) -> f64 {
        let mut left = budget.to_vec();
        for inference in 0u64.. {
            let (plan, first) = (inference / every % plans.len() as u64, inference.is_multiple_of(every));
            let wear = &plans[plan as usize][usize::from(first)];
            for (left, wear) in left.iter_mut().zip(wear) {
                for side in 0..2 {
                    left[side] -= wear[side] as f64;
                    if left[side] < 0.0 {
                        return inference as f64;
                    }
                }
            }
        }
        unreachable!()
    }

    proptest! {
        #[test]
        fn lives_are_those_of_one_inference_after_the_other(
            plans in prop::collection::vec([prop::collection::vec([0u64..5, 1u64..5], 3), prop::collection::vec([0u64..5, 1u64..7], 3)], 1..4),
            every in 1u64..6,
            budget in prop::collection::vec([0u32..60, 0u32..60], 3),
        ) {
            let budget: Vec<[f64; 2]> = budget.iter().map(|b| b.map(f64::from)).collect();
            prop_assert_eq!(life(&plans, every, &budget), naively(&plans, every, &budget));
        }
    }
}
