//! The architectures, with the names that PyTorch gives their arrays.
//!
//! | name | layers |
//! |---|---|
//! | `mlp` | linear layers with ReLU (`layers.0`, `layers.2`, ...) |
//! | `cnn` | three 3x3 convolutions with ReLU and 2x2 pooling (`conv_layers.0/3/6`), two linear layers (`fc_layers.0/2`) |
//! | `vgg8` to `vgg19` | 3x3 convolutions with batch norm and 2x2 pooling (`features.N`), one linear layer (`classifier`) |
//! | `resnet18`, `resnet34` | CIFAR form: 3x3 stem, four stages of 64 to 512 channels, projection shortcuts |
//! | `resnet20` to `resnet56` | CIFAR form of the paper: three stages of 16 to 64 channels, padding shortcuts |

use super::batch_norm::BatchNorm;
use super::conv2d::Conv2d;
use super::convolution::ConvSpec;
use super::core_layer::CoreLayer;
use super::dropout::Dropout;
use super::error::ShapeError;
use super::layer::Layer;
use super::linear::Linear;
use super::norm_relu::NormRelu;
use super::pcm::PcmSettings;
use super::pcm_conv2d::PcmConv2d;
use super::pcm_linear::PcmLinear;
use super::pool::{GlobalAvgPool, MaxPool};
use super::product::Extent;
use super::relu::Relu;
use super::residual::{Residual, Shortcut};
use super::sequential::Sequential;
use super::shape::Flatten;
use super::tensor::Shape;
use elight::show::names::did_you_mean;

/// Names of all architectures, with a line on each.
pub const MODELS: [(&str, &str); 13] = [
    ("mlp", "linear layers with ReLU; hidden sizes from the config"),
    ("cnn", "3 conv (32, 64, 128) with ReLU and pooling, 2 linear"),
    ("vgg8", "5 conv with batch norm, 1 linear (ELight's)"),
    ("vgg11", "8 conv with batch norm, 1 linear"),
    ("vgg13", "10 conv with batch norm, 1 linear"),
    ("vgg16", "13 conv with batch norm, 1 linear"),
    ("vgg19", "16 conv with batch norm, 1 linear"),
    ("resnet18", "17 conv + 3 projections, 1 linear, CIFAR form"),
    ("resnet34", "33 conv + 3 projections, 1 linear, CIFAR form"),
    ("resnet20", "19 conv, 1 linear, shortcut option A"),
    ("resnet32", "31 conv, 1 linear, shortcut option A"),
    ("resnet44", "43 conv, 1 linear, shortcut option A"),
    ("resnet56", "55 conv, 1 linear, shortcut option A"),
];

/// Which network to build.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// A name of [`MODELS`].
    pub name: String,
    /// Shape of one input (its `n` is ignored).
    pub input: Shape,
    /// Number of answers.
    pub classes: usize,
    /// Hidden sizes of `mlp`.
    pub hidden: Vec<usize>,
    /// Probability of dropout before the last linear layer; 0 for none.
    pub dropout: f32,
    /// `Some` puts all convolutions and linear layers on the core.
    pub pcm: Option<PcmSettings>,
}

/// Why a network cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such architecture.
    #[error("model `{0}` is not known{meant}: choose one of {list}", meant = did_you_mean(.0, MODELS.map(|(n, _)| n)), list = MODELS.map(|(n, _)| n).join(", "))]
    Unknown(String),
    /// The architecture does not fit the data.
    #[error("model `{model}` does not fit inputs of {input}: {cause}")]
    Shape {
        /// Architecture.
        model: String,
        /// The input.
        input: Shape,
        /// Which layer, and why.
        cause: ShapeError,
    },
}

/// What convolutions and linear layers are made of.
enum Kind<'a> {
    Float,
    Pcm(&'a PcmSettings),
    /// Layers that answer through a core; bits of the inputs that the network was trained with.
    Core(Option<u8>),
}

/// Builds layers, on the core or not, and hands out random streams.
struct Builder<'a> {
    kind: Kind<'a>,
    streams: u64,
}

impl Builder<'_> {
    fn stream(&mut self) -> u64 {
        self.streams += 1;
        self.streams
    }

    fn conv(&mut self, to: &mut Sequential, name: impl Into<String>, spec: ConvSpec, bias: bool) {
        let stream = self.stream();
        match self.kind {
            Kind::Pcm(s) => to.push(name, PcmConv2d::new(spec, bias, s, stream)),
            Kind::Float => to.push(name, Conv2d::new(spec, bias)),
            Kind::Core(bits) => to.push(name, CoreLayer::new(Extent::Conv(spec), bias, bits)),
        }
    }

    fn linear(&mut self, to: &mut Sequential, name: impl Into<String>, inputs: usize, outputs: usize) {
        let stream = self.stream();
        match self.kind {
            Kind::Pcm(s) => to.push(name, PcmLinear::new(inputs, outputs, true, s, stream)),
            Kind::Float => to.push(name, Linear::new(inputs, outputs, true)),
            Kind::Core(bits) => to.push(name, CoreLayer::new(Extent::Linear { inputs, outputs }, true, bits)),
        }
    }

    fn dropout(&mut self, to: &mut Sequential, p: f32) {
        if p > 0.0 {
            let stream = self.stream();
            to.push("dropout", Dropout::new(p, stream));
        }
    }

    /// Two 3x3 convolutions with batch norm, and the shortcut that fits.
    fn basic_block(&mut self, cin: usize, cout: usize, stride: usize, project: bool) -> Residual {
        let mut body = Sequential::new();
        self.conv(&mut body, "conv1", ConvSpec { stride, ..ConvSpec::same(cin, cout, 3) }, false);
        body.push("bn1", NormRelu::new(cout));
        self.conv(&mut body, "conv2", ConvSpec::same(cout, cout, 3), false);
        body.push("bn2", BatchNorm::new(cout));
        let shortcut = if stride == 1 && cin == cout {
            Shortcut::Identity
        } else if project {
            let mut p = Sequential::new();
            self.conv(&mut p, "0", ConvSpec { stride, ..ConvSpec::same(cin, cout, 1) }, false);
            p.push("1", BatchNorm::new(cout));
            Shortcut::Project(p)
        } else {
            Shortcut::Pad { stride, before: (cout - cin) / 2, after: (cout - cin).div_ceil(2) }
        };
        Residual::new(body, shortcut)
    }

    fn resnet(&mut self, spec: &ModelSpec, widths: &[usize], blocks: &[usize], project: bool) -> Sequential {
        let mut m = Sequential::new();
        self.conv(&mut m, "conv1", ConvSpec::same(spec.input.c, widths[0], 3), false);
        m.push("bn1", NormRelu::new(widths[0]));
        let mut cin = widths[0];
        for (stage, (&width, &count)) in widths.iter().zip(blocks).enumerate() {
            for b in 0..count {
                let stride = if b == 0 && stage > 0 { 2 } else { 1 };
                m.push(format!("layer{}.{b}", stage + 1), self.basic_block(cin, width, stride, project));
                cin = width;
            }
        }
        m.push("avgpool", GlobalAvgPool::default());
        self.dropout(&mut m, spec.dropout);
        self.linear(&mut m, "linear", cin, spec.classes);
        m
    }

    /// `plan`: channels of the convolutions; 0 stands for 2x2 pooling. Numbered as in torchvision's `features`.
    fn vgg(&mut self, spec: &ModelSpec, plan: &[usize]) -> Sequential {
        let mut m = Sequential::new();
        let (mut cin, mut shape, mut n) = (spec.input.c, (spec.input.h, spec.input.w), 0);
        let mut pooled = false;
        for (i, &width) in plan.iter().enumerate() {
            if width == 0 && pooled {
                // Done already, with the batch norm.
                (shape, n, pooled) = ((shape.0 / 2, shape.1 / 2), n + 1, false);
                continue;
            }
            if width == 0 {
                m.push(format!("features.{n}"), MaxPool::new(2, 2));
                shape = (shape.0 / 2, shape.1 / 2);
                n += 1;
                continue;
            }
            self.conv(&mut m, format!("features.{n}"), ConvSpec::same(cin, width, 3), true);
            let even = shape.0.is_multiple_of(2) && shape.1.is_multiple_of(2);
            pooled = even && plan.get(i + 1) == Some(&0);
            let norm = if pooled { NormRelu::pooled(width) } else { NormRelu::new(width) };
            m.push(format!("features.{}", n + 1), norm);
            (cin, n) = (width, n + 3);
        }
        m.push("flatten", Flatten::default());
        self.dropout(&mut m, spec.dropout);
        self.linear(&mut m, "classifier", cin * shape.0 * shape.1, spec.classes);
        m
    }

    fn mlp(&mut self, spec: &ModelSpec) -> Sequential {
        let mut m = Sequential::new().with("flatten", Flatten::default());
        let (mut inputs, mut n) = (spec.input.sample(), 0);
        for &h in &spec.hidden {
            self.linear(&mut m, format!("layers.{n}"), inputs, h);
            m.push(format!("layers.{}", n + 1), Relu::default());
            (inputs, n) = (h, n + 2);
        }
        self.dropout(&mut m, spec.dropout);
        self.linear(&mut m, format!("layers.{n}"), inputs, spec.classes);
        m
    }

    fn cnn(&mut self, spec: &ModelSpec) -> Sequential {
        let mut m = Sequential::new();
        let (mut cin, mut h, mut w) = (spec.input.c, spec.input.h, spec.input.w);
        for (i, width) in [32, 64, 128].into_iter().enumerate() {
            self.conv(&mut m, format!("conv_layers.{}", 3 * i), ConvSpec::same(cin, width, 3), true);
            m.push(format!("conv_layers.{}", 3 * i + 1), Relu::default());
            m.push(format!("conv_layers.{}", 3 * i + 2), MaxPool::new(2, 2));
            (cin, h, w) = (width, h / 2, w / 2);
        }
        m.push("flatten", Flatten::default());
        self.linear(&mut m, "fc_layers.0", cin * h * w, 256);
        m.push("fc_layers.1", Relu::default());
        self.dropout(&mut m, spec.dropout);
        self.linear(&mut m, "fc_layers.2", 256, spec.classes);
        m
    }
}

/// Channels of a VGG's convolutions, `counts[i]` of `widths[i]` before each of the five poolings.
fn vgg_plan(widths: [usize; 5], counts: [usize; 5]) -> Vec<usize> {
    let stage = |(w, n): (&usize, &usize)| std::iter::repeat_n(*w, *n).chain([0]).collect::<Vec<_>>();
    widths.iter().zip(&counts).flat_map(stage).collect()
}

/// Builds a network with weights of zero; see [`super::init::initialize`].
///
/// # Errors
/// An unknown name, or inputs that the architecture cannot take.
pub fn build(spec: &ModelSpec) -> Result<Sequential, ModelError> {
    build_of(spec, spec.pcm.as_ref().map_or(Kind::Float, Kind::Pcm))
}

/// Builds a network that only answers, with layers that can be put on a core ([`CoreLayer`]) and weights of zero. Of `spec.pcm`, the
/// bits of the inputs count: the network's own input quantizers.
///
/// # Errors
/// As [`build`].
pub fn build_for_core(spec: &ModelSpec) -> Result<Sequential, ModelError> {
    build_of(spec, Kind::Core(spec.pcm.as_ref().and_then(|p| p.input_bits)))
}

fn build_of(spec: &ModelSpec, kind: Kind<'_>) -> Result<Sequential, ModelError> {
    let mut b = Builder { kind, streams: 0 };
    let wide = [64, 128, 256, 512, 512];
    let mut model = match spec.name.as_str() {
        "mlp" => b.mlp(spec),
        "cnn" => b.cnn(spec),
        "vgg8" => b.vgg(spec, &vgg_plan(wide, [1, 1, 1, 1, 1])),
        "vgg11" => b.vgg(spec, &vgg_plan(wide, [1, 1, 2, 2, 2])),
        "vgg13" => b.vgg(spec, &vgg_plan(wide, [2, 2, 2, 2, 2])),
        "vgg16" => b.vgg(spec, &vgg_plan(wide, [2, 2, 3, 3, 3])),
        "vgg19" => b.vgg(spec, &vgg_plan(wide, [2, 2, 4, 4, 4])),
        "resnet18" => b.resnet(spec, &wide[..4], &[2, 2, 2, 2], true),
        "resnet34" => b.resnet(spec, &wide[..4], &[3, 4, 6, 3], true),
        "resnet20" => b.resnet(spec, &[16, 32, 64], &[3; 3], false),
        "resnet32" => b.resnet(spec, &[16, 32, 64], &[5; 3], false),
        "resnet44" => b.resnet(spec, &[16, 32, 64], &[7; 3], false),
        "resnet56" => b.resnet(spec, &[16, 32, 64], &[9; 3], false),
        _ => return Err(ModelError::Unknown(spec.name.clone())),
    };
    let input = Shape { n: 1, ..spec.input };
    let shaped = |cause| ModelError::Shape { model: spec.name.clone(), input, cause };
    let out = model.out_shape(input).map_err(shaped)?;
    if out != Shape::new(1, 1, 1, spec.classes) || spec.classes == 0 {
        return Err(shaped(ShapeError::new(format!("the answer has {out}, {} classes expected", spec.classes))));
    }
    model.skip_input_gradient();
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, input: Shape) -> ModelSpec {
        ModelSpec { name: name.into(), input, classes: 10, hidden: vec![32], dropout: 0.0, pcm: None }
    }

    #[test]
    fn every_model_is_built() {
        for (name, _) in MODELS {
            let m = build(&spec(name, Shape::new(1, 32, 32, 3))).unwrap();
            assert!(!m.is_empty());
        }
    }

    #[test]
    fn weights_are_as_published() {
        let weights = |name| {
            let mut m = build(&spec(name, Shape::new(1, 32, 32, 3))).unwrap();
            m.all_slots().iter().filter(|s| s.shape.len() > 1).map(|s| s.value.len()).sum::<usize>()
        };
        // VGG8: 27*64 + 576*128 + 1152*256 + 2304*512 + 4608*512 + 512*10
        assert_eq!(weights("vgg8"), 3_914_432);
        assert_eq!(weights("resnet20"), 268_336);
        assert_eq!(weights("resnet18"), 11_164_352);
    }

    #[test]
    fn unfit_inputs_are_refused() {
        let e = build(&spec("vgg8", Shape::new(1, 8, 8, 1))).unwrap_err().to_string();
        assert!(e.contains("vgg8") && e.contains("8x8x1") && e.contains("features"), "{e}");
        assert!(build(&spec("vgg9", Shape::new(1, 32, 32, 3))).unwrap_err().to_string().contains("resnet20"));
    }
}
