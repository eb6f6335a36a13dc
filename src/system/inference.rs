//! The arithmetic of a whole inference: time, energy and life, each with its parts.
//!
//! For a layer with T steps, V vectors an inference, batch B, and p passes (1 unless the batch does not fit the buffer), on a core of R x C:
//!
//! ```text
//! light   = T B V / f                        settle = p T settle_us
//! write   = p (as planned)                   link   = p bytes / rate
//! decode  = p (weights c_w + events c_e) / clock
//! hidden  = min(link + decode, light + settle), where they overlap
//! time    = write + settle + light + link + decode - hidden
//! ```
//!
//! and with `samples = T B V`, M modulators, D detectors: modulators `samples M e_mod`, DAC `samples M e_dac(b)`, ADC `samples R e_adc(b)`, detectors
//! `samples (D p_pd + R p_tia) / f`, laser `P_laser x light`, buffers `samples (M b_in read + R b_sum (read + write)) + B V N b_in write + p bytes e_link`,
//! static `P_idle x time`. All of it divided by B is an inference's.

use serde::{Deserialize, Serialize};

use super::laws::{adc_energy_pj, dac_energy_pj, laser_power_mw};
use super::load::{CoreLoad, Hardware, LayerLoad, Load};
use super::profile::{DetectorsPer, LaserOn, Overlap, SystemProfile};

/// Where the time of an inference goes, microseconds; what is hidden under the light is not in it, so that the parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeParts {
    /// Writing cells.
    pub write: f64,
    /// Streaming vectors.
    pub light: f64,
    /// Fetching the schedule, as far as the core waits for it.
    pub link: f64,
    /// Decoding it, as far as the core waits for it.
    pub decode: f64,
    /// Settling after writing.
    pub settle: f64,
}

impl TimeParts {
    /// The names of the parts, with their values.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("write", self.write),
            ("light", self.light),
            ("link", self.link),
            ("decode", self.decode),
            ("settle", self.settle),
        ]
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.named().iter().map(|(_, part)| part).sum()
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            write: f(self.write),
            light: f(self.light),
            link: f(self.link),
            decode: f(self.decode),
            settle: f(self.settle),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            write: self.write + other.write,
            light: self.light + other.light,
            link: self.link + other.link,
            decode: self.decode + other.decode,
            settle: self.settle + other.settle,
        }
    }
}

/// What is done under the light and takes no time of its own, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// Fetching the schedule.
    pub link: f64,
    /// Decoding it.
    pub decode: f64,
}

/// Where the energy of an inference goes, pJ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergyParts {
    /// Writing cells.
    pub write: f64,
    /// Modulators.
    pub modulators: f64,
    /// Their converters.
    pub dac: f64,
    /// The rows' converters.
    pub adc: f64,
    /// The light source.
    pub laser: f64,
    /// Photodetectors and amplifiers.
    pub detectors: f64,
    /// Inputs, partial sums, and the bytes of the schedule.
    pub buffers: f64,
    /// What is drawn all the time.
    #[serde(rename = "static")]
    pub idle: f64,
}

impl EnergyParts {
    /// The names of the parts, with their values.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 8] {
        [
            ("write", self.write),
            ("modulators", self.modulators),
            ("dac", self.dac),
            ("adc", self.adc),
            ("laser", self.laser),
            ("detectors", self.detectors),
            ("buffers", self.buffers),
            ("static", self.idle),
        ]
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.named().iter().map(|(_, part)| part).sum()
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            write: f(self.write),
            modulators: f(self.modulators),
            dac: f(self.dac),
            adc: f(self.adc),
            laser: f(self.laser),
            detectors: f(self.detectors),
            buffers: f(self.buffers),
            idle: f(self.idle),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            write: self.write + other.write,
            modulators: self.modulators + other.modulators,
            dac: self.dac + other.dac,
            adc: self.adc + other.adc,
            laser: self.laser + other.laser,
            detectors: self.detectors + other.detectors,
            buffers: self.buffers + other.buffers,
            idle: self.idle + other.idle,
        }
    }
}

/// What ends the life of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// The most worn cell.
    Limited,
    /// Nothing: no cell is written in steady state.
    NoWear,
    /// The device's endurance is not known.
    Unknown,
}

/// One layer of an inference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerInference {
    /// What it asks of the hardware, each time that it is run through.
    #[serde(flatten)]
    pub load: LayerLoad,
    /// Times that it is run through for a batch: 1 where its inputs and partial sums fit the buffer; none: vectors not known.
    pub passes: Option<u64>,
    /// Time per inference, microseconds.
    pub time_us: Option<f64>,
    /// Energy per inference, pJ.
    pub energy_pj: Option<f64>,
    /// Parts of the time.
    pub time: Option<TimeParts>,
    /// Parts of the energy.
    pub energy: Option<EnergyParts>,
}

/// A whole inference: every figure is that of a pass over the network divided by the batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// Inferences that share each programming of the core.
    pub batch: u64,
    /// Time, microseconds; none where the vectors of a layer are not known, as all that depends on them.
    pub time_us: Option<f64>,
    /// Energy, pJ.
    pub energy_pj: Option<f64>,
    /// Part of the time in which light is on.
    pub light_fraction: Option<f64>,
    /// Whether anything ends the life of the core.
    pub life: Life,
    /// Inferences until the most worn cell has reached its endurance; none unless `life` is limited.
    pub life_inferences: Option<f64>,
    /// The same in seconds, if one inference follows the other without a pause.
    pub life_seconds: Option<f64>,
    /// Parts of the time, microseconds.
    pub time: Option<TimeParts>,
    /// What is done under the light, microseconds.
    pub hidden: Option<Hidden>,
    /// Parts of the energy, pJ.
    pub energy: Option<EnergyParts>,
    /// The smallest batch with which streaming takes as long as writing.
    pub balance_batch: Option<u64>,
    /// Multiplications a second.
    pub macs_per_second: Option<f64>,
    /// Multiplications a joule.
    pub macs_per_joule: Option<f64>,
    /// Inputs and partial sums of the widest layer for this batch, bytes; none without a `buffer` table.
    pub buffer_bytes: Option<u64>,
    /// The layers.
    pub per_layer: Vec<LayerInference>,
}

impl Inference {
    /// The largest part of the time, and of the energy.
    #[must_use]
    pub fn dominant(&self) -> Option<[&'static str; 2]> {
        let name = |parts: &[(&'static str, f64)]| {
            parts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("", |(name, _)| *name)
        };
        Some([name(&self.time?.named()), name(&self.energy?.named())])
    }
}

/// Microseconds in a nanosecond.
const US_PER_NS: f64 = 1e-3;
/// pJ in a mW for a microsecond.
const PJ_PER_MW_US: f64 = 1e3;

/// Inputs and partial sums of one inference of a layer, bytes; none where the vectors are not known or no buffer is counted.
#[must_use]
pub fn buffer_bytes(system: &SystemProfile, layer: &LayerLoad) -> Option<f64> {
    let buffer = system.buffer.as_ref()?;
    let vector = layer.inputs as f64 * buffer.input_bytes.value + layer.outputs as f64 * buffer.partial_sum_bytes.value;
    Some(layer.vectors? as f64 * vector)
}

/// The batch that `--batch auto` takes: that of the balance, or as many as fit the buffer if those are fewer; at least 1. None where vectors
/// are not known.
#[must_use]
pub fn auto_batch(system: &SystemProfile, load: &Load, capacity: Option<f64>) -> Option<u64> {
    let balance = balance_batch(system, load)?;
    let capacity = capacity.or_else(|| system.buffer.as_ref().map(|buffer| buffer.capacity_bytes.value));
    let widest = load.layers.iter().filter_map(|layer| buffer_bytes(system, layer)).fold(0.0, f64::max);
    let fits = match capacity {
        Some(capacity) if widest > 0.0 => (capacity / widest) as u64,
        _ => u64::MAX,
    };
    Some(balance.min(fits).max(1))
}

/// The smallest batch with which streaming takes as long as writing; none where vectors are not known.
fn balance_batch(system: &SystemProfile, load: &Load) -> Option<u64> {
    let (mut write, mut light) = (0.0, 0.0);
    for layer in &load.layers {
        let vectors = layer.vectors? as f64;
        let most = |of: &dyn Fn(&CoreLoad) -> f64| layer.cores.iter().map(of).fold(0.0, f64::max);
        write += most(&|core| written(system, &load.hardware, core).0);
        light += most(&|core| core.steps as f64) * vectors / system.timing.vector_rate_ghz.value * US_PER_NS;
    }
    (light > 0.0).then(|| (write / light).ceil().max(1.0) as u64)
}

/// Time (microseconds) and energy (pJ) of the writes of one pass over a layer.
fn written(system: &SystemProfile, hardware: &Hardware, core: &CoreLoad) -> (f64, f64) {
    match &system.every_cell {
        None => (core.write_us, core.write_pj),
        Some(every) => {
            let steps = core.steps as f64;
            let cells = (hardware.rows * hardware.cols) as f64;
            (steps * every.time_us_per_step.value, steps * cells * every.energy_pj_per_cell.value)
        }
    }
}

/// A whole inference. `capacity`: bytes of the buffer, if not the system's own.
#[must_use]
pub fn infer(system: &SystemProfile, load: &Load, batch: u64, capacity: Option<f64>) -> Inference {
    let batch = batch.max(1);
    let per_inference = 1.0 / batch as f64;
    let capacity = capacity.or_else(|| system.buffer.as_ref().map(|buffer| buffer.capacity_bytes.value));
    let costs: Vec<Option<LayerCost>> = load
        .layers
        .iter()
        .map(|layer| {
            let need = buffer_bytes(system, layer).map_or(0.0, |bytes| bytes * batch as f64);
            let passes = capacity.map_or(1.0, |capacity| (need / capacity).ceil().max(1.0));
            LayerCost::of(system, &load.hardware, layer, batch as f64, passes)
        })
        .collect();
    let whole = costs.iter().copied().collect::<Option<Vec<LayerCost>>>();
    let whole = whole.map(|costs| costs.iter().fold(LayerCost::default(), |sum, cost| sum.and(*cost)));
    let scaled = |part: f64| part * per_inference;
    let time = whole.map(|cost| cost.time.map(scaled));
    let energy = whole.map(|cost| cost.energy.map(scaled));
    let (time_us, energy_pj) = (time.map(|t| t.total()), energy.map(|e| e.total()));

    // A layer that is run through more often wears its cells as often again: the sum of the worst is the careful reading.
    let again = load.layers.iter().zip(&costs).map(|(layer, cost)| {
        let worst = layer.cores.iter().map(|core| core.worst_wear).fold(0.0, f64::max);
        cost.map_or(0.0, |cost| (cost.passes - 1.0) * worst)
    });
    let wear = load.worst_wear + again.sum::<f64>();
    let (life, life_inferences) = match load.endurance {
        _ if wear == 0.0 => (Life::NoWear, None),
        None => (Life::Unknown, None),
        Some(endurance) => (Life::Limited, Some((endurance / wear * batch as f64).floor())),
    };
    let macs = load.layers.iter().map(|layer| Some(layer.macs as f64 * layer.vectors? as f64)).sum::<Option<f64>>();
    let per = |figure: Option<f64>, unit: f64| Some(macs? / (figure? * unit)).filter(|rate| rate.is_finite());
    let widest = load.layers.iter().map(|layer| buffer_bytes(system, layer)).collect::<Option<Vec<f64>>>();
    let per_layer = load.layers.iter().zip(&costs).map(|(layer, cost)| LayerInference {
        load: layer.clone(),
        passes: cost.map(|cost| cost.passes as u64),
        time_us: cost.map(|cost| cost.time.map(scaled).total()),
        energy_pj: cost.map(|cost| cost.energy.map(scaled).total()),
        time: cost.map(|cost| cost.time.map(scaled)),
        energy: cost.map(|cost| cost.energy.map(scaled)),
    });
    Inference {
        batch,
        time_us,
        energy_pj,
        light_fraction: time.map(|t| if t.light > 0.0 { t.light / t.total() } else { 0.0 }),
        life,
        life_inferences,
        life_seconds: life_inferences.zip(time_us).map(|(inferences, us)| inferences * us * 1e-6),
        time,
        hidden: whole
            .map(|cost| Hidden { link: cost.hidden.link / batch as f64, decode: cost.hidden.decode / batch as f64 }),
        energy,
        balance_batch: balance_batch(system, load),
        macs_per_second: per(time_us, 1e-6),
        macs_per_joule: per(energy_pj, 1e-12),
        buffer_bytes: widest.map(|bytes| (bytes.into_iter().fold(0.0, f64::max) * batch as f64).ceil() as u64),
        per_layer: per_layer.collect(),
    }
}

/// A layer, for a whole batch.
#[derive(Clone, Copy, Debug, Default)]
struct LayerCost {
    passes: f64,
    time: TimeParts,
    hidden: Hidden,
    energy: EnergyParts,
}

impl LayerCost {
    /// None where the vectors are not known.
    fn of(system: &SystemProfile, hardware: &Hardware, layer: &LayerLoad, batch: f64, passes: f64) -> Option<Self> {
        let vectors = layer.vectors? as f64 * batch;
        let timed = layer.cores.iter().map(|core| (core, core_time(system, hardware, core, vectors, passes)));
        let timed: Vec<_> = timed.collect();
        let slowest = timed.iter().max_by(|a, b| a.1.0.total().total_cmp(&b.1.0.total()));
        let (time, hidden) = slowest.map_or((TimeParts::default(), Hidden::default()), |(_, slowest)| *slowest);
        let energy = timed.iter().fold(EnergyParts::default(), |sum, (core, _)| {
            sum.and(core_energy(system, hardware, layer, core, [vectors, passes, time.total()]))
        });
        Some(Self { passes, time, hidden, energy })
    }

    fn and(self, other: Self) -> Self {
        Self {
            passes: self.passes.max(other.passes),
            time: self.time.and(other.time),
            hidden: Hidden {
                link: self.hidden.link + other.hidden.link,
                decode: self.hidden.decode + other.hidden.decode,
            },
            energy: self.energy.and(other.energy),
        }
    }
}

/// Time of one core for a layer, and what is hidden of it. A layer's schedule is spread evenly over its steps.
fn core_time(
    system: &SystemProfile,
    hardware: &Hardware,
    core: &CoreLoad,
    vectors: f64,
    passes: f64,
) -> (TimeParts, Hidden) {
    let steps = core.steps as f64;
    let light = steps * vectors / system.timing.vector_rate_ghz.value * US_PER_NS;
    let settle = passes * steps * system.timing.settle_us.value;
    let link = system.link.as_ref().map_or(0.0, |link| core.schedule_bytes as f64 / link.bytes_per_second.value * 1e6);
    let decode = system.controller.as_ref().map_or(0.0, |controller| {
        let cycles = core.weights as f64 * controller.cycles_per_weight.value
            + core.events as f64 * controller.cycles_per_written_cell.value;
        cycles / controller.clock_mhz.value
    });
    let (link, decode) = (passes * link, passes * decode);
    let hidden = match system.timing.overlap {
        Overlap::LinkAndDecode => (link + decode).min(light + settle),
        Overlap::None => 0.0,
    };
    // Of both the same part is hidden.
    let part = if hidden > 0.0 { hidden / (link + decode) } else { 0.0 };
    let hidden = Hidden { link: part * link, decode: part * decode };
    let time = TimeParts {
        write: passes * written(system, hardware, core).0,
        light,
        link: link - hidden.link,
        decode: decode - hidden.decode,
        settle,
    };
    (time, hidden)
}

/// Energy of one core for a layer; `[vectors, passes, time_us]` of the layer for the whole batch.
fn core_energy(
    system: &SystemProfile,
    hardware: &Hardware,
    layer: &LayerLoad,
    core: &CoreLoad,
    [vectors, passes, time_us]: [f64; 3],
) -> EnergyParts {
    let (rows, cells) = (hardware.rows as f64, (hardware.rows * hardware.cols) as f64);
    let modulators = hardware.modulators() as f64;
    let samples = core.steps as f64 * vectors;
    let light_us = samples / system.timing.vector_rate_ghz.value * US_PER_NS;
    let laser_us = match system.laser.on {
        LaserOn::WhileLit => light_us,
        LaserOn::Always => time_us,
    };
    let detectors = match system.detectors.per {
        DetectorsPer::Cell => cells,
        DetectorsPer::Row => rows,
    };
    let detecting_mw = detectors * system.detectors.power_mw.value + rows * system.detectors.amplifier_power_mw.value;
    let buffers = system.buffer.as_ref().map_or(0.0, |buffer| {
        let (read, write) = (buffer.read_pj_per_byte.value, buffer.write_pj_per_byte.value);
        let inputs = modulators * buffer.input_bytes.value * read;
        let sums = rows * buffer.partial_sum_bytes.value * (read + write);
        let stored = vectors * layer.inputs as f64 * buffer.input_bytes.value * write / layer.cores.len() as f64;
        samples * (inputs + sums) + stored
    });
    let fetched =
        system.link.as_ref().map_or(0.0, |link| passes * core.schedule_bytes as f64 * link.energy_pj_per_byte.value);
    EnergyParts {
        write: passes * written(system, hardware, core).1,
        modulators: samples * modulators * system.modulators.energy_pj_per_sample.value,
        dac: samples * modulators * dac_energy_pj(system, hardware.bits),
        adc: samples * rows * adc_energy_pj(system, hardware.bits),
        laser: laser_power_mw(system, hardware) * laser_us * PJ_PER_MW_US,
        detectors: detecting_mw * light_us * PJ_PER_MW_US,
        buffers: buffers + fetched,
        idle: system.idle.power_mw.value * time_us * PJ_PER_MW_US,
    }
}

#[cfg(test)]
#[path = "inference_tests.rs"]
mod tests;
