//! The sweep: a cut at every event, two cuts, cuts with cells that are noisy or stuck; and mistakes that the sweep has to find.

use firmware_model::hardware::Verify;
use firmware_model::mutants::Mutant;
use firmware_model::sim_cells::Physics;
use firmware_model::sim_flash::Flaws;

use crate::promises::{Life, live};
use crate::support::device::{Plan, World};

/// Erase blocks: two banks of 9.
const BLOCKS: usize = 18;
/// Enough to fill a bank's log more than once.
const INFERENCES: u32 = 15;

/// Cuts at every `stride`th event of one life. Returns their number.
fn sweep<const READ_BACK: bool>(life: &Life, world: &World, stride: usize) -> Result<u64, String> {
    let whole = live::<READ_BACK>(life, &mut world.clone(), &[])?[0];
    for cut in (0..whole).step_by(stride) {
        live::<READ_BACK>(life, &mut world.clone(), &[cut]).map_err(|why| format!("cut at {cut} of {whole}: {why}"))?;
    }
    Ok(whole)
}

/// After a cut at every `first`th event, a second one at every `second`th event of what follows, up to `reach`.
fn sweep_twice<const READ_BACK: bool>(
    life: &Life,
    world: &World,
    (first, second, reach): (usize, usize, u64),
) -> Result<u64, String> {
    let whole = live::<READ_BACK>(life, &mut world.clone(), &[])?[0];
    let mut lives = 0;
    for cut in (0..whole).step_by(first) {
        let after = live::<READ_BACK>(life, &mut world.clone(), &[cut])?[1];
        for again in (0..after.min(reach)).step_by(second) {
            live::<READ_BACK>(life, &mut world.clone(), &[cut, again])
                .map_err(|why| format!("cuts at {cut} and {again} after it: {why}"))?;
            lives += 1;
        }
    }
    Ok(lives)
}

fn small() -> (Life, World) {
    let life = Life::new(Plan::small(), INFERENCES);
    let world = World::new(&life.plan, BLOCKS);
    (life, world)
}

#[test]
fn a_cut_at_every_event_keeps_the_promises_open_loop() {
    let (life, world) = small();
    let events = sweep::<false>(&life, &world, 1).unwrap();
    assert!(events > 3000, "{events} events: too few to show anything");
}

#[test]
fn a_cut_at_every_event_keeps_the_promises_with_read_back() {
    let (life, world) = small();
    let events = sweep::<true>(&life, &world, 1).unwrap();
    assert!(events > 3000, "{events} events: too few to show anything");
}

#[test]
fn frames_that_end_within_a_step_keep_them() {
    let life = Life::new(Plan::long(), 1);
    let events = sweep::<false>(&life, &World::new(&life.plan, BLOCKS), 1).unwrap();
    assert!(events > 1500, "{events} events: too few to show anything");
}

#[test]
fn a_second_cut_in_what_follows_the_first_keeps_them_too() {
    let (life, world) = small();
    let lives = sweep_twice::<false>(&life, &world, (97, 1, 400)).unwrap();
    assert!(lives > 5000, "{lives} lives: too few to show anything");
    sweep_twice::<true>(&life, &world, (391, 3, 400)).unwrap();
}

#[test]
fn noisy_and_stuck_cells_change_nothing_about_it() {
    let (life, mut world) = small();
    world.physics = Physics { sigma: 0.008, seed: 5, ..Physics::IDEAL };
    world.verify = Verify { tries: 4, tolerance: 0.02, ..world.verify };
    world.cells[4][0].stuck = true;
    world.cells[7][1].stuck = true;
    sweep::<true>(&life, &world, 3).unwrap();
}

/// A small device whose flash reads torn words differently each time, or not at all.
fn small_on(flaws: Flaws) -> (Life, World) {
    let (life, world) = small();
    (life, World { flaws, ..world })
}

const UNSTABLE: Flaws = Flaws { unstable: true, coded: false, silent_after: None };
const CODED: Flaws = Flaws { unstable: false, coded: true, silent_after: None };

/// One cut and two, with torn words that are unstable or cannot be read.
fn torn_words(flaws: Flaws) -> Result<(), String> {
    let (life, world) = small_on(flaws);
    sweep::<false>(&life, &world, 1)?;
    sweep_twice::<false>(&life, &world, (7, 101, u64::MAX)).map(drop)
}

#[test]
fn words_that_read_differently_each_time_change_nothing_about_it() {
    torn_words(UNSTABLE).unwrap();
}

#[test]
fn words_that_cannot_be_read_are_the_end_of_the_log() {
    torn_words(CODED).unwrap();
}

#[test]
fn the_sweep_finds_what_is_wrong_with_torn_words() {
    for (mutant, flaws) in
        [(Mutant::ReadTwice, UNSTABLE), (Mutant::MarginalHeader, UNSTABLE), (Mutant::TornIsFailure, CODED)]
    {
        let found = mutant.during(|| torn_words(flaws));
        println!("{mutant:?}: {}", found.as_ref().err().map_or("NOT FOUND", |why| why));
        assert!(found.is_err(), "the sweep does not notice {mutant:?}");
    }
}

#[test]
fn the_sweep_finds_every_mistake() {
    let (life, world) = small();
    let long = Life::new(Plan::long(), 1);
    for mutant in [
        Mutant::CrcSkipped,
        Mutant::ApplyBeforeLog,
        Mutant::RedoAsDelta,
        Mutant::NoRedo,
        Mutant::RedoNotLogged,
        Mutant::RedoAll,
        Mutant::HeaderFirst,
        Mutant::AcknowledgedTooEarly,
    ] {
        let found = mutant.during(|| {
            sweep::<false>(&life, &world, 1)
                .and_then(|_| sweep_twice::<false>(&life, &world, (97, 1, 400)))
                .and_then(|_| sweep::<false>(&long, &World::new(&long.plan, BLOCKS), 1))
        });
        println!("{mutant:?}: {}", found.as_ref().err().map_or("NOT FOUND", |why| why));
        assert!(found.is_err(), "the sweep does not notice {mutant:?}");
    }
}
