//! What the user is told of a plan: one set of figures, shown as a table, as JSON, or as a page.
//!
//! ```text
//! figures.rs    the figures, by their JSON keys (docs/report.md); by_order.rs, detail.rs, inference.rs: parts of them
//! gather.rs     where each figure comes from
//! verdict.rs    what a reader wants to know first; words.rs: what things are called in a sentence
//! terminal.rs   the table
//! chart/        the pictures
//! html/         the page
//! compare.rs    two plans side by side
//! network.rs    what a weights file is taken for
//! ```

mod by_order;
mod detail;
mod figures;
mod inference;

mod gather;

pub mod chart;

pub mod html;

pub mod compare;

mod network;

mod terminal;

mod verdict;

mod words;

pub use by_order::ByOrder;
pub use detail::{CoreWear, Detail, PairMap, StepWrites};
pub use figures::{
    CoreReport, FaultReport, LayerReport, ObjectiveReport, Report, RotationReport, ScheduleReport, SkippedReport,
    VerifiedReport, WearReport,
};
pub use inference::{Assumed, InferenceReport, SystemReport};
pub use network::network;
pub use terminal::print;
pub use verdict::Verdict;
