//! Images with their labels, in memory.

use crate::nn::Shape;

/// Images and their labels. Every label is below the data set's number of classes, and there is one label per image.
#[derive(Clone, Debug)]
pub struct Split {
    /// Rows, columns and channels of an image; `n` is the number of images.
    pub shape: Shape,
    /// Pixels, `[n, h, w, c]`.
    pub images: Vec<u8>,
    /// Classes.
    pub labels: Vec<u16>,
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images whose index fulfils a condition.
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|i| keep(*i)).collect();
        let sample = self.shape.sample();
        Self {
            shape: Shape { n: kept.len(), ..self.shape },
            images: kept.iter().flat_map(|i| &self.images[i * sample..(i + 1) * sample]).copied().collect(),
            labels: kept.iter().map(|i| self.labels[*i]).collect(),
        }
    }
}
