//! What a network is taken for, as a table that a person can check in a minute.

use std::path::Path;

use crate::show::Screen;
use crate::show::names::printable;
use crate::show::number::count;
use crate::show::table::Table;
use crate::weights::description::Layer;
use crate::weights::{Certainty, LayerInfo, Network};

/// The layers in their order, with how sure it is what they are; then what is left out, and why.
#[must_use]
pub fn network(path: &Path, network: &Network, screen: &Screen) -> String {
    let description = network.description();
    let say = |label: &str, text: &str| screen.fact(label, &printable(text));
    let weights: u64 = network.layers().iter().map(|info| info.weights() as u64).sum();
    let layers = count(network.layers().len() as u64, "layer");
    let sure = [Certainty::Stated, Certainty::Proved, Certainty::Assumed, Certainty::Unknown].map(|certainty| {
        let layers = network.layers().iter().filter(|info| info.certainty == certainty).count();
        (layers > 0).then(|| format!("{layers} {certainty}"))
    });
    let sure = sure.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut out = say(
        "network",
        &format!("{}: {layers}, {}; in order {}; {sure}", path.display(), count(weights, "weight"), description.order),
    );
    let mut table = Table::new(&[
        ("layer", 0),
        ("certainty", 0),
        ("kind", 2),
        ("matrix", 0),
        ("tensor", 1),
        ("axes", 3),
        ("groups", 5),
        ("vectors", 4),
        ("inputs", 6),
    ])
    .words(8);
    for (layer, info) in description.layers.iter().zip(network.layers()) {
        table.row(row(layer, info));
    }
    out += &format!("\n{}\n", table.print(screen));
    for (layer, info) in description.layers.iter().zip(network.layers()) {
        if let (Some(note), true) = (&layer.note, layer.certainty >= Certainty::Assumed) {
            out += &say(&layer.certainty.to_string(), &format!("{}: {note}", info.name));
        }
    }
    for product in &description.digital {
        let multiplications = product.multiplications.map(|n| format!(", {}", count(n, "multiplication")));
        let multiplications = multiplications.unwrap_or_default();
        out += &say("digital", &format!("{} ({}){multiplications}", product.name, product.operator));
    }
    for skipped in network.skipped() {
        out += &say("left out", &format!("{}: {}", skipped.name, skipped.reason));
    }
    out
}

fn row(layer: &Layer, info: &LayerInfo) -> [String; 9] {
    let shape: Vec<_> = info.shape.iter().map(usize::to_string).collect();
    let picked = if layer.pick.is_empty() { String::new() } else { format!(", picks {:?}", layer.pick) };
    let vectors = info.vectors.map_or("-".to_owned(), |vectors| vectors.to_string());
    let inputs: Vec<_> = layer.inputs.iter().map(|name| printable(name)).collect();
    [
        printable(&info.name),
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
