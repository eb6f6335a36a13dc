//! The link between a host and the controller: [`messages`] in [`packet`]s, the device's end ([`server`]) and the host's ([`host`]);
//! [`io`] puts it on any line of `embedded-io`.

pub mod messages;

pub mod packet;

pub(crate) mod player;

pub mod server;

pub mod host;

pub mod io;
