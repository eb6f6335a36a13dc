//! Plans around faults: replay and checker agree, every weight is exact with reach `row`, and no faulty cell is asked for what it cannot do.

use std::path::Path;

use elight::check::{self, Part};
use elight::faults::{FaultEntry, FaultFile, Kind, Side};
use elight::level::Quantizer;
use elight::order::Reach;
use elight::plan::{self, PlanError, PlanOptions, Unobserved};
use elight::replay::{self, Promise};
use elight::weights::Network;
use proptest::prelude::*;

use crate::small::{Layer, network, options};
use crate::support::weights::random;

fn layer() -> impl Strategy<Value = Layer> {
    (1usize..=20, 1usize..=30, any::<u64>()).prop_map(|(rows, cols, seed)| Layer {
        rows,
        cols,
        groups: 1,
        weights: random(rows * cols, seed),
    })
}

fn fault() -> impl Strategy<Value = FaultEntry> {
    let side = prop::sample::select(vec![Side::Plus, Side::Minus, Side::Both]);
    let kind = prop::sample::select(vec![Kind::Stuck, Kind::Stuck, Kind::Dead, Kind::Weak]);
    (0u32..6, 0u32..9, side, kind, 0u32..=7).prop_map(|(row, col, side, kind, level)| {
        let level = if level < 3 { 0 } else { level };
        FaultEntry { row, col, side, kind, level: (kind == Kind::Stuck).then_some(level) }
    })
}

/// Plans, replays and checks.
fn prove(network: &Network, options: &PlanOptions) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    let stimuli = replay::stimuli(&quantizer, network, 7);
    let path = folder.path().join("net.elight");
    let outcome = match plan::plan(network, options, &path, &stimuli, &Unobserved) {
        Err(PlanError::Faults(_)) => return Ok(()), // nothing left to work with
        outcome => outcome.unwrap(),
    };
    let cells = options.core.rows * options.core.cols;
    let (origin, ranges) = (options.condition.origin(cells), options.condition.ranges());
    // Without a faulty cell nothing is said of cells, and nothing of faults.
    let ranges_of = |core: usize| ranges.as_ref().map(|ranges| &ranges[core * cells..][..cells]);
    prop_assert_eq!(outcome.faults.is_some(), ranges.is_some());
    let promises: Vec<_> = outcome
        .cores
        .iter()
        .enumerate()
        .map(|(number, core)| {
            let promise = Promise {
                totals: &core.totals,
                end: core.end,
                origin: &origin[number * cells..][..cells],
                fanout: options.fanout,
                ranges: ranges_of(number).unwrap_or_default(),
                ram: outcome.decoder_ram_bytes as usize,
                outputs: &[],
            };
            (core.path.as_path(), promise)
        })
        .collect();
    let outputs = &outcome.expected_outputs;
    let replay = replay::replay_cores(&promises, options.core, &options.device, &stimuli, outputs, &Unobserved);
    let replay = replay.map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert!(replay.writes_match && replay.outputs_match);

    let files: Vec<Vec<u8>> = outcome.cores.iter().map(|core| std::fs::read(&core.path).unwrap()).collect();
    let mut readers: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let mut parts: Vec<Part<'_>> = readers
        .iter_mut()
        .enumerate()
        .map(|(core, schedule)| Part { schedule, origin: None, ranges: ranges_of(core) })
        .collect();
    let reading = check::Options { reparam: options.quantization.reparam, scale: options.quantization.scale };
    let found = check::check_parts(&mut parts, network, &options.device, &reading)
        .map_err(|(core, e)| TestCaseError::fail(format!("core {core}: {e}")))?;
    let weights: usize = network.layers().iter().map(|layer| layer.weights()).sum();
    let multiplied: u64 = found.iter().map(|core| core.weights).sum();
    let per_inference = outcome.optimal.costs.per_inference;
    prop_assert_eq!(found.iter().map(|core| core.per_inference.writes).sum::<u64>(), per_inference.writes);
    prop_assert_eq!(
        found.iter().map(|core| core.first_load.writes).sum::<u64>(),
        outcome.optimal.costs.first_load.writes
    );
    prop_assert!(outcome.lower_bound_writes <= per_inference.writes);
    if !options.fits_levels() {
        // Without loss, and a checker that is told of no faults finds every weight at its own level.
        prop_assert_eq!(multiplied, weights as u64);
        prop_assert_eq!(outcome.faults.map_or(0, |faults| faults.loss.affected), 0);
    } else {
        prop_assert_eq!(multiplied + found.iter().map(|core| core.left_out).sum::<u64>(), weights as u64);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn faults_are_planned_around(
        layers in prop::collection::vec(layer(), 1..=3),
        core in (1usize..=6, 1usize..=9),
        faults in prop::collection::vec(fault(), 1..12),
        cores in 1usize..=2,
        reach in prop::sample::select(vec![Reach::Lane, Reach::Row, Reach::Row]),
        fanout in 1usize..=6,
        segment_bytes in prop::sample::select(vec![1usize, 1 << 20]),
    ) {
        let network = network(&layers);
        let mut options = options(core, 3, reach);
        options.fanout = if core.0 % fanout == 0 { fanout } else { 1 };
        options.segment_bytes = segment_bytes;
        options.condition.cores = cores;
        let mut own: Vec<FaultEntry> = Vec::new();
        for fault in faults {
            let inside = (fault.row as usize) < core.0 && (fault.col as usize) < core.1;
            if inside && own.iter().all(|other| (other.row, other.col) != (fault.row, fault.col)) {
                own.push(fault);
            }
        }
        let file = |faults: Vec<FaultEntry>| FaultFile {
            core: options.core.to_string(),
            device: "elight".to_owned(),
            device_crc: options.device.identity_crc(),
            faults,
            wear: None,
        };
        // The second core has every other fault only.
        let files = [file(own.clone()), file(own.iter().step_by(2).copied().collect())];
        let each = files[..cores].iter().map(|file| file.faults(Path::new("faults.toml"), options.core, &options.device).unwrap());
        options.condition.faults = Some(each.collect());
        prove(&network, &options)?;
    }
}
