//! elight plans, proves and drives the writing of neural-network weights to photonic tensor cores.
//!
//! The modules follow the flow of the data, one room each:
//!
//! ```text
//! weights -> level -> order -> schedule -> controller (the `firmware-model` crate)
//! ```

pub mod show;

pub mod geometry;

pub mod observer;

pub mod seeds;

pub mod weights;

pub mod level;

pub mod stimulus;

pub mod order;

pub mod schedule;

pub mod check;

pub mod plan;

pub mod core_state;

pub mod faults;

pub mod replay;

pub mod cells;

pub mod link;

pub mod inspect;

pub mod system;

pub mod census;

pub mod explore;

pub mod report;

pub mod settings;

pub mod cli;

pub mod simd;
