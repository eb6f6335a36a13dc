//! From records to points, and those that no other beats.

use serde::{Deserialize, Serialize};

use super::record::{Kept, Planned, Record};
use super::store::Grid;
use crate::system::{self, Life, SystemError, SystemProfile};

/// One plan with one batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// `RxC`.
    pub core: String,
    /// `cell`, `column`, or rows that share an input.
    pub fanout: String,
    /// Modulators, each with a converter.
    pub modulators: u64,
    /// A preset or a file.
    pub device: String,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// `none`, a percentage, or `fixed`.
    pub extra_steps: String,
    /// Inferences that share a programming.
    pub batch: u64,
    /// Time of an inference, microseconds; none where vectors are not known.
    pub time_us: Option<f64>,
    /// Energy of an inference, pJ.
    pub energy_pj: Option<f64>,
    /// Part of the time in which light is on.
    pub light_fraction: Option<f64>,
    /// What ends the life of the core.
    pub life: Life,
    /// Inferences until the most worn cell has reached its endurance.
    pub life_inferences: Option<f64>,
    /// Bytes of the schedule.
    pub schedule_bytes: u64,
    /// Largest relative error of a layer's weights.
    pub weight_error: f64,
    /// Programmings of the core in a pass.
    pub steps: u64,
    /// Writes of a pass, in steady state.
    pub writes: u64,
    /// The same in the natural order.
    pub natural_writes: u64,
    /// No plan of its class needs fewer writes.
    pub lower_bound_writes: u64,
    /// Whether no other point is at least as good in time, energy, life, schedule bytes and weight error, and better in one.
    pub front: bool,
}

/// A combination that there is no plan for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Which.
    pub plan: String,
    /// Why.
    pub why: String,
}

/// All points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// The weights.
    pub network: String,
    /// The system.
    pub system: String,
    /// What it is.
    pub system_title: String,
    /// Constants of it that nobody has published.
    pub assumed: Vec<String>,
    /// Layers whose input vectors are not known: time and energy are not, either.
    pub unknown_vectors: u64,
    /// The points, in the order of the axes.
    pub points: Vec<Point>,
    /// Combinations that there is no plan for.
    pub refused: Vec<Refused>,
    /// Combinations that have not been planned yet.
    pub missing: Vec<String>,
}

impl Sheet {
    /// Computes all points; `record`: what is kept of a plan.
    #[must_use]
    pub fn of(grid: &Grid, system: &SystemProfile, mut record: impl FnMut(&super::PlanKey) -> Option<Record>) -> Self {
        let assumed = system.constants().filter(|c| c.mark == system::Mark::Assumed);
        let mut sheet = Self {
            network: grid.network.clone(),
            system: system.name.clone(),
            system_title: system.title.clone(),
            assumed: assumed.map(|c| c.key.clone()).collect(),
            unknown_vectors: grid.vectors.iter().filter(|vectors| vectors.is_none()).count() as u64,
            points: Vec::new(),
            refused: Vec::new(),
            missing: Vec::new(),
        };
        for key in grid.plans() {
            match record(&key) {
                None => sheet.missing.push(key.to_string()),
                Some(Record { kept: Kept::Refused(why), .. }) => {
                    sheet.refused.push(Refused { plan: key.to_string(), why });
                }
                Some(Record { key, kept: Kept::Planned(mut planned) }) => {
                    for (layer, vectors) in planned.load.layers.iter_mut().zip(&grid.vectors) {
                        layer.vectors = *vectors;
                    }
                    if let Some(cycles) = grid.endurance {
                        planned.load.endurance = Some(cycles * planned.wear_per_cycle);
                    }
                    let mut batches = Vec::new();
                    for &batch in &grid.batches {
                        let capacity = grid.buffer.map(|bytes| bytes as f64);
                        let batch = match batch {
                            0 => system::auto_batch(system, &planned.load, capacity).unwrap_or(1),
                            batch => batch,
                        };
                        if !batches.contains(&batch) {
                            batches.push(batch);
                            sheet.points.push(point(&key, &planned, system, batch, capacity));
                        }
                    }
                }
            }
        }
        mark_front(&mut sheet.points);
        sheet
    }

    /// All points of a grid that was kept, on the system that it was kept with.
    ///
    /// # Errors
    /// [`SystemError`]: a system that this version does not understand.
    pub fn of_grid(grid: &Grid, record: impl FnMut(&super::PlanKey) -> Option<Record>) -> Result<Self, SystemError> {
        let system = SystemProfile::from_toml_str(&grid.system_text, &format!("system {}", grid.system))?;
        Ok(Self::of(grid, &system, record))
    }

    /// The points that no other beats, fastest first.
    #[must_use]
    pub fn front(&self) -> Vec<&Point> {
        let mut front: Vec<&Point> = self.points.iter().filter(|point| point.front).collect();
        let time = |point: &Point| point.time_us.unwrap_or(f64::INFINITY);
        front.sort_by(|a, b| time(a).total_cmp(&time(b)));
        front
    }
}

fn point(key: &super::PlanKey, planned: &Planned, system: &SystemProfile, batch: u64, capacity: Option<f64>) -> Point {
    let found = system::infer(system, &planned.load, batch, capacity);
    Point {
        core: key.core.clone(),
        fanout: key.fanout.clone(),
        modulators: planned.load.hardware.modulators() as u64,
        device: key.device.clone(),
        bits: planned.bits,
        extra_steps: key.extra_steps.clone(),
        batch,
        time_us: found.time_us,
        energy_pj: found.energy_pj,
        light_fraction: found.light_fraction,
        life: found.life,
        life_inferences: found.life_inferences,
        schedule_bytes: planned.schedule_bytes,
        weight_error: planned.weight_error,
        steps: planned.steps,
        writes: planned.writes,
        natural_writes: planned.natural_writes,
        lower_bound_writes: planned.lower_bound_writes,
        front: false,
    }
}

/// What is compared, each the smaller the better. An unknown life is no unlimited one: it counts as none at all.
fn aims(point: &Point) -> [f64; 5] {
    let life = match (point.life, point.life_inferences) {
        (Life::NoWear, _) => f64::INFINITY,
        (_, Some(inferences)) => inferences,
        (_, None) => 0.0,
    };
    let known = |figure: Option<f64>| figure.unwrap_or(0.0);
    [known(point.time_us), known(point.energy_pj), -life, point.schedule_bytes as f64, point.weight_error]
}

fn mark_front(points: &mut [Point]) {
    let aims: Vec<[f64; 5]> = points.iter().map(aims).collect();
    let beats = |a: &[f64; 5], b: &[f64; 5]| a != b && a.iter().zip(b).all(|(a, b)| a <= b);
    for (point, own) in points.iter_mut().zip(&aims) {
        point.front = !aims.iter().any(|other| beats(other, own));
    }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
