//! What the device holds and counts after a load, compared with what the plan makes of the levels that it held before.

use firmware_model::link::messages::{FaultReport, Hello, Status};
use firmware_model::mutants::Mutant;

use super::error::{LoadError, name};
use super::expect::{Cells, inference};
use super::schedule::Schedule;

/// PCM cells that are written together at most: as many may count once more for each time that the power failed.
const BATCH: u64 = 128;

/// What is known before the first write of a load.
pub(super) struct Before {
    pub(super) levels: Vec<i16>,
    pub(super) wear: Vec<[u32; 2]>,
    pub(super) status: Status,
}

/// What the device said at the end.
pub(super) struct Outcome {
    pub(super) hello: Hello,
    pub(super) status: Status,
    pub(super) digest: u32,
    pub(super) levels: Option<Vec<i16>>,
    pub(super) wear: Option<Vec<[u32; 2]>>,
    pub(super) faults: Vec<FaultReport>,
}

/// What the comparison has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compared {
    /// Level steps that the plan makes; `None` where the levels before are not known.
    pub(super) planned: Option<u64>,
    /// Level steps that the device counted, in the same case.
    pub(super) counted: Option<u64>,
    /// Those of them that verification asked for; all since the journal was begun, where it is not known how many were before.
    pub(super) corrections: u64,
}

/// Compares; `breaks`: how often the link or the device broke off.
///
/// # Errors
/// [`LoadError::Verification`] where anything is not as planned.
pub(super) fn compare(
    schedule: &Schedule,
    before: Option<&Before>,
    outcome: &Outcome,
    (inferences, breaks): (u32, u32),
) -> Result<Compared, LoadError> {
    let status = &outcome.status;
    let levels = match (before, &outcome.levels) {
        (Some(before), _) => before.levels.clone(),
        // Cells that the schedule never programs are where they were before, and after.
        (None, Some(now)) => now.clone(),
        (None, None) => {
            return Err(LoadError::Verification("the device did not say which levels it holds".to_owned()));
        }
    };
    let mut cells = Cells::at(levels);
    for _ in 0..inferences {
        inference(&schedule.bytes, schedule.identity, schedule.ram, &mut cells)
            .map_err(|why| LoadError::Schedule { path: schedule.path.clone(), why })?;
    }
    if !Mutant::NothingCompared.is_on() {
        compare_levels(schedule, &cells, outcome).map_err(LoadError::Verification)?;
    }
    let Some(before) = before else {
        return Ok(Compared { planned: None, counted: None, corrections: status.corrections });
    };
    let corrections = status.corrections.saturating_sub(before.status.corrections);
    // Each power cut makes a checkpoint; without a break there was none.
    let cuts = match breaks {
        0 => 0,
        n => u64::from(status.checkpoints.wrapping_sub(before.status.checkpoints).max(n)),
    };
    if let Some(now) = &outcome.wear {
        compare_wear((&cells, before, now), outcome, corrections + cuts, schedule.identity.cols)?;
    }
    let then: u64 = before.wear.iter().flatten().map(|&n| u64::from(n)).sum();
    let (counted, planned) = (status.writes.saturating_sub(then), cells.total());
    let most = planned + corrections + cuts * BATCH;
    // A cell that was given up may have been planned to move further.
    let is_low = outcome.faults.is_empty() && counted < planned;
    if is_low || counted > most && !Mutant::NoUpperBound.is_on() {
        let why = format!(
            "the device counted {counted} level steps, the plan has {planned}, and {corrections} were corrections: at most {most} are right"
        );
        return Err(LoadError::Verification(why));
    }
    Ok(Compared { planned: Some(planned), counted: Some(counted), corrections })
}

fn compare_wear(
    (planned, before, now): (&Cells, &Before, &[[u32; 2]]),
    outcome: &Outcome,
    slack: u64,
    cols: u16,
) -> Result<(), LoadError> {
    let faulty = |cell: usize| outcome.faults.iter().any(|fault| fault.cell as usize == cell);
    let cells = planned.writes.as_flattened().iter().zip(now.as_flattened()).zip(before.wear.as_flattened());
    for (cell, ((&planned, now), then)) in cells.enumerate() {
        let (counted, planned) = (u64::from(now.wrapping_sub(*then)), u64::from(planned));
        let least = if faulty(cell) { 0 } else { planned };
        if !(least..=planned + slack).contains(&counted) {
            return Err(LoadError::Verification(format!(
                "{} was written {counted} times by the device's count, {planned} by the plan",
                name(cell as u32, cols)
            )));
        }
    }
    Ok(())
}

fn compare_levels(schedule: &Schedule, planned: &Cells, outcome: &Outcome) -> Result<(), String> {
    let cols = usize::from(schedule.identity.cols);
    if let Some(levels) = &outcome.levels
        && let Some(i) = (0..planned.levels.len()).find(|&i| levels.get(i) != Some(&planned.levels[i]))
    {
        return Err(format!(
            "weight cell ({}, {}) is at level {}, the plan leaves it at {}",
            i / cols,
            i % cols,
            levels.get(i).map_or_else(|| "(none)".to_owned(), ToString::to_string),
            planned.levels[i]
        ));
    }
    if planned.digest() != outcome.digest {
        return Err(format!(
            "the digest of the levels is {:08x}, of the plan's {:08x}: load with --verify to see which cell differs",
            outcome.digest,
            planned.digest()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use firmware_model::link::messages::Position;

    fn schedule() -> Schedule {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mnist-cnn-9x9.elight");
        Schedule::read(&path).expect("the fixture")
    }

    fn status(writes: u64, corrections: u64, checkpoints: u32) -> Status {
        Status { last: None, run: None, faults: 0, writes, corrections, checkpoints }
    }

    fn outcome(cells: &Cells, status: Status) -> Outcome {
        let hello = Hello {
            session: 1,
            rows: 9,
            cols: 9,
            bits: 4,
            fanout: 1,
            device_crc: 0,
            format: 1,
            memory: 0,
            packet: 256,
            window: 1,
            read_back: true,
            keyed: false,
            max_faults: 16,
            last: None::<Position>,
            next: 1,
            checkpoints: 2,
            cores: 1,
            batch: 1,
            store: 0,
            log: 8192,
        };
        let levels = Some(cells.levels.clone());
        Outcome { hello, status, digest: cells.digest(), levels, wear: None, faults: Vec::new() }
    }

    /// A core that was erased before the load, and what one inference leaves on it.
    fn one_inference(schedule: &Schedule) -> (Before, Cells) {
        let mut cells = Cells::at(vec![0; 81]);
        inference(&schedule.bytes, schedule.identity, schedule.ram, &mut cells).expect("a schedule");
        (Before { levels: vec![0; 81], wear: vec![[0; 2]; 81], status: status(0, 0, 2) }, cells)
    }

    /// Whether a test of what holds notices this mistake.
    fn notices(mistake: Mutant, holds: impl Fn() -> bool) {
        assert!(holds());
        assert!(!mistake.during(holds), "{mistake:?}");
    }

    #[test]
    fn a_resumed_load_is_compared_cell_by_cell() {
        let schedule = schedule();
        let (_, cells) = one_inference(&schedule);
        let good = compare(&schedule, None, &outcome(&cells, status(9, 0, 3)), (1, 0));
        assert_eq!(good.unwrap(), Compared { planned: None, counted: None, corrections: 0 });
        notices(Mutant::NothingCompared, || {
            let mut wrong = cells.clone();
            wrong.levels[40] ^= 1;
            let found = compare(&schedule, None, &outcome(&wrong, status(9, 0, 3)), (1, 0));
            matches!(found, Err(LoadError::Verification(_)))
        });
        let nothing = Outcome { levels: None, ..outcome(&cells, status(9, 0, 3)) };
        assert!(compare(&schedule, None, &nothing, (1, 0)).is_err(), "nothing to compare is not as planned");
    }

    #[test]
    fn counted_writes_have_bounds_on_both_sides() {
        let schedule = schedule();
        let (before, cells) = one_inference(&schedule);
        let planned = cells.total();
        let counted = |writes, corrections, checkpoints, breaks| {
            compare(&schedule, Some(&before), &outcome(&cells, status(writes, corrections, checkpoints)), (1, breaks))
                .is_ok()
        };
        assert!(counted(planned, 0, 3, 0));
        assert!(!counted(planned - 1, 0, 3, 0) && !counted(planned + 1, 0, 3, 0));
        assert!(counted(planned + 7, 7, 3, 0) && counted(planned + 2 * 128, 0, 4, 1));
        notices(Mutant::NoUpperBound, || !counted(planned + 8, 7, 3, 0));
        notices(Mutant::NoUpperBound, || !counted(planned + 2 * 128 + 1, 0, 4, 1));
    }
}
