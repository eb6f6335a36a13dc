//! No cell is worn out or taken for another by a device that only starts, waits, or is asked.

use firmware_model::hardware::{PcmCell, Port, Side};
use firmware_model::link::messages::{Failure, Order, Refused, RunState};
use firmware_model::link::server::{POLL, Server};
use firmware_model::mutants::Mutant;
use firmware_model::sim_cells::SimCell;

use crate::promise;
use crate::support::device::{Fuse, Log, Plan, Scratch, World, run};
use crate::support::weights::Weights;

const UNSIGNED: Order = Order { number: 1, tag: [0; 16] };

#[test]
fn a_device_with_too_many_faults_leaves_its_cells_alone() {
    let weights = Weights::new().random("a.weight", &[12, 60], 1);
    let plan = Plan::new(&weights, &["--core", "6x6", "--bits", "2"]);
    promise(
        || {
            let mut world = World::new(&plan, 32);
            world.cells.as_flattened_mut().iter_mut().for_each(|cell| cell.stuck = true);
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let state = run(&mut device, &plan, 0, |_| ()).unwrap();
            let RunState::Failed(Failure::TooManyFaults { cell, .. }) = state else { panic!("{state:?}") };
            assert!(cell < 72);
            drop(device);
            let pulses: Vec<u32> = world.cells.as_flattened().iter().map(|cell| cell.pulses).collect();
            for _ in 0..20 {
                let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
                let refused = run(&mut device, &plan, 0, |_| ());
                assert!(matches!(refused, Err(Refused::Halted(Failure::TooManyFaults { .. }))), "{refused:?}");
            }
            let now: Vec<u32> = world.cells.as_flattened().iter().map(|cell| cell.pulses).collect();
            assert_eq!(pulses, now);
            // A new core, and the order that says so, lead out.
            world.cells.fill([SimCell::erased(plan.transmissions[0]); 2]);
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            assert_eq!(device.begin_anew(false, &UNSIGNED), Ok(()));
            assert_eq!((device.faults().len(), device.status().writes), (0, 0));
            assert_eq!(run(&mut device, &plan, 1, |_| ()), Ok(RunState::Ended));
        },
        &[Mutant::HaltForgotten],
    );
}

#[test]
fn a_core_that_was_exchanged_is_noticed_and_can_be_renewed() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            assert_eq!(run(&mut device, &plan, 0, |_| ()), Ok(RunState::Ended));
            let levels = device.levels().to_vec();
            drop(device);
            let mut other = world.clone();
            other.cells.fill([SimCell::erased(plan.transmissions[0]); 2]);
            let mut device = other.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let refused = run(&mut device, &plan, 1, |_| ());
            let Err(Refused::Halted(Failure::Astray { of, wrong, .. })) = refused else { panic!("{refused:?}") };
            // All 18 PCM cells are looked at; those above level 0 are missing.
            let above = levels.iter().filter(|level| **level != 0).count();
            assert_eq!((of, wrong as usize), (18, above));
            let mut found = Vec::new();
            assert_eq!(device.audit(0, |report| found.push((report.cell, report.wanted, report.read))), Ok(18));
            let missing: Vec<(u32, u8, u8)> = (0u32..)
                .zip(&levels)
                .filter(|(_, level)| **level != 0)
                .map(|(i, level)| (2 * i + u32::from(*level < 0), level.unsigned_abs() as u8, 0))
                .collect();
            assert_eq!(found, missing);
            // Written again, each once, counted, and gone on with.
            let writes = device.status().writes;
            assert_eq!(device.renew(0, &UNSIGNED), Ok(18));
            assert_eq!(device.status().writes - writes, above as u64);
            assert_eq!(device.audit(0, |report| panic!("{report:?}")), Ok(18));
            assert_eq!(run(&mut device, &plan, 1, |_| ()), Ok(RunState::Ended));
            assert_eq!(device.levels(), plan.expected(2).levels);
        },
        &[Mutant::NoSpotCheck],
    );
}

/// Bytes without end, none of which ends a packet.
struct Noise {
    taken: usize,
}

impl Port for Noise {
    fn read(&mut self) -> Option<u8> {
        self.taken += 1;
        assert!(self.taken < 100 * POLL, "one call goes on and on");
        Some(7)
    }

    fn write(&mut self, _: u8) -> bool {
        true
    }
}

#[test]
fn a_poll_ends_whatever_comes() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let (mut server, mut noise) = (Server::new(device, 4), Noise { taken: 0 });
            for call in 1..20 {
                assert!(server.poll(&mut noise), "there is more");
                assert!(noise.taken <= call * POLL, "{} bytes in {call} calls", noise.taken);
            }
        },
        &[Mutant::PollUnbounded],
    );
}

#[test]
fn a_failure_names_its_cell_or_its_place_in_the_flash() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            world.broken = Some(PcmCell { row: 2, col: 1, side: Side::Minus });
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let state = (0..4).map(|i| run(&mut device, &plan, i, |_| ()).unwrap()).find(|s| *s != RunState::Ended);
            let Some(RunState::Failed(Failure::Hardware { code, cell, .. })) = state else { panic!("{state:?}") };
            assert_eq!((code, cell), (6, Some(2 * 7 + 1)));
            drop(device);

            let mut world = World::new(&plan, 32);
            drop(world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap());
            world.flaws.silent_after = Some(40);
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let state = run(&mut device, &plan, 0, |_| ()).unwrap();
            let RunState::Failed(Failure::Flash { at, .. }) = state else { panic!("{state:?}") };
            assert!(at > 0 && (at as usize) < 32 * 1024, "{at}");
        },
        &[Mutant::PlaceForgotten],
    );
}
