//! One PCM cell, the differential pair of a weight cell, and the law of what a write costs.
//!
//! A weight cell holds a *signed level* `v` in `-(2^b - 1) ..= 2^b - 1`. Its plus cell is programmed to `max(v, 0)`, its
//! minus cell to `max(-v, 0)`: at most one of the two is above level 0. A *write* is one level step of one PCM cell, so
//! moving the weight cell from `a` to `b` takes `|a - b|` writes; an *event* is one PCM cell that changes in one step.
//!
//! What writes and events cost depends on how a device is driven: [`WriteCost`] has one variant for each way.

/// Number of bits of a PCM cell: at least 1.
pub const MIN_BITS: u8 = 1;
/// Number of bits of a PCM cell: at most 8.
pub const MAX_BITS: u8 = 8;

/// The highest level of a PCM cell with `2^bits` levels: `2^bits - 1`.
#[must_use]
#[inline]
pub const fn top_level(bits: u8) -> i16 {
    (1 << bits) - 1
}

/// What one weight cell's move from one signed level to another does to its two PCM cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Level steps up (towards higher transmission), by `[plus, minus]` cell.
    pub up: [u16; 2],
    /// Level steps down, by `[plus, minus]` cell.
    pub down: [u16; 2],
    /// Level after the move, by `[plus, minus]` cell.
    pub to: [u16; 2],
}

impl Move {
    /// The move from signed level `from` to signed level `to`.
    #[must_use]
    #[inline]
    pub const fn between(from: i16, to: i16) -> Self {
        let (p0, p1) = (positive(from), positive(to));
        let (m0, m1) = (positive(-from), positive(-to));
        Self {
            up: [p1.saturating_sub(p0), m1.saturating_sub(m0)],
            down: [p0.saturating_sub(p1), m0.saturating_sub(m1)],
            to: [p1, m1],
        }
    }

    /// Level steps in all: `|from - to|`.
    #[must_use]
    #[inline]
    pub const fn writes(self) -> u32 {
        self.up[0] as u32 + self.up[1] as u32 + self.down[0] as u32 + self.down[1] as u32
    }

    /// PCM cells that change: 0, 1, or 2 when the sign flips.
    #[must_use]
    #[inline]
    pub const fn events(self) -> u32 {
        self.changes(0) as u32 + self.changes(1) as u32
    }

    /// Whether a cell of the pair changes (0: plus, 1: minus).
    #[must_use]
    #[inline]
    pub const fn changes(self, cell: usize) -> bool {
        self.up[cell] + self.down[cell] != 0
    }

    /// Whether a cell of the pair changes and was above level 0, so that a device that resets first has to reset it.
    #[must_use]
    #[inline]
    pub const fn resets(self, cell: usize) -> bool {
        self.changes(cell) && self.to[cell] + self.down[cell] > self.up[cell]
    }
}

const fn positive(v: i16) -> u16 {
    if v > 0 { v as u16 } else { 0 }
}

/// Writes of PCM cells, counted so that every [`WriteCost`] can price them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Level steps up.
    pub up: u64,
    /// Level steps down.
    pub down: u64,
    /// Changes to a higher level, of any size.
    pub rises: u64,
    /// Changes to a lower level, of any size.
    pub falls: u64,
    /// Changes from a level above 0.
    pub resets: u64,
    /// Changes to a level above 0.
    pub sets: u64,
    /// Sum of the levels that these changes lead to.
    pub set_levels: u64,
}

impl Counts {
    /// Counts a move.
    #[inline]
    pub const fn add(&mut self, m: Move) {
        let mut cell = 0;
        while cell < 2 {
            self.up += m.up[cell] as u64;
            self.down += m.down[cell] as u64;
            self.rises += (m.up[cell] > 0) as u64;
            self.falls += (m.down[cell] > 0) as u64;
            self.resets += m.resets(cell) as u64;
            if m.changes(cell) {
                self.sets += (m.to[cell] > 0) as u64;
                self.set_levels += m.to[cell] as u64;
            }
            cell += 1;
        }
    }

    /// Adds what was counted elsewhere.
    #[inline]
    pub const fn merge(&mut self, other: &Self) {
        self.up += other.up;
        self.down += other.down;
        self.rises += other.rises;
        self.falls += other.falls;
        self.resets += other.resets;
        self.sets += other.sets;
        self.set_levels += other.set_levels;
    }

    /// Level steps in all.
    #[must_use]
    #[inline]
    pub const fn writes(&self) -> u64 {
        self.up + self.down
    }

    /// Changes of PCM cells.
    #[must_use]
    #[inline]
    pub const fn events(&self) -> u64 {
        self.rises + self.falls
    }
}

/// Energy and time of one pulse or level step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Energy, pJ.
    pub energy_pj: f64,
    /// Time, microseconds.
    pub time_us: f64,
}

/// How a device is written, and what it asks for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WriteCost {
    /// Level by level: a change costs each level step that it passes.
    PerLevel {
        /// One level up.
        up: Price,
        /// One level down.
        down: Price,
    },
    /// One pulse for each change, whatever its size.
    SingleShot {
        /// A change to a higher level.
        up: Price,
        /// A change to a lower level.
        down: Price,
    },
    /// Every change begins with a reset to level 0, unless the cell is there, and sets the new level from there, unless that is 0.
    ResetThenSet {
        /// The reset.
        reset: Price,
        /// The set, whatever the level.
        set: Price,
        /// Each level that is set, in addition.
        set_level: Price,
    },
}

/// The slowest of some changes that are made side by side; which, says [`WriteCost::slowest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slowest {
    /// Per level: most level steps up. Single shot: 1 when a cell rises. Reset then set: highest level set without a reset.
    pub up: u16,
    /// Per level: most level steps down. Single shot: 1 when a cell falls. Reset then set: 1 more than the highest level set after
    /// a reset.
    pub down: u16,
}

impl Slowest {
    /// The slowest of two groups.
    #[must_use]
    #[inline]
    pub const fn with(self, other: Self) -> Self {
        Self {
            up: if self.up > other.up { self.up } else { other.up },
            down: if self.down > other.down { self.down } else { other.down },
        }
    }
}

impl WriteCost {
    /// Energy of counted writes, pJ.
    #[must_use]
    #[inline]
    pub fn energy_pj(&self, counts: &Counts) -> f64 {
        self.sum(counts, |price| price.energy_pj)
    }

    /// Time of counted writes if one PCM cell is written after the other, microseconds.
    #[must_use]
    pub fn serial_time_us(&self, counts: &Counts) -> f64 {
        self.sum(counts, |price| price.time_us)
    }

    fn sum(&self, counts: &Counts, part: impl Fn(&Price) -> f64) -> f64 {
        let total = |count: u64, price: &Price| count as f64 * part(price);
        match self {
            Self::PerLevel { up, down } => total(counts.up, up) + total(counts.down, down),
            Self::SingleShot { up, down } => total(counts.rises, up) + total(counts.falls, down),
            Self::ResetThenSet { reset, set, set_level } => {
                total(counts.resets, reset) + total(counts.sets, set) + total(counts.set_levels, set_level)
            }
        }
    }

    /// Pulses of counted writes: one for each level step, each change, or each reset and each set.
    #[must_use]
    #[inline]
    pub const fn pulses(&self, counts: &Counts) -> u64 {
        match self {
            Self::PerLevel { .. } => counts.writes(),
            Self::SingleShot { .. } => counts.events(),
            Self::ResetThenSet { .. } => counts.resets + counts.sets,
        }
    }

    /// What one PCM cell is worn by: level steps, pulses, or resets. Resets because it is they that melt the material, and one
    /// reset goes with each cycle that an endurance counts.
    #[must_use]
    #[inline]
    pub const fn wear(&self, writes: u64, events: u64, resets: u64) -> u64 {
        match self {
            Self::PerLevel { .. } => writes,
            Self::SingleShot { .. } => events,
            Self::ResetThenSet { .. } => resets,
        }
    }

    /// What decides how long a move takes: the two cells of a pair are written side by side.
    #[must_use]
    #[inline]
    pub const fn slowest(&self, m: Move) -> Slowest {
        let mut slowest = Slowest { up: 0, down: 0 };
        let mut cell = 0;
        while cell < 2 {
            let (up, down, to) = (m.up[cell], m.down[cell], m.to[cell]);
            slowest = slowest.with(match self {
                Self::PerLevel { .. } => Slowest { up, down },
                Self::SingleShot { .. } => Slowest { up: (up > 0) as u16, down: (down > 0) as u16 },
                Self::ResetThenSet { .. } if m.resets(cell) => Slowest { up: 0, down: to + 1 },
                Self::ResetThenSet { .. } if m.changes(cell) => Slowest { up: to, down: 0 },
                Self::ResetThenSet { .. } => Slowest { up: 0, down: 0 },
            });
            cell += 1;
        }
        slowest
    }

    /// Time of the slowest of some changes that are made side by side, microseconds.
    #[must_use]
    #[inline]
    pub fn time_us(&self, slowest: Slowest) -> f64 {
        let times = |count: u16, price: &Price| f64::from(count) * price.time_us;
        let (a, b) = match self {
            Self::PerLevel { up, down } | Self::SingleShot { up, down } => {
                (times(slowest.up, up), times(slowest.down, down))
            }
            Self::ResetThenSet { reset, set, set_level } => {
                let to = |level: u16| if level > 0 { set.time_us + times(level, set_level) } else { 0.0 };
                (to(slowest.up), if slowest.down > 0 { reset.time_us + to(slowest.down - 1) } else { 0.0 })
            }
        };
        if a > b { a } else { b }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_costs_its_distance() {
        for from in -15..=15i16 {
            for to in -15..=15i16 {
                let m = Move::between(from, to);
                assert_eq!(m.writes(), u32::from(from.abs_diff(to)));
                let flips = (from > 0 && to < 0) || (from < 0 && to > 0);
                assert_eq!(
                    m.events(),
                    if from == to {
                        0
                    } else if flips {
                        2
                    } else {
                        1
                    }
                );
            }
        }
    }

    const fn price(energy_pj: f64, time_us: f64) -> Price {
        Price { energy_pj, time_us }
    }

    /// Energy, time and pulses of one move.
    fn of(cost: WriteCost, from: i16, to: i16) -> (f64, f64, u64) {
        let (m, mut counts) = (Move::between(from, to), Counts::default());
        counts.add(m);
        assert_eq!((counts.writes(), counts.events()), (m.writes().into(), m.events().into()));
        (cost.energy_pj(&counts), cost.time_us(cost.slowest(m)), cost.pulses(&counts))
    }

    #[test]
    fn moves_by_hand() {
        let per_level = WriteCost::PerLevel { up: price(9.0, 0.5), down: price(40.0, 20.0) };
        assert_eq!(of(per_level, 2, -3), (2.0 * 40.0 + 3.0 * 9.0, 40.0, 5));
        let single = WriteCost::SingleShot { up: price(9.0, 0.5), down: price(40.0, 20.0) };
        assert_eq!(of(single, 2, -3), (49.0, 20.0, 2));
        assert_eq!(of(single, 1, 14), (9.0, 0.5, 1));
        assert_eq!(of(single, 5, 5), (0.0, 0.0, 0));
        let reset =
            WriteCost::ResetThenSet { reset: price(100.0, 7.0), set: price(10.0, 1.0), set_level: price(1.0, 0.25) };
        assert_eq!(of(reset, 5, 3), (113.0, 8.75, 2));
        assert_eq!(of(reset, 0, -4), (14.0, 2.0, 1));
        assert_eq!(of(reset, 4, 0), (100.0, 7.0, 1));
        // The minus cell is set while the plus cell is reset.
        assert_eq!(of(reset, 4, -15), (125.0, 7.0, 2));
        assert_eq!(of(reset, -3, -3), (0.0, 0.0, 0));
    }

    #[test]
    fn a_cell_above_0_is_reset() {
        assert!(Move::between(3, 5).resets(0) && Move::between(3, 1).resets(0) && Move::between(3, -1).resets(0));
        assert!(!Move::between(0, 5).resets(0) && !Move::between(3, 3).resets(0) && !Move::between(3, -1).resets(1));
    }
}
