//! The controller of a photonic tensor core, without an operating system.
//!
//! The modules follow the data, from bytes to light: [`wire`] is the schedule's frames, [`stream`] finds them in chunks of any
//! size, [`bits`] reads the codes in them, and [`controller`] carries them out on a [`photonic_core`]; [`sim`] is such a core in memory. [`pcm`] says what a
//! cell is and what writing it costs. Nothing is allocated, and the memory that a schedule needs is known from its header.
#![no_std]
#![forbid(unsafe_code)]

pub mod pcm;

pub mod wire;

pub mod error;

mod crc32;

pub mod bits;

pub mod stream;

mod packed;

mod lists;

mod inputs;

mod rules;

mod shared;

mod decoder;

pub mod photonic_core;

pub mod controller;

pub mod sim;

pub mod sim_cells;

pub mod sim_flash;

pub mod hardware;

pub mod pulses;

pub mod journal;

pub mod seal;

pub mod store;

mod stored_run;

pub mod memories;

pub mod trace;

pub mod mutants;

mod programmer;

pub mod device;

pub mod link;
