//! The whole pipeline: weights, levels, order, schedule, one layer after the other.
//!
//! ```text
//! for each segment of layers:
//!     read, quantize, summarise   each layer        (weights, level)
//!     arrange                     all of them       (order)
//!     program, tally, encode      each layer        (order, schedule) -> the output file
//! ```
//!
//! A segment is as many layers as fit a fixed amount of memory; most networks are one segment, and then the order is closed over the whole
//! inference. Weights are read a few rows at a time, however large the file, and only one layer's levels are needed at a time; levels are kept from the first pass to the second
//! while they are few.

mod clip;
mod condition;
mod cores;
mod emit;
mod error;
mod goal;
mod options;
mod output;
mod read;
mod segment;
mod sweep;
mod trade;
mod turn;
mod turns;

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use firmware_model::photonic_core::device_crc;
use firmware_model::wire::End;

use crate::faults::{self, CellRange, Loss};
use crate::level::{DeviceProfile, LevelMatrix, Quantizer};
use crate::order::shared::Bundles;
use crate::order::tally::Totals;
use crate::order::{Objective, Order, Reach, Rows};
use crate::schedule::writer::{ScheduleSpec, ScheduleWriter};
use crate::weights::{LayerInfo, LayerKind, Network};

pub use clip::calibrate;
pub use condition::{Condition, core_path};
pub use cores::CoreOutcome;
pub use emit::Stimulus;
pub use error::PlanError;
pub use goal::value;
pub use options::{CoreSize, Fanout, PlanOptions, Quantization, QuantizationRequest, SEGMENT_BYTES, trained_for};
pub use output::OutputFile;
pub use sweep::{SweepPoint, sweep};
pub use trade::{ExtraSteps, MOST_EXTRA_STEPS, Trade};
pub use turn::Turn;
pub use turns::{Life, Turned, Worn, plan_turns, rotation_path};

use goal::Goal;
use segment::Segment;

/// Told how far planning is; and asked whether to go on.
pub trait Observer: Sync {
    /// A phase begins that goes through this many weights.
    fn begin(&self, phase: &'static str, weights: u64);
    /// So many more of them are done.
    fn advance(&self, weights: u64);
    /// The schedule goes to this file until it is whole. Planning itself removes it after an error.
    fn writing_to(&self, _temporary: &Path) {}
    /// Whether the user wants to stop: the plan then ends with [`PlanError::Interrupted`], and leaves no file.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// One layer of a finished plan.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerOutcome {
    /// Tiles: P x Q.
    pub tiles: u64,
    /// Programmings of the core.
    pub steps: u64,
    /// `||t - t_q|| / ||t||` of the layer's weights.
    pub relative_error: f64,
    /// Writes that no order of this layer alone can go below; none with reach `lane`, where layers are bounded together.
    pub lower_bound_writes: Option<u64>,
    /// Weights at each signed level, `-B..=B`.
    pub level_counts: Vec<u64>,
}

/// A finished plan: what was written to the schedule, and what it costs.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Each layer, in the network's order.
    pub layers: Vec<LayerOutcome>,
    /// Cost as stored.
    pub natural: Totals,
    /// Cost of ELight's order.
    pub sorted: Totals,
    /// Cost of the optimal order.
    pub optimal: Totals,
    /// Proven: no plan of this reach needs fewer writes per inference.
    pub lower_bound_writes: u64,
    /// Proven: no plan of this reach has less of what the objective counts ([`value`]) per inference.
    pub objective_lower_bound: f64,
    /// Totals in the End frame; of several cores together: side by side in steps, writes added up.
    pub end: End,
    /// Each core's part.
    pub cores: Vec<CoreOutcome>,
    /// Size of the schedules, bytes.
    pub bytes: u64,
    /// Frames of the schedules.
    pub frames: u64,
    /// Memory that a decoder needs, bytes.
    pub decoder_ram_bytes: u32,
    /// What faults have cost; none without faults.
    pub faults: Option<FaultOutcome>,
    /// Outputs that the replay must show, for each stimulus.
    pub expected_outputs: Vec<Vec<i64>>,
    /// Time of planning and writing.
    pub seconds: f64,
}

/// What faults have cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultOutcome {
    /// Weights that are not multiplied at their own level, and by how much: with reach `lane` or shared inputs only.
    pub loss: Loss,
    /// Writes per inference of the plan for intact cores; with reach `row` and an input for each cell only.
    pub intact_writes: Option<u64>,
    /// Steps of the plan for intact cores.
    pub intact_steps: u64,
}

impl Outcome {
    /// Cost of one order.
    #[must_use]
    pub fn of(&self, order: Order) -> &Totals {
        match order {
            Order::Natural => &self.natural,
            Order::Sorted => &self.sorted,
            Order::Optimal => &self.optimal,
        }
    }
}

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
    let begun = Instant::now();
    check_blocks(network, options.core)?;
    check_order(options)?;
    check_turn(options)?;
    check_trade(options)?;
    Goal::check(options)?;
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

    let mut planner = Planner::new(network, options, observer);
    let segments = segment::split(network, options);
    let mut emitter = emit::Emitter::new(network, options, spec.format, stimuli);
    for (i, layers) in segments.iter().enumerate() {
        let part = (i, segments.len());
        let segment = Segment::arrange(&mut planner, layers.clone(), part, &emitter)?;
        planner.observer.begin("writing", planner.weights(layers.clone()));
        for layer in layers.clone() {
            let quantized = planner.quantized(layer)?;
            emitter.layer(layer, &quantized, &segment, &mut writers).map_err(|e| PlanError::output(output, e))?;
            planner.done(layer)?;
        }
    }
    let emitted = emitter.finish();
    let mut outcomes = Vec::with_capacity(cores);
    for ((writer, path), (end, totals)) in writers.into_iter().zip(&paths).zip(emitted.cores) {
        let (_, bytes, frames) = writer.end(end).map_err(|e| PlanError::output(path, e))?;
        outcomes.push(CoreOutcome { path: path.clone(), end, bytes, frames, totals });
    }
    OutputFile::keep_all(files, &paths)?;
    let faults = options.condition.faults.is_some().then(|| FaultOutcome {
        loss: planner.loss,
        intact_writes: (!options.fits_levels()).then_some(planner.intact_writes),
        intact_steps: planner.intact_steps(),
    });
    Ok(Outcome {
        faults,
        layers: planner.outcomes,
        lower_bound_writes: planner.bound.writes(),
        objective_lower_bound: planner.goal.lower_bound(options, planner.bound.writes()),
        natural: emitted.natural,
        sorted: emitted.sorted,
        optimal: emitted.optimal,
        end: emitted.end,
        expected_outputs: emitted.expected_outputs,
        bytes: outcomes.iter().map(|core| core.bytes).sum(),
        frames: outcomes.iter().map(|core| core.frames).sum(),
        cores: outcomes,
        decoder_ram_bytes: spec.header().ram,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

fn check_blocks(network: &Network, core: CoreSize) -> Result<(), PlanError> {
    for layer in network.layers() {
        if let LayerKind::Blocks { k, .. } = layer.kind
            && (k > core.rows || k > core.cols)
        {
            return Err(PlanError::BlockSize { tensor: layer.name.clone(), k, core });
        }
    }
    Ok(())
}

fn check_trade(options: &PlanOptions) -> Result<(), PlanError> {
    let needs = match (options.trade.extra_steps, options.order) {
        (None, _) => return Ok(()),
        (_, Order::Optimal) => trade::needs(options),
        _ => Some("--order optimal"),
    };
    needs.map_or(Ok(()), |needs| Err(PlanError::ExtraStepsOrder { needs }))
}

fn check_order(options: &PlanOptions) -> Result<(), PlanError> {
    if options.fanout > 1 && options.order == Order::Sorted {
        return Err(PlanError::SortedShared { fanout: options.fanout });
    }
    if options.fanout > 1 && options.rows == Rows::Any {
        return Err(PlanError::FreeRowsShared { fanout: options.fanout });
    }
    match (options.order, options.reach) {
        (Order::Natural, Reach::Row) if options.condition.faults.is_some() => {
            Err(PlanError::FaultyOrder { order: "natural" })
        }
        (Order::Sorted, Reach::Row) if options.condition.faults.is_some() => {
            Err(PlanError::FaultyOrder { order: "sorted" })
        }
        (_, Reach::Lane) if options.condition.faults.is_some() && options.rows == Rows::Any => {
            Err(PlanError::FreeRowsAroundFaults)
        }
        _ => Ok(()),
    }
}

fn check_turn(options: &PlanOptions) -> Result<(), PlanError> {
    match options.condition.turn {
        Some(_) if options.order != Order::Optimal => Err(PlanError::Turn { why: "is for --order optimal" }),
        Some(_) if options.trade.extra_steps.is_some() => Err(PlanError::Turn { why: "goes without --extra-steps" }),
        Some(_) if options.trade.objective != Objective::Writes => {
            Err(PlanError::Turn { why: "goes with the objective `writes` only" })
        }
        Some(_) if options.condition.faults.is_some() => Err(PlanError::Turn {
            why: "needs cores without faulty or worn-out cells: leave it out, and plan around them",
        }),
        Some(_) if options.fanout > 1 => {
            Err(PlanError::Turn { why: "needs --fanout cell: an input of its own for every weight cell" })
        }
        Some(turn) if turn.lanes > 0 && options.reach == Reach::Lane => {
            Err(PlanError::Turn { why: "of lanes needs --reach row" })
        }
        _ => Ok(()),
    }
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
        device_crc: identity_crc(&options.device),
    }
}

/// The identity of a device in schedules.
#[must_use]
pub fn identity_crc(device: &DeviceProfile) -> u32 {
    let transmissions: Vec<f32> = device.transmissions().iter().map(|&t| t as f32).collect();
    device_crc(&transmissions)
}

/// Levels kept from the first pass to the second, bytes.
const KEPT_LEVELS: usize = 10 << 20;

/// Reads and quantizes layers, and collects what is known of them.
struct Planner<'a> {
    network: &'a Network,
    options: &'a PlanOptions,
    quantizer: Quantizer,
    observer: &'a dyn Observer,
    kept: Vec<Option<LevelMatrix>>,
    kept_bytes: usize,
    outcomes: Vec<LayerOutcome>,
    bound: segment::Bound,
    goal: Goal,
    /// What each cell can hold, where weights cannot always get out of its way.
    held: Option<Vec<CellRange>>,
    loss: Loss,
    intact_writes: u64,
}

impl<'a> Planner<'a> {
    fn new(network: &'a Network, options: &'a PlanOptions, observer: &'a dyn Observer) -> Self {
        Self {
            network,
            options,
            quantizer: Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale),
            observer,
            kept: vec![None; network.layers().len()],
            kept_bytes: 0,
            outcomes: Vec::new(),
            bound: segment::Bound::new(options),
            goal: Goal::new(options),
            held: if options.fits_levels() { options.condition.ranges() } else { None },
            loss: Loss::default(),
            intact_writes: 0,
        }
    }

    fn weights(&self, layers: std::ops::Range<usize>) -> u64 {
        self.network.layers()[layers].iter().map(|l| l.weights() as u64).sum()
    }

    /// Reads and quantizes a layer; returns the levels and the relative error of the weights.
    fn read(&self, layer: usize) -> Result<(LevelMatrix, f64, Loss), PlanError> {
        let (mut levels, error) = read::quantize(self.network, layer, &self.quantizer)?;
        let loss = self.held.as_ref().map(|ranges| {
            let (groups, wiring) = (self.network.layers()[layer].groups, self.options.wiring());
            faults::hold(&mut levels, groups, wiring, self.options.reach, ranges, self.quantizer.unit_values())
        });
        Ok((levels, error, loss.unwrap_or_default()))
    }

    /// The same in the first pass.
    fn read_first(&mut self, layer: usize) -> Result<(LevelMatrix, f64), PlanError> {
        let (levels, error, loss) = self.read(layer)?;
        self.loss.merge(loss);
        Ok((levels, error))
    }

    /// Steps of intact cores.
    fn intact_steps(&self) -> u64 {
        let wiring = self.options.wiring();
        let steps = |layer: &LayerInfo| {
            Bundles::stored(layer.rows, layer.groups, wiring.fanout).tile_rows(wiring)
                * layer.cols.div_ceil(wiring.cells)
        };
        self.network.layers().iter().map(|layer| steps(layer) as u64).sum()
    }

    /// Keeps a layer's levels for the second pass if there is room.
    fn keep(&mut self, layer: usize, levels: LevelMatrix) {
        let bytes = size_of_val(levels.levels.as_slice());
        if self.kept_bytes + bytes <= KEPT_LEVELS {
            self.kept_bytes += bytes;
            self.kept[layer] = Some(levels);
        }
    }

    /// The levels of a layer in the second pass.
    fn quantized(&mut self, layer: usize) -> Result<LevelMatrix, PlanError> {
        if let Some(levels) = self.kept[layer].take() {
            self.kept_bytes -= size_of_val(levels.levels.as_slice());
            return Ok(levels);
        }
        Ok(self.read(layer)?.0)
    }

    /// Reports a layer as done in the present phase.
    fn done(&self, layer: usize) -> Result<(), PlanError> {
        self.observer.advance(self.network.layers()[layer].weights() as u64);
        if self.observer.interrupted() { Err(PlanError::Interrupted) } else { Ok(()) }
    }
}
