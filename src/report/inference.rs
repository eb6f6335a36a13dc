//! The whole inference in the report: the figures, what they were computed from, and what of it is assumed.

use serde::{Deserialize, Serialize};

use crate::level::{DeviceProfile, EnduranceCycle};
use crate::show::number::{SECONDS_A_YEAR, count, energy, short, span, thousands, time};
use crate::system::{Constant, Inference, Life, Mark, SystemProfile};

/// What an inference costs on a whole system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InferenceReport {
    /// The figures.
    #[serde(flatten)]
    pub figures: Inference,
    /// The system that they are for.
    pub system: SystemReport,
    /// Size of the buffer, bytes; none: not counted.
    pub buffer_capacity_bytes: Option<f64>,
    /// Layers whose input vectors are not known, so that time and energy are not, either.
    pub unknown_vectors: Vec<String>,
    /// Constants that nobody has published, by the figures that depend on them.
    pub assumed: Assumed,
}

/// The system of an inference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Where its figures were published.
    pub source: String,
    /// What a reader has to know about them.
    pub notes: Vec<String>,
    /// Cells that are written at the same time.
    pub cells_at_once: crate::system::CellsAtOnce,
    /// Tables that it leaves out: what they would cost is in no figure.
    pub not_counted: Vec<String>,
    /// Every constant.
    pub constants: Vec<Constant>,
}

/// Assumed constants by figure: system keys as in its file, device keys behind `device.`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assumed {
    /// Of the time.
    pub time: Vec<String>,
    /// Of the energy.
    pub energy: Vec<String>,
    /// Of the life.
    pub life: Vec<String>,
}

impl Assumed {
    /// Sorts the assumed constants of a system and a device by the figures that depend on them.
    #[must_use]
    pub fn of(system: &SystemProfile, device: &DeviceProfile) -> Self {
        let mut assumed = Self::default();
        let is_time = |key: &str| {
            ["timing.", "controller.", "every_cell.time"].iter().any(|table| key.starts_with(table))
                || key == "link.bytes_per_second"
        };
        for constant in system.constants().filter(|constant| constant.mark == Mark::Assumed) {
            if is_time(&constant.key) {
                assumed.time.push(constant.key.clone());
            } else if constant.key != "buffer.capacity_bytes" {
                assumed.energy.push(constant.key.clone());
            }
        }
        for (key, _) in device.assumed() {
            let list = match key {
                "endurance_writes" => &mut assumed.life,
                _ if key.starts_with("time") => &mut assumed.time,
                _ if key.starts_with("energy") || key == "contrast_db" => &mut assumed.energy,
                _ => continue,
            };
            list.push(format!("device.{key}"));
        }
        // Publications count switching cycles, mostly over the full contrast.
        if device.endurance_writes.is_some() && device.endurance_cycle == EnduranceCycle::LevelStep {
            assumed.life.push("device.endurance_cycle".to_owned());
        }
        assumed
    }
}

impl InferenceReport {
    /// Puts the figures together with what they were computed from.
    #[must_use]
    pub fn new(
        figures: Inference,
        system: &SystemProfile,
        device: &DeviceProfile,
        buffer_capacity_bytes: Option<f64>,
    ) -> Self {
        let unknown = figures.per_layer.iter().filter(|layer| layer.load.vectors.is_none());
        Self {
            unknown_vectors: unknown.map(|layer| layer.load.name.clone()).collect(),
            system: SystemReport {
                name: system.name.clone(),
                title: system.title.clone(),
                source: system.source.clone(),
                notes: system.notes.clone(),
                cells_at_once: system.timing.cells_at_once,
                not_counted: system.not_counted().into_iter().map(str::to_owned).collect(),
                constants: system.constants().cloned().collect(),
            },
            buffer_capacity_bytes,
            assumed: Assumed::of(system, device),
            figures,
        }
    }

    /// The figures as lines of a label and a text, for the table and the page.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let figures = &self.figures;
        let mut lines = Vec::new();
        let batch = match figures.batch {
            1 => "each inference programs the core for itself".to_owned(),
            n => format!(
                "{} share each programming; figures are a pass over the network divided by them",
                count(n, "inference")
            ),
        };
        lines.push(("inference", format!("on `{}`, batch {}: {batch}", self.system.name, thousands(figures.batch))));
        if let (Some(us), Some(parts)) = (figures.time_us, figures.time) {
            let lit = figures.light_fraction.unwrap_or_default();
            let parts = shares(&parts.named());
            lines.push(("time", format!("{}: {parts}; light is on {} of the time", time(us), percent(lit))));
        }
        if let (Some(pj), Some(parts)) = (figures.energy_pj, figures.energy) {
            lines.push(("energy", format!("{}: {}", energy(pj), shares(&parts.named()))));
        }
        if let (Some(a_second), Some(a_joule)) = (figures.macs_per_second, figures.macs_per_joule) {
            lines.push((
                "rate",
                format!("{} multiplications a second, {} a joule", prefixed(a_second), prefixed(a_joule)),
            ));
        }
        if let Some(balance) = figures.balance_batch {
            lines.push(("balance", format!("light takes as long as writing at batch {}", thousands(balance))));
        }
        let (most, layer) = figures
            .per_layer
            .iter()
            .filter_map(|layer| Some((layer.passes?, layer.load.name.as_str())))
            .max_by_key(|(passes, _)| *passes)
            .unwrap_or((1, ""));
        if let (Some(bytes), Some(capacity)) = (figures.buffer_bytes, self.buffer_capacity_bytes) {
            let cut = if most > 1 {
                format!("; {layer} is cut into {} passes, each written again", thousands(most))
            } else {
                String::new()
            };
            let bytes = count(bytes, "byte");
            lines.push(("buffer", format!("{bytes} for the widest layer, of {}{cut}", thousands(capacity as u64))));
        }
        lines.push(("life", self.life()));
        if !self.unknown_vectors.is_empty() {
            let more = self.unknown_vectors.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let first = &self.unknown_vectors[0];
            lines.push((
                "vectors",
                format!("not known for {first}{more}: time and energy need --vectors LAYER=N, N positions of a convolution, 1 for a plain classifier"),
            ));
        }
        if !self.system.not_counted.is_empty() {
            lines
                .push(("", format!("not counted, as the system does not say: {}", self.system.not_counted.join(", "))));
        }
        for (figure, keys) in
            [("time", &self.assumed.time), ("energy", &self.assumed.energy), ("life", &self.assumed.life)]
        {
            let shown = match figure {
                "life" => figures.life == Life::Limited,
                _ => figures.time_us.is_some(),
            };
            if shown && !keys.is_empty() {
                lines.push(("assumed", format!("for the {figure}: {}", keys.join(", "))));
            }
        }
        lines
    }

    fn life(&self) -> String {
        match (self.figures.life, self.figures.life_inferences) {
            (Life::NoWear, _) => "no wear: nothing is written after the first load".to_owned(),
            (Life::Limited, Some(inferences)) => {
                let seconds =
                    self.figures.life_seconds.map(|s| format!(", {} without a pause", span(s / SECONDS_A_YEAR)));
                format!("{}{}", count(inferences as u64, "inference"), seconds.unwrap_or_default())
            }
            _ => "not known, as the device's endurance is not: give --endurance N".to_owned(),
        }
    }
}

/// Parts below this share are not named.
const LEAST_SHARE: f64 = 0.005;

/// Parts with their share of the whole, the largest first.
fn shares(parts: &[(&'static str, f64)]) -> String {
    let total: f64 = parts.iter().map(|(_, part)| part).sum();
    let mut parts: Vec<_> = parts.iter().filter(|(_, part)| *part > LEAST_SHARE * total).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named = parts.iter().map(|(name, part)| format!("{name} {}", percent(part / total)));
    named.collect::<Vec<_>>().join(", ")
}

fn percent(part: f64) -> String {
    match 100.0 * part {
        p if p >= 9.95 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        p => format!("{p:.2} %"),
    }
}

/// A number with a prefix: `3.2 T`.
fn prefixed(number: f64) -> String {
    let prefixes = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match prefixes.into_iter().find(|(unit, _)| number >= *unit) {
        Some((unit, name)) => format!("{} {name}", short(number / unit)),
        None => short(number),
    }
}
