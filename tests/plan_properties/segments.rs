//! Networks that do not fit one segment are planned, replayed and bounded like others.

use elight::order::{Order, Reach, Rows};
use proptest::prelude::*;

use crate::small::{Layer, network, options, plan};
use crate::support::weights::random;

fn layers(count: usize, seed: u64) -> Vec<Layer> {
    let layer = |i: usize| {
        let (rows, cols) = (5 + 7 * (i % 4), 9 + 13 * (i % 3));
        Layer { rows, cols, groups: 1, weights: random(rows * cols, seed + i as u64) }
    };
    (0..count).map(layer).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn many_segments_plan_replay_and_match(
        count in 3usize..9,
        seed in any::<u32>(),
        core in (1usize..=9, 1usize..=9),
        segment_bytes in prop::sample::select(vec![1usize, 20_000, 60_000]),
        (reach, rows) in prop::sample::select(vec![
            (Reach::Lane, Rows::Stored),
            (Reach::Lane, Rows::Any),
            (Reach::Row, Rows::Stored),
        ]),
    ) {
        let network = network(&layers(count, seed.into()));
        let mut options = options(core, 4, reach);
        options.rows = rows;
        let whole = plan(&network, &options);
        options.segment_bytes = segment_bytes;
        let parts = plan(&network, &options);
        prop_assert!(parts.replay.writes_match && parts.replay.outputs_match);
        // The bound is the network's, however it is planned.
        prop_assert_eq!(parts.outcome.lower_bound_writes, whole.outcome.lower_bound_writes);
        prop_assert!(parts.outcome.lower_bound_writes <= parts.writes(Order::Optimal));
        prop_assert_eq!(&parts.outcome.natural, &whole.outcome.natural);
        prop_assert_eq!(&parts.outcome.sorted, &whole.outcome.sorted);
        prop_assert_eq!(parts.outcome.layers.len(), count);
    }
}

#[test]
fn segments_cost_little() {
    let network = network(&layers(12, 1));
    for reach in [Reach::Lane, Reach::Row] {
        let mut options = options((4, 5), 4, reach);
        let whole = plan(&network, &options);
        options.segment_bytes = 1; // each layer is a segment
        let parts = plan(&network, &options);
        let (whole, parts) = (whole.writes(Order::Optimal), parts.writes(Order::Optimal));
        assert_ne!(whole, parts, "the seams are there");
        assert!(parts < whole + whole / 5, "{reach:?}: {parts} writes in segments, {whole} in one");
    }
}
