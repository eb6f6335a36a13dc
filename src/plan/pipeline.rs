//! The pipeline itself: one segment of layers after the other, from weights to a schedule.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::compatibility;
use super::condition::core_path;
use super::emit::Emitter;
use super::error::PlanError;
use super::layers::Layers;
use super::options::PlanOptions;
use super::outcome::{CoreOutcome, FaultOutcome, Outcome};
use super::output::{Drafts, OutputFile};
use super::segment::{self, Segment};
use crate::faults::Loss;
use crate::observer::{Observer, StopToken};
use crate::order::families;
use crate::schedule::writer::{ScheduleSpec, ScheduleWriter};
use crate::stimulus::Stimulus;
use crate::weights::Network;

/// Plans a network and writes its schedule to `output`, which appears whole or not at all; for several cores a schedule each, to the
/// paths that [`core_path`] gives.
///
/// `stimuli`: input vectors for which the exact outputs are computed on the way, for a replay to show.
///
/// # Errors
/// [`PlanError`]: a core or options that do not fit the network, weights that cannot be read, an output that cannot be written, an
/// interruption.
pub fn plan(
    network: &Network,
    options: &PlanOptions,
    output: &Path,
    stimuli: &[Stimulus],
    observer: &dyn Observer,
) -> Result<Outcome, PlanError> {
    let (outcome, mut drafts) = draft(network, options, output, stimuli, observer)?;
    drafts.keep()?;
    Ok(outcome)
}

/// As [`plan`], but the schedules get their names only when the drafts are kept: when a replay has shown that they are right.
///
/// # Errors
/// As [`plan`].
pub fn draft(
    network: &Network,
    options: &PlanOptions,
    output: &Path,
    stimuli: &[Stimulus],
    observer: &dyn Observer,
) -> Result<(Outcome, Drafts), PlanError> {
    let begun = Instant::now();
    compatibility::check(network, options)?;
    let spec = schedule_spec(network, options);
    let cores = options.condition.cores;
    let paths: Vec<PathBuf> = (0..cores).map(|core| core_path(output, core, cores)).collect();
    let mut files = paths.iter().map(|path| OutputFile::create(path)).collect::<Result<Vec<_>, _>>()?;
    let mut writers = Vec::with_capacity(cores);
    for (file, path) in files.iter_mut().zip(&paths) {
        observer.writing_to(file.path());
        let writer = ScheduleWriter::new(BufWriter::new(file.temporary()), &spec);
        writers.push(writer.map_err(|e| PlanError::output(path, e))?);
    }

    let problem = options.problem();
    let mut family = families::choose(&problem);
    let mut layers = Layers::new(network, options, observer);
    let mut emitter = Emitter::new(network, options, spec.format, stimuli);
    let (mut layer_outcomes, mut loss) = (Vec::with_capacity(network.layers().len()), Loss::default());
    let segments = segment::split(network.layers(), &*family, options.segment_bytes);
    for (i, range) in segments.iter().enumerate() {
        let boundary = segment::boundary((i, segments.len()), emitter.optimal(), options);
        let segment = Segment::arrange(&mut layers, range.clone(), &mut *family, &boundary, options)?;
        observer.begin("writing", layers.weights(range.clone()));
        for layer in range.clone() {
            let levels = layers.again(layer)?;
            let stop = StopToken::new(observer);
            emitter.layer(layer, &levels, &segment, &mut writers, &stop).map_err(|e| PlanError::output(output, e))?;
            if stop.stopped() {
                return Err(PlanError::Interrupted);
            }
            layers.done(layer)?;
        }
        layer_outcomes.extend(segment.layers);
        loss.merge(segment.loss);
    }

    let emitted = emitter.finish();
    let mut core_outcomes = Vec::with_capacity(cores);
    for ((writer, path), (end, totals)) in writers.into_iter().zip(&paths).zip(emitted.cores) {
        let (_, bytes, frames) = writer.end(end).map_err(|e| PlanError::output(path, e))?;
        core_outcomes.push(CoreOutcome { path: path.clone(), end, bytes, frames, totals });
    }
    let mut drafts = Drafts::default();
    drafts.add(paths.into_iter().zip(files));
    let [natural, sorted, optimal] = emitted.orders;
    let bound = family.bound();
    let outcome = Outcome {
        faults: options.condition.damaged().is_some().then(|| FaultOutcome {
            loss,
            intact_writes: family.intact_writes(),
            intact_steps: emitted.natural_steps,
        }),
        layers: layer_outcomes,
        lower_bound_writes: bound.writes,
        objective_lower_bound: bound.objective,
        natural,
        sorted,
        optimal,
        end: emitted.end,
        expected_outputs: emitted.expected_outputs,
        bytes: core_outcomes.iter().map(|core| core.bytes).sum(),
        frames: core_outcomes.iter().map(|core| core.frames).sum(),
        cores: core_outcomes,
        decoder_ram_bytes: spec.header().ram,
        seconds: begun.elapsed().as_secs_f64(),
    };
    Ok((outcome, drafts))
}

fn schedule_spec(network: &Network, options: &PlanOptions) -> ScheduleSpec {
    let (rows, cols) = (options.core.rows as u16, options.core.cols as u16);
    let layers = network.layers();
    ScheduleSpec {
        rows,
        cols,
        format: ScheduleSpec::format(cols, options.device.bits, options.fanout as u16, options.schedule_reach().into()),
        layers: layers.len() as u32,
        most_cols: layers.iter().map(|l| l.cols).max().unwrap_or(0),
        longest_name: layers.iter().map(|l| l.name.len()).max().unwrap_or(0),
        device: options.device.name.chars().take(16).collect(),
        device_crc: options.device.identity_crc(),
    }
}
