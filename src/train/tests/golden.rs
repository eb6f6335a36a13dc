//! The training mathematics against vectors made by running ELight's own code (`fixtures/golden`).

use elight::level::{DeviceProfile, Reparam, ScaleMode};
use elight_train::nn::ctx::{Ctx, Mode};
use elight_train::nn::input_quant::InputQuantizer;
use elight_train::nn::pcm::{PcmSettings, PcmSlot, PcmWeight};
use elight_train::nn::pcm_conv2d::PcmConv2d;
use elight_train::nn::{Layer, Param, Shape, Tensor, convolution::ConvSpec};
use elight_train::write_loss::{Core, Method, apply};
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

fn golden(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden").join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn json(file: &str) -> serde_json::Value {
    serde_json::from_slice(&golden(file)).unwrap()
}

fn floats(t: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let t = t.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::F32, "{name}");
    t.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn shape(t: &SafeTensors<'_>, name: &str) -> Vec<usize> {
    t.tensor(name).unwrap().shape().to_vec()
}

fn settings(bits: u8) -> PcmSettings {
    PcmSettings {
        device: DeviceProfile::load("elight", Some(bits)).unwrap(),
        reparam: Reparam::Tanh,
        scale: ScaleMode::Layer,
        input_bits: Some(4),
        quant_noise: 1.0,
        noise: None,
    }
}

/// Index of element (row, column) of the unblocked matrix in `[p, q, k, k]` blocks.
fn block_index(q: usize, k: usize, row: usize, col: usize) -> usize {
    ((row / k * q + col / k) * k + row % k) * k + col % k
}

/// Blocks to matrix: `W[i*k+r, j*k+c] = block[i,j,r,c]`, cropped.
fn unblock<T: Copy>(blocks: &[T], q: usize, k: usize, rows: usize, cols: usize) -> Vec<T> {
    (0..rows * cols).map(|at| blocks[block_index(q, k, at / cols, at % cols)]).collect()
}

const METHODS: [(&str, Method); 5] = [
    ("global_l1", Method::L1Global),
    ("global_l2", Method::L2Global),
    ("row_l1", Method::L1Row),
    ("row_l2", Method::L2Row),
    ("nei_l2", Method::L2Neighbour),
];

fn check_losses(case: &str, bits: u8) {
    let bytes = golden(&format!("{case}.safetensors"));
    let (t, info) = (SafeTensors::deserialize(&bytes).unwrap(), json(&format!("{case}.json")));
    let [p, q, k, _] = shape(&t, "weight")[..] else { panic!() };
    let (rows, cols) = (p * k, q * k);
    let matrix = |name: &str| unblock(&floats(&t, name), q, k, rows, cols);
    let flags = |name: &str| unblock(t.tensor(name).unwrap().data(), q, k, rows, cols);

    let w = matrix("weight");
    let mut pcm = PcmWeight::new(&settings(bits), rows, cols);
    pcm.refresh(&w);
    for (i, (got, want)) in pcm.values().iter().zip(matrix("cpu_q")).enumerate() {
        assert!((got - want).abs() < 1e-6, "{case}: value {i}: {got} instead of {want}");
    }
    let max = w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    for (name, method) in METHODS {
        let mut weight = Param { shape: vec![rows, cols], value: w.clone(), grad: vec![0.0; w.len()] };
        let mut slot = PcmSlot { name: String::new(), pcm: &pcm, weight: &mut weight };
        let loss = apply(method, Core { rows: k, columns: k }, None, &mut slot, 1.0);
        let want = info["loss_f64"][name].as_f64().unwrap();
        assert!((loss - want).abs() <= 2e-6 * want.max(1e-3), "{case} {name}: {loss} instead of {want}");

        // Elements where the reference's own rounding decides the sign of the L1 gradient, and the largest weights when
        // there are such elements (their gradient sums over all).
        let l1 = name.ends_with("l1");
        let fragile = if l1 { flags(&format!("l1_fragile_{}", &name[..name.len() - 3])) } else { vec![0; w.len()] };
        let any_fragile = fragile.contains(&1);
        let want = matrix(&format!("grad_{name}"));
        let biggest = want.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        let mut compared = 0;
        // In the reference the L2 gradient of negative weights at full scale is that of the wrong array, and through the
        // scale it reaches the largest weights too.
        let top = pcm.top_level();
        let mended: Vec<bool> = pcm.levels().levels.iter().map(|l| !l1 && *l == -top).collect();
        let any_mended = mended.contains(&true);
        for i in 0..w.len() {
            let largest = w[i].abs() == max;
            if fragile[i] == 1 || mended[i] || (largest && (any_fragile || any_mended)) {
                continue;
            }
            let (got, want) = (weight.grad[i], want[i]);
            assert!((got - want).abs() < 2e-5 * biggest, "{case} {name}: gradient {i}: {got} instead of {want}");
            compared += 1;
        }
        assert!(compared * 10 > w.len() * 8, "{case} {name}: only {compared} gradients compared");
    }
}

#[test]
fn losses_and_gradients_at_2_bits() {
    check_losses("b2_p2_q3_k9", 2);
}

#[test]
fn losses_and_gradients_at_4_bits() {
    check_losses("b4_p2_q3_k9", 4);
    check_losses("b4_p2_q3_k9_std1", 4);
}

#[test]
fn losses_and_gradients_at_5_and_8_bits() {
    check_losses("b5_p2_q3_k9", 5);
    check_losses("b8_p2_q3_k9", 8);
}

#[test]
fn input_quantizer() {
    let bytes = golden("input_quant.safetensors");
    let t = SafeTensors::deserialize(&bytes).unwrap();
    let info = json("input_quant.json");
    let stages = info["stages"].as_array().unwrap();
    let mut quantizer = InputQuantizer::new(4, 1.0, 0);
    for stage in stages {
        let tag = stage["tag"].as_str().unwrap();
        if tag.ends_with("uncalibrated") || tag.ends_with("train0") {
            quantizer = InputQuantizer::new(4, 1.0, 0);
        }
        if tag.ends_with("_p0") {
            quantizer = InputQuantizer::new(4, 0.0, 0);
        }
        let mode = if stage["train"].as_bool().unwrap() { Mode::Train } else { Mode::Eval };
        let data = floats(&t, &format!("{tag}_x"));
        let mut x = Tensor { shape: Shape::new(1, 1, 1, data.len()), data };
        quantizer.forward(&mut x, &Ctx::new(mode, 0));
        let (scale, zero) = quantizer.scale_and_zero();
        assert_eq!(scale, floats(&t, &format!("{tag}_scale"))[0], "{tag}: scale");
        assert_eq!(zero, floats(&t, &format!("{tag}_zero_point"))[0], "{tag}: zero point");
        for (i, (got, want)) in x.data.iter().zip(floats(&t, &format!("{tag}_y"))).enumerate() {
            assert!((got - want).abs() < 1e-6, "{tag}: element {i}: {got} instead of {want}");
        }
    }
    assert_eq!(stages.len(), 10);
}

fn check_layer(case: &str, pad: usize, stride: usize) {
    let bytes = golden(&format!("{case}.safetensors"));
    let t = SafeTensors::deserialize(&bytes).unwrap();
    let [_, q, k, _] = shape(&t, "weight")[..] else { panic!() };
    let [cout, cin, kh, kw] = shape(&t, "built_weight")[..] else { panic!() };
    let cols = cin * kh * kw;
    let nchw = |name: &str| {
        let s = shape(&t, name);
        Tensor::from_nchw(Shape::new(s[0], s[2], s[3], s[1]), &floats(&t, name)).unwrap()
    };
    // The layer's scale is the largest weight of the blocks, padding included: give padding's weight to a cell of ours is
    // not possible, so compare only where the reference's largest lies in the matrix; both cases do.
    let blocks = floats(&t, "weight");
    let w = unblock(&blocks, q, k, cout, cols);
    let max = |w: &[f32]| w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    let same_scale = max(&blocks) == max(&w);

    let spec = ConvSpec { cin, cout, kernel: (kh, kw), stride, pad, groups: 1 };
    let mut layer = PcmConv2d::new(spec, false, &settings(4), 0);
    layer.weight.value.copy_from_slice(&w);
    let mut ctx = Ctx::new(Mode::Train, 0);
    let y = layer.forward(nchw("x"), &mut ctx);
    let dx = layer.backward(nchw("upstream"), &mut ctx);

    // The straight-through gradient depends on the quantized inputs and not on the quantized weights.
    let want = unblock(&floats(&t, "grad_weight"), q, k, cout, cols);
    let biggest = max(&want);
    for (i, (got, want)) in layer.weight.grad.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 1e-5 * biggest, "{case}: weight gradient {i}: {got} instead of {want}");
    }
    // Forward and input gradient with the reference's quantized weights: an ordinary convolution of its quantized input.
    let mut plain = elight_train::nn::conv2d::Conv2d::new(spec, false);
    plain.weight.value.copy_from_slice(&floats(&t, "built_weight"));
    let close = |what: &str, got: &Tensor, want: &Tensor| {
        assert_eq!(got.shape, want.shape);
        for (i, (got, want)) in got.data.iter().zip(&want.data).enumerate() {
            assert!((got - want).abs() < 2e-5, "{case}: {what} {i}: {got} instead of {want}");
        }
    };
    close("y", &plain.forward(nchw("x_q"), &mut ctx), &nchw("y"));
    close("dx", &plain.backward(nchw("upstream"), &mut ctx), &nchw("grad_x"));

    // The whole layer, where no weight falls between the levels 0 and 1: there the reference multiplies with a level that
    // is not the one it writes.
    let mut slots = Vec::new();
    layer.pcm("", &mut slots);
    let built = floats(&t, "built_weight");
    let values = slots[0].pcm.values();
    let differing = values.iter().zip(&built).filter(|(a, b)| (**a - **b).abs() > 1e-6).count();
    let zero_level = values.iter().zip(&built).filter(|(a, b)| **a == 0.0 && **b != 0.0).count();
    if same_scale {
        assert_eq!(differing, zero_level, "{case}: weights differ other than at level 0");
    }
    if differing == 0 {
        close("layer y", &y, &nchw("y"));
        close("layer dx", &dx, &nchw("grad_x"));
    }
    println!("{case}: same scale {same_scale}, {differing} of {} weights at the reference's lost level 0", built.len());
}

#[test]
fn whole_layers() {
    check_layer("conv_layer_3_10_k3_bs4", 1, 1);
    check_layer("conv_layer_5_7_k3_s2_bs8", 1, 2);
}

/// The quantile loss's gradient on levels that behave smoothly: a device with many levels, no scale moved, finite
/// differences of the loss with the ranks kept.
#[test]
fn quantile_gradient_lowers_the_loss() {
    let (rows, cols) = (12, 90);
    let mut pcm = PcmWeight::new(&settings(4), rows, cols);
    let w: Vec<f32> = (0..rows * cols)
        .map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * (1.0 + (i / cols) as f32 / 12.0))
        .collect();
    let mut weight = Param { shape: vec![rows, cols], value: w, grad: vec![0.0; rows * cols] };
    let core = Core { rows: 9, columns: 9 };
    let mut losses = Vec::new();
    for _ in 0..150 {
        pcm.refresh(&weight.value);
        weight.grad.fill(0.0);
        let mut slot = PcmSlot { name: String::new(), pcm: &pcm, weight: &mut weight };
        losses.push(apply(Method::Quantile, core, None, &mut slot, 1.0));
        let Param { value, grad, .. } = &mut weight;
        value.iter_mut().zip(grad).for_each(|(w, g)| *w -= 30.0 * *g);
    }
    assert!(losses[149] < losses[0] / 5.0, "from {} to {}", losses[0], losses[149]);
}
