//! Plans of random networks keep their promises.

use elight::level::{Reparam, ScaleMode};
use elight::order::{Order, Reach};
use elight::plan::{ExtraSteps, Quantization};
use proptest::prelude::*;

use crate::small::{Layer, network, options, plan};
use crate::support::weights::random;

/// Weights of one shape of distribution or another: bell-shaped, few different values, mostly or only zeros, one outlier.
fn weights(count: usize, kind: u8, seed: u64) -> Vec<f32> {
    let bell = random(count, seed);
    let shaped = |(i, w): (usize, &f32)| match kind {
        0 => *w,
        1 => (w * 40.0).round() / 40.0,
        2 if w.abs() < 0.06 => 0.0,
        2 => *w,
        3 => 0.0,
        _ if i == 0 => 10.0,
        _ => *w,
    };
    bell.iter().enumerate().map(shaped).collect()
}

pub fn layer() -> impl Strategy<Value = Layer> {
    (1usize..=40, 1usize..=40, 1usize..=4, 0u8..=4, any::<u64>()).prop_map(|(rows, cols, groups, kind, seed)| {
        let groups = if rows % groups == 0 { groups } else { 1 };
        Layer { rows, cols, groups, weights: weights(rows * cols, kind, seed) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn plans_keep_their_promises(
        layers in prop::collection::vec(layer(), 1..=4),
        core in (1usize..=12, 1usize..=12),
        bits in 1u8..=8,
        reach in prop::sample::select(vec![Reach::Lane, Reach::Row]),
        order in prop::sample::select(vec![Order::Natural, Order::Sorted, Order::Optimal]),
        scale in prop::sample::select(vec![ScaleMode::Row, ScaleMode::Layer]),
        reparam in prop::sample::select(vec![Reparam::None, Reparam::Tanh]),
    ) {
        let network = network(&layers);
        let mut options = options(core, bits, reach);
        options.order = order;
        options.quantization = Quantization { reparam, scale };
        let planned = plan(&network, &options);
        prop_assert!(planned.replay.writes_match && planned.replay.outputs_match);
        prop_assert_eq!(planned.replay.inferences, 2);

        let (outcome, findings) = (&planned.outcome, &planned.findings);
        let weights: usize = layers.iter().map(|l| l.weights.len()).sum();
        prop_assert_eq!(outcome.end.weights, weights as u64);
        let costs = outcome.of(order).costs;
        for (cost, counted) in [(costs.first_load, findings.first_load), (costs.per_inference, findings.per_inference)] {
            prop_assert_eq!((cost.writes, cost.events), (counted.writes, counted.events));
            prop_assert_eq!(cost.max_cell_writes, counted.max_cell_writes);
        }
        prop_assert_eq!((outcome.end.writes, outcome.end.events), (costs.per_inference.writes, costs.per_inference.events));
        prop_assert_eq!((outcome.end.first_writes, outcome.end.first_events), (costs.first_load.writes, costs.first_load.events));
        for totals in [&outcome.natural, &outcome.sorted, &outcome.optimal] {
            prop_assert!(outcome.lower_bound_writes <= totals.costs.per_inference.writes || reach == Reach::Row);
            let layers: u64 = totals.layers.iter().map(|(costs, _)| costs.per_inference.writes).sum();
            prop_assert_eq!(layers, totals.costs.per_inference.writes);
        }
        prop_assert!(outcome.lower_bound_writes <= planned.writes(Order::Optimal));
        if reach == Reach::Lane {
            prop_assert_eq!(outcome.lower_bound_writes, planned.writes(Order::Optimal));
            prop_assert!(planned.writes(Order::Optimal) <= planned.writes(Order::Sorted));
            prop_assert!(planned.writes(Order::Optimal) <= planned.writes(Order::Natural));
        }
        // A bound on every plan of reach row holds for orders that keep their lanes too.
        prop_assert!(outcome.lower_bound_writes <= planned.writes(Order::Sorted));
        prop_assert!(outcome.lower_bound_writes <= planned.writes(Order::Natural));
    }

    #[test]
    fn extra_steps_are_within_the_budget_and_every_product_is_made(
        layers in prop::collection::vec(layer(), 1..=4),
        core in (1usize..=12, 1usize..=12),
        bits in 1u8..=3,
        percent in prop::sample::select(vec![0.0, 10.0, 33.3, 100.0, 700.0]),
        fixed in any::<bool>(),
    ) {
        let network = network(&layers);
        let mut options = options(core, bits, Reach::Row);
        let fewest: u64 = layers.iter().map(|l| (l.rows.div_ceil(core.0) * l.cols.div_ceil(core.1)) as u64).sum();
        // Fixed levels need a cell for every level.
        let fixed = fixed && core.1 >= (2 << bits) - 2;
        options.trade.extra_steps = Some(if fixed { ExtraSteps::FixedLevels } else { ExtraSteps::Percent(percent) });
        let planned = plan(&network, &options);
        prop_assert!(planned.replay.writes_match && planned.replay.outputs_match);
        let (outcome, findings) = (&planned.outcome, &planned.findings);
        prop_assert_eq!(outcome.end.steps, outcome.layers.iter().map(|layer| layer.steps).sum::<u64>());
        let weights: usize = layers.iter().map(|l| l.weights.len()).sum();
        prop_assert_eq!(outcome.end.weights + findings.left_out, weights as u64);
        prop_assert!(outcome.lower_bound_writes <= planned.writes(Order::Optimal));
        if fixed {
            prop_assert_eq!(planned.writes(Order::Optimal), 0);
        } else {
            prop_assert!(outcome.end.steps <= fewest + (fewest as f64 * percent / 100.0) as u64);
        }
    }
}
