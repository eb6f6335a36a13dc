//! What is read is compared with what it may say.

use firmware_model::device::OpenFault;
use firmware_model::hardware::{PcmCell, Side, Verify, largest_tolerance};
use firmware_model::journal::OpenError;
use firmware_model::link::messages::{Failure, RunState};
use firmware_model::mutants::Mutant;
use firmware_model::seal::Seal;
use firmware_model::sim_cells::Physics;
use firmware_model::wire::CRC;

use crate::promise;
use crate::support::device::{Fuse, Log, Plan, Scratch, World, run, wear};
use crate::support::weights::Weights;

/// The layout of `docs/controller.md`, section 3, for 3x3 cells: levels, and the bytes that the body's CRC covers.
const BODY: std::ops::Range<usize> = 384..384 + 128 + 64 + 128;
const LEVELS: usize = 384 + 128;
/// Both copies of the header.
const HEADERS: [usize; 2] = [0, 192];
const LOG: usize = BODY.end + 64;
const BANK: usize = 9 * 1024;

/// A world after an inference, with its checkpoint in the first or the second bank; the place of that bank.
fn after_an_inference(plan: &Plan) -> (World, usize) {
    let mut world = World::new(plan, 18);
    let (mut scratch, log) = (Scratch::new(plan), Log::default());
    let mut device = world.boot::<true>(plan, &mut scratch, &Fuse::default(), &log).unwrap();
    assert_eq!(run(&mut device, plan, 0, |_| ()), Ok(RunState::Ended));
    drop(device);
    // The next start makes a checkpoint of it.
    drop(world.boot::<true>(plan, &mut scratch, &Fuse::default(), &log).unwrap());
    let generation = |bank: usize| u32::from_le_bytes(world.flash[bank + 8..bank + 12].try_into().unwrap());
    let bank = if generation(0) > generation(BANK) { 0 } else { BANK };
    (world, bank)
}

fn open(world: &mut World, plan: &Plan) -> Result<Vec<i16>, OpenFault> {
    let (mut scratch, log) = (Scratch::new(plan), Log::default());
    world.boot::<false>(plan, &mut scratch, &Fuse::default(), &log).map(|device| device.levels().to_vec())
}

/// Makes the CRCs of a bank's body and headers right again.
fn mend(world: &mut World, bank: usize) {
    let bytes = &mut world.flash[bank..bank + BANK];
    let body = CRC.checksum(&bytes[BODY]);
    for header in HEADERS {
        bytes[header + 28..header + 32].copy_from_slice(&body.to_le_bytes());
        let crc = CRC.checksum(&bytes[header..header + 188]);
        bytes[header + 188..header + 192].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn every_byte_of_a_checkpoint_is_guarded() {
    let plan = Plan::small();
    promise(
        || {
            let (world, bank) = after_an_inference(&plan);
            for at in BODY {
                let mut world = world.clone();
                world.flash[bank + at] ^= 1;
                assert_eq!(open(&mut world, &plan), Err(OpenFault::Journal(OpenError::Corrupt)), "byte {at}");
            }
        },
        &[Mutant::BodyCrcSkipped],
    );
}

#[test]
fn one_damaged_copy_of_a_header_does_no_harm() {
    let plan = Plan::small();
    let (world, bank) = after_an_inference(&plan);
    let good = open(&mut world.clone(), &plan);
    for copy in HEADERS {
        for at in copy..copy + 192 {
            let mut world = world.clone();
            world.flash[bank + at] ^= 4;
            assert_eq!(open(&mut world, &plan), good, "byte {at}");
        }
    }
}

#[test]
fn levels_that_no_cell_has_are_refused() {
    let plan = Plan::small();
    promise(
        || {
            for level in [4i16, -4, i16::MAX, i16::MIN] {
                let (mut world, bank) = after_an_inference(&plan);
                world.flash[bank + LEVELS..bank + LEVELS + 2].copy_from_slice(&level.to_le_bytes());
                mend(&mut world, bank);
                assert_eq!(open(&mut world, &plan), Err(OpenFault::Journal(OpenError::Corrupt)), "level {level}");
            }
        },
        &[Mutant::LevelsUnchecked],
    );
}

#[test]
fn a_logged_batch_of_cells_that_the_core_does_not_have_is_refused() {
    let plan = Plan::small();
    promise(
        || {
            for (cell, level) in [(9u32, 0i32), (0xF_FFFF, 0), (0, 4), (0, -4)] {
                let (mut world, bank) = after_an_inference(&plan);
                let at = bank + LOG;
                let mut record = vec![12, 0, 1, 0, 0, 0, 0, 0];
                record.extend([9u32, 1, cell | ((level + 256) as u32) << 20].map(u32::to_le_bytes).as_flattened());
                let mut summed = world.flash[bank + 8..bank + 12].to_vec();
                summed.extend((LOG as u32).to_le_bytes());
                summed.extend(&record[..4]);
                summed.extend(&record[8..]);
                record[4..8].copy_from_slice(&CRC.checksum(&summed).to_le_bytes());
                world.flash[at..at + record.len()].copy_from_slice(&record);
                let found = open(&mut world, &plan);
                assert_eq!(found, Err(OpenFault::Journal(OpenError::Rotten { at: at as u32 })), "{cell} to {level}");
            }
        },
        &[Mutant::CellsUnchecked],
    );
}

#[test]
fn all_sixteen_bytes_of_a_tag_are_compared() {
    promise(
        || {
            let seal = Seal::new([3; 32], [4; 16]);
            let good = seal.tag(b"frame");
            assert!(seal.admits(b"frame", &good));
            for at in 0..16 {
                let mut tag = good;
                tag[at] ^= 1;
                assert!(!seal.admits(b"frame", &tag), "byte {at}");
            }
        },
        &[Mutant::ShortTag],
    );
}

#[test]
fn a_transmission_that_is_no_number_is_a_fault() {
    let plan = Plan::small();
    promise(
        || {
            let mut world = World::new(&plan, 18);
            world.deaf = Some(PcmCell { row: 1, col: 1, side: Side::Plus });
            world.verify.spot_check = 0;
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            for inference in 0..3 {
                assert_eq!(run(&mut device, &plan, inference, |_| ()), Ok(RunState::Ended));
            }
            assert_eq!(device.faults().iter().map(|fault| fault.cell).collect::<Vec<_>>(), [8]);
        },
        &[Mutant::NanPasses],
    );
}

/// Corrections and fault reports of one batch find room behind its intent, wherever in the log that is.
#[test]
fn the_log_keeps_room_for_what_follows_an_intent() {
    let plan = Plan::small();
    promise(
        || {
            let tolerance = largest_tolerance(&plan.transmissions) / 6.0;
            for seed in 0..6 {
                let mut world = World::new(&plan, 20);
                world.physics = Physics { sigma: 4.0 * tolerance, seed, ..Physics::IDEAL };
                world.verify = Verify { tries: 16, tolerance, spot_check: 0 };
                let (mut scratch, log) = (Scratch::new(&plan), Log::default());
                let mut device = world.boot::<true>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
                for inference in 0..20 {
                    let state = run(&mut device, &plan, inference, |_| ());
                    match state {
                        Ok(RunState::Ended) => {}
                        // So many cells miss so narrow a tolerance that they may be too many.
                        Ok(RunState::Failed(Failure::TooManyFaults { .. })) => break,
                        other => panic!("seed {seed}, inference {inference}: {other:?}"),
                    }
                }
                let checkpoints = device.status().checkpoints;
                assert!(checkpoints > 3, "seed {seed}: only {checkpoints} checkpoints");
            }
        },
        &[Mutant::NoReserve],
    );
}

/// A cell that is written more often between two checkpoints than its counter can count.
#[test]
fn a_full_wear_counter_asks_for_a_checkpoint() {
    let row: Vec<f32> = (0..400).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let weights = Weights::one(&[1, 400], &row);
    let plan = Plan::new(&weights, &["--core", "1x1", "--bits", "8", "--order", "natural"]);
    promise(
        || {
            let mut world = World::new(&plan, 128);
            let (mut scratch, log) = (Scratch::new(&plan), Log::default());
            let mut device = world.boot::<false>(&plan, &mut scratch, &Fuse::default(), &log).unwrap();
            assert_eq!(run(&mut device, &plan, 0, |_| ()), Ok(RunState::Ended));
            let counted = wear(&mut device, plan.cells());
            assert!(counted[0][0] > 70_000, "{counted:?}: too few to show anything");
            assert_eq!(counted, plan.expected(1).writes);
        },
        &[Mutant::WornIgnored],
    );
}
