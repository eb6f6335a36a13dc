//! Bytes to a controller and back: a socket, a serial port, or a controller in this program.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::target::Target;

/// A line to a controller. An error means that the line is gone.
pub trait Line {
    /// Sends all of it.
    ///
    /// # Errors
    /// The line's.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Receives what comes within `patience`, at least one byte; 0 when nothing does.
    ///
    /// # Errors
    /// The line's.
    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize>;

    /// Milliseconds since some moment.
    fn now(&self) -> u64;
}

impl<L: Line + ?Sized> Line for Box<L> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).send(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        (**self).receive(buffer, patience)
    }

    fn now(&self) -> u64 {
        (**self).now()
    }
}

/// Opens the line to a controller outside this program.
///
/// # Errors
/// The system's; and `sim` is no line.
pub fn open(target: &Target) -> io::Result<Box<dyn Line>> {
    match target {
        Target::Sim => Err(io::Error::other("the simulated controller is in this program")),
        Target::Tcp { address } => Ok(Box::new(Tcp::connect(address)?)),
        Target::Serial { port, baud } => Ok(Box::new(Serial::open(port, *baud)?)),
    }
}

/// A socket.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    began: Instant,
}

impl Tcp {
    /// Connects, within five seconds for each address of the name.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
                Ok(stream) => return Self::over(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A line over a socket that is connected.
    ///
    /// # Errors
    /// The system's.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, began: Instant::now() })
    }
}

impl Line for Tcp {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        match self.stream.read(buffer) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the other end closed it")),
            other => quiet(other),
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

/// A serial port.
pub struct Serial {
    port: Box<dyn serialport::SerialPort>,
    began: Instant,
}

impl Serial {
    /// Opens a port with 8 data bits, no parity and 1 stop bit.
    ///
    /// # Errors
    /// The system's.
    pub fn open(port: &str, baud: u32) -> io::Result<Self> {
        let port = serialport::new(port, baud).open()?;
        // What the device said to nobody is no answer.
        port.clear(serialport::ClearBuffer::Input)?;
        Ok(Self { port, began: Instant::now() })
    }
}

impl Line for Serial {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.set_timeout(Duration::from_secs(10))?;
        self.port.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.port.set_timeout(patience.max(Duration::from_millis(1)))?;
        quiet(self.port.read(buffer))
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

/// A read that ended without bytes, because nothing came.
fn quiet(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        other => other,
    }
}
