//! What is to be checked.

use std::io::Read;

use crate::geometry::CellRange;
use crate::level::{Reparam, ScaleMode};

/// How the weights were meant to be quantized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether levels stand for the weights or for their tanh.
    pub reparam: Reparam,
    /// Over what each scale is taken.
    pub scale: ScaleMode,
}

/// The schedule of one core.
pub struct Part<'a> {
    /// Its bytes.
    pub schedule: &'a mut dyn Read,
    /// Signed level of each weight cell before the first load, core row by core row; none: the core is erased.
    pub origin: Option<Vec<i16>>,
    /// The signed levels that each weight cell can hold, core row by core row; none: every level.
    pub ranges: Option<&'a [CellRange]>,
}
