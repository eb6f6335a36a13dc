//! Ordinary mistakes: a file in another's place, a command misspelled. What a file is, its first bytes say.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use elight::settings::{LevelArgs, TensorArgs};
use elight::show::names::nearest;
use firmware_model::wire::MAGIC;

use crate::args::{Cli, PlanArgs};

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A schedule, of whatever version.
    Schedule,
    /// Weights, as `.safetensors`.
    Weights,
    /// A report, as `--json` prints it.
    Report,
    /// Other JSON: the index of a sharded set of weights.
    Json,
}

impl Kind {
    /// What it is called, with its article.
    fn name(self) -> &'static str {
        match self {
            Self::Schedule => "a schedule",
            Self::Weights => "a weights file",
            Self::Report => "a report of elight-plan",
            Self::Json => "a JSON file",
        }
    }
}

/// Bytes of a file that tell what it is.
const START: usize = 512;

/// What a file is by its first bytes; none for anything else, and for what cannot be read: whoever needs it says so.
pub fn kind(path: &Path) -> Option<Kind> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut start = Vec::new();
    File::open(path).ok()?.take(START as u64).read_to_end(&mut start).ok()?;
    let says = |key: &[u8]| start.windows(key.len()).any(|window| window == key);
    match start[..] {
        _ if start.starts_with(&MAGIC[..6]) => Some(Kind::Schedule),
        // Eight bytes of length, then a header in JSON.
        [_, _, _, _, _, _, _, _, b'{', ..] if start[0] != b'{' || start[1..8].contains(&0) => Some(Kind::Weights),
        [b'{', ..] if says(b"\"network\"") && says(b"\"cost_model\"") => Some(Kind::Report),
        [b'{', ..] => Some(Kind::Json),
        _ => None,
    }
}

/// A file that an option takes: `wanted` says what it is called there, and where it comes from.
pub fn of_option(flag: &str, path: &Path, wanted: &str, right: Option<Kind>) -> anyhow::Result<()> {
    match kind(path) {
        Some(kind) if Some(kind) != right => {
            anyhow::bail!("{} is {}, and {flag} takes {wanted}", path.display(), kind.name())
        }
        _ => Ok(()),
    }
}

/// Files that the plan's options name.
pub fn of_options(args: &PlanArgs) -> anyhow::Result<()> {
    let settings = &args.settings;
    if let Some(from) = &settings.from {
        of_option("--from", from, "the schedule that the core has run before", Some(Kind::Schedule))?;
    }
    for (flag, files) in [("--faults", &settings.faults), ("--wear", &settings.wear)] {
        for file in files {
            of_option(flag, file, "a file of faults and wear (docs/cores.md), as elight-load --wear writes it", None)?;
        }
    }
    of_reading(&settings.levels, &args.tensors)?;
    if let Some(system) = &settings.inference.system {
        of_option("--system", Path::new(system), "a preset or a system file (docs/system-model.md)", None)?;
    }
    Ok(())
}

/// Files that say how weights are read.
pub fn of_reading(levels: &LevelArgs, tensors: &TensorArgs) -> anyhow::Result<()> {
    if let Some(device) = &levels.device {
        let wanted = "a preset or a device file (docs/device-model.md)";
        of_option("--device", Path::new(device), wanted, None)?;
    }
    if let Some(network) = &tensors.network {
        let wanted = "a description of the network, as elight-plan layers -o writes it";
        of_option("--network", network, wanted, None)?;
    }
    if let Some(graph) = &tensors.graph {
        of_option("--graph", graph, "an ONNX model", None)?;
    }
    Ok(())
}

/// The arguments of `check` and `weights`: schedules first, then the weights.
pub fn of_check(command: &str, schedules: &[PathBuf], weights: &Path) -> anyhow::Result<()> {
    let is = |path: &Path, wanted| kind(path) == Some(wanted);
    let given = || schedules.iter().map(PathBuf::as_path).chain([weights]);
    let of = |wanted| given().filter(move |path| is(path, wanted)).map(|path| path.display().to_string());
    if let Some(report) = given().find(|path| is(path, Kind::Report)) {
        anyhow::bail!(
            "{} is a report of elight-plan, and the check takes a schedule and its weights: elight-plan check net.elight net.safetensors",
            report.display()
        );
    }
    let misplaced = schedules.iter().find(|path| is(path, Kind::Weights));
    let all_schedules = is(weights, Kind::Schedule);
    match (misplaced, all_schedules) {
        (None, false) => Ok(()),
        (Some(_), true) => {
            let (schedules, weights) =
                (of(Kind::Schedule).collect::<Vec<_>>().join(" "), of(Kind::Weights).collect::<Vec<_>>().join(" "));
            anyhow::bail!("the schedule comes first, then its weights: elight-plan {command} {schedules} {weights}")
        }
        (Some(path), false) => anyhow::bail!(
            "{} is a weights file, and a schedule comes first: elight-plan {command} {} {}",
            path.display(),
            path.with_extension("elight").display(),
            path.display()
        ),
        (None, true) => anyhow::bail!(
            "{} is a schedule, and the weights that it was planned for come last: elight-plan {command} {} WEIGHTS",
            weights.display(),
            given().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        ),
    }
}

/// A schedule is wanted.
pub fn of_schedule(path: &Path) -> anyhow::Result<()> {
    match kind(path) {
        Some(Kind::Weights) => anyhow::bail!(
            "{} is a weights file, not a schedule: plan it first, with elight-plan {} --core 9x9",
            path.display(),
            path.display()
        ),
        _ => Ok(()),
    }
}

/// A schedule is wanted, and no report of one will do.
pub fn of_inspect(path: &Path) -> anyhow::Result<()> {
    of_schedule(path)?;
    match kind(path) {
        Some(Kind::Report) => anyhow::bail!(
            "{} is a report of elight-plan, not a schedule: its `schedule.path` names the schedule, and elight-plan compare reads reports",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// The arguments of a plan: one weights file, and where its schedule goes.
pub fn of_plan(weights: &Path, more: &[PathBuf], output: Option<&Path>) -> anyhow::Result<()> {
    if !weights.exists()
        && let Some(command) =
            nearest(&weights.to_string_lossy(), Cli::command().get_subcommands().map(|c| c.get_name()))
    {
        anyhow::bail!(
            "{}: there is no such weights file, and no such command; did you mean `elight-plan {command}`?",
            weights.display()
        );
    }
    if kind(weights) == Some(Kind::Schedule) {
        let path = weights.display();
        anyhow::bail!(
            "{path} is a schedule, planned already: `elight-plan inspect {path}` shows it, `elight-load {path} --to TARGET` loads it"
        );
    }
    if kind(weights) == Some(Kind::Report) {
        anyhow::bail!(
            "{} is a report of elight-plan, not weights: its `network` names the weights, and elight-plan compare reads reports",
            weights.display()
        );
    }
    if let Some(second) = more.first() {
        anyhow::bail!(
            "{} is one file more than is planned at a time: plan each by itself, then put them side by side with elight-plan compare",
            second.display()
        );
    }
    if output.is_some_and(|output| output == Path::new("-")) {
        anyhow::bail!(
            "-o -: a schedule is a file that is replayed before it gets its name: give one, as in -o net.elight"
        );
    }
    Ok(())
}
