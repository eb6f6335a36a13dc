//! A journal that cannot be used any more.

use firmware_model::device::OpenFault;
use firmware_model::journal::OpenError;
use firmware_model::link::messages::{Damage, Failure, KEY, Order, Refused, RunState};
use firmware_model::mutants::Mutant;
use firmware_model::seal::{Orders, seal};
use firmware_model::sim_cells::SimCell;

use crate::promise;
use crate::support::device::{Fuse, Log, Plan, Scratch, World, run, run_bytes, wear};

const KEY_A: [u8; KEY] = [0x5A; KEY];
const LEVELS: usize = 384 + 128;

/// A keyed device after two inferences, whose newer checkpoint is damaged; and the writes that it had counted.
fn damaged(plan: &Plan) -> (World, Vec<[u32; 2]>) {
    let mut world = World::new(plan, 18);
    let (mut scratch, log) = (Scratch::new(plan), Log::default());
    let mut device = world.boot::<true>(plan, &mut scratch, &Fuse::default(), &log).unwrap();
    assert_eq!(device.set_key(KEY_A, &Order { number: 1, tag: [0; 16] }), Ok(()));
    plan.key.set(Some(KEY_A));
    let mut bytes = Vec::new();
    seal(&plan.bytes, KEY_A, |piece| bytes.extend(piece));
    for inference in 0..2 {
        let state = run_bytes(&mut device, plan, (&bytes, true), inference, |_| ());
        assert_eq!(state, Ok(RunState::Ended));
    }
    drop(device);
    // A start makes a checkpoint of it all.
    let mut device = world.boot::<true>(plan, &mut scratch, &Fuse::default(), &log).unwrap();
    let counted = wear(&mut device, plan.cells());
    assert_eq!(counted, plan.expected(2).writes);
    drop(device);
    let bank = world.flash.len() / 2;
    let generation = |base: usize| u32::from_le_bytes(world.flash[base + 8..base + 12].try_into().unwrap());
    let newer = if generation(0) > generation(bank) { 0 } else { bank };
    world.flash[newer + LEVELS] ^= 1;
    (world, counted)
}

#[test]
fn a_device_with_a_corrupt_journal_says_so_and_is_begun_anew_by_who_has_the_key() {
    let plan = Plan::small();
    promise(
        || {
            let (mut world, counted) = damaged(&plan);
            world.cells.as_flattened_mut().iter_mut().for_each(|cell| {
                *cell = SimCell { pulses: cell.pulses, ..SimCell::erased(plan.transmissions[0]) };
            });
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let (mut device, opened) = world.switch_on::<true>(&plan, &mut scratch, &Fuse::default(), &log);
            assert_eq!(opened, Err(OpenFault::Journal(OpenError::Corrupt)));
            let halted = Failure::Journal(Damage::Corrupt);
            assert_eq!(device.status().run, Some(RunState::Failed(halted)));
            assert_eq!(run(&mut device, &plan, 2, |_| ()), Err(Refused::Halted(halted)));
            let hello = device.hello((1, 256, 1), (1, 0));
            assert_eq!((hello.keyed, hello.next), (true, 2), "what the header says is known");
            let order = |number, keep_wear, key| Order {
                number,
                tag: Orders::new(key).format(number, hello.checkpoints, keep_wear),
            };
            assert_eq!(device.begin_anew(true, &Order { number: 5, tag: [0; 16] }), Err(Refused::Unauthenticated));
            assert_eq!(device.begin_anew(true, &order(5, false, KEY_A)), Err(Refused::Unauthenticated));
            assert_eq!(device.begin_anew(true, &order(5, true, [1; KEY])), Err(Refused::Unauthenticated));
            assert_eq!(device.begin_anew(true, &order(5, true, KEY_A)), Ok(()));
            assert_eq!(device.begin_anew(true, &order(5, true, KEY_A)), Ok(()), "saying it again is harmless");
            assert_eq!(wear(&mut device, plan.cells()), counted, "the older checkpoint and its log have all of it");
            assert!(device.levels().iter().all(|level| *level == 0));
            drop(device);
            // It works again, with its key, and goes on counting inferences.
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            let mut bytes = Vec::new();
            seal(&plan.bytes, KEY_A, |piece| bytes.extend(piece));
            let state = run_bytes(&mut device, &plan, (&bytes, true), 2, |_| ());
            assert_eq!(state, Ok(RunState::Ended));
            let first = plan.expected(1).writes;
            let sum: Vec<[u32; 2]> = counted.iter().zip(&first).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect();
            assert_eq!(wear(&mut device, plan.cells()), sum);
        },
        &[Mutant::FormatUntagged, Mutant::WearForgotten],
    );
}

#[test]
fn where_no_header_can_be_read_only_the_board_begins_anew() {
    let plan = Plan::small();
    let (mut world, _) = damaged(&plan);
    let bank = world.flash.len() / 2;
    for copy in [0, 192, bank, bank + 192] {
        world.flash[copy + 30] ^= 1;
    }
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let (mut device, opened) = world.switch_on::<true>(&plan, &mut scratch, &Fuse::default(), &log);
    assert_eq!(opened, Err(OpenFault::Journal(OpenError::Corrupt)));
    assert_eq!(device.begin_anew(true, &Order { number: 5, tag: [0; 16] }), Err(Refused::KeyIsLost));
}
