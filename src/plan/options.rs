//! What the user may choose, and what a trained file has chosen already.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use firmware_model::pcm::{MAX_BITS, MIN_BITS};

use super::condition::Condition;
use super::error::PlanError;
use crate::geometry::{CoreSize, Reach, Wiring};
use crate::level::{DeviceError, DeviceProfile, Reparam, ScaleMode};
use crate::order::Effort;
use crate::order::families::Problem;
use crate::order::{ExtraSteps, Objective, Order, Rows};

/// Everything that a plan depends on, besides the weights.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// The core.
    pub core: CoreSize,
    /// Its PCM cells.
    pub device: DeviceProfile,
    /// How weights become levels.
    pub quantization: Quantization,
    /// Neighbouring core rows that share the input of each lane; divides the core's rows. 1: every weight cell has its own input.
    pub fanout: usize,
    /// Which lanes a weight may move to, in the optimal order.
    pub reach: Reach,
    /// Where rows may sit, in the optimal order.
    pub rows: Rows,
    /// The order to write.
    pub order: Order,
    /// How much work goes into the search for the optimal order.
    pub effort: Effort,
    /// Seed of the search.
    pub seed: u64,
    /// Memory for arranging layers together, bytes; [`SEGMENT_BYTES`] unless there is a reason. With less, a network falls into more
    /// segments, and its plan needs somewhat more writes.
    pub segment_bytes: usize,
    /// The cores as they are.
    pub condition: Condition,
    /// What is traded for what.
    pub trade: Trade,
}

/// What is traded for what. The default: the fewest writes in the fewest steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trade {
    /// More steps than needed; none: every weight, zeros too, has a place in the fewest steps.
    pub extra_steps: Option<ExtraSteps>,
    /// What the optimal order makes small.
    pub objective: Objective,
}

/// Memory for arranging layers together, bytes: enough for networks of some ten million weights in one piece.
pub const SEGMENT_BYTES: usize = 8 << 20;

impl PlanOptions {
    /// Options for a core of intact cells, with the defaults of `elight-plan` for everything else.
    #[must_use]
    pub fn new(core: CoreSize, device: DeviceProfile) -> Self {
        Self {
            core,
            device,
            quantization: Quantization { reparam: Reparam::None, scale: ScaleMode::Row },
            fanout: 1,
            reach: Reach::Row,
            rows: Rows::Stored,
            order: Order::Optimal,
            effort: Effort::Good,
            seed: 1,
            segment_bytes: SEGMENT_BYTES,
            condition: Condition::default(),
            trade: Trade::default(),
        }
    }

    /// Rows of all cores together.
    #[must_use]
    pub fn all_rows(&self) -> usize {
        self.condition.cores * self.core.rows
    }

    /// The reach that the schedule needs: natural and sorted orders keep lanes.
    #[must_use]
    pub fn schedule_reach(&self) -> Reach {
        if self.order == Order::Optimal { self.reach } else { Reach::Lane }
    }
}

impl PlanOptions {
    /// Whether weights whose faulty cells they cannot avoid take other levels.
    #[must_use]
    pub fn fits_levels(&self) -> bool {
        self.reach == Reach::Lane || self.fanout > 1
    }

    /// What the optimal order is asked for.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let condition = &self.condition;
        let settles = condition.from.is_some() && condition.rotation.is_none();
        Problem {
            wiring: self.wiring(),
            reach: self.reach,
            rows: self.rows,
            objective: self.trade.objective,
            cost: self.device.cost,
            extra_steps: self.trade.extra_steps,
            damage: condition.damage(),
            origin: settles.then(|| condition.origin(self.core.rows * self.core.cols)),
            effort: self.effort,
            seed: self.seed,
        }
    }

    /// Which rows have the same inputs: each has its own where the fanout is 1.
    #[must_use]
    pub fn wiring(&self) -> Wiring {
        Wiring {
            cores: self.condition.cores,
            core_rows: self.all_rows(),
            cells: self.core.cols,
            fanout: self.fanout,
            top: self.device.top_level(),
        }
    }
}

/// How weights become levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantization {
    /// What is quantized.
    pub reparam: Reparam,
    /// Over what the scale is taken.
    pub scale: ScaleMode,
}

/// What the command line asks for; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuantizationRequest {
    /// A preset's name or a TOML file.
    pub device: Option<String>,
    /// Bits of a PCM cell.
    pub bits: Option<u8>,
    /// What is quantized.
    pub reparam: Option<Reparam>,
    /// Over what the scale is taken.
    pub scale: Option<ScaleMode>,
}

impl QuantizationRequest {
    /// Decides device and quantization: the file's metadata first, then the flags, then the defaults (4 bits of ELight's device, plain
    /// weights, a scale for each row). A flag may name another device than the file's, of as many levels ([`trained_for`]).
    ///
    /// # Errors
    /// A flag that contradicts the metadata, metadata that cannot be understood, a device that cannot be loaded.
    pub fn resolve(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(DeviceProfile, Quantization), PlanError> {
        let file = Metadata { path, metadata };
        let in_range = |text: &str| text.parse().ok().filter(|bits| (MIN_BITS..=MAX_BITS).contains(bits));
        let bits = file.choose("elight.bits", "1 to 8", self.bits, in_range, |b| b.to_string())?;
        // Another device of as many levels may hold what was trained for one: its weights take the nearest levels.
        let trained_for = metadata.get(TRAINED_FOR);
        let device = self.device.as_ref().or(trained_for);
        let reparam = file.choose(
            "elight.reparam",
            "`none` or `tanh`",
            self.reparam,
            |t| named(t, [("none", Reparam::None), ("tanh", Reparam::Tanh)]),
            |r| format!("{r:?}").to_lowercase(),
        )?;
        let scale = file.choose(
            "elight.scale",
            "`row` or `layer`",
            self.scale,
            |t| named(t, [("row", ScaleMode::Row), ("layer", ScaleMode::Layer)]),
            |s| format!("{s:?}").to_lowercase(),
        )?;
        let device = match (&self.device, device) {
            (None, Some(name)) => file.device(name)?,
            (_, device) => device.map_or("elight", String::as_str).to_owned(),
        };
        let device = match (DeviceProfile::load(&device, bits), self.bits) {
            (Err(DeviceError::BitsAgainstTable { origin, asked, table }), None) => {
                return Err(PlanError::TrainedLevels { path: path.to_owned(), trained: asked, origin, device: table });
            }
            (device, _) => device?,
        };
        Ok((device, Quantization { reparam: reparam.unwrap_or_default(), scale: scale.unwrap_or_default() }))
    }
}

/// The metadata key of the device that weights were trained for.
const TRAINED_FOR: &str = "elight.device";

/// The device that weights were trained for, by their file's metadata, where `device` has other transmissions: the weights then take its
/// nearest levels, which are not those that training saw.
#[must_use]
pub fn trained_for(metadata: &BTreeMap<String, String>, device: &DeviceProfile) -> Option<String> {
    let name = metadata.get(TRAINED_FOR)?;
    let same = match DeviceProfile::load(name, Some(device.bits)) {
        Ok(own) => own.transmissions() == device.transmissions(),
        Err(_) => *name == device.name,
    };
    (!same).then(|| name.clone())
}

fn named<T>(text: &str, names: [(&str, T); 2]) -> Option<T> {
    names.into_iter().find(|(name, _)| *name == text).map(|(_, value)| value)
}

struct Metadata<'a> {
    path: &'a Path,
    metadata: &'a BTreeMap<String, String>,
}

impl Metadata<'_> {
    /// The device that the metadata name: a preset, or a file beside the weights. A stranger's file opens nothing else.
    fn device(&self, name: &str) -> Result<String, PlanError> {
        if DeviceProfile::preset(name).is_some() {
            return Ok(name.to_owned());
        }
        let mut parts = Path::new(name).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
        let beside = self.path.with_file_name(name);
        match plain && !name.contains(['\\', '\0']) && beside.is_file() {
            true => Ok(beside.display().to_string()),
            false => Err(PlanError::Metadata {
                path: self.path.to_owned(),
                key: "elight.device",
                got: name.escape_debug().to_string(),
                expected: "a preset, or the plain name of a regular file beside the weights; another device is named with --device",
            }),
        }
    }

    fn choose<T: PartialEq>(
        &self,
        key: &'static str,
        expected: &'static str,
        flag: Option<T>,
        parse: impl Fn(&str) -> Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<Option<T>, PlanError> {
        let Some(text) = self.metadata.get(key) else { return Ok(flag) };
        let path = self.path.to_owned();
        let Some(value) = parse(text) else {
            return Err(PlanError::Metadata { path, key, got: text.clone(), expected });
        };
        match flag {
            Some(flag) if flag != value => {
                Err(PlanError::Contradiction { path, key, file: show(&value), flag: show(&flag) })
            }
            _ => Ok(Some(value)),
        }
    }
}
