//! Which options go together: every pair of them is planned, and does what the table says.

use std::collections::BTreeMap;
use std::path::Path;

use elight::core_state::CoreState;
use elight::faults::{FaultEntry, FaultFile, Kind, Side};
use elight::level::{DeviceProfile, Quantizer};
use elight::order::{ExtraSteps, Objective, Order, Reach, Rows};
use elight::plan::compatibility::{self, Feature, RULES, Rule, Verdict};
use elight::plan::{self, PlanError, PlanOptions, Unobserved};
use elight::replay::{self, Promise};
use elight::weights::Network;

use crate::small::{Layer, network, options};
use crate::support::repository;
use crate::support::weights::random;

/// An option, what it asks for, and how it is set.
type Choice<'a> = (&'static str, &'static [Feature], Box<dyn Fn(&mut PlanOptions) + 'a>);

/// All options with an entry in the table; of those that exclude each other, one after the other.
fn choices(held: &CoreState) -> Vec<Choice<'_>> {
    use Feature::*;
    fn set<'a>(f: impl Fn(&mut PlanOptions) + 'a) -> Box<dyn Fn(&mut PlanOptions) + 'a> {
        Box::new(f)
    }
    let objective = |objective| set(move |o| o.trade.objective = objective);
    vec![
        // First: faults are those of the device.
        ("bits", &[ManyLevels], set(|o| o.device = pulse(6))),
        ("fanout", &[SharedInputs], set(|o| o.fanout = 2)),
        ("reach", &[ReachLane], set(|o| o.reach = Reach::Lane)),
        ("reach", &[ReachCore], set(|o| o.reach = Reach::Core)),
        ("rows", &[RowsAny], set(|o| o.rows = Rows::Any)),
        ("order", &[OrderStored], set(|o| o.order = Order::Natural)),
        ("order", &[OrderStored, OrderSorted], set(|o| o.order = Order::Sorted)),
        ("objective", &[Objective, PulseObjective], objective(self::Objective::Energy)),
        ("objective", &[Objective, LatencyOrWear], objective(self::Objective::Latency)),
        ("objective", &[Objective, LatencyOrWear, PulseObjective], objective(self::Objective::Wear)),
        ("steps", &[ExtraSteps, PercentSteps], set(|o| o.trade.extra_steps = Some(self::ExtraSteps::Percent(5.0)))),
        ("steps", &[ExtraSteps, FixedLevels], set(|o| o.trade.extra_steps = Some(self::ExtraSteps::FixedLevels))),
        ("faults", &[Faults], set(|o| o.condition.faults = Some(vec![faults(o)]))),
        ("from", &[From], set(move |o| o.condition.from = Some(vec![held.clone()]))),
        ("rotation", &[Rotation], set(|o| o.condition.rotation = Some(plan::Rotation { rows: 2, lanes: 0 }))),
        (
            "rotation",
            &[Rotation, LaneRotation],
            set(|o| o.condition.rotation = Some(plan::Rotation { rows: 0, lanes: 3 })),
        ),
    ]
}

fn pulse(bits: u8) -> DeviceProfile {
    DeviceProfile::load(repository("fixtures/plans/pulse.toml").to_str().unwrap(), Some(bits)).unwrap()
}

/// The device pays by the pulse, so that every objective asks for its own order.
fn base() -> PlanOptions {
    PlanOptions { device: pulse(3), ..options((4, 16), 3, Reach::Row) }
}

fn faults(options: &PlanOptions) -> elight::faults::CoreFaults {
    let entry = |row, col, kind, level| FaultEntry { row, col, side: Side::Plus, kind, level };
    let file = FaultFile {
        core: options.core.to_string(),
        device: options.device.name.clone(),
        device_crc: options.device.identity_crc(),
        faults: vec![entry(0, 1, Kind::Stuck, Some(1)), entry(2, 5, Kind::Weak, None)],
        wear: None,
    };
    file.faults(Path::new("faults.toml"), options.core, &options.device).unwrap()
}

/// The row of the table that comes first, of those whose features are all there.
fn rule(features: &[Feature], refuses: bool) -> Option<&'static Rule> {
    RULES.iter().find(|rule| {
        matches!(rule.verdict, Verdict::Needs(_)) == refuses && rule.when.iter().all(|f| features.contains(f))
    })
}

/// Plans and replays; the bytes of the schedule.
fn planned(network: &Network, options: &PlanOptions, names: &str) -> Result<Vec<u8>, PlanError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.elight");
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    let stimuli = replay::stimuli(&quantizer, network, 7);
    let outcome = plan::plan(network, options, &path, &stimuli, &Unobserved)?;
    let promise = Promise {
        totals: outcome.of(options.order),
        end: outcome.end,
        fanout: options.fanout,
        origin: &options.condition.origin(options.core.rows * options.core.cols),
        ranges: &options.condition.ranges().unwrap_or_default(),
        ram: outcome.decoder_ram_bytes as usize,
        outputs: &outcome.expected_outputs,
    };
    let replay = replay::replay(&path, options.core, &options.device, &stimuli, promise, &Unobserved).unwrap();
    assert!(replay.writes_match && replay.outputs_match, "{names}: {replay:?}");
    Ok(std::fs::read(&path).unwrap())
}

#[test]
fn every_pair_of_options_does_what_the_table_says() {
    let layer = |rows, cols, seed| Layer { rows, cols, groups: 1, weights: random(rows * cols, seed) };
    let network = network(&[layer(11, 60, 1), layer(6, 83, 2)]);
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.elight");
    plan::plan(&network, &PlanOptions { reach: Reach::Lane, ..base() }, &old, &[], &Unobserved).unwrap();
    let held = CoreState::read(&old).unwrap();
    let choices = choices(&held);
    // Singles too: an option with itself.
    let mut schedules: BTreeMap<Vec<usize>, Vec<u8>> = BTreeMap::new();
    schedules.insert(Vec::new(), planned(&network, &base(), "base").unwrap());
    for (i, (kind, own, set)) in choices.iter().enumerate() {
        for (j, (other_kind, others, set_other)) in choices.iter().enumerate().take(i + 1) {
            if i != j && kind == other_kind {
                continue;
            }
            let mut options = base();
            set_other(&mut options);
            set(&mut options);
            let reach = match options.reach {
                Reach::Lane => Feature::ReachLane,
                Reach::Row => Feature::ReachRow,
                Reach::Core => Feature::ReachCore,
            };
            let cells = if options.condition.faults.is_some() { Feature::Faults } else { Feature::Intact };
            let features = [own, *others, &[reach, cells]].concat();
            let names = format!("{own:?} with {others:?}");
            match (planned(&network, &options, &names), rule(&features, true)) {
                (Ok(bytes), None) => {
                    let mut key = vec![j, i];
                    key.dedup();
                    schedules.insert(key, bytes);
                }
                (
                    Err(error @ PlanError::Incompatible { .. }),
                    Some(Rule { verdict: Verdict::Needs(needs), why, .. }),
                ) => {
                    let text = error.to_string();
                    assert!(text.contains(needs) && text.contains(why), "{names}: {text}");
                }
                // More levels than the core has columns: not a matter of the options.
                (Err(PlanError::FixedLevels { .. }), None) => {}
                (result, rule) => panic!("{names}: {:?} but {rule:?}", result.map(|_| "planned")),
            }
        }
    }
    // An option that is said to have no effect has none; every other one has.
    let mut wrong = Vec::new();
    for (key, bytes) in schedules.iter().filter(|(key, _)| !key.is_empty()) {
        for &own in key {
            let rest: Vec<usize> = key.iter().copied().filter(|other| *other != own).collect();
            let mut features: Vec<Feature> = key.iter().flat_map(|&i| choices[i].1.iter().copied()).collect();
            if !features.contains(&Feature::ReachLane) && !features.contains(&Feature::ReachCore) {
                features.push(Feature::ReachRow);
            }
            features.push(if features.contains(&Feature::Faults) { Feature::Faults } else { Feature::Intact });
            // With reach `core` a percentage changes the schedule only where its steps are not enough to write nothing.
            if features.contains(&Feature::ReachCore) && choices[own].1.contains(&Feature::PercentSteps) {
                continue;
            }
            let Some(without) = schedules.get(&rest) else { continue };
            let said = RULES.iter().any(|rule| {
                rule.verdict == Verdict::NoEffect
                    && choices[own].1.contains(&rule.when[0])
                    && rule.when.iter().all(|f| features.contains(f))
            });
            if (bytes == without) != said {
                wrong.push(format!(
                    "{:?} has {} effect in {features:?}",
                    choices[own].1,
                    if said { "an" } else { "no" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_documents_show_the_table() {
    let text = std::fs::read_to_string(repository("docs/trade.md")).unwrap();
    let table = compatibility::markdown();
    assert!(text.contains(&table), "docs/trade.md, section 9, should have this table:\n{table}");
}
