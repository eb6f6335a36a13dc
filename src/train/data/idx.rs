//! IDX, the format of MNIST: a magic number `00 00 08 d` (unsigned bytes, `d` dimensions), `d` big-endian sizes, the bytes.

use super::error::DataError;
use super::file::{read, unpack};
use super::split::Split;
use crate::nn::Shape;
use std::path::{Path, PathBuf};

/// Reads `{prefix}-images-idx3-ubyte` and `{prefix}-labels-idx1-ubyte` of a directory, gzipped or not.
pub(super) fn split(dir: &Path, prefix: &str, classes: usize) -> Result<Split, DataError> {
    let images = find(dir, &format!("{prefix}-images"), 3)?;
    let labels = find(dir, &format!("{prefix}-labels"), 1)?;
    parse((&read(&images)?, &images), (&read(&labels)?, &labels), classes)
}

/// The file under one of its usual names.
fn find(dir: &Path, stem: &str, dims: usize) -> Result<PathBuf, DataError> {
    let names = [
        format!("{stem}-idx{dims}-ubyte"),
        format!("{stem}-idx{dims}-ubyte.gz"),
        format!("{stem}.idx{dims}-ubyte"),
        format!("{stem}.idx{dims}-ubyte.gz"),
    ];
    let found = names.iter().map(|n| dir.join(n)).find(|p| p.is_file());
    found.ok_or_else(|| DataError::Missing { dir: dir.to_owned(), names: names.join(", ") })
}

/// Images and labels from the bytes of two files.
pub(super) fn parse(images: (&[u8], &Path), labels: (&[u8], &Path), classes: usize) -> Result<Split, DataError> {
    let (shape, pixels) = array(images.0, images.1, 3)?;
    let (count, classes_of) = array(labels.0, labels.1, 1)?;
    let wrong = |path: &Path, problem: String| Err(DataError::Format { path: path.to_owned(), problem });
    if count[0] != shape[0] {
        return wrong(labels.1, format!("has {} labels, but {} has {} images", count[0], images.1.display(), shape[0]));
    }
    if shape.contains(&0) {
        return wrong(images.1, format!("is empty: {} images of {}x{}", shape[0], shape[1], shape[2]));
    }
    if let Some(i) = classes_of.iter().position(|l| usize::from(*l) >= classes) {
        let (l, top) = (classes_of[i], classes - 1);
        return wrong(labels.1, format!("label {l} of image {i} is out of range: expected 0 to {top}"));
    }
    Ok(Split {
        shape: Shape::new(shape[0], shape[1], shape[2], 1),
        images: pixels,
        labels: classes_of.into_iter().map(u16::from).collect(),
    })
}

/// Sizes and bytes of an IDX array with the given number of dimensions.
fn array(bytes: &[u8], path: &Path, dims: usize) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let bytes = unpack(bytes, path)?;
    let wrong = |problem: String| DataError::Format { path: path.to_owned(), problem };
    let header = 4 + 4 * dims;
    if bytes.len() < header {
        return Err(wrong(format!("has {} bytes, less than the {header} of an IDX header", bytes.len())));
    }
    let magic = [0, 0, 8, dims as u8];
    if bytes[..4] != magic {
        let got = &bytes[..4];
        return Err(wrong(format!(
            "begins with {got:02x?}, expected {magic:02x?}: not IDX of {dims} dimensions of bytes"
        )));
    }
    let size = |k: usize| bytes[4 + 4 * k..8 + 4 * k].iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
    let shape: Vec<usize> = (0..dims).map(size).collect();
    let want = shape.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
    match want.and_then(|n| n.checked_add(header)) {
        Some(n) if n == bytes.len() => Ok((shape, bytes[header..].to_vec())),
        n => {
            let n = n.map_or("more than memory holds".to_owned(), |n| n.to_string());
            Err(wrong(format!("its header says {shape:?}, so {n} bytes; it has {}", bytes.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dims: &[u32], fill: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|d| out.extend(d.to_be_bytes()));
        out.extend(fill);
        out
    }

    fn message(images: &[u8], labels: &[u8]) -> String {
        parse((images, Path::new("images")), (labels, Path::new("labels")), 10).unwrap_err().to_string()
    }

    #[test]
    fn reads() {
        let s = parse((&file(&[2, 1, 2], &[1, 2, 3, 4]), Path::new("i")), (&file(&[2], &[9, 0]), Path::new("l")), 10);
        let s = s.unwrap();
        assert_eq!((s.shape, s.images, s.labels), (Shape::new(2, 1, 2, 1), vec![1, 2, 3, 4], vec![9, 0]));
    }

    #[test]
    fn damage_is_named() {
        let (images, labels) = (file(&[2, 1, 2], &[1, 2, 3, 4]), file(&[2], &[9, 0]));
        assert_eq!(message(&images[..7], &labels), "images: has 7 bytes, less than the 16 of an IDX header");
        assert!(message(&labels, &labels).contains("less than") || message(&labels, &labels).contains("begins with"));
        assert!(message(&images[..19], &labels).contains("[2, 1, 2], so 20 bytes; it has 19"));
        assert!(message(&images, &file(&[1], &[9])).contains("has 1 labels, but images has 2 images"));
        assert!(
            message(&images, &file(&[2], &[9, 10])).contains("label 10 of image 1 is out of range: expected 0 to 9")
        );
        assert!(message(&file(&[u32::MAX; 3], &[]), &labels).contains("more than memory holds"));
        assert!(message(&file(&[0, 1, 1], &[]), &file(&[0], &[])).contains("is empty"));
        let mut bad = images.clone();
        bad[3] = 2;
        assert!(message(&bad, &labels).contains("begins with"));
    }
}
