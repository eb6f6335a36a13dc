//! What a tensor's name says.
//!
//! Names are dotted paths, `features.3.conv.weight`. The last part is the *role* (`weight`, `bias`, or a parameter's own
//! name); the *owner* is the module before a weight's role, or the parameter itself.

/// The words of one part: split at separators and camel-case humps, in lower case, without trailing digits.
/// `AuxLogits_2` is `aux`, `logits`.
pub(super) fn words(part: &str) -> Vec<String> {
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
pub(super) fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['.', '/'])
}

/// Whether the role says "weight": `weight`, `weight_ih_l0`, `in_proj_weight`, `kernel`, `w_0`.
fn is_weight(role: &[String]) -> bool {
    const WEIGHT: [&str; 4] = ["weight", "weights", "kernel", "w"];
    let ends = [role.first(), role.last()];
    ends.into_iter().flatten().any(|word| WEIGHT.contains(&word.as_str()))
}

/// Why a tensor of this name and shape (two dimensions or more) is not the matrix of a product; `None` if it may be.
pub(super) fn why_not_a_matrix(name: &str, shape: &[usize]) -> Option<String> {
    let all: Vec<&str> = parts(name).collect();
    let role = words(all.last().unwrap_or(&""));
    let weight = is_weight(&role);
    let owner = if weight && all.len() > 1 { words(all[all.len() - 2]) } else { role.clone() };

    let has = |list: &[&str]| owner.iter().chain(&role).any(|word| list.contains(&word.as_str()));
    if has(&["bias", "biases"]) || role.first().is_some_and(|word| word == "b") {
        return Some("its name says that it is a bias".into());
    }
    if !weight && has(&["running", "mean", "var", "std", "mask", "anchor", "anchors", "freq", "freqs", "index"]) {
        return Some("its name says that it is a constant, not a weight".into());
    }
    let table_shape = shape.len() == 2 || (shape.len() == 3 && shape[0] == 1);
    if table_shape && is_table(&owner) {
        return Some("its name says that it is a lookup table, not a matrix product".into());
    }
    if !weight && shape.iter().filter(|&&dim| dim > 1).count() <= 1 {
        return Some("it has the shape of a bias, and its name does not say that it is a weight".into());
    }
    None
}

/// Whether the owner is an embedding: `embed_tokens`, `wte`, `pos_embed`, but not `embed_out` or `embedding_proj`,
/// which are linear layers.
fn is_table(owner: &[String]) -> bool {
    const TABLE: [&str; 8] = ["emb", "wte", "wpe", "pos", "position", "positions", "positional", "shared"];
    const PRODUCT: [&str; 8] = ["out", "output", "proj", "projection", "linear", "fc", "dense", "conv"];
    let any = |list: &[&str]| owner.iter().any(|word| list.contains(&word.as_str()));
    (any(&TABLE) || owner.iter().any(|word| word.starts_with("embed"))) && !any(&PRODUCT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_parts() {
        assert_eq!(words("_depthwise_conv"), ["depthwise", "conv"]);
        assert_eq!(words("AuxLogits_2"), ["aux", "logits"]);
        assert_eq!(words("w_0"), ["w"]);
        assert_eq!(words("conv2d_114"), ["conv2d"]);
        assert_eq!(words("12"), Vec::<String>::new());
    }

    #[test]
    fn matrices_and_others() {
        let cases: [(&str, &[usize], bool); 25] = [
            ("fc.weight", &[10, 64], true),
            ("head.weight", &[1, 64], true),           // a regression head
            ("final_conv.weight", &[1, 128, 1], true), // one output
            ("conv2d_112.w_0", &[24, 3, 3, 3], true),
            ("auto.cast.95", &[24, 24, 2, 2], true),
            ("p2o.pd_op.reshape.0.0", &[1, 24, 1, 1], false),
            ("p2o.pd_op.reshape.76.0", &[1, 1, 1, 1], false),
            ("scale", &[1, 24], false),
            ("conv.bias", &[1, 24, 1, 1], false),
            ("b_0", &[1, 24], false),
            ("h.0.attn.bias", &[1, 1, 1024, 1024], false), // GPT-2's mask
            ("bn.running_mean", &[1, 24, 1, 1], false),
            ("lstm_cell.weight_ih", &[512, 128], true),
            ("attn.in_proj_weight", &[192, 64], true),
            ("model.embed_tokens.weight", &[32000, 64], false),
            ("transformer.wte.weight", &[50257, 768], false),
            ("pos_embed", &[1, 197, 768], false),
            ("cls_token", &[1, 1, 768], false),
            ("shared.weight", &[32128, 512], false),
            ("relative_attention_bias.weight", &[32, 8], false),
            ("patch_embed.proj.weight", &[768, 3, 16, 16], true),
            ("time_embedding.linear_1.weight", &[1280, 320], true),
            ("embed_out.weight", &[50432, 512], true),
            ("gru.weight_hh_l0", &[96, 32], true),
            ("unnamed", &[8, 8], true),
        ];
        for (name, shape, matrix) in cases {
            assert_eq!(why_not_a_matrix(name, shape).is_none(), matrix, "{name} {shape:?}");
        }
    }
}
