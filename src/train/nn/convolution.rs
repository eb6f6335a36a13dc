//! Two-dimensional convolution: `y[n, oy, ox, o] = b[o] + sum x[n, oy*stride + ky - pad, ox*stride + kx - pad, i] w[o, i, ky, kx]`.
//!
//! 3x3 kernels of stride 1 with enough channels go through `winograd`, all others through `im2col`.

use super::ctx::Ctx;
use super::error::ShapeError;
use super::im2col::{self, Geometry};
use super::matmul::bias_gradient;
use super::tensor::{Shape, Tensor};
use super::winograd::{self, LANES, Size};

/// Extents of a convolution layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Input channels.
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Step between outputs, in both directions.
    pub stride: usize,
    /// Zeros added on every side.
    pub pad: usize,
    /// Groups of channels that do not mix; divides both channel counts.
    pub groups: usize,
}

impl ConvSpec {
    /// A square kernel, stride 1, "same" padding for odd kernels, one group.
    pub fn same(cin: usize, cout: usize, kernel: usize) -> Self {
        Self { cin, cout, kernel: (kernel, kernel), stride: 1, pad: kernel / 2, groups: 1 }
    }

    /// PyTorch's shape of the weights, `[cout, cin/groups, kh, kw]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.cout, self.cin / self.groups, self.kernel.0, self.kernel.1]
    }

    /// The output's shape.
    ///
    /// # Errors
    /// Other channels than expected, or a kernel larger than the padded image.
    pub fn out_shape(&self, x: Shape) -> Result<Shape, ShapeError> {
        if x.c != self.cin {
            return Err(ShapeError::new(format!("expects {} input channels, got {}", self.cin, x.c)));
        }
        let (h, w) = (x.h + 2 * self.pad, x.w + 2 * self.pad);
        if h < self.kernel.0 || w < self.kernel.1 {
            let (kh, kw) = self.kernel;
            return Err(ShapeError::new(format!("the {kh}x{kw} kernel is larger than the padded {h}x{w} image")));
        }
        let size = |n: usize, k: usize| (n - k) / self.stride + 1;
        Ok(Shape::new(x.n, size(h, self.kernel.0), size(w, self.kernel.1), self.cout))
    }

    /// Multiplications of one sample, the direct way.
    pub fn macs(&self, y: Shape) -> usize {
        y.h * y.w * self.cout * self.cin / self.groups * self.kernel.0 * self.kernel.1
    }

    fn geometry(&self) -> Geometry {
        Geometry { kernel: self.kernel, stride: self.stride, pad: self.pad, groups: self.groups }
    }

    fn winograd(&self) -> bool {
        let multiple = self.cin.is_multiple_of(LANES) && self.cout.is_multiple_of(LANES);
        self.kernel == (3, 3) && self.stride == 1 && self.groups == 1 && self.pad <= 1 && multiple
    }
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug, Default)]
enum Saved {
    #[default]
    Nothing,
    Winograd(Size, winograd::Saved),
    Columns {
        x: Tensor,
        filters: Vec<f32>,
    },
}

/// The arithmetic of a convolution, whatever its weights went through before.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub spec: ConvSpec,
    /// Whether `backward` computes the input's gradient.
    pub input_gradient: bool,
    x: Shape,
    saved: Saved,
}

impl Convolution {
    pub fn new(spec: ConvSpec) -> Self {
        Self { spec, input_gradient: true, x: Shape::default(), saved: Saved::Nothing }
    }

    /// `y = conv(x, w) + b`.
    pub fn forward(&mut self, w: &[f32], bias: Option<&[f32]>, x: Tensor, ctx: &mut Ctx) -> Tensor {
        let spec = self.spec;
        self.x = x.shape;
        // The shape was checked when the model was built; a wrong one gives an empty output.
        let mut y = ctx.tensor(spec.out_shape(x.shape).unwrap_or_default());
        let saved = if spec.winograd() {
            let size = Size::for_output(y.shape.h, y.shape.w);
            let saved = winograd::forward(size, &x, w, bias, &mut y, spec.pad, ctx);
            ctx.give(x.data);
            Saved::Winograd(size, saved)
        } else {
            let mut filters = ctx.take(w.len());
            im2col::filters(w, spec.geometry(), spec.cin, spec.cout, &mut filters);
            im2col::forward(&x, &filters, bias, &mut y, spec.geometry());
            Saved::Columns { x, filters }
        };
        self.release(ctx);
        self.saved = saved;
        if !ctx.training() {
            self.release(ctx);
        }
        y
    }

    /// Adds to `dw` and `db`; returns `dx`.
    pub fn backward(&mut self, dy: Tensor, dw: &mut [f32], db: Option<&mut [f32]>, ctx: &mut Ctx) -> Tensor {
        if let Some(db) = db {
            bias_gradient(&dy, db);
        }
        let mut dx = self.input_gradient.then(|| ctx.tensor(self.x));
        match std::mem::take(&mut self.saved) {
            Saved::Nothing => {}
            Saved::Winograd(size, saved) => winograd::backward(size, saved, &dy, dw, dx.as_mut(), ctx),
            Saved::Columns { x, filters } => {
                im2col::backward(&x, &filters, &dy, dw, dx.as_mut(), self.spec.geometry(), ctx);
                ctx.give(x.data);
                ctx.give(filters);
            }
        }
        ctx.give(dy.data);
        dx.unwrap_or_default()
    }

    /// Gives back what a forward pass saved.
    fn release(&mut self, ctx: &mut Ctx) {
        match std::mem::take(&mut self.saved) {
            Saved::Nothing => {}
            Saved::Winograd(_, saved) => saved.release(ctx),
            Saved::Columns { x, filters } => {
                ctx.give(x.data);
                ctx.give(filters);
            }
        }
    }
}
