//! The link over `embedded-io`: a serial port or USB class of any chip's crate, blocking or async.

use embedded_io::{Read, ReadReady, Write, WriteReady};
use embedded_storage::nor_flash::NorFlash;

use super::packet::WIRE;
use super::server::Server;
use crate::hardware::{Hardware, Port};
use crate::store::Store;
use crate::trace::Trace;

/// Bytes that are taken from a line at a time.
const PIECE: usize = 64;

/// A line of `embedded-io` that can say whether it is ready, as a [`Port`].
#[derive(Debug)]
pub struct IoPort<L> {
    line: L,
    bytes: [u8; PIECE],
    from: usize,
    to: usize,
    /// Whether a call of the line failed: a lost byte is noticed by the link, a lost line by whoever asks here.
    failed: bool,
}

impl<L> IoPort<L> {
    /// A port over `line`.
    pub const fn new(line: L) -> Self {
        Self { line, bytes: [0; PIECE], from: 0, to: 0, failed: false }
    }

    /// Whether the line has failed since this was asked last.
    pub const fn has_failed(&mut self) -> bool {
        core::mem::replace(&mut self.failed, false)
    }

    /// Gives the line back.
    pub fn into_line(self) -> L {
        self.line
    }
}

impl<L: Read + ReadReady + Write + WriteReady> Port for IoPort<L> {
    fn read(&mut self) -> Option<u8> {
        let mut read = None;
        self.drain(|byte| {
            read = Some(byte);
            true
        });
        read
    }

    fn drain(&mut self, mut take: impl FnMut(u8) -> bool) -> bool {
        loop {
            while let Some(&byte) = self.bytes.get(..self.to).and_then(|bytes| bytes.get(self.from)) {
                self.from += 1;
                if take(byte) {
                    return true;
                }
            }
            let got = match self.line.read_ready() {
                Ok(true) => self.line.read(&mut self.bytes),
                Ok(false) => return false,
                Err(error) => Err(error),
            };
            (self.from, self.to) = (0, 0);
            match got {
                Ok(count @ 1..) => self.to = count.min(PIECE),
                Ok(0) => return false,
                Err(_) => {
                    self.failed = true;
                    return false;
                }
            }
        }
    }

    fn write(&mut self, byte: u8) -> bool {
        self.write_some(&[byte]) == 1
    }

    fn write_some(&mut self, bytes: &[u8]) -> usize {
        let sent = match self.line.write_ready() {
            Ok(true) => self.line.write(bytes),
            Ok(false) => return 0,
            Err(error) => Err(error),
        };
        match sent {
            Ok(count) => count.min(bytes.len()),
            Err(_) => {
                self.failed = true;
                0
            }
        }
    }
}

/// Bytes that have come, and the packet that goes out: what lies between an async line and the server.
struct Between {
    input: [u8; PIECE],
    from: usize,
    to: usize,
    output: [u8; WIRE],
    used: usize,
}

impl Port for Between {
    fn read(&mut self) -> Option<u8> {
        let byte = self.input.get(..self.to)?.get(self.from).copied()?;
        self.from += 1;
        Some(byte)
    }

    fn write(&mut self, byte: u8) -> bool {
        self.write_some(&[byte]) == 1
    }

    fn write_some(&mut self, bytes: &[u8]) -> usize {
        let room = self.output.get_mut(self.used..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.used += count;
        count
    }
}

/// What ended an async line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended<R, W> {
    /// It is closed: nothing more will come.
    Closed,
    /// Reading failed.
    Read(R),
    /// Writing failed.
    Write(W),
}

/// Serves a host over an async line until it fails or is closed; call it again with the next line. `turn` runs after every poll, at least
/// once for each packet: the place to feed a watchdog. Other tasks run whenever it waits for the line.
pub async fn serve<R, W, H: Hardware, F: NorFlash, T: Trace, S: Store, const N: usize>(
    server: &mut Server<'_, H, F, T, S, N>,
    reader: &mut R,
    writer: &mut W,
    mut turn: impl FnMut(),
) -> Ended<R::Error, W::Error>
where
    R: embedded_io_async::Read + ReadReady,
    W: embedded_io_async::Write,
{
    let mut port = Between { input: [0; PIECE], from: 0, to: 0, output: [0; WIRE], used: 0 };
    loop {
        let more = server.poll(&mut port);
        turn();
        let out = port.output.get(..port.used).unwrap_or_default();
        if !out.is_empty() {
            if let Err(error) = writer.write_all(out).await {
                return Ended::Write(error);
            }
            if let Err(error) = writer.flush().await {
                return Ended::Write(error);
            }
            port.used = 0;
            continue;
        }
        if port.from < port.to {
            continue;
        }
        // A schedule that is run from memory does not wait for the host.
        let reads = match reader.read_ready() {
            Ok(ready) => ready || !more,
            Err(error) => return Ended::Read(error),
        };
        if reads {
            (port.from, port.to) = (0, 0);
            port.to = match reader.read(&mut port.input).await {
                Ok(0) => return Ended::Closed,
                Ok(count) => count.min(PIECE),
                Err(error) => return Ended::Read(error),
            };
        }
    }
}
