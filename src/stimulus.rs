//! Inputs of an inference whose exact outputs are known, for a replay to show.

use rayon::prelude::*;

use crate::geometry::IDLE;
use crate::level::LevelMatrix;
use crate::weights::LayerInfo;

/// Inputs of one inference, and the value of each level in fixed point: with integers, outputs are exact in any order of summation.
#[derive(Clone, Debug)]
pub struct Stimulus {
    /// Value of the levels 0..=B.
    pub values: Vec<i32>,
    /// Inputs of all layers, one after the other, as many as each has ([`LayerInfo::inputs`]).
    pub inputs: Vec<i32>,
}

impl Stimulus {
    /// A layer's outputs, exactly; its inputs begin at number `first`.
    #[must_use]
    pub fn outputs(&self, info: &LayerInfo, levels: &LevelMatrix, first: usize) -> Vec<i64> {
        let inputs = &self.inputs[first..];
        (0..levels.rows)
            .into_par_iter()
            .map(|row| {
                let inputs = &inputs[info.input_base(row)..][..levels.cols];
                let multiplied = levels.row(row).iter().zip(inputs).filter(|(level, _)| **level != IDLE);
                let products = multiplied.map(|(&level, &input)| {
                    let value = i64::from(self.values[usize::from(level.unsigned_abs())]);
                    i64::from(level.signum()) * value * i64::from(input)
                });
                products.sum()
            })
            .collect()
    }
}
