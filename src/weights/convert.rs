//! Bytes to finite `f32`, whatever their alignment.
//!
//! Works through short runs: convert a run, then look at it while it is in the first-level cache. Both loops are simple
//! enough to become vector instructions, so F32 runs at about the speed of copying.

use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;

/// The types of weights that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// 64-bit float, rounded to f32
    F64,
    /// 32-bit float
    F32,
    /// IEEE half precision
    F16,
    /// bfloat16: the upper half of a 32-bit float
    Bf16,
    /// 8-bit float with 4 bits of exponent and no infinity
    F8E4m3,
    /// 8-bit float with 5 bits of exponent
    F8E5m2,
    /// Whole numbers, -128 to 127: weights only with a scale
    I8,
    /// Whole numbers, 0 to 255: weights only with a scale
    U8,
}

impl WeightType {
    /// The weight type of a safetensors type; `None` for wider integers, booleans, packed floats and whatever comes.
    pub(super) fn of(dtype: Dtype) -> Option<WeightType> {
        match dtype {
            Dtype::F64 => Some(WeightType::F64),
            Dtype::F32 => Some(WeightType::F32),
            Dtype::F16 => Some(WeightType::F16),
            Dtype::BF16 => Some(WeightType::Bf16),
            Dtype::F8_E4M3 => Some(WeightType::F8E4m3),
            Dtype::F8_E5M2 => Some(WeightType::F8E5m2),
            Dtype::I8 => Some(WeightType::I8),
            Dtype::U8 => Some(WeightType::U8),
            _ => None,
        }
    }

    /// Bytes of one weight in the file.
    pub const fn bytes(self) -> usize {
        match self {
            WeightType::F64 => 8,
            WeightType::F32 => 4,
            WeightType::F16 | WeightType::Bf16 => 2,
            WeightType::F8E4m3 | WeightType::F8E5m2 | WeightType::I8 | WeightType::U8 => 1,
        }
    }

    /// Whether numbers of this type are weights only with a scale.
    pub fn needs_scale(self) -> bool {
        matches!(self, WeightType::I8 | WeightType::U8)
    }
}

impl std::fmt::Display for WeightType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            WeightType::F64 => "F64",
            WeightType::F32 => "F32",
            WeightType::F16 => "F16",
            WeightType::Bf16 => "BF16",
            WeightType::F8E4m3 => "F8_E4M3",
            WeightType::F8E5m2 => "F8_E5M2",
            WeightType::I8 => "I8",
            WeightType::U8 => "U8",
        })
    }
}

/// Weights converted at once: the output of a run (16 KiB) and its input stay in the first-level cache.
pub(super) const RUN: usize = 4096;

/// A weight that is not a finite f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct BadValue {
    /// Position among the weights converted.
    pub at: usize,
    /// The value as stored; finite when only f32 is too small for it.
    pub value: f64,
}

/// Converts `bytes` (little-endian, any alignment) to `out`. `bytes` holds exactly `out.len()` weights.
pub(super) fn convert(dtype: WeightType, bytes: &[u8], out: &mut [f32]) -> Result<(), BadValue> {
    debug_assert_eq!(bytes.len(), out.len() * dtype.bytes());
    let runs = bytes.chunks(RUN * dtype.bytes()).zip(out.chunks_mut(RUN));
    for (number, (stored, run)) in runs.enumerate() {
        convert_run(dtype, stored, run);
        if !all_finite(run) {
            return Err(first_bad(dtype, stored, run, number * RUN));
        }
    }
    Ok(())
}

fn convert_run(dtype: WeightType, stored: &[u8], run: &mut [f32]) {
    match dtype {
        WeightType::F64 => fill(stored, run, |bytes| f64::from_le_bytes(bytes) as f32),
        WeightType::F32 => fill(stored, run, f32::from_le_bytes),
        WeightType::F16 => fill_f16(stored, run),
        WeightType::Bf16 => fill(stored, run, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)),
        WeightType::F8E4m3 => fill(stored, run, |[bits]: [u8; 1]| F8_E4M3[usize::from(bits)]),
        WeightType::F8E5m2 => fill(stored, run, |[bits]: [u8; 1]| F8_E5M2[usize::from(bits)]),
        WeightType::I8 => fill(stored, run, |bytes| f32::from(i8::from_le_bytes(bytes))),
        WeightType::U8 => fill(stored, run, |[value]: [u8; 1]| f32::from(value)),
    }
}

/// The values of 8-bit floats (OCP 8-bit floating point specification, 2023): E4M3 has no infinity, and one NaN of each sign.
static F8_E4M3: [f32; 256] = eight_bit_floats(4, false);
static F8_E5M2: [f32; 256] = eight_bit_floats(5, true);

/// All values with so many bits of exponent; the rest but the sign is mantissa.
const fn eight_bit_floats(exponent_bits: u32, infinity: bool) -> [f32; 256] {
    let mut values = [0.0; 256];
    let mantissa_bits = 7 - exponent_bits;
    let top = (1 << exponent_bits) - 1;
    let mut bits = 0;
    while bits < 256 {
        let exponent = (bits as u32 >> mantissa_bits) & top;
        let mantissa = bits as u32 & ((1 << mantissa_bits) - 1);
        let whole = 1 << mantissa_bits;
        // An exponent of 0 means subnormal: the least exponent, and no hidden bit.
        let (significand, power) = if exponent == 0 { (mantissa, 1) } else { (whole + mantissa, exponent) };
        let power = power as i32 - (top as i32 >> 1) - mantissa_bits as i32;
        let magnitude = if infinity && exponent == top {
            if mantissa == 0 { f32::INFINITY } else { f32::NAN }
        } else if !infinity && exponent == top && mantissa == whole - 1 {
            f32::NAN
        } else {
            significand as f32 * f32::from_bits(((power + 127) as u32) << 23)
        };
        values[bits] = if bits >= 128 { -magnitude } else { magnitude };
        bits += 1;
    }
    values
}

/// One weight from each `N` bytes.
fn fill<const N: usize>(stored: &[u8], run: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    for (weight, bytes) in run.iter_mut().zip(stored.as_chunks::<N>().0) {
        *weight = decode(*bytes);
    }
}

/// Half precision through `half`, which uses the processor's own conversion where there is one. It wants aligned
/// `f16`, and files promise no alignment, so the halves pass through a small buffer.
fn fill_f16(stored: &[u8], run: &mut [f32]) {
    const PIECE: usize = 256;
    let mut halves = [half::f16::ZERO; PIECE];
    for (piece, weights) in stored.as_chunks::<2>().0.chunks(PIECE).zip(run.chunks_mut(PIECE)) {
        for (half, bytes) in halves.iter_mut().zip(piece) {
            *half = half::f16::from_le_bytes(*bytes);
        }
        halves[..piece.len()].convert_to_f32_slice(weights);
    }
}

/// Whether no exponent is all ones. Without an early exit, so that it vectorises.
fn all_finite(run: &[f32]) -> bool {
    const ABS: u32 = 0x7fff_ffff;
    const INFINITY: u32 = 0x7f80_0000;
    let bad = run.iter().fold(0, |bad, weight| bad | u32::from((weight.to_bits() & ABS) as i32 >= INFINITY as i32));
    bad == 0
}

/// The slow path: finds what [`all_finite`] noticed.
#[cold]
fn first_bad(dtype: WeightType, stored: &[u8], run: &[f32], before: usize) -> BadValue {
    let at = run.iter().position(|weight| !weight.is_finite()).unwrap_or(0);
    let value = match (dtype, stored.as_chunks::<8>().0.get(at)) {
        (WeightType::F64, Some(bytes)) => f64::from_le_bytes(*bytes),
        _ => f64::from(run[at]),
    };
    BadValue { at: before + at, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The naive twin: one weight at a time.
    fn one(dtype: WeightType, bytes: &[u8]) -> f32 {
        match dtype {
            WeightType::F64 => f64::from_le_bytes(bytes.try_into().unwrap()) as f32,
            WeightType::F32 => f32::from_le_bytes(bytes.try_into().unwrap()),
            WeightType::F16 => half::f16::from_le_bytes(bytes.try_into().unwrap()).to_f32(),
            WeightType::Bf16 => half::bf16::from_le_bytes(bytes.try_into().unwrap()).to_f32(),
            // One more bit of exponent, and the bits below, make a half float of E5M2.
            WeightType::F8E5m2 => half::f16::from_le_bytes([0, bytes[0]]).to_f32(),
            WeightType::F8E4m3 => {
                let (sign, exponent, mantissa) = (bytes[0] >> 7, i32::from(bytes[0] >> 3 & 15), bytes[0] & 7);
                let magnitude = match (exponent, mantissa) {
                    (15, 7) => f32::NAN,
                    (0, _) => f32::from(mantissa) / 8.0 * 2f32.powi(-6),
                    _ => (1.0 + f32::from(mantissa) / 8.0) * 2f32.powi(exponent - 7),
                };
                if sign == 1 { -magnitude } else { magnitude }
            }
            WeightType::I8 => f32::from(bytes[0] as i8),
            WeightType::U8 => f32::from(bytes[0]),
        }
    }

    const TYPES: [WeightType; 8] = [
        WeightType::F64,
        WeightType::F32,
        WeightType::F16,
        WeightType::Bf16,
        WeightType::F8E4m3,
        WeightType::F8E5m2,
        WeightType::I8,
        WeightType::U8,
    ];

    proptest! {
        #[test]
        fn agrees_with_the_naive_twin(bytes in prop::collection::vec(any::<u8>(), 0..20_000), skip in 0usize..8, which in 0usize..8) {
            let dtype = TYPES[which];
            let bytes = bytes.get(skip..).unwrap_or(&[]); // any alignment
            let bytes = &bytes[..bytes.len() / dtype.bytes() * dtype.bytes()];
            let expected: Vec<f32> = bytes.chunks(dtype.bytes()).map(|b| one(dtype, b)).collect();
            let mut out = vec![0.0; expected.len()];
            match (convert(dtype, bytes, &mut out), expected.iter().position(|w| !w.is_finite())) {
                (Ok(()), None) => prop_assert_eq!(out, expected),
                (Err(bad), Some(at)) => prop_assert_eq!(bad.at, at),
                (got, want) => prop_assert!(false, "got {:?}, the first bad weight is {:?}", got, want),
            }
        }
    }

    #[test]
    fn every_half_and_bfloat_value() {
        for dtype in [WeightType::F16, WeightType::Bf16] {
            for bits in 0..=u16::MAX {
                let bytes = bits.to_le_bytes();
                let mut out = [0.0];
                let expected = one(dtype, &bytes);
                assert_eq!(convert(dtype, &bytes, &mut out).is_ok(), expected.is_finite(), "{dtype} {bits:#06x}");
                assert!(!expected.is_finite() || out[0].to_bits() == expected.to_bits(), "{dtype} {bits:#06x}");
            }
        }
    }

    #[test]
    fn every_eight_bit_float() {
        for dtype in [WeightType::F8E4m3, WeightType::F8E5m2] {
            for bits in 0..=u8::MAX {
                let mut out = [0.0];
                let expected = one(dtype, &[bits]);
                assert_eq!(convert(dtype, &[bits], &mut out).is_ok(), expected.is_finite(), "{dtype} {bits:#04x}");
                assert!(!expected.is_finite() || out[0].to_bits() == expected.to_bits(), "{dtype} {bits:#04x}");
            }
        }
    }

    #[test]
    fn a_bad_weight_is_found_at_run_boundaries() {
        for at in [0, 1, RUN - 1, RUN, RUN + 1, 2 * RUN + 16] {
            let mut weights = vec![1.0f32; 2 * RUN + 17];
            weights[at] = f32::NEG_INFINITY;
            let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
            let bad = convert(WeightType::F32, &bytes, &mut weights.clone()).unwrap_err();
            assert_eq!((bad.at, bad.value), (at, f64::NEG_INFINITY));
        }
    }

    #[test]
    fn a_double_beyond_f32_keeps_its_value() {
        let bytes: Vec<u8> = [0.5f64, -1e300].iter().flat_map(|w| w.to_le_bytes()).collect();
        let bad = convert(WeightType::F64, &bytes, &mut [0.0; 2]).unwrap_err();
        assert_eq!((bad.at, bad.value), (1, -1e300));
    }
}
