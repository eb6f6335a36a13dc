//! The controller of a photonic tensor core, without an operating system.
//!
//! The modules follow the data: [`pcm`] says what a cell is and what writing it costs.
#![no_std]
#![forbid(unsafe_code)]

pub mod pcm;

pub mod wire;
