//! The directions of all cells of a core row at once: the dynamic program of [`super::directions`] on whole vectors of cells.

use super::timeline::{LANES, Line, distance};
use crate::simd::simd;

type Vector = [i16; LANES];

/// Where a core row's cells come from and where they have to end; vectors are padded like the line's own.
#[derive(Clone, Copy, Debug)]
pub enum Ways<'a> {
    /// Where they end, they start.
    Cycle,
    /// By cell: the level at the start (none: anywhere), and at the end.
    Part(Option<&'a [i16]>, Option<&'a [Option<i16>]>),
}

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

/// The cheapest directions of a core row. Exact: theorem 2 of docs/ordering.md.
#[must_use]
pub fn solve(line: &Line, ways: Ways<'_>) -> Sweeps {
    simd(
        #[inline(always)]
        || solve_vectors(line, ways),
    )
}

#[inline(always)]
fn solve_vectors(line: &Line, ways: Ways<'_>) -> Sweeps {
    let (cells, stages) = (line.cells(), line.stages());
    let mut out =
        Sweeps { rising: vec![false; cells * stages], writes: 0, first: vec![0; cells], last: vec![0; cells] };
    let mut came = [Vec::with_capacity(stages), Vec::with_capacity(stages)];
    for from in (0..cells).step_by(LANES) {
        let lanes = from..(from + LANES).min(cells);
        let used = Used::of(line, from);
        let (mut start, mut anywhere, mut end) = ([0; LANES], [0; LANES], [None; LANES]);
        if let Ways::Part(starts, ends) = ways {
            match starts {
                Some(starts) => start[..lanes.len()].copy_from_slice(&starts[lanes.clone()]),
                None => anywhere = [-1; LANES],
            }
            if let Some(ends) = ends {
                end[..lanes.len()].copy_from_slice(&ends[lanes.clone()]);
            }
        }
        let (found, other) = match ways {
            // The cycle passes through one of the two ends of its last interval.
            Ways::Cycle => {
                let [lo, hi] = used.last.map(|at| (at, at.map(Some)));
                let low = forward(line, from, lo.0, anywhere, lo.1, &mut came[0]);
                let high = forward(line, from, hi.0, anywhere, hi.1, &mut came[1]);
                let better: Vector = std::array::from_fn(|c| -i16::from(high.total[c] < low.total[c]));
                (low.or(high, &better), better)
            }
            Ways::Part(..) => (forward(line, from, start, anywhere, end, &mut came[0]), [0; LANES]),
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
            if used.cells[c] == 0 {
                if let Ways::Part(Some(_), _) = ways {
                    (out.first[cell], out.last[cell]) = (start[c], end[c].unwrap_or(start[c]));
                }
                continue;
            }
            out.writes += i64::from(found.total[c]);
            let left = pick(found.left_high[c], used.last[1][c], used.last[0][c]);
            let entered = pick(first_rises[c], used.first[0][c], used.first[1][c]);
            (out.first[cell], out.last[cell]) = match ways {
                Ways::Cycle => (left, left),
                Ways::Part(Some(_), _) => (start[c], end[c].unwrap_or(left)),
                Ways::Part(None, _) => (entered, end[c].unwrap_or(left)),
            };
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
    fn of(line: &Line, from: usize) -> Self {
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

/// Writes to `came[stage]`, for entering at lo and at hi, -1 where the interval before was best left at its top.
#[inline(always)]
fn forward(
    line: &Line,
    from: usize,
    start: Vector,
    anywhere: Vector,
    end: [Option<i16>; LANES],
    came: &mut Vec<[Vector; 2]>,
) -> Found {
    came.clear();
    let (mut at, mut cost, mut anywhere) = ([start; 2], [[0i16; LANES]; 2], anywhere);
    let mut total = [0i32; LANES];
    for stage in 0..line.stages() {
        let (lo, hi, active) = vectors(line, stage, from);
        let mut chosen = [[0; LANES]; 2];
        for c in 0..LANES {
            let mut enter = [0; 2];
            for (side, x) in [lo[c], hi[c]].into_iter().enumerate() {
                let (low, high) = (cost[0][c] + distance(at[0][c], x), cost[1][c] + distance(at[1][c], x));
                enter[side] = low.min(high) & !anywhere[c];
                chosen[side][c] = -i16::from(high < low) & !anywhere[c];
            }
            let cheaper = enter[0].min(enter[1]);
            total[c] += i32::from((cheaper + hi[c] - lo[c]) & active[c]);
            at[0][c] = pick(active[c], lo[c], at[0][c]);
            at[1][c] = pick(active[c], hi[c], at[1][c]);
            cost[0][c] = pick(active[c], enter[1] - cheaper, cost[0][c]);
            cost[1][c] = pick(active[c], enter[0] - cheaper, cost[1][c]);
            anywhere[c] &= !active[c];
        }
        came.push(chosen);
    }
    let mut left_high = [0; LANES];
    for c in 0..LANES {
        let to_end = |x: i16| end[c].map_or(0, |end| distance(x, end)) & !anywhere[c];
        let (low, high) = (cost[0][c] + to_end(at[0][c]), cost[1][c] + to_end(at[1][c]));
        left_high[c] = -i16::from(high < low);
        total[c] += i32::from(low.min(high));
    }
    Found { total, left_high }
}

/// `yes` where `mask` is -1, `no` where it is 0.
#[inline(always)]
fn pick(mask: i16, yes: i16, no: i16) -> i16 {
    (yes & mask) | (no & !mask)
}

#[inline(always)]
fn vectors(line: &Line, stage: usize, from: usize) -> (&Vector, &Vector, &Vector) {
    let (lo, hi, active) = line.intervals(stage);
    let vector = |data| -> &Vector { &<[i16]>::as_chunks(data).0[from / LANES] };
    (vector(lo), vector(hi), vector(active))
}
