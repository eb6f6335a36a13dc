//! Arbitrary bytes as a weights file: no input may panic, or take memory out of proportion to its size.
//!
//! The first byte says how the rest is read: bits 0 and 1, the layout; bit 2, whether a length is put before it, so that mutations of the
//! JSON header get past the length check: the header then goes up to the first zero byte, and the data follows.
#![no_main]

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use elight::weights::{Filter, Layout, Network};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&how, rest)) = data.split_first() else { return };
    let bytes = if how & 4 == 0 { rest.to_vec() } else { with_length(rest) };
    let length = bytes.len();
    let layout = [Layout::Auto, Layout::Matrix, Layout::Blocks][usize::from(how & 3) % 3];
    let Ok(network) = Network::from_bytes("fuzz.safetensors", bytes, layout, &Filter::default()) else { return };
    let device = DeviceProfile::preset("elight").expect("a preset");
    for (i, layer) in network.layers().iter().enumerate() {
        assert!(layer.weights() <= length, "a weight takes a byte at least");
        assert_eq!(layer.rows * layer.cols, layer.weights());
        assert!(layer.groups > 0 && layer.rows % layer.groups == 0);
        assert!(layer.input_base(layer.rows - 1) + layer.cols <= layer.inputs());
        let Ok(matrix) = network.read(i) else { continue };
        assert!(matrix.data.iter().all(|w| w.is_finite()));
        for (reparam, scale) in [(Reparam::None, ScaleMode::Row), (Reparam::Tanh, ScaleMode::Layer)] {
            let levels = Quantizer::new(&device, reparam, scale).quantize(matrix.rows, matrix.cols, &matrix.data);
            assert!(levels.levels.iter().all(|level| level.unsigned_abs() <= 15));
        }
    }
});

fn with_length(rest: &[u8]) -> Vec<u8> {
    let header = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
    let data = rest.get(header + 1..).unwrap_or_default();
    [&(header as u64).to_le_bytes(), &rest[..header], data].concat()
}
