//! Core rows that take turns at outputs (section 7 of docs/schedule-format.md): their records, with list sets that several share.

use super::bytes::{Bits, ranged};
use super::error::{Place, Problem};
use super::format::{Layer, scale_fits};
use super::ledger::Ledger;
use super::levels::Levels;
use super::outputs::{Columns, Output};
use super::row::{Row, Rules, Window, refill, unmarked_after};

/// The lists of an output row, one for each level.
#[derive(Default)]
struct ListSet {
    /// Where each goes on; none at its end.
    next: Vec<Option<usize>>,
    /// Columns that were inside the window when they were used.
    marked: Columns,
    /// The column that the window is around, in sixteenths.
    front: u64,
    pace: u64,
    /// The output row, once it has one, and its scale where rows have their own.
    output: Option<(usize, Option<f32>)>,
}

/// What all core rows of a tile row have in common.
#[derive(Default)]
pub(super) struct Visits {
    sets: Vec<ListSet>,
    /// List set of each core row.
    set_of: Vec<usize>,
    /// Cells that hold a level in the step at hand: number of the cell, level.
    held: Vec<(usize, i16)>,
    /// Whether a core row has turned to another output in this step.
    turned: bool,
}

/// What a core row's new output is compared with.
pub(super) struct Turn<'a> {
    pub(super) layer: &'a Layer,
    pub(super) levels: &'a Levels,
    /// Of all rows of the layer, if they share one.
    pub(super) scale: Option<f64>,
    pub(super) tile_row: u32,
}

impl Visits {
    /// Begins a tile row: all core rows rest, no cell has a level.
    pub(super) fn begin(&mut self, rows: &mut [Row], rules: Rules<'_>) {
        self.sets.resize_with(rows.len(), ListSet::default);
        refill(&mut self.set_of, rows.len(), 0);
        for set in &mut self.sets {
            set.begin(rules, 0, 0);
            set.output = None;
        }
        for row in rows {
            row.begin(0, rules);
            (row.output, row.levels_of) = (None, None);
        }
    }

    /// Reads the record of a core row; returns how many weights of an output that is new here could have two levels.
    #[allow(clippy::too_many_arguments)] // all of them are the checker's state, lent part by part
    pub(super) fn record(
        &mut self,
        core_row: usize,
        row: &mut Row,
        bits: &mut Bits,
        rules: Rules<'_>,
        turn: &Turn<'_>,
        outputs: &mut [Output],
        place: &mut Place,
    ) -> Result<u64, Problem> {
        let mut ties = 0;
        if bits.bits(1)? == 1 {
            let head = bits.bits(2)?;
            self.turned |= head != 1;
            if head == 1 && row.output.is_none() {
                return Err(Problem::Resting);
            }
            if head == 0 {
                row.output = None;
            }
            if head >= 2 {
                ties = self.turn(core_row, row, bits, rules, turn, outputs)?;
            }
            if head % 2 == 1 && bits.bits(1)? == 1 {
                row.key(bits, rules, place)?;
                let levels = row.active.iter().enumerate();
                let first = core_row * rules.header.cols;
                self.held.extend(levels.filter_map(|(cell, level)| Some((first + cell, (*level)?))));
            } else if head % 2 == 1 {
                for (cell, level) in row.listed_cells(bits, rules, place)? {
                    row.active[cell] = level;
                    self.held.extend(level.map(|level| (core_row * rules.header.cols + cell, level)));
                }
            }
        }
        if row.output.is_some() {
            self.inputs(core_row, row, bits, rules, outputs, place)?;
        }
        Ok(ties)
    }

    /// Another output row, and its lists.
    fn turn(
        &mut self,
        core_row: usize,
        row: &mut Row,
        bits: &mut Bits,
        rules: Rules<'_>,
        turn: &Turn<'_>,
        outputs: &mut [Output],
    ) -> Result<u64, Problem> {
        let width = |count: usize| count.next_power_of_two().trailing_zeros();
        let set = bits.bits(width(self.sets.len()))?;
        let set = ranged("list set", set.into(), 0, self.sets.len() as u64 - 1)? as usize;
        if bits.bits(1)? == 1 {
            let output = bits.bits(width(outputs.len()))?;
            let output = ranged("output row", output.into(), 0, outputs.len() as u64 - 1)? as usize;
            let scale = if turn.layer.scale.is_none() { Some(f32::from_bits(bits.bits(32)?)) } else { None };
            let begin = ranged("first column", bits.bits(width(rules.cols))?.into(), 0, rules.cols as u64 - 1)?;
            let pace = bits.bits(16)?;
            self.sets[set].begin(rules, begin as usize, pace.into());
            self.sets[set].output = Some((output, scale));
        }
        let (output, scale) = self.sets[set].output.ok_or(Problem::ListSet { set })?;
        let first = outputs[output].visit(rules.cols, (turn.tile_row, core_row));
        let weights = &rules.weights[output * rules.cols..(output + 1) * rules.cols];
        let own_scale = turn.scale.unwrap_or_else(|| turn.levels.scale(weights));
        if let Some(found) = scale {
            scale_fits(found, own_scale, Some(output))?;
        }
        if row.levels_of != Some(output) {
            turn.levels.derive(weights, own_scale, &mut row.own);
            row.levels_of = Some(output);
        }
        row.scale = f64::from(own_scale as f32);
        row.output = Some(output);
        self.set_of[core_row] = set;
        Ok(if first { row.ties() } else { 0 })
    }

    /// The column of every cell that has one, and the products.
    fn inputs(
        &mut self,
        core_row: usize,
        row: &mut Row,
        bits: &mut Bits,
        rules: Rules<'_>,
        outputs: &mut [Output],
        place: &mut Place,
    ) -> Result<(), Problem> {
        let set = &mut self.sets[self.set_of[core_row]];
        let window = Window::around(set.front / 16, rules.header.window);
        for cell in 0..row.active.len() {
            let Some(level) = row.active[cell] else { continue };
            place.cell = Some(cell);
            let list = (level + rules.header.top()) as usize;
            let Some(next) = set.next[list] else { continue };
            let gap = bits.rice(rules.coding.index[list])?;
            let column = unmarked_after(&set.marked, next as i64 - 1, gap, window);
            let inside = usize::try_from(column).ok().filter(|column| *column < rules.cols);
            set.next[list] = inside.map(|column| column + 1);
            let Some(inside) = inside else { continue };
            row.multiply(column, cell, None, rules, outputs, level)?;
            if window.is_some_and(|window| window.has(inside)) {
                set.marked.insert(inside);
            }
            self.held.push((core_row * rules.header.cols + cell, level));
        }
        place.cell = None;
        // Fronts stay where 32 bits end.
        set.front = (set.front + set.pace).min(u32::MAX.into());
        Ok(())
    }

    /// All records of a step are read. Where a core row has turned to another output a tile row begins, as ELight counts.
    pub(super) fn end_step(&mut self, ledger: &mut Ledger) {
        if std::mem::take(&mut self.turned) {
            ledger.end_tile_row();
        }
        for (cell, level) in self.held.drain(..) {
            ledger.program(cell, level);
        }
    }
}

impl ListSet {
    fn begin(&mut self, rules: Rules<'_>, begin: usize, pace: u64) {
        let levels = 2 * usize::from(rules.header.top().unsigned_abs()) + 1;
        refill(&mut self.next, levels, Some(begin));
        self.marked.clear(rules.cols);
        (self.front, self.pace) = ((16 * begin as u64).min(u32::MAX.into()), pace);
    }
}
