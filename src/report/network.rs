//! What a network is taken for, as a table that a person can check in a minute.

use std::fmt::Write;
use std::path::Path;

use super::number::count;
use super::table::plain_table;
use crate::weights::description::Layer;
use crate::weights::{Certainty, LayerInfo, Network};

/// The layers in their order, with how sure it is what they are; then what is left out, and why.
#[must_use]
pub fn network(path: &Path, network: &Network) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = print(&mut out, path, network);
    out
}

fn print(out: &mut String, path: &Path, network: &Network) -> std::fmt::Result {
    let description = network.description();
    let weights: u64 = network.layers().iter().map(|info| info.weights() as u64).sum();
    writeln!(out, "network   {}", path.display())?;
    let layers = count(network.layers().len() as u64, "layer");
    writeln!(out, "          {layers}, {}; in order {}", count(weights, "weight"), description.order)?;
    let sure = [Certainty::Stated, Certainty::Proved, Certainty::Assumed, Certainty::Unknown].map(|certainty| {
        let layers = network.layers().iter().filter(|info| info.certainty == certainty).count();
        (layers > 0).then(|| format!("{layers} {certainty}"))
    });
    writeln!(out, "          {}", sure.into_iter().flatten().collect::<Vec<_>>().join(", "))?;
    let mut table =
        plain_table(["layer", "certainty", "kind", "matrix", "tensor", "axes", "groups", "vectors", "inputs"]);
    for (layer, info) in description.layers.iter().zip(network.layers()) {
        table.add_row(row(layer, info));
    }
    writeln!(out, "\n{table}")?;
    for layer in description.layers.iter().filter(|layer| layer.certainty >= Certainty::Assumed) {
        if let Some(note) = &layer.note {
            writeln!(out, "{} {}: {note}", layer.certainty, layer.name.escape_debug())?;
        }
    }
    for product in &description.digital {
        let multiplications = product.multiplications.map(|n| format!(", {}", count(n, "multiplication")));
        let multiplications = multiplications.unwrap_or_default();
        writeln!(out, "digital {} ({}){multiplications}", product.name.escape_debug(), product.operator)?;
    }
    for skipped in network.skipped() {
        writeln!(out, "left out {}: {}", skipped.name.escape_debug(), skipped.reason)?;
    }
    Ok(())
}

fn row(layer: &Layer, info: &LayerInfo) -> [String; 9] {
    let shape: Vec<_> = info.shape.iter().map(usize::to_string).collect();
    let picked = if layer.pick.is_empty() { String::new() } else { format!(", picks {:?}", layer.pick) };
    let vectors = info.vectors.map_or("-".to_owned(), |vectors| vectors.to_string());
    let inputs: Vec<_> = layer.inputs.iter().map(|name| name.escape_debug().to_string()).collect();
    [
        info.name.escape_debug().to_string(),
        info.certainty.to_string(),
        info.kind.to_string(),
        format!("{}x{}", info.rows, info.cols),
        format!("{} [{}]", info.dtype, shape.join(", ")),
        format!("{}{picked}", layer.axes()),
        info.groups.to_string(),
        vectors,
        if inputs.is_empty() { "-".to_owned() } else { inputs.join(", ") },
    ]
}
