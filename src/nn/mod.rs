//! Layers with their gradients.
