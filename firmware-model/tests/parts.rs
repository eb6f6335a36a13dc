//! The parts of a board that can be others than the usual ones: cells moved by pulses or side by side, memories beside the controller, several
//! cores, batches, lines of `embedded-io`.

mod support;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use firmware_model::device::{Device, Memory};
use firmware_model::hardware::{
    Cells, CellsFault, Hardware, Joined, NorFlash, Part, PcmCell, Port, Profile, Pulse, Pulses, Side, Target, Verify,
    largest_tolerance, largest_tolerance_of,
};
use firmware_model::link::host::{CHUNK, Stream};
use firmware_model::link::io::{Ended, IoPort, serve};
use firmware_model::link::messages::{
    Answer, FaultReport, Order, PIECE, Refused, Request, RunState, SCHEMA, Start, Started, ToDevice, ToHost,
};
use firmware_model::link::packet::{Incoming, Outgoing};
use firmware_model::link::server::Server;
use firmware_model::memories::{ByteFlash, ByteMemory, MemoryFault, NoJournal, TwoFlashes};
use firmware_model::mutants::Mutant;
use firmware_model::pcm::{Price, WriteCost};
use firmware_model::photonic_core::{Identity, device_crc};
use firmware_model::seal::schedule_id;
use firmware_model::sim_cells::{CellFault, CellMemory, Mains, Physics, SideBySide, SimCell, SimCells, WriteTiming};
use firmware_model::sim_flash::{BLOCK, SimFlash, WORD, Word};
use firmware_model::store::FlashStore;
use firmware_model::trace::Silent;
use support::hex;

type SimCore = SimCells<'static, Mains, true>;
type SimDevice<F, H = SimCore> = Device<'static, H, F, Silent>;

/// The transmissions of 2-bit cells, whose steps grow.
const LEVELS: [f32; 4] = [0.1, 0.2, 0.4, 0.8];
/// The same of the schedule in `docs/schedule-format.md`.
const EXAMPLE: [f32; 2] = [0.872, 1.0];
const ORDER: Order = Order { number: 1, tag: [0; 16] };

fn identity((rows, cols): (u16, u16), transmissions: &[f32]) -> Identity {
    let bits = transmissions.len().ilog2() as u8;
    Identity { rows, cols, bits, fanout: 1, device_crc: device_crc(transmissions) }
}

/// A core that outputs for so many input vectors, with 8 inputs each; nothing of it is ever given back.
fn core(identity: Identity, transmissions: &'static [f32], vectors: usize) -> SimCore {
    let (rows, cells) = (usize::from(identity.rows), usize::from(identity.rows) * usize::from(identity.cols));
    let memory = CellMemory {
        cells: vec![[SimCell::erased(transmissions[0]); 2]; cells].leak(),
        routes: vec![0; cells].leak(),
        assigned: vec![None; rows].leak(),
        sums: vec![0; rows * vectors].leak(),
        inputs: vec![0; 8 * vectors].leak(),
    };
    SimCells::new(&identity, transmissions, Physics::IDEAL, memory, Mains).expect("a core")
}

fn flash(blocks: usize) -> SimFlash<'static, Mains> {
    let words = vec![Word::Erased; blocks * BLOCK / WORD].leak();
    SimFlash::new(vec![0xFF; blocks * BLOCK].leak(), words, Mains, 1).expect("a flash")
}

fn device<F: NorFlash, H: Hardware>(core: H, flash: F, profile: Profile<'static>) -> SimDevice<F, H> {
    let Identity { rows, cols, .. } = profile.identity;
    let cells = usize::from(rows) * usize::from(cols);
    let memory = Memory {
        decoder: vec![0; 8192].leak(),
        levels: vec![0; cells].leak(),
        wear: vec![[0; 2]; cells].leak(),
        outputs: vec![0; usize::from(rows) * 4].leak(),
    };
    Device::closed(core, flash, profile, memory, Silent)
}

fn profile(identity: Identity, transmissions: &'static [f32]) -> Profile<'static> {
    let verify = Verify { tries: 3, tolerance: largest_tolerance(transmissions), spot_check: 4 };
    Profile::new(identity, transmissions, verify)
}

/// A device for the schedule of `docs/schedule-format.md`.
fn example_device<F: NorFlash>(flash: F, vectors: usize) -> SimDevice<F> {
    let identity = identity((2, 2), &EXAMPLE);
    device(core(identity, &EXAMPLE, vectors), flash, profile(identity, &EXAMPLE))
}

fn example() -> Vec<u8> {
    let page = include_str!("../../docs/schedule-format.md");
    let block = page.split("```hex\n").nth(1).expect("the page has a block of bytes");
    hex(block.split("```").next().unwrap())
}

fn run<F: NorFlash>(device: &mut SimDevice<F>, inference: u32) -> Result<RunState, Refused> {
    let bytes = example();
    let began = device.start(Start::new(inference + 50, schedule_id(&bytes), inference))?;
    let stream = Stream::new(&bytes, false, began).expect("frames");
    let mut chunk = [0; CHUNK];
    for seq in 0..stream.packets() {
        let len = stream.read(seq, &mut chunk);
        device.data(inference + 50, seq, &chunk[..len]);
    }
    Ok(device.ack(inference + 50).state)
}

/// Asserts that `holds` does, and where mistakes can be made, that this one is noticed.
#[track_caller]
fn promise(holds: impl Fn(), _mistake: Mutant) {
    holds();
    #[cfg(feature = "mutants")]
    {
        let caught = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(&holds)).is_err();
        assert!(_mistake.during(caught), "nobody notices {_mistake:?}");
    }
}

#[test]
fn cells_that_are_written_side_by_side_take_the_time_of_the_slowest() {
    const COST: WriteCost = WriteCost::PerLevel {
        up: Price { energy_pj: 1.0, time_us: 1.0 },
        down: Price { energy_pj: 1.0, time_us: 10.0 },
    };
    let target = |row, col, level| Target { cell: PcmCell { row, col, side: Side::Plus }, level, pulse: Pulse::NONE };
    // Row 0: three levels and one level up; row 1: two levels up.
    let targets = [target(0, 0, 3), target(0, 1, 1), target(1, 0, 2)];
    for (at_once, us) in [
        (SideBySide::Core, 3.0),
        (SideBySide::Row, 3.0 + 2.0),
        (SideBySide::Column, 3.0 + 1.0),
        (SideBySide::One, 3.0 + 1.0 + 2.0),
    ] {
        let holds = || {
            let mut core = core(identity((2, 3), &LEVELS), &LEVELS, 1);
            core.timing = Some(WriteTiming { cost: COST, at_once });
            core.set_many(targets.into_iter()).unwrap();
            assert_eq!(core.busy_us, us, "{at_once:?}");
            assert_eq!([0, 1, 3].map(|cell| core.cells()[cell][0].level), [3, 1, 2]);
            assert_eq!([0, 1, 3].map(|cell| core.cells()[cell][0].pulses), [3, 1, 2]);
        };
        if at_once == SideBySide::One { holds() } else { promise(holds, Mutant::OneByOne) }
    }
}

/// Larger amplitudes give lower transmissions.
const PULSES: [Pulse; 4] = [
    Pulse { amplitude: 40_000, width_ns: 500 },
    Pulse { amplitude: 30_000, width_ns: 200 },
    Pulse { amplitude: 20_000, width_ns: 200 },
    Pulse { amplitude: 10_000, width_ns: 200 },
];

/// A device whose cells are moved by pulses; its cell (1, 1) plus gives `off` more at every level. `board` makes a core of the cells and of a light.
fn pulsed_on<H: Hardware>(
    off: f32,
    gain: f32,
    board: impl FnOnce(SimCore, SimCore) -> H,
) -> SimDevice<SimFlash<'static, Mains>, H> {
    let identity = identity((2, 2), &LEVELS);
    let mut core = core(identity, &LEVELS, 1);
    let mut own = LEVELS.repeat(8);
    own[6 * 4..7 * 4].iter_mut().for_each(|t| *t += off);
    (core.own, core.response) = (own.leak(), &PULSES);
    let profile = Profile { pulses: Pulses { levels: &PULSES, gain, most: 8000 }, ..profile(identity, &LEVELS) };
    let board = board(core, self::core(identity, &LEVELS, 1));
    let mut device = device(board, flash(32), profile).with_trims(vec![0; 8].leak());
    device.open().expect("it starts");
    device
}

fn pulsed(off: f32, gain: f32) -> SimDevice<SimFlash<'static, Mains>> {
    pulsed_on(off, gain, |core, _| core)
}

/// Cells that are set and read one by one.
struct OneByOne(SimCore);

impl Part for OneByOne {
    type Fault = CellFault;

    fn fault_code(fault: CellFault) -> u16 {
        SimCore::fault_code(fault)
    }
}

impl Cells for OneByOne {
    const READ_BACK: bool = true;

    fn set(&mut self, target: Target) -> Result<(), CellFault> {
        self.0.set(target)
    }

    fn set_many(&mut self, _: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<CellFault>> {
        panic!("cells that are not written side by side are not asked to be")
    }

    fn read(&mut self, cell: PcmCell) -> Result<f32, CellFault> {
        self.0.read(cell)
    }
}

#[test]
fn cells_that_are_written_one_by_one_end_like_those_side_by_side() {
    fn ends<H: Hardware>(mut device: SimDevice<SimFlash<'static, Mains>, H>) -> ([[u8; 4]; 8], Vec<FaultReport>, u64) {
        for level in [2, 3, 1] {
            device.set_level((0, level, true), &ORDER).unwrap();
        }
        let mut wear = [[0; 4]; 8];
        device.wear(0, &mut wear).unwrap();
        (wear, device.faults().to_vec(), device.status().corrections)
    }
    let one_by_one = |cells, light| Joined { cells: OneByOne(cells), light };
    for off in [0.0, 0.08] {
        for gain in [-50_000.0, 0.0] {
            let (side_by_side, alone) = (ends(pulsed(off, gain)), ends(pulsed_on(off, gain, one_by_one)));
            assert_eq!(alone, side_by_side, "{off} more, gain {gain}");
            assert_eq!(alone.2 > 0, off > 0.0, "a cell that is off is corrected");
        }
    }
}

#[test]
fn a_cell_that_misses_its_level_gets_another_pulse_and_that_is_learnt() {
    promise(
        || {
            let mut device = pulsed(0.08, -50_000.0);
            assert_eq!(device.set_level((0, 2, true), &ORDER), Ok(8));
            assert!(device.faults().is_empty(), "{:?}", device.faults());
            let corrections = device.status().corrections;
            assert!(corrections > 0);
            // What was learnt is used: no second try any more.
            device.set_level((0, 0, false), &ORDER).unwrap();
            assert_eq!(device.set_level((0, 2, true), &ORDER), Ok(8));
            assert_eq!(device.status().corrections, corrections);
        },
        Mutant::NothingLearnt,
    );
    // Without a gain the same pulse gives the same again.
    let mut device = pulsed(0.08, 0.0);
    device.set_level((0, 2, true), &ORDER).unwrap();
    assert_eq!(device.faults().iter().map(|fault| fault.cell).collect::<Vec<_>>(), [6]);
}

#[test]
fn each_level_has_its_own_tolerance() {
    let of_level: Vec<f32> = (0..4).map(|level| largest_tolerance_of(&LEVELS, level)).collect();
    assert!(of_level.iter().zip([0.05, 0.05, 0.1, 0.2]).all(|(own, half)| (own - half).abs() < 1e-6));
    assert_eq!((largest_tolerance_of(&LEVELS, 4), largest_tolerance_of(&[0.5, 0.5], 0)), (0.0, 0.0));
    let open = |tolerances: &'static [f32]| {
        let identity = identity((2, 2), &LEVELS);
        let mut core = core(identity, &LEVELS, 1);
        // Level 3 reads 0.15 too low: within its own half step, outside the smallest of all.
        core.own = [0.1f32, 0.2, 0.4, 0.65].repeat(8).leak();
        let mut device = device(core, flash(32), Profile { tolerances, ..profile(identity, &LEVELS) });
        device.open().map(|()| {
            device.set_level((0, 3, true), &ORDER).unwrap();
            device.faults().len()
        })
    };
    assert_eq!(open(&[]), Ok(4));
    promise(|| assert_eq!(open(&[0.04, 0.04, 0.09, 0.19]), Ok(0)), Mutant::OneTolerance);
    for wrong in [&[0.04, 0.04, 0.09][..], &[0.04, 0.04, 0.11, 0.1], &[0.04, 0.0, 0.09, 0.1], &[f32::NAN; 4]] {
        assert!(open(Vec::from(wrong).leak()).is_err(), "{wrong:?}");
    }
}

#[test]
fn cells_are_measured_by_hand_but_not_within_an_inference() {
    promise(
        || {
            let mut device = example_device(flash(32), 1);
            device.open().unwrap();
            assert_eq!(device.set_level((0, 2, false), &ORDER), Err(Refused::Level { top: 1 }));
            assert_eq!(device.set_level((0, -1, false), &ORDER), Ok(8));
            let mut page = [[0; 4]; 9];
            assert_eq!(device.transmissions(2, &mut page), Ok(6));
            let read: Vec<f32> = page[..6].iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            assert_eq!(read, [0.872, 1.0, 0.872, 1.0, 0.872, 1.0]);
            assert_eq!((device.levels(), device.status().writes), (&[-1; 4][..], 4));
            assert_eq!(run(&mut device, 0), Ok(RunState::Ended));
            // The next one is begun, and its first frame has come.
            let bytes = example();
            device.start(Start::new(9, schedule_id(&bytes), 1)).unwrap();
            let half = bytes.len() / 2;
            device.data(9, 0, &bytes[..half]);
            let held = device.levels().to_vec();
            assert_eq!(device.set_level((0, 1, true), &ORDER), Err(Refused::Unfinished { inference: 1 }));
            assert_eq!(device.levels(), held);
            assert_eq!(device.data(9, 1, &bytes[half..]).state, RunState::Ended);
        },
        Mutant::SetAnyTime,
    );
}

/// A memory that needs no erasing.
struct Fram(Vec<u8>);

impl ByteMemory for &mut Fram {
    fn capacity(&self) -> u32 {
        self.0.len() as u32
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), MemoryFault> {
        let from = self.0.get(at as usize..).and_then(|rest| rest.get(..bytes.len())).ok_or(MemoryFault::Bounds)?;
        bytes.copy_from_slice(from);
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), MemoryFault> {
        let to = self.0.get_mut(at as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        to.ok_or(MemoryFault::Bounds)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// A device remembers in `flash` what it has done, over many checkpoints.
fn remembers<F: NorFlash>(flash: F) {
    let mut device = example_device(flash, 1);
    device.open().expect("it starts");
    for inference in 0..60 {
        assert_eq!(run(&mut device, inference), Ok(RunState::Ended), "{inference}");
    }
    assert!(device.status().checkpoints > 2, "the log went from bank to bank");
    let (levels, writes) = (device.levels().to_vec(), device.status().writes);
    let (core, flash) = device.release();
    let identity = identity((2, 2), &EXAMPLE);
    let mut device = self::device(core, flash, profile(identity, &EXAMPLE));
    device.open().expect("it starts again");
    assert_eq!((device.levels(), device.status().writes), (&levels[..], writes));
    assert_eq!(device.position().map(|last| (last.inference, last.ended)), Some((59, true)));
}

#[test]
fn the_journal_is_kept_in_fram_and_in_blocks_of_unequal_size() {
    let mut fram = Fram(vec![0xFF; 18 << 10]);
    remembers(ByteFlash(&mut fram));
    // One bank in blocks of 1,024 bytes, the other in memory with blocks of 64, and more of them.
    let mut other = Fram(vec![0xFF; 11 << 10]);
    remembers(TwoFlashes::<_, _, { 9 << 10 }> { first: flash(9), second: ByteFlash(&mut other) });
}

#[test]
fn a_device_without_a_journal_forgets_and_works() {
    let mut device = example_device(NoJournal, 1);
    device.open().expect("it starts");
    for inference in 0..3 {
        assert_eq!(run(&mut device, inference), Ok(RunState::Ended));
    }
    let status = device.status();
    assert!(status.writes > 0 && status.checkpoints == 0);
    let mut wear = [[0; 4]; 8];
    assert_eq!(device.wear(0, &mut wear), Ok(8));
    let sum: u32 = wear.iter().map(|bytes| u32::from_le_bytes(*bytes)).sum();
    assert_eq!(u64::from(sum), status.writes);
    assert_eq!(device.set_key([1; 32], &ORDER), Err(Refused::Flash), "it could not keep it");
    let (core, _) = device.release();
    let identity = identity((2, 2), &EXAMPLE);
    let mut device = self::device(core, NoJournal, profile(identity, &EXAMPLE));
    device.open().expect("it starts again");
    // The cells are not erased, which the spot check notices; a renewal leads out.
    assert!(matches!(device.status().run, Some(RunState::Failed(_))));
    assert_eq!(device.renew(0, &ORDER), Ok(8));
    assert_eq!(run(&mut device, 0), Ok(RunState::Ended));
}

/// Bytes both ways.
#[derive(Default)]
struct Wires {
    to_device: VecDeque<u8>,
    to_host: VecDeque<u8>,
}

impl Port for Wires {
    fn read(&mut self) -> Option<u8> {
        self.to_device.pop_front()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.to_host.push_back(byte);
        true
    }
}

fn packet(message: &ToDevice<'_>) -> Vec<u8> {
    let mut packet = Outgoing::new();
    packet.set(message);
    packet.rest().to_vec()
}

/// The answers among these bytes, as text.
fn answers(bytes: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut incoming = Incoming::new();
    let mut all = Vec::new();
    for byte in bytes {
        if incoming.push(byte)
            && let Some(message) = incoming.message::<ToHost<'_>>()
        {
            match message {
                ToHost::Answer { answer: Answer::Hello(hello), .. } => all.push(format!("hello {}", hello.session)),
                ToHost::Answer { answer, .. } => all.push(format!("{answer:?}")),
                _ => {}
            }
        }
    }
    all
}

#[test]
fn a_schedule_is_kept_beside_the_controller_and_run_without_the_host() {
    let bytes = example();
    let (schedule, length) = (schedule_id(&bytes), bytes.len() as u32);
    let cores = [example_device(flash(32), 1), example_device(flash(32), 1)];
    let mut server = Server::of(cores, FlashStore(flash(8)), 1);
    server.cores_mut().iter_mut().for_each(|device| device.open().unwrap());
    let (mut wires, mut number, mut session) = (Wires::default(), 0, 5);
    let mut ask = |server: &mut Server<'static, _, _, _, _, 2>, core: u8, request: Request<'_>| {
        number += 1;
        wires.to_device.extend(packet(&ToDevice::Ask { session, number, core, request }));
        let mut polls = 0;
        while server.poll(&mut wires) {
            polls += 1;
            assert!(polls < 10_000);
        }
        let answer = answers(wires.to_host.drain(..)).pop().expect("an answer");
        if let Some(own) = answer.strip_prefix("hello ") {
            session = own.parse().unwrap();
        }
        answer
    };
    ask(&mut server, 0, Request::Hello { schema: SCHEMA });
    let start = Start::new(7, schedule, 0);
    let play = Request::Play { start, inferences: 3 };
    assert_eq!(ask(&mut server, 1, play), "Refused(NotKept)");
    assert_eq!(ask(&mut server, 2, play), "Refused(NoSuchCore { cores: 2 })");
    let keep = |bytes| Request::Keep { bytes, schedule, order: ORDER };
    assert_eq!(ask(&mut server, 0, keep(1 << 20)), format!("Refused(Store {{ bytes: {} }})", 7 * BLOCK));
    assert_eq!(ask(&mut server, 0, keep(length)), "Done");
    for (i, piece) in bytes.chunks(PIECE).enumerate() {
        let at = (i * PIECE) as u32;
        assert_eq!(ask(&mut server, 1, play), "Refused(NotKept)", "not whole yet");
        let piece = Request::Piece { at, bytes: piece };
        assert_eq!(ask(&mut server, 0, piece), "Done");
        assert_eq!(ask(&mut server, 0, piece), "Done", "once more is harmless");
    }
    assert_eq!(ask(&mut server, 1, play), "Start(Beginning)");
    let [idle, ran] = server.cores_mut();
    assert_eq!(idle.position(), None);
    assert_eq!(ran.position().map(|last| (last.inference, last.ended)), Some((2, true)));
    let mut alone = example_device(flash(32), 1);
    alone.open().unwrap();
    (0..3).for_each(|inference| assert_eq!(run(&mut alone, inference), Ok(RunState::Ended)));
    assert_eq!((ran.levels(), ran.status().writes), (alone.levels(), alone.status().writes));
    // An inference that broke off is gone on with at its tile row.
    ran.start(Start::new(8, schedule, 3)).unwrap();
    ran.data(8, 0, &bytes[..bytes.len() * 3 / 4]);
    let play = Request::Play { start: Start::new(9, schedule, 3), inferences: 1 };
    assert!(ask(&mut server, 1, play).starts_with("Start(Resume"), "a tile row was begun");
    let [_, ran] = server.cores_mut();
    assert_eq!(ran.position().map(|last| (last.inference, last.ended)), Some((3, true)));
}

#[test]
fn a_batch_of_inputs_shares_each_step() {
    let mut device = example_device(flash(32), 2);
    device.open().unwrap();
    let bytes = example();
    let start = |batch| Start { batch, ..Start::new(20 + u32::from(batch), schedule_id(&bytes), 0) };
    for batch in [0, 3] {
        assert_eq!(device.start(start(batch)), Err(Refused::Batch { most: 2 }));
    }
    assert_eq!(device.load_inputs(2, 0, &[1]), Err(Refused::Batch { most: 2 }));
    device.load_inputs(0, 0, &[1, 2, 3, 4]).unwrap();
    device.load_inputs(1, 0, &[10, 20, 30, 40]).unwrap();
    device.capture(0).unwrap();
    assert_eq!(device.start(start(2)), Ok(Started::Beginning));
    assert_eq!(device.data(22, 0, &bytes).state, RunState::Ended);
    let outputs = device.captured();
    assert_eq!(outputs.len(), 4);
    assert!(outputs[0] != 0 && outputs[2] == 10 * outputs[0] && outputs[3] == 10 * outputs[1], "{outputs:?}");
}

/// A line of `embedded-io`: gives what it has, then ends.
struct Line {
    input: VecDeque<u8>,
    output: Vec<u8>,
}

impl embedded_io::ErrorType for Line {
    type Error = Infallible;
}

impl embedded_io::Read for Line {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let count = bytes.len().min(self.input.len()).min(13);
        self.input.drain(..count).zip(bytes).for_each(|(from, to)| *to = from);
        Ok(count)
    }
}

impl embedded_io::ReadReady for Line {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.input.is_empty())
    }
}

impl embedded_io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let count = bytes.len().min(5);
        self.output.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Line {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }
}

impl embedded_io_async::Read for Line {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        embedded_io::Read::read(self, bytes)
    }
}

impl embedded_io_async::Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        embedded_io::Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn the_link_runs_over_embedded_io() {
    let hello = packet(&ToDevice::Ask { session: 3, number: 1, core: 0, request: Request::Hello { schema: SCHEMA } });
    let server = || {
        let mut device = example_device(flash(32), 1);
        device.open().unwrap();
        Server::new(device, 1)
    };
    let line = |input: &[u8]| Line { input: input.iter().copied().collect(), output: Vec::new() };

    let (mut blocking, mut port) = (server(), IoPort::new(line(&hello)));
    for _ in 0..200 {
        blocking.poll(&mut port);
    }
    assert!(!port.has_failed());
    let answered = answers(port.into_line().output);
    assert!(answered.len() == 1 && answered[0].starts_with("hello"), "{answered:?}");

    let (mut task, mut reader, mut writer, mut turns) = (server(), line(&hello), line(&[]), 0);
    {
        let mut served = pin!(serve(&mut task, &mut reader, &mut writer, || turns += 1));
        let ended = served.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ended, Poll::Ready(Ended::Closed)));
    }
    assert!(turns > 2);
    assert_eq!(answers(writer.output), answered, "both ways say the same");
}
