//! An emulated board: QEMU's mps2-an386 with an image of ours, a file for what survives a reset, and a serial line.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::map;

/// How long the emulator may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `.ci/board.sh` has built.
pub fn built(file: &str) -> PathBuf {
    let dir =
        std::env::var_os("ELIGHT_BOARD").expect("these tests are run by .ci/board.sh, which builds what they need");
    let path = Path::new(&dir).join(file);
    assert!(path.exists(), "{} is not built: run .ci/board.sh", path.display());
    path
}

/// What the power-cut plugin is asked to do.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Stores that change the window from here, in bytes from its start ...
    pub lo: usize,
    /// ... to here are counted.
    pub hi: usize,
    /// The power fails when so many are done; 0: never.
    pub cut: u64,
    /// Counts of stores and instructions go there when the machine is shut down.
    pub out: Option<PathBuf>,
}

/// The memory that survives a reset, as a file.
#[derive(Debug)]
pub struct Window {
    path: PathBuf,
}

impl Window {
    /// A window of zeros, as on a new board.
    pub fn new(dir: &Path) -> Self {
        let path = dir.join("window.bin");
        File::create(&path).and_then(|file| file.set_len(map::WINDOW_BYTES as u64)).expect("the window's file");
        Self { path }
    }

    /// Level and pulses of every PCM cell: plus and minus of each weight cell, row by row.
    pub fn cells(&self, count: usize) -> Vec<[(u8, u32); 2]> {
        let bytes = std::fs::read(&self.path).expect("the window");
        bytes[map::CELLS..]
            .chunks_exact(8)
            .take(count)
            .map(|cell| {
                [0, 4].map(|at| {
                    let word = u32::from_le_bytes(cell[at..at + 4].try_into().expect("four bytes"));
                    (map::level(word), map::pulses(word))
                })
            })
            .collect()
    }
}

/// A running board. It ends when this is dropped, and when the test's process ends, however that ends.
#[derive(Debug)]
pub struct Board {
    emulator: Child,
    /// The serial line.
    pub line: TcpStream,
}

impl Board {
    /// Switches a board on.
    pub fn start(image: &Path, window: &Window, watch: &Watch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let memory = format!(
            "memory-backend-file,id=window,size={},mem-path={},share=on",
            map::WINDOW_BYTES,
            window.path.display()
        );
        let mut plugin = format!(
            "{},window={},base={},lo={},hi={},cut={},image={}",
            built("power_cut.so").display(),
            window.path.display(),
            map::WINDOW,
            map::WINDOW + watch.lo,
            map::WINDOW + watch.hi,
            watch.cut,
            if watch.out.is_some() { 1 << 20 } else { 0 }
        );
        if let Some(out) = &watch.out {
            plugin += &format!(",out={}", out.display());
        }
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "qemu-system-arm"]);
        command.args(["-M", "mps2-an386,memory-backend=window", "-display", "none", "-monitor", "none", "-nodefaults"]);
        command.args(["-object", &memory, "-kernel"]).arg(image);
        command.args(["-chardev", &format!("socket,id=line,host=127.0.0.1,port={port},nodelay=on")]);
        command.args(["-serial", "chardev:line"]);
        if watch.hi > watch.lo || watch.out.is_some() {
            command.args(["-plugin", &plugin]);
        }
        // It complains of a network that nobody connects.
        let complaints = window.path.with_file_name("emulator.log");
        let log = File::create(&complaints).expect("a file for the emulator's complaints");
        command.stdin(Stdio::null()).stderr(log);
        let mut emulator = command.spawn().expect("setpriv and qemu-system-arm: .ci/board.sh installs them");
        let line = accept(&listener, &mut emulator, &complaints);
        Self { emulator, line }
    }

    /// Cuts the power now.
    pub fn kill(mut self) {
        self.emulator.kill().expect("to kill the emulator");
        self.emulator.wait().expect("its end");
    }

    /// Shuts the machine down, so that the plugin writes what it has counted.
    pub fn shut_down(mut self) {
        let pid = self.emulator.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        assert!(asked.success(), "the emulator had ended before");
        self.wait_for_end();
    }

    /// Waits for the power to fail.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.emulator.try_wait().expect("the emulator's state") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the emulator does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.emulator.kill(); // it may have ended
        let _ = self.emulator.wait();
    }
}

/// The emulator's connection to the serial line.
fn accept(listener: &TcpListener, emulator: &mut Child, complaints: &Path) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener that does not block");
    let begun = Instant::now();
    loop {
        match listener.accept() {
            Ok((line, _)) => {
                line.set_nonblocking(false).expect("a blocking line");
                line.set_nodelay(true).expect("a line without delay");
                return line;
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
        if let Some(status) = emulator.try_wait().expect("the emulator's state") {
            let why = std::fs::read_to_string(complaints).unwrap_or_default();
            panic!("the emulator ended at once: {status}: {why}");
        }
        assert!(begun.elapsed() < PATIENCE, "the emulator does not connect");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the plugin has counted.
#[derive(Debug)]
pub struct Counts {
    /// Stores into the watched range.
    pub stores: u64,
    /// How often the instruction at each even address was executed.
    pub executed: Vec<u64>,
}

impl Counts {
    /// Reads them.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the plugin's counts");
        let mut numbers = bytes.chunks_exact(8).map(|b| u64::from_ne_bytes(b.try_into().expect("eight bytes")));
        let stores = numbers.next().expect("the stores");
        Self { stores, executed: numbers.collect() }
    }

    /// Instructions executed in all.
    pub fn instructions(&self) -> u64 {
        self.executed.iter().sum()
    }
}
