//! The quantizer against its naive twin: the formula of ELight's law taken literally, logarithms and all.

use super::*;
use proptest::prelude::*;

fn geometric(beta: f64, bits: u8) -> DeviceProfile {
    device(&format!("beta_per_level = {beta:e}"), Some(bits))
}

fn device(law: &str, bits: Option<u8>) -> DeviceProfile {
    let text = format!(
        "name = 'x'\ntitle = ''\nsource = ''\n[transmission]\n{law}\n[write]\nenergy_up_pj_per_level = 1\n\
         energy_down_pj_per_level = 1\ntime_up_us_per_level = 1\ntime_down_us_per_level = 1\n"
    );
    DeviceProfile::from_toml_str(&text, "test", bits).unwrap()
}

/// The twin: `e` is whichever of floor and ceil of `log_beta(u)` is nearer to `u` in transmission, floor when equal.
/// Returns the level and how far `u` is from a tie, relative to the gap between the two transmissions.
fn naive_level(w: f32, a: f64, beta: f64, bits: u8, reparam: Reparam) -> (i16, f64) {
    let top = (1i32 << bits) - 1;
    let t = reparam.target(w);
    let r = beta.powi(top);
    let s = 1.0 - r;
    let u = s * t.abs() / a + r;
    let y = u.ln() / beta.ln();
    let low = (y.floor() as i32).clamp(0, top);
    let high = (y.ceil() as i32).clamp(0, top);
    let [to_low, to_high] = [low, high].map(|e| (u - beta.powi(e)).abs());
    let e = if to_low <= to_high { low } else { high };
    let level = (top - e) as i16;
    let gap = beta.powi(low) - beta.powi(high);
    let margin = if gap > 0.0 { (to_low - to_high).abs() / gap } else { 1.0 };
    (if t < 0.0 { -level } else { level }, margin)
}

fn levels_match_twin(weights: &[f32], cols: usize, beta: f64, bits: u8, reparam: Reparam, mode: ScaleMode) {
    let rows = weights.len() / cols;
    let weights = &weights[..rows * cols];
    let quantizer = Quantizer::new(&geometric(beta, bits), reparam, mode);
    let matrix = quantizer.quantize(rows, cols, weights);
    let max = |w: &[f32]| w.iter().map(|&w| reparam.target(w).abs()).fold(0.0, f64::max);
    for (row, row_weights) in weights.chunks_exact(cols).enumerate() {
        let a = if mode == ScaleMode::Row { max(row_weights) } else { max(weights) };
        assert_eq!(matrix.scales.of_row(row), a as f32);
        for (&w, &level) in row_weights.iter().zip(matrix.row(row)) {
            if a == 0.0 {
                assert_eq!(level, 0);
                continue;
            }
            let (expected, margin) = naive_level(w, a, beta, bits, reparam);
            if margin > 1e-6 {
                assert_eq!(level, expected, "w {w:e}, a {a:e}, beta {beta}, {bits} bits, {reparam:?}");
            } else {
                assert!((level - expected).abs() <= 1);
            }
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_twin(
        weights in proptest::collection::vec(prop_oneof![
            -1.0f32..1.0, -1e-3f32..1e-3, Just(0.0), Just(-0.0), -20.0f32..20.0, proptest::num::f32::NORMAL.prop_map(|w| w % 1e10),
        ], 1..200),
        cols in 1usize..40, bits in 1u8..=8, beta in prop_oneof![Just(0.872), 0.5f64..0.99],
        tanh: bool, row: bool,
    ) {
        let cols = cols.min(weights.len());
        let reparam = if tanh { Reparam::Tanh } else { Reparam::None };
        let mode = if row { ScaleMode::Row } else { ScaleMode::Layer };
        levels_match_twin(&weights, cols, beta, bits, reparam, mode);
    }

    #[test]
    fn levels_rise_with_the_weight_and_are_odd(mut weights in proptest::collection::vec(0.0f32..2.0, 2..100), bits in 1u8..=8) {
        weights.sort_by(f32::total_cmp);
        let negated: Vec<f32> = weights.iter().map(|w| -w).collect();
        let quantizer = Quantizer::new(&geometric(0.872, bits), Reparam::Tanh, ScaleMode::Layer);
        let matrix = quantizer.quantize(1, weights.len(), &weights);
        prop_assert!(matrix.levels.is_sorted());
        prop_assert_eq!(*matrix.levels.last().unwrap(), if weights.last() == Some(&0.0) { 0 } else { quantizer.top_level() });
        let mirror = quantizer.quantize(1, negated.len(), &negated);
        prop_assert!(matrix.levels.iter().zip(&mirror.levels).all(|(a, b)| *a == -b));
    }

    #[test]
    fn the_nearest_transmission_of_a_table_is_taken(
        steps in proptest::collection::vec(0.01f64..1.0, 16), weights in proptest::collection::vec(-1.0f32..1.0, 1..50),
    ) {
        let total: f64 = steps.iter().sum();
        let table: Vec<f64> = steps.iter().scan(0.0, |sum, s| { *sum += s; Some(*sum / total) }).map(|t| t.min(1.0)).collect();
        let profile = device(&format!("table = {table:?}"), None);
        let quantizer = Quantizer::new(&profile, Reparam::None, ScaleMode::Row);
        let matrix = quantizer.quantize(1, weights.len(), &weights);
        let a = f64::from(matrix.scales.of_row(0));
        for (&w, &level) in weights.iter().zip(&matrix.levels) {
            let far = |level: i16| (quantizer.dequantize(level, a as f32).abs() - f64::from(w.abs())).abs();
            let best = (0..16).map(far).fold(f64::INFINITY, f64::min);
            prop_assert!(far(level.abs()) <= best + 1e-9, "w {}, level {}", w, level);
        }
    }
}

/// With beta = 1/2 and a = 2 (2^B - 1) the weights `3 * 2^(k-1) - 2` lie exactly half-way between levels k - 1 and k.
#[test]
fn a_tie_goes_to_the_higher_level() {
    for bits in 1..=4u8 {
        let top = (1i32 << bits) - 1;
        let a = 2.0 * (2f32.powi(top) - 1.0);
        let ties: Vec<f32> = (1..=top).map(|k| 3.0 * 2f32.powi(k - 1) - 2.0).collect();
        let below = ties.iter().map(|w| w.next_down());
        let weights: Vec<f32> = std::iter::once(a).chain(ties.iter().copied()).chain(below).collect();
        let quantizer = Quantizer::new(&geometric(0.5, bits), Reparam::None, ScaleMode::Layer);
        let levels = quantizer.quantize(1, weights.len(), &weights).levels;
        let count = top as i16;
        let expected: Vec<i16> = std::iter::once(count).chain(1..=count).chain(0..count).collect();
        assert_eq!(levels, expected, "{bits} bits");
        for (&w, &level) in ties.iter().zip(&levels[1..]) {
            assert_eq!(naive_level(w, f64::from(a), 0.5, bits, Reparam::None).0, level, "the twin ties too");
        }
    }
}

/// A linear table of 2^8 levels and a = 510: odd weights are ties.
#[test]
fn a_tie_of_a_table_goes_to_the_higher_level() {
    let table: Vec<f64> = (0..256).map(|k| f64::from(k) / 256.0).collect();
    let quantizer = Quantizer::new(&device(&format!("table = {table:?}"), None), Reparam::None, ScaleMode::Row);
    let weights: Vec<f32> = (0..=510).map(|w| w as f32).collect();
    let levels = quantizer.quantize(1, weights.len(), &weights).levels;
    let expected: Vec<i16> = (0..=510).map(|w| (w + 1) / 2).collect();
    assert_eq!(levels, expected);
}

#[test]
fn zero_rows_and_empty_layers() {
    for mode in [ScaleMode::Row, ScaleMode::Layer] {
        let quantizer = Quantizer::new(&geometric(0.872, 4), Reparam::Tanh, mode);
        let zeros = quantizer.quantize(2, 3, &[0.0, -0.0, 0.0, 0.0, f32::NAN, 0.0]);
        assert_eq!(zeros.levels, [0; 6]);
        assert_eq!([zeros.scales.of_row(0), zeros.scales.of_row(1)], [0.0; 2]);
        assert_eq!(quantizer.relative_error(&[0.0; 6], &zeros), 0.0);
        for (rows, cols) in [(0, 0), (0, 5), (5, 0)] {
            let empty = quantizer.quantize(rows, cols, &[]);
            assert!(empty.levels.is_empty());
            quantizer.dequantize_into(&empty, &mut []);
            assert_eq!(quantizer.relative_error(&[], &empty), 0.0);
        }
    }
}

#[test]
fn extreme_weights_do_not_panic() {
    let odd = [f32::NAN, f32::INFINITY, -f32::INFINITY, f32::MAX, -f32::MAX, f32::from_bits(1), 1e-38, 0.5];
    for bits in [1, 4, 8] {
        for reparam in [Reparam::None, Reparam::Tanh] {
            for mode in [ScaleMode::Row, ScaleMode::Layer] {
                let quantizer = Quantizer::new(&geometric(0.872, bits), reparam, mode);
                let top = quantizer.top_level();
                let matrix = quantizer.quantize(1, 8, &odd);
                assert_eq!(matrix.levels[..5], [0, top, -top, top, -top]);
                let _ = quantizer.relative_error(&odd, &matrix);
                // The smallest number that is not zero is its row's largest.
                assert_eq!(quantizer.quantize(1, 2, &[f32::from_bits(1), 0.0]).levels, [top, 0]);
            }
        }
    }
}

#[test]
fn values_errors_and_thresholds_fit_together() {
    let profile = DeviceProfile::preset("elight").unwrap();
    let quantizer = Quantizer::new(&profile, Reparam::None, ScaleMode::Row);
    assert_eq!((quantizer.unit_value(15), quantizer.unit_value(-15), quantizer.unit_value(0)), (1.0, -1.0, 0.0));
    assert_eq!(quantizer.unit_value(i16::MIN), -1.0);
    assert_eq!(quantizer.thresholds()[14], (1.0 + 0.872) / 2.0);
    let weights: Vec<f32> = (0..600).map(|i| ((i * 37) % 601) as f32 / 300.0 - 1.0).collect();
    let matrix = quantizer.quantize(3, 200, &weights);
    let mut values = vec![0.0; 600];
    quantizer.dequantize_into(&matrix, &mut values);
    let square = |x: f64| x * x;
    let error: f64 = weights.iter().zip(&values).map(|(&w, &v)| square(f64::from(w) - f64::from(v))).sum();
    let norm: f64 = weights.iter().map(|&w| square(f64::from(w))).sum();
    assert!((quantizer.relative_error(&weights, &matrix) - (error / norm).sqrt()).abs() < 1e-7);
    // Quantizing what was quantized changes nothing.
    assert_eq!(quantizer.quantize(3, 200, &values).levels, matrix.levels);
    // A weight just at a relative threshold has that level.
    for (k, x) in quantizer.relative_thresholds().enumerate() {
        let at = quantizer.quantize(1, 2, &[1.0, (x as f32).next_up()]);
        assert_eq!(at.levels[1], k as i16 + 1);
    }
}

#[test]
fn the_same_whatever_the_number_of_threads() {
    let weights: Vec<f32> = (0..300 * 500).map(|i| ((i * 7919) % 10007) as f32 / 5000.0 - 1.0).collect();
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    for mode in [ScaleMode::Row, ScaleMode::Layer] {
        let quantizer = Quantizer::new(&geometric(0.872, 5), Reparam::Tanh, mode);
        let run = || {
            let matrix = quantizer.quantize(300, 500, &weights);
            let error = quantizer.relative_error(&weights, &matrix).to_bits();
            (matrix, error)
        };
        let (one, two) = (pool(1).install(run), pool(2).install(run));
        assert!(one == two);
        let slice = &weights[..500];
        let row = quantizer.quantize(1, 500, slice);
        if mode == ScaleMode::Row {
            assert_eq!(row.levels, one.0.row(0), "a row does not depend on the others");
        }
    }
}
