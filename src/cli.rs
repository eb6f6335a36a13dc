//! What the four programs have in common: how they are called, what they print to, and how they end.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, value_parser};
use clap_complete::Shell;
use firmware_model::wire::MAGIC;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::show::Screen;
use crate::show::screen::Tone;

/// Exit codes of all programs; docs/programs.md has them as a table.
pub mod exit {
    /// Something is wrong with a file, or with what was found in it.
    pub const FAILED: u8 = 1;
    /// The command line cannot be understood.
    pub const USAGE: u8 = 2;
    /// Interrupted from the keyboard, as shells count it.
    pub const INTERRUPTED: u8 = 130;
}

/// Version of the program and of the schedules that it writes and reads.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} (schedule format {})", env!("CARGO_PKG_VERSION"), MAGIC[7]));
    &VERSION
}

/// Reads the command line. Ends the program after `--help`, `--version`, `--completions` and `--man`, and where the command line is wrong.
#[must_use]
pub fn parse<C: CommandFactory + FromArgMatches>() -> C {
    let completions = Arg::new("completions")
        .long("completions")
        .value_name("SHELL")
        .value_parser(value_parser!(Shell))
        .exclusive(true)
        .help("Print the completions of a shell, and nothing else");
    let man = Arg::new("man")
        .long("man")
        .action(ArgAction::SetTrue)
        .exclusive(true)
        .help("Print the man page, and nothing else");
    let mut command = C::command().version(version()).arg(completions).arg(man);
    let mut matches = command.clone().get_matches();
    let name = command.get_name().to_owned();
    let page = if let Some(shell) = matches.get_one::<Shell>("completions") {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command, name, &mut script);
        Some(script)
    } else if matches.get_flag("man") {
        let mut page = Vec::new();
        // Writing to memory cannot fail.
        let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
        Some(page)
    } else {
        None
    };
    if let Some(page) = page {
        let code = match print_bytes(&page) {
            Ok(()) => 0,
            Err(error) => i32::from(complain(&error)),
        };
        std::process::exit(code);
    }
    C::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// A time that has passed, as an option's value.
///
/// # Errors
/// What is no number of 0 or above.
pub fn seconds(text: &str) -> Result<f64, String> {
    let wrong = || "expected seconds, 0 or above".to_owned();
    text.parse().ok().filter(|t: &f64| t.is_finite() && *t >= 0.0).ok_or_else(wrong)
}

/// What stdout is: `COLUMNS` wins over the terminal's own width; a pipe has lines of any length. Colours by the terminal, `NO_COLOR` and
/// `CLICOLOR_FORCE`.
#[must_use]
pub fn screen() -> Screen {
    let stdout = io::stdout();
    let own = || stdout.is_terminal().then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0.into());
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|n| *n > 0).or_else(own);
    Screen { width, colour: AutoStream::choice(&stdout) != ColorChoice::Never }
}

/// Prints to stdout.
///
/// # Errors
/// As [`print_bytes`].
pub fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints to stdout. A reader that has gone away (`| head`) has seen enough: no error.
///
/// # Errors
/// Anything else that keeps stdout from taking it, as a full disk.
pub fn print_bytes(text: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => anyhow::bail!("cannot print to stdout: {error}"),
        _ => Ok(()),
    }
}

/// Prints a value as one JSON object.
///
/// # Errors
/// As [`print_bytes`].
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Says on stderr what is wrong. Returns the exit code of an error without one of its own.
pub fn complain(error: &dyn Display) -> u8 {
    say("error:", Tone::Bad, error);
    exit::FAILED
}

/// Says something on stderr that is no error.
pub fn note(text: &dyn Display) {
    say("note:", Tone::Quiet, text);
}

fn say(label: &str, tone: Tone, text: &dyn Display) {
    let stderr = io::stderr();
    let screen = Screen { width: None, colour: AutoStream::choice(&stderr) != ColorChoice::Never };
    // Where nobody listens, nobody hears.
    let _ = writeln!(stderr.lock(), "{} {text}", screen.paint(tone, label));
}

/// The exit code of a run; says what its error is. Messages of the library tell their causes themselves.
pub fn finish(run: anyhow::Result<()>, code: impl FnOnce(&anyhow::Error) -> u8) -> ExitCode {
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(code(&error))
        }
    }
}

/// A progress bar on stderr, hidden when `quiet` or when stderr is no terminal. `template` names its unit, as in `{pos}/{len} images`.
#[must_use]
pub fn bar(quiet: bool, template: &str) -> ProgressBar {
    let hidden = quiet || !io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if !hidden {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar.with_style(style(template))
}

/// The style of a bar from its template.
#[must_use]
pub fn style(template: &str) -> ProgressStyle {
    // Templates are constants of the programs; one that is wrong shows indicatif's own bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}
