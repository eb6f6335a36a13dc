//! A layer that cannot take what it is given.

/// A layer cannot take the shape it is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layer `{layer}`: {problem}")]
pub struct ShapeError {
    /// Name of the layer within the model.
    pub layer: String,
    /// What does not fit, with the numbers expected and found.
    pub problem: String,
}

impl ShapeError {
    /// An error of the layer itself; containers prepend their names.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { layer: String::new(), problem: problem.into() }
    }

    /// The same error seen from a container.
    pub fn within(mut self, name: &str) -> Self {
        self.layer = if self.layer.is_empty() { name.to_owned() } else { format!("{name}.{}", self.layer) };
        self
    }
}
