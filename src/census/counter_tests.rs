use super::*;
use firmware_model::pcm::Price;

const UP: Price = Price { energy_pj: 9.0, time_us: 0.5 };
const DOWN: Price = Price { energy_pj: 40.0, time_us: 20.0 };

fn counter(at_once: CellsAtOnce, cost: WriteCost) -> Counter {
    let header = wire::Header {
        rows: 2,
        cols: 3,
        bits: 4,
        fanout: 1,
        reach: wire::Reach::Row,
        lists: wire::Lists::Cell,
        window: 0,
        index_bytes: 2,
        max_frame: 256,
        layers: 1,
        ram: 0,
        device: "",
        device_crc: 0,
    };
    let mut counter = Counter::new(&header, cost, at_once);
    counter.layers.push(CoreLoad::default());
    counter
}

/// Two steps: the first raises three cells, the second lowers one and turns the sign of another.
fn two_steps(at_once: CellsAtOnce, cost: WriteCost) -> Counter {
    let mut core = counter(at_once, cost);
    let Ok(()) = core.program(0, 0, 4);
    let Ok(()) = core.program(0, 2, 6);
    let Ok(()) = core.program(1, 0, 2);
    let Ok(()) = core.step();
    let Ok(()) = core.program(0, 0, 3);
    let Ok(()) = core.program(1, 0, -5);
    let Ok(()) = core.program(0, 2, 6);
    let Ok(()) = core.step();
    core
}

#[test]
fn times_by_how_many_cells_are_written_at_once() {
    let cost = WriteCost::PerLevel { up: UP, down: DOWN };
    let us = |at_once| two_steps(at_once, cost).into_layers()[0].write_us;
    // Step 1: levels 4, 6, 2 up. Step 2: 1 down; 2 down and 5 up side by side.
    assert_eq!(us(CellsAtOnce::Core), 3.0 + 40.0);
    assert_eq!(us(CellsAtOnce::Row), (3.0 + 1.0) + (20.0 + 40.0));
    assert_eq!(us(CellsAtOnce::Column), (2.0 + 3.0) + 40.0);
    assert_eq!(us(CellsAtOnce::One), (2.0 + 3.0 + 1.0) + (20.0 + 40.0 + 2.5));
}

#[test]
fn events_energy_and_the_worst_cell() {
    let cost = WriteCost::PerLevel { up: UP, down: DOWN };
    let counter = two_steps(CellsAtOnce::Core, cost);
    assert_eq!(counter.worst_wear(), 6.0);
    let layer = counter.into_layers()[0];
    assert_eq!((layer.steps, layer.events, layer.worst_wear), (2, 6, 6.0));
    assert_eq!(layer.write_pj, 17.0 * 9.0 + 3.0 * 40.0);
    let pulses = two_steps(CellsAtOnce::Core, WriteCost::SingleShot { up: UP, down: DOWN });
    assert_eq!(pulses.worst_wear(), 2.0);
}

#[test]
fn cells_keep_their_levels_from_one_inference_to_the_next() {
    let cost = WriteCost::PerLevel { up: UP, down: DOWN };
    let mut core = two_steps(CellsAtOnce::Core, cost);
    core.begin();
    core.layers.push(CoreLoad::default());
    let Ok(()) = core.program(0, 2, 6);
    let Ok(()) = core.program(1, 0, -5);
    let Ok(()) = core.step();
    let layer = core.into_layers()[0];
    assert_eq!((layer.steps, layer.events, layer.write_us), (1, 0, 0.0));
}
