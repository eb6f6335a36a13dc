//! Every write of every PCM cell.
//!
//! A weight cell at signed level v has its plus cell at `max(v, 0)` and its minus cell at `max(-v, 0)`; each level step of each of
//! the two is a write. Levels are absolute, so inferences differ in one place only: where a weight cell is programmed for the first
//! time in an inference, it comes from level 0 in the first one and from its last level in all others. These first moves are
//! set aside, and added when the last levels are known.

use super::findings::{Counted, ElightCount};
use crate::geometry::CellRange;

/// `[plus, minus]`.
type Pair = [u64; 2];

/// Level steps of the two PCM cells from one signed level to another.
fn steps(from: i16, to: i16) -> Pair {
    let plus = |level: i16| u64::from(level.max(0).unsigned_abs());
    let minus = |level: i16| u64::from(level.min(0).unsigned_abs());
    [plus(from).abs_diff(plus(to)), minus(from).abs_diff(minus(to))]
}

impl Counted {
    fn add(&mut self, steps: Pair) {
        self.writes += steps[0] + steps[1];
        self.events += steps.iter().filter(|&&steps| steps > 0).count() as u64;
    }
}

/// A weight cell whose first programming was in the layer at hand.
struct First {
    cell: usize,
    level: i16,
    /// What else the layer wrote to it.
    wear: Pair,
}

/// A finished layer.
struct Layer {
    /// All but the first moves; `max_cell_writes` leaves out the cells of `firsts`.
    counted: Counted,
    firsts: Vec<First>,
    elight: ElightCount,
}

/// What one weight cell has been through.
#[derive(Clone, Copy, Default)]
struct Cell {
    level: i16,
    first: Option<i16>,
    /// Level steps in the layer at hand and in the whole schedule, without the first move.
    layer_wear: Pair,
    wear: Pair,
    /// ELight's own count of the tile row at hand: the level, and the changes of it.
    elight: (i16, u64),
}

/// Counts the writes of a whole schedule.
pub(super) struct Ledger {
    cells: Vec<Cell>,
    layers: Vec<Layer>,
    counted: Counted,
    /// Cells first programmed in the layer at hand.
    firsts: Vec<usize>,
    elight: ElightCount,
    /// What each cell can hold; empty: every level.
    ranges: Vec<CellRange>,
    /// The first cell that was programmed to a level that it cannot hold, and the level.
    pub(super) refused: Option<(usize, i16)>,
}

/// Writes by one inference.
pub(super) struct Inference {
    pub(super) total: Counted,
    pub(super) layers: Vec<Counted>,
    pub(super) wear: Vec<Pair>,
}

impl Ledger {
    /// A core of so many weight cells, all erased. `ranges`: what each can hold; empty: every level.
    pub(super) fn new(cells: usize, ranges: &[CellRange]) -> Self {
        Self {
            cells: vec![Cell::default(); cells],
            layers: Vec::new(),
            counted: Counted::default(),
            firsts: Vec::new(),
            elight: ElightCount::default(),
            ranges: ranges.to_vec(),
            refused: None,
        }
    }

    /// A cell is programmed to an absolute level.
    pub(super) fn program(&mut self, number: usize, level: i16) {
        if self.ranges.get(number).is_some_and(|range| level < range.lowest || level > range.highest) {
            self.refused.get_or_insert((number, level));
        }
        let cell = &mut self.cells[number];
        cell.elight.1 += u64::from(cell.elight.0.abs_diff(level));
        cell.elight.0 = level;
        if cell.first.is_none() {
            cell.first = Some(level);
            self.firsts.push(number);
        } else {
            let steps = steps(cell.level, level);
            self.counted.add(steps);
            for (wear, steps) in cell.layer_wear.iter_mut().zip(steps) {
                *wear += steps;
            }
        }
        cell.level = level;
    }

    /// Ends a tile row.
    pub(super) fn end_tile_row(&mut self) {
        for cell in &mut self.cells {
            self.elight.add(cell.elight.1);
            cell.elight = (0, 0);
        }
    }

    /// Ends a layer.
    pub(super) fn end_layer(&mut self) {
        let mut counted = std::mem::take(&mut self.counted);
        let mut firsts = Vec::with_capacity(self.firsts.len());
        for cell in &mut self.cells {
            for (wear, layer) in cell.wear.iter_mut().zip(cell.layer_wear) {
                *wear += layer;
            }
        }
        for number in self.firsts.drain(..) {
            let cell = &mut self.cells[number];
            let wear = std::mem::take(&mut cell.layer_wear);
            firsts.extend(cell.first.map(|level| First { cell: number, level, wear }));
        }
        for cell in &mut self.cells {
            let [plus, minus] = std::mem::take(&mut cell.layer_wear);
            counted.max_cell_writes = counted.max_cell_writes.max(plus).max(minus);
        }
        self.layers.push(Layer { counted, firsts, elight: std::mem::take(&mut self.elight) });
    }

    /// Signed level of every cell, 0 where it was never programmed.
    pub(super) fn levels(&self) -> Vec<i16> {
        self.cells.iter().map(|cell| cell.level).collect()
    }

    /// ELight's count of each finished layer.
    pub(super) fn elight(&self) -> impl Iterator<Item = ElightCount> + '_ {
        self.layers.iter().map(|layer| layer.elight)
    }

    /// Writes of an inference that finds the cells at these levels.
    pub(super) fn inference(&self, origin: &[i16]) -> Inference {
        let layers: Vec<Counted> = self.layers.iter().map(|layer| layer.counted_from(origin)).collect();
        let sum = |pair: Pair, steps: Pair| [pair[0] + steps[0], pair[1] + steps[1]];
        let moves = self.cells.iter().zip(origin);
        let wear: Vec<Pair> =
            moves.map(|(cell, &from)| cell.first.map_or(cell.wear, |to| sum(cell.wear, steps(from, to)))).collect();
        let total = Counted {
            writes: layers.iter().map(|layer| layer.writes).sum(),
            events: layers.iter().map(|layer| layer.events).sum(),
            max_cell_writes: wear.iter().flatten().copied().max().unwrap_or(0),
        };
        Inference { total, layers, wear }
    }
}

impl Layer {
    fn counted_from(&self, origin: &[i16]) -> Counted {
        let mut counted = self.counted;
        for first in &self.firsts {
            let steps = steps(origin[first.cell], first.level);
            counted.add(steps);
            for (wear, steps) in first.wear.iter().zip(steps) {
                counted.max_cell_writes = counted.max_cell_writes.max(wear + steps);
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_the_pair() {
        assert_eq!(steps(0, 3), [3, 0]);
        assert_eq!(steps(3, -2), [3, 2]);
        assert_eq!(steps(-5, -1), [0, 4]);
        assert_eq!(steps(-255, 255), [255, 255]);
    }

    /// One inference after the other, every write on its own: (layer, cell, level).
    fn naively(programs: &[(usize, usize, i16)], cells: usize, layers: usize) -> [Inference; 2] {
        let mut levels = vec![0i16; cells];
        [(); 2].map(|()| {
            let mut wear = vec![vec![[0u64; 2]; cells]; layers];
            let mut events = vec![0; layers];
            for &(layer, cell, level) in programs {
                for (sign, pcm) in [1, -1].into_iter().zip(&mut wear[layer][cell]) {
                    let one = |v: i16| (v * sign).max(0);
                    let change = u64::from((one(level) - one(levels[cell])).unsigned_abs());
                    *pcm += change;
                    events[layer] += u64::from(change != 0);
                }
                levels[cell] = level;
            }
            let counted = |wear: &[Pair], events: u64| Counted {
                writes: wear.iter().flatten().sum(),
                events,
                max_cell_writes: wear.iter().flatten().copied().max().unwrap(),
            };
            let sum: Vec<Pair> =
                (0..cells).map(|c| [0, 1].map(|i| wear.iter().map(|layer| layer[c][i]).sum())).collect();
            Inference {
                total: counted(&sum, events.iter().sum()),
                layers: wear.iter().zip(&events).map(|(wear, &events)| counted(wear, events)).collect(),
                wear: sum,
            }
        })
    }

    proptest::proptest! {
        #[test]
        fn both_inferences_are_those_of_a_replay(
            programs in proptest::collection::vec((0usize..5, -7i16..=7), 0..60),
            layers in 1usize..4,
        ) {
            let cells = 5;
            let programs: Vec<(usize, usize, i16)> = programs
                .iter()
                .enumerate()
                .map(|(i, &(cell, level))| (i * layers / programs.len(), cell, level))
                .collect();
            let mut ledger = Ledger::new(cells, &[]);
            for layer in 0..layers {
                for &(_, cell, level) in programs.iter().filter(|(l, _, _)| *l == layer) {
                    ledger.program(cell, level);
                }
                ledger.end_tile_row();
                ledger.end_layer();
            }
            let found = [ledger.inference(&vec![0; cells]), ledger.inference(&ledger.levels())];
            for (found, expected) in found.iter().zip(naively(&programs, cells, layers)) {
                assert_eq!(found.total, expected.total);
                assert_eq!(found.layers, expected.layers);
                assert_eq!(found.wear, expected.wear);
            }
        }
    }
}
