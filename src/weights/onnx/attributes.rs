//! The attributes of an operator.

use super::schema::{AttributeProto, NodeProto};

/// A node's attributes.
pub(super) struct Attributes<'a>(pub &'a NodeProto);

impl Attributes<'_> {
    pub fn get(&self, name: &str) -> Option<&AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, absent: i64) -> i64 {
        self.get(name).map_or(absent, |attribute| attribute.i)
    }

    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.get(name).map(|attribute| attribute.ints.clone())
    }

    /// Whole numbers that cannot be negative; none when the attribute is absent.
    pub fn sizes(&self, name: &str) -> Vec<u64> {
        self.ints(name).unwrap_or_default().into_iter().map(|size| u64::try_from(size).unwrap_or(0)).collect()
    }

    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok()).unwrap_or_default()
    }
}
