//! Records of core rows that share inputs (section 6 of docs/schedule-format.md).

use super::bytes::Bits;
use super::error::{Place, Problem};
use super::format::Reach;
use super::ledger::Ledger;
use super::outputs::Output;
use super::row::{Row, Rules, refill};

/// What the leader of a row group has said of the step at hand: the column that lights each lane, if any.
#[derive(Default)]
pub(super) struct Lanes(Vec<Option<i64>>);

impl Lanes {
    /// Reads the leader's part of a record; `before`: which of its cells were active in the step before.
    fn read(
        &mut self,
        bits: &mut Bits,
        rules: Rules<'_>,
        before: &[Option<i16>],
        place: &Place,
    ) -> Result<(), Problem> {
        let first = place.step == Some(0);
        refill(&mut self.0, before.len(), None);
        let as_before = bits.bits(1)? == 1;
        for (lane, before) in self.0.iter_mut().zip(before) {
            let lit = if as_before { first || before.is_some() } else { bits.bits(1)? == 1 };
            *lane = lit.then_some(0);
        }
        let lanes = rules.header.cols;
        let choices = if rules.header.reach == Reach::Lane { rules.cols.div_ceil(lanes) } else { rules.cols };
        let width = choices.next_power_of_two().trailing_zeros();
        for (lane, column) in self.0.iter_mut().enumerate().filter_map(|(i, lane)| Some((i, lane.as_mut()?))) {
            let number = i64::from(bits.bits(width)?);
            *column = if rules.header.reach == Reach::Lane { number * lanes as i64 + lane as i64 } else { number };
        }
        Ok(())
    }
}

impl Row {
    /// Reads the record of one step; `leads`: this is the first used core row of its row group.
    #[allow(clippy::too_many_arguments)] // all of them are the checker's state, lent part by part
    pub(super) fn shared_record(
        &mut self,
        lanes: &mut Lanes,
        leads: bool,
        bits: &mut Bits,
        rules: Rules<'_>,
        outputs: &mut [Output],
        first_cell: usize,
        ledger: &mut Ledger,
        place: &mut Place,
    ) -> Result<(), Problem> {
        if leads {
            lanes.read(bits, rules, &self.active, place)?;
        }
        let before = self.active.clone();
        for (active, _) in self.active.iter_mut().zip(&lanes.0).filter(|(_, lane)| lane.is_none()) {
            *active = None;
        }
        if place.step == Some(0) {
            for (active, _) in self.active.iter_mut().zip(&lanes.0).filter(|(_, lane)| lane.is_some()) {
                *active = Some(0);
            }
            self.key_levels(bits, rules, place)?;
        } else if bits.bits(1)? == 1 {
            self.listed(lanes, bits, rules, place)?;
        } else {
            for (cell, _) in lanes.0.iter().enumerate().filter(|(_, lane)| lane.is_some()) {
                place.cell = Some(cell);
                self.active[cell] = Some(level(bits, rules)?);
            }
        }
        for (cell, column) in lanes.0.iter().enumerate().filter_map(|(cell, lane)| Some((cell, (*lane)?))) {
            place.cell = Some(cell);
            let level = self.active[cell].ok_or(Problem::NoLevel)?;
            if place.step == Some(0) || before[cell] != Some(level) {
                ledger.program(first_cell + cell, level);
            }
            self.multiply(column, cell, None, rules, outputs, level)?;
        }
        place.cell = None;
        Ok(())
    }

    /// A list of cells that change.
    fn listed(&mut self, lanes: &Lanes, bits: &mut Bits, rules: Rules<'_>, place: &mut Place) -> Result<(), Problem> {
        let cells = rules.header.cols;
        let mut next = 0;
        for _ in 0..bits.rice(rules.coding.change)? {
            let found = next + u64::from(bits.rice(rules.coding.cell)?);
            if found >= cells as u64 {
                return Err(Problem::CellBeyond { found, cells });
            }
            let cell = found as usize;
            place.cell = Some(cell);
            let level = level(bits, rules)?;
            if lanes.0[cell].is_none() {
                return Err(Problem::DarkLane);
            }
            self.active[cell] = Some(level);
            next = found + 1;
        }
        Ok(())
    }
}

/// The level that a state code says.
fn level(bits: &mut Bits, rules: Rules<'_>) -> Result<i16, Problem> {
    match bits.bits(rules.header.bits + 1)? {
        0 => Err(Problem::NoCode),
        code => Ok(code as i16 - (1 << rules.header.bits)),
    }
}
