//! What brings a PCM cell to a level: amplitude and width of a pulse, from a table of the device, and what was learnt of single cells.
//!
//! ```text
//! pulse = table[level], its amplitude moved by the cell's trim
//! trim += gain * (wanted - read), each time that a cell reads outside its tolerance
//! ```

/// One pulse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Code of the converter that drives the cell.
    pub amplitude: u16,
    /// How long, ns.
    pub width_ns: u32,
}

impl Pulse {
    /// No pulse: the driver knows by itself how a cell is brought to a level.
    pub const NONE: Self = Self { amplitude: 0, width_ns: 0 };
}

/// The pulses of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulses<'a> {
    /// The pulse that leaves a cell at each level, level 0 first: `2^bits`; empty for none.
    pub levels: &'a [Pulse],
    /// By how many codes the amplitude of a cell is moved for a transmission that is too low by 1: negative where larger amplitudes give lower
    /// transmissions. 0: nothing is learnt.
    pub gain: f32,
    /// By how many codes the amplitude of a cell may be moved in all.
    pub most: u16,
}

impl Pulses<'_> {
    /// The driver knows by itself.
    pub const NONE: Self = Self { levels: &[], gain: 0.0, most: 0 };

    /// The pulse for `level` of a cell with this trim.
    #[inline]
    #[must_use]
    pub fn of(&self, level: u8, trim: i16) -> Pulse {
        match self.levels.get(usize::from(level)) {
            Some(pulse) => Pulse { amplitude: pulse.amplitude.saturating_add_signed(trim), ..*pulse },
            None => Pulse::NONE,
        }
    }

    /// A cell's new trim, when it read `read` instead of `wanted`.
    #[must_use]
    pub fn learn(&self, trim: i16, wanted: f32, read: f32) -> i16 {
        let change = self.gain * (wanted - read);
        if !change.is_finite() {
            return trim;
        }
        let most = i32::from(self.most.min(i16::MAX as u16));
        // What does not fit is cut off by the conversion.
        let change = libm::roundf(change) as i32;
        i32::from(trim).saturating_add(change).clamp(-most, most) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Pulses<'_> = Pulses {
        levels: &[Pulse { amplitude: 60_000, width_ns: 500 }, Pulse { amplitude: 100, width_ns: 50 }],
        gain: -1000.0,
        most: 300,
    };

    #[test]
    fn a_pulse_is_the_levels_moved_by_the_trim() {
        assert_eq!(TABLE.of(0, 7), Pulse { amplitude: 60_007, width_ns: 500 });
        assert_eq!(TABLE.of(1, -7), Pulse { amplitude: 93, width_ns: 50 });
        assert_eq!(TABLE.of(1, -700), Pulse { amplitude: 0, width_ns: 50 });
        assert_eq!((TABLE.of(2, 7), Pulses::NONE.of(0, 7)), (Pulse::NONE, Pulse::NONE));
    }

    #[test]
    fn trims_follow_the_error_within_their_bounds() {
        // Too low by 0.1: a hundred codes down.
        assert_eq!(TABLE.learn(20, 0.5, 0.4), -80);
        assert_eq!(TABLE.learn(-250, 0.9, 0.4), -300);
        assert_eq!(TABLE.learn(0, 0.0, 1e30), 300);
        assert_eq!(TABLE.learn(5, f32::NAN, 0.4), 5);
        assert_eq!(Pulses::NONE.learn(0, 1.0, 0.0), 0);
    }
}
