//! The device as a whole, on a simulated core: read-back, faults, drift, outputs, keys, and what it refuses.

mod support;

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use firmware_model::device::OpenFault;
use firmware_model::hardware::{Cells, PcmCell, Pulse, Side, Target, Verify, largest_tolerance};
use firmware_model::journal::OpenError;
use firmware_model::link::messages::{Failure, FaultReport, Order, Refused, RunState, Start};
use firmware_model::seal::{frames, seal};
use firmware_model::sim_cells::{ONE, Physics};
use firmware_model::sim_flash::{BLOCK, SimFlash};
use firmware_model::trace::Event;
use support::device::{Fuse, Log, Plan, Scratch, SimDevice, World, run, run_bytes, wear};
use support::weights::{Weights, random};

/// A device that was just switched on, and what it lives on.
macro_rules! boot {
    ($read_back:literal, $plan:expr, $world:expr, $scratch:expr, $log:expr) => {
        $world.boot::<$read_back>($plan, $scratch, &Fuse::default(), $log).expect("it starts")
    };
}

fn corrections(log: &Log) -> u32 {
    let cells = |event: &Event| if let Event::Corrected { cells } = event { u32::from(*cells) } else { 0 };
    log.events.borrow().iter().map(cells).sum()
}

#[test]
fn cells_are_written_until_they_read_right() {
    let plan = Plan::small();
    let expected = plan.expected(3);
    let mut world = World::new(&plan, 32);
    let tolerance = largest_tolerance(&plan.transmissions) / 3.0;
    // A write is right with a probability of 68 %.
    world.physics = Physics { sigma: tolerance, seed: 9, ..Physics::IDEAL };
    world.verify = Verify { tries: 16, tolerance, spot_check: 64 };
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    for inference in 0..3 {
        assert_eq!(run(&mut device, &plan, inference, |_| ()), Ok(RunState::Ended));
    }
    assert_eq!(device.levels(), expected.levels);
    assert!(device.faults().is_empty());
    let corrected = corrections(&log);
    assert_eq!(u64::from(corrected), device.status().corrections);
    assert!(corrected > 20, "{corrected}");
    let planned: u32 = expected.writes.as_flattened().iter().sum();
    let counted: u32 = wear(&mut device, plan.cells()).as_flattened().iter().sum();
    assert_eq!(counted, planned + corrected, "every correction is a write");
    drop(device);
    for (pair, level) in world.cells.iter().zip(&expected.levels) {
        for (cell, level) in pair.iter().zip([*level, -*level]) {
            let wanted = plan.transmissions[level.max(0) as usize];
            // Cells that never moved were never read.
            assert!(cell.pulses == 0 || (cell.transmission - wanted).abs() <= tolerance, "{cell:?}");
        }
    }
    let pulses: u32 = world.cells.as_flattened().iter().map(|cell| cell.pulses).sum();
    assert_eq!(pulses, counted);
}

#[test]
fn without_read_back_cells_are_written_once_and_the_hello_says_so() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    world.physics = Physics { sigma: 0.05, seed: 9, ..Physics::IDEAL };
    world.cells[0] = world.cells[0].map(|cell| firmware_model::sim_cells::SimCell { stuck: true, ..cell });
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(false, &plan, world, &mut scratch, &log);
    assert_eq!(run(&mut device, &plan, 0, |_| ()), Ok(RunState::Ended));
    assert!(!device.hello((1, 256, 1), (1, 0)).read_back);
    assert_eq!((corrections(&log), device.faults()), (0, &[][..]));
    assert_eq!(wear(&mut device, plan.cells()), plan.expected(1).writes);
}

#[test]
fn a_stuck_cell_is_reported_once_and_left_alone() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    world.cells[4][1].stuck = true;
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    for inference in 0..4 {
        assert_eq!(run(&mut device, &plan, inference, |_| ()), Ok(RunState::Ended));
    }
    let [fault] = device.faults() else { panic!("{:?}", device.faults()) };
    let FaultReport { cell, wanted, read } = *fault;
    assert_eq!((cell, read), (9, 0));
    assert!(wanted > 0);
    assert_eq!(corrections(&log), u32::from(device.profile().verify.tries) - 1, "it is given up after the last try");
    assert_eq!(log.events.borrow().iter().filter(|event| matches!(event, Event::CellFault(_))).count(), 1);
    // It is known after a power-up, too.
    drop(device);
    let pulses = world.cells[4][1].pulses;
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    assert_eq!(device.faults(), [FaultReport { cell, wanted, read }]);
    assert_eq!(run(&mut device, &plan, 4, |_| ()), Ok(RunState::Ended));
    drop(device);
    assert_eq!(world.cells[4][1].pulses, pulses);
}

#[test]
fn more_faults_than_can_be_listed_halt_the_device() {
    let weights = Weights::new().random("a.weight", &[12, 60], 1);
    let plan = Plan::new(&weights, &["--core", "6x6", "--bits", "2"]);
    let mut world = World::new(&plan, 32);
    world.cells.as_flattened_mut().iter_mut().for_each(|cell| cell.stuck = true);
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    let state = run(&mut device, &plan, 0, |_| ()).unwrap();
    assert!(matches!(state, RunState::Failed(Failure::TooManyFaults { .. })), "{state:?}");
    assert_eq!(device.faults().len(), 16);
    let refused = run(&mut device, &plan, 1, |_| ());
    assert!(matches!(refused, Err(Refused::Halted(Failure::TooManyFaults { .. }))), "{refused:?}");
    // After a power-up it can still be asked why.
    drop(device);
    let device = boot!(true, &plan, world, &mut scratch, &log);
    assert!(matches!(device.status().run, Some(RunState::Failed(Failure::TooManyFaults { .. }))));
    assert_eq!(device.faults().len(), 16);
}

#[test]
fn written_transmissions_drift_by_the_power_law() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    let (nu, tc) = (0.05f32, 10.0f32);
    world.physics = Physics { nu, tc, ..Physics::IDEAL };
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let device = boot!(true, &plan, world, &mut scratch, &log);
    let (mut core, _) = device.release();
    let cell = PcmCell { row: 1, col: 2, side: Side::Plus };
    core.core.now = 100.0;
    core.set(Target { cell, level: 2, pulse: Pulse::NONE }).unwrap();
    let written = core.read(cell).unwrap();
    assert_eq!(written, plan.transmissions[2]);
    for age in [1.0f32, 10.0, 1e4, 1e7] {
        core.core.now = 100.0 + f64::from(age);
        let expected = written * (1.0 + age / tc).powf(-nu);
        assert!((core.read(cell).unwrap() - expected).abs() < 1e-6, "{age} s");
    }
}

/// The step's matrix product, from the levels that the plan has there.
#[test]
fn the_outputs_of_a_step_are_the_product_of_its_weights_and_inputs() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    assert!(device.captured().is_empty());
    let inputs = [3, -5, 7, 11, -13, 17, 19];
    device.load_inputs(0, 0, &inputs).unwrap();
    // The first layer is 4 x 7 on 3 x 3: its first tile row has three steps.
    let mut sums = [0i64; 3];
    for step in 0..3 {
        device.capture(step).unwrap();
        assert_eq!(run(&mut device, &plan, step as u32, |_| ()), Ok(RunState::Ended));
        assert_eq!(device.captured().len(), 3);
        sums.iter_mut().zip(device.captured()).for_each(|(sum, output)| *sum += output);
    }
    // All steps of a tile row together: the quantized rows times the inputs.
    let device = DeviceProfile::load("elight", Some(2)).unwrap();
    let quantizer = Quantizer::new(&device, Reparam::None, ScaleMode::Row);
    let levels = quantizer.quantize(4, 7, &random(28, 1));
    let rows = (0..4).map(|row| levels.row(row).to_vec());
    let unit = |level: i16| i64::from(level.signum()) * weight(&plan, level.unsigned_abs());
    let products: Vec<i64> =
        rows.map(|row| row.iter().zip(inputs).map(|(l, x)| unit(*l) * i64::from(x)).sum()).collect();
    for sum in sums {
        assert!(products.contains(&sum), "{sum} is none of {products:?}");
    }
}

/// What a cell at `level` multiplies with.
fn weight(plan: &Plan, level: u16) -> i64 {
    let (dark, light) = (plan.transmissions[0], plan.transmissions[usize::from(level)]);
    ((light - dark) * ONE).round() as i64
}

#[test]
fn a_device_with_a_key_takes_sealed_schedules_only() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let key = [0x5A; 32];
    let sealed = |key| {
        let mut bytes = Vec::new();
        seal(&plan.bytes, key, |piece| bytes.extend(piece));
        bytes
    };
    let good = sealed(key);
    let starts: Vec<usize> = frames(&good, true).scan(8, |at, f| Some(std::mem::replace(at, *at + f.len()))).collect();
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    let order = |number| Order { number, tag: [0; 16] };
    assert_eq!(device.set_key(key, &order(1)), Ok(()));
    assert_eq!(device.set_key([1; 32], &order(2)), Err(Refused::Unauthenticated));
    assert_eq!(device.set_key(key, &order(3)), Ok(()), "saying it again is harmless");
    plan.key.set(Some(key));
    drop(device);

    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    assert!(device.hello((1, 256, 1), (1, 0)).keyed, "the key survives a power cut");
    let levels = device.levels().to_vec();
    let mut refused = |bytes: &[u8], sealed, what: &str| match run_bytes(&mut device, &plan, (bytes, sealed), 0, |_| ())
    {
        Ok(RunState::Failed(Failure::Unauthenticated { frame })) => frame,
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(refused(&sealed([0x5B; 32]), true, "another key"), 0);
    // A frame of another good schedule in the place of one: its tag is for another name.
    let other = Plan::new(&Weights::new().random("a.weight", &[4, 7], 8), &["--core", "3x3", "--bits", "2"]);
    let mut mixed = Vec::new();
    seal(&other.bytes, key, |piece| mixed.extend(piece));
    assert_eq!(refused(&mixed, true, "another schedule under this name"), 0);
    // Every frame altered, with its CRC made right again: found before anything of it is carried out.
    for (number, &start) in starts.iter().enumerate() {
        let mut altered = good.clone();
        let len = usize::from(u16::from_le_bytes([altered[start], altered[start + 1]]));
        altered[start + 1 + len] ^= 1;
        let crc = firmware_model::wire::CRC.checksum(&altered[start..start + 2 + len]);
        altered[start + 2 + len..][..4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(refused(&altered, true, "an altered frame") as usize, number);
    }
    // Without tags the next frame's bytes are taken for one.
    assert_eq!(refused(&plan.bytes, false, "no tags"), 0);
    drop(device);

    // What was carried out of the altered ones was good; the rest follows.
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    assert_eq!(run_bytes(&mut device, &plan, (&good, true), 0, |_| ()), Ok(RunState::Ended));
    assert_ne!(device.levels(), levels);
    assert_eq!(device.levels(), plan.expected(1).levels);
    // Each of the altered schedules ended within a tile row, which is then carried out once more from its beginning: progress is logged for each
    // tile row, not for each frame.
    let (counted, planned) = (wear(&mut device, plan.cells()), plan.expected(1).writes);
    let runs = starts.len() as u32 + 1;
    for (counted, planned) in counted.as_flattened().iter().zip(planned.as_flattened()) {
        assert!((*planned..=planned * runs).contains(counted), "{counted} writes, {planned} planned");
    }
}

#[test]
fn what_is_not_for_this_device_is_refused_before_anything_is_written() {
    let plan = Plan::small();
    let others = [
        (
            Plan::new(&Weights::new().random("a.weight", &[4, 7], 1), &["--core", "3x2", "--bits", "2"]),
            Failure::OtherCore,
        ),
        (
            Plan::new(&Weights::new().random("a.weight", &[4, 7], 1), &["--core", "3x3", "--bits", "3"]),
            Failure::OtherCore,
        ),
        (
            Plan::new(
                &Weights::new().random("a.weight", &[4, 7], 1),
                &["--core", "3x3", "--bits", "2", "--device", "gst-optical"],
            ),
            Failure::OtherDevice,
        ),
    ];
    let mut world = World::new(&plan, 32);
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    for (other, why) in &others {
        assert_eq!(run(&mut device, other, 0, |_| ()), Ok(RunState::Failed(*why)));
    }
    let mut damaged = plan.bytes.clone();
    damaged[20] ^= 4;
    assert_eq!(
        run_bytes(&mut device, &plan, (&damaged, false), 0, |_| ()),
        Ok(RunState::Failed(Failure::Damaged { frame: 0 }))
    );
    assert_eq!(
        run_bytes(&mut device, &plan, (b"something else", false), 0, |_| ()),
        Ok(RunState::Failed(Failure::NotASchedule))
    );
    assert_eq!(device.status().writes, 0);
    drop(device);
    assert!(world.cells.as_flattened().iter().all(|cell| cell.pulses == 0));
}

#[test]
fn data_of_other_runs_and_out_of_turn_are_left_alone() {
    let plan = Plan::small();
    let mut world = World::new(&plan, 32);
    let (mut scratch, log) = (Scratch::new(&plan), Log::default());
    let mut device = boot!(true, &plan, world, &mut scratch, &log);
    assert_eq!(device.data(1, 0, &plan.bytes).state, RunState::Unknown);
    let start = Start::new(7, [7; 16], 0);
    device.start(start).unwrap();
    assert_eq!(device.data(8, 0, &plan.bytes).state, RunState::Unknown);
    let ack = device.data(7, 1, &plan.bytes);
    assert_eq!((ack.next, ack.state, ack.frames), (0, RunState::Open, 0));
    let ack = device.data(7, 0, &plan.bytes);
    assert_eq!((ack.next, ack.state), (1, RunState::Ended));
    // Doubled, and started again under the same number: nothing happens twice.
    assert_eq!(device.data(7, 0, &plan.bytes), ack);
    device.start(start).unwrap();
    assert_eq!(device.ack(7), ack);
    assert_eq!(wear(&mut device, plan.cells()), plan.expected(1).writes);
}

#[test]
fn a_flash_or_profile_that_does_not_fit_is_refused() {
    let plan = Plan::small();
    let (mut scratch, log, fuse) = (Scratch::new(&plan), Log::default(), Fuse::default());
    let mut refusal = |world: &mut World, plan: &Plan| world.boot::<true>(plan, &mut scratch, &fuse, &log).err();
    assert_eq!(refusal(&mut World::new(&plan, 16), &plan), Some(OpenFault::Journal(OpenError::Geometry)));
    let tolerance = largest_tolerance(&plan.transmissions);
    for verify in [
        Verify { tries: 0, tolerance, spot_check: 0 },
        Verify { tries: 17, tolerance, spot_check: 0 },
        Verify { tries: 1, tolerance: 0.0, spot_check: 0 },
        Verify { tries: 1, tolerance: tolerance * 1.01, spot_check: 0 },
        Verify { tries: 1, tolerance: f32::NAN, spot_check: 0 },
    ] {
        let mut world = World { verify, ..World::new(&plan, 32) };
        assert_eq!(refusal(&mut world, &plan), Some(OpenFault::Profile), "{verify:?}");
    }
    // The flash of another core, and one that holds something else.
    let mut world = World::new(&plan, 32);
    assert_eq!(refusal(&mut world, &plan), None);
    let other = Plan::new(
        &Weights::new().random("a.weight", &[4, 7], 1),
        &["--core", "3x3", "--bits", "2", "--device", "gst-optical"],
    );
    let mut elsewhere = World { flash: world.flash.clone(), words: world.words.clone(), ..World::new(&other, 32) };
    assert_eq!(refusal(&mut elsewhere, &other), Some(OpenFault::Journal(OpenError::OtherCore)));
    let mut foreign = World { flash: vec![0x3C; 32 * BLOCK], ..World::new(&plan, 32) };
    assert_eq!(refusal(&mut foreign, &plan), Some(OpenFault::Journal(OpenError::Corrupt)));
    // Formatting is the way out.
    let mut flash = SimFlash::new(&mut foreign.flash, &mut foreign.words, Fuse::default(), 0).unwrap();
    SimDevice::<true>::format(&mut flash).unwrap();
    assert_eq!(refusal(&mut foreign, &plan), None);
}
