//! Plans for other objectives than writes, on every cost model: as good as promised, bounded, and replayed.

use elight::order::{Objective, Order, Reach};
use elight::plan::ExtraSteps;
use firmware_model::pcm::{Price, WriteCost};
use proptest::prelude::*;

use crate::random::layer;
use crate::small::{Planned, network, options, plan};

/// Every cost model, its prices apart or alike.
pub fn costs() -> impl Strategy<Value = WriteCost> {
    let price = || (0u16..60, 0u16..60).prop_map(|(e, t)| Price { energy_pj: f64::from(e) / 4.0, time_us: t.into() });
    prop_oneof![
        (price(), price()).prop_map(|(up, down)| WriteCost::PerLevel { up, down }),
        (price(), price()).prop_map(|(up, down)| WriteCost::SingleShot { up, down }),
        (price(), price(), price()).prop_map(|(reset, set, set_level)| WriteCost::ResetThenSet {
            reset,
            set,
            set_level
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn objectives_keep_their_promises(
        layers in prop::collection::vec(layer(), 1..=4),
        core in (1usize..=12, 1usize..=12),
        bits in 1u8..=5,
        reach in prop::sample::select(vec![Reach::Lane, Reach::Row]),
        objective in prop::sample::select(vec![Objective::Energy, Objective::Latency, Objective::Wear]),
        cost in costs(),
        segments in any::<bool>(),
        extra_steps in prop::option::of(prop::sample::select(vec![0.0, 30.0])),
    ) {
        let reach = if objective == Objective::Energy && extra_steps.is_none() { reach } else { Reach::Row };
        let network = network(&layers);
        let mut options = options(core, bits, reach);
        options.device.cost = cost;
        options.trade.extra_steps = extra_steps.map(ExtraSteps::Percent);
        if segments {
            options.segment_bytes = 1;
        }
        let few_writes = plan(&network, &options);
        options.trade.objective = objective;
        let planned = plan(&network, &options);
        prop_assert!(planned.replay.writes_match && planned.replay.outputs_match);
        let of = |planned: &Planned, order| objective.figure(&planned.outcome.of(order).costs.per_inference);
        let (reached, bound) = (of(&planned, Order::Optimal), planned.outcome.objective_lower_bound);
        // Prices are multiples of 1/4: no rounding but that of sums.
        let at_most = |a: f64, b: f64| a <= b * (1.0 + 1e-12);
        prop_assert!(at_most(bound, reached), "bound {bound}, {objective} {reached}");
        prop_assert!(planned.outcome.lower_bound_writes <= planned.writes(Order::Optimal));
        if extra_steps.is_none() {
            for order in [Order::Natural, Order::Sorted] {
                prop_assert!(at_most(bound, of(&planned, order)), "{order:?}");
            }
        }
        // The same chunks or lanes in the best order, or another plan if that is better. Segments are planned one after the other.
        if !segments || extra_steps.is_some() {
            let writes = of(&few_writes, Order::Optimal);
            prop_assert!(at_most(reached, writes), "{objective} {reached}, with the fewest writes {writes}");
        }
        if reach == Reach::Lane && !segments {
            prop_assert_eq!(bound, reached, "exact");
            prop_assert!(reached <= of(&planned, Order::Sorted) && reached <= of(&planned, Order::Natural));
        }
    }
}
