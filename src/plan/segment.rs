//! Layers that are arranged together, and their bound.

use std::ops::Range;

use super::emit::Emitter;
use super::trade::{self, Relaxed};
use super::{LayerOutcome, PlanError, PlanOptions, Planner};
use crate::faults::FaultError;
use crate::geometry::{CoreSize, Damage, EMPTY, IDLE, Reach};
use crate::level::LevelMatrix;
use crate::order::bound::RowBound;
use crate::order::direction::{Arrangement, Closure};
use crate::order::faulty::{self, FaultyArrangement, FaultyRows};
use crate::order::lanes::{self, LaneBound, LaneRanges, RangeBound};
use crate::order::profile::Profiles;
use crate::order::pulses::{self, LaneRuns};
use crate::order::quantile;
use crate::order::seats;
use crate::order::shared::{self, SharedArrangement, SharedLayer};
use crate::order::timeline::Timeline;
use crate::order::visits::Visits;
use crate::order::{Objective, Rows};
use crate::weights::Network;

/// Cuts a network into segments whose arrangements fit [`PlanOptions::segment_bytes`]; a layer that alone does not fit is one segment.
pub fn split(network: &Network, options: &PlanOptions) -> Vec<Range<usize>> {
    if options.trade.extra_steps.is_some() {
        // The steps are shared out over the whole network.
        return std::iter::once(0..network.layers().len()).collect();
    }
    let (core_rows, cells) = (options.all_rows(), options.core.cols);
    let levels = 2 << options.device.bits;
    let mut segments = Vec::new();
    let (mut from, mut used) = (0, 0);
    for (i, layer) in network.layers().iter().enumerate() {
        let need = if options.fanout > 1 {
            // A byte or two a weight, and four for each column of each bundle.
            layer.weights() * if options.device.bits < 8 { 1 } else { 2 } + layer.weights() / options.fanout * 4
        } else {
            let slots = layer.rows.div_ceil(core_rows) * core_rows;
            let pulses = match (options.trade.objective, options.reach) {
                (Objective::Writes, _) => 0,
                (_, Reach::Lane) => LaneRuns::bytes(layer.cols.min(cells * levels), cells) * layer.rows,
                // Runs of 12 bytes, about one for each cell and one for each level; in spells some more.
                (_, Reach::Row) => layer.rows * (2 * cells + levels) * 12,
            };
            // The timeline's 26 bytes a cell, directions, signatures; and the profile of each row.
            slots * cells * 28 + layer.rows * (levels * 4 + 128) + pulses
        };
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
    /// Of a device that pays by the pulse.
    Runs(LaneRanges, LaneRuns),
    Shared(SharedLayer),
}

/// The proven lower bound, collected layer by layer.
pub enum Bound {
    Row(Box<RowBound>),
    Lane(LaneBound),
    FreeRows(RangeBound),
    /// Of the segments so far.
    Shared(u64),
    /// Around faults: what the rows of the layers so far force.
    Faulty(u64),
}

impl Bound {
    pub fn new(options: &PlanOptions) -> Self {
        match options.reach {
            _ if options.fanout > 1 => Self::Shared(0),
            Reach::Row if options.condition.faults.is_some() => Self::Faulty(0),
            Reach::Row => {
                Self::Row(Box::new(RowBound::new(options.all_rows(), options.core.cols, options.device.top_level())))
            }
            Reach::Lane if options.rows == Rows::Any => Self::FreeRows(RangeBound::new(options.all_rows())),
            Reach::Lane => Self::Lane(LaneBound::new(options.all_rows(), options.core.cols)),
        }
    }

    pub fn writes(&self) -> u64 {
        match self {
            Self::Row(bound) => bound.writes(),
            Self::Lane(bound) => bound.writes(),
            Self::FreeRows(bound) => bound.writes(),
            Self::Shared(writes) => *writes,
            Self::Faulty(writes) => writes.next_multiple_of(2),
        }
    }
}

/// The order of a segment's layers.
pub enum Arranged {
    /// Every weight cell has its own input.
    Cells(Arrangement),
    /// Rows share inputs.
    Shared(SharedArrangement),
}

/// Arranged layers.
pub struct Segment {
    /// Their slots.
    pub arrangement: Arranged,
    /// Steps and shapes, where it goes around faults.
    pub faulty: Option<Faulty>,
    /// What each cell serves, where it is more than sweeps; this goes before the arrangement.
    pub visits: Option<Visits>,
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
        let (mut rows, mut lanes, mut lane_runs, mut shared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let law = planner.goal.law();
        let (mut first_stage, mut stages) = (Vec::new(), 0);
        for layer in layers.clone() {
            let (levels, relative_error) = planner.read_first(layer)?;
            first_stage.push(stages);
            stages += levels.rows.div_ceil(core_rows);
            let summary = summarise(&levels, planner.network.layers()[layer].groups, options, law.is_some());
            let tile_rows = match (&summary, options.shared_wiring()) {
                (Summary::Shared(layer), Some(wiring)) => layer.bundles.tile_rows(wiring),
                _ => levels.rows.div_ceil(core_rows),
            } as u64;
            let lower_bound_writes = match (&summary, &mut planner.bound) {
                // Bounded when its steps are known.
                _ if options.trade.extra_steps.is_some() => None,
                (Summary::Row(profiles), Bound::Row(bound)) => {
                    planner.goal.add(profiles, core_rows, cells);
                    Some(bound.add(profiles))
                }
                (Summary::Lane(ranges) | Summary::Runs(ranges, _), Bound::Lane(bound)) => {
                    bound.add(ranges);
                    None
                }
                (Summary::Lane(ranges), Bound::FreeRows(bound)) => Some(bound.add(ranges)),
                _ => None,
            };
            let steps_per_row = levels.cols.div_ceil(cells) as u64;
            planner.outcomes.push(LayerOutcome {
                tiles: levels.rows.div_ceil(options.core.rows) as u64 * steps_per_row,
                steps: tile_rows * steps_per_row,
                relative_error,
                lower_bound_writes,
                level_counts: count_levels(&summary, &levels, options.device.top_level()),
            });
            match summary {
                Summary::Row(profiles) => rows.push(profiles),
                Summary::Lane(ranges) => lanes.push(ranges),
                Summary::Runs(_, runs) => lane_runs.push(runs),
                Summary::Shared(layer) => shared.push(layer),
            }
            planner.keep(layer, levels);
            planner.done(layer)?;
        }
        let closure = closure(part, emitter, options);
        if let Some(wiring) = options.shared_wiring() {
            planner.observer.begin("ordering", planner.weights(layers.clone()));
            let advance = |weights| {
                planner.observer.advance(weights);
                !planner.observer.interrupted()
            };
            let arrangement =
                shared::arrange(&shared, wiring, options.reach, &closure, options.effort, options.seed, &advance);
            if planner.observer.interrupted() {
                return Err(PlanError::Interrupted);
            }
            if let Bound::Shared(bound) = &mut planner.bound {
                *bound += arrangement.bound;
            }
            for (index, outcome) in planner.outcomes[layers.clone()].iter_mut().enumerate() {
                outcome.steps = arrangement.layer_steps(index) as u64;
            }
            let arrangement = Arranged::Shared(arrangement);
            return Ok(Self { arrangement, faulty: None, visits: None, first_layer: layers.start, first_stage });
        }
        planner.observer.begin("ordering", 0);
        let relaxed =
            options.trade.extra_steps.map(|extra| trade::relax(&rows, core_rows, options.core, extra)).transpose()?;
        if let Some(Relaxed::Fixed(fixed)) = relaxed {
            let segment = Self::of_visits(fixed.visits, core_rows, cells, (layers.start, first_stage));
            for layer in layers.clone() {
                planner.outcomes[layer].lower_bound_writes = Some(0);
            }
            segment.count_steps(planner, layers, core_rows);
            return Ok(segment);
        }
        if let Some(Relaxed::Layers(relaxed)) = &relaxed {
            rows.clone_from(relaxed);
            for (layer, profiles) in layers.clone().zip(relaxed) {
                planner.goal.add(profiles, core_rows, cells);
                if let Bound::Row(bound) = &mut planner.bound {
                    planner.outcomes[layer].lower_bound_writes = Some(bound.add(profiles));
                }
            }
        }
        if let (Reach::Lane, Some(law)) = (options.reach, law) {
            let mut visits = LaneRuns::visits(&lane_runs, core_rows, cells);
            planner.goal.add_lanes(pulses::reorder(&mut visits, law, &closure));
            return Ok(Self::of_visits(visits, core_rows, cells, (layers.start, first_stage)));
        }
        let faulty = match options.reach {
            Reach::Row => Faulty::arrange(planner, layers.clone(), &rows, &closure)?,
            Reach::Lane => None,
        };
        let mut arrangement = match (options.reach, &faulty) {
            (Reach::Row, Some(faulty)) => faulty.arranged.arrangement.clone(),
            (Reach::Row, None) => quantile::arrange(&rows, core_rows, cells, &closure, options.effort, options.seed),
            (Reach::Lane, _) if options.rows == Rows::Any => {
                lanes::arrange_freely(&lanes, core_rows, cells, options.device.top_level(), &closure, options.seed)
            }
            (Reach::Lane, _) => lanes::arrange(&lanes, core_rows, cells, &closure),
        };
        // A part around faults cannot sit elsewhere.
        if part.0 == 0
            && options.condition.from.is_some()
            && options.condition.faults.is_none()
            && options.condition.turn.is_none()
        {
            seats::settle(
                &mut arrangement,
                &closure,
                &options.condition.origin(options.core.rows * cells),
                options.core.rows,
            );
        }
        if let Some(faulty) = &faulty {
            first_stage.clone_from(&faulty.arranged.first_stage);
        }
        let followed = planner.goal.follow(options, &rows, &arrangement, &closure);
        let visits = followed.or_else(|| relaxed.map(|_| Visits::of(&arrangement, &rows)));
        let arrangement = Arranged::Cells(arrangement);
        let segment = Self { arrangement, faulty, visits, first_layer: layers.start, first_stage };
        segment.count_steps(planner, layers, core_rows);
        Ok(segment)
    }

    /// Layers whose cells have lists of what they serve, and nothing else.
    fn of_visits(
        visits: Visits,
        core_rows: usize,
        cells: usize,
        (first_layer, first_stage): (usize, Vec<usize>),
    ) -> Self {
        let timeline = Timeline::new(core_rows, cells, 0);
        let arrangement = Arranged::Cells(Arrangement { timeline, rising: Vec::new(), writes: 0 });
        Self { arrangement, faulty: None, visits: Some(visits), first_layer, first_stage }
    }

    /// Tells the outcomes of the layers how many steps they take.
    fn count_steps(&self, planner: &mut Planner<'_>, layers: Range<usize>, core_rows: usize) {
        let Some(visits) = &self.visits else { return };
        for layer in layers {
            let first = self.stage(layer);
            let stages = first..first + planner.network.layers()[layer].rows.div_ceil(core_rows);
            planner.outcomes[layer].steps = stages.map(|stage| visits.steps(stage) as u64).sum();
        }
    }

    /// Output row in a slot of cells that each have their own input, if it has one.
    pub fn row(&self, stage: usize, core_row: usize) -> Option<u32> {
        let row = match (&self.visits, &self.arrangement) {
            (Some(visits), _) => visits.row(stage, core_row),
            (None, Arranged::Cells(arrangement)) => arrangement.timeline.row(stage, core_row),
            (None, Arranged::Shared(_)) => EMPTY,
        };
        (row != EMPTY).then_some(row)
    }

    /// Number of a layer within the arrangement.
    pub fn index(&self, layer: usize) -> usize {
        layer - self.first_layer
    }

    /// First stage of a layer within the arrangement.
    pub fn stage(&self, layer: usize) -> usize {
        self.first_stage[layer - self.first_layer]
    }
}

/// An arrangement around faults, and the cells that it is for.
pub struct Faulty {
    pub arranged: FaultyArrangement,
    pub rows: FaultyRows,
}

/// Steps more than needed that are tried, a tile row each, where faults would cost writes otherwise.
const MORE_STEPS: usize = 4;

impl Faulty {
    /// Arranges layers around the faults, if there are any: with the fewest steps, or with a few more where that brings the writes down to
    /// those of an intact core.
    fn arrange(
        planner: &mut Planner<'_>,
        layers: Range<usize>,
        profiles: &[Profiles],
        closure: &Closure,
    ) -> Result<Option<Self>, PlanError> {
        let options = planner.options;
        let Some(ranges) = options.condition.ranges() else { return Ok(None) };
        let (core_rows, cells) = (options.core.rows, options.core.cols);
        let weak = options.condition.weak().unwrap_or_else(|| vec![false; ranges.len()]);
        let rows = FaultyRows::new(core_rows, cells, &ranges, &weak);
        let intact =
            quantile::arrange(profiles, options.all_rows(), cells, closure, options.effort, options.seed).writes;
        let mut best: Option<FaultyArrangement> = None;
        for more in 0..=MORE_STEPS {
            let found = faulty::arrange(profiles, &rows, closure, options.seed, more).map_err(|index| {
                let layer = planner.network.layers()[layers.start + index].name.clone();
                FaultError::Hopeless { path: options.condition.fault_files(), layer }
            })?;
            if best.as_ref().is_none_or(|best| found.arrangement.writes < best.arrangement.writes) {
                best = Some(found);
            }
            if best.as_ref().is_some_and(|best| best.arrangement.writes <= intact) {
                break;
            }
        }
        planner.intact_writes += intact;
        let Some(arranged) = best else { return Ok(None) };
        for (index, outcome) in planner.outcomes[layers].iter_mut().enumerate() {
            outcome.steps = arranged.layer_steps(index) as u64;
            outcome.lower_bound_writes = Some(arranged.forced[index]);
        }
        if let Bound::Faulty(writes) = &mut planner.bound {
            *writes += arranged.forced.iter().sum::<u64>();
        }
        Ok(Some(Self { arranged, rows }))
    }
}

/// A network of several segments is closed at its two ends only: each begins where the one before it ended, and the last ends where the
/// first began.
fn closure((part, parts): (usize, usize), emitter: &Emitter<'_>, options: &PlanOptions) -> Closure {
    if parts == 1 {
        return Closure::Cycle;
    }
    let last = part + 1 == parts;
    // Cells are counted where they are, and arranged as if nothing were turned.
    let (turn, CoreSize { rows, cols }) = (options.condition.turn.unwrap_or_default(), options.core);
    Closure::Part {
        start: (part > 0).then(|| turn.undo(&emitter.optimal().levels(), rows, cols)),
        end: last.then(|| turn.undo(&emitter.optimal().first_levels(), rows, cols)),
    }
}

/// `pulses`: the device pays by the pulse, and that is what counts.
fn summarise(levels: &LevelMatrix, groups: usize, options: &PlanOptions, pulses: bool) -> Summary {
    if let Some(wiring) = options.shared_wiring() {
        let (ranges, weak) = (options.condition.ranges(), options.condition.weak());
        let damage = ranges.as_ref().zip(weak.as_ref()).map(|(ranges, weak)| Damage { ranges, weak });
        return Summary::Shared(SharedLayer::of(levels, groups, wiring, options.reach, damage));
    }
    match options.reach {
        Reach::Row => Summary::Row(Profiles::of(&levels.levels, levels.rows, levels.cols, options.device.top_level())),
        Reach::Lane if options.condition.faults.is_some() => {
            Summary::Lane(LaneRanges::of_some(&levels.levels, levels.rows, levels.cols, options.core.cols))
        }
        Reach::Lane => {
            let cells = options.core.cols;
            let ranges = LaneRanges::of(&levels.levels, levels.rows, levels.cols, cells);
            if pulses {
                let top = options.device.top_level();
                return Summary::Runs(ranges, LaneRuns::of(&levels.levels, levels.rows, levels.cols, cells, top));
            }
            Summary::Lane(ranges)
        }
    }
}

/// Weights at each signed level, `-B..=B`.
fn count_levels(summary: &Summary, levels: &LevelMatrix, top: i16) -> Vec<u64> {
    let mut counts = vec![0; 2 * top as usize + 1];
    match summary {
        Summary::Row(profiles) => {
            for row in 0..profiles.rows() {
                for (count, below) in counts.iter_mut().zip(profiles.below(row).windows(2)) {
                    *count += u64::from(below[1] - below[0]);
                }
            }
        }
        Summary::Lane(_) | Summary::Runs(..) | Summary::Shared(_) => {
            for level in levels.levels.iter().filter(|level| **level != IDLE) {
                counts[(level + top) as usize] += 1;
            }
        }
    }
    counts
}
