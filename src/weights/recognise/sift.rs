//! What a tensor is by its name, its type and the tensors beside it: a layer's weights perhaps, or something else for sure.

use std::collections::HashMap;

use safetensors::Dtype;

use super::names::{Name, Table};
use crate::weights::WeightType;
use crate::weights::file::Tensor;

/// All tensors of a network, in the model's order.
pub(super) struct Tensors<'a> {
    pub list: &'a [(usize, Tensor)],
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Tensors<'a> {
    pub fn new(list: &'a [(usize, Tensor)]) -> Tensors<'a> {
        let by_name = list.iter().enumerate().map(|(number, (_, tensor))| (tensor.name.as_str(), number)).collect();
        Tensors { list, by_name }
    }

    pub fn get(&self, name: &str) -> Option<&'a Tensor> {
        self.by_name.get(name).map(|&number| &self.list[number].1)
    }

    fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

/// How the dimensions of a tensor lie, as far as names tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Convention {
    /// PyTorch: `out in k..`
    OutFirst,
    /// GPT-2's `c_attn`, `c_proj`, `c_fc`: `in out` where they are its Conv1D, `out in` where they are linear layers.
    Conv1d,
    /// TensorFlow, Keras and Flax: `k.. in out`
    OutLast,
    /// The same, depthwise: `k.. group out`
    DepthwiseLast,
    /// The same, transposed: `k.. out in`
    TransposedLast,
    /// A matrix that is multiplied from the right: `in out`
    InFirst,
    /// A stack of experts.
    Experts,
    /// The directions of an ONNX recurrent layer, `pick out in`
    Directions,
    /// The name says nothing.
    Unsure,
}

/// A tensor that may be a layer's weights.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub tensor: &'a Tensor,
    pub name: Name<'a>,
    pub convention: Convention,
    pub table: Table,
    /// The shape of the bias beside it.
    pub bias: Option<&'a [usize]>,
    pub scale: Option<String>,
    pub zero_point: Option<String>,
    pub weight_norm: Option<String>,
    /// The user named it in full.
    pub named: bool,
}

/// What a tensor is.
pub(super) enum Sifted<'a> {
    Candidate(Box<Candidate<'a>>),
    /// No layer, and why.
    LeftOut(String),
    /// Read together with the weights that it belongs to.
    Helper,
    /// Weights in a form that cannot be read: its name, and what to do.
    Packed(&'static str, &'static str),
}

/// Sorts one tensor; a tensor that the user named in full is not judged by its name.
pub(super) fn sift<'a>(tensors: &Tensors<'a>, tensor: &'a Tensor, named: bool) -> Sifted<'a> {
    let name = Name::new(&tensor.name);
    if let Some((format, cure)) = packed(tensors, tensor, &name) {
        return Sifted::Packed(format, cure);
    }
    if let Some(reason) = training_state(tensors, tensor, &name) {
        return Sifted::LeftOut(reason);
    }
    if is_length(tensors, &name) {
        return Sifted::Helper;
    }
    if name.is_scale() {
        return Sifted::LeftOut("its name says that it is a scale or a zero point of other weights".into());
    }
    if tensor.shape.len() < 2 {
        return Sifted::LeftOut(format!("it is {}-dimensional, no matrix", tensor.shape.len()));
    }
    if tensor.shape.contains(&0) {
        return Sifted::LeftOut(format!("it is empty: its shape is {:?}", tensor.shape));
    }
    let (scale, zero_point) = scales(tensors, tensor, &name);
    match WeightType::of(tensor.dtype) {
        None if name.is_weight() => return Sifted::Packed("whole numbers", UNPACK),
        None => {
            let reason = format!("{} is no type of weights: an index, a mask, or a counter", tensor.dtype);
            return Sifted::LeftOut(reason);
        }
        Some(dtype) if dtype.needs_scale() && scale.is_none() => {
            if name.is_weight() {
                return Sifted::Packed("8-bit weights without scales", UNPACK);
            }
            return Sifted::LeftOut(format!("{dtype} without a scale is no weight"));
        }
        Some(_) => {}
    }
    if tensor.shape.len() > MOST {
        let dims = tensor.shape.len();
        return Sifted::LeftOut(format!("it has {dims} dimensions, more than a stack of 3-D convolutions"));
    }
    let recurrent = |operator: &str| name.role.strip_prefix("onnx::").is_some_and(|role| role.starts_with(operator));
    if tensor.shape.len() == 2 && ["GRU", "LSTM", "RNN"].into_iter().any(recurrent) {
        return Sifted::LeftOut("it is the bias of a recurrent layer".into());
    }
    let bias = bias(tensors, &name);
    if !named && let Some(reason) = name.why_no_weights(&tensor.shape, bias) {
        return Sifted::LeftOut(reason);
    }
    Sifted::Candidate(Box::new(Candidate {
        tensor,
        convention: convention(&name, &tensor.shape),
        table: if named { Table::No } else { name.table(&tensor.shape) },
        bias,
        scale,
        zero_point,
        weight_norm: length_of(tensors, &name),
        named,
        name,
    }))
}

/// Most dimensions: a 3-D convolution's.
const MOST: usize = 5;

const UNPACK: &str = "write them as floating point, or as I8, U8 or F8 with scales, and plan that file";
const MERGE: &str = "merge it into its base model, as in `model.merge_and_unload().save_pretrained(...)` of PEFT";
const DEQUANTIZE: &str =
    "load it in transformers, `model.dequantize()`, and save it again, or take the original weights";

/// Weights in a form that this program does not read.
fn packed(tensors: &Tensors<'_>, tensor: &Tensor, name: &Name<'_>) -> Option<(&'static str, &'static str)> {
    let role = name.role;
    let beside = |other: &str| tensors.get(&format!("{}{other}", name.stem));
    if role == "qweight" {
        let gptq = beside("scales").is_none_or(|scales| scales.shape.get(1) == tensor.shape.get(1));
        return Some((if gptq { "GPTQ" } else { "AWQ" }, DEQUANTIZE));
    }
    if role == "weight_packed" {
        return Some(("compressed-tensors' packed weights", DEQUANTIZE));
    }
    let bits_and_bytes = ["SCB", "weight.absmax", "weight.quant_map", "absmax", "quant_map"];
    if role == "weight" && (beside("SCB").is_some() || tensors.has(&format!("{}.absmax", tensor.name))) {
        return Some(("bitsandbytes", DEQUANTIZE));
    }
    let owns = |other: &&str| *other == role || tensor.name.ends_with(&format!(".{other}"));
    if bits_and_bytes.iter().any(owns) || role.starts_with("quant_state") {
        return Some(("bitsandbytes", DEQUANTIZE));
    }
    if let Some(base) = tensor.name.strip_suffix("_blocks")
        && tensor.dtype == Dtype::U8
        && tensors.has(&format!("{base}_scales"))
    {
        return Some(("MXFP4", DEQUANTIZE));
    }
    if matches!(role, "weight" | "weight_scale") && tensor.dtype == Dtype::U8
        || matches!(tensor.dtype, Dtype::F4 | Dtype::F6_E2M3 | Dtype::F6_E3M2)
    {
        let scale = beside("weight_scale").or_else(|| tensors.get(&format!("{}_scale", tensor.name)));
        let small = |scale: &Tensor| WeightType::of(scale.dtype).is_none_or(|dtype| dtype.bytes() == 1);
        if !matches!(tensor.dtype, Dtype::U8) || scale.is_some_and(small) {
            return Some(("4-bit or 6-bit floating point", DEQUANTIZE));
        }
    }
    let adapter = [
        "lora_a",
        "lora_b",
        "lora_up",
        "lora_down",
        "lora_embedding_a",
        "lora_magnitude_vector",
        "lokr_w1",
        "hada_w1_a",
    ];
    let lower: Vec<String> = name.parts.iter().map(|part| part.to_lowercase()).collect();
    if lower.iter().any(|part| adapter.contains(&part.as_str())) {
        return Some(("an adapter (LoRA)", MERGE));
    }
    None
}

/// Why a tensor belongs to the training, not to the network.
fn training_state(tensors: &Tensors<'_>, tensor: &Tensor, name: &Name<'_>) -> Option<String> {
    const OPTIMIZER: [&str; 13] = [
        "optimizer",
        "optim",
        "optimizers",
        "exp_avg",
        "exp_avg_sq",
        "max_exp_avg_sq",
        "momentum_buffer",
        "square_avg",
        "adam",
        "adam_1",
        "rmsprop",
        "momentum",
        "adagrad",
    ];
    const GRADIENT: [&str; 4] = ["grad", "grads", "gradient", "gradients"];
    const MASTER: [&str; 4] = ["master_params", "master_weights", "fp32_params", "master"];
    const AVERAGE: [&str; 10] = [
        "ema",
        "model_ema",
        "ema_model",
        "ema_state_dict",
        "state_dict_ema",
        "averaged_model",
        "swa_model",
        "swa",
        "shadow",
        "exponentialmovingaverage",
    ];
    let lower: Vec<String> = name.parts.iter().map(|part| part.to_lowercase()).collect();
    let any = |list: &[&str]| lower.iter().any(|part| list.contains(&part.as_str()));
    if any(&OPTIMIZER) {
        return Some("it is state of the optimizer".into());
    }
    // The network's own tensor of the same name, shape and another prefix: then this one is a copy.
    let rest = name.parts.get(1..).unwrap_or_default().join(".");
    let twin = |prefix: &str| {
        let twin = tensors.get(&format!("{prefix}{rest}"));
        twin.is_some_and(|twin| twin.name != tensor.name && twin.shape == tensor.shape)
    };
    let has_twin = || ["", "model.", "module.", "net.", "state_dict.", "params.", "network."].into_iter().any(twin);
    if any(&GRADIENT) {
        return Some("it is a gradient".into());
    }
    if any(&MASTER) && has_twin() {
        return Some("it is the optimizer's copy of weights that are here as well".into());
    }
    if lower.first().is_some_and(|first| AVERAGE.contains(&first.as_str())) && has_twin()
        || lower.last().is_some_and(|last| AVERAGE.contains(&last.as_str()))
    {
        return Some("it is an average of weights that are here as well".into());
    }
    None
}

/// The names of the scale and the zero point of 8-bit weights.
fn scales(tensors: &Tensors<'_>, tensor: &Tensor, name: &Name<'_>) -> (Option<String>, Option<String>) {
    let eight_bits = WeightType::of(tensor.dtype).is_some_and(|dtype| dtype.bytes() == 1);
    let first = |names: [String; 5]| names.into_iter().find(|name| eight_bits && tensors.has(name));
    let (full, stem) = (&tensor.name, name.stem);
    let scale = first([
        format!("{full}_scale_inv"),
        format!("{full}_scale"),
        format!("{full}.scale"),
        format!("{stem}scale"),
        format!("{stem}scales"),
    ]);
    let zero_point = first([
        format!("{full}_zero_point"),
        format!("{full}.zero_point"),
        format!("{stem}zero_point"),
        format!("{stem}zero_points"),
        format!("{stem}zeros"),
    ]);
    (scale, zero_point)
}

/// The lengths of weight normalization that belong to a tensor of directions.
fn length_of(tensors: &Tensors<'_>, name: &Name<'_>) -> Option<String> {
    let length = match name.role {
        "original1" if name.stem.ends_with("parametrizations.weight.") => format!("{}original0", name.stem),
        role => format!("{}{}_g", name.stem, role.strip_suffix("_v")?),
    };
    tensors.has(&length).then_some(length)
}

/// Whether this is the lengths of weight normalization.
fn is_length(tensors: &Tensors<'_>, name: &Name<'_>) -> bool {
    match name.role {
        "original0" => tensors.has(&format!("{}original1", name.stem)),
        role => role.strip_suffix("_g").is_some_and(|base| tensors.has(&format!("{}{base}_v", name.stem))),
    }
}

/// The shape of the bias that stands beside weights.
fn bias<'a>(tensors: &Tensors<'a>, name: &Name<'_>) -> Option<&'a [usize]> {
    let stem = name.stem;
    let names = match name.role {
        "weight_v" | "weight_orig" => [format!("{stem}bias"), String::new()],
        "original1" => [format!("{}bias", stem.strip_suffix("parametrizations.weight.")?), String::new()],
        role => [
            format!(
                "{stem}{}",
                role.replace("weights", "biases")
                    .replace("weight", "bias")
                    .replace("kernel", "bias")
                    .replace("w_", "b_")
            ),
            format!("{stem}{role}_bias"),
        ],
    };
    let own = |bias: &&String| **bias != format!("{stem}{}", name.role);
    names.iter().filter(own).find_map(|bias| tensors.get(bias)).map(|bias| &bias.shape[..])
}

/// What names say about the order of dimensions.
fn convention(name: &Name<'_>, shape: &[usize]) -> Convention {
    let role = name.role;
    let lower = role.to_lowercase();
    let program = name.parts.last().and_then(|part| part.strip_prefix("onnx::"));
    if let Some(operator) = program {
        let is = |kind: &str| operator.starts_with(kind);
        return match shape.len() {
            3 if is("GRU") || is("LSTM") || is("RNN") => Convention::Directions,
            2 if is("MatMul") => Convention::InFirst,
            _ if is("Conv_") => Convention::OutFirst,
            _ => Convention::Unsure,
        };
    }
    if shape.len() == 3 && name.words().any(|word| word == "expert" || word == "experts") {
        return Convention::Experts;
    }
    let tensorflow = lower.ends_with("kernel") || (lower.ends_with("weights") && name.full.contains('/'));
    match lower.as_str() {
        _ if tensorflow && lower.contains("depthwise") => Convention::DepthwiseLast,
        _ if tensorflow && name.words().any(|word| word == "transpose" || word == "deconv") => {
            Convention::TransposedLast
        }
        _ if tensorflow => Convention::OutLast,
        _ if shape.len() == 2 && name.owner().starts_with("c_") => Convention::Conv1d,
        // CLIP multiplies by these parameters from the right.
        "proj" | "text_projection" | "image_projection" if shape.len() == 2 => Convention::InFirst,
        _ if name.is_weight() => Convention::OutFirst,
        _ => Convention::Unsure,
    }
}
