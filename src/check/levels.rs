//! Weights to levels, the slow way: for every weight, the transmission that it wants and the two that enclose it
//! (section 3 of docs/design.md; no thresholds, double precision throughout).

use crate::level::{DeviceProfile, Reparam};

/// How near to the middle of two levels a weight may be for either to be right, relative to what it wants.
///
/// A weight and its scale are single-precision numbers: each stands for anything within half a unit in the last place,
/// `2^-24`. So the transmission that a weight wants above that of level 0, `s |t| / a`, is known to `2^-23`.
const TIE: f64 = 1.0 / (1u32 << 23) as f64;

/// The levels that a weight may have: the magnitude of the higher, doubled, plus 1 when the next lower will do as well; negative
/// for a negative weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Own(i16);

impl Own {
    /// Of one level that will do, or of two neighbours.
    pub(super) fn of(mut levels: Vec<i16>) -> Self {
        levels.sort_unstable_by_key(|level| level.unsigned_abs());
        levels.dedup();
        let highest = levels.last().copied().unwrap_or_default();
        Self::new(highest.abs(), levels.len() > 1, highest < 0)
    }

    /// The levels that will do.
    pub(super) fn levels(self) -> impl Iterator<Item = i16> {
        [Some(self.level()), self.tie().then(|| self.level() - self.0.signum())].into_iter().flatten()
    }

    fn new(level: i16, tie: bool, negative: bool) -> Self {
        let code = level * 2 + i16::from(tie);
        Self(if negative { -code } else { code })
    }

    /// Whether the weight may be multiplied at this signed level.
    #[inline]
    pub(super) fn is(self, level: i16) -> bool {
        self.level() == level || (self.tie() && self.level() - self.0.signum() == level)
    }

    /// Its signed level; the higher one of a tie.
    #[inline]
    pub(super) fn level(self) -> i16 {
        self.0 / 2
    }

    /// Whether the next lower level will do as well.
    #[inline]
    pub(super) fn tie(self) -> bool {
        self.0 % 2 != 0
    }
}

/// The levels of a device.
pub(super) struct Levels {
    reparam: Reparam,
    /// Transmission of each level above that of level 0.
    above: Vec<f64>,
}

impl Levels {
    pub(super) fn new(device: &DeviceProfile, reparam: Reparam) -> Self {
        let transmissions = device.transmissions();
        Self { reparam, above: transmissions.iter().map(|t| t - transmissions[0]).collect() }
    }

    /// What the levels of a weight stand for: the weight, or its tanh.
    #[inline]
    pub(super) fn magnitude(&self, weight: f32) -> f64 {
        match self.reparam {
            Reparam::None => f64::from(weight).abs(),
            Reparam::Tanh => f64::from(weight).tanh().abs(),
        }
    }

    /// `a = max |t|`: the scale of these weights. Both choices of t grow with the weight, so the largest weight has it.
    pub(super) fn scale(&self, weights: &[f32]) -> f64 {
        self.magnitude(weights.iter().fold(0.0f32, |max, w| max.max(w.abs())))
    }

    /// The magnitude of the weight that a level stands for: the higher one of a tie. The scale counts in single precision, as schedules have it.
    pub(super) fn value(&self, own: Own, scale: f64) -> f64 {
        let top = self.above.len() - 1;
        self.above[usize::from(own.level().unsigned_abs())] / self.above[top] * f64::from(scale as f32)
    }

    /// Levels of weights of this scale.
    pub(super) fn derive(&self, weights: &[f32], scale: f64, own: &mut Vec<Own>) {
        own.clear();
        own.extend(weights.iter().map(|&weight| self.own(weight, scale)));
    }

    /// What a signed level stands for: transmission above that of level 0.
    pub(super) fn signed(&self, level: i16) -> f64 {
        f64::from(level.signum()) * self.above[usize::from(level.unsigned_abs())]
    }

    fn own(&self, weight: f32, scale: f64) -> Own {
        let t = self.magnitude(weight);
        if t == 0.0 {
            return Own::default();
        }
        let top = self.above.len() - 1;
        let want = self.above[top] * (t / scale);
        // The highest level that is not above what is wanted, but one that has a higher neighbour.
        let low = self.above[..top].partition_point(|&above| above <= want).saturating_sub(1);
        let from_middle = want - (self.above[low] + self.above[low + 1]) / 2.0;
        let tie = from_middle.abs() <= TIE * want;
        let level = if tie || from_middle > 0.0 { low + 1 } else { low };
        Own::new(level as i16, tie, weight < 0.0)
    }
}

/// Whether a scale in single precision is `expected` up to one unit in the last place.
pub(super) fn same_scale(found: f32, expected: f32) -> bool {
    found == expected || found == expected.next_up() || (found >= 0.0 && found == expected.next_down())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 3 of the design as it is written, with a logarithm.
    fn by_logarithm(weight: f32, scale: f64, bits: u32, beta: f64) -> i16 {
        let top = f64::from(2u32.pow(bits) - 1);
        let r = beta.powf(top);
        let u = (1.0 - r) * f64::from(weight).abs() / scale + r;
        let e = u.ln() / beta.ln();
        let (floor, ceil) = (e.floor().clamp(0.0, top), e.ceil().clamp(0.0, top));
        let nearer = if (beta.powf(ceil) - u).abs() < (beta.powf(floor) - u).abs() { ceil } else { floor };
        ((top - nearer) * f64::from(weight.signum())) as i16
    }

    #[test]
    fn levels_are_those_of_the_logarithm() {
        for bits in 1..=8u8 {
            let device = DeviceProfile::load("elight", Some(bits)).unwrap();
            let levels = Levels::new(&device, Reparam::None);
            let mut own = Vec::new();
            let weights: Vec<f32> = (-5000..=5000).map(|i| i as f32 * 0.000_37).collect();
            let scale = levels.scale(&weights);
            levels.derive(&weights, scale, &mut own);
            for (&weight, own) in weights.iter().zip(&own) {
                let expected = by_logarithm(weight, scale, bits.into(), 0.872);
                assert!(own.is(expected), "{bits} bits: {weight} has {own:?}, not {expected}");
            }
            let ties = own.iter().filter(|own| own.tie()).count();
            assert!(ties < 10, "{ties} ties at {bits} bits");
        }
    }

    #[test]
    fn halfway_either_level_will_do() {
        let text = "name='x'\ntitle='y'\nsource='z'\n[transmission]\ntable=[0.0, 0.25, 0.5, 1.0]\n[write]\n\
                    energy_up_pj_per_level=1\nenergy_down_pj_per_level=1\ntime_up_us_per_level=1\ntime_down_us_per_level=1";
        let device = DeviceProfile::from_toml_str(text, "a test", None).unwrap();
        let levels = Levels::new(&device, Reparam::None);
        let mut own = Vec::new();
        let weights = [0.0, 0.124, 0.125, 0.126, -0.375, -0.38, 0.75, 0.75f32.next_up(), 0.7501, -1.0, 1.0];
        levels.derive(&weights, 1.0, &mut own);
        let accepted: Vec<Vec<i16>> = own.iter().map(|own| (-4..=4).filter(|&level| own.is(level)).collect()).collect();
        let expected: [&[i16]; 11] = [&[0], &[0], &[0, 1], &[1], &[-2, -1], &[-2], &[2, 3], &[2, 3], &[3], &[-3], &[3]];
        assert_eq!(accepted, expected);
    }

    #[test]
    fn scales_may_be_one_unit_off() {
        let scale = 0.7f32;
        for (found, same) in [(scale, true), (scale.next_up(), true), (scale.next_down(), true), (0.70001, false)] {
            assert_eq!(same_scale(found, scale), same);
        }
        assert!(!same_scale(scale.next_up().next_up(), scale));
        assert!(!same_scale(-f32::from_bits(1), 0.0) && !same_scale(f32::NAN, 0.0));
    }
}
