//! Schedules for the board, and what they must leave on it.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use elight::link::expect::{Cells, inference};
use elight::link::line::{Line, Tcp};
use elight::link::{LoadError, Loaded, Options, Schedule, Silent, load};
use firmware_model::controller::Controller;
use firmware_model::link::host::Timing;
use firmware_model::photonic_core::{Core, Output};
use firmware_model::wire::{Layer, MAX_HEADER};

use crate::qemu::{Board, Watch, Window};
use crate::support::program::Sandbox;
use crate::support::weights::Weights;

/// Plans one linear layer of random weights.
pub fn plan(core: &str, outputs: usize, inputs: usize, args: &[&str]) -> (Sandbox, Schedule) {
    let sandbox = Sandbox::with(&Weights::new().random("fc.weight", &[outputs, inputs], 11));
    sandbox.plan(&[&["--core", core, "--quiet"], args].concat()).success();
    let schedule = Schedule::read(&sandbox.path("net.elight")).expect("the schedule");
    (sandbox, schedule)
}

/// What `inferences` leave on an erased core.
pub fn expected(schedule: &Schedule, inferences: u32) -> Cells {
    let cells = usize::from(schedule.identity.rows) * usize::from(schedule.identity.cols);
    let mut cells = Cells::at(vec![0; cells]);
    for _ in 0..inferences {
        inference(&schedule.bytes, schedule.identity, schedule.ram, &mut cells).expect("a whole schedule");
    }
    cells
}

pub fn options(inferences: u32) -> Options {
    Options {
        inferences,
        resume: true,
        verify: true,
        wear: true,
        key: None,
        set_key: false,
        timing: Timing { first: 2000, ..Timing::default() },
        patience: Duration::from_secs(20),
    }
}

/// Loads a schedule on a board that is switched on again whenever the power has failed; `watch` says what the n-th board is watched
/// for.
pub fn load_on(
    image: &Path,
    window: &Window,
    schedule: &Schedule,
    options: &Options,
    mut watch: impl FnMut(u32) -> Watch,
) -> (Result<Loaded, LoadError>, u32) {
    let mut board: Option<Board> = None;
    let mut boots = 0;
    let mut connect = || -> io::Result<Box<dyn Line>> {
        if let Some(old) = board.take() {
            old.kill();
        }
        let new = Board::start(image, window, &watch(boots));
        boots += 1;
        let line = Tcp::over(new.line.try_clone()?)?;
        board = Some(new);
        Ok(Box::new(line))
    };
    let loaded = load(schedule, "the emulated board", &mut connect, options, &Silent);
    if let Some(board) = board {
        board.shut_down();
    }
    (loaded, boots)
}

/// Asserts that the cells, as the device itself has them, are as planned, each with at most one level step more for each power cut;
/// and that the controller has counted all but one of them for each cut.
#[track_caller]
pub fn assert_truth(window: &Window, planned: &Cells, counted: &[[u32; 2]], cuts: u32) {
    let cells = window.cells(planned.levels.len());
    for (i, cell) in cells.iter().enumerate() {
        let level = planned.levels[i];
        let levels = [level.max(0), (-level).max(0)];
        for side in 0..2 {
            let (at, pulses) = cell[side];
            assert_eq!(i16::from(at), levels[side], "level of side {side} of cell {i}");
            let planned = planned.writes[i][side];
            assert!(
                (planned..=planned + cuts).contains(&pulses),
                "side {side} of cell {i} had {pulses} pulses, planned are {planned}, after {cuts} cuts"
            );
            assert!(
                counted[i][side] + cuts >= pulses,
                "side {side} of cell {i}: counted {}, true {pulses}",
                counted[i][side]
            );
        }
    }
}

/// A core that remembers what feeds what at one step.
pub struct StepRecorder {
    cols: usize,
    step: u64,
    wanted: u64,
    levels: Vec<i16>,
    routes: Vec<Option<u32>>,
    bases: Vec<Option<u32>>,
    /// Each row's cells at the wanted step: level, and element of the input vector.
    pub cells: Vec<Vec<(i16, u32)>>,
}

impl StepRecorder {
    /// Carries `schedule` out on an erased core, and keeps step `wanted`.
    pub fn of(schedule: &Schedule, wanted: u64) -> Self {
        let (rows, cols) = (usize::from(schedule.identity.rows), usize::from(schedule.identity.cols));
        let mut recorder = Self {
            cols,
            step: 0,
            wanted,
            levels: vec![0; rows * cols],
            routes: vec![None; rows * cols],
            bases: vec![None; rows],
            cells: Vec::new(),
        };
        let mut memory = vec![0; schedule.ram.max(MAX_HEADER)];
        let mut controller = Controller::new(&mut recorder, schedule.identity, &mut memory);
        controller.feed(&schedule.bytes).expect("a whole schedule");
        recorder
    }
}

impl Core for StepRecorder {
    type Fault = Infallible;

    fn begin_layer(&mut self, _: &Layer<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Infallible> {
        self.bases[usize::from(row)] = output.map(|output| output.base);
        let first = usize::from(row) * self.cols;
        self.routes[first..first + self.cols].fill(None);
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Infallible> {
        self.levels[usize::from(row) * self.cols + usize::from(col)] = level;
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Infallible> {
        self.routes[usize::from(row) * self.cols + usize::from(col)] = input;
        Ok(())
    }

    fn step(&mut self) -> Result<(), Infallible> {
        if self.step == self.wanted {
            let lit = |row: usize, base: &Option<u32>| {
                let cells = row * self.cols..(row + 1) * self.cols;
                let fed = |i: usize| Some((self.levels[i], (*base)? + self.routes[i]?));
                cells.filter_map(fed).collect()
            };
            self.cells = self.bases.iter().enumerate().map(|(row, base)| lit(row, base)).collect();
        }
        self.step += 1;
        Ok(())
    }
}
