//! A device on a simulated core and flash whose power can fail at any single write of a cell, word of flash, or erased block.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use elight::level::DeviceProfile;
use firmware_model::controller::Controller;
use firmware_model::device::{Device, Memory, OpenFault};
use firmware_model::hardware::{Cells, CellsFault, Light, Part, PcmCell, Profile, Target, Verify, largest_tolerance};
use firmware_model::link::host::{CHUNK, Stream};
use firmware_model::link::messages::{Ack, KEY, Refused, RunState, Start, Started};
use firmware_model::photonic_core::{Core, Identity, Output, device_crc};
use firmware_model::seal::{Orders, schedule_id};
use firmware_model::sim_cells::{CellFault, CellMemory, Physics, Power, SimCell, SimCells};
use firmware_model::sim_flash::{BLOCK, Flaws, SimFlash, WORD, Word};
use firmware_model::trace::{Event, Trace};
use firmware_model::wire::{Body, Frame, Header, Layer, MAGIC};

use super::program::Sandbox;
use super::weights::Weights;

/// Power that is cut at a chosen event, shared by the core and the flash.
#[derive(Clone, Default)]
pub struct Fuse {
    /// Events so far.
    pub count: Rc<Cell<u64>>,
    /// The event at which it blows.
    pub at: Rc<Cell<Option<u64>>>,
    off: Rc<Cell<bool>>,
}

impl Fuse {
    /// Whether it has blown since it was mended.
    pub fn blown(&self) -> bool {
        self.off.get()
    }

    /// The power is back; it fails again at event `at`.
    pub fn mend(&self, at: Option<u64>) {
        self.off.set(false);
        self.at.set(at);
    }
}

impl Power for Fuse {
    fn holds(&mut self) -> bool {
        if self.off.get() {
            return false;
        }
        self.off.set(self.at.get() == Some(self.count.get()));
        self.count.set(self.count.get() + 1);
        !self.off.get()
    }

    fn is_off(&self) -> bool {
        self.off.get()
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log {
    pub events: Rc<RefCell<Vec<Event>>>,
    watch: Option<Watch>,
}

impl Trace for Log {
    fn event(&mut self, event: Event) {
        if let (Event::Started(..), Some(watch)) = (event, &self.watch) {
            watch.starts();
        }
        self.events.borrow_mut().push(event);
    }
}

/// A schedule and the core it is for.
pub struct Plan {
    pub bytes: Vec<u8>,
    pub identity: Identity,
    pub transmissions: Vec<f32>,
    pub ram: usize,
    /// The key of the device that it is loaded on.
    pub key: Cell<Option<[u8; KEY]>>,
}

impl Plan {
    /// What the planner makes of `weights` with these arguments.
    pub fn new(weights: &Weights, args: &[&str]) -> Self {
        let sandbox = Sandbox::with(weights);
        sandbox.plan(&[args, &["-o", "net.elight"]].concat()).success();
        Self::of(sandbox.read("net.elight"))
    }

    /// Several small layers on a small core of 2-bit cells.
    pub fn small() -> Self {
        let weights =
            Weights::new().random("a.weight", &[4, 7], 1).random("b.weight", &[3, 4], 2).random("c.weight", &[5, 3], 3);
        Self::new(&weights, &["--core", "3x3", "--bits", "2"])
    }

    /// One layer in its natural order, with several frames that end within a step, cells to be written before the end.
    pub fn long() -> Self {
        let weights = Weights::new().random("a.weight", &[3, 400], 4);
        Self::new(&weights, &["--core", "3x3", "--bits", "2", "--order", "natural"])
    }

    /// The schedule in these bytes, for the device `elight`.
    pub fn of(bytes: Vec<u8>) -> Self {
        let header = header(&bytes);
        let mut device = DeviceProfile::load("elight", Some(header.bits)).unwrap();
        if header.device != "elight" {
            device = DeviceProfile::load(header.device, Some(header.bits)).unwrap();
        }
        let transmissions: Vec<f32> = device.transmissions().iter().map(|&t| t as f32).collect();
        assert_eq!(device_crc(&transmissions), header.device_crc);
        let identity = header.identity();
        let ram = header.ram as usize;
        Self { bytes, identity, transmissions, ram, key: Cell::new(None) }
    }

    pub fn cells(&self) -> usize {
        usize::from(self.identity.rows) * usize::from(self.identity.cols)
    }

    /// Levels after `inferences` inferences, and writes of every PCM cell: computed without the device.
    pub fn expected(&self, inferences: u32) -> Expected {
        let cols = usize::from(self.identity.cols);
        let shadow =
            Shadow { cols, levels: vec![0; self.cells()], writes: vec![[0; 2]; self.cells()], steps: Vec::new() };
        let mut memory = vec![0; self.ram.max(512)];
        let mut controller = Controller::new(shadow, self.identity, &mut memory);
        for _ in 0..inferences {
            controller.rewind();
            controller.feed(&self.bytes).and_then(|_| controller.finish()).unwrap();
        }
        let Shadow { levels, writes, steps, .. } = controller.into_core();
        Expected { levels, writes, steps: Rc::new(steps) }
    }
}

fn header(bytes: &[u8]) -> Header<'_> {
    let body = &bytes[MAGIC.len() + 2..];
    match postcard::take_from_bytes::<Body<'_>>(body).unwrap().0.frame {
        Frame::Header(header) => header,
        other => panic!("{other:?} instead of a header"),
    }
}

/// What a plan comes to.
pub struct Expected {
    pub levels: Vec<i16>,
    /// By weight cell: of its plus and minus cell.
    pub writes: Vec<[u32; 2]>,
    /// Levels at each step.
    pub steps: Rc<Vec<Vec<i16>>>,
}

/// Keeps levels and counts the steps between them, by its own reckoning.
struct Shadow {
    cols: usize,
    levels: Vec<i16>,
    writes: Vec<[u32; 2]>,
    steps: Vec<Vec<i16>>,
}

impl Core for Shadow {
    type Fault = std::convert::Infallible;

    fn begin_layer(&mut self, _: &Layer<'_>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn assign(&mut self, _: u16, _: Option<Output>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault> {
        let cell = usize::from(row) * self.cols + usize::from(col);
        let old = std::mem::replace(&mut self.levels[cell], level);
        self.writes[cell][0] += u32::from(old.max(0).abs_diff(level.max(0)));
        self.writes[cell][1] += u32::from(old.min(0).abs_diff(level.min(0)));
        Ok(())
    }

    fn route(&mut self, _: u16, _: u16, _: Option<u32>) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        self.steps.push(self.levels.clone());
        Ok(())
    }
}

/// Watches that light only goes through cells that hold what the plan says.
#[derive(Clone)]
pub struct Watch {
    steps: Rc<Vec<Vec<i16>>>,
    /// Which steps the last one may have been: several, where levels repeat.
    last: Rc<RefCell<Vec<usize>>>,
    /// Whether steps may be left out: before the first after a start.
    jump: Rc<Cell<bool>>,
    pub wrong: Rc<RefCell<Option<String>>>,
}

impl Watch {
    pub fn new(expected: &Expected) -> Self {
        Self {
            steps: expected.steps.clone(),
            last: Rc::default(),
            jump: Rc::new(Cell::new(true)),
            wrong: Rc::default(),
        }
    }

    /// A run starts, or is gone on with: it may repeat steps that change nothing, and pass over some that were carried out.
    fn starts(&self) {
        self.jump.set(true);
    }

    fn step(&self, cells: &[[SimCell; 2]]) {
        let levels: Vec<i16> =
            cells.iter().map(|[plus, minus]| i16::from(plus.level) - i16::from(minus.level)).collect();
        let mut last = self.last.borrow_mut();
        let mut from = last.first().copied().unwrap_or(0);
        // Steps that change nothing are carried out again.
        while from > 0 && self.steps[from - 1] == self.steps[from] {
            from -= 1;
        }
        let may_be: Vec<usize> = if self.jump.replace(false) {
            (from..self.steps.len()).collect()
        } else {
            last.iter().map(|step| step + 1).filter(|&step| step < self.steps.len()).collect()
        };
        let is: Vec<usize> = may_be.iter().copied().filter(|&step| self.steps[step] == levels).collect();
        if is.is_empty() && self.wrong.borrow().is_none() {
            *self.wrong.borrow_mut() = Some(format!("a step after {last:?} has levels {levels:?}"));
        }
        *last = is;
    }
}

/// A simulated core, watched.
pub struct Watched<'m, const READ_BACK: bool> {
    pub core: SimCells<'m, Fuse, READ_BACK>,
    watch: Option<Watch>,
    broken: Option<PcmCell>,
    deaf: Option<PcmCell>,
}

impl<const READ_BACK: bool> Part for Watched<'_, READ_BACK> {
    type Fault = CellFault;

    fn fault_code(fault: CellFault) -> u16 {
        SimCells::<'_, Fuse, READ_BACK>::fault_code(fault)
    }
}

impl<const READ_BACK: bool> Cells for Watched<'_, READ_BACK> {
    const READ_BACK: bool = READ_BACK;
    const SIDE_BY_SIDE: bool = true;

    fn set(&mut self, target: Target) -> Result<(), CellFault> {
        if self.broken == Some(target.cell) {
            return Err(CellFault::NoReadBack);
        }
        self.core.set(target)
    }

    fn set_many(&mut self, targets: impl Iterator<Item = Target> + Clone) -> Result<(), CellsFault<CellFault>> {
        if let Some(broken) = self.broken.filter(|broken| targets.clone().any(|target| target.cell == *broken)) {
            return Err((Some(broken), CellFault::NoReadBack));
        }
        self.core.set_many(targets)
    }

    fn read(&mut self, cell: PcmCell) -> Result<f32, CellFault> {
        if self.deaf == Some(cell) { Ok(f32::NAN) } else { self.core.read(cell) }
    }
}

impl<const READ_BACK: bool> Light for Watched<'_, READ_BACK> {
    fn begin_layer(&mut self, rows: u32, cols: u32, groups: u32) -> Result<(), CellFault> {
        self.core.begin_layer(rows, cols, groups)
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), CellFault> {
        self.core.assign(row, output)
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), CellFault> {
        self.core.route(row, col, input)
    }

    fn load_inputs(&mut self, first: u32, values: &[i16]) -> Result<(), CellFault> {
        self.core.load_inputs(first, values)
    }

    fn step(&mut self) -> Result<(), CellFault> {
        if let Some(watch) = &self.watch {
            watch.step(self.core.cells());
        }
        self.core.step()
    }

    fn output(&mut self, row: u16) -> Result<i64, CellFault> {
        self.core.output(row)
    }
}

/// All that outlasts a power cut.
#[derive(Clone)]
pub struct World {
    pub cells: Vec<[SimCell; 2]>,
    pub flash: Vec<u8>,
    pub words: Vec<Word>,
    pub flaws: Flaws,
    pub physics: Physics,
    pub verify: Verify,
    /// A PCM cell whose driver fails.
    pub broken: Option<PcmCell>,
    /// A PCM cell that reads as no number.
    pub deaf: Option<PcmCell>,
    pub watch: Option<Watch>,
}

/// All that does not.
pub struct Scratch {
    decoder: Vec<u8>,
    levels: Vec<i16>,
    wear: Vec<[u16; 2]>,
    outputs: Vec<i64>,
    routes: Vec<u32>,
    assigned: Vec<Option<Output>>,
    sums: Vec<i64>,
    inputs: Vec<i16>,
}

impl Scratch {
    pub fn new(plan: &Plan) -> Self {
        let (rows, cells) = (usize::from(plan.identity.rows), plan.cells());
        Self {
            decoder: vec![0xA5; plan.ram.max(512)],
            levels: vec![i16::MAX; cells],
            wear: vec![[u16::MAX; 2]; cells],
            outputs: vec![0; rows],
            routes: vec![0; cells],
            assigned: vec![None; rows],
            sums: vec![0; rows],
            inputs: vec![0; 512],
        }
    }
}

pub type SimDevice<'m, const READ_BACK: bool> = Device<'m, Watched<'m, READ_BACK>, SimFlash<'m, Fuse>, Log>;

impl World {
    /// A new core and a new flash with room for `blocks` erase blocks.
    pub fn new(plan: &Plan, blocks: usize) -> Self {
        Self {
            cells: vec![[SimCell::erased(plan.transmissions[0]); 2]; plan.cells()],
            flash: vec![0xFF; blocks * BLOCK],
            words: vec![Word::Erased; blocks * BLOCK / WORD],
            flaws: Flaws::default(),
            broken: None,
            deaf: None,
            physics: Physics::IDEAL,
            verify: Verify { tries: 3, tolerance: largest_tolerance(&plan.transmissions), spot_check: 64 },
            watch: None,
        }
    }

    /// Power-up; an error where the device does not start.
    pub fn boot<'m, const READ_BACK: bool>(
        &'m mut self,
        plan: &'m Plan,
        scratch: &'m mut Scratch,
        fuse: &Fuse,
        log: &Log,
    ) -> Result<SimDevice<'m, READ_BACK>, OpenFault> {
        let (device, opened) = self.switch_on(plan, scratch, fuse, log);
        opened.map(|()| device)
    }

    /// Power-up of a device that is served whether it starts or not.
    pub fn switch_on<'m, const READ_BACK: bool>(
        &'m mut self,
        plan: &'m Plan,
        scratch: &'m mut Scratch,
        fuse: &Fuse,
        log: &Log,
    ) -> (SimDevice<'m, READ_BACK>, Result<(), OpenFault>) {
        let memory = CellMemory {
            cells: &mut self.cells,
            routes: &mut scratch.routes,
            assigned: &mut scratch.assigned,
            sums: &mut scratch.sums,
            inputs: &mut scratch.inputs,
        };
        let core = SimCells::new(&plan.identity, &plan.transmissions, self.physics, memory, fuse.clone()).unwrap();
        let mut flash = SimFlash::new(&mut self.flash, &mut self.words, fuse.clone(), fuse.count.get()).unwrap();
        flash.flaws = self.flaws;
        let profile = Profile::new(plan.identity, &plan.transmissions, self.verify);
        let memory = Memory {
            decoder: &mut scratch.decoder,
            levels: &mut scratch.levels,
            wear: &mut scratch.wear,
            outputs: &mut scratch.outputs,
        };
        let log = Log { watch: self.watch.clone(), ..log.clone() };
        let hardware = Watched { core, watch: self.watch.clone(), broken: self.broken, deaf: self.deaf };
        let mut device = Device::closed(hardware, flash, profile, memory, log);
        let opened = device.open();
        (device, opened)
    }
}

/// Runs inference `number` as a host would, but without a link. Calls `acknowledged` after each packet.
pub fn run<const READ_BACK: bool>(
    device: &mut SimDevice<'_, READ_BACK>,
    plan: &Plan,
    number: u32,
    acknowledged: impl FnMut(&Ack),
) -> Result<RunState, Refused> {
    run_bytes(device, plan, (&plan.bytes, false), number, acknowledged)
}

/// The same with other bytes under the plan's name, sealed or not.
pub fn run_bytes<const READ_BACK: bool>(
    device: &mut SimDevice<'_, READ_BACK>,
    plan: &Plan,
    (bytes, sealed): (&[u8], bool),
    number: u32,
    mut acknowledged: impl FnMut(&Ack),
) -> Result<RunState, Refused> {
    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let run = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut start = Start::new(run, schedule_id(&plan.bytes), number);
    if let Some(key) = plan.key.get() {
        start.tag = Orders::new(key).start(&start);
    }
    let began = device.start(start)?;
    if began == Started::Ended {
        return Ok(RunState::Ended);
    }
    let stream = Stream::new(bytes, sealed, began).expect("frames that the device names are there");
    let mut chunk = [0; CHUNK];
    for seq in 0..stream.packets() {
        let len = stream.read(seq, &mut chunk);
        let ack = device.data(run, seq, &chunk[..len]);
        acknowledged(&ack);
        if ack.state != RunState::Open {
            return Ok(ack.state);
        }
    }
    Ok(RunState::Open)
}

/// Writes of every PCM cell as the device counts them.
pub fn wear<const READ_BACK: bool>(device: &mut SimDevice<'_, READ_BACK>, cells: usize) -> Vec<[u32; 2]> {
    let mut bytes = vec![[0; 4]; 2 * cells + 1];
    let count = device.wear(0, &mut bytes).unwrap();
    assert_eq!(count, 2 * cells, "one number for each PCM cell");
    bytes[..count].chunks(2).map(|pair| [u32::from_le_bytes(pair[0]), u32::from_le_bytes(pair[1])]).collect()
}
