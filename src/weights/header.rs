//! What is wrong in a header that the format's own reader has refused: which tensor, and what with it.

use std::collections::HashSet;
use std::fmt;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A tensor as the header has it; whatever does not fit the format stays out.
#[derive(Deserialize)]
struct Entry {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The entries in their order, twice named ones too.
struct Entries(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The first thing that is wrong with a tensor; `None` when it is the JSON itself.
pub(super) fn what_is_wrong(header: &[u8]) -> Option<String> {
    let Entries(entries) = serde_json::from_slice(header).ok()?;
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for (name, value) in &entries {
        let shown = name.escape_debug();
        if !names.insert(name.as_str()) {
            return Some(format!("the name `{shown}` stands there twice; every tensor needs a name of its own"));
        }
        if name == "__metadata__" {
            continue;
        }
        let entry = match Entry::deserialize(value) {
            Ok(entry) => entry,
            Err(error) => return Some(format!("tensor `{shown}`: {error}")),
        };
        let (begin, end) = entry.data_offsets;
        let Some(bits) =
            entry.shape.iter().try_fold(entry.dtype.bitsize() as u64, |bits, size| bits.checked_mul(*size))
        else {
            return Some(format!("tensor `{shown}`: its shape {:?} is larger than any file", entry.shape));
        };
        if !bits.is_multiple_of(8) {
            return Some(format!(
                "tensor `{shown}`: {} of shape {:?} does not fill whole bytes",
                entry.dtype, entry.shape
            ));
        }
        if end.checked_sub(begin) != Some(bits / 8) {
            return Some(format!(
                "tensor `{shown}`: {} of shape {:?} takes {} bytes, but its data_offsets [{begin}, {end}] are not so far apart",
                entry.dtype,
                entry.shape,
                bits / 8
            ));
        }
        tensors.push((begin, end, shown.to_string()));
    }
    tensors.sort();
    let mut at = 0;
    for (begin, end, name) in tensors {
        if begin != at {
            let what = if begin > at { "a gap" } else { "an overlap" };
            return Some(format!(
                "tensor `{name}`: its data begin at {begin}, but those before it end at {at}: {what}"
            ));
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tensor_and_its_fault_are_named() {
        let says = |header: &str, text: &str| {
            let found = what_is_wrong(header.as_bytes()).unwrap();
            assert!(found.contains(text) && found.contains("`a`"), "{found}");
        };
        let good = r#"{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}"#;
        says(&format!(r#"{{"a":{good},"a":{good}}}"#), "twice");
        says(r#"{"a":{"dtype":"F32","shape":[1000,1000],"data_offsets":[0,16]}}"#, "takes 4000000 bytes");
        says(
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]}}"#,
            "larger than any file",
        );
        says(r#"{"a":{"dtype":"F33","shape":[2,2],"data_offsets":[0,16]}}"#, "F33");
        says(r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#, "whole bytes");
        says(r#"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}}"#, "not so far apart");
        says(r#"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]}}"#, "a gap");
        assert_eq!(what_is_wrong(b"[1]"), None);
        assert_eq!(what_is_wrong(format!(r#"{{"a":{good}}}"#).as_bytes()), None);
    }
}
