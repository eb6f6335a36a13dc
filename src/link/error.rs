//! Why a load ends badly: four kinds that scripts can tell apart, each with its own exit code.

use std::path::PathBuf;

use firmware_model::link::messages::{Damage, Failure, FaultReport, Refused};
use thiserror::Error;

/// Why a load ended badly.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The schedule's file cannot be read, or is none.
    #[error("{path}: {why}")]
    Schedule {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The simulated controller cannot be built.
    #[error("--to sim: {0}")]
    Sim(String),
    /// The device will not take this schedule, or none at all; nothing was written.
    #[error("the device refuses: {0}")]
    Refused(String),
    /// The line was never open: nothing was sent.
    #[error(
        "the link to {target} cannot be opened: {why}; nothing was sent. Is it plugged in, switched on, and named rightly?"
    )]
    NoLink {
        /// Where the device should be.
        target: String,
        /// What the system says.
        why: String,
    },
    /// The device does not answer, or its line is gone.
    #[error("the link to {target} is lost: {why}; what the device has acknowledged is kept: go on with --resume")]
    LinkLost {
        /// Where the device is.
        target: String,
        /// How it was noticed.
        why: String,
    },
    /// What the device holds or counts is not what the plan says.
    #[error("verification failed: {0}")]
    Verification(String),
    /// Cells do not take their levels, or the core or the flash failed.
    #[error("the device has a fault: {0}")]
    Device(String),
    /// The user stopped it.
    #[error("interrupted: what the device has acknowledged is kept, go on with --resume")]
    Interrupted,
}

impl LoadError {
    /// Exit code of `elight-load`.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Schedule { .. } | Self::Sim(_) => 1,
            Self::Refused(_) => 3,
            Self::NoLink { .. } | Self::LinkLost { .. } => 4,
            Self::Verification(_) => 5,
            Self::Device(_) => 6,
            Self::Interrupted => 130,
        }
    }

    /// What a refused question means.
    pub(crate) fn refused(why: Refused, cols: u16) -> Self {
        match why {
            Refused::Schema { device } => Self::Refused(format!(
                "it speaks another version of the link ({device:016x}, this program {:016x}): update the older of the two",
                firmware_model::link::messages::SCHEMA
            )),
            Refused::Session => Self::Refused("another host speaks with it: let only one load at a time".to_owned()),
            Refused::Unauthenticated => {
                Self::Refused("it has another key: give the file of the one that it has with --key".to_owned())
            }
            Refused::KeyIsLost => Self::Refused(
                "its journal cannot be read, nor whether it has a key: begin a new one at the board itself (docs/bring-up.md)".to_owned(),
            ),
            Refused::Inference { next } => Self::Refused(format!(
                "this inference is over, or another host has begun it: its next one is number {next}; load again"
            )),
            Refused::NoSuchCore { cores } => Self::Refused(format!("it has {cores} cores, numbered from 0")),
            Refused::Batch { most } => Self::Refused(format!("each of its steps lets through 1 to {most} input vectors")),
            Refused::Unfinished { inference } => Self::Refused(format!(
                "inference {inference} is not complete and needs the levels that its cells have: go on with it first (--resume)"
            )),
            Refused::Level { top } => Self::Refused(format!("its cells have the levels -{top} to {top}")),
            Refused::Store { bytes: 0 } => Self::Refused("there is no memory for schedules beside it".to_owned()),
            Refused::Store { bytes } => Self::Refused(format!(
                "the memory for schedules beside it has room for {bytes} bytes: plan a smaller schedule, or stream it"
            )),
            Refused::NotKept => Self::Refused("it does not keep this schedule whole: send it again".to_owned()),
            Refused::StoreFailed => Self::Device("the memory for schedules beside it does not answer, or does not keep what is written".to_owned()),
            Refused::NoReadBack => Self::Refused("its cells cannot be read back".to_owned()),
            Refused::Inputs => Self::Refused("the core has no room for so many inputs".to_owned()),
            Refused::NoCapture => Self::Refused("it was built without memory for outputs".to_owned()),
            Refused::Flash => Self::Device("its flash does not answer".to_owned()),
            Refused::Halted(failure) => Self::of_failure(failure, cols),
        }
    }

    /// What a failed run means.
    pub(crate) fn of_failure(failure: Failure, cols: u16) -> Self {
        match failure {
            Failure::NotASchedule => {
                Self::Refused("it knows no schedule of this format version: plan again, or update it".to_owned())
            }
            Failure::OtherCore => {
                Self::Refused("the schedule is for another core: plan with the --core and --bits of this one".to_owned())
            }
            Failure::OtherDevice => Self::Refused(
                "the schedule is for another PCM device, whose levels mean other transmissions: plan with the --device of this core"
                    .to_owned(),
            ),
            Failure::Memory { need, have } => Self::Refused(format!(
                "the schedule needs {need} bytes of working memory, it has {have}: build it with more"
            )),
            Failure::Damaged { frame } => {
                Self::Refused(format!("frame {frame} is damaged in the file: plan again; nothing of it was carried out"))
            }
            Failure::Malformed { frame } => {
                Self::Refused(format!("frame {frame} breaks a rule of the format: plan again"))
            }
            Failure::Unauthenticated { frame } => Self::Refused(format!(
                "frame {frame} does not carry its key's tag: load with --key and the device's key"
            )),
            Failure::Trailing => Self::Refused("bytes follow the schedule's End frame: plan again".to_owned()),
            Failure::Hardware { frame, code, cell } => {
                let at = cell.map_or_else(String::new, |cell| format!(" at {}", name(cell, cols)));
                Self::Device(format!(
                    "the core failed in frame {frame}{at}, with fault {code} of its driver: check it, then power it off and on"
                ))
            }
            Failure::Flash { frame, at } => Self::Device(format!(
                "the flash failed in frame {frame} at byte {at:#x}, so nothing more is written: power it off and on, or replace it"
            )),
            Failure::TooManyFaults { frame, cell } => Self::Device(format!(
                "more cells than it can list do not take their levels, in frame {frame}, the last of them {}: replace the core, and begin a \
                 new journal with --format --new-core",
                name(cell, cols)
            )),
            Failure::Journal(damage) => Self::Device(of_damage(damage)),
            Failure::Astray { of, wrong, cell } => Self::Device(format!(
                "{wrong} of {of} cells that were read back do not hold the levels of its journal, first {}: the core was exchanged, \
                 heated, or has drifted. See all with --audit; write them again with --renew; for a new, erased core --format --new-core",
                name(cell, cols)
            )),
        }
    }

    /// What reported cells mean.
    pub(crate) fn of_faults(faults: &[FaultReport], cols: u16) -> Self {
        let text = format!("{} PCM cells do not take their levels", faults.len());
        Self::Device(listed(text, faults, cols) + "; export them with --wear, and plan with --faults")
    }

    /// What cells mean that do not hold the levels of the journal.
    pub(crate) fn of_wrong(wrong: &[FaultReport], cols: u16) -> Self {
        let text = format!("{} PCM cells do not hold the level of its journal", wrong.len());
        Self::Device(
            listed(text, wrong, cols)
                + "; write them again with --renew, or for a new, erased core --format --new-core",
        )
    }
}

/// The text, and the first of the cells.
fn listed(mut text: String, faults: &[FaultReport], cols: u16) -> String {
    for (i, fault) in faults.iter().enumerate() {
        if i == 4 {
            text += ", ...";
            break;
        }
        let (row, col, side) = place(fault, cols);
        let lead = if i == 0 { ": " } else { ", " };
        text += &format!("{lead}{side} cell ({row}, {col}) wanted {} read {}", fault.wanted, fault.read);
    }
    text
}

/// What a journal that cannot be used means.
fn of_damage(damage: Damage) -> String {
    let anew = "erase the core and begin a new journal with --format";
    match damage {
        Damage::Build => {
            "its firmware is built wrong: the profile or the memory is not that of the core (docs/bring-up.md)"
                .to_owned()
        }
        Damage::Geometry => "its flash is too small, or has blocks of the wrong size (docs/bring-up.md)".to_owned(),
        Damage::Flash { at } => format!("its flash does not answer, or keeps nothing, at byte {at:#x}: replace it"),
        Damage::OtherCore => {
            format!("its journal is that of another core, or of one with other transmissions: {anew}")
        }
        Damage::Corrupt => format!("its journal is damaged, and the levels of the core are not known: {anew}"),
        Damage::Rotten { at } => {
            format!("a record of its journal is damaged, at byte {at:#x}, and what came after it is lost: {anew}")
        }
    }
}

/// Row, column and side of a report.
pub(crate) fn place(fault: &FaultReport, cols: u16) -> (u32, u32, &'static str) {
    let weight = fault.cell / 2;
    let cols = u32::from(cols.max(1));
    (weight / cols, weight % cols, if fault.cell.is_multiple_of(2) { "plus" } else { "minus" })
}

/// How a PCM cell is called.
pub(crate) fn name(cell: u32, cols: u16) -> String {
    if cols == 0 {
        return format!("PCM cell {cell}");
    }
    let (row, col, side) = place(&FaultReport { cell, wanted: 0, read: 0 }, cols);
    format!("{side} cell ({row}, {col})")
}
