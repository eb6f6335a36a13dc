//! Planning: the same call as behind the command line, into a folder of its own and then into memory.

use std::path::{Path, PathBuf};

use elight::report::html::{Pictures, page};
use elight::report::{self, Report};
use elight::settings::{Made, PlanSettings, read};
use elight::show::Screen;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::Words;
use crate::network::Network;
use crate::watch::{Watch, watched};

/// A finished plan.
#[pyclass(frozen, module = "elight._elight")]
pub struct Plan {
    made: Made,
    settings: PlanSettings,
    schedules: Vec<Vec<u8>>,
}

impl Plan {
    /// Its figures.
    pub fn figures(&self) -> &Report {
        &self.made.report
    }
}

#[pymethods]
impl Plan {
    /// The report as the command line prints it with --json.
    fn report(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.made.report).map_err(crate::refuse)
    }

    /// The report as the terminal shows it, in so many columns.
    fn table(&self, columns: usize) -> String {
        report::print(
            &self.made.report,
            &self.made.options.device,
            &Screen { width: Some(columns), colour: false },
            false,
        )
    }

    /// The report as a page of HTML.
    fn page(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let first = self.schedules.iter().step_by(usize::from(self.settings.rotate));
            let report = self.made.report.clone();
            let report = report.with_detail(self.made.detail_of(&first.cloned().collect::<Vec<_>>()));
            page(&report, &self.made.options.device, &Pictures::of(&report))
        })
        .map_err(crate::refuse)
    }

    /// The schedules, core by core, of each those that take turns.
    fn schedules<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.schedules.iter().map(|bytes| PyBytes::new(py, bytes)).collect()
    }

    /// What the schedules are called, when the first is called `output`.
    fn paths(&self, output: PathBuf) -> Vec<PathBuf> {
        self.settings.schedules(&output)
    }
}

/// Plans a network.
#[pyfunction]
pub fn plan(
    py: Python<'_>,
    network: &Network,
    options: Words,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Plan> {
    let settings: PlanSettings = read(&options).map_err(crate::ElightError::new_err)?;
    watched(py, threads, progress.as_ref(), move |watch| made(network, settings, watch))
}

fn made(network: &Network, settings: PlanSettings, watch: &Watch) -> anyhow::Result<Plan> {
    let (mut weights, path) = ((*network.inner).clone(), network.path.as_path());
    let name = path.with_extension("elight");
    let asked = settings.ask(path, &mut weights)?;
    let folder = tempfile::tempdir()?;
    let output = folder.path().join(name.file_name().unwrap_or("plan.elight".as_ref()));
    let mut made = asked.make(&output, watch)?;
    let schedules = settings.schedules(&output).iter().map(std::fs::read).collect::<Result<_, _>>()?;
    named(&mut made.report, &name);
    Ok(Plan { made, settings, schedules })
}

/// Gives the schedules in the report the names that the command line would have given them.
fn named(report: &mut Report, name: &Path) {
    let own = |path: &mut String| {
        if let Some(file) = Path::new(path.as_str()).file_name() {
            *path = name.with_file_name(file).display().to_string();
        }
    };
    own(&mut report.schedule.path);
    report.cores.iter_mut().for_each(|core| own(&mut core.path));
    report.rotation.iter_mut().flat_map(|rotation| &mut rotation.schedules).for_each(own);
}
