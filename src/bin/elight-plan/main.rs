//! `elight-plan`: from a network's weights to a verified schedule.

mod args;
mod check;
mod plan;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use elight::plan::PlanError;
use elight::replay::ReplayError;

use args::{Cli, Command};

/// Exit code after an interruption, as shells count it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(shell) = cli.plan.completions {
        args::completions(shell);
        return ExitCode::SUCCESS;
    }
    let done = match &cli.command {
        _ if cli.plan.man => args::man().map(|()| true).map_err(Into::into),
        Some(Command::Check(args)) => check::run(args),
        None => plan::run(&cli.plan),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Messages of the library tell their causes themselves.
            eprintln!("error: {error}");
            let interrupted = matches!(error.downcast_ref(), Some(PlanError::Interrupted))
                || matches!(error.downcast_ref(), Some(ReplayError::Interrupted));
            if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
        }
    }
}
