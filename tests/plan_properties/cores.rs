//! Several cores: together they do what one does, in the fewest steps, and no bound lies above them.

use elight::check::{self, Part};
use elight::level::Quantizer;
use elight::order::Reach;
use elight::plan::{self, Unobserved};
use elight::replay::{self, Promise};
use proptest::prelude::*;

use crate::small::{Layer, network, options};
use crate::support::weights::random;

fn layer() -> impl Strategy<Value = Layer> {
    (1usize..=40, 1usize..=30, any::<u64>()).prop_map(|(rows, cols, seed)| Layer {
        rows,
        cols,
        groups: 1,
        weights: random(rows * cols, seed),
    })
}

/// The fewest steps on the busiest core, over all ways to share `tile_rows` out.
fn least_steps(tile_rows: usize, cores: usize) -> usize {
    if cores == 1 {
        return tile_rows;
    }
    (0..=tile_rows).map(|own| own.max(least_steps(tile_rows - own, cores - 1))).min().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn cores_share_a_network(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=6, 1usize..=9),
        cores in 1usize..=4,
        reach in prop::sample::select(vec![Reach::Lane, Reach::Row]),
        segment_bytes in prop::sample::select(vec![1usize, 1 << 20]),
    ) {
        let network = network(&layers);
        let mut options = options(core, 3, reach);
        options.condition.cores = cores;
        options.segment_bytes = segment_bytes;
        let folder = tempfile::tempdir().unwrap();
        let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
        let stimuli = replay::stimuli(&quantizer, &network, 7);
        let outcome = plan::plan(&network, &options, &folder.path().join("net.elight"), &stimuli, &Unobserved).unwrap();
        let origin = options.condition.origin(core.0 * core.1);
        let promises: Vec<_> = outcome.cores.iter().zip(origin.chunks(core.0 * core.1)).map(|(core, origin)| {
            let ram = outcome.decoder_ram_bytes as usize;
            (core.path.as_path(), Promise { totals: &core.totals, end: core.end, origin, fanout: 1, ranges: &[], ram, outputs: &[] })
        }).collect();
        let outputs = &outcome.expected_outputs;
        let replay =
            replay::replay_cores(&promises, options.core, &options.device, &stimuli, outputs, &Unobserved).unwrap();
        prop_assert!(replay.writes_match && replay.outputs_match);

        let files: Vec<Vec<u8>> = outcome.cores.iter().map(|core| std::fs::read(&core.path).unwrap()).collect();
        let mut readers: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let mut parts: Vec<Part<'_>> = readers.iter_mut().map(|schedule| Part { schedule, origin: None, ranges: None }).collect();
        let reading = check::Options { reparam: options.quantization.reparam, scale: options.quantization.scale };
        let found = check::check_parts(&mut parts, &network, &options.device, &reading).unwrap();
        let weights: usize = layers.iter().map(|layer| layer.weights.len()).sum();
        prop_assert_eq!(found.iter().map(|core| core.weights).sum::<u64>(), weights as u64);

        let per_inference = outcome.optimal.costs.per_inference;
        prop_assert_eq!(found.iter().map(|core| core.per_inference.writes).sum::<u64>(), per_inference.writes);
        prop_assert!(outcome.lower_bound_writes <= per_inference.writes);
        for (index, layer) in layers.iter().enumerate() {
            let busiest = found.iter().map(|core| core.layers[index].steps).max().unwrap();
            let least = least_steps(layer.rows.div_ceil(core.0), cores) * layer.cols.div_ceil(core.1);
            prop_assert_eq!(busiest, least as u64);
        }
    }
}
