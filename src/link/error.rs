//! Why a load ends badly: four kinds that scripts can tell apart, each with its own exit code.

use std::path::PathBuf;

use firmware_model::link::messages::{Failure, FaultReport, Refused};
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
    pub(crate) fn refused(why: Refused) -> Self {
        match why {
            Refused::Schema { device } => Self::Refused(format!(
                "it speaks another version of the link ({device:016x}, this program {:016x}): update the older of the two",
                firmware_model::link::messages::SCHEMA
            )),
            Refused::Session => Self::Refused("another host speaks with it: let only one load at a time".to_owned()),
            Refused::KeyIsSet => Self::Refused("another key is set already, and a key cannot be changed".to_owned()),
            Refused::Inputs => Self::Refused("the core has no room for so many inputs".to_owned()),
            Refused::NoCapture => Self::Refused("it was built without memory for outputs".to_owned()),
            Refused::Flash => Self::Device("its flash does not answer".to_owned()),
            Refused::Halted(failure) => Self::of_failure(failure),
        }
    }

    /// What a failed run means.
    pub(crate) fn of_failure(failure: Failure) -> Self {
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
            Failure::Hardware { frame } => {
                Self::Device(format!("the core failed at frame {frame}: check it, then power it off and on"))
            }
            Failure::Flash { frame } => Self::Device(format!(
                "the flash failed at frame {frame}, so nothing more is written: power it off and on, or replace it"
            )),
            Failure::TooManyFaults { frame } => Self::Device(format!(
                "more cells than it can list do not take their levels, at frame {frame}: replace the core"
            )),
        }
    }

    /// What reported cells mean.
    pub(crate) fn of_faults(faults: &[FaultReport], cols: u16) -> Self {
        let mut text = format!("{} PCM cells do not take their levels", faults.len());
        for (i, fault) in faults.iter().enumerate() {
            if i == 4 {
                text += ", ...";
                break;
            }
            let (row, col, side) = place(fault, cols);
            let lead = if i == 0 { ": " } else { ", " };
            text += &format!("{lead}{side} cell ({row}, {col}) wanted {} read {}", fault.wanted, fault.read);
        }
        Self::Device(text + "; export them with --wear, and plan with --faults")
    }
}

/// Row, column and side of a report.
pub(crate) fn place(fault: &FaultReport, cols: u16) -> (u32, u32, &'static str) {
    let weight = fault.cell / 2;
    let cols = u32::from(cols.max(1));
    (weight / cols, weight % cols, if fault.cell.is_multiple_of(2) { "plus" } else { "minus" })
}
