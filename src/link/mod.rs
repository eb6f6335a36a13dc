//! 6b. A schedule to a real controller, or a simulated one (`docs/loading.md`).
//!
//! [`target`] says where the controller is, [`line`](mod@line) moves bytes there and back, [`session`] speaks with it, [`expect`] works out what the
//! schedule must leave behind, and [`load()`] puts them together: load, resume, compare. [`orders`] is what else a device can
//! be asked for.

pub mod error;

pub mod target;

pub mod line;

pub mod sim;

pub mod session;

pub mod expect;

mod compare;

mod load;

mod observer;

pub mod orders;

pub mod patience;

mod schedule;

pub use error::LoadError;
pub use load::{Loaded, Options, faultless, load};
pub use observer::{Observer, Progress, Silent};
pub use schedule::Schedule;
