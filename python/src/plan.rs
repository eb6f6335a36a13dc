//! Planning, away from the interpreter's lock.
//!
//! The plan is made on a thread of its own; the calling thread looks every tenth of a second for Ctrl-C, and tells how far the plan is.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use elight::level::{DeviceProfile, Quantizer};
use elight::plan::{Observer, Outcome, PlanError, PlanOptions, Stimulus};
use elight::replay::{self, Promise, Replay, ReplayError};
use elight::report::html::{Pictures, page};
use elight::report::{self, Report};
use elight::show::Screen;
use elight::weights;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::network::Network;
use crate::options::{Asked, Texts, asked};

/// How often the calling thread looks up.
const LOOK: Duration = Duration::from_millis(100);

/// A finished plan.
#[pyclass(frozen, module = "elight._elight")]
pub struct Plan {
    report: Report,
    device: DeviceProfile,
    schedules: Vec<Vec<u8>>,
}

#[pymethods]
impl Plan {
    /// The report as the command line prints it with --json.
    fn report(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.report).map_err(crate::refuse)
    }

    /// The report as the terminal shows it, in so many columns.
    fn table(&self, columns: usize) -> String {
        report::print(&self.report, &self.device, &Screen { width: Some(columns), colour: false }, false)
    }

    /// The report as a page of HTML.
    fn page(&self) -> PyResult<String> {
        page(&self.report, &self.device, &Pictures::of(&self.report)).map_err(crate::refuse)
    }

    /// The schedules, one for each core.
    fn schedules<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.schedules.iter().map(|bytes| PyBytes::new(py, bytes)).collect()
    }
}

/// How far the plan is.
#[derive(Default)]
struct Watch {
    phase: Mutex<&'static str>,
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Observer for Watch {
    fn begin(&self, phase: &'static str, weights: u64) {
        if let Ok(mut now) = self.phase.lock() {
            *now = phase;
            self.done.store(0, Ordering::Relaxed);
            self.total.store(weights, Ordering::Relaxed);
        }
    }

    fn advance(&self, weights: u64) {
        self.done.fetch_add(weights, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Plans a network. `progress` is called with the phase, weights done and weights in all.
#[pyfunction]
pub fn plan(py: Python<'_>, network: &Network, options: Texts, progress: Option<Py<PyAny>>) -> PyResult<Plan> {
    let asked = asked(&options, &network.path, &network.inner)?;
    let watch = Watch::default();
    let (network, path) = (&*network.inner, network.path.as_path());
    let done = thread::scope(|scope| {
        let worker = scope.spawn(|| made(network, path, &asked, &watch));
        let mut raised = None;
        while !worker.is_finished() {
            py.detach(|| thread::sleep(LOOK));
            if let Err(error) = py.check_signals().and_then(|()| tell(py, &watch, progress.as_ref())) {
                watch.stop.store(true, Ordering::Relaxed);
                raised.get_or_insert(error);
            }
        }
        let made = py.detach(|| worker.join());
        match (raised, made) {
            (Some(error), _) => Err(error),
            (None, Ok(Err(Failure::Interrupted))) => Err(PyKeyboardInterrupt::new_err(())),
            (None, Ok(made)) => made.map_err(|failure| crate::ElightError::new_err(failure.to_string())),
            (None, Err(_)) => {
                Err(pyo3::exceptions::PyRuntimeError::new_err("the planner panicked: report this as a bug"))
            }
        }
    });
    tell(py, &watch, progress.as_ref())?;
    done
}

fn tell(py: Python<'_>, watch: &Watch, progress: Option<&Py<PyAny>>) -> PyResult<()> {
    let Some(progress) = progress else { return Ok(()) };
    let phase = watch.phase.lock().map_or("", |phase| *phase);
    let (done, total) = (watch.done.load(Ordering::Relaxed), watch.total.load(Ordering::Relaxed));
    progress.call1(py, (phase, done, total)).map(drop)
}

/// Why there is no plan.
enum Failure {
    Interrupted,
    Refused(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "interrupted",
            Self::Refused(text) => text,
        })
    }
}

fn refused(error: &dyn std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Failure::Refused(text)
}

fn of_plan(error: PlanError) -> Failure {
    if matches!(error, PlanError::Interrupted) { Failure::Interrupted } else { refused(&error) }
}

fn of_replay(error: ReplayError) -> Failure {
    if matches!(error, ReplayError::Interrupted) { Failure::Interrupted } else { refused(&error) }
}

fn made(network: &weights::Network, path: &Path, asked: &Asked, watch: &Watch) -> Result<Plan, Failure> {
    let Some(threads) = asked.threads else { return planned(network, path, asked, watch) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| refused(&error))?;
    pool.install(|| planned(network, path, asked, watch))
}

/// Plans into a folder of its own, replays, and takes the schedules into memory.
fn planned(network: &weights::Network, path: &Path, asked: &Asked, watch: &Watch) -> Result<Plan, Failure> {
    let options = &asked.options;
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    let folder = tempfile::tempdir().map_err(|error| refused(&error))?;
    let output = folder.path().join("plan.elight");
    let stimuli = if asked.verify { replay::stimuli(&quantizer, network, options.seed) } else { Vec::new() };
    let outcome = elight::plan::plan(network, options, &output, &stimuli, watch).map_err(of_plan)?;
    let proved = if asked.verify { Some(prove(&outcome, options, &stimuli, watch)?) } else { None };
    if proved.is_some_and(|replay| !(replay.writes_match && replay.outputs_match)) {
        return Err(Failure::Refused("the replay does not match the plan: report this as a bug".into()));
    }
    let schedules = outcome.cores.iter().map(|core| std::fs::read(&core.path)).collect::<Result<_, _>>();
    let schedules: Vec<Vec<u8>> = schedules.map_err(|error| refused(&error))?;
    let name = path.with_extension("elight");
    let report = Report::new(path, network, options, &outcome, &name, proved);
    Ok(Plan { report, device: options.device.clone(), schedules })
}

fn prove(outcome: &Outcome, options: &PlanOptions, stimuli: &[Stimulus], watch: &Watch) -> Result<Replay, Failure> {
    let cells = options.core.rows * options.core.cols;
    let origin = options.condition.origin(cells);
    let promises = outcome.cores.iter().zip(origin.chunks(cells)).map(|(core, origin)| {
        let promise = Promise {
            totals: &core.totals,
            end: core.end,
            origin,
            fanout: options.fanout,
            ranges: &[],
            ram: outcome.decoder_ram_bytes as usize,
            outputs: &[],
        };
        (core.path.as_path(), promise)
    });
    let promises: Vec<_> = promises.collect();
    replay::replay_cores(&promises, options.core, &options.device, stimuli, &outcome.expected_outputs, watch)
        .map_err(of_replay)
}
