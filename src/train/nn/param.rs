//! Named arrays: what the optimiser changes, and what files hold.

/// What a stored array is to the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a linear or convolution layer: decayed.
    Weight,
    /// Biases: not decayed.
    Bias,
    /// Scale and shift of batch norm: not decayed.
    Norm,
    /// State that no gradient changes: running statistics, observers.
    Buffer,
}

/// A trainable array with its gradient, row-major in PyTorch's shape.
#[derive(Clone, Debug, Default)]
pub struct Param {
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// Values.
    pub value: Vec<f32>,
    /// Derivative of the loss; layers add to it.
    pub grad: Vec<f32>,
}

impl Param {
    /// An array of one value.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        let len = shape.iter().product();
        Self { shape: shape.to_vec(), value: vec![value; len], grad: vec![0.0; len] }
    }
}

/// A named array of a model, lent to the optimiser, to the loader and to the saver.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Full name, as PyTorch writes it (`features.0.weight`).
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// What it is.
    pub role: Role,
    /// Values.
    pub value: &'a mut [f32],
    /// Gradient; `None` for buffers.
    pub grad: Option<&'a mut [f32]>,
}

impl<'a> Slot<'a> {
    /// Lends a trainable array.
    pub fn param(prefix: &str, name: &str, role: Role, p: &'a mut Param) -> Self {
        let name = join(prefix, name);
        Self { name, shape: p.shape.clone(), role, value: &mut p.value, grad: Some(&mut p.grad) }
    }

    /// Lends a buffer.
    pub fn buffer(prefix: &str, name: &str, value: &'a mut [f32]) -> Self {
        Self { name: join(prefix, name), shape: vec![value.len()], role: Role::Buffer, value, grad: None }
    }
}

/// `prefix.name`, or just `name` without a prefix.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
