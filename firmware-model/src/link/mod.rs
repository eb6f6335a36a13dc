//! The link between a host and the controller: [`messages`] in [`packet`]s, the device's end ([`server`]) and the host's ([`host`]).

pub mod messages;

pub mod packet;

pub mod server;

pub mod host;
