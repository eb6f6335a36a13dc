//! Which layers a picture shows: all of them, or the largest and the others together.

use crate::report::Report;
use crate::show::names::{distinct, shortened};

/// Lines of a picture at most.
const MOST: usize = 40;
/// Characters of a name.
const NAME: usize = 22;

/// A line of a picture: one layer, or all small ones together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What tells the layer's name from the others', shortened at its front; or how many others there are.
    pub name: String,
    /// Their numbers.
    pub layers: Vec<usize>,
}

/// The network's layers in their order; beyond 40, those with the fewest weights together in the last line.
#[must_use]
pub fn groups(report: &Report) -> Vec<Group> {
    let mut by_size: Vec<usize> = (0..report.layers.len()).collect();
    by_size.sort_by_key(|&i| std::cmp::Reverse(report.layers[i].weights));
    let apart = if by_size.len() > MOST { MOST - 1 } else { by_size.len() };
    let (mut large, mut small) = (by_size[..apart].to_vec(), by_size[apart..].to_vec());
    large.sort_unstable();
    small.sort_unstable();
    let names = distinct(&report.layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>());
    let mut groups: Vec<Group> =
        large.into_iter().map(|i| Group { name: shortened(names[i], NAME), layers: vec![i] }).collect();
    if !small.is_empty() {
        groups.push(Group { name: format!("{} small layers", small.len()), layers: small });
    }
    groups
}
