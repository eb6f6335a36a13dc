//! What is asked for, in words: one home for the options of the programs and of the Python package.
//!
//! ```text
//! words.rs      options by name, as the command line takes them; what is wrong with them, in its words
//! choices.rs    names of the library's choices
//! reading.rs    which tensors are layers, how weights become levels, faults
//! inference.rs  the system around the core, and what shares a programming
//! plan.rs       everything that a plan depends on; the plan made, replayed and reported
//! explore.rs    everything that an exploration depends on
//! ```
//!
//! A value is refused here, before weights are read; what does not go together is refused by the rooms that know why.

mod words;

mod choices;

mod reading;

mod inference;

mod plan;

mod explore;

pub use choices::{EffortArg, LayoutArg, ObjectiveArg, OrderArg, ReachArg, ReparamArg, RowsArg, ScaleArg};
pub use explore::{Exploration, ExploreSettings};
pub use inference::{Batch, InferenceArgs};
pub use plan::{Asked, Made, PlanSettings};
pub use reading::{LevelArgs, ReadingArgs, TensorArgs, endurance, faults};
pub use words::read;
