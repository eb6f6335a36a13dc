//! `elight-load` from outside: what it prints, what it writes, and how it ends when something is wrong.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use elight::level::DeviceProfile;
use elight::link::Schedule;
use elight::link::line::Line;
use elight::link::sim::{Ills, with_device};
use firmware_model::photonic_core::Identity;
use serde_json::Value;
use support::program::{Run, Sandbox};

fn load(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elight-load"));
    command.current_dir(sandbox.folder.path()).stdin(Stdio::null()).arg("net.elight").args(args);
    Run::new(command.output().unwrap())
}

fn planned(args: &[&str]) -> Sandbox {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&[&["--quiet"], args].concat()).success();
    sandbox
}

#[test]
fn a_load_is_compared_with_the_plan() {
    let sandbox = Sandbox::with_network();
    let report = sandbox.report(&[]);
    let order = &report["orders"]["optimal"];
    let first = &order["first_load"]["writes"];
    let once = load(&sandbox, &["--to", "sim", "--json"]).json();
    assert_eq!((&once["planned_writes"], &once["counted_writes"]), (first, first));
    assert_eq!((&once["inferences"], &once["first_inference"]), (&1.into(), &0.into()));
    assert_eq!(once["every_cell"], false);
    // Two more inferences count what the plan promises for each in steady state.
    let thrice = load(&sandbox, &["--to", "sim", "--run", "3", "--verify", "--json"]).json();
    let steady = order["per_inference"]["writes"].as_u64().unwrap();
    assert_eq!(thrice["counted_writes"].as_u64(), Some(first.as_u64().unwrap() + 2 * steady));
    assert_eq!(thrice["every_cell"], true);
    let text = load(&sandbox, &["--to", "sim"]).success();
    assert!(text.contains("the digest of all levels is as planned") && text.contains("read back"), "{text}");
}

#[test]
fn wear_is_exported_cell_by_cell() {
    let sandbox = planned(&[]);
    let loaded = load(&sandbox, &["--to", "sim", "--wear", "wear.toml", "--json"]).json();
    let file: toml::Table = String::from_utf8(sandbox.read("wear.toml")).unwrap().parse().unwrap();
    assert_eq!(file["core"].as_str(), Some("9x9"));
    let sum: i64 = ["plus", "minus"]
        .iter()
        .flat_map(|side| file["wear"][side].as_array().unwrap())
        .inspect(|row| assert_eq!(row.as_array().unwrap().len(), 9))
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_integer().unwrap())
        .sum();
    assert_eq!(Some(sum), loaded["counted_writes"].as_i64());
}

#[test]
fn a_cell_that_does_not_move_is_a_fault_of_the_device() {
    let sandbox = planned(&[]);
    let args = ["--to", "sim", "--stuck", "3,4,plus", "--wear", "wear.toml", "--quiet"];
    load(&sandbox, &args).fails(6, &["1 PCM cells", "plus cell (3, 4) wanted", "--faults"]);
    let file: toml::Table = String::from_utf8(sandbox.read("wear.toml")).unwrap().parse().unwrap();
    let fault = &file["fault"].as_array().unwrap()[0];
    assert_eq!((fault["row"].as_integer(), fault["col"].as_integer()), (Some(3), Some(4)));
    assert_eq!(
        (fault["side"].as_str(), fault["kind"].as_str(), fault["level"].as_integer()),
        (Some("plus"), Some("stuck"), Some(0))
    );
}

#[test]
fn noise_is_corrected() {
    let sandbox = planned(&[]);
    let loaded = load(&sandbox, &["--to", "sim", "--noise", "0.004", "--seed", "3", "--json"]).json();
    let corrections = loaded["corrections"].as_u64().unwrap();
    assert!(corrections > 0, "{loaded}");
    let extra = loaded["counted_writes"].as_u64().unwrap() - loaded["planned_writes"].as_u64().unwrap();
    assert!((1..=corrections).contains(&extra), "{extra} more writes, {corrections} corrections");
}

#[test]
fn a_key_seals_and_bad_keys_are_refused() {
    let sandbox = planned(&[]).file("key", [7; 32]).file("short", b"0123").file("hex", "07".repeat(32) + "\n");
    load(&sandbox, &["--to", "sim", "--key", "key", "--set-key", "--quiet"]).success();
    load(&sandbox, &["--to", "sim", "--key", "hex", "--set-key", "--quiet"]).success();
    load(&sandbox, &["--to", "sim", "--key", "key"]).fails(3, &["it has no key", "--set-key"]);
    load(&sandbox, &["--to", "sim", "--key", "short"]).fails(1, &["no key", "32 bytes"]);
    load(&sandbox, &["--to", "sim", "--key", "nowhere"]).fails(1, &["nowhere", "cannot read"]);
}

#[test]
fn what_is_no_schedule_is_refused() {
    let sandbox = Sandbox::empty().file("net.elight", "no schedule");
    load(&sandbox, &["--to", "sim"])
        .fails(1, &["net.elight", "is not a schedule of a version that is known", "elight-plan wrote"]);
    load(&Sandbox::empty(), &["--to", "sim"]).fails(1, &["net.elight", "cannot be read"]);
    let sandbox = planned(&[]);
    let mut bytes = sandbox.read("net.elight");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let sandbox = sandbox.file("net.elight", bytes);
    load(&sandbox, &["--to", "sim"]).fails(1, &["net.elight", "damaged"]);
    load(&sandbox, &["--to", "nowhere"]).fails(2, &["expected sim, tcp:HOST:PORT or serial:PORT[:BAUD]"]);
}

/// A device behind a socket: it takes one connection after the other; each may be cut after so many bytes from the host.
fn serve(identity: Identity, ram: usize, cuts: &'static [usize]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let device = DeviceProfile::load("elight", Some(identity.bits)).unwrap();
        with_device(identity, &device, ram, &Ills::default(), |mut line| {
            for &cut in cuts {
                pass(&mut line, listener.accept().unwrap().0, cut);
            }
        })
        .unwrap();
    });
    address
}

/// Passes bytes on until the host is gone, or has sent `cut` bytes.
fn pass(line: &mut impl Line, mut host: TcpStream, cut: usize) {
    host.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let (mut buffer, mut taken) = ([0; 256], 0);
    while taken < cut {
        match host.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                taken += n;
                line.send(&buffer[..n]).unwrap();
            }
            Err(_) => {} // nothing came
        }
        let n = line.receive(&mut buffer, Duration::ZERO).unwrap();
        if host.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

fn identity(schedule: &Path) -> (Identity, usize) {
    let schedule = Schedule::read(schedule).unwrap();
    (schedule.identity, schedule.ram)
}

#[test]
fn a_link_that_breaks_off_is_gone_on_with() {
    let sandbox = planned(&[]);
    let (identity, ram) = identity(&sandbox.path("net.elight"));
    let to = serve(identity, ram, &[3000, 2500, usize::MAX]);
    let run = load(&sandbox, &["--to", &to, "--verify", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stderr.matches("note: the link broke off").count(), 2, "{}", run.stderr);
    let loaded: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(loaded["breaks"], 2);
    assert_eq!(loaded["planned_writes"], loaded["counted_writes"]);
}

#[test]
fn a_later_load_resumes() {
    let sandbox = planned(&[]);
    let (identity, ram) = identity(&sandbox.path("net.elight"));
    let to = serve(identity, ram, &[3000, usize::MAX]);
    let lost = load(&sandbox, &["--to", &to, "--patience", "0"]);
    assert_eq!(lost.code, Some(4), "{}", lost.stderr);
    assert!(lost.stderr.contains("is lost") && lost.stderr.contains("--resume"), "{}", lost.stderr);
    let run = load(&sandbox, &["--to", &to, "--resume", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("going on with inference 0 at frame"), "{}", run.stderr);
    let loaded: Value = serde_json::from_str(&run.stdout).unwrap();
    // What was written before this load is not known to it.
    assert_eq!((&loaded["first_inference"], &loaded["planned_writes"]), (&0.into(), &Value::Null));
    assert!(loaded["bytes"].as_u64().unwrap() < sandbox.read("net.elight").len() as u64, "{loaded}");
}

#[test]
fn another_core_or_device_is_refused_and_nobody_is_a_lost_link() {
    let sandbox = planned(&[]);
    let (right, ram) = identity(&sandbox.path("net.elight"));
    let to = serve(Identity { rows: 4, ..right }, ram, &[usize::MAX]);
    load(&sandbox, &["--to", &to]).fails(3, &["the device refuses", "9x9", "4x9", "--core 4x9"]);
    let to = serve(right, ram - 1, &[usize::MAX]);
    load(&sandbox, &["--to", &to]).fails(3, &["bytes of working memory"]);
    let other = planned(&["--device", "gsse-heater"]);
    let (_, ram) = identity(&other.path("net.elight"));
    let elight = DeviceProfile::load("elight", Some(right.bits)).unwrap();
    let to = serve(Identity { device_crc: elight.identity_crc(), ..right }, ram, &[usize::MAX]);
    load(&other, &["--to", &to]).fails(3, &["another", "--device"]);
    // A port that nobody listens to.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    load(&sandbox, &["--to", &format!("tcp:{free}"), "--patience", "0"])
        .fails(4, &["the link to tcp:127.0.0.1", "cannot be opened"]);
}
