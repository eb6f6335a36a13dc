//! Where a controller is.

use std::fmt;
use std::str::FromStr;

/// Bits a second of a serial line, if nothing else is said.
pub const BAUD: u32 = 115_200;

/// Where a controller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In this program, with a simulated core.
    Sim,
    /// Behind a socket.
    Tcp {
        /// `HOST:PORT`.
        address: String,
    },
    /// Behind a serial port.
    Serial {
        /// The port, as the system names it.
        port: String,
        /// Bits a second.
        baud: u32,
    },
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected sim, tcp:HOST:PORT or serial:PORT[:BAUD]";
        match text.split_once(':') {
            None if text == "sim" => Ok(Self::Sim),
            Some(("tcp", address)) => match address.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp { address: address.to_owned() })
                }
                _ => Err(format!("`{address}` is no HOST:PORT, as in tcp:127.0.0.1:4000")),
            },
            // Ports may have colons in their names: the baud is behind the last one, and has no slash in it.
            Some(("serial", rest)) if !rest.is_empty() => match rest.rsplit_once(':') {
                Some((port, baud)) if !port.is_empty() && !baud.contains(['/', '\\']) => match baud.parse() {
                    Ok(baud) if baud > 0 => Ok(Self::Serial { port: port.to_owned(), baud }),
                    _ => Err(format!(
                        "`{baud}` is no baud: expected bits a second, as in serial:{port}:{BAUD}; if it belongs to the port's name, give \
                         the baud behind it: serial:{rest}:{BAUD}"
                    )),
                },
                _ => Ok(Self::Serial { port: rest.to_owned(), baud: BAUD }),
            },
            _ => Err(expected.to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::Tcp { address } => write!(f, "tcp:{address}"),
            Self::Serial { port, baud } => write!(f, "serial:{port}:{baud}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        let read = |text: &str| text.parse::<Target>();
        assert_eq!(read("sim"), Ok(Target::Sim));
        assert_eq!(read("tcp:localhost:4000"), Ok(Target::Tcp { address: "localhost:4000".to_owned() }));
        assert_eq!(read("tcp:[::1]:4000"), Ok(Target::Tcp { address: "[::1]:4000".to_owned() }));
        let serial = |port: &str, baud| Ok(Target::Serial { port: port.to_owned(), baud });
        assert_eq!(read("serial:/dev/ttyACM0"), serial("/dev/ttyACM0", BAUD));
        assert_eq!(read("serial:/dev/ttyACM0:9600"), serial("/dev/ttyACM0", 9600));
        let by_path = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0";
        assert_eq!(read(&format!("serial:{by_path}:9600")), serial(by_path, 9600));
        assert_eq!(read("serial:/dev/a:b/tty"), serial("/dev/a:b/tty", BAUD));
        for (wrong, baud) in
            [("xx", "`xx`"), ("9600 ", "`9600 `"), ("", "``"), ("-1", "`-1`"), ("9999999999", "`9999999999`")]
        {
            let message = read(&format!("serial:/dev/ttyACM0:{wrong}")).unwrap_err();
            assert!(message.contains(&format!("{baud} is no baud")), "{message}");
        }
        assert!(read(&format!("serial:{by_path}")).unwrap_err().contains(&format!("serial:{by_path}:115200")));
        for wrong in
            ["", "simulator", "tcp:", "tcp:4000", "tcp::1", "tcp:host:99999", "serial:", "serial:/dev/tty:0", "udp:a:1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
