//! CIFAR's binary version: records of one label byte (CIFAR-100: coarse, then fine), then 1,024 red, green and blue bytes.

use super::error::DataError;
use super::file::read;
use super::split::Split;
use crate::nn::Shape;
use std::path::Path;

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;

/// Reads files of records with `labels` label bytes, of which the last counts.
pub(super) fn split(dir: &Path, files: &[String], labels: usize, classes: usize) -> Result<Split, DataError> {
    let mut out = Split { shape: Shape::new(0, SIDE, SIDE, 3), images: Vec::new(), labels: Vec::new() };
    for name in files {
        let plain = dir.join(name);
        let zipped = dir.join(format!("{name}.gz"));
        let path = if plain.is_file() { plain } else { zipped };
        if !path.is_file() {
            let names = format!("{name}, {name}.gz");
            return Err(DataError::Missing { dir: dir.to_owned(), names });
        }
        append(&mut out, &read(&path)?, &path, labels, classes)?;
    }
    out.shape.n = out.labels.len();
    Ok(out)
}

fn append(out: &mut Split, bytes: &[u8], path: &Path, labels: usize, classes: usize) -> Result<(), DataError> {
    let record = labels + 3 * PIXELS;
    let wrong = |problem: String| Err(DataError::Format { path: path.to_owned(), problem });
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return wrong(format!("has {} bytes, expected a multiple of the {record} bytes of a record", bytes.len()));
    }
    for (i, r) in bytes.chunks(record).enumerate() {
        let label = r[labels - 1];
        if usize::from(label) >= classes {
            return wrong(format!("label {label} of record {i} is out of range: expected 0 to {}", classes - 1));
        }
        out.labels.push(u16::from(label));
        let planes = &r[labels..];
        out.images.extend((0..PIXELS).flat_map(|p| [planes[p], planes[PIXELS + p], planes[2 * PIXELS + p]]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Split {
        Split { shape: Shape::new(0, SIDE, SIDE, 3), images: Vec::new(), labels: Vec::new() }
    }

    #[test]
    fn records() {
        let mut bytes = vec![3u8, 7];
        bytes.extend((0..3 * PIXELS).map(|i| (i / PIXELS * 100) as u8));
        let mut s = empty();
        append(&mut s, &bytes, Path::new("f"), 2, 100).unwrap();
        assert_eq!((s.labels[0], &s.images[..6]), (7, &[0, 100, 200, 0, 100, 200][..]));
        let e = append(&mut empty(), &bytes[1..], Path::new("f"), 1, 5).unwrap_err().to_string();
        assert_eq!(e, "f: label 7 of record 0 is out of range: expected 0 to 4");
        let e = append(&mut empty(), &bytes, Path::new("f"), 1, 10).unwrap_err().to_string();
        assert_eq!(e, "f: has 3074 bytes, expected a multiple of the 3073 bytes of a record");
    }
}
