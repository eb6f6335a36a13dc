//! How tensors become matrices where nobody has described the network.

use super::WeightsError;

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
