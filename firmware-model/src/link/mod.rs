//! The link between a host and the controller.

pub mod messages;
