//! Weights files, in the given order of tensors (the usual writer would sort them).

/// A weights file in the making.
#[derive(Clone, Default)]
pub struct Weights {
    metadata: Vec<(String, String)>,
    tensors: String,
    data: Vec<u8>,
}

impl Weights {
    pub fn new() -> Self {
        Self::default()
    }

    /// A file with one F32 tensor, called `a.weight`.
    pub fn one(shape: &[usize], values: &[f32]) -> Self {
        Self::new().f32("a.weight", shape, values)
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn f32(self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, "F32", shape, &bytes)
    }

    /// Gaussian-like weights, always the same for the same seed.
    pub fn random(self, name: &str, shape: &[usize], seed: u64) -> Self {
        self.f32(name, shape, &random(shape.iter().product(), seed))
    }

    pub fn tensor(mut self, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) -> Self {
        let start = self.data.len();
        self.data.extend(bytes);
        let end = self.data.len();
        self.tensors += &format!(r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let metadata: Vec<String> = self.metadata.iter().map(|(key, value)| format!(r#""{key}":"{value}""#)).collect();
        raw(&format!(r#"{{"__metadata__":{{{}}}{}}}"#, metadata.join(","), self.tensors), &self.data)
    }
}

/// A file's bytes from a header and data, without any check: the way to lie.
pub fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// Sums of four uniform numbers: a bell shape, most weights small. A splitmix64 generator.
pub fn random(count: usize, mut seed: u64) -> Vec<f32> {
    let mut uniform = || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| 0.1 * (uniform() + uniform() + uniform() + uniform())).collect()
}
