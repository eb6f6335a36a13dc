//! The whole inference on a system: from the finished schedules to its figures.

use std::path::Path;

use anyhow::Context;
use clap::Args;

use super::choices::ObjectiveArg;
use crate::census::{self, Vectors};
use crate::explore::{self, Aim};
use crate::plan::{Observer, Outcome, PlanOptions, Trade};
use crate::report::InferenceReport;
use crate::system::{self, SystemProfile};
use crate::weights::Network;

/// What a whole inference runs on (docs/system-model.md).
#[derive(Debug, Args)]
pub struct InferenceArgs {
    /// The system around the core: a preset (bench, feldmann-2021, lightening, skylight, simphony) or a TOML file with [system] [default: the
    /// [system] of the device file, if it has one; else only writes are reported].
    #[allow(rustdoc::broken_intra_doc_links)] // it is help for the command line first
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub system: Option<String>,

    /// Inferences that share each programming of the core; `auto`: as many as make light and writing balance, within the buffer.
    #[arg(long, value_name = "N|auto", default_value = "1")]
    pub batch: Batch,

    /// Memory for inputs and partial sums, bytes [default: the system's]; a layer whose batch does not fit is run through several times.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub buffer: Option<u64>,

    /// Input vectors of a layer in one inference: positions of a convolution, tokens, 1 for a plain classifier. A name or a glob; may be given several
    /// times, the last that matches counts.
    #[arg(long, value_name = "LAYER=N")]
    pub vectors: Vec<Vectors>,
}

/// Inferences that share a programming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// So many.
    Number(u64),
    /// As many as make light and writing balance.
    Auto,
}

impl std::str::FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.parse().ok().filter(|n| (1..=1_000_000_000).contains(n)).map(Self::Number);
        let wrong = || "expected 1 to 1,000,000,000 inferences, or `auto`, as in --batch 64".to_owned();
        if text == "auto" { Ok(Self::Auto) } else { number().ok_or_else(wrong) }
    }
}

impl InferenceArgs {
    /// The system that is asked for, or else the one in the device file; none: only writes are reported.
    ///
    /// # Errors
    /// A system that cannot be loaded; options that are for a whole inference without a system.
    pub fn system(&self, device: Option<&str>) -> anyhow::Result<Option<SystemProfile>> {
        let system = match (&self.system, device) {
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
    ///
    /// # Errors
    /// What the aim needs and is not known; those of [`explore::choose`].
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
    ///
    /// # Errors
    /// Schedules that cannot be read, input vectors that are not known and needed.
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
