//! What a tensor's name says.
//!
//! Names are paths, `features.3.conv.weight` or `conv2d/kernel`. The last part is the *role* (`weight`, `bias`, or a parameter's
//! own name); the *owner* is the module before a weight's role (before its number, in a list of modules), or the parameter itself.

/// The words of one part: split at separators and camel-case humps, in lower case, without trailing digits.
/// `AuxLogits_2` is `aux`, `logits`.
pub(in crate::weights) fn words(part: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in part.chars() {
        if !c.is_alphanumeric() || (after_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        after_lower = c.is_lowercase();
    }
    let words = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// The parts of a name.
pub(in crate::weights) fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['.', '/'])
}

/// Whether a tensor is called a lookup table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// No word of it.
    No,
    /// `..._encoder`: a table of some networks, a module of others.
    Perhaps,
    /// `embed...`, `wte`, `pos`...
    Yes,
    /// A table that many networks have under this very name.
    Known,
}

/// A tensor's name, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Name<'a> {
    pub full: &'a str,
    pub parts: Vec<&'a str>,
    /// The last part.
    pub role: &'a str,
    /// All before it, with the separator.
    pub stem: &'a str,
    role_words: Vec<String>,
    owner_words: Vec<String>,
}

impl<'a> Name<'a> {
    pub fn new(full: &'a str) -> Name<'a> {
        let parts: Vec<&str> = parts(full).collect();
        let role = parts.last().copied().unwrap_or_default();
        let role_words = words(role);
        let mut name =
            Name { full, role, stem: &full[..full.len() - role.len()], role_words, owner_words: Vec::new(), parts };
        name.owner_words = words(name.owner());
        name
    }

    /// The module whose weights these are, or the parameter itself.
    pub fn owner(&self) -> &'a str {
        let normal =
            if self.role.starts_with("original") { self.parts.len().saturating_sub(2) } else { self.parts.len() };
        let before = self.parts[..normal].iter().rev().skip(1);
        let module = before.copied().find(|part| !part.is_empty() && !part.bytes().all(|byte| byte.is_ascii_digit()));
        match self.is_weight() {
            true => module.unwrap_or(self.role),
            false => self.role,
        }
    }

    /// All words of the name.
    pub fn words(&self) -> impl Iterator<Item = String> + '_ {
        self.parts.iter().flat_map(|part| words(part))
    }

    /// Whether the role says "weight": `weight`, `weight_ih_l0`, `in_proj_weight`, `kernel`, `w_0`.
    pub fn is_weight(&self) -> bool {
        const WEIGHT: [&str; 7] = ["weight", "weights", "kernel", "w", "basis", "filter", "filters"];
        const PARAMETER: [&str; 6] = ["proj", "projection", "gate_up_proj", "up_proj", "down_proj", "original1"];
        let (first, last) = (self.role_words.first(), self.role_words.last());
        let last = last.filter(|word| *word != "w" || self.role_words.len() == 1);
        first.into_iter().chain(last).any(|word| WEIGHT.contains(&word.as_str()))
            || self.role_words.last().is_some_and(|word| PARAMETER.contains(&word.as_str()))
            || PARAMETER.contains(&self.role)
    }

    /// Whether it is called a scale or a zero point.
    pub fn is_scale(&self) -> bool {
        let role = self.role.to_lowercase();
        let scale = ["scale", "scales", "scale_inv", "scaling", "qzeros", "g_idx"];
        let zero = ["zero_point", "zero_points", "zeros"];
        scale.into_iter().any(|word| role == word || role.ends_with(&format!("_{word}")))
            || zero.into_iter().any(|word| role == word || role.ends_with(&format!("_{word}")))
    }

    /// Why a tensor of this shape (two dimensions or more), beside a bias of that shape, is not the weights of a product;
    /// `None` if it may be.
    pub fn why_no_weights(&self, shape: &[usize], bias: Option<&[usize]>) -> Option<String> {
        const CONSTANT: [&str; 36] = [
            "running",
            "mean",
            "var",
            "std",
            "mask",
            "anchor",
            "anchors",
            "freq",
            "freqs",
            "index",
            "indices",
            "cached",
            "cache",
            "table",
            "pe",
            "memory",
            "grid",
            "prototypes",
            "prototype",
            "coords",
            "coord",
            "token",
            "tokens",
            "latents",
            "queries",
            "sin",
            "cos",
            "buffer",
            "queue",
            "codebook",
            "position",
            "positional",
            "rel",
            "sinks",
            "centroids",
            "centers",
        ];
        let weight = self.is_weight();
        let starts_as_bias =
            self.role_words.first().is_some_and(|word| word == "b" || word == "bias" || word == "biases");
        let ends_as_bias = [&self.owner_words, &self.role_words]
            .iter()
            .any(|words| words.last().is_some_and(|word| word == "bias" || word == "biases"));
        if starts_as_bias || ends_as_bias {
            return Some("its name says that it is a bias".into());
        }
        if !weight && self.role_words.iter().any(|word| CONSTANT.contains(&word.as_str())) {
            return Some("its name says that it is a constant, not a weight".into());
        }
        if bias == Some(shape) {
            return Some("it scales each element, as the bias of the same shape shows".into());
        }
        if !weight && shape.iter().filter(|&&dim| dim > 1).count() <= 1 {
            return Some("it has the shape of a bias, and its name does not say that it is a weight".into());
        }
        if !weight && (shape.len() > 2) && self.table(&[1, 1]) >= Table::Yes {
            return Some("its name says that it is a lookup table, not a matrix product".into());
        }
        None
    }

    /// Whether the owner is called a lookup table: `embed_tokens`, `wte`, `pos_embed`, but not `embed_out` or `embedding_proj`,
    /// which are linear layers.
    pub fn table(&self, shape: &[usize]) -> Table {
        const WORD: [&str; 11] =
            ["emb", "embs", "wte", "wpe", "pos", "position", "positional", "codebook", "embd", "token", "tokens"];
        const PRODUCT: [&str; 14] = [
            "out",
            "output",
            "proj",
            "project",
            "projection",
            "linear",
            "fc",
            "dense",
            "conv",
            "mapping",
            "head",
            "gate",
            "mlp",
            "class",
        ];
        const KNOWN: [&str; 22] = [
            "embed_tokens",
            "wte",
            "wpe",
            "word_embeddings",
            "position_embeddings",
            "token_type_embeddings",
            "tok_embeddings",
            "token_embedding",
            "position_embedding",
            "pos_embed",
            "pos_embedding",
            "positional_embedding",
            "embed_positions",
            "query_embed",
            "query_position_embeddings",
            "row_embeddings",
            "column_embeddings",
            "relative_attention_bias",
            "rel_embeddings",
            "embedding",
            "embeddings",
            "shared",
        ];
        let matrix = shape.len() == 2 || (shape.len() == 3 && (shape[0] == 1 || shape[1] == 1));
        let any = |list: &[&str]| self.owner_words.iter().any(|word| list.contains(&word.as_str()));
        let owner = self.owner();
        match () {
            () if !matrix => Table::No,
            () if KNOWN.contains(&owner) => Table::Known,
            () if self.owner_words.last().is_some_and(|word| word == "encoder") => Table::Perhaps,
            () if any(&PRODUCT) => Table::No,
            () if any(&WORD) || self.owner_words.iter().any(|word| word.starts_with("embed")) => Table::Yes,
            () => Table::No,
        }
    }

    /// The name with its numbers taken out: modules that are built alike share it.
    pub fn family(&self) -> String {
        self.full.chars().filter(|c| !c.is_ascii_digit()).collect()
    }
}

impl PartialOrd for Table {
    fn partial_cmp(&self, other: &Table) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}
