//! `elight-load`: a schedule to a controller, and proof that it arrived.

mod args;
mod bar;
mod wear;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use elight::level::DeviceProfile;
use elight::link::line::{self, Line};
use elight::link::target::Target;
use elight::link::{LoadError, Loaded, Options, Schedule, faultless, load, sim};
use elight::report::{count, thousands};
use firmware_model::link::host::Timing;

use args::Cli;
use bar::Bar;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.downcast_ref::<LoadError>().map_or(1, LoadError::exit_code))
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let schedule = Schedule::read(&cli.schedule)?;
    let key = cli.key.as_deref().map(args::read_key).transpose()?;
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
        print(&format!("{}\n", serde_json::to_string_pretty(&loaded)?))?;
    } else if !cli.quiet {
        print(&summary(cli, &loaded))?;
    }
    Ok(faultless(&loaded, schedule.identity.cols)?)
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

fn summary(cli: &Cli, loaded: &Loaded) -> String {
    let line = |name: &str, text: String| format!("{name:<10}{text}\n");
    let inferences = match loaded.inferences {
        1 => format!("inference {}", loaded.first_inference),
        n => format!("inferences {} to {}", loaded.first_inference, loaded.first_inference.wrapping_add(n - 1)),
    };
    let rate = loaded.bytes as f64 / loaded.seconds.max(1e-9);
    let mut text = line(
        "loaded",
        format!(
            "{} to {}, a {} core of `{}`: {inferences}, {}, {}, {} bytes/s",
            cli.schedule.display(),
            cli.to,
            loaded.core,
            loaded.device,
            count(loaded.frames.into(), "frame"),
            count(loaded.bytes, "byte"),
            thousands(rate as u64)
        ),
    );
    if loaded.breaks + loaded.repeated as u32 > 0 {
        text += &line(
            "link",
            format!("{} sent again, {} mended", count(loaded.repeated, "packet"), count(loaded.breaks.into(), "break")),
        );
    }
    let compared = if loaded.every_cell { "every cell is" } else { "the digest of all levels is" };
    text += &line("levels", format!("{:08x}: {compared} as planned", loaded.levels_digest));
    text += &line(
        "writes",
        match (loaded.planned_writes, loaded.counted_writes) {
            (Some(planned), Some(counted)) => format!(
                "{} counted by the device, {} planned; {} since it was formatted",
                count(counted, "level step"),
                thousands(planned),
                thousands(loaded.total_writes)
            ),
            _ => format!(
                "{} since the device was formatted; not compared: the inference began in an earlier load",
                count(loaded.total_writes, "level step")
            ),
        },
    );
    let how = if loaded.read_back {
        format!("every written cell was read back; {} written again", count(loaded.corrections, "cell"))
    } else {
        "open loop: this core cannot be read back".to_owned()
    };
    text += &line("verified", how);
    text
}

/// Prints to stdout; a reader that has gone away has seen enough.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => anyhow::bail!("cannot print to stdout: {error}"),
        _ => Ok(()),
    }
}
