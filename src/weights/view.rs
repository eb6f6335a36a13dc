//! A tensor seen as a matrix: where the weight of a row and a column lies.

use super::description::{Axis, Layer};

/// Dimensions taken together, the first one slowest: sizes and strides, in weights.
type Parts = Vec<(usize, usize)>;

/// A matrix in a tensor: row `r`, column `c` is the weight number `offset(rows, r) + offset(cols, c)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// The weight from which offsets count: what is picked.
    base: usize,
    rows: Parts,
    cols: Parts,
    /// The first row of the whole matrix that is this layer's.
    first_row: usize,
    /// Rows of this layer.
    pub row_count: usize,
    /// Columns.
    pub col_count: usize,
    /// Groups of rows.
    pub groups: usize,
    /// Whether weights lie row after row, without a gap.
    pub plain: bool,
}

impl View {
    /// A layer's matrix in a tensor of this shape, or what does not fit, as a sentence's half.
    pub fn new(layer: &Layer, shape: &[usize]) -> Result<View, String> {
        let axes = layer.axes();
        if axes.iter().len() != shape.len() {
            return Err(format!("its axes `{axes}` are {}, but the tensor's shape is {shape:?}", axes.iter().len()));
        }
        if shape.contains(&0) {
            return Err(format!("it is empty: its shape is {shape:?}"));
        }
        let taps = axes.count(Axis::Tap);
        if taps != layer.kind.dims() {
            let dims = layer.kind.dims();
            return Err(format!("its axes `{axes}` have {taps} taps `k`, but its kind has {dims} dimensions of space"));
        }
        let mut strides = vec![1usize; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        let of = |wanted: Axis| -> Parts {
            let all = axes.iter().zip(shape.iter().copied().zip(strides.iter().copied()));
            all.filter(|(axis, _)| *axis == wanted).map(|(_, part)| part).collect()
        };
        let picked = of(Axis::Pick);
        if picked.len() != layer.pick.len() {
            let (axes, given) = (picked.len(), layer.pick.len());
            return Err(format!("it has {axes} axes `pick`, and `pick` gives {given} indices"));
        }
        let mut base = 0;
        for (&index, (size, stride)) in layer.pick.iter().zip(picked) {
            if index >= size {
                return Err(format!("`pick` asks for {index}, but there are {size}, counted from 0"));
            }
            base += index * stride;
        }
        let (mut rows, mut cols) = (of(Axis::Group), of(Axis::In));
        let own_groups = product(&rows);
        let groups = layer.groups.unwrap_or(own_groups);
        let whole = own_groups * product(&of(Axis::Out));
        if groups == 0 || (axes.count(Axis::Group) > 0 && groups != own_groups) {
            return Err(format!("its groups are {groups}, but its axes `group` say {own_groups}"));
        }
        if layer.kind.is_transposed() {
            if own_groups == 1 && groups > 1 {
                // Inputs are stored group after group, outputs once for each.
                let Some((size, stride)) = cols.first().copied().filter(|(size, _)| size.is_multiple_of(groups)) else {
                    return Err(format!("its {groups} groups do not divide its inputs"));
                };
                rows.push((groups, stride * (size / groups)));
                cols[0].0 = size / groups;
            }
            rows.extend(of(Axis::Out));
            rows.extend(of(Axis::Tap));
        } else {
            if !whole.is_multiple_of(groups) {
                return Err(format!("its groups are {groups}, which does not divide its {whole} outputs"));
            }
            rows.extend(of(Axis::Out));
            cols.extend(of(Axis::Tap));
        }
        let all_rows = product(&rows);
        let [first, end] = layer.rows.unwrap_or([0, all_rows]);
        if first >= end || end > all_rows {
            return Err(format!("its rows [{first}, {end}] are not a part of the {all_rows} that the tensor has"));
        }
        if layer.rows.is_some() && groups > 1 {
            return Err("a part of the rows of a grouped layer is no layer".into());
        }
        let (rows, cols) = (joined(rows), joined(cols));
        let col_count = product(&cols);
        let plain = |parts: &Parts, stride: usize| parts.is_empty() || matches!(parts[..], [(_, s)] if s == stride);
        let plain = plain(&cols, 1) && plain(&rows, col_count);
        Ok(View { base, rows, cols, first_row: first, row_count: end - first, col_count, groups, plain })
    }

    /// The weight that a row starts from.
    pub fn row(&self, row: usize) -> usize {
        self.base + offset(&self.rows, self.first_row + row)
    }

    /// How far a column is from the start of its row.
    pub fn col(&self, col: usize) -> usize {
        offset(&self.cols, col)
    }
}

fn product(parts: &[(usize, usize)]) -> usize {
    parts.iter().map(|(size, _)| size).product()
}

/// Neighbouring parts that lie without a gap are one.
fn joined(parts: Parts) -> Parts {
    let mut joined: Parts = Vec::with_capacity(parts.len());
    for (size, stride) in parts.into_iter().filter(|(size, _)| *size > 1) {
        match joined.last_mut() {
            Some((outer, outer_stride)) if *outer_stride == size * stride => {
                *outer *= size;
                *outer_stride = stride;
            }
            _ => joined.push((size, stride)),
        }
    }
    joined
}

fn offset(parts: &Parts, mut index: usize) -> usize {
    let mut offset = 0;
    for (size, stride) in parts.iter().rev() {
        offset += index % size * stride;
        index /= size;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::description::Operation;

    fn layer(kind: Operation, axes: &str) -> Layer {
        Layer { kind, axes: axes.parse().ok(), ..Layer::default() }
    }

    /// The matrix as the numbers of its weights in the tensor.
    fn numbers(layer: &Layer, shape: &[usize]) -> Vec<Vec<usize>> {
        let view = View::new(layer, shape).unwrap();
        (0..view.row_count).map(|r| (0..view.col_count).map(|c| view.row(r) + view.col(c)).collect()).collect()
    }

    #[test]
    fn as_stored_is_plain() {
        for (kind, axes, shape) in
            [(Operation::Linear, "out in", &[3, 4][..]), (Operation::Conv2d, "out in k k", &[3, 2, 2, 1])]
        {
            let layer = layer(kind, axes);
            assert!(View::new(&layer, shape).unwrap().plain);
            assert_eq!(numbers(&layer, shape).concat(), (0..12).collect::<Vec<_>>());
        }
        assert!(!View::new(&layer(Operation::Linear, "in out"), &[3, 4]).unwrap().plain);
    }

    #[test]
    fn turned_round() {
        assert_eq!(numbers(&layer(Operation::Linear, "in out"), &[2, 3]), [[0, 3], [1, 4], [2, 5]]);
        // Channels last: [k, in, out] = [2, 2, 2] to out x (in, k).
        let last = numbers(&layer(Operation::Conv1d, "k in out"), &[2, 2, 2]);
        assert_eq!(last, [[0, 4, 2, 6], [1, 5, 3, 7]]);
    }

    #[test]
    fn a_transposed_convolution_has_a_row_for_each_output_and_tap() {
        // [in, out, k] = [2, 1, 3]
        let rows = numbers(&layer(Operation::TransposedConv1d, "in out k"), &[2, 1, 3]);
        assert_eq!(rows, [[0, 3], [1, 4], [2, 5]]);
        let grouped = Layer { groups: Some(2), ..layer(Operation::TransposedConv1d, "in out k") };
        let view = View::new(&grouped, &[4, 1, 2]).unwrap();
        assert_eq!((view.row_count, view.col_count, view.groups), (4, 2, 2));
        assert_eq!(numbers(&grouped, &[4, 1, 2]), [[0, 2], [1, 3], [4, 6], [5, 7]]);
    }

    #[test]
    fn group_axes_come_first() {
        // Keras' depthwise kernel [k, channels, multiplier] = [2, 2, 1].
        let view = View::new(&layer(Operation::Conv1d, "k group out"), &[2, 2, 1]).unwrap();
        assert_eq!((view.row_count, view.col_count, view.groups), (2, 2, 2));
        assert_eq!(numbers(&layer(Operation::Conv1d, "k group out"), &[2, 2, 1]), [[0, 2], [1, 3]]);
    }

    #[test]
    fn picks_and_parts() {
        let picked = Layer { pick: vec![1], ..layer(Operation::Linear, "pick in out") };
        assert_eq!(numbers(&picked, &[2, 2, 2]), [[4, 6], [5, 7]]);
        let part = Layer { rows: Some([1, 2]), ..layer(Operation::Linear, "out in") };
        assert_eq!(numbers(&part, &[3, 2]), [[2, 3]]);
    }

    #[test]
    fn blocks_are_two_outs_and_two_ins() {
        let blocks = Layer { kind: Operation::Blocks, ..Layer::default() };
        assert_eq!(numbers(&blocks, &[1, 2, 2, 2]), [[0, 1, 4, 5], [2, 3, 6, 7]]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let says = |layer: Layer, shape: &[usize], text: &str| {
            let error = View::new(&layer, shape).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        says(layer(Operation::Linear, "out in"), &[2, 2, 2], "[2, 2, 2]");
        says(layer(Operation::Linear, "pick out in"), &[2, 2, 2], "`pick` gives 0");
        says(Layer { pick: vec![2], ..layer(Operation::Linear, "pick out in") }, &[2, 2, 2], "asks for 2");
        says(Layer { groups: Some(3), ..layer(Operation::Conv1d, "out in k") }, &[4, 2, 2], "does not divide");
        says(layer(Operation::Conv2d, "out in k"), &[4, 2, 2], "2 dimensions of space");
        says(Layer { rows: Some([1, 4]), ..layer(Operation::Linear, "out in") }, &[3, 2], "[1, 4]");
    }
}
