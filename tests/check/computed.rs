//! Faults in what a schedule computes.

use super::draft::*;
use elight::check::{Options, Problem, check_schedule};
use elight::geometry::IDLE;
use elight::level::{DeviceProfile, Reparam};
use firmware_model::wire;

#[test]
fn drafts_are_right_before_they_are_spoilt() {
    let layers = two_layers();
    for reach in [wire::Reach::Lane, wire::Reach::Row] {
        let draft = draft(&layers, reach);
        let found = check(&draft.encode(), &layers).unwrap();
        assert_eq!(found.first_load.writes, draft.totals().first_writes);
        assert_eq!((found.weights, found.layers[0].weights), (5 * 23 + 7 * 14, 5 * 23));
    }
}

#[test]
fn two_inputs_swapped() {
    let error = fault(|draft| {
        let program = draft.program(0, 4);
        let (first, last) = (1, 1 + 4 * (program.steps - 2)); // lane 1, ascending: different levels
        assert_ne!(program.level[first], program.level[last]);
        program.input.swap(first, last);
    });
    assert_problem!(&error, Problem::WrongLevel { output: 4, .. });
    let place = &error.place;
    assert_eq!((place.tile_row, place.step, place.core_row, place.cell), (Some(1), Some(0), Some(1), Some(1)));
    let text = error.to_string();
    assert!(text.contains("layer 0 (`a.weight`), tile row 1, step 0, core row 1, cell 1: column "), "{text}");
}

#[test]
fn every_wrong_level() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Lane);
    for (layer, output) in [(0, 0), (0, 3), (1, 6)] {
        for at in 0..good.clone().program(layer, output).level.len() {
            for change in [-1, 1] {
                let mut bad = good.clone();
                let level = &mut bad.program(layer, output).level[at];
                if *level == IDLE || (*level + change).abs() > 7 {
                    continue;
                }
                *level += change;
                let (found, core_row) = (*level, output % 3);
                let error = check(&bad.encode(), &layers).unwrap_err();
                let error = assert_problem!(error, Problem::WrongLevel { expected, found: f, .. }
                    if expected == found - change && f == found);
                assert_eq!((error.place.step, error.place.cell), (Some(at as u32 / 4), Some(at % 4)));
                assert_eq!(error.place.core_row, Some(core_row));
            }
        }
    }
}

#[test]
fn weights_left_out() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Lane);
    let count = good.clone().program(1, 2).level.len();
    let mut zeros = 0;
    for at in 0..count {
        let mut bad = good.clone();
        let program = bad.program(1, 2);
        let (level, input) = (std::mem::replace(&mut program.level[at], IDLE), program.input[at] as usize);
        match level {
            IDLE => {}
            0 => {
                zeros += 1;
                let found = check(&bad.encode(), &layers).unwrap();
                assert_eq!((found.left_out, found.layers[1].left_out, found.weights), (1, 1, 5 * 23 + 7 * 14 - 1));
            }
            _ => {
                let error = check(&bad.encode(), &layers).unwrap_err();
                assert_problem!(error, Problem::NotMultiplied { output: 2, column, level: l, others: 0 }
                    if column == input && l == level);
            }
        }
    }
    assert!(zeros > 0);
}

#[test]
fn a_weight_twice() {
    let error = fault(|draft| {
        let program = draft.program(0, 1);
        let twin = (4..20).find(|&i| program.level[i] == program.level[i - 4]).unwrap();
        program.input[twin] = program.input[twin - 4];
    });
    assert_problem!(error, Problem::MultipliedAgain { output: 1, .. });
}

#[test]
fn outputs_twice_and_missing() {
    let error = fault(|draft| draft.layers[0].tiles[1][1] = draft.layers[0].tiles[0][2].clone());
    assert_problem!(&error, Problem::OutputAgain { output: 2 });
    assert_eq!((error.place.tile_row, error.place.core_row), (Some(1), Some(1)));
    let error = fault(|draft| draft.layers[1].tiles[0][1] = None);
    assert_problem!(error, Problem::OutputMissing { output: 1, others: 0 });
    let error = fault(|draft| draft.layers[1].tiles.truncate(1));
    assert_problem!(error, Problem::OutputMissing { output: 3, others: 3 });
    let error = fault(|draft| draft.layers[0].tiles[0][0].as_mut().unwrap().0 = 5);
    assert_problem!(error, Problem::Range { field: "output row", found: 5, max: 4, .. });
}

#[test]
fn wrong_scales() {
    let scale = |draft: &mut Draft, change: fn(f32) -> f32| {
        let scale = draft.layers[0].tiles[0][2].as_mut().unwrap().1.as_mut().unwrap();
        *scale = change(*scale);
    };
    for change in [|s: f32| s.next_up().next_up(), |s: f32| s.next_down().next_down(), |s: f32| -s, |_| f32::NAN] {
        assert_problem!(fault(|draft| scale(draft, change)), Problem::Scale { output: Some(2), .. });
    }
    let error = fault(|draft| {
        let layer = &mut draft.layers[0];
        layer.scale = Some(1.0);
        layer.tiles.iter_mut().flatten().flatten().for_each(|slot| slot.1 = None);
    });
    assert_problem!(error, Problem::ScaleKind { expected: "row", found: "layer" });
}

#[test]
fn wrong_totals() {
    let fields = ["steps", "weights", "first_writes", "first_events", "writes", "events"];
    for (i, name) in fields.into_iter().enumerate() {
        let error = fault(|draft| draft.lie[i] = 1);
        assert_problem!(error, Problem::Total { field, expected, found } if field == name && found == expected + 1);
    }
}

#[test]
fn another_network_or_device() {
    let layers = two_layers();
    let bytes = draft(&layers, wire::Reach::Row).encode();
    let changed = |change: fn(&mut Vec<Tensor>)| {
        let mut other = two_layers();
        change(&mut other);
        check(&bytes, &other).unwrap_err()
    };
    assert_problem!(changed(|l| l[0].0 = "c.weight"), Problem::LayerName { .. });
    assert_problem!(changed(|l| l.truncate(1)), Problem::Disagrees { field: "layers", found: 2, expected: 1, .. });
    assert_problem!(changed(|l| l.swap(0, 1)), Problem::LayerName { .. });
    assert_problem!(changed(|l| (l[1].1, l[1].2) = (14, 7)), Problem::Disagrees { field: "rows", .. });
    assert_problem!(changed(|l| l[1].3.swap(3, 4)), Problem::WrongLevel { output: 0, column: 3 | 4, .. });
    assert_problem!(changed(|l| l[1].3[20] = 9.0), Problem::Scale { output: Some(1), expected: 9.0, .. });

    let with = |device: &str, bits| {
        let device = DeviceProfile::load(device, Some(bits)).unwrap();
        check_schedule(&mut &bytes[..], &network(&layers), &device, &OPTIONS).unwrap_err()
    };
    assert_problem!(with("elight", 4), Problem::Disagrees { field: "bits", .. });
    assert_problem!(with("gst-optical", 3), Problem::Disagrees { field: "device_crc", .. });
    let tanh = Options { reparam: Reparam::Tanh, ..OPTIONS };
    let error = check_schedule(&mut &bytes[..], &network(&layers), &device(), &tanh).unwrap_err();
    assert_problem!(error, Problem::Scale { output: Some(0), .. });
}
