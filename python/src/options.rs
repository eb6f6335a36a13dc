//! Keyword arguments to options of a plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use elight::geometry::Reach;
use elight::level::{Reparam, ScaleMode};
use elight::order::{Effort, Objective, Order, Rows};
use elight::plan::{CoreSize, Fanout, PlanOptions, QuantizationRequest};
use elight::show::names::nearest;
use elight::weights::Network;
use pyo3::prelude::*;

/// Options as texts, by name: as the command line has them, with underscores.
pub type Texts = BTreeMap<String, String>;

/// All options; elight.pyi has them with their meaning.
const NAMES: [&str; 17] = [
    "bits",
    "core",
    "cores",
    "device",
    "effort",
    "endurance",
    "extra_steps",
    "fanout",
    "no_verify",
    "objective",
    "order",
    "reach",
    "reparam",
    "rows",
    "scale",
    "seed",
    "threads",
];

/// What else the plan needs.
pub struct Asked {
    pub options: PlanOptions,
    pub verify: bool,
    pub threads: Option<usize>,
}

/// Reads options one by one, and names what cannot be understood.
struct Reader<'a>(&'a Texts);

impl Reader<'_> {
    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> PyResult<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let wrong = || crate::ElightError::new_err(format!("{name}={text:?}: expected {expected}"));
        text.parse().map(Some).map_err(|_| wrong())
    }

    fn chosen<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> PyResult<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let found = values.iter().find(|(value, _)| value == text).map(|(_, value)| *value);
        let all = || values.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(", ");
        found
            .map(Some)
            .ok_or_else(|| crate::ElightError::new_err(format!("{name}={text:?}: expected one of {}", all())))
    }

    fn flag(&self, name: &str) -> PyResult<bool> {
        Ok(self.chosen(name, &[("True", true), ("False", false)])?.unwrap_or(false))
    }
}

/// Options of a plan of this network, which `path` stands for.
pub fn asked(texts: &Texts, path: &Path, network: &Network) -> PyResult<Asked> {
    if let Some(unknown) = texts.keys().find(|name| !NAMES.contains(&name.as_str())) {
        let near = nearest(unknown, NAMES).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(crate::ElightError::new_err(format!("there is no option {unknown}{near} ({})", NAMES.join(", "))));
    }
    let read = Reader(texts);
    let request = QuantizationRequest {
        device: texts.get("device").cloned(),
        bits: read.parsed("bits", "a number of bits, 1 to 8")?,
        reparam: read.chosen("reparam", &[("none", Reparam::None), ("tanh", Reparam::Tanh)])?,
        scale: read.chosen("scale", &[("row", ScaleMode::Row), ("layer", ScaleMode::Layer)])?,
    };
    let (mut device, quantization) = request.resolve(path, network.metadata()).map_err(crate::refuse)?;
    if let Some(cycles) = read.parsed::<f64>("endurance", "writes that a PCM cell bears, a number above 0")? {
        if !(cycles.is_finite() && cycles > 0.0) {
            return Err(crate::ElightError::new_err(format!("endurance={cycles}: expected a number above 0")));
        }
        device = device.with_endurance(cycles);
    }
    let core: CoreSize = match (texts.get("core"), network.metadata().get("elight.tile")) {
        (Some(core), _) | (None, Some(core)) => core.parse().map_err(crate::refuse)?,
        (None, None) => {
            return Err(crate::ElightError::new_err(
                "core is needed, as in core=\"9x9\": the weights do not say which core they were trained for",
            ));
        }
    };
    let mut options = PlanOptions { quantization, ..PlanOptions::new(core, device) };
    if let Some(fanout) = texts.get("fanout") {
        let fanout: Fanout = fanout.parse().map_err(crate::refuse)?;
        options.fanout = fanout.rows(core).map_err(crate::refuse)?;
    }
    options.reach = read.chosen("reach", &[("lane", Reach::Lane), ("row", Reach::Row)])?.unwrap_or(options.reach);
    options.rows = read.chosen("rows", &[("stored", Rows::Stored), ("any", Rows::Any)])?.unwrap_or(options.rows);
    let orders =
        [("natural", Order::Natural), ("sorted", Order::Sorted), ("best", Order::Optimal), ("optimal", Order::Optimal)];
    options.order = read.chosen("order", &orders)?.unwrap_or(options.order);
    let efforts = [("fast", Effort::Fast), ("good", Effort::Good), ("best", Effort::Best)];
    options.effort = read.chosen("effort", &efforts)?.unwrap_or(options.effort);
    options.seed = read.parsed("seed", "a number of 0 or above")?.unwrap_or(options.seed);
    options.condition.cores = read.parsed("cores", "a number of cores")?.unwrap_or(options.condition.cores);
    if !(1..=64).contains(&options.condition.cores) {
        return Err(crate::ElightError::new_err(format!("cores={}: expected 1 to 64", options.condition.cores)));
    }
    if let Some(extra) = texts.get("extra_steps") {
        options.trade.extra_steps =
            Some(extra.parse().map_err(|e| crate::ElightError::new_err(format!("extra_steps: {e}")))?);
    }
    let objectives = [
        ("writes", Objective::Writes),
        ("energy", Objective::Energy),
        ("latency", Objective::Latency),
        ("wear", Objective::Wear),
    ];
    options.trade.objective = read.chosen("objective", &objectives)?.unwrap_or(options.trade.objective);
    let threads = read.parsed("threads", "a number of threads, 1 or above")?;
    if threads == Some(0) {
        return Err(crate::ElightError::new_err("threads=0: expected 1 or above"));
    }
    Ok(Asked { options, verify: !read.flag("no_verify")?, threads })
}
