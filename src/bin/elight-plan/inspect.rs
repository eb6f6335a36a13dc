//! `elight-plan inspect`: a schedule taken apart.

use elight::cli;
use elight::core_state::CoreState;
use elight::inspect::{Request, inspect, print};

use crate::args::InspectArgs;
use crate::mistakes;

/// Shows what a schedule says. What is readable is printed even when an error ends it.
pub fn run(args: &InspectArgs) -> anyhow::Result<()> {
    mistakes::of_inspect(&args.schedule)?;
    if let Some(from) = &args.from {
        let wanted = "the schedule that the core has run before";
        mistakes::of_option("--from", from, wanted, Some(mistakes::Kind::Schedule))?;
    }
    let path = args.schedule.display();
    let file = std::fs::read(&args.schedule).map_err(|e| anyhow::anyhow!("{path}: cannot open the schedule: {e}"))?;
    let origin = match &args.from {
        Some(from) => CoreState::read(from)?.levels().to_vec(),
        None => Vec::new(),
    };
    let request =
        Request { layer: args.layer.clone(), step: args.step, frames: args.frames, steady: args.steady, origin };
    let found = inspect(&file, &request).map_err(|e| anyhow::anyhow!("{path}: {e}"))?;
    if args.json {
        cli::print_json(&found)?;
    } else if found.header.is_some() {
        cli::print(&print(&found, &path.to_string(), &cli::screen()))?;
    }
    if let Some(error) = &found.error {
        anyhow::bail!("{path}: {error}");
    }
    if found.totals_match == Some(false) {
        anyhow::bail!("{path}: the totals in the End frame are not what was counted: plan again");
    }
    Ok(())
}
