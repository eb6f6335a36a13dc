//! The whole inference on a system: from the finished schedules to its figures.

use std::path::Path;

use anyhow::Context;
use elight::census;
use elight::explore::{self, Aim};
use elight::plan::{Observer, Outcome, PlanOptions, Trade};
use elight::report::InferenceReport;
use elight::system::{self, SystemProfile};
use elight::weights::Network;

use crate::choices::ObjectiveArg;
use crate::options::{Batch, InferenceArgs, ReadingArgs};

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

    /// Chooses extra steps, order and batch for an aim that is one of the whole inference; returns the batch, where it is chosen.
    pub fn choose(
        &self,
        objective: ObjectiveArg,
        system: Option<&SystemProfile>,
        network: &Network,
        options: &mut PlanOptions,
        vectors: &[Option<u64>],
        observer: &dyn Observer,
    ) -> anyhow::Result<Option<u64>> {
        let Some(aim) = objective.aim() else { return Ok(None) };
        let name = objective.name();
        let Some(system) = system else {
            anyhow::bail!(
                "--objective {name} is for a whole inference: name the system with --system NAME|FILE.toml (docs/system-model.md)"
            );
        };
        let mut layers = network.layers().iter().zip(vectors);
        let unknown = layers.find(|(_, vectors)| vectors.is_none()).map(|(layer, _)| &layer.name);
        if let Some(layer) = unknown.filter(|_| aim != Aim::Life || self.batch == Batch::Auto) {
            anyhow::bail!(
                "--objective {name} needs the input vectors of every layer, and does not know them for {layer}: give --vectors LAYER=N"
            );
        }
        let batch = if let Batch::Number(batch) = self.batch { Some(batch) } else { None };
        let capacity = self.buffer.map(|bytes| bytes as f64);
        let choice = explore::choose(network, options, system, vectors, batch, capacity, aim, observer)?;
        options.trade = Trade { extra_steps: choice.extra_steps, objective: choice.objective };
        Ok(Some(choice.batch))
    }

    /// The figures of a finished plan; `batch`: one that has been chosen.
    pub fn figures(
        &self,
        system: &SystemProfile,
        network: &Network,
        options: &PlanOptions,
        outcome: &Outcome,
        vectors: &[Option<u64>],
        batch: Option<u64>,
    ) -> anyhow::Result<InferenceReport> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let schedules = outcome.cores.iter().map(|core| read(&core.path)).collect::<anyhow::Result<Vec<_>>>()?;
        let origin = options.condition.origin(options.core.rows * options.core.cols);
        let load = census::load(network, options, vectors, &schedules, &origin, system.timing.cells_at_once)?;
        let capacity = self.buffer.map(|bytes| bytes as f64);
        let batch = match (batch, self.batch) {
            (Some(batch), _) | (None, Batch::Number(batch)) => batch,
            (None, Batch::Auto) => system::auto_batch(system, &load, capacity).with_context(|| {
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
