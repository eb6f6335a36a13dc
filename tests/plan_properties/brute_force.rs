//! Tiny problems, solved by trying everything: no cost law, no theorem, only sums of `|a - b|`.

use std::collections::{BTreeMap, BTreeSet};

use elight::level::{LevelMatrix, Quantizer};
use elight::order::{Order, Reach};
use elight::plan::PlanOptions;
use proptest::prelude::*;

use crate::small::{Layer, network, options, plan};

/// For each cell the first and the last level that a program puts there, `None` where it stays idle.
type Ends = Vec<Option<(i16, i16)>>;
/// The cheapest way to serve a row for each pair of ends; the way from the level before to the first is not in it.
type Programs = BTreeMap<Ends, u64>;

fn steps_between(a: i16, b: i16) -> u64 {
    u64::from(a.abs_diff(b))
}

/// Adds a program given by what each cell holds at each step.
fn add(programs: &mut Programs, cells: &[Vec<i16>]) {
    let ends = cells.iter().map(|levels| Some((*levels.first()?, *levels.last()?))).collect();
    let cost = cells.iter().flat_map(|levels| levels.windows(2)).map(|w| steps_between(w[0], w[1])).sum();
    let best = programs.entry(ends).or_insert(cost);
    *best = cost.min(*best);
}

/// Every assignment of a row's weights to cells and steps. Which of its steps a cell idles in makes no difference, so each cell gets
/// a sequence of at most `steps` weights.
fn any_lane(row: &[i16], cells: usize, steps: usize) -> Programs {
    fn place(rest: &mut Vec<i16>, cells: &mut [Vec<i16>], steps: usize, programs: &mut Programs) {
        if rest.is_empty() {
            return add(programs, cells);
        }
        // Appending the weights one by one, in every order, to every cell reaches every assignment.
        let choices: BTreeSet<i16> = rest.iter().copied().collect();
        for level in choices {
            let at = rest.iter().position(|l| *l == level).unwrap();
            rest.swap_remove(at);
            for cell in 0..cells.len() {
                if cells[cell].len() < steps {
                    cells[cell].push(level);
                    place(rest, cells, steps, programs);
                    cells[cell].pop();
                }
            }
            rest.push(level);
        }
    }
    let mut programs = Programs::new();
    place(&mut row.to_vec(), &mut vec![Vec::new(); cells], steps, &mut programs);
    programs
}

/// Every order of each lane's weights.
fn own_lane(row: &[i16], cells: usize) -> Programs {
    fn permute(lanes: &mut Vec<Vec<i16>>, done: &mut Vec<Vec<i16>>, programs: &mut Programs) {
        let Some(lane) = lanes.iter().position(|lane| !lane.is_empty()) else { return add(programs, done) };
        for i in 0..lanes[lane].len() {
            let level = lanes[lane].remove(i);
            done[lane].push(level);
            permute(lanes, done, programs);
            done[lane].pop();
            lanes[lane].insert(i, level);
        }
    }
    let mut programs = Programs::new();
    let mut lanes: Vec<Vec<i16>> = (0..cells).map(|c| row.iter().skip(c).step_by(cells).copied().collect()).collect();
    permute(&mut lanes, &mut vec![Vec::new(); cells], &mut programs);
    programs
}

/// The cheapest inference that ends where it begins: the rows one after the other on one core row.
fn cheapest_cycle(rows: &[&Programs], cells: usize) -> u64 {
    // A cell that is idle in the last row ends where an earlier row has left it, so any last level may be the start.
    let mut starts: Vec<BTreeSet<i16>> = vec![BTreeSet::new(); cells];
    for ends in rows.iter().flat_map(|programs| programs.keys()) {
        for (start, ends) in starts.iter_mut().zip(ends) {
            start.extend(ends.map(|(_, last)| last));
        }
    }
    let states = starts.iter().fold(vec![Vec::new()], |states: Vec<Vec<i16>>, levels| {
        let levels: Vec<i16> = if levels.is_empty() { vec![0] } else { levels.iter().copied().collect() };
        states.iter().flat_map(|s| levels.iter().map(|l| [&s[..], &[*l]].concat())).collect()
    });
    let from = |start: &Vec<i16>| {
        let mut reached = BTreeMap::from([(start.clone(), 0u64)]);
        for programs in rows {
            let mut next = BTreeMap::new();
            for (state, cost) in &reached {
                for (ends, inside) in programs.iter() {
                    let enter: u64 =
                        state.iter().zip(ends).filter_map(|(s, e)| e.map(|(first, _)| steps_between(*s, first))).sum();
                    let after: Vec<i16> = state.iter().zip(ends).map(|(s, e)| e.map_or(*s, |(_, last)| last)).collect();
                    let best = next.entry(after).or_insert(u64::MAX);
                    *best = (cost + enter + inside).min(*best);
                }
            }
            reached = next;
        }
        reached.get(start).copied().unwrap_or(u64::MAX)
    };
    states.iter().map(from).min().unwrap()
}

/// Levels of all layers, as the plan has them.
fn levels(layers: &[Layer], options: &PlanOptions) -> Vec<LevelMatrix> {
    let quantizer = Quantizer::new(&options.device, options.quantization.reparam, options.quantization.scale);
    layers.iter().map(|l| quantizer.quantize(l.rows, l.cols, &l.weights)).collect()
}

/// Every order of the rows within each layer, on a core of one row.
fn row_orders(layers: &[LevelMatrix]) -> Vec<Vec<(usize, usize)>> {
    layers.iter().enumerate().fold(vec![Vec::new()], |orders, (i, layer)| {
        let mine: Vec<Vec<usize>> = match layer.rows {
            1 => vec![vec![0]],
            2 => vec![vec![0, 1], vec![1, 0]],
            rows => unreachable!("{rows} rows"),
        };
        let extend = |order: &Vec<(usize, usize)>| {
            let extended = mine.iter().map(|rows| order.iter().copied().chain(rows.iter().map(|r| (i, *r))).collect());
            extended.collect::<Vec<Vec<(usize, usize)>>>()
        };
        orders.iter().flat_map(extend).collect()
    })
}

fn layer(most_cols: usize) -> impl Strategy<Value = Layer> {
    (1usize..=2, 1usize..=most_cols).prop_flat_map(|(rows, cols)| {
        // Multiples of one eighth: levels repeat, ties happen.
        prop::collection::vec((-8i8..=8).prop_map(|w| f32::from(w) / 8.0), rows * cols).prop_map(move |weights| Layer {
            rows,
            cols,
            groups: 1,
            weights,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_order_beats_the_bound(layers in prop::collection::vec(layer(5), 1..=2), cells in 1usize..=2, bits in 1u8..=2) {
        let options = options((1, cells), bits, Reach::Row);
        let planned = plan(&network(&layers), &options);
        let levels = levels(&layers, &options);
        let programs: Vec<Vec<Programs>> = levels
            .iter()
            .map(|l| (0..l.rows).map(|r| any_lane(l.row(r), cells, l.cols.div_ceil(cells))).collect())
            .collect();
        let cycles = row_orders(&levels).into_iter().map(|order| {
            let rows: Vec<&Programs> = order.iter().map(|(layer, row)| &programs[*layer][*row]).collect();
            cheapest_cycle(&rows, cells)
        });
        let best = cycles.min().unwrap();
        prop_assert!(planned.outcome.lower_bound_writes <= best, "bound {}, best {best}", planned.outcome.lower_bound_writes);
        prop_assert!(best <= planned.writes(Order::Optimal), "best {best}, plan {}", planned.writes(Order::Optimal));
    }

    #[test]
    fn reach_lane_is_the_optimum(
        layers in prop::collection::vec(layer(6), 1..=3),
        core in (1usize..=2, 1usize..=2),
        bits in 1u8..=3,
    ) {
        let options = options(core, bits, Reach::Lane);
        let planned = plan(&network(&layers), &options);
        // Rows stay in their places, so core rows are apart.
        let mut best = 0;
        for core_row in 0..core.0 {
            let mut programs = Vec::new();
            for levels in levels(&layers, &options) {
                programs.extend((core_row..levels.rows).step_by(core.0).map(|row| own_lane(levels.row(row), core.1)));
            }
            best += cheapest_cycle(&programs.iter().collect::<Vec<_>>(), core.1);
        }
        prop_assert_eq!(planned.writes(Order::Optimal), best);
        prop_assert_eq!(planned.outcome.lower_bound_writes, best);
    }
}
