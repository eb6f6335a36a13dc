//! The converters: uniform quantizers between the digital side and the core.

/// The converter behind the detectors: signed, mid-tread, symmetric.
///
/// `b` bits have `2^b - 1` codes, `-(2^(b-1) - 1)` to `2^(b-1) - 1`; a partial sum beyond the full scale becomes the outermost code. The
/// full scale of a layer is the largest partial sum of any step over a few training images, on cells without noise: sums are of weights
/// for scale 1 (the row's scale is applied digitally, behind the converter).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adc {
    /// One code, in the unit of the partial sums.
    pub lsb: f32,
    /// The largest code.
    pub top: f32,
}

impl Adc {
    /// `bits` of 2 to 24 for partial sums up to `full_scale`.
    #[must_use]
    pub fn new(bits: u8, full_scale: f32) -> Self {
        let top = ((1u32 << (bits.clamp(2, 24) - 1)) - 1) as f32;
        // A layer that never gives anything has no full scale; any will do.
        let full_scale = if full_scale > 0.0 { full_scale } else { 1.0 };
        Self { lsb: full_scale / top, top }
    }

    /// The value of the code that a partial sum becomes.
    #[inline(always)]
    #[must_use]
    pub fn convert(&self, sum: f32) -> f32 {
        (sum * (1.0 / self.lsb)).round_ties_even().clamp(-self.top, self.top) * self.lsb
    }
}

/// A layer's converters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Converters {
    pub adc: Option<Adc>,
    /// Bits, smallest and largest input.
    pub dac: Option<(u8, f32, f32)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_three_bits() {
        let adc = Adc::new(3, 6.0);
        assert_eq!((adc.lsb, adc.top), (2.0, 3.0));
        let pairs = [(0.0, 0.0), (0.9, 0.0), (1.1, 2.0), (-1.1, -2.0), (5.1, 6.0), (100.0, 6.0), (-100.0, -6.0)];
        for (sum, value) in pairs {
            assert_eq!(adc.convert(sum), value);
        }
        assert_eq!(Adc::new(8, 0.0).convert(0.0), 0.0);
    }
}
