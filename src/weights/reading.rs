//! How a weights file is to be read.

use super::{Description, Filter, Layout};

/// How a weights file is to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How tensors become matrices where nobody has described the network.
    pub layout: Layout,
    /// Which tensors.
    pub filter: Filter,
    /// The description of the network; none: that of the metadata, or recognised.
    pub description: Option<Description>,
    /// Takes the most likely reading of layers that are unknown, too.
    pub assume: bool,
}
