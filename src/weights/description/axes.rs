//! What each dimension of a tensor is.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What one dimension of a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Outputs: rows of the matrix.
    Out,
    /// Inputs (input channels): columns of the matrix.
    In,
    /// A kernel's taps along one dimension of space: columns, or rows of a transposed convolution.
    Tap,
    /// Groups: rows of different groups read different inputs.
    Group,
    /// Several matrices stacked: one index is picked.
    Pick,
}

impl Axis {
    const WORDS: [(Axis, &str); 5] =
        [(Axis::Out, "out"), (Axis::In, "in"), (Axis::Tap, "k"), (Axis::Group, "group"), (Axis::Pick, "pick")];

    fn word(self) -> &'static str {
        Axis::WORDS.iter().find(|(axis, _)| *axis == self).map_or("", |(_, word)| word)
    }
}

/// The dimensions of a tensor in order, written as words: `out in k k`, `in out`, `pick in out`.
///
/// A word may come more than once: the dimensions of one word are taken together, the first one slowest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Axes(Vec<Axis>);

impl Axes {
    /// These dimensions.
    pub fn new(axes: impl IntoIterator<Item = Axis>) -> Axes {
        Axes(axes.into_iter().collect())
    }

    /// PyTorch's linear layer and convolution: `out in`, and a `k` for each dimension of space.
    pub fn out_in(taps: usize) -> Axes {
        Axes::new([Axis::Out, Axis::In].into_iter().chain(std::iter::repeat_n(Axis::Tap, taps)))
    }

    /// PyTorch's transposed convolution, and with no `k` a linear layer that is stored the other way round.
    pub fn in_out(taps: usize) -> Axes {
        Axes::new([Axis::In, Axis::Out].into_iter().chain(std::iter::repeat_n(Axis::Tap, taps)))
    }

    /// The dimensions in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Axis> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// How many dimensions are this.
    pub fn count(&self, axis: Axis) -> usize {
        self.iter().filter(|found| *found == axis).count()
    }

    /// The product of the dimensions that are this; 1 for none.
    pub fn size(&self, axis: Axis, shape: &[usize]) -> usize {
        self.iter().zip(shape).filter(|(found, _)| *found == axis).map(|(_, size)| size).product()
    }
}

impl FromStr for Axes {
    type Err = String;

    fn from_str(text: &str) -> Result<Axes, String> {
        let axis = |word: &str| {
            let found = Axis::WORDS.iter().find(|(_, known)| *known == word).map(|(axis, _)| *axis);
            found.ok_or_else(|| format!("`{word}` is no axis; an axis is `out`, `in`, `k`, `group` or `pick`"))
        };
        Ok(Axes(text.split_whitespace().map(axis).collect::<Result<_, _>>()?))
    }
}

impl TryFrom<String> for Axes {
    type Error = String;

    fn try_from(text: String) -> Result<Axes, String> {
        text.parse()
    }
}

impl From<Axes> for String {
    fn from(axes: Axes) -> String {
        axes.to_string()
    }
}

impl std::fmt::Display for Axes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.iter().map(Axis::word).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_back() {
        for text in ["out in", "in out k k", "k k group out", "pick in out out", ""] {
            assert_eq!(text.parse::<Axes>().unwrap().to_string(), text);
        }
        assert_eq!(Axes::out_in(2).to_string(), "out in k k");
        assert!("out inn".parse::<Axes>().unwrap_err().contains("`inn`"));
    }

    #[test]
    fn sizes_are_products() {
        let axes: Axes = "in out out k".parse().unwrap();
        assert_eq!(axes.size(Axis::Out, &[4, 2, 8, 3]), 16);
        assert_eq!(axes.size(Axis::Pick, &[4, 2, 8, 3]), 1);
        assert_eq!(axes.count(Axis::Out), 2);
    }
}
