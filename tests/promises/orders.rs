//! Who may do what, and how often.

use firmware_model::link::messages::{KEY, Order, Refused, RunState, Start, Started};
use firmware_model::mutants::Mutant;
use firmware_model::seal::{Orders, schedule_id, seal};

use crate::promise;
use crate::support::device::{Fuse, Log, Plan, Scratch, SimDevice, World, run, run_bytes, wear};
use crate::support::weights::Weights;

const KEY_A: [u8; KEY] = [0x5A; KEY];
const KEY_B: [u8; KEY] = [0xB5; KEY];

fn sealed(plan: &Plan, key: [u8; KEY]) -> Vec<u8> {
    let mut bytes = Vec::new();
    seal(&plan.bytes, key, |piece| bytes.extend(piece));
    bytes
}

fn untagged(number: u32) -> Order {
    Order { number, tag: [0; 16] }
}

/// A device that has key A and has run an inference.
fn keyed<'m>(plan: &'m Plan, world: &'m mut World, scratch: &'m mut Scratch) -> SimDevice<'m, true> {
    let mut device = world.boot::<true>(plan, scratch, &Fuse::default(), &Log::default()).unwrap();
    assert_eq!(device.set_key(KEY_A, &untagged(1)), Ok(()));
    plan.key.set(Some(KEY_A));
    let state = run_bytes(&mut device, plan, (&sealed(plan, KEY_A), true), 0, |_| ());
    assert_eq!(state, Ok(RunState::Ended));
    device
}

#[test]
fn an_inference_is_carried_out_once_whatever_comes_between() {
    let plan = Plan::small();
    let other = Plan::new(&Weights::new().random("x.weight", &[4, 7], 9), &["--core", "3x3", "--bits", "2"]);
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            assert_eq!(run(&mut device, &plan, 0, |_| ()), Ok(RunState::Ended));
            assert_eq!(run(&mut device, &other, 1, |_| ()), Ok(RunState::Ended));
            let (levels, writes) = (device.levels().to_vec(), wear(&mut device, plan.cells()));
            for (plan, number) in [(&plan, 0), (&plan, 1), (&other, 0), (&plan, 3), (&other, u32::MAX)] {
                assert_eq!(run(&mut device, plan, number, |_| ()), Err(Refused::Inference { next: 2 }), "{number}");
            }
            assert_eq!(run(&mut device, &other, 1, |_| ()), Ok(RunState::Ended), "it is over, and stays so");
            assert_eq!(device.levels(), levels);
            assert_eq!(wear(&mut device, plan.cells()), writes);
        },
        &[Mutant::OldInferences],
    );
}

#[test]
fn a_start_without_the_keys_tag_changes_nothing() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let mut scratch = Scratch::new(&plan);
            let mut device = keyed(&plan, &mut world, &mut scratch);
            let mut mine = Start::new(900, schedule_id(&plan.bytes), 1);
            mine.tag = Orders::new(KEY_A).start(&mine);
            assert_eq!(device.start(mine), Ok(Started::Beginning));
            let before = device.position();
            let strangers = [
                Start::new(901, [9; 16], 1),
                Start { run: 902, ..mine },
                Start { inference: 2, ..mine },
                Start { schedule: [9; 16], ..mine },
                Start { tag: Orders::new(KEY_B).start(&mine), ..mine },
            ];
            for stranger in strangers {
                assert_eq!(device.start(stranger), Err(Refused::Unauthenticated), "{stranger:?}");
            }
            assert_eq!(device.position(), before);
            // The run goes on as if nobody had said anything.
            assert_eq!(device.data(900, 0, &sealed(&plan, KEY_A)).state, RunState::Ended);
            // Nor does what was listened to start it again.
            assert_eq!(device.start(mine), Ok(Started::Beginning), "the same start of the same run");
            assert_eq!(device.ack(900).state, RunState::Ended);
        },
        &[Mutant::StartUntagged],
    );
}

#[test]
fn a_flood_of_starts_costs_no_flash() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let mut scratch = Scratch::new(&plan);
            let log = Log::default();
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            assert_eq!(run(&mut device, &plan, 0, |_| ()), Ok(RunState::Ended));
            let (checkpoints, position) = (device.status().checkpoints, device.position());
            for run in 0..10_000 {
                let schedule = [run as u8; 16];
                assert_eq!(device.start(Start::new(run + 5000, schedule, 1)), Ok(Started::Beginning));
            }
            assert_eq!((device.status().checkpoints, device.position()), (checkpoints, position));
        },
        &[Mutant::StartLogged],
    );
}

#[test]
fn a_key_is_changed_by_who_has_it_and_the_wear_stays() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 32);
            let mut scratch = Scratch::new(&plan);
            let mut device = keyed(&plan, &mut world, &mut scratch);
            let writes = wear(&mut device, plan.cells());
            let next = device.hello((1, 256, 1), (1, 0)).next;
            let masked = Orders::new(KEY_A).mask(next, &KEY_B);
            assert_ne!(masked, KEY_B);
            for order in [
                untagged(2),
                Order { number: 2, tag: Orders::new(KEY_B).set_key(2, next, &masked) },
                Order { number: 3, tag: Orders::new(KEY_A).set_key(2, next, &masked) },
                Order { number: 2, tag: Orders::new(KEY_A).set_key(2, next + 1, &masked) },
            ] {
                assert_eq!(device.set_key(masked, &order), Err(Refused::Unauthenticated));
            }
            let order = Order { number: 2, tag: Orders::new(KEY_A).set_key(2, next, &masked) };
            assert_eq!(device.set_key(masked, &order), Ok(()));
            assert_eq!(device.set_key(masked, &order), Ok(()), "saying it again is harmless");
            assert_eq!(wear(&mut device, plan.cells()), writes);
            drop(device);
            // It lasts, and the old one is of no use any more.
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &Log::default()).unwrap();
            let old = run_bytes(&mut device, &plan, (&sealed(&plan, KEY_A), true), 1, |_| ());
            assert_eq!(old, Err(Refused::Unauthenticated));
            plan.key.set(Some(KEY_B));
            let new = run_bytes(&mut device, &plan, (&sealed(&plan, KEY_B), true), 1, |_| ());
            assert_eq!(new, Ok(RunState::Ended));
            assert_eq!(wear(&mut device, plan.cells()), plan.expected(2).writes);
        },
        &[Mutant::KeyUntagged],
    );
}
