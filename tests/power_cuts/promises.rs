//! What a device promises across power cuts, checked on one life of it.

use firmware_model::link::messages::RunState;
use firmware_model::sim_cells::SimCell;

use crate::support::device::{Expected, Fuse, Log, Plan, Scratch, Watch, World, run, wear};

/// What a device is to do in its life.
pub struct Life {
    pub plan: Plan,
    pub expected: Expected,
    pub inferences: u32,
}

impl Life {
    pub fn new(plan: Plan, inferences: u32) -> Self {
        Self { expected: plan.expected(inferences), plan, inferences }
    }
}

/// Lives it with the power failing at `cuts`: the first counts from the beginning, each later one from the power-up before it. Returns
/// the events from each power-up on.
pub fn live<const READ_BACK: bool>(life: &Life, world: &mut World, cuts: &[u64]) -> Result<Vec<u64>, String> {
    let plan = &life.plan;
    let (fuse, log) = (Fuse::default(), Log::default());
    let mut scratch = Scratch::new(plan);
    let watch = Watch::new(&life.expected);
    // A stuck cell holds what it holds.
    world.watch = (!world.cells.as_flattened().iter().any(|cell| cell.stuck)).then(|| watch.clone());
    let mut next_cut = cuts.iter();
    let mut events = Vec::new();
    // Highest (inference, frames) that was acknowledged.
    let mut promised = (0, 0);
    for power_up in 0.. {
        if power_up > cuts.len() {
            return Err(format!("power-up {power_up} after {} cuts: it stops by itself", cuts.len()));
        }
        let begun = fuse.count.get();
        fuse.mend(next_cut.next().map(|cut| begun + cut));
        // Memory holds anything after power-up.
        let mut device = match world.boot::<READ_BACK>(plan, &mut scratch, &fuse, &log) {
            Ok(device) => device,
            Err(why) if fuse.at.get().is_some_and(|at| fuse.count.get() > at) => {
                let _ = why;
                events.push(fuse.count.get() - begun);
                continue;
            }
            Err(why) => return Err(format!("it does not start: {why:?}")),
        };
        let position = device.position().map_or((0, 0), |p| (p.inference, p.frames));
        if position < promised {
            return Err(format!("acknowledged up to {promised:?}, after the cut only {position:?} is known"));
        }
        let mut ended = true;
        for inference in position.0..life.inferences {
            let state = run(&mut device, plan, inference, |ack| {
                // That an inference was started is no promise.
                if ack.frames > 0 {
                    promised = promised.max((inference, ack.frames));
                }
            });
            match state {
                Ok(RunState::Ended) => {}
                Ok(RunState::Failed(_)) | Err(_) if fuse.at.get().is_some_and(|at| fuse.count.get() > at) => {
                    ended = false;
                    break;
                }
                other => return Err(format!("inference {inference}: {other:?}")),
            }
        }
        events.push(fuse.count.get() - begun);
        if !ended {
            continue;
        }
        let levels = device.levels().to_vec();
        let counted = wear(&mut device, plan.cells());
        if let Some(why) = watch.wrong.take() {
            return Err(why);
        }
        let faults: Vec<u32> = device.faults().iter().map(|fault| fault.cell).collect();
        drop(device);
        Check { life, world, cuts: (events.len() - 1) as u32 }.run(&levels, &counted, &faults)?;
        return Ok(events);
    }
    unreachable!()
}

/// What must hold at the end.
struct Check<'a> {
    life: &'a Life,
    world: &'a World,
    cuts: u32,
}

impl Check<'_> {
    fn run(&self, levels: &[i16], counted: &[[u32; 2]], faults: &[u32]) -> Result<(), String> {
        let expected = &self.life.expected;
        if levels != expected.levels {
            return Err(format!("levels {:?} are planned, {levels:?} are noted", expected.levels));
        }
        for (i, pair) in self.world.cells.iter().enumerate() {
            for side in 0..2 {
                let planned = expected.levels[i] * [1, -1][side];
                self.cell(&format!("PCM cell {i}.{side}"), &pair[side], planned.max(0) as u8, {
                    Counts { planned: expected.writes[i][side], counted: counted[i][side] }
                })?;
                // Exactly the stuck cells are reported, if they were ever to move.
                if faults.contains(&(2 * i as u32 + side as u32)) != (pair[side].stuck && counted[i][side] > 0) {
                    return Err(format!("PCM cell {i}.{side}: {:?}, reported are {faults:?}", pair[side]));
                }
            }
        }
        Ok(())
    }

    fn cell(&self, name: &str, cell: &SimCell, level: u8, counts: Counts) -> Result<(), String> {
        let (Counts { planned, counted }, cuts, pulses) = (counts, self.cuts, cell.pulses);
        if cell.stuck {
            return Ok(());
        }
        if cell.level != level {
            return Err(format!("{name} is planned at {level}, and holds {}", cell.level));
        }
        if counted + cuts < pulses || counted > pulses + 2 * cuts {
            return Err(format!("{name}: {counted} counted, {pulses} pulses, {planned} planned, {cuts} cuts"));
        }
        // Nobody plans corrections; and without them the device never counts less than there is.
        let exact = self.world.physics.sigma == 0.0;
        if exact && (!(planned..=planned + cuts).contains(&pulses) || counted < pulses) {
            return Err(format!("{name}: {pulses} pulses, {planned} planned, {cuts} cuts"));
        }
        Ok(())
    }
}

/// Writes of a PCM cell.
struct Counts {
    planned: u32,
    counted: u32,
}
