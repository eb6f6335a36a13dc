//! A flash that does not do what it was asked for, and does not say so.

use firmware_model::device::OpenFault;
use firmware_model::journal::OpenError;
use firmware_model::link::messages::{Failure, RunState};
use firmware_model::mutants::Mutant;
use firmware_model::sim_flash::{Flaws, Word};

use crate::promise;
use crate::support::device::{Fuse, Log, Plan, Scratch, World, run};

const BLOCKS: usize = 18;
const INFERENCES: u32 = 4;

/// Runs inferences until all are done or the device fails; the furthest (inference, frames) that was acknowledged, and how it ended.
fn run_all(world: &mut World, plan: &Plan) -> Result<((u32, u32), Option<Failure>), OpenFault> {
    let (mut scratch, log) = (Scratch::new(plan), Log::default());
    let mut device = world.boot::<false>(plan, &mut scratch, &Fuse::default(), &log)?;
    let mut acknowledged = (0, 0);
    let first = device.position().map_or(0, |position| position.inference);
    for inference in first..INFERENCES {
        let state = run(&mut device, plan, inference, |ack| {
            // That an inference was started is no promise.
            if ack.frames > 0 {
                acknowledged = (inference, ack.frames);
            }
        });
        match state {
            Ok(RunState::Ended) => {}
            Ok(RunState::Failed(failure)) => return Ok((acknowledged, Some(failure))),
            other => panic!("inference {inference}: {other:?}"),
        }
    }
    Ok((acknowledged, None))
}

fn position(world: &mut World, plan: &Plan) -> (u32, u32) {
    let (mut scratch, log) = (Scratch::new(plan), Log::default());
    let device = world.boot::<false>(plan, &mut scratch, &Fuse::default(), &log).expect("it starts");
    device.position().map_or((0, 0), |position| (position.inference, position.frames))
}

/// Each word written and block erased of a life fails in silence, one a life.
#[test]
fn what_is_not_written_or_erased_is_noticed_before_it_is_acknowledged() {
    let plan = Plan::small();
    let expected = plan.expected(INFERENCES);
    promise(
        || {
            let mut failed = 0;
            for event in 0.. {
                let mut world = World::new(&plan, BLOCKS);
                world.flaws = Flaws { silent_after: Some(event), ..Flaws::default() };
                let (acknowledged, failure) = match run_all(&mut world, &plan) {
                    Ok(outcome) => outcome,
                    Err(OpenFault::Journal(OpenError::Flash { .. })) => ((0, 0), Some(Failure::Trailing)),
                    Err(other) => panic!("event {event}: {other:?}"),
                };
                failed += u32::from(failure.is_some());
                world.flaws = Flaws::default();
                // A flash that was never formatted whole is not taken up by itself.
                if event > 600 {
                    let known = position(&mut world, &plan);
                    assert!(known >= acknowledged, "event {event}: {acknowledged:?} acknowledged, {known:?} known");
                    assert_eq!(run_all(&mut world, &plan).expect("it starts").1, None, "event {event}");
                    let levels: Vec<i16> =
                        world.cells.iter().map(|[p, m]| i16::from(p.level) - i16::from(m.level)).collect();
                    assert_eq!(levels, expected.levels, "event {event}");
                }
                if failure.is_none() && event > 2000 {
                    break;
                }
            }
            assert!(failed > 1000, "{failed}: too few to show anything");
        },
        &[Mutant::NotReadBack],
    );
}

/// The bytes of the log of the bank that is in use.
fn log_bytes(world: &World) -> std::ops::Range<usize> {
    const LOG: usize = 384 + 128 + 64 + 128 + 64;
    let bank = world.flash.len() / 2;
    let generation = |base: usize| u32::from_le_bytes(world.flash[base + 8..base + 12].try_into().unwrap());
    let base = if generation(0) > generation(bank) { 0 } else { bank };
    let end = (base + LOG..base + bank).rev().find(|&at| world.words[at / 4] != Word::Erased).expect("a log");
    base + LOG..end + 1
}

/// Every byte of the log, with one bit of it and with all of them changed.
#[test]
fn a_record_that_is_damaged_later_is_not_taken_for_the_end() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, BLOCKS);
            let (acknowledged, failure) = run_all(&mut world, &plan).expect("it starts");
            assert_eq!(failure, None);
            let (bytes, mut refused) = (log_bytes(&world), 0);
            assert!(bytes.len() > 1000, "{bytes:?}: too few to show anything");
            for at in bytes.clone() {
                for change in [1u8 << (at % 8), 0xFF] {
                    let mut world = world.clone();
                    world.flash[at] ^= change;
                    match run_all(&mut world.clone(), &plan) {
                        Err(OpenFault::Journal(OpenError::Rotten { at: found })) => {
                            assert!(found as usize <= at, "byte {at}: found at {found}");
                            refused += 1;
                        }
                        Ok(_) => assert_eq!(position(&mut world, &plan), acknowledged, "byte {at} ^ {change:#x}"),
                        Err(other) => panic!("byte {at}: {other:?}"),
                    }
                }
            }
            // Padding and the last mark say nothing.
            assert!(refused > bytes.len() * 2 * 9 / 10, "{refused} of {} refused", bytes.len() * 2);
        },
        &[Mutant::RotOverlooked, Mutant::NoMark],
    );
}
