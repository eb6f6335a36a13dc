//! Many plans of one network side by side: which core, which wiring, which batch, which bits?
//!
//! ```text
//! grid.rs     what is varied; the plans that this needs, each once; shards
//! record.rs   one plan made and counted: what is kept of it
//! store.rs    a folder of records: a run goes on where it was stopped, shards are put together
//! sheet.rs    records x system x batches -> points, and those that no other beats
//! wiring.rs   what the same network needs on the other wiring
//! choose.rs   the extra steps and the batch that are best for one aim
//! text.rs     the points as a table and as CSV; `report::html::exploration` is the page
//! ```
//!
//! A plan is made once for all batches, and kept; figures are computed from what is kept, so a second run over other batches or
//! another system plans nothing again.

mod grid;

mod choose;

mod record;

mod store;

mod sheet;

mod text;

mod wiring;

pub use choose::{Aim, Choice, choose};
pub use grid::{Axes, AxisError, PlanKey, Shard};
pub use record::{Kept, Planned, Record};
pub use sheet::{Point, Refused, Sheet};
pub use store::{Grid, Store, StoreError, fingerprint};
pub(crate) use text::life;
pub use text::{csv, table};
pub use wiring::OtherWiring;
