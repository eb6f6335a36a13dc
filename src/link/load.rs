//! A load: every inference sent, resumed where it breaks off, and the outcome compared with the plan.

use std::io;
use std::time::{Duration, Instant};

use firmware_model::link::host::{Stream, Timing};
use firmware_model::link::messages::{Answer, FaultReport, Hello, KEY, Order, Request, RunState, Start, Started, TAG};
use firmware_model::mutants::Mutant;
use firmware_model::seal::{Orders, seal};
use serde::Serialize;

use super::compare::{Before, Compared, Outcome, compare};
use super::error::LoadError;
use super::line::Line;
use super::observer::{Observer, Progress};
use super::patience::Patience;
use super::schedule::Schedule;
use super::session::{Broken, Session, fresh_number};

/// How often the device is asked for its wear during a load, milliseconds.
const ASK_EVERY: u64 = 500;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Inferences to run: at least 1.
    pub inferences: u32,
    /// Whether to go on with an inference that broke off in an earlier load.
    pub resume: bool,
    /// Whether to compare every cell, not only the digest and the sums.
    pub verify: bool,
    /// Whether wear and faults of every cell are wanted.
    pub wear: bool,
    /// The key that the device knows.
    pub key: Option<[u8; KEY]>,
    /// Whether to give the device this key, if it has none.
    pub set_key: bool,
    /// How patient the link is.
    pub timing: Timing,
    /// How long the device may make no progress, over all lines that are opened meanwhile.
    pub patience: Duration,
}

/// Breaks in a row without a frame more carried out, before a load is given up.
const HOPELESS: u32 = 16;

/// What a load has come to.
#[derive(Clone, Debug, Serialize)]
pub struct Loaded {
    /// Core, `RxC`.
    pub core: String,
    /// Device profile of the schedule.
    pub device: String,
    /// CRC of its transmissions.
    pub device_crc: u32,
    /// Inferences run in this load.
    pub inferences: u32,
    /// Number of the first of them, counted by the device.
    pub first_inference: u32,
    /// Frames of the schedule.
    pub frames: u32,
    /// Bytes of the schedule sent, repetitions not counted.
    pub bytes: u64,
    /// Seconds that the sending took.
    pub seconds: f64,
    /// Data packets and questions that were sent again.
    pub repeated: u64,
    /// Times that the link broke off or the device started anew.
    pub breaks: u32,
    /// Whether the device reads its cells back.
    pub read_back: bool,
    /// CRC-32 of all levels, by the device; equals the plan's.
    pub levels_digest: u32,
    /// Level steps that the plan makes from the levels that the device held before; null after a resumed inference, of which they are
    /// not known.
    pub planned_writes: Option<u64>,
    /// Level steps that the device counted in this load; null as `planned_writes`.
    pub counted_writes: Option<u64>,
    /// Level steps that the device has counted since it was formatted.
    pub total_writes: u64,
    /// Writes that verification asked for, in this load.
    pub corrections: u64,
    /// Whether every single cell was compared.
    pub every_cell: bool,
    /// Cells that do not take their levels.
    #[serde(skip)]
    pub faults: Vec<FaultReport>,
    /// Writes of the plus and the minus cell of each weight cell since the device was formatted, if they were read.
    #[serde(skip)]
    pub wear: Option<Vec<[u32; 2]>>,
}

struct Job<'a> {
    schedule: &'a Schedule,
    /// What is sent: the schedule, or with tags.
    bytes: Vec<u8>,
    options: &'a Options,
    observer: &'a dyn Observer,
    /// Number of the first inference, once the device was asked.
    first: Option<u32>,
    before: Option<Before>,
    done: u32,
    breaks: u32,
    patience: &'a Patience,
    /// Inference and frames that the device has acknowledged at most, and breaks since.
    furthest: (u32, u32),
    hopeless: u32,
    sent: u64,
    repeated: u64,
    progress: Progress,
}

/// Loads `schedule` over lines that `connect` opens to `name`, until all inferences are run; then compares.
///
/// # Errors
/// [`LoadError`]. After cells that do not take their levels, [`LoadError::Device`] comes with what was loaded.
pub fn load<'l>(
    schedule: &Schedule,
    name: &str,
    connect: &mut dyn FnMut() -> io::Result<Box<dyn Line + 'l>>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Loaded, LoadError> {
    let mut bytes = Vec::new();
    match options.key {
        Some(key) => seal(&schedule.bytes, key, |piece| bytes.extend_from_slice(piece)),
        None => bytes.clone_from(&schedule.bytes),
    }
    let patience = Patience::new(options.patience);
    let progress = Progress { inference: 1, inferences: options.inferences, ..Progress::default() };
    let mut job = Job {
        schedule,
        bytes,
        options,
        observer,
        first: None,
        before: None,
        done: 0,
        breaks: 0,
        patience: &patience,
        furthest: (0, 0),
        hopeless: 0,
        sent: 0,
        repeated: 0,
        progress,
    };
    let began = Instant::now();
    let lost = |why: String| LoadError::LinkLost { target: name.to_owned(), why };
    let mut line = connect().map_err(|e| LoadError::NoLink { target: name.to_owned(), why: e.to_string() })?;
    loop {
        match job.run(&mut *line) {
            Ok(outcome) => return job.finish(&outcome, began.elapsed().as_secs_f64()),
            Err(Broken::Over(error)) => return Err(error),
            Err(Broken::Restarted) => observer.note("the device started anew: going on where it stopped"),
            Err(Broken::Displaced) => {
                observer.note("another host has spoken with the device: going on where it stopped")
            }
            Err(Broken::Line(why)) => {
                if patience.is_over() {
                    return Err(lost(why));
                }
                observer.note(&format!("the link broke off ({why}): trying again"));
                line = reconnect(connect, &patience, observer, why).map_err(|e| match e {
                    Some(why) => lost(why),
                    None => LoadError::Interrupted,
                })?;
            }
        }
        job.breaks += 1;
        job.hopeless += 1;
        if job.hopeless > HOPELESS {
            let frame = job.furthest.1;
            return Err(lost(format!("it broke off {HOPELESS} times without going on, at frame {frame}")));
        }
        if Mutant::PatienceRenewed.is_on() {
            job.hopeless = 0;
            patience.progress();
        }
    }
}

/// Opens the line again, as often as it takes within the patience; `None`: the user stopped it.
fn reconnect<'l>(
    connect: &mut dyn FnMut() -> io::Result<Box<dyn Line + 'l>>,
    patience: &Patience,
    observer: &dyn Observer,
    why: String,
) -> Result<Box<dyn Line + 'l>, Option<String>> {
    loop {
        if observer.interrupted() {
            return Err(None);
        }
        if patience.is_over() {
            return Err(Some(why));
        }
        std::thread::sleep(Duration::from_millis(100));
        if let Ok(line) = connect() {
            return Ok(line);
        }
    }
}

impl Job<'_> {
    fn run(&mut self, line: &mut (dyn Line + '_)) -> Result<Outcome, Broken> {
        let (mut session, hello) = Session::open(line, self.options.timing, self.patience)?;
        check(self.schedule, self.options, &hello).map_err(Broken::Over)?;
        if let (Some(key), true, false) = (self.options.key, self.options.set_key, hello.keyed) {
            let order = Order { number: fresh_number(), tag: [0; TAG] };
            session.order(&Request::SetKey { key, order })?;
        }
        let first = match self.first {
            Some(first) => first,
            None => self.begin(&mut session, &hello)?,
        };
        while self.done < self.options.inferences {
            self.inference(&mut session, first.wrapping_add(self.done), hello.window)?;
            self.done += 1;
        }
        self.repeated += session.repeated();
        let cells = self.schedule.cells();
        let all = self.options.verify || self.options.wear;
        // Without the levels before, those after are what can be compared.
        let levels = self.options.verify || self.before.is_none();
        Ok(Outcome {
            hello,
            status: session.status()?,
            digest: session.levels_digest()?,
            levels: if levels { Some(session.levels(cells)?) } else { None },
            wear: if all { Some(session.wear(cells)?) } else { None },
            faults: session.faults()?,
        })
    }

    /// The outcome, if it is as planned.
    fn finish(&self, outcome: &Outcome, seconds: f64) -> Result<Loaded, LoadError> {
        let Schedule { identity, .. } = self.schedule;
        let Compared { planned, counted, corrections } =
            compare(self.schedule, self.before.as_ref(), outcome, (self.options.inferences, self.breaks))?;
        Ok(Loaded {
            core: format!("{}x{}", identity.rows, identity.cols),
            device: self.schedule.device.clone(),
            device_crc: identity.device_crc,
            inferences: self.options.inferences,
            first_inference: self.first.unwrap_or_default(),
            frames: self.schedule.frames,
            bytes: self.sent,
            seconds,
            repeated: self.repeated,
            breaks: self.breaks,
            read_back: outcome.hello.read_back,
            levels_digest: outcome.digest,
            planned_writes: planned,
            counted_writes: counted,
            total_writes: outcome.status.writes,
            corrections,
            every_cell: self.options.verify,
            faults: outcome.faults.clone(),
            wear: outcome.wear.clone(),
        })
    }

    /// Which inference comes first, and how things stand before it.
    fn begin<L: Line + ?Sized>(&mut self, session: &mut Session<'_, L>, hello: &Hello) -> Result<u32, Broken> {
        let last = hello.last.filter(|last| last.schedule == self.schedule.id);
        let first = match last {
            Some(last) if self.options.resume && !last.ended => {
                self.observer.note(&format!("going on with inference {} at frame {}", last.inference, last.frames));
                last.inference
            }
            last => {
                if self.options.resume {
                    self.observer.note(match last {
                        Some(_) => "nothing to resume: the last inference of this schedule was whole; a new one begins",
                        None => "nothing to resume: this schedule was not loaded last; a new inference begins",
                    });
                }
                hello.next
            }
        };
        let status = session.status()?;
        if !(self.options.resume && last.is_some_and(|last| !last.ended)) {
            let cells = self.schedule.cells();
            let (levels, wear) = (session.levels(cells)?, session.wear(cells)?);
            self.before = Some(Before { levels, wear, status });
        }
        self.progress.writes = status.writes;
        self.first = Some(first);
        Ok(first)
    }

    fn inference<L: Line + ?Sized>(
        &mut self,
        session: &mut Session<'_, L>,
        number: u32,
        window: u16,
    ) -> Result<(), Broken> {
        let run = fresh_number();
        let mut start = Start::new(run, self.schedule.id, number);
        if let Some(key) = self.options.key {
            start.tag = Orders::new(key).start(&start);
        }
        let started = session.start(start)?;
        if started == Started::Ended {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.bytes);
        let result = self.send(session, &bytes, started, run, window);
        self.bytes = bytes;
        result
    }

    fn send<L: Line + ?Sized>(
        &mut self,
        session: &mut Session<'_, L>,
        bytes: &[u8],
        started: Started,
        run: u32,
        window: u16,
    ) -> Result<(), Broken> {
        let Some(stream) = Stream::new(bytes, self.options.key.is_some(), started) else {
            let why = "it wants to go on at a frame that the schedule does not have".to_owned();
            return Err(Broken::Over(LoadError::Refused(why)));
        };
        let total = bytes.len() as u64;
        let skipped = total.saturating_sub(stream.len());
        session.send(run, &stream, window);
        let packets = u64::from(stream.packets());
        let mut asked = session.now();
        let mut next = 0;
        loop {
            if self.observer.interrupted() {
                return Err(Broken::Over(LoadError::Interrupted));
            }
            let ack = session.acknowledged(&stream)?;
            let taken = (u64::from(ack.next) * stream.len()).checked_div(packets).unwrap_or_default();
            self.progress.inference = self.done + 1;
            (self.progress.bytes, self.progress.total) = (skipped + taken, total);
            self.progress.frames = ack.frames;
            if (self.done, ack.frames) > self.furthest || ack.state == RunState::Ended {
                self.furthest = (self.done, ack.frames);
                self.hopeless = 0;
                self.patience.progress();
            }
            // On the way to where an earlier line broke off, packets are all that shows.
            if ack.next > next {
                next = ack.next;
                self.patience.progress();
            }
            match ack.state {
                RunState::Open => {}
                RunState::Ended => {
                    self.sent += stream.len();
                    self.observer.progress(&self.progress);
                    return Ok(());
                }
                RunState::Failed(failure) => {
                    return Err(Broken::Over(LoadError::of_failure(failure, self.schedule.identity.cols)));
                }
                RunState::Unknown => return Err(Broken::Restarted),
            }
            if session.now().saturating_sub(asked) >= ASK_EVERY {
                asked = session.now();
                self.progress.writes = session.ask_meanwhile(&stream, &Request::Status, |answer| match answer {
                    Answer::Status(status) => Some(status.writes),
                    _ => None,
                })?;
            }
            self.observer.progress(&self.progress);
        }
    }
}

/// Whether the device can take the schedule at all.
pub(super) fn check(schedule: &Schedule, options: &Options, hello: &Hello) -> Result<(), LoadError> {
    let want = schedule.identity;
    let refuse = |why: String| Err(LoadError::Refused(why));
    // Devices know the older versions, too.
    let format = schedule.bytes.get(7).copied().unwrap_or_default();
    if hello.format < format {
        return refuse(format!(
            "it knows schedules up to format version {}, this is version {format}: update the device",
            hello.format
        ));
    }
    if (hello.rows, hello.cols) != (want.rows, want.cols) {
        let (r, c) = (hello.rows, hello.cols);
        return refuse(format!(
            "the schedule is for a {}x{} core, it has {r}x{c}: plan with --core {r}x{c}",
            want.rows, want.cols
        ));
    }
    if hello.bits != want.bits {
        return refuse(format!(
            "the schedule is for {}-bit cells, its cells have {}: plan with --bits {}",
            want.bits, hello.bits, hello.bits
        ));
    }
    if hello.device_crc != want.device_crc {
        return refuse(format!(
            "the schedule is for the device `{}` (CRC {:08x}), it has another (CRC {:08x}): plan with the --device of this core",
            schedule.device, want.device_crc, hello.device_crc
        ));
    }
    if schedule.ram > hello.memory as usize {
        return refuse(format!(
            "the schedule needs {} bytes of working memory, it has {}: build it with more",
            schedule.ram, hello.memory
        ));
    }
    match (hello.keyed, options.key) {
        (true, None) => {
            refuse("it takes only schedules sealed with its key: give the key's file with --key".to_owned())
        }
        (false, Some(_)) if !options.set_key => {
            refuse("it has no key: set this one, for ever, with --set-key, or load without --key".to_owned())
        }
        _ => Ok(()),
    }
}

/// What reported faults mean for a load, if there are any.
///
/// # Errors
/// [`LoadError::Device`].
pub fn faultless(loaded: &Loaded, cols: u16) -> Result<(), LoadError> {
    if loaded.faults.is_empty() { Ok(()) } else { Err(LoadError::of_faults(&loaded.faults, cols)) }
}
