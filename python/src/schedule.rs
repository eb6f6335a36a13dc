//! A schedule step by step, as the firmware's decoder carries it out.
//!
//! The decoder runs on a thread of its own, a few steps ahead of who asks: it borrows its memory for as long as it runs, and needs no lock of
//! the interpreter. It ends when the iterator is dropped.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use elight::inspect::{Request, inspect};
use elight::schedule::header::header;
use firmware_model::controller::Controller;
use firmware_model::photonic_core::{Core, Output};
use firmware_model::wire;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Steps that are decoded ahead.
const AHEAD: usize = 4;
/// Bytes fed at a time: an interruption is noticed between two pieces.
const PIECE: usize = 4096;
/// The input of a dark cell.
const DARK: i32 = -1;

/// A schedule in memory.
#[pyclass(frozen, module = "elight._elight")]
pub struct Schedule {
    bytes: Arc<[u8]>,
}

#[pymethods]
impl Schedule {
    /// From the bytes of a `.elight` file.
    #[new]
    fn new(bytes: &[u8]) -> PyResult<Self> {
        header(bytes).map_err(|error| crate::ElightError::new_err(format!("the schedule {error}")))?;
        Ok(Self { bytes: bytes.into() })
    }

    /// The bytes of the file.
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// Header, layers and totals, as JSON: what `elight-plan inspect --json` tells.
    fn inspect(&self, py: Python<'_>) -> PyResult<String> {
        let bytes = Arc::clone(&self.bytes);
        let found = py.detach(move || inspect(&bytes, &Request::default()));
        serde_json::to_string(&found.map_err(crate::refuse)?).map_err(crate::refuse)
    }

    /// Core rows and lanes.
    #[getter]
    fn core(&self) -> PyResult<(u16, u16)> {
        header(&self.bytes).map(|h| (h.rows, h.cols)).map_err(crate::refuse)
    }

    /// Iterates over the steps, from erased cells.
    fn steps(&self) -> Steps {
        let (sender, receiver) = sync_channel(AHEAD);
        let bytes = Arc::clone(&self.bytes);
        let decoder = thread::spawn(move || decode(&bytes, &sender));
        Steps { receiver: Some(receiver).into(), decoder: Some(decoder).into() }
    }
}

/// What one step holds and does: the layer's name, its step, levels `[rows, cols]` as i16, inputs `[rows, cols]` as i32 with -1 for dark, and for each
/// core row its output row (-1: none) and the first element of the input vector that it reads.
struct Step {
    layer: Arc<str>,
    step: u64,
    levels: Vec<i16>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
    bases: Vec<u32>,
}

type Told = Result<Step, String>;
/// Layer, step, and the bytes of levels, inputs, outputs and bases, little-endian.
type StepBytes<'py> = (String, u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// The iterator behind `Schedule.steps()`.
#[pyclass(module = "elight._elight")]
pub struct Steps {
    receiver: std::sync::Mutex<Option<Receiver<Told>>>,
    decoder: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Steps {
    fn drop(&mut self) {
        // Without a receiver the decoder's next step ends it.
        if let Ok(receiver) = self.receiver.get_mut() {
            receiver.take();
        }
        if let Some(decoder) = self.decoder.get_mut().ok().and_then(Option::take) {
            let _ended = decoder.join();
        }
    }
}

#[pymethods]
impl Steps {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<StepBytes<'py>>> {
        let told = py.detach(|| {
            let receiver = self.receiver.lock().ok()?;
            receiver.as_ref()?.recv().ok()
        });
        let step = match told {
            None => return Ok(None),
            Some(told) => told.map_err(crate::ElightError::new_err)?,
        };
        let bytes = |parts: Vec<u8>| PyBytes::new(py, &parts);
        Ok(Some((
            step.layer.to_string(),
            step.step,
            bytes(step.levels.iter().flat_map(|v| v.to_le_bytes()).collect()),
            bytes(step.inputs.iter().flat_map(|v| v.to_le_bytes()).collect()),
            bytes(step.outputs.iter().flat_map(|v| v.to_le_bytes()).collect()),
            bytes(step.bases.iter().flat_map(|v| v.to_le_bytes()).collect()),
        )))
    }
}

fn decode(file: &[u8], sender: &SyncSender<Told>) {
    let Ok(header) = header(file) else { return };
    let core = Watched::new(&header, sender.clone());
    let mut memory = vec![0u8; header.working_memory().total().max(wire::MAX_HEADER)];
    let mut controller = Controller::new(core, header.identity(), &mut memory);
    let fed = file.chunks(PIECE).try_for_each(|piece| controller.feed(piece).map(drop));
    if let Err(error) = fed.and_then(|()| controller.finish().map(drop)) {
        // Nobody listens any more, or the schedule is damaged.
        let _told = sender.send(Err(format!("the schedule is damaged: {error}")));
    }
}

/// Nobody asks for further steps.
#[derive(Debug)]
struct Left;

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody asks for further steps")
    }
}

/// A core that tells what each step holds.
struct Watched {
    cols: usize,
    fanout: usize,
    layer: Arc<str>,
    step: u64,
    levels: Vec<i16>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
    bases: Vec<u32>,
    sender: SyncSender<Told>,
}

impl Watched {
    fn new(header: &wire::Header<'_>, sender: SyncSender<Told>) -> Self {
        let (rows, cols) = (usize::from(header.rows), usize::from(header.cols));
        Self {
            cols,
            fanout: usize::from(header.fanout.max(1)),
            layer: "".into(),
            step: 0,
            levels: vec![0; rows * cols],
            inputs: vec![DARK; rows * cols],
            outputs: vec![-1; rows],
            bases: vec![0; rows],
            sender,
        }
    }
}

impl Core for Watched {
    type Fault = Left;

    fn begin_layer(&mut self, layer: &wire::Layer<'_>) -> Result<(), Left> {
        (self.layer, self.step) = (layer.name.into(), 0);
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Left> {
        let at = usize::from(row);
        self.outputs[at] = output.map_or(-1, |o| o.row as i32);
        self.bases[at] = output.map_or(0, |o| o.base);
        self.inputs[at * self.cols..(at + 1) * self.cols].fill(DARK);
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Left> {
        self.levels[usize::from(row) * self.cols + usize::from(col)] = level;
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Left> {
        // Rows that share their inputs are told once, with the first that is used.
        let first = usize::from(row) / self.fanout * self.fanout;
        for row in (first..first + self.fanout).filter(|row| self.outputs.get(*row).is_some_and(|o| *o >= 0)) {
            self.inputs[row * self.cols + usize::from(col)] = input.map_or(DARK, |i| i as i32);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Left> {
        let step = Step {
            layer: Arc::clone(&self.layer),
            step: self.step,
            levels: self.levels.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            bases: self.bases.clone(),
        };
        self.step += 1;
        self.sender.send(Ok(step)).map_err(|_| Left)
    }
}
