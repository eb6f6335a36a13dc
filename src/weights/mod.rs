//! 1. Files to tensors to matrices.
