//! Arbitrary text as a device file: no input may panic, and what is accepted keeps the promises of `DeviceProfile`.
//!
//! The first byte is what `--bits` says; from 9 on it says nothing.
#![no_main]

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use firmware_model::pcm::{Price, WriteCost};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&bits, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(device) = DeviceProfile::from_toml_str(text, "fuzz.toml", (bits < 9).then_some(bits)) else { return };
    assert!((1..=8).contains(&device.bits));
    assert_eq!(device.transmissions().len(), 1 << device.bits);
    assert!(device.transmissions().windows(2).all(|pair| pair[0] < pair[1]));
    assert!(device.transmissions().iter().all(|t| (0.0..=1.0).contains(t)));
    let prices = match device.cost {
        WriteCost::PerLevel { up, down } | WriteCost::SingleShot { up, down } => [up, down, Price::default()],
        WriteCost::ResetThenSet { reset, set, set_level } => [reset, set, set_level],
    };
    for cost in prices.iter().flat_map(|price| [price.energy_pj, price.time_us]) {
        assert!(cost.is_finite() && cost >= 0.0);
    }
    assert!(device.endurance_writes.is_none_or(|e| e.is_finite() && e > 0.0));
    let weights = [1.0, -0.5, 0.25, 0.0, -1e-30, 0.9];
    for scale in [ScaleMode::Row, ScaleMode::Layer] {
        let levels = Quantizer::new(&device, Reparam::Tanh, scale).quantize(2, 3, &weights).levels;
        assert_eq!(levels[0], device.top_level());
        assert_eq!(levels[3], 0);
    }
});
