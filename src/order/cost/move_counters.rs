//! Moves of the cells of a core row, summed over some steps: what a device that pays by the level is counted with.

use firmware_model::pcm::Slowest;

use crate::geometry::IDLE;

/// Steps that fit 16 bits: no PCM cell moves by more than 255 in one.
pub(super) const MOST_STEPS: usize = 128;

/// Some steps' moves and changes of each PCM cell, in whole vectors of 16 bits.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    moved: [Vec<i16>; 2],
    events: [Vec<i16>; 2],
}

impl Moves {
    pub(super) fn new(cells: usize) -> Self {
        let zero = || [vec![0; cells], vec![0; cells]];
        Self { moved: zero(), events: zero() }
    }

    /// Moves the cells from `level` to `levels`, and returns the slowest changes.
    #[inline(always)]
    pub(super) fn count(&mut self, level: &mut [i16], levels: &[i16]) -> Slowest {
        let n = levels.len();
        let level = &mut level[..n];
        let [moved_plus, moved_minus] = &mut self.moved;
        let [events_plus, events_minus] = &mut self.events;
        let (moved_plus, moved_minus) = (&mut moved_plus[..n], &mut moved_minus[..n]);
        let (events_plus, events_minus) = (&mut events_plus[..n], &mut events_minus[..n]);
        let (mut most_up, mut most_down) = (0i16, 0i16);
        for c in 0..n {
            let (from, to) = (level[c], if levels[c] == IDLE { level[c] } else { levels[c] });
            // What the plus cell rises by; and the minus cell, as their difference is the level.
            let plus = to.max(0) - from.max(0);
            let minus = plus - (to - from);
            moved_plus[c] += plus.abs();
            moved_minus[c] += minus.abs();
            events_plus[c] += i16::from(plus != 0);
            events_minus[c] += i16::from(minus != 0);
            most_up = most_up.max(plus).max(minus);
            most_down = most_down.min(plus).min(minus);
            level[c] = to;
        }
        Slowest { up: most_up as u16, down: most_down.unsigned_abs() }
    }

    #[inline(always)]
    pub(super) fn flush(&mut self, moved: &mut [Vec<u32>; 2], events: &mut [Vec<u32>; 2]) {
        let narrow = self.moved.iter_mut().chain(&mut self.events);
        for (narrow, wide) in narrow.zip(moved.iter_mut().chain(events)) {
            for (narrow, wide) in narrow.iter_mut().zip(wide) {
                *wide += std::mem::take(narrow) as u32;
            }
        }
    }
}
