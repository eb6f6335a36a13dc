//! 1. Files to tensors to matrices.
//!
//! ```text
//! file.rs, index.rs   bytes, checked once: names, types, shapes, byte ranges
//! order.rs            tensors in the order in which the network runs them
//! names.rs            what a tensor's name says (a weight, a bias, a lookup table)
//! recognise.rs        shapes -> rows, columns, groups
//! filter.rs           what the user wants of them
//! convert.rs          bytes -> finite f32
//! network.rs          all of it behind `Network`: open, list, read one layer
//! ```
//!
//! Shapes: a layer's matrix is `rows x cols`, rows are outputs, row-major. `cols` counts the inputs *of one row*; row
//! `i` of a grouped layer reads inputs `base .. base + cols` with `base = i / (rows / groups) * cols`.
//!
//! Everything that a file can get wrong is found in [`Network::open`], except for values (NaN, infinity), which
//! [`Network::read`] checks while it converts. After `open`, every byte range is inside its file and fits its shape.

mod file;
mod index;

mod order;

mod names;
mod recognise;

mod filter;

mod convert;

mod network;

mod error;

pub use convert::WeightType;
pub use error::WeightsError;
pub use filter::Filter;
pub use network::{Limits, Matrix, Network, Skipped};
pub use recognise::{LayerInfo, LayerKind};

/// How tensors become matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// PyTorch's layouts, recognised by shape and name: linear `[out, in]`, 1/2/3-D convolution `[out, in/groups, k..]`
    #[default]
    Auto,
    /// Every tensor of two or more dimensions as `[out, everything else]`, without recognition
    Matrix,
    /// ELight's blocks `[P, Q, k, k]`: element `[i, j, r, c]` is row `i*k + r`, column `j*k + c`
    Blocks,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layout::Auto => "auto",
            Layout::Matrix => "matrix",
            Layout::Blocks => "blocks",
        })
    }
}

impl std::str::FromStr for Layout {
    type Err = WeightsError;

    fn from_str(text: &str) -> Result<Layout, WeightsError> {
        [Layout::Auto, Layout::Matrix, Layout::Blocks]
            .into_iter()
            .find(|layout| layout.to_string() == text)
            .ok_or_else(|| WeightsError::UnknownLayout { text: text.to_owned() })
    }
}
