//! Operators to layers: the graph says their order, orientation, groups, ties, and how many vectors flow through each.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::attributes::Attributes;
use super::schema::{GraphProto, NodeProto, TensorProto};
use super::shapes::{Shape, Shapes, product, spread, window};
use super::tensors::Files;
use crate::weights::WeightsError;
use crate::weights::description::{
    Axes, Axis, Certainty, Description, Digital, Layer, LeftOut, Operation, OrderSource, VERSION,
};

/// A value that is known before the network runs: a tensor, perhaps with its dimensions in another order.
#[derive(Clone)]
struct Constant {
    tensor: String,
    /// The tensor's shape.
    shape: Vec<usize>,
    /// Where each dimension of the value lies in the tensor.
    order: Vec<usize>,
    scale: Option<String>,
    zero_point: Option<String>,
}

impl Constant {
    /// The axes of the tensor, from those of the value.
    fn axes(&self, of_value: &[Axis]) -> Axes {
        let mut axes = vec![Axis::Pick; self.shape.len()];
        for (axis, &dim) in of_value.iter().zip(&self.order) {
            axes[dim] = *axis;
        }
        Axes::new(axes)
    }

    fn rank(&self) -> usize {
        self.shape.len()
    }
}

/// A graph being described.
struct Walk<'a, 'b> {
    path: &'a Path,
    files: &'a mut Files<'b>,
    shapes: Shapes,
    constants: HashMap<String, Constant>,
    /// Whole numbers of small constants: shapes and axes.
    numbers: HashMap<String, Vec<i64>>,
    /// Which layers a value comes from.
    sources: HashMap<String, Vec<String>>,
    batch: u64,
    description: Description,
    /// Values that are computed from constants alone, but not by an operator that is followed.
    derived: HashSet<String>,
    /// Tensors that something was said about.
    used: HashMap<String, Use>,
    /// Names of layers.
    names: HashSet<String>,
    /// In the order of the file.
    tensors: Vec<(String, Vec<usize>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Layer,
    Table,
    Other(&'static str),
}

/// Describes a model, and takes its tensors in.
pub(super) fn describe(path: &Path, graph: &GraphProto, files: &mut Files<'_>) -> Result<Description, WeightsError> {
    let description = Description { version: VERSION, order: OrderSource::Graph, ..Description::default() };
    let mut walk = Walk {
        path,
        files,
        shapes: Shapes::default(),
        constants: HashMap::new(),
        numbers: HashMap::new(),
        sources: HashMap::new(),
        batch: 1,
        description,
        derived: HashSet::new(),
        used: HashMap::new(),
        names: HashSet::new(),
        tensors: Vec::new(),
    };
    walk.graph(graph, 0)?;
    Ok(walk.finish())
}

impl Walk<'_, '_> {
    /// Graphs inside `If`, `Loop` and `Scan` are walked, too; not for ever down.
    fn graph(&mut self, graph: &GraphProto, depth: usize) -> Result<(), WeightsError> {
        const DEEPEST: usize = 16;
        if depth > DEEPEST {
            return Err(self.refuse("its graphs lie in each other too deeply".into()));
        }
        for tensor in &graph.initializer {
            self.constant(&tensor.name, tensor)?;
        }
        self.shapes.stated(graph);
        if depth == 0 {
            let data = graph.input.iter().find(|input| !self.constants.contains_key(&input.name));
            // Images and volumes have the batch first. A sequence may have its steps there: then nothing is divided.
            let shape = data.and_then(|input| self.shapes.get(&input.name)).filter(|shape| shape.len() >= 4);
            self.batch = shape.and_then(|shape| shape[0]).unwrap_or(1).max(1);
            for input in graph.input.iter().filter(|input| !self.constants.contains_key(&input.name)) {
                self.sources.insert(input.name.clone(), vec!["input".to_owned()]);
            }
        }
        for node in &graph.node {
            self.node(node)?;
            for inner in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
                self.graph(inner, depth + 1)?;
            }
        }
        Ok(())
    }

    fn refuse(&self, problem: String) -> WeightsError {
        WeightsError::Onnx { path: self.path.to_owned(), problem }
    }

    fn constant(&mut self, name: &str, tensor: &TensorProto) -> Result<(), WeightsError> {
        let shape: Vec<usize> = tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect();
        if self.constants.contains_key(name) {
            return Err(self.refuse(format!("two of its tensors are called `{}`", shown(name))));
        }
        self.files.add(name, tensor)?;
        self.shapes.set(name, shape.iter().map(|size| Some(*size as u64)).collect());
        if tensor.data_type == 7 && shape.iter().product::<usize>() <= 64 {
            let raw = tensor.raw_data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
            let numbers = if tensor.raw_data.is_empty() { tensor.int64_data.clone() } else { raw.collect() };
            self.numbers.insert(name.to_owned(), numbers);
        }
        self.tensors.push((name.to_owned(), shape.clone()));
        let order = (0..shape.len()).collect();
        let constant = Constant { tensor: name.to_owned(), shape, order, scale: None, zero_point: None };
        self.constants.insert(name.to_owned(), constant);
        Ok(())
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), WeightsError> {
        let attributes = Attributes(node);
        let input = |number: usize| node.input.get(number).map(String::as_str).filter(|name| !name.is_empty());
        let constant = |walk: &Self, number: usize| input(number).and_then(|name| walk.constants.get(name)).cloned();
        let mut made: Vec<String> = Vec::new();
        match node.op_type.as_str() {
            "Constant" => {
                if let (Some(tensor), Some(output)) =
                    (attributes.get("value").and_then(|a| a.t.as_ref()), node.output.first())
                {
                    self.constant(output, tensor)?;
                }
            }
            "Conv" | "ConvTranspose" | "QLinearConv" | "ConvInteger" => {
                let (weights, scale, zero) = match node.op_type.as_str() {
                    "QLinearConv" => (3, input(4), input(5)),
                    _ => (1, None, None),
                };
                let Some(found) = constant(self, weights).map(|w| with_scale(w, scale, zero)) else {
                    return Err(self.computed(node, weights));
                };
                made.push(self.convolution(node, &found)?);
            }
            "Gemm" | "MatMul" | "QLinearMatMul" | "MatMulInteger" => {
                let (right, scale, zero) = match node.op_type.as_str() {
                    "QLinearMatMul" => (3, input(4), input(5)),
                    _ => (1, None, None),
                };
                let right = constant(self, right).map(|w| with_scale(w, scale, zero)).filter(|w| w.rank() >= 2);
                let left = constant(self, 0).filter(|w| w.rank() >= 2);
                if let Some(computed) = node.input.iter().position(|name| self.derived.contains(name)) {
                    return Err(self.computed(node, computed));
                }
                made.extend(self.product(node, left, right)?);
            }
            "LSTM" | "GRU" | "RNN" => {
                for (number, weights) in [(1, constant(self, 1)), (2, constant(self, 2))] {
                    let Some(weights) = weights.filter(|w| w.rank() == 3) else {
                        return Err(self.computed(node, number));
                    };
                    made.extend(self.recurrent(node, &weights)?);
                }
                if let Some(bias) = constant(self, 3) {
                    self.used.entry(bias.tensor).or_insert(Use::Other("it is the bias of a recurrent layer"));
                }
            }
            "Gather" | "Embedding" | "GatherElements" => {
                if let Some(table) = constant(self, 0) {
                    self.used.entry(table.tensor).or_insert(Use::Table);
                }
            }
            "Identity" | "Cast" | "Dropout" => self.pass_on(node, |constant| Some(constant.clone())),
            "Transpose" => {
                let perm = attributes.ints("perm");
                self.pass_on(node, |constant| {
                    let rank = constant.rank();
                    let perm: Vec<usize> = match &perm {
                        Some(perm) => perm.iter().map(|&dim| usize::try_from(dim).unwrap_or(rank)).collect(),
                        None => (0..rank).rev().collect(),
                    };
                    let order: Option<Vec<usize>> = perm.iter().map(|&dim| constant.order.get(dim).copied()).collect();
                    let order = order.filter(|order| (0..rank).all(|dim| order.contains(&dim)))?;
                    Some(Constant { order, ..constant.clone() })
                });
            }
            "DequantizeLinear" => {
                let (scale, zero) = (input(1).map(str::to_owned), input(2).map(str::to_owned));
                self.pass_on(node, |constant| {
                    Some(Constant { scale: scale.clone(), zero_point: zero.clone(), ..constant.clone() })
                });
            }
            "Einsum"
            | "MatMulNBits"
            | "MatMulBnb4"
            | "Attention"
            | "QAttention"
            | "FusedMatMul"
            | "DynamicQuantizeLSTM" => {
                if let Some(number) = (0..node.input.len()).find(|n| constant(self, *n).is_some_and(|w| w.rank() >= 2))
                {
                    let (name, tensor) = (shown(&node.name), shown(&node.input[number]));
                    return Err(self.refuse(format!(
                        "operator {} (`{name}`) multiplies by `{tensor}` in a way that this program does not read: export without fused operators, or describe the network with --network",
                        node.op_type
                    )));
                }
            }
            _ => {}
        }
        let numbers = &self.numbers;
        self.shapes.infer(node, &|name| numbers.get(name).cloned());
        let known = |name: &String| name.is_empty() || self.constants.contains_key(name) || self.derived.contains(name);
        let folds = !node.input.is_empty() && node.input.iter().all(known);
        for output in node.output.iter().filter(|output| folds && !self.constants.contains_key(*output)) {
            self.derived.insert(output.clone());
        }
        self.flow(node, made);
        Ok(())
    }

    /// A node that leaves a constant one, or turns it into another.
    fn pass_on(&mut self, node: &NodeProto, turn: impl Fn(&Constant) -> Option<Constant>) {
        let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else { return };
        if let Some(constant) = self.constants.get(input).and_then(turn) {
            let shape = constant.order.iter().map(|&dim| Some(constant.shape[dim] as u64)).collect();
            self.shapes.set(output, shape);
            self.constants.insert(output.clone(), constant);
        }
        if let Some(numbers) = self.numbers.get(input).cloned() {
            self.numbers.insert(output.clone(), numbers);
        }
    }

    /// What a node's outputs come from: the layers that it made, or what its inputs come from.
    fn flow(&mut self, node: &NodeProto, made: Vec<String>) {
        let mut sources = made;
        if sources.is_empty() {
            for source in node.input.iter().filter_map(|name| self.sources.get(name)).flatten() {
                const MOST: usize = 8;
                if sources.len() < MOST && !sources.contains(source) {
                    sources.push(source.clone());
                }
            }
        }
        for output in &node.output {
            self.sources.insert(output.clone(), sources.clone());
        }
    }

    fn inputs(&self, node: &NodeProto) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for source in node.input.iter().filter_map(|name| self.sources.get(name)).flatten() {
            if !found.contains(source) {
                found.push(source.clone());
            }
        }
        found
    }

    /// A product of a size for each inference, not for the whole batch.
    fn each(&self, all: Option<u64>) -> Option<u64> {
        all.filter(|all| *all > 0).map(|all| if all.is_multiple_of(self.batch) { all / self.batch } else { all })
    }

    fn convolution(&mut self, node: &NodeProto, weights: &Constant) -> Result<String, WeightsError> {
        let attributes = Attributes(node);
        let dims = weights.rank().checked_sub(2).filter(|dims| (1..=3).contains(dims));
        let Some(dims) = dims else {
            let name = shown(&weights.tensor);
            return Err(self.refuse(format!(
                "convolution by `{name}` of shape {:?}, which has no 1 to 3 dimensions of space",
                weights.shape
            )));
        };
        let transposed = node.op_type == "ConvTranspose";
        let kind = Operation::conv(dims, transposed);
        let axes = kind.usual_axes();
        let axes: Vec<Axis> = axes.iter().collect();
        let groups = usize::try_from(attributes.int("group", 1)).ok().filter(|groups| *groups > 1);
        let kernel: Vec<u64> = weights.order[2..].iter().map(|&dim| weights.shape[dim] as u64).collect();
        let data = node.input.first().and_then(|name| self.shapes.get(name)).cloned();
        let space = data.filter(|shape| shape.len() == dims + 2).map(|shape| shape[2..].to_vec());
        let moved = if transposed { spread } else { window };
        let out: Option<Shape> = space.clone().map(|space| moved(&space, &kernel, &attributes));
        if let (Some(out), Some(output)) = (&out, node.output.first()) {
            let channels = match transposed {
                true => weights.shape[weights.order[1]] * groups.unwrap_or(1),
                false => weights.shape[weights.order[0]],
            };
            self.shapes.set(output, [&[Some(self.batch), Some(channels as u64)], &out[..]].concat());
        }
        let positions = if transposed { space } else { out };
        let vectors = positions.and_then(|positions| product(&positions));
        let layer = Layer { kind, groups, vectors, ..Layer::default() };
        self.layer(node, weights, &axes, layer)
    }

    fn product(
        &mut self,
        node: &NodeProto,
        left: Option<Constant>,
        right: Option<Constant>,
    ) -> Result<Vec<String>, WeightsError> {
        let attributes = Attributes(node);
        let shape = |walk: &Self, number: usize| node.input.get(number).and_then(|name| walk.shapes.get(name)).cloned();
        let (a, b) = (shape(self, 0), shape(self, if node.op_type == "QLinearMatMul" { 3 } else { 1 }));
        let gemm = node.op_type == "Gemm";
        let turned = |name: &str| gemm && attributes.int(name, 0) != 0;
        let last_two = |shape: &Shape, turned: bool| -> Option<(Option<u64>, Option<u64>)> {
            let [.., rows, cols] = shape[..] else { return None };
            Some(if turned { (cols, rows) } else { (rows, cols) })
        };
        let a_two = a.as_ref().and_then(|a| last_two(a, turned("transA")));
        let b_two = b.as_ref().and_then(|b| last_two(b, turned("transB")));
        if let (Some(output), Some(a), Some((rows, _)), Some((_, cols))) = (node.output.first(), &a, a_two, b_two) {
            let leading = &a[..a.len() - 2];
            self.shapes.set(output, [leading, &[rows, cols]].concat());
        }
        let (weights, axes, vectors) = match (left, right) {
            (None, Some(right)) => {
                let (ins, outs) = if turned("transB") { (Axis::Out, Axis::In) } else { (Axis::In, Axis::Out) };
                let all = a.as_ref().and_then(|a| product(&a[..a.len().saturating_sub(1)]));
                let all = if turned("transA") { a_two.and_then(|(rows, _)| rows) } else { all };
                (right, [ins, outs], self.each(all))
            }
            (Some(left), None) => {
                let (outs, ins) = if turned("transA") { (Axis::In, Axis::Out) } else { (Axis::Out, Axis::In) };
                (left, [outs, ins], b_two.and_then(|(_, cols)| cols))
            }
            (Some(_), Some(_)) => return Ok(Vec::new()),
            (None, None) => {
                let leading = a.as_ref().and_then(|a| product(&a[..a.len().saturating_sub(2)]));
                let sizes = a_two.zip(b_two).and_then(|((rows, inner), (_, cols))| {
                    leading?.checked_mul(rows?)?.checked_mul(inner?)?.checked_mul(cols?)
                });
                let name = node.output.first().cloned().unwrap_or_default();
                let name = if node.name.is_empty() { name } else { node.name.clone() };
                let multiplications = self.each(sizes);
                self.description.digital.push(Digital { name, operator: node.op_type.clone(), multiplications });
                return Ok(Vec::new());
            }
        };
        let stacked = weights.rank() - 2;
        let axes: Vec<Axis> = std::iter::repeat_n(Axis::Pick, stacked).chain(axes).collect();
        let layer = Layer { vectors, ..Layer::default() };
        match stacked {
            0 => Ok(vec![self.layer(node, &weights, &axes, layer)?]),
            1 => {
                let count = weights.shape[weights.order[0]];
                let vectors = vectors.map(|vectors| vectors / (count as u64).max(1));
                (0..count)
                    .map(|number| {
                        let layer = Layer { pick: vec![number], vectors, ..layer.clone() };
                        self.layer(node, &weights, &axes, layer)
                    })
                    .collect()
            }
            _ => {
                let name = shown(&weights.tensor);
                Err(self.refuse(format!(
                    "a product with `{name}` of shape {:?}, a stack of stacks of matrices",
                    weights.shape
                )))
            }
        }
    }

    /// The matrices of a recurrent layer, one for each direction.
    fn recurrent(&mut self, node: &NodeProto, weights: &Constant) -> Result<Vec<String>, WeightsError> {
        let axes = [Axis::Pick, Axis::Out, Axis::In];
        let data = node.input.first().and_then(|name| self.shapes.get(name)).cloned();
        let steps = if Attributes(node).int("layout", 0) == 0 { 0 } else { 1 };
        let vectors = data.and_then(|shape| shape.get(steps).copied().flatten());
        (0..weights.shape[weights.order[0]])
            .map(|number| self.layer(node, weights, &axes, Layer { pick: vec![number], vectors, ..Layer::default() }))
            .collect()
    }

    /// Adds a layer: its weights, with these axes of the value.
    fn layer(
        &mut self,
        node: &NodeProto,
        weights: &Constant,
        axes: &[Axis],
        layer: Layer,
    ) -> Result<String, WeightsError> {
        let integer = matches!(node.op_type.as_str(), "ConvInteger" | "MatMulInteger");
        if integer && weights.scale.is_none() {
            return Err(self.refuse(format!(
                "operator {} (`{}`) scales its products later, so that its weights are not known: export with QDQ (DequantizeLinear) instead",
                node.op_type,
                shown(&node.name)
            )));
        }
        let tensor = weights.tensor.clone();
        let mut name = match layer.pick[..] {
            [] => tensor.clone(),
            [number, ..] => format!("{tensor}[{number}]"),
        };
        let mut tied_to = (self.used.get(&tensor) == Some(&Use::Table)).then(|| tensor.clone());
        if !self.names.insert(name.clone()) {
            // The same weights once more.
            tied_to = Some(name.clone());
            let node_name =
                if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() };
            name = node_name;
            let mut number = 2;
            while !self.names.insert(name.clone()) {
                name = format!("{}#{number}", node.name);
                number += 1;
            }
        }
        self.used.insert(tensor.clone(), Use::Layer);
        let axes = weights.axes(axes);
        let axes = (axes != layer.kind.usual_axes()).then_some(axes);
        self.description.layers.push(Layer {
            name: name.clone(),
            tensor: (tensor != name).then_some(tensor),
            axes,
            inputs: self.inputs(node),
            tied_to,
            scale: weights.scale.clone(),
            zero_point: weights.zero_point.clone(),
            certainty: Certainty::Proved,
            ..layer
        });
        Ok(name)
    }

    fn computed(&self, node: &NodeProto, input: usize) -> WeightsError {
        let weights = node.input.get(input).map(|name| shown(name)).unwrap_or_default();
        self.refuse(format!(
            "the weights `{weights}` of operator {} (`{}`) are computed by the graph: fold its constants first (onnxsim MODEL.onnx FOLDED.onnx), and plan that",
            node.op_type,
            shown(&node.name)
        ))
    }

    /// What is no layer, with the reason.
    fn finish(self) -> Description {
        let Walk { mut description, used, tensors, .. } = self;
        let helpers: HashSet<String> = description
            .layers
            .iter()
            .flat_map(|layer| [layer.scale.clone(), layer.zero_point.clone()])
            .flatten()
            .collect();
        for (tensor, shape) in tensors {
            let reason = match used.get(&tensor) {
                Some(Use::Layer) => continue,
                _ if helpers.contains(&tensor) => continue,
                Some(Use::Table) => "`Gather` takes rows out of it: it is a lookup table".to_owned(),
                Some(Use::Other(reason)) => (*reason).to_owned(),
                None if shape.len() < 2 => format!("it is {}-dimensional, no matrix", shape.len()),
                None => "no product reads it: the graph adds it, or multiplies it element by element".to_owned(),
            };
            description.left_out.push(LeftOut { tensor, reason });
        }
        description
    }
}

fn with_scale(weights: Constant, scale: Option<&str>, zero_point: Option<&str>) -> Constant {
    let own = |name: Option<&str>, before: &Option<String>| name.map(str::to_owned).or_else(|| before.clone());
    Constant { scale: own(scale, &weights.scale), zero_point: own(zero_point, &weights.zero_point), ..weights }
}

fn shown(name: &str) -> String {
    name.escape_debug().to_string()
}
