//! One PCM cell, the differential pair of a weight cell, and the law of what a write costs.
//!
//! A weight cell holds a *signed level* `v` in `-(2^b - 1) ..= 2^b - 1`. Its plus cell is programmed to `max(v, 0)`, its
//! minus cell to `max(-v, 0)`: at most one of the two is above level 0. A *write* is one level step of one PCM cell, so
//! moving the weight cell from `a` to `b` takes `|a - b|` writes; an *event* is one PCM cell that changes in one step.

/// Number of bits of a PCM cell: at least 1.
pub const MIN_BITS: u8 = 1;
/// Number of bits of a PCM cell: at most 8.
pub const MAX_BITS: u8 = 8;

/// The highest level of a PCM cell with `2^bits` levels: `2^bits - 1`.
#[must_use]
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
}

impl Move {
    /// The move from signed level `from` to signed level `to`.
    #[must_use]
    pub const fn between(from: i16, to: i16) -> Self {
        let (p0, p1) = (positive(from), positive(to));
        let (m0, m1) = (positive(-from), positive(-to));
        Self {
            up: [p1.saturating_sub(p0), m1.saturating_sub(m0)],
            down: [p0.saturating_sub(p1), m0.saturating_sub(m1)],
        }
    }

    /// Level steps in all: `|from - to|`.
    #[must_use]
    pub const fn writes(self) -> u32 {
        self.up[0] as u32 + self.up[1] as u32 + self.down[0] as u32 + self.down[1] as u32
    }

    /// PCM cells that change: 0, 1, or 2 when the sign flips.
    #[must_use]
    pub const fn events(self) -> u32 {
        (self.up[0] + self.down[0] != 0) as u32 + (self.up[1] + self.down[1] != 0) as u32
    }
}

const fn positive(v: i16) -> u16 {
    if v > 0 { v as u16 } else { 0 }
}

/// What the device asks for one level step: energy in picojoules, time in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WriteCost {
    /// Energy of one level up, pJ.
    pub energy_up_pj: f64,
    /// Energy of one level down, pJ.
    pub energy_down_pj: f64,
    /// Time of one level up, microseconds.
    pub time_up_us: f64,
    /// Time of one level down, microseconds.
    pub time_down_us: f64,
}

impl WriteCost {
    /// Energy of a move, pJ.
    #[must_use]
    pub fn energy_pj(&self, m: Move) -> f64 {
        f64::from(m.up[0] + m.up[1]) * self.energy_up_pj + f64::from(m.down[0] + m.down[1]) * self.energy_down_pj
    }

    /// Time of a move, microseconds: the two cells of a pair are written side by side.
    #[must_use]
    pub fn time_us(&self, m: Move) -> f64 {
        let one = |i: usize| f64::from(m.up[i]) * self.time_up_us + f64::from(m.down[i]) * self.time_down_us;
        let (plus, minus) = (one(0), one(1));
        if plus > minus { plus } else { minus }
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
}
