//! The directions of all cells of a core row at once: the program over two states ([`super::two_state`]) on whole vectors of cells.

use super::boundary::{Boundary, CoreBoundary};
use super::core_row_timeline::CoreRowTimeline;
use super::frontier::{LANES, States, Vector, distance, pick};
use crate::simd::simd;

/// What has been chosen for a core row.
#[derive(Clone, Debug)]
pub struct Sweeps {
    /// `rising[stage * cells + cell]`: the chunk is swept upwards.
    pub rising: Vec<bool>,
    /// Level steps of all cells.
    pub writes: i64,
    /// Levels at which the cells begin.
    pub first: Vec<i16>,
    /// Levels at which the cells end.
    pub last: Vec<i16>,
}

/// The cheapest directions of a core row, whose first cell is number `first_cell` of the boundary. Exact: theorem 2 of docs/ordering.md.
#[must_use]
pub fn solve(line: &CoreRowTimeline, boundary: &CoreBoundary, first_cell: usize) -> Sweeps {
    simd(
        #[inline(always)]
        || solve_vectors(line, boundary, first_cell),
    )
}

#[inline(always)]
fn solve_vectors(line: &CoreRowTimeline, boundary: &CoreBoundary, first_cell: usize) -> Sweeps {
    let (cells, stages) = (line.cells(), line.stages());
    let mut out =
        Sweeps { rising: vec![false; cells * stages], writes: 0, first: vec![0; cells], last: vec![0; cells] };
    let mut came = [Vec::with_capacity(stages), Vec::with_capacity(stages)];
    for from in (0..cells).step_by(LANES) {
        let lanes = from..(from + LANES).min(cells);
        let used = Used::of(line, from);
        let own = first_cell + lanes.start..first_cell + lanes.end;
        let (found, other) = match boundary {
            // The cycle passes through one of the two ends of its last interval.
            Boundary::Cyclic => {
                let given = |level: &Vector| level.map(Some);
                let [low, high] = used.last.each_ref().map(given);
                let low = forward(line, from, &used, &low, &low, &mut came[0]);
                let high = forward(line, from, &used, &high, &high, &mut came[1]);
                let better: Vector = std::array::from_fn(|c| -i16::from(high.total[c] < low.total[c]));
                (low.or(high, &better), better)
            }
            Boundary::Open { start, end } => {
                (forward(line, from, &used, &start[own.clone()], &end[own.clone()], &mut came[0]), [0; LANES])
            }
        };
        let (mut left_high, mut first_rises) = (found.left_high, [0; LANES]);
        for stage in (0..stages).rev() {
            let (_, _, active) = vectors(line, stage, from);
            for c in 0..LANES {
                first_rises[c] = pick(active[c], left_high[c], first_rises[c]);
            }
            let rising = &mut out.rising[stage * cells..][lanes.clone()];
            for (c, rising) in rising.iter_mut().enumerate() {
                *rising = left_high[c] & active[c] != 0;
            }
            let chosen = |which: usize| came[which].get(stage).copied().unwrap_or([[0; LANES]; 2]);
            let (first, second) = (chosen(0), chosen(1));
            for c in 0..LANES {
                // Left at the top means entered at the bottom, and the other way round.
                let from_lo = pick(other[c], second[0][c], first[0][c]);
                let from_hi = pick(other[c], second[1][c], first[1][c]);
                left_high[c] = pick(active[c], pick(left_high[c], from_lo, from_hi), left_high[c]);
            }
        }
        for (c, cell) in lanes.enumerate() {
            let mut ends = None;
            if used.cells[c] != 0 {
                out.writes += i64::from(found.total[c]);
                let left = pick(found.left_high[c], used.last[1][c], used.last[0][c]);
                ends = Some((pick(first_rises[c], used.first[0][c], used.first[1][c]), left));
            }
            (out.first[cell], out.last[cell]) = boundary.of_cell(first_cell + cell).ends(ends);
        }
    }
    out
}

/// The first and the last interval of each cell of a vector, `[lo, hi]`; 0 for a cell that is never used.
struct Used {
    /// -1 for a cell that is used.
    cells: Vector,
    first: [Vector; 2],
    last: [Vector; 2],
}

impl Used {
    #[inline(always)]
    fn of(line: &CoreRowTimeline, from: usize) -> Self {
        let mut used = Self { cells: [0; LANES], first: [[0; LANES]; 2], last: [[0; LANES]; 2] };
        for stage in 0..line.stages() {
            let (lo, hi, active) = vectors(line, stage, from);
            for c in 0..LANES {
                let new = active[c] & !used.cells[c];
                used.first[0][c] = pick(new, lo[c], used.first[0][c]);
                used.first[1][c] = pick(new, hi[c], used.first[1][c]);
                used.last[0][c] = pick(active[c], lo[c], used.last[0][c]);
                used.last[1][c] = pick(active[c], hi[c], used.last[1][c]);
                used.cells[c] |= active[c];
            }
        }
        used
    }
}

/// The cheapest way through all stages from one start.
#[derive(Clone, Copy)]
struct Found {
    total: [i32; LANES],
    /// -1 where the last interval is left at its top.
    left_high: Vector,
}

impl Found {
    #[inline(always)]
    fn or(self, other: Self, mask: &Vector) -> Self {
        let total = std::array::from_fn(|c| if mask[c] != 0 { other.total[c] } else { self.total[c] });
        Self { total, left_high: std::array::from_fn(|c| pick(mask[c], other.left_high[c], self.left_high[c])) }
    }
}

/// Writes to `came[stage]`, for entering at lo and at hi, -1 where the interval before was best left at its top. `start`, `end`: of the
/// cells of this vector; what is missing is padding. What cells that are never used cost means nothing.
#[inline(always)]
fn forward(
    line: &CoreRowTimeline,
    from: usize,
    used: &Used,
    start: &[Option<i16>],
    end: &[Option<i16>],
    came: &mut Vec<[Vector; 2]>,
) -> Found {
    came.clear();
    // A cell that may begin anywhere stands at both ends of its first interval.
    let mut states = States { at: used.first, cost: [[0; LANES]; 2] };
    for (c, start) in start.iter().enumerate() {
        if let Some(start) = start {
            states.at.iter_mut().for_each(|at| at[c] = *start);
        }
    }
    let mut total = [0i32; LANES];
    for stage in 0..line.stages() {
        let (lo, hi, active) = vectors(line, stage, from);
        let step = states.next([lo, hi], active);
        total.iter_mut().zip(step.paid).for_each(|(total, paid)| *total += i32::from(paid));
        states = step.states;
        came.push(step.from_high);
    }
    let mut left_high = [0; LANES];
    for c in 0..LANES {
        let end = end.get(c).copied().flatten();
        let to_end = |x: i16| end.map_or(0, |end| distance(x, end));
        let [low, high] = [0, 1].map(|side| states.cost[side][c] + to_end(states.at[side][c]));
        left_high[c] = -i16::from(high < low);
        total[c] += i32::from(low.min(high));
    }
    Found { total, left_high }
}

#[inline(always)]
fn vectors(line: &CoreRowTimeline, stage: usize, from: usize) -> (&Vector, &Vector, &Vector) {
    let intervals = line.intervals(stage);
    let vector = |data| -> &Vector { &<[i16]>::as_chunks(data).0[from / LANES] };
    (vector(intervals.lo), vector(intervals.hi), vector(intervals.active))
}
