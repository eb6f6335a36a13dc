//! How results meet the eye: numbers, names, tables on a terminal, drawings. What is shown, others decide.
//!
//! ```text
//! number.rs   units, rounding, singular and plural
//! names.rs    names made shorter, and the name that was probably meant
//! screen.rs   width and colours of a terminal; labelled facts
//! table.rs    tables that fit a screen
//! svg.rs      lines, marks and axes; finished pictures
//! ```

pub mod number;

pub mod names;

pub mod screen;

pub mod table;

pub mod svg;

pub use number::{count, thousands};
pub use screen::Screen;
