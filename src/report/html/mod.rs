//! The report as one page that stands alone: no script, nothing loaded, light and dark, fit to print.
//!
//! Every figure of the report stands in a `<data>` element with its place in the JSON object (`data-key`, a JSON pointer) and its exact value;
//! it is read from there, so that page and JSON cannot differ. The page is also well-formed XML. The one thing left out is how long planning
//! took: so the same plan gives the same page.
//!
//! ```text
//! plan.rs       the page of a plan: its sections are in head.rs, layers.rs, cells.rs, inference.rs, foot.rs
//! compare.rs    the page of a comparison
//! explore.rs    the page of an exploration
//! page.rs       what every section of a plan's page reads
//! pictures.rs   its pictures
//! parts.rs      what pages are made of: documents, sections, tables, figures
//! ```

mod cells;
mod compare;
mod explore;
mod foot;
mod head;
mod inference;
mod layers;
mod page;
mod parts;
mod pictures;
mod plan;

pub use compare::page as comparison;
pub use explore::page as exploration;
pub use pictures::Pictures;
pub use plan::page;
