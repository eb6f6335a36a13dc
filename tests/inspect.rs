//! What `inspect` shows is what the schedule does: every weight found again, step by step.

mod support;

use elight::inspect::{Content, Inspection, Request, inspect};
use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use elight::order::{Order, Reach};
use elight::plan::{CoreSize, Outcome, PlanOptions, Unobserved, plan};
use elight::weights::{Filter, Layout, Network};
use support::program::{Sandbox, network};
use support::weights::random;

struct Planned {
    sandbox: Sandbox,
    outcome: Outcome,
    schedule: Vec<u8>,
}

fn planned(order: Order, reach: Reach) -> Planned {
    let sandbox = Sandbox::with(&network());
    let network = Network::open(&sandbox.path("net.safetensors"), Layout::Auto, &Filter::default()).unwrap();
    let device = DeviceProfile::load("elight", Some(3)).unwrap();
    let options = PlanOptions { reach, order, ..PlanOptions::new(CoreSize { rows: 4, cols: 5 }, device) };
    let outcome = plan(&network, &options, &sandbox.path("net.elight"), &[], &Unobserved).unwrap();
    let schedule = sandbox.read("net.elight");
    Planned { sandbox, outcome, schedule }
}

impl Planned {
    fn inspect(&self, request: &Request) -> Inspection {
        inspect(&self.schedule, request).unwrap()
    }

    fn step(&self, layer: &str, step: u64, steady: bool) -> Inspection {
        self.inspect(&Request { layer: Some(layer.to_owned()), step: Some(step), steady, ..Request::default() })
    }
}

#[test]
fn steps_are_the_whole_matrix_and_every_write() {
    // The layers of the network, as `network()` makes them: name, rows, columns, outputs of a group, seed.
    let layers = [("stem.weight", 12, 27, 12, 1), ("dw.weight", 12, 9, 1, 3), ("fc1.weight", 30, 108, 30, 4)];
    for (order, reach) in [(Order::Optimal, Reach::Row), (Order::Optimal, Reach::Lane), (Order::Natural, Reach::Row)] {
        let planned = planned(order, reach);
        let whole = planned.inspect(&Request::default());
        assert_eq!((whole.error.as_deref(), whole.totals_match), (None, Some(true)));
        let quantizer = Quantizer::new(&DeviceProfile::load("elight", Some(3)).unwrap(), Reparam::None, ScaleMode::Row);
        for (at, (name, rows, cols, group, seed)) in layers.into_iter().enumerate() {
            let mut levels = vec![0; rows * cols];
            quantizer.quantize_into(rows, cols, &random(rows * cols, seed), &mut levels);
            let mut seen = vec![None; rows * cols];
            let (mut writes, mut later) = (0, 0);
            for step in 0..whole.layers[at].steps {
                let view = planned.step(name, step, false).step.unwrap();
                assert_eq!((view.name.as_str(), view.step_of_layer), (name, step));
                assert_eq!(view.step, whole.layers[at].first_step + step);
                assert!(!view.frames.is_empty());
                writes += view.counted.writes;
                later += planned.step(name, step, true).step.unwrap().counted.writes;
                for row in view.rows {
                    assert_eq!(row.base as usize, row.output as usize / group * cols);
                    for (cell, input) in row.inputs.iter().enumerate().filter_map(|(c, i)| i.map(|i| (c, i))) {
                        let place = row.output as usize * cols + input as usize;
                        assert_eq!(seen[place].replace(row.levels[cell]), None, "{name}: twice");
                    }
                    for change in row.changes {
                        assert_eq!(row.levels[usize::from(change.cell)], change.to);
                        assert_ne!(change.from, change.to);
                    }
                }
            }
            let seen: Vec<i16> = seen.into_iter().map(Option::unwrap).collect();
            assert_eq!(seen, levels, "{name}");
            let costs = planned.outcome.of(order).layers[at].0;
            assert_eq!((writes, later), (costs.first_load.writes, costs.per_inference.writes), "{name}");
            assert_eq!(whole.layers[at].first_load.writes, costs.first_load.writes);
            assert_eq!(whole.layers[at].per_inference.unwrap().events, costs.per_inference.events);
            assert_eq!(whole.layers[at].weights, (rows * cols) as u64);
        }
    }
}

#[test]
fn frames_are_the_whole_file_and_carry_their_steps() {
    let planned = planned(Order::Optimal, Reach::Row);
    let found = planned.inspect(&Request { frames: true, ..Request::default() });
    let frames = found.frames.unwrap();
    assert_eq!(frames.len() as u64, planned.outcome.frames);
    let mut offset = 8;
    for (i, frame) in frames.iter().enumerate() {
        assert_eq!((frame.frame, frame.offset), (i as u64, offset));
        offset += frame.bytes;
    }
    assert_eq!(offset, planned.schedule.len() as u64);
    assert_eq!((&frames[0].content, &frames.last().unwrap().content), (&Content::Header, &Content::End));
    // Each layer's first step begins with the first Steps frame of the layer; 27 inputs on 5 lanes are 6 steps a tile row.
    let steps = frames.iter().position(|f| matches!(f.content, Content::Steps { .. })).unwrap();
    assert_eq!(planned.step("stem.weight", 0, false).step.unwrap().frames[0], steps as u64);
    let tile_rows = planned.inspect(&Request { layer: Some("stem.weight".into()), ..Request::default() }).tile_rows;
    let tile_rows = tile_rows.unwrap();
    assert_eq!(tile_rows.len(), 3);
    assert_eq!(tile_rows.iter().map(|t| t.first_step).collect::<Vec<_>>(), [0, 6, 12]);
    let mut outputs: Vec<u32> = tile_rows.iter().flat_map(|t| t.outputs.iter().flatten().copied()).collect();
    outputs.sort_unstable();
    assert_eq!(outputs, (0..12).collect::<Vec<_>>());
    let layer = planned.inspect(&Request { layer: Some("dw.weight".into()), frames: true, ..Request::default() });
    assert!(layer.frames.unwrap().iter().all(|f| f.layer == Some(1)));
}

#[test]
fn whatever_the_bytes_are_it_does_not_panic() {
    let planned = planned(Order::Optimal, Reach::Row);
    let whole = planned.inspect(&Request::default());
    let request =
        Request { layer: Some("fc1.weight".into()), step: Some(3), frames: true, steady: true, ..Request::default() };
    for at in 0..planned.schedule.len() {
        let mut damaged = planned.schedule.clone();
        damaged[at] ^= 1 << (at % 8);
        for request in [&request, &Request::default()] {
            let Ok(found) = inspect(&damaged, request) else { panic!("damage hides a layer: byte {at}") };
            assert!(found.error.is_some() && found.end.is_none() && found.per_inference.is_none(), "byte {at}");
            assert!(found.layers.len() <= whole.layers.len());
            assert!(
                elight::inspect::print(&found, "net.elight", &elight::show::Screen::default()).starts_with("schedule")
            );
        }
        let cut = inspect(&planned.schedule[..at], &Request::default()).unwrap();
        assert!(cut.error.is_some(), "cut at {at}");
    }
    assert!(planned.sandbox.path("net.elight").exists());
}
