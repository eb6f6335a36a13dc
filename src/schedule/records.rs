//! Programs to row records (docs/schedule-format.md, sections 4 and 5).
//!
//! One walk over a program produces the numbers that its records consist of; a [`Sink`] either measures them, to choose
//! the Rice parameters, or writes them.

use firmware_model::wire::{Lists, Reach, shared_bits, shared_choices, window_base, zigzag};

use super::bits::{BitString, rice_len};
use crate::geometry::IDLE;
use crate::order::slots::program::Program;
use crate::simd::simd;

/// How the records of a schedule are written: what the header says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFormat {
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Core rows that share an input.
    pub fanout: u16,
    /// Which lanes a weight may move to.
    pub reach: Reach,
    /// What an index list belongs to.
    pub lists: Lists,
    /// Window of used positions.
    pub window: u16,
}

/// The Rice parameters of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Number of changes in a record.
    pub change: u8,
    /// Gaps between changed cells.
    pub cell: u8,
    /// Level differences in a key record.
    pub key: u8,
    /// Inputs by level, `v + B`.
    pub index: Vec<u8>,
}

/// Takes the numbers of the records as they come.
pub trait Sink {
    /// One plain bit.
    fn flag(&mut self, yes: bool);
    /// A number in plain bits.
    fn plain(&mut self, x: u32, bits: u32);
    /// A zigzag level difference of a key record.
    fn key(&mut self, x: u32);
    /// Number of changes.
    fn changes(&mut self, n: u32);
    /// A changed cell, as a gap, and its new state code.
    fn change(&mut self, gap: u32, code: u16);
    /// The input of a cell at the level `v + B`.
    fn input(&mut self, level: usize, gap: u32);
    /// The record ends.
    fn end(&mut self);
}

/// Walks a program; `cols`: inputs of the row.
pub fn walk(program: &Program, cols: usize, format: RecordFormat, memory: &mut Memory, sink: &mut impl Sink) {
    // What an input's number depends on is known once for all; the loops that are left have no choice to make.
    simd(
        #[inline(always)]
        || match (format.reach, format.lists, format.window) {
            (Reach::Lane, ..) => walk_by::<LANE>(program, cols, format, memory, sink),
            (_, Lists::Cell, _) => walk_by::<CELL>(program, cols, format, memory, sink),
            (_, _, 0) => walk_by::<LEVEL>(program, cols, format, memory, sink),
            _ => walk_by::<LEVEL_IN_WINDOW>(program, cols, format, memory, sink),
        },
    );
}

/// What names an input: its place in the cell's lane.
const LANE: u8 = 0;
/// Its place in the cell's list; in a window, if there is one.
const CELL: u8 = 1;
/// Its place in the list of its level.
const LEVEL: u8 = 2;
/// The same in a window of used inputs.
const LEVEL_IN_WINDOW: u8 = 3;

#[inline(always)]
fn walk_by<const LIST: u8>(
    program: &Program,
    cols: usize,
    format: RecordFormat,
    memory: &mut Memory,
    sink: &mut impl Sink,
) {
    let top = firmware_model::pcm::top_level(format.bits);
    let cells = program.cells;
    let mut lists = memory.begin(format, cells, cols);
    let mut before: &[i16] = &[];
    for (t, (levels, inputs)) in program.level.chunks_exact(cells).zip(program.input.chunks_exact(cells)).enumerate() {
        lists.base = window_base(t as u32, program.steps as u32, cols as u32, format.window) as usize;
        if t == 0 {
            key_record(|| levels.iter().copied(), sink);
        } else if levels == before {
            sink.changes(0);
        } else {
            changes(before, levels, format.bits, &mut lists, sink);
        }
        for (cell, (&level, &input)) in levels.iter().zip(inputs).enumerate() {
            if level != IDLE {
                let index = (level + top) as usize;
                let gap = lists.gap::<LIST>(index, cell, cells, input as usize);
                sink.input(index, gap);
            }
        }
        sink.end();
        before = levels;
    }
}

/// Walks the program of a core row whose inputs are shared; `leads`: it is the first of its row group, and says the inputs.
pub fn walk_shared(program: &Program, leads: bool, cols: usize, format: RecordFormat, sink: &mut impl Sink) {
    let cells = program.cells;
    let width = shared_bits(shared_choices(format.reach, cols as u32, cells as u16));
    let lit = |levels: &[i16], cell: usize| levels[cell] != IDLE;
    let code = |level: i16| (level + (1 << format.bits)) as u16;
    let mut before: &[i16] = &[];
    for (levels, inputs) in program.level.chunks_exact(cells).zip(program.input.chunks_exact(cells)) {
        if leads {
            let as_before = (0..cells).all(|cell| lit(levels, cell) == (before.is_empty() || lit(before, cell)));
            sink.flag(as_before);
            if !as_before {
                (0..cells).for_each(|cell| sink.flag(lit(levels, cell)));
            }
            for cell in (0..cells).filter(|&cell| lit(levels, cell)) {
                let lane = if format.reach == Reach::Lane { inputs[cell] / cells as u32 } else { inputs[cell] };
                sink.plain(lane, width);
            }
        }
        if before.is_empty() {
            key_levels(levels.iter().copied(), sink);
        } else {
            let changed = || (0..cells).filter(|&cell| lit(levels, cell) && levels[cell] != before[cell]);
            let (lit_cells, changes) = ((0..cells).filter(|&cell| lit(levels, cell)).count(), changed().count());
            // A listed change takes some three bits more than its code.
            let listed = changes * (usize::from(format.bits) + 4) < lit_cells * (usize::from(format.bits) + 1);
            sink.flag(listed);
            if listed {
                sink.changes(changes as u32);
                let mut next = 0;
                for cell in changed() {
                    sink.change((cell - next) as u32, code(levels[cell]));
                    next = cell + 1;
                }
            } else {
                for cell in (0..cells).filter(|&cell| lit(levels, cell)) {
                    sink.plain(code(levels[cell]).into(), u32::from(format.bits) + 1);
                }
            }
        }
        sink.end();
        before = levels;
    }
}

#[inline(always)]
pub(super) fn key_record<L: Iterator<Item = i16>>(levels: impl Fn() -> L, sink: &mut impl Sink) {
    let all_active = levels().all(|l| l != IDLE);
    sink.flag(all_active);
    if !all_active {
        levels().for_each(|l| sink.flag(l != IDLE));
    }
    key_levels(levels(), sink);
}

/// Levels of the cells that are lit, as differences.
fn key_levels(levels: impl Iterator<Item = i16>, sink: &mut impl Sink) {
    let mut previous = 0;
    for level in levels.filter(|l| *l != IDLE) {
        sink.key(zigzag(i32::from(level) - previous));
        previous = i32::from(level);
    }
}

#[inline(always)]
fn changes(before: &[i16], levels: &[i16], bits: u8, lists: &mut ListState<'_>, sink: &mut impl Sink) {
    let changed = || before.iter().zip(levels).enumerate().filter(|(_, (b, l))| b != l);
    sink.changes(changed().count() as u32);
    let mut next = 0;
    for (cell, (_, &level)) in changed() {
        let code = if level == IDLE { 0 } else { (level + (1 << bits)) as u16 };
        sink.change((cell - next) as u32, code);
        lists.changed(cell);
        next = cell + 1;
    }
}

/// Memory of the walk, used again from program to program.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// One past the last index of each list, where each cell has one.
    of_cell: Vec<u32>,
    /// The same, where each level has one.
    of_level: LevelTable<u32>,
    /// Bit set of used positions of the row.
    used: Vec<u64>,
}

/// An entry for each level of a cell of 8 bits, rounded up to a power of two: an index modulo that needs no check.
#[derive(Clone, Debug)]
struct LevelTable<T>([T; 512]);

impl<T: Copy + Default> Default for LevelTable<T> {
    fn default() -> Self {
        Self([T::default(); 512])
    }
}

impl<T> LevelTable<T> {
    #[inline(always)]
    fn at(&mut self, level: usize) -> &mut T {
        &mut self.0[level % 512]
    }
}

impl Memory {
    fn begin(&mut self, format: RecordFormat, cells: usize, cols: usize) -> ListState<'_> {
        self.of_cell.clear();
        self.of_cell.resize(cells, 0);
        self.of_level.0.fill(0);
        self.used.clear();
        if format.window > 0 {
            self.used.resize(cols.div_ceil(64) + 1, 0);
        }
        let resets = format.reach == Reach::Row && format.lists == Lists::Cell;
        ListState {
            of_cell: &mut self.of_cell,
            of_level: &mut self.of_level,
            used: &mut self.used,
            resets,
            base: 0,
            window: format.window.into(),
        }
    }
}

struct ListState<'a> {
    of_cell: &'a mut [u32],
    of_level: &'a mut LevelTable<u32>,
    used: &'a mut [u64],
    resets: bool,
    base: usize,
    window: usize,
}

impl ListState<'_> {
    fn changed(&mut self, cell: usize) {
        if self.resets {
            self.of_cell[cell] = 0;
        }
    }

    /// The number that names `input`; brings the list and the window up to date.
    #[inline(always)]
    fn gap<const LIST: u8>(&mut self, level: usize, cell: usize, cells: usize, input: usize) -> u32 {
        let next = if LIST == LANE || LIST == CELL { &mut self.of_cell[cell] } else { self.of_level.at(level) };
        if LIST == LANE {
            let column = (input / cells) as u32;
            let gap = zigzag(column as i32 - *next as i32);
            *next = column + 1;
            return gap;
        }
        let from = *next as usize;
        debug_assert!(from <= input, "a list runs upwards");
        *next = input as u32 + 1;
        let gap = (input - from) as u32;
        if LIST == LEVEL || (LIST == CELL && self.window == 0) {
            return gap;
        }
        let end = self.base + self.window;
        let used = count_ones(self.used, from.max(self.base), input.min(end));
        if input >= self.base && input < end {
            self.used[input / 64] |= 1 << (input % 64);
        }
        gap - used
    }
}

/// Ones among the bits `from..to`; up to 64 of them, as nearly always, cost a single count. `words` has one word more than its bits need.
#[inline(always)]
pub(super) fn count_ones(words: &[u64], from: usize, to: usize) -> u32 {
    let mut ones = 0;
    let mut at = from;
    while at < to {
        let (word, shift, len) = (at / 64, at % 64, (to - at).min(64));
        let (low, high) = (words[word] >> shift, words[word + 1] << 1 << (63 - shift));
        ones += ((low | high) & (!0 >> (64 - len))).count_ones();
        at += len;
    }
    ones
}

/// The records of one slot: bits, and where each record ends.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// All records, one after the other.
    pub bits: BitString,
    /// Behind each record.
    pub ends: Vec<u32>,
}

/// Writes records.
pub struct Encoder<'a> {
    coding: &'a Coding,
    /// [`Coding::index`].
    index: LevelTable<u8>,
    state_bits: u32,
    out: &'a mut Records,
}

impl<'a> Encoder<'a> {
    /// Writes over `out`.
    pub fn new(coding: &'a Coding, bits: u8, out: &'a mut Records) -> Self {
        out.bits.clear();
        out.ends.clear();
        let mut index = LevelTable::default();
        index.0[..coding.index.len()].copy_from_slice(&coding.index);
        Self { coding, index, state_bits: u32::from(bits) + 1, out }
    }
}

impl Sink for Encoder<'_> {
    #[inline(always)]
    fn flag(&mut self, yes: bool) {
        self.out.bits.push(yes.into(), 1);
    }
    #[inline(always)]
    fn plain(&mut self, x: u32, bits: u32) {
        self.out.bits.push(x.into(), bits);
    }
    #[inline(always)]
    fn key(&mut self, x: u32) {
        self.out.bits.push_rice(x, self.coding.key);
    }
    #[inline(always)]
    fn changes(&mut self, n: u32) {
        self.out.bits.push_rice(n, self.coding.change);
    }
    #[inline(always)]
    fn change(&mut self, gap: u32, code: u16) {
        self.out.bits.push_rice(gap, self.coding.cell);
        self.out.bits.push(code.into(), self.state_bits);
    }
    #[inline(always)]
    fn input(&mut self, level: usize, gap: u32) {
        self.out.bits.push_rice(gap, *self.index.at(level));
    }
    #[inline(always)]
    fn end(&mut self) {
        self.out.ends.push(self.out.bits.len() as u32);
    }
}

/// Measures numbers, to choose the coding of a layer from a sample of its rows.
#[derive(Clone, Debug)]
pub struct Survey {
    change: Lengths,
    cell: Lengths,
    key: Lengths,
    index: Vec<Lengths>,
}

/// Total code length for each Rice parameter.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths([u64; 16]);

impl Lengths {
    fn add(&mut self, x: u32) {
        for (k, sum) in self.0.iter_mut().enumerate() {
            *sum += rice_len(x, k as u8);
        }
    }

    fn best(&self) -> Option<u8> {
        (0..16u8).min_by_key(|&k| self.0[usize::from(k)]).filter(|_| self.0[15] > 0)
    }
}

impl Survey {
    /// Nothing measured yet; `top`: the highest level.
    #[must_use]
    pub fn new(top: i16) -> Self {
        let none = Lengths::default();
        Self { change: none, cell: none, key: none, index: vec![none; 2 * top as usize + 1] }
    }

    /// Adds another survey's measurements.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [(&mut self.change, &other.change), (&mut self.cell, &other.cell), (&mut self.key, &other.key)];
        for (a, b) in pairs.into_iter().chain(self.index.iter_mut().zip(&other.index)) {
            a.0.iter_mut().zip(b.0).for_each(|(x, y)| *x += y);
        }
    }

    /// The parameters that make what was measured shortest. A level that was not met is taken to be rarer than all that were.
    #[must_use]
    pub fn coding(&self) -> Coding {
        let met: Vec<Option<u8>> = self.index.iter().map(Lengths::best).collect();
        let rarest = met.iter().flatten().max().copied().unwrap_or(4);
        Coding {
            change: self.change.best().unwrap_or(0),
            cell: self.cell.best().unwrap_or(2),
            key: self.key.best().unwrap_or(1),
            index: met.iter().map(|k| k.unwrap_or((rarest + 1).min(15))).collect(),
        }
    }
}

impl Sink for Survey {
    fn flag(&mut self, _: bool) {}
    fn plain(&mut self, _: u32, _: u32) {}
    fn key(&mut self, x: u32) {
        self.key.add(x);
    }
    fn changes(&mut self, n: u32) {
        self.change.add(n);
    }
    fn change(&mut self, gap: u32, _: u16) {
        self.cell.add(gap);
    }
    fn input(&mut self, level: usize, gap: u32) {
        self.index[level].add(gap);
    }
    fn end(&mut self) {}
}
