//! A controller in this program: the firmware's own library with a simulated core, over a line that is memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use firmware_model::device::{Device, Memory};
use firmware_model::hardware::{Port, Profile, Side, Verify};
use firmware_model::link::packet::WIRE;
use firmware_model::link::server::Server;
use firmware_model::photonic_core::Identity;
use firmware_model::sim_cells::{CellMemory, Mains, Physics, SimCell, SimCells};
use firmware_model::sim_flash::{BLOCK, SimFlash, WORD, Word};
use firmware_model::trace::Silent;

use super::error::LoadError;
use super::line::Line;
use crate::level::DeviceProfile;

/// What is wrong with the simulated core.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ills {
    /// PCM cells that do not move: row, column, side.
    pub stuck: Vec<(u16, u16, Side)>,
    /// Standard deviation of a written transmission, in transmission.
    pub noise: f32,
    /// Seed of the noise.
    pub seed: u64,
}

/// Data packets that the simulated device takes at a time.
const WINDOW: u16 = 8;
/// How often a PCM cell is written at most.
const TRIES: u8 = 10;
/// PCM cells that are read back when the device starts.
const SPOT_CHECK: u32 = 64;
/// Bytes of each flash bank's log.
const LOG: usize = 64 << 10;

type SimServer<'m> = Server<'m, SimCells<'m, Mains, true>, SimFlash<'m, Mains>, Silent>;

/// The line to it.
pub struct SimLine<'m>(Rc<RefCell<Ends<'m>>>);

struct Ends<'m> {
    server: SimServer<'m>,
    port: Queues,
    began: Instant,
}

#[derive(Default)]
struct Queues {
    to_device: VecDeque<u8>,
    to_host: VecDeque<u8>,
}

impl Port for Queues {
    fn read(&mut self) -> Option<u8> {
        self.to_device.pop_front()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.to_host.push_back(byte);
        true
    }
}

impl SimLine<'_> {
    /// Another hold of the same line.
    #[must_use]
    pub fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl Line for SimLine<'_> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let ends = &mut *self.0.borrow_mut();
        ends.port.to_device.extend(bytes);
        debug_assert!(ends.port.to_device.len() <= (usize::from(WINDOW) + 1) * WIRE);
        while ends.server.poll(&mut ends.port) {}
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        let ends = &mut *self.0.borrow_mut();
        while ends.server.poll(&mut ends.port) {}
        let count = buffer.len().min(ends.port.to_host.len());
        if count == 0 {
            std::thread::sleep(patience);
        }
        for (place, byte) in buffer.iter_mut().zip(ends.port.to_host.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn now(&self) -> u64 {
        self.0.borrow().began.elapsed().as_millis() as u64
    }
}

/// Builds a device with erased cells for a schedule that needs `ram` bytes, and hands its line over.
///
/// # Errors
/// [`LoadError::Sim`] when the profile or the ills are not of such a core.
pub fn with_device<T>(
    identity: Identity,
    device: &DeviceProfile,
    ram: usize,
    ills: &Ills,
    then: impl FnOnce(SimLine<'_>) -> T,
) -> Result<T, LoadError> {
    let wrong = |why: &str| LoadError::Sim(why.to_owned());
    let (rows, cols) = (usize::from(identity.rows), usize::from(identity.cols));
    let weights = rows * cols;
    let transmissions: Vec<f32> = device.transmissions().iter().map(|&t| t as f32).collect();
    let gap = transmissions.windows(2).map(|pair| pair[1] - pair[0]).fold(f32::INFINITY, f32::min);
    let verify = Verify { tries: TRIES, tolerance: gap / 2.0, spot_check: SPOT_CHECK };
    let profile = Profile::new(identity, &transmissions, verify);

    let mut cells = vec![[SimCell::erased(transmissions[0]); 2]; weights];
    for &(row, col, side) in &ills.stuck {
        if row >= identity.rows || col >= identity.cols {
            return Err(LoadError::Sim(format!("there is no cell ({row}, {col}) in a core of {rows}x{cols}")));
        }
        cells[usize::from(row) * cols + usize::from(col)][side as usize].stuck = true;
    }
    let (mut routes, mut assigned) = (vec![0; weights], vec![None; rows]);
    let (mut sums, mut inputs) = (vec![0; rows], vec![0; 1 << 20]);
    let memory = CellMemory {
        cells: &mut cells,
        routes: &mut routes,
        assigned: &mut assigned,
        sums: &mut sums,
        inputs: &mut inputs,
    };
    let physics = Physics { sigma: ills.noise, seed: ills.seed, ..Physics::IDEAL };
    let core = SimCells::new(&identity, &transmissions, physics, memory, Mains).ok_or_else(|| wrong("no such core"))?;

    let capacity = 2 * (weights * 12 + 2048 + LOG).next_multiple_of(BLOCK);
    let (mut bytes, mut erased) = (vec![0xFF; capacity], vec![Word::Erased; capacity / WORD]);
    let flash = SimFlash::new(&mut bytes, &mut erased, Mains, ills.seed).ok_or_else(|| wrong("no such flash"))?;

    let (mut decoder, mut levels) = (vec![0; ram.max(firmware_model::wire::MAX_HEADER)], vec![0; weights]);
    let (mut wear, mut outputs) = (vec![[0; 2]; weights], vec![0; rows]);
    let memory = Memory { decoder: &mut decoder, levels: &mut levels, wear: &mut wear, outputs: &mut outputs };
    let device = Device::boot(core, flash, profile, memory, Silent)
        .map_err(|why| LoadError::Sim(format!("the device does not start: {why:?}")))?;
    let server = Server::new(device, WINDOW);
    Ok(then(SimLine(Rc::new(RefCell::new(Ends { server, port: Queues::default(), began: Instant::now() })))))
}
