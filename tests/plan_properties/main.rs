//! What must hold for every plan, on random small networks; and on tiny ones, that no order at all beats the bound.

#[path = "../support/mod.rs"]
mod support;

mod brute_force;
mod compatibility;
mod cores;
mod everything;
mod faults;
mod objectives;
mod random;
mod segments;
mod small;
mod stop;
