//! What the host says, and how long it waits.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use elight::level::DeviceProfile;
use elight::link::line::Line;
use elight::link::sim::{Ills, with_device};
use elight::link::{LoadError, Options, Schedule, Silent, load};
use firmware_model::link::host::Timing;
use firmware_model::link::messages::{Request, SCHEMA, ToDevice};
use firmware_model::link::packet::Outgoing;
use firmware_model::mutants::Mutant;

use crate::promise;
use crate::support::repository;

fn options() -> Options {
    Options {
        inferences: 1,
        resume: false,
        verify: false,
        wear: false,
        key: None,
        set_key: false,
        timing: Timing { first: 20, longest: 20, tries: 3 },
        patience: Duration::from_millis(400),
    }
}

fn schedule() -> Schedule {
    Schedule::read(&repository("fixtures/mnist-cnn-9x9.elight")).expect("the fixture")
}

/// A line behind which nobody says anything.
struct Mute(Instant);

impl Line for Mute {
    fn send(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8], patience: Duration) -> io::Result<usize> {
        std::thread::sleep(patience);
        Ok(0)
    }

    fn now(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}

#[test]
fn patience_counts_over_all_lines() {
    let schedule = schedule();
    promise(
        || {
            let mut lines = 0;
            let mut connect = || -> io::Result<Box<dyn Line>> {
                lines += 1;
                assert!(lines < 30, "it opens one line after the other");
                Ok(Box::new(Mute(Instant::now())))
            };
            let lost = load(&schedule, "a mute device", &mut connect, &options(), &Silent);
            assert!(matches!(lost, Err(LoadError::LinkLost { .. })), "{lost:?}");
        },
        &[Mutant::PatienceRenewed],
    );
}

/// A line on which another host says hello once, after so many packets of the present one.
struct Shared<L> {
    line: L,
    left: u32,
}

impl<L: Line> Line for Shared<L> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.send(bytes)?;
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            let mut hello = Outgoing::new();
            hello.set(&ToDevice::Ask { session: 77, number: 1, core: 0, request: Request::Hello { schema: SCHEMA } });
            self.line.send(hello.rest())?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.line.receive(buffer, patience)
    }

    fn now(&self) -> u64 {
        self.line.now()
    }
}

#[test]
fn a_host_that_another_one_came_between_says_hello_again() {
    let schedule = schedule();
    let device = DeviceProfile::load(&schedule.device, Some(schedule.identity.bits)).expect("a preset");
    for after in [3, 10, 200, 1000] {
        let loaded = with_device(schedule.identity, &device, schedule.ram, &Ills::default(), |line| {
            let mut connect =
                || -> io::Result<Box<dyn Line + '_>> { Ok(Box::new(Shared { line: line.share(), left: after })) };
            let options = Options { verify: true, patience: Duration::from_secs(10), ..options() };
            load(&schedule, "a shared device", &mut connect, &options, &Silent)
        });
        let loaded = loaded.expect("a device").expect("a load");
        assert_eq!(loaded.planned_writes, loaded.counted_writes);
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_read_to_its_header() {
    let error = Schedule::read(Path::new("/dev/zero")).expect_err("no schedule");
    assert!(error.to_string().contains("is not a schedule"), "{error}");
}

/// A good header, and then bytes without end, through a pipe.
#[cfg(unix)]
#[test]
fn a_good_header_does_not_make_it_read_on() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("endless");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    let fixture = std::fs::read(repository("fixtures/mnist-cnn-9x9.elight")).expect("the fixture");
    let to = path.clone();
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::File::options().write(true).open(to).expect("the pipe");
        pipe.write_all(&fixture[..5000]).expect("a beginning");
        let mut written = 0u64;
        while pipe.write_all(&[0; 4096]).is_ok() {
            written += 4096;
        }
        written
    });
    let error = Schedule::read(&path).expect_err("no schedule");
    assert!(error.to_string().contains("frame"), "{error}");
    assert!(writer.join().expect("the writer") < 1 << 20);
}
