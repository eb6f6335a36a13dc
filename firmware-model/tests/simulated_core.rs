//! What the simulated core forbids and counts, called directly.

use firmware_model::pcm::{Price, WriteCost};
use firmware_model::photonic_core::{Core, Output};
use firmware_model::sim::{Fault, PcmWear, SimConfig, SimCore, SimMemory, Wear};
use firmware_model::wire::{Layer, Scale};

const COST: WriteCost =
    WriteCost::PerLevel { up: Price { energy_pj: 9.0, time_us: 0.5 }, down: Price { energy_pj: 40.0, time_us: 20.0 } };

/// The buffers of a 2x3 core of 2-bit cells.
struct Buffers {
    levels: [i16; 6],
    wear: [Wear; 6],
    routes: [u32; 6],
    assigned: [Option<Output>; 2],
    values: Vec<i32>,
    inputs: Vec<i32>,
    outputs: Vec<i64>,
    stuck: Vec<(u16, u16)>,
}

impl Buffers {
    fn new() -> Self {
        Self {
            levels: [0; 6],
            wear: [Wear::default(); 6],
            routes: [0; 6],
            assigned: [None; 2],
            values: vec![0, 10, 20, 40],
            inputs: vec![1, 2, 3, 4, 5, 6, 7, 8],
            outputs: vec![0; 5],
            stuck: vec![],
        }
    }

    fn core(&mut self) -> Result<SimCore<'_>, Fault> {
        let memory = SimMemory {
            levels: &mut self.levels,
            wear: &mut self.wear,
            routes: &mut self.routes,
            assigned: &mut self.assigned,
            values: &self.values,
            inputs: &self.inputs,
            outputs: &mut self.outputs,
            stuck: &self.stuck,
        };
        SimCore::new(SimConfig { rows: 2, cols: 3, bits: 2, fanout: 1, cost: Some(COST) }, memory)
    }
}

/// 2 groups of one row with two inputs.
const LAYER: Layer<'static> = Layer {
    index: 0,
    rows: 2,
    cols: 2,
    groups: 2,
    tile_rows: 1,
    scale: Scale::Layer(1.0),
    change_rice: 0,
    cell_rice: 0,
    key_rice: 0,
    index_rice: &[],
    name: "w",
};

const fn output(row: u32) -> Option<Output> {
    Some(Output { row, base: 2 * row, scale: 1.0 })
}

#[test]
fn outputs_add_up_over_steps_and_stay_apart_by_layer() {
    let mut buffers = Buffers::new();
    let mut core = buffers.core().unwrap();
    // Output 1: -40 times input 2 of its layer, once; output 0: 10 times input 1, twice.
    for (index, first, expected) in [(0, 0, [40, -120]), (1, 2, [120, -280])] {
        core.begin_layer(&Layer { index, ..LAYER }).unwrap();
        core.assign(0, output(1)).unwrap();
        core.assign(1, output(0)).unwrap();
        core.program(0, 2, -3).unwrap();
        core.route(0, 2, Some(0)).unwrap();
        core.program(1, 0, 1).unwrap();
        core.route(1, 0, Some(1)).unwrap();
        core.step().unwrap();
        core.route(0, 2, None).unwrap();
        core.step().unwrap();
        assert_eq!(core.outputs()[first..first + 2], expected);
    }
    assert_eq!((core.totals().steps, core.totals().multiplications), (4, 6));
    core.begin_layer(&LAYER).unwrap();
    assert_eq!(core.outputs(), [0; 5], "layer 0 begins a new inference");
}

#[test]
fn every_level_step_is_counted_on_its_own_pcm_cell() {
    let mut buffers = Buffers::new();
    let mut core = buffers.core().unwrap();
    core.begin_layer(&LAYER).unwrap();
    core.assign(0, output(0)).unwrap();
    core.program(0, 0, 3).unwrap();
    core.program(0, 0, 3).unwrap();
    core.program(0, 1, 1).unwrap();
    core.step().unwrap();
    // Plus 3 -> 0 while minus 0 -> 2; the other cell up by 2: the first is the slowest, 60 us.
    core.program(0, 0, -2).unwrap();
    core.program(0, 1, 3).unwrap();
    core.step().unwrap();
    core.step().unwrap();
    let wear = |up, down, events, resets| PcmWear { up, down, events, resets };
    assert_eq!(core.wear()[0], Wear { plus: wear(3, 3, 2, 1), minus: wear(2, 0, 1, 0) });
    assert_eq!(core.wear()[1], Wear { plus: wear(3, 0, 2, 1), minus: wear(0, 0, 0, 0) });
    let totals = core.totals();
    assert_eq!((totals.counts.up, totals.counts.down, totals.counts.events(), totals.writes()), (8, 3, 5, 11));
    assert_eq!(totals.write_time_us, 1.5 + 60.0);
    assert_eq!(totals.energy_pj(&COST), 8.0 * 9.0 + 3.0 * 40.0);
    assert_eq!((core.worst_cell(), core.levels()[0]), (6, -2));
}

#[test]
fn what_hardware_could_not_do_is_forbidden() {
    let mut buffers = Buffers::new();
    buffers.stuck = vec![(0, 1), (1, 2)];
    let mut core = buffers.core().unwrap();
    assert_eq!(core.assign(0, output(0)), Err(Fault::Idle));
    assert_eq!(core.step(), Err(Fault::Idle));
    core.begin_layer(&LAYER).unwrap();
    assert_eq!(core.step(), Err(Fault::Idle));
    assert_eq!(core.assign(2, None), Err(Fault::Cell { row: 2, col: 0 }));
    assert_eq!(core.assign(0, output(2)), Err(Fault::OutputRow { row: 0, output: 2 }));
    let beyond = Output { row: 0, base: 3, scale: 1.0 };
    assert_eq!(core.assign(0, Some(beyond)), Err(Fault::OutputRow { row: 0, output: 0 }));
    core.assign(0, output(0)).unwrap();
    assert_eq!(core.program(0, 3, 0), Err(Fault::Cell { row: 0, col: 3 }));
    assert_eq!(core.program(2, 0, 0), Err(Fault::Cell { row: 2, col: 0 }));
    for level in [4, -4, i16::MIN, i16::MAX] {
        assert_eq!(core.program(0, 0, level), Err(Fault::Level { row: 0, col: 0, level }));
    }
    assert_eq!(core.program(0, 1, 2), Err(Fault::Stuck { row: 0, col: 1, at: 0, wanted: 2 }));
    assert_eq!(core.program(0, 1, 0), Ok(()));
    assert_eq!(core.route(0, 0, Some(2)), Err(Fault::Input { row: 0, col: 0, input: 2 }));
    assert_eq!(core.route(1, 0, Some(0)), Err(Fault::Unassigned { row: 1, col: 0 }));
    assert_eq!(core.route(0, 3, None), Err(Fault::Cell { row: 0, col: 3 }));
    core.assign(1, output(1)).unwrap();
    core.route(1, 0, Some(0)).unwrap();
    core.assign(1, None).unwrap();
    assert_eq!(core.route(1, 0, Some(0)), Err(Fault::Unassigned { row: 1, col: 0 }));
    assert_eq!((core.totals().writes(), core.levels()), (0, &[0i16; 6][..]));
    let few = |what, need, have| Err(Fault::Lent { what, need, have });
    assert_eq!(core.begin_layer(&Layer { cols: 5, ..LAYER }), few("inputs", 10, 8));
    assert_eq!(core.begin_layer(&Layer { index: 1, cols: 3, ..LAYER }), few("inputs", 10, 8));
    core.begin_layer(&Layer { rows: 4, groups: 1, ..LAYER }).unwrap();
    assert_eq!(core.begin_layer(&Layer { index: 1, ..LAYER }), few("outputs", 6, 5));
}

#[test]
fn outputs_that_leave_64_bits_are_an_error() {
    let mut buffers = Buffers::new();
    buffers.values = vec![i32::MAX; 4];
    buffers.inputs = vec![i32::MAX; 8];
    let mut core = buffers.core().unwrap();
    core.begin_layer(&LAYER).unwrap();
    core.assign(0, output(0)).unwrap();
    core.program(0, 0, 1).unwrap();
    core.route(0, 0, Some(0)).unwrap();
    core.step().unwrap();
    core.step().unwrap();
    assert_eq!(core.step(), Err(Fault::Overflow { output: 0 }));
}

#[test]
fn what_is_lent_is_checked() {
    let refused = |change: fn(&mut Buffers)| {
        let mut buffers = Buffers::new();
        change(&mut buffers);
        buffers.core().err()
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|b| b.values.truncate(3)), Some(Fault::Lent { what: "values", need: 4, have: 3 }));
    assert_eq!(refused(|b| b.levels[4] = -4), Some(Fault::Level { row: 1, col: 1, level: -4 }));
    assert_eq!(refused(|b| b.stuck = vec![(1, 3)]), Some(Fault::StuckList { at: 0 }));
    assert_eq!(refused(|b| b.stuck = vec![(1, 0), (0, 0)]), Some(Fault::StuckList { at: 1 }));
    let mut b = Buffers::new();
    let memory = SimMemory {
        levels: &mut b.levels,
        wear: &mut b.wear[..5],
        routes: &mut b.routes,
        assigned: &mut b.assigned,
        values: &b.values,
        inputs: &b.inputs,
        outputs: &mut b.outputs,
        stuck: &b.stuck,
    };
    let config = SimConfig { rows: 2, cols: 3, bits: 2, fanout: 1, cost: None };
    assert_eq!(SimCore::new(config, memory).err(), Some(Fault::Lent { what: "wear", need: 6, have: 5 }));
}
