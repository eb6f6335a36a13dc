//! Tiny problems, every program of which is tried: each cost model, each objective. Costs are counted here, from what a device's profile says.

use std::collections::BTreeSet;

use elight::level::{LevelMatrix, Quantizer};
use elight::order::{Objective, Order, Reach};
use elight::plan::PlanOptions;
use firmware_model::pcm::WriteCost;
use proptest::prelude::*;

use crate::objectives::costs;
use crate::small::{Layer, network, options, plan};

const OBJECTIVES: [Objective; 4] = [Objective::Writes, Objective::Energy, Objective::Latency, Objective::Wear];

/// Level of each place of a row on its core row, step after step, cell after cell; none where nothing is multiplied.
type Program = Vec<Option<i16>>;
/// The programs of a tile row, core row by core row.
type Stage<'a> = Vec<Option<&'a Program>>;

/// Energy, time and wear of one PCM cell's change.
fn change(cost: &WriteCost, from: i16, to: i16) -> (f64, f64, u64) {
    let (rise, size) = (to > from, f64::from(from.abs_diff(to)));
    match cost {
        _ if from == to => (0.0, 0.0, 0),
        WriteCost::PerLevel { up, down } => {
            let price = if rise { up } else { down };
            (size * price.energy_pj, size * price.time_us, from.abs_diff(to).into())
        }
        WriteCost::SingleShot { up, down } => {
            let price = if rise { up } else { down };
            (price.energy_pj, price.time_us, 1)
        }
        WriteCost::ResetThenSet { reset, set, set_level } => {
            let resets = if from > 0 { 1.0 } else { 0.0 };
            let (sets, levels) = if to > 0 { (1.0, f64::from(to)) } else { (0.0, 0.0) };
            (
                resets * reset.energy_pj + sets * set.energy_pj + levels * set_level.energy_pj,
                resets * reset.time_us + sets * set.time_us + levels * set_level.time_us,
                resets as u64,
            )
        }
    }
}

/// What an inference takes in steady state, by objective.
fn count(stages: &[Stage<'_>], cells: usize, cost: &WriteCost) -> [f64; 4] {
    let core_rows = stages.first().map_or(0, Vec::len);
    let mut held = vec![0i16; core_rows * cells];
    let mut totals = [0.0; 4];
    for inference in 0..2 {
        let mut wear = vec![[0u64; 2]; held.len()];
        let (mut writes, mut energy, mut time) = (0.0, 0.0, 0.0);
        for stage in stages {
            let steps = stage.iter().flatten().map(|program| program.len() / cells).max().unwrap_or(0);
            for step in 0..steps {
                let mut slowest = 0.0f64;
                for (core_row, program) in stage.iter().enumerate() {
                    for cell in 0..cells {
                        let Some(to) = program.and_then(|program| program[step * cells + cell]) else { continue };
                        let at = core_row * cells + cell;
                        let from = std::mem::replace(&mut held[at], to);
                        writes += f64::from(from.abs_diff(to));
                        for (i, sign) in [1, -1].into_iter().enumerate() {
                            let (e, t, w) = change(cost, (sign * from).max(0), (sign * to).max(0));
                            energy += e;
                            slowest = slowest.max(t);
                            wear[at][i] += w;
                        }
                    }
                }
                time += slowest;
            }
        }
        if inference == 1 {
            totals = [writes, energy, time, wear.into_iter().flatten().max().unwrap_or(0) as f64];
        }
    }
    totals
}

/// Every way to put a row's weights into places, each in its own lane or in any.
fn programs(row: &[i16], cells: usize, lane: bool) -> Vec<Program> {
    fn place(row: &[i16], i: usize, cells: usize, lane: bool, program: &mut Program, all: &mut BTreeSet<Program>) {
        if i == row.len() {
            all.insert(program.clone());
            return;
        }
        for at in 0..program.len() {
            if program[at].is_none() && (!lane || at % cells == i % cells) {
                program[at] = Some(row[i]);
                place(row, i + 1, cells, lane, program, all);
                program[at] = None;
            }
        }
    }
    let mut all = BTreeSet::new();
    place(row, 0, cells, lane, &mut vec![None; row.len().div_ceil(cells) * cells], &mut all);
    all.into_iter().collect()
}

/// Every way to put a layer's rows into slots: for each slot the row, if any.
fn placements(rows: usize, core_rows: usize, lane: bool) -> Vec<Vec<Option<usize>>> {
    let slots = rows.div_ceil(core_rows) * core_rows;
    if lane {
        return vec![(0..slots).map(|slot| (slot < rows).then_some(slot)).collect()];
    }
    (0..rows).fold(vec![vec![None; slots]], |all, row| {
        let with = |slots: &Vec<Option<usize>>| {
            let free = (0..slots.len()).filter(|&slot| slots[slot].is_none()).collect::<Vec<_>>();
            let put = |slot: usize| {
                let mut slots = slots.clone();
                slots[slot] = Some(row);
                slots
            };
            free.into_iter().map(put).collect::<Vec<_>>()
        };
        all.iter().flat_map(with).collect()
    })
}

/// The least of each objective over all programs.
fn least(layers: &[LevelMatrix], (core_rows, cells): (usize, usize), cost: &WriteCost, lane: bool) -> [f64; 4] {
    let programs: Vec<Vec<Vec<Program>>> =
        layers.iter().map(|l| (0..l.rows).map(|row| programs(l.row(row), cells, lane)).collect()).collect();
    let mut least = [f64::INFINITY; 4];
    let mut try_all = |stages: &[Stage<'_>]| {
        for (least, value) in least.iter_mut().zip(count(stages, cells, cost)) {
            *least = least.min(value);
        }
    };
    fn layer<'a>(
        programs: &'a [Vec<Vec<Program>>],
        core_rows: usize,
        lane: bool,
        stages: &mut Vec<Stage<'a>>,
        try_all: &mut dyn FnMut(&[Stage<'_>]),
    ) {
        let Some((rows, rest)) = programs.split_first() else { return try_all(stages) };
        for slots in placements(rows.len(), core_rows, lane) {
            let before = stages.len();
            stages.extend(slots.chunks(core_rows).map(|_| vec![None; core_rows]));
            fill(rows, &slots, 0, core_rows, before, &mut *stages, &mut |stages| {
                let mut stages = stages.to_vec();
                layer(rest, core_rows, lane, &mut stages, try_all);
            });
            stages.truncate(before);
        }
    }
    fn fill<'a>(
        rows: &'a [Vec<Program>],
        slots: &[Option<usize>],
        slot: usize,
        core_rows: usize,
        first: usize,
        stages: &mut Vec<Stage<'a>>,
        then: &mut dyn FnMut(&[Stage<'a>]),
    ) {
        if slot == slots.len() {
            return then(stages);
        }
        let Some(row) = slots[slot] else { return fill(rows, slots, slot + 1, core_rows, first, stages, then) };
        for program in &rows[row] {
            stages[first + slot / core_rows][slot % core_rows] = Some(program);
            fill(rows, slots, slot + 1, core_rows, first, stages, then);
        }
    }
    layer(&programs, core_rows, lane, &mut Vec::new(), &mut try_all);
    least
}

fn levels(layers: &[Layer], options: &PlanOptions) -> Vec<LevelMatrix> {
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    layers.iter().map(|l| quantizer.quantize(l.rows, l.cols, &l.weights)).collect()
}

/// One layer of three rows, two of two and one, or three of one: at most three rows in all.
fn tiny() -> impl Strategy<Value = Vec<Layer>> {
    let layer = |rows: usize| {
        (1usize..=4).prop_flat_map(move |cols| {
            prop::collection::vec((-8i8..=8).prop_map(|w| f32::from(w) / 8.0), rows * cols)
                .prop_map(move |weights| Layer { rows, cols, groups: 1, weights })
        })
    };
    prop::sample::select(vec![vec![1], vec![2], vec![1, 1], vec![2, 1], vec![1, 1, 1], vec![3]])
        .prop_flat_map(move |shape| shape.into_iter().map(layer).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_program_beats_the_bounds_and_no_plan_beats_the_optimum(
        layers in tiny(),
        core in (1usize..=2, 1usize..=2),
        bits in 1u8..=3,
        cost in costs(),
    ) {
        let mut options = options(core, bits, Reach::Row);
        options.device.cost = cost;
        let network = network(&layers);
        let levels = levels(&layers, &options);
        for lane in [false, true] {
            let least = least(&levels, core, &cost, lane);
            options.reach = if lane { Reach::Lane } else { Reach::Row };
            for (objective, least) in OBJECTIVES.into_iter().zip(least) {
                if lane && matches!(objective, Objective::Latency | Objective::Wear) {
                    continue;
                }
                options.trade.objective = objective;
                let outcome = plan(&network, &options).outcome;
                let (bound, reached) = (outcome.objective_lower_bound, objective.figure(&outcome.of(Order::Optimal).costs.per_inference));
                let at_most = |a: f64, b: f64| a <= b + 1e-9 * (1.0 + b.abs());
                prop_assert!(at_most(bound, least), "{objective} {lane}: bound {bound}, least {least}");
                prop_assert!(at_most(least, reached), "{objective} {lane}: least {least}, plan {reached}");
                if lane {
                    prop_assert!(at_most(reached, least) && at_most(least, bound), "{objective}: exact, least {least}, plan {reached}");
                }
            }
        }
    }
}
