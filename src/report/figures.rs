//! The figures of a plan: what the table, the JSON object and the page show.
//!
//! The JSON keys are stable and documented in docs/report.md.

use serde::{Deserialize, Serialize};

use super::by_order::ByOrder;
use super::detail::Detail;
use super::inference::InferenceReport;
use crate::explore::OtherWiring;
use crate::order::cost::tally::{Cost, Costs, ElightAccounting};
use crate::order::{Objective, Order, Reach, Rows};
use crate::plan::SweepPoint;
use crate::weights::Certainty;

/// The report of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The weights file.
    pub network: String,
    /// `RxC`.
    pub core: String,
    /// Name of the device profile.
    pub device: String,
    /// The device that the weights were trained for, where it is another one: they take the nearest levels of this one.
    #[serde(default)]
    pub trained_for: Option<String>,
    /// How the device is written: `per-level`, `single-shot` or `reset-then-set`.
    pub cost_model: String,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// What was quantized: `none` or `tanh`.
    pub reparam: String,
    /// Over what the scale is taken: `row` or `layer`.
    pub scale: String,
    /// Rows that share an input.
    pub fanout: u32,
    /// Which lanes a weight may move to.
    pub reach: Reach,
    /// Where rows may sit with reach `lane`.
    #[serde(default)]
    pub rows: Rows,
    /// The order in the schedule.
    pub order: Order,
    /// Extra steps that were granted: a percentage, or `fixed`; none: every weight has a place in the fewest steps.
    pub extra_steps: Option<String>,
    /// The earlier schedule, from whose end the first load starts; none: from erased cells.
    pub from: Option<String>,
    /// Weights planned.
    pub weights: u64,
    /// Weights of level 0 that the schedule leaves out.
    pub left_out: u64,
    /// Tiles.
    pub tiles: u64,
    /// Programmings of the core in an inference.
    pub steps: u64,
    /// Each layer.
    pub layers: Vec<LayerReport>,
    /// What was left out.
    pub skipped: Vec<SkippedReport>,
    /// Costs of each order.
    pub orders: ByOrder<Costs>,
    /// ELight's own count, for comparison with its tables.
    pub elight_accounting: ByOrder<ElightAccounting>,
    /// No plan of this reach, core and number of steps needs fewer writes per inference; with reach `lane` and
    /// stored rows, none that leaves them there.
    pub lower_bound_writes: u64,
    /// `optimal / lower bound - 1` of the writes per inference; none when the bound is 0 and the plan's writes are not.
    pub gap: Option<f64>,
    /// What the optimal order makes small, and how near it comes.
    #[serde(default)]
    pub objective: ObjectiveReport,
    /// What one PCM cell bears, in what wears it by the device's cost model; none when not known.
    pub endurance_writes: Option<f64>,
    /// Inferences until the worst cell has reached it, by order; none when not known, or when nothing is written.
    pub lifetime_inferences: ByOrder<Option<f64>>,
    /// What faults cost; none without faults.
    #[serde(default)]
    pub faults: Option<FaultReport>,
    /// Inferences in a second that the years are counted with.
    #[serde(default = "one")]
    pub rate_per_second: f64,
    /// The same lifetime in years of 365.25 days, at that rate.
    #[serde(default)]
    pub lifetime_years: ByOrder<Option<f64>>,
    /// What pictures show besides; none unless they are asked for.
    #[serde(default)]
    pub detail: Option<Detail>,
    /// What cells have borne, and how long they last; none without `--wear`.
    #[serde(default)]
    pub wear: Option<WearReport>,
    /// Plans that take turns; none without `--rotate`.
    #[serde(default)]
    pub rotation: Option<RotationReport>,
    /// Each core's load.
    #[serde(default)]
    pub cores: Vec<CoreReport>,
    /// Modulators of a core, each with a converter.
    #[serde(default)]
    pub modulators: u64,
    /// The same network with the other wiring; none for a core of one row.
    #[serde(default)]
    pub other_wiring: Option<OtherWiring>,
    /// What a whole inference costs; none without a system.
    #[serde(default)]
    pub inference: Option<InferenceReport>,
    /// The schedule.
    pub schedule: ScheduleReport,
    /// What the replay has shown; none with `--no-verify`.
    pub verified: Option<VerifiedReport>,
    /// Steps against writes; empty without `--sweep`.
    pub sweep: Vec<SweepPoint>,
    /// Time of planning and writing, without the replay.
    pub seconds: f64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The tensor.
    pub name: String,
    /// What kind of layer it was taken for.
    pub kind: String,
    /// Output rows.
    pub rows: usize,
    /// Inputs per row.
    pub cols: usize,
    /// Groups of inputs.
    pub groups: usize,
    /// How sure it is that the layer is what it was taken for.
    #[serde(default)]
    pub certainty: Certainty,
    /// Input vectors an inference; none when not known.
    #[serde(default)]
    pub vectors: Option<u64>,
    /// Weights.
    pub weights: u64,
    /// Tiles.
    pub tiles: u64,
    /// Programmings of the core.
    pub steps: u64,
    /// `||t - t_q|| / ||t||`.
    pub relative_error: f64,
    /// Costs of each order; `max_cell_writes` counts this layer's writes only.
    pub orders: ByOrder<Costs>,
    /// ELight's own count.
    pub elight_accounting: ByOrder<ElightAccounting>,
    /// Writes that the layer's rows force, whatever the order; none with reach `lane`.
    pub lower_bound_writes: Option<u64>,
    /// `optimal / lower bound - 1` of the layer's writes per inference; none without a bound above 0.
    pub gap: Option<f64>,
}

/// What the optimal order makes small, per inference in steady state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveReport {
    /// Its name.
    pub name: Objective,
    /// Unit of the figures.
    pub unit: String,
    /// What the optimal order takes.
    pub value: f64,
    /// What no plan of this reach, core and number of steps goes below.
    pub lower_bound: f64,
    /// `value / lower bound - 1`; none when the bound is 0 and the value is not.
    pub gap: Option<f64>,
}

/// A tensor that was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkippedReport {
    /// The tensor.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What faults cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// The files, core by core.
    pub files: Vec<String>,
    /// Weight cells that cannot hold every level, in all cores.
    pub cells: usize,
    /// Weak weight cells.
    pub weak: usize,
    /// Weights that are not multiplied at their own level: none with reach `row` and an input for each cell.
    pub affected_weights: u64,
    /// `||q' - q|| / ||q||`: q the quantized weights, q' what is multiplied.
    pub added_error: f64,
    /// Steps of an inference on intact cores.
    pub intact_steps: u64,
    /// Writes per inference of the plan for intact cores; none with reach `lane` or shared inputs.
    pub intact_writes: Option<u64>,
}

/// The life of worn cells, with the plan in the schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WearReport {
    /// Weight cells that are worn out, and not used any more.
    pub worn_out: usize,
    /// What the PCM cell with the least left, of those in use, can still bear.
    pub least_budget: f64,
    /// Inferences until the first cell has used up what it can still bear; none when nothing wears.
    pub lifetime_inferences: Option<f64>,
}

/// Plans that take turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationReport {
    /// Their schedules (of several cores: what the names are made of), in the order of their turns.
    pub schedules: Vec<String>,
    /// Inferences with each before the next one's turn.
    pub every: u64,
    /// Writes of the first inference of each after the one before it in the rotation.
    pub first_writes: Vec<u64>,
    /// Wear of the most worn cell, an inference on average, changes of turns included.
    pub max_cell_wear: f64,
    /// Inferences until the first cell has used up its budget; none without one.
    pub lifetime_inferences: Option<f64>,
    /// The same without rotation: the first plan for ever.
    pub fixed_max_cell_wear: f64,
    /// The same without rotation.
    pub fixed_lifetime_inferences: Option<f64>,
}

/// What one core does in the order of the schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreReport {
    /// Its schedule.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its frames.
    pub frames: u64,
    /// Weights that it multiplies.
    pub weights: u64,
    /// Its programmings in an inference.
    pub steps: u64,
    /// Its cost at the first load.
    pub first_load: Cost,
    /// Its cost in later inferences.
    pub per_inference: Cost,
}

/// The schedule file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleReport {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// `8 bytes / weights`.
    pub bits_per_weight: f64,
    /// Its frames.
    pub frames: u64,
    /// Working memory of a decoder.
    pub decoder_ram_bytes: u32,
}

/// What the replay has shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifiedReport {
    /// Every PCM cell was written as planned.
    pub writes_match: bool,
    /// Every output was exact.
    pub outputs_match: bool,
    /// Inferences run.
    pub inferences: u32,
}

fn one() -> f64 {
    1.0
}
