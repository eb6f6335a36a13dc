//! A schedule taken apart, for whoever debugs a controller: its header, layers, frames, and single steps.
//!
//! ```text
//! request.rs   what is asked for
//! run.rs       the schedule run once or twice, and what is asked for picked out of it
//! frames.rs    where each frame lies, and its own fields
//! outline.rs   where layers, tile rows and steps lie among the frames
//! recorder.rs  a core that remembers what the firmware's decoder asks of it
//! views.rs     what is told of each part
//! text.rs      all of it as a person reads it
//! ```
//!
//! The bytes go through the firmware's own controller, so what is shown is what a controller would do, and a damaged schedule is refused at
//! the frame where a controller would refuse it. What came before that frame is shown all the same.

mod frames;
mod outline;
mod recorder;
mod request;
mod run;
mod text;
mod views;

pub use frames::{Content, FrameView};
pub use recorder::{Change, Counted, Recorder, RowView, TileRowCount};
pub use request::{InspectError, Request};
pub use run::{inspect, layer_bytes, step_writes};
pub use text::print;
pub use views::{EndView, HeaderView, Inspection, LayerView, StepView, TileRowView};
