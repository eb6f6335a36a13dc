//! `elight-plan`: from a network's weights to a verified schedule.

mod args;
mod check;
mod compare;
mod devices;
mod explore;
mod inspect;
mod layers;
mod mistakes;
mod pages;
mod plan;
mod progress;
mod weights;

use std::process::ExitCode;

use elight::cli::{self, exit};
use elight::plan::PlanError;
use elight::replay::ReplayError;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli: Cli = cli::parse();
    let done = match &cli.command {
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Inspect(args)) => inspect::run(args),
        Some(Command::Compare(args)) => compare::run(args),
        Some(Command::Devices(args)) => devices::run(args),
        Some(Command::Explore(args)) => explore::run(args),
        Some(Command::Merge(args)) => explore::merge(args),
        Some(Command::Layers(args)) => layers::run(args),
        Some(Command::Weights(args)) => weights::run(args),
        None => plan::run(&cli.plan),
    };
    cli::finish(done, |error| {
        let interrupted = matches!(error.downcast_ref(), Some(PlanError::Interrupted))
            || matches!(error.downcast_ref(), Some(ReplayError::Interrupted));
        if interrupted { exit::INTERRUPTED } else { exit::FAILED }
    })
}
