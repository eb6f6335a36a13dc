//! `elight-plan` from outside: what it prints, what it writes, and what it says when something is wrong.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod compare;
mod cores;
mod devices;
mod explore;
mod fanout;
mod faults;
mod flags;
mod from;
mod inference;
mod inputs;
mod inspect;
mod mistakes;
mod outputs;
mod page;
mod report;
mod screens;
mod trade;
mod wear;
mod weights;
