//! The report's pictures, as SVG: one function each, from a [`Report`](super::Report) to a [`Picture`](crate::show::svg::Picture).
//!
//! ```text
//! layers.rs  which layers a picture shows when there are very many
//! bars.rs    writes of the orders; one figure by layer
//! dots.rs    writes by layer and order
//! breakdown.rs   time and energy of an inference by their parts
//! heat.rs    wear of every PCM cell
//! levels.rs  histograms of the levels
//! lines.rs   writes over the steps, lifetime over the endurance
//! trade.rs   steps against writes
//! style.rs   colours, marks and names of orders and layers
//! ```
//!
//! What they are drawn with is [`show::svg`](crate::show::svg). Colours are classes of its style: one palette that colour-blind readers can tell apart (grey, orange, blue, always with marks of
//! different shapes), for light and dark. The page and the single files carry the same style.

mod bars;
mod breakdown;
mod dots;
mod heat;
mod layers;
mod levels;
mod lines;
mod style;
mod trade;

pub use bars::{by_layer, errors, orders};
pub use breakdown::breakdown;
pub use dots::writes_by_layer;
pub use heat::wear;
pub use layers::{Group, groups};
pub use levels::levels;
pub use lines::{lifetime, steps};
pub(crate) use style::{ORDERS, order_style};
pub use trade::{point_name, trade};
