//! Stopping: every family of plans asks its observer while it works, ends where it says stop, and leaves nothing behind; a schedule has no name before its
//! replay.

use std::path::Path;
use std::sync::Mutex;

use elight::faults::{FaultEntry, FaultFile, Kind, Side};
use elight::level::{DeviceProfile, Quantizer};
use elight::order::{Effort, ExtraSteps, Objective, Reach, Rows};
use elight::plan::{self, Observer, PlanError, PlanOptions, Wear};
use elight::replay::{self, Promise, ReplayError};
use elight::weights::Network;

use crate::small::{Layer, network, options};
use crate::support::repository;
use crate::support::weights::random;

/// Says stop from the n-th question of a phase on; counts the questions of each phase, and those after the first stop.
struct StopIn {
    phase: &'static str,
    questions: u64,
    seen: Mutex<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    now: &'static str,
    asked: u64,
    stopped: bool,
    after: u64,
}

impl StopIn {
    fn new(phase: &'static str, questions: u64) -> Self {
        Self { phase, questions, seen: Mutex::default() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Observer for StopIn {
    fn begin(&self, phase: &'static str, _: u64) {
        self.seen.lock().unwrap().now = phase;
    }

    fn advance(&self, _: u64) {}

    fn interrupted(&self) -> bool {
        let mut seen = self.seen.lock().unwrap();
        seen.after += u64::from(seen.stopped);
        if seen.now == self.phase {
            seen.stopped |= seen.asked >= self.questions;
            seen.asked += 1;
        }
        seen.stopped
    }
}

fn large() -> Network {
    let layer = |rows: usize, cols: usize| Layer { rows, cols, groups: 1, weights: random(rows * cols, 7) };
    network(&[layer(96, 512), layer(64, 96)])
}

fn pulse() -> DeviceProfile {
    DeviceProfile::load(repository("fixtures/plans/pulse.toml").to_str().unwrap(), Some(3)).unwrap()
}

/// Every family, with the options that choose it.
fn families() -> Vec<(&'static str, PlanOptions)> {
    let base = |reach| options((8, 16), 3, reach);
    let with = |reach, change: &dyn Fn(&mut PlanOptions)| {
        let mut options = base(reach);
        change(&mut options);
        options
    };
    let extra = |extra| {
        move |o: &mut PlanOptions| {
            o.effort = Effort::Quick;
            o.trade.extra_steps = Some(extra);
        }
    };
    let objective = |objective| {
        move |o: &mut PlanOptions| {
            o.device = pulse();
            o.trade.objective = objective;
        }
    };
    vec![
        ("sorted rows", base(Reach::Row)),
        ("sorted rows, best", with(Reach::Row, &|o| o.effort = Effort::Best)),
        ("sorted rows, more steps", with(Reach::Row, &extra(ExtraSteps::Percent(25.0)))),
        ("sorted rows, energy", with(Reach::Row, &objective(Objective::Energy))),
        ("sorted rows, latency", with(Reach::Row, &objective(Objective::Latency))),
        ("sorted rows, wear", with(Reach::Row, &objective(Objective::Wear))),
        ("around faults", with(Reach::Row, &|o| o.condition.faults = Some(vec![faults(o)]))),
        ("lanes, stored", base(Reach::Lane)),
        ("lanes, rows anywhere", with(Reach::Lane, &|o| o.rows = Rows::Any)),
        ("pulse lanes", with(Reach::Lane, &objective(Objective::Energy))),
        ("bundles by lane", with(Reach::Lane, &|o| o.fanout = 8)),
        ("bundles by row", with(Reach::Row, &|o| o.fanout = 8)),
        ("any cell, fixed", with(Reach::Core, &extra(ExtraSteps::FixedLevels))),
        ("any cell, more steps", with(Reach::Core, &extra(ExtraSteps::Percent(5.0)))),
    ]
}

fn faults(options: &PlanOptions) -> elight::faults::CoreFaults {
    let entry = |row, col| FaultEntry { row, col, side: Side::Plus, kind: Kind::Stuck, level: Some(1) };
    let file = FaultFile {
        core: options.core.to_string(),
        device: options.device.name.clone(),
        device_crc: options.device.identity_crc(),
        faults: vec![entry(0, 1), entry(3, 5)],
        wear: None,
    };
    file.faults(Path::new("faults.toml"), options.core, &options.device).unwrap()
}

fn planned(network: &Network, options: &PlanOptions, observer: &StopIn) -> Result<(), PlanError> {
    let folder = tempfile::tempdir().unwrap();
    let done = plan::plan(network, options, &folder.path().join("net.elight"), &[], observer);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, usize::from(done.is_ok()), "what is left behind");
    done.map(drop)
}

#[test]
fn every_family_asks_while_it_orders_and_stops_there() {
    let network = large();
    for (name, options) in families() {
        let never = StopIn::new("ordering", u64::MAX);
        planned(&network, &options, &never).unwrap_or_else(|error| panic!("{name}: {error}"));
        let asked = never.seen().asked;
        assert!(asked >= 1, "{name}: never asked");
        for questions in [0, asked / 3, asked / 2] {
            let observer = StopIn::new("ordering", questions);
            let stopped = planned(&network, &options, &observer);
            assert!(
                matches!(stopped, Err(PlanError::Interrupted)),
                "{name}, after {questions} of {asked}: {stopped:?}"
            );
            // Each thread may be at a question of its own; nobody begins anything else.
            let Seen { now, after, .. } = observer.seen();
            assert_eq!(now, "ordering", "{name}: something else was begun");
            assert!(after <= 64, "{name}: asked {after} times more");
        }
    }
}

/// More work, more questions: what is searched longer is asked more often, in proportion.
#[test]
fn questions_come_by_the_work() {
    let network = large();
    let asked = |options: &PlanOptions, effort| {
        let observer = StopIn::new("ordering", u64::MAX);
        planned(&network, &PlanOptions { effort, ..options.clone() }, &observer).unwrap();
        observer.seen().asked
    };
    let by_effort = ["sorted rows", "bundles by lane", "bundles by row"];
    for (name, options) in families().into_iter().filter(|(name, _)| by_effort.contains(name)) {
        let (little, much) = (asked(&options, Effort::Fast), asked(&options, Effort::Best));
        assert!(much > little, "{name}: {little} and {much}");
    }
}

#[test]
fn reading_writing_and_the_curve_stop_too() {
    let network = large();
    let options = options((8, 16), 3, Reach::Row);
    for phase in ["reading", "writing"] {
        for questions in [0, 1] {
            let stopped = planned(&network, &options, &StopIn::new(phase, questions));
            assert!(matches!(stopped, Err(PlanError::Interrupted)), "{phase}: {stopped:?}");
        }
    }
    for questions in [0, 3, 9] {
        let stopped = plan::sweep(&network, &options, &StopIn::new("sweeping", questions));
        assert!(matches!(stopped, Err(PlanError::Interrupted)), "{stopped:?}");
    }
}

/// A draft is a file that has no name: an interrupted replay, or nobody who keeps it, leaves what was there before.
#[test]
fn a_schedule_has_its_name_only_when_it_is_kept() {
    let (network, options) = (large(), options((8, 16), 3, Reach::Row));
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    let stimuli = replay::stimuli(&quantizer, &network, 7);
    let folder = tempfile::tempdir().unwrap();
    let (output, old) = (folder.path().join("net.elight"), b"what was there before".to_vec());
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<Vec<_>>()
    };
    for before in [false, true] {
        if before {
            std::fs::write(&output, &old).unwrap();
        }
        let wear = Wear { budget: None, count: 1 };
        let never = StopIn::new("", u64::MAX);
        let life = plan::plan_for_life(&network, &options, &wear, &output, &stimuli, &never).unwrap();
        assert_eq!(output.exists(), before, "planned, but not replayed");
        let cells = options.core.rows * options.core.cols;
        let promise = Promise {
            totals: &life.outcome.cores[0].totals,
            end: life.outcome.cores[0].end,
            origin: &options.condition.origin(cells),
            fanout: 1,
            ranges: &[],
            ram: life.outcome.decoder_ram_bytes as usize,
            outputs: &life.outcome.expected_outputs,
        };
        let place = life.drafts.place(&output).to_owned();
        let replay = |observer| replay::replay(&place, options.core, &options.device, &stimuli, promise, observer);
        let at_once = StopIn::new("replaying", 0);
        let stopped = replay(&at_once);
        assert!(matches!(stopped, Err(ReplayError::Interrupted)));
        assert_eq!(output.exists(), before, "the replay was interrupted");
        assert!(replay(&never).unwrap().writes_match);
        let mut life = life;
        if before {
            life.drafts.keep().unwrap();
            assert_ne!(std::fs::read(&output).unwrap(), old);
            assert_eq!((names().len(), life.drafts.place(&output)), (1, output.as_path()));
        } else {
            drop(life);
            assert!(names().is_empty());
        }
    }
}
