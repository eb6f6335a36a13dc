//! One `.npy` array: its header, and its numbers in the order in which everything else here reads them.
//!
//! ```text
//! 0x93 N U M P Y | major | minor | length, u16 (version 1) or u32 (2, 3) | {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } | numbers
//! ```
//!
//! It is read here and not by a crate, because those read numbers into vectors, and what is wanted is where they lie.

use std::io::Read;

use safetensors::Dtype;

/// Longest header that is read: names of fields, which no weights have, could make it longer.
const MOST_HEADER: usize = 1 << 16;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    /// Type of the numbers, or why they are no weights.
    pub dtype: Result<Dtype, String>,
    pub shape: Vec<usize>,
    /// Bytes before the numbers.
    pub header: usize,
    /// First dimension fastest.
    column_major: bool,
    big_endian: bool,
}

impl Array {
    /// Reads a header, and nothing behind it.
    pub fn read(from: &mut impl Read) -> Result<Array, String> {
        let mut begin = [0u8; 8];
        from.read_exact(&mut begin).map_err(|error| format!("its header cannot be read: {error}"))?;
        let [0x93, b'N', b'U', b'M', b'P', b'Y', major, _] = begin else {
            return Err("it does not begin like an array of NumPy".into());
        };
        let mut length = [0u8; 4];
        let width = match major {
            1 => 2,
            2 | 3 => 4,
            other => return Err(format!("its format is version {other}; 1 to 3 are known")),
        };
        from.read_exact(&mut length[..width]).map_err(|error| format!("its header cannot be read: {error}"))?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MOST_HEADER {
            return Err(format!("its header has {length} bytes; at most {MOST_HEADER} are read"));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(|error| format!("its header cannot be read: {error}"))?;
        let text = String::from_utf8(text).map_err(|_| "its header is no text".to_owned())?;
        let header = 8 + width + length;
        let value = |key: &str| value(&text, key).ok_or_else(|| format!("its header has no `{key}`"));
        let (dtype, big_endian) = match value("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
            Some((descr, _)) => (dtype(descr), descr.starts_with('>')),
            None => (Err("its elements are records, no numbers".into()), false),
        };
        let column_major = match value("fortran_order")? {
            text if text.starts_with("True") => true,
            text if text.starts_with("False") => false,
            _ => return Err("its `fortran_order` is neither True nor False".into()),
        };
        let shape = shape(value("shape")?).ok_or("its `shape` is no tuple of sizes")?;
        Ok(Array { dtype, shape, header, column_major, big_endian })
    }

    /// Bytes of all numbers; none where that is beyond any file.
    pub fn bytes(&self) -> Option<usize> {
        let size = self.dtype.as_ref().ok()?.bitsize() / 8;
        self.shape.iter().try_fold(size, |bytes, size| bytes.checked_mul(*size))
    }

    /// Whether the numbers lie as everything else here reads them: last dimension fastest, little-endian.
    pub fn is_as_we_read_it(&self) -> bool {
        !self.big_endian && !self.is_turned()
    }

    fn is_turned(&self) -> bool {
        self.column_major && self.shape.iter().filter(|size| **size > 1).count() > 1
    }

    /// Brings the numbers into that order.
    pub fn put_in_order(&self, bytes: &mut [u8]) {
        let Ok(dtype) = self.dtype else { return };
        let size = (dtype.bitsize() / 8).max(1);
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if !self.is_turned() {
            return;
        }
        let stored = bytes.to_vec();
        let mut strides = Vec::with_capacity(self.shape.len());
        self.shape.iter().fold(1, |stride, size| {
            strides.push(stride);
            stride * size
        });
        let (mut index, mut from) = (vec![0; self.shape.len()], 0);
        for number in bytes.chunks_exact_mut(size) {
            number.copy_from_slice(&stored[from * size..(from + 1) * size]);
            // The next one: last dimension fastest.
            for dim in (0..self.shape.len()).rev() {
                index[dim] += 1;
                from += strides[dim];
                if index[dim] < self.shape[dim] {
                    break;
                }
                from -= strides[dim] * self.shape[dim];
                index[dim] = 0;
            }
        }
    }
}

/// What stands behind a key of the header's dictionary.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

/// A tuple of sizes, `(3, 4)`, `(3,)` or `()`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    // Python 2 wrote long numbers as 3L.
    sizes.map(|size| size.strip_suffix('L').unwrap_or(size).parse().ok()).collect()
}

/// NumPy's name of a type; or why it is none of weights.
fn dtype(descr: &str) -> Result<Dtype, String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or(("", descr));
    if !matches!(order, "<" | ">" | "|" | "=") {
        return Err(format!("its type `{}` is not known", descr.escape_debug()));
    }
    Ok(match kind {
        "f8" => Dtype::F64,
        "f4" => Dtype::F32,
        "f2" => Dtype::F16,
        "i1" => Dtype::I8,
        "u1" => Dtype::U8,
        "i2" => Dtype::I16,
        "u2" => Dtype::U16,
        "i4" => Dtype::I32,
        "u4" => Dtype::U32,
        "i8" => Dtype::I64,
        "u8" => Dtype::U64,
        "b1" => Dtype::BOOL,
        "O" => return Err("it holds Python objects, no numbers".into()),
        "V2" | "V1" => {
            return Err(format!(
                "its type is {descr}, bytes without meaning (bfloat16 and 8-bit floats are saved so): save it with astype(numpy.float32)"
            ));
        }
        _ => return Err(format!("its type `{}` is none of weights", descr.escape_debug())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
    }

    #[test]
    fn headers_are_understood() {
        let read = |header: &str| Array::read(&mut &npy(header)[..]).unwrap();
        let array = read("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n");
        assert_eq!((array.dtype.clone(), array.shape.clone()), (Ok(Dtype::F32), vec![3, 4]));
        assert!(array.is_as_we_read_it() && array.bytes() == Some(48));
        let array = read("{'descr': '>f8', 'fortran_order': True, 'shape': (5,), }");
        assert!(!array.is_as_we_read_it() && array.shape == [5]);
        assert!(read("{'descr': '|i1', 'fortran_order': True, 'shape': (), }").is_as_we_read_it());
        let of = |descr: &str| read(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}")).dtype;
        assert!(of("'|O'").unwrap_err().contains("Python objects"));
        assert!(of("'|V2'").unwrap_err().contains("bfloat16"));
        assert!(of("[('a', '<f4')]").unwrap_err().contains("records"));
        let huge = read("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }");
        assert_eq!(huge.bytes(), None);
    }

    #[test]
    fn bad_headers_are_named() {
        let error = |bytes: &[u8]| Array::read(&mut &bytes[..]).unwrap_err();
        assert!(error(b"PK").contains("cannot be read"));
        assert!(error(b"\x93NUMPZ\x01\x00").contains("does not begin"));
        assert!(error(b"\x93NUMPY\x09\x00").contains("version 9"));
        assert!(error(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("4294967295 bytes"));
        assert!(error(&npy("{'descr': '<f4', 'shape': (3,)}")).contains("`fortran_order`"));
        assert!(error(&npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, x)}")).contains("`shape`"));
    }

    #[test]
    fn numbers_come_into_the_usual_order() {
        let array = |column_major, big_endian, shape: &[usize]| Array {
            dtype: Ok(Dtype::U16),
            shape: shape.to_vec(),
            header: 0,
            column_major,
            big_endian,
        };
        let numbers = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let mut bytes = numbers(&[0, 10, 1, 11, 2, 12]);
        array(true, false, &[2, 3]).put_in_order(&mut bytes);
        assert_eq!(bytes, numbers(&[0, 1, 2, 10, 11, 12]));
        let mut bytes = numbers(&[0, 100, 10, 110, 1, 101, 11, 111]);
        array(true, false, &[2, 2, 2]).put_in_order(&mut bytes);
        assert_eq!(bytes, numbers(&[0, 1, 10, 11, 100, 101, 110, 111]));
        let mut bytes = vec![1, 2, 3, 4];
        array(false, true, &[2]).put_in_order(&mut bytes);
        assert_eq!(bytes, [2, 1, 4, 3]);
    }
}
