//! Ordinary mistakes: a file in another's place, a command misspelled. What a file is, its first bytes say.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use elight::show::names::nearest;
use firmware_model::wire::MAGIC;

use crate::args::Cli;

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A schedule, of whatever version.
    Schedule,
    /// Weights, as `.safetensors`.
    Weights,
    /// JSON: a report, or the index of a sharded set of weights.
    Json,
}

/// What a file is by its first bytes; none for anything else, and for what cannot be read: whoever needs it says so.
pub fn kind(path: &Path) -> Option<Kind> {
    let mut start = [0u8; 9];
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    match start {
        _ if start[..6] == MAGIC[..6] => Some(Kind::Schedule),
        // Eight bytes of length, then a header in JSON.
        [.., b'{'] => Some(Kind::Weights),
        [b'{', ..] => Some(Kind::Json),
        _ => None,
    }
}

/// The arguments of `check` and `weights`: schedules first, then the weights.
pub fn of_check(command: &str, schedules: &[PathBuf], weights: &Path) -> anyhow::Result<()> {
    let is = |path: &Path, wanted| kind(path) == Some(wanted);
    let given = || schedules.iter().map(PathBuf::as_path).chain([weights]);
    let of = |wanted| given().filter(move |path| is(path, wanted)).map(|path| path.display().to_string());
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
