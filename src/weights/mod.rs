//! 1. Files to tensors to matrices.
//!
//! ```text
//! folder.rs           a model's folder -> the weights in it
//! file.rs, index.rs   bytes, checked once: names, types, shapes, byte ranges
//! npz/                archives of NumPy's arrays
//! onnx/               models with a graph, which says what the network is
//! order.rs            tensors in the order in which the network runs them
//! description/        what the network is: a table of layers, as a file or recognised
//! recognise/          names and shapes -> a description, and how sure it is
//! view.rs             a described layer -> where the weight of each row and column lies
//! layer.rs            what the rest of the program sees of a layer
//! filter.rs           what the user wants of them
//! reading.rs          how all of it is to be read
//! convert.rs          bytes -> finite f32
//! scaling.rs          8-bit numbers and scales -> weights
//! place.rs            where a layer's weights are in the files
//! metadata.rs         the keys of ours in a file's metadata
//! settle.rs           which description holds, and what is asked for
//! network.rs          all of it behind `Network`: open, list, read one layer
//! rewrite.rs          the same tensors with other weights
//! shown.rs            names as they are shown
//! ```
//!
//! Shapes: a layer's matrix is `rows x cols`, rows are outputs, row-major. `cols` counts the inputs *of one row*; row
//! `i` of a grouped layer reads inputs `base .. base + cols` with `base = i / (rows / groups) * cols`.
//!
//! Everything that a file can get wrong is found in [`Network::open`], except for values (NaN, infinity), which
//! [`Network::read`] checks while it converts. After `open`, every byte range is inside its file and fits its shape.

mod file;
mod folder;
mod foreign;
mod header;
mod index;
mod npz;
mod onnx;

mod order;

pub mod description;

mod recognise;

mod layer;
mod layout;
mod view;

mod filter;

mod convert;
mod scaling;

mod metadata;
mod network;
mod place;
mod reading;
mod rewrite;
mod settle;
mod shown;

mod error;

pub use convert::WeightType;
pub use description::{Certainty, Description};
pub use error::WeightsError;
pub use filter::Filter;
pub use layer::{LayerInfo, LayerKind, Skipped};
pub use layout::Layout;
pub use metadata::DESCRIPTION_KEY;
pub use network::{Limits, Matrix, Network};
pub use reading::Reading;
pub use rewrite::RewriteError;
