//! The whole path: a network's weights, planned, loaded over a socket, and multiplied on the emulated board.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use elight::level::DeviceProfile;
use elight::link::line::Tcp;
use elight::link::patience::Patience;
use elight::link::session::{Session, fresh_number};
use firmware_model::link::host::{Stream, Timing};
use firmware_model::link::messages::{RunState, Start};

use crate::plan::{StepRecorder, assert_truth, expected};
use crate::qemu::{Board, Watch, Window, built};
use crate::support::program::{Run, Sandbox};
use crate::support::repository;

/// Passes bytes on, both ways, between whoever connects and the board, until one of them is gone.
fn relay(listener: TcpListener, board: TcpStream) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let (host, _) = listener.accept().expect("elight-load");
        host.set_nodelay(true).expect("no delay");
        let mut from_board = board.try_clone().expect("the line");
        let mut to_host = host.try_clone().expect("the socket");
        let back = thread::spawn(move || copy(&mut from_board, &mut to_host));
        let (mut from_host, mut to_board) = (host, board);
        copy(&mut from_host, &mut to_board);
        drop(back); // it ends with the board
    })
}

fn copy(from: &mut TcpStream, to: &mut TcpStream) -> Option<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = from.read(&mut buffer).ok().filter(|&n| n > 0)?;
        to.write_all(&buffer[..n]).ok()?;
    }
}

#[test]
fn weights_become_products() {
    let sandbox = Sandbox::empty();
    let weights = repository("fixtures/mnist-cnn.safetensors");
    let plan = sandbox.run([
        weights.as_os_str(),
        "--core".as_ref(),
        "9x9".as_ref(),
        "-o".as_ref(),
        "net.elight".as_ref(),
        "--json".as_ref(),
    ]);
    let report = plan.json();
    let window = Window::new(sandbox.folder.path());

    // The command, over a socket.
    let board = Board::start(&built("core-9x9"), &window, &Watch::default());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("tcp:{}", listener.local_addr().expect("its number"));
    let relay = relay(listener, board.line.try_clone().expect("the line"));
    let output = Command::new(env!("CARGO_BIN_EXE_elight-load"))
        .current_dir(sandbox.folder.path())
        .args(["net.elight", "--to", &target, "--verify", "--json", "--wear", "wear.toml"])
        .output()
        .expect("elight-load");
    let loaded = Run::new(output).json();
    relay.join().expect("the relay");
    board.kill();
    let writes = &report["orders"]["optimal"]["first_load"]["writes"];
    assert_eq!(&loaded["planned_writes"], writes);
    assert_eq!(&loaded["counted_writes"], writes);

    // The truth, from the device's own memory.
    let schedule = elight::link::Schedule::read(&sandbox.path("net.elight")).expect("the schedule");
    let planned = expected(&schedule, 1);
    let wear: toml::Table = String::from_utf8(sandbox.read("wear.toml")).expect("text").parse().expect("TOML");
    let side = |name: &str| -> Vec<u32> {
        let rows = wear["wear"][name].as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("a row").iter().map(|n| n.as_integer().expect("a count") as u32))
            .collect()
    };
    let counted: Vec<[u32; 2]> =
        side("plus").into_iter().zip(side("minus")).map(|(plus, minus)| [plus, minus]).collect();
    assert_truth(&window, &planned, &counted, 0);

    // The next inference on a board that was switched off and on: the products of one of its steps.
    let recorder = StepRecorder::of(&schedule, STEP);
    let inputs: Vec<i16> = (0..4096).map(|i: i32| (i.wrapping_mul(37) % 255 - 127) as i16).collect();
    let board = Board::start(&built("core-9x9"), &window, &Watch::default());
    let mut line = Tcp::over(board.line.try_clone().expect("the line")).expect("a line");
    let patience = Patience::new(Duration::from_secs(120));
    let (mut session, hello) = Session::open(&mut line, Timing::default(), &patience).expect("a hello");
    assert!(hello.last.is_some_and(|last| last.ended && last.inference == 0), "{hello:?}");
    session.capture(&inputs, STEP).expect("the inputs");
    let run = fresh_number();
    let started = session.start(Start::new(run, schedule.id, 1)).expect("a start");
    let stream = Stream::new(&schedule.bytes, false, started).expect("a stream");
    session.send(run, &stream, hello.window);
    while session.acknowledged(&stream).expect("an acknowledgement").state != RunState::Ended {}
    let outputs = session.outputs(9).expect("the outputs");
    let transmissions = DeviceProfile::load("elight", Some(4)).expect("the preset");
    let fixed = |level: i16| (transmissions.transmissions()[level as usize] as f32 * 16_777_216.0) as i64;
    let products: Vec<i64> = recorder
        .cells
        .iter()
        .map(|cells| {
            let light = |&(level, input): &(i16, u32)| {
                (fixed(level.max(0)) - fixed((-level).max(0))) * i64::from(inputs[input as usize])
            };
            cells.iter().map(light).sum()
        })
        .collect();
    assert!(products.iter().any(|&product| product != 0));
    assert_eq!(outputs, products);
}

/// A step in the middle of the network.
const STEP: u64 = 2500;
