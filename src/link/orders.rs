//! Orders to a device beside loads: look at its cells, write them again, begin a new journal, change its key.

use firmware_model::link::host::Timing;
use firmware_model::link::messages::{Answer, FaultReport, KEY, Order, Request, RunState, Status, TAG};
use firmware_model::seal::Orders;
use serde::Serialize;

use super::error::LoadError;
use super::expect::{Cells, inference};
use super::line::Line;
use super::patience::Patience;
use super::schedule::Schedule;
use super::session::{Broken, Session, fresh_number};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Read all cells back, and compare them with the journal; the journal with the plan.
    Audit,
    /// Write those cells again that read wrong, then audit.
    Renew,
    /// Begin a new journal for a core whose cells are all at level 0; `keep_wear`: it is the same core.
    Format {
        /// Whether the counted writes stay.
        keep_wear: bool,
    },
    /// Give the device another key.
    ChangeKey {
        /// The new key.
        new: [u8; KEY],
    },
}

/// What it has come to.
#[derive(Clone, Debug, Serialize)]
pub struct Audited {
    /// PCM cells of the core.
    pub cells: u32,
    /// Whether they can be read back.
    pub read_back: bool,
    /// Whether the levels that the journal has are those that the schedule leaves behind; null when it did not run last, or not to its end.
    pub as_planned: Option<bool>,
    /// Level steps that the device has counted.
    pub total_writes: u64,
    /// Why it is halted, if it is.
    pub halted: Option<String>,
    /// Cells that do not hold the level of the journal, and are not known as faulty.
    #[serde(skip)]
    pub wrong: Vec<FaultReport>,
    /// How many these are.
    pub wrong_cells: usize,
    /// Cells that are known as faulty.
    pub faults: usize,
}

/// Carries `task` out over `line`, for the core that `schedule` is for.
///
/// # Errors
/// [`LoadError`].
pub fn order(
    schedule: &Schedule,
    line: &mut dyn Line,
    task: Task,
    key: Option<[u8; KEY]>,
    (timing, patience): (Timing, &Patience),
) -> Result<Audited, LoadError> {
    run(schedule, line, task, key, (timing, patience)).map_err(|broken| match broken {
        Broken::Over(error) => error,
        Broken::Line(why) => LoadError::LinkLost { target: "the device".to_owned(), why },
        Broken::Restarted | Broken::Displaced => LoadError::LinkLost {
            target: "the device".to_owned(),
            why: "it started anew, or speaks with another host".to_owned(),
        },
    })
}

fn run(
    schedule: &Schedule,
    line: &mut dyn Line,
    task: Task,
    key: Option<[u8; KEY]>,
    (timing, patience): (Timing, &Patience),
) -> Result<Audited, Broken> {
    let refuse = |why: &str| Err(Broken::Over(LoadError::Refused(why.to_owned())));
    let (mut session, hello) = Session::open(line, timing, patience)?;
    let identity = schedule.identity;
    if (hello.rows, hello.cols) != (identity.rows, identity.cols) {
        return refuse(&format!("it has a {}x{} core: give a schedule for it", hello.rows, hello.cols));
    }
    let cells = 2 * schedule.cells() as u32;
    let number = fresh_number();
    let tagged = |tag: &dyn Fn(&Orders) -> [u8; TAG]| {
        let tag = key.map_or([0; TAG], |key| tag(&Orders::new(key)));
        Order { number, tag }
    };
    match task {
        Task::Audit => {}
        Task::Renew => {
            let mut first = 0;
            while first < cells {
                let order = tagged(&|orders| orders.renew(number, hello.checkpoints, first));
                let request = Request::Renew { first, order };
                let next = session.ask(&request, |answer| match answer {
                    Answer::Audit { next, .. } => Some(*next),
                    _ => None,
                })?;
                if next <= first {
                    return refuse("its renewal does not go on");
                }
                first = next;
                patience.progress();
            }
        }
        Task::Format { keep_wear } => {
            let order = tagged(&|orders| orders.format(number, hello.checkpoints, keep_wear));
            session.order(&Request::Format { keep_wear, order })?;
        }
        Task::ChangeKey { new } => {
            let Some(old) = key.filter(|_| hello.keyed) else {
                return refuse("it has no key that could be changed: set one with --set-key");
            };
            let key = Orders::new(old).mask(hello.next, &new);
            let order = tagged(&|orders| orders.set_key(number, hello.next, &key));
            session.order(&Request::SetKey { key, order })?;
        }
    }
    let status = session.status()?;
    let halted = halt(&status, hello.cols);
    let faults = session.faults()?;
    let wrong = if hello.read_back && !is_unknown(&status) { session.audit(cells)? } else { Vec::new() };
    let ran = status.last.is_some_and(|last| last.schedule == schedule.id && last.ended);
    let as_planned = if ran {
        let now = session.levels(schedule.cells())?;
        let mut then = Cells::at(now.clone());
        inference(&schedule.bytes, identity, schedule.ram, &mut then)
            .map_err(|why| Broken::Over(LoadError::Schedule { path: schedule.path.clone(), why }))?;
        Some(then.levels == now)
    } else {
        None
    };
    Ok(Audited {
        cells,
        read_back: hello.read_back,
        as_planned,
        total_writes: status.writes,
        halted,
        wrong_cells: wrong.len(),
        wrong,
        faults: faults.len(),
    })
}

fn halt(status: &Status, cols: u16) -> Option<String> {
    match status.run {
        Some(RunState::Failed(failure)) => match LoadError::of_failure(failure, cols) {
            LoadError::Device(why) => Some(why),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the device knows nothing of its cells.
const fn is_unknown(status: &Status) -> bool {
    matches!(status.run, Some(RunState::Failed(firmware_model::link::messages::Failure::Journal(_))))
}

impl Audited {
    /// What is wrong, if anything.
    ///
    /// # Errors
    /// [`LoadError::Device`], [`LoadError::Verification`].
    pub fn verdict(&self, cols: u16) -> Result<(), LoadError> {
        if !self.wrong.is_empty() {
            return Err(LoadError::of_wrong(&self.wrong, cols));
        }
        if let Some(why) = &self.halted {
            return Err(LoadError::Device(why.clone()));
        }
        if self.as_planned == Some(false) {
            return Err(LoadError::Verification(
                "the levels of its journal are not those that the schedule leaves".to_owned(),
            ));
        }
        Ok(())
    }
}
