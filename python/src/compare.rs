//! Two plans side by side.

use elight::report::compare::Side;
use elight::report::html;
use elight::show::Screen;
use pyo3::prelude::*;

use crate::plan::Plan;

/// Two plans side by side.
#[pyclass(frozen, module = "elight._elight")]
pub struct Comparison(elight::report::compare::Comparison);

#[pymethods]
impl Comparison {
    /// As `elight-plan compare --json` prints it.
    fn json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.0).map_err(crate::refuse)
    }

    /// As the terminal shows it, in so many columns.
    fn table(&self, columns: usize) -> String {
        self.0.print(&Screen { width: Some(columns), colour: false }, true)
    }

    /// As a page of HTML.
    fn page(&self) -> String {
        html::comparison(&self.0)
    }
}

/// Compares two plans that are called `names`.
#[pyfunction]
pub fn compare(a: &Plan, b: &Plan, names: [String; 2]) -> Comparison {
    let side = |plan: &Plan, name: &str| Side::of_report(name, plan.figures().clone());
    Comparison(elight::report::compare::Comparison::new(&side(a, &names[0]), &side(b, &names[1])))
}
