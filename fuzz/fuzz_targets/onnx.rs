//! Arbitrary bytes as an ONNX model: no input may panic, or take memory out of proportion to its size.
#![no_main]

use elight::weights::{Filter, Layout, Network};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let length = data.len();
    let Ok(network) = Network::from_bytes("fuzz.onnx", data.to_vec(), Layout::Auto, &Filter::default()) else { return };
    for (i, layer) in network.layers().iter().enumerate() {
        assert!(layer.weights() <= length, "a weight takes a byte at least");
        assert!(layer.groups > 0 && layer.rows % layer.groups == 0);
        let Ok(matrix) = network.read(i) else { continue };
        assert!(matrix.data.iter().all(|w| w.is_finite()));
    }
});
