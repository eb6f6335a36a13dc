//! Proof of a schedule: what it does, recounted from its bytes and the weights alone.
//!
//! [`check_schedule`] reads a schedule as docs/schedule-format.md describes it, derives the level of every weight again, and
//! confirms that every weight is multiplied exactly once, at its own level and with its own input, that every row has its own
//! scale, and that the totals at the end are what was written, PCM cell by PCM cell.
//!
//! ```text
//! bytes.rs    frames: lengths, CRC, sequence; fields of a frame; bits of a record
//! format.rs   Header, Layer and TileRow frames, range by range
//! levels.rs   weights to levels, the slow way; clip.rs: where weights are cut off before that, if they are
//! faulty.rs   where weights go that faulty cells cannot hold
//! outputs.rs  what each output row has been given, over all core rows
//! row.rs      one core row in one tile row: records to cells and inputs, each compared with its weight
//! shared.rs   the same where core rows share inputs
//! visits.rs   the same where core rows take turns at outputs
//! ledger.rs   every write of every PCM cell
//! bound.rs    writes that no order of the same rows avoids
//! schedule.rs the order of the frames, from the header to the totals
//! ```
//!
//! **It shares no code with what it checks**: neither with the planner, the encoder and the cost law, nor with the controller's
//! decoder. From the rest of the library it takes data: tensors and the transmissions of a device.

mod asked;

mod bytes;
mod format;

mod clip;
mod levels;

mod faulty;

mod outputs;
mod row;

mod shared;

mod visits;

mod ledger;

mod bound;

mod schedule;

mod error;
mod findings;

use std::io::Read;

use outputs::Output;

use crate::level::DeviceProfile;
use crate::weights::Network;

pub use asked::{Options, Part};
pub use clip::limits;
pub use error::{CheckError, Place, Problem};
pub use findings::{Counted, ElightCount, Findings, LayerFindings};

/// Checks a schedule against the weights that it should multiply with and the device that it is for.
///
/// Takes one pass over the schedule and, besides buffers of one frame and of one row of levels a core row, the memory of the
/// largest layer's weights and some 60 bytes a weight cell. Whatever the bytes are, it does not panic.
///
/// # Errors
/// The first thing that is wrong, and where: [`Problem`] has all of them.
pub fn check_schedule(
    schedule: &mut dyn Read,
    network: &Network,
    device: &DeviceProfile,
    options: &Options,
) -> Result<Findings, CheckError> {
    let mut found =
        check_parts(&mut [Part { schedule, origin: None, ranges: None }], network, device, options).map_err(|e| e.1)?;
    // One part, one result.
    Ok(found.swap_remove(0))
}

/// Checks the schedules of several cores that share a network: every weight is multiplied exactly once over all of them.
/// Each is checked as [`check_schedule`] does, but for the rows that the others compute.
///
/// # Errors
/// The first thing that is wrong, and in which of the schedules; what is missing in all is reported with the last.
pub fn check_parts(
    parts: &mut [Part<'_>],
    network: &Network,
    device: &DeviceProfile,
    options: &Options,
) -> Result<Vec<Findings>, (usize, CheckError)> {
    let count = parts.len();
    let mut outputs: Vec<Vec<Output>> =
        network.layers().iter().map(|layer| (0..layer.rows).map(|_| Output::default()).collect()).collect();
    let mut found = Vec::with_capacity(count);
    for (number, part) in parts.iter_mut().enumerate() {
        let mut place = Place::default();
        // A single schedule has to be complete layer by layer; of several, only all together.
        match schedule::check(part, network, device, options, &mut outputs, count == 1, &mut place) {
            Ok(findings) => found.push(findings),
            Err(problem) => return Err((number, CheckError { place: Box::new(place), problem })),
        }
    }
    for (index, (layer, outputs)) in network.layers().iter().zip(&mut outputs).enumerate() {
        let at_the_end = |place, problem| (count.saturating_sub(1), CheckError { place: Box::new(place), problem });
        schedule::complete(outputs).map_err(|problem| {
            at_the_end(Place { layer: Some((index, layer.name.clone())), ..Place::default() }, problem)
        })?;
        if let Some((place, problem)) = outputs.iter_mut().find_map(|output| output.missing.take()) {
            return Err(at_the_end(place, problem));
        }
    }
    Ok(found)
}
