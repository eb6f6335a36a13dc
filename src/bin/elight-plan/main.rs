//! `elight-plan`: from a network's weights to a verified schedule.

mod args;
mod check;
mod compare;
mod inspect;
mod layers;
mod pages;
mod plan;
mod progress;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use elight::plan::PlanError;
use elight::replay::ReplayError;

use args::{Cli, Command};

/// Exit code after an interruption, as shells count it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match (&cli.command, cli.plan.completions) {
        _ if cli.plan.man => args::man().and_then(|page| print(&page)).map(|()| true),
        (_, Some(shell)) => print(&args::completions(shell)).map(|()| true),
        (Some(Command::Check(args)), _) => check::run(args),
        (Some(Command::Inspect(args)), _) => inspect::run(args),
        (Some(Command::Compare(args)), _) => compare::run(args),
        (Some(Command::Layers(args)), _) => layers::run(args),
        (None, _) => plan::run(&cli.plan),
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

/// Prints to stdout. A reader that has gone away (`| head`) has seen enough: no error; a full disk is one.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => anyhow::bail!("cannot print to stdout: {error}"),
        _ => Ok(()),
    }
}
