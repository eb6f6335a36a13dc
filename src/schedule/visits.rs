//! Programs of core rows that take turns at outputs, to records (docs/schedule-format.md, section 7).
//!
//! A tile row is a run of stages; between them core rows change their outputs. What an output's cells of a level take in the tile row is
//! dealt to them once more, in the order of the records: so each list only goes upwards, whoever planned it.

use std::collections::BTreeMap;

use firmware_model::pcm::top_level;
use firmware_model::wire::{FRONT_BITS, first_front, front_base, shared_bits};

use super::records::{RecordFormat, Sink, count_ones, key_record};
use crate::geometry::IDLE;

/// A core row's work in a stage.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Output row.
    pub output: u32,
    /// Its scale, where rows have their own.
    pub scale: Option<f32>,
    /// Signed level of each cell at each step or [`IDLE`]; step-major.
    pub level: Vec<i16>,
    /// Column of the output row that feeds the cell; unspecified where idle.
    pub input: Vec<u32>,
}

/// Steps in which no core row changes its output.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// How many.
    pub steps: usize,
    /// Of each core row; none where it rests.
    pub rows: Vec<Option<&'a Visit>>,
}

/// Sizes of the layer and the core.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Output rows of the layer.
    pub outputs: usize,
    /// Inputs of a row.
    pub cols: usize,
    /// Cells of a core row.
    pub cells: usize,
    /// How records are written.
    pub format: RecordFormat,
}

/// What an output takes in the tile row: of each level its columns, ascending.
struct Deal {
    columns: Vec<u32>,
    /// By level: the next column that is to be dealt, and behind the last.
    next: Vec<u32>,
    end: Vec<u32>,
    /// Records that work on it.
    records: u32,
}

impl Deal {
    fn left(&self, level: usize) -> u32 {
        self.end[level] - self.next[level]
    }

    /// First and last column that are still to be dealt.
    fn span(&self) -> Option<(u32, u32)> {
        let open = || (0..self.next.len()).filter(|&level| self.left(level) > 0);
        let first = open().map(|level| self.columns[self.next[level] as usize]).min()?;
        let last = open().map(|level| self.columns[self.end[level] as usize - 1]).max()?;
        Some((first, last))
    }
}

/// A list set as the decoder has it.
struct ListSet {
    /// The output whose lists these are.
    output: Option<u32>,
    /// Core rows that use it.
    users: usize,
    /// When it was used last, counted in records.
    used: u64,
    /// One past the last column of each list; none where it is at its end.
    next: Vec<Option<u32>>,
    /// Bit set of used columns; of those inside the window, but for the time of use.
    marks: Vec<u64>,
    front: u32,
    pace: u16,
}

/// A core row as the decoder has it.
struct CoreRow {
    output: Option<u32>,
    set: usize,
    /// State code of each cell.
    codes: Vec<u16>,
}

/// Walks a tile row whose stages have the same core rows.
pub fn walk_visits(stages: &[Stage<'_>], shape: Shape, sink: &mut impl Sink) {
    let core_rows = stages.first().map_or(0, |stage| stage.rows.len());
    let levels = 2 * top_level(shape.format.bits) as usize + 1;
    let mut walk = Walk {
        shape,
        deals: deals(stages, shape, levels),
        rows: (0..core_rows).map(|_| CoreRow { output: None, set: 0, codes: vec![0; shape.cells] }).collect(),
        sets: (0..core_rows).map(|_| ListSet::new(levels, shape.cols)).collect(),
        lit_before: vec![0; levels],
        records: 0,
    };
    let mut before: Option<&Stage<'_>> = None;
    for stage in stages {
        // A stage begins where some core row turns to another output, or rests. Where all go on, one of them turns to its own: the beginning is seen.
        let goes_on = |row: usize| before.is_some_and(|b| output(b, row) == output(stage, row));
        let seen = (0..core_rows).any(|row| !goes_on(row));
        let turns = (0..core_rows).find(|&row| !seen && stage.rows[row].is_some());
        for step in 0..stage.steps {
            for row in 0..core_rows {
                match stage.rows[row] {
                    Some(visit) => walk.record(row, visit, step, turns == Some(row) && step == 0, sink),
                    None => walk.rest(row, sink),
                }
                sink.end();
                walk.records += 1;
            }
        }
        before = Some(stage);
    }
}

fn output(stage: &Stage<'_>, row: usize) -> Option<u32> {
    stage.rows[row].map(|visit| visit.output)
}

/// What each output takes.
fn deals(stages: &[Stage<'_>], shape: Shape, levels: usize) -> BTreeMap<u32, Deal> {
    let top = top_level(shape.format.bits);
    let mut taken: BTreeMap<u32, (Vec<(u16, u32)>, u32)> = BTreeMap::new();
    for stage in stages {
        for visit in stage.rows.iter().flatten() {
            let (weights, records) = taken.entry(visit.output).or_default();
            let lit = visit.level.iter().zip(&visit.input).filter(|(level, _)| **level != IDLE);
            weights.extend(lit.map(|(&level, &input)| ((level + top) as u16, input)));
            *records += stage.steps as u32;
        }
    }
    let deal = |(output, (mut weights, records)): (u32, (Vec<(u16, u32)>, u32))| {
        weights.sort_unstable();
        let (mut next, mut end) = (vec![0; levels], vec![0; levels]);
        let mut first = 0;
        for same in weights.chunk_by(|a, b| a.0 == b.0) {
            let level = usize::from(same[0].0);
            (next[level], end[level]) = (first, first + same.len() as u32);
            first = end[level];
        }
        let columns = weights.into_iter().map(|(_, column)| column).collect();
        (output, Deal { columns, next, end, records })
    };
    taken.into_iter().map(deal).collect()
}

impl ListSet {
    fn new(levels: usize, cols: usize) -> Self {
        // One word more than the bits need, as `count_ones` asks for.
        let marks = vec![0; cols.div_ceil(64) + 1];
        Self { output: None, users: 0, used: 0, next: vec![Some(0); levels], marks, front: 0, pace: 0 }
    }

    fn begin(&mut self, output: u32, begin: u32, pace: u16) {
        self.output = Some(output);
        self.next.fill(Some(begin));
        self.marks.fill(0);
        (self.front, self.pace) = (first_front(begin), pace);
    }

    /// Columns in `from..to` that are not marked inside the window.
    fn free(&self, from: u32, to: usize, window: u16) -> u32 {
        let base = front_base(self.front, window) as usize;
        let marked = count_ones(&self.marks, (from as usize).max(base), to.min(base + usize::from(window)));
        to as u32 - from - marked
    }
}

struct Walk {
    shape: Shape,
    deals: BTreeMap<u32, Deal>,
    rows: Vec<CoreRow>,
    sets: Vec<ListSet>,
    /// Cells of each level that were lit so far in the record at hand.
    lit_before: Vec<u32>,
    records: u64,
}

impl Walk {
    fn rest(&mut self, row: usize, sink: &mut impl Sink) {
        let goes_on = self.rows[row].output.take().is_none();
        sink.flag(!goes_on);
        if !goes_on {
            self.sets[self.rows[row].set].users -= 1;
            sink.plain(0, 2);
        }
    }

    fn record(&mut self, row: usize, visit: &Visit, step: usize, again: bool, sink: &mut impl Sink) {
        let levels = &visit.level[step * self.shape.cells..][..self.shape.cells];
        let turns = again || self.rows[row].output != Some(visit.output);
        let changed = self.changed(row, visit.output, levels);
        sink.flag(turns || !changed.is_empty());
        if turns || !changed.is_empty() {
            sink.plain(u32::from(turns) * 2 + u32::from(!changed.is_empty()), 2);
        }
        if turns {
            self.turn(row, visit, sink);
        }
        let codes = &mut self.rows[row].codes;
        for &(cell, code) in &changed {
            codes[cell] = code;
        }
        // A level takes two bits or so as a difference, a listed one its code and the cell.
        let all = 3 * changed.len() > codes.len();
        if !changed.is_empty() {
            sink.flag(all);
        }
        if all {
            let levels =
                || codes.iter().map(|&code| if code == 0 { IDLE } else { code as i16 - (1 << self.shape.format.bits) });
            key_record(levels, sink);
        } else if !changed.is_empty() {
            sink.changes(changed.len() as u32);
            let mut next = 0;
            for (cell, code) in changed {
                sink.change((cell - next) as u32, code);
                next = cell + 1;
            }
        }
        self.inputs(row, visit.output, levels, sink);
    }

    /// Cells that need another state code: a lit one that of its level; a dark one is dark by itself where its level has no column left, and else idle.
    fn changed(&mut self, row: usize, output: u32, levels: &[i16]) -> Vec<(usize, u16)> {
        let (deal, codes) = (&self.deals[&output], &self.rows[row].codes);
        let mut changed = Vec::new();
        for (cell, (&level, &code)) in levels.iter().zip(codes).enumerate() {
            if level != IDLE {
                let own = (level + (1 << self.shape.format.bits)) as u16;
                self.lit_before[usize::from(own) - 1] += 1;
                if own != code {
                    changed.push((cell, own));
                }
            } else if code != 0 && deal.left(usize::from(code) - 1) > self.lit_before[usize::from(code) - 1] {
                changed.push((cell, 0));
            }
        }
        self.lit_before.fill(0);
        changed
    }

    /// The core row gets an output, and the list set of that output, if there is one.
    fn turn(&mut self, row: usize, visit: &Visit, sink: &mut impl Sink) {
        let output = visit.output;
        if self.rows[row].output.take().is_some() {
            self.sets[self.rows[row].set].users -= 1;
        }
        let own = self.sets.iter().position(|set| set.output == Some(output));
        let anew = own.is_none();
        let set = own.or_else(|| self.unused()).unwrap_or(row);
        sink.plain(set as u32, shared_bits(self.sets.len() as u32));
        sink.flag(anew);
        if anew {
            let (deal, cols) = (&self.deals[&output], self.shape.cols as u32);
            let (begin, last) = deal.span().unwrap_or((0, 0));
            let pace = u64::from(last + 1 - begin) << FRONT_BITS;
            let pace = (pace / u64::from(deal.records.max(1))).min(u16::MAX.into()) as u16;
            sink.plain(output, shared_bits(self.shape.outputs as u32));
            if let Some(scale) = visit.scale {
                sink.plain(scale.to_bits(), 32);
            }
            sink.plain(begin, shared_bits(cols));
            sink.plain(pace.into(), 16);
            self.sets[set].begin(output, begin, pace);
        }
        self.sets[set].users += 1;
        (self.rows[row].output, self.rows[row].set) = (Some(output), set);
    }

    /// The list set, of those without a core row, that was used least recently; rather one whose output is done.
    fn unused(&self) -> Option<usize> {
        let open = |set: &ListSet| set.output.is_some_and(|output| self.deals[&output].span().is_some());
        let unused = (0..self.sets.len()).filter(|&i| self.sets[i].users == 0);
        unused.min_by_key(|&i| (open(&self.sets[i]), self.sets[i].used))
    }

    fn inputs(&mut self, row: usize, output: u32, levels: &[i16], sink: &mut impl Sink) {
        let (row, window, cols) = (&self.rows[row], self.shape.format.window, self.shape.cols);
        let set = &mut self.sets[row.set];
        let Some(deal) = self.deals.get_mut(&output) else { return };
        for (&level, &code) in levels.iter().zip(&row.codes).filter(|(_, code)| **code != 0) {
            let list = usize::from(code) - 1;
            let Some(next) = set.next[list] else {
                debug_assert_eq!(level, IDLE, "a list that is at its end has no column");
                continue;
            };
            if level == IDLE {
                // The list is at its end.
                sink.input(list, set.free(next, cols, window));
                set.next[list] = None;
                continue;
            }
            let column = deal.columns[deal.next[list] as usize];
            deal.next[list] += 1;
            sink.input(list, set.free(next, column as usize, window));
            set.next[list] = Some(column + 1);
            let base = front_base(set.front, window);
            if (base..base + u32::from(window)).contains(&column) {
                set.marks[column as usize / 64] |= 1 << (column % 64);
            }
        }
        set.front = set.front.saturating_add(set.pace.into());
        set.used = self.records;
    }
}
