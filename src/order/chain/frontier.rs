//! Where cells stand between two stages, and at what cost: the two states of each cell, worked on in whole vectors of cells.

/// Cells worked on at once: one AVX2 register of 16-bit levels, or two of SSE or NEON.
pub(super) const LANES: usize = 16;

/// A level, a cost or a mask for each cell of a vector.
pub(super) type Vector = [i16; LANES];

type Pair<'a> = (&'a Vector, &'a Vector);

/// Level steps between two levels.
#[inline(always)]
#[must_use]
pub fn distance(a: i16, b: i16) -> i16 {
    (a - b).abs()
}

/// The two positions of each cell that matter at a stage boundary, and their costs relative to the cheaper one.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    lo: &'a [i16],
    hi: &'a [i16],
    cost_lo: &'a [i16],
    cost_hi: &'a [i16],
}

impl<'a> Ends<'a> {
    #[inline(always)]
    pub(super) fn of(block: &'a [i16]) -> Self {
        let n = block.len() / 4;
        let (lo, rest) = block.split_at(n);
        let (hi, rest) = rest.split_at(n);
        let (cost_lo, cost_hi) = rest.split_at(n);
        Self { lo, hi, cost_lo, cost_hi }
    }

    #[inline(always)]
    fn vectors(&self) -> impl Iterator<Item = (Pair<'a>, Pair<'a>)> {
        vectors(self.lo).zip(vectors(self.hi)).zip(vectors(self.cost_lo).zip(vectors(self.cost_hi)))
    }

    /// Cheapest cost between cell `cell` and level `x`.
    #[inline]
    #[must_use]
    pub fn reach(&self, cell: usize, x: i16) -> i16 {
        (self.cost_lo[cell] + distance(self.lo[cell], x)).min(self.cost_hi[cell] + distance(self.hi[cell], x))
    }

    /// [`Ends::reach`] of every cell of a row, to `out`.
    pub fn reach_all(&self, x: i16, out: &mut [i16]) {
        let n = out.len();
        let (lo, hi, cost_lo, cost_hi) = (&self.lo[..n], &self.hi[..n], &self.cost_lo[..n], &self.cost_hi[..n]);
        for c in 0..n {
            out[c] = (cost_lo[c] + distance(lo[c], x)).min(cost_hi[c] + distance(hi[c], x));
        }
    }

    /// Cheapest cost between this boundary and another one for a cell that idles between them.
    #[inline]
    #[must_use]
    pub fn meet(&self, cell: usize, other: &Ends<'_>) -> i16 {
        (self.cost_lo[cell] + other.reach(cell, self.lo[cell]))
            .min(self.cost_hi[cell] + other.reach(cell, self.hi[cell]))
    }
}

/// What each cell of a core row visits in a slot.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    /// Lowest level of each cell's chunk; unspecified where `len` is 0.
    pub lo: &'a [i16],
    /// Highest level of each cell's chunk; unspecified where `len` is 0.
    pub hi: &'a [i16],
    /// Weights in each cell's chunk; 0 for an idle cell.
    pub len: &'a [u32],
}

impl Chunks<'_> {
    /// The cells that are used, in the order in which their chunks follow each other in the sorted row. (Not by cell where cells idle: a
    /// level's weights may go to any cell that stands at it.)
    pub fn in_order(&self, out: &mut Vec<u32>) {
        let key = |cell: &u32| (self.lo[*cell as usize], self.hi[*cell as usize]);
        out.clear();
        out.extend((0..self.len.len() as u32).filter(|&cell| self.len[cell as usize] > 0));
        if !out.is_sorted_by_key(key) {
            out.sort_by_key(key);
        }
    }

    /// Where each cell's chunk begins in the sorted row; 0 for a cell that is not used. `order`: a buffer.
    pub fn begins(&self, order: &mut Vec<u32>, out: &mut Vec<u32>) {
        self.in_order(order);
        out.clear();
        out.resize(self.len.len(), 0);
        let mut from = 0;
        for &cell in order.iter() {
            out[cell as usize] = from;
            from += self.len[cell as usize];
        }
    }
}

/// `yes` where `mask` is -1, `no` where it is 0.
#[inline(always)]
pub(super) fn pick(mask: i16, yes: i16, no: i16) -> i16 {
    (yes & mask) | (no & !mask)
}

/// The two states of each cell of a vector, as in [`super::two_state::TwoStates`], with costs relative to the cheaper one.
#[derive(Clone, Copy)]
pub(super) struct States {
    /// Lowest and highest level of the last interval.
    pub at: [Vector; 2],
    pub cost: [Vector; 2],
}

/// What a stage does to the states.
pub(super) struct Step {
    /// Those behind it.
    pub states: States,
    /// What their relative costs leave out.
    pub paid: Vector,
    /// For entering at the lowest and at the highest level: -1 where the state before it was the upper one.
    pub from_high: [Vector; 2],
}

impl States {
    /// The next interval of each cell, `[lo, hi]`; a cell that is not active passes it by.
    #[inline(always)]
    pub fn next(&self, [lo, hi]: [&Vector; 2], active: &Vector) -> Step {
        let none = [[0; LANES]; 2];
        let mut step = Step { states: Self { at: none, cost: none }, paid: none[0], from_high: none };
        for c in 0..LANES {
            let mut enter = [0; 2];
            for (side, level) in [lo[c], hi[c]].into_iter().enumerate() {
                let [low, high] = [0, 1].map(|end| self.cost[end][c] + distance(self.at[end][c], level));
                enter[side] = low.min(high);
                step.from_high[side][c] = -i16::from(high < low);
            }
            let cheaper = enter[0].min(enter[1]);
            step.paid[c] = (cheaper + hi[c] - lo[c]) & active[c];
            step.states.at[0][c] = pick(active[c], lo[c], self.at[0][c]);
            step.states.at[1][c] = pick(active[c], hi[c], self.at[1][c]);
            step.states.cost[0][c] = pick(active[c], enter[1] - cheaper, self.cost[0][c]);
            step.states.cost[1][c] = pick(active[c], enter[0] - cheaper, self.cost[1][c]);
        }
        step
    }
}

/// The intervals of all cells of a slot, in whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Intervals<'a> {
    pub lo: &'a [i16],
    pub hi: &'a [i16],
    /// -1 for a cell that is used, else 0.
    pub active: &'a [i16],
}

impl<'a> Intervals<'a> {
    #[inline(always)]
    fn vectors(self) -> impl Iterator<Item = (Pair<'a>, &'a Vector)> {
        vectors(self.lo).zip(vectors(self.hi)).zip(vectors(self.active))
    }
}

/// Moves all cells of a slot across a stage: writes the ends behind it over `out`. Returns the cost that the relative costs
/// of `out` leave out, and whether `out` changed.
#[inline(always)]
pub(super) fn advance(from: &Ends<'_>, intervals: Intervals<'_>, out: &mut [i16]) -> (i64, bool) {
    let (out_lo, rest) = out.split_at_mut(intervals.lo.len());
    let (out_hi, rest) = rest.split_at_mut(intervals.lo.len());
    let (out_cost_lo, out_cost_hi) = rest.split_at_mut(intervals.lo.len());
    let outs = vectors_mut(out_lo).zip(vectors_mut(out_hi)).zip(vectors_mut(out_cost_lo).zip(vectors_mut(out_cost_hi)));
    let (mut sums, mut changed) = (Sums::default(), false);
    for ((((lo, hi), active), ((at_lo, at_hi), (cost_lo, cost_hi))), ((new_lo, new_hi), (new_cost_lo, new_cost_hi))) in
        intervals.vectors().zip(from.vectors()).zip(outs)
    {
        let states = States { at: [*at_lo, *at_hi], cost: [*cost_lo, *cost_hi] };
        let Step { states: States { at, cost }, paid, .. } = states.next([lo, hi], active);
        sums.add(&paid);
        for (old, new) in [(new_lo, at[0]), (new_hi, at[1]), (new_cost_lo, cost[0]), (new_cost_hi, cost[1])] {
            changed |= *old != new;
            *old = new;
        }
    }
    (sums.total(), changed)
}

/// Cheapest cost of all cells from `past` through a stage to `future`.
#[inline(always)]
pub(super) fn join_cells(past: &Ends<'_>, intervals: Intervals<'_>, future: &Ends<'_>) -> i64 {
    let mut sums = Sums::default();
    for ((((lo, hi), active), ((p_lo, p_hi), (p_cost_lo, p_cost_hi))), ((f_lo, f_hi), (f_cost_lo, f_cost_hi))) in
        intervals.vectors().zip(past.vectors()).zip(future.vectors())
    {
        let mut costs = [0; LANES];
        for c in 0..LANES {
            let from = |x: i16| (p_cost_lo[c] + distance(p_lo[c], x)).min(p_cost_hi[c] + distance(p_hi[c], x));
            let to = |x: i16| (f_cost_lo[c] + distance(f_lo[c], x)).min(f_cost_hi[c] + distance(f_hi[c], x));
            let through = (from(lo[c]) + to(hi[c])).min(from(hi[c]) + to(lo[c])) + hi[c] - lo[c];
            let past_it = (p_cost_lo[c] + to(p_lo[c])).min(p_cost_hi[c] + to(p_hi[c]));
            costs[c] = (through & active[c]) | (past_it & !active[c]);
        }
        sums.add(&costs);
    }
    sums.total()
}

/// Sums of vectors of costs. A cost is below `4 * 511` (four moves over the whole range of an 8-bit cell), so 16 bits hold eight of
/// them, and the additions stay vectors of 16 bits.
#[derive(Default)]
struct Sums {
    narrow: Vector,
    added: u32,
    wide: i64,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, costs: &Vector) {
        for (sum, cost) in self.narrow.iter_mut().zip(costs) {
            *sum += cost;
        }
        self.added += 1;
        if self.added.is_multiple_of(8) {
            self.flush();
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        self.wide += self.narrow.iter().map(|&x| i64::from(x)).sum::<i64>();
        self.narrow = [0; LANES];
    }

    #[inline(always)]
    fn total(mut self) -> i64 {
        self.flush();
        self.wide
    }
}

#[inline(always)]
fn vectors(data: &[i16]) -> std::slice::Iter<'_, Vector> {
    data.as_chunks().0.iter()
}

#[inline(always)]
fn vectors_mut(data: &mut [i16]) -> std::slice::IterMut<'_, Vector> {
    data.as_chunks_mut().0.iter_mut()
}
