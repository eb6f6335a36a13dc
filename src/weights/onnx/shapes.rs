//! Shapes of the values between the operators, as far as the file says them or operators make them.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::schema::{DimensionProto, GraphProto, NodeProto, ValueInfoProto};

/// A shape; a dimension is `None` where it is not known.
pub(super) type Shape = Vec<Option<u64>>;

/// Shapes by the names of values.
#[derive(Default)]
pub(super) struct Shapes(HashMap<String, Shape>);

impl Shapes {
    /// The shapes that a graph states. The first dimension of an input is the batch: 1, unless it is fixed.
    pub fn stated(&mut self, graph: &GraphProto) {
        let batch = |value: &ValueInfoProto| dims(value)?.first().map(|dim| dim.dim_param.clone());
        let batches: Vec<String> = graph.input.iter().filter_map(batch).filter(|name| !name.is_empty()).collect();
        for value in graph.value_info.iter().chain(&graph.input) {
            let Some(dims) = dims(value) else { continue };
            let size = |dim: &DimensionProto| match u64::try_from(dim.dim_value) {
                Ok(size @ 1..) => Some(size),
                _ => batches.contains(&dim.dim_param).then_some(1),
            };
            self.0.insert(value.name.clone(), dims.iter().map(size).collect());
        }
        for input in &graph.input {
            if let Some(first) = self.0.get_mut(&input.name).and_then(|shape| shape.first_mut()) {
                first.get_or_insert(1);
            }
        }
    }

    pub fn get(&self, value: &str) -> Option<&Shape> {
        self.0.get(value)
    }

    pub fn set(&mut self, value: &str, shape: Shape) {
        self.0.insert(value.to_owned(), shape);
    }

    /// Works out the first output of a node, where no better shape is known. `constant` has the whole numbers of a constant.
    pub fn infer(&mut self, node: &NodeProto, constant: &dyn Fn(&str) -> Option<Vec<i64>>) {
        let Some(output) = node.output.first() else { return };
        let known = self.0.get(output).is_some_and(|shape| shape.iter().all(Option::is_some));
        if !known && let Some(shape) = self.output(node, constant) {
            self.0.insert(output.clone(), shape);
        }
    }

    fn output(&self, node: &NodeProto, constant: &dyn Fn(&str) -> Option<Vec<i64>>) -> Option<Shape> {
        let input = |number: usize| node.input.get(number).and_then(|name| self.get(name));
        let attributes = Attributes(node);
        let x = input(0)?;
        Some(match node.op_type.as_str() {
            "MaxPool" | "AveragePool" | "LpPool" => {
                let kernel: Vec<u64> = attributes.sizes("kernel_shape");
                let space = window(&x[2.min(x.len())..], &kernel, &attributes);
                [&x[..2.min(x.len())], &space[..]].concat()
            }
            "Gather" if attributes.int("axis", 0) == 0 => [&input(1)?[..], x.get(1..)?].concat(),
            "LSTM" | "GRU" | "RNN" if x.len() == 3 => {
                let recurrent = self.get(node.input.get(2)?)?;
                vec![x[0], recurrent.first().copied().flatten(), x[1], recurrent.get(2).copied().flatten()]
            }
            "GlobalAveragePool" | "GlobalMaxPool" => {
                x.iter().enumerate().map(|(dim, size)| if dim < 2 { *size } else { Some(1) }).collect()
            }
            "Flatten" => {
                let axis = attributes.int("axis", 1).rem_euclid(x.len().max(1) as i64 + 1) as usize;
                let axis = axis.min(x.len());
                vec![product(&x[..axis]), product(&x[axis..])]
            }
            "Transpose" => {
                let reversed = || (0..x.len()).rev().map(|dim| dim as i64).collect();
                let order = attributes.ints("perm").unwrap_or_else(reversed);
                order.iter().map(|&dim| x.get(dim as usize).copied().flatten()).collect()
            }
            "Reshape" => {
                let wanted = constant(node.input.get(1)?)?;
                let mut shape: Shape = wanted
                    .iter()
                    .enumerate()
                    .map(|(dim, &size)| match size {
                        0 => x.get(dim).copied().flatten(),
                        -1 => None,
                        size => u64::try_from(size).ok(),
                    })
                    .collect();
                if let Some(rest) = wanted.iter().position(|size| *size == -1) {
                    let others = shape.iter().enumerate().filter(|(dim, _)| *dim != rest).map(|(_, size)| *size);
                    let others = product(&others.collect::<Shape>());
                    shape[rest] =
                        product(x).zip(others).filter(|(_, others)| *others > 0).map(|(all, others)| all / others);
                }
                shape
            }
            "Squeeze" => {
                let axes = attributes.ints("axes").or_else(|| constant(node.input.get(1)?));
                let removed = |dim: usize| match &axes {
                    Some(axes) => axes.iter().any(|axis| axis.rem_euclid(x.len() as i64) as usize == dim),
                    None => x[dim] == Some(1),
                };
                (0..x.len()).filter(|dim| !removed(*dim)).map(|dim| x[dim]).collect()
            }
            "Unsqueeze" => {
                let axes = attributes.ints("axes").or_else(|| constant(node.input.get(1)?))?;
                let rank = x.len() + axes.len();
                let added = |dim: usize| axes.iter().any(|axis| axis.rem_euclid(rank as i64) as usize == dim);
                let mut rest = x.iter().copied();
                (0..rank).map(|dim| if added(dim) { Some(1) } else { rest.next().flatten() }).collect()
            }
            "Concat" => {
                let axis = attributes.int("axis", 0).rem_euclid(x.len().max(1) as i64) as usize;
                let mut shape = x.clone();
                let sizes: Option<Vec<u64>> =
                    node.input.iter().map(|name| self.get(name)?.get(axis).copied().flatten()).collect();
                *shape.get_mut(axis)? = sizes.map(|sizes| sizes.iter().sum());
                shape
            }
            "ReduceMean" | "ReduceSum" | "ReduceMax" => {
                let axes = attributes.ints("axes").or_else(|| constant(node.input.get(1)?))?;
                let keep = attributes.int("keepdims", 1) != 0;
                let reduced = |dim: usize| axes.iter().any(|axis| axis.rem_euclid(x.len() as i64) as usize == dim);
                let dims = (0..x.len()).filter(|dim| keep || !reduced(*dim));
                dims.map(|dim| if reduced(dim) { Some(1) } else { x[dim] }).collect()
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Where" | "Max" | "Min" => {
                let widest = node.input.iter().filter_map(|name| self.get(name)).max_by_key(|shape| shape.len())?;
                let at = |shape: &Shape, from_end: usize| match shape.len().checked_sub(from_end) {
                    Some(dim) => shape[dim],
                    None => Some(1),
                };
                let dims = (1..=widest.len()).rev().map(|from_end| {
                    let sizes =
                        node.input.iter().map(|name| self.get(name).map_or(Some(1), |shape| at(shape, from_end)));
                    sizes
                        .reduce(|a, b| {
                            if a == Some(1) {
                                b
                            } else if b == Some(1) {
                                a
                            } else {
                                a.or(b)
                            }
                        })
                        .flatten()
                });
                dims.collect()
            }
            "Relu"
            | "LeakyRelu"
            | "PRelu"
            | "Sigmoid"
            | "Tanh"
            | "Softmax"
            | "LogSoftmax"
            | "Clip"
            | "Elu"
            | "Selu"
            | "Gelu"
            | "HardSwish"
            | "HardSigmoid"
            | "Erf"
            | "Sqrt"
            | "Exp"
            | "Neg"
            | "Abs"
            | "Dropout"
            | "Identity"
            | "Cast"
            | "BatchNormalization"
            | "InstanceNormalization"
            | "LayerNormalization"
            | "GroupNormalization"
            | "LRN"
            | "Softplus"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "Mish"
            | "Swish"
            | "SimplifiedLayerNormalization" => x.clone(),
            _ => return None,
        })
    }
}

fn dims(value: &ValueInfoProto) -> Option<&[DimensionProto]> {
    Some(&value.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?.dim)
}

/// The product of dimensions, if all are known.
pub(super) fn product(shape: &[Option<u64>]) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, size| product.checked_mul((*size)?))
}

/// Positions that a transposed convolution makes.
pub(super) fn spread(space: &[Option<u64>], kernel: &[u64], attributes: &Attributes<'_>) -> Shape {
    let (strides, dilations) = (attributes.sizes("strides"), attributes.sizes("dilations"));
    let (pads, more) = (attributes.sizes("pads"), attributes.sizes("output_padding"));
    let stated = attributes.sizes("output_shape");
    let dims = space.len();
    let positions = |dim: usize| -> Option<u64> {
        if let Some(size) = stated.get(dim) {
            return Some(*size);
        }
        let at = |sizes: &[u64], dim: usize, absent: u64| sizes.get(dim).copied().unwrap_or(absent);
        let between = space[dim]?.checked_sub(1)?.checked_mul(at(&strides, dim, 1))?;
        let reach = at(&dilations, dim, 1).checked_mul(at(kernel, dim, 1).checked_sub(1)?)?.checked_add(1)?;
        let all = between.checked_add(reach)?.checked_add(at(&more, dim, 0))?;
        all.checked_sub(at(&pads, dim, 0).checked_add(at(&pads, dim + dims, 0))?)
    };
    (0..dims).map(positions).collect()
}

/// Positions of a window that moves over space: of a convolution, or a pool.
pub(super) fn window(space: &[Option<u64>], kernel: &[u64], attributes: &Attributes<'_>) -> Shape {
    let (strides, dilations) = (attributes.sizes("strides"), attributes.sizes("dilations"));
    let pads = attributes.sizes("pads");
    let same = attributes.text("auto_pad").starts_with("SAME");
    let dims = space.len();
    let positions = |dim: usize| -> Option<u64> {
        let (size, stride) = (space[dim]?, strides.get(dim).copied().unwrap_or(1).max(1));
        if same {
            return Some(size.div_ceil(stride));
        }
        let (begin, end) = (pads.get(dim).copied().unwrap_or(0), pads.get(dim + dims).copied().unwrap_or(0));
        let dilation = dilations.get(dim).copied().unwrap_or(1);
        let reach = dilation.checked_mul(kernel.get(dim).copied().unwrap_or(1).checked_sub(1)?)?.checked_add(1)?;
        let room = size.checked_add(begin)?.checked_add(end)?.checked_sub(reach)?;
        let more = if attributes.int("ceil_mode", 0) != 0 { room.div_ceil(stride) } else { room / stride };
        Some(more + 1)
    };
    (0..dims).map(positions).collect()
}
