//! A load: every inference sent, resumed where it breaks off, and the outcome compared with the plan.

use std::io;
use std::time::{Duration, Instant};

use firmware_model::link::host::{Stream, Timing};
use firmware_model::link::messages::{Answer, FaultReport, Hello, KEY, Request, RunState, Start, Started, Status};
use firmware_model::seal::seal;
use serde::Serialize;

use super::error::LoadError;
use super::expect::{Cells, inference};
use super::line::Line;
use super::schedule::Schedule;
use super::session::{Broken, Session, fresh_number};
use super::{Observer, Progress};

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
    /// How long a line that is gone is tried again.
    pub patience: Duration,
}

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
    /// Writes that verification asked for since the device was powered up.
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

/// What is known before the first write of this load.
struct Before {
    levels: Vec<i16>,
    wear: Vec<[u32; 2]>,
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
        sent: 0,
        repeated: 0,
        progress,
    };
    let began = Instant::now();
    let lost = |why: String| LoadError::LinkLost { target: name.to_owned(), why };
    let mut line = connect().map_err(|e| LoadError::NoLink { target: name.to_owned(), why: e.to_string() })?;
    loop {
        match job.run(&mut *line) {
            Ok(outcome) => {
                let seconds = began.elapsed().as_secs_f64();
                return job.compare(outcome, seconds);
            }
            Err(Broken::Over(error)) => return Err(error),
            Err(Broken::Restarted) => {
                job.breaks += 1;
                observer.note("the device started anew: going on where it stopped");
            }
            Err(Broken::Line(why)) => {
                job.breaks += 1;
                if job.breaks > 1000 {
                    return Err(lost(why));
                }
                observer.note(&format!("the link broke off ({why}): trying again"));
                line = reconnect(connect, options.patience, observer, why).map_err(|e| match e {
                    Some(why) => lost(why),
                    None => LoadError::Interrupted,
                })?;
            }
        }
    }
}

/// Opens the line again, as often as it takes within the patience; `None`: the user stopped it.
fn reconnect<'l>(
    connect: &mut dyn FnMut() -> io::Result<Box<dyn Line + 'l>>,
    patience: Duration,
    observer: &dyn Observer,
    why: String,
) -> Result<Box<dyn Line + 'l>, Option<String>> {
    let began = Instant::now();
    loop {
        if observer.interrupted() {
            return Err(None);
        }
        if began.elapsed() >= patience {
            return Err(Some(why));
        }
        std::thread::sleep(Duration::from_millis(100).min(patience));
        if let Ok(line) = connect() {
            return Ok(line);
        }
    }
}

/// What the device said at the end.
struct Outcome {
    hello: Hello,
    status: Status,
    digest: u32,
    levels: Option<Vec<i16>>,
    wear: Option<Vec<[u32; 2]>>,
    faults: Vec<FaultReport>,
}

impl Job<'_> {
    fn run(&mut self, line: &mut (dyn Line + '_)) -> Result<Outcome, Broken> {
        let (mut session, hello) = Session::open(line, self.options.timing)?;
        self.check(&hello).map_err(Broken::Over)?;
        if let (Some(key), true, false) = (self.options.key, self.options.set_key, hello.keyed) {
            session.ask(&Request::SetKey { key }, |answer| matches!(answer, Answer::Done).then_some(()))?;
        }
        let first = match self.first {
            Some(first) => first,
            None => self.begin(&mut session, &hello)?,
        };
        while self.done < self.options.inferences {
            self.inference(&mut session, first + self.done, hello.window)?;
            self.done += 1;
        }
        self.repeated += session.repeated();
        let all = self.options.verify || self.options.wear;
        Ok(Outcome {
            hello,
            status: session.status()?,
            digest: session.levels_digest()?,
            levels: if self.options.verify { Some(session.levels(self.schedule.cells())?) } else { None },
            wear: if all { Some(session.wear(self.schedule.cells())?) } else { None },
            faults: session.faults()?,
        })
    }

    /// Whether the device can take the schedule at all.
    fn check(&self, hello: &Hello) -> Result<(), LoadError> {
        let want = self.schedule.identity;
        let refuse = |why: String| Err(LoadError::Refused(why));
        let format = firmware_model::wire::MAGIC[7];
        if hello.format != format {
            return refuse(format!(
                "it knows schedules of format version {}, this is version {format}: update the older",
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
                self.schedule.device, want.device_crc, hello.device_crc
            ));
        }
        if self.schedule.ram > hello.memory as usize {
            return refuse(format!(
                "the schedule needs {} bytes of working memory, it has {}: build it with more",
                self.schedule.ram, hello.memory
            ));
        }
        match (hello.keyed, self.options.key) {
            (true, None) => {
                refuse("it takes only schedules sealed with its key: give the key's file with --key".to_owned())
            }
            (false, Some(_)) if !self.options.set_key => {
                refuse("it has no key: set this one, for ever, with --set-key, or load without --key".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Which inference comes first, and how things stand before it.
    fn begin<L: Line + ?Sized>(&mut self, session: &mut Session<'_, L>, hello: &Hello) -> Result<u32, Broken> {
        let last = hello.last.filter(|last| last.schedule == self.schedule.id);
        let first = match last {
            Some(last) if self.options.resume && !last.ended => {
                self.observer.note(&format!("going on with inference {} at frame {}", last.inference, last.frames));
                last.inference
            }
            Some(last) => {
                if self.options.resume {
                    self.observer
                        .note("nothing to resume: the last inference of this schedule was whole; a new one begins");
                }
                last.inference.wrapping_add(1)
            }
            None => {
                if self.options.resume {
                    self.observer.note(
                        "nothing to resume: this schedule has not been loaded before; its first inference begins",
                    );
                }
                0
            }
        };
        if !(self.options.resume && last.is_some_and(|last| !last.ended)) {
            let cells = self.schedule.cells();
            self.before = Some(Before { levels: session.levels(cells)?, wear: session.wear(cells)? });
        }
        self.progress.writes = session.status()?.writes;
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
        let started = session.start(Start { run, schedule: self.schedule.id, inference: number })?;
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
        loop {
            if self.observer.interrupted() {
                return Err(Broken::Over(LoadError::Interrupted));
            }
            let ack = session.acknowledged(&stream)?;
            let taken = (u64::from(ack.next) * stream.len()).checked_div(packets).unwrap_or_default();
            self.progress.inference = self.done + 1;
            (self.progress.bytes, self.progress.total) = (skipped + taken, total);
            self.progress.frames = ack.frames;
            match ack.state {
                RunState::Open => {}
                RunState::Ended => {
                    self.sent += stream.len();
                    self.observer.progress(&self.progress);
                    return Ok(());
                }
                RunState::Failed(failure) => return Err(Broken::Over(LoadError::of_failure(failure))),
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

    /// Compares what the device holds and counts with what the plan makes of the levels that it held before.
    fn compare(&self, outcome: Outcome, seconds: f64) -> Result<Loaded, LoadError> {
        let identity = self.schedule.identity;
        let levels = match (&self.before, &outcome.levels) {
            (Some(before), _) => Some(before.levels.clone()),
            // Cells that the schedule never programs are where they were before, and after.
            (None, now) => now.clone(),
        };
        let mut planned = None;
        if let Some(levels) = levels {
            let mut cells = Cells::at(levels);
            for _ in 0..self.options.inferences {
                inference(&self.schedule.bytes, identity, self.schedule.ram, &mut cells)
                    .map_err(|why| LoadError::Schedule { path: self.schedule.path.clone(), why })?;
            }
            self.compare_levels(&cells, &outcome).map_err(LoadError::Verification)?;
            planned = self.before.is_some().then_some(cells);
        }
        let cols = usize::from(identity.cols);
        let mut counted = None;
        if let (Some(cells), Some(before)) = (&planned, &self.before) {
            let slack = u64::from(self.breaks) + outcome.status.corrections;
            if let Some(now) = &outcome.wear {
                let difference =
                    |now: &[u32; 2], then: &[u32; 2]| [0, 1].map(|side| now[side].wrapping_sub(then[side]));
                let counts: Vec<[u32; 2]> =
                    now.iter().zip(&before.wear).map(|(now, then)| difference(now, then)).collect();
                for (i, (counted, planned)) in counts.iter().zip(&cells.writes).enumerate() {
                    for side in 0..2 {
                        let (counted, planned) = (u64::from(counted[side]), u64::from(planned[side]));
                        let faulty = outcome.faults.iter().any(|fault| fault.cell as usize == 2 * i + side);
                        if !faulty && !(planned..=planned + slack).contains(&counted) {
                            return Err(LoadError::Verification(format!(
                                "{} cell ({}, {}) was written {counted} times by the device's count, {planned} by the plan",
                                ["plus", "minus"][side],
                                i / cols,
                                i % cols
                            )));
                        }
                    }
                }
            }
            let then: u64 = before.wear.iter().flatten().map(|&n| u64::from(n)).sum();
            let sum = outcome.status.writes.saturating_sub(then);
            let planned = cells.total();
            // After a break each cell of the batch that was interrupted may count once more.
            if outcome.faults.is_empty() && (sum < planned || slack == 0 && sum > planned) {
                let why = format!("the device counted {sum} level steps, the plan has {planned}");
                return Err(LoadError::Verification(why));
            }
            counted = Some(sum);
        }
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
            planned_writes: planned.as_ref().map(Cells::total),
            counted_writes: counted,
            total_writes: outcome.status.writes,
            corrections: outcome.status.corrections,
            every_cell: outcome.levels.is_some(),
            faults: outcome.faults,
            wear: outcome.wear,
        })
    }

    fn compare_levels(&self, planned: &Cells, outcome: &Outcome) -> Result<(), String> {
        let cols = usize::from(self.schedule.identity.cols);
        if let Some(levels) = &outcome.levels
            && let Some(i) = (0..planned.levels.len()).find(|&i| levels.get(i) != Some(&planned.levels[i]))
        {
            return Err(format!(
                "weight cell ({}, {}) is at level {}, the plan leaves it at {}",
                i / cols,
                i % cols,
                levels.get(i).map_or_else(|| "(none)".to_owned(), ToString::to_string),
                planned.levels[i]
            ));
        }
        if planned.digest() != outcome.digest {
            return Err(format!(
                "the digest of the levels is {:08x}, of the plan's {:08x}: load with --verify to see which cell differs",
                outcome.digest,
                planned.digest()
            ));
        }
        Ok(())
    }
}

/// What reported faults mean for a load, if there are any.
///
/// # Errors
/// [`LoadError::Device`].
pub fn faultless(loaded: &Loaded, cols: u16) -> Result<(), LoadError> {
    if loaded.faults.is_empty() { Ok(()) } else { Err(LoadError::of_faults(&loaded.faults, cols)) }
}
