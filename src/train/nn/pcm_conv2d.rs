//! Convolution on a photonic core: quantized inputs, weights from PCM cells.

use super::convolution::{ConvSpec, Convolution};
use super::ctx::Ctx;
use super::error::ShapeError;
use super::input_quant::InputQuantizer;
use super::layer::Layer;
use super::param::{Param, Role, Slot, join};
use super::pcm::{PcmSettings, PcmSlot, PcmWeight};
use super::tensor::{Shape, Tensor};

/// A convolution whose weights live in PCM cells.
#[derive(Debug)]
pub struct PcmConv2d {
    /// Trainable weights `[cout, cin/groups, kh, kw]`, before quantization.
    pub weight: Param,
    /// One value per output channel, added digitally, or none.
    pub bias: Option<Param>,
    pcm: PcmWeight,
    stream: u64,
    input: Option<InputQuantizer>,
    inner: Convolution,
}

impl PcmConv2d {
    /// All-zero weights; `stream` numbers the random stream of the quantization noise.
    pub fn new(spec: ConvSpec, bias: bool, settings: &PcmSettings, stream: u64) -> Self {
        let weight = Param::filled(&spec.weight_shape(), 0.0);
        let rows = spec.cout;
        Self {
            pcm: PcmWeight::new(settings, rows, weight.value.len() / rows.max(1)),
            weight,
            bias: bias.then(|| Param::filled(&[spec.cout], 0.0)),
            stream,
            input: settings.input_bits.map(|b| InputQuantizer::new(b, settings.quant_noise, stream)),
            inner: Convolution::new(spec),
        }
    }
}

impl Layer for PcmConv2d {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.inner.spec.out_shape(x)
    }

    fn forward(&mut self, mut x: Tensor, ctx: &mut Ctx) -> Tensor {
        if let Some(q) = &mut self.input {
            q.forward(&mut x, ctx);
        }
        self.pcm.refresh(&self.weight.value);
        self.pcm.disturb(ctx, self.stream);
        self.inner.forward(self.pcm.values(), self.bias.as_ref().map(|b| &b.value[..]), x, ctx)
    }

    fn backward(&mut self, dy: Tensor, ctx: &mut Ctx) -> Tensor {
        // y = conv(xq, wq): dwq goes straight through to w, dxq to x.
        let (_, dvalues) = self.pcm.values_and_gradient();
        let dx = self.inner.backward(dy, dvalues, self.bias.as_mut().map(|b| &mut b.grad[..]), ctx);
        self.pcm.straight_through(&mut self.weight);
        dx
    }

    fn vectors(&self, prefix: &str, x: Shape, out: &mut Vec<(String, u64)>) {
        out.extend(self.out_shape(x).map(|y| (join(prefix, "weight"), (y.h * y.w) as u64)));
    }

    fn slots<'a>(&'a mut self, prefix: &str, out: &mut Vec<Slot<'a>>) {
        out.push(Slot::param(prefix, "weight", Role::Weight, &mut self.weight));
        out.extend(self.bias.as_mut().map(|b| Slot::param(prefix, "bias", Role::Bias, b)));
        if let Some(q) = &mut self.input {
            q.slots(&join(prefix, "input_quantizer"), out);
        }
    }

    fn pcm<'a>(&'a mut self, prefix: &str, out: &mut Vec<PcmSlot<'a>>) {
        out.push(PcmSlot { name: join(prefix, "weight"), pcm: &self.pcm, weight: &mut self.weight });
    }

    fn skip_input_gradient(&mut self) {
        self.inner.input_gradient = false;
    }
}
