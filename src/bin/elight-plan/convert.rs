//! `elight-plan convert`: a schedule of an older format version as one of today's.

use std::io::Write;

use elight::cli;
use elight::inspect::{Request, inspect};
use elight::plan::OutputFile;
use firmware_model::wire::{MAGIC, is_schedule};

use crate::args::ConvertArgs;
use crate::mistakes;

/// Where the version stands.
const VERSION: usize = MAGIC.len() - 1;

/// Writes the schedule with today's version, when all of it is good. What an older version says, it says in the newer one, too.
pub fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    mistakes::of_schedule(&args.schedule)?;
    let path = args.schedule.display();
    let mut file =
        std::fs::read(&args.schedule).map_err(|e| anyhow::anyhow!("{path}: cannot open the schedule: {e}"))?;
    // The controller's own words for what is wrong.
    if let Some(error) = inspect(&file, &Request::default())?.error {
        anyhow::bail!("{path}: {error}");
    }
    anyhow::ensure!(is_schedule(&file), "{path}: no schedule of a version that is known");
    let before = std::mem::replace(&mut file[VERSION], MAGIC[VERSION]);
    let mut output = OutputFile::create(&args.output)?;
    let broken = |e| anyhow::anyhow!("{}: cannot write the schedule: {e}", args.output.display());
    output.temporary().write_all(&file).map_err(broken)?;
    OutputFile::keep_all(vec![output], std::slice::from_ref(&args.output))?;
    let now = MAGIC[VERSION];
    cli::print(&format!("{}: format version {now}, was {before}\n", args.output.display()))
}
