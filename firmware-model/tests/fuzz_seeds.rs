//! The seeds of the fuzz target `decoder` are good schedules, one for each of its cores: without them the fuzzer would
//! hardly find a header. `ELIGHT_BLESS=1` writes them anew.

mod support;

use std::path::Path;

use firmware_model::controller::Controller;
use firmware_model::wire::{Lists, Reach};
use support::random::{Shape, encode};
use support::{Recorder, identity, stream};

/// The cores of `fuzz/fuzz_targets/decoder.rs`, in its order, and a kind of schedule for each.
const CORES: [(u16, u16, u8); 8] =
    [(2, 2, 1), (3, 2, 2), (4, 4, 4), (9, 9, 4), (2, 5, 6), (5, 3, 7), (1, 4, 8), (8, 8, 8)];
const KINDS: [(Reach, Lists, u16); 4] = [
    (Reach::Row, Lists::Level, 64),
    (Reach::Lane, Lists::Cell, 0),
    (Reach::Row, Lists::Cell, 128),
    (Reach::Row, Lists::Level, 0),
];

fn shape(core: usize) -> Shape {
    let (rows, cols, bits) = CORES[core];
    let (reach, lists, window) = KINDS[core % 4];
    Shape {
        rows,
        cols,
        bits,
        fanout: 1,
        reach,
        lists,
        window,
        wide: core > 5,
        layers: 1 + core as u32 % 2,
        steps: 12,
        gap: 3,
        crowded: 2,
        per_row_scale: core % 3 == 1,
        max_frame: 6000,
        seed: core as u64,
    }
}

#[test]
fn seeds_are_good_schedules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/decoder");
    for core in 0..CORES.len() {
        let shape = shape(core);
        let bytes = stream(&encode(&shape).bodies);
        let header = shape.header();
        let mut memory = vec![0; 32_768];
        let mut controller = Controller::new(Recorder::default(), identity(&header), &mut memory);
        controller.feed(&bytes).and_then(|_| controller.finish()).unwrap();

        let mended = core % 2;
        let mut seed = vec![(mended | core << 1 | 6 << 4) as u8];
        seed.extend(&bytes);
        let path = folder.join(format!("core-{core}"));
        if std::env::var_os("ELIGHT_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &seed).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == seed, "{}: bless it with ELIGHT_BLESS=1", path.display());
    }
}
