//! Layers that are arranged together, and their bound.

use std::ops::Range;

use super::emit::Emitter;
use super::{LayerOutcome, PlanError, PlanOptions, Planner};
use crate::level::LevelMatrix;
use crate::order::Reach;
use crate::order::bound::RowBound;
use crate::order::direction::{Arrangement, Closure};
use crate::order::lanes::{self, LaneBound, LaneRanges};
use crate::order::profile::Profiles;
use crate::order::quantile;
use crate::order::seats;
use crate::weights::Network;

/// Cuts a network into segments whose arrangements fit [`PlanOptions::segment_bytes`]; a layer that alone does not fit is one segment.
pub fn split(network: &Network, options: &PlanOptions) -> Vec<Range<usize>> {
    let (core_rows, cells) = (options.all_rows(), options.core.cols);
    let levels = 2 << options.device.bits;
    let mut segments = Vec::new();
    let (mut from, mut used) = (0, 0);
    for (i, layer) in network.layers().iter().enumerate() {
        let slots = layer.rows.div_ceil(core_rows) * core_rows;
        // The timeline's 26 bytes a cell, directions, signatures; and the profile of each row.
        let need = slots * cells * 28 + layer.rows * (levels * 4 + 128);
        if i > from && used + need > options.segment_bytes {
            segments.push(from..i);
            (from, used) = (i, 0);
        }
        used += need;
    }
    segments.push(from..network.layers().len());
    segments
}

/// What the optimal order needs to know of a layer.
enum Summary {
    Row(Profiles),
    Lane(LaneRanges),
}

/// The proven lower bound, collected layer by layer.
pub enum Bound {
    Row(Box<RowBound>),
    Lane(LaneBound),
}

impl Bound {
    pub fn new(options: &PlanOptions) -> Self {
        match options.reach {
            Reach::Row => {
                Self::Row(Box::new(RowBound::new(options.all_rows(), options.core.cols, options.device.top_level())))
            }
            Reach::Lane => Self::Lane(LaneBound::new(options.all_rows(), options.core.cols)),
        }
    }

    pub fn writes(&self) -> u64 {
        match self {
            Self::Row(bound) => bound.writes(),
            Self::Lane(bound) => bound.writes(),
        }
    }
}

/// Arranged layers.
pub struct Segment {
    /// Their slots.
    pub arrangement: Arrangement,
    /// First layer, and first stage of each layer.
    first_layer: usize,
    first_stage: Vec<usize>,
}

impl Segment {
    /// Reads, quantizes and arranges layers; `part`: which segment of how many.
    pub fn arrange(
        planner: &mut Planner<'_>,
        layers: Range<usize>,
        part: (usize, usize),
        emitter: &Emitter<'_>,
    ) -> Result<Self, PlanError> {
        let options = planner.options;
        let (core_rows, cells) = (options.all_rows(), options.core.cols);
        planner.observer.begin("reading", planner.weights(layers.clone()));
        let (mut rows, mut lanes) = (Vec::new(), Vec::new());
        let (mut first_stage, mut stages) = (Vec::new(), 0);
        for layer in layers.clone() {
            let (levels, relative_error) = planner.read(layer)?;
            first_stage.push(stages);
            stages += levels.rows.div_ceil(core_rows);
            let summary = summarise(&levels, options);
            let lower_bound_writes = match (&summary, &mut planner.bound) {
                (Summary::Row(profiles), Bound::Row(bound)) => Some(bound.add(profiles)),
                (Summary::Lane(ranges), Bound::Lane(bound)) => {
                    bound.add(ranges);
                    None
                }
                _ => None,
            };
            let steps_per_row = levels.cols.div_ceil(cells) as u64;
            planner.outcomes.push(LayerOutcome {
                tiles: levels.rows.div_ceil(options.core.rows) as u64 * steps_per_row,
                steps: levels.rows.div_ceil(core_rows) as u64 * steps_per_row,
                relative_error,
                lower_bound_writes,
                level_counts: count_levels(&levels, options.device.top_level()),
            });
            match summary {
                Summary::Row(profiles) => rows.push(profiles),
                Summary::Lane(ranges) => lanes.push(ranges),
            }
            planner.keep(layer, levels);
            planner.done(layer)?;
        }
        let closure = closure(part, emitter);
        planner.observer.begin("ordering", 0);
        let mut arrangement = match options.reach {
            Reach::Row => quantile::arrange(&rows, core_rows, cells, &closure, options.seed),
            Reach::Lane => lanes::arrange(&lanes, core_rows, cells, &closure),
        };
        if part.0 == 0 && options.condition.from.is_some() {
            seats::settle(
                &mut arrangement,
                &closure,
                &options.condition.origin(options.core.rows * cells),
                options.core.rows,
            );
        }
        Ok(Self { arrangement, first_layer: layers.start, first_stage })
    }

    /// First stage of a layer within the arrangement.
    pub fn stage(&self, layer: usize) -> usize {
        self.first_stage[layer - self.first_layer]
    }
}

/// A network of several segments is closed at its two ends only: each begins where the one before it ended, and the last ends where the
/// first began.
fn closure((part, parts): (usize, usize), emitter: &Emitter<'_>) -> Closure {
    if parts == 1 {
        return Closure::Cycle;
    }
    let last = part + 1 == parts;
    Closure::Part {
        start: (part > 0).then(|| emitter.optimal().levels()),
        end: last.then(|| emitter.optimal().first_levels()),
    }
}

fn summarise(levels: &LevelMatrix, options: &PlanOptions) -> Summary {
    match options.reach {
        Reach::Row => Summary::Row(Profiles::of(&levels.levels, levels.rows, levels.cols, options.device.top_level())),
        Reach::Lane => Summary::Lane(LaneRanges::of(&levels.levels, levels.rows, levels.cols, options.core.cols)),
    }
}

fn count_levels(levels: &LevelMatrix, top: i16) -> Vec<u64> {
    let mut counts = vec![0; 2 * top as usize + 1];
    for level in &levels.levels {
        counts[(level + top) as usize] += 1;
    }
    counts
}
