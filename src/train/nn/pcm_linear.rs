//! Linear layer on a photonic core: quantized inputs, weights from PCM cells.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::input_quant::InputQuantizer;
use super::layer::Layer;
use super::matmul::Matmul;
use super::param::{Param, Role, Slot, join};
use super::pcm::{PcmSettings, PcmSlot, PcmWeight};
use super::tensor::{Shape, Tensor};

/// A linear layer whose weights live in PCM cells.
#[derive(Debug)]
pub struct PcmLinear {
    /// Trainable weights `[out, in]`, before quantization.
    pub weight: Param,
    /// One value per output, added digitally, or none.
    pub bias: Option<Param>,
    pcm: PcmWeight,
    stream: u64,
    input: Option<InputQuantizer>,
    inner: Matmul,
}

impl PcmLinear {
    /// All-zero weights; `stream` numbers the random stream of the quantization noise.
    pub fn new(inputs: usize, outputs: usize, bias: bool, settings: &PcmSettings, stream: u64) -> Self {
        Self {
            pcm: PcmWeight::new(settings, outputs, inputs),
            weight: Param::filled(&[outputs, inputs], 0.0),
            bias: bias.then(|| Param::filled(&[outputs], 0.0)),
            stream,
            input: settings.input_bits.map(|b| InputQuantizer::new(b, settings.quant_noise, stream)),
            inner: Matmul::new(inputs, outputs),
        }
    }
}

impl Layer for PcmLinear {
    fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        self.inner.out_shape(x)
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
        // y = xq wq^T: dwq goes straight through to w, dxq to x.
        let db = self.bias.as_mut().map(|b| &mut b.grad[..]);
        let (values, dvalues) = self.pcm.values_and_gradient();
        let dx = self.inner.backward(dy, values, dvalues, db, ctx);
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
