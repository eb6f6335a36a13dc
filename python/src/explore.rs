//! Explorations: a grid of plans, each made wherever there is a machine for it, and the points that come out.

use std::path::PathBuf;

use elight::explore::{self, Record, Sheet, Store};
use elight::report::html::exploration;
use elight::settings::{self, ExploreSettings, read};
use elight::show::Screen;
use pyo3::prelude::*;

use crate::Words;
use crate::network::Network;
use crate::watch::watched;

/// What is explored of a network.
#[pyclass(frozen, module = "elight._elight")]
pub struct Exploration(settings::Exploration);

#[pymethods]
impl Exploration {
    /// From options of the command line.
    #[new]
    fn new(py: Python<'_>, network: &Network, options: Words) -> PyResult<Self> {
        let settings: ExploreSettings = read(&options).map_err(crate::ElightError::new_err)?;
        py.detach(|| settings.of(&network.path, &network.inner)).map(Self).map_err(crate::refuse)
    }

    /// The plans that it needs, as a person reads them.
    fn plans(&self) -> Vec<String> {
        self.0.grid.plans().iter().map(ToString::to_string).collect()
    }

    /// Makes plan number `number`; returns its record as JSON.
    fn make(
        &self,
        py: Python<'_>,
        network: &Network,
        number: usize,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let plans = self.0.grid.plans();
        let key = plans.get(number).ok_or_else(|| crate::ElightError::new_err(format!("there is no plan {number}")))?;
        watched(py, threads, progress.as_ref(), |watch| {
            let folder = tempfile::tempdir()?;
            let record = self.0.make(key, &network.inner, folder.path(), watch)?;
            Ok(serde_json::to_string(&record)?)
        })
    }

    /// Begins to keep records in a folder, or goes on there.
    fn begin(&self, folder: PathBuf) -> PyResult<Kept> {
        Store::begin(&folder, &self.0.grid).map(|store| Kept(store, self.0.grid.clone())).map_err(crate::refuse)
    }
}

/// A folder of records.
#[pyclass(frozen, module = "elight._elight")]
pub struct Kept(Store, explore::Grid);

#[pymethods]
impl Kept {
    /// The plans whose records are not there.
    fn missing(&self) -> Vec<usize> {
        let plans = self.1.plans();
        plans.iter().enumerate().filter(|(_, key)| self.0.get(key).is_none()).map(|(number, _)| number).collect()
    }

    /// Keeps a record.
    fn put(&self, record: &str) -> PyResult<()> {
        let record: Record = serde_json::from_str(record).map_err(crate::refuse)?;
        self.0.put(record).map_err(crate::refuse)
    }

    /// The points of the records that are there.
    fn points(&self) -> PyResult<Points> {
        Sheet::of_grid(&self.1, |key| self.0.get(key)).map(Points).map_err(crate::refuse)
    }
}

/// The points of an exploration.
#[pyclass(frozen, module = "elight._elight")]
pub struct Points(Sheet);

#[pymethods]
impl Points {
    /// As `elight-plan explore --json` prints them.
    fn json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.0).map_err(crate::refuse)
    }

    /// As `--csv` writes them.
    fn csv(&self) -> String {
        explore::csv(&self.0)
    }

    /// As `--report` writes them.
    fn page(&self) -> String {
        exploration(&self.0)
    }

    /// As the terminal shows them, in so many columns; `all`: also those that others beat.
    fn table(&self, columns: usize, all: bool) -> String {
        explore::table(&self.0, &Screen { width: Some(columns), colour: false }, all)
    }
}

/// The points of an exploration whose shards are in these folders.
#[pyfunction]
pub fn merge(folders: Vec<PathBuf>) -> PyResult<Points> {
    let (stores, grid) = Store::open_all(&folders).map_err(crate::refuse)?;
    let sheet = Sheet::of_grid(&grid, |key| stores.iter().find_map(|store| store.get(key))).map_err(crate::refuse)?;
    Ok(Points(sheet))
}
