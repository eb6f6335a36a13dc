//! `elight-load`: a schedule to a controller, and proof that it arrived.

mod args;
mod bar;
mod wear;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use elight::cli::{self, exit};
use elight::level::DeviceProfile;
use elight::link::line::{self, Line};
use elight::link::orders::{Audited, Task, order};
use elight::link::patience::Patience;
use elight::link::target::Target;
use elight::link::{LoadError, Loaded, Options, Schedule, faultless, load, sim};
use elight::show::names::printable;
use elight::show::screen::Tone;
use elight::show::{Screen, count, thousands};
use firmware_model::link::host::Timing;
use firmware_model::link::messages::KEY;

use args::Cli;
use bar::Bar;

/// Faulty cells named in a short summary.
const FAULTS_SHOWN: usize = 8;

fn main() -> ExitCode {
    let cli: Cli = cli::parse();
    cli::finish(run(&cli), |error| error.downcast_ref().map_or(exit::FAILED, LoadError::exit_code))
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let schedule = Schedule::read(&cli.schedule)?;
    let key = cli.key.as_deref().map(args::read_key).transpose()?;
    if let Some(task) = cli.task()? {
        return carry_out(cli, &schedule, task, key);
    }
    let wear = cli.wear.as_deref().map(wear::Output::new).transpose()?;
    let options = Options {
        inferences: cli.run,
        resume: cli.resume,
        verify: cli.verify,
        wear: cli.wear.is_some(),
        key,
        set_key: cli.set_key,
        timing: Timing::default(),
        patience: Duration::from_secs(cli.patience.into()),
    };
    let bar = Bar::new(cli.quiet);
    let name = cli.to.to_string();
    let loaded = match &cli.to {
        Target::Sim => {
            let device = profile(cli, &schedule)?;
            let ills = cli.ills();
            sim::with_device(schedule.identity, &device, schedule.ram, &ills, |device| {
                let mut connect = || -> io::Result<Box<dyn Line + '_>> { Ok(Box::new(device.share())) };
                load(&schedule, &name, &mut connect, &options, &bar)
            })?
        }
        target => {
            anyhow::ensure!(
                cli.ills() == sim::Ills::default() && cli.device.is_none(),
                "--device, --stuck, --noise and --seed are of the simulated controller: use them with --to sim"
            );
            load(&schedule, &name, &mut || line::open(target), &options, &bar)
        }
    };
    bar.finish();
    let loaded = loaded?;
    if let Some(output) = wear {
        output.write(&loaded, schedule.identity)?;
    }
    if cli.json {
        cli::print_json(&loaded)?;
    } else if !cli.quiet {
        cli::print(&summary(cli, &loaded, &cli::screen()))?;
    }
    Ok(faultless(&loaded, schedule.identity.cols)?)
}

/// What is to be done instead of a load.
fn carry_out(cli: &Cli, schedule: &Schedule, task: Task, key: Option<[u8; KEY]>) -> anyhow::Result<()> {
    anyhow::ensure!(cli.to != Target::Sim, "a simulated controller is new each time: there is nothing to look after");
    let lost =
        |e: io::Error| LoadError::LinkLost { target: cli.to.to_string(), why: format!("it cannot be opened: {e}") };
    let mut line = line::open(&cli.to).map_err(lost)?;
    let patience = Patience::new(Duration::from_secs(cli.patience.into()));
    let found = order(schedule, &mut *line, task, key, (Timing::default(), &patience))?;
    if cli.json {
        cli::print(&format!("{}\n", serde_json::to_string_pretty(&found)?))?;
    } else if !cli.quiet {
        cli::print(&findings(cli, task, &found))?;
    }
    Ok(found.verdict(schedule.identity.cols)?)
}

fn findings(cli: &Cli, task: Task, found: &Audited) -> String {
    let done = match task {
        Task::Audit => "looked at",
        Task::Renew => "renewed",
        Task::Format { .. } => "begun anew",
        Task::ChangeKey { .. } => "has the new key",
    };
    let cells = if found.read_back {
        format!(
            "{} of {} read back wrong; {} known as faulty",
            thousands(found.wrong_cells as u64),
            count(found.cells.into(), "PCM cell"),
            found.faults
        )
    } else {
        "they cannot be read back".to_owned()
    };
    let plan = match found.as_planned {
        Some(true) => "the levels of the journal are those that the schedule leaves",
        Some(false) => "the levels of the journal are NOT those that the schedule leaves",
        None => "not compared: the schedule did not run last, or not to its end",
    };
    format!(
        "device    {}: {done}; {} since it was formatted\ncells     {cells}\nplan      {plan}\n",
        cli.to,
        count(found.total_writes, "level step")
    )
}

/// The device of the simulated core: of the schedule's own name, or what is given.
fn profile(cli: &Cli, schedule: &Schedule) -> anyhow::Result<DeviceProfile> {
    let name = cli.device.as_deref().unwrap_or(&schedule.device);
    let profile = DeviceProfile::load(name, Some(schedule.identity.bits))?;
    anyhow::ensure!(
        profile.identity_crc() == schedule.identity.device_crc,
        "the schedule is for a device `{}` with other transmissions than `{name}`: give its profile with --device",
        schedule.device
    );
    Ok(profile)
}

fn summary(cli: &Cli, loaded: &Loaded, screen: &Screen) -> String {
    let inferences = match loaded.inferences {
        1 => format!("inference {}", loaded.first_inference),
        n => format!("inferences {} to {}", loaded.first_inference, loaded.first_inference.wrapping_add(n - 1)),
    };
    let rate = loaded.bytes as f64 / loaded.seconds.max(1e-9);
    let mut text = screen.fact(
        "loaded",
        &format!(
            "{} to {}, a {} core of `{}`: {inferences}, {}, {}, {} bytes/s",
            printable(&cli.schedule.display().to_string()),
            cli.to,
            loaded.core,
            printable(&loaded.device),
            count(loaded.frames.into(), "frame"),
            count(loaded.bytes, "byte"),
            thousands(rate as u64)
        ),
    );
    if cli.verbose || loaded.breaks > 0 || loaded.repeated > 0 {
        text += &screen.fact(
            "link",
            &format!(
                "{} sent again, {} mended",
                count(loaded.repeated, "packet"),
                count(loaded.breaks.into(), "break")
            ),
        );
    }
    let faulty = loaded.faults.len() as u64;
    let compared = match (loaded.every_cell, faulty) {
        (true, 0) => "every cell is as planned".to_owned(),
        (true, _) => format!("every cell is as planned but {}", count(faulty, "cell")),
        (false, 0) => "the digest of all levels is as planned".to_owned(),
        (false, _) => format!("the digest of what {} should hold is as planned", count(faulty, "faulty cell")),
    };
    let digest = loaded.levels_digest;
    let tone = if faulty == 0 { Tone::Good } else { Tone::Bad };
    text += &screen.fact_in(tone, "levels", &format!("{digest:08x}: {compared}"));
    if faulty > 0 {
        let shown = if cli.verbose { usize::MAX } else { FAULTS_SHOWN };
        let lanes = loaded.core.split('x').nth(1).and_then(|cols| cols.parse().ok()).unwrap_or(1);
        let cells: Vec<String> = loaded.faults.iter().take(shown).map(|fault| cell(fault.cell, lanes)).collect();
        let more = loaded.faults.len() - cells.len();
        let more = if more > 0 { format!(" and {more} more (-v)") } else { String::new() };
        let of = format!("{} not take their level: {}{more}", do_not(faulty), cells.join(", "));
        text += &screen.fact_in(Tone::Bad, "faults", &of);
    }
    text += &screen.fact(
        "writes",
        &match (loaded.planned_writes, loaded.counted_writes) {
            (Some(planned), Some(counted)) => format!(
                "{} counted by the device, {} planned; {} since it was formatted",
                count(counted, "level step"),
                thousands(planned),
                thousands(loaded.total_writes)
            ),
            _ => format!(
                "{} since the device was formatted; NOT compared: the inference began in an earlier load",
                count(loaded.total_writes, "level step")
            ),
        },
    );
    let how = if loaded.read_back {
        format!("every written cell was read back; {} written again", count(loaded.corrections, "cell"))
    } else {
        "open loop: this core cannot be read back".to_owned()
    };
    text + &screen.fact("verified", &how)
}

/// A PCM cell by its number, as `--stuck` names it.
fn cell(number: u32, lanes: u32) -> String {
    let side = if number.is_multiple_of(2) { "plus" } else { "minus" };
    format!("{},{},{side}", number / 2 / lanes.max(1), number / 2 % lanes.max(1))
}

fn do_not(cells: u64) -> String {
    let verb = if cells == 1 { "does" } else { "do" };
    format!("{} {verb}", count(cells, "PCM cell"))
}
