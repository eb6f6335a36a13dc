//! Tests of the checker: it accepts what the planner writes and counts the same, and it catches every fault that is put in.

#[macro_use]
mod draft;

mod bytes;
mod computed;

use draft::*;
use elight::check::{Counted, Options, check_schedule};
use elight::level::{DeviceProfile, Reparam, ScaleMode};
use elight::order::cost::tally::{Cost, PairWear};
use elight::order::{Order, Reach};
use elight::plan::{CoreSize, PlanOptions, Quantization, Unobserved, plan};

fn same(found: Counted, planned: Cost) {
    assert_eq!(
        (found.writes, found.events, found.max_cell_writes),
        (planned.writes, planned.events, planned.max_cell_writes)
    );
}

fn wear(pairs: &[PairWear]) -> Vec<[u64; 2]> {
    pairs.iter().map(|pair| [0, 1].map(|i| pair.up[i] + pair.down[i])).collect()
}

#[test]
fn planned_figures_are_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.elight");
    let mut rng = Rng(5);
    let shapes = [("a.weight", 33, 300), ("b.weight", 8, 129), ("c.weight", 70, 7), ("d.weight", 1, 1)];
    let network = network(&shapes.map(|(name, rows, cols)| (name, rows, cols, rng.weights(rows * cols))));
    let orders = [(Order::Natural, Reach::Row), (Order::Sorted, Reach::Row), (Order::Optimal, Reach::Lane)];
    let mut checked = 0;
    for (rows, cols) in [(9, 9), (4, 16), (40, 40), (1, 3)] {
        for bits in [1, 4, 7, 8] {
            for (order, reach) in orders.into_iter().chain([(Order::Optimal, Reach::Row)]) {
                let (reparam, scale) = match checked % 3 {
                    0 => (Reparam::None, ScaleMode::Row),
                    1 => (Reparam::Tanh, ScaleMode::Layer),
                    _ => (Reparam::Tanh, ScaleMode::Row),
                };
                let device = DeviceProfile::load("elight", Some(bits)).unwrap();
                let core = CoreSize { rows, cols };
                let quantization = Quantization { reparam, scale };
                let options = PlanOptions { quantization, reach, order, ..PlanOptions::new(core, device.clone()) };
                let outcome = plan(&network, &options, &path, &[], &Unobserved).unwrap();
                let mut file = std::fs::File::open(&path).unwrap();
                let what = format!("{rows}x{cols}, {bits} bits, {order:?}, {reach:?}, {reparam:?}, {scale:?}");
                let found = check_schedule(&mut file, &network, &device, &Options { reparam, scale })
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                let planned = outcome.of(order);
                same(found.first_load, planned.costs.first_load);
                same(found.per_inference, planned.costs.per_inference);
                assert_eq!(
                    (found.elight.total, found.elight.max),
                    (planned.elight.total_writes, planned.elight.max_writes)
                );
                for (layer, (costs, elight)) in found.layers.iter().zip(&planned.layers) {
                    same(layer.first_load, costs.first_load);
                    same(layer.per_inference, costs.per_inference);
                    assert_eq!((layer.elight.total, layer.elight.max), (elight.total_writes, elight.max_writes));
                }
                assert_eq!(found.first_load_wear, wear(&planned.first_load_wear), "{what}");
                assert_eq!(found.per_inference_wear, wear(&planned.per_inference_wear), "{what}");
                assert_eq!((found.bytes, found.frames), (outcome.bytes, outcome.frames));
                assert_eq!((found.weights, found.left_out), (33 * 300 + 8 * 129 + 70 * 7 + 1, 0));
                assert!(found.bound <= found.per_inference.writes, "{what}: {} writes", found.bound);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 64);
}

/// The bytes on the format's own page.
#[test]
fn the_example_of_the_format_page() {
    let page = include_str!("../../docs/schedule-format.md");
    let block = page.split("```hex").nth(1).unwrap().split("```").next().unwrap();
    let digits: String = block.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace()).collect();
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect();
    let weights = vec![0.5, -0.5, 0.0, 0.5, 0.0, 0.0, -0.5, -0.5];
    let device = DeviceProfile::load("elight", Some(1)).unwrap();
    let options = Options { reparam: Reparam::None, scale: ScaleMode::Layer };
    let found = check_schedule(&mut &bytes[..], &network(&[("fc", 2, 4, weights)]), &device, &options).unwrap();
    assert_eq!((found.steps, found.weights, found.left_out, found.frames), (2, 7, 1, 5));
    assert_eq!(found.bytes, bytes.len() as u64);
    // The minus cell of core row 1, cell 1 goes up to 1 and down again.
    assert_eq!(found.first_load, Counted { writes: 4, events: 4, max_cell_writes: 2 });
    assert_eq!(found.per_inference, Counted { writes: 2, events: 2, max_cell_writes: 2 });
    assert_eq!(found.final_levels, [-1, 0, 1, 0]);
}
