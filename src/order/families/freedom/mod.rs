//! More freedom never costs: a plan is compared with plans for narrower problems, each of which the wider problem allows, too.
//!
//! ```text
//! narrower.rs      a smaller core, a narrower reach, fewer steps, less effort, another objective
//! on_whole.rs      the plan of a narrower problem as one of the wider
//! law.rs           what such a table costs
//! table.rs         a whole plan as a table of levels: what the local search changes
//! local_search.rs  tiny networks: any weight to any cell and step
//! ```
//!
//! Each family searches near what is best on large networks. On a small one its plan may lose to that of a narrower problem; then the latter is taken.

mod law;
mod local_search;
mod narrower;
mod on_whole;
mod table;

use rayon::prelude::*;

use self::on_whole::OnWhole;
use super::family::{Arranged, Bound, Family, OrderError, Problem};
use crate::geometry::Reach;
use crate::level::LevelMatrix;
use crate::observer::Observer;
use crate::order::Effort;
use crate::order::chain::boundary::CoreBoundary;
use crate::order::cost::of_slots::per_inference;
use crate::order::extra_steps::ExtraSteps;
use crate::order::slots::Slots;

/// Weights whose plans are compared, all plans together, by effort. What was asked for beyond the default is worth more.
const fn weights_compared(effort: Effort, asked: bool) -> usize {
    let weights = match effort {
        Effort::Quick => 0,
        Effort::Fast => 1 << 16,
        Effort::Good => 1 << 18,
        Effort::Best => 1 << 22,
    };
    if asked { 16 * weights } else { weights }
}

/// The family that serves a problem.
type Choose = for<'b> fn(&'b Problem) -> Box<dyn Family + 'b>;

/// The family that serves a problem, and what it is compared with.
pub struct Freedom<'a> {
    problem: &'a Problem,
    choose: Choose,
    widest: Box<dyn Family + 'a>,
    /// The layers, while there are few enough weights to compare plans.
    kept: Option<(Vec<LevelMatrix>, Vec<usize>)>,
    weights: usize,
    bound: Option<Bound>,
}

/// A plan, and what it comes to.
struct Plan {
    arranged: Arranged,
    bound: Bound,
    figure: f64,
    writes: u64,
}

impl<'a> Freedom<'a> {
    /// `choose`: the family that serves a problem.
    pub fn new(problem: &'a Problem, choose: Choose) -> Self {
        let compares = problem.damage.is_none() && problem.wiring.fanout == 1 && problem.effort != Effort::Quick;
        let compares = compares && problem.extra_steps != Some(ExtraSteps::FixedLevels);
        let asks_core = problem.reach == Reach::Core && problem.extra_steps.is_none();
        let kept = (compares && !asks_core).then(Default::default);
        Self { problem, choose, widest: choose(problem), kept, weights: 0, bound: None }
    }

    fn most_weights(&self) -> usize {
        let asked = self.problem.extra_steps.is_some() || self.problem.objective != Default::default();
        weights_compared(self.problem.effort, asked || self.problem.reach != Reach::Row)
    }
}

/// What plans are compared for, and by.
struct Comparison<'a> {
    problem: &'a Problem,
    choose: Choose,
    layers: Vec<LevelMatrix>,
    groups: Vec<usize>,
}

impl Comparison<'_> {
    /// What a plan comes to in the problem's measure, and its writes.
    fn figure(&self, slots: &dyn Slots) -> (f64, u64) {
        let cost = per_inference(slots, &self.layers, self.problem.wiring, self.problem.cost);
        (self.problem.objective.figure(&cost), cost.writes)
    }

    /// A plan of a narrower problem.
    fn plan(&self, narrower: &Problem, observer: &dyn Observer) -> Option<Plan> {
        let mut family = (self.choose)(narrower);
        self.layers.iter().zip(&self.groups).for_each(|(levels, groups)| family.add(levels, *groups));
        let Arranged { slots, forced } = family.arrange(&CoreBoundary::Cyclic, &Silent(observer)).ok()?;
        let alike = narrower.wiring == self.problem.wiring && narrower.reach == self.problem.reach;
        let slots = if alike { slots } else { Box::new(OnWhole::new(slots, narrower, self.problem)) };
        let (figure, writes) = self.figure(&*slots);
        Some(Plan { arranged: Arranged { slots, forced }, bound: family.bound(), figure, writes })
    }
}

/// Only asks whether to go on.
struct Silent<'a>(&'a dyn Observer);

impl Observer for Silent<'_> {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn interrupted(&self) -> bool {
        self.0.interrupted()
    }
}

impl Family for Freedom<'_> {
    fn bytes(&self, rows: usize, cols: usize) -> usize {
        self.widest.bytes(rows, cols)
    }

    fn add(&mut self, levels: &LevelMatrix, groups: usize) {
        self.widest.add(levels, groups);
        self.weights += levels.levels.len();
        if self.weights > self.most_weights() {
            self.kept = None;
        }
        if let Some((layers, all_groups)) = &mut self.kept {
            layers.push(levels.clone());
            all_groups.push(groups);
        }
    }

    fn arrange(&mut self, boundary: &CoreBoundary, observer: &dyn Observer) -> Result<Arranged, OrderError> {
        let widest = self.widest.arrange(boundary, observer)?;
        // Parts of a network are joined to each other: no part is compared alone.
        let kept = self.kept.take().filter(|(layers, _)| !layers.is_empty() && *boundary == CoreBoundary::Cyclic);
        let Some((layers, groups)) = kept else { return Ok(widest) };
        let comparison = Comparison { problem: self.problem, choose: self.choose, layers, groups };
        let bound = self.widest.bound();
        let (figure, writes) = comparison.figure(&*widest.slots);
        let first = Plan { arranged: widest, bound, figure, writes };
        if first.figure <= bound.objective {
            return Ok(first.arranged);
        }
        let shapes: Vec<[usize; 2]> = comparison.layers.iter().map(|levels| [levels.rows, levels.cols]).collect();
        let mut problems = narrower::narrower(self.problem, &shapes);
        problems.truncate(self.most_weights() / self.weights.max(1));
        let plan = |narrower: &Problem| comparison.plan(narrower, observer);
        let plans: Vec<Option<Plan>> = problems.par_iter().with_max_len(1).map(plan).collect();
        if observer.interrupted() {
            return Err(OrderError::Interrupted);
        }
        let forced = first.arranged.forced.clone();
        let better = |best: Plan, plan: Plan| {
            let order = plan.figure.total_cmp(&best.figure).then(plan.writes.cmp(&best.writes));
            if order.is_lt() { plan } else { best }
        };
        let best = plans.into_iter().flatten().fold(first, better);
        // Steps that are shared out otherwise are bounded otherwise.
        if self.problem.extra_steps.is_some() && best.bound.objective < bound.objective {
            self.bound = Some(best.bound);
        }
        let Arranged { slots, .. } = best.arranged;
        let slots = match local_search::improve(&*slots, &comparison.layers, self.problem, bound.objective) {
            Some(improved) if comparison.figure(&*improved).0 < best.figure => improved,
            _ => slots,
        };
        Ok(Arranged { slots, forced })
    }

    fn bound(&self) -> Bound {
        self.bound.unwrap_or_else(|| self.widest.bound())
    }

    fn intact_writes(&self) -> Option<u64> {
        self.widest.intact_writes()
    }
}
