//! More freedom never costs: a wider problem's plan is compared with that of each narrower one, in the wider one's own measure and steps.

use elight::order::{Effort, Objective, Order, Reach, Rows};
use elight::plan::{ExtraSteps, PlanOptions};
use proptest::prelude::*;

use crate::objectives::costs;
use crate::random::layer;
use crate::small::{Layer, Planned, network, options, plan};

fn figure(planned: &Planned, objective: Objective) -> f64 {
    objective.figure(&planned.outcome.of(Order::Optimal).costs.per_inference)
}

fn steps(planned: &Planned) -> u64 {
    planned.outcome.end.steps
}

/// Asserts that the wider problem's plan is no worse, where the narrower one takes no more steps than the wider one may.
fn never_costs(layers: &[Layer], wider: &PlanOptions, narrower: &PlanOptions) -> Result<(), TestCaseError> {
    let network = network(layers);
    let (wide, narrow) = (plan(&network, wider), plan(&network, narrower));
    prop_assert!(wide.replay.writes_match && wide.replay.outputs_match);
    let natural = |options: &PlanOptions| -> u64 {
        let of = |l: &Layer| l.rows.div_ceil(options.all_rows()) * l.cols.div_ceil(options.core.cols);
        layers.iter().map(|l| of(l) as u64).sum()
    };
    let budget = match wider.trade.extra_steps {
        Some(ExtraSteps::Percent(percent)) => natural(wider) + (natural(wider) as f64 * percent / 100.0).floor() as u64,
        _ => natural(wider),
    };
    if steps(&narrow) <= budget {
        let objective = wider.trade.objective;
        let (wide, narrow) = (figure(&wide, objective), figure(&narrow, objective));
        prop_assert!(wide <= narrow * (1.0 + 1e-12), "wider {wide}, narrower {narrow}: {:?}", wider.trade);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_larger_core_never_costs(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=10, 1usize..=10),
        more in (0usize..=6, 0usize..=6),
        bits in 1u8..=4,
    ) {
        let narrower = options(core, bits, Reach::Row);
        let wider = options((core.0 + more.0, core.1 + more.1), bits, Reach::Row);
        never_costs(&layers, &wider, &narrower)?;
    }

    #[test]
    fn more_steps_never_cost(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=10, 1usize..=10),
        percents in prop::sample::select(vec![(None, 0.0), (None, 25.0), (Some(0.0), 10.0), (Some(10.0), 25.0), (Some(25.0), 50.0)]),
        reach in prop::sample::select(vec![Reach::Row, Reach::Core]),
    ) {
        let mut narrower = options(core, 4, Reach::Row);
        narrower.trade.extra_steps = percents.0.map(ExtraSteps::Percent);
        let mut wider = options(core, 4, reach);
        wider.trade.extra_steps = Some(ExtraSteps::Percent(percents.1));
        never_costs(&layers, &wider, &narrower)?;
    }

    #[test]
    fn free_rows_a_wider_reach_and_more_effort_never_cost(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=10, 1usize..=10),
        bits in 1u8..=4,
        effort in prop::sample::select(vec![(Effort::Fast, Effort::Good), (Effort::Fast, Effort::Fast)]),
    ) {
        let all = [(Reach::Lane, Rows::Stored), (Reach::Lane, Rows::Any), (Reach::Row, Rows::Stored)];
        for pair in all.windows(2) {
            let [mut narrower, mut wider] = [pair[0], pair[1]].map(|(reach, rows)| {
                PlanOptions { rows, ..options(core, bits, reach) }
            });
            (narrower.effort, wider.effort) = effort;
            never_costs(&layers, &wider, &narrower)?;
        }
    }

    #[test]
    fn an_objectives_own_plan_is_the_best_in_its_measure(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=10, 1usize..=10),
        bits in 1u8..=5,
        cost in costs(),
        own in prop::sample::select(vec![Objective::Writes, Objective::Energy, Objective::Latency, Objective::Wear]),
        other in prop::sample::select(vec![Objective::Writes, Objective::Energy, Objective::Latency, Objective::Wear]),
    ) {
        let [mut wider, mut narrower] = [(); 2].map(|()| options(core, bits, Reach::Row));
        for (options, objective) in [(&mut wider, own), (&mut narrower, other)] {
            options.device.cost = cost;
            options.trade.objective = objective;
        }
        never_costs(&layers, &wider, &narrower)?;
    }
}
