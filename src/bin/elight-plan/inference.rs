//! The whole inference on a system: from the finished schedules to its figures.

use std::path::Path;

use anyhow::Context;
use elight::census;
use elight::plan::{Outcome, PlanOptions};
use elight::report::InferenceReport;
use elight::system::{self, SystemProfile};
use elight::weights::Network;

use crate::args::{Batch, InferenceArgs, ReadingArgs};

impl InferenceArgs {
    /// The system that is asked for, or else the one in the device file; none: only writes are reported.
    pub fn system(&self, reading: &ReadingArgs) -> anyhow::Result<Option<SystemProfile>> {
        let system = match (&self.system, &reading.device) {
            (Some(system), _) => Some(SystemProfile::load(system)?),
            (None, Some(device)) if Path::new(device).is_file() => SystemProfile::beside_device(device)?,
            _ => None,
        };
        let needs = [("--batch", self.batch != Batch::Number(1)), ("--buffer", self.buffer.is_some())];
        for (flag, given) in needs {
            anyhow::ensure!(
                system.is_some() || !given,
                "{flag} is for a whole inference: name the system with --system NAME|FILE.toml, or give the device file a [system] (docs/system-model.md)"
            );
        }
        Ok(system)
    }

    /// The figures of a finished plan.
    pub fn figures(
        &self,
        system: &SystemProfile,
        network: &Network,
        options: &PlanOptions,
        outcome: &Outcome,
        vectors: &[Option<u64>],
    ) -> anyhow::Result<InferenceReport> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let schedules = outcome.cores.iter().map(|core| read(&core.path)).collect::<anyhow::Result<Vec<_>>>()?;
        let origin = options.condition.origin(options.core.rows * options.core.cols);
        let load = census::load(network, options, vectors, &schedules, &origin, system.timing.cells_at_once)?;
        let capacity = self.buffer.map(|bytes| bytes as f64);
        let batch = match self.batch {
            Batch::Number(batch) => batch,
            Batch::Auto => system::auto_batch(system, &load, capacity).with_context(|| {
                format!(
                    "--batch auto needs the input vectors of every layer, and does not know them for {}: give --vectors LAYER=N",
                    load.unknown_vectors().join(", ")
                )
            })?,
        };
        let figures = system::infer(system, &load, batch, capacity);
        let own = system.buffer.as_ref().map(|buffer| buffer.capacity_bytes.value);
        Ok(InferenceReport::new(figures, system, &options.device, capacity.or(own)))
    }
}
